//! What is appended under a partition's fence gets into the log, however much others on the same node move it.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::time::sleep;
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId, UserId},
    log::{AppendError, Appended, Commit, Guard, Log, MemoryLog, Record},
    message::{self, Draft, Kind},
    position::{Partitions, Seq},
    room::{self, Changes, Settings},
};
use voxlog_gateway::{
    config::Config,
    error::{Code, Failure},
    hub::{Done, Hub},
};
use voxlog_tests::{
    alone::{Alone, a_room},
    altered::{Alter, Altered},
    world::user_id,
};

/// Rooms that change all the time: more than a node lets change at once.
const RESTLESS: usize = 24;

/// A log to which the one way is longer than the other, so that the fence always moves before what rests on it comes.
#[derive(Debug)]
struct Uneven(MemoryLog);

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_millis(10);

#[async_trait]
impl Alter for Uneven {
    fn log(&self) -> &dyn Log {
        &self.0
    }

    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        sleep(LONG).await;
        self.0.append(record, fence).await
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        sleep(if matches!(commit.guard, Guard::Fence(_)) { LONG } else { SHORT }).await;
        self.0.commit(commit).await
    }
}

/// Two people in a room, on a node where others are restless.
struct Stage {
    hub: Arc<Hub>,
    owner: UserId,
    member: UserId,
    room: RoomId,
    _alone: Alone,
}

#[tokio::test(start_paused = true)]
async fn a_message_gets_through() -> Result<()> {
    let stage = Stage::new().await?;
    let posted = stage.amid_changes(stage.post(stage.owner)).await;
    assert!(posted.is_ok(), "{posted:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_in_slow_mode_gets_through_and_the_next_one_waits() -> Result<()> {
    let stage = Stage::new().await?;
    let posted = stage.amid_changes(stage.post(stage.member)).await;
    assert!(posted.is_ok(), "{posted:?}");
    assert_eq!(stage.amid_changes(stage.post(stage.member)).await.map_err(|refused| refused.code), Err(Code::SlowMode));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deletion_gets_through() -> Result<()> {
    let stage = Stage::new().await?;
    let id = MessageId::mint(&SystemClock);
    stage.message(stage.member, id, post(id)).await.expect("a member may");
    let deleted = stage.amid_changes(stage.message(stage.member, id, message::Command::Delete)).await;
    assert!(deleted.is_ok(), "{deleted:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_read_marker_gets_through() -> Result<()> {
    let stage = Stage::new().await?;
    let posted = stage.post(stage.owner).await.expect("the owner may");
    let marked = stage.amid_changes(stage.hub.mark_read(stage.member, stage.room, posted.position.seq)).await;
    assert!(marked.is_ok(), "{marked:?}");
    Ok(())
}

impl Stage {
    async fn new() -> Result<Self> {
        // One partition: whatever moves the fence is in everybody's way.
        let log = Altered(Uneven(MemoryLog::new(Partitions::new(1).expect("one"))));
        let alone = Alone::on(Arc::new(log), Config::with_key("")).await?;
        let (hub, owner, member) = (Arc::clone(&alone.hub), user_id(), user_id());
        let slow = Settings { is_public: true, slow_mode_s: 600, ..Settings::default() };
        let room = hub.create_room(owner, a_room(slow)).await.expect("a room").room;
        hub.room_command(member, room, room::Command::Join { code: None }).await.expect("a public room");
        Ok(Self { hub, owner, member, room, _alone: alone })
    }

    /// What comes of something that is done while other rooms change without end.
    async fn amid_changes<T>(&self, deed: impl Future<Output = T>) -> T {
        let restless = (0..RESTLESS).map(|_| async {
            let room = self.hub.create_room(self.owner, a_room(Settings::default())).await.expect("a room").room;
            for number in 0.. {
                let name = Some(format!("Room {number}"));
                let rename = room::Command::Update(Changes { name, ..Changes::default() });
                self.hub.room_command(self.owner, room, rename).await.expect("a room changes for all that");
            }
        });
        tokio::select! {
            _ = join_all(restless) => unreachable!("they never rest"),
            done = deed => done,
        }
    }

    async fn post(&self, author: UserId) -> Result<Done, Failure> {
        let id = MessageId::mint(&SystemClock);
        self.message(author, id, post(id)).await
    }

    async fn message(&self, by: UserId, id: MessageId, command: message::Command) -> Result<Done, Failure> {
        self.hub.message_command(by, self.room, id, command).await
    }
}

fn post(id: MessageId) -> message::Command {
    let content = "hello".to_owned();
    message::Command::Post(Draft { id, content, kind: Kind::Text, reply_to: None, thread_root: None })
}
