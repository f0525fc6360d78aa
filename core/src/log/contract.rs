//! What every log promises, as tests that every log passes.
//!
//! Each function is one clause. It takes the *nodes* of one log: several ways into the same log, as several gateways
//! have them. A clause panics when the log breaks it; it makes rooms of its own, so that clauses may run on a log that
//! is in use, and several at once.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all};
use tokio::time::timeout;

use super::{AppendError, Appended, Commit, Feed, Guard, Log, Record, Stored, Subject, Tail};
use crate::{
    clock::SystemClock,
    id::{EventId, RoomId},
    position::{Chain, Class, Partition, Seq},
};

mod append;
mod commit;
mod erase;
mod follow;
mod read;

pub use append::*;
pub use commit::*;
pub use erase::*;
pub use follow::*;
pub use read::*;

/// Several ways into the same log; at least one.
pub type Nodes = [Arc<dyn Log>];

/// How long something may take that must happen.
const DEADLINE: Duration = Duration::from_secs(30);

/// All clauses, one after the other.
pub async fn all(nodes: &Nodes) {
    what_was_acknowledged_stands_there(nodes).await;
    an_append_under_an_old_fence_is_refused(nodes).await;
    a_repetition_is_stored_once(nodes).await;
    what_can_never_be_stored_is_refused(nodes).await;
    a_record_under_a_stale_fence_never_enters(nodes, 100).await;

    a_commit_stands_together_with_its_marker(nodes).await;
    a_commit_that_conflicts_leaves_nothing(nodes).await;
    of_commits_on_one_chain_one_wins(nodes).await;
    a_commit_repeated_answers_the_original(nodes).await;
    a_commit_may_rest_on_the_fence(nodes).await;

    a_chain_reads_from_any_place(nodes).await;
    pages_before_any_place_agree_with_the_chain(nodes).await;
    a_page_is_found_in_a_bursty_chain(nodes).await;
    heads_and_tail_are_where_the_log_ends(nodes).await;
    what_is_left_to_follow_is_told(nodes).await;

    what_was_erased_is_gone(nodes).await;
    a_log_goes_on_behind_what_was_erased(nodes).await;

    a_follower_from_any_start_gets_what_stands_there(nodes).await;
    a_follower_gets_what_comes(nodes).await;
    a_follower_from_beyond_the_end_waits(nodes).await;
}

fn new_room() -> RoomId {
    RoomId::mint(&SystemClock)
}

fn messages(room: RoomId) -> Chain {
    Chain::Room(room, Class::Msg)
}

fn control(room: RoomId) -> Chain {
    Chain::Room(room, Class::Ctl)
}

fn record(chain: Chain, text: impl Into<String>) -> Record {
    Record { id: EventId::mint(&SystemClock), chain, payload: text.into().into(), ttl: None }
}

fn text(stored: &Stored) -> &str {
    std::str::from_utf8(&stored.payload).expect("a record of the contract is text")
}

fn partition(log: &dyn Log, room: RoomId) -> Partition {
    log.partitions().of(room.as_uuid())
}

async fn tail(log: &dyn Log, room: RoomId) -> Tail {
    log.tail(partition(log, room)).await.expect("a log that answers")
}

/// Appends under whatever fence is current, as a gateway does: a refusal brings the new one.
async fn post(log: &dyn Log, record: &Record) -> Appended {
    let mut fence = log.tail(log.partitions().of(record.chain.owner())).await.expect("a log that answers").fence;
    loop {
        match log.append(record.clone(), fence).await {
            Ok(appended) => return appended,
            Err(AppendError::Conflict { seen, .. }) => fence = seen,
            Err(error) => panic!("an append to a healthy log: {error}"),
        }
    }
}

/// One event of a room's control chain, with its marker.
fn kick(room: RoomId, last: Seq) -> Commit {
    Commit { records: vec![record(control(room), "kick")], guard: Guard::Chain(last), marker: Some(room) }
}

/// Appends `count` messages to a room, many at a time; their order is the log's.
async fn fill(log: &dyn Log, room: RoomId, count: usize) {
    let records: Vec<Record> = (0..count).map(|index| record(messages(room), format!("{room} {index}"))).collect();
    for some in records.chunks(100) {
        join_all(some.iter().map(|record| post(log, record))).await;
    }
}

/// The whole chain, by the plainest read.
async fn chain(log: &dyn Log, chain: Chain, known: Seq) -> Vec<Stored> {
    log.read(chain, Seq::ZERO, usize::MAX, known).await.expect("a log that answers")
}

/// What a follower gets up to a seq.
async fn take_until(feed: &mut Feed, end: Seq) -> Vec<Stored> {
    let mut got: Vec<Stored> = Vec::new();
    while got.last().is_none_or(|last| last.seq < end) {
        let next = timeout(DEADLINE, feed.next()).await.expect("a follower that gets there");
        got.push(next.expect("a follower without end").expect("a follower that heals itself"));
    }
    got
}

/// Everything of a partition after `after` up to `end`, as a follower gets it.
async fn follow_until(log: &dyn Log, partition: Partition, after: Seq, end: Seq) -> Vec<Stored> {
    if after >= end { Vec::new() } else { take_until(&mut log.follow(partition, after), end).await }
}

fn seqs(records: &[Stored]) -> Vec<Seq> {
    records.iter().map(|record| record.seq).collect()
}

fn same(left: &[Stored], right: &[Stored]) -> bool {
    let key = |stored: &Stored| (stored.seq, stored.subject, stored.payload.clone());
    left.len() == right.len() && left.iter().map(key).eq(right.iter().map(key))
}
