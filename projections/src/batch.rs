//! Records of a partition into the read models, as one transaction.
//!
//! The transaction locks the checkpoint, applies the events and moves the checkpoint. Dropped at any point, by a kill or
//! on purpose, it leaves nothing. An event that can't be applied is parked, and with it every later one of its owner.

use std::collections::HashMap;

use sqlx::{Acquire, PgConnection};
use uuid::Uuid;
use voxlog_core::{
    envelope::{DecodeError, Envelope},
    log::{Stored, Subject},
    position::{Chain, Partition, Seq},
};

use crate::{
    ReadModel, checkpoint, erasure, parked,
    projection::{self, Applied},
};

/// Why an event waits that has no fault of its own.
const BEHIND: &str = "waits behind an earlier event of the same owner";

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The checkpoint stands where the batch ends; so many events were applied.
    Done(usize),
    /// Nothing was done: the checkpoint does not stand where the batch begins. Another projector has moved it.
    Moved(Seq),
}

/// Where the checkpoint stands after records were applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Where. Before the records only when a rebuild has put other tables in place, which want other records.
    pub(crate) at: Seq,
    /// Events applied here, and not by another projector.
    pub(crate) applied: usize,
}

/// Why an event can't be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("the event does not belong on the chain that it stands on")]
    Chain,
}

/// Applies `records`, all that stand after `at` and not after `to`, and moves the checkpoint from `at` to `to`. Other
/// projectors may be at it too: what they have applied meanwhile is passed over.
pub(crate) async fn apply(
    db: &ReadModel,
    partition: Partition,
    (mut at, to): (Seq, Seq),
    mut records: Vec<Stored>,
) -> Result<Reached, sqlx::Error> {
    while at < to {
        records.retain(|record| record.seq > at);
        match apply_once(db, partition, (at, to), &records).await? {
            Outcome::Done(applied) => return Ok(Reached { at: to, applied }),
            Outcome::Moved(moved) if moved < at => return Ok(Reached { at: moved, applied: 0 }),
            Outcome::Moved(moved) => at = moved,
        }
    }
    Ok(Reached { at, applied: 0 })
}

async fn apply_once(
    db: &ReadModel,
    partition: Partition,
    (from, to): (Seq, Seq),
    records: &[Stored],
) -> Result<Outcome, sqlx::Error> {
    let mut tx = db.pool().begin().await?;
    let at = checkpoint::lock(&mut tx, partition).await?;
    if at != Some(from) {
        return Ok(Outcome::Moved(at.unwrap_or_default()));
    }
    let counting = erasure::those_that_count(&mut tx, records).await?;
    let held = parked::owners(&mut tx, partition).await?;
    let mut batch = Batch { tx: &mut tx, partition, held, applied: 0 };
    batch.take(&counting).await?;
    let applied = batch.applied;
    if !checkpoint::save(&mut tx, partition, from, to).await? {
        return Ok(Outcome::Moved(checkpoint::load(&mut tx, partition).await?));
    }
    tx.commit().await?;
    Ok(Outcome::Done(applied))
}

/// Reads a record of a chain.
pub(crate) fn decode(partition: Partition, seq: Seq, chain: Chain, payload: &[u8]) -> Result<Applied, Unfit> {
    let envelope = Envelope::decode(payload)?;
    if envelope.event.chain(envelope.subject) == Some(chain) {
        Ok(Applied { partition, seq, envelope })
    } else {
        Err(Unfit::Chain)
    }
}

/// Applies one event, or leaves the transaction as it was: the inner error is the event's fault, the outer one is not.
pub(crate) async fn try_apply(
    tx: &mut PgConnection,
    events: &[&Applied],
) -> Result<Result<(), sqlx::Error>, sqlx::Error> {
    let mut savepoint = tx.begin().await?;
    match projection::apply(&mut savepoint, events).await {
        Ok(()) => savepoint.commit().await.map(Ok),
        Err(error) if is_the_events_fault(&error) => {
            savepoint.rollback().await?;
            Ok(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Whether applying the same event again would fail again: its data does not fit (SQLSTATE classes 21, 22, 23, 54, and
/// what can't even be sent). Everything else (connections, shutdown, serialization, locks, disks, a schema that is not
/// as it should be) is a fault of the machine's, and is tried again for as long as it takes.
fn is_the_events_fault(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| ["21", "22", "23", "54"].iter().any(|class| code.starts_with(class)))
        }
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

/// A batch in its transaction.
struct Batch<'a> {
    tx: &'a mut PgConnection,
    partition: Partition,
    /// Owners with a parked event, and the first one's seq: what follows of them is parked too.
    held: HashMap<Uuid, Seq>,
    applied: usize,
}

/// A record with its chain and what it says.
type Decoded<'a> = (&'a Stored, Chain, Applied);

impl Batch<'_> {
    async fn take(&mut self, records: &[&Stored]) -> Result<(), sqlx::Error> {
        let mut decoded = Vec::with_capacity(records.len());
        for &record in records {
            let Subject::Chain(chain) = record.subject else { continue };
            if self.is_held(chain, record.seq) {
                self.park(record, chain, BEHIND).await?;
                continue;
            }
            match decode(self.partition, record.seq, chain, &record.payload) {
                Ok(event) => decoded.push((record, chain, event)),
                Err(error) => self.park(record, chain, &error.to_string()).await?,
            }
        }
        self.bisect(decoded.iter().collect()).await
    }

    /// All at once where that works; where it does not, each half by itself, down to the one event that is at fault.
    async fn bisect(&mut self, decoded: Vec<&Decoded<'_>>) -> Result<(), sqlx::Error> {
        let mut open = vec![decoded];
        while let Some(part) = open.pop() {
            let (behind, mut part): (Vec<_>, Vec<_>) =
                part.into_iter().partition(|(record, chain, _)| self.is_held(*chain, record.seq));
            for (record, chain, _) in behind {
                self.park(record, *chain, BEHIND).await?;
            }
            let events: Vec<_> = part.iter().map(|(_, _, event)| event).collect();
            match (try_apply(self.tx, &events).await?, part.as_slice()) {
                (Ok(()), _) => self.applied += part.len(),
                (Err(error), &[(record, chain, _)]) => self.park(record, *chain, &error.to_string()).await?,
                (Err(_), _) => {
                    let right = part.split_off(part.len() / 2);
                    open.extend([right, part]);
                }
            }
        }
        Ok(())
    }

    fn is_held(&self, chain: Chain, seq: Seq) -> bool {
        self.held.get(&chain.owner()).is_some_and(|first| *first < seq)
    }

    async fn park(&mut self, record: &Stored, chain: Chain, error: &str) -> Result<(), sqlx::Error> {
        parked::park(self.tx, self.partition, record, chain, error).await?;
        self.held.entry(chain.owner()).or_insert(record.seq);
        Ok(())
    }
}
