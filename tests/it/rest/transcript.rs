//! What was asked and answered, written down with names in place of ids, times and seqs: the same in every run.

use std::fmt::Write as _;

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};
use voxlog_tests::{
    rest::{Answer, Rest, send},
    world::until,
};

/// Somebody who asks, as a transcript calls them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) rest: Rest,
    pub(crate) id: String,
}

/// Requests and answers so far.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    names: Vec<(String, String)>,
    text: String,
}

impl Transcript {
    /// Registers somebody, whose id is their name from now on.
    pub(crate) async fn person(&mut self, rest: &Rest, name: &'static str) -> Person {
        let (rest, grant) = rest.register(name).await;
        let id = text(&grant["user"]["id"]);
        self.call(&id, name);
        // Otherwise lists might not have the name yet.
        until("the name is known", async || rest.get(&format!("/api/v1/users/{id}")).await.status == StatusCode::OK)
            .await;
        Person { name, rest, id }
    }

    /// From now on this text is written as that name.
    pub(crate) fn call(&mut self, text: &str, name: &str) {
        self.names.push((text.to_owned(), format!("<{name}>")));
    }

    /// A headline.
    pub(crate) fn chapter(&mut self, title: &str) {
        writeln!(self.text, "\n# {title}").unwrap();
    }

    /// Asks and writes down.
    pub(crate) async fn ask(&mut self, who: &Person, method: Method, path: &str, body: Option<Value>) -> Value {
        let asked = format!("{} {}: {method} {path}", who.name, body.as_ref().map_or("asks", |_| "sends"));
        let body_told = body.as_ref().map_or_else(String::new, |body| format!(" {}", self.redacted("", body)));
        let request = who.rest.request(method, &format!("/api/v1{path}"));
        let answer = send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await;
        let told = self.told(&answer);
        let line = format!("{}{body_told}", self.named(&asked));
        writeln!(self.text, "\n{line}\n  {told}").unwrap();
        answer.body
    }

    /// Asks until the read models have what was written at `position`, then writes down.
    pub(crate) async fn read(&mut self, who: &Person, path: &str, position: &Value) -> Value {
        let answer = who.rest.get_at(&format!("/api/v1{path}"), position).await;
        let (told, line) = (self.told(&answer), self.named(&format!("{} asks: GET {path}", who.name)));
        writeln!(self.text, "\n{line}\n  {told}").unwrap();
        answer.body
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn told(&self, answer: &Answer) -> String {
        let status = answer.status.as_u16();
        match answer.body.get("code").filter(|_| status >= 400) {
            Some(code) => format!("{status} {}: {}", text(code), text(&answer.body["detail"])),
            None if answer.body == Value::String(String::new()) => status.to_string(),
            None => {
                let body = self.redacted("", &answer.body);
                format!("{status} {}", format!("{body:#}").replace('\n', "\n  "))
            }
        }
    }

    /// A text with names for what they stand for.
    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (what, name)| text.replace(what, name))
    }

    fn redacted(&self, field: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let each = |(name, value): (&String, &Value)| (self.named(name), self.redacted(name, value));
                Value::Object(fields.iter().map(each).collect::<Map<_, _>>())
            }
            Value::Array(values) => values.iter().map(|value| self.redacted(field, value)).collect(),
            Value::String(text) => self.text_of(field, text).into(),
            Value::Number(_) if matches!(field, "expiresIn" | "durationS") => "<seconds>".into(),
            Value::Number(number) if is_seq(field) && number.as_u64() != Some(0) => "<seq>".into(),
            other => other.clone(),
        }
    }

    fn text_of(&self, field: &str, text: &str) -> String {
        let named = self.named(text);
        let is_id = text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4;
        let is_time = text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
        match field {
            // Names of people stand in it, and a secret too.
            "uri" => "<uri>".to_owned(),
            _ if named != text => named,
            "username" if text.starts_with("guest") => "<guest>".to_owned(),
            _ if RANDOM.contains(&field) => format!("<{field}>"),
            _ if is_id => "<id>".to_owned(),
            _ if is_time => "<time>".to_owned(),
            _ => text.to_owned(),
        }
    }
}

/// Fields whose texts are others in every run.
const RANDOM: [&str; 10] =
    ["position", "next", "token", "refreshToken", "code", "inviteId", "key", "prefix", "secret", "recoveryCodes"];

fn is_seq(field: &str) -> bool {
    matches!(field, "seq" | "readSeq" | "ctl" | "msg" | "call")
}

/// The text of a value that must be one.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
