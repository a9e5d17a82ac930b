//! The database's file, and whether it is still the one that was opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::{Error, Result};

/// How long a look at the file counts for [`File::check_now_and_then`].
const LOOK: Duration = Duration::from_millis(20);

/// The file that was opened. If another one, or none, stands at its path, this process would write where nobody
/// else looks: the store is gone then, until the file is back.
#[derive(Clone)]
pub(super) struct File {
    pub(super) path: Arc<Path>,
    identity: (u64, u64),
    /// When to look next, in microseconds of monotonic time.
    next_look: Arc<AtomicU64>,
}

impl File {
    pub(super) fn identify(path: PathBuf) -> Result<Self> {
        let identity = identity(&path)?;
        Ok(Self { path: path.into(), identity, next_look: Arc::default() })
    }

    /// As [`File::check`], at most every 20 ms: for what runs tens of thousands of times a second.
    pub(super) fn check_now_and_then(&self, now: Duration) -> Result<()> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if micros(now) < self.next_look.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check()?;
        self.next_look.store(micros(now + LOOK), Ordering::Relaxed);
        Ok(())
    }

    /// Whether the file at the path is the one that was opened.
    pub(super) fn check(&self) -> Result<()> {
        if identity(&self.path)? == self.identity {
            Ok(())
        } else {
            Err(Error::Unavailable(format!("another file stands at {}", self.path.display())))
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata =
        std::fs::metadata(path).map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Result<(u64, u64)> {
    std::fs::metadata(path).map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    Ok((0, 0))
}
