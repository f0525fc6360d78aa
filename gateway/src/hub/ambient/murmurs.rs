//! Who said that they type or speak in a room.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use voxlog_core::{
    ambient::Event,
    clock::Time,
    id::{SessionId, UserId},
};

/// It is over after that time unless it is said again: the word that it is over may be lost.
const LASTS: Duration = Duration::from_secs(6);

/// What was said of one room, also while the room is not in use here.
#[derive(Debug, Default)]
pub(in crate::hub) struct Murmurs {
    typing: BTreeMap<UserId, Instant>,
    speaking: BTreeMap<SessionId, Instant>,
    /// Who has just posted: what they said of their typing before that is over, also if it is heard only now.
    posted: HashMap<UserId, (Time, Instant)>,
}

impl Murmurs {
    /// Somebody said something at `time`, by their gateway's clock; it was heard `now`.
    pub(super) fn hear(&mut self, event: &Event, time: Time, now: Instant) {
        match *event {
            Event::TypingStarted { user_id } => {
                if self.posted.get(&user_id).is_none_or(|(posted, _)| *posted < time) {
                    self.typing.insert(user_id, now + LASTS);
                }
            }
            Event::TypingStopped { user_id } => {
                self.typing.remove(&user_id);
            }
            Event::SpeakingChanged { session, speaking: true, .. } => {
                self.speaking.insert(session, now + LASTS);
            }
            Event::SpeakingChanged { session, speaking: false, .. } => {
                self.speaking.remove(&session);
            }
            Event::PresenceChanged { .. } | Event::SignalSent { .. } => {}
        }
    }

    /// Somebody has posted: they type no more.
    pub(in crate::hub) fn posted(&mut self, user: UserId, time: Time, now: Instant) {
        self.typing.remove(&user);
        self.posted.insert(user, (time, now + LASTS));
    }

    /// Forgets what is over. False when nothing is left.
    pub(super) fn fade(&mut self, now: Instant) -> bool {
        self.typing.retain(|_, until| *until > now);
        self.speaking.retain(|_, until| *until > now);
        self.posted.retain(|_, (_, until)| *until > now);
        !(self.typing.is_empty() && self.speaking.is_empty() && self.posted.is_empty())
    }

    pub(super) fn typing(&self) -> impl Iterator<Item = UserId> {
        self.typing.keys().copied()
    }

    pub(super) fn speaking(&self) -> impl Iterator<Item = SessionId> {
        self.speaking.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use voxlog_core::clock::{Clock, SystemClock};

    use super::*;

    #[test]
    fn typing_ends_by_itself_and_with_a_post() {
        let (mut murmurs, user) = (Murmurs::default(), UserId::mint(&SystemClock));
        let (now, time) = (Instant::now(), SystemClock.now());
        let typing = Event::TypingStarted { user_id: user };
        murmurs.hear(&typing, time, now);
        assert!(murmurs.fade(now + Duration::from_millis(5999)) && murmurs.typing().eq([user]));
        assert!(!murmurs.fade(now + LASTS) && murmurs.typing().next().is_none());
        murmurs.hear(&typing, time, now);
        murmurs.posted(user, time, now);
        murmurs.hear(&typing, time, now);
        assert!(murmurs.typing().next().is_none(), "what was said before the post comes too late");
        murmurs.hear(&typing, time + Duration::from_secs(1), now);
        assert!(murmurs.typing().eq([user]));
    }
}
