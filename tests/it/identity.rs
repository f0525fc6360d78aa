//! Identity: signing in, staying signed in, and its facts in the log.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::Notify;
use voxlog_core::{
    clock::{Clock, ManualClock, SystemClock},
    envelope::Envelope,
    event::Event,
    id::UserId,
    log::{AppendError, Appended, Commit, Log},
    position::{Chain, Seq},
    user,
};
use voxlog_gateway::{
    config::{Config, PasswordCost},
    identity::{Identity, Registration, keys, outbox::Courier},
};
use voxlog_tests::{
    altered::{Alter, Altered},
    rest::{PASSWORD, Rest},
    servers,
    world::{World, until},
};

const REFRESH: &str = "/api/v1/auth/refresh";
const LOGIN: &str = "/api/v1/auth/login";
const VERIFY: &str = "/api/v1/auth/verify";

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

/// A log whose courier dies: what is committed through it is in the log, and the answer never comes.
#[derive(Debug)]
struct Mute {
    log: Arc<dyn Log>,
    committed: Notify,
}

#[async_trait]
impl Alter for Mute {
    fn log(&self) -> &dyn Log {
        &*self.log
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        self.log.commit(commit).await?;
        self.committed.notify_one();
        std::future::pending().await
    }
}

async fn register_many(world: &World, pool: &PgPool, count: usize) -> Vec<UserId> {
    let mut config = Config::with_key(&world.signing_key);
    config.password_cost = PasswordCost { memory_kib: 64, passes: 1 };
    let identity = Identity::new(pool.clone(), &config, Arc::new(SystemClock)).unwrap();
    identity.migrate().await.unwrap();
    let mut users = Vec::new();
    for number in 0..count {
        let username = format!("user{number}");
        let email = format!("{username}@example.org");
        let registration = Registration { username, email, password: PASSWORD.to_owned(), confirm_password: None };
        users.push(identity.register(registration).await.unwrap().user.id);
    }
    users
}

async fn waiting(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM identity.outbox").fetch_one(pool).await.unwrap()
}

/// The window of duplicates is a second here, so nothing but the guard can keep a fact from coming twice.
#[tokio::test]
async fn a_fact_reaches_the_log_once_though_couriers_race_and_one_dies() {
    let world = World { duplicate_window: Duration::from_secs(1), ..World::on_one_server().await };
    let pool = Identity::pool(&world.database).unwrap();
    let users = register_many(&world, &pool, 20).await;
    let log: Arc<dyn Log> = world.log().await;

    let mute = Altered(Mute { log: Arc::clone(&log), committed: Notify::new() });
    let dying = Courier { pool: &pool, log: &mute, clock: &SystemClock };
    tokio::select! {
        _ = dying.deliver_next() => panic!("the dying courier never hears that the log has its fact"),
        () = mute.0.committed.notified() => {}
    }
    let killed_at = tokio::time::Instant::now();
    until("the log has forgotten the first commit's id", async || killed_at.elapsed() > Duration::from_secs(3)).await;
    assert_eq!(waiting(&pool).await, 20, "the fact of the dead courier waits again");

    let (courier, rung) = (Courier { pool: &pool, log: &*log, clock: &SystemClock }, Notify::new());
    tokio::select! {
        () = async { tokio::join!(courier.run(&rung), courier.run(&rung)); } => unreachable!("a courier has no end"),
        () = until("the outbox is empty", async || waiting(&pool).await == 0) => {}
    }
    for user in users {
        let stored = log.read(Chain::User(user), Seq::ZERO, 10, Seq::ZERO).await.unwrap();
        let [fact] = stored.as_slice() else { panic!("{} events of {user}", stored.len()) };
        let envelope = Envelope::decode(&fact.payload).unwrap();
        assert!(
            matches!(&envelope.event, Event::User(user::Event::Registered { user_id, .. }) if *user_id == user),
            "{envelope:?}"
        );
    }
}

#[tokio::test]
async fn a_rotated_key_signs_and_the_former_one_still_verifies() {
    let world = World::on_one_server().await;
    let before = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, _) = before.register("ann").await;
    let published = before.get("/.well-known/jwks.json").await.ok();
    let key = &published["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));

    let rotated = World { signing_key: keys::generate_pem(), ..world.clone() };
    let stranger = gateway(&rotated, Arc::new(SystemClock)).await;
    let token = ann.token.clone().unwrap();
    assert_eq!(stranger.with_token(&token).get(VERIFY).await.code(), "unauthenticated");

    let former = keys::public_pem(&world.signing_key).unwrap();
    let node = rotated.gateway_with(|config| config.former_keys_pem = vec![former], Arc::new(SystemClock)).await;
    let rest = Rest::to(&node.url);
    rest.with_token(&token).get(VERIFY).await.ok();
    assert_eq!(rest.get("/.well-known/jwks.json").await.ok()["keys"].as_array().unwrap().len(), 2);
}
