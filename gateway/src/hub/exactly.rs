//! A room as it is now: for what is decided on it and does not go to the log, where the fence would refuse it.

use std::sync::Arc;

use voxlog_core::{fold::Folded, id::RoomId, rejection::Rejection};

use super::{Hub, execute::closed};
use crate::error::Failure;

impl Hub {
    /// Looks at a room as it is after everything that stood in the log when this was called, from whatever node. The
    /// markers are enough to wait for: what changes somebody's rights moves the fence.
    pub(crate) async fn exactly<T>(
        self: &Arc<Self>,
        room: RoomId,
        look: impl FnOnce(&Folded) -> Result<T, Rejection>,
    ) -> Result<T, Failure> {
        self.open(room).await?;
        let lane = self.lane(room);
        lane.reach(self.log.tail(lane.partition).await?.fence).await?;
        let mut rooms = lane.lock();
        let open = rooms.open(room).ok_or_else(closed)?;
        Ok(look(&open.folded)?)
    }

    /// Looks at a room as this node has followed it; `None` when it is not in use here.
    pub(crate) fn as_followed<T>(&self, room: RoomId, look: impl FnOnce(&Folded) -> T) -> Option<T> {
        self.lane(room).lock().open(room).map(|open| look(&open.folded))
    }
}
