//! What every endpoint refuses alike, and what is left of them while PostgreSQL is away.

use std::fmt::Write as _;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use voxlog_core::{clock::SystemClock, id::RoomId};
use voxlog_gateway::rest::document;
use voxlog_tests::{
    rest::{Answer, Rest, send},
    turnstile::Turnstile,
    world::{World, user_id},
};

use super::{stage, transcript::text};

/// An operation of the document.
struct Operation {
    method: Method,
    path: String,
    about: Value,
}

/// Those below `/api/v1`, by path.
fn operations() -> Vec<Operation> {
    let document = document();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, about) in item.as_object().unwrap() {
            if path.starts_with("/api/v1/") {
                let method = method.to_uppercase().parse().unwrap();
                operations.push(Operation { method, path: path.clone(), about: about.clone() });
            }
        }
    }
    operations
}

impl Operation {
    /// The path with something in place of what varies.
    fn at(&self, segment: &str) -> String {
        let parts = self.path.split('/').map(|part| if part.starts_with('{') { segment } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    fn has_parameter(&self, place: &str, name: Option<&str>) -> bool {
        let parameters = self.about["parameters"].as_array().into_iter().flatten();
        parameters.into_iter().any(|it| it["in"] == place && name.is_none_or(|name| it["name"] == name))
    }

    /// `GET /rooms/{id}`
    fn title(&self) -> String {
        format!("{} {}", self.method, self.path.trim_start_matches("/api/v1"))
    }

    fn is_open_to_all(&self) -> bool {
        self.about["security"].as_array().is_none_or(Vec::is_empty)
    }
}

/// `422 invalid`, or the status of what was not refused.
fn verdict(answer: &Answer) -> String {
    let code = answer.body.get("code").filter(|_| !answer.status.is_success()).map(text);
    format!("{} {}", answer.status.as_u16(), code.unwrap_or_default()).trim_end().to_owned()
}

#[tokio::test]
async fn every_endpoint_refuses_who_is_nobody_and_what_is_malformed() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let id = RoomId::mint(&SystemClock).to_string();
    let mut told = String::new();
    for operation in operations() {
        let asked = |rest: &Rest, path: &str| rest.request(operation.method.clone(), path);
        let mut cases: Vec<(&str, RequestBuilder)> = Vec::new();
        if !operation.is_open_to_all() {
            cases.push(("nobody", asked(&stage.rest, &operation.at(&id))));
            cases.push(("bad token", asked(&stage.rest.with_token("x.y.z"), &operation.at(&id))));
        }
        if operation.path.contains("{id}") && !operation.path.ends_with("/join") {
            cases.push(("bad id", asked(&ann, &operation.at("7"))));
        }
        if operation.has_parameter("query", None) {
            cases.push(("?x=1", asked(&ann, &format!("{}?x=1", operation.at(&id)))));
        }
        if operation.has_parameter("header", Some("X-Voxlog-Min-Position")) {
            let at = |position: &str| asked(&ann, &operation.at(&id)).header("X-Voxlog-Min-Position", position);
            cases.push(("position x", at("x")));
            cases.push(("position ahead", at("0:999999999")));
        }
        if operation.method == Method::POST {
            cases.push(("empty key", asked(&ann, &operation.at(&id)).header("Idempotency-Key", "")));
        }
        if operation.about.get("requestBody").is_some() {
            cases.push(("[]", asked(&ann, &operation.at(&id)).json(&json!([]))));
            cases.push(("{x}", asked(&ann, &operation.at(&id)).json(&json!({"x": 1}))));
            cases.push(("half", asked(&ann, &operation.at(&id)).header("content-type", "application/json").body("{")));
            cases.push(("text", asked(&ann, &operation.at(&id)).header("content-type", "text/plain").body("{}")));
            cases.push(("70 kB", asked(&ann, &operation.at(&id)).json(&"x".repeat(70_000))));
        }
        writeln!(told, "{}", operation.title()).unwrap();
        for (name, request) in cases {
            writeln!(told, "    {name}: {}", verdict(&send(request).await)).unwrap();
        }
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn without_postgresql_writes_go_on_and_reads_are_unavailable() {
    let whole = World::on_one_server().await;
    let world = World { database: Turnstile::open().await.url, ..whole };
    let node = world.gateway().await;
    let ann = Rest::to(&node.url).with_token(world.token(user_id()));
    let room = ann.post("/api/v1/rooms", json!({"name": "Tea"})).await;
    let mut told = format!("POST /rooms: {}\n", verdict(&room));
    let room = text(&room.body["id"]);
    let said = ann.post("/api/v1/messages", json!({"roomId": room, "content": "hello"})).await;
    let seq = said.body["seq"].clone();
    writeln!(told, "POST /messages: {}", verdict(&said)).unwrap();
    let bob = user_id().to_string();
    for (method, path, body) in [
        (Method::PATCH, "", json!({"name": "Coffee"})),
        (Method::POST, "/ban", json!({"userId": bob})),
        (Method::POST, "/unban", json!({"userId": bob})),
        (Method::POST, "/invites", json!({"maxUses": 1})),
        (Method::POST, "/code", json!({})),
        (Method::PUT, "/read", json!({"seq": seq})),
    ] {
        let answer = ann.send(method.clone(), &format!("/api/v1/rooms/{room}{path}"), body).await;
        writeln!(told, "{method} /rooms/{{id}}{path}: {}", verdict(&answer)).unwrap();
    }
    let reads = operations().into_iter().filter(|operation| operation.method == Method::GET).map(async |operation| {
        let path = operation.at(&room);
        let path = if path.ends_with("/search") { format!("{path}?q=x") } else { path };
        format!("{}: {}\n", operation.title(), verdict(&ann.get(&path).await))
    });
    told.extend(join_all(reads).await);
    insta::assert_snapshot!(told);
}
