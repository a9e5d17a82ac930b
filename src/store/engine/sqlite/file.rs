//! The database's files, and whether they are still the ones that were opened.

use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::super::{Error, Result};
use crate::model::clock::micros;

/// How long a look at the files counts for [`Files::check_now_and_then`].
const LOOK: Duration = Duration::from_millis(20);

/// The database, its log and the index of that. If others, or none, stand at their paths, this process would write where
/// nobody else looks: the store is gone then, until the files are back.
#[derive(Clone)]
pub(super) struct Files {
    database: Arc<Path>,
    index: Arc<Path>,
    log: Arc<Path>,
    identities: [Identity; 3],
    /// When to look next, in microseconds of monotonic time.
    next_look: Arc<AtomicI64>,
}

/// Device and inode.
type Identity = (u64, u64);

impl Files {
    /// Those of a database that has a connection in use.
    pub(super) fn identify(database: &Path) -> Result<Self> {
        let beside = |suffix: &str| {
            let mut path = database.as_os_str().to_owned();
            path.push(suffix);
            Arc::from(PathBuf::from(path))
        };
        let (index, log): (Arc<Path>, Arc<Path>) = (beside("-shm"), beside("-wal"));
        let identities = [identity(database)?, identity(&index)?, identity(&log)?];
        Ok(Self { database: database.into(), index, log, identities, next_look: Arc::default() })
    }

    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    pub(super) fn index(&self) -> &Path {
        &self.index
    }

    /// How many bytes the log has; 0 when there is none.
    pub(super) fn log_size(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |metadata| metadata.len())
    }

    /// As [`Files::check`], at most every 20 ms: for what runs tens of thousands of times a second.
    pub(super) fn check_now_and_then(&self, now: Duration) -> Result<()> {
        if micros(now) < self.next_look.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check()?;
        self.next_look.store(micros(now + LOOK), Ordering::Relaxed);
        Ok(())
    }

    /// Whether the files at their paths are the ones that were opened.
    pub(super) fn check(&self) -> Result<()> {
        if [identity(&self.database)?, identity(&self.index)?, identity(&self.log)?] == self.identities {
            Ok(())
        } else {
            Err(Error::Unavailable(format!("another file stands at {}", self.database.display())))
        }
    }
}

/// Makes the database's file where it is missing, for its owner's eyes only (SQLite gives its log the same
/// permissions), and gives its path without symbolic links: the log and its index lie beside the file itself.
pub(super) fn create_private(path: &Path) -> Result<PathBuf> {
    let failed = |error: std::io::Error| Error::Unavailable(format!("{}: {error}", path.display()));
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    std::fs::canonicalize(path).map_err(failed)
}

fn identity(path: &Path) -> Result<Identity> {
    let metadata = std::fs::metadata(path);
    let metadata = metadata.map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    Ok((metadata.dev(), metadata.ino()))
}
