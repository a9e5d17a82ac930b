//! A cheap answer to 'has anybody, in whatever process, committed since?'.
//!
//! SQLite keeps the header of its write-ahead log's index in the file `…-shm`, which every process that uses the
//! database maps into memory (<https://sqlite.org/walformat.html>, section 2.1). A commit becomes visible by a change of
//! that header, which counts transactions; so as long as its bytes are the same, nothing was committed. Reading them
//! costs one system call, no lock, and no work of SQLite.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt;

use rusqlite::Connection;

use super::super::{Error, Result};
use super::file::Files;
use super::statement::classify;

/// The first copy of the header.
const HEADER: usize = 48;

/// The state of a database at an instant. Two that are equal have no commit between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision([u8; HEADER]);

/// The open index. It is never closed: closing any handle of a file gives up the locks that the process holds on it,
/// SQLite's among them (POSIX advisory locks).
pub(super) struct Index(ManuallyDrop<File>);

impl Index {
    /// Opens the index of a database; `None` where a commit is not seen in it, as on a file system that does not keep
    /// what is mapped and what is read the same.
    pub(super) fn open(files: &Files, connection: &Connection) -> Result<Option<Self>> {
        const COMMIT: &str = "UPDATE schema_migrations SET number = number";
        let file = File::open(files.index()).map_err(|error| unavailable(&error))?;
        let index = Self(ManuallyDrop::new(file));
        let before = index.revision()?;
        connection.execute_batch(COMMIT).map_err(classify)?;
        Ok((index.revision()? != before).then_some(index))
    }

    /// The state at this instant. What is read from the database afterwards is at least as new.
    pub(super) fn revision(&self) -> Result<Revision> {
        let mut header = [0; HEADER];
        self.0.read_exact_at(&mut header, 0).map_err(|error| unavailable(&error))?;
        Ok(Revision(header))
    }
}

fn unavailable(error: &std::io::Error) -> Error {
    Error::Unavailable(format!("the index of the write-ahead log: {error}"))
}
