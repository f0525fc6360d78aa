//! The streams beside the log: made when they are missing, brought up to date when they differ.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use bytes::Bytes;

use super::{Bus, nodes::LEASE};
use crate::{
    clock::{Clock, SystemClock},
    log::{
        Namespace, OpenError,
        api::{self, ApiError},
        streams::differences,
    },
};

/// How long a session that is offline is remembered: long enough that every gateway has heard of it.
pub const OFFLINE_KEPT: Duration = Duration::from_mins(5);

/// How long a signal is kept for a device that reconnects.
pub const SIGNAL_KEPT: Duration = Duration::from_mins(1);

/// The most that signals may take of the server's memory: a minute of 16 signals of 64 KiB a second.
const SIGNAL_BYTES: i64 = 64 * 1024 * 1024;

/// How long a repetition is known by its id; what is told is retried for 15 s.
const KNOWN: Duration = Duration::from_mins(1);

/// A stream beside the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The last record of each session.
    Presence,
    /// Signals, typing and speaking of the last minute.
    Signal,
    /// What is to become due, and what has.
    Schedule,
    /// The nodes' leases: what a key-value bucket `NODES` is made of.
    Nodes,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Presence, Self::Signal, Self::Schedule, Self::Nodes];

    /// The stream's name in a namespace.
    pub fn name(self, namespace: &Namespace) -> String {
        match self {
            Self::Presence => namespace.stream("PRESENCE"),
            Self::Signal => namespace.stream("SIGNAL"),
            Self::Schedule => namespace.stream("SCHEDULE"),
            Self::Nodes => format!("KV_{}", namespace.bucket("NODES")),
        }
    }

    /// What of the stream, as the server tells of it, is not as a node would make it; `None` when nothing is.
    pub fn fault(self, namespace: &Namespace, replicas: u8, info: &Info) -> Option<String> {
        let want = self.config(namespace, replicas);
        let mut what = differences(&info.config, &want);
        if info.config.num_replicas != want.num_replicas {
            what.push(format!("num_replicas is {}, not {}", info.config.num_replicas, want.num_replicas));
        }
        (!what.is_empty()).then(|| what.join(", "))
    }

    fn config(self, namespace: &Namespace, replicas: u8) -> Config {
        let common = Config {
            name: self.name(namespace),
            num_replicas: usize::from(replicas),
            discard: DiscardPolicy::Old,
            storage: StorageType::File,
            max_bytes: -1,
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_message_size: -1,
            duplicate_window: KNOWN,
            allow_direct: true,
            allow_message_ttl: true,
            ..Config::default()
        };
        match self {
            Self::Presence => Config {
                subjects: vec![format!("{namespace}.presence.*.*")],
                description: Some("Voxlog, how each session is there".to_owned()),
                max_messages_per_subject: 1,
                ..common
            },
            Self::Signal => Config {
                subjects: ["signal", "typing", "speaking"].map(|kind| format!("{namespace}.{kind}.*")).into(),
                description: Some("Voxlog, what is true for a moment".to_owned()),
                storage: StorageType::Memory,
                max_age: SIGNAL_KEPT,
                max_bytes: SIGNAL_BYTES,
                allow_message_ttl: false,
                ..common
            },
            Self::Schedule => Config {
                subjects: vec![format!("{namespace}.schedule.>"), format!("{namespace}.due.>")],
                description: Some("Voxlog, what is to happen at a time".to_owned()),
                retention: RetentionPolicy::WorkQueue,
                allow_message_schedules: true,
                allow_rollup: true,
                ..common
            },
            Self::Nodes => Config {
                subjects: vec![format!("$KV.{}.>", namespace.bucket("NODES"))],
                description: Some("Voxlog, the leases of its nodes".to_owned()),
                max_messages_per_subject: 1,
                max_age: LEASE,
                duplicate_window: LEASE,
                allow_rollup: true,
                deny_delete: true,
                ..common
            },
        }
    }
}

impl Bus {
    /// The stream as it must be. A single server that was restarted has forgotten the one in memory.
    pub(super) async fn ensure(&self, stream: Stream) -> Result<Info, OpenError> {
        let want = stream.config(&self.namespace, self.replicas);
        let info = match self.info(&want.name).await? {
            Some(info) => info,
            None => self.create(&want).await?,
        };
        if stream.fault(&self.namespace, self.replicas, &info).is_none() {
            return Ok(info);
        }
        let want = Config { first_sequence: info.config.first_sequence, ..want };
        self.change("UPDATE", &want).await
    }

    async fn info(&self, name: &str) -> Result<Option<Info>, OpenError> {
        const NOT_FOUND: u64 = 10059;
        match api::ask::<Info>(&self.client, &format!("STREAM.INFO.{name}"), Bytes::new()).await {
            Ok(info) => Ok(Some(info)),
            Err(ApiError::Server { code: NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(OpenError::Unavailable(error.to_string())),
        }
    }

    /// Its seqs begin with the microseconds since 1970, so that they don't go back when a stream is made anew: a client
    /// that drops what is not beyond the last seq it has seen would drop everything.
    async fn create(&self, want: &Config) -> Result<Info, OpenError> {
        let now = u64::try_from(SystemClock.now().timestamp_micros()).unwrap_or_default();
        self.change("CREATE", &Config { first_sequence: Some(now), ..want.clone() }).await
    }

    async fn change(&self, action: &str, want: &Config) -> Result<Info, OpenError> {
        const MADE_BY_ANOTHER_NODE: u64 = 10058;
        let body = serde_json::to_vec(want).expect("a stream's config is plain data");
        match api::ask::<Info>(&self.client, &format!("STREAM.{action}.{}", want.name), body.into()).await {
            Ok(info) => Ok(info),
            Err(ApiError::Server { code: MADE_BY_ANOTHER_NODE, .. }) => {
                let info = self.info(&want.name).await?;
                info.ok_or_else(|| OpenError::Unavailable(format!("{} comes and goes", want.name)))
            }
            // No leader, or not enough servers yet.
            Err(ApiError::Server { code: 10005 | 10008 | 10009 | 10023, description }) => {
                Err(OpenError::Unavailable(description))
            }
            Err(ApiError::Server { description: what, .. }) => {
                Err(OpenError::Refused { stream: want.name.clone(), what })
            }
            Err(error) => Err(OpenError::Unavailable(error.to_string())),
        }
    }
}
