//! The real program as a process of its own, to be killed.

use std::process::Stdio;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use voxlog::embedded::nats_server_program;

use crate::{
    servers::scratch,
    world::{World, until},
};

/// A node that runs as a process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    /// `http://127.0.0.1:port`.
    pub url: String,
    child: Child,
}

impl Process {
    /// `voxlog serve {part}` on a world, once it is ready.
    pub async fn serve(world: &World, part: &str) -> Self {
        let process = Self::spawn(world, part).await;
        let ready = format!("{}/readyz", process.url);
        until("the process is ready", async || {
            reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        process
    }

    /// `voxlog serve {part}` on a world, once it says where it listens.
    pub async fn spawn(world: &World, part: &str) -> Self {
        let mut command = program(world);
        command.args(["serve", part]);
        Self::started(command, |line| line.strip_prefix("listening on ")).await
    }

    /// `voxlog up` in a folder of its own, with servers of its own and the demo, once all of it is up.
    pub async fn up() -> Self {
        let mut command = bare();
        command.arg("--data-dir").arg(scratch().join("voxlog")).args(["up", "--port", "0"]);
        command.env("VOXLOG_NATS_SERVER", nats_server_program().expect("a nats-server for the tests"));
        Self::started(command, |line| line.trim_start().strip_prefix("rooms ")?.trim().strip_suffix('/')).await
    }

    /// A process, once a line that it says tells where it is.
    async fn started(mut command: Command, place: impl Fn(&str) -> Option<&str>) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("its stderr is piped");
        let mut lines = BufReader::new(stderr).lines();
        let url = loop {
            let line = lines.next_line().await.expect("its stderr is text");
            let line = line.expect("it says where it listens before it ends");
            if let Some(url) = place(&line) {
                break url.to_owned();
            }
        };
        // What it says later goes to the test's own output, and never fills the pipe.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{line}");
            }
        });
        Self { url, child }
    }

    /// Where its sockets connect.
    pub fn ws_url(&self) -> String {
        format!("{}/ws", self.url.replacen("http", "ws", 1))
    }

    /// Ends it without a word, as a power cut would.
    pub async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().await.expect("a killed process ends");
    }

    /// Asks it to end and waits until it has. Fails when it ended otherwise than in order.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().await.expect("the process ends");
        assert!(status.success(), "it ended with {status}");
    }

    /// Memory that it has in use, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the process is ours and runs");
    }

    /// Its id, for those who end it themselves.
    pub fn pid(&self) -> Pid {
        let pid = self.child.id().expect("the process has not been waited for");
        Pid::from_raw(i32::try_from(pid).expect("a process id is an i32"))
    }
}

/// The program with a world's environment, to be given arguments.
pub fn program(world: &World) -> Command {
    let mut command = bare();
    command.envs(world.environment());
    command
}

/// The program with nothing of the test's environment that could lead it elsewhere.
fn bare() -> Command {
    let mut command = Command::new(node_program());
    let named = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("VOXLOG_"));
    named.for_each(|name| {
        command.env_remove(name);
    });
    command.env_remove("NATS_URL").env_remove("DATABASE_URL");
    command.env("VOXLOG_LOG", "warn").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Built with the tests: it stands where their binaries stand.
fn node_program() -> std::path::PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(2).expect("tests stand in target/PROFILE/deps");
    target.join("voxlog-node")
}
