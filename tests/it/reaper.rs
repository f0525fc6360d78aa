//! Sessions whose node is gone go offline and leave their calls, whichever worker does it and wherever one is killed; who
//! has come back is left alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    ambient,
    bus::{Bus, BusSubject, Due, Heard, LEASE, OFFLINE_KEPT, TellError, Told},
    call::{self, Call, EndReason, LeaveReason, Media},
    clock::{Clock, SystemClock},
    envelope::Envelope,
    event::{Event, Subject},
    fold::fold,
    id::{CallId, CorrelationId, EventId, NodeId, RoomId, SessionId, UserId},
    log::{Commit, Guard, Log, LogConfig, Namespace, NatsLog, Record, connect},
    position::{Chain, Class, Partitions, Seq},
    presence::Status,
    room::{self, Role, Settings},
};
use voxlog_tests::{
    client::{Client, Encoding},
    process::Process,
    servers,
    world::{World, until, user_id},
};
use voxlog_workers::{Config, Parts};

/// Short, so that a takeover takes a test's time. The leases of nodes last as long as ever.
const QUICK: Config = Config {
    replicas: 1,
    lease: Duration::from_millis(900),
    refresh: Duration::from_millis(200),
    grace: Duration::from_secs(2),
};

struct Place {
    url: String,
    client: async_nats::Client,
    log: Arc<NatsLog>,
    bus: Bus,
    namespace: Namespace,
    seen: Seen,
}

/// Every session as others hear of it.
type Seen = Arc<Mutex<HashMap<SessionId, Sight>>>;

#[derive(Debug, Clone, Copy)]
struct Sight {
    user: UserId,
    status: Status,
    /// Where it says so.
    seq: Seq,
    /// How often it has said anything.
    told: usize,
}

/// A node that is there for as long as its task is.
struct Gateway {
    id: NodeId,
    over: CancellationToken,
    holding: JoinHandle<()>,
}

/// A device as its gateway knows it.
#[derive(Debug, Clone, Copy)]
struct Device {
    user: UserId,
    session: SessionId,
    seq: Seq,
}

struct Worker {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Place {
    async fn new() -> Self {
        Self::on(servers::nats().await).await
    }

    async fn on(url: String) -> Self {
        let client = connect(&url, "reaper test", None).await.unwrap();
        let namespace = Namespace::new(servers::namespace()).unwrap();
        let config = LogConfig::new(namespace.clone(), Partitions::new(2).unwrap());
        let log = Arc::new(NatsLog::open(client.clone(), config).await.unwrap());
        let bus = Bus::new(client.clone(), namespace.clone(), 1);
        bus.bring_up().await.unwrap();
        let seen = watch(&bus).await;
        Self { url, client, log, bus, namespace, seen }
    }

    /// On a connection of its own, as another process has.
    async fn worker(&self) -> Worker {
        let client = connect(&self.url, "worker", None).await.unwrap();
        let parts = Parts {
            config: QUICK,
            log: self.log.clone(),
            bus: Bus::new(client.clone(), self.namespace.clone(), 1),
            client,
            namespace: self.namespace.clone(),
            clock: Arc::new(SystemClock),
            health: Arc::default(),
        };
        let (health, shutdown) = (Arc::clone(&parts.health), CancellationToken::new());
        let task = tokio::spawn(voxlog_workers::run(parts, shutdown.clone()));
        until("the worker can work", async || health.tasks().iter().all(|(_, works)| *works)).await;
        Worker { shutdown, task }
    }

    async fn gateway(&self) -> Gateway {
        let (bus, id, over) = (self.bus.clone(), NodeId::mint(&SystemClock), CancellationToken::new());
        let ending = over.clone();
        let holding = tokio::spawn(async move { bus.hold_lease(id, || "well".into(), ending).await });
        until("the lease is held", async || self.bus.is_alive(id).await.unwrap()).await;
        Gateway { id, over, holding }
    }

    async fn device(&self, node: NodeId, call: Option<RoomId>) -> Device {
        let (user, session) = (UserId::mint(&SystemClock), SessionId::mint(&SystemClock));
        let device = Device { user, session, seq: Seq::ZERO };
        self.announce(device, node, 0, call).await.unwrap()
    }

    async fn announce(
        &self,
        device: Device,
        node: NodeId,
        epoch: u32,
        call: Option<RoomId>,
    ) -> Result<Device, TellError> {
        let Device { user, session, seq } = device;
        let event =
            ambient::Event::PresenceChanged { user_id: user, session, node, epoch, status: Status::Online, call };
        let record = envelope(Subject::User(user), user, event.into()).encode();
        let seq = self.bus.tell_presence(user, session, record, Some(seq), None).await?;
        Ok(Device { seq, ..device })
    }

    /// Which of the workers reaps.
    async fn acts(&self) -> Value {
        let context = async_nats::jetstream::new(self.client.clone());
        let bucket = context.get_key_value(self.namespace.bucket("LEASES")).await.unwrap();
        let lease = bucket.get("reaper").await.unwrap().expect("somebody has it");
        serde_json::from_slice::<Value>(&lease).unwrap()["holder"].clone()
    }

    /// Everything that a reaper would take away now is away: it has looked for longer than anybody's grace.
    async fn reaper_has_looked(&self) {
        let stray = self.device(NodeId::mint(&SystemClock), None).await;
        self.goes_offline(stray).await;
    }

    fn is_offline(&self, device: Device) -> bool {
        self.seen.lock().unwrap().get(&device.session).is_some_and(|sight| sight.status == Status::Offline)
    }

    async fn goes_offline(&self, device: Device) {
        until("it is offline", async || self.is_offline(device)).await;
    }

    /// A room in whose call these devices are.
    async fn call(&self, devices: &[Device]) -> (RoomId, CallId) {
        let (room, call_id) = (RoomId::mint(&SystemClock), CallId::mint(&SystemClock));
        let owner = devices[0].user;
        let created = room::Event::Created {
            name: "a room".to_owned(),
            description: String::new(),
            code: "22222222".to_owned(),
            owner_id: owner,
            max_users: 10,
            settings: Settings::default(),
        };
        let joined = devices[1..].iter().map(|device| room::Event::Joined { user_id: device.user, role: Role::Member });
        let control: Vec<_> = std::iter::once(created).chain(joined).map(Event::from).collect();
        self.commit(room, Class::Ctl, control).await;
        let started = call::Event::Started { call_id, started_by: owner, session: devices[0].session, seats: 8 };
        let joined = devices.iter().map(|device| call::Event::Joined {
            call_id,
            user_id: device.user,
            session: device.session,
            media: Media::default(),
        });
        self.commit(room, Class::Call, std::iter::once(started).chain(joined).map(Event::from).collect()).await;
        (room, call_id)
    }

    async fn commit(&self, room: RoomId, class: Class, events: Vec<Event>) {
        let chain = Chain::Room(room, class);
        let records = events.into_iter().map(|event| {
            let envelope = envelope(Subject::Room(room), UserId::mint(&SystemClock), event);
            Record { id: envelope.id, chain, payload: envelope.encode(), ttl: None }
        });
        let commit = Commit { records: records.collect(), guard: Guard::Chain(Seq::ZERO), marker: Some(room) };
        self.log.commit(commit).await.unwrap();
    }

    /// Who is in a room's call, as the log has it.
    async fn in_call(&self, room: RoomId) -> Vec<SessionId> {
        let tail = self.log.tail(self.log.partitions().of(room.as_uuid())).await.unwrap();
        let (folded, _) = fold(&*self.log, room, tail.last).await.unwrap();
        match folded.call {
            Call::Idle => vec![],
            Call::Ongoing(call) => call.participants.iter().map(|participant| participant.session).collect(),
        }
    }

    /// The last events of a room's call.
    async fn last_events(&self, room: RoomId, count: usize) -> Vec<call::Event> {
        let chain = Chain::Room(room, Class::Call);
        let events = self.log.read_before(chain, Seq::MAX, count).await.unwrap();
        let events = events.iter().map(|stored| Envelope::decode(&stored.payload).unwrap().event);
        events.map(|event| if let Event::Call(event) = event { event } else { panic!("{event:?}") }).collect()
    }
}

impl Gateway {
    /// As `kill -9` would: the lease stays behind.
    fn kill(self) {
        self.holding.abort();
    }

    /// In order: the lease is given back.
    async fn stop(self) {
        self.over.cancel();
        self.holding.await.unwrap();
    }
}

impl Worker {
    /// As `kill -9` would: its leases stay behind.
    fn kill(self) {
        self.task.abort();
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// Nobody has said anything before this.
async fn watch(bus: &Bus) -> Seen {
    let seen = Seen::default();
    let (watched, mut feed) = (Arc::clone(&seen), bus.presence());
    assert_eq!(feed.next().await, Some(Heard::CaughtUp));
    tokio::spawn(async move {
        while let Some(heard) = feed.next().await {
            see(&mut watched.lock().unwrap(), heard);
        }
    });
    seen
}

fn see(seen: &mut HashMap<SessionId, Sight>, heard: Heard) {
    let Heard::Told(Told { subject, seq, payload, .. }) = heard else { return };
    let BusSubject::Presence { session, user } = subject else { panic!("{subject:?}") };
    let event = Envelope::decode(&payload).unwrap().event;
    let Event::Ambient(ambient::Event::PresenceChanged { status, .. }) = event else { panic!("{event:?}") };
    let told = seen.get(&session).map_or(0, |before| before.told);
    // After a break everything is heard again.
    if seen.get(&session).is_none_or(|before| before.seq < seq) {
        seen.insert(session, Sight { user, status, seq, told: told + 1 });
    }
}

fn envelope(subject: Subject, actor: UserId, event: Event) -> Envelope {
    Envelope {
        id: EventId::mint(&SystemClock),
        subject,
        time: SystemClock.now(),
        actor,
        correlation: CorrelationId::mint(&SystemClock),
        causation: None,
        event,
    }
}

#[tokio::test]
async fn the_sessions_of_a_killed_node_are_offline_within_20_s_and_out_of_their_calls() {
    let place = Place::new().await;
    let worker = place.worker().await;
    let (killed, living) = (place.gateway().await, place.gateway().await);
    let room = RoomId::mint(&SystemClock);
    let (one, two) = (place.device(killed.id, None).await, place.device(living.id, None).await);
    let (room_of_call, call_id) = place.call(&[one, two]).await;
    let (one, two) = {
        let call = Some(room_of_call);
        (place.announce(one, killed.id, 0, call).await.unwrap(), place.announce(two, living.id, 0, call).await.unwrap())
    };
    // In no call that the log knows.
    let lost = place.device(killed.id, Some(room)).await;

    killed.kill();
    let since = Instant::now();
    place.goes_offline(one).await;
    place.goes_offline(lost).await;
    let took = since.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(took > Duration::from_secs(10), "nobody vouches for them only when the lease is over: {took:?}");
    assert_eq!(place.in_call(room_of_call).await, [two.session]);
    let left = call::Event::Left { call_id, user_id: one.user, session: one.session, reason: LeaveReason::Lost };
    assert_eq!(place.last_events(room_of_call, 1).await, [left]);
    assert!(!place.is_offline(two), "its node lives");

    living.stop().await;
    place.goes_offline(two).await;
    let left = call::Event::Left { call_id, user_id: two.user, session: two.session, reason: LeaveReason::Lost };
    let ended = call::Event::Ended { call_id, reason: EndReason::Empty };
    assert_eq!(place.last_events(room_of_call, 2).await, [left, ended]);
    worker.stop().await;
}

#[tokio::test]
async fn the_sessions_of_a_node_that_ended_in_order_have_5_s_to_be_elsewhere() {
    let place = Place::new().await;
    let worker = place.worker().await;
    let (going, other) = (place.gateway().await, place.gateway().await);
    let (left_behind, moving) = (place.device(going.id, None).await, place.device(going.id, None).await);

    going.stop().await;
    let since = Instant::now();
    let moved = place.announce(moving, other.id, 1, None).await.unwrap();
    place.goes_offline(left_behind).await;
    assert!(since.elapsed() > Duration::from_secs(4) && since.elapsed() < Duration::from_secs(10));
    assert!(!place.is_offline(moved), "it was resumed elsewhere");
    worker.stop().await;
}

#[tokio::test]
async fn a_node_that_never_had_a_lease_vouches_for_nobody() {
    let place = Place::new().await;
    let stray = place.device(NodeId::mint(&SystemClock), None).await;
    let worker = place.worker().await;
    let since = Instant::now();
    place.goes_offline(stray).await;
    assert!(since.elapsed() < Duration::from_secs(10));
    // Others may have it again, at the seq at which it stands now.
    let seq = place.seen.lock().unwrap()[&stray.session].seq;
    let node = place.gateway().await;
    let back = place.announce(Device { seq, ..stray }, node.id, 1, None).await.unwrap();
    place.reaper_has_looked().await;
    assert!(!place.is_offline(back), "somebody vouches for it again");
    worker.stop().await;
}

/// The real programs, as an operator runs them.
#[tokio::test]
async fn whoever_was_on_a_gateway_that_is_killed_is_offline_for_everybody_within_20_s() {
    let world = World::on_one_server().await;
    let seen = watch(&world.bus().await).await;
    let (killed, other) = (Process::serve(&world, "gateway").await, Process::serve(&world, "gateway").await);
    let workers = Process::serve(&world, "workers").await;
    let (ada, bob) = (user_id(), user_id());
    let mut sockets = Vec::new();
    for (node, user) in [(&killed, ada), (&other, bob), (&killed, ada)] {
        sockets.push(Client::connect(&node.ws_url(), &world.token(user), Encoding::Json).await.unwrap());
    }
    let all = async |user, devices, status| {
        let theirs = seen.lock().unwrap().values().filter(|sight| sight.user == user).copied().collect::<Vec<_>>();
        theirs.len() == devices && theirs.iter().all(|sight| sight.status == status)
    };
    until("Ada is there twice", async || all(ada, 2, Status::Online).await).await;
    until("Bob is there", async || all(bob, 1, Status::Online).await).await;

    killed.kill().await;
    let since = Instant::now();
    until("Ada is gone", async || all(ada, 2, Status::Offline).await).await;
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    assert!(all(bob, 1, Status::Online).await, "his gateway lives");

    // Ended in order, and nobody comes back.
    other.stop().await;
    until("Bob is gone", async || all(bob, 1, Status::Offline).await).await;
    workers.stop().await;
}

#[tokio::test]
async fn one_of_two_workers_reaps_and_when_it_is_killed_the_other_does() {
    let place = Place::new().await;
    let (first, second) = (place.worker().await, place.worker().await);
    let dead = NodeId::mint(&SystemClock);
    let mut devices = Vec::new();
    for _ in 0..20 {
        devices.push(place.device(dead, None).await);
    }
    for &device in &devices {
        place.goes_offline(device).await;
    }
    let acted = place.acts().await;
    first.kill();
    for _ in 0..20 {
        devices.push(place.device(dead, None).await);
    }
    for &device in &devices {
        place.goes_offline(device).await;
    }
    assert_ne!(place.acts().await, acted);
    second.stop().await;
    let seen = place.seen.lock().unwrap();
    assert_eq!(seen.len(), devices.len());
    assert!(seen.values().all(|sight| sight.told == 2), "each was told to be there and to be gone, once: {seen:?}");
}

/// Leases run out while nobody can refresh them.
#[tokio::test]
async fn nobody_goes_offline_because_nats_was_away() {
    let mut nats = servers::own_nats().await;
    let place = Place::on(nats.url()).await;
    let worker = place.worker().await;
    let node = place.gateway().await;
    let device = place.device(node.id, None).await;
    // Its lease among others.
    place.reaper_has_looked().await;

    nats.kill().await.unwrap();
    tokio::time::sleep(LEASE + Duration::from_secs(1)).await;
    nats.restart().await.unwrap();
    until("the node has its lease again", async || place.bus.is_alive(node.id).await.unwrap_or(false)).await;
    place.reaper_has_looked().await;
    assert!(!place.is_offline(device));
    assert_eq!(place.announce(device, node.id, 0, None).await.map(|_| ()), Ok(()), "nobody has touched its record");

    node.kill();
    place.goes_offline(device).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_offline_record_is_forgotten_after_a_while() {
    assert!(OFFLINE_KEPT <= Duration::from_mins(10), "the picture must not grow for ever");
    let place = Place::new().await;
    let stray = place.device(NodeId::mint(&SystemClock), None).await;
    let worker = place.worker().await;
    place.goes_offline(stray).await;
    let context = async_nats::jetstream::new(place.client.clone());
    let stream = context.get_stream(place.namespace.stream("PRESENCE")).await.unwrap();
    let subject = place.namespace.told(BusSubject::Presence { user: stray.user, session: stray.session });
    let record = stream.get_last_raw_message_by_subject(&subject).await.unwrap();
    let ttl = record.headers.get("Nats-TTL").expect("it expires").as_str();
    assert_eq!(ttl, format!("{}s", OFFLINE_KEPT.as_secs()));
    worker.stop().await;
}

#[tokio::test]
async fn a_call_that_is_due_is_ended_if_it_is_still_that_call() {
    let place = Place::new().await;
    let node = place.gateway().await;
    let (one, two) = (place.device(node.id, None).await, place.device(node.id, None).await);
    let ((idle, idle_call), (busy, busy_call)) = (place.call(&[one]).await, place.call(&[two]).await);
    let date = |call: CallId| json!({ "callId": call }).to_string().into();
    place.bus.schedule(Due::Call(idle), SystemClock.now(), date(idle_call)).await.unwrap();
    // The date of a call before this one, and one that says nothing.
    place.bus.schedule(Due::Call(busy), SystemClock.now(), date(CallId::mint(&SystemClock))).await.unwrap();
    place.bus.schedule(Due::Call(RoomId::mint(&SystemClock)), SystemClock.now(), "{}".into()).await.unwrap();

    let worker = place.worker().await;
    until("the idle call is over", async || place.in_call(idle).await.is_empty()).await;
    let ended = call::Event::Ended { call_id: idle_call, reason: EndReason::Idle };
    assert_eq!(place.last_events(idle, 1).await, [ended]);
    until("everything that was due is done", async || {
        let context = async_nats::jetstream::new(place.client.clone());
        let mut stream = context.get_stream(place.namespace.stream("SCHEDULE")).await.unwrap();
        stream.info().await.unwrap().state.messages == 0
    })
    .await;
    assert_eq!(place.in_call(busy).await, [two.session]);
    let kept = place.last_events(busy, 1).await;
    assert!(matches!(kept[..], [call::Event::Joined { call_id, .. }] if call_id == busy_call), "{kept:?}");
    worker.stop().await;
}
