//! The end of a user, after that of their account: out of all rooms, out of the read models, out of the log.
//!
//! Each step may be done again from its beginning, so it may be interrupted anywhere; identity keeps how far it is
//! ([`identity::erasing`](crate::identity::erasing)) and gives it to any gateway that asks. The order matters: who has
//! left a room can't write in it any more, on no gateway, since their leaving moves the fence. So what the log has of them
//! when they are in no room is all that there will be. Only then it is told that they are gone, whereupon read models and
//! rings let go of what they wrote, and a moment later it leaves the log.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use voxlog_core::{
    decider::Asker,
    id::{RoomId, UserId},
    log::{Log, ReadError},
    position::Position,
    room::{Command, Role},
};
use voxlog_projections::{ReadModel, members};

use crate::{
    error::{Code, Failure},
    hub::Hub,
    identity::{
        Identity,
        erasing::{Stage, Task},
    },
};

mod scan;

/// How often it is asked whether something is to be done.
const POLL: Duration = Duration::from_millis(500);

/// How long the read models may take to be as far as the log before it is tried again.
const READ_PATIENCE: Duration = Duration::from_secs(5);

/// Rooms that are left one after the other before it is looked again which are left.
const ROOMS: usize = 500;

/// Carries out what those who want to be gone have asked for.
#[derive(Debug)]
pub(crate) struct Eraser {
    pub(crate) identity: Arc<Identity>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) read: ReadModel,
}

/// Why a step was not carried out. It is tried again.
#[derive(Debug, thiserror::Error)]
enum Undone {
    #[error("{0:?}")]
    Refused(Failure),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("the read models do not answer: {0}")]
    Read(#[from] sqlx::Error),
    #[error("the read models are behind the log")]
    Behind,
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

impl Eraser {
    /// Until `shutdown`. May be dropped at any point.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.work()).await;
    }

    async fn work(&self) {
        self.identity.prepared().await;
        let mut informed = false;
        loop {
            // What the log told before this node began to follow it.
            if !informed && let Ok(users) = self.identity.being_erased().await {
                for user in users {
                    self.hub.forget(user);
                }
                informed = true;
            }
            match self.identity.due_erasure().await {
                Ok(Some(task)) => {
                    if let Err(error) = self.go_on(&task).await {
                        tracing::warn!(user.id = %task.user, stage = ?task.stage, %error, "an erasure waits");
                    }
                }
                // With PostgreSQL away there is nothing to be told that others don't tell.
                Ok(None) | Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    async fn go_on(&self, task: &Task) -> Result<(), Undone> {
        match task.stage {
            Stage::Leaving => {
                self.leave_all(task.user).await?;
                self.identity.has_left(task.user).await?;
            }
            // Due again when the lease ends: what identity has to tell comes before what is taken out.
            Stage::Deleting if !self.identity.has_told_all(task.user).await? => {}
            Stage::Deleting => {
                self.delete(task).await?;
                self.identity.has_deleted(task).await?;
                tracing::info!(user.id = %task.user, "a user was erased");
            }
            Stage::Watching => {
                self.leave_all(task.user).await?;
                self.delete(task).await?;
                self.identity.has_erased(task.user).await?;
            }
            Stage::Done => {}
        }
        Ok(())
    }

    /// Afterwards they were in no room at some moment after this was called.
    async fn leave_all(&self, user: UserId) -> Result<(), Undone> {
        loop {
            self.catch_up().await?;
            let rooms = members::rooms_with(&self.read, user, ROOMS).await?;
            if rooms.is_empty() {
                return Ok(());
            }
            for room in rooms {
                self.leave(user, room).await?;
            }
        }
    }

    /// What is asked of the read models next is as new as the log is now.
    async fn catch_up(&self) -> Result<(), Undone> {
        for partition in self.log.partitions().all() {
            let seq = self.log.tail(partition).await?.last;
            let reached = self.read.wait_for(Position { partition, seq }, READ_PATIENCE).await;
            reached.map_err(|_| Undone::Behind)?;
        }
        Ok(())
    }

    /// An owner was made so after they had asked to be gone, or had opened a room at that moment.
    async fn leave(&self, user: UserId, room: RoomId) -> Result<(), Undone> {
        if self.hub.role(room, user).await? == Some(Role::Owner) && self.hub.is_open(room).await? {
            let instead = match members::heir(&self.read, room).await? {
                Some(heir) => Command::SetRole { user: heir, role: Role::Owner },
                None => Command::Archive,
            };
            self.hub.room_command(Asker::from(user), room, instead).await?;
        }
        match self.hub.room_command(Asker::from(user), room, Command::Leave).await {
            Err(failure) if !matches!(failure.code, Code::NotAMember | Code::Banned) => Err(failure.into()),
            _ => Ok(()),
        }
    }
}
