//! A frame's fields, taken one by one, so that a wrong one can be named.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{FrameId, MAX_ID_BYTES};
use crate::error::{Code, Failure};

/// Error texts quote what was sent; no more of it than this comes back, in bytes.
const MAX_QUOTE: usize = 200;

/// What is left of a frame.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn of(value: Value) -> Result<Self, Failure> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Failure::new(Code::Invalid, "a frame is an object")),
        }
    }

    /// The frame's `id`.
    pub(super) fn id(&mut self) -> Result<FrameId, Failure> {
        let number = |number: &serde_json::Number| {
            number.as_u64().map(FrameId::Number).or_else(|| number.as_i64().map(FrameId::Negative))
        };
        let id = match self.0.remove("id") {
            Some(Value::String(text)) if text.len() <= MAX_ID_BYTES => Some(FrameId::Text(text)),
            Some(Value::Number(value)) => number(&value),
            _ => None,
        };
        id.ok_or_else(|| {
            Failure::invalid("id", format!("must be a whole number or a text of up to {MAX_ID_BYTES} bytes"))
        })
    }

    /// A field that must be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Failure> {
        self.optional(name)?.ok_or_else(|| Failure::invalid(name, "is missing"))
    }

    /// A field that may be absent, or null, which means the same.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>, Failure> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                T::deserialize(value).map(Some).map_err(|error| Failure::invalid(name, brief(&error.to_string())))
            }
        }
    }

    /// What nobody took is a mistake: a misspelt `until` must not become a ban for ever.
    pub(super) fn done(self) -> Result<(), Failure> {
        match self.0.into_iter().next() {
            Some((name, _)) => Err(Failure::invalid(brief(&name), "is not a field of this op")),
            None => Ok(()),
        }
    }
}

/// The beginning of a text that may quote a client's whole frame.
pub(super) fn brief(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_QUOTE)].to_owned()
}
