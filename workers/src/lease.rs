//! The right to act in a task, and what its holder leaves to the next, in one key of a bucket.
//!
//! Every change is conditional on the revision that was read, so of two who reach for it one gets it. A holder that is
//! silent for `lease` by the reader's own stopwatch has lost it: no clocks are compared. The bucket forgets the key a
//! minute after the last change, and with it what was left.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{
        self,
        kv::{self, CreateErrorKind, Entry, Store, UpdateErrorKind},
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::{Instant, sleep};
use voxlog_core::{id::NodeId, log::ReadError};

use crate::Config;

/// What somebody who comes back within this continues without a hole.
const REMEMBERED: Duration = Duration::from_mins(1);

/// Why the lease could not be read or changed. Trying again may work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeaseError {
    /// NATS does not answer, or says no.
    #[error("the bucket of leases: {0}")]
    Bucket(String),
    /// The log does not say where it ends.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The connection was lost in between, and perhaps publishes with it.
    #[error("the connection was lost in between")]
    Reconnected,
}

#[derive(Debug, Serialize, Deserialize)]
struct Value<S> {
    /// Who has it; nobody after a release.
    holder: Option<NodeId>,
    /// How far its holder came.
    left: S,
}

pub(crate) struct Lease {
    store: Store,
    task: &'static str,
    node: NodeId,
    config: Config,
    renewed: Instant,
}

/// A lease in another's hand, as we last saw it change.
struct Seen {
    revision: u64,
    since: Instant,
}

impl Lease {
    /// Opens the bucket, making it when it is missing. The lease is not ours yet.
    pub(crate) async fn open(
        client: &Client,
        bucket: String,
        task: &'static str,
        node: NodeId,
        config: Config,
    ) -> Result<Self, LeaseError> {
        let store = jetstream::new(client.clone())
            .create_key_value(kv::Config {
                bucket,
                description: "Who acts in each task of the workers, and how far it is".to_owned(),
                max_age: REMEMBERED,
                num_replicas: config.replicas.into(),
                ..kv::Config::default()
            })
            .await
            .map_err(bucket_error)?;
        Ok(Self { store, task, node, config, renewed: Instant::now() })
    }

    /// Waits until the lease is ours, and returns what `begin` makes of what the predecessor left, if it left anything.
    pub(crate) async fn acquire<S, F>(&mut self, begin: impl Fn(Option<S>) -> F) -> Result<S, LeaseError>
    where
        S: Serialize + DeserializeOwned,
        F: Future<Output = Result<S, ReadError>>,
    {
        let mut seen: Option<Seen> = None;
        loop {
            let entry = self.entry().await?;
            match entry.as_ref().map(|entry| (entry.revision, parse(entry))) {
                Some((revision, Some(value))) if self.must_wait(&value, revision, &mut seen) => {
                    sleep(self.config.refresh).await;
                }
                Some((revision, value)) => {
                    let start = begin(value.map(|value| value.left)).await?;
                    if self.write(Some(self.node), &start, revision).await? {
                        return Ok(start);
                    }
                }
                None => {
                    let start = begin(None).await?;
                    if self.create(&start).await? {
                        return Ok(start);
                    }
                }
            }
        }
    }

    /// Whether nobody has to wait for us any more: the last renewal is a whole lease ago.
    pub(crate) fn is_stale(&self) -> bool {
        self.renewed.elapsed() >= self.config.lease
    }

    /// Keeps the lease and saves how far we are. `false` means that it is another's now. `connected` tells whether the
    /// connection is still the one on which everything up to there was published; it is asked after the server has
    /// answered on it.
    pub(crate) async fn renew<S>(&mut self, left: &S, connected: impl Fn() -> bool) -> Result<bool, LeaseError>
    where
        S: Serialize + DeserializeOwned,
    {
        self.save(Some(self.node), left, connected).await
    }

    /// Gives the lease up, with how far we came.
    pub(crate) async fn release<S>(&mut self, left: &S, connected: impl Fn() -> bool) -> Result<bool, LeaseError>
    where
        S: Serialize + DeserializeOwned,
    {
        self.save(None, left, connected).await
    }

    async fn save<S>(
        &mut self,
        holder: Option<NodeId>,
        left: &S,
        connected: impl Fn() -> bool,
    ) -> Result<bool, LeaseError>
    where
        S: Serialize + DeserializeOwned,
    {
        let entry = self.entry().await?;
        if !connected() {
            return Err(LeaseError::Reconnected);
        }
        // A write whose answer was lost still made us the holder.
        let ours = |entry: &Entry| parse::<S>(entry).is_some_and(|value| value.holder == Some(self.node));
        match entry.filter(ours) {
            Some(entry) => self.write(holder, left, entry.revision).await,
            None => Ok(false),
        }
    }

    /// Whether somebody else has it and is alive, as far as one can tell by now.
    fn must_wait<S>(&self, value: &Value<S>, revision: u64, seen: &mut Option<Seen>) -> bool {
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
        self.store.entry(self.task).await.map_err(bucket_error)
    }

    /// `false` when another changed it first.
    async fn write<S: Serialize>(
        &mut self,
        holder: Option<NodeId>,
        left: &S,
        revision: u64,
    ) -> Result<bool, LeaseError> {
        match self.store.update(self.task, encode(&Value { holder, left }), revision).await {
            Ok(_) => Ok(self.held()),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(false),
            Err(error) => Err(bucket_error(error)),
        }
    }

    async fn create<S: Serialize>(&mut self, left: &S) -> Result<bool, LeaseError> {
        match self.store.create(self.task, encode(&Value { holder: Some(self.node), left })).await {
            Ok(_) => Ok(self.held()),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(bucket_error(error)),
        }
    }

    fn held(&mut self) -> bool {
        self.renewed = Instant::now();
        true
    }
}

/// `None` for what this version did not write, which is nobody's then.
fn parse<S: DeserializeOwned>(entry: &Entry) -> Option<Value<S>> {
    serde_json::from_slice(&entry.value).ok()
}

fn encode<S: Serialize>(value: &Value<S>) -> bytes::Bytes {
    serde_json::to_vec(value).expect("a lease is plain data").into()
}

fn bucket_error(error: impl std::fmt::Display) -> LeaseError {
    LeaseError::Bucket(error.to_string())
}
