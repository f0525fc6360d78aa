//! The console: what operators see of the log, of any room, of the read models and the nodes, and what they mend.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use voxlog_core::id::RoomId;
use voxlog_gateway::{
    config::DemoPerson,
    identity::{Identity, operators},
};
use voxlog_tests::{
    rest::{PASSWORD, Rest, send},
    world::{Node, Running, World, until, user_id},
};

mod events;
mod nodes;
mod projections;
mod rooms;

const EVENTS: &str = "/api/v1/console/events";

/// A gateway with an operator and somebody who is none.
struct Stage {
    world: World,
    node: Node,
    op: Rest,
    ann: Rest,
    ann_id: Value,
    _projector: Running,
}

impl Stage {
    async fn new() -> Self {
        let world = World::on_one_server().await;
        let (node, projector) = (world.gateway().await, world.projector().await);
        let rest = Rest::to(&node.url);
        until("the tables are made", async || {
            let read = rest.with_token(world.token(user_id())).get("/api/v1/rooms").await.status;
            let login = rest.post("/api/v1/auth/login", json!({"email": "a@b.c", "password": PASSWORD})).await.status;
            (read, login) == (StatusCode::OK, StatusCode::UNAUTHORIZED)
        })
        .await;
        let op = operator(&world, &rest, "olga").await;
        let (ann, grant) = rest.register("ann").await;
        Self { world, node, op, ann, ann_id: grant["user"]["id"].clone(), _projector: projector }
    }

    /// A room of Ann's.
    async fn room(&self, name: &str) -> RoomId {
        let room = self.ann.post("/api/v1/rooms", json!({"name": name})).await.expect(StatusCode::CREATED);
        room["id"].as_str().unwrap().parse().unwrap()
    }

    /// What Ann says there. Answers the message's seq.
    async fn say(&self, room: RoomId, content: &str) -> u64 {
        let said = self.ann.post("/api/v1/messages", json!({"roomId": room, "content": content})).await;
        said.expect(StatusCode::CREATED)["seq"].as_u64().unwrap()
    }
}

/// Identity's database.
pub(crate) fn identity(world: &World) -> PgPool {
    Identity::pool(&world.database).unwrap()
}

/// Somebody new who is an operator, signed in since.
pub(crate) async fn operator(world: &World, rest: &Rest, name: &str) -> Rest {
    let (_, grant) = rest.register(name).await;
    let user = grant["user"]["id"].as_str().unwrap().parse().unwrap();
    assert!(operators::grant(&identity(world), user).await.unwrap());
    sign_in(rest, name).await
}

/// Somebody who has an account.
pub(crate) async fn sign_in(rest: &Rest, name: &str) -> Rest {
    let login = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
    let grant = rest.post("/api/v1/auth/login", login).await.ok();
    rest.with_token(grant["token"].as_str().unwrap())
}

/// Every operation of the console, its path filled with ids of nothing.
fn operations() -> Vec<(Method, String)> {
    let document = voxlog_gateway::rest::document();
    let paths = document["paths"].as_object().unwrap().iter();
    let console = paths.filter(|(path, _)| path.starts_with("/api/v1/console/"));
    let nothing = "01890a5d-ac96-774b-bcce-b302099a8057";
    console
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (path, method)))
        .map(|(path, method)| {
            let path = path.replace("{partition}/{seq}", "0/1").replace("{id}", nothing).replace("{owner}", nothing);
            (method.to_uppercase().parse().unwrap(), path)
        })
        .collect()
}

#[tokio::test]
async fn nothing_of_the_console_answers_anybody_but_operators() {
    let stage = Stage::new().await;
    let operations = operations();
    assert!(operations.len() >= 10, "{operations:?}");
    let stranger = Rest::to(&stage.node.url);
    for (method, path) in operations {
        let ask = async |who: &Rest| who.send(method.clone(), &path, json!({})).await;
        assert_eq!(ask(&stage.ann).await.code(), "forbidden", "{method} {path}");
        assert_eq!(ask(&stranger).await.code(), "unauthenticated", "{method} {path}");
        let status = ask(&stage.op).await.status;
        assert!(status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED, "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn the_demos_people_are_told_on_their_own_machine_alone() {
    let world = World::on_one_server().await;
    let demo = || vec![DemoPerson { name: "ada".into(), email: "ada@example.org".into(), password: PASSWORD.into() }];
    let clock = || std::sync::Arc::new(voxlog_core::clock::SystemClock);
    let (with, without) = (world.gateway_with(|config| config.demo = demo(), clock()).await, world.gateway().await);
    let told = Rest::to(&with.url).get("/demo.json").await.ok();
    assert_eq!(told, json!({"people": [{"name": "ada", "email": "ada@example.org", "password": PASSWORD}]}));
    let request = Rest::to(&with.url).request(Method::GET, "/demo.json").header("Host", "evil.example");
    assert_eq!(send(request).await.ok(), json!({"people": []}));
    assert_eq!(Rest::to(&without.url).get("/demo.json").await.ok(), json!({"people": []}));
}
