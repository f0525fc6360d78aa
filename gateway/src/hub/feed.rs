//! What concerns a user, wherever it happens: a notice for each socket that they have on this node.
//!
//! Every node follows every partition, so a notice needs no room to be open here. It is a notice and nothing more: it
//! has no `prev`, it is not repeated after a reconnect, and an outbox that overflows drops it with the rest of its queue.
//! Whoever comes back reads the rooms and what is unread anew.
//!
//! Records that concern nobody here must cost next to nothing, so all but the control chains' are looked at before they
//! are decoded.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use voxlog_core::{
    clock::Clock,
    envelope::Header,
    event::Event,
    id::{RoomId, SessionId, UserId},
    log::{Stored, Subject},
    message,
    position::{Chain, Class, Seq},
    room, user,
};

use super::{Hub, Item, Outbox, SKEW, forget::Erased};
use crate::identity::Revoked;

/// What stands in every message that mentions somebody. In a text its quotes would be escaped.
const MENTIONS: &str = r#""mentions":["#;

/// What stands in every event that ends a sign-in.
const REVOKED: &str = "voxlog.session.revoked.";

/// What stands in the event that ends a user, and in no other: in a text its quotes would be escaped.
const ERASED: &str = r#""type":"voxlog.user.erased."#;

/// An event that concerns a user. Shared by all of their sockets.
#[derive(Debug)]
pub struct UserEntry {
    /// The room where it happened; `None` for an event of the user's own chain.
    pub room: Option<RoomId>,
    /// Which of the room's chains; `ctl` for the user's own.
    pub class: Class,
    /// Where it stands, in the partition of the room or of the user.
    pub seq: Seq,
    /// The CloudEvent as stored.
    pub event: Bytes,
}

/// The outboxes of those who have a socket here.
#[derive(Debug)]
pub(super) struct Feed {
    listeners: RwLock<HashMap<UserId, Vec<Arc<Outbox>>>>,
    pub(super) erased: Erased,
    revoked: Arc<Revoked>,
    clock: Arc<dyn Clock>,
    /// How long a token verifies by itself.
    access_ttl: Duration,
}

/// A socket's place in the feed of its user. Given back when it is dropped.
#[derive(Debug)]
pub struct Listening {
    hub: Arc<Hub>,
    user: UserId,
    outbox: Arc<Outbox>,
}

/// What a record has for whom.
#[derive(Debug)]
pub(super) struct Notice {
    entry: Arc<UserEntry>,
    revoked: Option<SessionId>,
    outboxes: Vec<Arc<Outbox>>,
}

impl Hub {
    /// From here on the outbox gets what concerns this user.
    pub fn listen(self: &Arc<Self>, user: UserId, outbox: &Arc<Outbox>) -> Listening {
        self.feed.add(user, outbox);
        Listening { hub: Arc::clone(self), user, outbox: Arc::clone(outbox) }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.hub.feed.remove(self.user, &self.outbox);
    }
}

impl Feed {
    /// A feed that nobody listens to yet.
    pub(super) fn new(erased: Erased, revoked: Arc<Revoked>, clock: Arc<dyn Clock>, access_ttl: Duration) -> Self {
        Self { listeners: RwLock::default(), erased, revoked, clock, access_ttl }
    }

    /// What a record has for those who listen here, if anything.
    pub(super) fn notice(&self, stored: &Stored) -> Option<Notice> {
        let Subject::Chain(chain) = stored.subject else { return None };
        match chain {
            Chain::User(user) => {
                let revoked = contains(&stored.payload, REVOKED).then(|| revoked_by(stored)).flatten();
                if let Some(session) = revoked {
                    self.revoked.note(session, self.clock.now() + self.access_ttl + SKEW);
                }
                if contains(&stored.payload, ERASED) {
                    self.revoked.note_user(user, self.clock.now() + self.access_ttl + SKEW);
                    self.erased.note(user);
                }
                self.tell(&[user], None, Class::Ctl, stored, revoked)
            }
            Chain::Room(room, class @ Class::Ctl) if self.has_listeners() => {
                self.tell(&concerned(&read(stored)?), Some(room), class, stored, None)
            }
            Chain::Room(room, class @ Class::Msg) if self.has_listeners() && contains(&stored.payload, MENTIONS) => {
                self.tell(&concerned(&read(stored)?), Some(room), class, stored, None)
            }
            Chain::Room(..) => None,
        }
    }

    fn tell(
        &self,
        users: &[UserId],
        room: Option<RoomId>,
        class: Class,
        stored: &Stored,
        revoked: Option<SessionId>,
    ) -> Option<Notice> {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        let outboxes: Vec<_> = users.iter().filter_map(|user| listeners.get(user)).flatten().cloned().collect();
        let entry = || Arc::new(UserEntry { room, class, seq: stored.seq, event: stored.payload.clone() });
        (!outboxes.is_empty()).then(|| Notice { entry: entry(), revoked, outboxes })
    }

    fn has_listeners(&self) -> bool {
        !self.listeners.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn add(&self, user: UserId, outbox: &Arc<Outbox>) {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(user).or_default().push(Arc::clone(outbox));
    }

    fn remove(&self, user: UserId, outbox: &Arc<Outbox>) {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(outboxes) = listeners.get_mut(&user) {
            outboxes.retain(|listening| !Arc::ptr_eq(listening, outbox));
            if outboxes.is_empty() {
                listeners.remove(&user);
            }
        }
    }
}

impl Notice {
    /// Hands it to the sockets.
    pub(super) fn deliver(self) {
        for outbox in &self.outboxes {
            outbox.push(Item::User(Arc::clone(&self.entry)));
            if let Some(session) = self.revoked {
                outbox.push(Item::Revoked(session));
            }
        }
    }
}

fn contains(payload: &[u8], what: &str) -> bool {
    std::str::from_utf8(payload).is_ok_and(|text| text.contains(what))
}

fn read(stored: &Stored) -> Option<Event> {
    Header::read(&stored.payload).and_then(|header| header.event()).ok()
}

fn revoked_by(stored: &Stored) -> Option<SessionId> {
    match read(stored)? {
        Event::User(user::Event::SessionRevoked { session_id, .. }) => Some(session_id),
        _ => None,
    }
}

/// Whose own standing an event of a room changes, or whom it mentions.
fn concerned(event: &Event) -> Vec<UserId> {
    use room::Event as E;
    match event {
        Event::Room(event) => match event {
            E::Created { owner_id: user, .. }
            | E::InviteUsed { user_id: user, .. }
            | E::Requested { user_id: user, .. }
            | E::Approved { user_id: user, .. }
            | E::Denied { user_id: user }
            | E::Joined { user_id: user, .. }
            | E::Left { user_id: user }
            | E::Kicked { user_id: user, .. }
            | E::Banned { user_id: user, .. }
            | E::Unbanned { user_id: user }
            | E::Muted { user_id: user, .. }
            | E::Unmuted { user_id: user } => vec![*user],
            E::RoleChanged { user_id, former_owner_id, .. } => {
                std::iter::once(*user_id).chain(*former_owner_id).collect()
            }
            E::Updated(_)
            | E::Archived {}
            | E::CodeRotated { .. }
            | E::InviteCreated { .. }
            | E::InviteRevoked { .. } => vec![],
        },
        Event::Message(message::Event::Posted { mentions, .. } | message::Event::Edited { mentions, .. }) => {
            mentions.clone()
        }
        Event::Message(_) | Event::Call(_) | Event::User(_) | Event::Ambient(_) => vec![],
    }
}
