//! Following a stream with holes: one mechanism for all of them.
//!
//! A consumer delivers whatever stands after its start, and its own count tells whether one was lost on the way, as in
//! the log's follower. What a hole in the seqs hides depends on the stream:
//! * Of a *picture* only the last record of each subject counts. What expired while nobody listened left no trace, so
//!   after a break the picture is drawn anew from its first record.
//! * What is heard *from now on* goes on where it broke off. Records that left the stream meanwhile, or a stream that was
//!   forgotten and made anew, are told as lost.

use std::collections::VecDeque;

use async_nats::jetstream::stream::Info;
use futures_util::{StreamExt, stream, stream::BoxStream};

use super::{Bus, Heard, Told, streams::Stream};
use crate::{
    log::consumer::{Consumer, Delivery, Pauses, Turn},
    position::Seq,
};

/// Everything that stands in the stream, then what comes; after a break all of it again.
pub(super) fn picture(bus: Bus, stream: Stream) -> BoxStream<'static, Heard> {
    Tail::new(bus, stream, true).feed()
}

/// What comes.
pub(super) fn from_now(bus: Bus, stream: Stream) -> BoxStream<'static, Heard> {
    Tail::new(bus, stream, false).feed()
}

struct Tail {
    bus: Bus,
    stream: Stream,
    /// Whether a break means to begin anew.
    picture: bool,
    consumer: Option<Consumer>,
    pauses: Pauses,
    /// How far it came; `None` before the first consumer.
    place: Option<Place>,
    /// `CaughtUp` is due when this has been passed; `None` when it was told.
    whole_at: Option<Seq>,
    /// To be handed on before anything else.
    heard: VecDeque<Heard>,
}

/// A place in a stream that may be made anew under the same name.
struct Place {
    /// When the stream was made.
    made: i128,
    last: Seq,
}

impl Tail {
    fn new(bus: Bus, stream: Stream, picture: bool) -> Self {
        let (consumer, pauses, heard) = (None, Pauses::new(), VecDeque::new());
        Self { bus, stream, picture, consumer, pauses, place: None, whole_at: None, heard }
    }

    fn feed(self) -> BoxStream<'static, Heard> {
        stream::unfold(Box::new(self), |mut tail| async move {
            let heard = tail.next().await;
            Some((heard, tail))
        })
        .boxed()
    }

    async fn next(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            if let Err(fault) = self.step().await {
                tracing::debug!(stream = ?self.stream, fault, "listening again");
                self.consumer = None;
                self.pauses.wait().await;
            }
        }
    }

    /// One turn of the consumer, or another consumer.
    async fn step(&mut self) -> Result<(), String> {
        let Some(consumer) = &mut self.consumer else { return self.begin().await };
        match consumer.next().await? {
            Turn::Record(delivery) => {
                self.pauses.reset();
                self.take(delivery);
            }
            // Whatever was to come has come, or has expired on the way.
            Turn::Idle => self.caught_up(),
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), String> {
        let info = self.bus.ensure(self.stream).await.map_err(|error| error.to_string())?;
        let (after, lost) = self.start(&info);
        let name = self.stream.name(&self.bus.namespace);
        let consumer = Consumer::open(&self.bus.client, &name, after).await?;
        let found = consumer.found;
        let begins = lost || self.place.is_none();
        self.consumer = Some(consumer);
        self.place = Some(Place { made: info.created.unix_timestamp_nanos(), last: after });
        if lost {
            self.heard.push_back(Heard::Lost);
        }
        if begins {
            self.whole_at = Some(Seq(info.state.last_sequence));
            if found == 0 {
                self.caught_up();
            }
        }
        Ok(())
    }

    /// The seq after which the next consumer starts, and whether something may be missing before it.
    fn start(&self, info: &Info) -> (Seq, bool) {
        let (first, last) = (info.state.first_sequence, info.state.last_sequence);
        match &self.place {
            _ if self.picture => (Seq::ZERO, self.place.is_some()),
            None => (Seq(last), false),
            Some(place) => {
                let same = place.made == info.created.unix_timestamp_nanos() && place.last.0 <= last;
                if same && first <= place.last.0 + 1 {
                    (place.last, false)
                } else {
                    (Seq(first.saturating_sub(1)), true)
                }
            }
        }
    }

    /// Subjects of a later version are passed over.
    fn take(&mut self, Delivery { seq, time, subject, payload, pending, .. }: Delivery) {
        if let Some(place) = &mut self.place {
            place.last = seq;
        }
        if let Some(subject) = self.bus.namespace.parse_told(&subject) {
            self.heard.push_back(Heard::Told(Told { seq, subject, payload, time }));
        } else {
            tracing::debug!(stream = ?self.stream, seq = seq.0, %subject, "a record of an unknown subject");
        }
        if pending == 0 || self.whole_at.is_some_and(|end| seq >= end) {
            self.caught_up();
        }
    }

    fn caught_up(&mut self) {
        if self.whole_at.take().is_some() {
            self.heard.push_back(Heard::CaughtUp);
        }
    }
}
