//! A private nats-server with JetStream.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::home::Home;
use super::process::{ServerProcess, port_was_taken};
use super::{EmbeddedError, LOOK_EVERY, PORTS_TRIED, READY_WITHIN, at, binaries, free_port};

/// How a nats-server runs.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// Its directory: the store, its configuration and its log.
    pub data_dir: PathBuf,
    /// Whether an acknowledged record survives power loss too (`sync_interval: always`, one fsync a record in R1), or
    /// only the kill of a process.
    pub sync_always: bool,
    /// The server's name, unique in its cluster.
    pub name: String,
    /// The cluster it belongs to.
    pub cluster: Option<ClusterOptions>,
    /// Its port on loopback; `None` takes a free one.
    pub port: Option<u16>,
}

/// A server's place in a cluster on loopback.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The cluster's name.
    pub name: String,
    /// The port on which this server takes routes.
    pub port: u16,
    /// The ports on which all servers of the cluster take routes; its own may be among them.
    pub routes: Vec<u16>,
}

impl NatsOptions {
    /// A single server with the lazy fsync, on a free port.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), sync_always: false, name: "voxlog".to_owned(), cluster: None, port: None }
    }
}

/// A running nats-server, or one that was stopped and can be started again on the same port and store.
#[derive(Debug)]
pub struct NatsServer {
    options: NatsOptions,
    binary: PathBuf,
    home: Home,
    port: u16,
    process: Option<ServerProcess>,
}

impl NatsServer {
    /// Starts a server and waits until it takes clients; its streams are recovered by then. In a cluster it may still
    /// have no leader.
    pub async fn start(options: NatsOptions) -> Result<Self, EmbeddedError> {
        let binary = binaries::nats_server()?;
        let home = Home::claim(&options.data_dir).await?;
        let mut server = Self { port: 0, options, binary, home, process: None };
        let mut tries = 1..=PORTS_TRIED;
        loop {
            server.port = server.options.port.map_or_else(free_port, Ok)?;
            match server.launch().await {
                Err(error) if tries.next().is_some() && server.options.port.is_none() && port_was_taken(&error) => {}
                outcome => return outcome.map(|()| server),
            }
        }
    }

    /// Where clients connect: `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The process; `None` while the server is stopped.
    pub fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(ServerProcess::pid)
    }

    /// The server's directory, absolute.
    pub fn data_dir(&self) -> &Path {
        self.home.dir()
    }

    /// Stops the server cleanly; kills it when that takes longer than 30 s.
    pub async fn stop(&mut self) -> Result<(), EmbeddedError> {
        match self.process.take() {
            Some(mut process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// `kill -9`.
    pub async fn kill(&mut self) -> Result<(), EmbeddedError> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Starts the server again on the same port and store, stopping it first if it runs.
    pub async fn restart(&mut self) -> Result<(), EmbeddedError> {
        self.stop().await?;
        self.launch().await
    }

    /// Leaves the server running without an owner, until [`end_leftover`](super::end_leftover) or the next start on its
    /// directory ends it.
    pub fn detach(mut self) {
        if let Some(process) = self.process.take() {
            process.detach();
        }
    }

    async fn launch(&mut self) -> Result<(), EmbeddedError> {
        let (config, ports) = (self.home.join("nats.conf"), self.home.join("ports"));
        fs::write(&config, configuration(&self.options, self.port, self.home.dir())).map_err(at(&config))?;
        empty_directory(&ports)?;
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&config).arg("--ports_file_dir").arg(&ports);
        let process = self.process.insert(ServerProcess::spawn("nats-server", command, self.home.dir(), &config)?);
        let ready = wait_for_ports_file(process, &ports).await;
        if ready.is_err() {
            self.kill().await?;
        }
        ready
    }
}

/// The server writes its ports file once it listens. A connection alone would prove less: it might be another server
/// that took the port.
async fn wait_for_ports_file(process: &mut ServerProcess, ports: &Path) -> Result<(), EmbeddedError> {
    let deadline = Instant::now() + READY_WITHIN;
    while fs::read_dir(ports).map_err(at(ports))?.next().is_none() {
        process.check()?;
        if Instant::now() > deadline {
            return Err(process.not_ready());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn empty_directory(path: &Path) -> Result<(), EmbeddedError> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(at(path))?;
    }
    fs::create_dir(path).map_err(at(path))
}

fn configuration(options: &NatsOptions, port: u16, dir: &Path) -> String {
    let store = quoted(&dir.join("store").to_string_lossy());
    let sync = if options.sync_always { ", sync_interval: always" } else { "" };
    let mut text = format!(
        "server_name: {}\nhost: 127.0.0.1\nport: {port}\njetstream {{ store_dir: {store}{sync} }}\n",
        quoted(&options.name)
    );
    if let Some(cluster) = &options.cluster {
        let routes: Vec<_> = cluster.routes.iter().map(|port| quoted(&format!("nats://127.0.0.1:{port}"))).collect();
        let (name, routes) = (quoted(&cluster.name), routes.join(", "));
        let _ =
            writeln!(text, "cluster {{ name: {name}, listen: \"127.0.0.1:{}\", routes: [{routes}] }}", cluster.port);
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_smuggle_nothing_into_the_configuration() {
        let text = configuration(&NatsOptions::new("/unused"), 4222, Path::new("/a \"b\" {c}"));
        assert!(text.contains(r#"store_dir: "/a \"b\" {c}/store""#), "{text}");
    }

    #[test]
    fn only_a_server_that_must_survive_power_loss_syncs_always() {
        let mut options = NatsOptions::new("/unused");
        assert!(!configuration(&options, 4222, Path::new("/d")).contains("sync_interval"));
        options.sync_always = true;
        assert!(configuration(&options, 4222, Path::new("/d")).contains("sync_interval: always"));
    }
}
