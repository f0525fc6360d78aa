//! A place in a list of hits.

use std::{fmt, str::FromStr};

use uuid::Uuid;
use voxlog_core::{clock::Time, id::RoomId, position::Seq};

use crate::{columns, messages::Message};

/// The place of the last hit seen. Written as the microseconds of its posting, its room and its seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HitCursor {
    posted_at: Time,
    room: RoomId,
    seq: Seq,
}

/// Why a text is no [`HitCursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a list of hits")]
pub struct InvalidHitCursor;

impl HitCursor {
    pub(super) const fn of(message: &Message) -> Self {
        Self { posted_at: message.posted_at, room: message.room_id, seq: message.seq }
    }

    /// What the rows behind it are below; without a cursor all are.
    pub(super) fn bounds(cursor: Option<Self>) -> (Option<Time>, Uuid, i64) {
        cursor.map_or((None, Uuid::max(), i64::MAX), |it| {
            (Some(it.posted_at), it.room.as_uuid(), columns::bigint(it.seq))
        })
    }
}

impl fmt::Display for HitCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.posted_at.timestamp_micros(), self.room, self.seq)
    }
}

impl FromStr for HitCursor {
    type Err = InvalidHitCursor;

    fn from_str(text: &str) -> Result<Self, InvalidHitCursor> {
        let mut parts = text.split('_');
        let (Some(micros), Some(room), Some(seq), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidHitCursor);
        };
        Ok(Self {
            posted_at: columns::time(micros).ok_or(InvalidHitCursor)?,
            room: room.parse().map_err(|_| InvalidHitCursor)?,
            seq: seq.parse().map_err(|_| InvalidHitCursor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_from_its_text() {
        let room = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let posted_at = Time::from_timestamp_millis(1_700_000_000_123).unwrap();
        let cursor = HitCursor { posted_at, room, seq: Seq(7) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "__", "1_01890a5d-ac96-774b-bcce-b302099a8057", "x_01890a5d-ac96-774b-bcce-b302099a8057_1"] {
            assert_eq!(text.parse::<HitCursor>(), Err(InvalidHitCursor), "{text}");
        }
    }
}
