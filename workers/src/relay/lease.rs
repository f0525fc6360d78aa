//! The right to relay, and how far everything was relayed, in one key of a bucket.
//!
//! Every change is conditional on the revision that was read, so of two who reach for it one gets it. A holder that is
//! silent for `lease` by the reader's own stopwatch has lost it: no clocks are compared. The bucket forgets the key a
//! minute after the last change, and with it where the last relay stopped.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{
        self,
        kv::{self, CreateErrorKind, Entry, Store, UpdateErrorKind},
    },
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use voxlog_core::{id::NodeId, log::ReadError, position::Seq};

use crate::Config;

const KEY: &str = "lease";

/// What a relay that comes back within this continues without a hole.
const REMEMBERED: Duration = Duration::from_mins(1);

/// The seq up to which each partition was relayed, by partition.
pub(super) type Positions = Vec<Seq>;

/// Why the lease could not be read or changed. Trying again may work.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// NATS does not answer, or says no.
    #[error("the relay's bucket: {0}")]
    Bucket(String),
    /// The log does not say where it ends.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The connection was lost in between, and perhaps publishes with it.
    #[error("the connection was lost in between")]
    Reconnected,
}

#[derive(Debug, Serialize, Deserialize)]
struct Value {
    /// Who has it; nobody after a release.
    holder: Option<NodeId>,
    positions: Positions,
}

pub(super) struct Lease {
    store: Store,
    node: NodeId,
    config: Config,
    positions: Positions,
    renewed: Instant,
}

/// A lease in another's hand, as we last saw it change.
struct Seen {
    revision: u64,
    since: Instant,
}

impl Lease {
    /// Opens the bucket, making it when it is missing. The lease is not ours yet.
    pub(super) async fn open(
        client: &Client,
        bucket: String,
        node: NodeId,
        config: Config,
    ) -> Result<Self, LeaseError> {
        let store = jetstream::new(client.clone())
            .create_key_value(kv::Config {
                bucket,
                description: "Who relays, and how far".to_owned(),
                max_age: REMEMBERED,
                num_replicas: config.replicas.into(),
                ..kv::Config::default()
            })
            .await
            .map_err(bucket_error)?;
        Ok(Self { store, node, config, positions: Vec::new(), renewed: Instant::now() })
    }

    /// Waits until the lease is ours. `tails` tells where the log ends: the start of who has no predecessor.
    pub(super) async fn acquire<F>(&mut self, tails: impl Fn() -> F) -> Result<(), LeaseError>
    where
        F: Future<Output = Result<Positions, ReadError>>,
    {
        let mut seen: Option<Seen> = None;
        loop {
            let entry = self.entry().await?;
            match entry.as_ref().map(|entry| (entry.revision, parse(entry))) {
                Some((revision, Some(value))) if self.must_wait(&value, revision, &mut seen) => {
                    sleep(self.config.refresh).await;
                }
                Some((revision, value)) => {
                    let start = start(value.map(|value| value.positions), tails().await?);
                    if self.write(Some(self.node), start, revision).await? {
                        return Ok(());
                    }
                }
                None => {
                    if self.create(tails().await?).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Up to where the predecessor relayed, or we did at the last renewal.
    pub(super) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Whether nobody has to wait for us any more: the last renewal is a whole lease ago.
    pub(super) fn is_stale(&self) -> bool {
        self.renewed.elapsed() >= self.config.lease
    }

    /// Keeps the lease and saves `positions`. `false` means that it is another's now. `connected` tells whether the
    /// connection is still the one on which everything up to `positions` was published; it is asked after the server
    /// has answered on it.
    pub(super) async fn renew(
        &mut self,
        positions: Positions,
        connected: impl Fn() -> bool,
    ) -> Result<bool, LeaseError> {
        self.save(Some(self.node), positions, connected).await
    }

    /// Gives the lease up, with how far we came.
    pub(super) async fn release(
        &mut self,
        positions: Positions,
        connected: impl Fn() -> bool,
    ) -> Result<bool, LeaseError> {
        self.save(None, positions, connected).await
    }

    async fn save(
        &mut self,
        holder: Option<NodeId>,
        positions: Positions,
        connected: impl Fn() -> bool,
    ) -> Result<bool, LeaseError> {
        let entry = self.entry().await?;
        if !connected() {
            return Err(LeaseError::Reconnected);
        }
        // A write whose answer was lost still made us the holder.
        let ours = |entry: &Entry| parse(entry).is_some_and(|value| value.holder == Some(self.node));
        match entry.filter(ours) {
            Some(entry) => self.write(holder, positions, entry.revision).await,
            None => Ok(false),
        }
    }

    /// Whether somebody else has it and is alive, as far as one can tell by now.
    fn must_wait(&self, value: &Value, revision: u64, seen: &mut Option<Seen>) -> bool {
        if value.holder.is_none_or(|holder| holder == self.node) {
            return false;
        }
        match seen {
            Some(seen) if seen.revision == revision => seen.since.elapsed() < self.config.lease,
            _ => {
                *seen = Some(Seen { revision, since: Instant::now() });
                true
            }
        }
    }

    async fn entry(&self) -> Result<Option<Entry>, LeaseError> {
        self.store.entry(KEY).await.map_err(bucket_error)
    }

    /// `false` when another changed it first.
    async fn write(&mut self, holder: Option<NodeId>, positions: Positions, revision: u64) -> Result<bool, LeaseError> {
        let value = Value { holder, positions };
        match self.store.update(KEY, encode(&value), revision).await {
            Ok(_) => {
                self.held(value.positions);
                Ok(true)
            }
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(false),
            Err(error) => Err(bucket_error(error)),
        }
    }

    async fn create(&mut self, positions: Positions) -> Result<bool, LeaseError> {
        let value = Value { holder: Some(self.node), positions };
        match self.store.create(KEY, encode(&value)).await {
            Ok(_) => {
                self.held(value.positions);
                Ok(true)
            }
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(bucket_error(error)),
        }
    }

    fn held(&mut self, positions: Positions) {
        (self.positions, self.renewed) = (positions, Instant::now());
    }
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

/// `None` for what this version did not write, which is nobody's then.
fn parse(entry: &Entry) -> Option<Value> {
    serde_json::from_slice(&entry.value).ok()
}

fn encode(value: &Value) -> bytes::Bytes {
    serde_json::to_vec(value).expect("a lease is plain data").into()
}

fn bucket_error(error: impl std::fmt::Display) -> LeaseError {
    LeaseError::Bucket(error.to_string())
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
