//! What is to happen at a time: the server itself holds the date, and brings it up when it has come
//! (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-51.md>).

use std::time::Duration;

use async_nats::{
    header,
    jetstream::{
        self, AckKind,
        consumer::{AckPolicy, PullConsumer, pull},
    },
};
use bytes::Bytes;
use chrono::SecondsFormat;
use futures_util::{StreamExt, stream, stream::BoxStream};

use super::{Bus, TellError, publish::Message, streams::Stream};
use crate::{clock::Time, id::RoomId, log::consumer::Pauses};

/// The consumer that all who work on what is due share: each date goes to one of them.
const CONSUMER: &str = "due";

/// What is not done after this is given to somebody again.
const DONE_WITHIN: Duration = Duration::from_secs(30);

/// Dates that one worker holds at a time.
const AT_ONCE: usize = 16;

/// What becomes due. There is one date for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Due {
    /// The call of a room has been idle for too long, if the one that the payload names still goes on.
    Call(RoomId),
}

/// Something that has become due. When it is dropped before it is done, somebody gets it again after half a minute.
#[derive(Debug)]
pub struct DueTask {
    /// What.
    pub due: Due,
    /// What was to be remembered with it.
    pub payload: Bytes,
    message: jetstream::Message,
}

/// What a worker hears.
#[derive(Debug)]
pub enum Agenda {
    /// It would hear what becomes due from here on.
    Listening,
    /// Something has become due.
    Due(Box<DueTask>),
    /// It hears nothing, for this reason, and keeps trying.
    Away(String),
}

impl DueTask {
    /// It is done, and comes no more.
    pub async fn done(self) -> Result<(), TellError> {
        self.message.double_ack().await.map_err(|error| TellError::Unavailable(error.to_string()))
    }

    /// It can't be done now: it comes again after a while.
    pub async fn later(self, after: Duration) -> Result<(), TellError> {
        let said = self.message.ack_with(AckKind::Nak(Some(after))).await;
        said.map_err(|error| TellError::Unavailable(error.to_string()))
    }
}

impl Bus {
    /// Makes something due at a time, once; at once when the time has passed. A later date for the same replaces it.
    pub async fn schedule(&self, due: Due, at: Time, payload: Bytes) -> Result<(), TellError> {
        let mut message = Message::new(self.namespace.schedule(due), payload);
        let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        message.headers.insert(header::NATS_SCHEDULE, format!("@at {at}"));
        message.headers.insert(header::NATS_SCHEDULE_TARGET, self.namespace.due(due));
        self.publish(Stream::Schedule, message).await.map(|_| ())
    }

    /// Takes a date back. What has become due already may still come.
    pub async fn unschedule(&self, due: Due) -> Result<(), TellError> {
        let mut message = Message::new(self.namespace.schedule(due), Bytes::new());
        message.headers.insert(header::NATS_ROLLUP, "sub");
        message.expire(Duration::from_secs(1));
        self.publish(Stream::Schedule, message).await.map(|_| ())
    }

    /// What has become due, each given to one of all who listen, at least once. It heals itself and never ends.
    pub fn due(&self) -> BoxStream<'static, Agenda> {
        let listener = Listener { bus: self.clone(), messages: None, pauses: Pauses::new() };
        stream::unfold(Box::new(listener), |mut listener| async move {
            let heard = listener.next().await;
            Some((heard, listener))
        })
        .boxed()
    }

    async fn due_consumer(&self) -> Result<PullConsumer, async_nats::Error> {
        self.ensure(Stream::Schedule).await?;
        let config = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: DONE_WITHIN,
            // Other kinds are for those who know them.
            filter_subject: format!("{}.due.call.*", self.namespace),
            ..pull::Config::default()
        };
        let context = jetstream::new(self.client.clone());
        Ok(context.create_consumer_on_stream(config, Stream::Schedule.name(&self.namespace)).await?)
    }
}

struct Listener {
    bus: Bus,
    messages: Option<pull::Stream>,
    pauses: Pauses,
}

impl Listener {
    async fn next(&mut self) -> Agenda {
        match self.step().await {
            Ok(heard) => heard,
            Err(error) => {
                self.messages = None;
                self.pauses.wait().await;
                Agenda::Away(error.to_string())
            }
        }
    }

    async fn step(&mut self) -> Result<Agenda, async_nats::Error> {
        let Some(messages) = &mut self.messages else {
            let consumer = self.bus.due_consumer().await?;
            self.messages = Some(consumer.stream().max_messages_per_batch(AT_ONCE).messages().await?);
            self.pauses.reset();
            return Ok(Agenda::Listening);
        };
        loop {
            let Some(message) = messages.next().await else { return Err("the connection is closed".into()) };
            let message = message?;
            if let Some(due) = self.bus.namespace.parse_due(&message.subject) {
                let task = DueTask { due, payload: message.payload.clone(), message };
                return Ok(Agenda::Due(Box::new(task)));
            }
        }
    }
}
