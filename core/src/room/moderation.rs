//! What some may do to others: kick, ban, mute, give roles, hand over.
//!
//! Admins act on members and guests, the owner on everybody else, nobody on themself.

use chrono::{SubsecRound, TimeDelta};

use super::{Decision, Event, Interior, Role};
use crate::{clock::Time, decider::Asked, id::UserId, rejection::Rejection};

/// The longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 200;

/// The latest end of what ends by itself. It keeps the year at four digits, which every reader of RFC 3339 knows.
const MAX_AHEAD: TimeDelta = TimeDelta::days(100 * 365);

impl Interior {
    pub(super) fn kick(&self, asked: Asked, user: UserId, reason: Option<&str>) -> Decision {
        self.check_rank(asked, user)?;
        let reason = checked_reason(reason)?;
        self.role_of(user)?;
        Ok(vec![Event::Kicked { user_id: user, reason }])
    }

    /// A ban may reach somebody who is not, or not any more, a member.
    pub(super) fn ban(&self, asked: Asked, user: UserId, until: Option<Time>, reason: Option<&str>) -> Decision {
        self.check_rank(asked, user)?;
        let (until, reason) = (checked_end("until", asked, until)?, checked_reason(reason)?);
        if self.bans.get(&user) == Some(&until) {
            return Ok(vec![]);
        }
        Ok(vec![Event::Banned { user_id: user, until, reason }])
    }

    pub(super) fn unban(&self, asked: Asked, user: UserId) -> Decision {
        self.check_rank(asked, user)?;
        Ok(if self.is_banned(user, asked.at) { vec![Event::Unbanned { user_id: user }] } else { vec![] })
    }

    pub(super) fn mute(&self, asked: Asked, user: UserId, until: Option<Time>, reason: Option<&str>) -> Decision {
        self.check_rank(asked, user)?;
        let (until, reason) = (checked_end("until", asked, until)?, checked_reason(reason)?);
        self.role_of(user)?;
        if self.mutes.get(&user) == Some(&until) {
            return Ok(vec![]);
        }
        Ok(vec![Event::Muted { user_id: user, until, reason }])
    }

    /// A mute outlives the seat, so it may be lifted from somebody who has left.
    pub(super) fn unmute(&self, asked: Asked, user: UserId) -> Decision {
        self.check_rank(asked, user)?;
        Ok(if self.is_muted(user, asked.at) { vec![Event::Unmuted { user_id: user }] } else { vec![] })
    }

    pub(super) fn set_role(&self, asked: Asked, user: UserId, role: Role) -> Decision {
        if self.standing(asked)? != Role::Owner {
            return Err(Rejection::Forbidden("only the owner changes roles"));
        }
        if role == Role::Guest {
            return Err(Rejection::invalid("role", "a member can't be made a guest"));
        }
        match self.role_of(user)? {
            Role::Guest => return Err(Rejection::Conflict("a guest has no account, and stays a guest")),
            same if same == role => return Ok(vec![]),
            Role::Member | Role::Admin | Role::Owner => {}
        }
        if user == asked.by {
            return Err(Rejection::Forbidden(
                "the owner stays the owner until the room is handed over to another member",
            ));
        }
        if role == Role::Owner {
            return self.hand_over(asked, user);
        }
        Ok(vec![Event::RoleChanged { user_id: user, role, former_owner_id: None }])
    }

    /// Nobody can unmute an owner, so a muted member can't become one.
    fn hand_over(&self, asked: Asked, heir: UserId) -> Decision {
        if self.is_muted(heir, asked.at) {
            return Err(Rejection::Conflict("this member is muted: unmute them before handing the room over"));
        }
        Ok(vec![Event::RoleChanged { user_id: heir, role: Role::Owner, former_owner_id: Some(asked.by) }])
    }

    fn role_of(&self, user: UserId) -> Result<Role, Rejection> {
        self.members.get(&user).copied().ok_or(Rejection::NotFound("member"))
    }

    /// Whether the asker may moderate this user, member or not.
    fn check_rank(&self, asked: Asked, user: UserId) -> Result<(), Rejection> {
        let rank = self.standing(asked)?;
        if rank < Role::Admin {
            return Err(Rejection::Forbidden("only admins and the owner moderate"));
        }
        if user == asked.by {
            return Err(Rejection::Forbidden("nobody moderates themself; who wants to go can leave"));
        }
        match self.members.get(&user) {
            Some(Role::Owner) => Err(Rejection::Forbidden("nobody moderates the owner")),
            Some(role) if *role >= rank => Err(Rejection::Forbidden("admins moderate members and guests only")),
            Some(_) | None => Ok(()),
        }
    }
}

/// A reason of blanks is none.
fn checked_reason(reason: Option<&str>) -> Result<Option<String>, Rejection> {
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        return Ok(None);
    };
    let chars = reason.chars().count();
    if chars > MAX_REASON_CHARS {
        let message = format!("at most {MAX_REASON_CHARS} characters, this has {chars}");
        return Err(Rejection::invalid("reason", message));
    }
    if reason.contains(char::is_control) {
        return Err(Rejection::invalid("reason", "must not contain control characters"));
    }
    Ok(Some(reason.to_owned()))
}

/// Cut to milliseconds, like every time in the log.
pub(super) fn checked_end(field: &'static str, asked: Asked, end: Option<Time>) -> Result<Option<Time>, Rejection> {
    let Some(end) = end.map(|end| end.trunc_subsecs(3)) else {
        return Ok(None);
    };
    if end <= asked.at {
        return Err(Rejection::invalid(field, "must lie in the future"));
    }
    if end - asked.at > MAX_AHEAD {
        return Err(Rejection::invalid(field, "at most a hundred years ahead; without it there is no end"));
    }
    Ok(Some(end))
}
