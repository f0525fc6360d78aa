//! A wrong field, as serde saw it: told by its name and in words that make sense to whoever sent it.

use super::{Code, Failure};

/// Error texts quote what was sent; no more of it than this comes back, in bytes.
const MAX_QUOTE: usize = 200;

impl Failure {
    /// What is wrong with an input, from where serde stood in it and what serde said.
    pub(crate) fn of_field(path: &str, message: &str) -> Self {
        // Where in the text it stood is of no use to somebody who sent an object.
        let message = &plain(message.split(" at line ").next().unwrap_or(message));
        let named = |prefix| message.strip_prefix(prefix)?.split('`').next();
        let within = |field: &str| if path == "." { brief(field) } else { brief(&format!("{path}.{field}")) };
        if let Some(field) = named("missing field `") {
            return Self::invalid(within(field), "is missing");
        }
        if let Some(field) = named("unknown field `") {
            // Depending on the format, the path ends in the unknown field already.
            let known_path = path == field || path.ends_with(&format!(".{field}"));
            let field = if known_path { brief(path) } else { within(field) };
            return Self::invalid(field, "is not known here");
        }
        match path {
            // Otherwise the answer would name our types.
            "." if message.starts_with("invalid type") => Self::new(Code::Invalid, "the body must be a JSON object"),
            "." => Self::new(Code::Invalid, brief(message)),
            path => Self::invalid(brief(path), brief(message)),
        }
    }
}

/// In words of the protocol what serde says in words of Rust.
fn plain(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let found = found
        .replace("invalid type: sequence", "invalid type: list")
        .replace("invalid type: map", "invalid type: object");
    let expected = match expected {
        "u16" => "a whole number up to 65535",
        "u32" => "a whole number up to 4294967295",
        "u64" | "usize" => "a whole number that is not negative",
        "string or map" => "a string",
        "a sequence" => "a list",
        kind if kind.starts_with("struct ") => "an object",
        said => said,
    };
    format!("{found}, expected {expected}")
}

/// The beginning of a text that may quote all that a client sent.
pub(crate) fn brief(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_QUOTE)].to_owned()
}
