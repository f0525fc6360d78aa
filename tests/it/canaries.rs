//! No line of the log, however much is logged, holds a secret or what somebody wrote.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    task::JoinHandle,
};
use voxlog_tests::{
    client::{Client, Encoding, PATIENCE},
    process::program,
    rest::{Rest, send},
    world::{World, until},
};

/// What a process says, line by line, as long as it runs.
type Said = Arc<Mutex<Vec<String>>>;

fn listen(stream: impl AsyncRead + Unpin + Send + 'static, said: &Said) -> JoinHandle<()> {
    let (said, mut lines) = (Arc::clone(said), BufReader::new(stream).lines());
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            said.lock().expect("nobody fails with it").push(line);
        }
    })
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// What nobody but its owner may ever see of a second factor and of an API key, after both have been used.
async fn second_factor_and_key(rest: &Rest, ann: &Rest) -> Vec<String> {
    let form = json!({"name": "bot", "scopes": ["read"]});
    let key = text(&ann.post("/api/v1/auth/api-keys", form).await.body["key"]);
    let made = send(rest.request(Method::GET, "/api/v1/auth/verify").header("X-API-Key", &key)).await;
    assert_ne!(made.status, StatusCode::UNAUTHORIZED, "{:#}", made.body);
    let garbage = send(rest.request(Method::GET, "/api/v1/users/me").header("X-API-Key", "vxk_canary-garbage")).await;
    assert_eq!(garbage.code(), "unauthenticated");
    let secret = text(&send(ann.request(Method::POST, "/api/v1/auth/totp")).await.body["secret"]);
    let wrong = ann.post("/api/v1/auth/totp/confirm", json!({"code": "000000"})).await;
    assert!(wrong.status.is_client_error(), "{wrong:?}");
    vec![key, secret]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_the_log_holds_a_secret_even_when_everything_is_logged() -> Result<()> {
    let (world, said) = (World::on_one_server().await, Said::default());
    let mut command = program(&world);
    command.env("VOXLOG_TURN_URLS", "turn:127.0.0.1").env("VOXLOG_TURN_SECRET", "canary-turn-secret");
    command.env("VOXLOG_LOG", "trace").args(["serve", "all"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let reading = [
        listen(child.stdout.take().expect("it is piped"), &said),
        listen(child.stderr.take().expect("it is piped"), &said),
    ];
    let found = |what: &str| said.lock().expect("nobody fails with it").iter().any(|line| line.contains(what));
    until("it listens", async || found("listening on http://")).await;
    let url = {
        let said = said.lock().expect("nobody fails with it");
        let line = said.iter().find_map(|line| line.split("listening on ").nth(1)).expect("it was found");
        line.trim().to_owned()
    };
    let rest = Rest::to(&url);
    until("it is ready", async || {
        reqwest::get(format!("{url}/readyz")).await.is_ok_and(|answer| answer.status().is_success())
    })
    .await;

    let mut canaries = vec!["canary-password-1".to_owned(), "canary@secret.example".to_owned()];
    let form = json!({"username": "canary_bird", "email": "canary@secret.example", "password": "canary-password-1"});
    let mut grant = Value::Null;
    until("a registration is taken", async || {
        let request = rest.request(Method::POST, "/api/v1/auth/register").header("Idempotency-Key", "canary-key-1");
        let answer = send(request.json(&form)).await;
        grant = answer.body;
        answer.status == StatusCode::CREATED
    })
    .await;
    canaries.extend(["canary-key-1".to_owned(), text(&grant["token"]), text(&grant["refreshToken"])]);
    let wrong = json!({"email": "canary@secret.example", "password": "canary-password-2"});
    assert_eq!(rest.post("/api/v1/auth/login", wrong).await.code(), "unauthenticated");
    let right = json!({"email": "canary@secret.example", "password": "canary-password-1"});
    let login = rest.post("/api/v1/auth/login", right).await.ok();
    let refreshed = rest.post("/api/v1/auth/refresh", json!({"refreshToken": login["refreshToken"]})).await.ok();
    for grant in [&login, &refreshed] {
        canaries.extend([text(&grant["token"]), text(&grant["refreshToken"])]);
    }
    canaries.extend(
        ["canary-turn-secret", "canary-password-2", "canary-garbage", "canary-written", "canary-rest", "canary-edit"]
            .map(str::to_owned),
    );
    let liar = rest.with_token("canary-garbage");
    assert_eq!(liar.get("/api/v1/users/me").await.code(), "unauthenticated");
    assert_eq!(liar.get("/api/v1/rooms?canary-garbage=canary-garbage").await.code(), "unauthenticated");

    let token = text(&refreshed["token"]);
    let ann = rest.with_token(&token);
    canaries.extend(second_factor_and_key(&rest, &ann).await);
    let guest = rest.post("/api/v1/auth/guest", json!({"displayName": "Gus"})).await.body;
    canaries.extend([text(&guest["token"]), text(&guest["refreshToken"])]);
    let mut client = Client::connect(&format!("{}/ws", url.replacen("http", "ws", 1)), &token, Encoding::Json).await?;
    let room = client.call("room.create", json!({"name": "canary-room"})).await?["room"].clone();
    client.call("subscribe", json!({"room": room})).await?;
    client.call("message.send", json!({"room": room, "content": "canary-written"})).await?;
    let posted = ann.post("/api/v1/messages", json!({"roomId": room, "content": "canary-rest"})).await;
    let posted = posted.expect(StatusCode::CREATED);
    until("it can be read", async || {
        let path = format!("/api/v1/messages/{}", posted["messageId"].as_str().unwrap_or_default());
        ann.get_at(&path, &posted["position"]).await.status == StatusCode::OK
    })
    .await;
    let message = posted["messageId"].clone();
    client.call("message.edit", json!({"room": room, "messageId": message, "content": "canary-edit"})).await?;
    canaries.extend(call(&url, &ann, &room).await?);
    drop(client);

    kill(Pid::from_raw(i32::try_from(child.id().expect("it runs"))?), Signal::SIGTERM)?;
    assert!(child.wait().await?.success());
    for reading in reading {
        reading.await?;
    }
    let said = said.lock().expect("nobody fails with it");
    assert!(said.iter().any(|line| line.contains(" DEBUG ")), "libraries log what is harmless too");
    let key = world.signing_key.lines().nth(1).expect("a PEM has a second line").to_owned();
    canaries.push(key);
    let leaks: Vec<_> =
        canaries.iter().filter_map(|canary| said.iter().find(|line| line.contains(canary.as_str()))).collect();
    assert!(leaks.is_empty(), "{} of {} lines: {leaks:#?}", leaks.len(), said.len());
    Ok(())
}

/// Into a call by a link, with what may not be seen of that: the token, also a wrong one, what devices tell each other, and
/// by what relays let them in.
async fn call(url: &str, ann: &Rest, room: &Value) -> Result<Vec<String>> {
    let room = text(room);
    let servers = ann.get("/api/v1/voice/ice-servers").await.ok();
    let mut canaries = vec![text(&servers["iceServers"][0]["credential"]), "canary-signal".to_owned()];
    let minted = ann.post(&format!("/api/v1/rooms/{room}/call/tokens"), json!({})).await.expect(StatusCode::CREATED);
    let base = url.replacen("http", "ws", 1);
    let wrong = "canary-join-token-canary-join-token-canary1";
    for token in [wrong, "canary-join-token"] {
        assert!(Client::open(&format!("{base}/ws/call/{room}?token={token}"), Encoding::Json, None).await.is_err());
    }
    let mut client = Client::open(&format!("{base}{}", text(&minted["url"])), Encoding::Json, None).await?;
    let joined = client.next_of("ack", PATIENCE).await?;
    let own = &joined["call"]["participants"][0]["session"];
    let signal = json!({"room": room, "to": own, "data": "canary-signal"});
    client.call("voice.signal", signal).await?;
    let more = client.call("voice.token", json!({"room": room})).await?;
    canaries.extend([text(&minted["token"]), text(&more["token"]), "canary-join-token".to_owned()]);
    Ok(canaries)
}
