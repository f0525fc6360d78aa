//! The relay: every committed event, published on `vox.live.room.{room}.{class}` for those who want plain `nats sub`.
//!
//! What is promised to a subscriber that stays connected:
//! * Only what is in the log is published, as it stands there. Headers: `Vox-Partition`, `Vox-Seq`, and `Vox-Prev`, the
//!   seq before it on the same subject (0 for the first), by which a gap shows.
//! * **At least once.** After a takeover or a reconnect the last seconds are published again, in order: drop what has a
//!   `Vox-Seq` that is not above the last one of its subject.
//! * Live means live: it begins where the log ends, or where the former relay stopped within the last minute. Who must
//!   not miss anything that happens in their own absence uses a durable consumer on the log's streams.
//!
//! Of all processes that run it, the one that holds the [`Lease`] publishes. The lease carries how far everything was
//! published, and a position enters it only when the server has answered on the same connection after the publish: so
//! whoever takes over repeats some events and skips none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, HeaderMap};
use futures_util::{
    StreamExt,
    future::{join_all, try_join_all},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::SystemClock,
    id::NodeId,
    log::{Log, Namespace, ReadError, Stored, Subject},
    position::{Chain, Partition, Seq},
};

use crate::{Config, Health};

mod chains;
mod lease;

use chains::Chains;
use lease::{Lease, LeaseError, Positions};

/// The pause after a fault of NATS.
const AFTER_FAULT: Duration = Duration::from_secs(1);
/// What a shutdown spends on leaving the lease to the next.
const HAND_OVER: Duration = Duration::from_secs(2);

/// Relays until `shutdown`.
pub async fn run(
    config: Config,
    log: Arc<dyn Log>,
    client: Client,
    namespace: Namespace,
    health: Arc<Health>,
    shutdown: CancellationToken,
) {
    let relay = Relay { node: NodeId::mint(&SystemClock), config, log, client, namespace, health };
    relay.serve(&shutdown).await;
}

struct Relay {
    node: NodeId,
    config: Config,
    log: Arc<dyn Log>,
    client: Client,
    namespace: Namespace,
    health: Arc<Health>,
}

/// Why a term is over.
enum Ended {
    /// The lease is another's, or can't be renewed.
    Lost,
    /// Publishes may have been lost with the old connection.
    Reconnected,
    /// We were asked to.
    Shutdown,
}

impl Relay {
    /// Stands by, leads, stands by.
    async fn serve(&self, shutdown: &CancellationToken) {
        // So that it is measured before this one ever leads.
        metrics::gauge!("voxlog_relay_leading").set(0);
        let mut quiet = false;
        while !shutdown.is_cancelled() {
            match self.term(shutdown).await {
                Ok(()) => quiet = false,
                Err(error) => {
                    self.health.set(false);
                    if !std::mem::replace(&mut quiet, true) {
                        tracing::warn!(%error, "the relay can't work, it keeps trying");
                    }
                    tokio::select! {
                        () = sleep(AFTER_FAULT) => {}
                        () = shutdown.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Waits for the lease, and relays while it lasts.
    async fn term(&self, shutdown: &CancellationToken) -> Result<(), LeaseError> {
        let mut lease = tokio::select! {
            lease = self.acquire() => lease?,
            () = shutdown.cancelled() => return Ok(()),
        };
        // Now that the server has answered: before, the connection may still have been on its way.
        let connects = self.connects();
        metrics::gauge!("voxlog_relay_leading").set(1);
        tracing::info!(node = %self.node, "relaying");
        let ended = self.lead(&mut lease, connects, shutdown).await;
        metrics::gauge!("voxlog_relay_leading").set(0);
        if let Ended::Lost = ended {
            tracing::warn!(node = %self.node, "another relay took over");
        }
        Ok(())
    }

    async fn acquire(&self) -> Result<Lease, LeaseError> {
        let bucket = self.namespace.bucket("RELAY");
        let mut lease = Lease::open(&self.client, bucket, self.node, self.config).await?;
        self.health.set(true);
        lease.acquire(|| tails(&*self.log)).await?;
        Ok(lease)
    }

    /// Publishes until the lease is lost. Positions enter the lease at every refresh.
    async fn lead(&self, lease: &mut Lease, connects: u64, shutdown: &CancellationToken) -> Ended {
        let tracks: Vec<_> = lease.positions().iter().map(|&seq| Arc::new(AtomicU64::new(seq.0))).collect();
        let mut publishers = JoinSet::new();
        for (partition, track) in self.log.partitions().all().zip(&tracks) {
            publishers.spawn(self.publisher(partition).run(track.clone()));
        }
        loop {
            tokio::select! {
                () = sleep(self.config.refresh) => {}
                () = shutdown.cancelled() => {
                    publishers.shutdown().await;
                    self.hand_over(lease, &tracks, connects).await;
                    return Ended::Shutdown;
                }
            }
            let positions = read(&tracks);
            self.measure(&positions).await;
            // The answer to the renewal's first request proves that the server has what was published before it.
            let renewed = lease.renew(positions, || self.connects() == connects).await;
            match renewed {
                Ok(true) => {}
                Ok(false) => return Ended::Lost,
                Err(LeaseError::Reconnected) => return Ended::Reconnected,
                Err(error) if lease.is_stale() => {
                    tracing::warn!(%error, "the relay's lease can't be renewed");
                    return Ended::Lost;
                }
                Err(error) => tracing::debug!(%error, "the relay's lease was not renewed this time"),
            }
        }
    }

    /// Leaves the lease to the next at once. Best effort: without it the next one waits until the lease is stale.
    async fn hand_over(&self, lease: &mut Lease, tracks: &[Arc<AtomicU64>], connects: u64) {
        let released = lease.release(read(tracks), || self.connects() == connects);
        if !matches!(timeout(HAND_OVER, released).await, Ok(Ok(_))) {
            tracing::debug!("the relay's lease was not released");
        }
    }

    fn publisher(&self, partition: Partition) -> Publisher {
        Publisher {
            log: self.log.clone(),
            client: self.client.clone(),
            namespace: self.namespace.clone(),
            partition,
            chains: Chains::new(),
        }
    }

    /// How often the connection was made: more than before means that it was lost in between.
    fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Acquire)
    }

    /// All partitions at once: the lease must not wait for each that has lost its leader in turn.
    async fn measure(&self, positions: &Positions) {
        let measure = async |(partition, seq): (Partition, &Seq)| {
            let Ok(lag) = lag(&*self.log, partition, *seq).await else { return };
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and a lag of 2^53 events is no lag")]
            metrics::gauge!("voxlog_relay_lag_events", "partition" => partition.to_string()).set(lag as f64);
        };
        join_all(self.log.partitions().all().zip(positions).map(measure)).await;
    }
}

fn read(tracks: &[Arc<AtomicU64>]) -> Positions {
    tracks.iter().map(|track| Seq(track.load(Ordering::Acquire))).collect()
}

/// Where the log ends, and where a relay without a predecessor begins.
async fn tails(log: &dyn Log) -> Result<Positions, ReadError> {
    let last = async |partition| Ok(log.tail(partition).await?.last);
    try_join_all(log.partitions().all().map(last)).await
}

/// How many seqs a relay that has published up to `seq` is behind. What has outlived its time to live will never be
/// published, so when nothing else is left it is not behind.
async fn lag(log: &dyn Log, partition: Partition, seq: Seq) -> Result<u64, ReadError> {
    let end = log.tail(partition).await?.last;
    if seq < end && log.nothing_left(partition, seq, end).await? {
        return Ok(0);
    }
    Ok(end.0.saturating_sub(seq.0))
}

/// One partition on its way out.
struct Publisher {
    log: Arc<dyn Log>,
    client: Client,
    namespace: Namespace,
    partition: Partition,
    chains: Chains,
}

impl Publisher {
    /// Publishes what follows `track` and moves it. Ends only when the term does.
    async fn run(mut self, track: Arc<AtomicU64>) {
        loop {
            let after = Seq(track.load(Ordering::Acquire));
            if let Err(error) = self.follow(after, &track).await {
                tracing::warn!(%error, partition = %self.partition, "the relay lost its feed and takes it up again");
            }
            sleep(AFTER_FAULT).await;
        }
    }

    async fn follow(&mut self, after: Seq, track: &AtomicU64) -> Result<(), ReadError> {
        let mut feed = self.log.follow(self.partition, after);
        while let Some(stored) = feed.next().await {
            let stored = stored?;
            let seq = stored.seq;
            if let Subject::Chain(chain) = stored.subject {
                self.publish(chain, stored).await?;
            }
            track.store(seq.0, Ordering::Release);
        }
        Ok(())
    }

    async fn publish(&mut self, chain: Chain, stored: Stored) -> Result<(), ReadError> {
        let prev = self.prev(chain, stored.seq).await?;
        let mut headers = HeaderMap::new();
        headers.insert("Vox-Partition", self.partition.to_string());
        headers.insert("Vox-Seq", stored.seq.to_string());
        headers.insert("Vox-Prev", prev.to_string());
        // It waits while the connection is away and fails only when the client is closed.
        let published = self.client.publish_with_headers(self.namespace.live(chain), headers, stored.payload).await;
        published.map_err(|error| ReadError::Unavailable(error.to_string()))?;
        self.chains.advance(chain, stored.seq);
        metrics::counter!("voxlog_relay_published_total").increment(1);
        Ok(())
    }

    /// The seq before this one on its chain: remembered, or looked up for a chain that has been quiet.
    async fn prev(&self, chain: Chain, seq: Seq) -> Result<Seq, ReadError> {
        if let Some(prev) = self.chains.last(chain) {
            return Ok(prev);
        }
        let before = self.log.read_before(chain, seq, 1).await?;
        Ok(before.last().map_or(Seq::ZERO, |stored| stored.seq))
    }
}
