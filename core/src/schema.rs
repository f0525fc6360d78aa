//! JSON Schema (draft 2020-12) of what goes over the wire, made from the types themselves, so that neither can change
//! without the other. What is made here is committed in `schemas/` and held against the code by tests.

use std::collections::BTreeMap;

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
    transform::transform_subschemas,
};
use serde_json::{Map, Value, json};

use crate::{
    ambient, call,
    envelope::Envelope,
    id::{RoomId, UserId},
    message, room, user,
};

/// Where the schemas of shared types stand in a document of its own.
pub const DEFINITIONS: &str = "/$defs";

/// Where they stand in an OpenAPI or AsyncAPI document.
pub const COMPONENTS: &str = "/components/schemas";

/// Makes schemas of what this program writes, or of what it reads; `definitions` says where those of shared types are
/// to stand. [`tidy`] what it makes.
pub fn generator(contract: Contract, definitions: &'static str) -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = definitions.into();
    settings.contract = contract;
    settings.into_generator()
}

/// The schema of every type of event, by type: the whole CloudEvent with its `data`.
pub fn events(generator: &mut SchemaGenerator) -> BTreeMap<String, Schema> {
    let room = generator.subschema_for::<RoomId>();
    let user = generator.subschema_for::<UserId>();
    let facts = [
        (room::Event::json_schema(generator), &room),
        (message::Event::json_schema(generator), &room),
        (call::Event::json_schema(generator), &room),
        (user::Event::json_schema(generator), &user),
        (ambient::Event::json_schema(generator), &room),
    ];
    let envelope = Envelope::json_schema(generator);
    let mut events = BTreeMap::new();
    for (kinds, subject) in facts {
        for kind in kinds.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
            // Of what is told beside the log, presence alone is about a user.
            let is_presence = kind["properties"]["type"]["const"] == "voxlog.presence.changed.v1";
            let (name, schema) = event(envelope.clone(), if is_presence { &user } else { subject }, kind);
            events.insert(name, schema);
        }
    }
    events
}

/// The envelope around one type of event.
fn event(mut envelope: Schema, subject: &Schema, kind: &Value) -> (String, Schema) {
    let name = kind["properties"]["type"]["const"].as_str().expect("an event is tagged by its type").to_owned();
    let properties = envelope.get_mut("properties").expect("an envelope is an object");
    let about = properties["subject"]["description"].take();
    properties["subject"] = subject.clone().into();
    properties["subject"]["description"] = about;
    properties["type"] = kind["properties"]["type"].clone();
    properties["data"] = kind["properties"]["data"].clone();
    envelope.insert("title".to_owned(), json!(name));
    envelope.insert("description".to_owned(), kind["description"].clone());
    (name, envelope)
}

/// A schema as a document that stands by itself, with the shared types that it refers to. `id` is the rest of its URN.
pub fn document(id: &str, mut schema: Schema, generator: &SchemaGenerator) -> Value {
    tidy(&mut schema, generator.contract());
    let mut needed = BTreeMap::new();
    collect(schema.as_value(), generator, &mut needed);
    let mut document = Map::new();
    document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    document.insert("$id".to_owned(), json!(format!("urn:voxlog:schema:{id}")));
    document.extend(schema.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    if !needed.is_empty() {
        document.insert("$defs".to_owned(), needed.into_iter().collect());
    }
    Value::Object(document)
}

/// All shared types that a generator has met, tidied.
pub fn definitions(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let contract = generator.contract().clone();
    let mut definitions = generator.take_definitions(true);
    for definition in definitions.values_mut() {
        tidy_value(definition, &contract);
    }
    definitions
}

/// Takes out what says nothing on the wire: the code's line breaks and its names for sizes of integers; of what we write,
/// defaults, and that a field which is left out when it is null might be null.
pub fn tidy(schema: &mut Schema, contract: &Contract) {
    let is_number = |kind: &Value| matches!(kind.as_str(), Some("integer" | "number"));
    let counts = schema.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(is_number),
        kind => is_number(kind),
    });
    if counts {
        schema.remove("format");
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    if contract.is_serialize() {
        schema.remove("default");
        let required = schema.get("required").cloned().unwrap_or_default();
        let is_required = |name: &String| required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        properties.into_iter().flatten().filter(|(name, _)| !is_required(name)).for_each(|(_, rule)| never_null(rule));
    }
    transform_subschemas(&mut |schema: &mut Schema| tidy(schema, contract), schema);
}

fn tidy_value(value: &mut Value, contract: &Contract) {
    if let Ok(schema) = <&mut Schema>::try_from(value) {
        tidy(schema, contract);
    }
}

/// The rule of a field that is left out rather than null.
fn never_null(rule: &mut Value) {
    let Some(rule) = rule.as_object_mut() else { return };
    if let Some(Value::Array(kinds)) = rule.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = &kinds[..] {
            let only = only.clone();
            rule.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = rule.get_mut("anyOf") {
        choices.retain(|choice| choice != &json!({"type": "null"}));
        if let [Value::Object(only)] = &choices[..] {
            let only = only.clone();
            rule.remove("anyOf");
            rule.extend(only);
        }
    }
}

/// The shared types that a schema refers to, and those that they refer to.
fn collect(value: &Value, generator: &SchemaGenerator, needed: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            let prefix = format!("#{}/", generator.settings().definitions_path);
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix(&*prefix))
                && !needed.contains_key(name)
                && let Some(definition) = generator.definitions().get(name)
            {
                let mut definition = definition.clone();
                tidy_value(&mut definition, generator.contract());
                needed.insert(name.to_owned(), definition.clone());
                collect(&definition, generator, needed);
            }
            fields.values().for_each(|value| collect(value, generator, needed));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, generator, needed)),
        _ => {}
    }
}
