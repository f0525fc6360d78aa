//! What guessing costs: as many hashes for whoever is unknown as for whoever is known, and few attempts.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use voxlog_core::clock::SystemClock;
use voxlog_gateway::limits::{Budget, Policy};
use voxlog_tests::{
    rest::{PASSWORD, Rest},
    world::{World, until},
};

use super::{LOGIN, gateway, login};

/// Password hashes that this process has computed: a test has a process of its own.
async fn hashes(rest: &Rest) -> u64 {
    let metrics = rest.get("/metrics").await.ok();
    let lines = metrics.as_str().unwrap().lines();
    let counted = lines.filter_map(|line| line.strip_prefix("voxlog_password_hashes_total "));
    counted.map(|count| count.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn whoever_signs_in_in_vain_costs_one_hash_and_hears_the_same() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    rest.register("ann").await;
    let (bob, _) = rest.register("bob").await;
    let guest = rest.post("/api/v1/auth/guest", json!({"displayName": "Zoë"})).await;
    let guest_name = guest.body["user"]["username"].as_str().unwrap().to_owned();
    super::totp::switch_on(&bob).await;
    let mut answers: Vec<Value> = Vec::new();
    for (who, email, password) in [
        ("a wrong password", "ann@example.org", "wrong horse"),
        ("nobody", "nobody@example.org", PASSWORD),
        ("no address", "nobody", PASSWORD),
        ("nothing", "", ""),
        ("what PostgreSQL can't take", "ann\u{0}@example.org", PASSWORD),
        ("a guest", &guest_name, ""),
        ("a second factor and a wrong password", "bob@example.org", "wrong horse"),
        ("a password that nobody has", "ann@example.org", &"x".repeat(1000)),
    ] {
        let before = hashes(&rest).await;
        let form = json!({"email": email, "password": password, "totp": "123456"});
        let mut answer = rest.post(LOGIN, form).await;
        assert_eq!(hashes(&rest).await - before, 1, "{who}");
        answer.body.as_object_mut().unwrap().remove("requestId");
        answers.push(answer.body);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    let before = hashes(&rest).await;
    rest.post(LOGIN, login("ann")).await.ok();
    assert_eq!(rest.post(LOGIN, login("bob")).await.code(), "unauthenticated", "a code is missing");
    assert_eq!(hashes(&rest).await - before, 2, "whoever gets in costs the same");
}

/// Guesses at one account count together through whichever gateway they come, and cost no hash once there are too many.
#[tokio::test]
async fn guessing_at_an_account_ends_after_some_attempts_over_all_gateways() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let policy = Policy::new(5, 1, Duration::from_mins(10));
    let limited = |config: &mut voxlog_gateway::config::Config| config.budgets.set(Budget::LoginAccount, policy);
    let here = Rest::to(&world.gateway_with(limited, Arc::new(SystemClock)).await.url);
    let there = Rest::to(&world.gateway_with(limited, Arc::new(SystemClock)).await.url);
    here.register("bob").await;
    let guess = async |rest: &Rest, email: &str| {
        rest.post(LOGIN, json!({"email": email, "password": "wrong horse"})).await.code()
    };
    for _ in 0..5 {
        assert_eq!(guess(&here, "ann@example.org").await, "unauthenticated");
    }
    let before = hashes(&here).await;
    assert_eq!(guess(&here, "ANN@example.org").await, "rate_limited", "in any case");
    assert_eq!(hashes(&here).await, before, "counted before hashing");
    until("the other gateway has heard of it", async || guess(&there, "ann@example.org").await == "rate_limited").await;
    here.post(LOGIN, login("bob")).await.ok();
}

#[tokio::test]
async fn one_address_makes_few_guests_and_tries_few_accounts() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let limited = |config: &mut voxlog_gateway::config::Config| {
        config.budgets.set(Budget::Guest, Policy::new(2, 1, Duration::from_mins(10)));
        config.budgets.set(Budget::LoginAddress, Policy::new(3, 1, Duration::from_mins(10)));
    };
    let rest = Rest::to(&world.gateway_with(limited, Arc::new(SystemClock)).await.url);
    let come_in = async || rest.post("/api/v1/auth/guest", json!({"displayName": "Zoë"})).await;
    assert_eq!((come_in().await.status, come_in().await.status), (201.try_into().unwrap(), 201.try_into().unwrap()));
    let refused = come_in().await;
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.code(), "rate_limited");
    rest.register("ann").await;
    for name in ["bob", "cleo"] {
        assert_eq!(rest.post(LOGIN, login(name)).await.code(), "unauthenticated");
    }
    assert_eq!(rest.post(LOGIN, login("dora")).await.code(), "rate_limited");
    let form = json!({"username": "dora", "email": "dora@example.org", "password": PASSWORD});
    assert_eq!(rest.post("/api/v1/auth/register", form).await.code(), "rate_limited");
}
