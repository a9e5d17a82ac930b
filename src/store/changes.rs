//! Whose access changed; noted by triggers in the transaction of the change, so that no writer can forget to.
//!
//! Whoever remembers credentials reads on in this log, each from a place of his own. How the engines put their changes in
//! order differs, and is told by `engine/sqlite/changes.rs` and `engine/postgres/changes.rs`.

use std::fmt;

use super::{Error, Result, Tx};
use crate::model::id::UserId;

/// A place in the log. Opaque, in printable ASCII: only the engine that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a text that may once have been a mark: characters that one has, and not too many.
    pub fn parse(text: &str) -> Option<Self> {
        let is_of_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-:,".contains(&byte);
        let is_fit = !text.is_empty() && text.len() <= 64 * 1024 && text.bytes().all(is_of_one);
        is_fit.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What changed after a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The last place in the log; `None` when nothing was ever noted.
    pub last: Option<Mark>,
    /// Whose access changed since, or which service's: the identifier of a user, a company (of the operator's sessions) or
    /// a service, sometimes twice. `None` when it can't be told, and may be anybody's: too many, or that place is not in
    /// this log, because the log does not reach back so far or a backup was put back.
    pub users: Option<Vec<UserId>>,
}

/// The most changes that are told one by one.
pub(super) const LIMIT: usize = 1000;
/// How many changes [`prune`] keeps.
pub(super) const KEPT: i64 = 10_000;

/// What changed after the given place. After `None`, the beginning, it may be anybody's.
pub async fn list_after(tx: &mut Tx<'_>, after: Option<&Mark>) -> Result<Changes> {
    match tx.changes_after(after).await {
        // A mark of the other engine, or made up.
        Err(Error::Broken(_)) if after.is_some() => tx.changes_after(None).await,
        found => found,
    }
}

/// Forgets all but the latest changes.
pub async fn prune(tx: &mut Tx<'_>) -> Result<u64> {
    tx.prune_changes().await
}
