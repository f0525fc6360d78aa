//! Whether a value fits a JSON Schema, as far as the schemas of this project use it.

use std::collections::BTreeSet;

use serde_json::Value;

/// What is wrong with a value, by a schema that stands by itself: broken rules, and fields that it does not know, which
/// readers ignore but writers must not have. Patterns and formats are left to the code that reads ids and times.
pub fn faults(document: &Value, value: &Value) -> Vec<String> {
    Check { document }.faults(document, value)
}

struct Check<'a> {
    document: &'a Value,
}

impl<'a> Check<'a> {
    fn faults(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut faults = self.broken(schema, value);
        if let (Some(fields), Some(known)) = (value.as_object(), self.known(schema)) {
            let unknown = fields.keys().filter(|key| !known.contains(key.as_str()));
            faults.extend(unknown.map(|key| format!("{key} is not in the schema")));
        }
        faults
    }

    fn broken(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let Some(rules) = schema.as_object() else {
            return if schema == &Value::Bool(false) { vec![format!("{value}: nothing fits")] } else { vec![] };
        };
        rules.iter().flat_map(|(keyword, rule)| self.breach(keyword, rule, value)).collect()
    }

    fn breach(&self, keyword: &str, rule: &'a Value, value: &Value) -> Vec<String> {
        let all = || rule.as_array().into_iter().flatten();
        let fields = || rule.as_object().into_iter().flatten();
        match keyword {
            "$ref" => self.broken(self.referred(rule), value),
            "allOf" => all().flat_map(|one| self.broken(one, value)).collect(),
            "anyOf" | "oneOf" => {
                let tried: Vec<_> = all().map(|one| self.faults(one, value)).collect();
                let fitting = tried.iter().filter(|faults| faults.is_empty()).count();
                if fitting == 1 || (fitting > 1 && keyword == "anyOf") {
                    return vec![];
                }
                vec![format!("{value}: fits {fitting} of {keyword}: {tried:?}")]
            }
            "properties" => {
                let present = fields().filter_map(|(key, rule)| Some((rule, value.get(key)?)));
                present.flat_map(|(rule, value)| self.faults(rule, value)).collect()
            }
            "items" => value.as_array().into_iter().flatten().flat_map(|value| self.faults(rule, value)).collect(),
            "additionalProperties" if rule.is_object() => self.each_field(rule, value),
            "patternProperties" => fields().flat_map(|(_, rule)| self.each_field(rule, value)).collect(),
            _ if holds(keyword, rule, value) => vec![],
            _ => vec![format!("{value}: {keyword} {rule}")],
        }
    }

    fn each_field(&self, rule: &'a Value, value: &Value) -> Vec<String> {
        value.as_object().into_iter().flatten().flat_map(|(_, value)| self.faults(rule, value)).collect()
    }

    /// The fields that an object may have; `None` when any may come.
    fn known(&self, schema: &'a Value) -> Option<BTreeSet<&'a str>> {
        let mut known = BTreeSet::new();
        let others = schema.get("additionalProperties").is_some_and(|rule| rule != &Value::Bool(false));
        let says_nothing =
            ["type", "properties", "$ref", "allOf", "anyOf", "oneOf"].iter().all(|it| schema.get(it).is_none());
        if others || says_nothing || schema.get("patternProperties").is_some() {
            return None;
        }
        known.extend(schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()));
        if let Some(other) = schema.get("$ref") {
            known.extend(self.known(self.referred(other))?);
        }
        for combined in ["allOf", "anyOf", "oneOf"] {
            for one in schema[combined].as_array().into_iter().flatten() {
                known.extend(self.known(one)?);
            }
        }
        Some(known)
    }

    fn referred(&self, reference: &'a Value) -> &'a Value {
        let path = reference.as_str().and_then(|text| text.strip_prefix('#')).expect("a reference inside its document");
        self.document.pointer(path).unwrap_or_else(|| panic!("{reference} is there"))
    }
}

fn holds(keyword: &str, rule: &Value, value: &Value) -> bool {
    let chars = |text: &str| text.chars().count() as u64;
    match keyword {
        "type" => rule.as_array().map_or_else(|| is(rule, value), |kinds| kinds.iter().any(|kind| is(kind, value))),
        "const" => rule == value,
        "enum" => rule.as_array().is_some_and(|all| all.contains(value)),
        "required" => {
            rule.as_array().into_iter().flatten().filter_map(Value::as_str).all(|key| value.get(key).is_some())
        }
        "minimum" => value.as_f64() >= rule.as_f64() || !value.is_number(),
        "maximum" => value.as_f64() <= rule.as_f64() || !value.is_number(),
        "minLength" => value.as_str().is_none_or(|text| Some(chars(text)) >= rule.as_u64()),
        "maxLength" => value.as_str().is_none_or(|text| Some(chars(text)) <= rule.as_u64()),
        "maxItems" => value.as_array().is_none_or(|items| Some(items.len() as u64) <= rule.as_u64()),
        "uniqueItems" => {
            value.as_array().is_none_or(|items| !(1..items.len()).any(|i| items[i..].contains(&items[i - 1])))
        }
        "$schema"
        | "$id"
        | "$defs"
        | "title"
        | "description"
        | "default"
        | "examples"
        | "pattern"
        | "format"
        | "additionalProperties" => true,
        other => panic!("the check does not know {other}"),
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("null") => value.is_null(),
        other => panic!("the check does not know {other:?}"),
    }
}
