//! The audit trail as its readers get it.

use super::{Directory, Error};
use crate::model::id::CompanyId;
use crate::store::{Tx, audit};

pub use crate::store::audit::{Direction, Filter, Stored as TrailEntry};

impl Directory {
    /// Up to `limit` entries behind the given place.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_trail(&self, filter: Filter, direction: Direction, limit: u32) -> Result<Vec<TrailEntry>, Error> {
        Ok(self.store.read(async move |tx| audit::list(tx, &filter, direction, limit.into()).await).await?)
    }

    /// The entry at this place of a company's trail.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn trail_entry(&self, company: CompanyId, seq: i64) -> Result<Option<TrailEntry>, Error> {
        let filter = Filter { company: Some(company), ..Filter::default() };
        let direction = Direction::Forward(seq.saturating_sub(1));
        let found = self.list_trail(filter, direction, 1).await?.pop();
        Ok(found.filter(|entry| entry.seq == seq))
    }

    /// A number that grows whenever something is recorded in a company's trail.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn pulse(&self, company: CompanyId) -> Result<i64, Error> {
        Ok(self.store.read(async move |tx: &mut Tx<'_>| audit::pulse(tx, company).await).await?)
    }
}
