//! A rebuild of the read models that an operator has begun on this node.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::{Clock, Time},
    id::UserId,
    log::Log,
    position::Partition,
};
use voxlog_projections::{
    ReadModel,
    rebuild::{Mode, Progress, RebuildError, Report, rebuild_of},
};

use crate::error::{Code, Failure};

/// How a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RebuildState {
    /// Under way.
    Running,
    /// It has ended; the report tells how.
    Done,
    /// It has ended without one. The live tables are as they were.
    Failed,
}

/// A rebuild that was begun on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rebuild {
    /// How it is.
    pub state: RebuildState,
    /// What is done with the rebuilt tables.
    pub mode: Mode,
    /// Who began it.
    pub by: UserId,
    /// When.
    pub started_at: Time,
    /// When it had ended.
    pub ended_at: Option<Time>,
    /// How far each partition is that has begun.
    pub partitions: Vec<Progress>,
    /// What came of it.
    pub report: Option<Report>,
    /// Why nothing came of it.
    pub error: Option<String>,
}

/// The last rebuild of this node. Other nodes know nothing of it; the database sees to it that there is one at a time.
#[derive(Debug, Default)]
pub struct Rebuilding {
    last: Mutex<Option<Rebuild>>,
    progress: Mutex<BTreeMap<Partition, Progress>>,
}

impl Rebuilding {
    /// The last one, if there was any since the node began.
    pub fn last(&self) -> Option<Rebuild> {
        let mut last = self.lock().clone()?;
        last.partitions = locked(&self.progress).values().copied().collect();
        Some(last)
    }

    /// Begins one, which goes on until it is done or the node goes.
    pub fn begin(
        self: &Arc<Self>,
        (log, read): (Arc<dyn Log>, ReadModel),
        (by, mode): (UserId, Mode),
        clock: Arc<dyn Clock>,
        over: CancellationToken,
    ) -> Result<Rebuild, Failure> {
        let mut last = self.lock();
        if last.as_ref().is_some_and(|last| last.state == RebuildState::Running) {
            return Err(Failure::new(Code::Conflict, "a rebuild is under way"));
        }
        locked(&self.progress).clear();
        let begun = Rebuild {
            state: RebuildState::Running,
            mode,
            by,
            started_at: clock.now(),
            ended_at: None,
            partitions: Vec::new(),
            report: None,
            error: None,
        };
        *last = Some(begun.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let note = |progress: Progress| {
                locked(&this.progress).insert(progress.partition, progress);
            };
            let outcome = over.run_until_cancelled(rebuild_of(log, &read, mode, note)).await;
            this.end(outcome, clock.now());
        });
        Ok(begun)
    }

    fn end(&self, outcome: Option<Result<Report, RebuildError>>, now: Time) {
        let (state, report, error) = match outcome {
            Some(Ok(report)) => (RebuildState::Done, Some(report), None),
            Some(Err(error)) => {
                tracing::error!(%error, "a rebuild has failed");
                (RebuildState::Failed, None, Some(told(&error)))
            }
            None => (RebuildState::Failed, None, Some("the node has gone".to_owned())),
        };
        if let Some(last) = &mut *self.lock() {
            *last = Rebuild { state, report, error, ended_at: Some(now), ..last.clone() };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Rebuild>> {
        locked(&self.last)
    }
}

/// What an operator is told of a fault: the log of the node has the rest.
fn told(error: &RebuildError) -> String {
    match error {
        RebuildError::Busy => error.to_string(),
        RebuildError::Database(_) | RebuildError::Migrate(_) => "the database failed".to_owned(),
        RebuildError::Log(_) | RebuildError::Ended(_) => "the log could not be read".to_owned(),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
