//! A cheap answer to 'has anybody, in whatever process, committed since?'.
//!
//! SQLite keeps the header of its write-ahead log's index in the file `…-shm`, which every process that uses the
//! database maps into memory (<https://sqlite.org/walformat.html>, section 2.1). A commit becomes visible by a change of
//! that header, which counts transactions; so as long as its bytes are the same, nothing was committed. Reading them
//! costs one system call, no lock, and no work of SQLite.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::path::Path;

use super::super::{Error, Result};

/// The first copy of the header.
const HEADER: usize = 48;

/// The state of a database at an instant. Two that are equal have no commit between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision([u8; HEADER]);

/// The open index. It is never closed: closing any handle of a file gives up the locks that the process holds on it,
/// SQLite's among them (POSIX advisory locks).
pub(super) struct Index(ManuallyDrop<File>);

impl Index {
    /// Opens the index of a database that has a connection in use.
    pub(super) fn open(database: &Path) -> Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-shm");
        let file = File::open(&path).map_err(|error| unavailable(&error))?;
        Ok(Self(ManuallyDrop::new(file)))
    }

    /// The state at this instant. What is read from the database afterwards is at least as new.
    #[cfg(unix)]
    pub(super) fn revision(&self) -> Result<Option<Revision>> {
        let mut header = [0; HEADER];
        std::os::unix::fs::FileExt::read_exact_at(&*self.0, &mut header, 0).map_err(|error| unavailable(&error))?;
        Ok(Some(Revision(header)))
    }

    #[cfg(not(unix))]
    pub(super) fn revision(&self) -> Result<Option<Revision>> {
        Ok(None)
    }
}

fn unavailable(error: &std::io::Error) -> Error {
    Error::Unavailable(format!("the index of the write-ahead log: {error}"))
}
