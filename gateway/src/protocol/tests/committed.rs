//! What is committed in `schemas/` and `docs/` is what the code makes, and frames are what it says.

use std::{fmt::Write as _, fs, path::PathBuf};

use schemars::generate::Contract;
use voxlog_core::{
    schema,
    testing::{assert_committed, faults},
};

use super::*;
use crate::close::Close;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The schemas of the frames of both directions, by the paths of their files.
fn frames_as_documents() -> Vec<(PathBuf, Value)> {
    let mut asked = schema::generator(Contract::Deserialize, schema::DEFINITIONS);
    let mut told = schema::generator(Contract::Serialize, schema::DEFINITIONS);
    let (client, server) = (documents::client_frames(&mut asked), documents::server_frames(&mut told));
    let document = |side: &str, (op, schema): (String, schemars::Schema), generator| {
        let document = schema::document(&format!("frames:{side}:{op}"), schema, generator);
        (repository().join(format!("schemas/frames/{side}/{op}.json")), document)
    };
    let client = client.into_iter().map(|frame| document("client", frame, &asked));
    client.chain(server.into_iter().map(|frame| document("server", frame, &told))).collect()
}

fn schema_of(side: &str, op: &str) -> Value {
    let path = repository().join(format!("schemas/frames/{side}/{op}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_schemas_of_frames_are_made_by_the_code() {
    let documents = frames_as_documents();
    for (path, document) in &documents {
        assert_committed(path, &format!("{document:#}\n"));
    }
    for side in ["client", "server"] {
        for file in fs::read_dir(repository().join("schemas/frames").join(side)).unwrap() {
            let path = file.unwrap().path();
            let made = documents.iter().any(|(known, _)| known.file_name() == path.file_name());
            assert!(made, "{} describes a frame of today", path.display());
        }
    }
}

#[test]
fn the_asyncapi_document_is_made_by_the_code() {
    assert_committed(&repository().join("schemas/asyncapi.json"), asyncapi::text());
}

#[test]
fn every_reference_of_the_asyncapi_document_leads_somewhere() {
    fn check(value: &Value, document: &Value) -> usize {
        let here = value.get("$ref").and_then(Value::as_str).map_or(0, |path| {
            assert!(document.pointer(&path[1..]).is_some(), "{path}");
            1
        });
        let inside: Box<dyn Iterator<Item = &Value>> = match value {
            Value::Array(values) => Box::new(values.iter()),
            Value::Object(fields) => Box::new(fields.values()),
            _ => Box::new(std::iter::empty()),
        };
        here + inside.map(|value| check(value, document)).sum::<usize>()
    }
    let document = asyncapi::document();
    assert!(check(&document, &document) > 100);
    for op in ops::OPS {
        let operation = &document["operations"][op];
        assert_eq!(operation["action"], "receive", "{op}");
        assert_eq!(operation["reply"]["messages"].as_array().map(Vec::len), Some(2), "{op}");
    }
    for kind in voxlog_core::event::Event::types() {
        assert!(document["components"]["messages"][kind].is_object(), "{kind}");
    }
}

#[test]
fn every_frame_of_a_client_fits_its_schema_and_every_op_and_field_is_shown() {
    let frames = frames::client_frames();
    for frame in &frames {
        let schema = schema_of("client", frame["op"].as_str().unwrap());
        assert_eq!(faults(&schema, frame), Vec::<String>::new(), "{frame}");
    }
    for op in ops::OPS {
        let schema = schema_of("client", op);
        for field in schema["properties"].as_object().unwrap().keys() {
            assert!(frames.iter().any(|frame| frame["op"] == *op && frame.get(field).is_some()), "{op} with {field}");
        }
    }
}

#[test]
fn every_frame_for_a_client_fits_its_schema() {
    for frame in frames::server_frames() {
        let mut frame = serde_json::to_value(frame).unwrap();
        if frame["op"] == "page" {
            // Its event is made up, to show that it goes out as it is.
            frame["events"] = json!([]);
        }
        let schema = schema_of("server", frame["op"].as_str().unwrap());
        assert_eq!(faults(&schema, &frame), Vec::<String>::new(), "{frame}");
    }
}

#[test]
fn every_frame_for_a_client_is_shown() {
    let shown: Vec<_> =
        frames::server_frames().iter().map(|frame| serde_json::to_value(frame).unwrap()["op"].clone()).collect();
    let mut told = schema::generator(Contract::Serialize, schema::DEFINITIONS);
    for (op, _) in documents::server_frames(&mut told) {
        assert!(op == "event" || shown.contains(&json!(op)), "{op}");
    }
}

#[test]
fn a_field_that_a_schema_does_not_know_is_refused() {
    for mut frame in frames::client_frames() {
        frame["utnil"] = json!(1);
        let schema = schema_of("client", frame["op"].as_str().unwrap());
        assert!(!faults(&schema, &frame).is_empty(), "{frame}");
        assert!(read(&frame).is_err(), "{frame}");
    }
}

#[test]
fn a_field_that_a_schema_asks_for_must_be_there() {
    for frame in frames::client_frames() {
        let schema = schema_of("client", frame["op"].as_str().unwrap());
        for field in schema["required"].as_array().unwrap().iter().filter_map(Value::as_str) {
            let mut frame = frame.clone();
            frame.as_object_mut().unwrap().remove(field);
            assert!(read(&frame).is_err(), "{frame} without {field}");
        }
    }
}

/// A part of a document that the code writes, between `<!-- NAME -->` and `<!-- /NAME -->`.
fn with_part(text: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{begin} is there"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end} is there"));
    format!("{before}{begin}{part}{end}{after}")
}

#[test]
fn the_tables_of_codes_in_the_docs_are_made_by_the_code() {
    let path = repository().join("docs/protocol.md");
    let mut codes = "| code | status | meaning | what to do |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let (status, meaning, advice) = (code.status().as_u16(), code.meaning(), code.advice());
        writeln!(codes, "| `{}` | {status} | {meaning} | {advice} |", code.as_str()).unwrap();
    }
    let mut closes = "| code | reason | meaning | what to do |\n|---|---|---|---|\n".to_owned();
    for close in Close::ALL {
        let (meaning, advice) = (close.meaning(), close.advice());
        writeln!(closes, "| {} | `{}` | {meaning} | {advice} |", close.code(), close.reason()).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_committed(&path, &with_part(&with_part(&text, "codes", &codes), "close codes", &closes));
}
