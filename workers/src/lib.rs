//! What no client waits for.
//!
//! One task so far: the [`relay`], which hands the committed events to integrators on core NATS.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::Client;
use tokio_util::sync::CancellationToken;
use voxlog_core::log::{Log, Namespace};

pub mod relay;

/// How the workers of a process behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Copies of the workers' own buckets on different servers, as many as the log has.
    pub replicas: u8,
    /// How long the holder of a lease may be silent before another takes over.
    pub lease: Duration,
    /// How often a holder says that it is there.
    pub refresh: Duration,
}

impl Config {
    /// Leases of 15 s, refreshed every 5 s: one lost refresh costs nobody the lease.
    pub fn new(replicas: u8) -> Self {
        Self { replicas, lease: Duration::from_secs(15), refresh: Duration::from_secs(5) }
    }
}

/// Whether the workers of a process can work. Shared with who wants to know.
#[derive(Debug, Default)]
pub struct Health(AtomicBool);

impl Health {
    /// Whether the relay leads, or stands by for the one that does. False until it has reached its lease, and while it
    /// can't: a connection that breaks is the caller's to see, for a leader finds out only when its lease is stale.
    pub fn works(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, works: bool) {
        self.0.store(works, Ordering::Relaxed);
    }
}

/// Does the work until `shutdown`. Faults of NATS are waited out and told to the log, so it ends in no other way.
///
/// Any number of processes may run it: of each task one acts, and the others stand by. `health` tells meanwhile whether
/// this process can do either.
pub async fn run(
    config: Config,
    log: Arc<dyn Log>,
    client: Client,
    namespace: Namespace,
    health: Arc<Health>,
    shutdown: CancellationToken,
) {
    relay::run(config, log, client, namespace, health, shutdown).await;
}
