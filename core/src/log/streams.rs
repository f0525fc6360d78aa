//! The log's streams: made when they are missing, refused when they are not what they must be.

use std::{collections::BTreeSet, time::Duration};

use async_nats::{
    Client,
    jetstream::stream::{Compression, Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType},
};
use futures_util::future::try_join_all;
use serde::Deserialize;

use super::{
    api::{self, ApiError},
    subject::Namespace,
};
use crate::position::{Partition, Partitions};

/// The first server whose guards and batches hold what [`super`] promises.
pub const OLDEST_SERVER: (u64, u64, u64) = (2, 15, 1);

/// Where each stream says how many there are, so that an interrupted bootstrap is told from another partition count.
const COUNT_KEY: &str = "voxlog.partitions";

/// What a log is made of.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The prefix of its subjects and streams.
    pub namespace: Namespace,
    /// How rooms and users are spread; fixed when the streams are made.
    pub partitions: Partitions,
    /// Copies of each stream on different servers: 1, 3 or 5.
    pub replicas: u8,
    /// How long a repetition is known by its id.
    pub duplicate_window: Duration,
}

impl LogConfig {
    /// The log of an installation: one copy, and 2 minutes in which a repetition is known.
    pub fn new(namespace: Namespace, partitions: Partitions) -> Self {
        Self { namespace, partitions, replicas: 1, duplicate_window: Duration::from_mins(2) }
    }
}

/// Why the log can't be used. All but [`Unavailable`](Self::Unavailable) need a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Older than what the log's guards need.
    #[error("nats-server {0} is too old: voxlog needs 2.15.1 or newer")]
    OldServer(String),
    /// No JetStream for this account.
    #[error("JetStream is off on this NATS: start nats-server with -js, or enable it for the account")]
    NoJetStream,
    /// Rooms would be looked for where they never were.
    #[error("the log has {found} partitions, not {wanted}: set VOXLOG_PARTITIONS={found}")]
    Partitions {
        /// As the streams were made.
        found: u16,
        /// As configured.
        wanted: u16,
    },
    /// Not the configured number of copies.
    #[error(
        "{stream} has {found} replicas, not {wanted}: configure {found}, or `nats stream edit {stream} --replicas {wanted}`"
    )]
    Replicas {
        /// Which stream.
        stream: String,
        /// As it is.
        found: usize,
        /// As configured.
        wanted: u8,
    },
    /// The number of copies can't be.
    #[error("{0} replicas: the log takes 1, 3 or 5")]
    InvalidReplicas(u8),
    /// Somebody else's stream, or one that was changed by hand.
    #[error("{stream} is not a log of voxlog: {what}")]
    Foreign {
        /// Which stream.
        stream: String,
        /// What differs, in the order of the server's documentation.
        what: String,
    },
    /// The server says no.
    #[error("{stream} can't be made: {what}")]
    Refused {
        /// Which stream.
        stream: String,
        /// In the server's words.
        what: String,
    },
    /// Nobody answered, or not in time: trying again may work.
    #[error("the log does not answer: {0}")]
    Unavailable(String),
}

#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    streams: Option<Vec<String>>,
}

/// Makes what is missing and checks what is there. Three round trips at most, two when all is there.
pub(super) async fn bootstrap(client: &Client, config: &LogConfig) -> Result<(), OpenError> {
    if !matches!(config.replicas, 1 | 3 | 5) {
        return Err(OpenError::InvalidReplicas(config.replicas));
    }
    let present = present(client, &config.namespace).await?;
    check_server(&client.server_info().version)?;
    let wanted = config.partitions.all().collect::<BTreeSet<_>>();
    let infos = try_join_all(present.iter().map(|&partition| info(client, config, partition))).await?;
    for (&partition, info) in present.iter().zip(&infos) {
        check_stream(config, partition, info)?;
    }
    let missing: Vec<Partition> = wanted.difference(&present).copied().collect();
    try_join_all(missing.into_iter().map(|partition| create(client, config, partition))).await?;
    Ok(())
}

/// The partitions whose streams exist.
async fn present(client: &Client, namespace: &Namespace) -> Result<BTreeSet<Partition>, OpenError> {
    let body = serde_json::json!({ "subject": format!("{namespace}.log.>") }).to_string();
    let names: Names = match api::ask(client, "STREAM.NAMES", body.into()).await {
        Err(ApiError::NoResponders | ApiError::Server { code: 10039 | 10076, .. }) => {
            return Err(OpenError::NoJetStream);
        }
        other => other.map_err(|error| unavailable(&error))?,
    };
    let names: BTreeSet<String> = names.streams.unwrap_or_default().into_iter().collect();
    Ok((0..Partitions::MAX)
        .map(Partition)
        .filter(|&partition| names.contains(&namespace.log_stream(partition)))
        .collect())
}

async fn info(client: &Client, config: &LogConfig, partition: Partition) -> Result<Info, OpenError> {
    let call = format!("STREAM.INFO.{}", config.namespace.log_stream(partition));
    api::ask(client, &call, bytes::Bytes::new()).await.map_err(|error| unavailable(&error))
}

/// Makes a stream. Another node that makes the same at the same time does no harm: the server answers both alike.
async fn create(client: &Client, config: &LogConfig, partition: Partition) -> Result<(), OpenError> {
    let stream = config.namespace.log_stream(partition);
    let body = serde_json::to_vec(&stream_config(config, partition)).expect("a stream's config is plain data");
    match api::ask::<Info>(client, &format!("STREAM.CREATE.{stream}"), body.into()).await {
        Ok(info) => check(config, partition, &info),
        Err(ApiError::Server { code: 10058, .. }) => check(config, partition, &info(client, config, partition).await?),
        Err(ApiError::Server { code: 10008 | 10009 | 10023, description }) => Err(OpenError::Unavailable(description)),
        Err(ApiError::Server { description: what, .. }) => Err(OpenError::Refused { stream, what }),
        Err(error) => Err(unavailable(&error)),
    }
}

fn unavailable(error: &ApiError) -> OpenError {
    OpenError::Unavailable(error.to_string())
}

/// `deny_delete` and `deny_purge` stay off: they can't be undone, and erasure and retention need them. Permissions
/// protect the log instead.
fn stream_config(config: &LogConfig, partition: Partition) -> Config {
    Config {
        name: config.namespace.log_stream(partition),
        subjects: vec![config.namespace.log_subjects(partition)],
        description: Some(format!("Voxlog, partition {partition} of {}", config.partitions.count())),
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: usize::from(config.replicas),
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: -1,
        duplicate_window: config.duplicate_window,
        compression: Some(Compression::S2),
        allow_direct: true,
        allow_message_ttl: true,
        allow_atomic_publish: true,
        metadata: [(COUNT_KEY.to_owned(), config.partitions.count().to_string())].into(),
        ..Config::default()
    }
}

/// Whether a server of that version is new enough.
pub fn check_server(version: &str) -> Result<(), OpenError> {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) >= OLDEST_SERVER { Ok(()) } else { Err(OpenError::OldServer(version.to_owned())) }
}

/// Whether the stream of a partition, as the server tells of it, is what the log of this `config` needs.
pub fn check_stream(config: &LogConfig, partition: Partition, info: &Info) -> Result<(), OpenError> {
    check_count(config, info)?;
    check(config, partition, info)
}

/// Each stream says itself how many there are.
fn check_count(config: &LogConfig, info: &Info) -> Result<(), OpenError> {
    let wanted = config.partitions.count();
    match info.config.metadata.get(COUNT_KEY).and_then(|count| count.parse().ok()) {
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(OpenError::Partitions { found, wanted }),
        None => {
            let what = format!("its metadata has no {COUNT_KEY}");
            Err(OpenError::Foreign { stream: info.config.name.clone(), what })
        }
    }
}

fn check(config: &LogConfig, partition: Partition, info: &Info) -> Result<(), OpenError> {
    let (have, want) = (&info.config, stream_config(config, partition));
    let stream = want.name.clone();
    if have.num_replicas != want.num_replicas {
        return Err(OpenError::Replicas { stream, found: have.num_replicas, wanted: config.replicas });
    }
    let what = differences(have, &want);
    if what.is_empty() { Ok(()) } else { Err(OpenError::Foreign { stream, what: what.join(", ") }) }
}

/// What of a stream would break a promise that is made of it. What does no harm, such as its description, may differ.
pub(crate) fn differences(have: &Config, want: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |name: &str, have: String, want: String| {
        if have != want {
            found.push(format!("{name} is {have}, not {want}"));
        }
    };
    compare("subjects", have.subjects.join(" "), want.subjects.join(" "));
    compare("storage", format!("{:?}", have.storage), format!("{:?}", want.storage));
    compare("retention", format!("{:?}", have.retention), format!("{:?}", want.retention));
    compare("duplicate_window", format!("{:?}", have.duplicate_window), format!("{:?}", want.duplicate_window));
    for (name, have, want) in [
        ("allow_direct", have.allow_direct, want.allow_direct),
        ("allow_msg_ttl", have.allow_message_ttl, want.allow_message_ttl),
        ("allow_atomic", have.allow_atomic_publish, want.allow_atomic_publish),
        ("no_ack", have.no_ack, want.no_ack),
        ("sealed", have.sealed, want.sealed),
        ("deny_delete", have.deny_delete, want.deny_delete),
        ("deny_purge", have.deny_purge, want.deny_purge),
        ("mirror or sources", have.mirror.is_some() || have.sources.is_some(), false),
        ("subject_transform", have.subject_transform.is_some(), false),
        ("persist_mode async", have.persist_mode == Some(PersistenceMode::Async), false),
    ] {
        compare(name, have.to_string(), want.to_string());
    }
    for (name, have, want) in [
        ("max_msgs", have.max_messages, want.max_messages),
        ("max_msgs_per_subject", have.max_messages_per_subject, want.max_messages_per_subject),
    ] {
        compare(name, have.to_string(), want.to_string());
    }
    compare("max_age", format!("{:?}", have.max_age), format!("{:?}", want.max_age));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_refused() {
        for old in ["2.9.25", "2.15.0", "2.14.9", "1.99.99", "", "2.15.0-RC.3"] {
            assert_eq!(check_server(old), Err(OpenError::OldServer(old.to_owned())), "{old}");
        }
        for fine in ["2.15.1", "2.15.2", "2.16.0", "3.0.0", "2.16.0-RC.1"] {
            assert_eq!(check_server(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn a_stream_that_differs_is_told_by_what_differs() {
        let config = LogConfig::new(Namespace::default(), Partitions::new(8).unwrap());
        let want = stream_config(&config, Partition(3));
        assert_eq!(differences(&want, &want), Vec::<String>::new());
        let have = Config { allow_direct: false, max_age: Duration::from_mins(1), ..want.clone() };
        assert_eq!(differences(&have, &want), ["allow_direct is false, not true", "max_age is 60s, not 0ns"]);
    }
}
