//! Whether this node is where the log is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::select_all};
use voxlog_core::position::{Partition, Seq};

use super::Hub;

/// How often the ends of the partitions are compared with what has been applied.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the last look found.
#[derive(Debug, Default)]
pub(super) struct Health {
    behind: AtomicBool,
}

impl Hub {
    /// Whether every partition answers and this node has applied all that each had one look ago.
    pub fn is_ready(&self) -> bool {
        !self.health.behind.load(Ordering::Relaxed)
    }

    /// Up to where this node has applied each partition.
    pub fn applied(&self) -> Vec<(Partition, Seq)> {
        self.lanes.iter().map(|lane| (lane.partition, lane.applied())).collect()
    }

    /// Waits until this node has applied more of any partition than `seen`, which [`Self::applied`] gave.
    pub async fn moved_beyond(&self, seen: &[(Partition, Seq)]) {
        let moved = self.lanes.iter().zip(seen).map(|(lane, (_, seen))| lane.passed(*seen).boxed());
        select_all(moved).await;
    }

    /// How many rooms this node has in memory.
    pub fn rooms_in_use(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.lock().slots.len() as u64).sum()
    }

    /// Looks at every partition for as long as the node lives.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let behind = self.is_behind(&mut looks).await;
            if self.health.behind.swap(behind, Ordering::Relaxed) != behind {
                tracing::info!(behind, "this node's place in the log has changed");
            }
        }
    }

    async fn is_behind(&self, looks: &mut tokio::time::Interval) -> bool {
        let mut ends = Vec::with_capacity(self.lanes.len());
        for lane in &self.lanes {
            match self.log.tail(lane.partition).await {
                Ok(tail) => ends.push(tail.last),
                Err(_) => return true,
            }
        }
        let lag = self.lanes.iter().zip(&ends).map(|(lane, end)| end.0.saturating_sub(lane.applied().0));
        metrics::gauge!("voxlog_follower_lag_events").set(u32::try_from(lag.sum::<u64>()).unwrap_or(u32::MAX));
        if self.reached(&ends) {
            return false;
        }
        looks.tick().await;
        for (lane, end) in self.lanes.iter().zip(&ends) {
            // What has left the log meanwhile is not missing.
            let applied = lane.applied();
            if applied < *end && !self.log.nothing_left(lane.partition, applied, *end).await.unwrap_or(false) {
                return true;
            }
        }
        false
    }

    fn reached(&self, ends: &[Seq]) -> bool {
        self.lanes.iter().zip(ends).all(|(lane, end)| lane.applied() >= *end)
    }
}
