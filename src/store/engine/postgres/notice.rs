//! What nodes and writers tell each other: 'there are changes', and 'I have heard of them'.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use tokio_postgres::{Client, Notification};
use uuid::Uuid;

use super::super::{Error, Result};
use super::statement::classify;

/// A writer's round: everybody who hears of it reads the log, and so hears of all that was committed before. A node
/// answers with the same: who says it, and of which round of the one whom it says it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Round {
    /// Who says so: the process that writes, or the node that has heard.
    pub(super) by: Uuid,
    /// A writer's rounds are counted.
    pub(super) number: u64,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.by.simple(), self.number)
    }
}

impl FromStr for Round {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (by, number) = text.split_once(' ').ok_or(())?;
        Ok(Self { by: by.parse().map_err(|_| ())?, number: number.parse().map_err(|_| ())? })
    }
}

/// Keeps the latest round of each who says something. What is no round is none: a node that joins talks to itself.
pub(super) fn keep_latest(latest: &mut HashMap<Uuid, u64>, notice: &Notification) {
    if let Ok(Round { by, number }) = notice.payload().parse() {
        let kept = latest.entry(by).or_insert(number);
        *kept = number.max(*kept);
    }
}

/// The names of channels. A database may hold several deployments, each in its schema, and has one space of names.
pub(super) struct Channels {
    schema: String,
}

impl Channels {
    pub(super) async fn of(client: &Client) -> Result<Self> {
        const SCHEMA: &str = "SELECT md5(current_schema())";
        let row = client.query_one(SCHEMA, &[]).await.map_err(|error| classify(&error))?;
        Ok(Self { schema: row.try_get(0).map_err(|error| classify(&error))? })
    }

    /// Where writers tell the nodes that there are changes.
    pub(super) fn changed(&self) -> String {
        format!("o_{}", self.schema)
    }

    /// Where nodes tell a writer that they have heard.
    pub(super) fn heard(writer: Uuid) -> String {
        format!("o_{}", writer.simple())
    }
}

/// Has a connection receive what is told on a channel.
pub(super) async fn listen(client: &Client, channel: &str) -> Result<()> {
    client.batch_execute(&format!("LISTEN \"{channel}\"")).await.map_err(|error| classify(&error))
}

/// A connection that was lost.
pub(super) fn lost() -> Error {
    Error::Unavailable("the connection to PostgreSQL was lost".to_owned())
}

/// A server that takes too long.
pub(super) fn late() -> Error {
    Error::Unavailable("PostgreSQL did not answer in time".to_owned())
}
