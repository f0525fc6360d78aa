//! Kick, ban and mute. Alice owns the room, Bob is an admin, Carol and Dave are members, Erin is outside.

use chrono::TimeDelta;
use voxlog_core::{
    clock::Time,
    id::UserId,
    rejection::Rejection,
    room::{Command, Event, Role, Room},
    testing::{ALICE, BOB, CAROL, DAVE, ERIN, NOON, given, open_room},
};

fn crew() -> Vec<Event> {
    let mut events = open_room();
    events.extend([
        Event::Updated(voxlog_core::room::Changes { max_users: Some(10), ..Default::default() }),
        Event::Joined { user_id: BOB, role: Role::Admin },
        Event::Joined { user_id: CAROL, role: Role::Member },
        Event::Joined { user_id: DAVE, role: Role::Member },
    ]);
    events
}

fn crew_and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events = crew();
    events.extend(more);
    events
}

fn kick(user: UserId) -> Command {
    Command::Kick { user, reason: None }
}

fn ban(user: UserId, until: Option<Time>) -> Command {
    Command::Ban { user, until, reason: None }
}

fn mute(user: UserId, until: Option<Time>) -> Command {
    Command::Mute { user, until, reason: None }
}

fn kicked(user_id: UserId) -> Event {
    Event::Kicked { user_id, reason: None }
}

fn banned(user_id: UserId, until: Option<Time>) -> Event {
    Event::Banned { user_id, until, reason: None }
}

fn muted(user_id: UserId, until: Option<Time>) -> Event {
    Event::Muted { user_id, until, reason: None }
}

fn one_o_clock() -> Time {
    NOON + TimeDelta::hours(1)
}

fn sanctions(user: UserId) -> [Command; 5] {
    [kick(user), ban(user, None), mute(user, None), Command::Unban { user }, Command::Unmute { user }]
}

#[test]
fn members_moderate_nobody() {
    for target in [ALICE, BOB, DAVE, ERIN, CAROL] {
        for command in sanctions(target) {
            given::<Room>(crew()).by(CAROL).when(command).then_forbidden();
        }
    }
}

#[test]
fn outsiders_moderate_nobody() {
    for command in sanctions(CAROL) {
        given::<Room>(crew()).by(ERIN).when(command.clone()).then_rejected(Rejection::NotAMember);
        given::<Room>(crew_and([banned(ERIN, None)])).by(ERIN).when(command).then_rejected(Rejection::Banned);
    }
}

#[test]
fn nobody_moderates_themself() {
    for user in [ALICE, BOB] {
        for command in sanctions(user) {
            given::<Room>(crew()).by(user).when(command).then_forbidden();
        }
    }
}

#[test]
fn admins_moderate_neither_each_other_nor_the_owner() {
    let two_admins = crew_and([Event::Joined { user_id: ERIN, role: Role::Admin }]);
    for target in [ALICE, ERIN] {
        for command in sanctions(target) {
            given::<Room>(two_admins.clone()).by(BOB).when(command).then_forbidden();
        }
    }
}

#[test]
fn admins_moderate_members_and_the_owner_moderates_admins() {
    for (by, target) in [(BOB, CAROL), (ALICE, BOB)] {
        let room = given::<Room>(crew()).by(by).when(kick(target)).then([kicked(target)]);
        assert!(!room.may_read(target));
        given::<Room>(crew()).by(by).when(ban(target, None)).then([banned(target, None)]);
        given::<Room>(crew()).by(by).when(mute(target, None)).then([muted(target, None)]);
    }
}

#[test]
fn only_members_are_kicked_and_muted_but_anybody_is_banned() {
    given::<Room>(crew()).when(kick(ERIN)).then_rejected(Rejection::NotFound("member"));
    given::<Room>(crew()).when(mute(ERIN, None)).then_rejected(Rejection::NotFound("member"));
    given::<Room>(crew()).when(ban(ERIN, None)).then([banned(ERIN, None)]);
}

#[test]
fn who_was_kicked_may_come_back() {
    let join = Command::Join { code: Some(voxlog_core::testing::CODE.into()) };
    let back = Event::Joined { user_id: CAROL, role: Role::Member };
    given::<Room>(crew_and([kicked(CAROL)])).by(CAROL).when(join).then([back]);
}

#[test]
fn a_ban_takes_the_seat() {
    let room = given::<Room>(crew()).when(ban(CAROL, Some(one_o_clock()))).then([banned(CAROL, Some(one_o_clock()))]);
    assert_eq!(room.role(CAROL), None);
    assert!(room.interior().unwrap().is_banned(CAROL, NOON));
}

#[test]
fn a_sanction_given_again_is_already_true_and_a_longer_one_is_not() {
    let sanctioned = || crew_and([banned(ERIN, Some(one_o_clock())), muted(CAROL, Some(one_o_clock()))]);
    given::<Room>(sanctioned()).when(ban(ERIN, Some(one_o_clock()))).then_nothing();
    given::<Room>(sanctioned()).when(ban(ERIN, None)).then([banned(ERIN, None)]);
    given::<Room>(sanctioned()).when(mute(CAROL, Some(one_o_clock()))).then_nothing();
    given::<Room>(sanctioned()).when(mute(CAROL, None)).then([muted(CAROL, None)]);
}

#[test]
fn lifting_what_does_not_hold_changes_nothing() {
    given::<Room>(crew()).when(Command::Unban { user: ERIN }).then_nothing();
    given::<Room>(crew()).when(Command::Unmute { user: CAROL }).then_nothing();
    let expired = crew_and([banned(ERIN, Some(one_o_clock())), muted(CAROL, Some(one_o_clock()))]);
    let later = one_o_clock();
    given::<Room>(expired.clone()).at(later).when(Command::Unban { user: ERIN }).then_nothing();
    given::<Room>(expired).at(later).when(Command::Unmute { user: CAROL }).then_nothing();
}

#[test]
fn sanctions_are_lifted() {
    let room = given::<Room>(crew_and([banned(ERIN, None)]))
        .by(BOB)
        .when(Command::Unban { user: ERIN })
        .then([Event::Unbanned { user_id: ERIN }]);
    assert!(!room.interior().unwrap().is_banned(ERIN, NOON));
    let room = given::<Room>(crew_and([muted(CAROL, None)]))
        .by(BOB)
        .when(Command::Unmute { user: CAROL })
        .then([Event::Unmuted { user_id: CAROL }]);
    assert!(!room.interior().unwrap().is_muted(CAROL, NOON));
}

#[test]
fn a_mute_outlives_the_seat() {
    let gone = crew_and([muted(CAROL, None), Event::Left { user_id: CAROL }]);
    let back = gone.iter().cloned().chain([Event::Joined { user_id: CAROL, role: Role::Member }]);
    let room: Room = voxlog_core::testing::fold(&back.collect::<Vec<_>>());
    assert!(room.interior().unwrap().is_muted(CAROL, NOON), "leaving and coming back is no way out");
    given::<Room>(gone).when(Command::Unmute { user: CAROL }).then([Event::Unmuted { user_id: CAROL }]);
}

#[test]
fn a_sanction_ends_in_the_future_and_within_a_hundred_years() {
    for until in [NOON, NOON - TimeDelta::seconds(1), NOON + TimeDelta::microseconds(999), Time::MAX_UTC] {
        given::<Room>(crew()).when(ban(CAROL, Some(until))).then_invalid("until");
        given::<Room>(crew()).when(mute(CAROL, Some(until))).then_invalid("until");
    }
}

#[test]
fn the_end_of_a_sanction_is_cut_to_milliseconds() {
    let until = NOON + TimeDelta::microseconds(5999);
    let cut = Some(NOON + TimeDelta::milliseconds(5));
    given::<Room>(crew()).when(mute(CAROL, Some(until))).then([muted(CAROL, cut)]);
}

#[test]
fn a_reason_is_a_line_of_up_to_200_characters() {
    let kick = |reason: &str| Command::Kick { user: CAROL, reason: Some(reason.into()) };
    for reason in ["a\nb", "a\0b", &"x".repeat(201)] {
        given::<Room>(crew()).when(kick(reason)).then_invalid("reason");
    }
    given::<Room>(crew()).when(kick(" spam ")).then([Event::Kicked { user_id: CAROL, reason: Some("spam".into()) }]);
    given::<Room>(crew()).when(kick("  ")).then([kicked(CAROL)]);
}
