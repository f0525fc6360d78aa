//! The log: what append, read and follow promise.
//!
//! The log has a fixed number of partitions, each a stream of records with ascending seqs. Rooms and users are spread
//! over them by the hash of their id. A record is an event on a *chain* (one subject: a room's class, or a user), or a
//! *marker* on the partition's *fence*.
//!
//! Every implementation promises, and `contract` tests on every one of them:
//! * **Durable.** What `append` or `commit` acknowledged is in the log, at that seq, with those bytes.
//! * **Fenced.** `append` under fence `F` is refused when a marker after `F` stands in the partition. So a decision that
//!   was exact at `F` either lands before whatever would have changed it, or not at all.
//! * **Atomic.** The records of one `commit` and its marker stand in the log together or not at all, in order, with
//!   nothing between them.
//! * **Idempotent.** A record's id is stored once within the log's window of duplicates; a repetition answers the
//!   original's seq and stores nothing.
//! * **Ordered.** A follower gets every record of its partition once, in the order of seqs, from any start, and never
//!   one that was refused.
//!
//! A worked case. A gateway has followed partition 3 to seq 40, whose last marker is at 31. Bob asks to post. The
//! gateway decides on the room as of 40 and appends under fence 31. Meanwhile another gateway commits Bob's kick: the
//! event at 41, the marker at 42. The append is refused with [`AppendError::Conflict`]; the gateway waits until it has
//! followed beyond 42, decides again, and tells Bob that he is not a member.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::{
    clock::Time,
    id::{EventId, RoomId},
    position::{Chain, Heads, Partition, Partitions, Seq},
};

pub mod subject;

mod append;
mod batch;
pub(crate) mod fence;
mod group;

pub(crate) mod consumer;
pub(crate) mod direct;
mod erase;
mod follow;
pub mod inspect;
mod page;
pub(crate) mod read;
pub mod survey;

pub(crate) mod api;
pub mod connect;
mod nats;
pub mod streams;

pub mod contract;
pub mod memory;

pub use connect::connect;
pub use inspect::Inspector;
pub use memory::MemoryLog;
pub use nats::NatsLog;
pub use streams::{LogConfig, OpenError};
pub use subject::{Namespace, Subject};

/// An event on its way to the log.
#[derive(Debug, Clone)]
pub struct Record {
    /// The event's id, by which a repetition is known.
    pub id: EventId,
    /// Where it belongs; its owner decides the partition.
    pub chain: Chain,
    /// The CloudEvent's bytes.
    pub payload: Bytes,
    /// When it leaves the log by itself, counted from the append; `None` means never. Whole seconds, at least one.
    pub ttl: Option<Duration>,
}

/// A record as it stands in the log.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Where it stands.
    pub seq: Seq,
    /// What it is.
    pub subject: Subject,
    /// The CloudEvent's bytes, or the id of the room that a marker names.
    pub payload: Bytes,
    /// When the log took it, by the log's clock.
    pub time: Time,
}

/// What must still be so for an append to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The last record of the appended chain has this seq; 0 when it must be the chain's first.
    Chain(Seq),
    /// The partition's last marker has this seq.
    Fence(Seq),
}

/// Records that stand together or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// At least one; all of one chain.
    pub records: Vec<Record>,
    /// What the decision rests on.
    pub guard: Guard,
    /// Moves the fence, in the name of this room: decisions elsewhere rest on what is committed here.
    pub marker: Option<RoomId>,
}

/// The log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Where; of a commit, its first record's.
    pub seq: Seq,
    /// It was there already, from an earlier append of the same id. Whether it says the same is for the caller to see.
    pub duplicate: bool,
}

/// The last of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The last seq that was given, 0 when there is none. Its record may have left the log since.
    pub last: Seq,
    /// The last marker's seq, 0 when there is none.
    pub fence: Seq,
}

/// Why an append was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The guard does not hold.
    #[error("refused by its guard, which stands at {seen}")]
    Conflict {
        /// The seq that the guard's subject has now: follow beyond it, decide again.
        seen: Seq,
        /// An earlier attempt of this very call had no answer, so the record may stand in the log before `seen`.
        unsettled: bool,
    },
    /// It may be in the log or not; the retries of at least 15 s could not settle it.
    #[error("the log did not say whether it took the record: {0}")]
    Unknown(String),
    /// It is not in the log.
    #[error("the log refused the record: {0}")]
    Refused(String),
}

/// Why the log could not be read. Reading again may work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// Nobody answered, or not in time.
    #[error("the log does not answer: {0}")]
    Unavailable(String),
    /// The log answered what it must not.
    #[error("the log is not as it should be: {0}")]
    Broken(String),
}

/// A partition's records as they are committed, in order, without end. It heals itself: an error item ends it only when
/// no retry can help.
pub type Feed = BoxStream<'static, Result<Stored, ReadError>>;

/// A durable, partitioned, fenced log.
#[async_trait]
pub trait Log: std::fmt::Debug + Send + Sync {
    /// How rooms and users are spread.
    fn partitions(&self) -> Partitions;

    /// How long a repetition is known by its id.
    fn duplicate_window(&self) -> Duration;

    /// Appends a record if no marker stands after `fence`. Appends of different callers are not ordered among each
    /// other; who needs an order waits for the answer.
    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError>;

    /// Appends records, and their marker, as one.
    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError>;

    /// Records of a chain after `after`, oldest first, at most `limit`. Complete up to `known`, a seq that the caller
    /// has seen, whatever replica answers. Fewer than `limit` means that the chain had no more.
    async fn read(&self, chain: Chain, after: Seq, limit: usize, known: Seq) -> Result<Vec<Stored>, ReadError>;

    /// Records of a chain before `before`, oldest first, at most `limit`: the page that a reader scrolls back to.
    async fn read_before(&self, chain: Chain, before: Seq, limit: usize) -> Result<Vec<Stored>, ReadError>;

    /// The last seq of each class of a room, not older than `known`.
    async fn heads(&self, room: RoomId, known: Seq) -> Result<Heads, ReadError>;

    /// The end of a partition, as its leader has it.
    async fn tail(&self, partition: Partition) -> Result<Tail, ReadError>;

    /// Whether no record after `after` and up to `until`, a seq that the log has given, stands any more: all have
    /// outlived their time to live or were erased, and a follower will get none of them.
    async fn nothing_left(&self, partition: Partition, after: Seq, until: Seq) -> Result<bool, ReadError>;

    /// Takes records out of a partition for good: no reader gets them again, and their bytes stand in none of its files
    /// when the log has answered (in a replica's some minutes later). The other records keep their seqs. What is gone
    /// already is no error, so whoever was interrupted begins again. Replicas that lag may serve one for a moment.
    async fn erase(&self, partition: Partition, seqs: &[Seq]) -> Result<(), ReadError>;

    /// Everything of a partition after `after`, gap-free and in order, then what comes.
    fn follow(&self, partition: Partition, after: Seq) -> Feed;
}
