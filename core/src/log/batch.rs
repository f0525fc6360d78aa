//! Atomic batches: messages that the server stores together or not at all
//! (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md>).

use async_nats::{Client, HeaderMap, PublishErrorKind, header};
use bytes::Bytes;

use super::{
    api::{self, ApiError},
    fence::{Ack, Refusal, read_ack},
};

/// The server's limit.
pub(super) const MAX_MESSAGES: usize = 1000;

/// A message as it goes to the server.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

/// Publishes messages as one; the acknowledgement carries the last one's seq, the others stand right before it. A single
/// message goes without a batch.
///
/// Nothing waits between the first and the last message, so that a batch is one round trip. Should the server turn down
/// an earlier one, it answers the last with "incomplete", and nothing is stored.
pub(super) async fn publish(client: &Client, mut messages: Vec<Message>) -> Result<Ack, Refusal> {
    let Some(mut last) = messages.pop() else { return Err(Refusal::Never("an empty batch".to_owned())) };
    if !messages.is_empty() {
        let (batch, size) = (unique(), messages.len() + 1);
        let sent = tokio::time::timeout(api::ATTEMPT, send_all(client, messages, &batch)).await;
        sent.map_err(|_| Refusal::Away("not connected".to_owned()))??;
        tag(&mut last.headers, &batch, size);
        last.headers.insert(header::NATS_BATCH_COMMIT, header::NATS_BATCH_COMMIT_FINAL);
    }
    read_ack(&api::send(client, last.subject, Some(last.headers), last.payload).await?)
}

async fn send_all(client: &Client, messages: Vec<Message>, batch: &str) -> Result<(), Refusal> {
    for (index, mut message) in messages.into_iter().enumerate() {
        tag(&mut message.headers, batch, index + 1);
        let sent = client.publish_with_headers(message.subject, message.headers, message.payload).await;
        sent.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => Refusal::from(ApiError::TooLarge(error.to_string())),
            _ => Refusal::Away(error.to_string()),
        })?;
    }
    Ok(())
}

fn tag(headers: &mut HeaderMap, batch: &str, number: usize) {
    headers.insert(header::NATS_BATCH_ID, batch);
    headers.insert(header::NATS_BATCH_SEQUENCE, number.to_string());
}

/// A retry is another batch: the server may still hold parts of the one before.
fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}
