//! The sessions that are not offline, as `PRESENCE` tells of them.

use std::collections::{BTreeSet, HashMap};

use voxlog_core::{
    ambient,
    bus::{Heard, Told},
    envelope::Envelope,
    event::Event,
    id::{EventId, NodeId, RoomId, SessionId, UserId},
    position::Seq,
    presence::Status,
};

/// A session that is not offline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) user: UserId,
    pub(super) node: NodeId,
    pub(super) epoch: u32,
    pub(super) call: Option<RoomId>,
    /// Where its last record stands.
    pub(super) seq: Seq,
    /// The event of its last record.
    pub(super) told_by: EventId,
}

/// All of them, once the picture is whole.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: HashMap<SessionId, Session>,
    whole: bool,
}

impl Sessions {
    pub(super) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Told(told) => self.take(&told),
            Heard::CaughtUp => self.whole = true,
            Heard::Lost => *self = Self::default(),
        }
    }

    /// The nodes that have sessions; none while the picture is not whole, for what is seen then may be long superseded.
    pub(super) fn nodes(&self) -> BTreeSet<NodeId> {
        let known = self.known.values().filter(|_| self.whole);
        known.map(|session| session.node).collect()
    }

    pub(super) fn of(&self, node: NodeId) -> impl Iterator<Item = &Session> {
        self.known.values().filter(move |session| session.node == node)
    }

    fn take(&mut self, told: &Told) {
        let envelope = match Envelope::decode(&told.payload) {
            Ok(envelope) => envelope,
            Err(error) => return tracing::debug!(stream.seq = told.seq.0, %error, "no presence"),
        };
        let Event::Ambient(ambient::Event::PresenceChanged { user_id, session, node, epoch, status, call }) =
            envelope.event
        else {
            return tracing::debug!(stream.seq = told.seq.0, "no presence");
        };
        if status == Status::Offline {
            self.known.remove(&session);
            return;
        }
        let (seq, told_by) = (told.seq, envelope.id);
        self.known.insert(session, Session { id: session, user: user_id, node, epoch, call, seq, told_by });
    }
}
