//! Codes: the room's own and those of invites.

use super::{Decision, Event, Interior, InviteId, moderation::checked_end, normalize_code, settings::checked_code};
use crate::{clock::Time, decider::Asked, rejection::Rejection};

/// Invites that may stand at once.
pub const MAX_INVITES: usize = 100;

/// The most uses of one invite: as many as a room has seats at most.
pub const MAX_INVITE_USES: u32 = 500;

/// A code that lets people in without approval. It is gone when it is used up or revoked; one that has run out opens
/// nothing, and stays until its place is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invite {
    /// How many may still use it; `None` means any number.
    pub uses_left: Option<u32>,
    /// When it stops working; `None` means never.
    pub expires_at: Option<Time>,
}

impl Invite {
    /// One that expires at a time is over at that time.
    fn stands(&self, at: Time) -> bool {
        self.expires_at.is_none_or(|end| end > at)
    }
}

impl Interior {
    /// The invite of a code, if it opens the room at this time.
    pub(super) fn standing_invite(&self, code: &str, at: Time) -> Option<InviteId> {
        let id = InviteId::of(code);
        self.invites.get(&id).is_some_and(|invite| invite.stands(at)).then_some(id)
    }

    pub(super) fn rotate_code(&self, asked: Asked, code: &str) -> Decision {
        self.check_may_admit(asked)?;
        let code = checked_code(code)?;
        if self.invites.contains_key(&InviteId::of(&code)) {
            return Err(Rejection::Conflict("this is the code of an invite"));
        }
        Ok(if code == self.code { vec![] } else { vec![Event::CodeRotated { code }] })
    }

    pub(super) fn create_invite(
        &self,
        asked: Asked,
        code: &str,
        max_uses: Option<u32>,
        expires_at: Option<Time>,
    ) -> Decision {
        self.check_may_admit(asked)?;
        // Clients ask for it by the seconds that are left.
        let (code, expires_at) = (checked_code(code)?, checked_end("expiresInS", asked, expires_at)?);
        if max_uses.is_some_and(|uses| !(1..=MAX_INVITE_USES).contains(&uses)) {
            return Err(Rejection::invalid(
                "maxUses",
                format!("must be 1 to {MAX_INVITE_USES}; without it there is no limit"),
            ));
        }
        if code == normalize_code(&self.code) {
            return Err(Rejection::Conflict("this is the room's own code"));
        }
        let invite_id = InviteId::of(&code);
        match self.invites.get(&invite_id) {
            Some(invite) if *invite == (Invite { uses_left: max_uses, expires_at }) => Ok(vec![]),
            Some(_) => Err(Rejection::Conflict("there is an invite of this code already")),
            None if self.invites.values().filter(|invite| invite.stands(asked.at)).count() >= MAX_INVITES => {
                Err(Rejection::Conflict("this room has as many invites as it may have: revoke one first"))
            }
            None => Ok(vec![Event::InviteCreated { invite_id, max_uses, expires_at }]),
        }
    }

    pub(super) fn revoke_invite(&self, asked: Asked, invite: &InviteId) -> Decision {
        self.check_may_admit(asked)?;
        let stands = self.invites.contains_key(invite);
        Ok(if stands { vec![Event::InviteRevoked { invite_id: invite.clone() }] } else { vec![] })
    }

    /// Where the list is full, the one that ran out first makes room: no more stand than the list holds, so there is one.
    pub(super) fn add_invite(&mut self, id: InviteId, invite: Invite) {
        if self.invites.len() >= MAX_INVITES {
            let first = self.invites.iter().filter_map(|(id, invite)| Some((invite.expires_at?, id))).min();
            let first = first.map(|(_, id)| id.clone());
            first.and_then(|id| self.invites.remove(&id));
        }
        self.invites.insert(id, invite);
    }

    /// One use less; the last one ends it.
    pub(super) fn use_invite(&mut self, id: &InviteId) {
        let Some(invite) = self.invites.get_mut(id) else { return };
        invite.uses_left = invite.uses_left.map(|uses| uses.saturating_sub(1));
        if invite.uses_left == Some(0) {
            self.invites.remove(id);
        }
    }
}
