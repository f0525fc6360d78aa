//! The note that a running `voxlog up` leaves in its data directory, so that other commands find it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// How to reach a running `voxlog up`. Holds the database's password: readable by its owner alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Settings by the names of their environment variables.
    #[serde(flatten)]
    pub settings: BTreeMap<String, String>,
}

impl Instance {
    /// The note in a data directory; `None` when there is none, or none that can be read.
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(data_dir)).ok()?).ok()
    }

    /// Leaves the note.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).expect("a map of texts is JSON");
        write_private(&Self::path(data_dir), &text)
    }

    /// Takes the note away.
    pub fn remove(data_dir: &Path) {
        // A note that stays names servers that do not answer, which whoever reads it sees.
        let _ = fs::remove_file(Self::path(data_dir));
    }

    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("instance.json")
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    // A file that a dead process left keeps its mode, so it goes first.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_note_is_found_again_and_is_nobody_elses_to_read() {
        let dir = tempfile::tempdir().unwrap();
        let note = Instance { settings: [("NATS_URL".to_owned(), "nats://127.0.0.1:1".to_owned())].into() };
        note.write(dir.path()).unwrap();
        assert_eq!(Instance::read(dir.path()), Some(note));
        let mode = fs::metadata(dir.path().join("instance.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Instance::remove(dir.path());
        assert_eq!(Instance::read(dir.path()), None);
    }
}
