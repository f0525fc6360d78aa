//! What the gateway asks of the read models, each question once against a small story.

use voxlog_core::{
    clock::SystemClock,
    event::Subject,
    id::{MessageId, RoomId, UserId},
    message::{self, Kind},
    position::Seq,
    room::{self, Role, Settings},
    testing::{ALICE, BOB, CAROL},
    user,
};
use voxlog_projections::{members, messages, pins, rooms, users};

use super::world::{Running, World, opened, posted, settings};

/// A lobby of Alice's, whom one can ask about as soon as the projector has caught up. Bob has an account too.
pub(super) struct Story {
    pub(super) world: World,
    pub(super) lobby: RoomId,
    _projector: Running,
}

impl Story {
    pub(super) async fn begin() -> Self {
        let world = World::new(1).await;
        for (user_id, name) in [(ALICE, "alice"), (BOB, "bob")] {
            let event = user::Event::Registered { user_id, username: name.into(), display_name: None, guest: false };
            world.append(Subject::User(user_id), user_id, event).await;
        }
        let lobby = RoomId::mint(&SystemClock);
        world.append(Subject::Room(lobby), ALICE, opened("Lobby 100%", ALICE, settings())).await;
        Self { _projector: world.project(1000), world, lobby }
    }

    pub(super) async fn in_lobby(&self, actor: UserId, event: impl Into<voxlog_core::event::Event>) -> Seq {
        self.world.append(Subject::Room(self.lobby), actor, event).await.seq
    }

    pub(super) async fn post(&self, content: &str) -> MessageId {
        let id = MessageId::mint(&SystemClock);
        self.in_lobby(ALICE, posted(id, ALICE, content)).await;
        id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_found_by_id_code_name_and_member() {
    let story = Story::begin().await;
    let db = &story.world.db;
    let hidden = RoomId::mint(&SystemClock);
    let private = Settings { is_public: false, ..settings() };
    story.world.append(Subject::Room(hidden), BOB, opened("Hidden", BOB, private)).await;
    let joined = room::Event::Joined { user_id: BOB, role: Role::Member };
    story.in_lobby(BOB, joined).await;
    let handed = room::Event::RoleChanged { user_id: BOB, role: Role::Owner, former_owner_id: Some(ALICE) };
    let seq = story.in_lobby(ALICE, handed).await;
    story.world.caught_up().await;

    let lobby = rooms::room(db, story.lobby).await.unwrap().unwrap();
    assert_eq!((lobby.owner_id, lobby.member_count, lobby.seq, lobby.max_users), (BOB, 2, seq, 50));
    assert_eq!(rooms::room_by_code(db, "ABCD2345").await.unwrap().unwrap().id, story.lobby, "the oldest of a code");
    assert_eq!(rooms::room_by_code(db, "abcd2345").await.unwrap(), None);
    assert_eq!(members::role(db, story.lobby, ALICE).await.unwrap(), Some(Role::Admin));
    assert_eq!(members::role(db, hidden, ALICE).await.unwrap(), None);
    let found = async |query| -> Vec<_> {
        let page = rooms::public_rooms(db, query, None, 0, 10).await.unwrap();
        assert_eq!(usize::try_from(rooms::count_public_rooms(db, query).await.unwrap()), Ok(page.data.len()));
        page.data.into_iter().map(|room| room.id).collect()
    };
    assert_eq!(found(None).await, [story.lobby]);
    assert_eq!(found(Some("bY 100%")).await, [story.lobby]);
    assert_eq!(found(Some("y_1")).await, []);
    let mine = rooms::rooms_of(db, BOB, None, 1).await.unwrap();
    // Ids of one millisecond are in no particular order.
    let (newer, older) = (hidden.max(story.lobby), hidden.min(story.lobby));
    assert_eq!((mine.data[0].room.id, mine.data[0].role, mine.has_more), (newer, Role::Owner, true));
    let next = mine.next.unwrap().parse().unwrap();
    let rest = rooms::rooms_of(db, BOB, Some(next), 1).await.unwrap();
    assert_eq!((rest.data[0].room.id, rest.has_more, rest.next), (older, false, None));

    story.in_lobby(BOB, room::Event::Archived {}).await;
    story.world.caught_up().await;
    assert_eq!(found(None).await, []);
    assert!(rooms::room(db, story.lobby).await.unwrap().unwrap().archived_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_in_the_order_of_joining() {
    let story = Story::begin().await;
    let db = &story.world.db;
    for user_id in [CAROL, BOB] {
        story.in_lobby(user_id, room::Event::Joined { user_id, role: Role::Member }).await;
    }
    let reason = Some("noise".to_owned());
    story.in_lobby(ALICE, room::Event::Muted { user_id: BOB, until: None, reason: reason.clone() }).await;
    story.world.caught_up().await;
    let page = members::members(db, story.lobby, None, 2).await.unwrap();
    assert_eq!(page.data.iter().map(|it| it.user_id).collect::<Vec<_>>(), [ALICE, CAROL]);
    assert_eq!((page.data[0].username.as_deref(), page.data[1].username.as_deref()), (Some("alice"), None));
    let after = page.next.unwrap().parse().map(Seq).unwrap();
    let rest = members::members(db, story.lobby, Some(after), 2).await.unwrap();
    assert_eq!((rest.data[0].user_id, rest.data[0].muted, rest.has_more), (BOB, true, false));

    story.in_lobby(ALICE, room::Event::Banned { user_id: CAROL, until: None, reason: reason.clone() }).await;
    story.world.caught_up().await;
    assert_eq!(members::role(db, story.lobby, CAROL).await.unwrap(), None);
    let bans = members::bans(db, story.lobby, None, 10).await.unwrap().data;
    assert_eq!((bans[0].user_id, bans[0].actor_id, &bans[0].reason), (CAROL, ALICE, &reason));
    assert_eq!(users::user(db, BOB).await.unwrap().unwrap().username.as_deref(), Some("bob"));
    assert_eq!(users::user(db, CAROL).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_paged_both_ways() {
    let story = Story::begin().await;
    let db = &story.world.db;
    for number in 1..=5 {
        story.post(&number.to_string()).await;
    }
    story.world.caught_up().await;
    let page = async |before, after| messages::page(db, story.lobby, before, after, None, 2).await.unwrap();
    let says = |page: &voxlog_projections::Page<messages::Message>| -> String {
        page.data.iter().map(|it| it.content.as_str()).collect()
    };
    let newest = page(None, None).await;
    assert_eq!((says(&newest).as_str(), newest.has_more), ("45", true));
    let older = page(newest.next.unwrap().parse().map(Seq).ok(), None).await;
    assert_eq!(says(&older), "23");
    let oldest = page(older.next.unwrap().parse().map(Seq).ok(), None).await;
    assert_eq!((says(&oldest).as_str(), oldest.has_more), ("1", false));
    let onward = page(None, Some(oldest.data[0].seq)).await;
    assert_eq!((says(&onward).as_str(), onward.has_more), ("23", true));
    let between = page(Some(newest.data[0].seq), Some(onward.data[0].seq)).await;
    assert_eq!((says(&between).as_str(), between.has_more), ("3", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_carries_its_thread_reactions_and_pin() {
    let story = Story::begin().await;
    let db = &story.world.db;
    let root = story.post("root").await;
    let answer = MessageId::mint(&SystemClock);
    let draft = message::Event::Posted {
        message_id: answer,
        author_id: BOB,
        content: "answer".into(),
        kind: Kind::VoiceNote,
        reply_to: Some(root),
        thread_root: Some(root),
        mentions: vec![],
    };
    let at = story.in_lobby(BOB, draft).await;
    for (user_id, emoji) in [(BOB, "🎉"), (ALICE, "👍"), (BOB, "👍"), (BOB, "👍")] {
        let event = message::Event::ReactionAdded { message_id: root, user_id, emoji: emoji.into() };
        story.in_lobby(user_id, event).await;
    }
    story.in_lobby(ALICE, message::Event::Pinned { message_id: root }).await;
    story.world.caught_up().await;

    let thread = messages::page(db, story.lobby, None, None, Some(root), 10).await.unwrap().data;
    assert_eq!(thread.iter().map(|it| it.id).collect::<Vec<_>>(), [answer]);
    assert_eq!(messages::page(db, story.lobby, None, Some(Seq::ZERO), Some(root), 10).await.unwrap().data, thread);
    let found = messages::message_in(db, story.lobby, root).await.unwrap().unwrap();
    let seen: Vec<_> = found.reactions.iter().map(|it| (it.emoji.as_str(), it.count, it.user_ids.clone())).collect();
    assert_eq!(seen, [("🎉", 1, vec![BOB]), ("👍", 2, vec![ALICE, BOB])]);
    assert!(found.pinned && found.author_name.as_deref() == Some("alice"));
    let fact = messages::fact(db, story.lobby, answer).await.unwrap().unwrap();
    assert_eq!((fact.seq, fact.author, fact.kind), (at, BOB, Kind::VoiceNote));
    assert_eq!((fact.content.as_str(), fact.reply_to, fact.thread_root), ("answer", Some(root), Some(root)));
    assert_eq!(pins::pins(db, story.lobby, None, 10).await.unwrap().data[0].message_id, root);
    assert_eq!(messages::fact(db, RoomId::mint(&SystemClock), answer).await.unwrap(), None);

    story.in_lobby(ALICE, message::Event::Deleted { message_id: root }).await;
    story.world.caught_up().await;
    let gone = messages::message_in(db, story.lobby, root).await.unwrap().unwrap();
    assert_eq!((gone.content.as_str(), gone.pinned, gone.reactions.len()), ("", false, 0));
    assert!(gone.deleted_at.is_some() && messages::fact(db, story.lobby, root).await.unwrap().unwrap().deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_in_two_rooms_is_two_messages() {
    let story = Story::begin().await;
    let other = RoomId::mint(&SystemClock);
    story.world.append(Subject::Room(other), BOB, opened("Other", BOB, settings())).await;
    let id = story.post("first").await;
    // The log knows an event's id once, so the second one comes after the window of duplicates, or so it seems here.
    let event: voxlog_core::event::Event = posted(id, BOB, "second").into();
    let envelope = voxlog_core::envelope::Envelope {
        id: id.into(),
        subject: Subject::Room(other),
        time: voxlog_core::clock::Clock::now(&SystemClock) + chrono::TimeDelta::seconds(1),
        actor: BOB,
        correlation: voxlog_core::id::CorrelationId::mint(&SystemClock),
        causation: None,
        event,
    };
    let chain = envelope.event.chain(envelope.subject).unwrap();
    let anew = voxlog_core::id::EventId::mint(&SystemClock);
    story.world.append_bytes(anew, chain, envelope.encode()).await;
    story.world.caught_up().await;
    let db = &story.world.db;
    for (room, content) in [(story.lobby, "first"), (other, "second")] {
        assert_eq!(messages::message_in(db, room, id).await.unwrap().unwrap().content, content);
    }
    // Who asks by the id alone means the room that they are in; a stranger gets the earliest to be refused by.
    for (user, room) in [(ALICE, story.lobby), (BOB, other), (CAROL, story.lobby)] {
        assert_eq!(messages::message_for(db, user, id).await.unwrap().unwrap().room_id, room);
    }
}

/// REST sends these as they are.
#[tokio::test(flavor = "multi_thread")]
async fn answers_read_as_the_api_says() {
    let story = Story::begin().await;
    let id = story.post("hello").await;
    story.world.caught_up().await;
    let page = messages::page(&story.world.db, story.lobby, None, None, None, 10).await.unwrap();
    let json = serde_json::to_value(&page).unwrap();
    assert_eq!((&json["hasMore"], &json["next"]), (&false.into(), &serde_json::Value::Null));
    let message = &json["data"][0];
    assert_eq!((&message["id"], &message["roomId"]), (&id.to_string().into(), &story.lobby.to_string().into()));
    assert_eq!((&message["type"], &message["authorName"]), (&"text".into(), &"alice".into()));
    assert!(message["postedAt"].as_str().unwrap().ends_with('Z'));
}
