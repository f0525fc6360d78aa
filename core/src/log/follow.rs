//! The follower: a partition's records as they are committed, from one consumer after the other.

use futures_util::{StreamExt, stream};

use super::{
    Feed, ReadError, Stored,
    consumer::{Consumer, Delivery, Pauses, Turn},
    read::Reader,
};
use crate::position::{Partition, Seq};

/// Follows a partition after a seq. A start beyond the end waits for the end to get there.
pub(super) fn feed(reader: Reader, partition: Partition, after: Seq) -> Feed {
    let stream = reader.namespace.log_stream(partition);
    let follower =
        Follower { reader, partition, stream, last: after, consumer: None, pauses: Pauses::new(), warned: false };
    stream::unfold(Box::new(follower), |mut follower| async move {
        let item = follower.next().await;
        Some((Ok(item), follower))
    })
    .boxed()
}

struct Follower {
    reader: Reader,
    partition: Partition,
    stream: String,
    /// The last seq that was handed on, or passed over.
    last: Seq,
    consumer: Option<Consumer>,
    pauses: Pauses,
    /// Whether it has been told that the start lies beyond the end.
    warned: bool,
}

impl Follower {
    async fn next(&mut self) -> Stored {
        loop {
            match self.step().await {
                Ok(Some(stored)) => return stored,
                Ok(None) => {}
                Err(fault) => self.recover(&fault).await,
            }
        }
    }

    async fn recover(&mut self, fault: &str) {
        tracing::debug!(stream = self.stream, seq = self.last.0, fault, "following again");
        self.consumer = None;
        self.pauses.wait().await;
    }

    /// One turn of the consumer; `None` when it brings no record of ours.
    async fn step(&mut self) -> Result<Option<Stored>, String> {
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            None => self.consumer.insert(Consumer::open(&self.reader.client, &self.stream, self.last).await?),
        };
        match consumer.next().await? {
            Turn::Record(delivery) => {
                self.pauses.reset();
                Ok(self.hand_on(delivery))
            }
            Turn::Idle => self.warn_beyond_end().await.map(|()| None),
        }
    }

    /// Records of a later version's subjects are passed over.
    fn hand_on(&mut self, Delivery { seq, time, subject, payload, .. }: Delivery) -> Option<Stored> {
        self.last = seq;
        let known = self.reader.namespace.parse(&subject);
        if known.is_none() {
            tracing::debug!(stream = self.stream, seq = seq.0, %subject, "a record of an unknown subject");
        }
        known.map(|subject| Stored { seq, subject, payload, time })
    }

    /// A start beyond the end is a checkpoint of another log, or of one that was reset.
    async fn warn_beyond_end(&mut self) -> Result<(), String> {
        if self.warned {
            return Ok(());
        }
        self.warned = true;
        let tail = self.reader.tail(self.partition).await.map_err(|error: ReadError| error.to_string())?;
        if tail.last < self.last {
            tracing::warn!(
                stream = self.stream,
                after = self.last.0,
                last = tail.last.0,
                "follows from beyond the end"
            );
        }
        Ok(())
    }
}
