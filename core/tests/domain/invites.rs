//! Codes: the room's own, which can be changed, and those of invites. Alice owns the room, Dave is an admin, Erin a
//! member of it.

use chrono::TimeDelta;
use voxlog_core::{
    id::UserId,
    rejection::Rejection,
    room::{Changes, Command, Event, InviteId, MAX_INVITES, Role, Room, Settings},
    testing::{BOB, CAROL, CODE, DAVE, ERIN, NOON, given, open_room},
};

const INVITE: &str = "INVITE22";

fn with(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events = open_room();
    let seats = Event::Updated(Changes { max_users: Some(4), ..Changes::default() });
    let dave = Event::Joined { user_id: DAVE, role: Role::Admin };
    events.extend([seats, dave, Event::Joined { user_id: ERIN, role: Role::Member }]);
    events.extend(more);
    events
}

fn create(code: &str, max_uses: Option<u32>) -> Command {
    Command::CreateInvite { code: code.into(), max_uses, expires_at: None }
}

fn created(max_uses: Option<u32>) -> Event {
    Event::InviteCreated { invite_id: InviteId::of(INVITE), max_uses, expires_at: None }
}

fn for_an_hour(code: &str) -> Event {
    Event::InviteCreated { invite_id: InviteId::of(code), max_uses: None, expires_at: Some(NOON + TimeDelta::hours(1)) }
}

fn used_by(user_id: UserId) -> Event {
    Event::InviteUsed { invite_id: InviteId::of(INVITE), user_id, role: Role::Member }
}

fn join(code: &str) -> Command {
    Command::Join { code: Some(code.into()) }
}

fn rotate(code: &str) -> Command {
    Command::RotateCode { code: code.into() }
}

#[test]
fn who_has_an_invite_joins() {
    for typed in [INVITE, "invite-22", " Invite 22"] {
        let room = given::<Room>(with([created(None)])).by(BOB).when(join(typed)).then([used_by(BOB)]);
        assert_eq!(room.role(BOB), Some(Role::Member));
    }
}

#[test]
fn an_invite_spares_the_approval() {
    let settings = Settings { require_approval: true, ..Settings::default() };
    let approving = Event::Updated(Changes { settings: Some(settings), ..Changes::default() });
    let asked = Event::Requested { user_id: BOB, role: Role::Member };
    let room = given::<Room>(with([approving, created(None), asked])).by(BOB).when(join(INVITE)).then([used_by(BOB)]);
    assert!(room.interior().unwrap().requests.is_empty(), "who is in asks no more");
}

#[test]
fn an_invite_that_is_used_up_is_gone() {
    let room = given::<Room>(with([created(Some(1))])).by(BOB).when(join(INVITE)).then([used_by(BOB)]);
    assert!(room.interior().unwrap().invites.is_empty());
    let used_up = with([created(Some(1)), used_by(BOB)]);
    given::<Room>(used_up).by(CAROL).when(join(INVITE)).then_rejected(Rejection::NotFound("room"));
}

#[test]
fn who_is_in_already_uses_nothing_up() {
    given::<Room>(with([created(Some(1))])).by(ERIN).when(join(INVITE)).then_nothing();
}

#[test]
fn an_invite_makes_no_seat_and_lifts_no_ban() {
    let full = with([created(Some(1)), Event::Joined { user_id: CAROL, role: Role::Member }]);
    given::<Room>(full).by(BOB).when(join(INVITE)).then_rejected(Rejection::RoomFull { seats: 4 });
    let banned = with([created(Some(1)), Event::Banned { user_id: BOB, until: None, reason: None }]);
    given::<Room>(banned).by(BOB).when(join(INVITE)).then_rejected(Rejection::Banned);
}

#[test]
fn an_invite_works_until_it_runs_out() {
    let an_hour_later = NOON + TimeDelta::hours(1);
    let invited = || with([for_an_hour(INVITE)]);
    let just_before = an_hour_later - TimeDelta::milliseconds(1);
    given::<Room>(invited()).by(BOB).at(just_before).when(join(INVITE)).then([used_by(BOB)]);
    given::<Room>(invited()).by(BOB).at(an_hour_later).when(join(INVITE)).then_rejected(Rejection::NotFound("room"));
}

#[test]
fn a_revoked_invite_opens_nothing() {
    let revoked = Event::InviteRevoked { invite_id: InviteId::of(INVITE) };
    let revoke = || Command::RevokeInvite { invite: InviteId::of(INVITE) };
    given::<Room>(with([created(None)])).by(DAVE).when(revoke()).then([revoked.clone()]);
    let after = || with([created(None), revoked.clone()]);
    given::<Room>(after()).by(BOB).when(join(INVITE)).then_rejected(Rejection::NotFound("room"));
    given::<Room>(after()).by(DAVE).when(revoke()).then_nothing();
}

#[test]
fn an_archived_room_lets_nobody_in_by_an_invite() {
    let archived = with([created(None), Event::Archived {}]);
    given::<Room>(archived).by(BOB).when(join(INVITE)).then_rejected(Rejection::RoomArchived);
}

#[test]
fn admins_make_and_end_invites_and_change_the_code_and_members_do_not() {
    let commands = [create(INVITE, None), Command::RevokeInvite { invite: InviteId::of(INVITE) }, rotate("NEWCODE2")];
    for command in commands {
        given::<Room>(with([])).by(ERIN).when(command.clone()).then_forbidden();
        given::<Room>(with([])).by(BOB).when(command).then_rejected(Rejection::NotAMember);
    }
    given::<Room>(with([])).by(DAVE).when(create("invite-22", Some(3))).then([created(Some(3))]);
}

#[test]
fn an_invite_is_for_1_to_500_people_and_ends_in_the_future() {
    for uses in [0, 501, u32::MAX] {
        given::<Room>(with([])).when(create(INVITE, Some(uses))).then_invalid("maxUses");
    }
    for code in ["", "abc", "A.B.C.D"] {
        given::<Room>(with([])).when(create(code, None)).then_invalid("code");
    }
    let ends = [NOON, NOON - TimeDelta::hours(1), NOON + TimeDelta::days(36_501)];
    for end in ends {
        let command = Command::CreateInvite { code: INVITE.into(), max_uses: None, expires_at: Some(end) };
        given::<Room>(with([])).when(command).then_invalid("expiresInS");
    }
}

#[test]
fn a_code_opens_one_way() {
    given::<Room>(with([])).when(create(CODE, None)).then_conflict();
    given::<Room>(with([created(None)])).when(create(INVITE, Some(1))).then_conflict();
    given::<Room>(with([created(None)])).when(create(INVITE, None)).then_nothing();
    given::<Room>(with([created(None)])).when(rotate(INVITE)).then_conflict();
}

#[test]
fn after_a_change_the_old_code_opens_nothing() {
    let rotated = Event::CodeRotated { code: "NEWCODE2".into() };
    given::<Room>(with([])).by(DAVE).when(rotate("new-code-2")).then([rotated.clone()]);
    let after = || with([rotated.clone()]);
    given::<Room>(after()).by(BOB).when(join(CODE)).then_rejected(Rejection::NotFound("room"));
    let joined = Event::Joined { user_id: BOB, role: Role::Member };
    given::<Room>(after()).by(BOB).when(join("NEWCODE2")).then([joined]);
    given::<Room>(after()).when(rotate("NEWCODE2")).then_nothing();
    given::<Room>(after()).when(rotate("?")).then_invalid("code");
}

#[test]
fn a_hundred_invites_stand_at_once_and_those_that_ran_out_make_room() {
    let hundred = || with((0..MAX_INVITES).map(|number| for_an_hour(&format!("INVITE{number}"))));
    given::<Room>(hundred()).when(create("ONEMORE2", None)).then_conflict();
    let one_more = Event::InviteCreated { invite_id: InviteId::of("ONEMORE2"), max_uses: None, expires_at: None };
    let later = NOON + TimeDelta::hours(1);
    let room = given::<Room>(hundred()).at(later).when(create("ONEMORE2", None)).then([one_more]);
    assert_eq!(room.interior().unwrap().invites.len(), MAX_INVITES, "there is an end to what a room holds");
    assert!(room.interior().unwrap().invites.contains_key(&InviteId::of("ONEMORE2")));
}
