//! Deciding about calls.
//!
//! A call is the fold of two chains of its room, so a decision rests on both and is appended under the fence. Whatever
//! changes who is in moves it; what a device lets others hear and see does not.

use std::sync::Arc;

use voxlog_core::{
    call::{self, Ongoing},
    decider::{Asker, Decider},
    event::Event,
    fold::Folded,
    id::{EventId, RoomId, UserId},
    log::Guard,
};

use super::{
    Done, Hub,
    catch_up::check_may_read,
    execute::{Ask, Decision, Proposal, Undertaking, closed},
};
use crate::error::Failure;

impl Hub {
    /// Carries out a command about a room's call. When it answers, this node has applied it. Its events stand together:
    /// nobody ever sees a call without its first participant.
    pub async fn call_command(
        self: &Arc<Self>,
        by: impl Into<Asker>,
        room: RoomId,
        command: call::Command,
    ) -> Result<Done, Failure> {
        let id = EventId::mint(&*self.clock);
        self.carry_out(self.undertaking(by, room, id, Ask::Call(command))).await
    }

    /// Refuses what would be refused now, and does nothing.
    pub async fn check_call(
        self: &Arc<Self>,
        by: impl Into<Asker>,
        room: RoomId,
        command: &call::Command,
    ) -> Result<(), Failure> {
        self.open(room).await?;
        let asked = by.into().at(self.clock.now());
        let mut rooms = self.lane(room).lock();
        let Folded { room, call, .. } = &rooms.open(room).ok_or_else(closed)?.folded;
        call.decide(room, asked, command)?;
        Ok(())
    }

    /// The call of a room that the user may read, when one goes on.
    pub async fn call(self: &Arc<Self>, user: UserId, room: RoomId) -> Result<Option<Ongoing>, Failure> {
        self.open(room).await?;
        let mut rooms = self.lane(room).lock();
        let open = rooms.open(room).ok_or_else(closed)?;
        check_may_read(open.state(), user, self.clock.now())?;
        Ok(open.call().cloned())
    }

    pub(super) fn decide_call(&self, undertaking: &Undertaking, command: &call::Command) -> Result<Decision, Failure> {
        let mut rooms = self.lane(undertaking.room).lock();
        let fence = rooms.fence;
        let open = rooms.open(undertaking.room).ok_or_else(closed)?;
        let Folded { room, call, .. } = &open.folded;
        let events = call.decide(room, undertaking.asked, command)?;
        let proposal = Proposal {
            moves_fence: events.iter().any(call::Event::moves_fence),
            events: events.into_iter().map(Event::from).collect(),
            guard: Guard::Fence(fence),
            ttl: None,
            head: open.heads.call,
        };
        Ok(Decision::of(undertaking, proposal))
    }
}
