//! Holds a recorded run against what Voxlog promises. An outcome that was not known may have gone either way; everything
//! else must fit.
//!
//! Each check is a pure function of the [`History`], and is tried on good and bad histories made by hand.

use std::{collections::HashMap, fmt};

use crate::history::{Ask, History, Logged, Operation, Outcome};

mod order;
mod rights;
mod storage;
#[cfg(test)]
mod tests;
mod waiting;

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub invariant: Invariant,
    /// What shows it.
    pub what: String,
}

/// What is promised whatever breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// What was acknowledged is in the log, there and so.
    AckedIsStored,
    /// What is in the log was asked for, and was not refused.
    StoredWasAsked,
    /// One id, one message.
    OnceById,
    /// Everybody sees the log's order, and nothing else.
    SameForAll,
    /// No connection skips, repeats or goes back; a resumed one goes on where it was.
    NoGap,
    /// Who has lost their seat writes nothing and gets nothing from there on.
    NothingAfterKick,
    /// A read with a position is not older than that.
    ReadIsFresh,
    /// How far a room was read never goes back.
    MarkerNeverGoesBack,
    /// What was acknowledged before something else was asked stands before it.
    OrderIsKept,
    /// Soon after a fault is over, all is well.
    RecoversSoon,
    /// Who was signed out gets nothing a second later.
    RevokedIsOut,
}

/// Every promise that was broken.
pub fn check(history: &History) -> Vec<Violation> {
    let run = Run::new(history);
    let checks: [fn(&Run<'_>, &mut Vec<Violation>); 11] = [
        storage::acked_is_stored,
        storage::stored_was_asked,
        storage::once_by_id,
        order::same_for_all,
        order::no_gap,
        order::is_kept,
        rights::nothing_after_kick,
        rights::revoked_is_out,
        waiting::read_is_fresh,
        waiting::marker_never_goes_back,
        waiting::recovers_soon,
    ];
    let mut violations = Vec::new();
    for check in checks {
        check(&run, &mut violations);
    }
    violations
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)
    }
}

/// A history with the ways into it that the checks share.
struct Run<'a> {
    history: &'a History,
    /// The log by room and seq.
    places: HashMap<(&'a str, u64), &'a Logged>,
    /// Where each message stands, by its id.
    stored: HashMap<&'a str, Vec<&'a Logged>>,
}

/// A message that a client asked for.
struct Post<'a> {
    operation: &'a Operation,
    room: &'a str,
    id: &'a str,
    body: &'a str,
}

impl<'a> Run<'a> {
    fn new(history: &'a History) -> Self {
        let (mut places, mut stored) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        for logged in &history.log {
            places.insert((logged.room.as_str(), logged.seq), logged);
            stored.entry(logged.id.as_str()).or_default().push(logged);
        }
        Self { history, places, stored }
    }

    fn posts(&self) -> impl Iterator<Item = Post<'a>> {
        self.history.operations.iter().filter_map(|operation| match &operation.ask {
            Ask::Post { room, id, body } => Some(Post { operation, room, id, body }),
            _ => None,
        })
    }
}

impl Operation {
    const fn seq(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Ok(seq) => Some(seq),
            Outcome::Refused(_) | Outcome::Unknown => None,
        }
    }

    /// Whether it may have been done all the same: nobody said that it was not.
    fn may_have_happened(&self) -> bool {
        !matches!(&self.outcome, Outcome::Refused(code) if code != "outcome_unknown")
    }
}

fn broken(invariant: Invariant, what: String) -> Violation {
    Violation { invariant, what }
}
