//! The audit trail as its readers get it.

use super::{Directory, Error};
use crate::model::id::CompanyId;
use crate::store::audit;

pub use crate::store::audit::Stored as TrailEntry;

impl Directory {
    /// Up to `limit` entries after the given place, the oldest first; of one company, or of all.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_trail(
        &self,
        company: Option<CompanyId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<TrailEntry>, Error> {
        Ok(self.store.read(async move |tx| audit::list_after(tx, company, after, limit.into()).await).await?)
    }
}
