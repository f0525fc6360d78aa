//! The log in memory, for tests: all promises of [`Log`], none of the server's faults.
//!
//! It looks at a record's id before it looks at its guard, as a replicated stream does. Records leave it by its clock,
//! when their time to live is over; what was erased has none.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use super::{
    AppendError, Appended, Commit, Feed, Guard, Log, ReadError, Record, Stored, Subject, Tail, batch::MAX_MESSAGES,
};
use crate::{
    clock::{Clock, SystemClock, Time},
    id::{EventId, RoomId},
    position::{Chain, Class, Heads, Partition, Partitions, Seq},
};

/// A log that ends with its last clone. Clones share it, as nodes share an installation's.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    partitions: Partitions,
    window: Duration,
    clock: Arc<dyn Clock>,
    /// One for each partition.
    streams: Arc<Vec<Stream>>,
}

#[derive(Debug, Default)]
struct Stream {
    records: Mutex<Records>,
    /// The last seq; moves after the records stand.
    end: watch::Sender<Seq>,
}

#[derive(Debug, Default)]
struct Records {
    /// The record with seq `n` stands at `n - 1`, until its end if it has one.
    all: Vec<(Stored, Option<Time>)>,
    chains: HashMap<Chain, Vec<Seq>>,
    ids: HashMap<EventId, (Seq, Time)>,
    fence: Seq,
}

impl MemoryLog {
    /// An empty log by the machine's clock, with a window of two minutes.
    pub fn new(partitions: Partitions) -> Self {
        Self::with_clock(partitions, Duration::from_mins(2), Arc::new(SystemClock))
    }

    /// An empty log whose window of duplicates moves with `clock`.
    pub fn with_clock(partitions: Partitions, window: Duration, clock: Arc<dyn Clock>) -> Self {
        let streams = partitions.all().map(|_| Stream::default()).collect();
        Self { partitions, window, clock, streams: Arc::new(streams) }
    }

    fn stream(&self, partition: Partition) -> &Stream {
        &self.streams[usize::from(partition.0)]
    }

    fn of(&self, chain: Chain) -> &Stream {
        self.stream(self.partitions.of(chain.owner()))
    }

    fn write(&self, commit: Commit) -> Result<Appended, AppendError> {
        let refused = |what: &str| Err(AppendError::Refused(what.to_owned()));
        let Some(first) = commit.records.first() else { return refused("a commit without records") };
        if commit.records.len() + usize::from(commit.marker.is_some()) > MAX_MESSAGES {
            return refused("a commit of more records than the server takes as one");
        }
        if commit.records.iter().any(|record| record.chain != first.chain) {
            return refused("a commit of more than one chain");
        }
        let (stream, now) = (self.of(first.chain), self.clock.now());
        let mut records = stream.lock();
        let appended = records.take(commit, now, self.window)?;
        let end = records.end();
        drop(records);
        stream.end.send_if_modified(|last| std::mem::replace(last, (*last).max(end)) < end);
        Ok(appended)
    }
}

impl Stream {
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("no promise is broken while the lock is held")
    }
}

impl Records {
    fn end(&self) -> Seq {
        Seq(self.all.len() as u64)
    }

    fn take(&mut self, commit: Commit, now: Time, window: Duration) -> Result<Appended, AppendError> {
        let known = |record: &Record| self.original(record.id, now, window);
        match known(&commit.records[0]) {
            Some(seq) => return Ok(Appended { seq, duplicate: true }),
            None if commit.records.iter().any(|record| known(record).is_some()) => {
                return Err(AppendError::Refused("a part of the commit is in the log already".to_owned()));
            }
            None => {}
        }
        let (expected, seen) = match commit.guard {
            Guard::Chain(last) => (last, self.last(commit.records[0].chain, now)),
            Guard::Fence(fence) => (fence, self.fence),
        };
        if expected != seen {
            return Err(AppendError::Conflict { seen, unsettled: false });
        }
        let seq = self.end().next();
        for Record { id, chain, payload, ttl } in commit.records {
            let seq = self.push(Subject::Chain(chain), payload, now, ttl);
            self.chains.entry(chain).or_default().push(seq);
            self.ids.insert(id, (seq, now));
        }
        if let Some(room) = commit.marker {
            self.fence = self.push(Subject::Fence, room.to_string().into(), now, None);
        }
        Ok(Appended { seq, duplicate: false })
    }

    fn push(&mut self, subject: Subject, payload: Bytes, time: Time, ttl: Option<Duration>) -> Seq {
        let seq = self.end().next();
        self.all.push((Stored { seq, subject, payload, time }, ttl.map(|ttl| time + ttl)));
        seq
    }

    fn original(&self, id: EventId, now: Time, window: Duration) -> Option<Seq> {
        let &(seq, time) = self.ids.get(&id)?;
        let age = (now - time).to_std().unwrap_or_default();
        (age < window).then_some(seq)
    }

    fn last(&self, chain: Chain, now: Time) -> Seq {
        let (seqs, _) = self.split(chain, Seq::MAX);
        seqs.iter().rev().find_map(|&seq| self.at(seq, now)).map_or(Seq::ZERO, |stored| stored.seq)
    }

    /// The record of that seq, if it still stands.
    fn at(&self, seq: Seq, now: Time) -> Option<&Stored> {
        let (stored, until) = self.all.get(usize::try_from(seq.0).ok()?.checked_sub(1)?)?;
        until.is_none_or(|until| now < until).then_some(stored)
    }

    /// The first record after `after` that still stands.
    fn after(&self, after: Seq, now: Time) -> Option<&Stored> {
        (after.next().0..=self.end().0).find_map(|seq| self.at(Seq(seq), now))
    }

    /// The seqs of a chain, split in those below `seq` and the others.
    fn split(&self, chain: Chain, seq: Seq) -> (&[Seq], &[Seq]) {
        let seqs = self.chains.get(&chain).map_or(&[][..], Vec::as_slice);
        seqs.split_at(seqs.partition_point(|&at| at < seq))
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    fn duplicate_window(&self) -> Duration {
        self.window
    }

    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        self.write(Commit { records: vec![record], guard: Guard::Fence(fence), marker: None })
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        self.write(commit)
    }

    async fn read(&self, chain: Chain, after: Seq, limit: usize, _known: Seq) -> Result<Vec<Stored>, ReadError> {
        let records = self.of(chain).lock();
        let ((_, seqs), now) = (records.split(chain, after.next()), self.clock.now());
        Ok(seqs.iter().filter_map(|&seq| records.at(seq, now).cloned()).take(limit).collect())
    }

    async fn read_before(&self, chain: Chain, before: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let records = self.of(chain).lock();
        let ((seqs, _), now) = (records.split(chain, before), self.clock.now());
        let page = seqs.iter().rev().filter_map(|&seq| records.at(seq, now).cloned()).take(limit);
        let mut page: Vec<_> = page.collect();
        page.reverse();
        Ok(page)
    }

    async fn heads(&self, room: RoomId, _known: Seq) -> Result<Heads, ReadError> {
        let records = self.stream(self.partitions.of(room.as_uuid())).lock();
        let now = self.clock.now();
        let last = |class| records.last(Chain::Room(room, class), now);
        Ok(Heads { ctl: last(Class::Ctl), msg: last(Class::Msg), call: last(Class::Call) })
    }

    async fn tail(&self, partition: Partition) -> Result<Tail, ReadError> {
        let records = self.stream(partition).lock();
        Ok(Tail { last: records.end(), fence: records.fence })
    }

    async fn nothing_left(&self, partition: Partition, after: Seq, until: Seq) -> Result<bool, ReadError> {
        let records = self.stream(partition).lock();
        if until > records.end() {
            return Err(ReadError::Unavailable(format!("it ends at {}", records.end())));
        }
        Ok(records.after(after, self.clock.now()).is_none_or(|next| next.seq > until))
    }

    async fn erase(&self, partition: Partition, seqs: &[Seq]) -> Result<(), ReadError> {
        let mut records = self.stream(partition).lock();
        for seq in seqs {
            let index = usize::try_from(seq.0).ok().and_then(|seq| seq.checked_sub(1));
            if let Some((stored, until)) = index.and_then(|index| records.all.get_mut(index)) {
                (stored.payload, *until) = (Bytes::new(), Some(Time::UNIX_EPOCH));
            }
        }
        Ok(())
    }

    fn follow(&self, partition: Partition, after: Seq) -> Feed {
        let log = self.clone();
        let end = self.stream(partition).end.subscribe();
        stream::unfold((log, end, after), move |(log, mut end, mut last)| async move {
            loop {
                // The log holds the sender, so it outlives the wait.
                let reached = *end.wait_for(|&end| end > last).await.ok()?;
                let stored = log.stream(partition).lock().after(last, log.clock.now()).cloned();
                match stored {
                    Some(stored) => {
                        last = stored.seq;
                        return Some((Ok(stored), (log, end, last)));
                    }
                    None => last = reached,
                }
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::{clock::ManualClock, log::contract};

    #[tokio::test]
    async fn it_holds_the_contract() {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(Partitions::new(3).unwrap()));
        contract::all(&vec![log; 4]).await;
    }

    #[tokio::test]
    async fn an_id_is_forgotten_after_the_window() {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let log = MemoryLog::with_clock(Partitions::new(1).unwrap(), Duration::from_mins(2), clock.clone());
        let chain = Chain::Room(RoomId::mint(&SystemClock), Class::Msg);
        let record = Record { id: EventId::mint(&SystemClock), chain, payload: "hello".into(), ttl: None };
        let append = async || log.append(record.clone(), Seq::ZERO).await.unwrap();
        assert_eq!(append().await, Appended { seq: Seq(1), duplicate: false });
        clock.advance(TimeDelta::seconds(119));
        assert_eq!(append().await, Appended { seq: Seq(1), duplicate: true });
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(append().await, Appended { seq: Seq(2), duplicate: false });
    }

    #[tokio::test]
    async fn a_record_leaves_when_its_time_is_over() {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let log = MemoryLog::with_clock(Partitions::new(1).unwrap(), Duration::from_mins(2), clock.clone());
        let chain = Chain::Room(RoomId::mint(&SystemClock), Class::Msg);
        for ttl in [None, Some(Duration::from_mins(1)), None, Some(Duration::from_mins(1))] {
            let record = Record { id: EventId::mint(&SystemClock), chain, payload: "hello".into(), ttl };
            log.append(record, Seq::ZERO).await.unwrap();
        }
        clock.advance(TimeDelta::seconds(60));
        let seqs = |stored: Vec<Stored>| stored.iter().map(|stored| stored.seq.0).collect::<Vec<_>>();
        assert_eq!(seqs(log.read(chain, Seq::ZERO, 10, Seq::ZERO).await.unwrap()), [1, 3]);
        assert_eq!(seqs(log.read_before(chain, Seq(4), 1).await.unwrap()), [3]);
        assert_eq!(log.tail(Partition(0)).await.unwrap().last, Seq(4));
        assert!(!log.nothing_left(Partition(0), Seq(2), Seq(4)).await.unwrap());
        assert!(log.nothing_left(Partition(0), Seq(3), Seq(4)).await.unwrap());
        let followed: Vec<_> = log.follow(Partition(0), Seq::ZERO).take(2).map(Result::unwrap).collect().await;
        assert_eq!(seqs(followed), [1, 3]);
    }
}
