//! How a room gets into memory, and out of it.
//!
//! While it is being read from the log, the follower's events for it wait in its slot. When the read and the follower
//! have met, what waited is applied, and from then on the room is exact like every other.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;
use voxlog_core::{fold::fold, id::RoomId, position::Heads};

use super::{
    Hub,
    lane::{Lane, Slot},
    open_room::OpenRoom,
};
use crate::error::Failure;

impl Hub {
    /// Sees to it that the room is in memory. A room that nobody has created opens too, as vacant.
    pub(super) async fn open(self: &Arc<Self>, room: RoomId) -> Result<(), Failure> {
        let lane = self.lane(room);
        let mut opened = {
            let mut rooms = lane.lock();
            match rooms.slots.get_mut(&room) {
                Some(Slot::Open(open)) => {
                    open.last_used = Instant::now();
                    return Ok(());
                }
                Some(Slot::Opening { opened, .. }) => opened.clone(),
                None => {
                    let (tell, opened) = watch::channel(None);
                    rooms.slots.insert(room, Slot::Opening { arrived: Vec::new(), opened: opened.clone() });
                    // In a task of its own: whoever asked first may go away, others wait for the same room.
                    tokio::spawn(Arc::clone(self).fill(room, tell));
                    opened
                }
            }
        };
        let outcome = opened.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        outcome.ok().flatten().unwrap_or_else(|| Err(Failure::unavailable("the room could not be opened")))
    }

    async fn fill(self: Arc<Self>, room: RoomId, tell: watch::Sender<Option<Result<(), Failure>>>) {
        let outcome = self.read_in(room).await;
        if outcome.is_err() {
            self.lane(room).lock().slots.remove(&room);
        }
        tell.send_replace(Some(outcome));
    }

    async fn read_in(&self, room: RoomId) -> Result<(), Failure> {
        let lane = self.lane(room);
        let (known, fence) = {
            let rooms = lane.lock();
            (rooms.applied, rooms.fence)
        };
        let heads = self.log.heads(room, known).await?;
        // Exact where this node was, even where a replica has told of later heads: what is beyond, the follower brings,
        // and it must not be taken for applied.
        let (folded, Heads { ctl, call, .. }) = fold(&*self.log, room, known).await?;
        let heads = Heads { ctl, msg: self.last_standing(room, heads.msg).await?, call };
        let pace = self.pace(room, &folded.room, heads.msg).await?;
        lane.reach(heads.last().max(fence)).await?;
        install(lane, OpenRoom::new(room, folded, heads, pace, self.config.ring_events))
    }

    /// Closes the rooms that nobody listens to and nobody has used for a while. One whose call goes on stays: it is
    /// watched here whether devices of this node are still in it.
    pub(super) fn close_idle(&self) {
        let idle = self.config.idle_room;
        for lane in &self.lanes {
            lane.lock().slots.retain(|_, slot| match slot {
                Slot::Opening { .. } => true,
                Slot::Open(open) => open.is_watched() || open.call().is_some() || open.last_used.elapsed() < idle,
            });
        }
    }
}

/// Puts a room that has been read into its slot, with what the follower brought meanwhile.
fn install(lane: &Lane, mut open: OpenRoom) -> Result<(), Failure> {
    let mut rooms = lane.lock();
    if let Some(Slot::Opening { arrived, .. }) = rooms.slots.get_mut(&open.id) {
        for (class, stored) in arrived.drain(..) {
            open.apply(class, stored).map_err(|error| Failure::internal(&error))?;
        }
    }
    rooms.slots.insert(open.id, Slot::Open(Box::new(open)));
    Ok(())
}
