//! What keeps the read models up with the log: one task a partition, exactly once, whatever fails.
//!
//! Any number of processes may run it. The locked, compared checkpoint lets only one of them move it; the others notice
//! and go on from there. While PostgreSQL or the log is away it waits and tries again, without end.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt};
use sqlx::migrate::MigrateError;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    log::{Log, ReadError, Stored},
    position::{Partition, Seq},
};

use crate::{
    Health, ReadModel, batch, checkpoint,
    parked::{self, Retried},
};

/// The pauses between attempts: the first, and the longest, with up to half of it off by chance.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How a projector works.
#[derive(Debug, Clone)]
pub struct Config {
    /// The most records in one transaction.
    pub batch: usize,
    /// How often each partition's lag is measured.
    pub measure_every: Duration,
}

impl Default for Config {
    /// A thousand records make a transaction of some ten milliseconds; more gains little.
    fn default() -> Self {
        Self { batch: 1000, measure_every: Duration::from_secs(2) }
    }
}

/// Why a partition's work stopped, to be taken up again.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the read model does not answer: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the read model can't be brought up to this version: {0}")]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("the feed ended")]
    Ended,
    /// A rebuild has put other tables in place. No fault: load the checkpoint and follow from there.
    #[error("the checkpoint was moved back")]
    Moved,
    /// The log has lost what was applied. To follow on would skip what it takes anew at those seqs.
    #[error("the read model stands at {at}, beyond the end of the log at {tail}: rebuild it")]
    Ahead { at: Seq, tail: Seq },
}

/// Keeps `db` up with `log` until `shutdown`. Makes and migrates the schema first. Stopping it at any point, even by
/// dropping it, loses nothing and applies nothing twice. `health` tells meanwhile how it goes.
pub async fn run(config: Config, log: Arc<dyn Log>, db: ReadModel, health: Arc<Health>, shutdown: CancellationToken) {
    health.begin(log.partitions());
    shutdown.run_until_cancelled(supervise(config, log, db, health)).await;
}

async fn supervise(config: Config, log: Arc<dyn Log>, db: ReadModel, health: Arc<Health>) {
    let database = Arc::new(Outage::default());
    let mut pause = Pause::default();
    while let Err(fault) = prepare(&db).await {
        database.begins(&fault);
        pause.wait().await;
    }
    database.ends();
    let mut tasks = JoinSet::new();
    for partition in log.partitions().all() {
        let (config, log, db) = (config.clone(), log.clone(), db.clone());
        let (health, database) = (health.clone(), database.clone());
        tasks.spawn(async move { Projector { config, log, db, partition, health, database }.work().await });
    }
    tasks.join_all().await;
}

/// A new version may read what an older one had to park, so parked events are tried once at every start.
async fn prepare(db: &ReadModel) -> Result<(), Fault> {
    db.migrate().await?;
    let retried = parked::retry_parked(db, None).await?;
    if retried != Retried::default() {
        tracing::info!(applied = retried.applied, stuck = retried.stuck, "parked events tried again");
    }
    Ok(())
}

struct Projector {
    config: Config,
    log: Arc<dyn Log>,
    db: ReadModel,
    partition: Partition,
    health: Arc<Health>,
    /// Of PostgreSQL: told once for all partitions.
    database: Arc<Outage>,
}

impl Projector {
    /// Without end: a partition must not stay behind, not even for a panic.
    async fn work(self) {
        let (outage, mut pause) = (Outage::default(), Pause::default());
        loop {
            let healthy = || {
                self.database.ends();
                outage.ends();
            };
            let ended = AssertUnwindSafe(self.project(&mut pause, healthy)).catch_unwind().await;
            self.health.failed(self.partition);
            match ended {
                Ok(Fault::Moved) => continue,
                Ok(fault @ (Fault::Database(_) | Fault::Migrate(_))) => self.database.begins(&fault),
                Ok(fault) => outage.begins(&fault),
                Err(_) => tracing::error!(partition = %self.partition, "a projector panicked and begins again"),
            }
            pause.wait().await;
        }
    }

    /// From the checkpoint on, until something fails. `healthy` is called when something was applied, or nothing was
    /// left to apply: a database that answers but takes nothing is not well.
    async fn project(&self, pause: &mut Pause, healthy: impl Fn()) -> Fault {
        let mut at = match self.begin().await {
            Ok(at) => at,
            Err(fault) => return fault,
        };
        let mut feed = self.log.follow(self.partition, at).ready_chunks(self.config.batch);
        let mut measure = tokio::time::interval(self.config.measure_every);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                chunk = feed.next() => match chunk {
                    Some(chunk) => self.take(at, chunk).await.map(|reached| (reached, true)),
                    None => Err(Fault::Ended),
                },
                _ = measure.tick() => self.measure(at).await,
            };
            match step {
                Ok((reached, well)) => {
                    at = reached;
                    if well {
                        healthy();
                        pause.reset();
                    }
                }
                Err(fault) => return fault,
            }
        }
    }

    async fn begin(&self) -> Result<Seq, Fault> {
        let mut connection = self.db.pool().acquire().await?;
        checkpoint::ensure(&mut connection, self.partition).await?;
        let at = checkpoint::load(&mut connection, self.partition).await?;
        drop(connection);
        let tail = self.log.tail(self.partition).await?.last;
        if at > tail { Err(Fault::Ahead { at, tail }) } else { Ok(at) }
    }

    /// Applies what the feed had ready, beyond the checkpoint `at`, and answers where the checkpoint is now.
    async fn take(&self, mut at: Seq, chunk: Vec<Result<Stored, ReadError>>) -> Result<Seq, Fault> {
        let (mut records, mut fault) = (Vec::with_capacity(chunk.len()), None);
        for item in chunk {
            match item {
                Ok(record) => records.push(record),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        if let Some(last) = records.last().map(|record| record.seq) {
            at = self.apply(at, last, records).await?;
        }
        fault.map_or(Ok(at), |error| Err(error.into()))
    }

    /// Moves the checkpoint from `at` to `to` with all that stands between, and answers where it is now.
    async fn apply(&self, at: Seq, to: Seq, records: Vec<Stored>) -> Result<Seq, Fault> {
        let reached = batch::apply(&self.db, self.partition, (at, to), records).await?;
        if reached.at < at {
            return Err(Fault::Moved);
        }
        self.count(reached.applied);
        Ok(reached.at)
    }

    fn count(&self, applied: usize) {
        let label = self.partition.to_string();
        metrics::counter!("voxlog_projection_applied_events_total", "partition" => label).increment(applied as u64);
    }

    /// Tells how far the checkpoint `at` is behind; where it is now, and whether that is the end. What is left may have
    /// outlived its time to live, and no feed would ever bring the checkpoint there: then it is moved here.
    async fn measure(&self, mut at: Seq) -> Result<(Seq, bool), Fault> {
        let end = self.log.tail(self.partition).await?.last;
        if at < end && self.log.nothing_left(self.partition, at, end).await? {
            at = self.apply(at, end, Vec::new()).await?;
        }
        let lag = end.0.saturating_sub(at.0);
        let parked = parked::count(&self.db, self.partition).await?;
        self.health.looked(self.partition, at, end);
        let label = self.partition.to_string();
        metrics::gauge!("voxlog_projection_lag_events", "partition" => label.clone()).set(gauge(lag));
        metrics::gauge!("voxlog_projection_parked_events", "partition" => label).set(gauge(parked.unsigned_abs()));
        Ok((at, lag == 0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of events stay below 2^53")]
fn gauge(count: u64) -> f64 {
    count as f64
}

/// A time without something: its begin and its end are told once each.
#[derive(Debug, Default)]
struct Outage(Mutex<Option<Instant>>);

impl Outage {
    fn begins(&self, why: &Fault) {
        let mut since = self.0.lock().expect("an outage's lock is held for one assignment");
        if since.is_none() {
            tracing::warn!(error = %why, "projections wait");
            *since = Some(Instant::now());
        }
    }

    fn ends(&self) {
        let since = self.0.lock().expect("an outage's lock is held for one assignment").take();
        if let Some(since) = since {
            tracing::info!(outage_s = since.elapsed().as_secs_f64(), "projections go on");
        }
    }
}

/// Pauses that double, so that what comes back is not met by everybody at once.
#[derive(Debug)]
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(PAUSES.0)
    }
}

impl Pause {
    async fn wait(&mut self) {
        tokio::time::sleep(self.0.mul_f64(rand::random_range(0.5..1.0))).await;
        self.0 = (self.0 * 2).min(PAUSES.1);
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
