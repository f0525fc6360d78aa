//! The document is what is committed, and holds together.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;
use voxlog_core::testing::assert_committed;

use crate::{
    error::Code,
    rest::{docs, document},
};

/// Every operation: its path, its method, and itself.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((path.clone(), method.clone(), operation));
        }
    }
    operations
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn the_openapi_document_is_made_by_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/openapi.json");
    assert_committed(&path, &docs::text());
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_referred_to() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("references stay in the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/components/schemas/{name}")), "nothing refers to {name}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_a_tag_and_a_summary() {
    let document = document();
    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone().to_string()).collect();
    let mut names = BTreeMap::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().expect("an operation has a name");
        let former = names.insert(name.to_owned(), format!("{method} {path}"));
        assert_eq!(former, None, "two operations are called {name}");
        assert!(tags.contains(&operation["tags"][0].to_string()), "{name} has no tag that is told of");
        assert!(operation["summary"].as_str().is_some_and(|summary| summary.len() > 10), "{name} has no summary");
    }
}

#[test]
fn the_codes_of_the_document_are_those_of_the_code() {
    let document = document();
    let schema = document["components"]["schemas"]["Code"].clone();
    let told: Vec<_> = schema["oneOf"].as_array().unwrap().iter().map(|code| code["const"].clone()).collect();
    assert_eq!(told, Code::ALL.map(|code| Value::from(code.as_str())));
}
