//! A log in memory, a database of its own, and a history to put into both.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::{Clock, ManualClock, SystemClock, Time},
    envelope::Envelope,
    event::{Event, Subject},
    id::{CorrelationId, EventId, MessageId, RoomId, UserId},
    log::{Log, Record, memory::MemoryLog},
    message::{self, Kind},
    position::{Chain, Class, Partitions, Position, Seq},
    room::{self, Role, Settings},
    user,
};
use voxlog_projections::{
    ReadModel,
    projector::{self, Config},
};
use voxlog_tests::servers;

/// Within which a projector that nobody disturbs has everything.
const CAUGHT_UP_WITHIN: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub(super) struct World {
    pub(super) log: Arc<MemoryLog>,
    pub(super) url: String,
    pub(super) db: ReadModel,
    /// Moves with every event: none is as old as another, so lists by time have one order.
    pub(super) clock: ManualClock,
}

/// A projector that runs until it is dropped or killed.
pub(super) struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Running {
    pub(super) async fn kill(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl World {
    pub(super) async fn new(partitions: u16) -> Self {
        let log = Arc::new(MemoryLog::new(Partitions::new(partitions).unwrap()));
        let url = servers::postgres_database().await;
        let db = ReadModel::connect(&url, "voxlog").unwrap();
        db.migrate().await.unwrap();
        Self { log, url, db, clock: ManualClock::at(SystemClock.now()) }
    }

    /// A projector with connections of its own, like another process.
    pub(super) fn project(&self, batch: usize) -> Running {
        let db = ReadModel::connect(&self.url, "voxlog").unwrap();
        let config = Config { batch, ..Config::default() };
        Running(tokio::spawn(projector::run(config, self.log.clone(), db, Arc::default(), CancellationToken::new())))
    }

    /// Puts an event into the log.
    pub(super) async fn append(&self, subject: Subject, actor: UserId, event: impl Into<Event>) -> Position {
        let event = event.into();
        let id = match &event {
            Event::Message(message::Event::Posted { message_id, .. }) => EventId::from(*message_id),
            _ => EventId::mint(&SystemClock),
        };
        let chain = event.chain(subject).unwrap();
        self.clock.advance(TimeDelta::milliseconds(1));
        let (time, correlation) = (self.clock.now(), CorrelationId::mint(&SystemClock));
        let envelope = Envelope { id, subject, time, actor, correlation, causation: None, event };
        self.append_bytes(id, chain, envelope.encode()).await
    }

    /// Puts bytes into the log that may be no event.
    pub(super) async fn append_bytes(&self, id: EventId, chain: Chain, payload: bytes::Bytes) -> Position {
        let partition = self.log.partitions().of(chain.owner());
        let fence = self.log.tail(partition).await.unwrap().fence;
        let record = Record { id, chain, payload, ttl: None };
        let appended = match chain {
            Chain::Room(room, Class::Ctl) => {
                let guard = voxlog_core::log::Guard::Fence(fence);
                let commit = voxlog_core::log::Commit { records: vec![record], guard, marker: Some(room) };
                self.log.commit(commit).await.unwrap()
            }
            _ => self.log.append(record, fence).await.unwrap(),
        };
        Position { partition, seq: appended.seq }
    }

    /// Waits until the read models have all that is in the log now.
    pub(super) async fn caught_up(&self) {
        for partition in self.log.partitions().all() {
            let seq = self.log.tail(partition).await.unwrap().last;
            self.db.wait_for(Position { partition, seq }, CAUGHT_UP_WITHIN).await.unwrap();
        }
    }

    /// Every event of the log, by partition and in order.
    pub(super) async fn events(&self) -> Vec<(Seq, Envelope)> {
        use futures_util::StreamExt;
        let mut events = Vec::new();
        for partition in self.log.partitions().all() {
            let last = self.log.tail(partition).await.unwrap().last;
            let count = usize::try_from(last.0).unwrap();
            let mut feed = self.log.follow(partition, Seq::ZERO).take(count);
            while let Some(stored) = feed.next().await {
                let stored = stored.unwrap();
                if let voxlog_core::log::Subject::Chain(_) = stored.subject {
                    events.push((stored.seq, Envelope::decode(&stored.payload).unwrap()));
                }
            }
        }
        events
    }

    /// Runs a statement as somebody who is no part of Voxlog.
    pub(super) async fn sql(&self, statement: &str) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        connection.execute("SET search_path = voxlog").await.unwrap();
        connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    }

    /// Cuts every connection to this database.
    pub(super) async fn cut_connections(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }
}

pub(super) fn settings() -> Settings {
    Settings { is_public: true, ..Settings::default() }
}

pub(super) fn opened(name: &str, owner_id: UserId, settings: Settings) -> room::Event {
    let (name, description, code) = (name.to_owned(), String::new(), "ABCD2345".to_owned());
    room::Event::Created { name, description, code, owner_id, max_users: 50, settings }
}

pub(super) fn posted(message_id: MessageId, author_id: UserId, content: &str) -> message::Event {
    let content = content.to_owned();
    message::Event::Posted {
        message_id,
        author_id,
        content,
        kind: Kind::Text,
        reply_to: None,
        thread_root: None,
        mentions: vec![],
    }
}

/// A random history of some rooms, the same for the same seed but for ids and times. Some of its events concern what is
/// gone already: the log of a real installation holds such ones too.
pub(super) struct History {
    rng: StdRng,
    rooms: Vec<RoomId>,
    users: Vec<UserId>,
    messages: Vec<(RoomId, MessageId)>,
    edits: u64,
}

impl History {
    /// Registers people and opens rooms.
    pub(super) async fn begin(world: &World, seed: u64) -> Self {
        let mint = |_| RoomId::mint(&SystemClock);
        let users: Vec<_> = (0..8).map(|_| UserId::mint(&SystemClock)).collect();
        let rooms: Vec<_> = (0..6).map(mint).collect();
        for (&user_id, index) in users.iter().zip(0..) {
            let event =
                user::Event::Registered { user_id, username: format!("user{index}"), display_name: None, guest: false };
            world.append(Subject::User(user_id), user_id, event).await;
        }
        for (&room, index) in rooms.iter().zip(0..) {
            let event = opened(&format!("Room {index}"), users[0], settings());
            world.append(Subject::Room(room), users[0], event).await;
        }
        Self { rng: StdRng::seed_from_u64(seed), rooms, users, messages: Vec::new(), edits: 0 }
    }

    /// Appends so many events more.
    pub(super) async fn go_on(&mut self, world: &World, events: usize) {
        for _ in 0..events {
            let (room, actor, event) = self.next();
            world.append(Subject::Room(room), actor, event).await;
        }
    }

    fn next(&mut self) -> (RoomId, UserId, Event) {
        let room = self.rooms[self.rng.random_range(0..self.rooms.len())];
        let user_id = self.users[self.rng.random_range(0..self.users.len())];
        let dice = self.rng.random_range(0..100);
        if dice < 40 || self.messages.is_empty() {
            let id = MessageId::mint(&SystemClock);
            self.messages.push((room, id));
            return (room, user_id, posted(id, user_id, &format!("said {}", self.messages.len())).into());
        }
        if dice < 85 {
            let (room, id) = self.messages[self.rng.random_range(0..self.messages.len())];
            return (room, user_id, self.about(id, user_id, dice).into());
        }
        (room, user_id, self.in_room(user_id, dice).into())
    }

    fn about(&mut self, message_id: MessageId, user_id: UserId, dice: u32) -> message::Event {
        let emoji = ["👍", "🎉"][self.rng.random_range(0..2)].to_owned();
        self.edits += 1;
        match dice {
            40..60 => message::Event::Edited { message_id, content: format!("edit {}", self.edits), mentions: vec![] },
            60..63 => message::Event::Deleted { message_id },
            63..66 => message::Event::Pinned { message_id },
            66..68 => message::Event::Unpinned { message_id },
            68..80 => message::Event::ReactionAdded { message_id, user_id, emoji },
            _ => message::Event::ReactionRemoved { message_id, user_id, emoji },
        }
    }

    fn in_room(&mut self, user_id: UserId, dice: u32) -> room::Event {
        let until: Option<Time> = None;
        let reason = Some(format!("reason {dice}"));
        match dice {
            85..90 => room::Event::Joined { user_id, role: Role::Member },
            90..92 => room::Event::Left { user_id },
            92 => room::Event::Kicked { user_id, reason },
            93 => room::Event::Banned { user_id, until, reason },
            94 => room::Event::Unbanned { user_id },
            95 => room::Event::Muted { user_id, until, reason },
            96 => room::Event::Unmuted { user_id },
            97 => room::Event::RoleChanged { user_id, role: Role::Admin, former_owner_id: None },
            _ => {
                room::Event::Updated(room::Changes { name: Some(format!("name {}", self.edits)), ..Default::default() })
            }
        }
    }
}
