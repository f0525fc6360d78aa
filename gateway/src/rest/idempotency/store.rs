//! The bucket of repeatable requests: each change is conditional on what was read, so of two who reach for one request
//! one gets it.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::kv::{self, CreateErrorKind, UpdateErrorKind},
};

use super::record::Record;
use crate::{
    bucket::{Away, Bucket},
    error::Failure,
};

/// How long a request and its answer are kept.
const KEPT: Duration = Duration::from_hours(24);

/// The largest record: an answer whose every character must be escaped, and some more.
const MAX_BYTES: i32 = 512 * 1024;

#[derive(Debug)]
pub(super) struct Store {
    bucket: Bucket,
}

/// A record as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) revision: u64,
    /// By the clock of NATS, in seconds since 1970.
    pub(super) stored_at_s: i64,
}

impl Store {
    pub(super) fn new(client: Client, bucket: String, replicas: u8) -> Self {
        let config = kv::Config {
            bucket,
            description: "Requests with an Idempotency-Key, and their answers".to_owned(),
            max_age: KEPT,
            max_value_size: MAX_BYTES,
            num_replicas: replicas.into(),
            ..kv::Config::default()
        };
        Self { bucket: Bucket::new(client, config) }
    }

    /// Stores what was not there, and says under which revision; `None` when something is.
    pub(super) async fn create(&self, slot: &str, record: &Record) -> Result<Option<u64>, Failure> {
        let create = async |bucket: &kv::Store| match bucket.create(slot, bytes(record)).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error.into()),
        };
        self.patiently(create).await
    }

    pub(super) async fn read(&self, slot: &str) -> Result<Option<Found>, Failure> {
        let read = async |bucket: &kv::Store| {
            let Some(entry) = bucket.entry(slot).await? else { return Ok(None) };
            let record = serde_json::from_slice(&entry.value)?;
            Ok(Some(Found { record, revision: entry.revision, stored_at_s: entry.created.unix_timestamp() }))
        };
        self.patiently(read).await
    }

    /// Stores what follows on `revision`, and says under which; `None` when something else has followed.
    pub(super) async fn update(&self, slot: &str, record: &Record, revision: u64) -> Result<Option<u64>, Failure> {
        let update = async |bucket: &kv::Store| match bucket.update(slot, bytes(record), revision).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(error.into()),
        };
        self.patiently(update).await
    }

    async fn patiently<T>(
        &self,
        work: impl AsyncFnOnce(&kv::Store) -> Result<T, async_nats::Error>,
    ) -> Result<T, Failure> {
        self.bucket.patiently(work).await.map_err(|Away| away())
    }
}

fn bytes(record: &Record) -> bytes::Bytes {
    serde_json::to_vec(record).expect("a record is JSON").into()
}

fn away() -> Failure {
    Failure::unavailable("what was asked under this key before can't be looked up just now")
}
