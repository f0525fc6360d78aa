//! Operators: made on the command line, known to every gateway, and unmade within moments.

use std::process::{Command, Output};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voxlog_tests::{
    rest::{Rest, send},
    world::{World, until},
};

use crate::console::sign_in;

const VOXLOG: &str = env!("CARGO_BIN_EXE_voxlog-node");
const NODES: &str = "/api/v1/console/streams";
const KEYS: &str = "/api/v1/auth/api-keys";

/// `voxlog operator …` on a world's database, and nothing else.
async fn operator(world: &World, line: &str) -> Output {
    let mut command = Command::new(VOXLOG);
    command.env_clear().env("DATABASE_URL", &world.database).arg("operator").args(line.split_whitespace());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn done(world: &World, line: &str) -> String {
    let output = operator(world, line).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {told}");
    String::from_utf8(output.stdout).unwrap() + &told
}

async fn two_gateways(world: &World) -> (Rest, Rest, Vec<voxlog_tests::world::Node>) {
    let nodes = vec![world.gateway().await, world.gateway().await];
    let [one, two] = [0, 1].map(|index: usize| Rest::to(&nodes[index].url));
    until("the tables are made", async || {
        one.post("/api/v1/auth/guest", json!({"displayName": "G"})).await.status.is_success()
    })
    .await;
    (one, two, nodes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_operators_and_unmakes_them_everywhere() {
    let world = World::on_one_server().await;
    let (one, two, _nodes) = two_gateways(&world).await;
    let (ann, grant) = one.register("ann").await;
    assert_eq!(ann.get(NODES).await.code(), "forbidden");
    assert!(done(&world, "list").await.contains("nobody is an operator"));

    assert!(done(&world, "grant ANN").await.contains("ann is an operator now"));
    assert!(done(&world, &format!("grant {}", grant["user"]["id"].as_str().unwrap())).await.contains("already"));
    assert_eq!(ann.get(NODES).await.code(), "forbidden", "a token says what its account was when it was given");
    let refreshed = one.post("/api/v1/auth/refresh", json!({"refreshToken": grant["refreshToken"]})).await.ok();
    assert_eq!(refreshed["user"]["operator"], true);
    let refreshed = one.with_token(refreshed["token"].as_str().unwrap());
    refreshed.get(NODES).await.ok();
    let ann = sign_in(&two, "ann").await;
    ann.get(NODES).await.ok();
    let scopes = ann.get("/api/v1/auth/verify").await.ok()["scopes"].clone();
    assert!(scopes.as_array().unwrap().contains(&json!("admin")), "{scopes}");
    let listed: Value = serde_json::from_str(&done(&world, "list --format json").await).unwrap();
    assert_eq!((&listed[0]["username"], listed.as_array().unwrap().len()), (&json!("ann"), 1));

    assert!(done(&world, "revoke ann").await.contains("signed out everywhere"));
    for rest in [&one, &two] {
        let (ann, refreshed) =
            (rest.with_token(ann.token.clone().unwrap()), rest.with_token(refreshed.token.clone().unwrap()));
        until("the old tokens are good for nothing", async || {
            ann.get(NODES).await.status == StatusCode::UNAUTHORIZED
                && refreshed.get(NODES).await.status == StatusCode::UNAUTHORIZED
        })
        .await;
    }
    assert_eq!(sign_in(&one, "ann").await.get(NODES).await.code(), "forbidden");
    assert!(done(&world, "revoke ann").await.contains("was no operator"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_the_scope_for_as_long_as_its_account_may() {
    let world = World::on_one_server().await;
    let (one, _two, _nodes) = two_gateways(&world).await;
    let (ann, _) = one.register("ann").await;
    let wanted = json!({"name": "bot", "scopes": ["admin", "read"]});
    assert_eq!(ann.post(KEYS, wanted.clone()).await.code(), "forbidden");
    done(&world, "grant ann").await;
    let ann = sign_in(&one, "ann").await;
    let made = ann.post(KEYS, wanted).await.expect(StatusCode::CREATED);
    let key = made["key"].as_str().unwrap();
    let ask = async |path: &str| send(one.request(Method::GET, path).header("X-API-Key", key)).await;
    ask(NODES).await.ok();
    let only = ann.post(KEYS, json!({"name": "only", "scopes": ["admin"]})).await.expect(StatusCode::CREATED);
    let only = one.with_token(only["key"].as_str().unwrap());
    only.get(NODES).await.ok();
    assert_eq!(only.get("/api/v1/rooms").await.code(), "forbidden", "no scope includes another");

    done(&world, "revoke ann").await;
    until("the key has lost it", async || ask(NODES).await.status == StatusCode::FORBIDDEN).await;
    ask("/api/v1/users/me").await.ok();
    done(&world, "grant ann").await;
    until("the key has it again", async || ask(NODES).await.status == StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_said_in_one_line() {
    let world = World::on_one_server().await;
    let (one, _two, _nodes) = two_gateways(&world).await;
    let guest = one.post("/api/v1/auth/guest", json!({"displayName": "Gus"})).await;
    let guest = guest.expect(StatusCode::CREATED)["user"]["id"].as_str().unwrap().to_owned();
    for (line, told) in [
        ("grant nobody".to_owned(), "there is no user nobody"),
        ("revoke 01890a5d-ac96-774b-bcce-b302099a8057".to_owned(), "there is no user"),
        (format!("grant {guest}"), "a guest can't be an operator"),
    ] {
        let output = operator(&world, &line).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{line}: {said}");
        assert!(said.contains(told), "{line}: {said}");
    }
    let alone = Command::new(VOXLOG).env_clear().current_dir(std::env::temp_dir()).args(["operator", "list"]).output();
    let alone = alone.unwrap();
    assert_eq!(alone.status.code(), Some(1));
    assert!(String::from_utf8(alone.stderr).unwrap().starts_with("voxlog: DATABASE_URL"));
}
