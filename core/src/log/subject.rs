//! Every subject and stream name is built here, and read back here.

use std::fmt;

use crate::{
    bus::{BusSubject, Due},
    position::{Chain, Class, Partition, Partitions},
};

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
        self.stream(&format!("LOG_{partition}"))
    }

    /// A stream of that name: `PRESENCE`, or `TEAM_PRESENCE` in the namespace `team`.
    pub fn stream(&self, name: &str) -> String {
        if self.0 == "vox" { name.to_owned() } else { format!("{}_{name}", self.0.to_uppercase()) }
    }

    /// A key-value bucket: `NODES`, or `TEAM_NODES` in the namespace `team`.
    pub fn bucket(&self, name: &str) -> String {
        self.stream(name)
    }

    /// All subjects of a partition's stream.
    pub fn log_subjects(&self, partition: Partition) -> String {
        format!("{self}.log.{partition}.>")
    }

    /// The subjects of all chains of a room: `vox.log.3.room.{room}.*`.
    pub fn room(&self, partitions: Partitions, room: crate::id::RoomId) -> String {
        format!("{self}.log.{}.room.{room}.*", partitions.of(room.as_uuid()))
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

    /// Where something is told beside the log: `vox.presence.{user}.{session}`, `vox.signal.{session}`,
    /// `vox.typing.{room}`, `vox.speaking.{room}`.
    pub fn told(&self, subject: BusSubject) -> String {
        match subject {
            BusSubject::Presence { user, session } => format!("{self}.presence.{user}.{session}"),
            BusSubject::Signal { session } => format!("{self}.signal.{session}"),
            BusSubject::Typing { room } => format!("{self}.typing.{room}"),
            BusSubject::Speaking { room } => format!("{self}.speaking.{room}"),
        }
    }

    /// What is told on a subject; `None` when this version does not know it.
    pub fn parse_told(&self, subject: &str) -> Option<BusSubject> {
        let mut tokens = subject.strip_prefix(self.0.as_str())?.strip_prefix('.')?.split('.');
        let subject = match (tokens.next()?, tokens.next()?) {
            ("presence", user) => {
                BusSubject::Presence { user: user.parse().ok()?, session: tokens.next()?.parse().ok()? }
            }
            ("signal", session) => BusSubject::Signal { session: session.parse().ok()? },
            ("typing", room) => BusSubject::Typing { room: room.parse().ok()? },
            ("speaking", room) => BusSubject::Speaking { room: room.parse().ok()? },
            _ => return None,
        };
        tokens.next().is_none().then_some(subject)
    }

    /// Where a date is written down: `vox.schedule.call.{room}`.
    pub fn schedule(&self, due: Due) -> String {
        match due {
            Due::Call(room) => format!("{self}.schedule.call.{room}"),
        }
    }

    /// Where what has become due appears: `vox.due.call.{room}`.
    pub fn due(&self, due: Due) -> String {
        match due {
            Due::Call(room) => format!("{self}.due.call.{room}"),
        }
    }

    /// What has become due, by its subject; `None` when this version does not know it.
    pub fn parse_due(&self, subject: &str) -> Option<Due> {
        let room = subject.strip_prefix(self.0.as_str())?.strip_prefix(".due.call.")?;
        Some(Due::Call(room.parse().ok()?))
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
    fn what_is_told_beside_the_log_reads_back_from_its_subject() {
        let (namespace, id) = (Namespace::new("team").unwrap(), "01890a5d-ac96-774b-bcce-b302099a8057");
        let (session, room) = (id.parse().unwrap(), id.parse().unwrap());
        let presence = BusSubject::Presence { user: id.parse().unwrap(), session };
        let signal = BusSubject::Signal { session };
        for subject in [presence, signal, BusSubject::Typing { room }, BusSubject::Speaking { room }] {
            let text = namespace.told(subject);
            assert_eq!(namespace.parse_told(&text), Some(subject), "{text}");
            assert_eq!(namespace.parse_told(&format!("{text}.x")), None);
            assert_eq!(Namespace::default().parse_told(&text), None);
        }
        let due = Due::Call(room);
        assert_eq!(namespace.parse_due(&namespace.due(due)), Some(due));
        assert_eq!(namespace.parse_due(&namespace.schedule(due)), None);
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
