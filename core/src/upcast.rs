//! Old versions of events brought up to the one that the code knows.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::envelope::DecodeError;

/// The current type and data of an event that was written as `kind` with `data`.
pub fn to_current<'a>(kind: &'a str, data: &'a RawValue) -> Result<(Cow<'a, str>, Cow<'a, RawValue>), DecodeError> {
    Ok((Cow::Borrowed(kind), Cow::Borrowed(data)))
}
