//! Between what was asked for and what is in the log.

use std::collections::{HashMap, HashSet};

use super::{Invariant, Run, Violation, broken};
use crate::history::What;

/// I1.
pub(super) fn acked_is_stored(run: &Run<'_>, violations: &mut Vec<Violation>) {
    for post in run.posts() {
        let Some(seq) = post.operation.seq() else { continue };
        let found = run.places.get(&(post.room, seq));
        let fits = found.is_some_and(|logged| {
            logged.id == post.id && matches!(&logged.what, What::Posted { body, .. } if body == post.body)
        });
        if !fits {
            let what = format!("{} was acknowledged at {seq} of {}, where stands {found:?}", post.id, post.room);
            violations.push(broken(Invariant::AckedIsStored, what));
        }
    }
}

/// I2.
pub(super) fn stored_was_asked(run: &Run<'_>, violations: &mut Vec<Violation>) {
    let possible: HashSet<_> = run
        .posts()
        .filter(|post| post.operation.may_have_happened())
        .map(|post| (post.room, post.id, post.body))
        .collect();
    for logged in &run.history.log {
        let What::Posted { body, .. } = &logged.what else { continue };
        if !possible.contains(&(logged.room.as_str(), logged.id.as_str(), body.as_str())) {
            let what =
                format!("nobody has asked for {} at {} of {}, or it was refused", logged.id, logged.seq, logged.room);
            violations.push(broken(Invariant::StoredWasAsked, what));
        }
    }
}

/// I3.
pub(super) fn once_by_id(run: &Run<'_>, violations: &mut Vec<Violation>) {
    for (id, places) in &run.stored {
        if places.len() > 1 {
            let seqs: Vec<_> = places.iter().map(|logged| logged.seq).collect();
            violations.push(broken(Invariant::OnceById, format!("{id} stands at {seqs:?}")));
        }
    }
    let mut said = HashMap::new();
    for post in run.posts().filter(|post| post.operation.seq().is_some()) {
        let before = *said.entry(post.id).or_insert((post.room, post.body));
        if before != (post.room, post.body) {
            let what = format!("{} was acknowledged with two different bodies", post.id);
            violations.push(broken(Invariant::OnceById, what));
        }
    }
}
