//! How far the read models are, partition by partition.

use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::position::{Partition, Seq};

use crate::{ReadModel, parked};

/// A partition as the read models have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Which.
    pub partition: Partition,
    /// Up to where the log has been applied.
    pub checkpoint: Seq,
    /// The last seq that the log has given there.
    pub head: Seq,
    /// How many seqs lie between.
    pub lag_events: u64,
    /// Events that wait because they could not be applied.
    pub parked: i64,
}

/// How far each partition is, given where the log ends there.
pub async fn standings(
    db: &ReadModel,
    heads: impl IntoIterator<Item = (Partition, Seq)>,
) -> Result<Vec<Standing>, sqlx::Error> {
    let (checkpoints, parked) = (db.checkpoints().await?, parked::counts(db).await?);
    let standing = |(partition, head): (Partition, Seq)| {
        let checkpoint = checkpoints.iter().find(|it| it.partition == partition).map_or(Seq::ZERO, |it| it.seq);
        let parked = parked.get(&partition).copied().unwrap_or_default();
        // The read models may have been asked later than the log.
        let head = head.max(checkpoint);
        Standing { partition, checkpoint, head, lag_events: head.0 - checkpoint.0, parked }
    };
    Ok(heads.into_iter().map(standing).collect())
}
