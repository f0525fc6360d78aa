//! What a request needs of its credential: the one place that says so for sockets.

use voxlog_core::{id::RoomId, position::Class, room};

use crate::{
    error::{Code, Failure},
    identity::{Caller, Credential, Scope},
    protocol::{Command, Request},
};

/// Refuses what the credential was not made for. The same as over REST, but for join tokens, which only sockets know.
pub(super) fn check(who: &Caller, request: &Request) -> Result<(), Failure> {
    if let Credential::JoinToken(room) = who.credential
        && !takes_part(request, room)
    {
        return Err(Failure::new(Code::Forbidden, "this socket is for one room's call alone"));
    }
    match needed(request) {
        Some(scope) => who.needs(scope),
        None => Ok(()),
    }
}

fn needed(request: &Request) -> Option<Scope> {
    match request {
        Request::Hello { .. } | Request::Ping | Request::Unsubscribe { .. } => None,
        Request::Subscribe { .. } | Request::History { .. } => Some(Scope::Read),
        Request::JoinToken { .. } => Some(Scope::Write),
        Request::Command(command) => Some(if moderates(command) { Scope::Moderate } else { Scope::Write }),
    }
}

/// Whether it is part of taking part in a room's call: talking there, and seeing who comes and goes.
fn takes_part(request: &Request, call: RoomId) -> bool {
    match request {
        Request::Ping => true,
        Request::Hello { .. } => false,
        Request::Subscribe { room, .. } | Request::Unsubscribe { room } | Request::JoinToken { room, .. } => {
            *room == call
        }
        Request::History { room, class, .. } => *room == call && *class != Class::Msg,
        Request::Command(command) => match command {
            Command::JoinCall(room, _)
            | Command::UpdateCall(room, _)
            | Command::LeaveCall(room)
            | Command::EndCall(room)
            | Command::Signal { room, .. } => *room == call,
            _ => false,
        },
    }
}

/// What admins and owners do to others and to who may come in.
fn moderates(command: &Command) -> bool {
    use room::Command as C;
    match command {
        Command::NewCode(_) | Command::Invite(..) => true,
        Command::Room(_, command) => match command {
            C::Kick { .. }
            | C::Ban { .. }
            | C::Unban { .. }
            | C::Mute { .. }
            | C::Unmute { .. }
            | C::SetRole { .. }
            | C::RotateCode { .. }
            | C::Approve { .. }
            | C::Deny { .. }
            | C::CreateInvite { .. }
            | C::RevokeInvite { .. } => true,
            C::Create { .. } | C::Update(_) | C::Archive | C::Join { .. } | C::Leave => false,
        },
        Command::CreateRoom(_)
        | Command::JoinByCode(_)
        | Command::Post(..)
        | Command::Message(..)
        | Command::MarkRead(..)
        | Command::ShowAs(_)
        | Command::Type(..)
        | Command::JoinCall(..)
        | Command::UpdateCall(..)
        | Command::LeaveCall(_)
        | Command::EndCall(_)
        | Command::Signal { .. } => false,
    }
}
