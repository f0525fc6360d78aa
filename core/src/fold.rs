//! A room out of the log: the fold of its control chain and its call chain, in the order of their seqs.
//!
//! [`Folded`] is that fold, pure, for those who follow the log and take in one event after the other. [`fold`] reads it up
//! to a position and is exact there for both chains. [`command_call`] decides on it and appends, for those who follow
//! nothing: what must be done about a call whose gateway is dead.

use crate::{
    call::{self, Call},
    decider::Decider,
    envelope::{DecodeError, Header},
    event::Event,
    id::RoomId,
    log::{Log, ReadError, Stored},
    position::{Chain, Class, Heads, Seq},
    room::Room,
};

pub use command::{CommandError, command_call};

mod command;

/// How much of the control chain is read at once. All of it is read.
const PAGE: usize = 1000;

/// How much of the call chain is read at once, backwards to where its last call began or ended. Most calls are shorter.
const CALL_PAGE: usize = 200;

/// What a room's control chain and call chain come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded {
    /// The room.
    pub room: Room,
    /// Its call.
    pub call: Call,
    /// Until where messages were not recorded, 0 when they always were: what stands before may have left the log.
    pub forgets_before: Seq,
}

/// Why a room could not be had from the log.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event of the control chain could not be read, so the room's state is in doubt.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Folded {
    /// Takes in the next event of either chain. Those of other chains change nothing.
    pub fn evolve(&mut self, seq: Seq, event: &Event) {
        match event {
            Event::Room(event) => {
                if self.room.message_ttl().is_some() {
                    self.forgets_before = seq;
                }
                self.room.evolve(event);
                self.call.evolve_room(event);
            }
            Event::Call(event) => self.call.evolve(event),
            Event::Message(_) | Event::User(_) | Event::Ambient(_) => {}
        }
    }
}

/// A room as it is after the position `until`, which its partition has come to, and where both chains end there; the
/// message chain is not looked at. A room that nobody has created is vacant.
pub async fn fold(log: &dyn Log, room: RoomId, until: Seq) -> Result<(Folded, Heads), FoldError> {
    let (mut folded, mut heads) = (Folded::default(), Heads::default());
    let calls = since_last_boundary(log, room, until).await?;
    heads.call = calls.last().map_or(Seq::ZERO, |(seq, _)| *seq);
    let mut calls = calls.into_iter().peekable();
    loop {
        let page = log.read(Chain::Room(room, Class::Ctl), heads.ctl, PAGE, until).await?;
        let is_last = page.len() < PAGE || page.last().is_some_and(|stored| stored.seq >= until);
        for stored in page.into_iter().take_while(|stored| stored.seq <= until) {
            while let Some((seq, event)) = calls.next_if(|(seq, _)| *seq < stored.seq) {
                folded.evolve(seq, &event);
            }
            let event = decode(&stored)?;
            if matches!(event, Event::Room(_)) {
                folded.evolve(stored.seq, &event);
            } else {
                tracing::warn!(stream.seq = %stored.seq, "an event stands on a chain that is not its own");
            }
            heads.ctl = stored.seq;
        }
        if is_last {
            break;
        }
    }
    for (seq, event) in calls {
        folded.evolve(seq, &event);
    }
    Ok((folded, heads))
}

/// The end of the call chain up to `until`, from where a call last began or ended: before it there was none. One that
/// can't be read has no effect: messages don't wait for calls.
async fn since_last_boundary(log: &dyn Log, room: RoomId, until: Seq) -> Result<Vec<(Seq, Event)>, FoldError> {
    let (mut newest_first, mut before) = (Vec::new(), until.next());
    loop {
        let page = log.read_before(Chain::Room(room, Class::Call), before, CALL_PAGE).await?;
        for stored in page.iter().rev() {
            let Ok(event @ Event::Call(_)) = decode(stored) else {
                tracing::warn!(room.id = %room, stream.seq = %stored.seq, "an event has no effect");
                continue;
            };
            let is_boundary = matches!(event, Event::Call(call::Event::Started { .. } | call::Event::Ended { .. }));
            newest_first.push((stored.seq, event));
            if is_boundary {
                newest_first.reverse();
                return Ok(newest_first);
            }
        }
        match page.first() {
            Some(oldest) if page.len() == CALL_PAGE => before = oldest.seq,
            _ => {
                newest_first.reverse();
                return Ok(newest_first);
            }
        }
    }
}

fn decode(stored: &Stored) -> Result<Event, DecodeError> {
    Header::read(&stored.payload)?.event()
}
