//! Group commit, for streams with replicas.
//!
//! A replicated stream turns a publish away while another with the same guard is in flight. So each node keeps one
//! commit in flight per partition, and sends what queued up meanwhile as one atomic batch. Control commits take their
//! turn in the same queue. Other nodes still get in between: then the batch waits a moment, and grows.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::{
    AppendError, Appended, Commit, Record,
    append::Appender,
    batch::MAX_MESSAGES,
    fence::{Ack, Patience, Refusal},
};
use crate::position::Seq;

/// Appends that may wait for a partition before the next one waits to wait.
const QUEUE: usize = 4 * MAX_MESSAGES;

/// The most bytes of one batch: below what Raft sends as one entry, and soon copied.
const MAX_BATCH_BYTES: usize = 2 << 20;

type Outcome = Result<Appended, AppendError>;

enum Work {
    Append { record: Record, fence: Seq },
    Commit(Commit),
}

struct Waiting {
    work: Work,
    /// `None` until the first try: to stand behind others is not to be tried.
    patience: Option<Patience>,
    answer: oneshot::Sender<Outcome>,
}

impl Waiting {
    /// Whether a try of it had no answer.
    fn unsettled(&self) -> bool {
        self.patience.as_ref().is_some_and(Patience::unsettled)
    }
}

/// An append that is being tried.
struct WaitingAppend {
    record: Record,
    fence: Seq,
    patience: Patience,
    answer: oneshot::Sender<Outcome>,
}

/// A partition's way into the log.
#[derive(Debug, Clone)]
pub(super) struct Queue(mpsc::Sender<Waiting>);

impl Queue {
    /// Starts the partition's committer, which ends with the last clone of the queue.
    pub(super) fn start(appender: Appender) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(Committer { appender, receiver, queue: VecDeque::new() }.run());
        Self(sender)
    }

    pub(super) async fn append(&self, record: Record, fence: Seq) -> Outcome {
        self.ask(Work::Append { record, fence }).await
    }

    pub(super) async fn commit(&self, commit: Commit) -> Outcome {
        self.ask(Work::Commit(commit)).await
    }

    async fn ask(&self, work: Work) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let waiting = Waiting { work, patience: None, answer };
        let gone = || AppendError::Unknown("the process is shutting down".to_owned());
        self.0.send(waiting).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

struct Committer {
    appender: Appender,
    receiver: mpsc::Receiver<Waiting>,
    queue: VecDeque<Waiting>,
}

impl Committer {
    async fn run(mut self) {
        while self.fill().await {
            self.refuse_stale();
            match self.queue.pop_front() {
                Some(Waiting { work: Work::Commit(commit), patience, answer }) => {
                    self.commit(commit, patience.unwrap_or_else(Patience::new), answer).await;
                }
                Some(waiting) => {
                    self.queue.push_front(waiting);
                    let group = self.take_group();
                    self.flush(group).await;
                }
                None => {}
            }
        }
    }

    /// Takes over what has come; waits when there is nothing to do. `false` when there will be nothing more.
    async fn fill(&mut self) -> bool {
        if self.queue.is_empty() {
            match self.receiver.recv().await {
                Some(waiting) => self.queue.push_back(waiting),
                None => return false,
            }
        }
        while self.queue.len() < QUEUE
            && let Ok(waiting) = self.receiver.try_recv()
        {
            self.queue.push_back(waiting);
        }
        // Whoever has gone away before the first try does not want it any more.
        self.queue.retain(|waiting| !waiting.answer.is_closed() || waiting.unsettled());
        true
    }

    /// The newest fence of all that wait is one that this node has followed to, so an older one can only be refused.
    fn refuse_stale(&mut self) {
        let fence = |waiting: &Waiting| match waiting.work {
            Work::Append { fence, .. } => Some(fence),
            Work::Commit(_) => None,
        };
        let Some(newest) = self.queue.iter().filter_map(fence).max() else { return };
        let stale = |waiting: &Waiting| fence(waiting).is_some_and(|fence| fence < newest);
        if self.queue.iter().any(stale) {
            let (stale, fresh): (VecDeque<_>, VecDeque<_>) = self.queue.drain(..).partition(stale);
            self.queue = fresh;
            for waiting in stale {
                let conflict = AppendError::Conflict { seen: newest, unsettled: waiting.unsettled() };
                waiting.answer.send(Err(conflict)).ok();
            }
        }
    }

    /// The appends at the front of the queue that go as one batch: up to the next commit, the server's limits, or a
    /// repeated id, which would spoil the batch.
    fn take_group(&mut self) -> Vec<WaitingAppend> {
        let (mut group, mut ids, mut bytes) = (Vec::new(), HashSet::new(), 0);
        while group.len() < MAX_MESSAGES
            && let Some(Waiting { work: Work::Append { record, .. }, .. }) = self.queue.front()
            && (group.is_empty() || bytes + record.payload.len() <= MAX_BATCH_BYTES)
            && ids.insert(record.id)
        {
            bytes += record.payload.len();
            if let Some(Waiting { work: Work::Append { record, fence }, patience, answer }) = self.queue.pop_front() {
                let patience = patience.unwrap_or_else(Patience::new);
                group.push(WaitingAppend { record, fence, patience, answer });
            }
        }
        group
    }

    async fn flush(&mut self, group: Vec<WaitingAppend>) {
        let Some(fence) = group.first().map(|first| first.fence) else { return };
        let records: Vec<&Record> = group.iter().map(|waiting| &waiting.record).collect();
        match self.appender.publish_all(&records, fence).await {
            Ok(Ack { seq: first, duplicate }) => {
                for (seq, waiting) in (first.0..).zip(group) {
                    waiting.answer.send(Ok(Appended { seq: Seq(seq), duplicate })).ok();
                }
            }
            Err(Refusal::Duplicate(what)) => {
                let rest = self.answer_stored(group).await;
                if let Some((rest, refusal)) = rest.map_err(|rest| (rest, Refusal::Duplicate(what))).err() {
                    self.retry(rest, &refusal).await;
                }
            }
            Err(refusal) => self.retry(group, &refusal).await,
        }
    }

    /// Some of a refused batch stand in the log already: answers those and puts the others back. An error when none did.
    async fn answer_stored(&mut self, group: Vec<WaitingAppend>) -> Result<(), Vec<WaitingAppend>> {
        let places = join_all(group.iter().map(|waiting| self.appender.probe(&waiting.record))).await;
        let before = group.len();
        let mut rest = Vec::new();
        for (waiting, place) in group.into_iter().zip(places) {
            match place {
                Ok(Some(seq)) => drop(waiting.answer.send(Ok(Appended { seq, duplicate: true }))),
                Ok(None) | Err(_) => rest.push(waiting),
            }
        }
        if rest.len() == before {
            return Err(rest);
        }
        self.put_back(rest);
        Ok(())
    }

    /// Answers those for whom this refusal is the end; the others go to the front of the queue again, in their order,
    /// and what has come meanwhile may join them.
    async fn retry(&mut self, group: Vec<WaitingAppend>, refusal: &Refusal) {
        let (mut rest, mut longest) = (Vec::with_capacity(group.len()), Duration::ZERO);
        for mut waiting in group {
            match waiting.patience.bear(refusal) {
                Err(end) => drop(waiting.answer.send(Err(end))),
                Ok(pause) => {
                    longest = longest.max(pause);
                    rest.push(waiting);
                }
            }
        }
        self.put_back(rest);
        tokio::time::sleep(longest).await;
    }

    fn put_back(&mut self, group: Vec<WaitingAppend>) {
        for WaitingAppend { record, fence, patience, answer } in group.into_iter().rev() {
            self.queue.push_front(Waiting { work: Work::Append { record, fence }, patience: Some(patience), answer });
        }
    }

    async fn commit(&mut self, commit: Commit, mut patience: Patience, answer: oneshot::Sender<Outcome>) {
        match self.appender.try_commit(&commit).await {
            Ok(appended) => drop(answer.send(Ok(appended))),
            Err(refusal) => match patience.bear(&refusal) {
                Err(end) => drop(answer.send(Err(end))),
                Ok(pause) => {
                    self.queue.push_front(Waiting { work: Work::Commit(commit), patience: Some(patience), answer });
                    tokio::time::sleep(pause).await;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use async_nats::ConnectOptions;
    use tokio::time::Instant;

    use super::*;
    use crate::{
        clock::SystemClock,
        id::{EventId, RoomId},
        log::{Guard, Namespace, append::Appender, read::Reader},
        position::{Chain, Class, Partitions},
    };

    /// One that never reaches a server.
    async fn queue() -> Queue {
        let options = ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect("nats://127.0.0.1:1").await.unwrap();
        let (namespace, partitions) = (Namespace::default(), Partitions::new(1).unwrap());
        let reader = Reader { client: client.clone(), namespace: namespace.clone(), partitions, replicated: true };
        Queue::start(Appender { client, namespace, partitions, reader })
    }

    fn record(class: Class) -> Record {
        let chain = Chain::Room(RoomId::mint(&SystemClock), class);
        Record { id: EventId::mint(&SystemClock), chain, payload: "hello".into(), ttl: None }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_behind_a_stalled_head_is_tried_as_long_as_the_head_was() {
        let (queue, begun) = (queue().await, Instant::now());
        let commit = Commit { records: vec![record(Class::Ctl)], guard: Guard::Fence(Seq::ZERO), marker: None };
        let head = async { (queue.commit(commit).await, begun.elapsed()) };
        let behind = async { (queue.append(record(Class::Msg), Seq::ZERO).await, begun.elapsed()) };
        let ((head, stalled), (behind, total)) = tokio::join!(biased; head, behind);
        let unknown = |outcome| matches!(outcome, &Err(AppendError::Unknown(_)));
        assert!(unknown(&head) && unknown(&behind), "{head:?}, {behind:?}");
        assert!(total >= stalled + Duration::from_secs(15), "{stalled:?}, {total:?}");
    }
}
