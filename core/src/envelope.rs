//! An event as it stands in the log: a CloudEvent, version 1.0, as one JSON object in structured mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).
//!
//! `actor`, `correlationid` and `causationid` are extension attributes. The type ends in its version; see [`upcast`].

use std::borrow::Cow;

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    ambient,
    clock::Time,
    event::{Event, Subject},
    id::{CorrelationId, EventId, InvalidId, UserId},
    upcast,
};

/// What every event carries as `source`.
pub const SOURCE: &str = "/voxlog";

/// An event with its circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Unique for ever; the same event appended twice has the same id.
    pub id: EventId,
    /// What it is about.
    pub subject: Subject,
    /// When it was decided, by the gateway's clock. The order of events is their seq, not their time.
    pub time: Time,
    /// Who asked for it.
    pub actor: UserId,
    /// The command that it came of, with all that came of the same.
    pub correlation: CorrelationId,
    /// The event that it answers, when no person asked for it.
    pub causation: Option<EventId>,
    /// What happened.
    pub event: Event,
}

/// Why bytes from the log are no event that this version can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON of a CloudEvent, or its data does not fit its type.
    #[error("not an event: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A type that this version has never heard of.
    #[error("unknown event type {0}")]
    UnknownType(String),
    /// The subject is no id.
    #[error("the event's subject is {0}")]
    Subject(#[from] InvalidId),
}

/// An event's attributes, borrowed from its bytes: enough to filter without decoding the data.
#[derive(Debug, Deserialize)]
pub struct Header<'a> {
    /// Unique for ever.
    pub id: EventId,
    /// The type with its version, `voxlog.message.posted.v1`.
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    /// The id of the room or the user that it is about.
    #[serde(borrow)]
    pub subject: Cow<'a, str>,
    /// When it was decided.
    pub time: Time,
    /// Who asked for it.
    pub actor: UserId,
    /// The command that it came of.
    #[serde(rename = "correlationid")]
    pub correlation: CorrelationId,
    /// The event that it answers.
    #[serde(default, rename = "causationid")]
    pub causation: Option<EventId>,
    /// What happened, unread.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// What every event has: a CloudEvent 1.0 in structured mode. More attributes may come, here and in `data`: ignore those
/// that you don't know.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CloudEvent")]
struct Wire<'a> {
    /// The version of CloudEvents.
    #[schemars(extend("const" = "1.0"))]
    specversion: &'static str,
    /// Unique for ever. A message and the event that posted it share one id.
    id: EventId,
    /// Always the same.
    #[schemars(extend("const" = SOURCE))]
    source: &'static str,
    /// The room, or the user, that it is about.
    subject: Subject,
    /// When it was decided. The order of events is their seq, not their time.
    time: Time,
    /// The user who asked for it.
    actor: UserId,
    /// The command that it came of, with all that came of the same.
    correlationid: CorrelationId,
    /// The event that it answers, when no person asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<EventId>,
    #[serde(flatten)]
    #[schemars(with = "AnyFact")]
    event: &'a Event,
}

/// What stands for the event where its type is not known yet.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AnyFact {
    /// What happened; the version of its form comes last.
    #[schemars(regex(pattern = r"^voxlog\.[a-z]+\.[a-zA-Z]+\.v[1-9][0-9]*$"))]
    r#type: String,
    /// The particulars, by type.
    data: Map<String, Value>,
}

impl JsonSchema for Envelope {
    fn schema_name() -> Cow<'static, str> {
        Wire::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Wire::json_schema(generator)
    }
}

impl<'a> Header<'a> {
    /// Reads the attributes and leaves the data unread.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Reads the data, old versions brought up to today's.
    pub fn event(&self) -> Result<Event, DecodeError> {
        let (kind, data) = upcast::to_current(&self.kind, self.data)?;
        let fact = Fact { kind: &kind, data: Some(&data) };
        let event = match kind.split('.').nth(1) {
            Some("room" | "member" | "invite") => Deserialize::deserialize(fact).map(Event::Room),
            Some("message" | "reaction") => Deserialize::deserialize(fact).map(Event::Message),
            Some("call") => Deserialize::deserialize(fact).map(Event::Call),
            Some("user" | "session" | "read") => Deserialize::deserialize(fact).map(Event::User),
            Some("presence" | "typing" | "speaking" | "signal") => Deserialize::deserialize(fact).map(Event::Ambient),
            _ => return Err(DecodeError::UnknownType(kind.into_owned())),
        };
        // Asked only on failure: this is the hot path of every follower.
        event.map_err(|error| {
            let known = Event::types().any(|known| known == kind);
            if known { DecodeError::Malformed(error) } else { DecodeError::UnknownType(kind.into_owned()) }
        })
    }
}

impl Envelope {
    /// The bytes that go to the log.
    pub fn encode(&self) -> Bytes {
        let wire = Wire {
            specversion: "1.0",
            id: self.id,
            source: SOURCE,
            subject: self.subject,
            time: self.time,
            actor: self.actor,
            correlationid: self.correlation,
            causationid: self.causation,
            event: &self.event,
        };
        serde_json::to_vec(&wire).expect("an event has only text keys").into()
    }

    /// Reads an event of any version ever written.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header = Header::read(bytes)?;
        let event = header.event()?;
        let subject = match event {
            Event::User(_) | Event::Ambient(ambient::Event::PresenceChanged { .. }) => {
                Subject::User(header.subject.parse()?)
            }
            Event::Room(_) | Event::Message(_) | Event::Call(_) | Event::Ambient(_) => {
                Subject::Room(header.subject.parse()?)
            }
        };
        Ok(Self {
            id: header.id,
            subject,
            time: header.time,
            actor: header.actor,
            correlation: header.correlation,
            causation: header.causation,
            event,
        })
    }
}

/// A type and its unread data, presented to serde as the adjacently tagged enum that each chain's events are.
struct Fact<'a> {
    kind: &'a str,
    data: Option<&'a RawValue>,
}

impl<'de> Deserializer<'de> for Fact<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(Tagged { kind: Some(self.kind), data: self.data })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The two entries of a [`Fact`], the tag first, so that serde reads the data straight into its variant.
struct Tagged<'a> {
    kind: Option<&'a str>,
    data: Option<&'a RawValue>,
}

impl<'de> MapAccess<'de> for Tagged<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let key = match (self.kind, self.data) {
            (Some(_), _) => "type",
            (None, Some(_)) => "data",
            (None, None) => return Ok(None),
        };
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        if let Some(kind) = self.kind.take() {
            return seed.deserialize(kind.into_deserializer());
        }
        let data = self.data.take().map_or("null", RawValue::get);
        seed.deserialize(&mut serde_json::Deserializer::from_str(data))
    }
}
