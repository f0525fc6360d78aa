//! The AsyncAPI 3 document: what is sent over sockets, and what integrators read from NATS.
//!
//! It describes Voxlog's side: what it *receives* is what a client sends.

use std::sync::LazyLock;

use schemars::{JsonSchema, generate::Contract};
use serde_json::{Map, Value, json};
use voxlog_core::{
    envelope::Envelope,
    position::Class,
    schema::{self, COMPONENTS},
};

use super::{MAX_ID_BYTES, codec::Encoding, documents, ops};
use crate::{close::Close, config::Limits, error::Code, session::HELLO_WITHIN};

/// Where the schemas of what clients send stand: an id may be written in capitals there, and a field may be null.
const ASKED: &str = "/components/schemas/Asked/$defs";

/// What answers any frame that is not carried out.
const REFUSAL: &str = "error";

/// The answers; every other server frame comes unasked.
const ANSWERS: [&str; 6] = ["welcome", "subscribed", "ack", "error", "page", "pong"];

/// The document as it is served.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));
    &TEXT
}

/// The document.
pub fn document() -> Value {
    let mut asked = schema::generator(Contract::Deserialize, ASKED);
    let mut told = schema::generator(Contract::Serialize, COMPONENTS);
    let (ops, frames) = (ops::ops(&mut asked), documents::server_frames(&mut told));
    let mut events = schema::events(&mut told);
    Envelope::json_schema(&mut told);

    let mut messages = Map::new();
    for op in &ops {
        let payload = tidied(op.schema.clone(), asked.contract());
        messages.insert(client(op.name), json!({ "name": op.name, "summary": op.about, "payload": payload }));
    }
    for (op, frame) in frames {
        let about = frame.get("description").cloned();
        let payload = tidied(frame, told.contract());
        messages.insert(server(&op), json!({ "name": op, "summary": about, "payload": payload }));
    }
    let told_ops: Vec<_> = messages.keys().filter(|name| name.starts_with("server.")).cloned().collect();
    for (kind, event) in &mut events {
        schema::tidy(event, told.contract());
        let about = event.get("description").cloned();
        let content = json!("application/cloudevents+json");
        messages
            .insert(kind.clone(), json!({ "name": kind, "summary": about, "contentType": content, "payload": event }));
    }
    let mut schemas = schema::definitions(&mut told);
    schemas.insert("Asked".to_owned(), json!({ "$defs": schema::definitions(&mut asked) }));
    let event_names: Vec<_> = events.keys().map(String::as_str).collect();

    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Voxlog: sockets and events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Rooms and messages over WebSocket, and the same events for integrators over NATS. REST is told \
                of in `/openapi.json`; both share the rules and the codes.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": {
            "socket": socket(messages.keys().filter(|name| name.starts_with("client.") || name.starts_with("server."))),
            "live": live(&event_names),
            "log": log(&event_names),
        },
        "operations": operations(&ops, &told_ops),
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn client(op: &str) -> String {
    format!("client.{op}")
}

fn server(op: &str) -> String {
    format!("server.{op}")
}

fn tidied(mut schema: schemars::Schema, contract: &Contract) -> schemars::Schema {
    schema::tidy(&mut schema, contract);
    schema
}

fn servers() -> Value {
    json!({
        "gateway": {
            "host": "{host}",
            "protocol": "wss",
            "description": "Any gateway; all of them show the same.",
            "variables": { "host": { "default": "localhost:8080" } },
        },
        "nats": {
            "host": "{host}",
            "protocol": "nats",
            "description": "For integrators, who have an account of their own there.",
            "variables": { "host": { "default": "localhost:4222" } },
        },
    })
}

/// References to messages, as a channel has them.
fn messages<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    let reference = |name: &str| (name.to_owned(), json!({ "$ref": format!("#/components/messages/{name}") }));
    names.into_iter().map(reference).collect::<Map<_, _>>().into()
}

fn socket<'a>(names: impl Iterator<Item = &'a String>) -> Value {
    let protocols = Encoding::ALL.map(Encoding::subprotocol);
    let close = Close::ALL.map(|close| {
        json!({ "code": close.code(), "reason": close.reason(), "meaning": close.meaning(), "advice": close.advice() })
    });
    let codes = Code::ALL.map(|code| json!({ "code": code, "meaning": code.meaning(), "advice": code.advice() }));
    json!({
        "address": "/ws",
        "title": "A client's connection",
        "description": format!(
            "The first frame is `hello`, within {} s. Every frame of the client's has `op` and an `id` of its choice (a \
             whole number or a text of up to {MAX_ID_BYTES} bytes); its one answer carries that `id`. Frames are text \
             under `voxlog.v1.json` and binary MessagePack, the same maps with the same names, under \
             `voxlog.v1.msgpack`.",
            HELLO_WITHIN.as_secs()
        ),
        "servers": [{ "$ref": "#/servers/gateway" }],
        "messages": messages(names.map(String::as_str)),
        "bindings": { "ws": { "method": "GET", "headers": {
            "type": "object",
            "properties": {
                "Sec-WebSocket-Protocol": { "enum": protocols },
                "Authorization": { "type": "string", "description": "`Bearer TOKEN`, instead of a token in `hello`." },
            },
        } } },
        "x-error-codes": codes,
        "x-close-codes": close,
        "x-limits": Limits::default(),
    })
}

fn live(events: &[&str]) -> Value {
    json!({
        "address": "{namespace}.live.room.{room}.{class}",
        "title": "Events as they are committed",
        "description": "A plain subscription, by wildcards too. At least once and in order: drop what has a `Vox-Seq` that \
            is not above the last one of its subject; a gap shows by `Vox-Prev`.",
        "servers": [{ "$ref": "#/servers/nats" }],
        "parameters": {
            "namespace": { "default": "vox", "description": "Of the installation." },
            "room": { "description": "The room's id." },
            "class": { "enum": Class::ALL, "description": "Which of the room's chains." },
        },
        "messages": messages(events.iter().copied().filter(|kind| is_of_a_room(kind))),
        "x-headers": {
            "Vox-Partition": "Which stream of the log has it.",
            "Vox-Seq": "Where it stands there.",
            "Vox-Prev": "Where the one before it stands, on the same subject; 0 for the first.",
        },
    })
}

fn log(events: &[&str]) -> Value {
    json!({
        "address": "LOG_{partition}",
        "title": "The log itself",
        "description": "The JetStream streams that hold every event. An integrator reads them by a durable pull consumer, \
            which an operator has made for it in each partition, under the API prefix `vox.js`: nothing is missed, \
            however long it was away. A record on a subject that ends in `.fence` is a marker and no event. Events of \
            users stand on `{namespace}.log.{partition}.user.{user}.ctl`.",
        "servers": [{ "$ref": "#/servers/nats" }],
        "parameters": { "partition": { "default": "0", "description": "From 0; eight of them unless it was set up else." } },
        "messages": messages(events.iter().copied()),
    })
}

/// Whether an event stands on a room's chain; the others are on a user's.
fn is_of_a_room(kind: &str) -> bool {
    use voxlog_core::{message, room};
    room::Event::TYPES.contains(&kind) || message::Event::TYPES.contains(&kind)
}

fn operations(ops: &[ops::Op], told: &[String]) -> Value {
    let socket = json!({ "$ref": "#/channels/socket" });
    let on = |channel: &str, name: &str| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") });
    let mut operations = Map::new();
    for op in ops {
        let operation = json!({
            "action": "receive",
            "channel": socket,
            "summary": op.about,
            "messages": [on("socket", &client(op.name))],
            "reply": {
                "channel": socket,
                "messages": [on("socket", &server(op.answer)), on("socket", &server(REFUSAL))],
            },
        });
        operations.insert(op.name.to_owned(), operation);
    }
    let unasked = told.iter().filter(|name| !ANSWERS.iter().any(|answer| server(answer) == **name));
    let unasked: Vec<_> = unasked.map(|name| on("socket", name)).collect();
    operations.insert(
        "tell".to_owned(),
        json!({ "action": "send", "channel": socket, "summary": "What comes unasked.", "messages": unasked }),
    );
    for (name, summary) in [("live", "Every event of a room, as it is committed."), ("log", "Every event there is.")] {
        let channel = json!({ "$ref": format!("#/channels/{name}") });
        operations.insert(name.to_owned(), json!({ "action": "send", "channel": channel, "summary": summary }));
    }
    operations.into()
}
