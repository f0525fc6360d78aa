//! `voxlog up`: everything in one process, on private servers, with a demo.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow, bail};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use voxlog_gateway::identity::keys;

use super::serve::Node;
use crate::{
    args::{LOOPBACK, Up},
    config::{self, GatewaySettings, LogSettings, Reader, Sources, settings},
    embedded::Claim,
    instance::{Instance, write_private},
    link::{self, Link},
};

pub(super) mod demo;
mod servers;
mod welcome;

use servers::Servers;

/// How many ports after the default one are tried.
const PORTS_TRIED: u16 = 100;

/// Runs until `shutdown`, then stops everything in the order in which it leans on each other.
pub async fn run(
    up: &Up,
    data_dir: &Path,
    sources: &Sources,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let home = Claim::take(data_dir, "up.lock")?;
    let sources = with_key(sources, home.dir())?;
    let settings = Settings::read(&sources)?;
    let listener = listen(up, &settings, sources.is_set(&settings::BIND)).await?;
    let Some(servers) = shutdown.run_until_cancelled(Servers::start(&sources, home.dir())).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut servers = servers?;
    // A whole node's future is large.
    let outcome = Box::pin(operate(up, &sources, settings, &servers, home.dir(), listener, shutdown)).await;
    Instance::remove(home.dir());
    let stopped = servers.stop().await;
    outcome.and(stopped.map_err(Into::into)).map(|()| ExitCode::SUCCESS)
}

/// What the environment says about a node, its servers' addresses apart.
#[derive(Debug)]
struct Settings {
    log: LogSettings,
    gateway: GatewaySettings,
}

impl Settings {
    fn read(sources: &Sources) -> anyhow::Result<Self> {
        let mut reader = Reader::new(sources);
        match (reader.log_shape(), reader.gateway()) {
            (Some(log), Some(gateway)) => Ok(Self { log, gateway }),
            _ => Err(reader.into_faults().into()),
        }
    }
}

/// A node on servers that run.
async fn operate(
    up: &Up,
    sources: &Sources,
    settings: Settings,
    servers: &Servers,
    data_dir: &Path,
    listener: TcpListener,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let log = LogSettings { url: servers.nats_url(), ..settings.log };
    let instance = note(sources, &log, &servers.database_url(), address, data_dir);
    instance.write(data_dir).context("can't leave a note in the data directory")?;
    eprintln!("opening the log …");
    let Some(link) = link::wait(&log, true, shutdown).await? else { return Ok(()) };
    let prepared = Box::pin(prepare(up, &settings.gateway, servers, &link, data_dir));
    let Some(shown) = shutdown.run_until_cancelled(prepared).await else {
        return Ok(());
    };
    eprintln!("{}", welcome::text(&shown, address, &log.url, sources.is_set(&settings::NATS_URL), data_dir)?);
    let mut config = settings.gateway.config();
    if address.ip().is_loopback() {
        config.demo = shown.sign_ins();
    }
    let node = Node {
        link,
        projections: true,
        workers: true,
        database: Some(servers.database_url()),
        gateway: Some(config),
        bot: shown.bot,
        listener,
    };
    node.run(shutdown).await?;
    eprintln!("stopping …");
    Ok(())
}

/// The demo, if there is to be one. Without it everything works as well, so its failure is told and no more.
async fn prepare(up: &Up, gateway: &GatewaySettings, servers: &Servers, link: &Link, data_dir: &Path) -> demo::Shown {
    match demo::prepare(!up.no_demo, gateway, &servers.database_url(), link, data_dir).await {
        Ok(shown) => shown,
        Err(error) => {
            eprintln!("no demo: {error:#}");
            demo::Shown::default()
        }
    }
}

/// What other commands need to find this instance.
fn note(sources: &Sources, log: &LogSettings, database: &str, address: SocketAddr, data_dir: &Path) -> Instance {
    let mut note = vec![
        (settings::NATS_URL, log.url.clone()),
        (settings::DATABASE_URL, database.to_owned()),
        (settings::BIND, address.to_string()),
        (settings::NAMESPACE, log.namespace.to_string()),
        (settings::PARTITIONS, log.partitions.count().to_string()),
        (settings::REPLICAS, log.replicas.to_string()),
    ];
    if let Some(path) = &log.credentials {
        note.push((settings::NATS_CREDS, path.display().to_string()));
    }
    // A key of the environment's own is not ours to write down.
    if !sources.is_set(&settings::JWT_PRIVATE_KEY) {
        note.push((settings::JWT_PRIVATE_KEY, key_path(data_dir).display().to_string()));
    }
    Instance { settings: note.into_iter().map(|(setting, value)| (setting.name.to_owned(), value)).collect() }
}

/// The settings with a signing key: the environment's, else the data directory's own, made at the first start.
fn with_key(sources: &Sources, data_dir: &Path) -> anyhow::Result<Sources> {
    if sources.is_set(&settings::JWT_PRIVATE_KEY) {
        return Ok(sources.clone());
    }
    let path = key_path(data_dir);
    if !path.exists() {
        write_private(&path, config::keys::embedded(&keys::generate_pem()).as_bytes())
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    let key = (settings::JWT_PRIVATE_KEY.name.to_owned(), path.display().to_string());
    Ok(sources.clone().with_instance([key]))
}

fn key_path(data_dir: &Path) -> PathBuf {
    data_dir.join("signing-key.pem")
}

/// The port that was asked for, or else the default one or the next that is free.
async fn listen(up: &Up, settings: &Settings, bind_is_set: bool) -> anyhow::Result<TcpListener> {
    let wanted = match up.port {
        Some(port) => SocketAddr::new(IpAddr::V4(LOOPBACK), port),
        None => settings.gateway.bind,
    };
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse && up.port.is_none() && !bind_is_set => {
            let listener = next_free(wanted).await?;
            eprintln!("port {} is taken, taking {}", wanted.port(), listener.local_addr()?.port());
            Ok(listener)
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("port {} is taken: choose another one with --port", wanted.port())
        }
        Err(error) => Err(anyhow!(error).context(format!("can't listen on {wanted}"))),
    }
}

async fn next_free(wanted: SocketAddr) -> anyhow::Result<TcpListener> {
    for port in (1..=PORTS_TRIED).filter_map(|step| wanted.port().checked_add(step)) {
        if let Ok(listener) = TcpListener::bind((wanted.ip(), port)).await {
            return Ok(listener);
        }
    }
    bail!("no port from {} on is free: choose one with --port", wanted.port())
}
