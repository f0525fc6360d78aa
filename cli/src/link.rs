//! How commands get to the log and the database.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_nats::Client;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    bus::Bus,
    log::{LogConfig, Namespace, NatsLog, OpenError, connect},
};
use voxlog_projections::ReadModel;

use crate::config::LogSettings;

/// The schema of the live read models.
pub const SCHEMA: &str = "voxlog";

/// Connections for sign-ins; each takes one for some milliseconds.
const IDENTITY_CONNECTIONS: u32 = 8;
/// While PostgreSQL is away, whoever signs in should be told, not kept.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// The pauses between attempts to open the log: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// A connection to NATS with the log on it.
#[derive(Debug, Clone)]
pub struct Link {
    /// The connection.
    pub client: Client,
    /// The log.
    pub log: Arc<NatsLog>,
    /// What nodes tell each other beside it.
    pub bus: Bus,
    /// The prefix of its subjects and streams.
    pub namespace: Namespace,
    /// Copies of each stream.
    pub replicas: u8,
}

impl Link {
    fn new(client: Client, log: NatsLog, settings: &LogSettings) -> Self {
        let (namespace, replicas) = (settings.namespace.clone(), settings.replicas);
        let bus = Bus::new(client.clone(), namespace.clone(), replicas);
        Self { client, log: Arc::new(log), bus, namespace, replicas }
    }
}

impl LogSettings {
    /// As the log takes them.
    pub fn config(&self) -> LogConfig {
        LogConfig { replicas: self.replicas, ..LogConfig::new(self.namespace.clone(), self.partitions) }
    }
}

/// A connection to servers that answer now.
pub async fn reach(settings: &LogSettings) -> anyhow::Result<Client> {
    let options = connect::options("voxlog", settings.credentials.as_deref()).await?;
    let unreachable = || "NATS does not answer at NATS_URL: is it running? `voxlog doctor` tells more";
    options.max_reconnects(3).connect(connect::servers(&settings.url)).await.with_context(unreachable)
}

/// The log, on servers that answer now.
pub async fn open(settings: &LogSettings) -> anyhow::Result<Link> {
    let client = reach(settings).await?;
    let log = NatsLog::open(client.clone(), settings.config()).await?;
    Ok(Link::new(client, log, settings))
}

/// The log, as soon as its servers answer; `None` after `shutdown`. What no waiting can mend is an error. With `bus` the
/// streams beside it are there as well.
pub async fn wait(settings: &LogSettings, bus: bool, shutdown: &CancellationToken) -> anyhow::Result<Option<Link>> {
    let client = voxlog_core::log::connect(&settings.url, "voxlog", settings.credentials.as_deref()).await?;
    shutdown.run_until_cancelled(open_patiently(client, settings, bus)).await.transpose()
}

async fn open_patiently(client: Client, settings: &LogSettings, bus: bool) -> anyhow::Result<Link> {
    let (mut pause, longest) = PAUSES;
    let mut waited = false;
    loop {
        match try_open(client.clone(), settings, bus).await {
            Ok(link) => {
                if waited {
                    tracing::info!("NATS answers");
                }
                return Ok(link);
            }
            Err(OpenError::Unavailable(reason)) if !waited => {
                tracing::warn!(reason, "waiting for NATS");
                waited = true;
            }
            Err(OpenError::Unavailable(_)) => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

async fn try_open(client: Client, settings: &LogSettings, bus: bool) -> Result<Link, OpenError> {
    let log = NatsLog::open(client.clone(), settings.config()).await?;
    let link = Link::new(client, log, settings);
    if bus {
        link.bus.bring_up().await?;
    }
    Ok(link)
}

/// The read models at a database that need not answer yet.
pub fn read_model(url: &str) -> anyhow::Result<ReadModel> {
    ReadModel::connect(url, SCHEMA).context("DATABASE_URL")
}

/// Identity's connections to a database that need not answer yet.
pub fn identity_pool(url: &str) -> anyhow::Result<PgPool> {
    let pool = PgPoolOptions::new().max_connections(IDENTITY_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
    pool.connect_lazy(url).context("DATABASE_URL")
}
