//! A server's directory, owned by one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{EmbeddedError, at, leftover};
use crate::instance::write_private;

/// A claimed directory. The claim is a file lock, so it ends with the process, however that dies.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    _claim: File,
}

impl Home {
    /// Makes the directory, claims it, and ends what a dead owner left running there.
    pub(super) async fn claim(dir: &Path) -> Result<Self, EmbeddedError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        // Servers get it on their command line, from where a later owner recognises them.
        let dir = dir.canonicalize().map_err(at(dir))?;
        let path = dir.join("owner.lock");
        let claim = File::create(&path).map_err(at(&path))?;
        match claim.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(EmbeddedError::InUse { data_dir: dir }),
            Err(TryLockError::Error(source)) => return Err(EmbeddedError::Files { path, source }),
        }
        leftover::end_leftover(&dir).await?;
        Ok(Self { dir, _claim: claim })
    }

    /// The directory, absolute.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path inside.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The secret of that name, made at the first call: 128 random bits in hexadecimal, readable by the owner only.
    pub(super) fn secret(&self, name: &str) -> Result<String, EmbeddedError> {
        let path = self.join(name);
        if path.exists() {
            return fs::read_to_string(&path).map(|secret| secret.trim().to_owned()).map_err(at(&path));
        }
        let secret = format!("{:032x}", rand::random::<u128>());
        write_private(&path, secret.as_bytes()).map_err(at(&path))?;
        Ok(secret)
    }
}
