//! The closed set of facts.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    ambient, call,
    id::{RoomId, UserId},
    message,
    position::{Chain, Class},
    room, user,
};

mod type_filter;

pub use type_filter::TypeFilter;

/// A fact, by the chain that it stands on. Each kind is defined beside the decider that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// On a room's control chain.
    Room(room::Event),
    /// On a room's message chain.
    Message(message::Event),
    /// On a room's call chain.
    Call(call::Event),
    /// On a user's chain.
    User(user::Event),
    /// On no chain: it is told beside the log.
    Ambient(ambient::Event),
}

/// What an event is about: a CloudEvent's `subject`, written as the id alone. The event's type tells which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Subject {
    /// A room, its members, its messages.
    Room(RoomId),
    /// A user.
    User(UserId),
}

impl Event {
    /// Every type that this version writes, `voxlog.message.posted.v1` among them.
    pub fn types() -> impl Iterator<Item = &'static str> {
        let in_rooms = room::Event::TYPES.into_iter().chain(message::Event::TYPES).chain(call::Event::TYPES);
        in_rooms.chain(user::Event::TYPES).chain(ambient::Event::TYPES)
    }

    /// The chain of this event when it is about `subject`; `None` when such an event can't be about that, or is on no
    /// chain.
    pub const fn chain(&self, subject: Subject) -> Option<Chain> {
        match (self, subject) {
            (Self::Room(_), Subject::Room(room)) => Some(Chain::Room(room, Class::Ctl)),
            (Self::Message(_), Subject::Room(room)) => Some(Chain::Room(room, Class::Msg)),
            (Self::Call(_), Subject::Room(room)) => Some(Chain::Room(room, Class::Call)),
            (Self::User(_), Subject::User(user)) => Some(Chain::User(user)),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($variant:ident($event:path))*) => {$(
        impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        }
    )*};
}

from! { Room(room::Event) Message(message::Event) Call(call::Event) User(user::Event) Ambient(ambient::Event) }
