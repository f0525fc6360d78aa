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

use crate::world::{World, until};

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
        let mut child = command.args(["serve", part]).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("its stderr is piped");
        let mut lines = BufReader::new(stderr).lines();
        let url = loop {
            let line = lines.next_line().await.expect("its stderr is text");
            let line = line.expect("it says where it listens before it ends");
            if let Some(url) = line.strip_prefix("listening on ") {
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

    fn pid(&self) -> Pid {
        let pid = self.child.id().expect("the process has not been waited for");
        Pid::from_raw(i32::try_from(pid).expect("a process id is an i32"))
    }
}

/// The program with a world's environment, to be given arguments.
pub fn program(world: &World) -> Command {
    let mut command = Command::new(node_program());
    command.envs(world.environment()).env("VOXLOG_LOG", "warn").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Built with the tests: it stands where their binaries stand.
fn node_program() -> std::path::PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(2).expect("tests stand in target/PROFILE/deps");
    target.join("voxlog-node")
}
