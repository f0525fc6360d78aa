//! What was erased is gone.

use super::{
    Class, Guard, Nodes, Seq, Subject, chain, fill, follow_until, kick, messages, new_room, partition, post, record,
    same, seqs, tail,
};

/// No reader gets what was erased, and all else stands as it stood: same seqs, same order, and the log goes on behind
/// its end.
pub async fn what_was_erased_is_gone(nodes: &Nodes) {
    let (room, other, log) = (new_room(), new_room(), &*nodes[0]);
    let (partition, before) = (partition(log, room), tail(log, room).await.last);
    fill(log, room, 30).await;
    fill(log, other, 10).await;
    let all = chain(log, messages(room), tail(log, room).await.last).await;
    let doomed = [0, 3, 4, 5, 17, 28, 29].map(|index| all[index].seq);
    for _ in 0..2 {
        log.erase(partition, &doomed).await.expect("a log that answers, and what is gone is no error");
    }
    let left: Vec<_> = all.into_iter().filter(|stored| !doomed.contains(&stored.seq)).collect();
    let head = left[left.len() - 1].seq;
    assert_eq!(log.heads(room, Seq::ZERO).await.expect("a log that answers").of(Class::Msg), head);
    // Whatever replica has this has erased, too.
    let end = log.commit(kick(room, Seq::ZERO)).await.expect("a commit on a fresh chain").seq;
    for node in nodes {
        assert!(same(&chain(&**node, messages(room), end).await, &left), "a read leaves out what was erased");
        let followed = follow_until(&**node, partition, before, end).await;
        let mine = followed.into_iter().filter(|stored| stored.subject == Subject::Chain(messages(room)));
        assert!(same(&mine.collect::<Vec<_>>(), &left), "a follower passes over what was erased");
        assert!(!node.nothing_left(partition, left[0].seq, head).await.expect("a log that answers"));
    }
    for (place, stored) in left.iter().enumerate() {
        let page = log.read_before(messages(room), stored.seq, 5).await.expect("a log that answers");
        assert!(same(&page, &left[place.saturating_sub(5)..place]), "a page before {}", stored.seq);
    }
}

/// A partition whose end was erased goes on behind it, and says that nothing is left to come up to there.
pub async fn a_log_goes_on_behind_what_was_erased(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let partition = partition(log, room);
    fill(log, room, 3).await;
    let all = chain(log, messages(room), tail(log, room).await.last).await;
    let last = all[2].seq;
    log.erase(partition, &[last]).await.expect("a log that answers");
    let end = tail(log, room).await;
    assert!(end.last >= last, "a seq is given once");
    assert_eq!(seqs(&chain(log, messages(room), all[1].seq).await), seqs(&all[..2]));
    if end.last == last {
        assert!(log.nothing_left(partition, all[1].seq, last).await.expect("a log that answers"));
    }
    let guard = Guard::Chain(all[1].seq);
    let next = super::Commit { records: vec![record(messages(room), "next")], guard, marker: None };
    let next = log.commit(next).await.expect("the chain ends at what is left of it").seq;
    assert!(next > last);
    assert!(post(log, &record(messages(room), "more")).await.seq > next);
}
