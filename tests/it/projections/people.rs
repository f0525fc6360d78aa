//! Who people are, who asks to be let in, and by which codes they come.

use voxlog_core::{
    clock::{SystemClock, Time},
    decider::Decider,
    event::Subject,
    id::{RoomId, UserId},
    position::Seq,
    room::{self, InviteId, MAX_INVITES, Role},
    testing::{ALICE, BOB, CAROL},
    user,
};
use voxlog_projections::{invites, members, messages, requests, rooms, users};

use super::{
    queries::Story,
    world::{mentioning, opened, posted, settings},
};

impl Story {
    async fn of_user(&self, user_id: UserId, event: user::Event) {
        self.world.append(Subject::User(user_id), user_id, event).await;
    }

    async fn found(&self, query: Option<&str>) -> Vec<String> {
        let page = users::users(&self.world.db, query, None, 10).await.unwrap();
        page.data.into_iter().filter_map(|user| user.username).collect()
    }
}

fn renamed(user_id: UserId, username: &str, display_name: Option<&str>) -> user::Event {
    let avatar_url = Some("https://example.org/a.png".to_owned());
    user::Event::Updated { user_id, username: username.into(), display_name: display_name.map(Into::into), avatar_url }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_the_beginnings_of_their_names() {
    let story = Story::begin().await;
    let event = user::Event::Registered {
        user_id: CAROL,
        username: "guest_7".into(),
        display_name: Some("山田 Caröl".into()),
        guest: true,
    };
    story.of_user(CAROL, event).await;
    story.of_user(BOB, renamed(BOB, "Robert", Some("Bob the builder"))).await;
    story.of_user(BOB, renamed(BOB, "Zed", Some("Bob Builder"))).await;
    story.world.caught_up().await;

    assert_eq!(story.found(None).await, ["alice", "guest_7", "Zed"], "by name, whatever its case");
    assert_eq!(story.found(Some("bui BOB")).await, ["Zed"]);
    assert_eq!(story.found(Some("CARÖ")).await, ["guest_7"]);
    assert_eq!(story.found(Some("田")).await, ["guest_7"]);
    assert_eq!(story.found(Some("robert")).await, [""; 0], "a name that is theirs no longer");
    assert_eq!(story.found(Some("%")).await, [""; 0]);
    let bob = users::user(&story.world.db, BOB).await.unwrap().unwrap();
    assert_eq!(
        (bob.username.as_deref(), bob.display_name.as_deref(), bob.guest),
        (Some("Zed"), Some("Bob Builder"), false)
    );
    assert_eq!(bob.avatar_url.as_deref(), Some("https://example.org/a.png"));
    assert!(users::user(&story.world.db, CAROL).await.unwrap().unwrap().guest);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = users::users(&story.world.db, None, after, 1).await.unwrap();
        seen.extend(page.data.into_iter().filter_map(|user| user.username));
        let Some(next) = page.next else { break };
        after = Some(next.parse().unwrap());
    }
    assert_eq!(seen, ["alice", "guest_7", "Zed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_seen_wherever_they_are() {
    let story = Story::begin().await;
    let id = story.post("hello").await;
    story.of_user(ALICE, renamed(ALICE, "alice", Some("Dr. Alice"))).await;
    story.world.caught_up().await;
    let message = messages::message_in(&story.world.db, story.lobby, id).await.unwrap().unwrap();
    assert_eq!(message.author_name.as_deref(), Some("Dr. Alice"));
    let member = &members::members(&story.world.db, story.lobby, None, 1).await.unwrap().data[0];
    assert_eq!((member.username.as_deref(), member.display_name.as_deref()), (Some("alice"), Some("Dr. Alice")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_seat_waits_until_they_have_one_or_none() {
    let story = Story::begin().await;
    let db = &story.world.db;
    let people: Vec<_> = (0..7).map(|_| UserId::mint(&SystemClock)).collect();
    let ask = async |user_id| story.in_lobby(user_id, room::Event::Requested { user_id, role: Role::Guest }).await;
    let first = ask(BOB).await;
    for user_id in &people {
        ask(*user_id).await;
    }
    story.world.caught_up().await;
    let page = requests::requests(db, story.lobby, None, 1).await.unwrap();
    let bob = &page.data[0];
    assert_eq!((bob.user_id, bob.username.as_deref(), bob.role, bob.seq), (BOB, Some("bob"), Role::Guest, first));
    let rest = requests::requests(db, story.lobby, page.next.unwrap().parse().map(Seq).ok(), 10).await.unwrap();
    assert_eq!(rest.data.iter().map(|it| it.user_id).collect::<Vec<_>>(), people);

    let invite_id = InviteId::of("INVITE22");
    let ends = [
        room::Event::Approved { user_id: people[0], role: Role::Guest },
        room::Event::Denied { user_id: people[1] },
        room::Event::Banned { user_id: people[2], until: None, reason: None },
        room::Event::Left { user_id: people[3] },
        room::Event::InviteUsed { invite_id, user_id: people[4], role: Role::Member },
        room::Event::Joined { user_id: people[5], role: Role::Member },
        room::Event::Kicked { user_id: people[6], reason: None },
    ];
    for end in ends {
        story.in_lobby(ALICE, end).await;
    }
    story.world.caught_up().await;
    let left = requests::requests(db, story.lobby, None, 10).await.unwrap().data;
    assert_eq!(left.iter().map(|it| it.user_id).collect::<Vec<_>>(), [BOB, people[6]], "who has no seat is not kicked");
    assert_eq!(members::role(db, story.lobby, people[0]).await.unwrap(), Some(Role::Guest));
    assert_eq!(members::role(db, story.lobby, people[4]).await.unwrap(), Some(Role::Member));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_gone_when_it_is_used_up_or_revoked() {
    let story = Story::begin().await;
    let db = &story.world.db;
    let made =
        |code: &str, max_uses| room::Event::InviteCreated { invite_id: InviteId::of(code), max_uses, expires_at: None };
    let used = |code: &str| room::Event::InviteUsed { invite_id: InviteId::of(code), user_id: BOB, role: Role::Member };
    for (code, max_uses) in [("TWICE222", Some(2)), ("REVOKED2", Some(9)), ("ALWAYS22", None)] {
        story.in_lobby(ALICE, made(code, max_uses)).await;
    }
    for code in ["TWICE222", "ALWAYS22", "ALWAYS22"] {
        story.in_lobby(BOB, used(code)).await;
    }
    story.world.caught_up().await;
    let page = invites::invites(db, story.lobby, None, 2).await.unwrap();
    assert_eq!(
        page.data.iter().map(|it| it.id.clone()).collect::<Vec<_>>(),
        ["TWICE222", "REVOKED2"].map(InviteId::of)
    );
    assert_eq!((page.data[0].max_uses, page.data[0].uses, page.data[0].creator_id), (Some(2), 1, ALICE));
    let rest = invites::invites(db, story.lobby, page.next.unwrap().parse().map(Seq).ok(), 2).await.unwrap();
    assert_eq!((rest.data[0].max_uses, rest.data[0].uses, rest.has_more), (None, 2, false));
    assert_eq!(invites::room_by_invite(db, &InviteId::of("TWICE222")).await.unwrap(), Some(story.lobby));

    story.in_lobby(BOB, used("TWICE222")).await;
    story.in_lobby(ALICE, room::Event::InviteRevoked { invite_id: InviteId::of("REVOKED2") }).await;
    story.world.caught_up().await;
    let left = invites::invites(db, story.lobby, None, 10).await.unwrap().data;
    assert_eq!(left.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), ["ALWAYS22"].map(InviteId::of));
    for gone in ["TWICE222", "REVOKED2", "NEVER222"] {
        assert_eq!(invites::room_by_invite(db, &InviteId::of(gone)).await.unwrap(), None, "{gone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_makes_room_for_another_is_gone() {
    let story = Story::begin().await;
    let mut expected = room::Room::default();
    let made = |number: usize| room::Event::InviteCreated {
        invite_id: InviteId::of(&format!("INVITE{number}")),
        max_uses: None,
        // The last ones run out first, two at a time; the first ones never.
        expires_at: Time::from_timestamp(2_000_000_000 - i64::try_from(number / 2).unwrap(), 0).filter(|_| number > 9),
    };
    expected.evolve(&opened("Lobby", ALICE, settings()));
    for event in (0..MAX_INVITES + 5).map(made) {
        expected.evolve(&event);
        story.in_lobby(ALICE, event).await;
    }
    story.world.caught_up().await;
    let listed = invites::invites(&story.world.db, story.lobby, None, 2 * MAX_INVITES).await.unwrap().data;
    assert_eq!(listed.len(), MAX_INVITES);
    let held = &expected.interior().unwrap().invites;
    assert!(listed.iter().all(|it| held.contains_key(&it.id)), "what is listed can be revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_code_opens_nothing_any_more() {
    let story = Story::begin().await;
    let seq = story.in_lobby(ALICE, room::Event::CodeRotated { code: "WXYZ9876".into() }).await;
    story.world.caught_up().await;
    let db = &story.world.db;
    assert_eq!(rooms::room_by_code(db, "ABCD2345").await.unwrap(), None);
    let room = rooms::room_by_code(db, "WXYZ9876").await.unwrap().unwrap();
    assert_eq!((room.id, room.seq), (story.lobby, seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_carries_whom_it_mentions_now() {
    let story = Story::begin().await;
    let id = voxlog_core::id::MessageId::mint(&SystemClock);
    story.in_lobby(ALICE, mentioning(posted(id, ALICE, "hello"), vec![CAROL, BOB])).await;
    story.world.caught_up().await;
    let mentions = async || messages::message_in(&story.world.db, story.lobby, id).await.unwrap().unwrap().mentions;
    assert_eq!(mentions().await, [CAROL, BOB], "in their order");
    let edited = |mentions| voxlog_core::message::Event::Edited { message_id: id, content: "hi".into(), mentions };
    story.in_lobby(ALICE, edited(vec![BOB])).await;
    story.world.caught_up().await;
    assert_eq!(mentions().await, [BOB]);
    story.in_lobby(ALICE, voxlog_core::message::Event::Deleted { message_id: id }).await;
    story.world.caught_up().await;
    assert_eq!(mentions().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_number_are_the_pages_by_cursor() {
    let story = Story::begin().await;
    let db = &story.world.db;
    for number in 0..7 {
        story.post(&number.to_string()).await;
    }
    let other = RoomId::mint(&SystemClock);
    story.world.append(Subject::Room(other), BOB, opened("Other", BOB, settings())).await;
    story.world.caught_up().await;
    let says = |page: &voxlog_projections::Page<messages::Message>| -> String {
        page.data.iter().map(|it| it.content.as_str()).collect()
    };
    let mut before = None;
    for (skip, expected) in [(0, "456"), (3, "123"), (6, "0")] {
        let numbered = messages::numbered(db, story.lobby, None, skip, 3).await.unwrap();
        assert_eq!(says(&numbered), expected);
        assert_eq!(numbered, messages::page(db, story.lobby, before, None, None, 3).await.unwrap());
        before = numbered.next.map(|next| Seq(next.parse().unwrap()));
    }
    assert_eq!(messages::numbered(db, story.lobby, None, 7, 3).await.unwrap().data, []);
    assert_eq!(messages::numbered(db, other, None, 0, 3).await.unwrap().data, []);
}
