//! Ids, and the only minter of them.
//!
//! Every id is a UUID version 7 (RFC 9562, section 5.7): its first 48 bits are the milliseconds since 1970, so ids made
//! later sort later, and a message's id tells when its author named it.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::{NoContext, Timestamp, Uuid};

use crate::clock::{Clock, Time};

/// Why a text is no id: it is not the hyphenated form of a UUID of version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of version 7")]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, never made before, that sorts after those of earlier milliseconds.
            pub fn mint(clock: &dyn Clock) -> Self {
                Self(mint(clock))
            }

            /// Takes a UUID that is known to be of version 7, such as one that was stored.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as a UUID, as PostgreSQL stores it.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// When the id was made, by the clock of whoever made it.
            pub fn time(self) -> Time {
                time_of(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(IdVisitor).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                schema(concat!($($doc),*).trim(), generator)
            }
        }
    )*};
}

ids! {
    /// Names a room.
    RoomId
    /// Names a person or a bot.
    UserId
    /// Names a message. A client may choose it; it is also the id of the event that posted it.
    MessageId
    /// Names an event, and is its `Nats-Msg-Id`: the same event appended twice is stored once.
    EventId
    /// Names a connection's state, which outlives its socket.
    SessionId
    /// Names a voice call; its time is when the call began.
    CallId
    /// Names a command and all that came of it.
    CorrelationId
    /// Names a running process, while it holds leases.
    NodeId
}

impl From<MessageId> for EventId {
    /// A message and the event that posted it share one id.
    fn from(id: MessageId) -> Self {
        Self(id.0)
    }
}

fn mint(clock: &dyn Clock) -> Uuid {
    let now = clock.now();
    let (seconds, nanos) = (now.timestamp(), now.timestamp_subsec_nanos());
    let seconds = u64::try_from(seconds).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanos))
}

fn time_of(id: Uuid) -> Time {
    let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |stamp| stamp.to_unix());
    i64::try_from(seconds).ok().and_then(|seconds| Time::from_timestamp(seconds, nanos)).unwrap_or_default()
}

fn parse(text: &str) -> Result<Uuid, InvalidId> {
    let hyphenated = text.len() == 36;
    match Uuid::try_parse(text) {
        Ok(id) if hyphenated && id.get_version_num() == 7 => Ok(id),
        _ => Err(InvalidId),
    }
}

/// Written in small letters, read in any.
fn schema(description: &str, generator: &SchemaGenerator) -> Schema {
    let hex = if generator.contract().is_serialize() { "[0-9a-f]" } else { "[0-9a-fA-F]" };
    json_schema!({
        "description": format!("{description} A UUID of version 7."),
        "type": "string",
        "format": "uuid",
        "pattern": format!("^{hex}{{8}}-{hex}{{4}}-7{hex}{{3}}-{hex}{{4}}-{hex}{{12}}$"),
    })
}

/// Ids travel as text in every encoding, MessagePack included, so that an event reads the same in both.
struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID of version 7")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Uuid, E> {
        parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = RoomId::mint(&SystemClock);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn only_the_hyphenated_form_of_version_7_is_an_id() {
        for text in ["", "x", "550e8400-e29b-41d4-a716-446655440000", "0190b36c7f5f7c0a8d2b3f6a5e4d3c2b"] {
            assert_eq!(text.parse::<RoomId>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        let now = SystemClock.now();
        let clock = crate::clock::ManualClock::at(now);
        assert_eq!(MessageId::mint(&clock).time(), now);
    }
}
