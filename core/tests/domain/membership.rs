//! Joining and leaving.

use chrono::TimeDelta;
use voxlog_core::{
    rejection::Rejection,
    room::{Changes, Command, Event, Role, Room, Settings},
    testing::{ALICE, BOB, CAROL, CODE, DAVE, NOON, given, open_room},
};

fn with(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events = open_room();
    events.extend(more);
    events
}

fn join(code: &str) -> Command {
    Command::Join { code: Some(code.into()) }
}

const BOB_JOINED: Event = Event::Joined { user_id: BOB, role: Role::Member };
const CAROL_JOINED: Event = Event::Joined { user_id: CAROL, role: Role::Member };

fn bob_banned_for_an_hour() -> Event {
    Event::Banned { user_id: BOB, until: Some(NOON + TimeDelta::hours(1)), reason: None }
}

#[test]
fn who_knows_the_code_joins() {
    for typed in [CODE, "code-2345", " code 2345 "] {
        let room = given::<Room>(open_room()).by(BOB).when(join(typed)).then([BOB_JOINED]);
        assert!(room.may_read(BOB));
    }
}

#[test]
fn who_does_not_know_the_code_learns_nothing() {
    for command in [join("WRONG234"), join(""), Command::Join { code: None }] {
        given::<Room>(open_room()).by(BOB).when(command.clone()).then_rejected(Rejection::NotFound("room"));
        let full = with([CAROL_JOINED, Event::Joined { user_id: DAVE, role: Role::Member }]);
        given::<Room>(full).by(BOB).when(command.clone()).then_rejected(Rejection::NotFound("room"));
        let archived = with([Event::Archived {}]);
        given::<Room>(archived).by(BOB).when(command).then_rejected(Rejection::NotFound("room"));
    }
    given::<Room>(with([Event::Archived {}])).by(BOB).when(join(CODE)).then_rejected(Rejection::RoomArchived);
}

#[test]
fn a_public_room_asks_for_no_code() {
    let settings = Settings { is_public: true, ..Settings::default() };
    let public = with([Event::Updated(Changes { settings: Some(settings), ..Changes::default() })]);
    given::<Room>(public).by(BOB).when(Command::Join { code: None }).then([BOB_JOINED]);
}

#[test]
fn joining_twice_is_not_an_error() {
    given::<Room>(with([BOB_JOINED])).by(BOB).when(join(CODE)).then_nothing();
    given::<Room>(with([BOB_JOINED])).by(BOB).when(Command::Join { code: None }).then_nothing();
}

#[test]
fn a_full_room_refuses_one_more() {
    let full = with([CAROL_JOINED, Event::Joined { user_id: DAVE, role: Role::Member }]);
    given::<Room>(full.clone()).by(BOB).when(join(CODE)).then_rejected(Rejection::RoomFull { seats: 3 });
    given::<Room>(full).by(CAROL).when(join(CODE)).then_nothing();
}

#[test]
fn a_seat_given_up_is_free() {
    let events =
        with([CAROL_JOINED, Event::Joined { user_id: DAVE, role: Role::Member }, Event::Left { user_id: CAROL }]);
    given::<Room>(events).by(BOB).when(join(CODE)).then([BOB_JOINED]);
}

#[test]
fn a_ban_keeps_out_until_it_ends() {
    let banned = || with([bob_banned_for_an_hour()]);
    let an_hour_later = NOON + TimeDelta::hours(1);
    let just_before = an_hour_later - TimeDelta::milliseconds(1);
    given::<Room>(banned()).by(BOB).at(just_before).when(join(CODE)).then_rejected(Rejection::Banned);
    let room = given::<Room>(banned()).by(BOB).at(an_hour_later).when(join(CODE)).then([BOB_JOINED]);
    assert!(room.interior().unwrap().bans.is_empty(), "nobody is a member and banned");
}

#[test]
fn a_ban_without_an_end_has_none() {
    let banned = with([Event::Banned { user_id: BOB, until: None, reason: None }]);
    let much_later = NOON + TimeDelta::days(36_500);
    given::<Room>(banned).by(BOB).at(much_later).when(join(CODE)).then_rejected(Rejection::Banned);
}

#[test]
fn members_leave_and_the_owner_stays() {
    let room = given::<Room>(with([BOB_JOINED])).by(BOB).when(Command::Leave).then([Event::Left { user_id: BOB }]);
    assert!(!room.may_read(BOB));
    given::<Room>(with([BOB_JOINED])).by(ALICE).when(Command::Leave).then_conflict();
}

#[test]
fn who_is_not_in_the_room_cannot_leave_it() {
    given::<Room>(open_room()).by(BOB).when(Command::Leave).then_rejected(Rejection::NotAMember);
    let banned = with([BOB_JOINED, bob_banned_for_an_hour()]);
    given::<Room>(banned).by(BOB).when(Command::Leave).then_rejected(Rejection::Banned);
}
