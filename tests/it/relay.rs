//! The relay on a real NATS: what is committed reaches plain subscribers, in order, with its chain, and a relay that goes
//! leaves no hole.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    bus::Bus,
    clock::SystemClock,
    id::{EventId, RoomId},
    log::{Log, LogConfig, Namespace, NatsLog, Record, connect},
    position::{Chain, Class, Partitions, Seq},
};
use voxlog_tests::servers;
use voxlog_workers::{Config, Parts};

const PATIENCE: Duration = Duration::from_secs(30);

/// Short, so that a takeover takes a test's time.
const QUICK: Config = Config {
    replicas: 1,
    lease: Duration::from_millis(900),
    refresh: Duration::from_millis(200),
    grace: Duration::from_secs(8),
};

struct Place {
    client: Client,
    log: Arc<NatsLog>,
    namespace: Namespace,
}

impl Place {
    async fn new() -> Self {
        let client = connect(&servers::nats().await, "relay test", None).await.unwrap();
        let namespace = Namespace::new(servers::namespace()).unwrap();
        let config = LogConfig::new(namespace.clone(), Partitions::new(2).unwrap());
        let log = Arc::new(NatsLog::open(client.clone(), config).await.unwrap());
        Self { client, log, namespace }
    }

    async fn listen(&self) -> Subscriber {
        let subscriber = self.client.subscribe(format!("{}.live.>", self.namespace)).await.unwrap();
        self.client.flush().await.unwrap();
        subscriber
    }

    /// On a connection of its own, as another process would have.
    async fn relay(&self) -> (JoinHandle<()>, CancellationToken) {
        let client = connect(&servers::nats().await, "relay", None).await.unwrap();
        let shutdown = CancellationToken::new();
        let parts = Parts {
            config: QUICK,
            log: self.log.clone(),
            bus: Bus::new(client.clone(), self.namespace.clone(), 1),
            client,
            namespace: self.namespace.clone(),
            clock: Arc::new(SystemClock),
            health: Arc::default(),
        };
        let run = voxlog_workers::run(parts, shutdown.clone());
        (tokio::spawn(run), shutdown)
    }

    async fn say(&self, room: RoomId, text: &'static str) -> Seq {
        let chain = Chain::Room(room, Class::Msg);
        let record =
            Record { id: EventId::mint(&SystemClock), chain, payload: Bytes::from_static(text.as_bytes()), ttl: None };
        self.log.append(record, Seq::ZERO).await.unwrap().seq
    }

    /// Says something until a relay passes it on, and returns the last thing that it passed on: it works by then.
    async fn warm_up(&self, room: RoomId, live: &mut Subscriber) -> Seq {
        let mut said = self.say(room, "warm up").await;
        loop {
            match timeout(Duration::from_millis(200), live.next()).await {
                Ok(message) if message.as_ref().map(seq) == Some(said) => return said,
                Ok(_) => {}
                Err(_) => said = self.say(room, "warm up").await,
            }
        }
    }
}

fn number(message: &Message, name: &str) -> Seq {
    Seq(message.headers.as_ref().unwrap().get(name).unwrap().as_str().parse().unwrap())
}

fn seq(message: &Message) -> Seq {
    number(message, "Vox-Seq")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_what_is_committed_with_its_chain() {
    let place = Place::new().await;
    let (room, mut live) = (RoomId::mint(&SystemClock), place.listen().await);
    let before = place.say(room, "before the relay").await;
    let (relay, shutdown) = place.relay().await;
    let mut last = place.warm_up(room, &mut live).await;
    assert!(last > before);
    for _ in 0..100 {
        let said = place.say(room, "hello").await;
        let message = timeout(PATIENCE, live.next()).await.expect("it is relayed").unwrap();
        assert_eq!(message.subject.as_str(), format!("{}.live.room.{room}.msg", place.namespace));
        assert_eq!((seq(&message), number(&message, "Vox-Prev")), (said, last));
        assert_eq!(&message.payload[..], b"hello");
        last = said;
    }
    shutdown.cancel();
    relay.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_relays_acts_and_the_next_leaves_no_hole() {
    let place = Place::new().await;
    let (room, mut live) = (RoomId::mint(&SystemClock), place.listen().await);
    let (first, _) = place.relay().await;
    let start = place.warm_up(room, &mut live).await;
    let (second, shutdown) = place.relay().await;
    let mut said = Vec::new();
    for round in 0..300 {
        said.push(place.say(room, "on").await);
        if round == 100 {
            // As a killed process: the lease stays behind.
            first.abort();
        }
    }
    let mut got: HashMap<Seq, usize> = HashMap::new();
    let mut high = start;
    while high < *said.last().unwrap() {
        let message = timeout(PATIENCE, live.next()).await.expect("the second takes over").unwrap();
        high = high.max(seq(&message));
        *got.entry(seq(&message)).or_default() += 1;
    }
    let missed: Vec<_> = said.iter().filter(|seq| !got.contains_key(seq)).collect();
    assert!(missed.is_empty(), "missed {missed:?}");
    shutdown.cancel();
    second.await.unwrap();
}
