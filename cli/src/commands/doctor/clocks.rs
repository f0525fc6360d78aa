//! Whether this machine's clock agrees with the servers'. Ids and events carry the gateways' time, and a retry is known
//! as late by it.

use std::time::Duration;

use async_nats::Client;
use serde::Deserialize;
use sqlx::PgConnection;
use tokio::time::Instant;
use voxlog_core::{
    clock::{Clock, SystemClock, Time},
    position::Partition,
};

use super::Check;
use crate::config::LogSettings;

/// From here on a person should know.
const WARN: Duration = Duration::from_secs(1);
/// From here on every message looks like a late retry.
const FAIL: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Info {
    ts: Time,
}

/// Compares with the leader of the first stream, which tells its time with its state.
pub(super) async fn nats(client: &Client, settings: &LogSettings) -> Check {
    let subject = format!("$JS.API.STREAM.INFO.{}", settings.namespace.log_stream(Partition(0)));
    let (before, asked) = (SystemClock.now(), Instant::now());
    let answer = client.request(subject, Vec::new().into()).await;
    let took = asked.elapsed();
    match answer.map(|answer| serde_json::from_slice::<Info>(&answer.payload)) {
        Ok(Ok(Info { ts })) => judge("clock of NATS", before, took, ts),
        _ => Check::warn("clock of NATS", "it did not tell its time", "run this again"),
    }
}

pub(super) async fn postgres(connection: &mut PgConnection) -> Result<Check, sqlx::Error> {
    let (before, asked) = (SystemClock.now(), Instant::now());
    let theirs: Time = sqlx::query_scalar("select clock_timestamp()").fetch_one(connection).await?;
    Ok(judge("clock of PostgreSQL", before, asked.elapsed(), theirs))
}

/// The server read its clock at some moment of the question's way there and back.
fn judge(name: &'static str, before: Time, took: Duration, theirs: Time) -> Check {
    let early = (before - theirs).to_std().unwrap_or_default();
    let late = (theirs - before).to_std().unwrap_or_default().saturating_sub(took);
    let apart = early.max(late);
    let found = format!("{} ms apart", apart.as_millis());
    let remedy = "let NTP set the clocks of all machines";
    match apart {
        apart if apart >= FAIL => Check::fail(name, found, remedy),
        apart if apart >= WARN => Check::warn(name, found, remedy),
        _ => Check::ok(name, found),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::{super::Verdict, *};

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        let before: Time = "2026-11-20T08:00:00Z".parse().unwrap();
        let verdict =
            |took, ahead| judge("x", before, Duration::from_secs(took), before + TimeDelta::seconds(ahead)).verdict;
        assert_eq!(verdict(3, 3), Verdict::Ok);
        assert_eq!(verdict(0, 3), Verdict::Warn);
        assert_eq!(verdict(9, -3), Verdict::Warn, "it can't have answered before it was asked");
        assert_eq!(verdict(0, -31), Verdict::Fail);
    }
}
