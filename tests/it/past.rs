//! The past of a room is what the log says, at every seq and at every time, without PostgreSQL.
//!
//! Five people do whatever comes to their minds. Then the log is read from its beginning, and at every record of the room
//! the hub's answer is compared with a fold of this test's own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Result;
use chrono::TimeDelta;
use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng};
use voxlog_core::{
    call::{self, Media},
    clock::{Clock, SystemClock},
    envelope::Envelope,
    event::Event,
    id::{CallId, MessageId, RoomId, SessionId, UserId},
    log::{Log, MemoryLog, Stored},
    message::{self, Draft, Kind},
    position::{Chain, Class, Heads, Partitions, Seq},
    room::{self, Changes, Role, Settings, SettingsPatch},
};
use voxlog_gateway::{
    config::Config,
    error::{Code, Failure},
    hub::{At, Hub, Past},
};
use voxlog_tests::{
    alone::{Alone, a_room},
    world::{World, user_id},
};

const PEOPLE: usize = 5;
const STEPS: usize = 400;

/// Messages asked for with each moment.
const SHOWN: usize = 4;

/// What this test knows of a message at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    id: MessageId,
    seq: Seq,
    author: UserId,
    content: String,
    edited: bool,
    deleted: bool,
    pinned: bool,
    reactions: BTreeMap<String, usize>,
}

/// The same of a room.
#[derive(Debug, Default, PartialEq, Eq)]
struct Moment {
    name: String,
    members: BTreeMap<UserId, Role>,
    heads: Heads,
    /// Who is in the call, with which device.
    call: BTreeMap<SessionId, UserId>,
    last: Vec<Told>,
}

/// Some people in a room.
struct Stage {
    hub: Arc<Hub>,
    log: Arc<dyn Log>,
    room: RoomId,
    people: Vec<UserId>,
    _alone: Alone,
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_seq_and_every_time_the_room_is_what_the_log_says() -> Result<()> {
    let world = World::on_one_server().await;
    let stage = Stage::new(world.log().await, true).await?;
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    // Who is banned or gone does little, so a life may be a quiet one.
    let records = loop {
        stage.live(&mut random).await;
        let records = stage.records().await?;
        if records.len() > STEPS / 3 {
            break records;
        }
    };
    for (number, stored) in records.iter().enumerate() {
        let expected = fold(&records[..=number]);
        assert_eq!(seen(&stage.past(At::Seq(stored.seq), SHOWN).await?), expected, "at {}", stored.seq);
        let by_then: Vec<_> = records.iter().filter(|other| other.time <= stored.time).cloned().collect();
        assert_eq!(seen(&stage.past(At::Time(stored.time), SHOWN).await?), fold(&by_then), "at {}", stored.time);
    }
    let now = seen(&stage.past(At::Now, SHOWN).await?);
    assert_eq!(now, fold(&records));
    assert_eq!(seen(&stage.past(At::Time(SystemClock.now() + TimeDelta::days(1)), SHOWN).await?), now);
    assert!(stage.past(At::Now, 0).await?.messages.is_empty());
    Ok(())
}

#[tokio::test]
async fn there_is_nothing_before_the_room_was_and_nothing_beyond_its_end() -> Result<()> {
    let stage = Stage::in_memory(true).await?;
    let records = stage.records().await?;
    let (first, last) = (&records[0], records.last().expect("a room has events"));
    let before = first.time - TimeDelta::milliseconds(1);
    for (at, code) in [
        (At::Seq(Seq::ZERO), Code::NotFound),
        (At::Seq(Seq(first.seq.0 - 1)), Code::NotFound),
        (At::Time(before), Code::NotFound),
        (At::Seq(last.seq.next()), Code::Invalid),
        (At::Seq(Seq::MAX), Code::Invalid),
    ] {
        assert_eq!(stage.past(at, SHOWN).await.expect_err("there is nothing").code, code, "{at:?}");
    }
    Ok(())
}

#[tokio::test]
async fn who_may_not_read_a_room_does_not_see_its_past() -> Result<()> {
    let stage = Stage::in_memory(true).await?;
    let (owner, member) = (stage.people[0], stage.people[1]);
    let now = stage.records().await?.last().expect("a room has events").seq;
    let kick = room::Command::Kick { user: member, reason: None };
    stage.hub.room_command(owner, stage.room, kick).await.expect("the owner kicks");
    let past = async |user, room| stage.hub.past(user, room, At::Seq(now), SHOWN).await.map_err(|refused| refused.code);
    assert_eq!(past(member, stage.room).await.unwrap_err(), Code::NotAMember, "they were one then, and are not now");
    assert_eq!(past(user_id(), stage.room).await.unwrap_err(), Code::NotAMember);
    assert_eq!(past(owner, RoomId::mint(&SystemClock)).await.unwrap_err(), Code::NotFound);
    let ban = room::Command::Ban { user: member, until: None, reason: None };
    stage.hub.room_command(owner, stage.room, ban).await.expect("the owner bans");
    assert_eq!(past(member, stage.room).await.unwrap_err(), Code::Banned);
    Ok(())
}

#[tokio::test]
async fn a_long_past_is_read_to_its_end() -> Result<()> {
    let stage = Stage::in_memory(true).await?;
    // More than a page of control events, and of what happened to one message.
    let (owner, room, hub) = (stage.people[0], stage.room, &stage.hub);
    for number in 0..1100 {
        let name = Some(format!("Room {number}"));
        let rename = room::Command::Update(Changes { name, ..Changes::default() });
        hub.room_command(owner, room, rename).await.expect("a new name");
    }
    let message = stage.post(owner, "the first").await.expect("the owner may");
    for number in 0..600 {
        let emoji = format!("{number}");
        hub.message_command(owner, room, message, message::Command::React { emoji }).await.expect("a reaction");
    }
    let past = stage.past(At::Now, SHOWN).await?;
    assert_eq!(past.state.interior.name, "Room 1099");
    assert_eq!(past.messages.len(), 1);
    assert_eq!(past.messages[0].reactions.len(), 600);
    let before = stage.past(At::Seq(past.messages[0].seq), SHOWN).await?;
    assert_eq!(before.messages[0].reactions.len(), 0);
    let renamed = stage.past(At::Seq(Seq(past.messages[0].seq.0 - 1)), SHOWN).await?;
    assert_eq!((renamed.state.interior.name.as_str(), renamed.messages.len()), ("Room 1099", 0));
    Ok(())
}

#[tokio::test]
async fn admins_read_who_did_what_and_members_do_not() -> Result<()> {
    let stage = Stage::in_memory(true).await?;
    let (owner, member) = (stage.people[0], stage.people[1]);
    let audit = async |user, before| stage.hub.audit(user, stage.room, before, 3).await;
    let page = audit(owner, None).await.expect("the owner may");
    let seqs: Vec<_> = page.iter().map(|entry| entry.seq).collect();
    let mut ctl: Vec<_> = stage.records().await?.iter().map(|stored| stored.seq).collect();
    ctl.reverse();
    assert_eq!(seqs, ctl[..3], "newest first");
    let next = audit(owner, seqs.last().copied()).await.expect("the owner may");
    assert_eq!(next.iter().map(|entry| entry.seq).collect::<Vec<_>>(), ctl[3..]);
    assert_eq!(next.last().map(|entry| entry.prev), Some(Seq::ZERO), "the first event of all");
    assert_eq!(audit(member, None).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(audit(user_id(), None).await.unwrap_err().code, Code::NotAMember);
    Ok(())
}

impl Stage {
    async fn in_memory(records: bool) -> Result<Self> {
        Self::new(Arc::new(MemoryLog::new(Partitions::new(2).expect("two"))), records).await
    }

    /// A public room whose owner comes first among the people; all are in it.
    async fn new(log: Arc<dyn Log>, record_messages: bool) -> Result<Self> {
        // Without PostgreSQL only messages that are at hand can be acted upon.
        let config = Config { ring_events: 10_000, ..Config::with_key("") };
        let alone = Alone::on(Arc::clone(&log), config).await?;
        let hub = Arc::clone(&alone.hub);
        let people: Vec<_> = (0..PEOPLE).map(|_| user_id()).collect();
        let create = a_room(Settings { is_public: true, record_messages, ..Settings::default() });
        let room = hub.create_room(people[0], create).await.expect("a room").room;
        for person in &people[1..] {
            hub.room_command(*person, room, room::Command::Join { code: None }).await.expect("a public room");
        }
        Ok(Self { hub, log, room, people, _alone: alone })
    }

    async fn past(&self, at: At, messages: usize) -> Result<Past, Refused> {
        self.hub.past(self.people[0], self.room, at, messages).await.map_err(Refused::from)
    }

    /// `None` when they may not.
    async fn post(&self, author: UserId, content: &str) -> Option<MessageId> {
        let id = MessageId::mint(&SystemClock);
        let content = content.to_owned();
        let draft = Draft { id, content, kind: Kind::Text, reply_to: None, thread_root: None };
        let posted = self.hub.message_command(author, self.room, id, message::Command::Post(draft)).await;
        posted.ok().map(|_| id)
    }

    /// Whatever comes to people's minds; most of it is allowed.
    async fn live(&self, random: &mut SmallRng) {
        let mut messages = Vec::from_iter(self.post(self.people[0], "hello").await);
        for _ in 0..STEPS {
            let by = self.people[random.random_range(0..PEOPLE)];
            match random.random_range(0..4) {
                0 => drop(self.hub.room_command(by, self.room, self.some_command(random)).await),
                1 => messages.extend(self.post(by, "something").await),
                2 => drop(self.hub.call_command(by, self.room, some_call_command(random, by)).await),
                _ => {
                    // Mostly a message that is about to be shown.
                    let back = random.random_range(0..messages.len().min(SHOWN + 2));
                    let message = messages[messages.len() - 1 - back];
                    drop(self.hub.message_command(by, self.room, message, some_message_command(random)).await);
                }
            }
        }
    }

    fn some_command(&self, random: &mut impl Rng) -> room::Command {
        use room::Command as C;
        // The owner stays, or nobody could tell this test what was.
        let user = self.people[random.random_range(1..PEOPLE)];
        match random.random_range(0..8) {
            0 => C::Kick { user, reason: None },
            1 => C::SetRole { user, role: if random.random() { Role::Admin } else { Role::Member } },
            2 => C::Leave,
            3 => C::Ban { user, until: None, reason: None },
            4 => C::Unban { user },
            5 => {
                let name = Some(format!("Room {}", random.random_range(0..100)));
                let patch = SettingsPatch { slow_mode_s: Some(0), ..SettingsPatch::default() };
                C::Update(Changes { name, settings: Some(patch), ..Changes::default() })
            }
            _ => C::Join { code: None },
        }
    }

    /// The room's records, in the order of the log.
    async fn records(&self) -> Result<Vec<Stored>> {
        let mut records = Vec::new();
        for class in Class::ALL {
            records.extend(self.log.read(Chain::Room(self.room, class), Seq::ZERO, 100_000, Seq::ZERO).await?);
        }
        records.sort_unstable_by_key(|stored| stored.seq);
        Ok(records)
    }
}

/// Everybody has one device, which bears their id.
fn some_call_command(random: &mut impl Rng, by: UserId) -> call::Command {
    use call::Command as C;
    let session = SessionId::from_uuid(by.as_uuid());
    match random.random_range(0..6) {
        0 => C::Leave { session },
        1 => C::Lose { session },
        _ => C::Join { session, call: CallId::mint(&SystemClock), seats: 4, media: Media::default() },
    }
}

fn some_message_command(random: &mut impl Rng) -> message::Command {
    use message::Command as C;
    let emoji = ["👋", "+1"][random.random_range(0..2)].to_owned();
    match random.random_range(0..8) {
        0 | 1 => C::Edit { content: format!("edited {}", random.random::<u32>()) },
        2 => C::Delete,
        3 => C::Pin,
        4 => C::Unpin,
        5 => C::Unreact { emoji },
        _ => C::React { emoji },
    }
}

/// What the log says, as simply as it can be told.
fn fold(records: &[Stored]) -> Moment {
    let mut moment = Moment::default();
    let mut given = BTreeMap::<MessageId, BTreeSet<(String, UserId)>>::new();
    for stored in records {
        match Envelope::decode(&stored.payload).expect("the log holds events").event {
            Event::Room(event) => {
                moment.heads.ctl = stored.seq;
                fold_room(&mut moment, event);
            }
            Event::Message(event) => {
                moment.heads.msg = stored.seq;
                fold_message(&mut moment.last, &mut given, stored.seq, event);
            }
            Event::Call(event) => {
                moment.heads.call = stored.seq;
                fold_call(&mut moment.call, &event);
            }
            Event::User(_) | Event::Ambient(_) => unreachable!("not on a chain of the room"),
        }
    }
    moment.last.drain(..moment.last.len().saturating_sub(SHOWN));
    for told in moment.last.iter_mut().filter(|told| !told.deleted) {
        for (emoji, _) in given.remove(&told.id).into_iter().flatten() {
            *told.reactions.entry(emoji).or_default() += 1;
        }
    }
    moment
}

fn fold_room(moment: &mut Moment, event: room::Event) {
    use room::Event as E;
    match event {
        E::Created { name, owner_id, .. } => {
            moment.name = name;
            moment.members.insert(owner_id, Role::Owner);
        }
        E::Updated(changes) => moment.name = changes.name.unwrap_or(std::mem::take(&mut moment.name)),
        E::Joined { user_id, role } | E::RoleChanged { user_id, role, .. } => {
            moment.members.insert(user_id, role);
        }
        E::Left { user_id } | E::Kicked { user_id, .. } | E::Banned { user_id, .. } => {
            moment.members.remove(&user_id);
            moment.call.retain(|_, user| *user != user_id);
        }
        E::Unbanned { .. } => {}
        other => panic!("nobody here does {other:?}"),
    }
}

fn fold_call(call: &mut BTreeMap<SessionId, UserId>, event: &call::Event) {
    match *event {
        call::Event::Joined { session, user_id, .. } => drop(call.insert(session, user_id)),
        call::Event::Left { session, .. } => drop(call.remove(&session)),
        call::Event::Ended { .. } => call.clear(),
        call::Event::Started { .. } | call::Event::Updated { .. } => {}
    }
}

fn fold_message(
    told: &mut Vec<Told>,
    given: &mut BTreeMap<MessageId, BTreeSet<(String, UserId)>>,
    seq: Seq,
    event: message::Event,
) {
    use message::Event as E;
    let id = event.message_id();
    if let E::Posted { author_id: author, content, .. } = event {
        let (edited, deleted, pinned, reactions) = (false, false, false, BTreeMap::new());
        told.push(Told { id, seq, author, content, edited, deleted, pinned, reactions });
        return;
    }
    let message = told.iter_mut().find(|told| told.id == id).expect("a message is posted first");
    match event {
        E::Posted { .. } => {}
        E::Edited { content, .. } => (message.content, message.edited) = (content, true),
        E::Deleted { .. } => (message.content, message.deleted, message.pinned) = (String::new(), true, false),
        E::Pinned { .. } => message.pinned = true,
        E::Unpinned { .. } => message.pinned = false,
        E::ReactionAdded { user_id, emoji, .. } => {
            given.entry(id).or_default().insert((emoji, user_id));
        }
        E::ReactionRemoved { user_id, emoji, .. } => {
            given.entry(id).or_default().remove(&(emoji, user_id));
        }
    }
}

/// What the hub says, in this test's words.
fn seen(past: &Past) -> Moment {
    let told = past.messages.iter().map(|message| Told {
        id: message.id,
        seq: message.seq,
        author: message.author_id,
        content: message.content.clone(),
        edited: message.edited_at.is_some(),
        deleted: message.deleted_at.is_some(),
        pinned: message.pinned,
        reactions: message.reactions.iter().map(|given| (given.emoji.clone(), given.count)).collect(),
    });
    let interior = &past.state.interior;
    Moment {
        name: interior.name.clone(),
        members: interior.members.iter().map(|(user, role)| (*user, *role)).collect(),
        heads: past.heads,
        call: in_call(past),
        last: told.collect(),
    }
}

fn in_call(past: &Past) -> BTreeMap<SessionId, UserId> {
    let participants = past.call.iter().flat_map(|call| &call.participants);
    participants.map(|participant| (participant.session, participant.user_id)).collect()
}

/// A failure as an error of a test.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
struct Refused {
    code: Code,
    detail: String,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code, detail: failure.detail.into_owned() }
    }
}
