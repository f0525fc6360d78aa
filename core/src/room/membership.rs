//! Seats: taking one and giving it up.

use super::{Decision, Event, Interior, Role, normalize_code};
use crate::{decider::Asked, rejection::Rejection};

impl Interior {
    pub(super) fn join(&self, asked: Asked, code: Option<&str>) -> Decision {
        self.admit(asked, code)?;
        if self.members.contains_key(&asked.by) {
            return Ok(vec![]);
        }
        if self.members.len() >= usize::from(self.max_users) {
            return Err(Rejection::RoomFull { seats: self.max_users });
        }
        Ok(vec![Event::Joined { user_id: asked.by, role: Role::Member }])
    }

    /// Whether the asker may come in, seats aside. Who comes with a wrong code learns nothing: not even that there is a
    /// room.
    pub(super) fn admit(&self, asked: Asked, code: Option<&str>) -> Result<(), Rejection> {
        if self.members.contains_key(&asked.by) {
            return Ok(());
        }
        if self.is_banned(asked.by, asked.at) {
            return Err(Rejection::Banned);
        }
        let invited = code.is_some_and(|code| normalize_code(code) == normalize_code(&self.code));
        if self.settings.is_public || invited { Ok(()) } else { Err(Rejection::NotFound("room")) }
    }

    pub(super) fn leave(&self, asked: Asked) -> Decision {
        match self.standing(asked)? {
            Role::Owner => Err(Rejection::Conflict("the owner can't leave: hand the room over or archive it first")),
            Role::Guest | Role::Member | Role::Admin => self.give_up_seat(asked),
        }
    }

    /// Leaving, when nobody needs to stay behind.
    pub(super) fn give_up_seat(&self, asked: Asked) -> Decision {
        self.standing(asked)?;
        Ok(vec![Event::Left { user_id: asked.by }])
    }
}
