//! Every endpoint of rooms and messages: its good answer, and what it refuses for what reason.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use voxlog_core::{
    clock::{Clock, SystemClock},
    id::RoomId,
};

use super::{
    Stage, stage,
    transcript::{Person, Transcript, text},
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

fn nowhere() -> String {
    RoomId::mint(&SystemClock).to_string()
}

/// Opens a room and names it and its code.
async fn open(script: &mut Transcript, owner: &Person, name: &str, mut form: Value) -> (String, String) {
    form["name"] = name.into();
    let room = script.ask(owner, POST, "/rooms", Some(form)).await;
    let (id, code) = (text(&room["id"]), text(&room["code"]));
    script.call(&id, name);
    script.call(&code, &format!("code of {name}"));
    let read = owner.rest.get_at(&format!("/api/v1/rooms/{id}"), &room["position"]).await;
    read.ok();
    (id, code)
}

#[tokio::test]
async fn rooms_answer_and_refuse() {
    let stage: Stage = stage().await;
    let mut script = Transcript::default();
    let ann = script.person(&stage.rest, "ann").await;
    let bob = script.person(&stage.rest, "bob").await;
    let eve = script.person(&stage.rest, "eve").await;
    let nowhere = nowhere();
    script.call(&nowhere, "nowhere");

    script.chapter("opening");
    let (tea, tea_code) = open(&mut script, &ann, "tea", json!({"maxUsers": 2, "settings": {"isPublic": true}})).await;
    let (den, den_code) = open(&mut script, &ann, "den", json!({"settings": {"requireApproval": true}})).await;
    for form in [
        json!({"name": " "}),
        json!({"name": "x", "maxUsers": 1}),
        json!({"name": "x", "settings": {"slowModeS": 99999}}),
        json!({"name": "x", "settings": {"retentionDays": 3}}),
        json!({"name": "x", "settings": [true]}),
        json!({"title": "x"}),
    ] {
        script.ask(&ann, POST, "/rooms", Some(form)).await;
    }

    script.chapter("finding");
    script.ask(&eve, GET, "/rooms?query=tea&limit=1&page=1", None).await;
    script.ask(&eve, GET, "/rooms?page=1&after=x", None).await;
    script.ask(&eve, GET, "/rooms?after=x", None).await;
    script.ask(&eve, GET, "/rooms?limit=0", None).await;
    script.ask(&eve, GET, &format!("/rooms/{tea}"), None).await;
    script.ask(&eve, GET, &format!("/rooms/{den}"), None).await;
    script.ask(&eve, GET, &format!("/rooms/{nowhere}"), None).await;

    script.chapter("joining and leaving");
    script.ask(&bob, POST, &format!("/rooms/{tea_code}/join"), None).await;
    script.ask(&eve, POST, &format!("/rooms/{tea_code}/join"), None).await;
    script.ask(&eve, POST, "/rooms/NOSUCHCODE/join", None).await;
    let asked = script.ask(&bob, POST, &format!("/rooms/{den_code}/join"), None).await;
    script.read(&ann, &format!("/rooms/{den}/requests"), &asked["position"]).await;
    script.ask(&eve, GET, &format!("/rooms/{den}/requests"), None).await;
    script.ask(&bob, GET, &format!("/rooms/{tea}/requests"), None).await;
    script.ask(&ann, POST, &format!("/rooms/{den}/requests/{}/approve", bob.id), None).await;
    script.ask(&ann, POST, &format!("/rooms/{den}/requests/{}/approve", eve.id), None).await;
    script.ask(&bob, POST, &format!("/rooms/{den}/requests/{}/approve", eve.id), None).await;
    script.ask(&eve, POST, &format!("/rooms/{den_code}/join"), None).await;
    script.ask(&ann, POST, &format!("/rooms/{den}/requests/{}/deny", eve.id), None).await;
    script.ask(&ann, POST, &format!("/rooms/{den}/leave"), None).await;
    script.ask(&eve, POST, &format!("/rooms/{den}/leave"), None).await;
    script.ask(&eve, POST, &format!("/rooms/{nowhere}/leave"), None).await;
    let left = script.ask(&bob, POST, &format!("/rooms/{tea}/leave"), None).await;
    script.read(&ann, &format!("/rooms/{tea}/members"), &left["position"]).await;
    script.ask(&eve, GET, &format!("/rooms/{tea}/members"), None).await;
    script.ask(&eve, GET, &format!("/rooms/{nowhere}/members"), None).await;

    script.chapter("changing and closing");
    script.ask(&ann, PATCH, &format!("/rooms/{tea}"), Some(json!({"settings": {"slowModeS": 5}}))).await;
    script.ask(&ann, PATCH, &format!("/rooms/{tea}"), Some(json!({"maxUsers": 501}))).await;
    script.ask(&bob, PATCH, &format!("/rooms/{den}"), Some(json!({"name": "mine"}))).await;
    script.ask(&eve, PATCH, &format!("/rooms/{tea}"), Some(json!({"name": "mine"}))).await;
    script.ask(&bob, DELETE, &format!("/rooms/{den}"), None).await;
    script.ask(&ann, DELETE, &format!("/rooms/{den}"), None).await;
    script.ask(&ann, PATCH, &format!("/rooms/{den}"), Some(json!({"name": "open"}))).await;
    script.ask(&eve, POST, &format!("/rooms/{den_code}/join"), None).await;
    insta::assert_snapshot!(script.text());
}

#[tokio::test]
async fn calls_answer_and_refuse() {
    let stage = stage().await;
    let mut script = Transcript::default();
    let ann = script.person(&stage.rest, "ann").await;
    let eve = script.person(&stage.rest, "eve").await;
    let (tea, _) = open(&mut script, &ann, "tea", json!({})).await;
    let nowhere = nowhere();
    script.call(&nowhere, "nowhere");
    let at = |what: &str| format!("/rooms/{tea}/{what}");

    script.chapter("before any");
    script.ask(&ann, GET, &at("call"), None).await;
    script.ask(&ann, GET, &at("calls"), None).await;
    for what in ["call", "calls"] {
        script.ask(&eve, GET, &at(what), None).await;
        script.ask(&ann, GET, &format!("/rooms/{nowhere}/{what}"), None).await;
    }
    script.ask(&ann, GET, &at("calls?limit=101"), None).await;
    script.ask(&ann, GET, &at("calls?after=yesterday"), None).await;

    script.chapter("one goes on");
    let mut socket = stage.socket(&ann).await;
    let joined = socket.call("voice.join", json!({"room": tea, "video": true})).await.unwrap();
    script.ask(&ann, GET, &at("call"), None).await;
    let then = ann.rest.get(&format!("/api/v1{}?at={}", at("state"), joined["seq"])).await.ok();
    assert_eq!(then["call"], joined["call"]);

    script.chapter("it is over");
    socket.call("voice.leave", json!({"room": tea})).await.unwrap();
    script.ask(&ann, GET, &at("call"), None).await;
    stage.world.caught_up().await;
    script.ask(&ann, GET, &at("calls"), None).await;
    insta::assert_snapshot!(script.text());
}

#[tokio::test]
async fn moderation_answers_and_refuses() {
    let stage = stage().await;
    let mut script = Transcript::default();
    let ann = script.person(&stage.rest, "ann").await;
    let bob = script.person(&stage.rest, "bob").await;
    let eve = script.person(&stage.rest, "eve").await;
    let mia = script.person(&stage.rest, "mia").await;
    let (tea, code) = open(&mut script, &ann, "tea", json!({})).await;
    let at = |what: &str| format!("/rooms/{tea}/{what}");

    script.chapter("codes and invites");
    let invite = script.ask(&ann, POST, &at("invites"), Some(json!({"maxUses": 2, "expiresInS": 3600}))).await;
    script.call(&text(&invite["code"]), "invite");
    script.call(&text(&invite["inviteId"]), "invite's id");
    script.ask(&ann, POST, &at("invites"), Some(json!({"maxUses": 0}))).await;
    script.read(&ann, &at("invites"), &invite["position"]).await;
    script.ask(&eve, POST, &at("invites"), Some(json!({}))).await;
    script.ask(&eve, GET, &at("invites"), None).await;
    let join = format!("/rooms/{}/join", text(&invite["code"]));
    script.ask(&bob, POST, &join, None).await;
    script.ask(&mia, POST, &join, None).await;
    script.ask(&eve, POST, &join, None).await;
    script.ask(&bob, GET, &at("invites"), None).await;
    let second = script.ask(&ann, POST, &at("invites"), Some(json!({}))).await;
    script.call(&text(&second["code"]), "second invite");
    script.call(&text(&second["inviteId"]), "second invite's id");
    let revoked = format!("invites/{}", text(&second["inviteId"]));
    script.ask(&bob, DELETE, &at(&revoked), None).await;
    script.ask(&ann, DELETE, &at(&revoked), None).await;
    script.ask(&ann, DELETE, &at(&revoked), None).await;
    let renewed = script.ask(&ann, POST, &at("code"), None).await;
    script.call(&text(&renewed["code"]), "new code");
    script.read(&ann, &format!("/rooms/{tea}"), &renewed["position"]).await;
    script.ask(&eve, POST, &format!("/rooms/{code}/join"), None).await;
    script.ask(&bob, POST, &at("code"), None).await;

    script.chapter("muting, kicking, banning");
    let until = (SystemClock.now() + TimeDelta::days(1)).to_rfc3339();
    script.call(&until, "tomorrow");
    let past = "2020-01-01T00:00:00Z";
    let of = |who: &Person| json!({"userId": who.id});
    script.ask(&ann, POST, &at("mute"), Some(json!({"userId": mia.id, "until": until, "reason": "loud"}))).await;
    script.ask(&ann, POST, &at("mute"), Some(json!({"userId": mia.id, "until": past}))).await;
    script.ask(&bob, POST, &at("mute"), Some(of(&mia))).await;
    script.ask(&mia, POST, "/messages", Some(json!({"roomId": tea, "content": "let me"}))).await;
    script.ask(&ann, POST, &at("unmute"), Some(of(&mia))).await;
    script.ask(&eve, POST, &at("unmute"), Some(of(&mia))).await;
    script.ask(&ann, POST, &at("kick"), Some(json!({"userId": mia.id, "reason": "late"}))).await;
    script.ask(&ann, POST, &at("kick"), Some(of(&mia))).await;
    script.ask(&ann, POST, &at("kick"), Some(of(&ann))).await;
    script.ask(&bob, POST, &at("kick"), Some(of(&ann))).await;
    let banned = script.ask(&ann, POST, &at("ban"), Some(json!({"userId": mia.id, "until": until}))).await;
    script.ask(&bob, POST, &at("ban"), Some(of(&eve))).await;
    script.read(&ann, &at("bans"), &banned["position"]).await;
    script.ask(&bob, GET, &at("bans"), None).await;
    script.ask(&mia, GET, &at("bans"), None).await;
    script.ask(&mia, GET, &at("members"), None).await;
    script.ask(&mia, POST, &format!("/rooms/{}/join", text(&renewed["code"])), None).await;
    script.ask(&ann, POST, &at("unban"), Some(of(&mia))).await;
    script.ask(&bob, POST, &at("unban"), Some(of(&mia))).await;

    script.chapter("roles");
    script.ask(&ann, POST, &at("role"), Some(json!({"userId": bob.id, "role": "admin"}))).await;
    script.ask(&bob, POST, &at("role"), Some(json!({"userId": bob.id, "role": "owner"}))).await;
    script.ask(&ann, POST, &at("role"), Some(json!({"userId": eve.id, "role": "admin"}))).await;
    script.ask(&ann, POST, &at("role"), Some(json!({"userId": bob.id, "role": "king"}))).await;
    script.ask(&ann, POST, &at("role"), Some(json!({"userId": bob.id, "role": "owner"}))).await;

    script.chapter("what was done");
    script.ask(&bob, GET, &at("audit?limit=2"), None).await;
    script.ask(&bob, GET, &at("audit?before=x"), None).await;
    script.ask(&eve, GET, &at("audit"), None).await;
    script.ask(&bob, GET, &at("state"), None).await;
    script.ask(&bob, GET, &at("state?at=tomorrow"), None).await;
    script.ask(&bob, GET, &at("state?at=999999999"), None).await;
    script.ask(&bob, GET, &at("state?messages=101"), None).await;
    script.ask(&eve, GET, &at("state"), None).await;
    insta::assert_snapshot!(script.text());
}

#[tokio::test]
async fn messages_answer_and_refuse() {
    let stage = stage().await;
    let mut script = Transcript::default();
    let ann = script.person(&stage.rest, "ann").await;
    let bob = script.person(&stage.rest, "bob").await;
    let eve = script.person(&stage.rest, "eve").await;
    let (tea, code) = open(&mut script, &ann, "tea", json!({})).await;
    script.ask(&bob, POST, &format!("/rooms/{code}/join"), None).await;
    let nowhere = nowhere();
    script.call(&nowhere, "nowhere");
    let say = |content: &str| json!({"roomId": tea, "content": content});

    script.chapter("writing");
    let first = script.ask(&ann, POST, "/messages", Some(say(&format!("hello <@{}>", bob.id)))).await;
    let one = text(&first["messageId"]);
    script.call(&one, "first");
    let answer = json!({"roomId": tea, "content": "hello yourself", "threadRoot": one, "replyTo": one});
    let second = script.ask(&bob, POST, "/messages", Some(answer)).await;
    script.call(&text(&second["messageId"]), "second");
    for form in [
        json!({"roomId": tea, "content": format!("hello <@{}>", bob.id), "messageId": one}),
        json!({"roomId": tea, "content": "otherwise", "messageId": one}),
        say(" "),
        json!({"roomId": tea, "content": "x", "type": "system"}),
        json!({"roomId": tea, "content": "x", "type": "file"}),
        json!({"roomId": tea, "content": "x", "fileId": "1"}),
        json!({"roomId": tea, "content": "x", "replyTo": nowhere}),
        json!({"roomId": nowhere, "content": "x"}),
        json!({"content": "x"}),
    ] {
        script.ask(&ann, POST, "/messages", Some(form)).await;
    }
    script.ask(&eve, POST, "/messages", Some(say("me too"))).await;

    script.chapter("reading");
    let list = format!("/rooms/{tea}/messages");
    script.read(&bob, &format!("{list}?limit=1"), &second["position"]).await;
    script.ask(&bob, GET, &format!("{list}?thread={one}"), None).await;
    script.ask(&bob, GET, &format!("{list}?page=2&limit=1"), None).await;
    script.ask(&bob, GET, &format!("{list}?before=1&after=1"), None).await;
    script.ask(&bob, GET, &format!("{list}?page=1&after=1"), None).await;
    script.ask(&eve, GET, &list, None).await;
    script.ask(&eve, GET, &format!("/rooms/{nowhere}/messages"), None).await;
    script.ask(&bob, GET, &format!("/messages/{one}"), None).await;
    script.ask(&eve, GET, &format!("/messages/{one}"), None).await;
    script.ask(&ann, GET, &format!("/messages/{nowhere}"), None).await;

    script.chapter("what was read, and what not");
    script.ask(&bob, GET, "/users/me/unread", None).await;
    let marked = script.ask(&bob, PUT, &format!("/rooms/{tea}/read"), Some(json!({"seq": second["seq"]}))).await;
    script.read(&bob, "/users/me/unread", &marked["position"]).await;
    script.ask(&bob, PUT, &format!("/rooms/{tea}/read"), Some(json!({"seq": 99_999_999}))).await;
    script.ask(&eve, PUT, &format!("/rooms/{tea}/read"), Some(json!({"seq": 1}))).await;

    script.chapter("finding");
    script.ask(&bob, GET, "/search?q=yourself", None).await;
    script.ask(&bob, GET, &format!("/search?q=hello&roomId={tea}&authorId={}", ann.id), None).await;
    script.ask(&eve, GET, "/search?q=yourself", None).await;
    script.ask(&eve, GET, &format!("/search?q=hello&roomId={tea}"), None).await;
    script.ask(&bob, GET, "/search?q=%3F", None).await;
    script.ask(&bob, GET, "/search", None).await;
    script.ask(&bob, GET, "/search?q=x&cursor=x", None).await;
    script.ask(&bob, GET, "/search?q=x&before=yesterday", None).await;

    script.chapter("reactions and pins");
    let of = |what: &str| format!("/messages/{one}/{what}");
    script.ask(&bob, PUT, &of("reactions/%F0%9F%91%8D"), None).await;
    script.ask(&bob, PUT, &of("reactions/%20"), None).await;
    script.ask(&eve, PUT, &of("reactions/%F0%9F%91%8D"), None).await;
    script.ask(&bob, PUT, &of("pin"), None).await;
    let pinned = script.ask(&ann, PUT, &of("pin"), None).await;
    script.read(&bob, &format!("/rooms/{tea}/pins"), &pinned["position"]).await;
    script.ask(&eve, GET, &format!("/rooms/{tea}/pins"), None).await;
    script.ask(&bob, GET, of("").trim_end_matches('/'), None).await;
    script.ask(&bob, DELETE, &of("reactions/%F0%9F%91%8D"), None).await;
    script.ask(&eve, DELETE, &of("reactions/%F0%9F%91%8D"), None).await;
    script.ask(&bob, DELETE, &of("pin"), None).await;
    script.ask(&ann, DELETE, &of("pin"), None).await;

    script.chapter("editing and deleting");
    let message = format!("/messages/{one}");
    script.ask(&ann, PATCH, &message, Some(json!({"content": "good day"}))).await;
    script.ask(&ann, PATCH, &message, Some(json!({"content": ""}))).await;
    script.ask(&bob, PATCH, &message, Some(json!({"content": "mine"}))).await;
    script.ask(&eve, PATCH, &message, Some(json!({"content": "mine"}))).await;
    script.ask(&bob, DELETE, &message, None).await;
    let gone = script.ask(&ann, DELETE, &message, None).await;
    script.read(&bob, &message, &gone["position"]).await;
    script.ask(&ann, PATCH, &message, Some(json!({"content": "again"}))).await;

    script.chapter("slow mode");
    script.ask(&ann, PATCH, &format!("/rooms/{tea}"), Some(json!({"settings": {"slowModeS": 21600}}))).await;
    script.ask(&bob, POST, "/messages", Some(say("slowly"))).await;

    script.chapter("archived");
    script.ask(&ann, DELETE, &format!("/rooms/{tea}"), None).await;
    script.ask(&ann, POST, "/messages", Some(say("still there?"))).await;
    insta::assert_snapshot!(script.text());
}
