//! A whole Voxlog for one test: a log, a database, a key, and any number of nodes on them.
//!
//! Nodes run in the test's process, where a test can set what it needs, or as processes of their own, which can be
//! killed. Both kinds serve the same log and the same database.

use std::{fmt, sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    bus::Bus,
    clock::{Clock, SystemClock},
    envelope::Header,
    id::{RoomId, UserId},
    log::{Log, LogConfig, Namespace, NatsLog, ReadError, Stored},
    position::{Chain, Class, Partition, Partitions, Position, Seq},
};
use voxlog_gateway::{
    Parts,
    config::Config,
    identity::Identity,
    limits::{Budget, Policies, Policy},
};
use voxlog_projections::{ReadModel, last_seen, projector};

use crate::servers;

/// Few enough that a test opens them fast, and more than one.
const PARTITIONS: Partitions = Partitions::new(2).expect("two is a count of partitions");

/// Budgets that no test runs into by accident.
pub const UNLIMITED: Policies = Policies::all(Policy::new(1_000_000, 1_000_000, Duration::from_secs(1)));

/// The servers and settings that a test's nodes share.
#[derive(Debug, Clone)]
pub struct World {
    /// Where NATS is.
    pub nats: Vec<String>,
    /// Where PostgreSQL is: a database of this test's own.
    pub database: String,
    /// The prefix of this test's streams.
    pub namespace: Namespace,
    /// Copies of each stream.
    pub replicas: u8,
    /// How long the log knows a repetition by its id.
    pub duplicate_window: Duration,
    /// The key that signs all nodes' tokens.
    pub signing_key: String,
}

/// A gateway in the test's process.
#[derive(Debug)]
pub struct Node {
    /// `http://127.0.0.1:port`.
    pub url: String,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

/// Something in the test's process that ends when it is dropped, at the latest.
#[derive(Debug)]
pub struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    /// One nats-server and PostgreSQL, both shared with other tests.
    pub async fn on_one_server() -> Self {
        Self::on(vec![servers::nats().await], 1).await
    }

    /// The cluster of three and PostgreSQL, both shared with other tests.
    pub async fn on_a_cluster() -> Self {
        Self::on(servers::nats_cluster().await, 3).await
    }

    /// Servers of the test's choice, with a database on the shared PostgreSQL.
    pub async fn on(nats: Vec<String>, replicas: u8) -> Self {
        Self {
            nats,
            database: servers::postgres_database().await,
            namespace: Namespace::new(servers::namespace()).expect("a fresh namespace is one"),
            replicas,
            duplicate_window: Duration::from_mins(2),
            signing_key: voxlog_gateway::identity::keys::generate_pem(),
        }
    }

    /// A connection of its own to this world's log.
    pub async fn log(&self) -> Arc<NatsLog> {
        let client = self.nats_client().await;
        let config = LogConfig {
            replicas: self.replicas,
            duplicate_window: self.duplicate_window,
            ..LogConfig::new(self.namespace.clone(), PARTITIONS)
        };
        Arc::new(NatsLog::open(client, config).await.expect("the streams are made or as they must be"))
    }

    /// A connection of its own to this world's NATS.
    pub async fn nats_client(&self) -> async_nats::Client {
        voxlog_core::log::connect(&self.nats.join(","), "test", None).await.expect("NATS takes clients")
    }

    /// What nodes tell each other beside the log, on a connection of its own.
    pub async fn bus(&self) -> Bus {
        let bus = Bus::new(self.nats_client().await, self.namespace.clone(), self.replicas);
        bus.bring_up().await.expect("the streams are made or brought up to date");
        bus
    }

    /// Which of the log's streams a room is in.
    pub fn partition_of(&self, room: RoomId) -> Partition {
        PARTITIONS.of(room.as_uuid())
    }

    /// The live read models.
    pub fn read_model(&self) -> ReadModel {
        ReadModel::connect(&self.database, "voxlog").expect("a database URL")
    }

    /// A gateway with limits that no test runs into by accident.
    pub async fn gateway(&self) -> Node {
        self.gateway_with(|_| {}, Arc::new(SystemClock)).await
    }

    /// A gateway that a test sets up.
    pub async fn gateway_with(&self, change: impl FnOnce(&mut Config), clock: Arc<dyn Clock>) -> Node {
        let log = self.log().await;
        self.gateway_on(log, change, clock).await
    }

    /// A gateway on a log that a test has prepared.
    pub async fn gateway_on(&self, log: Arc<dyn Log>, change: impl FnOnce(&mut Config), clock: Arc<dyn Clock>) -> Node {
        let mut config = self.config();
        change(&mut config);
        let identity_pool = self.identity_pool();
        let (nats, namespace, replicas) = (self.nats_client().await, self.namespace.clone(), self.replicas);
        let bus = self.bus().await;
        let parts =
            Parts { config, log, nats, bus, namespace, replicas, read: self.read_model(), identity_pool, clock };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let shutdown = CancellationToken::new();
        let ending = shutdown.clone();
        let serving = tokio::spawn(async move {
            voxlog_gateway::serve(parts, listener, ending).await.expect("the gateway serves until it is told to end");
        });
        let node = Node { url, shutdown, serving };
        node.ready().await;
        node
    }

    /// A projector over all partitions.
    pub async fn projector(&self) -> Running {
        let (log, read, shutdown) = (self.log().await, self.read_model(), CancellationToken::new());
        let seeing = last_seen::run(self.bus().await, read.clone(), shutdown.clone());
        let projecting = projector::run(projector::Config::default(), log, read, Arc::default(), shutdown.clone());
        let task = tokio::spawn(async move {
            tokio::join!(seeing, projecting);
        });
        Running { shutdown, task }
    }

    /// Waits until the read models have everything that the log has now.
    pub async fn caught_up(&self) {
        let (log, read) = (self.log().await, self.read_model());
        for partition in log.partitions().all() {
            let position = Position { partition, seq: log.tail(partition).await.expect("the log answers").last };
            let caught_up = async || read.wait_for(position, Duration::from_secs(1)).await.is_ok();
            until("the read models have caught up", caught_up).await;
        }
    }

    /// An access token, as if the user had signed in just now.
    pub fn token(&self, user: UserId) -> String {
        self.token_at(user, Arc::new(SystemClock))
    }

    /// An access token, as if the user had signed in when this clock says.
    pub fn token_at(&self, user: UserId, clock: Arc<dyn Clock>) -> String {
        let identity = Identity::new(self.identity_pool(), &self.config(), clock);
        identity.expect("the key is one").issue(user, false).expect("a token can be signed").token
    }

    /// The environment of a node that runs as a process of its own on this world.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("NATS_URL", self.nats.join(",")),
            ("DATABASE_URL", self.database.clone()),
            ("VOXLOG_NAMESPACE", self.namespace.to_string()),
            ("VOXLOG_PARTITIONS", PARTITIONS.count().to_string()),
            ("VOXLOG_REPLICAS", self.replicas.to_string()),
            ("VOXLOG_JWT_PRIVATE_KEY", self.signing_key.clone()),
            ("VOXLOG_BIND", "127.0.0.1:0".to_owned()),
            ("VOXLOG_LIMITS", unlimited()),
        ]
    }

    fn config(&self) -> Config {
        let mut config = Config::with_key(&self.signing_key);
        config.limits.commands_per_s = 1_000_000;
        config.limits.commands_burst = 1_000_000;
        config.budgets = UNLIMITED;
        config.password_cost.memory_kib = 64;
        config.password_cost.passes = 1;
        config
    }

    fn identity_pool(&self) -> PgPool {
        Identity::pool(&self.database).expect("a database URL")
    }
}

impl Node {
    /// Where its sockets connect.
    pub fn ws_url(&self) -> String {
        format!("{}/ws", self.url.replacen("http", "ws", 1))
    }

    /// Ends it as SIGTERM would and waits until it has ended.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.expect("the gateway ended in order");
    }

    /// Takes it away at once: sockets break, tasks are dropped where they stand.
    pub fn abort(self) {
        self.serving.abort();
    }

    async fn ready(&self) {
        until("the gateway is ready", async || {
            reqwest::get(format!("{}/readyz", self.url)).await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }
}

impl Running {
    /// Ends it in order.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        (&mut self.task).await.expect("the task ended in order");
    }

    /// Takes it away where it stands.
    pub async fn abort(mut self) {
        self.task.abort();
        let _cancelled = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// [`UNLIMITED`], as the environment says it.
fn unlimited() -> String {
    Budget::ALL.map(|budget| format!("{}=1000000+1000000/s", budget.as_str())).join(",")
}

/// Somebody new.
pub fn user_id() -> UserId {
    UserId::mint(&SystemClock)
}

/// Waits until `condition` holds; fails the test after a minute.
pub async fn until(what: impl fmt::Display, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "in vain for a minute: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Every message event of a room, as the log has it.
pub async fn whole_chain(log: &dyn Log, room: RoomId) -> Result<Vec<Stored>, ReadError> {
    read_chain(log, room, Class::Msg).await
}

/// Every event of a room, as the log has it: its seq and its id.
pub async fn whole_room(log: &dyn Log, room: RoomId) -> Result<Vec<(u64, String)>, ReadError> {
    let id = |stored: &Stored| Header::read(&stored.payload).expect("the log holds events").id.to_string();
    Ok(read_room(log, room).await?.iter().map(|(_, stored)| (stored.seq.0, id(stored))).collect())
}

/// Every record of a room, by class, in the order of the log.
pub async fn read_room(log: &dyn Log, room: RoomId) -> Result<Vec<(Class, Stored)>, ReadError> {
    let mut records = Vec::new();
    for class in Class::ALL {
        records.extend(read_chain(log, room, class).await?.into_iter().map(|stored| (class, stored)));
    }
    records.sort_unstable_by_key(|(_, stored)| stored.seq);
    Ok(records)
}

async fn read_chain(log: &dyn Log, room: RoomId, class: Class) -> Result<Vec<Stored>, ReadError> {
    const PAGE: usize = 1000;
    let head = log.tail(log.partitions().of(room.as_uuid())).await?.last;
    let mut read = Vec::<Stored>::new();
    loop {
        let after = read.last().map_or(Seq::ZERO, |stored| stored.seq);
        let page = log.read(Chain::Room(room, class), after, PAGE, head).await?;
        let full = page.len() == PAGE;
        read.extend(page);
        if !full {
            return Ok(read);
        }
    }
}
