//! Who may write and read, and until when.

use std::collections::HashMap;

use super::{Invariant, Run, Violation, broken};
use crate::history::{Ask, Seen, What};

/// How long somebody who was signed out may still get what was under way.
const OUT_WITHIN_US: u64 = 1_000_000;

/// When somebody had a seat in a room: from seqs, to seqs.
type Seats<'a> = HashMap<(&'a str, &'a str), Vec<(u64, u64)>>;

/// I6. The event that takes a seat away is the last that its holder gets.
pub(super) fn nothing_after_kick(run: &Run<'_>, violations: &mut Vec<Violation>) {
    let seats = seats(run);
    let had_seat = |room: &str, user: &str, seq: u64| {
        let spans = seats.get(&(room, user));
        spans.into_iter().flatten().any(|(from, to)| (*from..=*to).contains(&seq))
    };
    for logged in &run.history.log {
        if let What::Posted { author, .. } = &logged.what
            && !had_seat(&logged.room, author, logged.seq)
        {
            let what = format!("{author} wrote {} of {} without a seat", logged.seq, logged.room);
            violations.push(broken(Invariant::NothingAfterKick, what));
        }
    }
    for sight in &run.history.sights {
        let Seen::Event { seq, .. } = sight.seen else { continue };
        let user = run.history.clients.get(sight.client).map_or("", String::as_str);
        // Who comes back may read what was meanwhile: what counts is a seat at that time or later.
        let later = seats.get(&(sight.room.as_str(), user)).is_some_and(|spans| spans.iter().any(|(_, to)| *to >= seq));
        if !later {
            let what = format!("{user} was sent {seq} of {} without a seat", sight.room);
            violations.push(broken(Invariant::NothingAfterKick, what));
        }
    }
}

fn seats<'a>(run: &Run<'a>) -> Seats<'a> {
    let mut seats = Seats::new();
    for logged in &run.history.log {
        match &logged.what {
            What::Seated { user } => {
                let spans = seats.entry((&logged.room, user)).or_default();
                if spans.last().is_none_or(|(_, to)| *to != u64::MAX) {
                    spans.push((logged.seq, u64::MAX));
                }
            }
            What::Unseated { user } => {
                let spans = seats.entry((&logged.room, user)).or_default();
                spans.last_mut().into_iter().for_each(|(_, to)| *to = (*to).min(logged.seq));
            }
            What::Posted { .. } | What::Other => {}
        }
    }
    seats
}

/// I18.
pub(super) fn revoked_is_out(run: &Run<'_>, violations: &mut Vec<Violation>) {
    let mut out = HashMap::new();
    for operation in &run.history.operations {
        if let (Ask::Revoke { client }, Some(_)) = (&operation.ask, operation.seq()) {
            out.insert(*client, operation.completed_us + OUT_WITHIN_US);
        }
    }
    for sight in &run.history.sights {
        if out.get(&sight.client).is_some_and(|from| sight.at_us > *from) {
            let what = format!("client {} was sent something of {} after it was signed out", sight.client, sight.room);
            violations.push(broken(Invariant::RevokedIsOut, what));
        }
    }
    for operation in &run.history.operations {
        if operation.seq().is_some() && out.get(&operation.client).is_some_and(|from| operation.invoked_us > *from) {
            let what = format!("client {} did {:?} after it was signed out", operation.client, operation.ask);
            violations.push(broken(Invariant::RevokedIsOut, what));
        }
    }
}
