//! Companies and their domains.

use std::time::Duration;

use super::engine::{Row, Value};
use super::{Error, Result, Tx};
use crate::model::clock::Timestamp;
use crate::model::company::{Company, Confirmation, Domain, Guard, GuardedDoors, name_key};
use crate::model::id::CompanyId;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, created_at, token_days, provider_is_authority, guard_doors, guard_count, guard_percent, \
             guard_seconds, guard_confirmed_at, guard_allowance FROM companies ",
            $rest
        )
    };
}

/// Adds a company with its domains. [`Error::Taken`] when its name or one of the domains belongs to another.
pub async fn insert(tx: &mut Tx<'_>, company: &Company) -> Result<()> {
    const INSERT: &str =
        "INSERT INTO companies (id, name, name_key, created_at, token_days) VALUES ($1, $2, $3, $4, $5)";
    let Company { id, name, domains, created_at, token_days, .. } = company;
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

/// What stops a runaway sync of a company.
pub async fn find_guard(tx: &mut Tx<'_>, id: CompanyId) -> Result<Guard> {
    const FIND: &str = select!("WHERE id = $1");
    let row = tx.row(FIND, &[id.0.into()]).await?;
    guard(&mut row.ok_or_else(|| Error::Broken(format!("there is no company {id}")))?)
}

/// Says whether the identity provider may let back in whom somebody else stopped.
pub async fn set_authority(tx: &mut Tx<'_>, id: CompanyId, is_authority: bool) -> Result<()> {
    const SET: &str = "UPDATE companies SET provider_is_authority = $2 WHERE id = $1";
    tx.execute_one(SET, &[id.0.into(), i64::from(is_authority).into()]).await
}

/// Sets what stops a runaway sync; what was confirmed before is forgotten where the guard carries no confirmation.
pub async fn set_guard(tx: &mut Tx<'_>, id: CompanyId, guard: &Guard) -> Result<()> {
    const SET: &str = "UPDATE companies SET guard_doors = $2, guard_count = $3, guard_percent = $4, \
        guard_seconds = $5, guard_confirmed_at = $6, guard_allowance = $7 WHERE id = $1";
    let values = [
        id.0.into(),
        guard.doors.as_str().into(),
        i64::from(guard.count).into(),
        i64::from(guard.percent).into(),
        i64::try_from(guard.window.as_secs()).unwrap_or(i64::MAX).into(),
        guard.confirmed.map(|confirmed| confirmed.at.0).into(),
        guard.confirmed.map(|confirmed| i64::from(confirmed.allowance)).into(),
    ];
    tx.execute_one(SET, &values).await
}

/// The company with this identifier.
pub async fn find(tx: &mut Tx<'_>, id: CompanyId) -> Result<Option<Company>> {
    const FIND: &str = select!("WHERE id = $1");
    find_by(tx, FIND, id.0.into()).await
}

/// The company with this name, whatever its case.
pub async fn find_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Company>> {
    const FIND: &str = select!("WHERE name_key = $1");
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
    const LIST: &str = select!("WHERE id > $1 ORDER BY id LIMIT $2");
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
        provider_is_authority: row.get::<i64>(4)? != 0,
        guard: guard(&mut row)?,
    })
}

/// Through which doors a company's guard counts, from the column at this place.
pub(super) fn guarded_doors(row: &mut Row, column: usize) -> Result<GuardedDoors> {
    let doors: String = row.get(column)?;
    GuardedDoors::parse(&doors).ok_or_else(|| Error::Broken("a company's guard has unknown doors".to_owned()))
}

fn guard(row: &mut Row) -> Result<Guard> {
    let number = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let confirmed = match (row.get::<Option<i64>>(9)?, row.get::<Option<i64>>(10)?) {
        (Some(at), Some(allowance)) => Some(Confirmation { at: Timestamp(at), allowance: number(allowance) }),
        _ => None,
    };
    Ok(Guard {
        doors: guarded_doors(row, 5)?,
        count: number(row.get(6)?),
        percent: number(row.get(7)?),
        window: Duration::from_secs(row.get::<i64>(8)?.unsigned_abs()),
        confirmed,
    })
}
