//! What PostgreSQL calls a cluster: a data directory with its password.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::{Account, ROLE, major_of, run};
use crate::embedded::binaries::{self, PostgresPrograms};
use crate::embedded::home::Home;
use crate::embedded::{EmbeddedError, LOOK_EVERY, at};
use crate::instance::write_private;

/// Where root's servers keep their data when their own user can't reach the data directory.
const FALLBACK: &str = "/var/lib/voxlog";
/// Sorts and compares text by code point and knows every letter: the C locale would blind the trigram index to all but
/// ASCII. macOS calls its own differently.
const LOCALE: &str = if cfg!(target_os = "macos") { "en_US.UTF-8" } else { "C.UTF-8" };

#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) password: String,
    data: PathBuf,
    programs: PostgresPrograms,
    account: Option<Account>,
}

impl Cluster {
    /// Opens the cluster of a directory; the first time it is made.
    pub(super) async fn open(home: &Home, account: Option<Account>, fast: bool) -> Result<Self, EmbeddedError> {
        let place = place(home, account)?;
        let data = place.join("data");
        let cluster =
            Self { password: home.secret("password")?, programs: binaries::postgres(major_of(&data))?, data, account };
        if major_of(&cluster.data).is_none() {
            cluster.init(home, &place, fast).await?;
        }
        Ok(cluster)
    }

    /// The data directory.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn server_command(&self, port: u16, fast: bool) -> Command {
        let mut command = self.command(&self.programs.postgres);
        command.arg("-D").arg(&self.data);
        let port = format!("port={port}");
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", &port];
        // `synchronous_commit` stays on: without it a kill of the server loses commits that were acknowledged.
        let careless = ["fsync=off", "full_page_writes=off"];
        for setting in settings.into_iter().chain(careless.into_iter().filter(|_| fast)) {
            command.arg("-c").arg(setting);
        }
        command
    }

    /// PostgreSQL takes the pid in its lock file for an old server's whenever any process has that pid, which is
    /// common after a restart of a container. The file goes when that process is no server of this directory, and only
    /// once nothing works in the directory any more. Elsewhere than on Linux PostgreSQL's own judgement stands.
    pub(super) async fn remove_foreign_lock(&self, deadline: Instant) -> Result<(), EmbeddedError> {
        let lock = self.data.join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&lock) else {
            return Ok(());
        };
        let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else {
            return Ok(());
        };
        if !cfg!(target_os = "linux") || !Path::new(&format!("/proc/{pid}")).exists() {
            return Ok(());
        }
        while works_in(&self.data) && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
        if works_in(&self.data) {
            return Err(EmbeddedError::Leftover { pid, data_dir: self.data.clone() });
        }
        fs::remove_file(&lock).map_err(at(lock))
    }

    /// Made beside its place and moved there when it is whole, so that a killed start leaves nothing half.
    async fn init(&self, home: &Home, place: &Path, fast: bool) -> Result<(), EmbeddedError> {
        let (unfinished, password) = (place.join("data.new"), place.join("password.init"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
        }
        fs::DirBuilder::new().mode(0o700).create(&unfinished).map_err(at(&unfinished))?;
        write_private(&password, self.password.as_bytes()).map_err(at(&password))?;
        if let Some(account) = self.account {
            account.own(&unfinished)?;
            account.own(&password)?;
        }
        let mut command = self.command(&self.programs.initdb);
        command.current_dir(&unfinished).arg("-D").arg(&unfinished).args(["-U", ROLE, "--auth=scram-sha-256"]);
        command.arg("--pwfile").arg(&password).arg("--encoding=UTF8").arg(format!("--locale={LOCALE}"));
        command.args(fast.then_some("--no-sync"));
        let made = run(command, "initdb", &home.join("initdb.log")).await;
        fs::remove_file(&password).map_err(at(&password))?;
        made?;
        fs::rename(&unfinished, &self.data).map_err(at(&self.data))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some(account) = self.account {
            account.run(&mut command);
        }
        command
    }
}

/// The data directory itself; or, when the server's user can't reach that, a folder of its own elsewhere, whose path is
/// kept in the data directory: who deletes that starts anew.
fn place(home: &Home, account: Option<Account>) -> Result<PathBuf, EmbeddedError> {
    let Some(account) = account.filter(|account| !account.can_reach(home.dir())) else {
        return Ok(home.dir().to_owned());
    };
    let note = home.join("elsewhere");
    if let Ok(kept) = fs::read_to_string(&note).map(PathBuf::from)
        && kept.is_dir()
        && account.can_reach(&kept)
    {
        return Ok(kept);
    }
    let place = Path::new(FALLBACK).join(format!("postgres-{:016x}", rand::random::<u64>()));
    fs::create_dir_all(&place).map_err(at(&place))?;
    for folder in [Path::new(FALLBACK), &place] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).map_err(at(folder))?;
    }
    tracing::info!(path = %place.display(), "PostgreSQL's user can't reach the data directory; its data is kept elsewhere");
    fs::write(&note, place.to_string_lossy().as_bytes()).map_err(at(note))?;
    Ok(place)
}

/// Whether any process has `data` as its working directory, as each of a server's processes has.
fn works_in(data: &Path) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok()).any(|folder| folder == data)
}
