//! Nothing lost, nothing twice, for everybody the same order, whatever breaks between a client and the log.
//!
//! Clients talk in a few rooms through two gateways. They drop their connections at random, the gateways are killed one
//! after the other, and each client goes on through whichever gateway is there, from its cursors, sending again what was
//! not acknowledged. In the end every one of them has seen exactly the log, and the checker finds nothing in the record
//! of it all.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::{Value, json};
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId, UserId},
};
use voxlog_tests::{
    checker::check,
    client::{CallError, Client, Encoding, Event, Gone, PATIENCE, RoomView},
    fill::found_room,
    history::{Ask, Outcome, Recorder},
    process::Process,
    world::{World, until, user_id, whole_room},
};

const ROOMS: usize = 3;
const CLIENTS: usize = 12;
const KILLS: usize = 6;

/// Acknowledged messages between two kills.
const BETWEEN_KILLS: usize = 250;

/// What clients share: where gateways are, when to end, how much was acknowledged, and the record.
#[derive(Debug, Default)]
struct Stage {
    recorder: Recorder,
    urls: Mutex<Vec<String>>,
    over: AtomicBool,
    acked: AtomicUsize,
}

/// A person who talks, over any number of connections.
struct Talker {
    stage: Arc<Stage>,
    number: usize,
    token: String,
    encoding: Encoding,
    views: Vec<RoomView>,
    /// Sent and not acknowledged.
    pending: Option<Value>,
    /// Connections that it took.
    connections: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_exactly_the_log_through_kills_and_broken_connections() -> Result<()> {
    let world = World::on_one_server().await;
    let mut gateways = vec![Process::serve(&world, "gateway").await, Process::serve(&world, "gateway").await];
    let people: Vec<UserId> = (0..CLIENTS).map(|_| user_id()).collect();
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(found_room(&world, &gateways[0].ws_url(), user_id(), &people).await?);
    }
    let stage = Arc::new(Stage::default());
    stage.now_at(&gateways);
    let talkers = people.iter().enumerate().map(|(number, person)| {
        let encoding = if number % 2 == 0 { Encoding::Json } else { Encoding::Msgpack };
        tokio::spawn(Talker::new(&stage, *person, world.token(*person), encoding, &rooms).talk())
    });
    let talkers: Vec<_> = talkers.collect();

    for kill in 0..KILLS {
        let goal = stage.acked.load(Ordering::Relaxed) + BETWEEN_KILLS;
        until("messages are acknowledged", async || stage.acked.load(Ordering::Relaxed) >= goal).await;
        let broken_from = stage.recorder.now_us();
        gateways.remove(kill % 2).kill().await;
        stage.now_at(&gateways);
        gateways.insert(kill % 2, Process::serve(&world, "gateway").await);
        stage.now_at(&gateways);
        stage.recorder.broke("a gateway was killed", broken_from);
    }
    stage.over.store(true, Ordering::Relaxed);

    let mut silent = Vec::new();
    for talker in talkers {
        let talker = talker.await??;
        assert!(talker.connections > 1, "nobody kept one connection through it all");
        silent.push(talker);
    }
    let log = world.log().await;
    let mut truths = Vec::new();
    for room in &rooms {
        truths.push(whole_room(&*log, *room).await?);
    }
    let ends = Arc::new(truths.iter().map(|truth| truth.last().map_or(0, |(seq, _)| *seq)).collect::<Vec<_>>());
    for talker in silent {
        let talker = talker.listen_to_the_end(Arc::clone(&ends)).await?;
        for (view, truth) in talker.views.iter().zip(&truths) {
            assert_eq!(view.seen(), truth, "{:?} saw what the log does not say", talker.encoding);
        }
    }
    let history = stage.recorder.clone().finish(&*log, &rooms).await?;
    assert!(history.operations.len() > KILLS * BETWEEN_KILLS && history.sights.len() > CLIENTS * KILLS * BETWEEN_KILLS);
    assert_eq!(check(&history), []);
    Ok(())
}

impl Stage {
    fn now_at(&self, gateways: &[Process]) {
        *self.urls.lock().expect("held for one assignment") = gateways.iter().map(Process::ws_url).collect();
    }

    fn some_url(&self) -> String {
        let urls = self.urls.lock().expect("held for one look");
        urls[rand::rng().random_range(0..urls.len())].clone()
    }
}

impl Talker {
    fn new(stage: &Arc<Stage>, person: UserId, token: String, encoding: Encoding, rooms: &[RoomId]) -> Self {
        Self {
            stage: Arc::clone(stage),
            number: stage.recorder.client(person),
            token,
            encoding,
            views: rooms.iter().map(|room| RoomView::from_the_beginning(room.to_string())).collect(),
            pending: None,
            connections: 0,
        }
    }

    /// Talks until it is over and everything is acknowledged.
    async fn talk(mut self) -> Result<Self> {
        let mut client = self.connect().await?;
        while !self.stage.over.load(Ordering::Relaxed) || self.pending.is_some() {
            let on_purpose = rand::rng().random_ratio(1, 50);
            if on_purpose || self.say_and_listen(&mut client).await?.is_none() {
                client = self.connect().await?;
            }
        }
        Ok(self)
    }

    /// Listens until it has what the log has.
    async fn listen_to_the_end(mut self, ends: Arc<Vec<u64>>) -> Result<Self> {
        let mut client = self.connect().await?;
        while self.finish(&mut client, &ends).await?.is_none() {
            client = self.connect().await?;
        }
        Ok(self)
    }

    /// Connects to some gateway and goes on from its cursors. Gateways that are not there are tried again.
    async fn connect(&mut self) -> Result<Client> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let attempt = Client::connect(&self.stage.some_url(), &self.token, self.encoding).await;
            if let Ok(mut client) = attempt
                && self.subscribe(&mut client).await?.is_some()
            {
                self.connections += 1;
                return Ok(client);
            }
            ensure!(tokio::time::Instant::now() < deadline, "no gateway takes a connection");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `None` when the connection went away meanwhile.
    async fn subscribe(&mut self, client: &mut Client) -> Result<Option<()>> {
        for view in &mut self.views {
            let fields = json!({"room": view.room(), "cursor": view.cursor()});
            let after = ["ctl", "msg", "call"].map(|class| fields["cursor"][class].as_u64().unwrap_or_default());
            match client.call("subscribe", fields).await {
                Ok(subscribed) => {
                    view.begin(&subscribed)?;
                    self.stage.recorder.begun(self.number, view.room(), after);
                }
                Err(CallError::Gone(_)) => return Ok(None),
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(Some(()))
    }

    /// Says something new, or again what was not acknowledged, and reads for a while.
    async fn say_and_listen(&mut self, client: &mut Client) -> Result<Option<()>> {
        let message = self.pending.take().unwrap_or_else(|| self.something_new());
        self.pending = Some(message.clone());
        let invoked = self.stage.recorder.now_us();
        let outcome = match client.call("message.send", message.clone()).await {
            Ok(ack) => {
                self.pending = None;
                self.stage.acked.fetch_add(1, Ordering::Relaxed);
                Outcome::Ok(ack["seq"].as_u64().context("an ack has its seq")?)
            }
            Err(CallError::Gone(_)) => Outcome::Unknown,
            Err(CallError::Refused(error)) => {
                ensure!(["rate_limited", "unavailable", "outcome_unknown"].contains(&error.code.as_str()), "{error}");
                Outcome::Refused(error.code)
            }
        };
        let gone = outcome == Outcome::Unknown;
        self.stage.recorder.over(self.number, invoked, Ask::post(&message), outcome);
        if gone { Ok(None) } else { self.listen(client, Duration::from_millis(50)).await }
    }

    /// Reads what comes for a while.
    async fn listen(&mut self, client: &mut Client, within: Duration) -> Result<Option<()>> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            match client.next_unasked(deadline.saturating_duration_since(tokio::time::Instant::now())).await {
                Ok(frame) => {
                    if frame["op"] == "event" {
                        self.stage.recorder.saw(self.number, &Event::of(&frame)?);
                    }
                    self.views.iter_mut().try_for_each(|view| view.look_at(&frame))?;
                }
                Err(Gone::TooLate) => return Ok(Some(())),
                Err(_) => return Ok(None),
            }
        }
    }

    /// Reads until every view is where its room ends. `None` when the connection went away meanwhile.
    async fn finish(&mut self, client: &mut Client, ends: &[u64]) -> Result<Option<()>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.views.iter().zip(ends).any(|(view, end)| view.last() < *end) {
            ensure!(tokio::time::Instant::now() < deadline, "what the log has does not come");
            if self.listen(client, Duration::from_millis(20)).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    fn something_new(&self) -> Value {
        let room = self.views[rand::rng().random_range(0..self.views.len())].room();
        json!({"room": room, "content": "still here", "messageId": MessageId::mint(&SystemClock)})
    }
}
