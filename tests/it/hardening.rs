//! What a hostile or broken client can't do to a node, and what a browser is told.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use voxlog_core::clock::SystemClock;
use voxlog_gateway::config::Config;
use voxlog_tests::{
    rest::{Answer, Rest, send},
    world::{Node, World, until, user_id},
};

const PAGE: &str = "https://chat.example.org";

/// Short enough for a test, long enough for a busy machine.
const SHORT: Duration = Duration::from_millis(700);

const PATIENCE: Duration = Duration::from_secs(20);

async fn node(change: impl FnOnce(&mut Config)) -> (World, Node) {
    let world = World::on_one_server().await;
    let node = world.gateway_with(change, Arc::new(SystemClock)).await;
    (world, node)
}

async fn dial(node: &Node) -> TcpStream {
    TcpStream::connect(node.url.trim_start_matches("http://")).await.expect("the node listens")
}

/// Everything that the node says until it hangs up.
async fn rest_of(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    let reading = async {
        let mut piece = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut piece).await {
            said.extend_from_slice(&piece[..count]);
        }
    };
    timeout(PATIENCE, reading).await.expect("the node hangs up");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_is_hung_up_on_and_an_idle_connection_is_kept_longer() {
    let (_world, node) = node(|config| {
        config.connections.head_within = SHORT;
        config.connections.idle_within = SHORT * 6;
    })
    .await;
    let began = Instant::now();
    let mut slow = dial(&node).await;
    slow.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let silent = dial(&node).await;
    let mut kept = dial(&node).await;
    kept.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(rest_of(slow).await, "");
    assert_eq!(rest_of(silent).await, "");
    assert!(began.elapsed() < SHORT * 5, "{:?}", began.elapsed());
    // A second request on it, after longer than a head may take.
    kept.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let said = rest_of(kept).await;
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 1, "the slow second head is hung up on too: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_drop_by_drop_is_answered_with_408() {
    let (_world, node) = node(|config| config.connections.body_within = SHORT).await;
    let mut slow = dial(&node).await;
    slow.write_all(
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
    )
    .await
    .unwrap();
    let said = rest_of(slow).await;
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said}");
    assert!(said.contains("application/problem+json") && said.contains("\"code\":\"invalid\""), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_head_is_answered_with_431_and_a_giant_body_with_413() {
    let (_world, node) = node(|_| {}).await;
    let rest = Rest::to(&node.url);
    let giant = send(rest.request(Method::GET, "/livez").header("x-giant", "x".repeat(20_000))).await;
    assert_eq!(giant.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut many = rest.request(Method::GET, "/livez");
    for index in 0..200 {
        many = many.header(format!("x-{index}"), "x");
    }
    assert_eq!(send(many).await.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let body = json!({"email": "x".repeat(70_000), "password": "x"});
    assert_eq!(rest.post("/api/v1/auth/login", body).await.code(), "too_large");
    let mut chunked = dial(&node).await;
    chunked
        .write_all(b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..5 {
        if chunked.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let said = rest_of(chunked).await;
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    assert_eq!(rest.get("/livez").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_is_told_so_and_there_is_room_again_when_one_has_left() {
    let (_world, node) = node(|config| config.connections.at_most = 8).await;
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(dial(&node).await);
    }
    let refused = rest_of(held.pop().expect("twelve")).await;
    assert!(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{refused}");
    assert!(refused.contains("\"code\":\"unavailable\"") && refused.contains("retry-after: 5"), "{refused}");
    drop(held);
    until("there is room again", async || {
        reqwest::get(format!("{}/livez", node.url)).await.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_does_not_delay_the_end_and_one_that_waits_is_answered() {
    let (_world, node) = node(|_| {}).await;
    let mut hung = dial(&node).await;
    hung.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let (_silent, mut kept) = (dial(&node).await, dial(&node).await);
    kept.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    kept.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let began = Instant::now();
    timeout(PATIENCE, node.stop()).await.expect("the node ends");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

/// What every answer carries.
fn assert_guarded(what: &str, headers: &HeaderMap) {
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        assert_eq!(headers.get(name).and_then(|value| value.to_str().ok()), Some(value), "{name} of {what}");
    }
    assert!(headers.contains_key("x-request-id") && headers.contains_key("cache-control"), "{what}: {headers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_good_or_bad_guards_the_browser() {
    let (world, node) = node(|config| config.allowed_origins = vec![PAGE.to_owned()]).await;
    let nobody = Rest::to(&node.url);
    let somebody = nobody.with_token(world.token(user_id()));
    for (method, path, status) in [
        (Method::GET, "/livez", 200),
        (Method::GET, "/metrics", 200),
        (Method::GET, "/.well-known/jwks.json", 200),
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/api/v1/nowhere", 404),
        (Method::PUT, "/livez", 405),
        (Method::GET, "/api/v1/rooms/none", 422),
        (Method::GET, "/ws", 426),
        (Method::POST, "/ws", 405),
        (Method::OPTIONS, "/api/v1/rooms", 200),
    ] {
        let answer = send(somebody.request(method.clone(), path)).await;
        let what = format!("{method} {path}");
        assert_eq!(answer.status.as_u16(), status, "{what}");
        assert_guarded(&what, &answer.headers);
        if status >= 400 {
            answer.code();
        }
    }
    assert_guarded("a refusal", &nobody.get("/api/v1/users/me").await.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_allowed_origins_alone_read_answers_and_open_sockets() {
    let (world, node) = node(|config| config.allowed_origins = vec![PAGE.to_owned()]).await;
    let user = Rest::to(&node.url).with_token(world.token(user_id()));
    let preflight = async |origin: &'static str| -> Answer {
        let request = Rest::to(&node.url).request(Method::OPTIONS, "/api/v1/messages").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        send(request.header("access-control-request-headers", "authorization,content-type,idempotency-key")).await
    };
    let text = |answer: &Answer, name: &str| {
        answer.headers.get(name).map(|value| value.to_str().expect("plain ASCII").to_lowercase())
    };
    let allowed = preflight(PAGE).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(text(&allowed, "access-control-allow-origin").as_deref(), Some(PAGE));
    assert!(text(&allowed, "access-control-allow-methods").is_some_and(|methods| methods.contains("patch")));
    assert!(text(&allowed, "access-control-allow-headers").is_some_and(|names| names.contains("idempotency-key")));
    assert_eq!(text(&allowed, "access-control-max-age").as_deref(), Some("7200"));
    assert_eq!(text(&allowed, "access-control-allow-credentials"), None);
    let foreign = preflight("https://evil.example").await;
    assert_eq!(text(&foreign, "access-control-allow-origin"), None);

    for (path, origin, readable) in [
        ("/api/v1/rooms/none", PAGE, true),
        ("/nowhere", PAGE, true),
        ("/api/v1/rooms/none", "https://evil.example", false),
        ("/api/v1/rooms/none", "null", false),
    ] {
        let answer = send(user.request(Method::GET, path).header("origin", origin)).await;
        assert_eq!(
            text(&answer, "access-control-allow-origin").as_deref(),
            readable.then_some(PAGE),
            "{path} {origin}"
        );
        assert!(text(&answer, "vary").is_some_and(|vary| vary.contains("origin")), "a cache must tell them apart");
        if readable {
            let exposed = text(&answer, "access-control-expose-headers").unwrap_or_default();
            assert!(
                ["x-request-id", "ratelimit", "retry-after"].iter().all(|name| exposed.contains(name)),
                "{exposed}"
            );
        }
    }

    let handshake = |origin: &'static str, protocol: &'static str| {
        let request = user.request(Method::GET, "/ws").header("origin", origin).header("connection", "upgrade");
        let request = request.header("upgrade", "websocket").header("sec-websocket-version", "13");
        send(request.header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==").header("sec-websocket-protocol", protocol))
    };
    assert_eq!(handshake("https://evil.example", "voxlog.v1.json").await.code(), "forbidden");
    assert_eq!(handshake(PAGE, "soap").await.code(), "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_allowed_origins_only_the_own_host_opens_sockets_and_no_other_page_reads() {
    let (_world, node) = node(|_| {}).await;
    let rest = Rest::to(&node.url);
    let answer = send(rest.request(Method::GET, "/livez").header("origin", PAGE)).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let mut forged = dial(&node).await;
    forged
        .write_all(
            b"GET /ws HTTP/1.1\r\nhost: good.example\r\norigin: https://evil.example\r\nconnection: upgrade\r\n\
              upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        .await
        .unwrap();
    let mut start = [0; 12];
    timeout(PATIENCE, forged.read_exact(&mut start)).await.expect("an answer").unwrap();
    assert_eq!(&start, b"HTTP/1.1 403");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_in_a_partition_that_is_not_there_is_refused_at_once() {
    let (world, node) = node(|_| {}).await;
    let user = Rest::to(&node.url).with_token(world.token(user_id()));
    let began = Instant::now();
    let refused = user.get_at("/api/v1/rooms", &json!("250:1")).await;
    assert_eq!(refused.body["errors"][0]["field"], "X-Voxlog-Min-Position");
    assert_eq!(refused.code(), "invalid");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_refused_and_the_node_goes_on() {
    let (_world, node) = node(|_| {}).await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = dial(&node).await;
        stream.write_all(garbage).await.unwrap();
        let _ = stream.shutdown().await;
        let said = rest_of(stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 5"), "{said}");
    }
    assert_eq!(Rest::to(&node.url).get("/livez").await.status, StatusCode::OK);
}
