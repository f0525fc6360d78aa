//! The nodes and the streams.

use reqwest::Method;
use serde_json::{Value, json};
use voxlog_core::{log::Log, position::Partition};
use voxlog_tests::{
    client::{Client, Encoding},
    world::until,
};

use super::{Stage, sign_in};

const NODES: &str = "/api/v1/console/nodes";

async fn nodes(stage: &Stage) -> Vec<Value> {
    stage.op.get(NODES).await.ok()["data"].as_array().unwrap().clone()
}

/// What all nodes together say.
async fn sum(stage: &Stage, what: &str) -> u64 {
    nodes(stage).await.iter().filter_map(|node| node["status"][what].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_gateway_tells_of_its_sockets_and_why_it_closed_some() {
    let stage = Stage::new().await;
    let other = stage.world.gateway().await;
    until("both are there", async || nodes(&stage).await.len() == 2).await;
    let list = nodes(&stage).await;
    let here: Vec<_> = list.iter().filter(|node| node["here"] == true).collect();
    assert_eq!(here.len(), 1, "{list:#?}");
    assert!(list.iter().all(|node| node["status"]["version"].is_string() && node["going"] == false), "{list:#?}");

    let bob = voxlog_tests::rest::Rest::to(&stage.node.url).register("bob").await.0;
    let token = bob.token.clone().unwrap();
    let mut clients = Vec::new();
    for url in [stage.node.ws_url(), other.ws_url(), other.ws_url()] {
        clients.push(Client::connect(&url, &token, Encoding::Json).await.unwrap());
    }
    until("three sockets", async || sum(&stage, "sockets").await == 3).await;
    assert_eq!(sum(&stage, "users").await, 2, "one person on two nodes");

    bob.send(Method::DELETE, "/api/v1/auth/sessions", json!({})).await;
    let revoked = async || -> u64 {
        let of = |node: &Value| node["status"]["closes"]["4504"].as_u64();
        nodes(&stage).await.iter().filter_map(of).sum()
    };
    until("all three were closed", async || revoked().await == 3 && sum(&stage, "sockets").await == 0).await;
    sign_in(&voxlog_tests::rest::Rest::to(&other.url), "bob").await;
    other.stop().await;
    until("it has given its lease back", async || nodes(&stage).await.len() == 1).await;
}

#[tokio::test]
async fn the_streams_of_this_installation_are_listed_and_no_others() {
    let stage = Stage::new().await;
    let _another = voxlog_tests::world::World::on_one_server().await.log().await;
    stage.room("tea").await;
    let told = stage.op.get("/api/v1/console/streams").await.ok();
    let streams = told["data"].as_array().unwrap();
    let namespace = &stage.world.namespace;
    let upper = namespace.to_string().to_uppercase();
    let names: Vec<_> = streams.iter().map(|stream| stream["name"].as_str().unwrap()).collect();
    assert_eq!(names[..2], [namespace.log_stream(Partition(0)), namespace.log_stream(Partition(1))], "{names:?}");
    assert!(names.iter().all(|name| name.contains(&upper)), "{names:?}");
    let log = stage.world.log().await;
    for (partition, stream) in log.partitions().all().zip(streams) {
        let last = log.tail(partition).await.unwrap().last;
        assert_eq!((&stream["lastSeq"], &stream["replicas"]), (&json!(last), &json!(1)), "{stream:#}");
    }
}
