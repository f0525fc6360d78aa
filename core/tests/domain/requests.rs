//! Rooms that ask an admin first. Alice owns the room, Dave is an admin, Erin a member; Bob asks to be let in.

use chrono::TimeDelta;
use voxlog_core::{
    id::UserId,
    rejection::Rejection,
    room::{Changes, Command, Event, MAX_REQUESTS, Role, Room, Settings},
    testing::{BOB, CAROL, CODE, DAVE, ERIN, NOON, given, open_room},
};

fn settings(require_approval: bool) -> Event {
    let settings = Settings { require_approval, ..Settings::default() };
    Event::Updated(Changes { settings: Some(settings), max_users: Some(4), ..Changes::default() })
}

fn with(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events = open_room();
    let dave = Event::Joined { user_id: DAVE, role: Role::Admin };
    events.extend([settings(true), dave, Event::Joined { user_id: ERIN, role: Role::Member }]);
    events.extend(more);
    events
}

fn join() -> Command {
    Command::Join { code: Some(CODE.into()) }
}

const ASKED: Event = Event::Requested { user_id: BOB, role: Role::Member };
const APPROVED: Event = Event::Approved { user_id: BOB, role: Role::Member };
const DENIED: Event = Event::Denied { user_id: BOB };
const APPROVE: Command = Command::Approve { user: BOB };
const DENY: Command = Command::Deny { user: BOB };

#[test]
fn who_joins_asks_first_and_reads_nothing_yet() {
    let room = given::<Room>(with([])).by(BOB).when(join()).then([ASKED]);
    assert_eq!(room.role(BOB), None);
    assert!(!room.may_read(BOB));
    given::<Room>(with([ASKED])).by(BOB).when(join()).then_nothing();
}

#[test]
fn who_does_not_know_the_code_cannot_even_ask() {
    let guess = Command::Join { code: Some("WRONG234".into()) };
    given::<Room>(with([])).by(BOB).when(guess).then_rejected(Rejection::NotFound("room"));
}

#[test]
fn an_admin_lets_them_in() {
    let room = given::<Room>(with([ASKED])).by(DAVE).when(APPROVE).then([APPROVED]);
    assert_eq!(room.role(BOB), Some(Role::Member));
    assert!(room.interior().unwrap().requests.is_empty());
    given::<Room>(with([ASKED, APPROVED])).by(DAVE).when(APPROVE).then_nothing();
}

#[test]
fn an_admin_turns_them_down_and_they_may_ask_again() {
    let room = given::<Room>(with([ASKED])).by(DAVE).when(DENY).then([DENIED]);
    assert_eq!(room.role(BOB), None);
    given::<Room>(with([ASKED, DENIED])).by(DAVE).when(DENY).then_nothing();
    given::<Room>(with([ASKED, DENIED])).by(BOB).when(join()).then([ASKED]);
    given::<Room>(with([ASKED, DENIED])).by(DAVE).when(APPROVE).then_rejected(Rejection::NotFound("request"));
}

#[test]
fn nobody_but_admins_decides_least_of_all_who_asks() {
    for command in [APPROVE, DENY] {
        given::<Room>(with([ASKED])).by(ERIN).when(command.clone()).then_forbidden();
        given::<Room>(with([ASKED])).by(BOB).when(command.clone()).then_rejected(Rejection::NotAMember);
        given::<Room>(with([ASKED, Event::Archived {}])).when(command).then_rejected(Rejection::RoomArchived);
    }
}

#[test]
fn nobody_is_let_in_who_does_not_ask() {
    given::<Room>(with([])).when(APPROVE).then_rejected(Rejection::NotFound("request"));
}

#[test]
fn asking_takes_no_seat_and_an_approval_needs_one() {
    let full = || with([ASKED, Event::Joined { user_id: CAROL, role: Role::Member }]);
    given::<Room>(full()).when(APPROVE).then_rejected(Rejection::RoomFull { seats: 4 });
    let left = full().into_iter().chain([Event::Left { user_id: CAROL }]);
    given::<Room>(left).when(APPROVE).then([APPROVED]);
}

#[test]
fn who_asks_takes_it_back_by_leaving_in_an_archived_room_too() {
    let left = Event::Left { user_id: BOB };
    let room = given::<Room>(with([ASKED])).by(BOB).when(Command::Leave).then([left.clone()]);
    assert!(room.interior().unwrap().requests.is_empty());
    given::<Room>(with([ASKED, Event::Archived {}])).by(BOB).when(Command::Leave).then([left.clone()]);
    given::<Room>(with([ASKED, left])).by(BOB).when(Command::Leave).then_rejected(Rejection::NotAMember);
}

#[test]
fn a_ban_ends_the_wish_and_who_has_served_one_asks_again() {
    let until = NOON + TimeDelta::hours(1);
    let banned = Event::Banned { user_id: BOB, until: Some(until), reason: None };
    let ban = Command::Ban { user: BOB, until: Some(until), reason: None };
    let room = given::<Room>(with([ASKED])).when(ban).then([banned.clone()]);
    assert!(room.interior().unwrap().requests.is_empty());
    given::<Room>(with([banned.clone()])).by(BOB).when(join()).then_rejected(Rejection::Banned);
    let room = given::<Room>(with([banned])).by(BOB).at(until).when(join()).then([ASKED]);
    assert!(room.interior().unwrap().bans.is_empty(), "nobody is banned and asks to be let in");
}

#[test]
fn when_the_room_asks_no_more_who_waits_joins_like_everybody() {
    let joined = Event::Joined { user_id: BOB, role: Role::Member };
    let room = given::<Room>(with([ASKED, settings(false)])).by(BOB).when(join()).then([joined]);
    assert!(room.interior().unwrap().requests.is_empty());
    given::<Room>(with([ASKED, settings(false)])).when(APPROVE).then([APPROVED]);
}

#[test]
fn a_room_remembers_500_who_ask() {
    let user = |number: usize| {
        let id = format!("01a9f0f0-0000-7000-8000-{number:012}");
        id.parse::<UserId>().expect("an id")
    };
    let waiting = (0..MAX_REQUESTS).map(|number| Event::Requested { user_id: user(number), role: Role::Member });
    given::<Room>(with(waiting)).by(BOB).when(join()).then_conflict();
}
