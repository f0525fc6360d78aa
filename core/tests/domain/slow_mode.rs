//! Slow mode. Alice owns the room, Bob is an admin, Carol a member, Dave a guest; ten seconds between two messages.

use std::time::Duration;

use chrono::TimeDelta;
use voxlog_core::{
    clock::Time,
    id::UserId,
    message::{Command, Draft, Event, Kind, Message, Scene},
    rejection::Rejection,
    room::{self, Changes, Role, Room, Settings},
    testing::{ALICE, BOB, CAROL, DAVE, HELLO, NOON, When, fold, given, open_room},
};

fn room(slow_mode_s: u32) -> Room {
    let settings = Settings { slow_mode_s, allow_guests: true, ..Settings::default() };
    let mut events = open_room();
    events.extend([
        room::Event::Updated(Changes { settings: Some(settings), ..Changes::default() }),
        room::Event::Joined { user_id: BOB, role: Role::Admin },
        room::Event::Joined { user_id: CAROL, role: Role::Member },
        room::Event::Joined { user_id: DAVE, role: Role::Guest },
    ]);
    fold(&events)
}

fn post() -> Command {
    let content = "hello".into();
    Command::Post(Draft { id: HELLO, content, kind: Kind::Text, reply_to: None, thread_root: None })
}

fn posted(author_id: UserId) -> Event {
    let (content, kind) = ("hello".into(), Kind::Text);
    Event::Posted { message_id: HELLO, author_id, content, kind, reply_to: None, thread_root: None, mentions: vec![] }
}

/// Posts so long after the last message.
fn again(room: &Room, by: UserId, after: TimeDelta) -> When<Message> {
    again_at(room, by, NOON + after)
}

fn again_at(room: &Room, by: UserId, at: Time) -> When<Message> {
    given::<Message>([]).by(by).at(at).when_in(Scene { room, cited: &[], last_post: Some(NOON) }, post())
}

fn too_soon(left: Duration) -> Rejection {
    Rejection::SlowMode { every_s: 10, retry_after: left }
}

#[test]
fn members_and_guests_wait_between_two_messages() {
    for user in [CAROL, DAVE] {
        again(&room(10), user, TimeDelta::zero()).then_rejected(too_soon(Duration::from_secs(10)));
        again(&room(10), user, TimeDelta::milliseconds(9999)).then_rejected(too_soon(Duration::from_millis(1)));
        again(&room(10), user, TimeDelta::seconds(10)).then([posted(user)]);
    }
}

#[test]
fn who_has_not_written_waits_for_nothing() {
    let room = room(10);
    given::<Message>([])
        .by(CAROL)
        .when_in(Scene { room: &room, cited: &[], last_post: None }, post())
        .then([posted(CAROL)]);
}

#[test]
fn admins_and_the_owner_write_as_they_like() {
    for user in [ALICE, BOB] {
        again(&room(10), user, TimeDelta::zero()).then([posted(user)]);
        assert_eq!(room(10).slow_mode_s(user), None);
    }
    assert_eq!(room(10).slow_mode_s(CAROL), Some(10));
}

#[test]
fn without_slow_mode_nobody_waits() {
    again(&room(0), CAROL, TimeDelta::zero()).then([posted(CAROL)]);
    assert_eq!(room(0).slow_mode_s(CAROL), None);
}

#[test]
fn a_clock_that_went_back_locks_nobody_out_for_longer_than_the_pause() {
    again(&room(10), CAROL, TimeDelta::hours(-3)).then_rejected(too_soon(Duration::from_secs(10)));
}

#[test]
fn only_writing_anew_is_slowed_down() {
    let room = room(10);
    let scene = || Scene { room: &room, cited: &[], last_post: Some(NOON) };
    let edited = Event::Edited { message_id: HELLO, content: "hello!".into(), mentions: vec![] };
    let edit = Command::Edit { content: "hello!".into() };
    given::<Message>([posted(CAROL)]).by(CAROL).when_in(scene(), edit).then([edited]);
    let (user_id, emoji) = (CAROL, "👋".to_owned());
    let reacted = Event::ReactionAdded { message_id: HELLO, user_id, emoji: emoji.clone() };
    given::<Message>([posted(BOB)]).by(CAROL).when_in(scene(), Command::React { emoji }).then([reacted]);
}

#[test]
fn what_is_wrong_with_a_message_is_told_before_it_is_too_soon() {
    let room = room(10);
    let scene = Scene { room: &room, cited: &[], last_post: Some(NOON) };
    let draft = Draft { id: HELLO, content: " ".into(), kind: Kind::Text, reply_to: None, thread_root: None };
    given::<Message>([]).by(CAROL).when_in(scene, Command::Post(draft)).then_invalid("content");
}
