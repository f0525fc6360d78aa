//! A server's directory, owned by one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{EmbeddedError, at, leftover};
use crate::instance::write_private;

/// A directory of which one process at a time holds the lock of a name.
#[derive(Debug)]
pub(crate) struct Claim {
    dir: PathBuf,
    /// A file lock: it ends with the process, however that dies.
    _lock: File,
}

impl Claim {
    /// Makes the directory and takes the lock.
    pub(crate) fn take(dir: &Path, name: &str) -> Result<Self, EmbeddedError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let dir = dir.canonicalize().map_err(at(dir))?;
        let path = dir.join(name);
        let lock = File::create(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse { data_dir: dir }),
            Err(TryLockError::Error(source)) => Err(EmbeddedError::Files { path, source }),
        }
    }

    /// The directory, absolute.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// A server's claimed directory.
#[derive(Debug)]
pub(super) struct Home(Claim);

impl Home {
    /// Makes the directory, claims it, and ends what a dead owner left running there.
    pub(super) async fn claim(dir: &Path) -> Result<Self, EmbeddedError> {
        let claim = Claim::take(dir, "owner.lock")?;
        leftover::end_leftover(claim.dir()).await?;
        Ok(Self(claim))
    }

    /// The directory, absolute: servers get it on their command line, from where a later owner recognises them.
    pub(super) fn dir(&self) -> &Path {
        self.0.dir()
    }

    /// A path inside.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.dir().join(name)
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
