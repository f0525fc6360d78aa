//! What operators ask of each part, as a process of its own: is it alive, is it ready, what does it measure.

use reqwest::StatusCode;
use serde_json::{Value, json};
use voxlog_tests::{
    process::Process,
    servers,
    world::{World, until},
};

async fn ready(part: &Process) -> (StatusCode, Value) {
    let answer = reqwest::get(format!("{}/readyz", part.url)).await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn text(part: &Process, path: &str) -> String {
    let answer = reqwest::get(format!("{}{path}", part.url)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn every_part_says_that_it_lives_is_ready_and_what_it_measures() {
    let world = World::on_one_server().await;
    let ok = "ok";
    for (name, components, metric) in [
        ("gateway", json!({"node": ok, "log": ok, "database": ok}), "voxlog_follower_lag_events"),
        ("projections", json!({"projections": ok, "database": ok}), "voxlog_projection_lag_events"),
        ("workers", json!({"log": ok, "relay": ok, "reaper": ok, "due": ok}), "voxlog_worker_acting"),
    ] {
        let part = Process::serve(&world, name).await;
        assert_eq!(text(&part, "/livez").await, "ok\n");
        until(format!("{name} is well"), async || {
            ready(&part).await == (StatusCode::OK, json!({"status": "operational", "components": components}))
        })
        .await;
        let measured = |metrics: &str| metrics.lines().any(|line| line.starts_with(metric));
        until(format!("{name} measures {metric}"), async || measured(&text(&part, "/metrics").await)).await;
        let nowhere = reqwest::get(format!("{}/nowhere", part.url)).await.unwrap();
        assert_eq!(nowhere.headers()["content-type"], "application/problem+json");
        part.stop().await;
    }
}

#[tokio::test]
async fn projections_are_not_ready_while_postgres_is_away() {
    let mut postgres = servers::own_postgres().await;
    let world = World { database: postgres.url("postgres"), ..World::on_one_server().await };
    let projections = Process::serve(&world, "projections").await;

    postgres.stop().await.unwrap();
    until("projections see that PostgreSQL is away", async || {
        let (status, health) = ready(&projections).await;
        status == StatusCode::SERVICE_UNAVAILABLE
            && health == json!({"status": "down", "components": {"projections": "behind", "database": "away"}})
    })
    .await;
    assert_eq!(text(&projections, "/livez").await, "ok\n");

    postgres.restart().await.unwrap();
    until("projections are ready again", async || ready(&projections).await.0 == StatusCode::OK).await;
    projections.stop().await;
}

#[tokio::test]
async fn workers_are_not_ready_while_nats_is_away() {
    let mut nats = servers::own_nats().await;
    let world = World::on(vec![nats.url()], 1).await;
    let workers = Process::serve(&world, "workers").await;

    nats.kill().await.unwrap();
    until("workers see that NATS is away", async || {
        let (status, health) = ready(&workers).await;
        status == StatusCode::SERVICE_UNAVAILABLE && health["components"]["log"] == "away"
    })
    .await;

    nats.restart().await.unwrap();
    until("workers are ready again", async || ready(&workers).await.0 == StatusCode::OK).await;
    workers.stop().await;
}

#[tokio::test]
async fn a_node_that_waits_for_the_log_says_so_and_begins_when_it_is_there() {
    let mut nats = servers::own_nats().await;
    let world = World::on(vec![nats.url()], 1).await;
    nats.kill().await.unwrap();
    let gateway = Process::spawn(&world, "gateway").await;
    assert_eq!(text(&gateway, "/livez").await, "ok\n");
    assert_eq!(
        ready(&gateway).await,
        (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "down", "components": {"log": "away"}}))
    );
    let early = reqwest::get(format!("{}/api/v1/rooms", gateway.url)).await.unwrap();
    assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(early.json::<Value>().await.unwrap()["code"], "unavailable");

    nats.restart().await.unwrap();
    // A connection that it took while it waited may be closed unanswered when it begins, as by any server that goes.
    let probe = async || reqwest::get(format!("{}/readyz", gateway.url)).await.is_ok_and(|it| it.status().is_success());
    until("the gateway is ready", probe).await;
    gateway.stop().await;
}
