//! Services that speak for themselves: gateways that ask whether a credential is good, identity providers that provision.

use super::clock::Timestamp;
use super::id::{CompanyId, ServiceId};
use super::secret;

pub use super::company::name_key;

/// What a service may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Ask whether credentials are good.
    Checks,
    /// Provision its company's users and groups by SCIM: its secret is a SCIM token.
    Provisions,
}

impl Purpose {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Provisions => "provisions",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Checks, Self::Provisions].into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// The kind of its secret.
    pub fn secret_kind(self) -> secret::Kind {
        match self {
            Self::Checks => secret::Kind::Service,
            Self::Provisions => secret::Kind::Scim,
        }
    }
}

/// A registered service, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its identifier, which is its client identifier too (RFC 6749, section 2.2).
    pub id: ServiceId,
    /// What it may do.
    pub purpose: Purpose,
    /// Whose people it may ask about, or provisions; `None` is everybody's.
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
