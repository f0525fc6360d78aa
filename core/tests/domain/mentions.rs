//! Whom a message mentions. Alice owns the room, Bob and Carol are members, Dave is outside.

use voxlog_core::{
    id::UserId,
    message::{Command, Draft, Event, Kind, MAX_MENTIONS, Message, Scene},
    room::{self, Role, Room},
    testing::{ALICE, BOB, CAROL, DAVE, HELLO, When, fold, given, open_room},
};

fn room() -> Room {
    let mut events = open_room();
    events.extend([BOB, CAROL].map(|user_id| room::Event::Joined { user_id, role: Role::Member }));
    fold(&events)
}

fn posting(content: &str) -> When<Message> {
    let room = room();
    let draft = Draft { id: HELLO, content: content.into(), kind: Kind::Text, reply_to: None, thread_root: None };
    given::<Message>([]).by(CAROL).when_in(Scene { room: &room, cited: &[], last_post: None }, Command::Post(draft))
}

fn posted(content: &str, mentions: &[UserId]) -> Event {
    Event::Posted {
        message_id: HELLO,
        author_id: CAROL,
        content: content.into(),
        kind: Kind::Text,
        reply_to: None,
        thread_root: None,
        mentions: mentions.to_vec(),
    }
}

fn mentions(content: &str, expected: &[UserId]) {
    posting(content).then([posted(content, expected)]);
}

#[test]
fn a_member_is_mentioned_by_their_id_wherever_it_stands() {
    mentions(&format!("<@{BOB}>"), &[BOB]);
    mentions(&format!("öh, <@{BOB}>und <@{ALICE}>!"), &[BOB, ALICE]);
    mentions(&format!("<@<@{BOB}>>"), &[BOB]);
}

#[test]
fn who_is_mentioned_twice_is_mentioned_once() {
    mentions(&format!("<@{BOB}> <@{ALICE}> <@{BOB}>"), &[BOB, ALICE]);
}

#[test]
fn strangers_and_oneself_are_not_mentioned() {
    mentions(&format!("<@{DAVE}> <@{CAROL}>"), &[]);
}

#[test]
fn what_only_looks_like_a_mention_is_text() {
    let id = BOB.to_string();
    let almost =
        ["<@>", "<@", "<@bob>", "<@ >", "@<>", &id, &format!("@{id}"), &format!("<@{id}"), &format!("<@ {id}>")];
    for content in almost {
        mentions(content, &[]);
    }
    mentions(&format!("<@{}>", id.replace('-', "")), &[]);
    mentions(&format!("<@{}ü>", &id[..34]), &[]);
}

#[test]
fn an_edit_mentions_anew() {
    let room = room();
    let content = format!("<@{ALICE}>");
    let edited = Event::Edited { message_id: HELLO, content: content.clone(), mentions: vec![ALICE] };
    given::<Message>([posted("hello", &[BOB])])
        .by(CAROL)
        .when_in(Scene { room: &room, cited: &[], last_post: None }, Command::Edit { content })
        .then([edited]);
}

#[test]
fn a_message_mentions_at_most_50() {
    let user = |number: usize| format!("<@01a9f0f0-0000-7000-8000-{number:012}>");
    let all = |count| (0..count).map(user).collect::<String>();
    mentions(&all(MAX_MENTIONS), &[]);
    posting(&all(MAX_MENTIONS + 1)).then_invalid("content");
}
