//! The private servers: they start, stop, survive kills, and never outlive their purpose.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};
use voxlog::embedded::{EmbeddedError, NatsOptions, NatsServer, Postgres, PostgresOptions};
use voxlog_tests::servers::{self, guard::Runner};

const GUARD: &str = env!("CARGO_BIN_EXE_voxlog-guard");

#[tokio::test]
async fn all_tests_of_a_run_share_one_nats_server() {
    let (one, two) = tokio::join!(servers::nats(), servers::nats());
    assert_eq!(one, two);
    let stream = new_stream(&one, 1).await;
    assert_eq!(stream.cached_info().config.num_replicas, 1);
}

#[tokio::test]
async fn the_shared_cluster_keeps_three_replicas() {
    let urls = servers::nats_cluster().await;
    assert_eq!(urls.len(), 3);
    let stream = new_stream(&urls[2], 3).await;
    let cluster = stream.cached_info().cluster.clone().unwrap();
    assert_eq!(cluster.replicas.len() + 1, 3, "{cluster:?}");
}

#[tokio::test]
async fn every_test_gets_a_fresh_database() {
    let (one, two) = (servers::postgres_database().await, servers::postgres_database().await);
    assert_ne!(one, two);
    let mut connection = PgConnection::connect(&one).await.unwrap();
    sqlx::query("create table mine (n int)").execute(&mut connection).await.unwrap();
    let mut connection = PgConnection::connect(&two).await.unwrap();
    let seen: Option<String> =
        sqlx::query_scalar("select to_regclass('mine')::text").fetch_one(&mut connection).await.unwrap();
    assert_eq!(seen, None);
}

#[tokio::test]
async fn a_database_sorts_by_code_point_and_knows_every_letter() {
    let mut connection = PgConnection::connect(&servers::postgres_database().await).await.unwrap();
    let (sorted, lowered): (bool, String) =
        sqlx::query_as("select 'Z' < 'a', lower('ÄЖ')").fetch_one(&mut connection).await.unwrap();
    assert!(sorted);
    assert_eq!(lowered, "äж");
}

#[tokio::test]
async fn a_killed_nats_server_keeps_what_it_acknowledged() {
    let mut server = servers::own_nats().await;
    let url = server.url();
    let stream = new_stream(&url, 1).await;
    let name = stream.cached_info().config.name.clone();
    let context = jetstream::new(async_nats::connect(&url).await.unwrap());
    for number in 0..200_u32 {
        context.publish(format!("{name}.a"), number.to_string().into()).await.unwrap().await.unwrap();
    }

    server.kill().await.unwrap();
    assert_eq!(server.pid(), None);
    server.restart().await.unwrap();

    assert_eq!(server.url(), url);
    let context = jetstream::new(async_nats::connect(&url).await.unwrap());
    let stream = context.get_stream(&name).await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 200);
    let last = stream.get_raw_message(200).await.unwrap();
    assert_eq!(last.payload.as_ref(), b"199");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_stopped_or_dropped_server_is_gone() {
    let mut stopped = servers::own_nats().await;
    let pid = stopped.pid().unwrap();
    stopped.stop().await.unwrap();
    assert!(!lives(pid));

    let dropped = servers::own_nats().await;
    let pid = dropped.pid().unwrap();
    drop(dropped);
    until("the dropped server ends", || !lives(pid)).await;
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let server = servers::own_nats().await;
    let second = NatsServer::start(NatsOptions::new(server.data_dir())).await;
    assert!(matches!(second, Err(EmbeddedError::InUse { .. })), "{second:?}");
    assert!(async_nats::connect(server.url()).await.is_ok(), "the first owner's server was harmed");
}

#[tokio::test]
async fn the_next_owner_takes_over_what_a_killed_one_left() {
    let dir = servers::scratch();
    let mut owner = hold(&dir);
    let left = [recorded_pid(&dir.join("nats")), recorded_pid(&dir.join("postgres"))];
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(left.into_iter().all(lives), "a killed owner's servers run on");

    let mut nats = NatsServer::start(NatsOptions::new(dir.join("nats"))).await.unwrap();
    let mut postgres = Postgres::start(PostgresOptions::new(dir.join("postgres"))).await.unwrap();

    assert!(!left.into_iter().any(lives), "the left servers were ended");
    assert!(async_nats::connect(nats.url()).await.is_ok());
    assert!(PgConnection::connect(&postgres.url("postgres")).await.is_ok());
    nats.stop().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_postgres_keeps_what_it_committed() {
    let mut server = servers::own_postgres().await;
    server.create_database("kept").await.unwrap();
    server.create_database("kept").await.unwrap();
    let url = server.url("kept");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("create table facts as select generate_series(1, 1000) as n").execute(&mut connection).await.unwrap();

    server.kill().await.unwrap();
    server.restart().await.unwrap();

    assert_eq!(server.url("kept"), url);
    assert_eq!(facts(&url).await, 1000);
    server.stop().await.unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
    server.restart().await.unwrap();
    assert_eq!(facts(&url).await, 1000);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn postgres_never_runs_as_root() {
    let mut server = servers::own_postgres().await;
    let runs_as = process_user(server.pid().unwrap());
    let own = nix::unistd::geteuid();
    assert_eq!(runs_as == own.as_raw(), !own.is_root());
    assert_ne!(runs_as, 0);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn postgres_starts_in_a_directory_that_its_user_cannot_reach() {
    let closed = servers::scratch();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let dir = closed.join("postgres");
    let mut server = Postgres::start(PostgresOptions { fast: true, ..PostgresOptions::new(&dir) }).await.unwrap();
    server.create_database("kept").await.unwrap();
    server.stop().await.unwrap();
    drop(server);

    let mut again = Postgres::start(PostgresOptions { fast: true, ..PostgresOptions::new(&dir) }).await.unwrap();
    assert!(PgConnection::connect(&again.url("kept")).await.is_ok(), "the same data is found again");
    again.stop().await.unwrap();
    if let Ok(elsewhere) = fs::read_to_string(dir.join("elsewhere")) {
        fs::remove_dir_all(elsewhere).unwrap();
    }
}

#[tokio::test]
async fn a_lock_file_that_names_a_stranger_keeps_no_postgres_from_starting() {
    let mut server = servers::own_postgres().await;
    // Of the same user: PostgreSQL itself sees through a process of another one.
    let user = process_user(server.pid().unwrap());
    let mut stranger = Command::new("cat").stdin(Stdio::piped()).current_dir("/").uid(user).spawn().unwrap();
    server.kill().await.unwrap();
    let lock = server.data().join("postmaster.pid");
    let text = fs::read_to_string(&lock).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&lock, format!("{}\n{rest}", stranger.id())).unwrap();

    server.restart().await.unwrap();

    assert!(PgConnection::connect(&server.url("postgres")).await.is_ok());
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_password_is_asked_and_known_to_the_owner_only() {
    let mut server = servers::own_postgres().await;
    let url = server.url("postgres");
    let (_, address) = url.split_once('@').unwrap();
    assert!(PgConnection::connect(&format!("postgres://voxlog:guess@{address}")).await.is_err());
    let mode = fs::metadata(server.data_dir().join("password")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_guard_ends_the_servers_of_a_run_that_was_killed() {
    let dir = servers::scratch();
    let mut runner = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    Runner::of(runner.id()).write(&dir);
    let mut owner = hold(&dir);
    let left = [recorded_pid(&dir.join("nats")), recorded_pid(&dir.join("postgres"))];
    owner.kill().unwrap();
    owner.wait().unwrap();
    let mut guard = Command::new(GUARD).arg("watch").arg(&dir).spawn().unwrap();
    // Several of the guard's looks pass in this time; it must do nothing while the runner lives.
    assert!(!holds_within(Duration::from_secs(1), || guard.try_wait().unwrap().is_some()).await);
    assert!(left.into_iter().all(lives), "the run was not over");

    runner.kill().unwrap();
    runner.wait().unwrap();

    until("the guard ends", || guard.try_wait().unwrap().is_some()).await;
    assert!(!left.into_iter().any(lives), "the guard left a server");
    assert!(!dir.exists(), "the guard left the run's directory");
}

async fn new_stream(url: &str, num_replicas: usize) -> stream::Stream {
    let name = servers::namespace();
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let subjects = vec![format!("{name}.>")];
    let config = stream::Config { name, subjects, num_replicas, ..stream::Config::default() };
    context.create_stream(config).await.unwrap()
}

async fn facts(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("select count(*) from facts").fetch_one(&mut connection).await.unwrap()
}

/// A process that owns a nats-server and a PostgreSQL below `dir`, once both are ready.
fn hold(dir: &Path) -> Child {
    let mut owner = Command::new(GUARD).arg("hold").arg(dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    owner
}

fn recorded_pid(dir: &Path) -> i32 {
    let record = fs::read_to_string(dir.join("server.pid")).unwrap();
    record.lines().next().unwrap().parse().unwrap()
}

fn process_user(pid: i32) -> u32 {
    fs::metadata(format!("/proc/{pid}")).unwrap().uid()
}

/// Whether the process runs; one that only waits to be reaped does not.
fn lives(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

async fn until(what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(Duration::from_secs(30), condition).await, "not within 30 s: {what}");
}

async fn holds_within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(20)).await;
    }
    true
}
