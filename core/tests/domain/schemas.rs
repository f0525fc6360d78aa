//! Every version ever written has a schema and a sample, and reads with today's code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use schemars::{JsonSchema, generate::Contract};
use serde_json::{Value, json};
use voxlog_core::{
    ambient, call,
    envelope::Envelope,
    event::Event,
    message, room, schema,
    testing::{assert_committed, faults},
    user,
};

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

/// The schema's file of a sample's. A later sample of the same version says between them what it shows:
/// `message.posted.mentions.v1.json`.
fn schema_of(sample: &str) -> String {
    let parts: Vec<_> = sample.split('.').collect();
    let (type_, version) = (&parts[..2], &parts[parts.len() - 2..]);
    [type_, version].concat().join(".")
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
        Event::Call(event) => match event {
            call::Event::Started { .. } => "call.started",
            call::Event::Joined { .. } => "call.joined",
            call::Event::Left { .. } => "call.left",
            call::Event::Updated { .. } => "call.updated",
            call::Event::Ended { .. } => "call.ended",
        },
        Event::Ambient(event) => match event {
            ambient::Event::PresenceChanged { .. } => "presence.changed",
            ambient::Event::TypingStarted { .. } => "typing.started",
            ambient::Event::TypingStopped { .. } => "typing.stopped",
            ambient::Event::SpeakingChanged { .. } => "speaking.changed",
            ambient::Event::SignalSent { .. } => "signal.sent",
        },
        Event::User(event) => match event {
            user::Event::Registered { .. } => "user.registered",
            user::Event::Updated { .. } => "user.updated",
            user::Event::Erased { .. } => "user.erased",
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
        assert_eq!(schema_of(&file), file_of(kind), "a sample is named after its type");
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
    let shown = samples.keys().map(|sample| schema_of(sample)).collect();
    assert_eq!(with_schema, shown, "every schema has a sample, old ones too");
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

/// The schemas as the code makes them, by the names of their files.
fn made() -> BTreeMap<String, Value> {
    let mut generator = schema::generator(Contract::Serialize, schema::DEFINITIONS);
    let mut schemas = schema::events(&mut generator);
    schemas.insert("voxlog.common.v1".to_owned(), Envelope::json_schema(&mut generator));
    let document = |kind: &str, schema| schema::document(kind.strip_prefix("voxlog.").unwrap(), schema, &generator);
    schemas.into_iter().map(|(kind, schema)| (file_of(&kind), document(&kind, schema))).collect()
}

#[test]
fn the_schemas_of_todays_events_are_made_by_the_code() {
    for (file, schema) in made() {
        assert_committed(&folder("events").join(file), &format!("{schema:#}\n"));
    }
}

#[test]
fn every_sample_fits_its_schema() {
    let schemas = documents("events");
    for (file, sample) in documents("samples") {
        assert_eq!(faults(&schemas[&schema_of(&file)], &sample), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn every_field_is_shown_by_a_sample() {
    let samples = documents("samples");
    for (file, schema) in documents("events").into_iter().filter(|(file, _)| file != "common.v1.json") {
        let data = &schema["properties"]["data"];
        let fields = match data["$ref"].as_str() {
            Some(path) => &schema.pointer(&path[1..]).unwrap()["properties"],
            None => &data["properties"],
        };
        for field in fields.as_object().into_iter().flatten().map(|(field, _)| field) {
            let shown =
                samples.iter().any(|(name, sample)| schema_of(name) == file && !sample["data"][field].is_null());
            assert!(shown, "a sample of {file} has {field}");
        }
    }
}

#[test]
fn a_sample_that_does_not_fit_is_noticed() {
    let (schemas, samples) = (documents("events"), documents("samples"));
    let spoilt = [
        ("member.left.v1.json", "/data", json!({})),
        ("member.left.v1.json", "/data/userId", json!(7)),
        ("member.left.v1.json", "/data", json!({ "userId": "x", "colour": "red" })),
        ("member.left.v1.json", "/source", json!("/elsewhere")),
        ("member.left.v1.json", "/type", json!("voxlog.member.joined.v1")),
        ("member.joined.v1.json", "/data/role", json!("king")),
        ("room.created.v1.json", "/data/maxUsers", json!(501)),
        ("room.created.v1.json", "/data/name", json!("")),
        ("room.created.v1.json", "/data/settings", json!({ "colour": "red" })),
        ("message.posted.mentions.v1.json", "/data/mentions", json!(["x", "x"])),
    ];
    for (file, pointer, value) in spoilt {
        let mut sample = samples[file].clone();
        *sample.pointer_mut(pointer).unwrap() = value;
        assert!(!faults(&schemas[&schema_of(file)], &sample).is_empty(), "{file} with another {pointer}");
    }
}
