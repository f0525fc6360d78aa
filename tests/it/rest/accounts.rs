//! Every endpoint of accounts and people: its good answer, and what it refuses for what reason.

use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder, Secret};
use voxlog_core::{
    clock::{Clock, SystemClock},
    id::RoomId,
};
use voxlog_tests::rest::PASSWORD;

use super::{
    stage,
    transcript::{Person, Transcript, text},
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// What an authenticator shows now.
fn shown(setup: &Value) -> String {
    let secret = Secret::try_from_base32(setup["secret"].as_str().unwrap()).unwrap();
    let authenticator =
        Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_step_duration(30).with_secret(secret);
    let now = SystemClock.now().timestamp().try_into().unwrap();
    authenticator.build().unwrap().generate(now).to_string()
}

#[tokio::test]
async fn accounts_answer_and_refuse() {
    let stage = stage().await;
    let mut script = Transcript::default();
    let ann = script.person(&stage.rest, "ann").await;
    let nobody = Person { name: "somebody", rest: stage.rest.clone(), id: String::new() };
    let nowhere = RoomId::mint(&SystemClock).to_string();
    script.call(&nowhere, "nowhere");

    script.chapter("signing up and in");
    let form = |name: &str, again: &str| {
        let email = format!("{name}@example.org");
        json!({"username": name, "email": email, "password": PASSWORD, "confirmPassword": again})
    };
    script.ask(&nobody, POST, "/auth/register", Some(form("bob", PASSWORD))).await;
    script.ask(&nobody, POST, "/auth/register", Some(form("ann", PASSWORD))).await;
    script.ask(&nobody, POST, "/auth/register", Some(form("x", "other"))).await;
    let login = |password: &str| json!({"email": "bob@example.org", "password": password});
    let grant = script.ask(&nobody, POST, "/auth/login", Some(login(PASSWORD))).await;
    script.ask(&nobody, POST, "/auth/login", Some(login("wrong password"))).await;
    let refresh = json!({"refreshToken": grant["refreshToken"]});
    script.call(&text(&grant["refreshToken"]), "refresh token");
    script.ask(&nobody, POST, "/auth/refresh", Some(refresh.clone())).await;
    script.ask(&nobody, POST, "/auth/refresh", Some(refresh)).await;
    script.ask(&nobody, POST, "/auth/guest", Some(json!({"displayName": "Gus"}))).await;
    script.ask(&nobody, POST, "/auth/guest", Some(json!({"displayName": ""}))).await;
    script.ask(&ann, GET, "/auth/verify", None).await;

    script.chapter("sessions");
    script.ask(&ann, GET, "/auth/sessions", None).await;
    script.ask(&ann, DELETE, &format!("/auth/sessions/{nowhere}"), None).await;

    script.chapter("keys");
    let wanted = json!({"name": "robot", "scopes": ["read"]});
    let made = script.ask(&ann, POST, "/auth/api-keys", Some(wanted)).await;
    script.call(&text(&made["id"]), "robot");
    script.ask(&ann, POST, "/auth/api-keys", Some(json!({"name": "", "scopes": []}))).await;
    script.ask(&ann, GET, "/auth/api-keys", None).await;
    let robot = Person { name: "robot", rest: ann.rest.with_token(text(&made["key"])), id: String::new() };
    script.ask(&robot, GET, "/rooms?limit=1", None).await;
    script.ask(&robot, POST, "/rooms", Some(json!({"name": "mine"}))).await;
    script.ask(&robot, GET, "/auth/api-keys", None).await;
    script.ask(&ann, DELETE, &format!("/auth/api-keys/{}", text(&made["id"])), None).await;
    script.ask(&ann, DELETE, &format!("/auth/api-keys/{}", text(&made["id"])), None).await;
    script.ask(&robot, GET, "/rooms?limit=1", None).await;

    script.chapter("people");
    script.ask(&ann, GET, "/users/me", None).await;
    script.ask(&ann, GET, &format!("/users/{}", ann.id), None).await;
    script.ask(&ann, GET, &format!("/users/{nowhere}"), None).await;
    script.ask(&ann, GET, "/users?query=ann", None).await;
    script.ask(&ann, GET, "/users?query=%3F", None).await;
    script.ask(&ann, GET, "/users?after=x", None).await;
    script.ask(&ann, GET, "/users/me/rooms", None).await;
    let me = format!("/users/{}", ann.id);
    script.ask(&ann, PATCH, &me, Some(json!({"displayName": "Ann Other"}))).await;
    script.ask(&ann, PATCH, &me, Some(json!({"username": "bob"}))).await;
    script.ask(&ann, PATCH, &me, Some(json!({"avatarUrl": "javascript:alert(1)"}))).await;
    script.ask(&ann, PATCH, &format!("/users/{nowhere}"), Some(json!({"displayName": "X"}))).await;
    script.ask(&ann, DELETE, "/users/me", None).await;
    script.ask(&ann, DELETE, "/users/me", Some(json!({}))).await;
    script.ask(&ann, DELETE, "/users/me", Some(json!({"password": "wrong password"}))).await;

    script.chapter("a second factor");
    let setup = script.ask(&ann, POST, "/auth/totp", None).await;
    script.ask(&ann, POST, "/auth/totp/confirm", Some(json!({"code": "12"}))).await;
    let code = shown(&setup);
    script.call(&code, "digits");
    script.ask(&ann, POST, "/auth/totp/confirm", Some(json!({"code": code}))).await;
    script.ask(&ann, POST, "/auth/totp", None).await;
    script.ask(&ann, DELETE, "/auth/totp", Some(json!({"password": "wrong password"}))).await;

    script.chapter("the end");
    script.ask(&ann, POST, "/auth/logout", None).await;
    script.ask(&ann, GET, "/users/me", None).await;
    let again = script.ask(&nobody, POST, "/auth/login", Some(login(PASSWORD))).await;
    let bob = Person { name: "bob", rest: stage.rest.with_token(text(&again["token"])), id: String::new() };
    script.ask(&bob, DELETE, "/auth/sessions", None).await;
    script.ask(&bob, GET, "/auth/sessions", None).await;
    let again = script.ask(&nobody, POST, "/auth/login", Some(login(PASSWORD))).await;
    let bob = Person { rest: stage.rest.with_token(text(&again["token"])), ..bob };
    script.ask(&bob, DELETE, "/users/me", Some(json!({"password": PASSWORD}))).await;
    script.ask(&bob, GET, "/users/me", None).await;
    insta::assert_snapshot!(script.text());
}
