//! What the log may have taken is never answered as if it had not.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Notify;
use voxlog_core::{
    clock::SystemClock,
    log::{AppendError, Appended, Log, NatsLog, ReadError, Record, Stored},
    position::{Chain, Seq},
};
use voxlog_tests::{
    altered::{Alter, Altered},
    client::{Client, Encoding, Gone, PATIENCE},
    fill::found_room,
    world::{World, user_id, whole_chain},
};

/// A log whose answer to an append is lost, and whose answer to the retry is a refusal by the fence.
#[derive(Debug)]
struct Forgetful {
    log: Arc<NatsLog>,
    /// From the first append on nothing can be read either.
    goes_silent: bool,
    silent: AtomicBool,
}

#[async_trait]
impl Alter for Forgetful {
    fn log(&self) -> &dyn Log {
        &*self.log
    }

    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        self.log.append(record, fence).await?;
        self.silent.store(self.goes_silent, Ordering::Relaxed);
        Err(AppendError::Conflict { seen: fence, unsettled: true })
    }

    async fn read(&self, chain: Chain, after: Seq, limit: usize, known: Seq) -> Result<Vec<Stored>, ReadError> {
        if self.silent.load(Ordering::Relaxed) {
            return Err(ReadError::Unavailable("silence".to_owned()));
        }
        self.log.read(chain, after, limit, known).await
    }
}

/// A log that keeps an append waiting until it is let go.
#[derive(Debug)]
struct Held {
    log: Arc<NatsLog>,
    waits: Notify,
    goes: Notify,
}

#[async_trait]
impl Alter for Held {
    fn log(&self) -> &dyn Log {
        &*self.log
    }

    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        self.waits.notify_one();
        self.goes.notified().await;
        self.log.append(record, fence).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_landed_without_an_answer_is_found_and_acknowledged() -> Result<()> {
    let world = World::on_one_server().await;
    let (log, author) = (world.log().await, user_id());
    let forgetful = Forgetful { log: log.clone(), goes_silent: false, silent: AtomicBool::new(false) };
    let gateway = world.gateway_on(Arc::new(Altered(forgetful)), |_| {}, Arc::new(SystemClock)).await;
    let room = found_room(&world, &gateway.ws_url(), author, &[]).await?;
    let mut client = Client::connect(&gateway.ws_url(), &world.token(author), Encoding::Json).await?;
    let ack = client.call("message.send", json!({ "room": room, "content": "once" })).await?;
    let stored = whole_chain(&*log, room).await?;
    assert_eq!(stored.iter().map(|stored| stored.seq.0).collect::<Vec<_>>(), [ack["seq"].as_u64().unwrap_or_default()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_found_out_has_an_unknown_outcome() -> Result<()> {
    let world = World::on_one_server().await;
    let (log, author) = (world.log().await, user_id());
    let forgetful = Forgetful { log: log.clone(), goes_silent: true, silent: AtomicBool::new(false) };
    let gateway = world.gateway_on(Arc::new(Altered(forgetful)), |_| {}, Arc::new(SystemClock)).await;
    let room = found_room(&world, &gateway.ws_url(), author, &[]).await?;
    let mut client = Client::connect(&gateway.ws_url(), &world.token(author), Encoding::Json).await?;
    let refused = client.call("message.send", json!({ "room": room, "content": "once" })).await.unwrap_err();
    assert_eq!(refused.code(), Some("outcome_unknown"), "it stands in the log");
    assert_eq!(whole_chain(&*log, room).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_under_way_is_finished_and_answered_while_the_node_goes() -> Result<()> {
    let world = World::on_one_server().await;
    let author = user_id();
    let log = Arc::new(Altered(Held { log: world.log().await, waits: Notify::new(), goes: Notify::new() }));
    let gateway = world.gateway_on(log.clone(), |_| {}, Arc::new(SystemClock)).await;
    let room = found_room(&world, &gateway.ws_url(), author, &[]).await?;
    let mut client = Client::connect(&gateway.ws_url(), &world.token(author), Encoding::Json).await?;
    let sent = client.send("message.send", json!({ "room": room, "content": "just in time" })).await?;
    log.0.waits.notified().await;
    let stopped = tokio::spawn(gateway.stop());
    client.next_of("closing", PATIENCE).await?;
    let late = client.call("message.send", json!({ "room": room, "content": "too late" })).await.unwrap_err();
    assert_eq!(late.code(), Some("unavailable"));
    log.0.goes.notify_one();
    let ack = client.answer(sent).await?;
    assert!(ack["seq"].is_u64(), "{ack}");
    assert_eq!(client.closed(PATIENCE).await, Gone::Closed(4000, "going_away".to_owned()));
    stopped.await?;
    Ok(())
}
