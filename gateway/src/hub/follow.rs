//! The log → state, ring, sockets: one task per partition, for as long as the node lives.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;
use voxlog_core::log::Log;

use super::{feed::Feed, lane::Lane};

/// How many records are applied under one lock. More would keep commands waiting, fewer would lock too often.
const BATCH: usize = 256;

/// How long a follower that has failed for good waits before it begins anew where it was.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Follows a lane's partition until it is over.
pub(super) async fn follow(log: Arc<dyn Log>, lane: Arc<Lane>, feed: Arc<Feed>, over: CancellationToken) {
    while !over.is_cancelled() {
        tokio::select! {
            () = over.cancelled() => return,
            () = follow_once(&*log, &lane, &feed) => tokio::time::sleep(RESTART_AFTER).await,
        }
    }
}

async fn follow_once(log: &dyn Log, lane: &Lane, feed: &Feed) {
    let mut batches = log.follow(lane.partition, lane.applied()).ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let mut records = Vec::with_capacity(batch.len());
        for record in batch {
            match record {
                Ok(stored) => records.push(stored),
                Err(error) => {
                    tracing::error!(partition = %lane.partition, %error, "a follower has stopped");
                    lane.apply(records, feed);
                    return;
                }
            }
        }
        lane.apply(records, feed);
    }
}
