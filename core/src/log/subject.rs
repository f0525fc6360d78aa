//! Every subject and stream name is built here, and read back here.

use std::fmt;

use crate::position::{Chain, Class, Partition, Partitions};

/// The prefix of an installation's subjects and streams, so that several can share a NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

/// Why a text is no namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a namespace is 1 to 32 lower-case letters, digits, '-' and '_', beginning with a letter")]
pub struct InvalidNamespace;

/// What a record of a partition's stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An event.
    Chain(Chain),
    /// A marker: some room's rights have changed here.
    Fence,
}

impl Namespace {
    /// Checks a name: it becomes a token of subjects and, in upper case, a part of stream names.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidNamespace> {
        let name = name.into();
        let plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        let sane = plain && name.len() <= 32 && name.starts_with(|first: char| first.is_ascii_lowercase());
        if sane { Ok(Self(name)) } else { Err(InvalidNamespace) }
    }

    /// The stream of a partition: `LOG_3`, or `TEAM_LOG_3` in the namespace `team`.
    pub fn log_stream(&self, partition: Partition) -> String {
        if self.0 == "vox" { format!("LOG_{partition}") } else { format!("{}_LOG_{partition}", self.0.to_uppercase()) }
    }

    /// A key-value bucket: `RELAY`, or `TEAM_RELAY` in the namespace `team`.
    pub fn bucket(&self, name: &str) -> String {
        if self.0 == "vox" { name.to_owned() } else { format!("{}_{name}", self.0.to_uppercase()) }
    }

    /// All subjects of a partition's stream.
    pub fn log_subjects(&self, partition: Partition) -> String {
        format!("{self}.log.{partition}.>")
    }

    /// The subject of a chain: `vox.log.3.room.{room}.msg`, `vox.log.3.user.{user}.ctl`.
    pub fn chain(&self, partitions: Partitions, chain: Chain) -> String {
        let partition = partitions.of(chain.owner());
        match chain {
            Chain::Room(room, class) => format!("{self}.log.{partition}.room.{room}.{}", class.as_str()),
            Chain::User(user) => format!("{self}.log.{partition}.user.{user}.ctl"),
        }
    }

    /// The subject of a partition's markers. Always spelled like this: a guard on it must be the same literal subject
    /// from every writer.
    pub fn fence(&self, partition: Partition) -> String {
        format!("{self}.log.{partition}.fence")
    }

    /// Where the relay publishes a room's committed events: `vox.live.room.{room}.msg`.
    pub fn live(&self, chain: Chain) -> String {
        match chain {
            Chain::Room(room, class) => format!("{self}.live.room.{room}.{}", class.as_str()),
            Chain::User(user) => format!("{self}.live.user.{user}.ctl"),
        }
    }

    /// Where gateways tell each other what of their clients' limits was used: `vox.limits`. Nothing of it is kept.
    pub fn limits(&self) -> String {
        format!("{self}.limits")
    }

    /// What a record of a partition's stream is, by its subject; `None` when this version does not know it.
    pub fn parse(&self, subject: &str) -> Option<Subject> {
        let rest = subject.strip_prefix(self.0.as_str())?.strip_prefix(".log.")?;
        let (_partition, rest) = rest.split_once('.')?;
        let mut tokens = rest.split('.');
        let subject = match (tokens.next()?, tokens.next(), tokens.next()) {
            ("fence", None, None) => Subject::Fence,
            ("room", Some(room), Some(class)) => Subject::Chain(Chain::Room(room.parse().ok()?, parse_class(class)?)),
            ("user", Some(user), Some("ctl")) => Subject::Chain(Chain::User(user.parse().ok()?)),
            _ => return None,
        };
        tokens.next().is_none().then_some(subject)
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("vox".to_owned())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn parse_class(token: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class.as_str() == token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reads_back_from_its_subject() {
        let (namespace, partitions) = (Namespace::default(), Partitions::new(8).unwrap());
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        for class in Class::ALL {
            let chain = Chain::Room(id.parse().unwrap(), class);
            assert_eq!(namespace.parse(&namespace.chain(partitions, chain)), Some(Subject::Chain(chain)));
        }
        let chain = Chain::User(id.parse().unwrap());
        assert_eq!(namespace.chain(partitions, chain), format!("vox.log.3.user.{id}.ctl"));
        assert_eq!(namespace.parse(&namespace.chain(partitions, chain)), Some(Subject::Chain(chain)));
        assert_eq!(namespace.parse(&namespace.fence(Partition(2))), Some(Subject::Fence));
    }

    #[test]
    fn a_foreign_subject_is_nothing() {
        for subject in ["", "vox.log.2", "vox.log.2.fence.x", "other.log.2.fence", "vox.log.2.room.x.msg"] {
            assert_eq!(Namespace::default().parse(subject), None, "{subject}");
        }
    }

    #[test]
    fn a_namespace_can_smuggle_nothing_into_a_subject() {
        for name in ["", "a.b", "a>", "*", "A", "a b", "1a"] {
            assert_eq!(Namespace::new(name), Err(InvalidNamespace), "{name}");
        }
        assert_eq!(Namespace::new("team").unwrap().log_stream(Partition(3)), "TEAM_LOG_3");
    }
}
