//! Services that ask about credentials, by digest of their secret; no secret is stored.

use std::sync::Arc;

use super::engine::Row;
use super::{Error, Result, Tx};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, ServiceId};
use crate::model::secret::SecretDigest;
use crate::model::service::{Purpose, Service, name_key};

/// A service as it stands now.
#[derive(Debug, Clone)]
pub struct Held {
    /// Which it is.
    pub service: Arc<Service>,
    /// Whether it was ended for good.
    pub ended: bool,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, company_id, name, hint, created_at, ended_at, purpose FROM services ", $rest)
    };
}

/// Adds a service under the digest of its secret. [`super::Error::Taken`] when its company has one of this name.
pub async fn insert(tx: &mut Tx<'_>, service: &Service, digest: SecretDigest) -> Result<()> {
    const INSERT: &str = "INSERT INTO services (id, company_id, name, name_key, digest, hint, created_at, purpose) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = [
        service.id.0.into(),
        service.company.map(|company| company.0).into(),
        service.name.as_str().into(),
        name_key(&service.name).into(),
        digest.0.as_slice().into(),
        service.hint.as_str().into(),
        service.created_at.0.into(),
        service.purpose.as_str().into(),
    ];
    tx.execute_one(INSERT, &values).await
}

/// The service with this digest as it stands now.
pub async fn find_held(tx: &mut Tx<'_>, digest: SecretDigest) -> Result<Option<Held>> {
    const FIND: &str = select!("WHERE digest = $1");
    tx.row(FIND, &[digest.0.as_slice().into()]).await?.map(held).transpose()
}

/// The live service with this identifier.
pub async fn find(tx: &mut Tx<'_>, id: ServiceId) -> Result<Option<Service>> {
    const FIND: &str = select!("WHERE id = $1 AND ended_at IS NULL");
    Ok(tx.row(FIND, &[id.0.into()]).await?.map(held).transpose()?.map(|held| Arc::unwrap_or_clone(held.service)))
}

/// The live service with this identifier; nobody else changes it until this transaction ends.
pub async fn lock(tx: &mut Tx<'_>, id: ServiceId) -> Result<Option<Service>> {
    const FIND: &str = select!("WHERE id = $1 AND ended_at IS NULL");
    Ok(tx.locked_row(FIND, &[id.0.into()]).await?.map(held).transpose()?.map(|held| Arc::unwrap_or_clone(held.service)))
}

/// Up to `limit` live services, by name; those of one company, where one is given.
pub async fn list(tx: &mut Tx<'_>, purpose: Purpose, company: Option<CompanyId>, limit: i64) -> Result<Vec<Service>> {
    const LIST: &str = select!("WHERE ended_at IS NULL AND purpose = $2 ORDER BY name_key, id LIMIT $1");
    const LIST_OF: &str =
        select!("WHERE ended_at IS NULL AND purpose = $2 AND company_id = $3 ORDER BY name_key, id LIMIT $1");
    let rows = match company {
        None => tx.rows(LIST, &[limit.into(), purpose.as_str().into()]).await?,
        Some(company) => tx.rows(LIST_OF, &[limit.into(), purpose.as_str().into(), company.0.into()]).await?,
    };
    rows.into_iter().map(|row| held(row).map(|held| Arc::unwrap_or_clone(held.service))).collect()
}

/// Whether a service was not ended.
pub async fn is_live(tx: &mut Tx<'_>, id: ServiceId) -> Result<bool> {
    const FIND: &str = "SELECT id FROM services WHERE id = $1 AND ended_at IS NULL";
    Ok(tx.row(FIND, &[id.0.into()]).await?.is_some())
}

/// Gives a live service another secret; the one before is refused from then on.
pub async fn set_secret(tx: &mut Tx<'_>, id: ServiceId, digest: SecretDigest, hint: &str) -> Result<()> {
    const SET: &str = "UPDATE services SET digest = $2, hint = $3 WHERE id = $1 AND ended_at IS NULL";
    tx.execute_one(SET, &[id.0.into(), digest.0.as_slice().into(), hint.into()]).await
}

/// Ends a live service for good.
pub async fn end(tx: &mut Tx<'_>, id: ServiceId, at: Timestamp) -> Result<()> {
    const END: &str = "UPDATE services SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    tx.execute_one(END, &[id.0.into(), at.0.into()]).await
}

fn held(mut row: Row) -> Result<Held> {
    let purpose: String = row.get(6)?;
    let unknown = || Error::Broken("a stored service has an unknown purpose".to_owned());
    let service = Service {
        id: ServiceId(row.get(0)?),
        purpose: Purpose::parse(&purpose).ok_or_else(unknown)?,
        company: row.get::<Option<_>>(1)?.map(CompanyId),
        name: row.get(2)?,
        hint: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
    };
    Ok(Held { service: Arc::new(service), ended: row.get::<Option<i64>>(5)?.is_some() })
}
