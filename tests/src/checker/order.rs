//! What stands before what, for everybody.

use std::collections::HashMap;

use super::{Invariant, Run, Violation, broken};
use crate::history::Seen;

const CLASSES: [&str; 3] = ["ctl", "msg", "call"];

/// I4.
pub(super) fn same_for_all(run: &Run<'_>, violations: &mut Vec<Violation>) {
    for sight in &run.history.sights {
        let Seen::Event { class, seq, id, .. } = &sight.seen else { continue };
        let logged = run.places.get(&(sight.room.as_str(), *seq));
        if !logged.is_some_and(|logged| logged.id == *id && logged.class == *class) {
            let what =
                format!("client {} saw {id} at {class} {seq} of {}, where stands {logged:?}", sight.client, sight.room);
            violations.push(broken(Invariant::SameForAll, what));
        }
    }
}

/// I5. A chain begins where the client was let in, and goes on without a gap through all of its connections.
pub(super) fn no_gap(run: &Run<'_>, violations: &mut Vec<Violation>) {
    let mut held = HashMap::<(usize, &str), [u64; 3]>::new();
    for sight in &run.history.sights {
        let held = held.entry((sight.client, &sight.room)).or_insert([0; 3]);
        match &sight.seen {
            Seen::Begin(after) => *held = *after,
            Seen::Event { class, seq, prev, .. } => {
                let Some(chain) = CLASSES.iter().position(|known| known == class) else { continue };
                let last = held.iter().max().copied().unwrap_or_default();
                if *prev != held[chain] || *seq <= last {
                    let what = format!(
                        "client {} got {class} {seq} after {prev} of {}, and held {held:?}",
                        sight.client, sight.room
                    );
                    violations.push(broken(Invariant::NoGap, what));
                }
                held[chain] = *seq;
            }
        }
    }
}

/// I13, and more: also between different clients.
pub(super) fn is_kept(run: &Run<'_>, violations: &mut Vec<Violation>) {
    let mut rooms = HashMap::<&str, (Vec<(u64, u64)>, Vec<(u64, u64)>)>::new();
    for post in run.posts() {
        // Where it stands, though nobody may have said so.
        let Some(seq) = run.stored.get(post.id).and_then(|places| places.first()).map(|logged| logged.seq) else {
            continue;
        };
        let (over, begun) = rooms.entry(post.room).or_default();
        begun.push((post.operation.invoked_us, seq));
        if post.operation.seq().is_some() {
            over.push((post.operation.completed_us, seq));
        }
    }
    for (room, (mut over, mut begun)) in rooms {
        over.sort_unstable();
        begun.sort_unstable();
        // A message may have been asked for several times; the first time counts.
        let mut first = HashMap::new();
        for (invoked, seq) in &begun {
            first.entry(*seq).or_insert(*invoked);
        }
        let (mut over, mut largest) = (over.into_iter().peekable(), 0);
        for (invoked, seq) in begun.into_iter().filter(|(invoked, seq)| first[seq] == *invoked) {
            while let Some((_, before)) = over.next_if(|(completed, _)| *completed < invoked) {
                largest = largest.max(before);
            }
            if seq < largest {
                let what = format!("{seq} of {room} was asked for when {largest} was acknowledged already");
                violations.push(broken(Invariant::OrderIsKept, what));
            }
        }
    }
}
