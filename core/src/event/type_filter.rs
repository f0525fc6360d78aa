//! Which types of events somebody wants to see.

use std::str::FromStr;

/// What an event's type must be: `message.posted`, all of `message`, or a whole type with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeFilter(String);

impl FromStr for TypeFilter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain =
            text.split('.').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if plain {
            Ok(Self(text.to_owned()))
        } else {
            Err("a type is written like message.posted, or message for all of them")
        }
    }
}

impl TypeFilter {
    /// Whether a type is this one, or below it. `message` means `voxlog.message.…` and not `voxlog.messages.…`.
    pub fn takes(&self, kind: &str) -> bool {
        let below =
            |kind: &str| kind.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        below(kind) || kind.strip_prefix("voxlog.").is_some_and(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_whole_or_from_the_left() {
        let takes = |filter: &str, kind: &str| filter.parse::<TypeFilter>().unwrap().takes(kind);
        for filter in
            ["message", "message.posted", "message.posted.v1", "voxlog.message", "voxlog.message.posted.v1", "voxlog"]
        {
            assert!(takes(filter, "voxlog.message.posted.v1"), "{filter}");
        }
        for filter in ["messages", "mess", "posted", "message.edited", "message.posted.v2", "v1"] {
            assert!(!takes(filter, "voxlog.message.posted.v1"), "{filter}");
        }
        for wrong in ["", ".", "message.", "message.*", "a b"] {
            wrong.parse::<TypeFilter>().expect_err(wrong);
        }
    }
}
