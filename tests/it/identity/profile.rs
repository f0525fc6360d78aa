//! What people are called, and how they change it.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use voxlog_core::{clock::SystemClock, user};
use voxlog_tests::world::{World, until};

use super::{LOGIN, facts_of, gateway, login, refusal, refused, told};

fn path(grant: &Value) -> String {
    format!("/api/v1/users/{}", grant["user"]["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_profile_is_changed_field_by_field_and_told_to_the_log_whole() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, grant) = rest.register("ann").await;
    let change = async |changes: Value| ann.send(Method::PATCH, &path(&grant), changes).await.ok();
    let url = "https://example.org/ann.png";
    let changed = change(json!({"displayName": "Ann B.", "avatarUrl": url})).await;
    assert_eq!(
        (&changed["displayName"], &changed["avatarUrl"], &changed["username"]),
        (&json!("Ann B."), &json!(url), &json!("ann"))
    );
    let changed = change(json!({"username": "Anna", "avatarUrl": null})).await;
    assert_eq!(
        (&changed["displayName"], changed.get("avatarUrl"), &changed["username"]),
        (&json!("Ann B."), None, &json!("Anna"))
    );
    assert_eq!(change(json!({})).await, changed);
    assert_eq!(change(json!({"username": "Anna"})).await, changed, "the same again");
    assert_eq!(ann.get("/api/v1/users/me").await.ok(), changed);

    let id = grant["user"]["id"].as_str().unwrap().parse().unwrap();
    let types = told(&*world.log().await, &grant["user"]["id"], 4).await;
    assert_eq!(types[2..], ["voxlog.user.updated.v1", "voxlog.user.updated.v1"]);
    let facts = facts_of(&*world.log().await, id).await;
    let whole = user::Event::Updated {
        user_id: id,
        username: "Anna".to_owned(),
        display_name: Some("Ann B.".to_owned()),
        avatar_url: None,
    };
    assert_eq!(facts[3], whole);
}

#[tokio::test]
async fn a_new_address_signs_in_and_never_reaches_the_log() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, grant) = rest.register("ann").await;
    ann.send(Method::PATCH, &path(&grant), json!({"email": "new@example.org"})).await.ok();
    assert_eq!(rest.post(LOGIN, login("ann")).await.code(), "unauthenticated");
    rest.post(LOGIN, login("new")).await.ok();
    let types = told(&*world.log().await, &grant["user"]["id"], 3).await;
    assert_eq!(types.iter().filter(|kind| kind.contains("updated")).count(), 0, "nobody else may see an address");
}

#[tokio::test]
async fn nobody_changes_another_and_nothing_becomes_what_it_must_not_be() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (ann, grant) = rest.register("ann").await;
    let (bob, _) = rest.register("bob").await;
    assert_eq!(bob.send(Method::PATCH, &path(&grant), json!({"displayName": "x"})).await.code(), "forbidden");
    assert_eq!(rest.send(Method::PATCH, &path(&grant), json!({})).await.code(), "unauthenticated");
    let long = format!("https://example.org/{}", "a".repeat(2048));
    for (changes, fields) in [
        (
            json!({"username": "a", "email": "x", "displayName": " ", "avatarUrl": "http://x"}),
            vec!["username", "email", "displayName", "avatarUrl"],
        ),
        (json!({"avatarUrl": long}), vec!["avatarUrl"]),
        (json!({"avatarUrl": "javascript:alert(1)"}), vec!["avatarUrl"]),
        (json!({"displayName": "x".repeat(65)}), vec!["displayName"]),
        (json!({"guest": true}), vec!["guest"]),
        (json!({"displayName": 1}), vec!["displayName"]),
    ] {
        assert_eq!(refusal(ann.send(Method::PATCH, &path(&grant), changes).await), refused("invalid", &fields));
    }
    for (changes, field) in [(json!({"username": "BOB"}), "username"), (json!({"email": "Bob@example.org"}), "email")] {
        assert_eq!(refusal(ann.send(Method::PATCH, &path(&grant), changes).await), refused("conflict", &[field]));
    }
    assert_eq!(ann.get("/api/v1/users/me").await.ok(), grant["user"]);
}

#[tokio::test]
async fn erasure_comes_later() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (ann, grant) = rest.register("ann").await;
    assert_eq!(super::delete(&ann, "/api/v1/users/me").await.code(), "unsupported");
    assert_eq!(ann.get("/api/v1/users/me").await.ok(), grant["user"]);
}

#[tokio::test]
async fn people_are_found_by_the_beginnings_of_their_names() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let projector = world.projector().await;
    let (ann, grant) = rest.register("ann").await;
    rest.register("anton").await;
    rest.register("bob").await;
    ann.send(Method::PATCH, &path(&grant), json!({"displayName": "Zoë Zimmermann"})).await.ok();
    let found = async |query: &str| {
        let page = ann.get(&format!("/api/v1/users?{query}")).await.ok();
        let names = page["data"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), page)
    };
    until("the read model is made", async || ann.get("/api/v1/users").await.status == 200).await;
    until("the profile has reached the read model", async || found("query=zimm").await.0 == "ann").await;
    assert_eq!(found("query=an").await.0, "ann anton");
    assert_eq!(found("query=").await.0, "ann anton bob");
    assert_eq!(found("query=xx").await.0, "");
    let (first, page) = found("query=an&limit=1").await;
    let next = page["next"].as_str().unwrap();
    assert_eq!((first.as_str(), found(&format!("query=an&after={next}")).await.0.as_str()), ("ann", "anton"));
    let (_, zimmermann) = found("query=zimm").await;
    assert_eq!(zimmermann["data"][0]["displayName"], "Zoë Zimmermann");
    assert!(!zimmermann.to_string().contains("example.org"), "an address is nobody else's business");
    assert_eq!(rest.get("/api/v1/users?query=an").await.code(), "unauthenticated");
    assert_eq!(
        refusal(ann.get(&format!("/api/v1/users?query={}", "x".repeat(101))).await),
        refused("invalid", &["query"])
    );
    projector.stop().await;
}
