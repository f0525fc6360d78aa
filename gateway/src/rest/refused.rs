//! What requests may be refused with beyond what their types tell: groups of codes for [`route!`](super::openapi::route).

use crate::error::Code::{
    self, Banned, Conflict, Forbidden, Muted, NotAMember, NotFound, RoomArchived, RoomFull, SlowMode, Unsupported,
};

/// There may be no such thing, or the caller may not know of it.
pub(super) const LOOKED_UP: [Code; 1] = [NotFound];

/// It is about the inside of a room.
pub(super) const IN_ROOM: [Code; 3] = [NotFound, NotAMember, Banned];

/// It changes a room, or who may be there.
pub(super) const OF_ROOM: [Code; 6] = [NotFound, NotAMember, Banned, Forbidden, Conflict, RoomArchived];

/// It takes a seat.
pub(super) const JOINING: [Code; 6] = [NotFound, Banned, Forbidden, RoomFull, RoomArchived, Conflict];

/// It writes a message.
pub(super) const WRITING: [Code; 9] =
    [NotFound, NotAMember, Banned, Muted, Forbidden, Conflict, RoomArchived, SlowMode, Unsupported];

/// It does something to a message, whose room is looked up.
pub(super) const OF_MESSAGE: [Code; 6] = [NotFound, NotAMember, Banned, Muted, Forbidden, RoomArchived];

/// It asks for settings that a later version may know.
pub(super) const LATER: [Code; 1] = [Unsupported];
