//! What may run when.

use proptest::prelude::*;
use voxlog_core::{clock::SystemClock, position::Heads};

use super::*;
use crate::hub::Opening;

#[test]
fn what_is_asked_of_one_room_runs_one_after_the_other() {
    let mut trial = Trial::greeted(Config::with_key(""));
    for id in 1..=3 {
        trial.says(leave(id, LOBBY));
    }
    trial.says(leave(4, ATTIC));
    assert_eq!(trial.wanted(), [Wanted::Run(line(LOBBY), number(1)), Wanted::Run(line(ATTIC), number(4))]);
    trial.session.completed(line(LOBBY), number(1), Err(Failure::new(Code::Muted, "no")));
    let wanted = trial.wanted();
    assert!(matches!(&wanted[0], Wanted::Frame(frame) if frame["code"] == "muted" && frame["id"] == 1));
    assert_eq!(wanted[1..], [Wanted::Run(line(LOBBY), number(2))]);
    trial.session.completed(line(LOBBY), number(2), Ok(done(7)));
    let wanted = trial.wanted();
    assert_eq!(wanted[0], Wanted::Frame(json!({"op": "ack", "id": 2, "room": LOBBY, "seq": 7})));
    assert_eq!(wanted[1..], [Wanted::Run(line(LOBBY), number(3))]);
}

#[test]
fn a_subscription_waits_for_the_join_before_it() {
    let mut trial = Trial::greeted(Config::with_key(""));
    trial.says(json!({"id": 1, "op": "room.join", "room": LOBBY}));
    trial.says(json!({"id": 2, "op": "subscribe", "room": LOBBY}));
    trial.says(json!({"id": 3, "op": "unsubscribe", "room": LOBBY}));
    assert_eq!(trial.wanted(), [Wanted::Run(line(LOBBY), number(1))]);
    trial.session.completed(line(LOBBY), number(1), Ok(done(1)));
    assert_eq!(trial.wanted()[1..], [Wanted::Run(line(LOBBY), number(2))]);
    trial.session.completed(line(LOBBY), number(2), Ok(opening()));
    let wanted = trial.wanted();
    assert!(matches!(&wanted[0], Wanted::Frame(frame) if frame["op"] == "subscribed" && frame["id"] == 2));
    assert_eq!(wanted[1..3], [Wanted::Open(room(LOBBY)), Wanted::Forget(room(LOBBY))]);
    assert_eq!(wanted[3..], [Wanted::Frame(json!({"op": "ack", "id": 3, "room": LOBBY}))]);
}

#[test]
fn more_rooms_than_a_socket_may_open_are_refused() {
    let limits = Limits { rooms_per_socket: 1, ..Limits::default() };
    let mut trial = Trial::greeted(Config { limits, ..Config::with_key("") });
    let subscribe = |id: u64, room: &str| json!({"id": id, "op": "subscribe", "room": room});
    trial.says(subscribe(1, LOBBY));
    trial.says(subscribe(2, ATTIC));
    assert_eq!(trial.errors(), ["rate_limited"], "one that is being opened counts");
    trial.session.completed(line(LOBBY), number(1), Err(Failure::new(Code::NotAMember, "no")));
    trial.wanted();
    trial.says(subscribe(3, ATTIC));
    assert_eq!(trial.wanted(), [Wanted::Run(line(ATTIC), number(3))], "one that was refused does not");
    trial.session.completed(line(ATTIC), number(3), Ok(opening()));
    trial.wanted();
    trial.says(subscribe(4, ATTIC));
    assert_eq!(trial.wanted(), [Wanted::Run(line(ATTIC), number(4))], "the same again is no other room");
    trial.says(subscribe(5, LOBBY));
    assert_eq!(trial.errors(), ["rate_limited"]);
}

#[test]
fn a_room_that_was_lost_is_told_once() {
    let mut trial = Trial::greeted(Config::with_key(""));
    trial.says(json!({"id": 1, "op": "subscribe", "room": LOBBY}));
    trial.session.completed(line(LOBBY), number(1), Ok(opening()));
    trial.wanted();
    let lost = || Failure::new(Code::NotAMember, "gone");
    trial.session.ended(room(LOBBY), lost());
    assert!(
        matches!(&trial.wanted()[..], [Wanted::Frame(frame)] if frame["room"] == LOBBY && frame["code"] == "not_a_member")
    );
    trial.session.ended(room(LOBBY), lost());
    assert_eq!(trial.wanted(), []);
}

#[test]
fn too_fast_a_client_is_told_when_to_go_on() {
    let limits = Limits { commands_per_s: 10, commands_burst: 2, ..Limits::default() };
    let mut trial = Trial::greeted(Config { limits, ..Config::with_key("") });
    trial.passes(Duration::from_secs(1));
    for id in 1..=3 {
        trial.says(leave(id, LOBBY));
    }
    let wanted = trial.wanted();
    assert_eq!(wanted[0], Wanted::Run(line(LOBBY), number(1)));
    let Wanted::Frame(refusal) = &wanted[1] else { panic!("{wanted:?}") };
    assert_eq!(
        (&refusal["id"], &refusal["code"], &refusal["retryAfterMs"]),
        (&json!(3), &json!("rate_limited"), &json!(100))
    );
    trial.passes(Duration::from_millis(100));
    trial.says(leave(4, ATTIC));
    assert_eq!(trial.wanted(), [Wanted::Run(line(ATTIC), number(4))]);
}

#[test]
fn what_stands_in_line_is_bounded() {
    let limits = Limits { commands_per_s: 1_000_000, commands_burst: 50, ..Limits::default() };
    let mut trial = Trial::greeted(Config { limits, ..Config::with_key("") });
    for id in 0..70 {
        trial.passes(Duration::from_millis(1));
        trial.says(leave(id, LOBBY));
    }
    assert_eq!(trial.errors().len(), 70 - 1 - asking::MIN_LINE);
}

/// Rooms that are asked for are read from the log, also those that nobody ever made.
#[test]
fn no_more_rooms_are_asked_about_at_once_than_may_be_open() {
    let limits = Limits { commands_burst: 50, rooms_per_socket: 80, ..Limits::default() };
    let mut trial = Trial::greeted(Config { limits, ..Config::with_key("") });
    for id in 0..100 {
        let room = RoomId::mint(&SystemClock);
        trial.says(json!({"id": id, "op": "history", "room": room, "class": "msg"}));
    }
    let mut wanted = trial.wanted();
    let first = wanted.remove(0);
    assert_eq!(wanted.iter().filter(|wanted| matches!(wanted, Wanted::Run(..))).count(), 80 - 1);
    assert_eq!(wanted.iter().filter(|wanted| matches!(wanted, Wanted::Frame(_))).count(), 20);
    let Wanted::Run(line, id) = first else { panic!("the first one runs: {first:?}") };
    trial.session.completed(line, id, Ok(done(1)));
    trial.says(leave(100, LOBBY));
    assert_eq!(trial.errors(), Vec::<String>::new());
}

fn opening() -> Answer {
    let state = crate::protocol::tests::frames::room_now();
    Answer::Opening(Box::new(Opening {
        recovered: false,
        reason: None,
        heads: Heads::default(),
        state,
        from: Heads::default(),
        told: 1,
    }))
}

proptest! {
    /// Whatever the mix of rooms and outcomes: one at a time per room, in the order asked, one answer each.
    #[test]
    fn every_room_keeps_its_order(steps in prop::collection::vec((0..3_usize, any::<bool>(), any::<bool>()), 1..60)) {
        let limits = Limits { commands_per_s: 1_000_000, commands_burst: 1000, ..Limits::default() };
        let mut trial = Trial::greeted(Config { limits, ..Config::with_key("") });
        let rooms = [LOBBY, ATTIC, "0192f2a0-0000-7000-8000-000000000001"];
        let (mut under_way, mut started, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        let mut answered = 0;
        let mut look = |trial: &mut Trial, under_way: &mut Vec<(Line, FrameId)>| {
            for wanted in trial.wanted() {
                match wanted {
                    Wanted::Run(line, id) => {
                        assert!(under_way.iter().all(|(other, _)| *other != line), "two of one room at once");
                        under_way.push((line, id.clone()));
                        started.push((line, id));
                    }
                    Wanted::Frame(_) => answered += 1,
                    _ => {}
                }
            }
        };
        for (id, (which, complete, well)) in steps.into_iter().enumerate() {
            trial.says(leave(id as u64, rooms[which]));
            asked.push((line(rooms[which]), number(id as u64)));
            look(&mut trial, &mut under_way);
            if complete && !under_way.is_empty() {
                let (line, id) = under_way.remove(id % under_way.len());
                let outcome = if well { Ok(done(1)) } else { Err(Failure::new(Code::Muted, "no")) };
                trial.session.completed(line, id, outcome);
                look(&mut trial, &mut under_way);
            }
        }
        while let Some((line, id)) = under_way.pop() {
            trial.session.completed(line, id, Ok(done(1)));
            look(&mut trial, &mut under_way);
        }
        prop_assert_eq!(answered, asked.len());
        for room in rooms {
            let of = |all: &[(Line, FrameId)]| all.iter().filter(|(on, _)| *on == line(room)).cloned().collect::<Vec<_>>();
            prop_assert_eq!(of(&asked), of(&started));
        }
    }
}
