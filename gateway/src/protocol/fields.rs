//! A frame's fields: first those that say what it is about, then the rest, which is the op's own.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use voxlog_core::id::{MessageId, RoomId};

use super::{FrameId, MAX_ID_BYTES};
use crate::error::{Code, Failure};

/// What is left of a frame.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn of(value: Value) -> Result<Self, Failure> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Failure::new(Code::Invalid, "a frame is an object")),
        }
    }

    /// The frame's `id`.
    pub(super) fn id(&mut self) -> Result<FrameId, Failure> {
        let number = |number: &serde_json::Number| {
            number.as_u64().map(FrameId::Number).or_else(|| number.as_i64().map(FrameId::Negative))
        };
        let id = match self.0.remove("id") {
            Some(Value::String(text)) if text.len() <= MAX_ID_BYTES => Some(FrameId::Text(text)),
            Some(Value::Number(value)) => number(&value),
            _ => None,
        };
        id.ok_or_else(|| {
            Failure::invalid("id", format!("must be a whole number or a text of up to {MAX_ID_BYTES} bytes"))
        })
    }

    /// A field that must be there.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Failure> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Err(Failure::invalid(name, "is missing")),
            Some(value) => T::deserialize(value).map_err(|error| Failure::of_field(name, &error.to_string())),
        }
    }

    /// All that is left.
    fn rest<T: DeserializeOwned>(self) -> Result<T, Failure> {
        serde_path_to_error::deserialize(Value::Object(self.0))
            .map_err(|error| Failure::of_field(&error.path().to_string(), &error.inner().to_string()))
    }
}

/// What the fields of an op are, beside `op` and `id`.
pub(super) trait Shape: Sized {
    /// The op's own fields.
    type More: DeserializeOwned + JsonSchema;

    /// The fields before these.
    const BEFORE: &'static [Before];

    fn read(fields: Fields) -> Result<Self, Failure>;

    /// The schema of a whole frame.
    fn frame(op: &str, about: &str, generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Self::More::json_schema(generator);
        schema.insert("title".to_owned(), json!(op));
        schema.insert("description".to_owned(), json!(about));
        add(&mut schema, "op", json!({ "const": op }));
        add(&mut schema, "id", generator.subschema_for::<FrameId>().into());
        for (name, rule) in Self::BEFORE {
            add(&mut schema, name, rule(generator).into());
        }
        schema
    }
}

/// A field's name and its rule.
type Before = (&'static str, fn(&mut SchemaGenerator) -> Schema);

fn add(schema: &mut Schema, name: &str, rule: Value) {
    let fields = schema.ensure_object();
    let required = fields.entry("required").or_insert_with(|| json!([]));
    required.as_array_mut().expect("a list").push(json!(name));
    let properties = fields.entry("properties").or_insert_with(|| json!({}));
    properties[name] = rule;
}

/// An op with nothing but its own fields.
pub(super) struct Alone<T>(pub(super) T);

/// An op about a room.
pub(super) struct InRoom<T> {
    pub(super) room: RoomId,
    pub(super) more: T,
}

/// An op about a message.
pub(super) struct OfMessage<T> {
    pub(super) room: RoomId,
    pub(super) message: MessageId,
    pub(super) more: T,
}

impl<T: DeserializeOwned + JsonSchema> Shape for Alone<T> {
    type More = T;
    const BEFORE: &'static [Before] = &[];

    fn read(fields: Fields) -> Result<Self, Failure> {
        fields.rest().map(Self)
    }
}

impl<T: DeserializeOwned + JsonSchema> Shape for InRoom<T> {
    type More = T;
    const BEFORE: &'static [Before] = &[("room", SchemaGenerator::subschema_for::<RoomId>)];

    fn read(mut fields: Fields) -> Result<Self, Failure> {
        Ok(Self { room: fields.take("room")?, more: fields.rest()? })
    }
}

impl<T: DeserializeOwned + JsonSchema> Shape for OfMessage<T> {
    type More = T;
    const BEFORE: &'static [Before] = &[
        ("room", SchemaGenerator::subschema_for::<RoomId>),
        ("messageId", SchemaGenerator::subschema_for::<MessageId>),
    ];

    fn read(mut fields: Fields) -> Result<Self, Failure> {
        Ok(Self { room: fields.take("room")?, message: fields.take("messageId")?, more: fields.rest()? })
    }
}
