//! `voxlog serve`: the parts of a node.

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use anyhow::{Context as _, anyhow};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use voxlog_core::clock::SystemClock;
use voxlog_gateway::{Parts, config as gateway};
use voxlog_projections::projector;

use crate::{
    args::{Part, Serve},
    config::{Faults, GatewaySettings, LogSettings, Reader, Sources},
    link::{self, Link},
};

/// Serves until `shutdown`. Servers that are not there yet are waited for.
pub async fn run(serve: &Serve, sources: &Sources, shutdown: &CancellationToken) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(serve.part, sources)?;
    // Bound first: a port that is taken is told at once, and clients that come early wait instead of being refused.
    let listener = match &settings.gateway {
        Some(gateway) => Some(bind(gateway.bind).await?),
        None => None,
    };
    let Some(link) = link::wait(&settings.log, shutdown).await? else { return Ok(ExitCode::SUCCESS) };
    let node = settings.node(link, listener);
    node.run(shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

/// What the parts of a node need.
#[derive(Debug)]
struct Settings {
    part: Part,
    log: LogSettings,
    database: Option<String>,
    gateway: Option<GatewaySettings>,
}

impl Settings {
    fn read(part: Part, sources: &Sources) -> Result<Self, Faults> {
        let mut reader = Reader::new(sources);
        let log = reader.log();
        // The outer layer says whether it is right, the inner one whether it is needed.
        let database = if part == Part::Workers { Some(None) } else { reader.database().map(Some) };
        let serves = matches!(part, Part::Gateway | Part::All);
        let gateway = if serves { reader.gateway().map(Some) } else { Some(None) };
        match (log, database, gateway) {
            (Some(log), Some(database), Some(gateway)) => Ok(Self { part, log, database, gateway }),
            _ => Err(reader.into_faults()),
        }
    }

    fn node(self, link: Link, listener: Option<TcpListener>) -> Node {
        let gateway = self.gateway.zip(listener).map(|(gateway, listener)| (gateway.config(), listener));
        let acts = |part| self.part == part || self.part == Part::All;
        Node {
            link,
            replicas: self.log.replicas,
            projections: acts(Part::Projections),
            workers: acts(Part::Workers),
            database: self.database,
            gateway,
        }
    }
}

/// Listens, and says where.
pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}"))?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}

/// The parts of a node, ready to run.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) link: Link,
    pub(super) replicas: u8,
    /// Whether it keeps the read models up.
    pub(super) projections: bool,
    /// Whether it does what no client waits for.
    pub(super) workers: bool,
    /// Where read models and identity are; the workers alone need neither.
    pub(super) database: Option<String>,
    /// How a gateway behaves and where it listens, if there is one.
    pub(super) gateway: Option<(gateway::Config, TcpListener)>,
}

impl Node {
    /// Runs until `shutdown`, or until a part fails. The gateway drains first, so that what its clients wrote last still
    /// reaches the read models and the relay.
    pub(super) async fn run(self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let behind = CancellationToken::new();
        let mut tasks = self.spawn_behind(&behind)?;
        let outcome = tokio::select! {
            outcome = self.serve(shutdown) => outcome,
            Some(ended) = tasks.join_next() => Err(ended.err().map_or_else(|| anyhow!("a part ended"), Into::into)),
        };
        behind.cancel();
        while tasks.join_next().await.is_some() {}
        outcome
    }

    fn spawn_behind(&self, shutdown: &CancellationToken) -> anyhow::Result<JoinSet<()>> {
        let mut tasks = JoinSet::new();
        if let (true, Some(url)) = (self.projections, &self.database) {
            let (log, read) = (self.link.log.clone(), link::read_model(url)?);
            tasks.spawn(projector::run(projector::Config::default(), log, read, shutdown.clone()));
        }
        if self.workers {
            let (log, client) = (self.link.log.clone(), self.link.client.clone());
            let config = voxlog_workers::Config::new(self.replicas);
            tasks.spawn(voxlog_workers::run(config, log, client, self.link.namespace.clone(), shutdown.clone()));
        }
        Ok(tasks)
    }

    async fn serve(self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let (Some((config, listener)), Some(url)) = (self.gateway, self.database) else {
            shutdown.cancelled().await;
            return Ok(());
        };
        let parts = parts(config, &self.link, &url)?;
        voxlog_gateway::serve(parts, listener, shutdown.clone()).await.context("the gateway")
    }
}

/// What a gateway stands on.
pub(super) fn parts(config: gateway::Config, link: &Link, database: &str) -> anyhow::Result<Parts> {
    Ok(Parts {
        config,
        log: link.log.clone(),
        read: link::read_model(database)?,
        identity_pool: link::identity_pool(database)?,
        clock: Arc::new(SystemClock),
    })
}
