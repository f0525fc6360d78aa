//! What a client calls itself, by which people know their sign-ins apart.

/// The longest name that is kept, in characters.
const MAX_CHARS: usize = 200;

/// A client's name of itself, as its `User-Agent` says; nothing rests on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device(Option<String>);

impl Device {
    /// A name as it may be shown: cut, and without what is no text.
    pub fn named(name: &str) -> Self {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
        let shown = shown.trim();
        Self((!shown.is_empty()).then(|| shown.to_owned()))
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_and_plain() {
        assert_eq!(Device::named("curl/8.0\u{1b}[31m").name(), Some("curl/8.0[31m"));
        assert_eq!(Device::named(&"ä".repeat(300)).name().map(|name| name.chars().count()), Some(200));
        assert_eq!(Device::named(" \t").name(), None);
    }
}
