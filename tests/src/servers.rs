//! The real servers that the integration tests run on.
//!
//! Tests share one nats-server, one cluster of three and one PostgreSQL a run: nextest gives every test a process of
//! its own, so the first test that needs a server starts it under a file lock, and the others read its URL from the
//! run's directory. `cargo test` and a test binary run by hand are a run of one process. The server stays behind when
//! its test ends; the run's guard ends it with the run, also with one that was interrupted or killed ([`guard`]).
//!
//! Tests keep apart by [`namespace`] on NATS and by [`postgres_database`] on PostgreSQL. A test that stops, kills or
//! freezes a server takes one of its own ([`own_nats`], [`own_nats_cluster`], [`own_postgres`]).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use voxlog::embedded::{ClusterOptions, EmbeddedError, NatsOptions, NatsServer, Postgres, PostgresOptions, free_port};

pub mod guard;
mod run;

use run::Run;

/// A new cluster elects its leaders within this, with room for a loaded machine.
const CLUSTER_READY_WITHIN: Duration = Duration::from_mins(1);

/// The URL of the run's nats-server (R1).
pub async fn nats() -> String {
    shared("nats", async |dir: PathBuf| {
        let server = NatsServer::start(NatsOptions::new(dir)).await.expect("the shared nats-server starts");
        let url = server.url();
        server.detach();
        url
    })
    .await
}

/// The URLs of the run's cluster of three (R3), which takes streams by the time this returns.
pub async fn nats_cluster() -> Vec<String> {
    let urls = shared("nats-cluster", async |dir: PathBuf| {
        let servers = start_cluster(&dir).await;
        let urls: Vec<_> = servers.iter().map(NatsServer::url).collect();
        servers.into_iter().for_each(NatsServer::detach);
        urls.join(",")
    })
    .await;
    urls.split(',').map(str::to_owned).collect()
}

/// The URL of a fresh, empty database on the run's PostgreSQL.
pub async fn postgres_database() -> String {
    let server = shared("postgres", async |dir: PathBuf| {
        let server = Postgres::start(PostgresOptions { fast: true, ..PostgresOptions::new(dir) });
        let server = server.await.expect("the shared PostgreSQL starts");
        let url = server.url("postgres");
        server.detach();
        url
    })
    .await;
    let name = format!("t{}", fresh());
    let mut connection = PgConnection::connect(&server).await.expect("the shared PostgreSQL answers");
    let made = sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await;
    made.expect("a fresh database is made");
    connection.close().await.expect("the connection closes");
    let (address, _) = server.rsplit_once('/').expect("a database URL has a path");
    format!("{address}/{name}")
}

/// A namespace of its own for a test: no other test's streams and subjects begin with it.
pub fn namespace() -> String {
    format!("t{}", fresh())
}

/// A fresh directory that goes with the run. Servers that tests own keep their data in such ones, so that the guard finds
/// those that a killed test leaves.
pub fn scratch() -> PathBuf {
    let dir = Run::join().dir().join(format!("scratch-{}", fresh()));
    fs::create_dir(&dir).expect("the run's directory is writable");
    dir
}

/// A nats-server of the test's own (R1), to be stopped and killed.
pub async fn own_nats() -> NatsServer {
    NatsServer::start(NatsOptions::new(scratch())).await.expect("a nats-server starts")
}

/// A cluster of three of the test's own, which takes streams by the time this returns.
pub async fn own_nats_cluster() -> Vec<NatsServer> {
    start_cluster(&scratch()).await
}

/// A PostgreSQL of the test's own, to be stopped and killed. What it commits survives that.
pub async fn own_postgres() -> Postgres {
    let options = PostgresOptions { fast: true, ..PostgresOptions::new(scratch()) };
    Postgres::start(options).await.expect("a PostgreSQL starts")
}

/// What `start` returned to the first test of the run that asked for `kind`.
async fn shared(kind: &'static str, start: impl AsyncFnOnce(PathBuf) -> String) -> String {
    let dir = Run::join().dir();
    let lock = dir.join(format!("{kind}.lock"));
    let _turn = spawn_blocking(move || wait_for_turn(&lock)).await.expect("the wait for the lock ends");
    let note = dir.join(format!("{kind}.url"));
    if let Ok(urls) = fs::read_to_string(&note) {
        return urls;
    }
    let urls = start(dir.join(kind)).await;
    fs::write(&note, &urls).expect("the run's directory is writable");
    urls
}

fn wait_for_turn(path: &Path) -> File {
    let lock = File::create(path).expect("the run's directory is writable");
    lock.lock().expect("the file system has locks");
    lock
}

async fn start_cluster(dir: &Path) -> Vec<NatsServer> {
    let ports: Result<Vec<_>, EmbeddedError> = (0..3).map(|_| free_port()).collect();
    let routes = ports.expect("three free ports");
    let starts = routes.iter().enumerate().map(|(index, &port)| {
        let cluster = ClusterOptions { name: "voxlog".to_owned(), port, routes: routes.clone() };
        let name = format!("nats-{}", index + 1);
        NatsServer::start(NatsOptions {
            cluster: Some(cluster),
            name: name.clone(),
            ..NatsOptions::new(dir.join(name))
        })
    });
    let servers = try_join_all(starts).await.expect("three nats-servers start");
    wait_for_cluster(&servers).await;
    servers
}

/// A cluster takes streams once it has a leader that knows all three: only making one proves that.
async fn wait_for_cluster(servers: &[NatsServer]) {
    let deadline = Instant::now() + CLUSTER_READY_WITHIN;
    for server in servers {
        let client = async_nats::connect(server.url()).await.expect("a started nats-server takes clients");
        let context = jetstream::new(client);
        while let Err(error) = make_and_delete_stream(&context).await {
            assert!(Instant::now() < deadline, "the cluster took no stream in time: {error}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn make_and_delete_stream(context: &jetstream::Context) -> anyhow::Result<()> {
    let name = format!("ready-{}", fresh());
    let storage = stream::StorageType::Memory;
    let config = stream::Config { name: name.clone(), num_replicas: 3, storage, ..stream::Config::default() };
    context.create_stream(config).await?;
    context.delete_stream(name).await?;
    Ok(())
}

fn fresh() -> String {
    format!("{:016x}", rand::random::<u64>())
}
