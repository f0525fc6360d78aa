//! An event of a type that nobody knows, so that the console has something parked to show.
//!
//! It stands alone on the chain of a user who is nobody. So nothing waits behind it: followers pass over it, the relay and
//! `voxlog replay` hand it on as it is, and every try to apply it fails again.

use anyhow::Context as _;
use serde_json::json;
use voxlog_core::{
    clock::Clock,
    envelope::SOURCE,
    id::{EventId, UserId},
    log::{Commit, Guard, Log, Record},
    position::{Chain, Seq},
};

/// Commits it, in the name of `actor`.
pub(super) async fn put(log: &dyn Log, clock: &dyn Clock, actor: UserId) -> anyhow::Result<()> {
    let (id, nobody) = (EventId::mint(clock), UserId::mint(clock));
    let event = json!({
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": "voxlog.user.waved.v1",
        "subject": nobody,
        "time": clock.now(),
        "actor": actor,
        "correlationid": id,
        "data": { "userId": nobody, "note": "A version that is still to come has written this." },
    });
    let record = Record { id, chain: Chain::User(nobody), payload: event.to_string().into(), ttl: None };
    let commit = Commit { records: vec![record], guard: Guard::Chain(Seq::ZERO), marker: None };
    log.commit(commit).await.map(drop).context("the odd event")
}
