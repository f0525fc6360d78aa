//! Atomic, guarded.

use super::{
    AppendError, Appended, Commit, Guard, Nodes, Seq, Subject, chain, control, fill, follow_until, join_all, kick,
    messages, new_room, partition, record, seqs, tail, text,
};

/// The records of a commit and its marker stand next to each other, in order, whatever else is going on.
pub async fn a_commit_stands_together_with_its_marker(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let before = tail(log, room).await.last;
    let other = &*nodes[nodes.len() - 1];
    let (mut firsts, mut last) = (Vec::new(), Seq::ZERO);
    let commits = async {
        for round in 0..10 {
            let records = (0..5).map(|index| record(control(room), format!("{round} {index}"))).collect();
            let commit = Commit { records, guard: Guard::Chain(last), marker: Some(room) };
            let first = log.commit(commit).await.expect("the only writer of its chain").seq;
            firsts.push(first);
            last = Seq(first.0 + 4);
        }
    };
    tokio::join!(commits, fill(other, room, 200));

    let end = tail(log, room).await.last;
    let all = follow_until(log, partition(log, room), before, end).await;
    for (round, first) in firsts.into_iter().enumerate() {
        let at = all.iter().position(|stored| stored.seq == first).expect("a record at its seq");
        for (index, stored) in all[at..at + 5].iter().enumerate() {
            assert_eq!(stored.seq, Seq(first.0 + index as u64), "nothing stands between");
            assert_eq!(text(stored), format!("{round} {index}"));
        }
        let marker = &all[at + 5];
        assert_eq!((marker.seq, marker.subject), (Seq(first.0 + 5), Subject::Fence));
        assert_eq!(text(marker), room.to_string(), "a marker names its room");
    }
}

/// A commit that is refused leaves no record and no marker, and tells where its chain stands.
pub async fn a_commit_that_conflicts_leaves_nothing(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let first = log.commit(kick(room, Seq::ZERO)).await.expect("a commit on a fresh chain");
    let before = tail(log, room).await;
    let records = (0..3).map(|index| record(control(room), format!("stale {index}"))).collect();
    let answer = log.commit(Commit { records, guard: Guard::Chain(Seq::ZERO), marker: Some(room) }).await;
    assert_eq!(answer, Err(AppendError::Conflict { seen: first.seq, unsettled: false }));
    let after = tail(log, room).await;
    let came = follow_until(log, partition(log, room), before.last, after.last).await;
    assert!(!came.iter().any(|stored| stored.subject == Subject::Chain(control(room))), "{came:?}");
    assert_eq!(seqs(&chain(log, control(room), first.seq).await), [first.seq]);
}

/// Of commits that rest on the same state of a chain, one wins; the others learn of it.
pub async fn of_commits_on_one_chain_one_wins(nodes: &Nodes) {
    let room = new_room();
    let (mut last, mut winners) = (Seq::ZERO, Vec::new());
    for _ in 0..10 {
        let racers = nodes.iter().cycle().take(8);
        let answers = join_all(racers.map(|node| node.commit(kick(room, last)))).await;
        let won: Vec<Seq> = answers.iter().flatten().map(|appended| appended.seq).collect();
        assert_eq!(won.len(), 1, "exactly one of {answers:?}");
        for answer in answers.into_iter().filter_map(Result::err) {
            assert_eq!(answer, AppendError::Conflict { seen: won[0], unsettled: false });
        }
        last = won[0];
        winners.push(last);
    }
    assert_eq!(seqs(&chain(&*nodes[0], control(room), last).await), winners);
}

/// The same commit again, from another node, answers the original's seq and stores nothing, marker included.
pub async fn a_commit_repeated_answers_the_original(nodes: &Nodes) {
    let room = new_room();
    for (marker, guard) in [(Some(room), Seq::ZERO), (None, Seq(1))] {
        let last =
            chain(&*nodes[0], control(room), tail(&*nodes[0], room).await.last).await.last().map(|last| last.seq);
        let guard = Guard::Chain(if guard == Seq::ZERO { guard } else { last.unwrap_or_default() });
        let commit = Commit { guard, marker, ..kick(room, Seq::ZERO) };
        let first = nodes[0].commit(commit.clone()).await.expect("the only writer of its chain");
        assert!(!first.duplicate);
        for node in nodes {
            let again = node.commit(commit.clone()).await;
            assert_eq!(again, Ok(Appended { seq: first.seq, duplicate: true }), "with marker: {marker:?}");
        }
        let known = tail(&*nodes[0], room).await;
        let chain = chain(&*nodes[0], control(room), known.last).await;
        assert_eq!(chain.iter().filter(|stored| stored.seq >= first.seq).count(), 1, "it stands once");
        if marker.is_some() {
            let came = follow_until(&*nodes[0], partition(&*nodes[0], room), first.seq, known.last).await;
            let markers =
                came.iter().filter(|stored| stored.subject == Subject::Fence && text(stored) == room.to_string());
            assert_eq!(markers.count(), 1, "its marker stands once");
        }
    }
}

/// A commit whose guard is the fence stands only behind the marker it was decided on.
pub async fn a_commit_may_rest_on_the_fence(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let fenced = |fence| Commit {
        records: vec![record(messages(room), "one"), record(messages(room), "two")],
        guard: Guard::Fence(fence),
        marker: Some(room),
    };
    let fence = tail(log, room).await.fence;
    let first = log.commit(fenced(fence)).await.expect("the fence is current");
    let marker = Seq(first.seq.0 + 2);
    let stale = log.commit(fenced(fence)).await;
    assert_eq!(stale, Err(AppendError::Conflict { seen: marker, unsettled: false }));
    let second = log.commit(fenced(marker)).await.expect("the fence is current");
    let stored = chain(log, messages(room), second.seq.next()).await;
    assert_eq!(stored.iter().map(text).collect::<Vec<_>>(), ["one", "two", "one", "two"]);
}
