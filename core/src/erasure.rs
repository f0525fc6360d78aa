//! What of a user must not stand in the log when they are erased: what they wrote, and what they called themselves.
//!
//! What others decided about them, and where they were, stays: it names them by their id alone.

use crate::{envelope::Header, id::UserId};

/// Types of events that say what their actor wrote, without their versions.
const WRITTEN: [&str; 2] = ["voxlog.message.posted.", "voxlog.message.edited."];

/// Types of events that say what their subject is called.
const CALLED: [&str; 2] = ["voxlog.user.registered.", "voxlog.user.updated."];

/// Whether a record says what this user wrote, or is called. Asked of every record of a log, so most are told by a look
/// for the id.
pub fn is_of(user: UserId, payload: &[u8]) -> bool {
    let id = user.to_string();
    let mentions = std::str::from_utf8(payload).is_ok_and(|text| text.contains(&id));
    mentions && Header::read(payload).is_ok_and(|header| is_told_by(user, &header, &id))
}

fn is_told_by(user: UserId, header: &Header<'_>, id: &str) -> bool {
    let is_any = |types: [&str; 2]| types.iter().any(|kind| header.kind.starts_with(kind));
    (header.actor == user && is_any(WRITTEN)) || (header.subject == id && is_any(CALLED))
}
