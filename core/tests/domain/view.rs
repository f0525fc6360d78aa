//! What members are shown of a room.

use serde_json::json;
use voxlog_core::{
    room::{Event, Role, Room},
    testing::{ALICE, BOB, CAROL, CODE, fold, open_room},
};

#[test]
fn members_are_shown_each_other_by_id_and_no_sanctions() {
    let mut events = open_room();
    events.extend([
        Event::Joined { user_id: CAROL, role: Role::Admin },
        Event::Joined { user_id: BOB, role: Role::Member },
        Event::Muted { user_id: BOB, until: None, reason: None },
    ]);
    let room: Room = fold(&events);
    let shown = serde_json::to_value(room.view().unwrap()).unwrap();
    let expected = json!({
        "archived": false,
        "name": "Lobby",
        "description": "",
        "code": CODE,
        "maxUsers": 3,
        "settings": {
            "isPublic": false, "allowGuests": false, "requireApproval": false,
            "recordMessages": true, "slowModeS": 0, "retentionDays": null
        },
        "members": [
            { "userId": BOB, "role": "member" },
            { "userId": ALICE, "role": "owner" },
            { "userId": CAROL, "role": "admin" }
        ]
    });
    assert_eq!(shown, expected);
    let packed = rmp_serde::to_vec_named(&room.view().unwrap()).unwrap();
    assert_eq!(rmp_serde::from_slice::<serde_json::Value>(&packed).unwrap(), expected, "in both encodings");
}

#[test]
fn a_room_that_never_was_shows_nothing_and_lets_nobody_read() {
    let room = Room::default();
    assert!(room.view().is_none() && room.interior().is_none() && !room.is_open());
    assert!(!room.may_read(ALICE));
    assert_eq!(room.message_ttl(), None);
}
