//! The contract bites: a log that breaks one promise fails the clause that tests it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use voxlog_core::{
    clock::SystemClock,
    id::{EventId, RoomId},
    log::{
        AppendError, Appended, Commit, Feed, Guard, Log, MemoryLog, ReadError, Record, Stored, Tail,
        contract::{self, Nodes},
    },
    position::{Chain, Heads, Partition, Partitions, Seq},
};

/// Which promise is broken.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Appends are taken under any fence.
    IgnoresTheFence,
    /// A refusal tells the fence that was asked for.
    HidesTheFence,
    /// Every id is new.
    ForgetsIds,
    /// The records of a commit are stored one by one.
    TearsCommits,
    /// Commits are taken wherever their chain stands.
    IgnoresTheChain,
    /// The marker is left out.
    DropsMarkers,
    /// What is acknowledged stands elsewhere.
    LiesAboutSeqs,
    /// A follower misses every hundredth record.
    SkipsRecords,
    /// A follower gets every hundredth record twice.
    RepeatsRecords,
    /// A read stops one short.
    ReadsShort,
    /// A page begins one too early.
    PagesEarly,
    /// Heads are one behind.
    LagsBehind,
    /// Nothing is ever left to follow.
    HidesTheRest,
    /// The last of what is to be erased stays.
    SparesTheLast,
}

#[derive(Debug)]
struct Broken(MemoryLog, Fault);

impl Broken {
    async fn fence(&self, chain: Chain) -> Seq {
        self.0.tail(self.0.partitions().of(chain.owner())).await.unwrap().fence
    }
}

#[async_trait]
impl Log for Broken {
    fn partitions(&self) -> Partitions {
        self.0.partitions()
    }

    fn duplicate_window(&self) -> Duration {
        self.0.duplicate_window()
    }

    async fn append(&self, mut record: Record, fence: Seq) -> Result<Appended, AppendError> {
        let current = self.fence(record.chain).await;
        match self.1 {
            Fault::IgnoresTheFence => self.0.append(record, current).await,
            Fault::HidesTheFence if fence != current => Err(AppendError::Conflict { seen: fence, unsettled: false }),
            Fault::ForgetsIds => {
                record.id = EventId::mint(&SystemClock);
                self.0.append(record, fence).await
            }
            Fault::LiesAboutSeqs => {
                self.0.append(record, fence).await.map(|ack| Appended { seq: ack.seq.next(), ..ack })
            }
            _ => self.0.append(record, fence).await,
        }
    }

    async fn commit(&self, mut commit: Commit) -> Result<Appended, AppendError> {
        match self.1 {
            Fault::TearsCommits if commit.records.len() > 1 => {
                let records = std::mem::take(&mut commit.records);
                tear(&self.0, records, commit).await
            }
            Fault::IgnoresTheChain if let Some(first) = commit.records.first() => {
                let last = self.0.read(first.chain, Seq::ZERO, usize::MAX, Seq::ZERO).await.unwrap();
                commit.guard = Guard::Chain(last.last().map_or(Seq::ZERO, |last| last.seq));
                self.0.commit(commit).await
            }
            Fault::DropsMarkers => self.0.commit(Commit { marker: None, ..commit }).await,
            Fault::ForgetsIds => {
                commit.records.iter_mut().for_each(|record| record.id = EventId::mint(&SystemClock));
                self.0.commit(commit).await
            }
            _ => self.0.commit(commit).await,
        }
    }

    async fn read(&self, chain: Chain, after: Seq, limit: usize, known: Seq) -> Result<Vec<Stored>, ReadError> {
        let mut records = self.0.read(chain, after, limit, known).await?;
        if matches!(self.1, Fault::ReadsShort) {
            records.pop();
        }
        Ok(records)
    }

    async fn read_before(&self, chain: Chain, before: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let early = u64::from(matches!(self.1, Fault::PagesEarly));
        self.0.read_before(chain, Seq(before.0.saturating_sub(early)), limit).await
    }

    async fn heads(&self, room: RoomId, known: Seq) -> Result<Heads, ReadError> {
        let mut heads = self.0.heads(room, known).await?;
        if matches!(self.1, Fault::LagsBehind) {
            heads.msg = Seq(heads.msg.0.saturating_sub(1));
        }
        Ok(heads)
    }

    async fn tail(&self, partition: Partition) -> Result<Tail, ReadError> {
        self.0.tail(partition).await
    }

    async fn nothing_left(&self, partition: Partition, after: Seq, until: Seq) -> Result<bool, ReadError> {
        Ok(self.0.nothing_left(partition, after, until).await? || matches!(self.1, Fault::HidesTheRest))
    }

    async fn erase(&self, partition: Partition, seqs: &[Seq]) -> Result<(), ReadError> {
        let spared = usize::from(matches!(self.1, Fault::SparesTheLast));
        self.0.erase(partition, &seqs[..seqs.len() - spared]).await
    }

    fn follow(&self, partition: Partition, after: Seq) -> Feed {
        let feed = self.0.follow(partition, after);
        let hundredth =
            |item: &Result<Stored, ReadError>| item.as_ref().is_ok_and(|stored| stored.seq.0.is_multiple_of(100));
        match self.1 {
            Fault::SkipsRecords => feed.filter(move |item| std::future::ready(!hundredth(item))).boxed(),
            Fault::RepeatsRecords => feed
                .flat_map(move |item| {
                    let times = if hundredth(&item) { 2 } else { 1 };
                    futures_util::stream::iter(vec![item; times])
                })
                .boxed(),
            _ => feed,
        }
    }
}

async fn tear(log: &MemoryLog, records: Vec<Record>, commit: Commit) -> Result<Appended, AppendError> {
    let count = records.len();
    let (mut guard, mut first) = (commit.guard, None);
    for (index, record) in records.into_iter().enumerate() {
        let marker = commit.marker.filter(|_| index + 1 == count);
        let appended = log.commit(Commit { records: vec![record], guard, marker }).await?;
        tokio::task::yield_now().await;
        guard = Guard::Chain(appended.seq);
        first.get_or_insert(appended);
    }
    Ok(first.expect("a commit has records"))
}

type Clause = for<'a> fn(&'a Nodes) -> BoxFuture<'a, ()>;

async fn breaks(fault: Option<Fault>, clause: Clause) -> bool {
    let log = MemoryLog::new(Partitions::new(1).unwrap());
    let log: Arc<dyn Log> = match fault {
        Some(fault) => Arc::new(Broken(log, fault)),
        None => Arc::new(log),
    };
    let nodes = vec![log; 4];
    tokio::spawn(async move { clause(&nodes).await }).await.is_err()
}

macro_rules! bites {
    ($($name:ident: $fault:ident => $clause:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let clause: Clause = |nodes| contract::$clause(nodes).boxed();
            assert!(!breaks(None, clause).await, "a log that is whole holds it");
            assert!(breaks(Some(Fault::$fault), clause).await, "a log that is broken does not");
        }
    )*};
}

bites! {
    a_log_that_takes_appends_under_any_fence: IgnoresTheFence => an_append_under_an_old_fence_is_refused;
    a_log_that_hides_its_fence: HidesTheFence => an_append_under_an_old_fence_is_refused;
    a_log_that_forgets_ids: ForgetsIds => a_repetition_is_stored_once;
    a_log_that_forgets_the_ids_of_commits: ForgetsIds => a_commit_repeated_answers_the_original;
    a_log_that_tears_commits: TearsCommits => a_commit_stands_together_with_its_marker;
    a_log_that_ignores_the_chain: IgnoresTheChain => a_commit_that_conflicts_leaves_nothing;
    a_log_where_two_win: IgnoresTheChain => of_commits_on_one_chain_one_wins;
    a_log_that_drops_markers: DropsMarkers => a_commit_stands_together_with_its_marker;
    a_log_that_lies_about_seqs: LiesAboutSeqs => what_was_acknowledged_stands_there;
    a_follower_that_skips: SkipsRecords => a_follower_from_any_start_gets_what_stands_there;
    a_follower_that_repeats: RepeatsRecords => a_follower_from_any_start_gets_what_stands_there;
    a_read_that_stops_short: ReadsShort => a_chain_reads_from_any_place;
    a_page_that_begins_too_early: PagesEarly => pages_before_any_place_agree_with_the_chain;
    heads_that_lag: LagsBehind => heads_and_tail_are_where_the_log_ends;
    a_log_that_spares_what_was_to_be_erased: SparesTheLast => what_was_erased_is_gone;
    a_log_that_hides_its_rest: HidesTheRest => what_is_left_to_follow_is_told;
}

/// The race itself, not only its plain case: without the fence, records decided before a marker land behind it.
#[tokio::test]
async fn a_log_without_fence_loses_the_race() {
    let clause: Clause = |nodes| contract::a_record_under_a_stale_fence_never_enters(nodes, 20).boxed();
    assert!(!breaks(None, clause).await);
    assert!(breaks(Some(Fault::IgnoresTheFence), clause).await);
}
