//! Where something stands in the log.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{RoomId, UserId};

/// The sequence of a record in its partition's stream. The first is 1; 0 stands before all of them.
/// Below 2^53, so that a JavaScript number holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Seq(pub u64);

/// Why a number is no seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a seq is a number below 2^53")]
pub struct InvalidSeq;

impl Seq {
    /// Before the first record.
    pub const ZERO: Self = Self(0);

    /// The last that can be written; no record will ever have it.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The sequence that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl TryFrom<u64> for Seq {
    type Error = InvalidSeq;

    fn try_from(number: u64) -> Result<Self, InvalidSeq> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(InvalidSeq) }
    }
}

impl From<Seq> for u64 {
    fn from(seq: Seq) -> Self {
        seq.0
    }
}

impl FromStr for Seq {
    type Err = InvalidSeq;

    fn from_str(text: &str) -> Result<Self, InvalidSeq> {
        text.parse::<u64>().map_err(|_| InvalidSeq)?.try_into()
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Seq {
    fn schema_name() -> Cow<'static, str> {
        "Seq".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where an event stands in its stream of the log. The first is 1; 0 stands before all.",
            "type": "integer",
            "minimum": 0,
            "maximum": Self::MAX.0,
        })
    }
}

/// One of the log's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Partition(pub u16);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many partitions the log has. Fixed when its streams are made: another number would look for a room where it
/// never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partitions(u16);

impl Partitions {
    /// The most that an installation may have.
    pub const MAX: u16 = 256;

    /// `None` unless it is 1 to [`Self::MAX`].
    pub const fn new(count: u16) -> Option<Self> {
        if count >= 1 && count <= Self::MAX { Some(Self(count)) } else { None }
    }

    /// The number of partitions.
    pub const fn count(self) -> u16 {
        self.0
    }

    /// Every partition, from 0.
    pub fn all(self) -> impl Iterator<Item = Partition> {
        (0..self.0).map(Partition)
    }

    /// The partition of a room or a user: FNV-1a, 64 bits, over the 16 bytes of its id, modulo the count.
    /// This never changes; test vectors pin it.
    pub fn of(self, id: Uuid) -> Partition {
        let hash = fnv1a_64(id.as_bytes());
        Partition(u16::try_from(hash % u64::from(self.0)).expect("a remainder below a u16 is a u16"))
    }
}

/// Fowler–Noll–Vo 1a with the 64-bit offset basis and prime (RFC 9923).
fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What a room's events are about. Each class of a room is a chain of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The room itself: lifecycle, settings, members, roles.
    Ctl,
    /// Its messages.
    Msg,
    /// Its voice calls.
    Call,
}

impl Class {
    /// All of them, in the order in which a catch-up sends them.
    pub const ALL: [Self; 3] = [Self::Ctl, Self::Msg, Self::Call];

    /// The class as a token of a subject.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ctl => "ctl",
            Self::Msg => "msg",
            Self::Call => "call",
        }
    }
}

/// One subject's events, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chain {
    /// A class of a room.
    Room(RoomId, Class),
    /// What concerns a user alone.
    User(UserId),
}

impl Chain {
    /// The id that decides the partition.
    pub const fn owner(self) -> Uuid {
        match self {
            Self::Room(room, _) => room.as_uuid(),
            Self::User(user) => user.as_uuid(),
        }
    }
}

/// The last seq of each class of a room that somebody holds or that the log has; 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Heads {
    /// Of the control chain.
    pub ctl: Seq,
    /// Of the message chain.
    pub msg: Seq,
    /// Of the call chain.
    pub call: Seq,
}

impl Heads {
    /// The seq of one class.
    pub const fn of(&self, class: Class) -> Seq {
        match class {
            Class::Ctl => self.ctl,
            Class::Msg => self.msg,
            Class::Call => self.call,
        }
    }

    /// The seq of one class, to be moved.
    pub const fn of_mut(&mut self, class: Class) -> &mut Seq {
        match class {
            Class::Ctl => &mut self.ctl,
            Class::Msg => &mut self.msg,
            Class::Call => &mut self.call,
        }
    }

    /// The largest of the three.
    pub fn last(&self) -> Seq {
        self.ctl.max(self.msg).max(self.call)
    }
}

/// A position in a client's hand: the last seq it has seen of each class. A class that is left out begins at its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cursor {
    /// Of the control chain.
    pub ctl: Option<Seq>,
    /// Of the message chain.
    pub msg: Option<Seq>,
    /// Of the call chain.
    pub call: Option<Seq>,
}

/// A point in one partition, as a write answers it and a read may ask for it: `3:1042`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which stream.
    pub partition: Partition,
    /// Where in it.
    pub seq: Seq,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.seq)
    }
}

impl JsonSchema for Position {
    fn schema_name() -> Cow<'static, str> {
        "Position".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A point in the log, as a write answers it and a read may ask for it.",
            "type": "string",
            "pattern": "^[0-9]{1,5}:[0-9]{1,16}$",
            "examples": ["3:1042"],
        })
    }
}

/// Why a text is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a position is written partition:seq, as in 3:1042")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (partition, seq) = text.split_once(':').ok_or(InvalidPosition)?;
        let partition = partition.parse().map_err(|_| InvalidPosition)?;
        Ok(Self { partition: Partition(partition), seq: seq.parse().map_err(|_| InvalidPosition)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changing one of these numbers would lose every room that was ever made.
    #[test]
    fn the_partition_of_an_id_never_changes() {
        let eight = Partitions::new(8).unwrap();
        let of = |text: &str| eight.of(text.parse().unwrap()).0;
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(of("01890a5d-ac96-774b-bcce-b302099a8057"), 3);
        assert_eq!(of("0190b36c-7f5f-7c0a-8d2b-3f6a5e4d3c2b"), 6);
        assert_eq!(of("0192f2a0-0000-7000-8000-000000000001"), 3);
    }

    #[test]
    fn a_position_reads_back_from_its_text() {
        let position = Position { partition: Partition(3), seq: Seq(1042) };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["3-1042", "3:9007199254740992", "65536:1", ":", "3:-1"] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text}");
        }
    }

    #[test]
    fn a_seq_is_a_number_that_javascript_can_hold() {
        let read = |text| serde_json::from_str::<Seq>(text).ok();
        assert_eq!(read("9007199254740991"), Some(Seq::MAX));
        for text in ["9007199254740992", "18446744073709551615", "-1", "1.5", "\"1\""] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(serde_json::to_string(&Seq(42)).unwrap(), "42");
    }
}
