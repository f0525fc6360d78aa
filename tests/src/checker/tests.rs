//! Good histories pass; each way to break a promise is found, and named as that promise.

use super::*;
use crate::history::{Fault, Seen, Sight, What};

const ROOM: &str = "lobby";

/// Ada, who owns the room, and Bob: two messages, seen by both.
fn good() -> History {
    let mut history = History { clients: vec!["ada".into(), "bob".into()], ..History::default() };
    history.log = vec![
        logged("ctl", 1, "e1", What::Seated { user: "ada".into() }),
        logged("ctl", 3, "e2", What::Seated { user: "bob".into() }),
        logged("msg", 5, "m1", posted("ada", "hello")),
        logged("msg", 6, "m2", posted("bob", "well met")),
    ];
    history.operations =
        vec![post(0, 10, 20, "m1", "hello", Outcome::Ok(5)), post(1, 30, 40, "m2", "well met", Outcome::Ok(6))];
    for client in [0, 1] {
        history.sights.push(sight(client, 5, Seen::Begin([3, 0, 0])));
        history.sights.push(sight(client, 25, event("msg", 5, 0, "m1")));
        history.sights.push(sight(client, 45, event("msg", 6, 5, "m2")));
    }
    history
}

fn logged(class: &str, seq: u64, id: &str, what: What) -> Logged {
    Logged { room: ROOM.into(), class: class.into(), seq, id: id.into(), what }
}

fn posted(author: &str, body: &str) -> What {
    What::Posted { author: author.into(), body: body.into() }
}

fn post(client: usize, invoked_us: u64, completed_us: u64, id: &str, body: &str, outcome: Outcome) -> Operation {
    let ask = Ask::Post { room: ROOM.into(), id: id.into(), body: body.into() };
    Operation { client, invoked_us, completed_us, ask, outcome }
}

fn sight(client: usize, at_us: u64, seen: Seen) -> Sight {
    Sight { client, at_us, room: ROOM.into(), seen }
}

fn event(class: &str, seq: u64, prev: u64, id: &str) -> Seen {
    Seen::Event { class: class.into(), seq, prev, id: id.into() }
}

fn operation(client: usize, at_us: u64, ask: Ask, outcome: Outcome) -> Operation {
    Operation { client, invoked_us: at_us, completed_us: at_us + 1, ask, outcome }
}

/// What is found when a good history is changed like this.
fn found(change: impl FnOnce(&mut History)) -> Vec<Invariant> {
    let mut history = good();
    change(&mut history);
    let mut found: Vec<_> = check(&history).into_iter().map(|violation| violation.invariant).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn a_good_history_passes() {
    assert_eq!(check(&good()), []);
    let text = serde_json::to_string(&good()).unwrap();
    assert_eq!(check(&serde_json::from_str(&text).unwrap()), [], "and does so when it was kept in a file");
}

#[test]
fn an_outcome_that_nobody_knew_may_have_gone_either_way() {
    for outcome in [Outcome::Unknown, Outcome::Refused("outcome_unknown".into())] {
        let fault = Fault { name: "a kill".into(), from_us: 0, to_us: 100 };
        assert_eq!(found(|it| (it.operations[1].outcome, it.faults) = (outcome.clone(), vec![fault.clone()])), []);
        let lost = |it: &mut History| {
            it.operations.push(post(0, 50, 60, "m3", "?", outcome));
            it.faults.push(fault);
        };
        assert_eq!(found(lost), []);
    }
}

#[test]
fn a_message_that_was_lost_moved_or_changed_is_found() {
    let unseen = |it: &mut History| it.sights.clear();
    let lost = |it: &mut History| (_ = it.log.pop(), unseen(it));
    assert_eq!(found(|it| _ = lost(it)), [Invariant::AckedIsStored]);
    assert_eq!(found(|it| it.operations[0].outcome = Outcome::Ok(4)), [Invariant::AckedIsStored]);
    let changed = |it: &mut History| it.log[2].what = posted("ada", "goodbye");
    assert_eq!(found(changed), [Invariant::AckedIsStored, Invariant::StoredWasAsked]);
}

#[test]
fn a_message_from_nowhere_and_one_that_was_refused_are_found() {
    assert_eq!(found(|it| it.log.push(logged("msg", 7, "m3", posted("ada", "?")))), [Invariant::StoredWasAsked]);
    assert_eq!(found(|it| it.operations[0].outcome = Outcome::Refused("muted".into())), [Invariant::StoredWasAsked]);
}

#[test]
fn a_message_that_stands_twice_is_found() {
    assert_eq!(found(|it| it.log.push(logged("msg", 7, "m1", posted("ada", "hello")))), [Invariant::OnceById]);
    let two_bodies = |it: &mut History| it.operations.push(post(0, 50, 60, "m1", "goodbye", Outcome::Ok(5)));
    assert!(found(two_bodies).contains(&Invariant::OnceById));
}

#[test]
fn somebody_who_sees_another_order_is_found() {
    assert_eq!(found(|it| it.sights[1].seen = event("msg", 5, 0, "m2")), [Invariant::SameForAll]);
    assert_eq!(found(|it| it.sights.push(sight(0, 50, event("msg", 9, 6, "m9")))), [Invariant::SameForAll]);
}

#[test]
fn a_gap_a_repetition_and_a_step_back_are_found() {
    assert_eq!(found(|it| _ = it.sights.remove(1)), [Invariant::NoGap], "the first is missing");
    assert_eq!(found(|it| it.sights.insert(2, it.sights[1].clone())), [Invariant::NoGap], "it comes twice");
    assert_eq!(found(|it| it.sights.swap(1, 2)), [Invariant::NoGap], "they change places");
    let resumed = |after: u64| move |it: &mut History| it.sights.insert(2, sight(0, 30, Seen::Begin([3, after, 0])));
    assert_eq!(found(resumed(5)), [], "resumed where it was");
    assert_eq!(found(resumed(0)), [Invariant::NoGap], "resumed, and one is missing");
}

#[test]
fn what_was_asked_later_and_stands_before_is_found() {
    let swapped = |it: &mut History| {
        let times = [0, 1].map(|which| (it.operations[which].invoked_us, it.operations[which].completed_us));
        (it.operations[0].invoked_us, it.operations[0].completed_us) = times[1];
        (it.operations[1].invoked_us, it.operations[1].completed_us) = times[0];
    };
    assert_eq!(found(swapped), [Invariant::OrderIsKept]);
    assert_eq!(found(|it| it.operations[1].invoked_us = 15), [], "of two at once either may be first");
    let again = |it: &mut History| it.operations.push(post(0, 50, 60, "m1", "hello", Outcome::Ok(5)));
    assert_eq!(found(again), [], "asked for once more it stands where it stood");
}

#[test]
fn who_writes_or_reads_without_a_seat_is_found() {
    let kicked_at =
        |seq| move |it: &mut History| it.log.insert(3, logged("ctl", seq, "e3", What::Unseated { user: "bob".into() }));
    assert_eq!(found(kicked_at(7)), []);
    let out: &dyn Fn(&mut History) = &|it| {
        it.log[3].seq = 8;
        it.operations[1].outcome = Outcome::Ok(8);
        it.sights.retain(|sight| !matches!(sight.seen, Seen::Event { seq: 6, .. }));
        kicked_at(7)(it);
    };
    assert_eq!(found(out), [Invariant::NothingAfterKick], "he writes");
    let back = |it: &mut History| {
        out(it);
        it.log.insert(4, logged("ctl", 7, "e4", What::Seated { user: "bob".into() }));
    };
    assert_eq!(found(back), [], "he is back");
    let reads = |it: &mut History| {
        it.log.push(logged("ctl", 7, "e3", What::Unseated { user: "bob".into() }));
        it.log.push(logged("ctl", 8, "e5", What::Other));
        it.sights.push(sight(1, 50, event("ctl", 7, 3, "e3")));
        it.sights.push(sight(1, 51, event("ctl", 8, 7, "e5")));
    };
    assert_eq!(found(reads), [Invariant::NothingAfterKick], "he gets what came after the kick itself");
}

#[test]
fn who_was_signed_out_and_still_gets_or_does_something_is_found() {
    let revoked_at = |at_us: u64| operation(0, at_us, Ask::Revoke { client: 1 }, Outcome::Ok(0));
    assert_eq!(found(|it| it.operations.push(revoked_at(44))), []);
    let late = |it: &mut History| {
        it.operations.push(revoked_at(44));
        it.sights.push(sight(1, 1_000_100, Seen::Begin([3, 6, 0])));
    };
    assert_eq!(found(late), [Invariant::RevokedIsOut]);
    let reads = |it: &mut History| {
        it.operations.push(revoked_at(44));
        it.operations.push(operation(1, 1_000_100, Ask::Read { at_least: 1 }, Outcome::Ok(1)));
    };
    assert_eq!(found(reads), [Invariant::RevokedIsOut]);
}

#[test]
fn a_stale_read_and_a_marker_that_goes_back_are_found() {
    let read =
        |seq| move |it: &mut History| it.operations.push(operation(0, 50, Ask::Read { at_least: 6 }, Outcome::Ok(seq)));
    assert_eq!(found(read(6)), []);
    assert_eq!(found(read(5)), [Invariant::ReadIsFresh]);
    let looks = |first, then| {
        move |it: &mut History| {
            let look = |at_us, seq| operation(0, at_us, Ask::Marker { room: ROOM.into() }, Outcome::Ok(seq));
            it.operations.extend([look(50, first), look(60, then)]);
        }
    };
    assert_eq!(found(looks(5, 6)), []);
    assert_eq!(found(looks(6, 5)), [Invariant::MarkerNeverGoesBack]);
}

#[test]
fn what_does_not_work_though_nothing_is_broken_is_found() {
    let fault = Fault { name: "a leader lost".into(), from_us: 100, to_us: 200 };
    let hindered = |at_us: u64| {
        let fault = fault.clone();
        move |it: &mut History| {
            it.faults.push(fault);
            it.operations.push(post(0, at_us, at_us + 1, "m3", "?", Outcome::Refused("unavailable".into())));
        }
    };
    assert_eq!(found(hindered(150)), []);
    assert_eq!(found(hindered(14_000_000)), []);
    assert_eq!(found(hindered(16_000_000)), [Invariant::RecoversSoon]);
    assert_eq!(found(hindered(50)), [Invariant::RecoversSoon]);
}
