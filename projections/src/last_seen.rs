//! When somebody was last there, as far as others could see.
//!
//! It is no projection: it comes of the records of presence, which are told beside the log and not kept. So it is not
//! exact to the last second, a rebuild carries it over, and the largest time counts, however many processes write it.
//! Who hides is not seen: neither their coming nor their going leaves anything here.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use futures_util::StreamExt;
use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    ambient,
    bus::{Bus, Heard, Told},
    clock::Time,
    envelope::Envelope,
    event::Event,
    id::{SessionId, UserId},
    presence::ShownStatus,
};

use crate::{ReadModel, schema::Schema};

/// How often what was seen is written. While the database is away it waits.
const WRITE_EVERY: Duration = Duration::from_millis(500);

/// Keeps up, until `shutdown`, when everybody was last seen. Any number of processes may do it at once.
pub async fn run(bus: Bus, db: ReadModel, shutdown: CancellationToken) {
    shutdown.run_until_cancelled(follow(bus, db)).await;
}

async fn follow(bus: Bus, db: ReadModel) {
    let (mut watch, mut seen) = (Watch::default(), BTreeMap::new());
    let (mut heard, mut turns) = (bus.presence(), interval(WRITE_EVERY));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(heard) = heard.next() => match heard {
                Heard::Told(told) => {
                    if let Some((user, at)) = watch.take(&told) {
                        let last = seen.entry(user).or_insert(at);
                        *last = at.max(*last);
                    }
                }
                Heard::Lost => watch.begins_anew(),
                Heard::CaughtUp => watch.is_whole(),
            },
            _ = turns.tick(), if !seen.is_empty() => match write(&db, &seen).await {
                Ok(()) => seen.clear(),
                Err(error) => tracing::debug!(%error, "who was last seen when is written later"),
            },
        }
    }
}

/// Which sessions are seen.
#[derive(Debug, Default)]
struct Watch {
    visible: HashSet<SessionId>,
    next: Option<HashSet<SessionId>>,
}

impl Watch {
    /// Somebody who was seen by what was told: as they come, and as they go.
    fn take(&mut self, told: &Told) -> Option<(UserId, Time)> {
        let Ok(Envelope { event: Event::Ambient(event), .. }) = Envelope::decode(&told.payload) else { return None };
        let ambient::Event::PresenceChanged { user_id, session, status, .. } = event else { return None };
        if status.shown() == ShownStatus::Offline {
            return self.visible.remove(&session).then_some((user_id, told.time));
        }
        self.visible.insert(session);
        self.next.iter_mut().for_each(|next| next.extend([session]));
        Some((user_id, told.time))
    }

    fn begins_anew(&mut self) {
        self.next = Some(HashSet::new());
    }

    /// Who is not in the whole picture has gone unseen.
    fn is_whole(&mut self) {
        if let Some(next) = self.next.take() {
            self.visible = next;
        }
    }
}

async fn write(db: &ReadModel, seen: &BTreeMap<UserId, Time>) -> Result<(), sqlx::Error> {
    let users: Vec<_> = seen.keys().map(|user| user.as_uuid()).collect();
    let times: Vec<_> = seen.values().copied().collect();
    let upsert = "INSERT INTO last_seen (user_id, at)
         SELECT user_id, at FROM UNNEST($1::uuid[], $2::timestamptz[]) AS s (user_id, at)
         WHERE NOT EXISTS (SELECT FROM erased_users AS e WHERE e.id = s.user_id)
         ON CONFLICT (user_id) DO UPDATE SET at = GREATEST(last_seen.at, excluded.at)";
    sqlx::query(upsert).bind(users).bind(times).execute(db.pool()).await?;
    Ok(())
}

/// Carries the rows over into tables that are about to take the others' place. Whoever writes meanwhile waits, and then
/// writes to those.
pub(crate) async fn carry_over(tx: &mut PgConnection, from: &Schema, to: &Schema) -> Result<(), sqlx::Error> {
    let (from, to) = (from.as_str(), to.as_str());
    let lock = format!("LOCK TABLE {from}.last_seen IN EXCLUSIVE MODE");
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *tx).await?;
    let copy = format!(
        "INSERT INTO {to}.last_seen (user_id, at) SELECT user_id, at FROM {from}.last_seen AS s
         WHERE NOT EXISTS (SELECT FROM {to}.erased_users AS e WHERE e.id = s.user_id)"
    );
    sqlx::query(sqlx::AssertSqlSafe(copy)).execute(tx).await?;
    Ok(())
}
