//! What has become due is done: a call in which nothing has happened for too long is ended.
//!
//! Each thing is given to one of all processes that run this, and to another one when it is not done in time. A date may
//! be older than what it is about, so the payload names what it means, and the decision is made on the log.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    bus::{Agenda, Due, DueTask},
    call::{Command, EndReason},
    fold::{CommandError, command_call},
    id::CallId,
};

use crate::Parts;

/// What could not be done is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What is remembered with the date of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdleCall {
    /// Which call: the room may have another one by then.
    call_id: CallId,
}

pub(crate) async fn serve(parts: &Parts, health: &AtomicBool, shutdown: &CancellationToken) {
    let mut agenda = parts.bus.due();
    while let Some(Some(heard)) = shutdown.run_until_cancelled(agenda.next()).await {
        match heard {
            Agenda::Listening => health.store(true, Ordering::Relaxed),
            Agenda::Away(error) => {
                if health.swap(false, Ordering::Relaxed) {
                    tracing::warn!(error, "what is due can't be heard, it keeps trying");
                }
            }
            Agenda::Due(task) => settle(parts, *task).await,
        }
    }
}

/// Does it, and says so. What fails comes again.
async fn settle(parts: &Parts, task: DueTask) {
    let said = match work(parts, &task).await {
        Ok(()) => {
            metrics::counter!("voxlog_due_done_total").increment(1);
            task.done().await
        }
        Err(error) => {
            tracing::warn!(due = ?task.due, %error, "what is due can't be done now");
            task.later(AGAIN_AFTER).await
        }
    };
    if let Err(error) = said {
        tracing::debug!(%error, "what is due will come again");
    }
}

async fn work(parts: &Parts, task: &DueTask) -> Result<(), CommandError> {
    match task.due {
        Due::Call(room) => {
            let Ok(IdleCall { call_id }) = serde_json::from_slice(&task.payload) else {
                tracing::warn!(room.id = %room, "a date of a call that names none is passed over");
                return Ok(());
            };
            let end = Command::End { call: call_id, reason: EndReason::Idle };
            if let Some(seq) = command_call(&*parts.log, &*parts.clock, room, &end).await? {
                tracing::info!(room.id = %room, call.id = %call_id, stream.seq = seq.0, "an idle call was ended");
            }
            Ok(())
        }
    }
}
