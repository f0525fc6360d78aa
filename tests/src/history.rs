//! What was asked, what came of it, and what everybody saw: the record of a run, to be checked when it is over.
//!
//! It is plain data, and reads back from the JSON that it is written to, so that a history that failed can be kept and
//! looked at again.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use voxlog_core::{
    envelope::Envelope,
    event::Event as Fact,
    id::{RoomId, UserId},
    log::{Log, ReadError},
    message, room,
};

use crate::{client::Event, world::read_room};

/// A run. Times are microseconds since it began, by one monotonic clock.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct History {
    /// The user of each client, by the client's number.
    pub clients: Vec<String>,
    /// What clients asked for, in the order in which it was over.
    pub operations: Vec<Operation>,
    /// Where clients began, and what they were sent then, in order.
    pub sights: Vec<Sight>,
    /// What was broken meanwhile.
    pub faults: Vec<Fault>,
    /// The rooms as they stand in the log when all is over, each in order.
    pub log: Vec<Logged>,
}

/// Something that a client asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Which client.
    pub client: usize,
    /// When it asked.
    pub invoked_us: u64,
    /// When it knew, or gave up.
    pub completed_us: u64,
    /// For what.
    pub ask: Ask,
    /// What it knew then.
    pub outcome: Outcome,
}

/// What may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// A message, under its own id.
    Post {
        /// In which room.
        room: String,
        /// Its id.
        id: String,
        /// What it says.
        body: String,
    },
    /// That somebody loses their seat.
    Kick {
        /// In which room.
        room: String,
        /// Who.
        user: String,
    },
    /// To be told how far one has read a room.
    Marker {
        /// Which room.
        room: String,
    },
    /// A read that is at least as new as a position.
    Read {
        /// The seq that it asks for.
        at_least: u64,
    },
    /// That a client's sign-in is good for nothing any more.
    Revoke {
        /// Whose.
        client: usize,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done. The seq is where it stands, or of a read how far it was.
    Ok(u64),
    /// Not done, and said so: its code.
    Refused(String),
    /// Done or not.
    Unknown,
}

/// What a client saw on its connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sight {
    /// Which client.
    pub client: usize,
    /// When.
    pub at_us: u64,
    /// Which room.
    pub room: String,
    /// What.
    pub seen: Seen,
}

/// What can be seen of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// It was let in, and everything after these seqs of `ctl`, `msg` and `call` is to follow.
    Begin([u64; 3]),
    /// An event.
    Event {
        /// Of which class.
        class: String,
        /// Where.
        seq: u64,
        /// After which.
        prev: u64,
        /// Its id.
        id: String,
    },
}

/// A time in which something was broken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// What was done.
    pub name: String,
    /// When it began.
    pub from_us: u64,
    /// When it was over.
    pub to_us: u64,
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// Which room.
    pub room: String,
    /// Of which class.
    pub class: String,
    /// Where.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// What it does to somebody's right to write and read.
    pub what: What,
}

/// What an event means to the checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A message.
    Posted {
        /// Whose.
        author: String,
        /// What it says.
        body: String,
    },
    /// Somebody has a seat now.
    Seated {
        /// Who.
        user: String,
    },
    /// Somebody has no seat any more.
    Unseated {
        /// Who.
        user: String,
    },
    /// Anything else.
    Other,
}

impl Ask {
    /// The message that the fields of a `message.send` ask for.
    pub fn post(fields: &Value) -> Self {
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        Self::Post { room: text("room"), id: text("messageId"), body: text("content") }
    }
}

/// Writes a history while it happens; all clients of a run share it.
#[derive(Debug, Clone)]
pub struct Recorder {
    begun: Instant,
    history: Arc<Mutex<History>>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { begun: Instant::now(), history: Arc::default() }
    }
}

impl Recorder {
    /// Takes in a client of this user, and gives its number.
    pub fn client(&self, user: UserId) -> usize {
        let mut history = self.lock();
        history.clients.push(user.to_string());
        history.clients.len() - 1
    }

    /// The time of this run.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Something that was asked at `invoked_us` is over.
    pub fn over(&self, client: usize, invoked_us: u64, ask: Ask, outcome: Outcome) {
        let completed_us = self.now_us();
        self.lock().operations.push(Operation { client, invoked_us, completed_us, ask, outcome });
    }

    /// A client was let into a room, to get everything after these seqs.
    pub fn begun(&self, client: usize, room: &str, after: [u64; 3]) {
        self.see(client, room, Seen::Begin(after));
    }

    /// A client was sent an event.
    pub fn saw(&self, client: usize, event: &Event) {
        let Event { room, class, seq, prev, event } = event;
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        self.see(client, room, Seen::Event { class: class.clone(), seq: *seq, prev: *prev, id });
    }

    /// Something was broken from then until now.
    pub fn broke(&self, name: impl Into<String>, from_us: u64) {
        let fault = Fault { name: name.into(), from_us, to_us: self.now_us() };
        self.lock().faults.push(fault);
    }

    /// The whole of it, with what the log has of these rooms now.
    pub async fn finish(self, log: &dyn Log, rooms: &[RoomId]) -> Result<History, ReadError> {
        let mut history = std::mem::take(&mut *self.lock());
        for room in rooms {
            for (class, stored) in read_room(log, *room).await? {
                let envelope = Envelope::decode(&stored.payload).expect("the log holds events");
                history.log.push(Logged {
                    room: room.to_string(),
                    class: class.as_str().to_owned(),
                    seq: stored.seq.0,
                    id: envelope.id.to_string(),
                    what: What::of(&envelope.event),
                });
            }
        }
        Ok(history)
    }

    fn see(&self, client: usize, room: &str, seen: Seen) {
        let sight = Sight { client, at_us: self.now_us(), room: room.to_owned(), seen };
        self.lock().sights.push(sight);
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().expect("a recorder's lock is held for one line")
    }
}

impl What {
    fn of(event: &Fact) -> Self {
        use room::Event as E;
        match event {
            Fact::Message(message::Event::Posted { author_id, content, .. }) => {
                Self::Posted { author: author_id.to_string(), body: content.clone() }
            }
            Fact::Room(
                E::Created { owner_id: user, .. }
                | E::Joined { user_id: user, .. }
                | E::Approved { user_id: user, .. }
                | E::InviteUsed { user_id: user, .. },
            ) => Self::Seated { user: user.to_string() },
            Fact::Room(E::Left { user_id } | E::Kicked { user_id, .. } | E::Banned { user_id, .. }) => {
                Self::Unseated { user: user_id.to_string() }
            }
            _ => Self::Other,
        }
    }
}
