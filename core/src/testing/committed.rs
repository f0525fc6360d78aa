//! Documents that are made by the code and committed.

use std::{fs, path::Path};

/// What a test sets to write committed documents anew: `VOXLOG_WRITE=1`.
const WRITE: &str = "VOXLOG_WRITE";

/// Holds a committed file to be what the code makes today; with `VOXLOG_WRITE=1` it is written instead.
///
/// # Panics
/// When the file says something else.
pub fn assert_committed(path: &Path, made: &str) {
    if std::env::var_os(WRITE).is_some() {
        path.parent().map(fs::create_dir_all).transpose().expect("a folder for it");
        fs::write(path, made).expect("it can be written");
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let first = committed.lines().zip(made.lines()).position(|(was, is)| was != is);
    let line = first.unwrap_or_else(|| committed.lines().count().min(made.lines().count())) + 1;
    assert!(
        committed == made,
        "{} is not what the code makes, from line {line}: run this test with {WRITE}=1 and look at what has changed",
        path.display()
    );
}
