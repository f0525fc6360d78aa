//! A room's voice call: who is in it, and what each of them lets others hear and see.
//!
//! A room has one call at most. It begins when somebody joins while there is none, and is over when nobody is in it any
//! more. Its state is the fold of *two* chains of the room in the order of their seqs: the call chain, and the control
//! chain, for whoever loses their seat or their voice in the room is out of its call at that very event
//! ([`Call::evolve_room`]). So these hold at every seq, without an event that would say them again:
//! * A participant is a member of the room, and not muted there.
//! * A call that goes on has a participant; none has more than its seats.
//!
//! Whoever decides rests on the room as well, so what is decided here is appended under the fence, and what changes who is
//! in moves it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Time,
    decider::{Asked, Decider},
    id::{CallId, SessionId, UserId},
    rejection::Rejection,
    room::{self, Role, Room},
};

/// What may be asked about a room's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Takes a place in it, and begins it if there is none.
    Join {
        /// With which of the asker's devices.
        session: SessionId,
        /// What the call is to be called if this begins it.
        call: CallId,
        /// How many it takes if this begins it.
        seats: u16,
        /// What the device lets others hear and see.
        media: Media,
    },
    /// Gives the place up.
    Leave {
        /// With which of the asker's devices.
        session: SessionId,
    },
    /// Changes what others hear and see of a device.
    Update {
        /// Which of the asker's devices.
        session: SessionId,
        /// What is absent stays.
        change: MediaChange,
    },
    /// Takes a place away whose device is gone. Asked by Voxlog itself.
    Lose {
        /// Which.
        session: SessionId,
    },
    /// Ends it for everybody. The right of who began it, of admins and the owner; [`EndReason::Idle`] is asked by Voxlog
    /// itself.
    End {
        /// Which call, so that it is not the next one that ends.
        call: CallId,
        /// Why.
        reason: EndReason,
    },
}

/// What a device lets others hear and see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "four switches, each by itself")]
pub struct Media {
    /// Not heard.
    #[serde(default)]
    pub muted: bool,
    /// Does not hear.
    #[serde(default)]
    pub deafened: bool,
    /// Its camera is seen.
    #[serde(default)]
    pub video: bool,
    /// Its screen is seen.
    #[serde(default)]
    pub screen: bool,
}

/// What changes of what a device lets others hear and see. What is absent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MediaChange {
    /// Whether it is not heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<bool>,
    /// Whether it does not hear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deafened: Option<bool>,
    /// Whether its camera is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// Whether its screen is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<bool>,
}

/// Why somebody is not in a call any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeaveReason {
    /// They wanted it.
    Left,
    /// Their device was gone for too long.
    Lost,
}

/// Why a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// Everybody had left.
    Empty,
    /// Nothing had happened in it for too long.
    Idle,
    /// Somebody ended it for everybody.
    Ended,
}

/// What has happened to a room's call, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// A call began. Who began it joins it with the next event.
    #[serde(rename = "voxlog.call.started.v1")]
    Started {
        /// Which call.
        call_id: CallId,
        /// Who began it.
        started_by: UserId,
        /// With which of their devices.
        session: SessionId,
        /// How many it takes.
        seats: u16,
    },
    /// Somebody is in the call now.
    #[serde(rename = "voxlog.call.joined.v1")]
    Joined {
        /// Which call.
        call_id: CallId,
        /// Who.
        user_id: UserId,
        /// With which of their devices.
        session: SessionId,
        /// What it lets others hear and see.
        #[serde(flatten)]
        media: Media,
    },
    /// Somebody is not in the call any more. Losing the seat or the voice in the room takes one out without this event.
    #[serde(rename = "voxlog.call.left.v1")]
    Left {
        /// Which call.
        call_id: CallId,
        /// Who.
        user_id: UserId,
        /// With which of their devices.
        session: SessionId,
        /// Why.
        reason: LeaveReason,
    },
    /// A device lets others hear or see something else now.
    #[serde(rename = "voxlog.call.updated.v1")]
    Updated {
        /// Which call.
        call_id: CallId,
        /// Whose device.
        user_id: UserId,
        /// Which.
        session: SessionId,
        /// What is absent has stayed.
        #[serde(flatten)]
        change: MediaChange,
    },
    /// The call is over. A call whose last participant loses their seat or their voice is over without this event.
    #[serde(rename = "voxlog.call.ended.v1")]
    Ended {
        /// Which call.
        call_id: CallId,
        /// Why.
        reason: EndReason,
    },
}

/// A room's call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Call {
    /// There is none.
    #[default]
    Idle,
    /// It goes on.
    Ongoing(Ongoing),
}

/// A call that goes on, as it is also shown to the room's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Call")]
pub struct Ongoing {
    /// Names it.
    pub call_id: CallId,
    /// Who began it; it is theirs.
    pub started_by: UserId,
    /// When it began.
    pub started_at: Time,
    /// How many it takes.
    pub seats: u16,
    /// Who is in it, in the order in which they joined. Never empty for long: with the last one it is over.
    pub participants: Vec<Participant>,
}

/// A device in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Which device.
    pub session: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// What it lets others hear and see.
    #[serde(flatten)]
    pub media: Media,
}

impl Event {
    /// The types of all variants, as they stand in the log.
    pub const TYPES: [&str; 5] = [
        "voxlog.call.started.v1",
        "voxlog.call.joined.v1",
        "voxlog.call.left.v1",
        "voxlog.call.updated.v1",
        "voxlog.call.ended.v1",
    ];

    /// Whether decisions on other gateways rest on it, so that it must move the fence: whatever changes who is in.
    pub const fn moves_fence(&self) -> bool {
        !matches!(self, Self::Updated { .. })
    }
}

impl Call {
    /// The call, when one goes on.
    pub const fn ongoing(&self) -> Option<&Ongoing> {
        match self {
            Self::Idle => None,
            Self::Ongoing(call) => Some(call),
        }
    }

    /// A device's place in it.
    pub fn participant(&self, session: SessionId) -> Option<&Participant> {
        self.ongoing()?.participants.iter().find(|participant| participant.session == session)
    }

    /// Takes in an event of the room's control chain: who loses their seat or their voice is out, and an archived room
    /// has no call.
    pub fn evolve_room(&mut self, event: &room::Event) {
        match event {
            room::Event::Left { user_id }
            | room::Event::Kicked { user_id, .. }
            | room::Event::Banned { user_id, .. }
            | room::Event::Muted { user_id, .. } => {
                self.keep(|participant| participant.user_id != *user_id);
                if self.ongoing().is_some_and(|call| call.participants.is_empty()) {
                    *self = Self::Idle;
                }
            }
            room::Event::Archived {} => *self = Self::Idle,
            _ => {}
        }
    }

    fn keep(&mut self, stays: impl FnMut(&Participant) -> bool) {
        if let Self::Ongoing(call) = self {
            call.participants.retain(stays);
        }
    }
}

type Decision = Result<Vec<Event>, Rejection>;

impl Decider for Call {
    type Command = Command;
    type Event = Event;
    type World<'a> = &'a Room;

    fn decide(&self, room: &Room, asked: Asked, command: &Command) -> Decision {
        match (self, command) {
            (_, &Command::Join { session, call, seats, media }) => {
                check_may_speak(room, asked)?;
                self.join(asked, session, call, seats, media)
            }
            (Self::Idle, Command::Update { .. }) => Err(not_in()),
            (Self::Idle, Command::Leave { .. } | Command::Lose { .. } | Command::End { .. }) => Ok(vec![]),
            (Self::Ongoing(ongoing), &Command::Leave { session }) => {
                ongoing.leave(session, LeaveReason::Left, Some(asked.by))
            }
            (Self::Ongoing(ongoing), &Command::Lose { session }) => ongoing.leave(session, LeaveReason::Lost, None),
            (Self::Ongoing(ongoing), &Command::Update { session, change }) => ongoing.update(asked, session, change),
            (Self::Ongoing(ongoing), &Command::End { call, reason }) => ongoing.end(room, asked, call, reason),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event) {
            (_, &Event::Started { call_id, started_by, seats, .. }) => {
                let started_at = call_id.time();
                *self = Self::Ongoing(Ongoing { call_id, started_by, started_at, seats, participants: vec![] });
            }
            (Self::Ongoing(call), &Event::Joined { user_id, session, media, .. }) => {
                call.participants.retain(|participant| participant.session != session);
                call.participants.push(Participant { session, user_id, media });
            }
            (Self::Ongoing(_), &Event::Left { session, .. }) => self.keep(|participant| participant.session != session),
            // Of somebody who has left meanwhile it changes nothing: updates are not ordered with what moves the fence.
            (Self::Ongoing(call), &Event::Updated { session, change, .. }) => {
                for participant in call.participants.iter_mut().filter(|participant| participant.session == session) {
                    participant.media = change.of(participant.media);
                }
            }
            (_, Event::Ended { .. }) => *self = Self::Idle,
            (Self::Idle, Event::Joined { .. } | Event::Left { .. } | Event::Updated { .. }) => {}
        }
    }
}

impl Call {
    fn join(&self, asked: Asked, session: SessionId, call: CallId, seats: u16, media: Media) -> Decision {
        let user_id = asked.by;
        match self {
            Self::Idle => Ok(vec![
                Event::Started { call_id: call, started_by: user_id, session, seats },
                Event::Joined { call_id: call, user_id, session, media },
            ]),
            Self::Ongoing(ongoing) => match self.participant(session) {
                Some(participant) => check_own(participant, Some(asked.by)).map(|()| vec![]),
                None if ongoing.participants.len() >= usize::from(ongoing.seats) => {
                    Err(Rejection::CallFull { seats: ongoing.seats })
                }
                None => Ok(vec![Event::Joined { call_id: ongoing.call_id, user_id, session, media }]),
            },
        }
    }
}

impl Ongoing {
    fn leave(&self, session: SessionId, reason: LeaveReason, by: Option<UserId>) -> Decision {
        let Some(participant) = self.participants.iter().find(|participant| participant.session == session) else {
            return Ok(vec![]);
        };
        check_own(participant, by)?;
        let (call_id, user_id) = (self.call_id, participant.user_id);
        let left = Event::Left { call_id, user_id, session, reason };
        if self.participants.len() == 1 {
            return Ok(vec![left, Event::Ended { call_id, reason: EndReason::Empty }]);
        }
        Ok(vec![left])
    }

    fn update(&self, asked: Asked, session: SessionId, change: MediaChange) -> Decision {
        let participant =
            self.participants.iter().find(|participant| participant.session == session).ok_or_else(not_in)?;
        check_own(participant, Some(asked.by))?;
        if change.of(participant.media) == participant.media {
            return Ok(vec![]);
        }
        Ok(vec![Event::Updated { call_id: self.call_id, user_id: participant.user_id, session, change }])
    }

    fn end(&self, room: &Room, asked: Asked, call: CallId, reason: EndReason) -> Decision {
        if call != self.call_id {
            return Ok(vec![]);
        }
        if reason != EndReason::Idle {
            let role = room.interior().ok_or(Rejection::NotFound("room"))?.standing(asked)?;
            if asked.by != self.started_by && role < Role::Admin {
                return Err(Rejection::Forbidden("only who began a call, admins and the owner end it"));
            }
        }
        Ok(vec![Event::Ended { call_id: call, reason }])
    }
}

impl MediaChange {
    /// What a device lets others hear and see after it.
    #[must_use]
    pub fn of(self, media: Media) -> Media {
        Media {
            muted: self.muted.unwrap_or(media.muted),
            deafened: self.deafened.unwrap_or(media.deafened),
            video: self.video.unwrap_or(media.video),
            screen: self.screen.unwrap_or(media.screen),
        }
    }
}

/// Whether the asker may take part in calls of the room: members do who may also write there.
pub fn check_may_speak(room: &Room, asked: Asked) -> Result<(), Rejection> {
    let interior = room.interior().ok_or(Rejection::NotFound("room"))?;
    interior.standing(asked)?;
    if !room.is_open() {
        return Err(Rejection::RoomArchived);
    }
    if interior.is_muted(asked.by, asked.at) { Err(Rejection::Muted) } else { Ok(()) }
}

fn check_own(participant: &Participant, by: Option<UserId>) -> Result<(), Rejection> {
    match by {
        Some(by) if by != participant.user_id => Err(Rejection::Forbidden("that device is somebody else's")),
        _ => Ok(()),
    }
}

fn not_in() -> Rejection {
    Rejection::Conflict("you are not in this room's call")
}
