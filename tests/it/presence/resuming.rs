//! A session outlives its socket.

use reqwest::StatusCode;
use serde_json::Value;
use voxlog_tests::rest::Rest;

use super::*;

/// The observer is told nothing at all of a reconnect, wherever it leads.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_reconnect_on_the_same_gateway_or_another() -> Result<()> {
    let world = World::on_one_server().await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let (room, ada, bob, _) = room(&world, &here.ws_url()).await?;
    let mut watcher = Watcher::open(&world, &here.ws_url(), ada, room, json!({})).await?;
    let mut device = Watcher::greet(&world, &here.ws_url(), bob, room, json!({ "presence": "dnd" })).await?;
    watcher.until("bob is there", |knows| knows.status(bob) == "dnd").await?;
    let (session, told) = (device.session.clone(), watcher.shown(bob).len());
    for url in [here.ws_url(), there.ws_url(), here.ws_url()] {
        let resume = device.resume();
        drop(device);
        device = Watcher::greet(&world, &url, bob, room, resume).await?;
        assert!(device.resumed && device.session == session, "the session goes on");
        // Its former socket's session would be offline by then.
        let_linger(&mut watcher).await?;
    }
    assert_eq!(watcher.shown(bob).len(), told, "nothing was told: {:?}", watcher.frames);
    assert_eq!(watcher.knows.status(bob), "dnd", "its status has stayed");
    let resume = device.resume();
    drop(device);
    watcher.until("who does not come back is gone", |knows| knows.status(bob) == "offline").await?;
    let late = Watcher::greet(&world, &there.ws_url(), bob, room, resume).await?;
    assert!(late.resumed, "within a minute the session is still theirs");
    is_online(&mut watcher, bob).await
}

/// A new session instead of a resumed one is no flicker either: the old one lingers.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_reload_either() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = world.gateway().await;
    let (room, ada, bob, _) = room(&world, &gateway.ws_url()).await?;
    let mut watcher = Watcher::open(&world, &gateway.ws_url(), ada, room, json!({})).await?;
    let device = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    is_online(&mut watcher, bob).await?;
    drop(device);
    // As long as a page may take to come back.
    watcher.look_for(LINGER / 2).await?;
    let again = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    assert!(!again.resumed);
    let_linger(&mut watcher).await?;
    assert_eq!(watcher.shown(bob), ["online"]);
    Ok(())
}

/// A gateway that goes leaves its clients the time to be back elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_gateway_restart() -> Result<()> {
    let world = World::on_one_server().await;
    let (_workers, going) = (Process::serve(&world, "workers").await, Process::serve(&world, "gateway").await);
    let staying = world.gateway().await;
    let (room, ada, bob, _) = room(&world, &staying.ws_url()).await?;
    let mut watcher = Watcher::open(&world, &staying.ws_url(), ada, room, json!({})).await?;
    let mut device = Watcher::greet(&world, &going.ws_url(), bob, room, json!({})).await?;
    is_online(&mut watcher, bob).await?;
    let (stopped, closed) = tokio::join!(going.stop(), device.client.closed(SEEN_WITHIN));
    let () = stopped;
    assert!(matches!(closed, Gone::Closed(4000, _)), "{closed:?}");
    let device = Watcher::greet(&world, &staying.ws_url(), bob, room, device.resume()).await?;
    assert!(device.resumed);
    let_linger(&mut watcher).await?;
    let_linger(&mut watcher).await?;
    assert_eq!(watcher.shown(bob), ["online"]);
    Ok(())
}

/// Two sockets of one session: the later one has it, on the same gateway and on another.
#[tokio::test(flavor = "multi_thread")]
async fn the_older_socket_of_a_resumed_session_is_closed() -> Result<()> {
    let world = World::on_one_server().await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let (room, _, bob, carol) = room(&world, &here.ws_url()).await?;
    let mut first = Watcher::greet(&world, &here.ws_url(), bob, room, json!({})).await?;
    let mut second = Watcher::greet(&world, &here.ws_url(), bob, room, first.resume()).await?;
    assert!(second.resumed && is_displaced(&mut first).await);
    let mut third = Watcher::greet(&world, &there.ws_url(), bob, room, second.resume()).await?;
    assert!(third.resumed && is_displaced(&mut second).await);
    let mut stranger = Watcher::greet(&world, &there.ws_url(), carol, room, third.resume()).await?;
    assert!(!stranger.resumed && stranger.session != third.session, "a session stays with its user");
    let nobodys = json!({ "resume": { "session": user_id() } });
    assert!(!Watcher::greet(&world, &there.ws_url(), carol, room, nobodys).await?.resumed);
    stranger.show_as("away").await?;
    third.show_as("away").await
}

/// A session is more than what it reads: it has a place in a call, and another socket.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_that_may_only_read_takes_no_session_over() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = world.gateway().await;
    let rest = Rest::to(&gateway.url);
    until("accounts can be made", async || {
        rest.post("/api/v1/auth/guest", json!({ "displayName": "G" })).await.status == StatusCode::CREATED
    })
    .await;
    let (ann, grant) = rest.register("ann").await;
    let resumed = async |credential: &Value, session: Option<&Value>| -> Result<(Client, Value, bool)> {
        let mut client = Client::open(&gateway.ws_url(), Encoding::Json, None).await?;
        let resume = session.map(|session| json!({ "session": session }));
        let welcome = client.call("hello", json!({ "token": credential, "resume": resume })).await?;
        Ok((client, welcome["session"].clone(), welcome["resumed"] == true))
    };
    let (mut page, session, _) = resumed(&grant["token"], None).await?;
    for (scope, may) in [("read", false), ("write", true)] {
        let wanted = json!({ "name": scope, "scopes": [scope] });
        let made = ann.post("/api/v1/auth/api-keys", wanted).await.expect(StatusCode::CREATED);
        let (_key, _, taken) = resumed(&made["key"], Some(&session)).await?;
        assert_eq!(taken, may, "{scope}");
        if !may {
            page.call("ping", json!({})).await?;
        }
    }
    let Gone::Closed(4505, _) = page.closed(SEEN_WITHIN).await else { panic!("two sockets have it") };
    Ok(())
}

/// Its record has hardly been told when its client has lost its socket and comes to another gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_can_be_resumed_elsewhere_at_once() -> Result<()> {
    let world = World::on_one_server().await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let (room, _, bob, _) = room(&world, &here.ws_url()).await?;
    let mut device = Watcher::greet(&world, &here.ws_url(), bob, room, json!({})).await?;
    for turn in 0..20 {
        let url = if turn % 2 == 0 { there.ws_url() } else { here.ws_url() };
        let next = Watcher::greet(&world, &url, bob, room, device.resume()).await?;
        assert!(next.resumed, "turn {turn}");
        device = next;
    }
    device.show_as("away").await
}
