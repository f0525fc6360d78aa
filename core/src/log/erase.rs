//! Taking records out of a stream for good.
//!
//! The server overwrites an erased record in its files at once. A replicated stream's Raft log keeps it until its next
//! snapshot, some minutes.

use async_nats::Client;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ReadError,
    api::{self, ApiError},
};
use crate::position::Seq;

/// Requests at once: each is one write to the stream's files.
const AT_ONCE: usize = 32;

/// The server's code for a message that is not there.
const NOT_FOUND: u64 = 10037;

#[derive(Deserialize)]
struct Erased {
    success: bool,
}

/// Erases the messages of these seqs; those that are gone already are no error.
pub(super) async fn erase(client: &Client, stream: &str, seqs: &[Seq]) -> Result<(), ReadError> {
    stream::iter(seqs.iter().map(Ok)).try_for_each_concurrent(AT_ONCE, |&seq| erase_one(client, stream, seq)).await
}

/// A refusal may come of an earlier attempt that went through.
async fn erase_one(client: &Client, stream: &str, seq: Seq) -> Result<(), ReadError> {
    let request = || Bytes::from(json!({ "seq": seq }).to_string());
    match api::ask::<Erased>(client, &format!("STREAM.MSG.DELETE.{stream}"), request()).await {
        Ok(Erased { success: true }) => return Ok(()),
        Ok(Erased { success: false }) | Err(ApiError::Server { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    match api::ask::<Value>(client, &format!("STREAM.MSG.GET.{stream}"), request()).await {
        Err(ApiError::Server { code: NOT_FOUND, .. }) => Ok(()),
        Ok(_) => Err(ReadError::Unavailable(format!("record {seq} of {stream} could not be erased"))),
        Err(error) => Err(error.into()),
    }
}
