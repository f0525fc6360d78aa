//! A log in memory, and a database of its own.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::{Clock, ManualClock, SystemClock},
    envelope::Envelope,
    event::{Event, Subject},
    id::{CorrelationId, EventId, MessageId, UserId},
    log::{Log, Record, memory::MemoryLog},
    message::{self, Kind},
    position::{Chain, Class, Partitions, Position, Seq},
    room::{self, Settings},
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

/// The same post or edit, with these mentions.
pub(super) fn mentioning(mut event: message::Event, whom: Vec<UserId>) -> message::Event {
    if let message::Event::Posted { mentions, .. } | message::Event::Edited { mentions, .. } = &mut event {
        *mentions = whom;
    }
    event
}
