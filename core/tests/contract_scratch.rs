//! scratch
use std::{sync::Arc, time::{Duration, Instant}};
use voxlog_core::{log::*, position::*};
use futures_util::StreamExt;

fn ns() -> Namespace { Namespace::new(format!("t{:x}", std::process::id() as u128 * 1000 + Instant::now().elapsed().as_nanos())).unwrap() }

async fn nodes(count: usize, replicas: u8) -> Vec<Arc<dyn Log>> {
    let url = std::env::var("NATS_URL").unwrap();
    let urls: Vec<&str> = url.split(',').collect();
    let mut config = LogConfig::new(ns(), Partitions::new(3).unwrap());
    config.replicas = replicas;
    let mut nodes: Vec<Arc<dyn Log>> = vec![];
    for i in 0..count {
        let client = connect(urls[i % urls.len()], "scratch", None).await.unwrap();
        let begun = Instant::now();
        nodes.push(Arc::new(NatsLog::open(client, config.clone()).await.unwrap()));
        eprintln!("open {i}: {:?}", begun.elapsed());
    }
    nodes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contract_runs() {
    let replicas = std::env::var("REPLICAS").map_or(1, |r| r.parse().unwrap());
    let nodes = nodes(4, replicas).await;
    let begun = Instant::now();
    contract::all(&nodes).await;
    eprintln!("contract: {:?}", begun.elapsed());
    let begun = Instant::now();
    contract::a_record_under_a_stale_fence_never_enters(&nodes, 400).await;
    eprintln!("race 400: {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speeds() {
    let replicas = std::env::var("REPLICAS").map_or(1, |r| r.parse().unwrap());
    let log = nodes(1, replicas).await.pop().unwrap();
    let room = voxlog_core::id::RoomId::mint(&voxlog_core::clock::SystemClock);
    let chain = Chain::Room(room, Class::Msg);
    let payload = bytes::Bytes::from(vec![b'x'; 400]);
    let n: usize = std::env::var("N").map_or(100_000, |n| n.parse().unwrap());
    let begun = Instant::now();
    let appends = futures_util::stream::iter((0..n).map(|_| {
        let (log, payload) = (log.clone(), payload.clone());
        async move { log.append(Record { id: voxlog_core::id::EventId::mint(&voxlog_core::clock::SystemClock), chain, payload, ttl: None }, Seq::ZERO).await.unwrap() }
    })).buffer_unordered(256);
    let count = appends.count().await;
    eprintln!("append {count}: {:.0}/s", count as f64 / begun.elapsed().as_secs_f64());
    let p = log.partitions().of(room.as_uuid());
    let begun = Instant::now();
    let mut chunks = log.follow(p, Seq::ZERO).ready_chunks(1000);
    let (mut got, mut batches) = (0, 0);
    while got < n { got += chunks.next().await.unwrap().len(); batches += 1; }
    eprintln!("follow {got} in {batches}: {:.0}/s", got as f64 / begun.elapsed().as_secs_f64());
    for before in [n, n / 2, n / 3, 60] {
        let begun = Instant::now();
        let page = log.read_before(chain, Seq(before as u64), 50).await.unwrap();
        eprintln!("page {} before {before}: {:?}", page.len(), begun.elapsed());
    }
    for _ in 0..3 {
    let begun = Instant::now();
    log.heads(room, Seq(n as u64)).await.unwrap();
    eprintln!("heads {:?}", begun.elapsed());
    let begun = Instant::now();
    let t = log.tail(p).await.unwrap();
    eprintln!("tail {t:?} {:?}", begun.elapsed());
    let begun = Instant::now();
    let r = log.read(chain, Seq(n as u64 / 2), 100, Seq(n as u64)).await.unwrap();
    eprintln!("read {} {:?}", r.len(), begun.elapsed());
    let begun = Instant::now();
    log.append(Record { id: voxlog_core::id::EventId::mint(&voxlog_core::clock::SystemClock), chain, payload: payload.clone(), ttl: None }, Seq::ZERO).await.unwrap();
    eprintln!("one append {:?}", begun.elapsed());
    }
    let _ = Duration::ZERO;
}
