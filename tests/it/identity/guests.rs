//! Guests: here without an account.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voxlog_core::clock::SystemClock;
use voxlog_tests::{
    client::{Client, Encoding},
    rest::Rest,
    world::World,
};

use super::{REFRESH, VERIFY, gateway, refresh_with, refusal, refused, told};

const GUEST: &str = "/api/v1/auth/guest";

async fn come_in(rest: &Rest, name: &str) -> (Rest, Value) {
    let grant = rest.post(GUEST, json!({"displayName": name})).await.expect(StatusCode::CREATED);
    (rest.with_token(grant["token"].as_str().unwrap()), grant)
}

#[tokio::test]
async fn a_guest_comes_in_with_a_name_and_stays_by_refreshing() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (guest, grant) = come_in(&rest, "Zoë from the train").await;
    let user = &grant["user"];
    assert_eq!((&user["guest"], &user["displayName"]), (&json!(true), &json!("Zoë from the train")));
    assert!(user.get("email").is_none() && user["username"].as_str().unwrap().starts_with("guest-"), "{user:#}");
    let verified = guest.get(VERIFY).await.ok();
    assert_eq!((&verified["guest"], &verified["user"]["id"]), (&json!(true), &user["id"]));

    let next = rest.post(REFRESH, refresh_with(&grant)).await.ok();
    assert_eq!(rest.with_token(next["token"].as_str().unwrap()).get(VERIFY).await.ok()["guest"], true);
    let (_, other) = come_in(&rest, "Zoë from the train").await;
    assert_ne!(other["user"]["username"], user["username"], "names that people are called by need not be unique");

    let log = world.log().await;
    assert_eq!(told(&*log, &user["id"], 2).await, ["voxlog.user.registered.v1", "voxlog.session.started.v1"]);
    let facts = super::facts_of(&*log, user["id"].as_str().unwrap().parse().unwrap()).await;
    let voxlog_core::user::Event::Registered { guest, display_name, .. } = &facts[0] else { panic!("{facts:?}") };
    assert!(*guest && display_name.as_deref() == Some("Zoë from the train"));
}

#[tokio::test]
async fn a_guests_name_can_be_read() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    for name in [String::new(), " ".to_owned(), "a\nb".to_owned(), "x".repeat(65)] {
        let answer = rest.post(GUEST, json!({"displayName": name})).await;
        assert_eq!(refusal(answer), refused("invalid", &["displayName"]), "{name:?}");
    }
    assert_eq!(refusal(rest.post(GUEST, json!({})).await), refused("invalid", &["displayName"]));
}

#[tokio::test]
async fn what_an_account_has_a_guest_has_not() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (guest, grant) = come_in(&rest, "Zoë").await;
    let me = format!("/api/v1/users/{}", grant["user"]["id"].as_str().unwrap());
    assert_eq!(guest.post("/api/v1/auth/totp", json!({})).await.code(), "forbidden");
    let key = json!({"name": "bot", "scopes": ["read"]});
    assert_eq!(guest.post("/api/v1/auth/api-keys", key).await.code(), "forbidden");
    for change in [json!({"username": "zoe"}), json!({"email": "zoe@example.org"})] {
        assert_eq!(guest.send(Method::PATCH, &me, change).await.code(), "forbidden");
    }
    let renamed = guest.send(Method::PATCH, &me, json!({"displayName": "Zoë K."})).await.ok();
    assert_eq!(renamed["displayName"], "Zoë K.");
}

/// The token carries that its holder is a guest, so it counts over REST as over a socket, with the database away too.
#[tokio::test]
async fn a_guest_opens_no_room_and_joins_only_where_guests_are_let_in() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let node = world.gateway().await;
    let rest = Rest::to(&node.url);
    let (ann, _) = rest.register("ann").await;
    let (guest, grant) = come_in(&rest, "Zoë").await;
    let open = async |settings: Value| {
        let form = json!({"name": "Lobby", "settings": settings});
        ann.post("/api/v1/rooms", form).await.expect(StatusCode::CREATED)
    };
    let (closed, lobby) =
        (open(json!({"isPublic": true})).await, open(json!({"isPublic": true, "allowGuests": true})).await);
    assert_eq!(guest.post("/api/v1/rooms", json!({"name": "Mine"})).await.code(), "forbidden");

    let mut socket = Client::connect(&node.ws_url(), grant["token"].as_str().unwrap(), Encoding::Json).await.unwrap();
    let id = |room: &Value| room["roomId"].as_str().or(room["id"].as_str()).unwrap().to_owned();
    let refused = socket.call("room.create", json!({"name": "Mine"})).await.unwrap_err();
    assert_eq!(refused.code(), Some("forbidden"));
    let refused = socket.call("room.join", json!({"room": id(&closed)})).await.unwrap_err();
    assert_eq!(refused.code(), Some("forbidden"));
    socket.call("room.join", json!({"room": id(&lobby)})).await.unwrap();
    socket.call("message.send", json!({"room": id(&lobby), "content": "hello"})).await.unwrap();
}
