//! The running server keeps to its OpenAPI document: schemathesis asks every operation in ways that it allows and that
//! it does not, and looks at what comes back.

use std::{env, fs, process::Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::process::Command;
use voxlog_tests::{
    rest::Rest,
    world::{World, until, user_id},
};

/// Set by `./dev test`.
const PROGRAM: &str = "VOXLOG_SCHEMATHESIS";

/// What tells a fault of the server or a lie of the document. That a request which fits its schema is carried out is
/// none of these: that a name must not have control characters, or a time must lie ahead, no schema says.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,\
    allow_header_conformance,ignored_auth";

/// Whom and what the requests are about.
struct Seeds {
    token: String,
    values: Vec<(&'static str, String)>,
}

impl Seeds {
    /// A configuration with the values in their places, and keys of idempotency enough that few come twice.
    fn filled(&self, config: &str) -> String {
        let keys: Vec<_> = (0..2000).map(|number| format!("\"{number:08x}\"")).collect();
        let config = config.replace("\"${KEYS}\"", &keys.join(", "));
        self.values.iter().fold(config, |config, (name, value)| config.replace(&format!("${{{name}}}"), value))
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Rooms, a message, and people to ask about. The token is of no sign-in that the requests could end.
async fn seeded(world: &World, rest: &Rest) -> Seeds {
    let (ann, anns) = rest.register("ann").await;
    let (bob, bobs) = rest.register("bob").await;
    let open = async |owner: &Rest, settings: Value| {
        let form = json!({"name": "Tea", "maxUsers": 50, "settings": settings});
        owner.post("/api/v1/rooms", form).await.expect(StatusCode::CREATED)
    };
    let room = open(&ann, json!({"isPublic": true})).await;
    let other = open(&bob, json!({"requireApproval": true})).await;
    let id = text(&room["id"]);
    let said = ann.post("/api/v1/messages", json!({"roomId": id, "content": "one <@x> two"})).await;
    let said = said.expect(StatusCode::CREATED);
    let invite = ann.post(&format!("/api/v1/rooms/{id}/invites"), json!({})).await.expect(StatusCode::CREATED);
    let join = format!("/api/v1/rooms/{}/join", text(&room["code"]));
    until("bob joins", async || bob.post(&join, json!({})).await.status == StatusCode::OK).await;
    let token = world.token(text(&anns["user"]["id"]).parse().expect("an id"));
    let values = vec![
        ("ROOM", id),
        ("OTHER_ROOM", text(&other["id"])),
        ("MESSAGE", text(&said["messageId"])),
        ("USER", text(&bobs["user"]["id"])),
        ("CODE", text(&other["code"])),
        ("INVITE", text(&invite["code"])),
        ("INVITE_ID", text(&invite["inviteId"])),
    ];
    Seeds { token, values }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_to_its_document() {
    let program = env::var(PROGRAM).unwrap_or_else(|_| panic!("{PROGRAM} names no schemathesis: run ./dev test"));
    let world = World::on_one_server().await;
    let (node, _projector) = (world.gateway().await, world.projector().await);
    let rest = Rest::to(&node.url);
    let anybody = rest.with_token(world.token(user_id()));
    until("the tables are made", async || {
        anybody.get("/api/v1/rooms").await.status == StatusCode::OK
            && anybody.get("/api/v1/users/me").await.status == StatusCode::NOT_FOUND
    })
    .await;
    let seeds = seeded(&world, &rest).await;

    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("schemathesis.toml");
    fs::write(&config, seeds.filled(include_str!("../schemathesis/schemathesis.toml"))).expect("it can be written");
    let run = Command::new(program)
        .arg("--config-file")
        .arg(&config)
        .args(["run", "--checks", CHECKS, "--header"])
        .arg(format!("Authorization: Bearer {}", seeds.token))
        .arg(format!("{}/openapi.json", node.url))
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap_or_else(|error| panic!("{PROGRAM} does not run: {error}"));
    let (told, cried) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "the server and its document disagree:\n{told}\n{cried}");
    println!("{told}");
}
