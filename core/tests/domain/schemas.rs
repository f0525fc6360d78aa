//! Every version ever written has a schema and a sample, and reads with today's code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use voxlog_core::{envelope::Envelope, event::Event, message, room, user};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(name)
}

/// The JSON files of a folder, by name.
fn documents(name: &str) -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (file_name(&path), serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn file_of(kind: &str) -> String {
    format!("{}.json", kind.strip_prefix("voxlog.").unwrap())
}

/// The variant's name. A new variant stops the compiler here: it needs a schema and a sample.
fn variant(event: &Event) -> &'static str {
    match event {
        Event::Room(event) => match event {
            room::Event::Created { .. } => "room.created",
            room::Event::Updated(_) => "room.updated",
            room::Event::Archived {} => "room.archived",
            room::Event::CodeRotated { .. } => "room.codeRotated",
            room::Event::InviteCreated { .. } => "invite.created",
            room::Event::InviteRevoked { .. } => "invite.revoked",
            room::Event::InviteUsed { .. } => "invite.used",
            room::Event::Requested { .. } => "member.requested",
            room::Event::Approved { .. } => "member.approved",
            room::Event::Denied { .. } => "member.denied",
            room::Event::Joined { .. } => "member.joined",
            room::Event::Left { .. } => "member.left",
            room::Event::Kicked { .. } => "member.kicked",
            room::Event::Banned { .. } => "member.banned",
            room::Event::Unbanned { .. } => "member.unbanned",
            room::Event::Muted { .. } => "member.muted",
            room::Event::Unmuted { .. } => "member.unmuted",
            room::Event::RoleChanged { .. } => "member.roleChanged",
        },
        Event::Message(event) => match event {
            message::Event::Posted { .. } => "message.posted",
            message::Event::Edited { .. } => "message.edited",
            message::Event::Deleted { .. } => "message.deleted",
            message::Event::Pinned { .. } => "message.pinned",
            message::Event::Unpinned { .. } => "message.unpinned",
            message::Event::ReactionAdded { .. } => "reaction.added",
            message::Event::ReactionRemoved { .. } => "reaction.removed",
        },
        Event::User(event) => match event {
            user::Event::Registered { .. } => "user.registered",
            user::Event::Updated { .. } => "user.updated",
            user::Event::SessionStarted { .. } => "session.started",
            user::Event::SessionRevoked { .. } => "session.revoked",
            user::Event::ReadMarked { .. } => "read.marked",
        },
    }
}

#[test]
fn every_sample_reads_with_todays_code() {
    for (file, sample) in documents("samples") {
        let bytes = serde_json::to_vec(&sample).unwrap();
        let read = Envelope::decode(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        let written: Value = serde_json::from_slice(&read.encode()).unwrap();
        let kind = sample["type"].as_str().unwrap();
        assert_eq!(file, file_of(kind), "a sample is named after its type");
        assert!(file.starts_with(variant(&read.event)), "{file} reads as {}", variant(&read.event));
        if Event::types().any(|current| current == kind) {
            assert_eq!(written, sample, "{file} is written as it was read");
        }
    }
}

#[test]
fn every_type_has_a_schema_and_a_sample() {
    let (schemas, samples) = (documents("events"), documents("samples"));
    for kind in Event::types() {
        assert!(schemas.contains_key(&file_of(kind)), "{kind} has a schema");
        assert!(samples.contains_key(&file_of(kind)), "{kind} has a sample");
    }
    let with_schema: BTreeSet<_> = schemas.into_keys().filter(|file| file != "common.v1.json").collect();
    assert_eq!(with_schema, samples.into_keys().collect(), "every schema has a sample, old ones too");
}

#[test]
fn every_variant_of_an_event_has_a_sample() {
    let read = documents("samples")
        .into_values()
        .map(|sample| variant(&Envelope::decode(&serde_json::to_vec(&sample).unwrap()).unwrap().event))
        .collect::<BTreeSet<_>>();
    let listed = Event::types().map(|kind| &kind["voxlog.".len()..kind.rfind('.').unwrap()]).collect::<BTreeSet<_>>();
    assert_eq!(read, listed, "the list of types is the list of variants");
}

#[test]
fn every_sample_fits_its_schema() {
    let schemas = documents("events");
    for (file, sample) in documents("samples") {
        let faults = Check { schemas: &schemas }.faults(&schemas[&file], &sample);
        assert_eq!(faults, Vec::<String>::new(), "{file}");
        let data = sample["data"].as_object().unwrap();
        let known = &schemas[&file]["properties"]["data"]["properties"];
        assert!(data.keys().all(|key| known.get(key).is_some()), "{file} has only fields of its schema");
        assert!(known.as_object().unwrap().keys().all(|key| data.contains_key(key)), "{file} shows every field");
    }
}

#[test]
fn a_sample_that_does_not_fit_is_noticed() {
    let (schemas, samples) = (documents("events"), documents("samples"));
    let check = Check { schemas: &schemas };
    let spoilt = [
        ("member.left.v1.json", "/data", json!({})),
        ("member.left.v1.json", "/data/userId", json!(7)),
        ("member.left.v1.json", "/source", json!("/elsewhere")),
        ("member.left.v1.json", "/type", json!("voxlog.member.joined.v1")),
        ("member.joined.v1.json", "/data/role", json!("king")),
        ("room.created.v1.json", "/data/maxUsers", json!(501)),
        ("room.created.v1.json", "/data/name", json!("")),
        ("room.created.v1.json", "/data/settings", json!({ "colour": "red" })),
    ];
    for (file, pointer, value) in spoilt {
        let mut sample = samples[file].clone();
        *sample.pointer_mut(pointer).unwrap() = value;
        assert!(!check.faults(&schemas[file], &sample).is_empty(), "{file} with another {pointer}");
    }
}

/// As much of JSON Schema as the schemas use, patterns and formats aside: ids and times are read by the code itself.
struct Check<'a> {
    schemas: &'a BTreeMap<String, Value>,
}

impl Check<'_> {
    fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        for other in schema["allOf"].as_array().into_iter().flatten().chain(self.referred(schema)) {
            faults.extend(self.faults(other, value));
        }
        for (keyword, rule) in schema.as_object().unwrap() {
            if !holds(keyword, rule, value) {
                faults.push(format!("{value}: {keyword} {rule}"));
            }
        }
        let properties = schema["properties"].as_object();
        for (key, rule) in properties.into_iter().flatten() {
            faults.extend(value.get(key).map(|value| self.faults(rule, value)).unwrap_or_default());
        }
        if schema["additionalProperties"] == false {
            let unknown = value.as_object().unwrap().keys().filter(|key| schema["properties"].get(key).is_none());
            faults.extend(unknown.map(|key| format!("{key} is unknown")));
        }
        faults
    }

    fn referred(&self, schema: &Value) -> Option<&Value> {
        let (file, path) = schema.get("$ref")?.as_str()?.split_once('#').unwrap_or((schema["$ref"].as_str()?, ""));
        Some(self.schemas[file].pointer(path).unwrap_or_else(|| panic!("{file}#{path} is there")))
    }
}

fn holds(keyword: &str, rule: &Value, value: &Value) -> bool {
    let number = |value: &Value| value.as_u64().unwrap();
    let chars = || u64::try_from(value.as_str().unwrap().chars().count()).unwrap();
    match keyword {
        "type" => rule.as_array().map_or_else(|| is(rule, value), |types| types.iter().any(|rule| is(rule, value))),
        "const" => rule == value,
        "enum" => rule.as_array().unwrap().contains(value),
        "required" => rule.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
        "minimum" => value.is_null() || number(value) >= number(rule),
        "maximum" => number(value) <= number(rule),
        "minLength" => chars() >= number(rule),
        "maxLength" => chars() <= number(rule),
        "$schema"
        | "$id"
        | "$defs"
        | "$ref"
        | "title"
        | "description"
        | "allOf"
        | "properties"
        | "additionalProperties"
        | "pattern"
        | "format" => true,
        other => panic!("the check does not know {other}"),
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the check does not know {other}"),
    }
}
