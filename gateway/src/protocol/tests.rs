//! What the protocol promises for any input, in both encodings.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod committed;
pub(crate) mod frames;
mod hostile;
mod laws;

/// A frame as a client would write it, read in both encodings; they must agree.
fn read(frame: &Value) -> Result<ClientFrame, BadFrame> {
    let from_json = Encoding::Json.read_text(&frame.to_string());
    let from_msgpack = Encoding::Msgpack.read_binary(&rmp_serde::to_vec_named(frame).unwrap());
    assert_eq!(from_json, from_msgpack, "{frame}");
    from_json
}

/// The fields that a frame was refused for, after checking that the refusal could be told to its sender.
fn refused(frame: &Value, id: Option<&FrameId>) -> (Code, Vec<String>) {
    let bad = read(frame).expect_err(&frame.to_string());
    assert_eq!(bad.id.as_ref(), id, "{frame}");
    (bad.failure.code, bad.failure.errors.into_iter().map(|error| error.field.into_owned()).collect())
}

fn text(id: &str) -> FrameId {
    FrameId::Text(id.to_owned())
}
