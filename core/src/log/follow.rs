//! The follower: a partition's records as they are committed.
//!
//! A pull consumer in the server's memory, always made with an explicit start. It is not kept alive but replaced: on any
//! doubt (an error, a missed heartbeat, a hole in its own count, a new leader, a restarted server) another one begins
//! right after the last record that was handed on.

use std::time::Duration;

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::{Feed, ReadError, Stored, api, read::Reader};
use crate::{
    clock::Time,
    position::{Partition, Seq},
};

/// Records asked for at a time; the next are asked for when half of them have come. So at most 1.5 times as many wait
/// in memory for whoever reads the feed.
const BATCH: usize = 2000;

/// A pull request ends by itself after this, and is made again.
const EXPIRES: Duration = Duration::from_secs(30);

/// An idle consumer says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Nothing heard for this long: the consumer is gone.
const SILENCE: Duration = Duration::from_millis(2500);

/// The server forgets a consumer that nobody pulls from.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// A consumer that is alive and idle for so long is checked against the stream's leader.
const WATCHDOG: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Follows a partition after a seq. A start beyond the end waits for the end to get there.
pub(super) fn feed(reader: Reader, partition: Partition, after: Seq) -> Feed {
    let stream = reader.namespace.log_stream(partition);
    let follower = Follower { reader, partition, stream, last: after, consumer: None, pause: PAUSE, warned: false };
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
    pause: Duration,
    /// Whether it has been told that the start lies beyond the end.
    warned: bool,
}

/// One consumer on the server, from its making to its first fault.
struct Consumer {
    pull: String,
    inbox: String,
    answers: Subscriber,
    /// The next answer, when it came while the leader was asked.
    early: Option<Message>,
    /// Records that are asked for and have not come.
    wanted: usize,
    /// How many it has delivered; its own count must agree.
    delivered: u64,
    checked: Instant,
}

#[derive(Deserialize)]
struct Created {
    name: String,
}

/// What a consumer's answer is.
enum Answer {
    Record(Delivery),
    /// Alive.
    Heartbeat,
    /// A pull request ended with so many records not delivered.
    Ended(usize),
    /// The consumer can't go on.
    Fault(String),
}

/// What a delivered message's reply subject tells.
struct Delivery {
    seq: Seq,
    count: u64,
    time: Time,
    subject: async_nats::Subject,
    payload: Bytes,
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
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    /// One answer of the consumer; `None` when it brings no record of ours.
    async fn step(&mut self) -> Result<Option<Stored>, String> {
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            None => self.consumer.insert(open(&self.reader, &self.stream, self.last).await?),
        };
        if consumer.wanted <= BATCH / 2 {
            consumer.pull(&self.reader).await?;
        }
        let Some(message) = consumer.answer().await? else {
            return Err("the connection is closed".to_owned());
        };
        match read_answer(message) {
            Answer::Record(delivery) => {
                consumer.take(&delivery)?;
                self.pause = PAUSE;
                Ok(self.hand_on(delivery))
            }
            Answer::Heartbeat => self.watch().await.map(|()| None),
            Answer::Ended(left) => {
                consumer.wanted = consumer.wanted.saturating_sub(left);
                Ok(None)
            }
            Answer::Fault(fault) => Err(fault),
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

    /// An idle consumer may have missed what the leader has.
    async fn watch(&mut self) -> Result<(), String> {
        let Some(consumer) = &mut self.consumer else { return Ok(()) };
        if consumer.checked.elapsed() < WATCHDOG {
            return Ok(());
        }
        consumer.checked = Instant::now();
        let next = self.reader.next_after(self.partition, self.last).await.map_err(|error| error.to_string())?;
        consumer.early = consumer.answers.next().now_or_never().flatten();
        let record = consumer.early.as_ref().is_some_and(|early| early.status.is_none());
        match next {
            // It was on its way.
            Some(_) if record => Ok(()),
            Some(next) => Err(format!("silent, though the stream has {next}")),
            None => self.warn_beyond_end().await,
        }
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

async fn open(reader: &Reader, stream: &str, last: Seq) -> Result<Consumer, String> {
    let name = format!("follow-{:016x}", rand::random::<u64>());
    let body = json!({
        "stream_name": stream,
        "config": {
            "name": name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": last.next(),
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": nanos(FORGOTTEN_AFTER),
        },
    });
    let inbox = reader.client.new_inbox();
    let answers = reader.client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
    let call = format!("CONSUMER.CREATE.{stream}.{name}");
    let created = api::ask::<Created>(&reader.client, &call, body.to_string().into()).await;
    let Created { name } = created.map_err(|error| error.to_string())?;
    let pull = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
    Ok(Consumer { pull, inbox, answers, early: None, wanted: 0, delivered: 0, checked: Instant::now() })
}

impl Consumer {
    async fn pull(&mut self, reader: &Reader) -> Result<(), String> {
        let body = json!({ "batch": BATCH, "expires": nanos(EXPIRES), "idle_heartbeat": nanos(HEARTBEAT) });
        let sent = reader.client.publish_with_reply(self.pull.clone(), self.inbox.clone(), body.to_string().into());
        timeout(SILENCE, sent).await.map_err(|_| "not connected")?.map_err(|error| error.to_string())?;
        self.wanted += BATCH;
        Ok(())
    }

    /// A timer is only set when nothing is there yet.
    async fn answer(&mut self) -> Result<Option<Message>, String> {
        if let Some(early) = self.early.take() {
            return Ok(Some(early));
        }
        match self.answers.next().now_or_never() {
            Some(message) => Ok(message),
            None => timeout(SILENCE, self.answers.next()).await.map_err(|_| "no heartbeat".to_owned()),
        }
    }

    fn take(&mut self, delivery: &Delivery) -> Result<(), String> {
        self.delivered += 1;
        self.wanted = self.wanted.saturating_sub(1);
        self.checked = Instant::now();
        if delivery.count == self.delivered {
            return Ok(());
        }
        Err(format!("delivery {} came instead of {}", delivery.count, self.delivered))
    }
}

fn read_answer(message: Message) -> Answer {
    match message.status.map(|status| status.as_u16()) {
        None | Some(200) => match read_delivery(message) {
            Some(delivery) => Answer::Record(delivery),
            None => Answer::Fault("a delivery without its numbers".to_owned()),
        },
        Some(100) => Answer::Heartbeat,
        Some(408) => Answer::Ended(left_over(&message)),
        Some(status) => Answer::Fault(format!("status {status} {}", message.description.unwrap_or_default())),
    }
}

/// The records that a pull request did not bring; all of them when it does not say.
fn left_over(message: &Message) -> usize {
    let headers = message.headers.as_ref();
    let left = headers.and_then(|headers| headers.get("Nats-Pending-Messages")?.as_str().parse().ok());
    left.unwrap_or(BATCH)
}

/// `$JS.ACK.{stream}.{consumer}.{delivered}.{stream seq}.{consumer seq}.{nanoseconds}.{pending}`, read from its end,
/// because newer servers put a domain and an account in front.
fn read_delivery(message: Message) -> Option<Delivery> {
    let mut tokens = message.reply.as_ref()?.rsplit('.');
    let (_pending, nanos, count, seq) = (tokens.next()?, tokens.next()?, tokens.next()?, tokens.next()?);
    Some(Delivery {
        seq: Seq(seq.parse().ok()?),
        count: count.parse().ok()?,
        time: Time::from_timestamp_nanos(nanos.parse().ok()?),
        subject: message.subject,
        payload: message.payload,
    })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
