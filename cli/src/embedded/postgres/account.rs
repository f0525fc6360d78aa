//! Whom PostgreSQL runs as.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use nix::unistd::{User, geteuid};
use tokio::process::Command;

use crate::embedded::{EmbeddedError, at};

/// A system account without rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None` when this process is not root: the server then runs as the same user.
    pub(super) fn for_server() -> Result<Option<Self>, EmbeddedError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let user = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        user.map(|user| Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() })).ok_or(EmbeddedError::NoAccount)
    }

    /// Runs the command as this account, without root's groups.
    pub(super) fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Hands it a file or directory.
    pub(super) fn own(self, path: &Path) -> Result<(), EmbeddedError> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(at(path))
    }

    /// Whether it may pass through every folder down to `dir`; a home directory with mode 0700 is the usual reason why not.
    pub(super) fn can_reach(self, dir: &Path) -> bool {
        dir.ancestors().all(|folder| fs::metadata(folder).is_ok_and(|folder| self.can_enter(&folder)))
    }

    fn can_enter(self, folder: &fs::Metadata) -> bool {
        let bit = match folder {
            owned if owned.uid() == self.uid => 0o100,
            shared if shared.gid() == self.gid => 0o010,
            _ => 0o001,
        };
        folder.mode() & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_closed_folder_on_the_way_keeps_a_stranger_out() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let stranger = Account { uid: 65_533, gid: 65_533 };
        for (mode, reachable) in [(0o711, true), (0o710, false), (0o700, false)] {
            fs::set_permissions(top.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(stranger.can_reach(&inner), reachable, "{mode:o}");
        }
    }
}
