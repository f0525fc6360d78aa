//! The gateways tell each other what they have let through.
//!
//! Once a second each gateway publishes its use, and at once what of a key can't wait. Nothing of it is kept and nothing
//! is asked for again: what is lost makes the limit wider for a moment, never a request slower. While NATS is away each
//! gateway counts for itself.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_nats::{Client, Message, connection::State};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use voxlog_core::id::NodeId;

use super::{Budget, Limits, table::Key};

/// How often everything is told.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// After this silence another gateway counts as gone.
const GONE_AFTER: Duration = Duration::from_secs(3);

/// How many keys one record holds: far less than NATS's 1 MiB.
const KEYS_PER_RECORD: usize = 4000;

/// How long a connection that takes nothing is waited for before what was to be told is dropped.
const PUBLISH_WITHIN: Duration = Duration::from_secs(1);

/// How long before a lost subscription is made again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What one gateway tells the others.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    node: NodeId,
    /// By the budget's name: keys in hexadecimal, and how much each has used. A name that another version knows is
    /// passed over.
    used: BTreeMap<String, Vec<(String, u32)>>,
}

/// Tells and listens, for as long as it is polled.
pub(super) async fn run(limits: Arc<Limits>, node: NodeId, client: Client, subject: String) {
    tokio::join!(tell(&limits, node, &client, &subject), listen(&limits, node, &client, &subject));
}

async fn tell(limits: &Limits, node: NodeId, client: &Client, subject: &str) {
    let mut second = interval(TOLD_EVERY);
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (used, is_beat) = tokio::select! {
            _ = second.tick() => (limits.untold(), true),
            () = limits.urgent.notified() => (limits.untold_urgent(), false),
        };
        if client.connection_state() != State::Connected {
            // Told late it would be charged to people who have long paid it off.
            continue;
        }
        for record in records(&used, is_beat) {
            publish(client, subject, &Told { node, used: record }).await;
        }
    }
}

async fn publish(client: &Client, subject: &str, told: &Told) {
    let payload = serde_json::to_vec(told).expect("texts and numbers are JSON");
    match timeout(PUBLISH_WITHIN, client.publish(subject.to_owned(), payload.into())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the use of limits was not told"),
        Err(_) => tracing::debug!("the use of limits was not told in time"),
    }
}

/// Splits what is to be told. A beat is told even when nothing was used: it says that we are here.
fn records(used: &[(Budget, Key, u32)], is_beat: bool) -> Vec<BTreeMap<String, Vec<(String, u32)>>> {
    if used.is_empty() && is_beat {
        return vec![BTreeMap::new()];
    }
    let record = |chunk: &[(Budget, Key, u32)]| {
        let mut record = BTreeMap::<_, Vec<_>>::new();
        for (budget, key, cost) in chunk {
            record.entry(budget.as_str().to_owned()).or_default().push((format!("{key:032x}"), *cost));
        }
        record
    };
    used.chunks(KEYS_PER_RECORD).map(record).collect()
}

async fn listen(limits: &Limits, node: NodeId, client: &Client, subject: &str) {
    let mut others = HashMap::new();
    loop {
        match client.subscribe(subject.to_owned()).await {
            Ok(mut feed) => {
                while let Some(message) = feed.next().await {
                    hear(limits, node, &message, &mut others);
                }
            }
            Err(error) => tracing::debug!(%error, "the use of limits can't be heard"),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

fn hear(limits: &Limits, node: NodeId, message: &Message, others: &mut HashMap<NodeId, Instant>) {
    let Ok(told) = serde_json::from_slice::<Told>(&message.payload) else {
        tracing::debug!("something else than use came on the subject of limits");
        return;
    };
    let now = Instant::now();
    if told.node != node {
        others.insert(told.node, now);
        for (budget, keys) in &told.used {
            let Some(budget) = Budget::ALL.into_iter().find(|known| known.as_str() == budget) else { continue };
            let keys = keys.iter().filter_map(|(key, cost)| Some((Key::from_str_radix(key, 16).ok()?, *cost)));
            limits.charge(budget, keys);
        }
    }
    // Our own beat comes back to us too, so this is done at least once a second.
    others.retain(|_, heard| now.duration_since(*heard) < GONE_AFTER);
    limits.gateways.store(others.len() + 1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_comes_in_pieces_and_a_beat_even_when_there_is_nothing() {
        assert_eq!(records(&[], true), [BTreeMap::new()]);
        assert!(records(&[], false).is_empty());
        let many: Vec<_> = (0..5000).map(|key| (Budget::User, key, 1)).collect();
        let sizes: Vec<_> = records(&many, true).iter().map(|record| record["user"].len()).collect();
        assert_eq!(sizes, [4000, 1000]);
    }
}
