//! Services that ask whether a credential is good: gateways, applications, pipelines.

use super::clock::Timestamp;
use super::id::{CompanyId, ServiceId};

pub use super::company::name_key;

/// A registered service, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its identifier, which is its client identifier too (RFC 6749, section 2.2).
    pub id: ServiceId,
    /// Whose people it may ask about; `None` is everybody's.
    pub company: Option<CompanyId>,
    /// What people call it.
    pub name: String,
    /// The last four characters of its secret.
    pub hint: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl Service {
    /// Whether it may learn of somebody of this company.
    pub fn may_ask_about(&self, company: CompanyId) -> bool {
        self.company.is_none_or(|own| own == company)
    }
}
