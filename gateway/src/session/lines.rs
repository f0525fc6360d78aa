//! What a session has under way: one thing at a time per line, the rest waits its turn.

use std::collections::{HashMap, VecDeque};

use voxlog_core::id::RoomId;

use super::Work;
use crate::protocol::FrameId;

/// What must happen in the order in which it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// Everything about one room.
    Room(RoomId),
    /// Everything about a room's call: how devices reach each other does not wait for what is written.
    Call(RoomId),
    /// Commands about no room, or whose room is not known yet: creating one, joining by code.
    Unplaced,
}

/// The lines in use. A line is here exactly while something of it is under way.
#[derive(Debug, Default)]
pub(super) struct Lines {
    in_use: HashMap<Line, VecDeque<(FrameId, Work)>>,
    waiting: usize,
}

impl Lines {
    /// Joins a line. Gives the work back if nothing else of the line is under way: it may start now.
    pub(super) fn join(&mut self, line: Line, id: FrameId, work: Work) -> Option<(FrameId, Work)> {
        if let Some(others) = self.in_use.get_mut(&line) {
            others.push_back((id, work));
            self.waiting += 1;
            return None;
        }
        self.in_use.insert(line, VecDeque::new());
        Some((id, work))
    }

    /// What was under way in a line has ended. Gives what may start now.
    pub(super) fn leave(&mut self, line: Line) -> Option<(FrameId, Work)> {
        let next = self.in_use.get_mut(&line).and_then(VecDeque::pop_front);
        if next.is_some() {
            self.waiting -= 1;
        } else {
            self.in_use.remove(&line);
        }
        next
    }

    /// How much waits.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// How much is under way.
    pub(super) fn under_way(&self) -> usize {
        self.in_use.len()
    }

    /// Nothing is under way.
    pub(super) fn are_idle(&self) -> bool {
        self.in_use.is_empty()
    }

    /// Gives up what waits; what is under way goes on. Line by line, each in its order.
    pub(super) fn give_up(&mut self) -> Vec<FrameId> {
        self.waiting = 0;
        self.in_use.values_mut().flat_map(|line| line.drain(..)).map(|(id, _work)| id).collect()
    }
}
