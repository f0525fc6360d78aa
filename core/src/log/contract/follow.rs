//! Ordered, gap-free.

use super::{
    Chain, DEADLINE, Nodes, Seq, StreamExt, Subject, chain, fill, follow_until, kick, messages, new_room, partition,
    post, record, same, seqs, tail, take_until, text, timeout,
};

/// From any start, a follower gets what stands after it, once and in order.
pub async fn a_follower_from_any_start_gets_what_stands_there(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let partition = partition(log, room);
    let before = tail(log, room).await.last;
    fill(log, room, 150).await;
    log.commit(kick(room, Seq::ZERO)).await.expect("a commit on a fresh chain");
    let end = tail(log, room).await.last;
    let all = follow_until(log, partition, before, end).await;
    assert!(all.is_sorted_by(|one, next| one.seq < next.seq), "in order, once");
    let of_room = |subject| matches!(subject, Subject::Chain(Chain::Room(of, _)) if of == room);
    assert_eq!(all.iter().filter(|stored| of_room(stored.subject)).count(), 151);
    let read = chain(log, messages(room), end).await;
    let followed: Vec<_> =
        all.iter().filter(|stored| stored.subject == Subject::Chain(messages(room))).cloned().collect();
    assert!(same(&read, &followed), "what is read is what is followed");
    for start in [0, 1, 75, all.len() - 2] {
        for node in nodes {
            let rest = follow_until(&**node, partition, all[start].seq, end).await;
            assert!(same(&rest, &all[start + 1..]), "from {}", all[start].seq);
        }
    }
}

/// A follower that has reached the end gets what is appended then, and never what was refused.
pub async fn a_follower_gets_what_comes(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let start = tail(log, room).await;
    let mut feeds: Vec<_> = nodes.iter().map(|node| node.follow(partition(log, room), start.last)).collect();
    let (mut acks, mut last) = (Vec::new(), Seq::ZERO);
    for round in 0..20 {
        let old = tail(log, room).await.fence;
        acks.push(post(log, &record(messages(room), format!("message {round}"))).await.seq);
        last = log.commit(kick(room, last)).await.expect("the only writer of its chain").seq;
        log.append(record(messages(room), "refused"), old).await.expect_err("the fence has moved");
    }
    for feed in &mut feeds {
        let got = take_until(feed, last.next()).await;
        assert!(got.is_sorted_by(|one, next| one.seq < next.seq), "in order, once");
        let mine: Vec<_> = got.into_iter().filter(|stored| stored.subject == Subject::Chain(messages(room))).collect();
        assert_eq!(seqs(&mine), acks);
        assert!(mine.iter().all(|stored| text(stored) != "refused"));
    }
}

/// A start beyond the end is no error: the follower begins when the log gets there.
pub async fn a_follower_from_beyond_the_end_waits(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let end = tail(log, room).await.last;
    let mut feed = log.follow(partition(log, room), Seq(end.0 + 3));
    let mut last = end;
    let first = async { timeout(DEADLINE, feed.next()).await.expect("a follower that gets there") };
    let fill = async {
        while last.0 <= end.0 + 3 {
            last = post(log, &record(messages(room), "more")).await.seq;
        }
    };
    let (first, ()) = tokio::join!(first, fill);
    let first = first.expect("a follower without end").expect("a follower that heals itself");
    assert_eq!(first.seq, Seq(end.0 + 4));
}
