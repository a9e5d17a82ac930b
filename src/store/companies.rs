//! Companies and their domains.

use super::engine::{Row, Value};
use super::{Error, Result, Tx};
use crate::model::clock::Timestamp;
use crate::model::company::{Company, Domain, name_key};
use crate::model::id::CompanyId;

/// Adds a company with its domains. [`Error::Taken`] when its name or one of the domains belongs to another.
pub async fn insert(tx: &mut Tx<'_>, company: &Company) -> Result<()> {
    const INSERT: &str =
        "INSERT INTO companies (id, name, name_key, created_at, token_days) VALUES ($1, $2, $3, $4, $5)";
    let Company { id, name, domains, created_at, token_days } = company;
    let days = token_days.map(i64::from);
    let values = [id.0.into(), name.as_str().into(), name_key(name).into(), created_at.0.into(), days.into()];
    tx.execute_one(INSERT, &values).await?;
    for domain in domains {
        add_domain(tx, *id, domain).await?;
    }
    Ok(())
}

/// Gives a company a domain. [`Error::Taken`] when it belongs to another.
pub async fn add_domain(tx: &mut Tx<'_>, id: CompanyId, domain: &Domain) -> Result<()> {
    const INSERT: &str = "INSERT INTO company_domains (domain, company_id) VALUES ($1, $2)";
    tx.execute_one(INSERT, &[domain.as_str().into(), id.0.into()]).await
}

/// Takes a domain from a company; says whether it had it.
pub async fn remove_domain(tx: &mut Tx<'_>, id: CompanyId, domain: &Domain) -> Result<bool> {
    const REMOVE: &str = "DELETE FROM company_domains WHERE domain = $1 AND company_id = $2";
    Ok(tx.execute(REMOVE, &[domain.as_str().into(), id.0.into()]).await? == 1)
}

/// Gives a company another name. [`Error::Taken`] when another one has it.
pub async fn rename(tx: &mut Tx<'_>, id: CompanyId, name: &str) -> Result<()> {
    const RENAME: &str = "UPDATE companies SET name = $2, name_key = $3 WHERE id = $1";
    tx.execute_one(RENAME, &[id.0.into(), name.into(), name_key(name).into()]).await
}

/// Sets the longest that tokens may live, in days.
pub async fn set_token_days(tx: &mut Tx<'_>, id: CompanyId, days: Option<u32>) -> Result<()> {
    const SET: &str = "UPDATE companies SET token_days = $2 WHERE id = $1";
    tx.execute_one(SET, &[id.0.into(), days.map(i64::from).into()]).await
}

/// The company with this identifier.
pub async fn find(tx: &mut Tx<'_>, id: CompanyId) -> Result<Option<Company>> {
    const FIND: &str = "SELECT id, name, created_at, token_days FROM companies WHERE id = $1";
    find_by(tx, FIND, id.0.into()).await
}

/// The company with this name, whatever its case.
pub async fn find_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Company>> {
    const FIND: &str = "SELECT id, name, created_at, token_days FROM companies WHERE name_key = $1";
    find_by(tx, FIND, name_key(name).into()).await
}

/// The company that owns this domain.
pub async fn find_owner_of_domain(tx: &mut Tx<'_>, domain: &Domain) -> Result<Option<CompanyId>> {
    const FIND: &str = "SELECT company_id FROM company_domains WHERE domain = $1";
    let row = tx.row(FIND, &[domain.as_str().into()]).await?;
    row.map(|mut row| row.get(0).map(CompanyId)).transpose()
}

/// Keeps every other transaction that locks this company waiting until this one ends.
pub async fn lock(tx: &mut Tx<'_>, id: CompanyId) -> Result<()> {
    const LOCK: &str = "SELECT id FROM companies WHERE id = $1";
    tx.locked_row(LOCK, &[id.0.into()])
        .await?
        .map(|_| ())
        .ok_or_else(|| Error::Broken(format!("there is no company {id}")))
}

/// Up to `limit` companies after the given one, by identifier.
pub async fn list_after(tx: &mut Tx<'_>, after: Option<CompanyId>, limit: i64) -> Result<Vec<Company>> {
    const LIST: &str = "SELECT id, name, created_at, token_days FROM companies WHERE id > $1 ORDER BY id LIMIT $2";
    let after = after.map_or(uuid::Uuid::nil(), |id| id.0);
    let mut found = Vec::new();
    for row in tx.rows(LIST, &[after.into(), limit.into()]).await? {
        found.push(with_domains(tx, company(row)?).await?);
    }
    Ok(found)
}

async fn find_by(tx: &mut Tx<'_>, sql: &str, key: Value) -> Result<Option<Company>> {
    match tx.row(sql, &[key]).await? {
        Some(row) => with_domains(tx, company(row)?).await.map(Some),
        None => Ok(None),
    }
}

async fn with_domains(tx: &mut Tx<'_>, mut company: Company) -> Result<Company> {
    const DOMAINS: &str = "SELECT domain FROM company_domains WHERE company_id = $1 ORDER BY domain";
    let domains = tx.rows(DOMAINS, &[company.id.0.into()]).await?;
    company.domains = domains.into_iter().map(|mut row| row.get(0).map(Domain::from_stored)).collect::<Result<_>>()?;
    Ok(company)
}

fn company(mut row: Row) -> Result<Company> {
    Ok(Company {
        id: CompanyId(row.get(0)?),
        name: row.get(1)?,
        domains: Vec::new(),
        created_at: Timestamp(row.get(2)?),
        token_days: row.get::<Option<i64>>(3)?.and_then(|days| u32::try_from(days).ok()),
    })
}
