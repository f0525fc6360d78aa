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
//! Of all processes that run it one acts. It leaves to the next how far everything was published, and a position enters
//! the lease only when the server has answered on the same connection after the publish: so whoever takes over repeats
//! some events and skips none.

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
use tokio::{task::JoinSet, time::sleep};
use voxlog_core::{
    log::{Log, Namespace, ReadError, Stored, Subject},
    position::{Chain, Partition, Seq},
};

use crate::{
    Parts,
    acting::{Ask, Task},
};

mod chains;

use chains::Chains;

/// The pause after a fault of NATS.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// The seq up to which each partition was relayed, by partition.
type Positions = Vec<Seq>;

/// What relays.
pub(crate) struct Relay {
    log: Arc<dyn Log>,
    client: Client,
    namespace: Namespace,
    refresh: Duration,
}

impl Relay {
    pub(crate) fn new(Parts { log, client, namespace, config, .. }: &Parts) -> Self {
        let (log, client, namespace) = (Arc::clone(log), client.clone(), namespace.clone());
        Self { log, client, namespace, refresh: config.refresh }
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
}

impl Task for Relay {
    const NAME: &'static str = "relay";

    type Progress = Positions;

    async fn begin(&self, left: Option<Positions>) -> Result<Positions, ReadError> {
        Ok(start(left, tails(&*self.log).await?))
    }

    fn act(&self, from: Positions, tasks: &mut JoinSet<()>) -> Ask<Positions> {
        let tracks: Arc<[_]> = from.iter().map(|&seq| Arc::new(AtomicU64::new(seq.0))).collect();
        for (partition, track) in self.log.partitions().all().zip(&*tracks) {
            tasks.spawn(self.publisher(partition).run(track.clone()));
        }
        tasks.spawn(measure(self.log.clone(), tracks.clone(), self.refresh));
        Box::new(move || read(&tracks))
    }
}

fn read(tracks: &[Arc<AtomicU64>]) -> Positions {
    tracks.iter().map(|track| Seq(track.load(Ordering::Acquire))).collect()
}

/// Where to continue: never beyond the log's end, which lies before a saved position only when the log was made anew.
fn start(saved: Option<Positions>, tails: Positions) -> Positions {
    match saved {
        Some(saved) if saved.len() == tails.len() => {
            saved.into_iter().zip(tails).map(|(saved, tail)| saved.min(tail)).collect()
        }
        _ => tails,
    }
}

/// All partitions at once: none must wait for those that have lost their leader.
async fn measure(log: Arc<dyn Log>, tracks: Arc<[Arc<AtomicU64>]>, every: Duration) {
    let measure = async |(partition, seq): (Partition, Seq)| {
        let Ok(lag) = lag(&*log, partition, seq).await else { return };
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and a lag of 2^53 events is no lag")]
        metrics::gauge!("voxlog_relay_lag_events", "partition" => partition.to_string()).set(lag as f64);
    };
    loop {
        join_all(log.partitions().all().zip(read(&tracks)).map(measure)).await;
        sleep(every).await;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_continues_where_the_log_and_the_predecessor_both_have_been() {
        let tails = vec![Seq(10), Seq(20)];
        assert_eq!(start(None, tails.clone()), tails);
        assert_eq!(start(Some(vec![Seq(7), Seq(25)]), tails.clone()), [Seq(7), Seq(20)]);
        assert_eq!(start(Some(vec![Seq(7)]), tails.clone()), tails);
    }
}
