//! The guard of a run: a process that outlives the tests, ends the servers they left, and removes the run's directory.
//!
//! It acts once the runner (nextest, or the test process itself) is gone *and* no member of the run lives any more, so
//! it takes no server from a test that outlives a killed runner.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::{Pid, geteuid};
use tokio::time::sleep;
use voxlog::embedded::{EmbeddedError, end_leftover};

/// How soon the end of a run is seen.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Servers lie at most this deep below the run's directory: `scratch-…/nats-1/server.pid`.
const DEPTH: usize = 3;

/// The process whose end is the run's end; the time of its start tells it from a later process with its pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    pid: u32,
    started: String,
}

impl Runner {
    /// The process of that id, as it is now.
    pub fn of(pid: u32) -> Self {
        Self { pid, started: started(pid) }
    }

    /// The runner that a run's guard watches; `None` before it has one.
    pub fn watched_in(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join("runner")).ok()?;
        let (pid, started) = text.split_once('\n')?;
        Some(Self { pid: pid.parse().ok()?, started: started.to_owned() })
    }

    /// Writes down whom the guard is to watch.
    pub fn write(&self, dir: &Path) {
        fs::write(dir.join("runner"), format!("{}\n{}", self.pid, self.started))
            .expect("the run's directory is writable");
    }

    fn lives(&self) -> bool {
        let pid = Pid::from_raw(self.pid.try_into().unwrap_or(i32::MAX));
        // Without a signal this only asks; EPERM is an answer too, of another user's process.
        kill(pid, None) != Err(nix::errno::Errno::ESRCH) && started(self.pid) == self.started
    }
}

/// The lock that each member of a run shares while it lives.
pub(super) fn members_lock(dir: &Path) -> File {
    File::options().create(true).append(true).open(dir.join("members.lock")).expect("the run's directory is writable")
}

/// Waits for the end of the run in `dir`, then removes it with its servers; and first those runs whose guards died.
pub async fn watch(dir: &Path) -> Result<(), EmbeddedError> {
    for dead in dead_runs(dir) {
        remove(&dead).await?;
    }
    while !is_over(dir) {
        sleep(LOOK_EVERY).await;
    }
    remove(dir).await
}

fn is_over(dir: &Path) -> bool {
    let runner_lives = Runner::watched_in(dir).is_some_and(|runner| runner.lives());
    !runner_lives && members_lock(dir).try_lock().is_ok()
}

/// Other runs of this user that are over, yet still there.
fn dead_runs(own: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(env::temp_dir()).into_iter().flatten().flatten();
    let runs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("voxlog-tests-"));
    let ours =
        runs.filter(|entry| entry.metadata().is_ok_and(|folder| folder.is_dir() && folder.uid() == geteuid().as_raw()));
    let others = ours.map(|entry| entry.path()).filter(|dir| dir != own);
    others.filter(|dir| Runner::watched_in(dir).is_some() && is_over(dir)).collect()
}

async fn remove(dir: &Path) -> Result<(), EmbeddedError> {
    for server in servers_below(dir, DEPTH) {
        end_leftover(&server).await?;
    }
    // What can't be removed lies among temporary files and holds no process any more.
    let _ = fs::remove_dir_all(dir);
    Ok(())
}

fn servers_below(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if dir.join("server.pid").exists() {
        found.push(dir.to_owned());
    }
    if depth > 0 {
        let folders = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(folders.filter(|path| path.is_dir()).flat_map(|folder| servers_below(&folder, depth - 1)));
    }
    found
}

/// The start time from `/proc`, in clock ticks since boot: field 22, counted behind the name, which may hold anything.
/// Empty where there is no `/proc`, and for a process that only waits to be reaped.
fn started(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    match fields.as_slice() {
        ["Z", ..] => String::new(),
        fields => fields.get(19).map(ToString::to_string).unwrap_or_default(),
    }
}
