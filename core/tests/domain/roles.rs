//! Roles and handing over. Alice owns the room, Bob is an admin, Carol a member.

use voxlog_core::{
    id::UserId,
    rejection::Rejection,
    room::{Command, Event, Role, Room},
    testing::{ALICE, BOB, CAROL, DAVE, given, open_room},
};

fn crew() -> Vec<Event> {
    let mut events = open_room();
    events.extend([
        Event::Joined { user_id: BOB, role: Role::Admin },
        Event::Joined { user_id: CAROL, role: Role::Member },
    ]);
    events
}

fn set(user: UserId, role: Role) -> Command {
    Command::SetRole { user, role }
}

fn changed(user_id: UserId, role: Role) -> Event {
    Event::RoleChanged { user_id, role, former_owner_id: None }
}

#[test]
fn the_owner_makes_and_unmakes_admins() {
    let room = given::<Room>(crew()).when(set(CAROL, Role::Admin)).then([changed(CAROL, Role::Admin)]);
    assert_eq!(room.role(CAROL), Some(Role::Admin));
    let room = given::<Room>(crew()).when(set(BOB, Role::Member)).then([changed(BOB, Role::Member)]);
    assert_eq!(room.role(BOB), Some(Role::Member));
}

#[test]
fn nobody_else_changes_roles_their_own_included() {
    for by in [BOB, CAROL] {
        for target in [ALICE, BOB, CAROL, DAVE] {
            for role in [Role::Guest, Role::Member, Role::Admin, Role::Owner] {
                given::<Room>(crew()).by(by).when(set(target, role)).then_forbidden();
            }
        }
    }
    given::<Room>(crew()).by(DAVE).when(set(DAVE, Role::Owner)).then_rejected(Rejection::NotAMember);
}

#[test]
fn the_owner_hands_the_room_over_and_becomes_an_admin() {
    let handed_over = Event::RoleChanged { user_id: CAROL, role: Role::Owner, former_owner_id: Some(ALICE) };
    let room = given::<Room>(crew()).when(set(CAROL, Role::Owner)).then([handed_over]);
    assert_eq!(room.role(CAROL), Some(Role::Owner));
    assert_eq!(room.role(ALICE), Some(Role::Admin));
    assert_eq!(room.role(BOB), Some(Role::Admin));
}

#[test]
fn the_owner_cannot_just_step_down() {
    given::<Room>(crew()).when(set(ALICE, Role::Admin)).then_forbidden();
    given::<Room>(crew()).when(set(ALICE, Role::Owner)).then_nothing();
}

#[test]
fn a_role_that_one_has_is_already_true() {
    given::<Room>(crew()).when(set(BOB, Role::Admin)).then_nothing();
    given::<Room>(crew()).when(set(CAROL, Role::Member)).then_nothing();
}

#[test]
fn a_member_is_not_made_a_guest_and_an_outsider_gets_no_role() {
    given::<Room>(crew()).when(set(CAROL, Role::Guest)).then_invalid("role");
    for role in [Role::Member, Role::Admin, Role::Owner] {
        given::<Room>(crew()).when(set(DAVE, role)).then_rejected(Rejection::NotFound("member"));
    }
}

#[test]
fn a_muted_member_becomes_no_owner_because_nobody_could_unmute_them() {
    let mut events = crew();
    events.push(Event::Muted { user_id: CAROL, until: None, reason: None });
    given::<Room>(events.clone()).when(set(CAROL, Role::Owner)).then_conflict();
    events.push(Event::Unmuted { user_id: CAROL });
    let handed_over = Event::RoleChanged { user_id: CAROL, role: Role::Owner, former_owner_id: Some(ALICE) };
    given::<Room>(events).when(set(CAROL, Role::Owner)).then([handed_over]);
}
