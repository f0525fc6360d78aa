//! The schemas of all types that a document speaks of.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::Contract};
use serde_json::{Map, Value, json};
use voxlog_core::schema;

/// One generator for what is read and one for what is written: a field with a default may be left out of a body, but
/// always stands in an answer.
pub(super) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let [read, written] = [Contract::Deserialize, Contract::Serialize]
            .map(|contract| schema::generator(contract, schema::COMPONENTS));
        Self { read, written }
    }

    /// The schema of something that clients send.
    pub(super) fn read<T: JsonSchema>(&mut self) -> Value {
        let schema = self.read.subschema_for::<T>();
        tidied(schema, &self.read)
    }

    /// The same, never as a reference.
    pub(super) fn read_in_place<T: JsonSchema>(&mut self) -> Value {
        let schema = T::json_schema(&mut self.read);
        tidied(schema, &self.read)
    }

    /// The schema of something that clients are answered.
    pub(super) fn written<T: JsonSchema>(&mut self) -> Value {
        let schema = self.written.subschema_for::<T>();
        tidied(schema, &self.written)
    }

    /// All that was referred to. A type that is read otherwise than it is written stands there twice, and the paths'
    /// parameters and bodies refer to it as `…Input`.
    pub(super) fn finish(mut self, paths: &mut Map<String, Value>) -> Map<String, Value> {
        let mut all = schema::definitions(&mut self.written);
        let read = schema::definitions(&mut self.read);
        let differing = differing(&read, &all);
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            for part in ["parameters", "requestBody"] {
                operation.get_mut(part).into_iter().for_each(|part| rename(part, &differing));
            }
        }
        for (name, mut schema) in read {
            rename(&mut schema, &differing);
            let name = if differing.contains(&name) { input(&name) } else { name };
            all.insert(name, schema);
        }
        all
    }
}

fn tidied(mut schema: Schema, generator: &SchemaGenerator) -> Value {
    schema::tidy(&mut schema, generator.contract());
    schema.into()
}

fn reference(name: &str) -> String {
    format!("#{}/{name}", schema::COMPONENTS)
}

fn input(name: &str) -> String {
    format!("{name}Input")
}

/// The names under which two things stand, or that refer to such.
fn differing(read: &Map<String, Value>, written: &Map<String, Value>) -> BTreeSet<String> {
    let clashes = |name: &String| written.get(name).is_some_and(|schema| *schema != read[name]);
    let mut differing: BTreeSet<String> = read.keys().filter(|name| clashes(name)).cloned().collect();
    loop {
        let refers = |(name, schema): &(&String, &Value)| {
            written.contains_key(*name) && differing.iter().any(|other| mentions(schema, &reference(other)))
        };
        let more: Vec<_> = read.iter().filter(refers).map(|(name, _)| name.clone()).collect();
        let before = differing.len();
        differing.extend(more);
        if differing.len() == before {
            return differing;
        }
    }
}

fn mentions(value: &Value, reference: &str) -> bool {
    match value {
        Value::Object(fields) => {
            fields.get("$ref").is_some_and(|it| it == reference) || fields.values().any(|it| mentions(it, reference))
        }
        Value::Array(values) => values.iter().any(|it| mentions(it, reference)),
        _ => false,
    }
}

fn rename(value: &mut Value, names: &BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(to) = fields.get_mut("$ref")
                && let Some(name) = names.iter().find(|name| *to == json!(reference(name)))
            {
                *to = json!(reference(&input(name)));
            }
            fields.values_mut().for_each(|value| rename(value, names));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Same {
        a: u8,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Lenient {
        #[serde(default)]
        b: u8,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Outer {
        same: Same,
        lenient: Lenient,
    }

    #[test]
    fn a_type_that_is_read_otherwise_than_written_stands_there_twice() {
        let mut schemas = Schemas::new();
        let body = schemas.read::<Outer>();
        schemas.written::<Outer>();
        let mut paths = Map::from_iter([("/".to_owned(), json!({ "post": { "requestBody": body } }))]);
        let all = schemas.finish(&mut paths);
        assert_eq!(all.keys().collect::<Vec<_>>(), ["Lenient", "LenientInput", "Outer", "OuterInput", "Same"]);
        assert_eq!(all["OuterInput"]["properties"]["lenient"]["$ref"], "#/components/schemas/LenientInput");
        assert_eq!(all["Outer"]["properties"]["lenient"]["$ref"], "#/components/schemas/Lenient");
        assert_eq!(paths["/"]["post"]["requestBody"]["$ref"], "#/components/schemas/OuterInput");
    }
}
