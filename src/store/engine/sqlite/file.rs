//! The database's file, and whether it is still the one that was opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{Error, Result};

/// The file that was opened. If another one, or none, stands at its path, this process would write where nobody
/// else looks: the store is gone then, until the file is back.
#[derive(Clone)]
pub(super) struct File {
    pub(super) path: Arc<Path>,
    identity: (u64, u64),
}

impl File {
    pub(super) fn identify(path: PathBuf) -> Result<Self> {
        let identity = identity(&path)?;
        Ok(Self { path: path.into(), identity })
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
