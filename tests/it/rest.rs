//! REST: rooms and messages, refusals by code, and what every answer carries.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId, UserId},
};
use voxlog_tests::{
    client::{Client, Encoding},
    rest::{Rest, send},
    world::{Node, Running, World, until},
};

mod accounts;
mod answers;
mod document;
mod refusals;
mod transcript;

use transcript::Person;

/// A gateway whose read models follow.
struct Stage {
    rest: Rest,
    world: World,
    node: Node,
    _projector: Running,
}

async fn stage() -> Stage {
    let world = World::on_one_server().await;
    let (node, projector) = (world.gateway().await, world.projector().await);
    let rest = Rest::to(&node.url);
    let anybody = rest.with_token(world.token(UserId::mint(&SystemClock)));
    until("the tables are made", async || {
        anybody.get("/api/v1/rooms").await.status == StatusCode::OK
            && anybody.get("/api/v1/users/me").await.status == StatusCode::NOT_FOUND
    })
    .await;
    Stage { rest, world, node, _projector: projector }
}

impl Stage {
    /// Somebody's socket.
    async fn socket(&self, who: &Person) -> Client {
        let token = who.rest.token.as_deref().expect("they are signed in");
        Client::connect(&self.node.ws_url(), token, Encoding::Json).await.expect("the gateway lets them in")
    }
}

async fn open_room(owner: &Rest, settings: Value) -> Value {
    let form = json!({"name": " Tea ", "description": "hot", "maxUsers": 3, "settings": settings});
    owner.post("/api/v1/rooms", form).await.expect(StatusCode::CREATED)
}

async fn say(author: &Rest, room: &Value, content: &str) -> Value {
    author.post("/api/v1/messages", json!({"roomId": room, "content": content})).await.expect(StatusCode::CREATED)
}

fn path(parts: &[&str]) -> String {
    format!("/api/v1/{}", parts.join("/"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test]
async fn two_people_meet_in_a_room_and_talk() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let (bob, bobs) = stage.rest.register("bob").await;
    let room = open_room(&ann, json!({})).await;
    let (id, code) = (text(&room["id"]), text(&room["code"]));
    let seen = ann.get_at(&path(&["rooms", id]), &room["position"]).await.ok();
    for field in ["id", "code", "name", "description", "ownerId", "maxUsers", "memberCount", "settings", "createdAt"] {
        assert_eq!(seen[field], room[field], "{field}");
    }
    assert_eq!(room["name"], "Tea");

    let typed = format!("{}-{}", &code[..4].to_lowercase(), &code[4..]);
    let joined = bob.post(&path(&["rooms", &typed, "join"]), json!({})).await.ok();
    assert_eq!(joined["roomId"], room["id"]);
    let members = bob.get_at(&path(&["rooms", id, "members"]), &joined["position"]).await.ok();
    let roles: Vec<_> = members["data"].as_array().unwrap().iter().map(|member| text(&member["role"])).collect();
    assert_eq!(roles, ["owner", "member"]);

    let said = say(&bob, &room["id"], "hello").await;
    let message = text(&said["messageId"]);
    let read = ann.get_at(&path(&["messages", message]), &said["position"]).await.ok();
    assert_eq!(
        (&read["content"], &read["authorId"], &read["seq"]),
        (&json!("hello"), &bobs["user"]["id"], &said["seq"])
    );

    let edited = bob.send(Method::PATCH, &path(&["messages", message]), json!({"content": "hello!"})).await.ok();
    let read = ann.get_at(&path(&["messages", message]), &edited["position"]).await.ok();
    assert_eq!(read["content"], "hello!");
    let pinned = ann.send(Method::PUT, &path(&["messages", message, "pin"]), json!({})).await.ok();
    let reacted =
        ann.send(Method::PUT, &path(&["messages", message, "reactions", "%F0%9F%91%8D"]), json!({})).await.ok();
    assert_ne!(pinned["position"], reacted["position"]);
    let read = bob.get_at(&path(&["messages", message]), &reacted["position"]).await.ok();
    assert_eq!((&read["pinned"], &read["reactions"][0]["emoji"]), (&json!(true), &json!("👍")));
    let deleted = bob.send(Method::DELETE, &path(&["messages", message]), json!({})).await.ok();
    let read = ann.get_at(&path(&["messages", message]), &deleted["position"]).await.ok();
    assert!(read["deletedAt"].is_string() && read["content"] == "", "{read:#}");

    let left = bob.post(&path(&["rooms", id, "leave"]), json!({})).await.ok();
    let mine = bob.get_at("/api/v1/users/me/rooms", &left["position"]).await.ok();
    assert_eq!(mine["data"], json!([]));
}

#[tokio::test]
async fn settings_are_changed_one_by_one() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let room = open_room(&ann, json!({"recordMessages": false})).await;
    let room = path(&["rooms", text(&room["id"])]);
    let changed = ann.send(Method::PATCH, &room, json!({"settings": {"isPublic": true}})).await.ok();
    let settings = ann.get_at(&room, &changed["position"]).await.ok()["settings"].clone();
    assert_eq!((&settings["isPublic"], &settings["recordMessages"]), (&json!(true), &json!(false)), "{settings:#}");
    let same = json!({"settings": {"isPublic": true, "retentionDays": null}});
    let again = ann.send(Method::PATCH, &room, same).await.ok();
    assert_eq!(again["position"], changed["position"], "nothing changed, nothing was written");
}

#[tokio::test]
async fn a_list_is_paged_from_either_end() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let room = open_room(&ann, json!({})).await;
    let id = text(&room["id"]);
    let mut last = Value::Null;
    for number in 0..7 {
        last = say(&ann, &room["id"], &number.to_string()).await;
    }
    for (parameter, expected) in [("before", ["456", "123", "0"]), ("after", ["012", "345", "6"])] {
        let mut cursor = (parameter == "after").then(|| "0".to_owned());
        let mut pages: Vec<String> = Vec::new();
        loop {
            let from = cursor.map_or_else(String::new, |cursor| format!("&{parameter}={cursor}"));
            let address = path(&["rooms", id, &format!("messages?limit=3{from}")]);
            let page = ann.get_at(&address, &last["position"]).await.ok();
            pages.push(page["data"].as_array().unwrap().iter().map(|message| text(&message["content"])).collect());
            assert_eq!(page["hasMore"], page["next"].is_string());
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(pages, expected.map(str::to_owned), "{parameter}");
    }
}

#[tokio::test]
async fn public_rooms_are_listed_and_others_are_not_told_of() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let (bob, _) = stage.rest.register("bob").await;
    let hidden = open_room(&ann, json!({})).await;
    let public = open_room(&ann, json!({"isPublic": true})).await;
    bob.get_at("/api/v1/rooms", &hidden["position"]).await.ok();
    let listed = bob.get_at("/api/v1/rooms?query=te&page=1&limit=10", &public["position"]).await.ok();
    assert_eq!((&listed["total"], &listed["data"][0]["id"]), (&json!(1), &public["id"]));
    bob.get(&path(&["rooms", text(&public["id"])])).await.ok();
    assert_eq!(bob.get(&path(&["rooms", text(&hidden["id"])])).await.code(), "not_found");
    for inside in ["messages", "members"] {
        assert_eq!(bob.get(&path(&["rooms", text(&public["id"]), inside])).await.code(), "not_a_member");
    }
}

#[tokio::test]
async fn the_same_message_twice_is_one() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let room = open_room(&ann, json!({})).await;
    let mut form = json!({"roomId": room["id"], "content": "once", "messageId": MessageId::mint(&SystemClock)});
    let first = ann.post("/api/v1/messages", form.clone()).await.expect(StatusCode::CREATED);
    let again = ann.post("/api/v1/messages", form.clone()).await.ok();
    assert_eq!(again["duplicate"], true);
    for field in ["messageId", "seq", "position", "time"] {
        assert_eq!(first[field], again[field], "{field}");
    }
    form["content"] = json!("twice");
    assert_eq!(ann.post("/api/v1/messages", form).await.code(), "conflict");
}

#[tokio::test]
async fn moderation_takes_effect_and_is_refused_by_code() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let (bob, bobs) = stage.rest.register("bob").await;
    let (eve, _) = stage.rest.register("eve").await;
    let room = open_room(&ann, json!({})).await;
    let (id, code, user) = (text(&room["id"]), text(&room["code"]), &bobs["user"]["id"]);
    let act = async |by: &Rest, verb: &str, body: Value| by.post(&path(&["rooms", id, verb]), body).await;
    let join = async |by: &Rest| by.post(&path(&["rooms", code, "join"]), json!({})).await;
    let talk = async |by: &Rest| by.post("/api/v1/messages", json!({"roomId": id, "content": "hi"})).await;
    ann.get_at("/api/v1/rooms", &room["position"]).await.ok();

    assert_eq!(talk(&bob).await.code(), "not_a_member");
    join(&bob).await.ok();
    assert_eq!(act(&bob, "kick", json!({"userId": user})).await.code(), "forbidden");
    act(&ann, "mute", json!({"userId": user})).await.ok();
    assert_eq!(talk(&bob).await.code(), "muted");
    act(&ann, "unmute", json!({"userId": user})).await.ok();
    talk(&bob).await.expect(StatusCode::CREATED);
    act(&ann, "kick", json!({"userId": user, "reason": "rude"})).await.ok();
    assert_eq!(talk(&bob).await.code(), "not_a_member");
    let banned = act(&ann, "ban", json!({"userId": user})).await.ok();
    assert_eq!(join(&bob).await.code(), "banned");
    let bans = ann.get_at(&path(&["rooms", id, "bans"]), &banned["position"]).await.ok();
    assert_eq!(bans["data"][0]["userId"], *user);
    act(&ann, "unban", json!({"userId": user})).await.ok();
    join(&bob).await.ok();
    join(&eve).await.ok();
    assert_eq!(eve.get(&path(&["rooms", id, "bans"])).await.code(), "forbidden");
    assert_eq!(join(&stage.rest.register("zoe").await.0).await.code(), "room_full");
    assert_eq!(act(&ann, "leave", json!({})).await.code(), "conflict");
    act(&ann, "role", json!({"userId": user, "role": "owner"})).await.ok();
    let renamed = bob.send(Method::PATCH, &path(&["rooms", id]), json!({"name": "Coffee"})).await.ok();
    assert_eq!(eve.get_at(&path(&["rooms", id]), &renamed["position"]).await.ok()["name"], "Coffee");
    assert_eq!(ann.send(Method::DELETE, &path(&["rooms", id]), json!({})).await.code(), "forbidden");
    bob.send(Method::DELETE, &path(&["rooms", id]), json!({})).await.ok();
    assert_eq!(talk(&bob).await.code(), "room_archived");
}

#[tokio::test]
async fn bad_input_is_refused_as_a_problem_that_says_what_is_wrong() {
    let stage = stage().await;
    let (ann, _) = stage.rest.register("ann").await;
    let nowhere = RoomId::mint(&SystemClock).to_string();
    let big = "x".repeat(70_000);
    let cases = [
        (Method::GET, "/nowhere".to_owned(), Value::Null, 404, "not_found", ""),
        (Method::DELETE, "/api/v1/auth/login".into(), Value::Null, 405, "unsupported", ""),
        (Method::GET, path(&["rooms", "x"]), Value::Null, 422, "invalid", "id"),
        (Method::GET, path(&["rooms", &nowhere]), Value::Null, 404, "not_found", ""),
        (Method::GET, path(&["rooms?limit=0"]), Value::Null, 422, "invalid", "limit"),
        (Method::GET, path(&["rooms?after=x"]), Value::Null, 422, "invalid", "after"),
        (Method::GET, path(&["rooms?offset=1"]), Value::Null, 422, "invalid", "offset"),
        (Method::POST, path(&["rooms"]), json!({"name": 1}), 422, "invalid", "name"),
        (Method::POST, path(&["rooms"]), json!({"name": ""}), 422, "invalid", "name"),
        (Method::POST, path(&["rooms"]), json!({"name": "a", "maxUsers": 1}), 422, "invalid", "maxUsers"),
        (Method::POST, path(&["rooms"]), json!({"name": "a", "secret": 1}), 422, "invalid", "secret"),
        (Method::POST, path(&["rooms", "AAAA", "join"]), json!({}), 404, "not_found", ""),
        (Method::POST, path(&["rooms", &nowhere, "kick"]), json!({}), 422, "invalid", "userId"),
        (Method::POST, path(&["messages"]), json!({"roomId": nowhere, "content": big}), 413, "too_large", ""),
        (Method::GET, path(&["messages", &nowhere]), Value::Null, 404, "not_found", ""),
    ];
    for (method, path, body, status, code, field) in cases {
        let mut request = ann.request(method.clone(), &path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {:#}", answer.body);
        assert_eq!(answer.body["errors"][0]["field"].as_str().unwrap_or_default(), field, "{method} {path}");
        assert_eq!(answer.code(), code, "{method} {path}");
    }
}

#[tokio::test]
async fn every_answer_has_an_id_and_what_proxies_and_browsers_need() {
    let stage = stage().await;
    let named = send(stage.rest.request(Method::GET, "/livez").header("X-Request-Id", "trace-1")).await;
    assert_eq!(named.headers["x-request-id"], "trace-1");
    assert_eq!(named.headers["x-content-type-options"], "nosniff");
    assert_eq!(named.headers["cache-control"], "no-store");
    let wrong = stage.rest.send(Method::DELETE, "/livez", json!({})).await;
    assert_eq!(wrong.headers["allow"], "GET,HEAD");
    let broken = send(
        stage.rest.request(Method::POST, "/api/v1/auth/login").body("{").header("content-type", "application/json"),
    );
    assert_eq!(broken.await.code(), "invalid");
    let anybody = stage.rest.get("/api/v1/rooms").await;
    assert_eq!(anybody.headers["www-authenticate"], "Bearer realm=\"voxlog\"");
    assert_eq!(anybody.code(), "unauthenticated");
    assert_eq!(stage.rest.with_token("x.y.z").get("/api/v1/rooms").await.code(), "unauthenticated");
}

#[tokio::test]
async fn a_read_waits_for_a_position_and_says_so_when_it_does_not_come() {
    let Stage { rest, node: _node, _projector: projector, .. } = stage().await;
    let (ann, _) = rest.register("ann").await;
    projector.stop().await;
    let room = open_room(&ann, json!({})).await;
    let late = ann.get_at("/api/v1/rooms", &room["position"]).await;
    assert_eq!(late.headers["retry-after"], "1");
    assert_eq!(late.code(), "unavailable");
    for wrong in ["x", "1", "0:9007199254740992", "0:-1", "0:9007199254740991", "2:1"] {
        assert_eq!(ann.get_at("/api/v1/rooms", &json!(wrong)).await.code(), "invalid", "{wrong}");
    }
}

#[tokio::test]
async fn a_node_tells_how_it_is() {
    let stage = stage().await;
    assert_eq!(stage.rest.get("/livez").await.ok(), "ok\n");
    let ready = stage.rest.get("/readyz").await.ok();
    assert_eq!(ready, json!({"status": "operational", "components": {"node": "ok", "log": "ok", "database": "ok"}}));
    assert_eq!(stage.rest.get("/health").await.ok(), ready);
    stage.rest.get("/api/v1/rooms/some-room-of-mine/members").await;
    let metrics = stage.rest.get("/metrics").await.ok();
    let metrics = text(&metrics);
    assert!(metrics.contains("# TYPE voxlog_http_requests_total counter"), "{metrics}");
    assert!(metrics.contains(r#"route="/api/v1/rooms/{id}/members""#), "{metrics}");
    assert!(!metrics.contains("some-room-of-mine"), "{metrics}");
}
