//! Every op, as REST and a socket ask for it.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::Scene;

/// What is sent over REST: a body of null is none.
pub(crate) type Request = fn(&Scene) -> (Method, String, Value);

/// What is sent over a socket.
pub(crate) type Frame = fn(&Scene) -> (&'static str, Value);

/// An op, by whichever ways it can be asked for.
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) rest: Option<Request>,
    pub(crate) socket: Option<Frame>,
}

const fn both(name: &'static str, rest: Request, socket: Frame) -> Op {
    Op { name, rest: Some(rest), socket: Some(socket) }
}

const fn rest(name: &'static str, rest: Request) -> Op {
    Op { name, rest: Some(rest), socket: None }
}

const fn socket(name: &'static str, socket: Frame) -> Op {
    Op { name, rest: None, socket: Some(socket) }
}

fn room(scene: &Scene, rest: &str) -> String {
    format!("/api/v1/rooms/{}{rest}", scene.room)
}

fn message(scene: &Scene, rest: &str) -> String {
    format!("/api/v1/messages/{}{rest}", scene.message)
}

fn get(path: String) -> (Method, String, Value) {
    (Method::GET, path, Value::Null)
}

fn post(path: String, body: Value) -> (Method, String, Value) {
    (Method::POST, path, body)
}

/// In the order of the table.
pub(crate) const OPS: &[Op] = &[
    both(
        "room.create",
        |_| post("/api/v1/rooms".into(), json!({"name": "another"})),
        |_| ("room.create", json!({"name": "another"})),
    ),
    rest("rooms, the list", |_| get("/api/v1/rooms".into())),
    rest("room, one", |scene| get(room(scene, ""))),
    socket("subscribe", |scene| ("subscribe", json!({"room": scene.room}))),
    both(
        "room.update",
        |scene| (Method::PATCH, room(scene, ""), json!({"description": "changed"})),
        |scene| ("room.update", json!({"room": scene.room, "description": "changed"})),
    ),
    both(
        "room.archive",
        |scene| (Method::DELETE, room(scene, ""), Value::Null),
        |scene| ("room.archive", json!({"room": scene.room})),
    ),
    both(
        "room.join",
        |scene| post(format!("/api/v1/rooms/{}/join", scene.code), Value::Null),
        |scene| ("room.join", json!({"code": scene.code})),
    ),
    both(
        "room.join, by invite",
        |scene| post(format!("/api/v1/rooms/{}/join", scene.invite), Value::Null),
        |scene| ("room.join", json!({"code": scene.invite})),
    ),
    both(
        "room.leave",
        |scene| post(room(scene, "/leave"), Value::Null),
        |scene| ("room.leave", json!({"room": scene.room})),
    ),
    both(
        "room.code",
        |scene| post(room(scene, "/code"), Value::Null),
        |scene| ("room.code", json!({"room": scene.room})),
    ),
    both(
        "room.invite",
        |scene| post(room(scene, "/invites"), json!({"maxUses": 1})),
        |scene| ("room.invite", json!({"room": scene.room, "maxUses": 1})),
    ),
    both(
        "room.uninvite",
        |scene| (Method::DELETE, room(scene, &format!("/invites/{}", scene.invite_id)), Value::Null),
        |scene| ("room.uninvite", json!({"room": scene.room, "inviteId": scene.invite_id})),
    ),
    rest("invites, the list", |scene| get(room(scene, "/invites"))),
    rest("requests, the list", |scene| get(room(scene, "/requests"))),
    both(
        "room.approve",
        |scene| post(room(scene, &format!("/requests/{}/approve", scene.applicant)), Value::Null),
        |scene| ("room.approve", json!({"room": scene.room, "userId": scene.applicant})),
    ),
    both(
        "room.deny",
        |scene| post(room(scene, &format!("/requests/{}/deny", scene.applicant)), Value::Null),
        |scene| ("room.deny", json!({"room": scene.room, "userId": scene.applicant})),
    ),
    both(
        "room.kick",
        |scene| post(room(scene, "/kick"), json!({"userId": scene.victim})),
        |scene| ("room.kick", json!({"room": scene.room, "userId": scene.victim})),
    ),
    both(
        "room.ban",
        |scene| post(room(scene, "/ban"), json!({"userId": scene.victim})),
        |scene| ("room.ban", json!({"room": scene.room, "userId": scene.victim})),
    ),
    both(
        "room.unban",
        |scene| post(room(scene, "/unban"), json!({"userId": scene.outcast})),
        |scene| ("room.unban", json!({"room": scene.room, "userId": scene.outcast})),
    ),
    rest("bans, the list", |scene| get(room(scene, "/bans"))),
    both(
        "room.mute",
        |scene| post(room(scene, "/mute"), json!({"userId": scene.victim})),
        |scene| ("room.mute", json!({"room": scene.room, "userId": scene.victim})),
    ),
    both(
        "room.unmute",
        |scene| post(room(scene, "/unmute"), json!({"userId": scene.victim})),
        |scene| ("room.unmute", json!({"room": scene.room, "userId": scene.victim})),
    ),
    both(
        "room.role, to admin",
        |scene| post(room(scene, "/role"), json!({"userId": scene.victim, "role": "admin"})),
        |scene| ("room.role", json!({"room": scene.room, "userId": scene.victim, "role": "admin"})),
    ),
    both(
        "room.role, to owner",
        |scene| post(room(scene, "/role"), json!({"userId": scene.victim, "role": "owner"})),
        |scene| ("room.role", json!({"room": scene.room, "userId": scene.victim, "role": "owner"})),
    ),
    rest("members, the list", |scene| get(room(scene, "/members"))),
    rest("room, its state", |scene| get(room(scene, "/state?messages=1"))),
    rest("audit", |scene| get(room(scene, "/audit"))),
    both(
        "message.send",
        |scene| post("/api/v1/messages".into(), json!({"roomId": scene.room, "content": "hello"})),
        |scene| ("message.send", json!({"room": scene.room, "content": "hello"})),
    ),
    both(
        "message.edit",
        |scene| (Method::PATCH, message(scene, ""), json!({"content": "changed"})),
        |scene| ("message.edit", json!({"room": scene.room, "messageId": scene.message, "content": "changed"})),
    ),
    both(
        "message.delete",
        |scene| (Method::DELETE, message(scene, ""), Value::Null),
        |scene| ("message.delete", json!({"room": scene.room, "messageId": scene.message})),
    ),
    both(
        "message.pin",
        |scene| (Method::PUT, message(scene, "/pin"), Value::Null),
        |scene| ("message.pin", json!({"room": scene.room, "messageId": scene.message})),
    ),
    both(
        "message.unpin",
        |scene| (Method::DELETE, message(scene, "/pin"), Value::Null),
        |scene| ("message.unpin", json!({"room": scene.room, "messageId": scene.message})),
    ),
    both(
        "reaction.add",
        |scene| (Method::PUT, message(scene, "/reactions/%F0%9F%91%8D"), Value::Null),
        |scene| ("reaction.add", json!({"room": scene.room, "messageId": scene.message, "emoji": "👍"})),
    ),
    both(
        "reaction.remove",
        |scene| (Method::DELETE, message(scene, "/reactions/%F0%9F%91%8D"), Value::Null),
        |scene| ("reaction.remove", json!({"room": scene.room, "messageId": scene.message, "emoji": "👍"})),
    ),
    // Each socket is in one call at most, so none joins before it updates.
    socket("presence.update", |_| ("presence.update", json!({"status": "away"}))),
    socket("typing.start", |scene| ("typing.start", json!({"room": scene.room}))),
    socket("typing.stop", |scene| ("typing.stop", json!({"room": scene.room}))),
    socket("voice.join", |scene| ("voice.join", json!({"room": scene.room}))),
    socket("voice.update", |scene| ("voice.update", json!({"room": scene.room, "muted": true}))),
    socket("voice.leave", |scene| ("voice.leave", json!({"room": scene.room}))),
    both(
        "voice.token",
        |scene| post(room(scene, "/call/tokens"), json!({})),
        |scene| ("voice.token", json!({"room": scene.room})),
    ),
    both(
        "voice.token for another",
        |scene| post(room(scene, "/call/tokens"), json!({"userId": scene.victim})),
        |scene| ("voice.token", json!({"room": scene.room, "userId": scene.victim})),
    ),
    socket("voice.end", |scene| ("voice.end", json!({"room": scene.room}))),
    rest("ICE servers", |_| get("/api/v1/voice/ice-servers".into())),
    rest("call, now", |scene| get(room(scene, "/call"))),
    rest("calls, the list", |scene| get(room(scene, "/calls"))),
    both(
        "history",
        |scene| get(room(scene, "/messages")),
        |scene| ("history", json!({"room": scene.room, "class": "msg"})),
    ),
    rest("message, one", |scene| get(message(scene, ""))),
    rest("pins, the list", |scene| get(room(scene, "/pins"))),
    rest("search in the room", |scene| get(format!("/api/v1/search?q=first&roomId={}", scene.room))),
    both(
        "read.mark",
        |scene| (Method::PUT, room(scene, "/read"), json!({"seq": scene.seq})),
        |scene| ("read.mark", json!({"room": scene.room, "seq": scene.seq})),
    ),
];
