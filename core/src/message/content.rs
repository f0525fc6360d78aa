//! What a message may say.

use super::Kind;
use crate::{id::UserId, rejection::Rejection};

/// The longest content, in characters.
pub const MAX_CONTENT_CHARS: usize = 4000;

/// The longest emoji, in bytes of UTF-8: a family of four takes 25.
pub const MAX_EMOJI_BYTES: usize = 32;

/// The most people whom one message mentions.
pub const MAX_MENTIONS: usize = 50;

/// An id as it is written.
const ID_BYTES: usize = 36;

pub(super) fn check_kind(kind: Kind) -> Result<(), Rejection> {
    match kind {
        Kind::Text => Ok(()),
        Kind::System => Err(Rejection::Forbidden("system messages are not for people to write")),
        Kind::File => Err(Rejection::Unsupported("messages of type file are not supported by this version")),
        Kind::VoiceNote => Err(Rejection::Unsupported("messages of type voice_note are not supported by this version")),
    }
}

/// Content stays as it was written, blanks included. No NUL: PostgreSQL can't store one in a text.
pub(super) fn checked(content: &str) -> Result<String, Rejection> {
    let chars = content.chars().count();
    if chars > MAX_CONTENT_CHARS {
        let message = format!("at most {MAX_CONTENT_CHARS} characters, this has {chars}");
        return Err(Rejection::invalid("content", message));
    }
    if content.trim().is_empty() {
        return Err(Rejection::invalid("content", "must not be empty or blank"));
    }
    if content.contains('\0') {
        return Err(Rejection::invalid("content", "must not contain the character U+0000"));
    }
    Ok(content.to_owned())
}

/// Which code points make an emoji changes every year, so any short word will do.
pub(super) fn checked_emoji(emoji: &str) -> Result<String, Rejection> {
    if emoji.is_empty() || emoji.len() > MAX_EMOJI_BYTES {
        return Err(Rejection::invalid("emoji", format!("must be 1 to {MAX_EMOJI_BYTES} bytes of UTF-8")));
    }
    if emoji.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(Rejection::invalid("emoji", "must not contain blanks or control characters"));
    }
    Ok(emoji.to_owned())
}

/// Whom a content mentions, in its order and each once: the ids in `<@0190b36c-7f5f-7c0a-8d2b-3f6a5e4d3c2b>`. What only
/// looks like a mention is text.
pub(super) fn mentions(content: &str) -> Result<Vec<UserId>, Rejection> {
    let mut mentioned = Vec::new();
    for (at, _) in content.match_indices("<@") {
        let (begin, end) = (at + 2, at + 2 + ID_BYTES);
        let closed = content.as_bytes().get(end) == Some(&b'>');
        let named = content.get(begin..end).filter(|_| closed).and_then(|id| id.parse().ok());
        if let Some(user) = named.filter(|user| !mentioned.contains(user)) {
            if mentioned.len() == MAX_MENTIONS {
                return Err(Rejection::invalid("content", format!("must not mention more than {MAX_MENTIONS} people")));
            }
            mentioned.push(user);
        }
    }
    Ok(mentioned)
}
