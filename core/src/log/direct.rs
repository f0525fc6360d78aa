//! Batched direct gets: several messages for one request, from any replica
//! (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md>).

use async_nats::{Client, HeaderMap, Message, header, subject::ToSubject};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Serialize;

use super::{ReadError, Stored, api::ATTEMPT, inspect::Raw, subject::Namespace};
use crate::{clock::Time, id::EventId, position::Seq};

const NUM_PENDING: &str = "Nats-Num-Pending";
const PREVIOUS: &str = "Nats-Last-Sequence";

/// What a replica is asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Request<'a> {
    /// The subject's messages from a seq on, oldest first.
    From { next_by_subj: &'a str, seq: Seq, batch: usize },
    /// The last message of each subject, as it was at a seq, or as it is.
    Last {
        multi_last: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        up_to_seq: Option<Seq>,
        /// One for each subject: asks for the form that ends with a mark.
        batch: usize,
    },
}

/// The answer.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// In the order of seqs.
    pub(crate) messages: Vec<Direct>,
    /// How many of the subject's messages the first one and all that follow it are; more than `messages` when the page
    /// ended before them.
    pub(crate) total: usize,
}

/// A message of a page.
#[derive(Debug)]
pub(crate) struct Direct {
    pub(crate) seq: Seq,
    headers: HeaderMap,
    payload: Bytes,
}

impl Page {
    /// Whether the subject had nothing more when it was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.total <= self.messages.len()
    }
}

impl Direct {
    pub(crate) fn subject(&self) -> Option<&str> {
        text(&self.headers, header::NATS_SUBJECT)
    }

    /// Whether it was published under this id.
    pub(crate) fn has_id(&self, id: EventId) -> bool {
        text(&self.headers, header::NATS_MESSAGE_ID).and_then(|text| text.parse().ok()) == Some(id)
    }

    /// `None` when the subject is none of ours.
    pub(crate) fn into_stored(self, namespace: &Namespace) -> Result<Option<Stored>, ReadError> {
        let Some(subject) = self.subject().and_then(|subject| namespace.parse(subject)) else { return Ok(None) };
        let time = self.time()?;
        Ok(Some(Stored { seq: self.seq, subject, payload: self.payload, time }))
    }

    /// Whatever it is.
    pub(super) fn into_raw(self, namespace: &Namespace) -> Result<Raw, ReadError> {
        let subject = self.subject().unwrap_or_default().to_owned();
        let what = namespace.parse(&subject);
        let headers = Raw::published(&self.headers);
        Ok(Raw { seq: self.seq, subject, what, time: self.time()?, headers, payload: self.payload })
    }

    pub(crate) fn into_payload(self) -> Bytes {
        self.payload
    }

    /// When the stream took it, by its clock.
    pub(crate) fn time(&self) -> Result<Time, ReadError> {
        let time = text(&self.headers, header::NATS_TIME_STAMP).and_then(|time| time.parse::<Time>().ok());
        time.ok_or_else(|| ReadError::Broken(format!("no time on seq {}", self.seq)))
    }
}

/// Asks any replica of a stream for messages. What it has not yet got is missing at the end, never in the middle.
pub(crate) async fn get(client: &Client, stream: &str, request: &Request<'_>) -> Result<Page, ReadError> {
    let body = serde_json::to_vec(request).expect("a request is plain data");
    let pages = tokio::time::timeout(ATTEMPT, collect(client, stream, body.into()));
    pages.await.map_err(|_| unavailable("a page did not come in time"))?
}

async fn collect(client: &Client, stream: &str, body: Bytes) -> Result<Page, ReadError> {
    let inbox = client.new_inbox().to_subject();
    let mut answers = client.subscribe(inbox.clone()).await.map_err(unavailable)?;
    let subject = format!("$JS.API.DIRECT.GET.{stream}");
    client.publish_with_reply(subject, inbox, body).await.map_err(unavailable)?;
    let mut page = Page::default();
    while let Some(answer) = answers.next().await {
        match answer.status.map(|status| status.as_u16()) {
            None | Some(200) => page.push(answer)?,
            Some(204) => return Ok(page),
            Some(404) => return Ok(Page::default()),
            Some(503) => return Err(unavailable("no replica is there")),
            Some(status) => return Err(ReadError::Broken(format!("a page with status {status}"))),
        }
    }
    Err(unavailable("the connection is closed"))
}

impl Page {
    fn push(&mut self, answer: Message) -> Result<(), ReadError> {
        let headers = answer.headers.unwrap_or_default();
        let (seq, pending) = (number(&headers, header::NATS_SEQUENCE)?, number(&headers, NUM_PENDING)?);
        // A message that this process had no room for would leave a hole.
        let before = self.messages.last().map_or(0, |last| last.seq.0);
        if number(&headers, PREVIOUS)? != before {
            return Err(unavailable("a page lost a message on the way"));
        }
        if self.messages.is_empty() {
            self.total = usize::try_from(pending).unwrap_or(usize::MAX).saturating_add(1);
        }
        self.messages.push(Direct { seq: Seq(seq), headers, payload: answer.payload });
        Ok(())
    }
}

fn text(headers: &HeaderMap, name: impl header::IntoHeaderName) -> Option<&str> {
    headers.get_last(name).map(async_nats::HeaderValue::as_str)
}

fn number(headers: &HeaderMap, name: impl header::IntoHeaderName) -> Result<u64, ReadError> {
    let number = text(headers, name).and_then(|text| text.parse().ok());
    number.ok_or_else(|| ReadError::Broken("a page without its numbers".to_owned()))
}

fn unavailable(what: impl std::fmt::Display) -> ReadError {
    ReadError::Unavailable(what.to_string())
}
