//! What concerns a user reaches every socket that they have, on whatever gateway, and nobody else's.

use anyhow::Result;
use serde_json::{Value, json};
use voxlog_core::{
    clock::{Clock, SystemClock},
    envelope::{Envelope, Header},
    event::Subject,
    id::{CorrelationId, EventId, RoomId, SessionId, UserId},
    log::{Commit, Guard, Log, Record},
    position::{Chain, Seq},
    user,
};
use voxlog_tests::{
    client::{CallError, Client, Encoding, PATIENCE},
    fill::found_room,
    world::{Node, World, user_id},
};

/// Two gateways: things are done at one and heard of at the other.
struct Stage {
    world: World,
    here: Node,
    there: Node,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_what_one_is_in_a_room_comes_wherever_it_happens() -> Result<()> {
    for encoding in [Encoding::Json, Encoding::Msgpack] {
        let stage = Stage::new().await;
        let (ann, bob) = (user_id(), user_id());
        let mut listening = stage.listens(bob, encoding).await?;
        let room = found_room(&stage.world, &stage.there.ws_url(), ann, &[bob]).await?;
        let mut admin = stage.acts(ann).await?;
        let whom = |more: Value| {
            let mut fields = json!({ "room": room, "userId": bob });
            fields.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            fields
        };
        admin.call("room.role", whom(json!({ "role": "admin" }))).await?;
        admin.call("room.role", whom(json!({ "role": "member" }))).await?;
        admin.call("room.mute", whom(json!({}))).await?;
        admin.call("room.unmute", whom(json!({}))).await?;
        admin.call("room.kick", whom(json!({ "reason": "go" }))).await?;
        let banned = admin.call("room.ban", whom(json!({}))).await?;

        let mut last = Value::Null;
        for kind in ["joined", "roleChanged", "roleChanged", "muted", "unmuted", "kicked", "banned"] {
            last = listening.next_of("user", PATIENCE).await?;
            assert_eq!(last["event"]["type"], format!("voxlog.member.{kind}.v1"), "{last}");
            assert_eq!((&last["room"], &last["class"]), (&json!(room), &json!("ctl")));
            assert_eq!(last["event"]["data"]["userId"], json!(bob));
        }
        assert_eq!(last["seq"], banned["seq"], "it stands where the log has it");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hands_a_room_over_hears_of_it_as_the_heir_does() -> Result<()> {
    let stage = Stage::new().await;
    let (ann, bob) = (user_id(), user_id());
    let room = found_room(&stage.world, &stage.there.ws_url(), ann, &[bob]).await?;
    let (mut former, mut heir) = (stage.listens(ann, Encoding::Json).await?, stage.listens(bob, Encoding::Json).await?);
    stage.acts(ann).await?.call("room.role", json!({ "room": room, "userId": bob, "role": "owner" })).await?;
    for client in [&mut former, &mut heir] {
        let notice = client.next_of("user", PATIENCE).await?;
        assert_eq!(notice["event"]["data"]["formerOwnerId"], json!(ann), "{notice}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_mentioned_is_told_and_nobody_else() -> Result<()> {
    let stage = Stage::new().await;
    let (ann, bob, carol) = (user_id(), user_id(), user_id());
    let room = found_room(&stage.world, &stage.there.ws_url(), ann, &[bob, carol]).await?;
    let mut mentioned = stage.listens(bob, Encoding::Json).await?;
    let mut others = [stage.listens(ann, Encoding::Json).await?, stage.listens(carol, Encoding::Json).await?];

    let mut author = stage.acts(ann).await?;
    let hello = json!({ "room": room, "content": "\"mentions\":[ hello everybody" });
    author.call("message.send", hello).await?;
    let posted = author.call("message.send", json!({ "room": room, "content": format!("<@{bob}>!") })).await?;
    let edit = json!({ "room": room, "messageId": posted["messageId"], "content": format!("<@{bob}>?") });
    let edited = author.call("message.edit", edit).await?;
    for (kind, ack, content) in [("posted", &posted, format!("<@{bob}>!")), ("edited", &edited, format!("<@{bob}>?"))] {
        let notice = mentioned.next_of("user", PATIENCE).await?;
        assert_eq!(notice["event"]["type"], format!("voxlog.message.{kind}.v1"), "{notice}");
        assert_eq!((&notice["room"], &notice["class"], &notice["seq"]), (&json!(room), &json!("msg"), &ack["seq"]));
        assert_eq!(notice["event"]["data"]["content"], content);
    }
    // What comes first to the others is what comes now: nothing came before.
    stage.acts(carol).await?.call("message.send", json!({ "room": room, "content": format!("<@{ann}>") })).await?;
    author.call("message.send", json!({ "room": room, "content": format!("<@{carol}>") })).await?;
    for (client, user) in others.iter_mut().zip([ann, carol]) {
        let first = client.next_of("user", PATIENCE).await?;
        assert_eq!(first["event"]["data"]["mentions"], json!([user]), "{first}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_has_read_shows_on_ones_other_devices() -> Result<()> {
    let stage = Stage::new().await;
    let (ann, bob) = (user_id(), user_id());
    let room = found_room(&stage.world, &stage.there.ws_url(), ann, &[bob]).await?;
    let (mut bobs_other, mut anns) =
        (stage.listens(bob, Encoding::Json).await?, stage.listens(ann, Encoding::Json).await?);
    let mut author = stage.acts(ann).await?;
    let mut seqs = Vec::new();
    for _ in 0..3 {
        let posted = author.call("message.send", json!({ "room": room, "content": "hello" })).await?;
        seqs.push(posted["seq"].as_u64().expect("an ack has its seq"));
    }
    let mut reader = stage.acts(bob).await?;
    for seq in [seqs[1], seqs[1], seqs[0], 0, seqs[2]] {
        mark(&mut reader, room, seq).await?;
    }
    for seq in [seqs[1], seqs[2]] {
        let notice = bobs_other.next_of("user", PATIENCE).await?;
        assert_eq!(notice["event"]["type"], "voxlog.read.marked.v1", "{notice}");
        assert!(notice.get("room").is_none() && notice["class"] == "ctl", "{notice}");
        assert_eq!(notice["event"]["data"], json!({ "userId": bob, "roomId": room, "seq": seq }));
    }
    assert_eq!(stage.markers(bob).await?, 2, "what is told already is not told again");
    mark(&mut author, room, seqs[0]).await?;
    let first = anns.next_of("user", PATIENCE).await?;
    assert_eq!(first["event"]["data"]["userId"], json!(ann), "what others read is their own: {first}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_chain_is_told_to_oneself_alone() -> Result<()> {
    let stage = Stage::new().await;
    let (ann, bob) = (user_id(), user_id());
    let (mut anns, mut bobs) =
        (stage.listens(ann, Encoding::Msgpack).await?, stage.listens(bob, Encoding::Msgpack).await?);
    let session_id = SessionId::mint(&SystemClock);
    for user_id in [bob, ann] {
        stage.tell(user_id, user::Event::SessionRevoked { user_id, session_id }).await?;
    }
    for (client, user) in [(&mut anns, ann), (&mut bobs, bob)] {
        let first = client.next_of("user", PATIENCE).await?;
        assert_eq!(first["event"]["type"], "voxlog.session.revoked.v1");
        assert_eq!(first["event"]["data"], json!({ "userId": user, "sessionId": session_id }));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_marks_what_is_not_there_or_not_theirs_to_read() -> Result<()> {
    let stage = Stage::new().await;
    let (ann, bob, stranger) = (user_id(), user_id(), user_id());
    let room = found_room(&stage.world, &stage.there.ws_url(), ann, &[bob]).await?;
    let mut author = stage.acts(ann).await?;
    let posted = author.call("message.send", json!({ "room": room, "content": "hello" })).await?;
    let seq = posted["seq"].as_u64().expect("an ack has its seq");
    let code = async |client: &mut Client, room, seq| match mark(client, room, seq).await {
        Err(CallError::Refused(error)) => error.code,
        other => panic!("not refused: {other:?}"),
    };
    let mut reader = stage.listens(bob, Encoding::Json).await?;
    assert_eq!(code(&mut reader, room, seq + 1).await, "invalid");
    assert_eq!(code(&mut reader, room, Seq::MAX.0).await, "invalid");
    mark(&mut reader, room, seq).await?;
    let mut outside = stage.listens(stranger, Encoding::Json).await?;
    for seq in [0, seq, Seq::MAX.0] {
        assert_eq!(code(&mut outside, room, seq).await, "not_a_member");
    }
    author.call("room.kick", json!({ "room": room, "userId": bob })).await?;
    assert_eq!(code(&mut reader, room, seq).await, "not_a_member");
    assert_eq!((stage.markers(bob).await?, stage.markers(stranger).await?), (1, 0), "nothing was stored");
    Ok(())
}

async fn mark(client: &mut Client, room: RoomId, seq: u64) -> Result<Value, CallError> {
    client.call("read.mark", json!({ "room": room, "seq": seq })).await
}

impl Stage {
    async fn new() -> Self {
        let world = World::on_one_server().await;
        let (here, there) = (world.gateway().await, world.gateway().await);
        Self { world, here, there }
    }

    /// A socket at the gateway where nothing is done. It subscribes to nothing.
    async fn listens(&self, user: UserId, encoding: Encoding) -> Result<Client> {
        Client::connect(&self.here.ws_url(), &self.world.token(user), encoding).await
    }

    async fn acts(&self, user: UserId) -> Result<Client> {
        Client::connect(&self.there.ws_url(), &self.world.token(user), Encoding::Json).await
    }

    /// Puts a fact on a user's chain, as identity does.
    async fn tell(&self, user: UserId, event: user::Event) -> Result<()> {
        let (log, id, chain) = (self.world.log().await, EventId::mint(&SystemClock), Chain::User(user));
        let envelope = Envelope {
            id,
            subject: Subject::User(user),
            time: SystemClock.now(),
            actor: user,
            correlation: CorrelationId::mint(&SystemClock),
            causation: None,
            event: event.into(),
        };
        let record = Record { id, chain, payload: envelope.encode(), ttl: None };
        log.commit(Commit { records: vec![record], guard: Guard::Chain(Seq::ZERO), marker: None }).await?;
        Ok(())
    }

    /// How many markers stand on a user's chain.
    async fn markers(&self, user: UserId) -> Result<usize> {
        let chain = self.world.log().await.read(Chain::User(user), Seq::ZERO, 1000, Seq::ZERO).await?;
        let kinds = chain.iter().map(|stored| Header::read(&stored.payload).map(|header| header.kind.into_owned()));
        let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        Ok(kinds.iter().filter(|kind| *kind == "voxlog.read.marked.v1").count())
    }
}
