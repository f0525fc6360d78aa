//! Seats: taking one, asking for one, giving it up.

use super::{Decision, Event, Interior, InviteId, Role, normalize_code};
use crate::{decider::Asked, id::UserId, rejection::Rejection};

/// People who may wait for an admin's answer at once: a list that nobody reads to its end helps nobody.
pub const MAX_REQUESTS: usize = 500;

/// By which the asker comes in.
enum Way {
    /// The room is public, or they know its code.
    Door,
    /// They know the code of an invite.
    Invite(InviteId),
}

impl Interior {
    pub(super) fn join(&self, asked: Asked, code: Option<&str>) -> Decision {
        if self.members.contains_key(&asked.by) {
            return Ok(vec![]);
        }
        let way = self.way_in(asked, code)?;
        let (user_id, role) = (asked.by, if asked.guest { Role::Guest } else { Role::Member });
        match way {
            Way::Invite(invite_id) => {
                self.check_seat()?;
                Ok(vec![Event::InviteUsed { invite_id, user_id, role }])
            }
            Way::Door if self.settings.require_approval => self.request(user_id, role),
            Way::Door => {
                self.check_seat()?;
                Ok(vec![Event::Joined { user_id, role }])
            }
        }
    }

    /// Whether the asker may come in, seats aside. Who comes with a wrong code learns nothing: not even that there is a
    /// room.
    pub(super) fn admit(&self, asked: Asked, code: Option<&str>) -> Result<(), Rejection> {
        if self.members.contains_key(&asked.by) { Ok(()) } else { self.way_in(asked, code).map(drop) }
    }

    fn way_in(&self, asked: Asked, code: Option<&str>) -> Result<Way, Rejection> {
        if self.is_banned(asked.by, asked.at) {
            return Err(Rejection::Banned);
        }
        let code = code.map(normalize_code);
        let invite = code.as_deref().and_then(|code| self.standing_invite(code, asked.at));
        let knows_code = code.is_some_and(|code| code == normalize_code(&self.code));
        let way = match invite {
            Some(invite) => Way::Invite(invite),
            None if self.settings.is_public || knows_code => Way::Door,
            None => return Err(Rejection::NotFound("room")),
        };
        if asked.guest && !self.settings.allow_guests {
            return Err(Rejection::Forbidden("this room takes no guests: sign up first"));
        }
        Ok(way)
    }

    fn check_seat(&self) -> Result<(), Rejection> {
        if self.members.len() < usize::from(self.max_users) {
            Ok(())
        } else {
            Err(Rejection::RoomFull { seats: self.max_users })
        }
    }

    fn request(&self, user_id: UserId, role: Role) -> Decision {
        if self.requests.contains_key(&user_id) {
            return Ok(vec![]);
        }
        if self.requests.len() >= MAX_REQUESTS {
            return Err(Rejection::Conflict("too many people wait to be let into this room, try again later"));
        }
        Ok(vec![Event::Requested { user_id, role }])
    }

    pub(super) fn approve(&self, asked: Asked, user: UserId) -> Decision {
        self.check_may_admit(asked)?;
        match self.requests.get(&user) {
            Some(Role::Guest) if !self.settings.allow_guests => {
                Err(Rejection::Conflict("this room takes no guests any more"))
            }
            Some(role) => {
                self.check_seat()?;
                Ok(vec![Event::Approved { user_id: user, role: *role }])
            }
            None if self.members.contains_key(&user) => Ok(vec![]),
            None => Err(Rejection::NotFound("request")),
        }
    }

    pub(super) fn deny(&self, asked: Asked, user: UserId) -> Decision {
        self.check_may_admit(asked)?;
        Ok(if self.requests.contains_key(&user) { vec![Event::Denied { user_id: user }] } else { vec![] })
    }

    /// Whether the asker decides who comes in.
    pub(super) fn check_may_admit(&self, asked: Asked) -> Result<(), Rejection> {
        if self.standing(asked)? < Role::Admin {
            return Err(Rejection::Forbidden("only admins and the owner decide who comes in"));
        }
        Ok(())
    }

    pub(super) fn leave(&self, asked: Asked) -> Decision {
        if self.members.get(&asked.by) == Some(&Role::Owner) {
            return Err(Rejection::Conflict("the owner can't leave: hand the room over or archive it first"));
        }
        self.give_up_seat(asked)
    }

    /// Leaving, when nobody needs to stay behind.
    pub(super) fn give_up_seat(&self, asked: Asked) -> Decision {
        if !self.requests.contains_key(&asked.by) {
            self.standing(asked)?;
        }
        Ok(vec![Event::Left { user_id: asked.by }])
    }
}
