//! One consumer of a stream, from its making to its first fault: what every feed of this crate stands on.
//!
//! It is a pull consumer in the server's memory, always made with an explicit start, and never kept alive: on any doubt
//! (an error, a missed heartbeat, a hole in its own count, a new leader, a restarted server) whoever reads it makes
//! another one right after the last record. Holes in the stream's seqs are no doubt, for records may have been
//! superseded, outlived or erased; a hole in the consumer's own count is, for it delivers whatever is there.

use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::api::{self, Get};
use crate::{clock::Time, position::Seq};

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

/// Delivers a stream's records in order, until it is in doubt.
pub(crate) struct Consumer {
    client: Client,
    stream: String,
    pull: String,
    inbox: String,
    answers: Subscriber,
    /// The next answer, when it came while the leader was asked.
    early: Option<Message>,
    /// Records that are asked for and have not come.
    wanted: usize,
    /// How many it has delivered; its own count must agree.
    delivered: u64,
    /// The last seq that it has delivered, or that it was made after.
    last: Seq,
    /// Records that stood before it when it was made.
    pub(crate) found: u64,
    checked: Instant,
}

/// What a consumer has to say.
pub(crate) enum Turn {
    Record(Delivery),
    /// It is alive, and has delivered everything there was.
    Idle,
}

/// What a delivered message and its reply subject tell.
pub(crate) struct Delivery {
    pub(crate) seq: Seq,
    pub(crate) time: Time,
    pub(crate) subject: async_nats::Subject,
    pub(crate) payload: Bytes,
    /// How many records stood behind it when it was delivered.
    pub(crate) pending: u64,
    count: u64,
}

/// Pauses between one consumer and the next.
pub(crate) struct Pauses(Duration);

#[derive(Deserialize)]
struct Created {
    name: String,
    #[serde(default)]
    num_pending: u64,
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

impl Consumer {
    /// Makes one that delivers what stands after `after`. A start beyond the end waits for the end to get there.
    pub(crate) async fn open(client: &Client, stream: &str, after: Seq) -> Result<Self, String> {
        let name = format!("follow-{:016x}", rand::random::<u64>());
        let body = json!({
            "stream_name": stream,
            "config": {
                "name": name,
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": after.next(),
                "ack_policy": "none",
                "replay_policy": "instant",
                "mem_storage": true,
                "num_replicas": 1,
                "inactive_threshold": nanos(FORGOTTEN_AFTER),
            },
        });
        let inbox = client.new_inbox();
        let answers = client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
        let call = format!("CONSUMER.CREATE.{stream}.{name}");
        let created = api::ask::<Created>(client, &call, body.to_string().into()).await;
        let Created { name, num_pending } = created.map_err(|error| error.to_string())?;
        Ok(Self {
            client: client.clone(),
            stream: stream.to_owned(),
            pull: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"),
            inbox,
            answers,
            early: None,
            wanted: 0,
            delivered: 0,
            last: after,
            found: num_pending,
            checked: Instant::now(),
        })
    }

    /// The next record, or that there is none yet. After an error this one is of no use any more.
    pub(crate) async fn next(&mut self) -> Result<Turn, String> {
        loop {
            if self.wanted <= BATCH / 2 {
                self.pull().await?;
            }
            let Some(message) = self.answer().await? else { return Err("the connection is closed".to_owned()) };
            match read_answer(message) {
                Answer::Record(delivery) => return self.take(&delivery).map(|()| Turn::Record(delivery)),
                Answer::Heartbeat => return self.watch().await.map(|()| Turn::Idle),
                Answer::Ended(left) => self.wanted = self.wanted.saturating_sub(left),
                Answer::Fault(fault) => return Err(fault),
            }
        }
    }

    async fn pull(&mut self) -> Result<(), String> {
        let body = json!({ "batch": BATCH, "expires": nanos(EXPIRES), "idle_heartbeat": nanos(HEARTBEAT) });
        let sent = self.client.publish_with_reply(self.pull.clone(), self.inbox.clone(), body.to_string().into());
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
        self.last = delivery.seq;
        if delivery.count == self.delivered {
            return Ok(());
        }
        Err(format!("delivery {} came instead of {}", delivery.count, self.delivered))
    }

    /// An idle consumer may have missed what the leader has.
    async fn watch(&mut self) -> Result<(), String> {
        if self.checked.elapsed() < WATCHDOG {
            return Ok(());
        }
        self.checked = Instant::now();
        let next = api::get(&self.client, &self.stream, Get::Next(">", self.last.next())).await;
        let next = next.map_err(|error| error.to_string())?;
        self.early = self.answers.next().now_or_never().flatten();
        let record = self.early.as_ref().is_some_and(|early| early.status.is_none());
        match next {
            // It was on its way.
            Some(_) if record => Ok(()),
            Some(next) => Err(format!("silent, though the stream has {}", next.seq)),
            None => Ok(()),
        }
    }
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(PAUSE)
    }

    /// A consumer delivers: the next fault is another one.
    pub(crate) fn reset(&mut self) {
        self.0 = PAUSE;
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSE_MAX);
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
    let (pending, nanos, count, seq) = (tokens.next()?, tokens.next()?, tokens.next()?, tokens.next()?);
    Some(Delivery {
        seq: Seq(seq.parse().ok()?),
        time: Time::from_timestamp_nanos(nanos.parse().ok()?),
        pending: pending.parse().ok()?,
        count: count.parse().ok()?,
        subject: message.subject,
        payload: message.payload,
    })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
