//! What is unread is counted right, whoever writes, edits, deletes and reads meanwhile.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use voxlog_core::{
    clock::SystemClock,
    envelope::Envelope,
    event::{Event, Subject},
    id::{MessageId, RoomId, UserId},
    message,
    position::Seq,
    room::{self, Role, Settings},
    testing::{ALICE, BOB, CAROL},
    user,
};
use voxlog_projections::{
    markers::{Unread, unread},
    rooms,
};

use super::{
    queries::Story,
    world::{World, mentioning, opened, posted, settings},
};

const PEOPLE: [UserId; 3] = [ALICE, BOB, CAROL];

/// What a room's event log says of what `reader` has not read, the slow way: `None` when they are not in it.
fn counted(events: &[(Seq, Envelope)], room: RoomId, reader: UserId) -> Option<Unread> {
    let (mut joined, mut marker, mut messages) = (None, None, BTreeMap::new());
    for (seq, envelope) in events {
        match (&envelope.event, envelope.subject) {
            (Event::User(user::Event::ReadMarked { user_id, room_id, seq }), _)
                if (*user_id, *room_id) == (reader, room) =>
            {
                marker = marker.max(Some(*seq));
            }
            (_, subject) if subject != Subject::Room(room) => {}
            (Event::Room(room::Event::Created { owner_id: user_id, .. } | room::Event::Joined { user_id, .. }), _)
                if *user_id == reader =>
            {
                joined = joined.or(Some(*seq));
            }
            (Event::Room(room::Event::Left { user_id }), _) if *user_id == reader => joined = None,
            (Event::Message(message::Event::Posted { message_id, author_id, mentions, .. }), _) => {
                messages.insert(*message_id, (*seq, *author_id, mentions.contains(&reader)));
            }
            (Event::Message(message::Event::Edited { message_id, mentions, .. }), _) => {
                messages.entry(*message_id).and_modify(|it| it.2 = mentions.contains(&reader));
            }
            (Event::Message(message::Event::Deleted { message_id }), _) => drop(messages.remove(message_id)),
            _ => {}
        }
    }
    let read_seq = marker.or(joined).filter(|_| joined.is_some())?;
    let unread: Vec<_> = messages.values().filter(|it| it.0 > read_seq && it.1 != reader).collect();
    let mentions = unread.iter().filter(|it| it.2).count().try_into().unwrap();
    Some(Unread { room_id: room, unread: unread.len().try_into().unwrap(), mentions, read_seq })
}

/// People who write, edit, delete, come, go, and read with two devices each: one is far behind the other.
struct Talk {
    rng: StdRng,
    rooms: Vec<RoomId>,
    messages: Vec<(RoomId, MessageId, UserId, Seq)>,
}

impl Talk {
    async fn begin(world: &World, seed: u64) -> Self {
        let rooms: Vec<_> = (0..3).map(|_| RoomId::mint(&SystemClock)).collect();
        for room in &rooms {
            world.append(Subject::Room(*room), ALICE, opened("Lobby", ALICE, settings())).await;
        }
        Self { rng: StdRng::seed_from_u64(seed), rooms, messages: Vec::new() }
    }

    async fn step(&mut self, world: &World) {
        let room = self.rooms[self.rng.random_range(0..self.rooms.len())];
        let who = PEOPLE[self.rng.random_range(0..PEOPLE.len())];
        let dice = self.rng.random_range(0..100);
        if dice < 50 || self.messages.is_empty() {
            let id = MessageId::mint(&SystemClock);
            let event = mentioning(posted(id, who, "hello"), self.others(who));
            let seq = world.append(Subject::Room(room), who, event).await.seq;
            self.messages.push((room, id, who, seq));
            return;
        }
        let (room, message_id, author, seq) = self.messages[self.rng.random_range(0..self.messages.len())];
        let (subject, event): (_, Event) = match dice {
            50..60 => {
                let (content, mentions) = ("edited".to_owned(), self.others(author));
                (Subject::Room(room), message::Event::Edited { message_id, content, mentions }.into())
            }
            60..67 => (Subject::Room(room), message::Event::Deleted { message_id }.into()),
            67..75 if who != ALICE => {
                (Subject::Room(room), room::Event::Joined { user_id: who, role: Role::Member }.into())
            }
            75..78 if who != ALICE => (Subject::Room(room), room::Event::Left { user_id: who }.into()),
            _ => (Subject::User(who), user::Event::ReadMarked { user_id: who, room_id: room, seq }.into()),
        };
        world.append(subject, who, event).await;
    }

    fn others(&mut self, author: UserId) -> Vec<UserId> {
        PEOPLE.into_iter().filter(|user| *user != author && self.rng.random_bool(0.3)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_right_and_markers_never_go_back() {
    let world = World::new(3).await;
    let mut talk = Talk::begin(&world, 11).await;
    // Small batches that race, so that devices' marks are split in every way.
    let _projectors = [world.project(7), world.project(7)];
    let mut markers = BTreeMap::new();
    let mut seen = (0, 0);
    for _ in 0..25 {
        for _ in 0..40 {
            talk.step(&world).await;
        }
        world.caught_up().await;
        let events = world.events().await;
        for who in PEOPLE {
            let mut rooms = talk.rooms.clone();
            rooms.sort();
            let expected: Vec<_> = rooms.iter().filter_map(|room| counted(&events, *room, who)).collect();
            assert_eq!(unread(&world.db, who).await.unwrap(), expected);
            let page = rooms::rooms_of(&world.db, who, None, 10).await.unwrap().data;
            let listed = page.iter().rev().map(|it| Unread {
                room_id: it.room.id,
                unread: it.unread,
                mentions: it.mentions,
                read_seq: it.read_seq,
            });
            assert_eq!(listed.collect::<Vec<_>>(), expected, "the list of rooms says the same");
            seen = expected.iter().fold(seen, |seen, it| (seen.0 + it.unread, seen.1 + it.mentions));
        }
        let rows: Vec<(uuid::Uuid, uuid::Uuid, i64)> =
            sqlx::query_as("SELECT user_id, room_id, seq FROM markers").fetch_all(world.db.pool()).await.unwrap();
        for (user, room, seq) in rows {
            let before = markers.insert((user, room), seq);
            assert!(before.is_none_or(|before| before <= seq), "a marker went back from {before:?} to {seq}");
        }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "there was something to count: {seen:?}");
    assert_eq!(markers.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_has_an_end() {
    let story = Story::begin().await;
    story.in_lobby(BOB, room::Event::Joined { user_id: BOB, role: Role::Member }).await;
    story.world.caught_up().await;
    // Alice wrote 1,500 messages that mention Bob, then Bob 9,000.
    let fill = format!(
        "INSERT INTO messages (room_id, id, seq, author_id, content, kind, recorded, posted_at)
             SELECT '{lobby}', gen_random_uuid(), 1000 + n, CASE WHEN n <= 1500 THEN '{ALICE}' ELSE '{BOB}' END::uuid,
                 '', 'text', true, now() FROM generate_series(1, 10500) AS n;
         INSERT INTO mentions (room_id, message_id, user_id, place, seq)
             SELECT room_id, id, '{BOB}', 0, seq FROM messages WHERE author_id = '{ALICE}'",
        lobby = story.lobby
    );
    story.world.sql(&fill).await;
    let count = async |who| {
        let counts = unread(&story.world.db, who).await.unwrap();
        (counts[0].unread, counts[0].mentions)
    };
    assert_eq!(count(BOB).await, (1000, 1000));
    assert_eq!(count(ALICE).await, (1000, 0));
    story.world.sql(&format!("UPDATE messages SET author_id = '{BOB}' WHERE seq > 2000")).await;
    assert_eq!(count(BOB).await.0, 500, "of the newest 10,000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_not_unread() {
    let story = Story::begin().await;
    let secret = RoomId::mint(&SystemClock);
    let settings = Settings { record_messages: false, ..settings() };
    story.world.append(Subject::Room(secret), ALICE, opened("Secret", ALICE, settings)).await;
    let joined = room::Event::Joined { user_id: BOB, role: Role::Member };
    story.world.append(Subject::Room(secret), BOB, joined).await;
    story.world.clock.advance(TimeDelta::seconds(1));
    let id = MessageId::mint(&SystemClock);
    story.world.append(Subject::Room(secret), ALICE, mentioning(posted(id, ALICE, "psst"), vec![BOB])).await;
    story.world.caught_up().await;
    let counts = unread(&story.world.db, BOB).await.unwrap();
    assert_eq!((counts.len(), counts[0].unread, counts[0].mentions), (1, 0, 0));
}
