//! Messages. Alice owns the room, Bob is an admin, Carol and Dave are members, Erin is outside.

use voxlog_core::{
    id::UserId,
    message::{Command, Draft, Event, Kind, Message, Scene},
    rejection::Rejection,
    room::{self, Role, Room},
    testing::{ALICE, ANSWER, BOB, CAROL, DAVE, ERIN, HELLO, When, fold, given, open_room},
};

fn crew_and(more: impl IntoIterator<Item = room::Event>) -> Room {
    let mut events = open_room();
    events.extend([
        room::Event::Joined { user_id: BOB, role: Role::Admin },
        room::Event::Joined { user_id: CAROL, role: Role::Member },
        room::Event::Joined { user_id: DAVE, role: Role::Member },
    ]);
    events.extend(more);
    fold(&events)
}

fn crew() -> Room {
    crew_and([])
}

fn mute(user_id: UserId) -> room::Event {
    room::Event::Muted { user_id, until: None, reason: None }
}

fn draft(content: &str) -> Draft {
    Draft { id: HELLO, content: content.into(), kind: Kind::Text, reply_to: None, thread_root: None }
}

fn posted(content: &str) -> Event {
    Event::Posted {
        message_id: HELLO,
        author_id: CAROL,
        content: content.into(),
        kind: Kind::Text,
        reply_to: None,
        thread_root: None,
        mentions: vec![],
    }
}

const DELETED: Event = Event::Deleted { message_id: HELLO };

/// Carol's "hello" stands in the room.
fn hello() -> Vec<Event> {
    vec![posted("hello")]
}

fn ask(room: &Room, history: Vec<Event>, by: UserId, command: Command) -> When<Message> {
    given::<Message>(history).by(by).when_in(Scene { room, cited: &[], last_post: None }, command)
}

fn edit() -> Command {
    Command::Edit { content: "hello!".into() }
}

fn react(emoji: &str) -> Command {
    Command::React { emoji: emoji.into() }
}

fn unreact(emoji: &str) -> Command {
    Command::Unreact { emoji: emoji.into() }
}

fn every_command() -> [Command; 7] {
    [Command::Post(draft("hi")), edit(), Command::Delete, react("👋"), unreact("👋"), Command::Pin, Command::Unpin]
}

#[test]
fn a_member_posts() {
    let message = ask(&crew(), vec![], CAROL, Command::Post(draft(" hello\n"))).then([posted(" hello\n")]);
    assert_eq!(message, Message::Posted { id: HELLO, author: CAROL });
}

#[test]
fn outsiders_do_nothing() {
    let banned = crew_and([room::Event::Banned { user_id: ERIN, until: None, reason: None }]);
    for command in every_command() {
        ask(&Room::Vacant, hello(), CAROL, command.clone()).then_rejected(Rejection::NotFound("room"));
        ask(&crew(), hello(), ERIN, command.clone()).then_rejected(Rejection::NotAMember);
        ask(&banned, hello(), ERIN, command).then_rejected(Rejection::Banned);
    }
}

#[test]
fn an_archived_room_stays_as_it_is() {
    let archived = crew_and([mute(CAROL), room::Event::Archived {}]);
    for command in every_command() {
        ask(&archived, hello(), CAROL, command.clone()).then_rejected(Rejection::RoomArchived);
        ask(&archived, hello(), ERIN, command).then_rejected(Rejection::NotAMember);
    }
}

#[test]
fn a_muted_member_writes_nothing_but_may_take_back() {
    let room = crew_and([mute(CAROL)]);
    for command in [Command::Post(draft("")), edit(), react("👋")] {
        ask(&room, hello(), CAROL, command).then_rejected(Rejection::Muted);
    }
    ask(&room, hello(), CAROL, Command::Delete).then([DELETED]);
    let removed = Event::ReactionRemoved { message_id: HELLO, user_id: CAROL, emoji: "👋".into() };
    ask(&room, hello(), CAROL, unreact("👋")).then([removed]);
}

#[test]
fn a_mute_is_over_when_it_ends() {
    let ends = voxlog_core::testing::NOON;
    let room = crew_and([room::Event::Muted { user_id: CAROL, until: Some(ends), reason: None }]);
    let scene = Scene { room: &room, cited: &[], last_post: None };
    let post = || Command::Post(draft("hello"));
    let before = ends - chrono::TimeDelta::milliseconds(1);
    given::<Message>([]).by(CAROL).at(before).when_in(scene, post()).then_rejected(Rejection::Muted);
    given::<Message>([]).by(CAROL).at(ends).when_in(scene, post()).then(hello());
}

#[test]
fn content_is_1_to_4000_characters_and_not_blank() {
    for content in ["", " \n\t", "a\0b", &"ü".repeat(4001)] {
        ask(&crew(), vec![], CAROL, Command::Post(draft(content))).then_invalid("content");
        ask(&crew(), hello(), CAROL, Command::Edit { content: content.into() }).then_invalid("content");
    }
    let longest = "ü".repeat(4000);
    ask(&crew(), vec![], CAROL, Command::Post(draft(&longest))).then([posted(&longest)]);
}

#[test]
fn people_write_text() {
    let of_kind = |kind| Command::Post(Draft { kind, ..draft("hello") });
    ask(&crew(), vec![], ALICE, of_kind(Kind::System)).then_forbidden();
    ask(&crew(), vec![], ALICE, of_kind(Kind::File)).then_unsupported();
    ask(&crew(), vec![], ALICE, of_kind(Kind::VoiceNote)).then_unsupported();
}

#[test]
fn an_id_names_one_message_for_ever() {
    ask(&crew(), hello(), CAROL, Command::Post(draft("again"))).then_conflict();
    ask(&crew(), vec![posted("hello"), DELETED], CAROL, Command::Post(draft("again"))).then_conflict();
}

#[test]
fn only_what_stands_in_the_room_is_answered() {
    let room = crew();
    let stands = [(ANSWER, Message::Posted { id: ANSWER, author: BOB })];
    let gone = [(ANSWER, Message::Deleted)];
    let never = [(ANSWER, Message::Unwritten)];
    let reply = Draft { reply_to: Some(ANSWER), ..draft("hello") };
    let in_thread = Draft { thread_root: Some(ANSWER), ..draft("hello") };
    for draft in [reply, in_thread] {
        for cited in [&[][..], &gone, &never] {
            given::<Message>([])
                .by(CAROL)
                .when_in(Scene { room: &room, cited, last_post: None }, Command::Post(draft.clone()))
                .then_rejected(Rejection::NotFound("message"));
        }
        let (reply_to, thread_root) = (draft.reply_to, draft.thread_root);
        given::<Message>([])
            .by(CAROL)
            .when_in(Scene { room: &room, cited: &stands, last_post: None }, Command::Post(draft))
            .then([Event::Posted {
                message_id: HELLO,
                author_id: CAROL,
                content: "hello".into(),
                kind: Kind::Text,
                reply_to,
                thread_root,
                mentions: vec![],
            }]);
    }
}

#[test]
fn only_its_author_edits_a_message() {
    let edited = Event::Edited { message_id: HELLO, content: "hello!".into(), mentions: vec![] };
    ask(&crew(), hello(), CAROL, edit()).then([edited]);
    for other in [ALICE, BOB, DAVE] {
        ask(&crew(), hello(), other, edit()).then_forbidden();
    }
}

#[test]
fn its_author_the_admins_and_the_owner_delete_a_message() {
    for by in [CAROL, BOB, ALICE] {
        let message = ask(&crew(), hello(), by, Command::Delete).then([DELETED]);
        assert_eq!(message, Message::Deleted);
    }
    ask(&crew(), hello(), DAVE, Command::Delete).then_forbidden();
}

#[test]
fn nothing_happens_to_a_deleted_message() {
    let gone = || vec![posted("hello"), DELETED];
    for command in [edit(), react("👋"), unreact("👋"), Command::Pin, Command::Unpin] {
        ask(&crew(), gone(), CAROL, command).then_rejected(Rejection::NotFound("message"));
    }
    ask(&crew(), gone(), CAROL, Command::Delete).then_nothing();
}

#[test]
fn what_nobody_wrote_is_not_found() {
    for command in [edit(), Command::Delete, react("👋"), unreact("👋"), Command::Pin, Command::Unpin] {
        ask(&crew(), vec![], ALICE, command).then_rejected(Rejection::NotFound("message"));
    }
}

#[test]
fn every_member_reacts_with_a_short_word() {
    for emoji in ["👋", "👨‍👩‍👧‍👦", "+1"] {
        let (message_id, user_id, emoji) = (HELLO, DAVE, emoji.to_owned());
        ask(&crew(), hello(), DAVE, react(&emoji)).then([Event::ReactionAdded { message_id, user_id, emoji }]);
    }
    for emoji in ["", "a b", "a\u{7}", &"👋".repeat(9)] {
        ask(&crew(), hello(), DAVE, react(emoji)).then_invalid("emoji");
        ask(&crew(), hello(), DAVE, unreact(emoji)).then_invalid("emoji");
    }
}

#[test]
fn admins_and_the_owner_pin() {
    for by in [ALICE, BOB] {
        ask(&crew(), hello(), by, Command::Pin).then([Event::Pinned { message_id: HELLO }]);
        ask(&crew(), hello(), by, Command::Unpin).then([Event::Unpinned { message_id: HELLO }]);
    }
    for command in [Command::Pin, Command::Unpin] {
        ask(&crew(), hello(), CAROL, command).then_forbidden();
    }
}

#[test]
fn only_a_deletion_moves_the_fence() {
    assert!(DELETED.moves_fence());
    assert!(!posted("hello").moves_fence());
    assert!(!Event::Edited { message_id: HELLO, content: "hello!".into(), mentions: vec![] }.moves_fence());
}
