//! What a request needs of its credential: the one place that says so for sockets.

use voxlog_core::room;

use crate::{
    error::Failure,
    identity::{Caller, Scope},
    protocol::{Command, Request},
};

/// Refuses what the credential was not made for. The same as over REST.
pub(super) fn check(who: &Caller, request: &Request) -> Result<(), Failure> {
    match needed(request) {
        Some(scope) => who.needs(scope),
        None => Ok(()),
    }
}

fn needed(request: &Request) -> Option<Scope> {
    match request {
        Request::Hello { .. } | Request::Ping | Request::Unsubscribe { .. } => None,
        Request::Subscribe { .. } | Request::History { .. } => Some(Scope::Read),
        Request::Command(command) => Some(if moderates(command) { Scope::Moderate } else { Scope::Write }),
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
        | Command::MarkRead(..) => false,
    }
}
