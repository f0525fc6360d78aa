//! Room on the disk for the servers of `voxlog up`.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::Check;
use crate::terminal::bytes;

/// A day of a busy log.
const WARN: u64 = 2 << 30;
/// PostgreSQL's own files of a few checkpoints; below it servers stop.
const FAIL: u64 = 256 << 20;

pub(super) fn examine(data_dir: &Path) -> Check {
    let name = "disk";
    let remedy = "free some, or choose another --data-dir";
    let free = match statvfs(data_dir) {
        Ok(disk) => disk.blocks_available() * disk.fragment_size(),
        Err(error) => return Check::warn(name, format!("{}: {error}", data_dir.display()), "look at the directory"),
    };
    let found = format!("{} free in {}", bytes(free), data_dir.display());
    match free {
        free if free < FAIL => Check::fail(name, found, remedy),
        free if free < WARN => Check::warn(name, found, remedy),
        _ => Check::ok(name, found),
    }
}
