//! One server process: in a process group of its own, its output in a log, its pid on record.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::leftover::Record;
use super::{EmbeddedError, STOP_WITHIN, at};

#[derive(Debug)]
pub(super) struct ServerProcess {
    name: &'static str,
    dir: PathBuf,
    log: PathBuf,
    child: Child,
    pid: Pid,
    detached: bool,
}

impl ServerProcess {
    /// Starts `command`, whose arguments contain `marker`, with its log and its record in `dir`.
    pub(super) fn spawn(
        name: &'static str,
        mut command: Command,
        dir: &Path,
        marker: &Path,
    ) -> Result<Self, EmbeddedError> {
        let log = dir.join(format!("{name}.log"));
        let (out, err) = open_log(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|source| EmbeddedError::Launch { program: command.as_std().get_program().into(), source })?;
        let pid = child.id().and_then(|pid| pid.try_into().ok()).expect("a process that was not waited for has a pid");
        let process = Self { name, dir: dir.to_owned(), log, child, pid: Pid::from_raw(pid), detached: false };
        Record { pid: process.pid, marker: marker.to_owned() }.write(dir)?;
        Ok(process)
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// An error when the process has ended.
    pub(super) fn check(&mut self) -> Result<(), EmbeddedError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let reason = last_line(&self.log).unwrap_or_else(|| status.to_string());
                Err(EmbeddedError::Exited { program: self.name, reason, log: self.log.clone() })
            }
            Err(source) => Err(EmbeddedError::Files { path: self.log.clone(), source }),
        }
    }

    pub(super) fn not_ready(&self) -> EmbeddedError {
        EmbeddedError::NotReady { program: self.name, log: self.log.clone() }
    }

    /// Asks the server to stop, waits, and kills it when it does not. PostgreSQL takes SIGINT as its fast shutdown
    /// (SIGTERM would wait for every client to leave), nats-server as a clean one.
    pub(super) async fn stop(&mut self) -> Result<(), EmbeddedError> {
        self.signal(Signal::SIGINT);
        if timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            tracing::warn!(server = self.name, "did not stop when asked; killed");
            self.signal(Signal::SIGKILL);
        }
        self.wait().await
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) -> Result<(), EmbeddedError> {
        self.signal(Signal::SIGKILL);
        self.wait().await
    }

    pub(super) fn detach(mut self) {
        self.detached = true;
    }

    async fn wait(&mut self) -> Result<(), EmbeddedError> {
        self.child.wait().await.map_err(at(&self.log))?;
        Record::remove(&self.dir);
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        // `id` is gone once the process was waited for: its pid may be another's by now.
        if self.child.id().is_some() {
            // It may have ended by itself.
            let _ = kill(self.pid, signal);
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if !self.detached {
            self.signal(Signal::SIGINT);
        }
    }
}

/// An empty log for stdout and stderr; the former one is kept, for the reason of a crash.
pub(super) fn open_log(path: &Path) -> Result<(File, File), EmbeddedError> {
    if path.exists() {
        fs::rename(path, path.with_extension("log.1")).map_err(at(path))?;
    }
    // Appending, because two descriptors write to it.
    let log = File::options().create(true).append(true).open(path).map_err(at(path))?;
    Ok((log.try_clone().map_err(at(path))?, log))
}

/// The last line that is not empty.
pub(super) fn last_line(path: &Path) -> Option<String> {
    let log = fs::read(path).ok()?;
    let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(4096)..]).into_owned();
    tail.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// Whether a start failed because another process took the port first.
pub(super) fn port_was_taken(error: &EmbeddedError) -> bool {
    let EmbeddedError::Exited { log, .. } = error else {
        return false;
    };
    fs::read_to_string(log).is_ok_and(|log| log.to_lowercase().contains("address already in use"))
}
