//! The log on real servers: the contract, the bootstrap's refusals, and what faults must not break.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use voxlog_core::clock::SystemClock;
use voxlog_core::id::{EventId, RoomId};
use voxlog_core::log::{
    AppendError, Commit, Guard, Log, LogConfig, Namespace, NatsLog, OpenError, Record, Stored, connect, contract,
};
use voxlog_core::position::{Chain, Class, Partition, Partitions, Seq};
use voxlog_tests::servers;

/// From a fault to the end of its consequences, a lost leader included.
const HEALED_WITHIN: Duration = Duration::from_secs(40);

fn config(replicas: u8) -> LogConfig {
    let namespace = Namespace::new(servers::namespace()).unwrap();
    LogConfig { replicas, ..LogConfig::new(namespace, Partitions::new(2).unwrap()) }
}

/// A node of its own: its own connection, to the first of `urls`, and its own queues.
async fn node(urls: &[String], config: &LogConfig) -> Arc<dyn Log> {
    let client = connect(&urls.join(","), "log-contract", None).await.unwrap();
    let opened = timeout(HEALED_WITHIN, async {
        loop {
            match NatsLog::open(client.clone(), config.clone()).await {
                Err(OpenError::Unavailable(_)) => sleep(Duration::from_millis(100)).await,
                other => return other,
            }
        }
    });
    Arc::new(opened.await.expect("a log opens").expect("the config is right"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_one_server() {
    let (urls, config) = ([servers::nats().await], config(1));
    let mut nodes = Vec::new();
    for _ in 0..4 {
        nodes.push(node(&urls, &config).await);
    }
    contract::all(&nodes).await;
    contract::a_record_under_a_stale_fence_never_enters(&nodes, 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_a_cluster_of_three() {
    let (mut urls, config) = (servers::nats_cluster().await, config(3));
    let mut nodes = Vec::new();
    for _ in 0..4 {
        nodes.push(node(&urls, &config).await);
        urls.rotate_left(1);
    }
    contract::all(&nodes).await;
    contract::a_record_under_a_stale_fence_never_enters(&nodes, 400).await;
}

#[tokio::test]
async fn a_log_is_refused_when_it_is_not_what_it_must_be() {
    let urls = [servers::nats().await];
    let client = connect(&urls[0], "log-contract", None).await.unwrap();
    let config = config(1);
    let open = async |config: LogConfig| NatsLog::open(client.clone(), config).await.map(|_| ());

    assert_eq!(open(config.clone()).await, Ok(()));
    assert_eq!(open(config.clone()).await, Ok(()), "a second time");
    for wanted in [1, 3] {
        let partitions = Partitions::new(wanted).unwrap();
        let refused = open(LogConfig { partitions, ..config.clone() }).await;
        assert_eq!(refused, Err(OpenError::Partitions { found: 2, wanted }));
    }
    let stream = config.namespace.log_stream(Partition(0));
    let replicas = open(LogConfig { replicas: 3, ..config.clone() }).await;
    assert_eq!(replicas, Err(OpenError::Replicas { stream: stream.clone(), found: 1, wanted: 3 }));
    assert_eq!(open(LogConfig { replicas: 2, ..config.clone() }).await, Err(OpenError::InvalidReplicas(2)));
    let window = open(LogConfig { duplicate_window: Duration::from_mins(1), ..config.clone() }).await;
    let what = "duplicate_window is 120s, not 60s".to_owned();
    assert_eq!(window, Err(OpenError::Foreign { stream, what }));
    assert_eq!(open(config).await, Ok(()), "nothing was changed by the refusals");
}

#[tokio::test]
async fn somebody_elses_stream_is_refused() {
    let url = servers::nats().await;
    let client = connect(&url, "log-contract", None).await.unwrap();
    let jetstream = async_nats::jetstream::new(client.clone());
    let stream = |name: String, subject: String| async_nats::jetstream::stream::Config {
        name,
        subjects: vec![subject],
        ..Default::default()
    };

    let named = config(1);
    let name = named.namespace.log_stream(Partition(0));
    jetstream.create_stream(stream(name.clone(), format!("{}.log.0.>", named.namespace))).await.unwrap();
    let refused = NatsLog::open(client.clone(), named).await.map(|_| ());
    let what = "its metadata has no voxlog.partitions".to_owned();
    assert_eq!(refused, Err(OpenError::Foreign { stream: name, what }));

    let overlapped = config(1);
    let name = overlapped.namespace.log_stream(Partition(1));
    let other = stream(servers::namespace(), format!("{}.log.1.>", overlapped.namespace));
    jetstream.create_stream(other).await.unwrap();
    let refused = NatsLog::open(client, overlapped).await.map(|_| ());
    let what = "subjects overlap with an existing stream".to_owned();
    assert_eq!(refused, Err(OpenError::Refused { stream: name, what }));
}

#[tokio::test]
async fn an_interrupted_bootstrap_is_finished_by_the_next() {
    let url = servers::nats().await;
    let config = config(1);
    let urls = [url.clone()];
    node(&urls, &config).await;
    let jetstream = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
    let missing = config.namespace.log_stream(Partition(1));
    jetstream.delete_stream(&missing).await.unwrap();
    node(&urls, &config).await;
    assert!(jetstream.get_stream(&missing).await.is_ok());
}

#[tokio::test]
async fn a_record_with_a_ttl_leaves_the_log_and_its_follower_goes_on() {
    let (urls, config) = ([servers::nats().await], config(1));
    let log = node(&urls, &config).await;
    let chain = Chain::Room(RoomId::mint(&SystemClock), Class::Msg);
    let record = |ttl| Record { id: EventId::mint(&SystemClock), chain, payload: "hello".into(), ttl };
    let kept = log.append(record(None), Seq::ZERO).await.unwrap().seq;
    log.append(record(Some(Duration::from_secs(1))), Seq::ZERO).await.unwrap();
    let gone = async {
        while log.read(chain, kept, 10, Seq::ZERO).await.unwrap().len() == 1 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(HEALED_WITHIN, gone).await.expect("it leaves");
    let last = log.append(record(None), Seq::ZERO).await.unwrap().seq;
    let feed = log.follow(log.partitions().of(chain.owner()), Seq::ZERO).take(2);
    let seqs: Vec<Seq> = timeout(HEALED_WITHIN, feed.map(|item| item.unwrap().seq).collect()).await.unwrap();
    assert_eq!(seqs, [kept, last]);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_and_spoils_nothing() {
    for (urls, replicas) in [(vec![servers::nats().await], 1), (servers::nats_cluster().await, 3)] {
        let log = node(&urls, &config(replicas)).await;
        let chain = Chain::Room(RoomId::mint(&SystemClock), Class::Msg);
        let record =
            |size| Record { id: EventId::mint(&SystemClock), chain, payload: vec![b'x'; size].into(), ttl: None };
        let large = log.append(record(4 << 20), Seq::ZERO);
        let (large, small) = tokio::join!(large, log.append(record(100), Seq::ZERO));
        assert!(matches!(large, Err(AppendError::Refused(_))), "{large:?}");
        assert!(small.is_ok(), "{small:?}");
    }
}

/// A room under load: one writer, one that moves the fence, one follower.
struct Load {
    stop: Arc<AtomicBool>,
    posts: JoinHandle<Outcomes>,
    kicks: JoinHandle<Vec<Seq>>,
    log: Arc<dyn Log>,
    room: RoomId,
}

/// What came of the appends, by payload.
#[derive(Default)]
struct Outcomes {
    acked: Vec<(Seq, String)>,
    unsettled: HashSet<String>,
}

impl Load {
    fn start(log: &Arc<dyn Log>, other: &Arc<dyn Log>) -> Self {
        let (stop, room) = (Arc::new(AtomicBool::new(false)), RoomId::mint(&SystemClock));
        let posts = tokio::spawn(post(log.clone(), room, stop.clone()));
        let kicks = tokio::spawn(kick(other.clone(), room, stop.clone()));
        Self { stop, posts, kicks, log: log.clone(), room }
    }

    async fn grows(&self) {
        let heads = async || self.log.heads(self.room, Seq::ZERO).await.map(|heads| (heads.msg, heads.ctl));
        let begun = Instant::now();
        let mut first = None;
        loop {
            match (heads().await, first) {
                (Ok(now), None) => first = Some(now),
                (Ok(now), Some(first)) if now.0 > first.0 && now.1 > first.1 => return,
                _ => {}
            }
            assert!(begun.elapsed() < HEALED_WITHIN, "the log takes appends again");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the load: what was acknowledged stands where it was told, a follower from before the fault has got it all,
    /// in order and once, and every message stands behind the marker it was decided on.
    async fn holds(self, mut feed: voxlog_core::log::Feed) {
        self.stop.store(true, SeqCst);
        let (posts, kicks) = (self.posts.await.unwrap(), self.kicks.await.unwrap());
        let end = self.log.tail(self.log.partitions().of(self.room.as_uuid())).await.unwrap().last;
        let mut all: Vec<Stored> = Vec::new();
        while all.last().is_none_or(|last| last.seq < end) {
            all.push(timeout(HEALED_WITHIN, feed.next()).await.expect("the follower gets there").unwrap().unwrap());
        }
        assert!(all.is_sorted_by(|one, next| one.seq < next.seq));
        let at = |seq: Seq| all.binary_search_by_key(&seq, |stored| stored.seq).map(|index| &all[index]);
        for (seq, payload) in &posts.acked {
            assert_eq!(at(*seq).expect("what was acknowledged is in the log").payload, payload.as_bytes());
        }
        for seq in kicks {
            assert!(at(seq).is_ok(), "commit {seq} is in the log");
        }
        let mut allowed: HashSet<String> = posts.acked.iter().map(|(_, payload)| payload.clone()).collect();
        allowed.extend(posts.unsettled);
        let mut fence = Seq::ZERO;
        for stored in &all {
            match stored.subject {
                voxlog_core::log::Subject::Fence => fence = stored.seq,
                voxlog_core::log::Subject::Chain(Chain::Room(_, Class::Msg)) => {
                    let payload = std::str::from_utf8(&stored.payload).unwrap();
                    assert!(allowed.remove(payload), "{payload} stands once, and was not refused");
                    assert_eq!(payload.split_once(' ').unwrap().0, fence.to_string());
                }
                voxlog_core::log::Subject::Chain(_) => {}
            }
        }
    }
}

async fn post(log: Arc<dyn Log>, room: RoomId, stop: Arc<AtomicBool>) -> Outcomes {
    let (mut outcomes, mut fence, mut count) = (Outcomes::default(), Seq::ZERO, 0_u64);
    while !stop.load(SeqCst) {
        let chain = Chain::Room(room, Class::Msg);
        let payloads: Vec<String> = (0..8).map(|index| format!("{fence} {}", count + index)).collect();
        count += 8;
        let appends = payloads.iter().map(|payload| {
            let record = Record { id: EventId::mint(&SystemClock), chain, payload: payload.clone().into(), ttl: None };
            log.append(record, fence)
        });
        for (answer, payload) in futures_util::future::join_all(appends).await.into_iter().zip(&payloads) {
            match answer {
                Ok(appended) => outcomes.acked.push((appended.seq, payload.clone())),
                Err(AppendError::Conflict { seen, unsettled }) => {
                    fence = fence.max(seen);
                    outcomes.unsettled.extend(unsettled.then(|| payload.clone()));
                }
                Err(AppendError::Unknown(_)) => drop(outcomes.unsettled.insert(payload.clone())),
                Err(AppendError::Refused(_)) => {}
            }
        }
    }
    outcomes
}

async fn kick(log: Arc<dyn Log>, room: RoomId, stop: Arc<AtomicBool>) -> Vec<Seq> {
    let chain = Chain::Room(room, Class::Ctl);
    let (mut last, mut acked) = (Seq::ZERO, Vec::new());
    while !stop.load(SeqCst) {
        let record = Record { id: EventId::mint(&SystemClock), chain, payload: "kick".into(), ttl: None };
        match log.commit(Commit { records: vec![record], guard: Guard::Chain(last), marker: Some(room) }).await {
            Ok(appended) => {
                last = appended.seq;
                acked.push(last);
            }
            Err(AppendError::Conflict { seen, .. }) => last = seen,
            Err(_) => {}
        }
        sleep(Duration::from_millis(3)).await;
    }
    acked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_only_server_is_killed() {
    let mut server = servers::own_nats().await;
    let (urls, config) = ([server.url()], config(1));
    let (log, other) = (node(&urls, &config).await, node(&urls, &config).await);
    let load = Load::start(&log, &other);
    let feed = log.follow(log.partitions().of(load.room.as_uuid()), Seq::ZERO);
    load.grows().await;
    for _ in 0..3 {
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        load.grows().await;
    }
    load.holds(feed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_servers_of_a_cluster_are_killed() {
    let mut cluster = servers::own_nats_cluster().await;
    let urls: Vec<String> = cluster.iter().map(voxlog::embedded::NatsServer::url).collect();
    let config = config(3);
    let (log, other) = (node(&urls, &config).await, node(&urls, &config).await);
    let load = Load::start(&log, &other);
    let feed = log.follow(log.partitions().of(load.room.as_uuid()), Seq::ZERO);
    load.grows().await;
    for server in &mut cluster {
        server.kill().await.unwrap();
        load.grows().await;
        server.restart().await.unwrap();
        load.grows().await;
    }
    load.holds(feed).await;
}
