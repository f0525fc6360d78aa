//! One operation while it is described.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::error::Code;

/// Where the schema of a refusal stands.
pub(super) const PROBLEM: &str = "#/components/schemas/Problem";

/// What a handler's types tell of it is written here.
pub(crate) struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    fields: Map<String, Value>,
    parameters: Vec<Value>,
    security: Vec<Value>,
    is_limited: bool,
    answers: BTreeMap<u16, Value>,
    refusals: BTreeMap<u16, BTreeSet<&'static str>>,
    schemas: &'a mut Schemas,
}

impl<'a> Operation<'a> {
    /// With what every operation has.
    pub(super) fn new(path: &'a str, method: &'a str, fields: Map<String, Value>, schemas: &'a mut Schemas) -> Self {
        let (parameters, security) = (Vec::new(), Vec::new());
        let (answers, refusals) = (BTreeMap::new(), BTreeMap::new());
        let mut this =
            Self { path, method, fields, parameters, security, is_limited: false, answers, refusals, schemas };
        this.refuses(Code::Internal);
        // A read that took too long has done nothing; a write may have been done.
        this.refuses(if method == "get" { Code::Unavailable } else { Code::OutcomeUnknown });
        this
    }

    /// In lower case.
    pub(crate) const fn method(&self) -> &str {
        self.method
    }

    /// It may be refused with this code, under the code's own status.
    pub(crate) fn refuses(&mut self, code: Code) {
        self.refuses_as(code.status(), code);
    }

    /// It may be refused with this code under a status that tells HTTP more.
    pub(crate) fn refuses_as(&mut self, status: StatusCode, code: Code) {
        self.refusals.entry(status.as_u16()).or_default().insert(code.as_str());
    }

    /// It is for those who say who they are, in one of these ways.
    pub(crate) fn secured_by(&mut self, schemes: &[&str]) {
        self.security = schemes.iter().map(|scheme| json!({ *scheme: [] })).collect();
    }

    /// It reads a header. The schema is raw.
    pub(crate) fn header(&mut self, name: &str, description: &str, schema: Value) {
        let mut parameter = json!({ "in": "header", "name": name, "description": description });
        parameter["schema"] = schema;
        self.parameters.push(parameter);
    }

    /// The segments of its path that vary are read as this type: one, or a tuple in their order.
    pub(super) fn segments<T: JsonSchema>(&mut self) {
        let schema = self.schemas.read::<T>();
        let parts = match schema.get("prefixItems") {
            Some(Value::Array(parts)) => parts.clone(),
            _ => vec![schema],
        };
        let names = self.path.split(['{', '}']).skip(1).step_by(2);
        for (name, schema) in names.zip(parts) {
            self.parameters.push(json!({ "in": "path", "name": name, "required": true, "schema": schema }));
        }
    }

    /// Its query is read as this object.
    pub(super) fn query<T: JsonSchema>(&mut self) {
        let schema = self.schemas.read_in_place::<T>();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let mut schema = never_null(schema.clone());
            let mut parameter = json!({ "in": "query", "name": name, "required": required.contains(&json!(name)) });
            if let Some(description) = schema.as_object_mut().and_then(|schema| schema.remove("description")) {
                parameter["description"] = description;
            }
            parameter["schema"] = schema;
            self.parameters.push(parameter);
        }
    }

    /// Its body is read as this type.
    pub(super) fn body<T: JsonSchema>(&mut self) {
        let schema = self.schemas.read::<T>();
        let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        self.fields.insert("requestBody".to_owned(), body);
    }

    /// How much the caller may ask is counted, and told with every answer.
    pub(crate) fn limited(&mut self) {
        self.is_limited = true;
    }

    /// It answers with this type as JSON.
    pub(crate) fn answers<T: JsonSchema>(&mut self, status: StatusCode) {
        let schema = self.schemas.written::<T>();
        self.answers_with(status, "application/json", schema);
    }

    /// It answers with something of that media type. The schema is raw.
    pub(crate) fn answers_with(&mut self, status: StatusCode, kind: &str, schema: Value) {
        let mut content = json!({ kind: {} });
        content[kind]["schema"] = schema;
        self.answers.insert(status.as_u16(), response(status, None, Some(content)));
    }

    /// It answers without a body.
    pub(crate) fn answers_nothing(&mut self, status: StatusCode) {
        self.answers.insert(status.as_u16(), response(status, None, None));
    }

    /// The operation as it stands in the document. Its refusals go to those that operations share.
    pub(super) fn finish(self, shared: &mut Map<String, Value>) -> Value {
        let Self { mut fields, parameters, security, is_limited, mut answers, refusals, .. } = self;
        let counted = |mut answer: Value| {
            if is_limited {
                answer["headers"]["RateLimit"] = json!({ "$ref": "#/components/headers/RateLimit" });
                answer["headers"]["RateLimit-Policy"] = json!({ "$ref": "#/components/headers/RateLimitPolicy" });
            }
            answer
        };
        for answer in answers.values_mut() {
            *answer = counted(answer.take());
        }
        for (status, codes) in refusals {
            // A good answer under the same status is told of as such.
            answers.entry(status).or_insert_with(|| {
                let name = refusal_name(status, &codes, is_limited);
                let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                shared.entry(name).or_insert_with(|| counted(refusal(status, &codes)));
                reference
            });
        }
        if !parameters.is_empty() {
            fields.insert("parameters".to_owned(), parameters.into());
        }
        fields.insert("security".to_owned(), security.into());
        let answers: Map<_, _> = answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
        fields.insert("responses".to_owned(), answers.into());
        fields.into()
    }
}

/// `403.banned.forbidden`; those that are not counted are others.
fn refusal_name(status: u16, codes: &BTreeSet<&'static str>, is_limited: bool) -> String {
    let codes: Vec<_> = codes.iter().copied().collect();
    format!("{status}.{}{}", codes.join("."), if is_limited { "" } else { ".uncounted" })
}

/// A refusal with one of some codes.
fn refusal(status: u16, codes: &BTreeSet<&'static str>) -> Value {
    let status = StatusCode::from_u16(status).expect("a status stays one");
    let told: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    let schema = json!({ "$ref": PROBLEM, "properties": { "code": { "enum": codes } } });
    response(status, Some(told.join(", ")), Some(json!({ "application/problem+json": { "schema": schema } })))
}

fn response(status: StatusCode, description: Option<String>, content: Option<Value>) -> Value {
    let description = description.unwrap_or_else(|| status.canonical_reason().unwrap_or_default().to_owned());
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
    match status {
        StatusCode::UNAUTHORIZED => headers["WWW-Authenticate"] = json!({ "$ref": "#/components/headers/Challenge" }),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            headers["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" });
        }
        _ => {}
    }
    let mut response = json!({ "description": description, "headers": headers });
    if let Some(content) = content {
        response["content"] = content;
    }
    response
}

/// The headers that answers carry.
pub(super) fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "The request's id: the client's own if it sent a harmless one, else a random one.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[0-9A-Za-z._-]{1,64}$" },
        },
        "RetryAfter": {
            "description": "Seconds after which trying again makes sense.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "RateLimit": {
            "description": "What is left: `r` requests, and in `t` seconds all of them again.",
            "schema": { "type": "string", "examples": ["\"user\";r=119;t=1"] },
        },
        "RateLimitPolicy": {
            "description": "What is counted: `q` requests within `w` seconds.",
            "schema": { "type": "string", "examples": ["\"user\";q=120;w=3"] },
        },
        "Challenge": {
            "description": "How to say who one is (RFC 6750).",
            "required": true,
            "schema": { "type": "string" },
        },
    })
}

/// A field of a query is left out rather than null.
fn never_null(mut schema: Value) -> Value {
    let null = json!({ "type": "null" });
    if let Some(kinds) = schema["type"].as_array().cloned() {
        let rest: Vec<_> = kinds.into_iter().filter(|kind| kind != "null").collect();
        schema["type"] = if let [one] = &rest[..] { one.clone() } else { rest.into() };
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array).cloned() {
        let rest: Vec<_> = choices.into_iter().filter(|choice| *choice != null).collect();
        if let ([Value::Object(one)], Some(fields)) = (&rest[..], schema.as_object_mut()) {
            fields.remove("anyOf");
            fields.extend(one.clone());
        }
    }
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    schema
}
