//! How a room began.

use voxlog_core::{
    envelope::Header,
    event::Event,
    id::{RoomId, UserId},
    position::{Chain, Class, Position, Seq},
    room,
};

use super::{Done, Hub};
use crate::error::Failure;

impl Hub {
    /// Where the log has the opening of a room, and the code that it had then; `None` unless this user opened it.
    pub async fn opened(&self, room: RoomId, by: UserId) -> Result<Option<(Done, String)>, Failure> {
        let lane = self.lane(room);
        let first = self.log.read(Chain::Room(room, Class::Ctl), Seq::ZERO, 1, lane.applied()).await?;
        let Some(stored) = first.first() else { return Ok(None) };
        let header = Header::read(&stored.payload).map_err(|error| Failure::internal(&error))?;
        match header.event().map_err(|error| Failure::internal(&error))? {
            Event::Room(room::Event::Created { code, owner_id, .. }) if owner_id == by => {
                let position = Position { partition: lane.partition, seq: stored.seq };
                Ok(Some((Done { room, position, time: header.time, duplicate: true, requested: false }, code)))
            }
            _ => Ok(None),
        }
    }
}
