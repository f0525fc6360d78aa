//! Durable, fenced, idempotent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use super::{
    AppendError, Appended, Arc, Commit, Guard, HashSet, Log, Nodes, Record, RoomId, Seq, Stored, Subject, chain,
    control, follow_until, join_all, kick, messages, new_room, partition, post, record, tail, text,
};

/// What `append` acknowledged stands at that seq, with those bytes, once, and nothing else does.
pub async fn what_was_acknowledged_stands_there(nodes: &Nodes) {
    let room = new_room();
    let records: Vec<Record> = (0..50).map(|index| record(messages(room), format!("message {index}"))).collect();
    let posts = records.iter().zip(nodes.iter().cycle());
    let acks = join_all(posts.map(|(record, node)| post(&**node, record))).await;
    let known = acks.iter().map(|ack| ack.seq).max().unwrap_or_default();

    let stored = chain(&*nodes[0], messages(room), known).await;
    assert_eq!(stored.len(), records.len(), "each record stands once");
    for (record, ack) in records.iter().zip(acks) {
        assert!(!ack.duplicate, "the first of its id");
        let found = stored.iter().find(|stored| stored.seq == ack.seq).expect("a record at its seq");
        assert_eq!(found.payload, record.payload);
        assert_eq!(found.subject, Subject::Chain(messages(room)));
    }
}

/// A marker refuses whatever was decided before it, tells where it stands, and lets pass what was decided after it.
pub async fn an_append_under_an_old_fence_is_refused(nodes: &Nodes) {
    let (room, log) = (new_room(), &*nodes[0]);
    let old = tail(log, room).await.fence;
    let kicked = log.commit(kick(room, Seq::ZERO)).await.expect("a commit on a fresh chain");
    let refused = log.append(record(messages(room), "stale"), old).await;
    let Err(AppendError::Conflict { seen, unsettled }) = refused else { panic!("a stale append: {refused:?}") };
    assert!(seen > kicked.seq, "the refusal tells of the marker behind the event");
    assert!(!unsettled, "every try of it was answered");
    let last = nodes[nodes.len() - 1].append(record(messages(room), "fresh"), seen).await;
    let known = last.expect("an append under the fence that the refusal told of").seq;
    let stored = chain(log, messages(room), known).await;
    assert_eq!(stored.iter().map(text).collect::<Vec<_>>(), ["fresh"]);
}

/// An id is stored once, also when it comes from several nodes at once; every repetition gets the original's seq.
pub async fn a_repetition_is_stored_once(nodes: &Nodes) {
    let room = new_room();
    let twice = record(messages(room), "hello");
    let acks = join_all(nodes.iter().chain(nodes).map(|node| post(&**node, &twice))).await;
    assert_eq!(acks.iter().filter(|ack| !ack.duplicate).count(), 1, "one of them was stored: {acks:?}");
    let seqs: HashSet<Seq> = acks.iter().map(|ack| ack.seq).collect();
    assert_eq!(seqs.len(), 1, "all get the same answer: {acks:?}");
    let again = post(&*nodes[0], &twice).await;
    assert_eq!(again, Appended { seq: acks[0].seq, duplicate: true });
    assert_eq!(chain(&*nodes[0], messages(room), again.seq).await.len(), 1);
}

/// What no retry can help is refused, and is not in the log.
pub async fn what_can_never_be_stored_is_refused(nodes: &Nodes) {
    let (log, room) = (&*nodes[0], new_room());
    let many = |count| (0..count).map(|_| record(control(room), "one of many")).collect();
    let strange = [vec![], vec![record(control(room), "one chain"), record(messages(room), "another")], many(1000)];
    for records in strange {
        let answer = log.commit(Commit { records, guard: Guard::Chain(Seq::ZERO), marker: Some(room) }).await;
        assert!(matches!(answer, Err(AppendError::Refused(_))), "{answer:?}");
    }
    assert!(chain(log, control(room), Seq::ZERO).await.is_empty());
}

/// Four writers post as fast as they can, each under the fence it knows, while `rounds` control events move the fence.
/// Whatever stands in the log stands behind the very marker it was decided on. Each record's text is its fence.
pub async fn a_record_under_a_stale_fence_never_enters(nodes: &Nodes, rounds: usize) {
    let room = new_room();
    let start = tail(&*nodes[0], room).await;
    let (stop, acked) = (AtomicBool::new(false), AtomicU64::new(0));
    let writers = join_all((0..4).map(|writer| hammer(&nodes[writer % nodes.len()], room, &stop, &acked)));
    let (acks, ()) = tokio::join!(writers, async {
        move_the_fence(&*nodes[0], room, rounds, &acked).await;
        stop.store(true, SeqCst);
    });
    let acks: Vec<(Seq, Seq)> = acks.concat();

    let end = tail(&*nodes[0], room).await.last;
    let all = follow_until(&*nodes[0], partition(&*nodes[0], room), start.last, end).await;
    let stored = stored_under_their_fence(&all, room, start.fence);
    assert!(stored.len() > rounds, "the writers got through: {}", stored.len());
    let acked: HashSet<(Seq, Seq)> = acks.iter().copied().collect();
    assert_eq!(acked.len(), acks.len(), "no seq is acknowledged twice");
    assert_eq!(acked, stored, "what was acknowledged is what is stored");
}

/// One writer's acknowledged appends, with their fences. Ten at a time.
async fn hammer(log: &Arc<dyn Log>, room: RoomId, stop: &AtomicBool, acked: &AtomicU64) -> Vec<(Seq, Seq)> {
    let mut fence = tail(&**log, room).await.fence;
    let mut acks = Vec::new();
    while !stop.load(SeqCst) {
        // A log that answers at once must not keep the others from their turn.
        tokio::task::yield_now().await;
        let some = (0..10).map(|_| log.append(record(messages(room), fence.to_string()), fence));
        for answer in join_all(some).await {
            match answer {
                Ok(appended) => {
                    acked.fetch_add(1, SeqCst);
                    acks.push((appended.seq, fence));
                }
                Err(AppendError::Conflict { seen, .. }) => fence = fence.max(seen),
                Err(error) => panic!("an append to a healthy log: {error}"),
            }
        }
    }
    acks
}

/// Control events one after the other, each once the writers have got something in since the one before.
async fn move_the_fence(log: &dyn Log, room: RoomId, rounds: usize, acked: &AtomicU64) {
    let mut last = Seq::ZERO;
    for _ in 0..rounds {
        let before = acked.load(SeqCst);
        last = log.commit(kick(room, last)).await.expect("the only writer of its chain").seq;
        while acked.load(SeqCst) == before {
            tokio::task::yield_now().await;
        }
    }
}

/// The room's messages with the fence that each names, every one checked against the marker it stands behind.
fn stored_under_their_fence(all: &[Stored], room: RoomId, mut fence: Seq) -> HashSet<(Seq, Seq)> {
    let mut stored = HashSet::new();
    for record in all {
        match record.subject {
            Subject::Fence => fence = record.seq,
            Subject::Chain(of) if of == messages(room) => {
                assert_eq!(text(record), fence.to_string(), "seq {} stands behind the marker it names", record.seq);
                stored.insert((record.seq, fence));
            }
            Subject::Chain(_) => {}
        }
    }
    stored
}
