//! Given, when, then; people that tests know by name; the laws of deciders.
//!
//! ```
//! use voxlog_core::{room::{Command, Event, Room}, testing::{ALICE, BOB, given, open_room}};
//!
//! given::<Room>(open_room())
//!     .by(BOB)
//!     .when(Command::Join { code: Some("CODE2345".into()) })
//!     .then([Event::Joined { user_id: BOB, role: voxlog_core::room::Role::Member }]);
//! ```

use std::fmt::Debug;

use uuid::Uuid;

use crate::{
    clock::Time,
    decider::{Asked, Decider},
    id::{MessageId, RoomId, UserId},
    rejection::Rejection,
    room,
};

pub use committed::assert_committed;
pub use fits::faults;

mod committed;
mod fits;

/// Owns the rooms of these tests.
pub const ALICE: UserId = UserId::from_uuid(id(0xa11ce));
/// Somebody else.
pub const BOB: UserId = UserId::from_uuid(id(0xb0b));
/// A third.
pub const CAROL: UserId = UserId::from_uuid(id(0xca401));
/// A fourth.
pub const DAVE: UserId = UserId::from_uuid(id(0xda5e));
/// A fifth.
pub const ERIN: UserId = UserId::from_uuid(id(0xe417));

/// Where they meet.
pub const LOBBY: RoomId = RoomId::from_uuid(id(0x10bb1));

/// A message.
pub const HELLO: MessageId = MessageId::from_uuid(id(0x4e110));
/// Another.
pub const ANSWER: MessageId = MessageId::from_uuid(id(0xa45));

/// The code of [`open_room`].
pub const CODE: &str = "CODE2345";

/// When commands are asked unless a test says otherwise: 2026-11-20 at noon.
pub const NOON: Time = match Time::from_timestamp(1_795_176_000, 0) {
    Some(noon) => noon,
    None => panic!("a time that chrono holds"),
};

/// An id of version 7, made on 2026-11-20.
const fn id(tail: u128) -> Uuid {
    Uuid::from_u128(0x01a9_f0f0_0000_7000_8000_0000_0000_0000 | tail)
}

/// A private room of three seats, owned by [`ALICE`], with the code [`CODE`].
pub fn open_room() -> Vec<room::Event> {
    vec![room::Event::Created {
        name: "Lobby".into(),
        description: String::new(),
        code: CODE.into(),
        owner_id: ALICE,
        max_users: 3,
        settings: room::Settings::default(),
    }]
}

/// A state after these events.
pub fn fold<'a, D: Decider>(events: impl IntoIterator<Item = &'a D::Event>) -> D
where
    D::Event: 'a,
{
    let mut state = D::default();
    events.into_iter().for_each(|event| state.evolve(event));
    state
}

/// What has happened before a test begins.
pub fn given<D: Decider>(events: impl IntoIterator<Item = D::Event>) -> Given<D> {
    let events: Vec<_> = events.into_iter().collect();
    Given { state: fold(&events), asked: Asked { by: ALICE, guest: false, at: NOON } }
}

/// A state, and who is going to ask: [`ALICE`] at [`NOON`], unless said otherwise.
#[derive(Debug)]
#[must_use = "nothing is asked yet"]
pub struct Given<D> {
    state: D,
    asked: Asked,
}

impl<D: Decider> Given<D> {
    /// Lets somebody else ask.
    pub fn by(mut self, user: UserId) -> Self {
        self.asked.by = user;
        self
    }

    /// Lets them ask as somebody without an account.
    pub fn as_guest(mut self) -> Self {
        self.asked.guest = true;
        self
    }

    /// Lets them ask at another time.
    pub fn at(mut self, time: Time) -> Self {
        self.asked.at = time;
        self
    }

    /// Asks, where a decision rests on more than the state.
    #[expect(clippy::needless_pass_by_value, reason = "a test reads better without the borrow")]
    pub fn when_in(self, world: D::World<'_>, command: D::Command) -> When<D> {
        When { decided: self.state.decide(world, self.asked, &command), state: self.state }
    }

    /// Asks.
    pub fn when(self, command: D::Command) -> When<D>
    where
        D: for<'a> Decider<World<'a> = ()>,
    {
        self.when_in((), command)
    }
}

/// What was decided.
#[derive(Debug)]
#[must_use = "nothing is checked yet"]
pub struct When<D: Decider> {
    decided: Result<Vec<D::Event>, Rejection>,
    state: D,
}

impl<D: Decider> When<D>
where
    D::Event: Debug + PartialEq,
{
    /// Checks that exactly these events were made, and gives the state after them.
    #[track_caller]
    pub fn then(mut self, expected: impl IntoIterator<Item = D::Event>) -> D {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(self.decided.as_ref(), Ok(&expected));
        for event in &expected {
            self.state.evolve(event);
        }
        self.state
    }

    /// Checks that the wish was already true.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Checks that it was refused, for this reason.
    #[track_caller]
    pub fn then_rejected(self, expected: Rejection) {
        assert_eq!(self.decided, Err(expected));
    }

    /// Checks that it was refused because of this field.
    #[track_caller]
    pub fn then_invalid(self, expected: &str) {
        match self.decided {
            Err(Rejection::Invalid { field, .. }) => assert_eq!(field, expected),
            other => panic!("expected {expected} to be refused, got {other:?}"),
        }
    }

    /// Checks that it is forbidden, whatever the words.
    #[track_caller]
    pub fn then_forbidden(self) {
        assert!(matches!(self.decided, Err(Rejection::Forbidden(_))), "got {:?}", self.decided);
    }

    /// Checks that it contradicts what is so, whatever the words.
    #[track_caller]
    pub fn then_conflict(self) {
        assert!(matches!(self.decided, Err(Rejection::Conflict(_))), "got {:?}", self.decided);
    }

    /// Checks that this version does not carry it out, whatever the words.
    #[track_caller]
    pub fn then_unsupported(self) {
        assert!(matches!(self.decided, Err(Rejection::Unsupported(_))), "got {:?}", self.decided);
    }
}

/// Asks and takes in what came of it, as a gateway does. Checks the law that the same question to the same state has
/// the same answer.
pub fn ask<D: Decider>(
    state: &mut D,
    world: D::World<'_>,
    asked: Asked,
    command: &D::Command,
) -> Result<Vec<D::Event>, Rejection>
where
    D::Event: Debug + PartialEq,
    for<'a> D::World<'a>: Copy,
{
    let decided = state.decide(world, asked, command);
    assert_eq!(state.decide(world, asked, command), decided, "a decision depends on nothing hidden");
    decided.iter().flatten().for_each(|event| state.evolve(event));
    decided
}

/// The law that a command repeated right after its success adds nothing: it is refused or already true.
#[track_caller]
pub fn assert_repetition_adds_nothing<D: Decider>(state: &D, world: D::World<'_>, asked: Asked, command: &D::Command)
where
    D::Event: Debug + PartialEq,
{
    if let Ok(events) = state.decide(world, asked, command) {
        assert_eq!(events, vec![], "a repetition added something");
    }
}
