//! Identity: signing in, staying signed in, being signed out; and its facts in the log.

use std::sync::Arc;

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voxlog_core::{
    clock::{Clock, ManualClock, SystemClock},
    envelope::Envelope,
    event::Event,
    id::UserId,
    log::{Log, Stored},
    position::{Chain, Seq},
    user,
};
use voxlog_tests::{
    rest::{PASSWORD, Rest},
    servers,
    world::{World, until},
};

mod api_keys;
mod guests;
mod keys;
mod limits;
mod outbox;
mod profile;
mod revocation;
mod sessions;
mod totp;

const REFRESH: &str = "/api/v1/auth/refresh";
const LOGIN: &str = "/api/v1/auth/login";
const VERIFY: &str = "/api/v1/auth/verify";

/// What the log knows of a user, in its order.
async fn facts_of(log: &dyn Log, user: UserId) -> Vec<user::Event> {
    const PAGE: usize = 1000;
    let mut stored = Vec::<Stored>::new();
    loop {
        let after = stored.last().map_or(Seq::ZERO, |last| last.seq);
        let page = log.read(Chain::User(user), after, PAGE, Seq::ZERO).await.unwrap();
        let was_last = page.len() < PAGE;
        stored.extend(page);
        if was_last {
            break;
        }
    }
    let facts = stored.iter().map(|stored| match Envelope::decode(&stored.payload).unwrap().event {
        Event::User(event) => event,
        other => panic!("{other:?} stands in a user's chain"),
    });
    facts.filter(|fact| !matches!(fact, user::Event::ReadMarked { .. })).collect()
}

/// The same as texts, once the log has this many of them.
async fn told(log: &dyn Log, user: &Value, count: usize) -> Vec<String> {
    let user: UserId = user.as_str().unwrap().parse().unwrap();
    until(format!("the log has {count} facts"), async || facts_of(log, user).await.len() >= count).await;
    let facts = facts_of(log, user).await;
    facts.iter().map(|fact| serde_json::to_value(fact).unwrap()["type"].as_str().unwrap().to_owned()).collect()
}

/// The code and the wrong fields of a refusal.
fn refusal(answer: voxlog_tests::rest::Answer) -> (String, Vec<String>) {
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let fields = errors.iter().filter_map(|error| error["field"].as_str()).map(str::to_owned).collect();
    (answer.code(), fields)
}

fn refused(code: &str, fields: &[&str]) -> (String, Vec<String>) {
    (code.to_owned(), fields.iter().map(|field| (*field).to_owned()).collect())
}

async fn delete(rest: &Rest, path: &str) -> voxlog_tests::rest::Answer {
    voxlog_tests::rest::send(rest.request(Method::DELETE, path)).await
}

fn refresh_with(grant: &Value) -> Value {
    json!({"refreshToken": grant["refreshToken"]})
}

/// A world with one gateway whose tables are made.
async fn gateway(world: &World, clock: Arc<dyn Clock>) -> Rest {
    let node = world.gateway_with(|_| {}, clock).await;
    let rest = Rest::to(&node.url);
    until("identity has its tables", async || rest.post(LOGIN, login("nobody")).await.status != 503).await;
    rest
}

fn login(username: &str) -> Value {
    json!({"email": format!("{username}@example.org"), "password": PASSWORD})
}

#[tokio::test]
async fn a_session_lives_by_refreshing_and_ends_when_a_token_is_used_twice() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (ann, registered) = rest.register("ann").await;
    assert_eq!(registered["user"]["username"], "ann");
    assert_eq!(registered["expiresIn"], 900);
    assert_eq!(ann.get(VERIFY).await.ok()["user"]["id"], registered["user"]["id"]);

    let first = rest.post(LOGIN, login("ANN")).await.ok();
    let second = rest.post(REFRESH, refresh_with(&first)).await.ok();
    let third = rest.post(REFRESH, refresh_with(&second)).await.ok();
    assert_eq!(third["user"]["id"], registered["user"]["id"]);
    rest.with_token(third["token"].as_str().unwrap()).get(VERIFY).await.ok();

    assert_eq!(rest.post(REFRESH, refresh_with(&first)).await.code(), "unauthenticated");
    assert_eq!(rest.post(REFRESH, refresh_with(&third)).await.code(), "unauthenticated");
    // Another session of the same person goes on.
    rest.post(REFRESH, refresh_with(&registered)).await.ok();
}

#[tokio::test]
async fn of_two_refreshes_at_once_one_is_the_second() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (_, grant) = rest.register("ann").await;
    let (one, other) = tokio::join!(rest.post(REFRESH, refresh_with(&grant)), rest.post(REFRESH, refresh_with(&grant)));
    let (good, refused) = if one.status == StatusCode::OK { (one, other) } else { (other, one) };
    assert_eq!(refused.code(), "unauthenticated");
    assert_eq!(rest.post(REFRESH, refresh_with(&good.ok())).await.code(), "unauthenticated");
}

#[tokio::test]
async fn names_are_unique_in_any_case() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    rest.register("ann").await;
    for (username, email, field) in [("Ann", "b@example.org", "username"), ("bob", "ANN@example.org", "email")] {
        let form = json!({"username": username, "email": email, "password": PASSWORD});
        let answer = rest.post("/api/v1/auth/register", form).await;
        assert_eq!(answer.body["errors"][0]["field"], field);
        assert_eq!(answer.code(), "conflict");
    }
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_answer_the_same() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    rest.register("ann").await;
    let mut answers = Vec::new();
    for (email, password) in [("ann@example.org", "wrong horse"), ("bob@example.org", PASSWORD)] {
        let mut answer = rest.post(LOGIN, json!({"email": email, "password": password})).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"voxlog\"");
        answer.body.as_object_mut().unwrap().remove("requestId");
        answers.push((answer.status, answer.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].1["code"], "unauthenticated");
}

#[tokio::test]
async fn tokens_end_when_the_gateways_clock_says_so() {
    let clock = ManualClock::at(SystemClock.now());
    let rest = gateway(&World::on_one_server().await, Arc::new(clock.clone())).await;
    let (ann, grant) = rest.register("ann").await;
    clock.advance(TimeDelta::minutes(16));
    assert_eq!(ann.get(VERIFY).await.code(), "unauthenticated");
    let next = rest.post(REFRESH, refresh_with(&grant)).await.ok();
    rest.with_token(next["token"].as_str().unwrap()).get(VERIFY).await.ok();
    clock.advance(TimeDelta::days(31));
    assert_eq!(rest.post(REFRESH, refresh_with(&next)).await.code(), "unauthenticated");
}

#[tokio::test]
async fn with_postgres_away_a_token_verifies_and_signing_in_waits() {
    let mut postgres = servers::own_postgres().await;
    let world = World { database: postgres.url("postgres"), ..World::on_one_server().await };
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, _) = rest.register("ann").await;
    postgres.kill().await.unwrap();

    let verified = ann.get(VERIFY).await.ok();
    assert!(verified["user"]["id"].is_string() && verified["user"].get("username").is_none(), "{verified:#}");
    let refused = rest.post(LOGIN, login("ann")).await;
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.code(), "unavailable");
    let readiness = rest.get("/readyz").await.ok();
    assert_eq!((&readiness["status"], &readiness["components"]["database"]), (&json!("degraded"), &json!("away")));

    postgres.restart().await.unwrap();
    until("signing in works again", async || rest.post(LOGIN, login("ann")).await.status == StatusCode::OK).await;
}
