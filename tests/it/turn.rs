//! The credentials for relays, held against a real one: coturn, which knows nothing but the secret.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
};

use anyhow::Result;
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};
use voxlog::embedded::free_port;
use voxlog_core::clock::{Clock, ManualClock, SystemClock};
use voxlog_gateway::config::Turn;
use voxlog_tests::{
    rest::Rest,
    world::{World, until, user_id},
};

const SECRET: &str = "north-0123456789abcdef";

/// A relay on this machine.
struct Coturn {
    port: u16,
    _server: Child,
    _home: tempfile::TempDir,
}

#[tokio::test]
async fn a_relay_takes_whom_the_gateway_sends_and_nobody_else() -> Result<()> {
    let (Some(server), Some(client)) = (program("turnserver"), program("turnutils_uclient")) else {
        eprintln!("skipped: there is no coturn here (turnserver, turnutils_uclient)");
        return Ok(());
    };
    let coturn = Coturn::start(&server).await?;
    let world = World::on_one_server().await;
    let now = SystemClock.now();

    let (username, credential) = coturn.credential(&world, SECRET, now).await;
    let relayed = coturn.relay(&client, &username, &credential).await?;
    let said = String::from_utf8_lossy(&relayed.stdout);
    assert!(relayed.status.success() && said.contains("Total lost packets 0 "), "{said}");

    let elsewhere = coturn.credential(&world, "south-0123456789abcdef", now).await;
    // Good for twelve hours, and made thirteen hours ago.
    let expired = coturn.credential(&world, SECRET, now - TimeDelta::hours(13)).await;
    let prolonged = (username.replacen('1', "2", 1), credential.clone());
    for (username, credential) in [elsewhere, expired, prolonged] {
        let refused = coturn.relay(&client, &username, &credential).await?;
        let said = String::from_utf8_lossy(&refused.stdout);
        assert!(!refused.status.success() && said.contains("Cannot complete Allocation"), "{username}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn without_servers_there_is_none_and_no_stranger_is_told_of_them() {
    let world = World::on_one_server().await;
    let node = world.gateway().await;
    let path = "/api/v1/voice/ice-servers";
    let rest = Rest::to(&node.url);
    assert_eq!(rest.get(path).await.code(), "unauthenticated");
    let answer = rest.with_token(world.token(user_id())).get(path).await.ok();
    assert_eq!(answer, serde_json::json!({ "iceServers": [], "expiresIn": 43200 }));
}

impl Coturn {
    async fn start(program: &Path) -> Result<Self> {
        let (port, home) = (free_port()?, tempfile::tempdir()?);
        let server = Command::new(program)
            // No configuration file; nothing but the secret; peers are on this machine here.
            .args(["-n", "--use-auth-secret", &format!("--static-auth-secret={SECRET}"), "--realm=voxlog"])
            .args(["--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers", "--log-file=stdout"])
            .args(["-L", "127.0.0.1", "-E", "127.0.0.1", "-p", &port.to_string()])
            .arg(format!("--userdb={}", home.path().join("db").display()))
            .arg(format!("--pidfile={}", home.path().join("pid").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        until("coturn listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        Ok(Self { port, _server: server, _home: home })
    }

    /// What a gateway of these settings gives to a user at this time.
    async fn credential(&self, world: &World, secret: &str, at: voxlog_core::clock::Time) -> (String, String) {
        let clock = Arc::new(ManualClock::at(at));
        let (url, secret) = (format!("turn:127.0.0.1:{}", self.port), secret.to_owned());
        let turn = Turn { urls: vec![url.clone()], secret: secret.into() };
        let set_up = |config: &mut voxlog_gateway::config::Config| {
            config.voice.stun_urls = vec!["stun:stun.example.org".to_owned()];
            config.voice.turn = Some(turn);
        };
        let node = world.gateway_with(set_up, clock.clone()).await;
        let rest = Rest::to(&node.url).with_token(world.token_at(user_id(), clock));
        let answer = rest.get("/api/v1/voice/ice-servers").await.expect(StatusCode::OK);
        node.stop().await;
        let [stun, turn] = &answer["iceServers"].as_array().expect("a list")[..] else { panic!("{answer}") };
        assert_eq!(stun, &serde_json::json!({ "urls": ["stun:stun.example.org"] }));
        assert_eq!((&turn["urls"][0], &answer["expiresIn"]), (&Value::from(url), &Value::from(43200)));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&turn["username"]), text(&turn["credential"]))
    }

    /// Two clients that send each other something through the relay.
    async fn relay(&self, program: &Path, username: &str, credential: &str) -> Result<Output> {
        let mut client = Command::new(program);
        client.args(["-v", "-y", "-c", "-n", "1", "-p", &self.port.to_string(), "-u", username, "-w", credential]);
        Ok(client.arg("127.0.0.1").kill_on_drop(true).output().await?)
    }
}

/// A program of coturn: on `PATH`, or where Debian puts what administrators run.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder: PathBuf| folder.join(name)).find(|program| program.is_file())
}
