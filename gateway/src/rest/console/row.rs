//! A record of the log as operators see it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use voxlog_core::{
    clock::Time,
    log::{Subject, inspect::Raw},
    position::{Chain, Partition, Seq},
};

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "RecordClass")]
pub(super) enum RecordClass {
    /// About a room itself: lifecycle, settings, members, roles.
    Ctl,
    /// About its messages.
    Msg,
    /// About its voice calls.
    Call,
    /// About a user alone.
    User,
    /// No event: a marker that some room's rights have changed there.
    Fence,
    /// Of a version that this node does not know.
    Unknown,
}

/// A record as it stands in the log.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogRecord {
    /// The stream that it stands in.
    pub(super) partition: Partition,
    /// Where in it.
    pub(super) seq: Seq,
    /// When the log took it, by the log's clock.
    pub(super) time: Time,
    /// The NATS subject.
    pub(super) subject: String,
    /// What it is.
    pub(super) class: RecordClass,
    /// The CloudEvent as stored; null when it is no JSON object.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(super) event: Option<Box<RawValue>>,
    /// What stands there that is no JSON object: the room that a marker names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// The NATS headers with which it was published.
    pub(super) headers: BTreeMap<String, String>,
    /// The size of the record's payload.
    pub(super) size_bytes: usize,
}

impl RecordClass {
    pub(super) fn of(raw: &Raw) -> Self {
        use voxlog_core::position::Class;
        match raw.what {
            Some(Subject::Chain(Chain::Room(_, Class::Ctl))) => Self::Ctl,
            Some(Subject::Chain(Chain::Room(_, Class::Msg))) => Self::Msg,
            Some(Subject::Chain(Chain::Room(_, Class::Call))) => Self::Call,
            Some(Subject::Chain(Chain::User(_))) => Self::User,
            Some(Subject::Fence) => Self::Fence,
            None => Self::Unknown,
        }
    }
}

impl LogRecord {
    pub(super) fn of(partition: Partition, raw: Raw) -> Self {
        let class = RecordClass::of(&raw);
        let event = serde_json::from_slice::<Box<RawValue>>(&raw.payload).ok();
        let event = event.filter(|event| event.get().trim_start().starts_with('{'));
        let text = event.is_none().then(|| String::from_utf8_lossy(&raw.payload).into_owned());
        let size_bytes = raw.payload.len();
        let headers = raw.headers.into_iter().collect();
        Self { partition, seq: raw.seq, time: raw.time, subject: raw.subject, class, event, text, headers, size_bytes }
    }
}
