//! What gets better with time and never worse.

use std::collections::HashMap;

use super::{Invariant, Run, Violation, broken};
use crate::history::{Ask, Outcome};

/// How long after a fault something may still be in its way.
const RECOVERED_WITHIN_US: u64 = 15_000_000;

/// I9.
pub(super) fn read_is_fresh(run: &Run<'_>, violations: &mut Vec<Violation>) {
    for operation in &run.history.operations {
        if let (Ask::Read { at_least }, Some(seq)) = (&operation.ask, operation.seq())
            && seq < *at_least
        {
            let what = format!("client {} asked for {at_least} and was shown {seq}", operation.client);
            violations.push(broken(Invariant::ReadIsFresh, what));
        }
    }
}

/// I10. Of two looks, the one that was asked for when the other was over shows no less.
pub(super) fn marker_never_goes_back(run: &Run<'_>, violations: &mut Vec<Violation>) {
    let mut looks = HashMap::<(&str, &str), Vec<(u64, u64, u64)>>::new();
    for operation in &run.history.operations {
        if let (Ask::Marker { room }, Some(seq)) = (&operation.ask, operation.seq()) {
            let user = run.history.clients.get(operation.client).map_or("", String::as_str);
            looks.entry((user, room)).or_default().push((operation.invoked_us, operation.completed_us, seq));
        }
    }
    for ((user, room), looks) in looks {
        for (invoked, _, seq) in &looks {
            let before = looks.iter().filter(|(_, completed, _)| completed < invoked).map(|(.., seq)| *seq).max();
            if before.is_some_and(|before| *seq < before) {
                let what = format!("{user} had read {room} up to {before:?}, and then up to {seq}");
                violations.push(broken(Invariant::MarkerNeverGoesBack, what));
            }
        }
    }
}

/// I17. What is asked once the time after a fault is over, before the next fault begins, is done.
pub(super) fn recovers_soon(run: &Run<'_>, violations: &mut Vec<Violation>) {
    let troubled = |from: u64, to: u64| {
        let mut faults = run.history.faults.iter();
        faults.any(|fault| from <= fault.to_us + RECOVERED_WITHIN_US && to >= fault.from_us)
    };
    for post in run.posts() {
        let operation = post.operation;
        let hindered = match &operation.outcome {
            Outcome::Unknown => true,
            Outcome::Refused(code) => ["unavailable", "outcome_unknown", "internal"].contains(&code.as_str()),
            Outcome::Ok(_) => false,
        };
        if hindered && !troubled(operation.invoked_us, operation.completed_us) {
            let what = format!(
                "{} at {} µs: {:?}, though nothing was broken",
                post.id, operation.invoked_us, operation.outcome
            );
            violations.push(broken(Invariant::RecoversSoon, what));
        }
    }
}
