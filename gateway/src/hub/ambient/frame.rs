//! What sockets get of a room's ambience: shared by all that are fast enough, merged for the others.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use axum::extract::ws::Message;
use voxlog_core::{
    id::{RoomId, SessionId, UserId},
    presence::{Shown, ShownStatus},
};

use crate::protocol::{Encoding, ServerFrame, reply::Present};

/// A frame for all listeners of a room.
#[derive(Debug)]
pub struct AmbientFrame {
    /// Which room.
    pub room: RoomId,
    /// What is so now.
    pub news: News,
    json: OnceLock<Message>,
    msgpack: OnceLock<Message>,
}

/// What is so now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Who is there: all, or what has changed.
    Presence {
        /// Who is not named is offline.
        full: bool,
        /// How each is seen.
        members: BTreeMap<UserId, Shown>,
    },
    /// Who is typing: all of them.
    Typing(Vec<UserId>),
    /// Who is speaking: all of them.
    Speaking(Vec<SessionId>),
}

/// Which of the news of a room: of each an outbox keeps one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hub) enum Kind {
    Presence,
    Typing,
    Speaking,
}

impl AmbientFrame {
    /// A frame that nobody has asked for yet: nothing is encoded.
    pub(in crate::hub) fn new(room: RoomId, news: News) -> Arc<Self> {
        Arc::new(Self { room, news, json: OnceLock::new(), msgpack: OnceLock::new() })
    }

    /// As it goes on the wire.
    pub fn message(&self, encoding: Encoding) -> Message {
        let cell = match encoding {
            Encoding::Json => &self.json,
            Encoding::Msgpack => &self.msgpack,
        };
        cell.get_or_init(|| encoding.encode(&self.frame())).clone()
    }

    pub(in crate::hub) const fn kind(&self) -> Kind {
        match self.news {
            News::Presence { .. } => Kind::Presence,
            News::Typing(_) => Kind::Typing,
            News::Speaking(_) => Kind::Speaking,
        }
    }

    /// One frame that tells what this one and the next tell. Lists are whole, so the next one's counts; of who is there
    /// only changes may have been told.
    pub(in crate::hub) fn then(self: &Arc<Self>, next: Arc<Self>) -> Arc<Self> {
        match (&self.news, &next.news) {
            (News::Presence { full, members }, News::Presence { full: false, members: changes }) => {
                let mut members = members.clone();
                members.extend(changes);
                if *full {
                    members.retain(|_, shown| shown.status != ShownStatus::Offline);
                }
                Self::new(next.room, News::Presence { full: *full, members })
            }
            _ => next,
        }
    }

    fn frame(&self) -> ServerFrame {
        let room = self.room;
        match &self.news {
            News::Presence { full, members } => {
                ServerFrame::Presence { room, full: *full, members: present(members).collect() }
            }
            News::Typing(users) => ServerFrame::Typing { room, users: users.clone() },
            News::Speaking(sessions) => ServerFrame::Speaking { room, sessions: sessions.clone() },
        }
    }
}

/// As frames list them.
pub(super) fn present(members: &BTreeMap<UserId, Shown>) -> impl Iterator<Item = Present> {
    members.iter().map(|(&user_id, &shown)| Present { user_id, shown })
}

#[cfg(test)]
mod tests {
    use voxlog_core::clock::SystemClock;

    use super::*;

    fn shown(status: ShownStatus) -> Shown {
        Shown { status, in_call: false }
    }

    #[test]
    fn changes_of_the_same_room_merge_into_one_frame() {
        let (room, ada, bob) = (RoomId::mint(&SystemClock), UserId::mint(&SystemClock), UserId::mint(&SystemClock));
        let frame = |full, members: &[(UserId, ShownStatus)]| {
            let members = members.iter().map(|(user, status)| (*user, shown(*status))).collect();
            AmbientFrame::new(room, News::Presence { full, members })
        };
        let first = frame(false, &[(ada, ShownStatus::Online), (bob, ShownStatus::Away)]);
        let gone = frame(false, &[(ada, ShownStatus::Offline)]);
        let merged = first.then(Arc::clone(&gone));
        assert_eq!(merged.news, frame(false, &[(ada, ShownStatus::Offline), (bob, ShownStatus::Away)]).news);
        let whole = frame(true, &[(ada, ShownStatus::Online), (bob, ShownStatus::Away)]).then(gone);
        assert_eq!(whole.news, frame(true, &[(bob, ShownStatus::Away)]).news);
        assert_eq!(merged.then(frame(true, &[])).news, frame(true, &[]).news);
    }
}
