//! What takes a right away takes it at a point in the log, on all gateways at once.
//!
//! A member sends as fast as the answers come, over several sockets of one gateway, while an admin takes their right
//! through another. Then the log is read: no message of theirs stands after the event that took the right, every refused
//! send was refused for that reason, and every acknowledged one stands there once, in the order in which its socket sent.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use anyhow::Result;
use async_trait::async_trait;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::sync::Notify;
use voxlog_core::{
    clock::SystemClock,
    envelope::Envelope,
    event::Event,
    id::{MessageId, RoomId, UserId},
    log::{AppendError, Appended, Log, NatsLog, ReadError, Record, Stored},
    message,
    position::{Chain, Heads, Seq},
};
use voxlog_tests::{
    altered::{Alter, Altered},
    client::{CallError, Client, Encoding, PATIENCE},
    fill::found_room,
    world::{Node, World, user_id, whole_chain},
};

/// Sends on their way at once over one socket: enough that none ever waits for its client.
const WINDOW: usize = 4;

/// A socket has one command about a room under way at a time. Several of them make it likely that one stands between
/// its decision and its append when the right is taken.
const SOCKETS: usize = 6;

const ROUNDS: usize = 100;

/// How a member loses the right to write.
#[derive(Clone, Copy)]
struct Loss {
    /// What the admin asks for.
    op: &'static str,
    /// Whether that names the member, and not the room alone.
    names_member: bool,
    /// What a send is refused with afterwards.
    code: &'static str,
}

const KICK: Loss = Loss { op: "room.kick", names_member: true, code: "not_a_member" };
const BAN: Loss = Loss { op: "room.ban", names_member: true, code: "banned" };
const MUTE: Loss = Loss { op: "room.mute", names_member: true, code: "muted" };
const ARCHIVE: Loss = Loss { op: "room.archive", names_member: false, code: "room_archived" };

/// What one send came to.
struct Send {
    message: MessageId,
    outcome: Result<Seq, String>,
}

/// One round as it was seen from outside.
struct Round {
    room: RoomId,
    member: UserId,
    lost_at: Seq,
    /// Of each socket, in the order in which it sent.
    sends: Vec<Vec<Send>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_takes_effect_at_a_point_in_the_log() -> Result<()> {
    rounds_hold(&World::on_one_server().await, KICK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_takes_effect_at_a_point_in_a_replicated_log() -> Result<()> {
    rounds_hold(&World::on_a_cluster().await, KICK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn so_do_a_mute_a_ban_and_an_archiving() -> Result<()> {
    let world = World::on_one_server().await;
    for loss in [MUTE, BAN, ARCHIVE] {
        rounds_hold(&world, loss).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn so_do_a_mute_a_ban_and_an_archiving_in_a_replicated_log() -> Result<()> {
    let world = World::on_a_cluster().await;
    for loss in [MUTE, BAN, ARCHIVE] {
        rounds_hold(&world, loss).await?;
    }
    Ok(())
}

/// The check bites: with a log that ignores the fence, the same rounds let a message through.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_fence_a_message_stands_after_the_kick() -> Result<()> {
    let world = World::on_one_server().await;
    let log = world.log().await;
    let unfenced = Arc::new(Altered(Unfenced(log.clone())));
    let sending = world.gateway_on(unfenced, |_| {}, Arc::new(SystemClock)).await;
    let moderating = world.gateway().await;
    for round in 0..1000 {
        if !violations(&*log, &play(&world, &sending, &moderating, KICK, round).await?).await?.is_empty() {
            return Ok(());
        }
    }
    panic!("a thousand rounds without the fence, and none was found out");
}

/// A room comes into memory while the kick lands: its heads tell of the kick already, its chain does not yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_opens_while_a_kick_lands_knows_of_the_kick() -> Result<()> {
    let world = World::on_one_server().await;
    let lagging = Lagging { log: world.log().await, asked: Notify::new(), answers: Notify::new() };
    let lagging = Arc::new(Altered(lagging));
    let (moderating, owner, member) = (world.gateway().await, user_id(), user_id());
    let room = found_room(&world, &moderating.ws_url(), owner, &[member]).await?;
    let opening = world.gateway_on(lagging.clone(), |_| {}, Arc::new(SystemClock)).await;
    let mut sender = Client::connect(&opening.ws_url(), &world.token(member), Encoding::Json).await?;
    let mut admin = Client::connect(&moderating.ws_url(), &world.token(owner), Encoding::Json).await?;
    let sent = sender.send("message.send", json!({ "room": room, "content": "am I in?" })).await?;
    lagging.0.asked.notified().await;
    admin.call("room.kick", json!({ "room": room, "userId": member })).await?;
    lagging.0.answers.notify_one();
    assert_eq!(sender.answer(sent).await.expect_err("they were kicked").code(), Some("not_a_member"));
    Ok(())
}

async fn rounds_hold(world: &World, loss: Loss) -> Result<()> {
    let (sending, moderating, log) = (world.gateway().await, world.gateway().await, world.log().await);
    for number in 0..ROUNDS {
        let round = play(world, &sending, &moderating, loss, number).await?;
        assert_eq!(violations(&*log, &round).await?, Vec::<String>::new(), "round {number} of {}", loss.op);
        let refused: Vec<_> = round.sends.iter().flatten().filter_map(|send| send.outcome.as_ref().err()).collect();
        assert!(!refused.is_empty() && refused.iter().all(|code| *code == loss.code), "{refused:?} of {}", loss.op);
    }
    Ok(())
}

/// A room, a member who sends until refused, and an admin who takes the right away meanwhile.
async fn play(world: &World, sending: &Node, moderating: &Node, loss: Loss, number: usize) -> Result<Round> {
    let (owner, member) = (user_id(), user_id());
    let room = found_room(world, &moderating.ws_url(), owner, &[member]).await?;
    let mut admin = Client::connect(&moderating.ws_url(), &world.token(owner), Encoding::Json).await?;
    let mut senders = Vec::new();
    for socket in 0..SOCKETS {
        senders.push(Client::connect(&sending.ws_url(), &world.token(member), encoding(number + socket)).await?);
    }
    admin.call("subscribe", json!({ "room": room })).await?;
    let taking = async {
        // In the middle of the stream of messages, not before it.
        for _ in 0..5 + number % 20 {
            admin.next_event(PATIENCE).await?;
        }
        let whom = if loss.names_member { json!({ "room": room, "userId": member }) } else { json!({ "room": room }) };
        Ok(admin.call(loss.op, whom).await?)
    };
    let sending = try_join_all(senders.iter_mut().map(|sender| send_until_refused(sender, room)));
    let (sends, taken) = tokio::try_join!(sending, taking)?;
    Ok(Round { room, member, lost_at: serde_json::from_value(taken["seq"].clone())?, sends })
}

async fn send_until_refused(sender: &mut Client, room: RoomId) -> Result<Vec<Send>> {
    let (mut under_way, mut sends, mut refused) = (VecDeque::new(), Vec::new(), false);
    loop {
        while !refused && under_way.len() < WINDOW {
            let message = MessageId::mint(&SystemClock);
            let body = json!({ "room": room, "content": "hello", "messageId": message });
            under_way.push_back((sender.send("message.send", body).await?, message));
        }
        let Some((id, message)) = under_way.pop_front() else { return Ok(sends) };
        let outcome = match sender.answer(id).await {
            Ok(ack) => Ok(serde_json::from_value(ack["seq"].clone())?),
            Err(CallError::Refused(error)) => Err(error.code),
            Err(CallError::Gone(gone)) => return Err(gone.into()),
        };
        refused |= outcome.is_err();
        sends.push(Send { message, outcome });
    }
}

/// What the log has that it must not have, or has not that it must have.
async fn violations(log: &dyn Log, round: &Round) -> Result<Vec<String>> {
    let (mut places, mut found) = (HashMap::<MessageId, Vec<Seq>>::new(), Vec::new());
    for stored in whole_chain(log, round.room).await? {
        let envelope = Envelope::decode(&stored.payload)?;
        if envelope.actor == round.member
            && let Event::Message(message::Event::Posted { message_id, .. }) = envelope.event
        {
            places.entry(message_id).or_default().push(stored.seq);
            if stored.seq > round.lost_at {
                found.push(format!("{message_id} stands at {}, the right was lost at {}", stored.seq, round.lost_at));
            }
        }
    }
    for sends in &round.sends {
        let mut last = Seq::ZERO;
        for Send { message, outcome } in sends {
            match (outcome, places.remove(message).as_deref()) {
                (Ok(acked), Some([seq])) if acked == seq && *seq > last => last = *seq,
                (Err(_), None) => {}
                (outcome, places) => found.push(format!("{message}: answered {outcome:?}, stands at {places:?}")),
            }
        }
    }
    found.extend(places.into_keys().map(|message| format!("{message} was never sent")));
    Ok(found)
}

fn encoding(number: usize) -> Encoding {
    if number.is_multiple_of(2) { Encoding::Json } else { Encoding::Msgpack }
}

/// A log that appends under whatever fence stands at the moment, as if there were none.
#[derive(Debug)]
struct Unfenced(Arc<NatsLog>);

#[async_trait]
impl Alter for Unfenced {
    fn log(&self) -> &dyn Log {
        &*self.0
    }

    async fn append(&self, record: Record, _fence: Seq) -> Result<Appended, AppendError> {
        loop {
            let tail = self.0.tail(self.0.partitions().of(record.chain.owner())).await;
            let fence = tail.map_err(|error| AppendError::Refused(error.to_string()))?.fence;
            match self.0.append(record.clone(), fence).await {
                Err(AppendError::Conflict { .. }) => {}
                outcome => return outcome,
            }
        }
    }
}

/// A log that answers from a replica which has no more than it must, and tells heads when it is let go.
#[derive(Debug)]
struct Lagging {
    log: Arc<NatsLog>,
    asked: Notify,
    answers: Notify,
}

#[async_trait]
impl Alter for Lagging {
    fn log(&self) -> &dyn Log {
        &*self.log
    }

    async fn read(&self, chain: Chain, after: Seq, limit: usize, known: Seq) -> Result<Vec<Stored>, ReadError> {
        let mut records = self.log.read(chain, after, limit, known).await?;
        records.retain(|stored| stored.seq <= known);
        Ok(records)
    }

    async fn heads(&self, room: RoomId, known: Seq) -> Result<Heads, ReadError> {
        self.asked.notify_one();
        self.answers.notified().await;
        self.log.heads(room, known).await
    }
}
