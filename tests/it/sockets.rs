//! Sockets of one gateway, from outside: what each gets, in which order, and how each ends.
//!
//! The log is in memory and PostgreSQL is nowhere: none of this needs them.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    bus::Bus,
    clock::{Clock, ManualClock, SystemClock},
    id::UserId,
    log::{MemoryLog, Namespace},
    position::Partitions,
    room::{self, Settings},
};
use voxlog_gateway::{Gateway, Parts, config::Config, identity::keys::generate_pem};
use voxlog_projections::ReadModel;
use voxlog_tests::{
    client::{CallError, Client, Encoding, Gone, PATIENCE, RoomView},
    world::UNLIMITED,
};

const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";
const BOTH: [Encoding; 2] = [Encoding::Json, Encoding::Msgpack];

/// Sockets that talk at once: so many that something nearly always waits for those who listen.
const TALKERS: usize = 8;

/// Sockets that listen at once where one alone would seldom meet the moment in question.
const LISTENERS: usize = 4;

/// A gateway with a room in it.
struct Stage {
    gateway: Arc<Gateway>,
    clock: ManualClock,
    url: String,
    room: String,
    owner: UserId,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl Stage {
    async fn new(change: impl FnOnce(&mut Config)) -> Result<Self> {
        let clock = ManualClock::at(SystemClock.now());
        let log = Arc::new(MemoryLog::new(Partitions::new(2).expect("two")));
        let mut config = Config::with_key(generate_pem());
        (config.limits.commands_per_s, config.limits.commands_burst) = (1_000_000, 1_000_000);
        config.budgets = UNLIMITED;
        change(&mut config);
        let (read, identity_pool) = (ReadModel::connect(NOWHERE, "voxlog")?, PgPool::connect_lazy(NOWHERE)?);
        // What gateways tell each other is told to nobody here.
        let nats = voxlog_core::log::connect("nats://127.0.0.1:1", "test", None).await?;
        let (namespace, replicas, clock_of) = (Namespace::default(), 1, Arc::new(clock.clone()));
        let bus = Bus::new(nats.clone(), namespace.clone(), replicas);
        let parts = Parts { config, log, nats, bus, namespace, replicas, read, identity_pool, clock: clock_of };
        let shutdown = CancellationToken::new();
        let gateway = voxlog_gateway::start(parts, shutdown.clone()).await?;
        let owner = UserId::mint(&clock);
        let create = room::Command::Create {
            name: "Lobby".to_owned(),
            description: String::new(),
            code: room::code(&mut rand::random::<u8>),
            max_users: 10,
            settings: Settings { is_public: true, ..Settings::default() },
        };
        let room = gateway.hub.create_room(owner, create).await.expect("a room").room.to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/ws", listener.local_addr()?);
        let serving = tokio::spawn(Arc::clone(&gateway).serve(listener));
        Ok(Self { gateway, clock, url, room, owner, shutdown, serving })
    }

    fn token(&self, user: UserId) -> String {
        self.gateway.identity.issue(user, false).expect("a token").token
    }

    async fn client(&self, user: UserId, encoding: Encoding) -> Result<Client> {
        Client::connect(&self.url, &self.token(user), encoding).await
    }

    async fn member(&self, encoding: Encoding) -> Result<(UserId, Client)> {
        let user = UserId::mint(&self.clock);
        let mut client = self.client(user, encoding).await?;
        client.call("room.join", json!({"room": self.room})).await?;
        Ok((user, client))
    }

    /// The owner talks without end, until this is dropped.
    async fn talk(&self) -> Result<JoinSet<()>> {
        let mut talking = JoinSet::new();
        for _ in 0..TALKERS {
            let mut owner = self.client(self.owner, Encoding::Json).await?;
            let message = self.says("and another");
            talking.spawn(async move { while owner.call("message.send", message.clone()).await.is_ok() {} });
        }
        Ok(talking)
    }

    fn says(&self, content: &str) -> Value {
        json!({"room": self.room, "content": content})
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.serving.abort();
    }
}

fn seq(ack: &Value) -> u64 {
    ack["seq"].as_u64().expect("an ack has its seq")
}

#[tokio::test]
async fn what_is_said_comes_to_everybody_in_both_encodings_once_and_in_order() -> Result<()> {
    let stage = Stage::new(|_| {}).await?;
    let (mut clients, mut views) = (Vec::new(), Vec::new());
    for encoding in BOTH {
        let (_, mut client) = stage.member(encoding).await?;
        let mut view = RoomView::new(stage.room.as_str());
        client.subscribe(&mut view).await?;
        clients.push(client);
        views.push(view);
    }
    let mut last = 0;
    for round in 0..50 {
        let ids = [
            clients[0].send("message.send", stage.says(&format!("a{round}"))).await?,
            clients[1].send("message.send", stage.says(&format!("b{round}"))).await?,
        ];
        for (client, id) in clients.iter_mut().zip(ids) {
            last = last.max(seq(&client.answer(id).await?));
        }
    }
    for (client, view) in clients.iter_mut().zip(&mut views) {
        client.read_to(view, last, PATIENCE).await?;
    }
    let after_both_were_there = views[1].seen().len();
    assert_eq!(after_both_were_there, 100);
    assert!(views[0].seen().ends_with(views[1].seen()));
    Ok(())
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_from_the_ring_and_from_the_log() -> Result<()> {
    for missed in [10, 3000] {
        let stage = Stage::new(|_| {}).await?;
        let mut owner = stage.client(stage.owner, Encoding::Json).await?;
        let (user, mut member) = stage.member(Encoding::Msgpack).await?;
        let mut view = RoomView::new(stage.room.as_str());
        member.subscribe(&mut view).await?;
        drop(member);
        let mut last = 0;
        for number in 0..missed {
            last = seq(&owner.call("message.send", stage.says(&number.to_string())).await?);
        }
        let mut member = stage.client(user, Encoding::Json).await?;
        member.subscribe(&mut view).await?;
        // What is said while it catches up comes too.
        let id = owner.send("message.send", stage.says("meanwhile")).await?;
        member.read_to(&mut view, last, PATIENCE).await?;
        last = seq(&owner.answer(id).await?);
        member.read_to(&mut view, last, PATIENCE).await?;
        assert_eq!(view.seen().len(), missed + 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_stopped_reading_is_told_that_it_lags_and_gets_everything() -> Result<()> {
    let stage = Stage::new(|_| {}).await?;
    let mut owner = stage.client(stage.owner, Encoding::Json).await?;
    let user = UserId::mint(&stage.clock);
    let mut slow = Client::open(&stage.url, Encoding::Json, Some(4096)).await?;
    slow.call("hello", json!({"token": stage.token(user)})).await?;
    slow.call("room.join", json!({"room": stage.room})).await?;
    let mut view = RoomView::new(stage.room.as_str());
    slow.subscribe(&mut view).await?;
    let long = "x".repeat(4000);
    let mut last = 0;
    for _ in 0..4000 {
        last = seq(&owner.call("message.send", stage.says(&long)).await?);
    }
    let (mut ops, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while view.last() < last {
        let frame = slow.next_unasked(deadline.saturating_duration_since(Instant::now())).await?;
        view.look_at(&frame)?;
        ops.push(frame["op"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(view.seen().len(), 4000);
    assert!(ops.iter().any(|op| op == "lagging"), "it must have lagged for this to show anything");
    slow.next_of("caught_up", PATIENCE).await?;
    let ack = owner.call("message.send", stage.says("live again")).await?;
    slow.read_to(&mut view, seq(&ack), PATIENCE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_come_with_every_heartbeat_and_never_promise_what_has_not_come() -> Result<()> {
    let stage = Stage::new(|config| config.heartbeat = Duration::from_millis(100)).await?;
    let (_, mut client) = stage.member(Encoding::Json).await?;
    let mut view = RoomView::new(stage.room.as_str());
    client.subscribe(&mut view).await?;
    let _talking = stage.talk().await?;
    let (mut proofs, deadline) = (0, Instant::now() + PATIENCE);
    while proofs < 30 {
        let frame = client.next_unasked(deadline.saturating_duration_since(Instant::now())).await?;
        proofs += usize::from(frame["rooms"][&stage.room].is_object());
        view.look_at(&frame)?;
    }
    assert!(view.seen().len() > proofs, "somebody must have talked for this to show anything");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribes_again_from_an_earlier_cursor_gets_everything_since() -> Result<()> {
    let stage = Stage::new(|_| {}).await?;
    let (mut listening, mut begun) = (JoinSet::new(), Vec::new());
    for encoding in BOTH.into_iter().cycle().take(LISTENERS) {
        let (_, mut client) = stage.member(encoding).await?;
        let mut view = RoomView::new(stage.room.as_str());
        client.subscribe(&mut view).await?;
        begun.push((client, view));
    }
    let _talking = stage.talk().await?;
    for (client, view) in begun {
        listening.spawn(subscribe_again_and_again(client, view));
    }
    while let Some(ended) = listening.join_next().await {
        ended??;
    }
    Ok(())
}

async fn subscribe_again_and_again(mut client: Client, mut view: RoomView) -> Result<()> {
    for _ in 0..100 {
        let mut again = view.clone();
        client.read_to(&mut view, again.last() + 20, PATIENCE).await?;
        let (room, cursor) = (view.room(), again.cursor());
        let subscribed = client.call("subscribe", json!({"room": room, "cursor": cursor})).await?;
        again.begin(&subscribed)?;
        // What was on its way for the subscription before comes first, and is all beyond the new one's beginning.
        let deadline = Instant::now() + PATIENCE;
        let first = loop {
            let frame = client.next_unasked(deadline.saturating_duration_since(Instant::now())).await?;
            if frame["prev"] == cursor["msg"] {
                break frame;
            }
        };
        again.look_at(&first)?;
        // Beyond where the room ended then: from what was missed into what is new.
        let end = subscribed["heads"]["msg"].as_u64().expect("heads name every class");
        client.read_to(&mut again, end + 20, PATIENCE).await?;
        view = again;
    }
    Ok(())
}

#[tokio::test]
async fn who_is_kicked_gets_nothing_after_the_kick() -> Result<()> {
    let stage = Stage::new(|_| {}).await?;
    let mut owner = stage.client(stage.owner, Encoding::Json).await?;
    let (user, mut member) = stage.member(Encoding::Json).await?;
    let mut view = RoomView::new(stage.room.as_str());
    member.subscribe(&mut view).await?;
    let kick = owner.call("room.kick", json!({"room": stage.room, "userId": user})).await?;
    owner.call("message.send", stage.says("they can't hear this")).await?;
    let deadline = Instant::now() + PATIENCE;
    while view.lost().is_none() {
        view.look_at(&member.next_unasked(deadline.saturating_duration_since(Instant::now())).await?)?;
    }
    assert_eq!((view.lost(), view.last()), (Some("not_a_member"), seq(&kick)));
    let refused = member.call("message.send", stage.says("hello?")).await.unwrap_err();
    assert_eq!(refused.code(), Some("not_a_member"));
    let refused = member.subscribe(&mut view).await.unwrap_err();
    assert_eq!(refused.downcast::<CallError>()?.code(), Some("not_a_member"));
    Ok(())
}

#[tokio::test]
async fn bad_input_is_answered_and_the_socket_stays() -> Result<()> {
    let stage = Stage::new(|_| {}).await?;
    for encoding in BOTH {
        let mut client = stage.client(stage.owner, encoding).await?;
        let deep = "[".repeat(30_000);
        for message in
            [Message::text("{"), Message::text(deep), Message::binary(vec![0x91; 60_000]), Message::binary(vec![])]
        {
            client.send_raw(message).await?;
            let error = client.next_of("error", PATIENCE).await?;
            assert_eq!(error["code"], "invalid");
        }
        client.call("ping", json!({})).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_oversize_frame_closes_the_socket_with_its_code() -> Result<()> {
    let stage = Stage::new(|_| {}).await?;
    for encoding in BOTH {
        let mut client = stage.client(stage.owner, encoding).await?;
        client.send_raw(Message::text("x".repeat(64 * 1024 + 1))).await?;
        assert_eq!(client.closed(PATIENCE).await, Gone::Closed(4502, "too_large".to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_sockets() -> Result<()> {
    let stage = Stage::new(|config| config.limits.sockets_per_user = 1).await?;
    let first = stage.client(stage.owner, Encoding::Json).await?;
    let mut second = Client::open(&stage.url, Encoding::Json, None).await?;
    let refused = second.call("hello", json!({"token": stage.token(stage.owner)})).await.unwrap_err();
    assert_eq!(refused.code(), Some("rate_limited"));
    assert_eq!(second.closed(PATIENCE).await, Gone::Closed(4503, "too_many_sockets".to_owned()));
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    while stage.client(stage.owner, Encoding::Json).await.is_err() {
        assert!(Instant::now() < deadline, "the seat of a socket that has ended is free again");
    }
    Ok(())
}

#[tokio::test]
async fn an_expired_token_ends_the_socket_and_invites_it_back() -> Result<()> {
    let stage = Stage::new(|config| config.heartbeat = Duration::from_millis(100)).await?;
    let mut client = stage.client(stage.owner, Encoding::Json).await?;
    stage.clock.advance(chrono::TimeDelta::hours(1));
    assert_eq!(client.next_of("closing", PATIENCE).await?["code"], 4001);
    assert_eq!(client.closed(PATIENCE).await, Gone::Closed(4001, "token_expired".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_node_that_goes_says_so_and_closes_its_sockets() -> Result<()> {
    let stage = Stage::new(|_| {}).await?;
    let mut client = stage.client(stage.owner, Encoding::Msgpack).await?;
    stage.shutdown.cancel();
    let closing = client.next_of("closing", PATIENCE).await?;
    assert!(closing["code"] == 4000 && closing["reconnectAfterMs"].as_u64() <= Some(5000), "{closing}");
    assert_eq!(client.closed(PATIENCE).await, Gone::Closed(4000, "going_away".to_owned()));
    stage.gateway.tasks.close();
    tokio::time::timeout(PATIENCE, stage.gateway.tasks.wait()).await?;
    Ok(())
}

#[tokio::test]
async fn who_missed_what_was_not_recorded_is_told_so_even_when_the_room_records_again() -> Result<()> {
    let stage = Stage::new(|config| config.ring_events = 1).await?;
    let mut client = stage.client(stage.owner, Encoding::Json).await?;
    let subscribed = client.call("subscribe", json!({"room": stage.room})).await?;
    let before = subscribed["heads"].clone();
    for records in [false, true] {
        let settings = json!({ "recordMessages": records });
        client.call("room.update", json!({"room": stage.room, "settings": settings})).await?;
        client.call("message.send", stage.says("kept or not")).await?;
    }
    let mut returning = stage.client(stage.owner, Encoding::Json).await?;
    let partial = returning.call("subscribe", json!({"room": stage.room, "cursor": before})).await?;
    assert_eq!((&partial["recovered"], &partial["reason"]), (&json!(false), &json!("not_recorded")));
    let whole = returning.call("subscribe", json!({"room": stage.room, "cursor": partial["heads"]})).await?;
    assert_eq!(whole["recovered"], true, "{whole}");
    Ok(())
}
