//! Where the servers' programs are, and whether they are new enough.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use voxlog_core::log::streams::OLDEST_SERVER;

use super::EmbeddedError;

/// The oldest PostgreSQL that is tested.
const POSTGRES_NEEDED: u32 = 15;

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostgresPrograms {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
    major: u32,
}

/// `$VOXLOG_NATS_SERVER`, else the first new enough one on `PATH`, else what `./dev` unpacked into `.tools`, here or in
/// a folder above.
pub fn nats_server() -> Result<PathBuf, EmbeddedError> {
    let candidates = match env::var_os("VOXLOG_NATS_SERVER").filter(|path| !path.is_empty()) {
        Some(path) => vec![PathBuf::from(path)],
        None => on_path("nats-server").chain(unpacked_tools("nats-server")).collect(),
    };
    let mut older = Vec::new();
    for path in candidates {
        match version(&path) {
            Some(found) if is_new_enough(found) => return Ok(path),
            Some([major, minor, patch]) => older.push(format!("{} is {major}.{minor}.{patch}", path.display())),
            None => older.push(format!("{} does not run", path.display())),
        }
    }
    Err(EmbeddedError::NatsMissing { found: found_instead(&older) })
}

fn is_new_enough([major, minor, patch]: [u32; 3]) -> bool {
    (major.into(), minor.into(), patch.into()) >= OLDEST_SERVER
}

/// The programs for a data directory of that major version, else the newest.
pub(super) fn postgres(wanted_major: Option<u32>) -> Result<PostgresPrograms, EmbeddedError> {
    let installed: Vec<_> = postgres_folders().iter().filter_map(|folder| programs_in(folder)).collect();
    let usable = || installed.iter().filter(|programs| programs.major >= POSTGRES_NEEDED);
    let matching = usable().find(|programs| Some(programs.major) == wanted_major);
    matching.or_else(|| usable().max_by_key(|programs| programs.major)).cloned().ok_or_else(|| {
        let older: Vec<_> =
            installed.iter().map(|found| format!("{} is {}", found.postgres.display(), found.major)).collect();
        EmbeddedError::PostgresMissing { found: found_instead(&older) }
    })
}

fn postgres_folders() -> Vec<PathBuf> {
    let on_path = on_path("postgres").filter_map(|program| program.parent().map(Path::to_owned));
    let debian =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|answer| PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim()));
    on_path.chain(debian).chain(told).collect()
}

fn programs_in(folder: &Path) -> Option<PostgresPrograms> {
    let (initdb, postgres) = (folder.join("initdb"), folder.join("postgres"));
    let [major, ..] = initdb.is_file().then(|| version(&postgres))??;
    Some(PostgresPrograms { initdb, postgres, major })
}

fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let folders: Vec<_> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    folders.into_iter().map(move |folder: PathBuf| folder.join(name)).filter(|path| path.is_file())
}

fn unpacked_tools(name: &str) -> Vec<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    here.ancestors().map(|folder| folder.join(".tools").join(name)).filter(|path| path.is_file()).collect()
}

fn version(program: &Path) -> Option<[u32; 3]> {
    let answer = Command::new(program).arg("--version").output().ok().filter(|answer| answer.status.success())?;
    parse_version(&String::from_utf8_lossy(&answer.stdout))
}

/// The first word that begins like a version: `nats-server: v2.15.1`, `postgres (PostgreSQL) 15.14 (Debian …)`,
/// `17beta1`.
fn parse_version(text: &str) -> Option<[u32; 3]> {
    let word = text.split_whitespace().map(|word| word.trim_start_matches('v')).find(|word| starts_with_digit(word))?;
    let number = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let mut numbers = word.split('.').map(number);
    Some([numbers.next()?, numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)])
}

fn starts_with_digit(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
}

fn found_instead(older: &[String]) -> String {
    if older.is_empty() { "none was found".to_owned() } else { older.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_servers_print_them() {
        assert_eq!(parse_version("nats-server: v2.15.1\n"), Some([2, 15, 1]));
        assert_eq!(parse_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some([15, 14, 0]));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta2\n"), Some([18, 0, 0]));
        assert_eq!(parse_version("nats-server: v2.15.2-RC.1\n"), Some([2, 15, 2]));
        assert_eq!(parse_version("no number here"), None);
    }

    #[test]
    fn an_older_server_is_older_in_every_digit() {
        for older in [[1, 99, 99], [2, 9, 25], [2, 15, 0]] {
            assert!(!is_new_enough(older));
        }
    }
}
