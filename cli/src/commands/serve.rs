//! `voxlog serve`: the parts of a node.

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, anyhow};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use voxlog_core::clock::SystemClock;
use voxlog_gateway::{Parts, config as gateway, operations};

use crate::{
    args::{LOOPBACK, Part, Serve},
    config::{Faults, GatewaySettings, LogSettings, Reader, Sources},
    link::{self, Link},
};

mod behind;

use super::up::demo::bot::{self, Bot};
use behind::Behind;

/// Where the parts that no client talks to say how they are, unless told otherwise. Not the ports after the gateway's
/// 8080, which a second `voxlog up` takes.
const PROJECTIONS_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(LOOPBACK), 8090);
const WORKERS_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(LOOPBACK), 8091);

/// Serves until `shutdown`. Servers that are not there yet are waited for.
pub async fn run(serve: &Serve, sources: &Sources, shutdown: &CancellationToken) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(serve.part, sources)?;
    // Bound first: a port that is taken is told at once, and who asks early is told that the node waits.
    let listener = bind(settings.bind).await?;
    let (listener, link) = wait(listener, &settings, shutdown).await?;
    let Some(link) = link else { return Ok(ExitCode::SUCCESS) };
    let node = settings.node(link, listener);
    node.run(shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

/// What the parts of a node need.
#[derive(Debug)]
struct Settings {
    part: Part,
    bind: SocketAddr,
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
        let (bind, gateway) = match part {
            Part::Gateway | Part::All => {
                let gateway = reader.gateway();
                (gateway.as_ref().map(|gateway| gateway.bind), gateway.map(Some))
            }
            Part::Projections => (reader.bind_or(PROJECTIONS_BIND), Some(None)),
            Part::Workers => (reader.bind_or(WORKERS_BIND), Some(None)),
        };
        match (bind, log, database, gateway) {
            (Some(bind), Some(log), Some(database), Some(gateway)) => Ok(Self { part, bind, log, database, gateway }),
            _ => Err(reader.into_faults()),
        }
    }

    fn node(self, link: Link, listener: TcpListener) -> Node {
        let acts = |part| self.part == part || self.part == Part::All;
        Node {
            link,
            projections: acts(Part::Projections),
            workers: acts(Part::Workers),
            database: self.database,
            gateway: self.gateway.map(|gateway| gateway.config()),
            bot: None,
            listener,
        }
    }
}

/// Listens, and says where.
async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let unusable = || format!("can't listen on {address}: set VOXLOG_BIND to another address");
    let listener = TcpListener::bind(address).await.with_context(unusable)?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}

/// Waits for the log, and meanwhile answers those who ask how the node is.
async fn wait(
    listener: TcpListener,
    settings: &Settings,
    shutdown: &CancellationToken,
) -> anyhow::Result<(TcpListener, Option<Link>)> {
    let listener = listener.into_std()?;
    let (early, over) = (TcpListener::from_std(listener.try_clone()?)?, CancellationToken::new());
    let waiting = async {
        // Projections hear of nothing beside the log, and have no right to make its streams.
        let link = link::wait(&settings.log, settings.part != Part::Projections, shutdown).await;
        over.cancel();
        link
    };
    let answering = operations::serve_waiting(early, over.clone().cancelled_owned());
    let (link, ()) = tokio::join!(waiting, answering);
    Ok((TcpListener::from_std(listener)?, link?))
}

/// The parts of a node, ready to run.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) link: Link,
    /// Whether it keeps the read models up.
    pub(super) projections: bool,
    /// Whether it does what no client waits for.
    pub(super) workers: bool,
    /// Where read models and identity are; the workers alone need neither.
    pub(super) database: Option<String>,
    /// How a gateway behaves, if there is one.
    pub(super) gateway: Option<gateway::Config>,
    /// Who lives in the gateway, if it has a demo.
    pub(super) bot: Option<Bot>,
    /// Where the gateway listens, or else who asks how the node is finds it.
    pub(super) listener: TcpListener,
}

impl Node {
    /// Runs until `shutdown`, or until a part fails. The gateway drains first, so that what its clients wrote last still
    /// reaches the read models and the relay.
    pub(super) async fn run(self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        // Before anything that is measured begins.
        voxlog_gateway::metrics::install();
        let (end, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let behind = self.spawn_behind(&mut tasks, &end)?;
        let outcome = tokio::select! {
            outcome = self.serve(behind, shutdown) => outcome,
            Some(ended) = tasks.join_next() => Err(ended.err().map_or_else(|| anyhow!("a part ended"), Into::into)),
        };
        end.cancel();
        while tasks.join_next().await.is_some() {}
        outcome
    }

    fn spawn_behind(&self, tasks: &mut JoinSet<()>, end: &CancellationToken) -> anyhow::Result<Behind> {
        let mut behind = Behind::default();
        if let (true, Some(url)) = (self.projections, &self.database) {
            behind.project(tasks, &self.link, link::read_model(url)?, end.clone());
        }
        if self.workers {
            behind.work(tasks, &self.link, end.clone());
        }
        Ok(behind)
    }

    async fn serve(self, behind: Behind, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let (Some(config), Some(url)) = (self.gateway, self.database) else {
            operations::serve(Arc::new(behind), self.listener, shutdown.cancelled()).await;
            return Ok(());
        };
        let parts = parts(config, &self.link, &url)?;
        let gateway = voxlog_gateway::start(parts, shutdown.clone()).await.context("the gateway")?;
        if let Some(bot) = self.bot {
            let life = bot::live(bot, Arc::clone(&gateway), self.link.log.clone());
            gateway.tasks.spawn(shutdown.clone().run_until_cancelled_owned(life));
        }
        gateway.serve(self.listener).await;
        Ok(())
    }
}

/// What a gateway stands on.
pub(super) fn parts(config: gateway::Config, link: &Link, database: &str) -> anyhow::Result<Parts> {
    Ok(Parts {
        config,
        log: link.log.clone(),
        nats: link.client.clone(),
        bus: link.bus.clone(),
        namespace: link.namespace.clone(),
        replicas: link.replicas,
        read: link::read_model(database)?,
        identity_pool: link::identity_pool(database)?,
        clock: Arc::new(SystemClock),
    })
}
