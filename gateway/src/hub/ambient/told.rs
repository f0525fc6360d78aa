//! What the listeners of a room were told of who is there and what they are doing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use voxlog_core::{
    call::check_may_speak,
    clock::Time,
    decider::Asker,
    id::{SessionId, UserId},
    presence::{Shown, ShownStatus},
    room::{self, Room},
};

use super::{
    CallChange, Murmurs,
    frame::{AmbientFrame, News, present},
};
use crate::{hub::open_room::OpenRoom, presence::Picture, protocol::reply::Ambience};

/// Versions are never used again, not even by a room that was closed and opened anew.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// What was told. It is kept up while somebody listens; whoever looks at it otherwise brings it up first.
#[derive(Debug, Default)]
pub(in crate::hub) struct Told {
    version: u64,
    /// Who is not offline.
    presence: BTreeMap<UserId, Shown>,
    typing: Vec<UserId>,
    speaking: Vec<SessionId>,
    /// Whose seat or voice has changed since.
    moved: HashSet<UserId>,
    /// Who is in the call, as it was last reported.
    in_call: BTreeSet<SessionId>,
    /// Something has happened on the control or the call chain since.
    stirred: bool,
    /// Who has posted since, and when.
    posted: HashMap<UserId, Time>,
}

impl Told {
    /// Of a room that was just opened: nothing was told, and who is in its call is news.
    pub(in crate::hub) fn nothing() -> Self {
        Self { stirred: true, ..Self::default() }
    }

    /// Somebody has posted.
    pub(in crate::hub) fn post(&mut self, author: UserId, time: Time) {
        self.posted.insert(author, time);
    }

    /// Who has posted since this was last asked.
    pub(super) fn take_posted(&mut self) -> HashMap<UserId, Time> {
        std::mem::take(&mut self.posted)
    }

    /// What a new listener is told, and which version that is.
    pub(in crate::hub) fn snapshot(&self) -> (Ambience, u64) {
        let (typing, speaking) = (self.typing.clone(), self.speaking.clone());
        (Ambience { presence: present(&self.presence).collect(), typing, speaking }, self.version)
    }

    pub(in crate::hub) const fn version(&self) -> u64 {
        self.version
    }

    /// Something has happened on the control or the call chain.
    pub(in crate::hub) fn stir(&mut self) {
        self.stirred = true;
    }

    /// Somebody's seat may have changed.
    pub(in crate::hub) fn move_member(&mut self, event: &room::Event) {
        use room::Event as E;
        match event {
            E::Created { owner_id: user, .. }
            | E::Joined { user_id: user, .. }
            | E::InviteUsed { user_id: user, .. }
            | E::Approved { user_id: user, .. }
            | E::Left { user_id: user }
            | E::Kicked { user_id: user, .. }
            | E::Banned { user_id: user, .. } => {
                self.moved.insert(*user);
            }
            _ => {}
        }
    }

    fn see(&mut self, user: UserId, shown: Shown, news: &mut BTreeMap<UserId, Shown>) {
        let known = self.presence.get(&user).copied().unwrap_or_default();
        if known == shown {
            return;
        }
        if shown.status == ShownStatus::Offline {
            self.presence.remove(&user);
        } else {
            self.presence.insert(user, shown);
        }
        news.insert(user, shown);
    }
}

impl OpenRoom {
    /// Tells the listeners what has changed. `changed` are the users of all rooms who are seen otherwise now.
    pub(super) fn flush(&mut self, changed: &HashSet<UserId>, murmurs: Option<&Murmurs>, picture: &Picture, now: Time) {
        let quiet = changed.is_empty() && self.told.moved.is_empty() && murmurs.is_none();
        let silent = self.told.typing.is_empty() && self.told.speaking.is_empty();
        if !self.is_watched() || (quiet && silent) {
            return;
        }
        let members = self.members();
        let affected: Vec<_> = if changed.len() < members.map_or(0, HashMap::len) {
            changed.iter().filter(|user| self.state().role(**user).is_some()).copied().collect()
        } else {
            members
                .into_iter()
                .flat_map(|members| members.keys())
                .filter(|user| changed.contains(user))
                .copied()
                .collect()
        };
        let moved = std::mem::take(&mut self.told.moved);
        let users: HashSet<_> = affected.into_iter().chain(moved).collect();
        for frame in self.renew(users.into_iter(), murmurs, picture, now) {
            self.tell(&frame);
        }
    }

    /// Brings what was told up to now, where nobody listened meanwhile.
    pub(in crate::hub) fn refresh(&mut self, murmurs: Option<&Murmurs>, picture: &Picture, now: Time) {
        if !self.is_watched() {
            self.told.moved.clear();
            let known = self.told.presence.keys().copied();
            let members = self.members().into_iter().flat_map(|members| members.keys().copied());
            let users: HashSet<_> = known.chain(members).collect();
            self.renew(users.into_iter(), murmurs, picture, now);
        }
    }

    /// All that was told, for a socket that may have missed some of it.
    pub(in crate::hub) fn all_told(&self) -> [Arc<AmbientFrame>; 3] {
        let Told { presence, typing, speaking, .. } = &self.told;
        let presence = News::Presence { full: true, members: presence.clone() };
        let frame = |news| AmbientFrame::new(self.id, news);
        [frame(presence), frame(News::Typing(typing.clone())), frame(News::Speaking(speaking.clone()))]
    }

    /// Who has come into the call or gone out of it since the last time.
    pub(super) fn call_changes(&mut self) -> Vec<CallChange> {
        if !std::mem::take(&mut self.told.stirred) {
            return Vec::new();
        }
        let participants = self.call().into_iter().flat_map(|call| &call.participants);
        let inside: BTreeSet<_> = participants.map(|participant| participant.session).collect();
        let former = std::mem::replace(&mut self.told.in_call, inside);
        let (room, now) = (self.id, &self.told.in_call);
        let change = |session: &SessionId, inside| CallChange { room, session: *session, inside };
        let gone = former.difference(now).map(|session| change(session, false));
        gone.chain(now.difference(&former).map(|session| change(session, true))).collect()
    }

    /// Whether a device is in the room's call.
    pub(super) fn is_in_call(&self, session: SessionId) -> bool {
        self.call().is_some_and(|call| call.participants.iter().any(|participant| participant.session == session))
    }

    /// What is told now, of these users and of all who type and speak, and what of it is new.
    fn renew(
        &mut self,
        users: impl Iterator<Item = UserId>,
        murmurs: Option<&Murmurs>,
        picture: &Picture,
        now: Time,
    ) -> Vec<Arc<AmbientFrame>> {
        let (mut members, mut news) = (BTreeMap::new(), Vec::new());
        for (user, shown) in picture.shown_of(users) {
            let shown = if self.state().role(user).is_some() { shown } else { Shown::default() };
            self.told.see(user, shown, &mut members);
        }
        if !members.is_empty() {
            news.push(News::Presence { full: false, members });
        }
        let may_write = |user: &UserId| may_write(self.state(), *user, now);
        let typing: Vec<_> = murmurs.into_iter().flat_map(Murmurs::typing).filter(may_write).collect();
        if typing != self.told.typing {
            self.told.typing.clone_from(&typing);
            news.push(News::Typing(typing));
        }
        let heard = murmurs.into_iter().flat_map(Murmurs::speaking);
        let speaking: Vec<_> = heard.filter(|session| self.is_in_call(*session)).collect();
        if speaking != self.told.speaking {
            self.told.speaking.clone_from(&speaking);
            news.push(News::Speaking(speaking));
        }
        if !news.is_empty() || self.told.version == 0 {
            self.told.version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        }
        news.into_iter().map(|news| AmbientFrame::new(self.id, news)).collect()
    }

    fn members(&self) -> Option<&HashMap<UserId, room::Role>> {
        self.state().interior().map(|interior| &interior.members)
    }
}

fn may_write(state: &Room, user: UserId, now: Time) -> bool {
    check_may_speak(state, Asker::from(user).at(now)).is_ok()
}
