//! Deciding: what a command makes of a state, as pure functions.

use crate::{clock::Time, id::UserId, rejection::Rejection};

/// Who asks. Their token has been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Whose token it is.
    pub user: UserId,
    /// Here without an account.
    pub guest: bool,
}

/// Who asks, and when. The time is the gateway's, taken once per command, so that a decision can be repeated.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Who.
    pub by: UserId,
    /// Whether they are here without an account.
    pub guest: bool,
    /// When.
    pub at: Time,
}

impl Asker {
    /// What they ask at this time.
    pub const fn at(self, time: Time) -> Asked {
        Asked { by: self.user, guest: self.guest, at: time }
    }
}

impl From<UserId> for Asker {
    /// Somebody with an account.
    fn from(user: UserId) -> Self {
        Self { user, guest: false }
    }
}

/// Something that decides. Its state is the fold of its events; commands are judged on that state alone.
///
/// Laws, held by property tests: `decide` never panics; what it allows, `evolve` accepts; a command repeated right
/// after its success adds nothing.
pub trait Decider: Default {
    /// What may be asked.
    type Command;
    /// What may have happened.
    type Event;
    /// What else a decision rests on. The append is fenced on that as well.
    type World<'a>;

    /// The events that the command makes, in order. None means that the wish is already true.
    fn decide(
        &self,
        world: Self::World<'_>,
        asked: Asked,
        command: &Self::Command,
    ) -> Result<Vec<Self::Event>, Rejection>;

    /// Takes in an event that has happened. It never refuses: the log is the truth.
    fn evolve(&mut self, event: &Self::Event);
}
