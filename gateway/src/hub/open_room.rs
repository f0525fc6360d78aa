//! A room in memory: its state, the ends of its chains, its latest events and who listens.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use voxlog_core::{
    call,
    clock::Time,
    decider::Decider,
    envelope::{DecodeError, Header},
    event::Event,
    fold::Folded,
    id::{MessageId, RoomId, UserId},
    log::Stored,
    message::{self, Message},
    position::{Class, Heads, Seq},
    room::Room,
};

use super::{
    ambient::{AmbientFrame, told::Told},
    catch_up::check_may_read,
    entry::Entry,
    outbox::{Item, Outbox},
    pace::{LastPost, Pace},
    ring::Ring,
};
use crate::error::Failure;

/// An open room, exact at its lane's position.
#[derive(Debug)]
pub(super) struct OpenRoom {
    pub(super) id: RoomId,
    pub(super) folded: Folded,
    pub(super) heads: Heads,
    pub(super) ring: Ring,
    pub(super) pace: Pace,
    pub(super) last_used: Instant,
    /// What decisions need to know of the messages that were posted within the ring.
    messages: HashMap<MessageId, Recent>,
    /// The same, in the order in which they leave the ring.
    posted: VecDeque<(Seq, MessageId)>,
    subscribers: Vec<Subscriber>,
    /// What they were told beside the events.
    pub(super) told: Told,
}

/// A message that the ring still has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recent {
    pub(super) seq: Seq,
    pub(super) message: Message,
    /// Whether the log keeps it, as its room was set when it was posted.
    pub(super) recorded: bool,
}

#[derive(Debug)]
struct Subscriber {
    user: UserId,
    outbox: Arc<Outbox>,
    /// What its socket calls it.
    subscription: u64,
}

impl OpenRoom {
    /// A room that has been folded, at the position where its chains end at `heads`.
    pub(super) fn new(id: RoomId, folded: Folded, heads: Heads, pace: Pace, ring_events: usize) -> Self {
        Self {
            id,
            folded,
            heads,
            pace,
            ring: Ring::after(heads, ring_events),
            last_used: Instant::now(),
            messages: HashMap::new(),
            posted: VecDeque::new(),
            subscribers: Vec::new(),
            told: Told::nothing(),
        }
    }

    /// The room itself.
    pub(super) fn state(&self) -> &Room {
        &self.folded.room
    }

    /// Its call, when one goes on.
    pub(super) const fn call(&self) -> Option<&call::Ongoing> {
        self.folded.call.ongoing()
    }

    /// Whether all that a reader at `cursor` has not seen is still there.
    pub(super) fn remembers(&self, cursor: &Heads) -> bool {
        let kept = self.state().message_ttl().is_none() && cursor.msg >= self.folded.forgets_before;
        kept || self.ring.covers(cursor)
    }

    /// Takes in the next event of one of its chains and hands it to everyone attached. One that it has already is
    /// passed over. An event of the control chain that can't be read leaves the state in doubt: that is an error.
    pub(super) fn apply(&mut self, class: Class, stored: Stored) -> Result<(), DecodeError> {
        let prev = self.heads.of(class);
        if stored.seq <= prev {
            return Ok(());
        }
        let mut ends = None;
        match Header::read(&stored.payload).and_then(|header| Ok((header.time, header.event()?))) {
            Ok((time, event @ Event::Room(_))) if class == Class::Ctl => {
                self.folded.evolve(stored.seq, &event);
                self.stir(&event);
                ends = Some(time);
            }
            Ok((_, event @ Event::Call(_))) if class == Class::Call => {
                self.folded.evolve(stored.seq, &event);
                self.stir(&event);
            }
            Ok((time, Event::Message(event))) => self.remember(stored.seq, time, &event),
            Err(error) if class == Class::Ctl => return Err(error),
            Ok(_) | Err(_) => tracing::warn!(room.id = %self.id, stream.seq = %stored.seq, "an event has no effect"),
        }
        *self.heads.of_mut(class) = stored.seq;
        self.fan_out(Entry::new(self.id, class, stored.seq, prev, stored.payload));
        if let Some(time) = ends {
            self.let_go_of_strangers(time);
        }
        Ok(())
    }

    /// A message whose posting is among the latest events.
    pub(super) fn recent(&self, id: MessageId) -> Option<Recent> {
        self.messages.get(&id).copied()
    }

    /// The event at `seq`, when it is among the latest.
    pub(super) fn recent_entry(&self, seq: Seq) -> Option<Arc<Entry>> {
        self.ring.newest_first().find(|entry| entry.seq == seq).cloned()
    }

    /// Lets go of message events, as [`Ring::forget`] does, and of what was remembered of them.
    pub(super) fn forget(&mut self, standing: Seq, goes: impl Fn(&Entry) -> bool) {
        let (gone, last) = self.ring.forget(standing, goes);
        self.heads.msg = last;
        self.posted.retain(|(seq, id)| {
            let stays = gone.binary_search(seq).is_err();
            if !stays {
                self.messages.remove(id);
            }
            stays
        });
    }

    /// From here on the outbox gets every event. Attaching again only names the subscription anew. A socket that does not
    /// know the version of what was told gets all of that.
    pub(super) fn attach(&mut self, user: UserId, outbox: &Arc<Outbox>, subscription: u64, knows: Option<u64>) {
        self.detach(outbox);
        self.subscribers.push(Subscriber { user, outbox: Arc::clone(outbox), subscription });
        if knows != Some(self.told.version()) {
            self.all_told().into_iter().for_each(|frame| outbox.push_ambient(frame));
        }
    }

    /// The outbox gets nothing more.
    pub(super) fn detach(&mut self, outbox: &Arc<Outbox>) {
        self.subscribers.retain(|subscriber| !Arc::ptr_eq(&subscriber.outbox, outbox));
        outbox.forget_ambient(self.id);
    }

    /// Tells every subscriber something that is true only now.
    pub(super) fn tell(&self, frame: &Arc<AmbientFrame>) {
        metrics::counter!("voxlog_ambient_frames_total").increment(self.subscribers.len() as u64);
        for subscriber in &self.subscribers {
            subscriber.outbox.push_ambient(Arc::clone(frame));
        }
    }

    /// Tells every subscriber that nothing of this room follows, and why.
    pub(super) fn end(&mut self, why: &Failure) {
        for subscriber in self.subscribers.drain(..) {
            subscriber.end(self.id, why.clone());
        }
    }

    /// Whether somebody listens.
    pub(super) fn is_watched(&self) -> bool {
        !self.subscribers.is_empty()
    }

    fn fan_out(&mut self, entry: Arc<Entry>) {
        for subscriber in &self.subscribers {
            subscriber.outbox.push(Item::Event(Arc::clone(&entry)));
        }
        if let Some(gone) = self.ring.push(entry) {
            while let Some((_, id)) = self.posted.pop_front_if(|(seq, _)| *seq <= gone.seq) {
                self.messages.remove(&id);
            }
        }
    }

    fn stir(&mut self, event: &Event) {
        self.told.stir();
        if let (Event::Room(event), true) = (event, self.is_watched()) {
            self.told.move_member(event);
        }
    }

    fn remember(&mut self, seq: Seq, time: Time, event: &message::Event) {
        let id = event.message_id();
        if let message::Event::Posted { author_id, .. } = event {
            self.told.post(*author_id, time);
            self.pace.note(*author_id, LastPost { message: id, seq, time });
            let recorded = self.state().message_ttl().is_none();
            self.messages.insert(id, Recent { seq, message: Message::Unwritten, recorded });
            self.posted.push_back((seq, id));
        }
        if let Some(recent) = self.messages.get_mut(&id) {
            recent.message.evolve(event);
        }
    }

    /// The event that ends a membership is the last that its former member gets.
    fn let_go_of_strangers(&mut self, now: Time) {
        let (state, id) = (&self.folded.room, self.id);
        self.subscribers.retain(|subscriber| match check_may_read(state, subscriber.user, now) {
            Ok(()) => true,
            Err(why) => {
                subscriber.end(id, why.into());
                false
            }
        });
    }
}

impl Subscriber {
    fn end(&self, room: RoomId, why: Failure) {
        self.outbox.push(Item::Ended { room, subscription: self.subscription, why });
    }
}
