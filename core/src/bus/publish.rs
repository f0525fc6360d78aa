//! Telling something so that it is told once.

use std::time::Duration;

use async_nats::{HeaderMap, header};
use bytes::Bytes;

use super::{Bus, TellError, streams::Stream};
use crate::{
    log::{
        ReadError,
        api::{self, Get},
        fence::{Ack, Expected, Patience, Refusal, read_ack},
    },
    position::Seq,
};

/// What is told, as it goes to the server.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    payload: Bytes,
    id: String,
}

impl Message {
    pub(super) fn new(subject: String, payload: Bytes) -> Self {
        let (id, mut headers) = (format!("{:032x}", rand::random::<u128>()), HeaderMap::new());
        headers.insert(header::NATS_MESSAGE_ID, id.as_str());
        Self { subject, headers, payload, id }
    }

    pub(super) fn expect(&mut self, expected: &Expected) {
        expected.write(&mut self.headers);
    }

    /// Whole seconds, at least one.
    pub(super) fn expire(&mut self, ttl: Duration) {
        self.headers.insert(header::NATS_MESSAGE_TTL, format!("{}s", ttl.as_secs().max(1)));
    }
}

impl Bus {
    /// Publishes until the server has said what became of it.
    pub(super) async fn publish(&self, stream: Stream, message: Message) -> Result<Seq, TellError> {
        let mut patience = Patience::new();
        loop {
            let refusal = match self.attempt(&message).await {
                Ok(ack) => return Ok(ack.seq),
                Err(refusal) => refusal,
            };
            match refusal {
                // A try that had no answer may be what stands there.
                Refusal::Conflict(_) if patience.unsettled() => {
                    if let Some(seq) = self.landed(stream, &message).await? {
                        return Ok(seq);
                    }
                }
                Refusal::Away(_) => {
                    if let Err(error) = self.ensure(stream).await {
                        tracing::debug!(?stream, %error, "the stream is not there");
                    }
                }
                _ => {}
            }
            patience.wait(&refusal).await?;
        }
    }

    /// One try, with its one answer.
    pub(super) async fn attempt(&self, message: &Message) -> Result<Ack, Refusal> {
        let Message { subject, headers, payload, .. } = message;
        let answer = api::send(&self.client, subject.clone(), Some(headers.clone()), payload.clone()).await;
        read_ack(&answer?)
    }

    /// Where an earlier try stands, when it is its subject's last message.
    async fn landed(&self, stream: Stream, message: &Message) -> Result<Option<Seq>, TellError> {
        let last = api::get(&self.client, &stream.name(&self.namespace), Get::Last(&message.subject)).await;
        let last = last.map_err(|error| TellError::Unavailable(error.to_string()))?;
        Ok(last.filter(|last| last.is_named(&message.id)).map(|last| last.seq))
    }

    /// The subject's last seq, as the stream's leader has it; `None` when it has none.
    pub(super) async fn last_seq(&self, stream: &str, subject: &str) -> Result<Option<Seq>, ReadError> {
        Ok(api::get(&self.client, stream, Get::Last(subject)).await?.map(|last| last.seq))
    }
}
