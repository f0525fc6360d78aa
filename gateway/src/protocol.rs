//! The frames of the WebSocket protocol: what a client may send, and what it is sent.
//!
//! Both encodings, JSON and MessagePack, are read into one tree first, which refuses repeated keys and deep
//! nesting, and then into a [`ClientFrame`]. So they mean the same by construction, a wrong field is named, and the
//! answer carries the frame's `id` whenever that could be read.
//!
//! Only shapes are checked here. What a command may say is the deciders' business.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::error::{Code, Failure, brief};

pub mod asyncapi;
pub mod codec;
pub mod documents;
mod fields;
pub mod ops;
pub(crate) mod reply;
mod request;
#[cfg(test)]
pub(crate) mod tests;
mod tree;

pub use codec::Encoding;
pub use reply::{Ack, ServerFrame};
pub use request::{Command, Request, Resume};

use fields::Fields;

/// The longest `id` of a frame, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// What a client calls its frame; the answer carries it back as it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum FrameId {
    /// Any text of at most [`MAX_ID_BYTES`].
    Text(String),
    /// A whole number that is not negative.
    Number(u64),
    /// A whole number below zero.
    Negative(i64),
}

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Negative(number) => number.fmt(f),
        }
    }
}

impl JsonSchema for FrameId {
    fn schema_name() -> Cow<'static, str> {
        "FrameId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a client calls its frame; the answer carries it back as it came.",
            "type": ["string", "integer"],
            "maxLength": MAX_ID_BYTES,
        })
    }
}

/// A frame that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFrame {
    /// What the client calls it.
    pub id: FrameId,
    /// What it asks for.
    pub request: Request,
}

/// A frame that can't be carried out, whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFrame {
    /// What the client calls it, where that could be read.
    pub id: Option<FrameId>,
    /// What is wrong with it.
    pub failure: Failure,
}

impl ClientFrame {
    /// Reads a frame from its tree.
    fn from_tree(tree: tree::Tree) -> Result<Self, BadFrame> {
        let nameless = |failure| BadFrame { id: None, failure };
        let mut fields = Fields::of(tree.value).map_err(nameless)?;
        let id = fields.id().map_err(nameless)?;
        let request = match tree.repeated {
            Some(key) => Err(Failure::invalid(key, "is given more than once")),
            None => ops::read(fields),
        };
        match request {
            Ok(request) => Ok(Self { id, request }),
            Err(failure) => Err(BadFrame { id: Some(id), failure }),
        }
    }
}

impl BadFrame {
    /// Bytes that are no frame at all.
    fn unreadable(error: &dyn fmt::Display) -> Self {
        let detail = brief(&format!("not a frame: {error}"));
        Self { id: None, failure: Failure::new(Code::Invalid, detail) }
    }
}
