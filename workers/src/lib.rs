//! What no client waits for.
//!
//! * The [`relay`] hands the committed events to integrators on core NATS.
//! * The [`reaper`] takes sessions offline whose gateway is gone, and out of their calls.
//! * What has become [`due`] is done.
//!
//! Any number of processes may run them. Of the relay and the reaper one acts and the others stand by; each thing that is
//! due goes to one of all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::Client;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    bus::Bus,
    clock::Clock,
    log::{Log, Namespace},
};

mod acting;
pub mod due;
mod lease;
pub mod reaper;
pub mod relay;

/// What the workers of a process stand on.
#[derive(Debug, Clone)]
pub struct Parts {
    /// How they behave.
    pub config: Config,
    /// The log, opened.
    pub log: Arc<dyn Log>,
    /// What nodes tell each other beside it.
    pub bus: Bus,
    /// The connection to NATS.
    pub client: Client,
    /// The prefix of subjects and buckets there.
    pub namespace: Namespace,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether they can work, for who wants to know.
    pub health: Arc<Health>,
}

/// How the workers of a process behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Copies of the workers' own buckets on different servers, as many as the log has.
    pub replicas: u8,
    /// How long the holder of a lease may be silent before another takes over.
    pub lease: Duration,
    /// How often a holder says that it is there.
    pub refresh: Duration,
    /// How long a node may have sessions without a lease that the reaper has ever seen.
    pub grace: Duration,
}

impl Config {
    /// Leases of 15 s, refreshed every 5 s: one lost refresh costs nobody the lease. A node that could not refresh its own
    /// while NATS was away does so within a try of 3 s and two pauses of a second after NATS is back; it has 8 s.
    pub fn new(replicas: u8) -> Self {
        let seconds = Duration::from_secs;
        Self { replicas, lease: seconds(15), refresh: seconds(5), grace: seconds(8) }
    }
}

/// Whether the workers of a process can work, each for itself.
#[derive(Debug, Default)]
pub struct Health {
    relay: AtomicBool,
    reaper: AtomicBool,
    due: AtomicBool,
}

impl Health {
    /// Each task by its name, and whether it can work: it acts, or stands by for the one that does. False until it has
    /// reached its lease or its stream, and while it can't: a connection that breaks is the caller's to see, for who acts
    /// finds out only when its lease is stale.
    pub fn tasks(&self) -> [(&'static str, bool); 3] {
        let works = |task: &AtomicBool| task.load(Ordering::Relaxed);
        [("relay", works(&self.relay)), ("reaper", works(&self.reaper)), ("due", works(&self.due))]
    }
}

/// Does the work until `shutdown`. Faults of NATS are waited out and told to the log, so it ends in no other way.
pub async fn run(parts: Parts, shutdown: CancellationToken) {
    tokio::join!(
        acting::serve(&parts, &parts.health.relay, relay::Relay::new(&parts), &shutdown),
        acting::serve(&parts, &parts.health.reaper, reaper::Reaper::new(&parts), &shutdown),
        due::serve(&parts, &parts.health.due, &shutdown),
    );
}
