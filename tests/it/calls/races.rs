//! A kick that races a join: there is never a participant without a seat, whichever comes first.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::json;
use voxlog_core::{
    clock::SystemClock,
    event::Event,
    log::{AppendError, Appended, Commit, Guard, Log, NatsLog},
    position::{Chain, Class, Seq},
    room,
};
use voxlog_tests::{
    altered::{Alter, Altered},
    client::{CallError, Client, Encoding, PATIENCE},
    fill::found_room,
    world::{Node, World, user_id, whole_room},
};

use super::{folded, people, texts};

const ROUNDS: usize = 100;

/// Devices of the member that join at once: enough that one is likely to be on its way when the kick comes.
const DEVICES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_that_races_a_join_leaves_nobody_in_the_call_without_a_seat() -> Result<()> {
    for (world, rounds) in [(World::on_one_server().await, ROUNDS), (World::on_a_cluster().await, ROUNDS / 4)] {
        let (joining, kicking) = (world.gateway().await, world.gateway().await);
        let mut joined = 0;
        for round in 0..rounds {
            let played = play(&world, &joining, &kicking, round).await?;
            assert_eq!(played.strangers, Vec::<String>::new(), "round {round}");
            joined += played.joined;
        }
        println!("{joined} of {} joins came before the kick", rounds * DEVICES);
        assert!(joined > 0 && joined < rounds * DEVICES, "both come first now and then");
    }
    Ok(())
}

/// The check bites: with a log that ignores the fence of calls, somebody is in without a seat.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_fence_somebody_would_be_in_the_call_after_the_kick() -> Result<()> {
    let world = World::on_one_server().await;
    let unfenced = Arc::new(Altered(Unfenced(world.log().await)));
    let joining = world.gateway_on(unfenced, |_| {}, Arc::new(SystemClock)).await;
    let kicking = world.gateway().await;
    for round in 0..10 * ROUNDS {
        if !play(&world, &joining, &kicking, round).await?.strangers.is_empty() {
            return Ok(());
        }
    }
    panic!("a thousand rounds without the fence, and none was found out");
}

/// The answer to a commit is lost, and the next try is refused by the fence: both events are found.
#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_landed_without_an_answer_is_found_whole() -> Result<()> {
    let world = World::on_one_server().await;
    let (log, ada) = (world.log().await, user_id());
    let forgetful = Arc::new(Altered(Forgetful { log: log.clone(), forgets: AtomicBool::new(true) }));
    let node = world.gateway_on(forgetful, |_| {}, Arc::new(SystemClock)).await;
    let room = found_room(&world, &node.ws_url(), ada, &[]).await?;
    let mut client = Client::connect(&node.ws_url(), &world.token(ada), Encoding::Json).await?;
    let joined = client.call("voice.join", json!({ "room": room })).await?;
    assert_eq!(people(&joined["call"]), texts(&[ada]));
    let stored = whole_room(&*log, room).await?;
    assert_eq!(stored.len(), 3, "created, started, joined, each once: {stored:?}");
    assert_eq!(stored.last().map(|(seq, _)| *seq), joined["seq"].as_u64());
    Ok(())
}

/// A round as it was seen from outside.
struct Round {
    /// Devices that were told that they are in.
    joined: usize,
    /// Who was in the call without a seat, and where in the log.
    strangers: Vec<String>,
}

/// A member whose devices join at one gateway while the owner kicks them at the other.
async fn play(world: &World, joining: &Node, kicking: &Node, round: usize) -> Result<Round> {
    let encoding = if round.is_multiple_of(2) { Encoding::Json } else { Encoding::Msgpack };
    let (owner, member) = (user_id(), user_id());
    let room = found_room(world, &kicking.ws_url(), owner, &[member]).await?;
    let mut admin = Client::connect(&kicking.ws_url(), &world.token(owner), encoding).await?;
    admin.call("subscribe", json!({ "room": room })).await?;
    let mut devices = Vec::new();
    for _ in 0..DEVICES {
        devices.push(Client::connect(&joining.ws_url(), &world.token(member), encoding).await?);
    }
    let kick = async {
        // Before the first is in, or somewhere among them: a call's beginning is an event too.
        for _ in 0..round % (DEVICES + 1) {
            admin.next_event(PATIENCE).await?;
        }
        admin.call("room.kick", json!({ "room": room, "userId": member })).await?;
        Ok::<_, anyhow::Error>(())
    };
    let joins = join_all(devices.iter_mut().map(|device| device.call("voice.join", json!({ "room": room }))));
    let (kicked, joins) = tokio::join!(kick, joins);
    kicked?;
    for join in &joins {
        match join {
            // In, and out again before they could be told, is a conflict.
            Err(CallError::Refused(refused)) => {
                assert!(["not_a_member", "conflict"].contains(&refused.code.as_str()), "{refused}");
            }
            Err(CallError::Gone(gone)) => return Err(gone.clone().into()),
            Ok(_) => {}
        }
    }
    let (mut strangers, mut kicked_at) = (Vec::new(), None);
    folded(&*world.log().await, room, |seq, event, folded| {
        if let Event::Room(room::Event::Kicked { .. }) = event {
            kicked_at = Some(seq);
        }
        for participant in folded.call.ongoing().iter().flat_map(|call| &call.participants) {
            if folded.room.role(participant.user_id).is_none() {
                strangers.push(format!("{participant:?} at {seq}, kicked at {kicked_at:?}"));
            }
        }
    })
    .await?;
    assert!(kicked_at.is_some());
    Ok(Round { joined: joins.iter().filter(|join| join.is_ok()).count(), strangers })
}

/// A log that commits what is about calls under whatever fence stands at the moment, as if there were none.
#[derive(Debug)]
struct Unfenced(Arc<NatsLog>);

#[async_trait]
impl Alter for Unfenced {
    fn log(&self) -> &dyn Log {
        &*self.0
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        let Chain::Room(room, Class::Call) = commit.records[0].chain else { return self.0.commit(commit).await };
        loop {
            let tail = self.0.tail(self.0.partitions().of(room.as_uuid())).await;
            let fence = tail.map_err(|error| AppendError::Refused(error.to_string()))?.fence;
            match self.0.commit(Commit { guard: Guard::Fence(fence), ..commit.clone() }).await {
                Err(AppendError::Conflict { .. }) => {}
                outcome => return outcome,
            }
        }
    }
}

/// A log whose first answer about a call is lost, and whose answer to the retry is a refusal by the fence.
#[derive(Debug)]
struct Forgetful {
    log: Arc<NatsLog>,
    forgets: AtomicBool,
}

#[async_trait]
impl Alter for Forgetful {
    fn log(&self) -> &dyn Log {
        &*self.log
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        let (is_call, behind) = (matches!(commit.records[0].chain, Chain::Room(_, Class::Call)), commit.records.len());
        let appended = self.log.commit(commit).await?;
        if is_call && self.forgets.swap(false, Ordering::Relaxed) {
            let seen = Seq(appended.seq.0 + behind as u64);
            return Err(AppendError::Conflict { seen, unsettled: true });
        }
        Ok(appended)
    }
}
