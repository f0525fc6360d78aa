//! Who may be in a room's call, and when it begins and ends.

use proptest::{collection::vec, prelude::*};
use voxlog_core::{
    call::{Call, Command, EndReason, Event, LeaveReason, Media, MediaChange},
    decider::{Asked, Decider},
    id::{CallId, SessionId, UserId},
    rejection::Rejection,
    room::{self, Room},
    testing::{ALICE, BOB, CAROL, NOON, ask, fold, given, open_room},
};

use crate::arbitrary;

const CALL: CallId = CallId::from_uuid(ALICE.as_uuid());
const NEXT: CallId = CallId::from_uuid(BOB.as_uuid());

/// The one device of somebody.
const fn device(user: UserId) -> SessionId {
    SessionId::from_uuid(user.as_uuid())
}

/// [`ALICE`]'s room with [`BOB`] and [`CAROL`] in it, and what happened there since.
fn room(since: impl IntoIterator<Item = room::Event>) -> Room {
    let seat = |user_id| room::Event::Joined { user_id, role: room::Role::Member };
    let events: Vec<_> = open_room().into_iter().chain([seat(BOB), seat(CAROL)]).chain(since).collect();
    fold(&events)
}

fn join(user: UserId) -> Command {
    Command::Join { session: device(user), call: CALL, seats: 2, media: Media::default() }
}

fn joined(user_id: UserId) -> Event {
    Event::Joined { call_id: CALL, user_id, session: device(user_id), media: Media::default() }
}

fn left(user_id: UserId, reason: LeaveReason) -> Event {
    Event::Left { call_id: CALL, user_id, session: device(user_id), reason }
}

fn started() -> Event {
    Event::Started { call_id: CALL, started_by: ALICE, session: device(ALICE), seats: 2 }
}

fn kicked(user_id: UserId) -> room::Event {
    room::Event::Kicked { user_id, reason: None }
}

#[test]
fn the_first_who_joins_begins_the_call() {
    given::<Call>([]).when_in(&room([]), join(ALICE)).then([started(), joined(ALICE)]);
}

#[test]
fn the_second_joins_what_goes_on_whatever_they_would_have_called_it() {
    let command = Command::Join { session: device(BOB), call: NEXT, seats: 8, media: Media::default() };
    given::<Call>([started(), joined(ALICE)]).by(BOB).when_in(&room([]), command).then([joined(BOB)]);
}

#[test]
fn a_full_call_refuses_one_more_and_joining_twice_is_no_error() {
    let full = || given::<Call>([started(), joined(ALICE), joined(BOB)]);
    full().by(CAROL).when_in(&room([]), join(CAROL)).then_rejected(Rejection::CallFull { seats: 2 });
    full().by(BOB).when_in(&room([]), join(BOB)).then([]);
}

#[test]
fn only_members_who_may_write_join() {
    let muted = room::Event::Muted { user_id: BOB, until: None, reason: None };
    let banned = room::Event::Banned { user_id: BOB, until: None, reason: None };
    let try_in = |room: &Room| given::<Call>([]).by(BOB).when_in(room, join(BOB));
    try_in(&Room::default()).then_rejected(Rejection::NotFound("room"));
    try_in(&room([kicked(BOB)])).then_rejected(Rejection::NotAMember);
    try_in(&room([banned])).then_rejected(Rejection::Banned);
    try_in(&room([muted])).then_rejected(Rejection::Muted);
    try_in(&room([room::Event::Archived {}])).then_rejected(Rejection::RoomArchived);
}

#[test]
fn with_the_last_one_the_call_is_over() {
    let both = || given::<Call>([started(), joined(ALICE), joined(BOB)]);
    let leave = |user| Command::Leave { session: device(user) };
    both().when_in(&room([]), leave(ALICE)).then([left(ALICE, LeaveReason::Left)]);
    let ended = Event::Ended { call_id: CALL, reason: EndReason::Empty };
    given::<Call>([started(), joined(ALICE)])
        .when_in(&room([]), leave(ALICE))
        .then([left(ALICE, LeaveReason::Left), ended.clone()]);
    given::<Call>([started(), joined(ALICE)])
        .by(BOB)
        .when_in(&room([]), Command::Lose { session: device(ALICE) })
        .then([left(ALICE, LeaveReason::Lost), ended]);
    both().by(CAROL).when_in(&room([]), leave(CAROL)).then([]);
}

#[test]
fn nobody_acts_for_somebody_elses_device() {
    let forbidden = || Rejection::Forbidden("that device is somebody else's");
    let call = || given::<Call>([started(), joined(ALICE)]).by(BOB);
    let session = device(ALICE);
    call().when_in(&room([]), Command::Leave { session }).then_rejected(forbidden());
    let change = MediaChange { muted: Some(true), ..MediaChange::default() };
    call().when_in(&room([]), Command::Update { session, change }).then_rejected(forbidden());
    let steal = Command::Join { session, call: CALL, seats: 2, media: Media::default() };
    call().when_in(&room([]), steal).then_rejected(forbidden());
}

#[test]
fn an_update_that_changes_nothing_is_not_told() {
    let update = |muted| Command::Update {
        session: device(ALICE),
        change: MediaChange { muted: Some(muted), ..MediaChange::default() },
    };
    let call = || given::<Call>([started(), joined(ALICE)]);
    call().when_in(&room([]), update(false)).then([]);
    let change = MediaChange { muted: Some(true), ..MediaChange::default() };
    let updated = Event::Updated { call_id: CALL, user_id: ALICE, session: device(ALICE), change };
    call().when_in(&room([]), update(true)).then([updated]);
    let not_in = Rejection::Conflict("you are not in this room's call");
    given::<Call>([]).when_in(&room([]), update(true)).then_rejected(not_in);
}

#[test]
fn whoever_began_it_and_admins_end_it_for_everybody() {
    let end = |reason| Command::End { call: CALL, reason };
    let bobs = || {
        let began = Event::Started { call_id: CALL, started_by: BOB, session: device(BOB), seats: 2 };
        given::<Call>([began, joined(BOB), joined(CAROL)])
    };
    let ended = |reason| [Event::Ended { call_id: CALL, reason }];
    bobs().by(BOB).when_in(&room([]), end(EndReason::Ended)).then(ended(EndReason::Ended));
    bobs().by(ALICE).when_in(&room([]), end(EndReason::Ended)).then(ended(EndReason::Ended));
    let forbidden = Rejection::Forbidden("only who began a call, admins and the owner end it");
    bobs().by(CAROL).when_in(&room([]), end(EndReason::Ended)).then_rejected(forbidden);
    bobs().by(CAROL).when_in(&room([]), end(EndReason::Idle)).then(ended(EndReason::Idle));
    bobs().by(BOB).when_in(&room([kicked(BOB)]), end(EndReason::Ended)).then_rejected(Rejection::NotAMember);
    let another = Command::End { call: NEXT, reason: EndReason::Idle };
    bobs().when_in(&room([]), another).then([]);
}

#[test]
fn whoever_loses_the_seat_or_the_voice_is_out_at_that_event() {
    let gone = [
        kicked(BOB),
        room::Event::Left { user_id: BOB },
        room::Event::Banned { user_id: BOB, until: None, reason: None },
        room::Event::Muted { user_id: BOB, until: None, reason: None },
    ];
    for event in gone {
        let mut call: Call = fold(&[started(), joined(ALICE), joined(BOB)]);
        call.evolve_room(&event);
        assert!(call.participant(device(BOB)).is_none() && call.participant(device(ALICE)).is_some(), "{event:?}");
    }
    let mut alone: Call = fold(&[started(), joined(BOB)]);
    alone.evolve_room(&kicked(BOB));
    assert_eq!(alone, Call::Idle, "a call that nobody is in is over");
    let mut archived: Call = fold(&[started(), joined(ALICE)]);
    archived.evolve_room(&room::Event::Archived {});
    assert_eq!(archived, Call::Idle);
}

#[test]
fn what_comes_late_of_a_device_that_has_left_changes_nothing() {
    let change = MediaChange { muted: Some(true), ..MediaChange::default() };
    let late = Event::Updated { call_id: CALL, user_id: BOB, session: device(BOB), change };
    let call: Call = fold(&[started(), joined(ALICE), joined(BOB), left(BOB, LeaveReason::Left)]);
    let mut after = call.clone();
    after.evolve(&late);
    assert_eq!(after, call);
}

/// What may be asked of a room and of its call, in any order.
#[derive(Debug, Clone)]
enum Step {
    Room(Asked, room::Command),
    Call(Asked, Command),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (arbitrary::asked(), arbitrary::room_command()).prop_map(|(asked, command)| Step::Room(asked, command)),
        arbitrary::call_command().prop_map(|(asked, command)| Step::Call(asked, command)),
    ];
    vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_invariants_of_a_call_hold_at_every_step(steps in steps()) {
        let (mut room, mut call) = (Room::default(), Call::default());
        let founding = Asked { by: ALICE, guest: false, at: NOON };
        ask(&mut room, (), founding, &arbitrary::a_small_room()).unwrap();
        for step in steps {
            match step {
                Step::Room(asked, command) => {
                    for event in ask(&mut room, (), asked, &command).unwrap_or_default() {
                        call.evolve_room(&event);
                    }
                }
                Step::Call(asked, command) => {
                    if ask(&mut call, &room, asked, &command).is_ok() {
                        let repeats = matches!(command, Command::Leave { .. } | Command::Lose { .. } | Command::End { .. } | Command::Update { .. });
                        let again = call.decide(&room, asked, &command);
                        prop_assert!(!repeats || !matches!(again, Ok(events) if !events.is_empty()), "a repetition adds nothing");
                    }
                }
            }
            let Some(ongoing) = call.ongoing() else { continue };
            prop_assert!(room.is_open() && !ongoing.participants.is_empty());
            prop_assert!(ongoing.participants.len() <= usize::from(ongoing.seats));
            for (index, participant) in ongoing.participants.iter().enumerate() {
                prop_assert!(room.role(participant.user_id).is_some(), "who is in the call is in the room");
                let twice = ongoing.participants[..index].iter().any(|other| other.session == participant.session);
                prop_assert!(!twice, "a device is in it once");
            }
        }
    }

    #[test]
    fn a_call_takes_in_whatever_is_in_the_log(envelopes in vec(arbitrary::envelope(), 0..60), (asked, command) in arbitrary::call_command()) {
        let (mut room, mut call) = (Room::default(), Call::default());
        for envelope in &envelopes {
            match &envelope.event {
                voxlog_core::event::Event::Room(event) => {
                    room.evolve(event);
                    call.evolve_room(event);
                }
                voxlog_core::event::Event::Call(event) => call.evolve(event),
                _ => {}
            }
        }
        let _ = ask(&mut call, &room, asked, &command);
    }
}
