//! Who is there, as the records say: the last one of every session, and what others see of each user.
//!
//! It is the same on every gateway, some milliseconds after a record is told, because it is made of records only: what a
//! gateway knows of its own sessions counts when it has been told.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};
use voxlog_core::{
    ambient,
    bus::{OFFLINE_KEPT, Told},
    clock::Time,
    envelope::Envelope,
    event::Event,
    id::{NodeId, RoomId, SessionId, UserId},
    position::Seq,
    presence::{Shown, Status, merged},
};

/// How a session was last said to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub user: UserId,
    /// Which.
    pub session: SessionId,
    /// The gateway that vouches for it.
    pub node: NodeId,
    /// How often it was resumed.
    pub epoch: u32,
    /// How it wants to be seen.
    pub status: Status,
    /// The room whose call it is in.
    pub call: Option<RoomId>,
    /// Where the record stands.
    pub seq: Seq,
    /// When it was told, by the clock of NATS.
    pub told_at: Time,
}

/// Every session's last record.
#[derive(Debug)]
pub struct Picture {
    canvas: Mutex<Canvas>,
    /// Moves with every record.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Canvas {
    records: Records,
    /// What is drawn anew after a break, beside what was known before.
    next: Option<Records>,
    /// Who is seen otherwise than when this was last asked.
    changed: HashSet<UserId>,
}

#[derive(Debug, Default)]
struct Records {
    by_user: HashMap<UserId, BTreeMap<SessionId, Record>>,
    owners: HashMap<SessionId, UserId>,
}

impl Record {
    /// What a record says; `None` when this version can't read it.
    pub fn read(told: &Told) -> Option<Self> {
        let envelope = Envelope::decode(&told.payload).inspect_err(|error| {
            tracing::warn!(stream.seq = told.seq.0, %error, "a presence record can't be read");
        });
        match envelope.ok()?.event {
            Event::Ambient(ambient::Event::PresenceChanged { user_id, session, node, epoch, status, call }) => {
                Some(Self { user: user_id, session, node, epoch, status, call, seq: told.seq, told_at: told.time })
            }
            _ => None,
        }
    }
}

impl Default for Picture {
    fn default() -> Self {
        Self { canvas: Mutex::default(), news: watch::Sender::new(()) }
    }
}

impl Picture {
    /// What others see of a user.
    pub fn shown(&self, user: UserId) -> Shown {
        self.lock().records.shown(user)
    }

    /// What others see of each of these users, of one moment.
    pub fn shown_of(&self, users: impl Iterator<Item = UserId>) -> Vec<(UserId, Shown)> {
        let canvas = self.lock();
        users.map(|user| (user, canvas.records.shown(user))).collect()
    }

    /// The last record of a session of any gateway. One that has been offline for long has none.
    pub fn record(&self, session: SessionId) -> Option<Record> {
        self.lock().records.get(session).copied()
    }

    /// The session's record at `seq` or beyond; `None` when none comes within `patience`.
    pub(super) async fn reach(&self, session: SessionId, seq: Seq, patience: Duration) -> Option<Record> {
        let mut news = self.news.subscribe();
        let comes = async {
            loop {
                news.borrow_and_update();
                if let Some(record) = self.record(session).filter(|record| record.seq >= seq) {
                    return Some(record);
                }
                news.changed().await.ok()?;
            }
        };
        timeout(patience, comes).await.ok().flatten()
    }

    /// Takes in a record.
    pub(super) fn note(&self, record: Record) {
        let mut canvas = self.lock();
        if let Some(next) = &mut canvas.next {
            next.insert(record);
        }
        let before = canvas.records.shown(record.user);
        canvas.records.insert(record);
        if canvas.records.shown(record.user) != before {
            canvas.changed.insert(record.user);
        }
        drop(canvas);
        self.news.send_replace(());
    }

    /// Something may have been missed: the whole picture follows, and holds only when it is whole.
    pub(super) fn lost(&self) {
        self.lock().next = Some(Records::default());
    }

    /// The picture is whole: whoever is not in it is gone.
    pub(super) fn caught_up(&self) {
        let mut canvas = self.lock();
        let Some(next) = canvas.next.take() else { return };
        let former = mem::replace(&mut canvas.records, next);
        let users: HashSet<_> = former.by_user.keys().chain(canvas.records.by_user.keys()).copied().collect();
        let changed = users.into_iter().filter(|user| former.shown(*user) != canvas.records.shown(*user));
        let changed: Vec<_> = changed.collect();
        canvas.changed.extend(changed);
        drop(canvas);
        self.news.send_replace(());
    }

    /// Who is seen otherwise than when this was last asked.
    pub(crate) fn take_changed(&self) -> HashSet<UserId> {
        mem::take(&mut self.lock().changed)
    }

    /// Forgets who has been offline for so long that the stream has forgotten them too.
    pub(super) fn forget_the_gone(&self, now: Time) {
        let long_ago = |record: &Record| (now - record.told_at).to_std().is_ok_and(|age| age > OFFLINE_KEPT);
        let kept = |record: &Record| record.status != Status::Offline || !long_ago(record);
        self.lock().records.retain(kept);
    }

    fn lock(&self) -> MutexGuard<'_, Canvas> {
        self.canvas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn get(&self, session: SessionId) -> Option<&Record> {
        self.by_user.get(self.owners.get(&session)?)?.get(&session)
    }

    fn shown(&self, user: UserId) -> Shown {
        let devices = self.by_user.get(&user).into_iter().flat_map(BTreeMap::values);
        merged(devices.map(|record| (record.status, record.call.is_some())))
    }

    /// Later records replace earlier ones, whatever order they come in.
    fn insert(&mut self, record: Record) {
        if self.get(record.session).is_none_or(|known| known.seq < record.seq) {
            self.owners.insert(record.session, record.user);
            self.by_user.entry(record.user).or_default().insert(record.session, record);
        }
    }

    fn retain(&mut self, kept: impl Fn(&Record) -> bool) {
        self.by_user.retain(|_, sessions| {
            sessions.retain(|_, record| kept(record));
            !sessions.is_empty()
        });
        let by_user = &self.by_user;
        self.owners.retain(|session, user| by_user.get(user).is_some_and(|sessions| sessions.contains_key(session)));
    }
}

#[cfg(test)]
mod tests {
    use voxlog_core::{
        clock::{Clock, SystemClock},
        presence::ShownStatus,
    };

    use super::*;

    fn record(user: UserId, session: SessionId, seq: u64, status: Status) -> Record {
        let (node, told_at) = (NodeId::mint(&SystemClock), SystemClock.now());
        Record { user, session, node, epoch: 0, status, call: None, seq: Seq(seq), told_at }
    }

    #[test]
    fn a_later_record_counts_whatever_order_they_come_in() {
        let (picture, user, session) = (Picture::default(), UserId::mint(&SystemClock), SessionId::mint(&SystemClock));
        picture.note(record(user, session, 2, Status::Away));
        picture.note(record(user, session, 1, Status::Online));
        assert_eq!(picture.shown(user).status, ShownStatus::Away);
        assert_eq!(picture.take_changed(), HashSet::from([user]));
        picture.note(record(user, SessionId::mint(&SystemClock), 3, Status::Invisible));
        assert!(picture.take_changed().is_empty(), "who hides changes nothing");
    }

    /// While the picture is drawn anew nobody flickers; when it is whole, who is not in it is gone.
    #[test]
    fn a_picture_that_is_drawn_anew_replaces_the_other_when_it_is_whole() {
        let picture = Picture::default();
        let (stays, goes) = (UserId::mint(&SystemClock), UserId::mint(&SystemClock));
        let (first, second) = (SessionId::mint(&SystemClock), SessionId::mint(&SystemClock));
        picture.note(record(stays, first, 1, Status::Online));
        picture.note(record(goes, second, 2, Status::Online));
        picture.take_changed();
        picture.lost();
        picture.note(record(stays, first, 1, Status::Online));
        assert_eq!(picture.shown(goes).status, ShownStatus::Online);
        picture.caught_up();
        assert_eq!(picture.shown(goes).status, ShownStatus::Offline);
        assert_eq!(picture.shown(stays).status, ShownStatus::Online);
        assert_eq!(picture.take_changed(), HashSet::from([goes]));
    }
}
