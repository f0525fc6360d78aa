//! Chains, pages, heads, the tail.

use super::{
    Class, Log, Nodes, RoomId, Seq, chain, fill, follow_until, join_all, kick, messages, new_room, partition, post,
    record, same, tail,
};

/// A read gives what stands after its start, oldest first, and no more than was asked for.
pub async fn a_chain_reads_from_any_place(nodes: &Nodes) {
    let (room, log) = (two_rooms(&*nodes[0], 120).await, &*nodes[0]);
    let known = tail(log, room).await.last;
    let all = chain(log, messages(room), known).await;
    assert_eq!(all.len(), 120);
    assert!(all.is_sorted_by(|one, next| one.seq < next.seq), "oldest first");
    for start in [0, 1, 59, 118, 119] {
        for limit in [1, 7, 1000] {
            let after = all[start].seq;
            let got = log.read(messages(room), after, limit, known).await.expect("a log that answers");
            let rest = &all[start + 1..];
            assert!(same(&got, &rest[..rest.len().min(limit)]), "{limit} after {after}");
        }
    }
    let none = log.read(messages(new_room()), Seq::ZERO, 10, Seq::ZERO).await.expect("a log that answers");
    assert!(none.is_empty(), "a chain that has nothing");
    let none = log.read(messages(room), Seq(known.0 + 1000), 10, known).await.expect("a log that answers");
    assert!(none.is_empty(), "a start beyond the end");
}

/// The page before a seq is what the chain has right before it, oldest first.
pub async fn pages_before_any_place_agree_with_the_chain(nodes: &Nodes) {
    let (room, log) = (two_rooms(&*nodes[0], 230).await, &*nodes[0]);
    pages_agree(log, room).await;
    let none = log.read_before(messages(new_room()), Seq(u64::MAX), 10).await.expect("a log that answers");
    assert!(none.is_empty(), "a chain that has nothing");
}

/// A chain that is quiet for long and then loud is paged like any other.
pub async fn a_page_is_found_in_a_bursty_chain(nodes: &Nodes) {
    let (room, other, log) = (new_room(), new_room(), &*nodes[0]);
    post(log, &record(messages(room), "first")).await;
    fill(log, other, 500).await;
    fill(log, room, 150).await;
    fill(log, other, 300).await;
    post(log, &record(messages(room), "lonely")).await;
    fill(log, other, 300).await;
    fill(log, room, 40).await;
    pages_agree(log, room).await;
}

async fn pages_agree(log: &dyn Log, room: RoomId) {
    let all = chain(log, messages(room), tail(log, room).await.last).await;
    let places = (0..all.len()).step_by(19).map(|place| (place, all[place].seq));
    let beyond = [(all.len(), all[all.len() - 1].seq.next()), (all.len(), Seq(u64::MAX))];
    for (place, before) in places.chain(beyond) {
        for limit in [1, 7, 50, 1000] {
            let got = log.read_before(messages(room), before, limit).await.expect("a log that answers");
            assert!(same(&got, &all[place.saturating_sub(limit)..place]), "{limit} before {before}: {}", got.len());
        }
    }
    let none = log.read_before(messages(room), Seq::ZERO, 10).await.expect("a log that answers");
    assert!(none.is_empty(), "before everything");
}

/// Heads are the last seq of each class, on whatever node they are asked for, and the tail is the end of all.
pub async fn heads_and_tail_are_where_the_log_ends(nodes: &Nodes) {
    let room = new_room();
    for node in nodes {
        assert_eq!(node.heads(room, Seq::ZERO).await.expect("a log that answers").last(), Seq::ZERO, "an unknown room");
    }
    let ctl = nodes[0].commit(kick(room, Seq::ZERO)).await.expect("a commit on a fresh chain").seq;
    let msg = post(&*nodes[0], &record(messages(room), "hello")).await.seq;
    for node in nodes {
        let heads = node.heads(room, msg).await.expect("a log that answers");
        assert_eq!((heads.of(Class::Ctl), heads.of(Class::Msg), heads.of(Class::Call)), (ctl, msg, Seq::ZERO));
        let tail = tail(&**node, room).await;
        assert!(tail.last >= msg && tail.fence > ctl && tail.fence <= tail.last, "{tail:?}");
    }
}

/// From any place it is told whether a follower has anything to come up to another.
pub async fn what_is_left_to_follow_is_told(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let (partition, before) = (partition(log, room), tail(log, room).await.last);
    fill(log, room, 20).await;
    let all = follow_until(log, partition, before, tail(log, room).await.last).await;
    for (stored, next) in all.iter().zip(&all[1..]) {
        for node in nodes {
            let nothing_left = async |until| node.nothing_left(partition, stored.seq, until).await;
            assert!(!nothing_left(next.seq).await.expect("a log that answers"), "{} is to come", next.seq);
            assert!(nothing_left(stored.seq).await.expect("a log that answers"), "{} has come", stored.seq);
        }
    }
    let end = all[all.len() - 1].seq;
    let beyond = log.nothing_left(partition, end, Seq(end.0 + (1 << 40))).await;
    beyond.expect_err("nobody knows what will stand there");
}

/// A room with `count` messages, among those of another room in the same log.
async fn two_rooms(log: &dyn Log, count: usize) -> RoomId {
    let (room, other) = (new_room(), new_room());
    join_all([fill(log, room, count), fill(log, other, count)]).await;
    room
}
