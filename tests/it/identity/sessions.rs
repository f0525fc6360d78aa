//! The list of one's sign-ins, and their end.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use voxlog_core::clock::SystemClock;
use voxlog_tests::{
    rest::{Rest, send},
    world::{World, until},
};

use super::{LOGIN, REFRESH, VERIFY, delete, gateway, login, refresh_with, told};

const SESSIONS: &str = "/api/v1/auth/sessions";

async fn sign_in(rest: &Rest, device: &str) -> (Rest, Value) {
    let request = rest.request(Method::POST, LOGIN).header("User-Agent", device).json(&login("ann"));
    let grant = send(request).await.ok();
    (rest.with_token(grant["token"].as_str().unwrap()), grant)
}

fn id(sign_in: &Value) -> &str {
    sign_in["id"].as_str().unwrap()
}

#[tokio::test]
async fn sign_ins_are_listed_the_latest_first_and_each_can_be_ended() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (_, registered) = rest.register("ann").await;
    let (phone, _) = sign_in(&rest, "Phone/1.0").await;
    let (laptop, on_laptop) = sign_in(&rest, "Laptop/2.0").await;

    let list = phone.get(SESSIONS).await.ok();
    let [newest, current, first] = list["data"].as_array().unwrap().as_slice() else { panic!("{list:#}") };
    assert_eq!((&newest["userAgent"], &newest["current"]), (&"Laptop/2.0".into(), &false.into()));
    assert_eq!((&current["userAgent"], &current["current"]), (&"Phone/1.0".into(), &true.into()));
    assert!(first.get("userAgent").is_none() && first["createdAt"] == first["lastUsedAt"], "{first:#}");
    assert_eq!((&list["hasMore"], &list["next"]), (&false.into(), &Value::Null));

    let page = phone.get(&format!("{SESSIONS}?limit=2")).await.ok();
    assert_eq!((&page["hasMore"], &page["data"][1]), (&true.into(), current));
    let next = phone.get(&format!("{SESSIONS}?after={}", page["next"].as_str().unwrap())).await.ok();
    assert_eq!(&next["data"][0], first);

    assert_eq!(delete(&phone, &format!("{SESSIONS}/{}", id(newest))).await.status, StatusCode::NO_CONTENT);
    assert_eq!(laptop.get(VERIFY).await.code(), "unauthenticated");
    assert_eq!(rest.post(REFRESH, refresh_with(&on_laptop)).await.code(), "unauthenticated");
    assert_eq!(phone.get(SESSIONS).await.ok()["data"].as_array().unwrap().len(), 2);
    rest.post(REFRESH, refresh_with(&registered)).await.ok();

    assert_eq!(delete(&phone, &format!("{SESSIONS}/{}", id(newest))).await.status, StatusCode::NO_CONTENT, "again");
    let facts = told(&*world.log().await, &registered["user"]["id"], 5).await;
    let types = ["user.registered", "session.started", "session.started", "session.started", "session.revoked"];
    assert_eq!(facts, types.map(|kind| format!("voxlog.{kind}.v1")), "ended once, though it was asked twice");
}

#[tokio::test]
async fn nobody_ends_what_is_not_theirs() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (ann, _) = rest.register("ann").await;
    let (bob, _) = rest.register("bob").await;
    let list = ann.get(SESSIONS).await.ok();
    assert_eq!(delete(&bob, &format!("{SESSIONS}/{}", id(&list["data"][0]))).await.code(), "not_found");
    assert_eq!(delete(&bob, &format!("{SESSIONS}/1")).await.code(), "invalid");
    assert_eq!(rest.get(SESSIONS).await.code(), "unauthenticated");
    assert_eq!(bob.get(&format!("{SESSIONS}?after=x")).await.code(), "invalid");
    ann.get(VERIFY).await.ok();
}

#[tokio::test]
async fn logging_out_ends_the_sign_in_that_asks_and_no_other() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (_, registered) = rest.register("ann").await;
    let (phone, on_phone) = sign_in(&rest, "Phone/1.0").await;
    let answer = send(phone.request(Method::POST, "/api/v1/auth/logout")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(phone.get(VERIFY).await.code(), "unauthenticated");
    assert_eq!(rest.post(REFRESH, refresh_with(&on_phone)).await.code(), "unauthenticated");
    rest.post(REFRESH, refresh_with(&registered)).await.ok();
}

#[tokio::test]
async fn all_sign_ins_end_together_the_asking_one_included() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, registered) = rest.register("ann").await;
    let (phone, on_phone) = sign_in(&rest, "Phone/1.0").await;
    let (bob, _) = rest.register("bob").await;
    assert_eq!(delete(&phone, SESSIONS).await.status, StatusCode::NO_CONTENT);
    for gone in [&ann, &phone] {
        assert_eq!(gone.get(VERIFY).await.code(), "unauthenticated");
    }
    for grant in [&registered, &on_phone] {
        assert_eq!(rest.post(REFRESH, refresh_with(grant)).await.code(), "unauthenticated");
    }
    bob.get(VERIFY).await.ok();
    let (again, _) = sign_in(&rest, "Phone/1.0").await;
    assert_eq!(again.get(SESSIONS).await.ok()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_sign_in_tells_when_it_was_refreshed_last() {
    let clock = voxlog_core::clock::ManualClock::at(voxlog_core::clock::Clock::now(&SystemClock));
    let rest = gateway(&World::on_one_server().await, Arc::new(clock.clone())).await;
    let (_, registered) = rest.register("ann").await;
    clock.advance(chrono::TimeDelta::minutes(10));
    let next = rest.post(REFRESH, refresh_with(&registered)).await.ok();
    let ann = rest.with_token(next["token"].as_str().unwrap());
    until("it is listed", async || {
        let one = ann.get(SESSIONS).await.ok()["data"][0].clone();
        one["lastUsedAt"] != one["createdAt"]
    })
    .await;
}
