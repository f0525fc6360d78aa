//! The tests' helper process. `watch DIR` is the guard of the run in DIR; `hold DIR` owns a nats-server and a
//! PostgreSQL below DIR, says `ready`, and stays until it is killed.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use voxlog::embedded::{NatsOptions, NatsServer, Postgres, PostgresOptions};
use voxlog_tests::servers::guard;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (task, dir) = (arguments.next(), arguments.next().map(PathBuf::from));
    let dir = dir.context("usage: voxlog-guard watch|hold DIR")?;
    match task.as_deref().and_then(|task| task.to_str()) {
        Some("watch") => Ok(guard::watch(&dir).await?),
        Some("hold") => hold(&dir).await,
        _ => bail!("usage: voxlog-guard watch|hold DIR"),
    }
}

async fn hold(dir: &Path) -> anyhow::Result<()> {
    let _nats = NatsServer::start(NatsOptions::new(dir.join("nats"))).await?;
    let options = PostgresOptions { fast: true, ..PostgresOptions::new(dir.join("postgres")) };
    let _postgres = Postgres::start(options).await?;
    println!("ready");
    std::future::pending().await
}
