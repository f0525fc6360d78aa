//! Who did what to a room and its members: its control chain, for those who run it.

use std::sync::Arc;

use voxlog_core::{
    id::{RoomId, UserId},
    position::{Class, Seq},
    rejection::Rejection,
    room::Role,
};

use super::{Entry, Hub, catch_up::check_may_read, execute::closed};
use crate::error::Failure;

impl Hub {
    /// The events of a room's control chain before a seq, else the latest; newest first. The right of admins and the
    /// owner.
    pub async fn audit(
        self: &Arc<Self>,
        user: UserId,
        room: RoomId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Arc<Entry>>, Failure> {
        self.open(room).await?;
        {
            let mut rooms = self.lane(room).lock();
            let state = rooms.open(room).ok_or_else(closed)?.state();
            check_may_read(state, user, self.clock.now())?;
            if state.role(user) < Some(Role::Admin) {
                return Err(Rejection::Forbidden("only admins and the owner see what was done in a room").into());
            }
        }
        let mut entries = self.history(user, room, Class::Ctl, None, before, limit).await?;
        entries.reverse();
        Ok(entries)
    }
}
