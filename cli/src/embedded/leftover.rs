//! What a dead owner left: a server that still runs on its directory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::{EmbeddedError, LOOK_EVERY, STOP_WITHIN, at};

/// A server's process, as its owner wrote it down: the pid, and a path that its command line contains. Pids are used
/// again by the system; pid and path together are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) pid: Pid,
    pub(super) marker: PathBuf,
}

impl Record {
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join("server.pid")
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), EmbeddedError> {
        let (path, unfinished) = (Self::path(dir), dir.join("server.pid.new"));
        fs::write(&unfinished, format!("{}\n{}\n", self.pid, self.marker.display())).map_err(at(&unfinished))?;
        fs::rename(&unfinished, &path).map_err(at(path))
    }

    pub(super) fn remove(dir: &Path) {
        // A record that stays behind names a dead process, which the next owner sees.
        let _ = fs::remove_file(Self::path(dir));
    }

    fn read(dir: &Path) -> Result<Option<Self>, EmbeddedError> {
        let path = Self::path(dir);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(EmbeddedError::Files { path, source }),
        }
    }

    /// Anything else than a whole record names nobody: a wrong pid must never be signalled.
    fn parse(text: &str) -> Option<Self> {
        let (pid, marker) = text.strip_suffix('\n')?.split_once('\n')?;
        let pid = pid.parse().ok().filter(|&pid| pid > 1)?;
        (!marker.is_empty()).then(|| Self { pid: Pid::from_raw(pid), marker: marker.into() })
    }

    fn still_runs(&self) -> bool {
        command_line(self.pid).is_some_and(|line| line.contains(&*self.marker.to_string_lossy()))
    }
}

/// Ends the server that runs on `dir` without an owner: asked first, killed after 30 s. Does nothing when there is
/// none, or when the recorded pid now belongs to another program. To be called by who owns the directory, or knows
/// that nobody does.
pub async fn end_leftover(dir: &Path) -> Result<(), EmbeddedError> {
    let Some(record) = Record::read(dir)? else {
        return Ok(());
    };
    for (signal, patience) in [(Signal::SIGINT, STOP_WITHIN), (Signal::SIGKILL, Duration::from_secs(5))] {
        if !record.still_runs() {
            break;
        }
        // It may end by itself in between: that is what is wanted.
        let _ = kill(record.pid, signal);
        wait_for_end(&record, patience).await;
    }
    if record.still_runs() {
        return Err(EmbeddedError::Leftover { pid: record.pid.as_raw(), data_dir: dir.to_owned() });
    }
    Record::remove(dir);
    Ok(())
}

async fn wait_for_end(record: &Record, patience: Duration) {
    let deadline = Instant::now() + patience;
    while record.still_runs() && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
}

/// A process's command line; `None` when there is no such process, or when it only waits to be reaped.
#[cfg(target_os = "linux")]
fn command_line(pid: Pid) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&line).replace('\0', " "))
}

#[cfg(not(target_os = "linux"))]
fn command_line(pid: Pid) -> Option<String> {
    let answer = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&answer.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record { pid: Pid::from_raw(4711), marker: "/data/nats.conf".into() };
        record.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), Some(record));
    }

    #[test]
    fn a_torn_record_names_nobody() {
        for text in ["", "47", "4711", "4711\n", "4711\n\n", "1\n/data\n", "-1\n/data\n", "4711\n/da"] {
            assert_eq!(Record::parse(text), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_pid_that_now_belongs_to_another_program_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut stranger = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(stranger.id().try_into().unwrap());
        Record { pid, marker: dir.path().join("nats.conf") }.write(dir.path()).unwrap();

        end_leftover(dir.path()).await.unwrap();

        assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
        assert!(!Record::path(dir.path()).exists());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
