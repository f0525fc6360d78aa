//! The frames of both directions as JSON Schemas, and what the documents say of codes.

use schemars::{JsonSchema, Schema, SchemaGenerator, schema_for};
use serde_json::{Value, json};

use super::{ServerFrame, codec::EventFrame, ops};
use crate::{close::Close, error::Code};

/// The schema of every frame that a client may send, by its op.
pub fn client_frames(generator: &mut SchemaGenerator) -> Vec<(String, Schema)> {
    ops::ops(generator).into_iter().map(|op| (op.name.to_owned(), op.schema)).collect()
}

/// The schema of every frame that a client is sent, by its op.
pub fn server_frames(generator: &mut SchemaGenerator) -> Vec<(String, Schema)> {
    let kinds = ServerFrame::json_schema(generator);
    let kinds = kinds.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let kinds = kinds.into_iter().filter_map(|kind| Schema::try_from(kind).ok());
    kinds.chain([EventFrame::json_schema(generator)]).map(named).collect()
}

impl Code {
    /// What it means: its description, as the code itself has it.
    pub fn meaning(self) -> String {
        described::<Self>(self.as_str())
    }
}

impl Close {
    /// What it means: its description, as the code itself has it.
    pub fn meaning(self) -> String {
        described::<Self>(self.reason())
    }
}

/// The description of an enum's value.
fn described<T: JsonSchema>(value: &str) -> String {
    let schema = schema_for!(T);
    let values = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let mut found = values.filter(|one| one["const"] == value).filter_map(|one| one["description"].as_str());
    found.next().expect("every value is described").to_owned()
}

fn named(mut schema: Schema) -> (String, Schema) {
    let op = schema.pointer("/properties/op/const").and_then(Value::as_str).expect("a frame is tagged by its op");
    let op = op.to_owned();
    schema.insert("title".to_owned(), json!(op));
    (op, schema)
}
