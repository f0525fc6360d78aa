//! Those who have no account. Alice owns the room; Bob, here without an account, is its guest in some of the tests.

use voxlog_core::{
    rejection::Rejection,
    room::{Changes, Command, Event, InviteId, Role, Room, Settings},
    testing::{ALICE, BOB, CAROL, CODE, given, open_room},
};

fn settings(settings: Settings) -> Event {
    Event::Updated(Changes { settings: Some(settings), ..Changes::default() })
}

fn takes_guests() -> Vec<Event> {
    let mut events = open_room();
    events.push(settings(Settings { allow_guests: true, ..Settings::default() }));
    events
}

fn with_bob() -> Vec<Event> {
    let mut events = takes_guests();
    events.push(JOINED);
    events
}

fn join(code: &str) -> Command {
    Command::Join { code: Some(code.into()) }
}

const JOINED: Event = Event::Joined { user_id: BOB, role: Role::Guest };

#[test]
fn a_guest_opens_no_room() {
    let create = Command::Create {
        name: "Lobby".into(),
        description: String::new(),
        code: CODE.into(),
        max_users: 3,
        settings: Settings::default(),
    };
    given::<Room>([]).by(BOB).as_guest().when(create).then_forbidden();
}

#[test]
fn a_guest_comes_in_where_guests_are_welcome_and_nowhere_else() {
    let room = given::<Room>(takes_guests()).by(BOB).as_guest().when(join(CODE)).then([JOINED]);
    assert!(room.may_read(BOB));
    given::<Room>(open_room()).by(BOB).as_guest().when(join(CODE)).then_forbidden();
}

#[test]
fn a_guest_with_a_wrong_code_learns_nothing() {
    for room in [open_room(), takes_guests()] {
        given::<Room>(room).by(BOB).as_guest().when(join("WRONG234")).then_rejected(Rejection::NotFound("room"));
    }
}

#[test]
fn an_invite_makes_nobody_more_than_a_guest() {
    let invite = || Event::InviteCreated { invite_id: InviteId::of("INVITE22"), max_uses: None, expires_at: None };
    let used = Event::InviteUsed { invite_id: InviteId::of("INVITE22"), user_id: BOB, role: Role::Guest };
    let welcome = takes_guests().into_iter().chain([invite()]);
    given::<Room>(welcome).by(BOB).as_guest().when(join("INVITE22")).then([used]);
    let unwelcome = open_room().into_iter().chain([invite()]);
    given::<Room>(unwelcome).by(BOB).as_guest().when(join("INVITE22")).then_forbidden();
}

#[test]
fn a_guest_who_asked_is_let_in_as_a_guest_while_guests_are_welcome() {
    let asked = Event::Requested { user_id: BOB, role: Role::Guest };
    let approving = Settings { allow_guests: true, require_approval: true, ..Settings::default() };
    let events = || open_room().into_iter().chain([settings(approving.clone())]);
    given::<Room>(events()).by(BOB).as_guest().when(join(CODE)).then([asked.clone()]);
    let approve = Command::Approve { user: BOB };
    let approved = Event::Approved { user_id: BOB, role: Role::Guest };
    given::<Room>(events().chain([asked.clone()])).when(approve.clone()).then([approved]);
    let no_more = settings(Settings { allow_guests: false, ..approving.clone() });
    given::<Room>(events().chain([asked, no_more])).when(approve).then_conflict();
}

#[test]
fn a_guest_stays_a_guest() {
    for role in [Role::Member, Role::Admin, Role::Owner] {
        given::<Room>(with_bob()).when(Command::SetRole { user: BOB, role }).then_conflict();
    }
    given::<Room>(with_bob()).when(Command::SetRole { user: BOB, role: Role::Guest }).then_invalid("role");
}

#[test]
fn guests_stay_when_no_more_are_taken() {
    let mut events = with_bob();
    events.push(settings(Settings::default()));
    given::<Room>(events).by(BOB).as_guest().when(join(CODE)).then_nothing();
}

#[test]
fn a_guest_moderates_nobody_and_is_moderated_by_admins() {
    let mut events = with_bob();
    events.push(Event::Joined { user_id: CAROL, role: Role::Admin });
    let kick = |user| Command::Kick { user, reason: None };
    for user in [ALICE, CAROL] {
        given::<Room>(events.clone()).by(BOB).as_guest().when(kick(user)).then_forbidden();
    }
    given::<Room>(events.clone()).by(BOB).as_guest().when(Command::Archive).then_forbidden();
    given::<Room>(events).by(CAROL).when(kick(BOB)).then([Event::Kicked { user_id: BOB, reason: None }]);
}
