//! A limit is one limit, however many gateways there are.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;
use voxlog_core::{clock::SystemClock, id::RoomId};
use voxlog_gateway::{
    config::Config,
    limits::{Budget, Policy},
};
use voxlog_tests::{
    client::{Client, Encoding},
    rest::{Answer, PASSWORD, Rest, send},
    servers,
    turnstile::Turnstile,
    world::{Node, World, until, user_id},
};

/// What a user may do in most of these tests: so much that a flood meets the rate too.
const POLICY: Policy = Policy::new(120, 40, Duration::from_secs(1));

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(4);

/// Read without any store: its id is none.
const CHEAP: &str = "/api/v1/rooms/none";

async fn gateways(world: &World, count: usize, change: impl Fn(&mut Config)) -> Vec<Node> {
    join_all((0..count).map(|_| world.gateway_with(&change, Arc::new(SystemClock)))).await
}

fn limit(budget: Budget, policy: Policy) -> impl Fn(&mut Config) {
    move |config| config.budgets.set(budget, policy)
}

/// What the header says is left.
fn left(answer: &Answer) -> u32 {
    let text = answer.headers["ratelimit"].to_str().expect("plain ASCII");
    let rest = text.split(";r=").nth(1).expect("r says what is left");
    rest.split(';').next().and_then(|number| number.parse().ok()).expect("a number")
}

/// Waits until each of these hears what the others let through.
async fn acquainted(world: &World, nodes: &[Node]) {
    for told in nodes {
        for hears in nodes.iter().filter(|hears| hears.url != told.url) {
            until("use at one gateway is known at another", async || {
                let token = world.token(user_id());
                let told = Rest::to(&told.url).with_token(&token);
                // So much that it is told at once.
                join_all((0..20).map(|_| told.get(CHEAP))).await;
                left(&Rest::to(&hears.url).with_token(&token).get(CHEAP).await) < POLICY.burst - 1
            })
            .await;
        }
    }
}

/// Asks again and again until then. Returns how many requests were let through.
async fn ask(user: Rest, until: Instant) -> u32 {
    let mut admitted = 0;
    while Instant::now() < until {
        let answer = user.get(CHEAP).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.code(), "rate_limited");
        } else {
            assert_eq!(answer.code(), "invalid");
            admitted += 1;
        }
    }
    admitted
}

/// The same over a socket.
async fn command(mut client: Client, until: Instant) -> u32 {
    let room = RoomId::mint(&SystemClock);
    let mut admitted = 0;
    while Instant::now() < until {
        let refused = client.call("message.send", json!({"room": room, "content": "flood"})).await.unwrap_err();
        match refused.code() {
            Some("rate_limited") => {}
            Some("not_found") => admitted += 1,
            other => panic!("{other:?}: {refused}"),
        }
    }
    admitted
}

async fn flood_over(count: usize) -> Result<()> {
    let world = World::on_one_server().await;
    let nodes = gateways(&world, count, limit(Budget::User, POLICY)).await;
    acquainted(&world, &nodes).await;
    let token = world.token(user_id());
    let mut sockets = Vec::new();
    for node in &nodes {
        sockets.push(Client::connect(&node.ws_url(), &token, Encoding::Json).await?);
    }

    let began = Instant::now();
    let end = began + FLOOD;
    let asking = nodes.iter().map(|node| tokio::spawn(ask(Rest::to(&node.url).with_token(&token), end)));
    let commanding = sockets.into_iter().map(|socket| tokio::spawn(command(socket, end)));
    let admitted: u32 = join_all(asking.chain(commanding)).await.into_iter().map(Result::unwrap).sum();

    let allowed = f64::from(POLICY.burst) + began.elapsed().as_secs_f64() / POLICY.every.as_secs_f64();
    let share = f64::from(admitted) / allowed;
    println!("{count} gateways let through {admitted}, {share:.2} of the limit");
    // What others used, counted twice, comes to four fifths or a little more.
    assert!((0.9..=1.2).contains(&share), "{count} gateways let through {admitted} where {allowed:.0} are allowed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_that_one_user_floods_at_once_let_through_one_limit() -> Result<()> {
    flood_over(2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn so_do_three() -> Result<()> {
    flood_over(3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_one_gateway_has_the_whole_burst_and_is_told_how_much_is_left() {
    let world = World::on_one_server().await;
    let policy = Policy::new(50, 1, Duration::from_mins(1));
    let nodes = gateways(&world, 2, limit(Budget::User, policy)).await;
    let user = Rest::to(&nodes[0].url).with_token(world.token(user_id()));
    for admitted in 1..=50 {
        let answer = user.get(CHEAP).await;
        assert_eq!(answer.headers["ratelimit-policy"], "\"user\";q=50;w=3000");
        assert_eq!(left(&answer), 50 - admitted);
        assert_eq!(answer.code(), "invalid");
    }
    let refused = user.get(CHEAP).await;
    let wait_s: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait_s), "{wait_s}");
    assert_eq!(left(&refused), 0);
    assert!(refused.body["retryAfterMs"].as_u64().is_some_and(|wait| wait > 0 && wait <= wait_s * 1000));
    assert_eq!(refused.code(), "rate_limited");

    let somebody_else = Rest::to(&nodes[0].url).with_token(world.token(user_id()));
    assert_eq!(somebody_else.get(CHEAP).await.code(), "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_at_one_account_is_held_over_gateways_and_addresses() {
    let world = World::on_one_server().await;
    let policy = Policy::new(10, 1, Duration::from_mins(1));
    let nodes = gateways(&world, 2, |config| {
        config.budgets.set(Budget::LoginAccount, policy);
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let doors = nodes.iter().map(|node| Rest::to(&node.url)).collect::<Vec<_>>();
    until("identity's tables are made", async || login(&doors[0], "nobody@example.org", 1).await == 401).await;
    doors[0].register("ann").await;
    doors[0].register("bob").await;

    let mut admitted = 0;
    for attempt in 0..40_u8 {
        let door = &doors[usize::from(attempt) % doors.len()];
        // Another spelling of the address is the same account.
        let email = if attempt % 3 == 0 { "Ann@example.org" } else { "ann@example.org" };
        match login(door, email, attempt).await {
            401 => admitted += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    assert!((8..=12).contains(&admitted), "{admitted} guesses");
    assert_eq!(login(&doors[1], "bob@example.org", 7).await, 401, "another account is not held");
}

/// A wrong guess, as a proxy hands it on for a client of its own.
async fn login(door: &Rest, email: &str, client: u8) -> u16 {
    let form = json!({"email": email, "password": format!("not {PASSWORD}")});
    let request = door.request(Method::POST, "/api/v1/auth/login").json(&form);
    send(request.header("X-Forwarded-For", format!("203.0.113.{client}"))).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_valid_token_uses_up_what_their_address_has() {
    let world = World::on_one_server().await;
    let policy = Policy::new(5, 1, Duration::from_mins(1));
    let node = world.gateway_with(limit(Budget::Address, policy), Arc::new(SystemClock)).await;
    let (nobody, somebody) = (Rest::to(&node.url), Rest::to(&node.url).with_token(world.token(user_id())));
    let liar = nobody.with_token("made.up.token");
    for asks in [&nobody, &liar, &nobody, &liar, &nobody] {
        assert_eq!(asks.get("/api/v1/users/me").await.code(), "unauthenticated");
    }
    // What a client says of where it comes from counts for nothing.
    let request = liar.request(Method::GET, "/api/v1/users/me").header("X-Forwarded-For", "203.0.113.1");
    assert_eq!(send(request).await.code(), "rate_limited");
    assert!(Client::open(&node.ws_url(), Encoding::Json, None).await.is_err(), "no socket is opened either");
    assert_eq!(somebody.get(CHEAP).await.code(), "invalid", "whoever is signed in has a limit of their own");
    assert_eq!(nobody.get("/livez").await.status, StatusCode::OK, "probes have none");
}

/// Each made up key is another: what was looked up before tells nothing of it.
fn made_up(number: usize) -> String {
    format!("vxk_00000000_{number:043}")
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_api_keys_are_refused_before_the_database_is_asked() {
    let whole = World::on_one_server().await;
    let database = Turnstile::open().await;
    let world = World { database: database.url.clone(), ..whole };
    let policy = Policy::new(5, 1, Duration::from_mins(10));
    let node = world.gateway_with(limit(Budget::Address, policy), Arc::new(SystemClock)).await;
    let nobody = Rest::to(&node.url);
    // One is for the socket below.
    let mut socket = Client::open(&node.ws_url(), Encoding::Json, None).await.expect("a socket is opened");
    for number in 0..4 {
        assert_eq!(nobody.with_token(made_up(number)).get(CHEAP).await.code(), "unavailable");
    }
    let before = database.count();
    for number in 4..40 {
        assert_eq!(nobody.with_token(made_up(number)).get(CHEAP).await.code(), "rate_limited");
        let refused = socket.call("hello", json!({"token": made_up(number)})).await.unwrap_err();
        assert_eq!(refused.code(), Some("rate_limited"), "{refused}");
    }
    // The gateway itself comes once a second or so, whoever asks.
    let came = database.count() - before;
    assert!(came < 36, "{came} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_has_lost_nats_counts_for_itself() {
    let mut nats = servers::own_nats().await;
    let world = World::on(vec![nats.url()], 1).await;
    let policy = Policy::new(50, 1, Duration::from_mins(1));
    let nodes = gateways(&world, 1, limit(Budget::User, policy)).await;
    nats.kill().await.unwrap();

    let user = Rest::to(&nodes[0].url).with_token(world.token(user_id()));
    let began = Instant::now();
    let mut admitted = 0;
    for _ in 0..60 {
        admitted += u32::from(user.get(CHEAP).await.status != StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(admitted, 50);
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waited for NATS: {:?}", began.elapsed());
}
