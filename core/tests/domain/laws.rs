//! What holds whatever people do, in whatever order.

use proptest::{collection::vec, prelude::*};
use voxlog_core::{
    clock::Time,
    decider::{Asked, Decider},
    message::{self, Message, Scene},
    room::{self, InviteId, MAX_INVITES, Role, Room},
    testing::{ALICE, ANSWER, BOB, NOON, ask, assert_repetition_adds_nothing},
};

use crate::arbitrary;

fn check_invariants(room: &Room, at: Time) {
    let Some(interior) = room.interior() else { return };
    let owners = interior.members.values().filter(|role| **role == Role::Owner).count();
    if room.is_open() {
        assert_eq!(owners, 1, "an open room has one owner");
    }
    assert!(interior.members.len() <= usize::from(interior.max_users), "no more members than seats");
    assert!((2..=500).contains(&interior.max_users));
    for (user, role) in &interior.members {
        assert!(!interior.bans.contains_key(user), "nobody is a member and banned");
        assert!(*role != Role::Owner || !interior.is_muted(*user, at), "the owner is not muted");
        assert!(!interior.requests.contains_key(user), "nobody is a member and asks to be one");
        assert_eq!(*role == Role::Guest, arbitrary::is_guest(*user), "a guest is a guest, and nobody else is");
        assert!(room.may_read(*user));
    }
    for (user, role) in &interior.requests {
        assert!(!interior.bans.contains_key(user), "nobody is banned and asks to be let in");
        assert!(*role < Role::Admin, "nobody asks for power");
    }
    for (id, invite) in &interior.invites {
        assert_ne!(invite.uses_left, Some(0), "an invite that is used up is gone");
        assert_ne!(*id, InviteId::of(&interior.code), "a code opens one way");
    }
    assert!(interior.invites.len() <= MAX_INVITES);
}

/// A room after some of what was asked of it came true.
fn lived_in(history: &[(Asked, room::Command)]) -> Room {
    let mut room = Room::default();
    for (asked, command) in history {
        let _ = ask(&mut room, (), *asked, command);
    }
    room
}

fn history(steps: usize) -> impl Strategy<Value = Vec<(Asked, room::Command)>> {
    let begin = Just(vec![(Asked { by: ALICE, guest: false, at: NOON }, arbitrary::a_small_room())]);
    let then = vec((arbitrary::asked(), arbitrary::room_command()), 0..steps);
    (begin, then).prop_map(|(begin, then)| begin.into_iter().chain(then).collect())
}

/// In order of time, as commands on one gateway are.
fn in_order(mut history: Vec<(Asked, room::Command)>) -> Vec<(Asked, room::Command)> {
    history.sort_by_key(|(asked, _)| asked.at);
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_invariants_of_a_room_hold_at_every_step(history in history(80).prop_map(in_order)) {
        let mut room = Room::default();
        for (asked, command) in &history {
            let before = room.clone();
            match ask(&mut room, (), *asked, command) {
                Ok(events) if !events.is_empty() => {
                    prop_assert_eq!(events.len(), 1, "every command makes at most one event");
                    prop_assert_ne!(&room, &before, "every event says something new");
                }
                Ok(_) | Err(_) => prop_assert_eq!(&room, &before),
            }
            assert_repetition_adds_nothing(&room, (), *asked, command);
            check_invariants(&room, asked.at);
        }
    }

    #[test]
    fn a_room_takes_in_whatever_is_in_the_log(
        envelopes in vec(arbitrary::envelope(), 0..60),
        asked in arbitrary::asked(),
        command in arbitrary::room_command(),
    ) {
        let mut room = Room::default();
        for envelope in &envelopes {
            if let voxlog_core::event::Event::Room(event) = &envelope.event {
                room.evolve(event);
            }
        }
        let _ = ask(&mut room, (), asked, &command);
    }

    #[test]
    fn a_message_obeys_the_laws_in_any_room(
        history in history(40),
        commands in vec((arbitrary::asked(), arbitrary::message_command()), 1..30),
    ) {
        let room = lived_in(&history);
        let cited = [(ANSWER, Message::Posted { id: ANSWER, author: BOB })];
        let scene = Scene { room: &room, cited: &cited, last_post: None };
        let mut message = Message::default();
        for (asked, command) in &commands {
            let before = message;
            let decided = ask(&mut message, scene, *asked, command);
            let changed = message != before;
            prop_assert!(!changed || decided.is_ok_and(|events| events.len() == 1));
            if changed {
                // Edits, reactions and pins leave the message as it was and are told again: readers keep them as sets.
                assert_repetition_adds_nothing(&message, scene, *asked, command);
            }
            prop_assert!(before != Message::Deleted || message == Message::Deleted, "deleted is for ever");
            let may_write = room.is_open() && room.may_read(asked.by);
            prop_assert!(may_write || message.decide(scene, *asked, command).is_err(), "only members do anything");
        }
    }

    #[test]
    fn only_its_author_changes_what_a_message_says(
        history in history(40),
        asked in arbitrary::asked(),
        command in arbitrary::message_command(),
        author in arbitrary::person(),
    ) {
        let room = lived_in(&history);
        let message = Message::Posted { id: ANSWER, author };
        let decided = message.decide(Scene { room: &room, cited: &[], last_post: None }, asked, &command).unwrap_or_default();
        for event in decided {
            prop_assert_eq!(event.message_id(), ANSWER);
            let edited = matches!(event, message::Event::Edited { .. });
            prop_assert!(!edited || asked.by == author);
        }
    }

    #[test]
    fn a_fresh_code_is_ten_plain_letters_whatever_the_bytes(bytes in vec(0..240_u8, 10)) {
        let mut bytes = bytes.into_iter();
        let code = room::code(&mut || bytes.next().unwrap_or_default());
        prop_assert_eq!(code.len(), 10);
        prop_assert_eq!(room::normalize_code(&code), code);
    }
}
