//! A private PostgreSQL on loopback TCP; it has no sockets in the file system.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::home::Home;
use super::process::{ServerProcess, last_line, port_was_taken};
use super::{EmbeddedError, LOOK_EVERY, PORTS_TRIED, READY_WITHIN, free_port};

mod account;
mod cluster;

use account::Account;
use cluster::Cluster;

/// The one role, a superuser of its own private server.
const ROLE: &str = "voxlog";

/// How a PostgreSQL runs.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Its directory: the data, the password and the log.
    pub data_dir: PathBuf,
    /// Its port on loopback; `None` takes a free one.
    pub port: Option<u16>,
    /// For tests: commits survive the kill of a process, but not power loss.
    pub fast: bool,
}

impl PostgresOptions {
    /// A server that keeps what it commits, on a free port.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), port: None, fast: false }
    }
}

/// A running PostgreSQL, or one that was stopped and can be started again on the same port and data.
#[derive(Debug)]
pub struct Postgres {
    options: PostgresOptions,
    home: Home,
    cluster: Cluster,
    port: u16,
    process: Option<ServerProcess>,
}

impl Postgres {
    /// Starts a server, making its data directory at the first start, and waits until it takes queries. Run by root, the
    /// server runs as the user `postgres`, else `nobody`, because PostgreSQL refuses root.
    pub async fn start(options: PostgresOptions) -> Result<Self, EmbeddedError> {
        let account = Account::for_server()?;
        let home = Home::claim(&options.data_dir).await?;
        let cluster = Cluster::open(&home, account, options.fast).await?;
        let mut server = Self { port: 0, options, home, cluster, process: None };
        let mut tries = 1..=PORTS_TRIED;
        loop {
            server.port = server.options.port.map_or_else(free_port, Ok)?;
            match server.launch().await {
                Err(error) if tries.next().is_some() && server.options.port.is_none() && port_was_taken(&error) => {}
                outcome => return outcome.map(|()| server),
            }
        }
    }

    /// The URL of a database, with its password: not for logs.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}:{}@127.0.0.1:{}/{database}", self.cluster.password, self.port)
    }

    /// The process; `None` while the server is stopped.
    pub fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(ServerProcess::pid)
    }

    /// The server's directory, absolute: its log and its password.
    pub fn data_dir(&self) -> &Path {
        self.home.dir()
    }

    /// What PostgreSQL calls its data directory; below [`Self::data_dir`], or elsewhere when its user can't reach that.
    pub fn data(&self) -> &Path {
        self.cluster.data()
    }

    /// Makes a database, unless it is there. The name is at most 63 bytes; it is taken as it is.
    pub async fn create_database(&self, name: &str) -> Result<(), EmbeddedError> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !there {
            let statement = format!("create database \"{}\"", name.replace('"', "\"\""));
            sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }

    /// Stops the server cleanly, without waiting for its clients; kills it when that takes longer than 30 s.
    pub async fn stop(&mut self) -> Result<(), EmbeddedError> {
        match self.process.take() {
            Some(mut process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// `kill -9` of the server; the processes of its connections see that and end by themselves.
    pub async fn kill(&mut self) -> Result<(), EmbeddedError> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Starts the server again on the same port and data, stopping it first if it runs.
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

    /// After a kill the processes of the connections still hold the shared memory for a moment, and PostgreSQL then
    /// refuses to start, rightly: that start is repeated.
    async fn launch(&mut self) -> Result<(), EmbeddedError> {
        let deadline = Instant::now() + READY_WITHIN;
        self.cluster.remove_foreign_lock(deadline).await?;
        loop {
            match self.launch_once(deadline).await {
                Err(EmbeddedError::Exited { reason, .. })
                    if former_server_lingers(&reason) && Instant::now() < deadline =>
                {
                    sleep(LOOK_EVERY).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn launch_once(&mut self, deadline: Instant) -> Result<(), EmbeddedError> {
        let command = self.cluster.server_command(self.port, self.options.fast);
        let spawned = ServerProcess::spawn("postgres", command, self.home.dir(), self.cluster.data())?;
        let url = self.url("postgres");
        let ready = wait_for_queries(self.process.insert(spawned), &url, deadline).await;
        if ready.is_err() {
            self.kill().await?;
        }
        ready
    }
}

/// The password tells this server from another one that took the port.
async fn wait_for_queries(process: &mut ServerProcess, url: &str, deadline: Instant) -> Result<(), EmbeddedError> {
    loop {
        process.check()?;
        if let Ok(connection) = PgConnection::connect(url).await {
            return Ok(connection.close().await?);
        }
        if Instant::now() > deadline {
            return Err(process.not_ready());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The hint is the log's last line then.
fn former_server_lingers(reason: &str) -> bool {
    reason.contains("Terminate any old server processes") || reason.contains("pre-existing shared memory block")
}

/// Runs a program to its end, with its output in a log.
async fn run(mut command: Command, name: &'static str, log: &Path) -> Result<(), EmbeddedError> {
    let (out, err) = super::process::open_log(log)?;
    let status = command.stdin(std::process::Stdio::null()).stdout(out).stderr(err).status().await;
    let program = || command.as_std().get_program().into();
    let status = status.map_err(|source| EmbeddedError::Launch { program: program(), source })?;
    if status.success() {
        return Ok(());
    }
    let reason = last_line(log).unwrap_or_else(|| status.to_string());
    Err(EmbeddedError::Exited { program: name, reason, log: log.to_owned() })
}

/// The major version that made a data directory.
fn major_of(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}
