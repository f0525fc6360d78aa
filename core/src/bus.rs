//! What nodes tell each other beside the log: who is there, who types and speaks, what devices signal to each other,
//! which nodes are alive, and what is to happen at a time.
//!
//! Nothing of it is a fact. It may be forgotten, superseded or expire, so its streams have holes, and whoever follows one
//! is told when something may have been missed ([`Heard::Lost`]). It stands on the same consumers as the log's follower.
//!
//! | stream | kept | |
//! |---|---|---|
//! | `PRESENCE` | the last record of each session; one with a time to live expires | [`Bus::presence`] |
//! | `SIGNAL` | in memory, 60 s | [`Bus::signals`], [`Bus::signals_after`] |
//! | `NODES`, a bucket | a node's lease, 15 s | [`Bus::hold_lease`], [`Bus::nodes`] |
//! | `SCHEDULE` | until it is due, then until somebody has done it | [`Bus::schedule`], [`Bus::due`] |

use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use futures_util::{future::try_join_all, stream::BoxStream};
use tokio::time::timeout;

use crate::{
    clock::Time,
    id::{RoomId, SessionId, UserId},
    log::{
        AppendError, Namespace, OpenError, ReadError,
        direct::{self, Request},
        fence::Expected,
        read::Lag,
    },
    position::Seq,
};

mod nodes;
mod publish;
mod schedule;
pub mod streams;
mod tail;

pub use nodes::{LEASE, Lease, REFRESH};
pub use schedule::{Agenda, Due, DueTask};
pub use streams::{OFFLINE_KEPT, SIGNAL_KEPT};

use publish::Message;
use streams::Stream;

/// The kept signals of a session that are read at a time: far more than two devices have to say while one reconnects.
const SIGNALS_AT_ONCE: usize = 1000;

/// How long what nobody waits for may wait for the connection.
const UNACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);

/// The streams beside the log, on one connection.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    namespace: Namespace,
    replicas: u8,
}

/// What something is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BusSubject {
    /// How a session is there.
    Presence {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
    },
    /// Something for a session.
    Signal {
        /// Whom it is for.
        session: SessionId,
    },
    /// Somebody types in a room, or no more.
    Typing {
        /// Where.
        room: RoomId,
    },
    /// Somebody speaks in a room's call, or no more.
    Speaking {
        /// Where.
        room: RoomId,
    },
}

/// Something that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where it stands in its stream. Seqs of a subject ascend, also when a stream had to be made anew.
    pub seq: Seq,
    /// What it is about.
    pub subject: BusSubject,
    /// The CloudEvent's bytes.
    pub payload: Bytes,
    /// When the stream took it, by the stream's clock.
    pub time: Time,
}

/// What a follower hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Something was told.
    Told(Told),
    /// Of presence: the picture is whole. Of signals: what is told from here on is heard.
    CaughtUp,
    /// Something may have been missed. Of presence, the whole picture follows once more, up to `CaughtUp`: whoever is not
    /// in it is gone. Of signals, what is left follows.
    Lost,
}

/// Why something was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// The last record is not the expected one.
    #[error("another record stands at {seen}")]
    Conflict {
        /// Where the session's last record stands; 0 when it has none.
        seen: Seq,
    },
    /// NATS does not take it, and never will.
    #[error("it can't be told: {0}")]
    Refused(String),
    /// It may have been told or not; the retries of at least 15 s could not settle it.
    #[error("NATS does not answer: {0}")]
    Unavailable(String),
}

impl Bus {
    /// The streams of an installation, as they are. [`bring_up`](Self::bring_up) before anything is told.
    pub fn new(client: Client, namespace: Namespace, replicas: u8) -> Self {
        Self { client, namespace, replicas }
    }

    /// Makes the streams that are missing and brings those up to date that are there. Whoever calls it tries again after
    /// [`OpenError::Unavailable`].
    pub async fn bring_up(&self) -> Result<(), OpenError> {
        try_join_all(Stream::ALL.map(|stream| self.ensure(stream))).await?;
        Ok(())
    }

    /// Every session's last record, then [`Heard::CaughtUp`], then every record as it comes, in the order of seqs. It
    /// heals itself and never ends; after a break it begins anew with [`Heard::Lost`].
    pub fn presence(&self) -> BoxStream<'static, Heard> {
        tail::picture(self.clone(), Stream::Presence)
    }

    /// Signals, typing and speaking of all rooms as they are told, in the order of seqs, beginning with
    /// [`Heard::CaughtUp`]. It heals itself and never ends.
    pub fn signals(&self) -> BoxStream<'static, Heard> {
        tail::from_now(self.clone(), Stream::Signal)
    }

    /// Tells how a session is there, if its last record stands at `expected` (0 when there must be none). After `ttl`,
    /// whole seconds, the record is forgotten: an offline one's is [`OFFLINE_KEPT`].
    pub async fn tell_presence(
        &self,
        user: UserId,
        session: SessionId,
        payload: Bytes,
        expected: Option<Seq>,
        ttl: Option<Duration>,
    ) -> Result<Seq, TellError> {
        let mut message = Message::new(self.namespace.told(BusSubject::Presence { user, session }), payload);
        if let Some(last) = expected {
            message.expect(&Expected { subject: message.subject.clone(), last });
        }
        if let Some(ttl) = ttl {
            message.expire(ttl);
        }
        self.publish(Stream::Presence, message).await
    }

    /// Signals something to a session. Once it is acknowledged it is heard, now or after a reconnect within
    /// [`SIGNAL_KEPT`].
    pub async fn tell_signal(&self, to: SessionId, payload: Bytes) -> Result<Seq, TellError> {
        let subject = self.namespace.told(BusSubject::Signal { session: to });
        self.publish(Stream::Signal, Message::new(subject, payload)).await
    }

    /// Tells that somebody types, or no more. Nobody waits for it, so it may be lost.
    pub async fn tell_typing(&self, room: RoomId, payload: Bytes) -> Result<(), TellError> {
        self.send(BusSubject::Typing { room }, payload).await
    }

    /// Tells that somebody speaks, or no more. Nobody waits for it, so it may be lost.
    pub async fn tell_speaking(&self, room: RoomId, payload: Bytes) -> Result<(), TellError> {
        self.send(BusSubject::Speaking { room }, payload).await
    }

    /// The kept signals of a session after `after`, oldest first: all that were acknowledged within the last
    /// [`SIGNAL_KEPT`].
    pub async fn signals_after(&self, session: SessionId, after: Seq) -> Result<Vec<Told>, ReadError> {
        let (stream, subject) = (Stream::Signal.name(&self.namespace), BusSubject::Signal { session });
        let name = self.namespace.told(subject);
        // Whatever replica answers must have what its leader had before it was asked.
        let last = self.last_seq(&stream, &name).await?.unwrap_or_default();
        let request = Request::From { next_by_subj: &name, seq: after.next(), batch: SIGNALS_AT_ONCE };
        let mut lag = Lag::default();
        loop {
            let messages = direct::get(&self.client, &stream, &request).await?.messages;
            let reached = messages.last().map_or(after, |message| message.seq);
            if messages.len() >= SIGNALS_AT_ONCE || reached >= last {
                let told = messages.into_iter().map(|message| {
                    Ok(Told { seq: message.seq, subject, time: message.time()?, payload: message.into_payload() })
                });
                return told.collect();
            }
            lag.wait().await?;
        }
    }

    /// Publishes what is not waited for. While the connection is away it is dropped: told late it would be wrong.
    async fn send(&self, subject: BusSubject, payload: Bytes) -> Result<(), TellError> {
        let sent = self.client.publish(self.namespace.told(subject), payload);
        match timeout(UNACKNOWLEDGED_WITHIN, sent).await {
            Ok(sent) => sent.map_err(|error| TellError::Refused(error.to_string())),
            Err(_) => Err(TellError::Unavailable("not connected".to_owned())),
        }
    }
}

impl From<AppendError> for TellError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { seen, .. } => Self::Conflict { seen },
            AppendError::Unknown(what) => Self::Unavailable(what),
            AppendError::Refused(what) => Self::Refused(what),
        }
    }
}
