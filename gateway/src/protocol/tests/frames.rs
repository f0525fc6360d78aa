//! The frames as they are written down, one of each.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use voxlog_core::{
    envelope::Envelope,
    id::{RoomId, SessionId},
    position::{Class, Heads, Seq},
    presence::{Shown, ShownStatus},
};

use super::*;
use crate::{
    close::Close,
    config::Limits,
    error::Failure,
    hub::Entry,
    protocol::reply::{Ambience, Device, Present, RoomNow},
    voice::JoinToken,
};

/// Every field of any op.
pub(super) const FIELDS: [&str; 38] = [
    "token",
    "presence",
    "resume",
    "status",
    "muted",
    "deafened",
    "video",
    "screen",
    "speaking",
    "to",
    "data",
    "room",
    "cursor",
    "class",
    "after",
    "before",
    "limit",
    "name",
    "description",
    "maxUsers",
    "settings",
    "code",
    "userId",
    "reason",
    "until",
    "role",
    "content",
    "type",
    "replyTo",
    "threadRoot",
    "attachments",
    "messageId",
    "emoji",
    "maxUses",
    "expiresInS",
    "seq",
    "op",
    "id",
];

const ROOM: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const BOB: &str = "0190b36c-7f5f-7c0a-8d2b-3f6a5e4d3c2b";
const MESSAGE: &str = "0192f2a0-0000-7000-8000-000000000001";

/// A frame of every op, with all its fields.
pub(super) fn client_frames() -> Vec<Value> {
    let (room, user, message) = (ROOM, BOB, MESSAGE);
    let until = "2027-01-01T00:00:00Z";
    vec![
        json!({"id": 1, "op": "hello", "token": "t", "presence": "online"}),
        json!({"id": 1, "op": "hello", "token": "t", "presence": "invisible", "resume": {"session": BOB, "signals": 7}}),
        json!({"id": 1, "op": "hello", "resume": {"session": BOB}}),
        json!({"id": "s", "op": "subscribe", "room": room, "cursor": {"ctl": 1, "msg": 2}}),
        json!({"id": "s", "op": "subscribe", "room": room}),
        json!({"id": -4, "op": "unsubscribe", "room": room}),
        json!({"id": 5, "op": "room.create", "name": "n", "description": "d", "maxUsers": 9,
            "settings": {"isPublic": true, "slowModeS": 3}}),
        json!({"id": 5, "op": "room.create", "name": "n"}),
        json!({"id": 6, "op": "room.update", "room": room, "name": "n", "description": "d", "maxUsers": 9}),
        json!({"id": 6, "op": "room.update", "room": room, "settings": {"isPublic": true, "retentionDays": null}}),
        json!({"id": 7, "op": "room.archive", "room": room}),
        json!({"id": 8, "op": "room.join", "code": "ABC"}),
        json!({"id": 8, "op": "room.join", "room": room}),
        json!({"id": 8, "op": "room.join", "room": room, "code": "ABC"}),
        json!({"id": 9, "op": "room.leave", "room": room}),
        json!({"id": 10, "op": "room.kick", "room": room, "userId": user, "reason": "r"}),
        json!({"id": 11, "op": "room.ban", "room": room, "userId": user, "until": until, "reason": "r"}),
        json!({"id": 12, "op": "room.unban", "room": room, "userId": user}),
        json!({"id": 13, "op": "room.mute", "room": room, "userId": user, "until": null, "reason": "r"}),
        json!({"id": 14, "op": "room.unmute", "room": room, "userId": user}),
        json!({"id": 15, "op": "room.role", "room": room, "userId": user, "role": "admin"}),
        json!({"id": 31, "op": "room.code", "room": room}),
        json!({"id": 32, "op": "room.approve", "room": room, "userId": user}),
        json!({"id": 33, "op": "room.deny", "room": room, "userId": user}),
        json!({"id": 34, "op": "room.invite", "room": room, "maxUses": 5, "expiresInS": 3600}),
        json!({"id": 34, "op": "room.invite", "room": room}),
        json!({"id": 35, "op": "room.uninvite", "room": room, "inviteId": "JBCOntcPuCTr97yYcBGq1A"}),
        json!({"id": 36, "op": "read.mark", "room": room, "seq": 42}),
        json!({"id": 16, "op": "message.send", "room": room, "content": "hi", "type": "voice_note",
            "replyTo": message, "threadRoot": message, "attachments": [], "messageId": message}),
        json!({"id": 16, "op": "message.send", "room": room, "content": "hi"}),
        json!({"id": 17, "op": "message.edit", "room": room, "messageId": message, "content": "ho"}),
        json!({"id": 18, "op": "message.delete", "room": room, "messageId": message}),
        json!({"id": 19, "op": "message.pin", "room": room, "messageId": message}),
        json!({"id": 20, "op": "message.unpin", "room": room, "messageId": message}),
        json!({"id": 21, "op": "reaction.add", "room": room, "messageId": message, "emoji": "👍"}),
        json!({"id": 22, "op": "reaction.remove", "room": room, "messageId": message, "emoji": "👍"}),
        json!({"id": 23, "op": "history", "room": room, "class": "msg", "before": 9, "limit": 20}),
        json!({"id": 23, "op": "history", "room": room, "class": "ctl", "after": 9}),
        json!({"id": 24, "op": "ping"}),
        json!({"id": 37, "op": "presence.update", "status": "dnd"}),
        json!({"id": 38, "op": "typing.start", "room": room}),
        json!({"id": 39, "op": "typing.stop", "room": room}),
        json!({"id": 40, "op": "voice.join", "room": room, "muted": true, "deafened": false, "video": true}),
        json!({"id": 40, "op": "voice.join", "room": room}),
        json!({"id": 41, "op": "voice.update", "room": room, "muted": true, "deafened": true, "video": false,
            "screen": true, "speaking": false}),
        json!({"id": 42, "op": "voice.leave", "room": room}),
        json!({"id": 43, "op": "voice.signal", "room": room, "to": BOB, "data": {"sdp": "v=0", "n": [1, null]}}),
        json!({"id": 44, "op": "voice.token", "room": room, "userId": BOB}),
        json!({"id": 44, "op": "voice.token", "room": room}),
        json!({"id": 45, "op": "voice.end", "room": room}),
    ]
}

/// An event as the log has it, with what a shortened decoder would spoil: blanks, escapes, big numbers, no order.
pub(super) fn entry() -> Arc<Entry> {
    let stored = br#"{"type":"voxlog.message.posted.v1", "data":{"z":1,"a":"\u00e9\n","n":9007199254740993,"f":0.1}}"#;
    Entry::new(ROOM.parse().unwrap(), Class::Msg, Seq(42), Seq(40), Bytes::from_static(stored))
}

/// A frame of every kind that a client is sent.
pub(super) fn server_frames() -> Vec<ServerFrame> {
    let room: RoomId = ROOM.parse().unwrap();
    let heads = Heads { ctl: Seq(1), msg: Seq(42), call: Seq::ZERO };
    let ack = |ack: Ack| ServerFrame::Ack(ack);
    let plain = Ack { seq: Some(Seq(42)), ..Ack::about(text("a"), room) };
    let session: SessionId = BOB.parse().unwrap();
    let url = format!("/ws/call/{room}?token=dG9rZW4");
    let join_token = JoinToken { token: "dG9rZW4".to_owned(), expires_in: 60, url };
    let time = Some("2026-11-20T12:00:00.123Z".parse().unwrap());
    let too_fast =
        Failure { retry_after: Some(Duration::from_micros(1500)), ..Failure::new(Code::RateLimited, "slow") };
    vec![
        ServerFrame::Welcome {
            id: FrameId::Number(1),
            session,
            resumed: false,
            user: BOB.parse().unwrap(),
            heartbeat_ms: 20_000,
            limits: Limits::default(),
        },
        ServerFrame::Subscribed {
            id: text("s"),
            room,
            recovered: false,
            reason: Some("cursor_ahead"),
            heads,
            state: Box::new(room_now()),
        },
        ack(plain.clone()),
        ack(Ack::about(text("a"), room)),
        ack(Ack::new(text("a"))),
        ack(Ack { join_token: Some(join_token), ..Ack::about(text("a"), room) }),
        ack(Ack { code: Some("H7RKM2QXPD".to_owned()), ..plain.clone() }),
        ack(Ack { requested: true, ..plain.clone() }),
        ack(Ack { message_id: Some(MESSAGE.parse().unwrap()), time, duplicate: true, ..plain }),
        ServerFrame::refused(Some(FrameId::Negative(-4)), Failure::invalid("room", "is missing")),
        ServerFrame::refused(None, too_fast),
        ServerFrame::ended(room, Failure::new(Code::NotAMember, "you are not a member of this room")),
        ServerFrame::Page { id: text("h"), room, class: Class::Msg, events: vec![entry()], has_more: true },
        ServerFrame::Pong { id: text("p") },
        ServerFrame::Heads { rooms: [(room, heads)].into() },
        ServerFrame::User {
            room: None,
            class: Class::Ctl,
            seq: Seq(7),
            event: Envelope::decode(include_bytes!("../../../../schemas/samples/read.marked.v1.json"))
                .unwrap()
                .encode(),
        },
        ServerFrame::Presence { room, full: false, members: vec![present(true), gone()] },
        ServerFrame::Presence { room, full: true, members: vec![present(false)] },
        ServerFrame::Typing { room, users: vec![BOB.parse().unwrap()] },
        ServerFrame::Speaking { room, sessions: vec![session] },
        ServerFrame::Signal {
            seq: Seq(7),
            room,
            call_id: MESSAGE.parse().unwrap(),
            from: Device { session, user_id: BOB.parse().unwrap() },
            data: json!({"sdp": "v=0"}),
        },
        ServerFrame::Token { expires_in_ms: 60_000 },
        ServerFrame::Lagging {},
        ServerFrame::CaughtUp {},
        ServerFrame::closing(Close::GoingAway, Duration::from_millis(1234)),
    ]
}

fn present(in_call: bool) -> Present {
    Present { user_id: BOB.parse().unwrap(), shown: Shown { status: ShownStatus::Dnd, in_call } }
}

fn gone() -> Present {
    Present { user_id: MESSAGE.parse().unwrap(), shown: Shown::default() }
}

/// A room at its beginning, with somebody in it.
pub(crate) fn room_now() -> RoomNow {
    let ambience = Ambience { presence: vec![present(false)], typing: vec![BOB.parse().unwrap()], speaking: vec![] };
    RoomNow { room: room_state(), ambience, call: None }
}

fn room_state() -> voxlog_core::room::View {
    use voxlog_core::{
        decider::Decider,
        room::{Event, Room, Settings},
    };
    let mut room = Room::default();
    room.evolve(&Event::Created {
        name: "Lobby".to_owned(),
        description: String::new(),
        code: "ABC".to_owned(),
        owner_id: BOB.parse().unwrap(),
        max_users: 10,
        settings: Settings::default(),
    });
    room.view().expect("it was created")
}

#[test]
fn every_frame_for_a_client_is_written_like_this() {
    let frames: Vec<_> = server_frames().iter().map(|frame| serde_json::to_string(frame).unwrap()).collect();
    insta::assert_snapshot!(frames.join("\n"));
}

#[test]
fn every_frame_of_a_client_is_read_like_this() {
    let lines = client_frames().into_iter().map(|frame| {
        let read = read(&frame).unwrap_or_else(|bad| panic!("{frame}: {bad:?}"));
        format!("{frame}\n    {:?}", read.request)
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_event_goes_out_with_its_stored_bytes() {
    let entry = entry();
    let stored = std::str::from_utf8(&entry.event).unwrap();
    let head = format!(r#"{{"op":"event","room":"{ROOM}","class":"msg","seq":42,"prev":40,"event":"#);
    assert_eq!(entry.json().as_str(), format!("{head}{stored}}}"));
}
