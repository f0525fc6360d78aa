//! The log as it grows, and one event with what belongs to it.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until, timeout_at};
use voxlog_core::{
    clock::Time,
    envelope::Header,
    event::TypeFilter,
    id::{CorrelationId, EventId, RoomId, UserId},
    log::{
        Subject,
        inspect::{Raw, Within},
    },
    position::{Partition, Seq},
};

use super::row::LogRecord;
use crate::{
    Gateway,
    console::{
        events::{Found, Way, ends, look},
        filter::Filter,
        places::Places,
    },
    error::{Code, Failure},
    identity::Caller,
    rest::{
        Problem,
        extract::{At, Params},
        openapi::{Route, route},
        paging, refused,
    },
};

/// The longest that a request waits for something new, in milliseconds.
const MAX_WAIT_MS: u32 = 20_000;

/// How often a log in which much happens is looked at anew for what is seldom in it: each look reads every partition.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How far before and after an event those are looked for that came of the same command.
const NEARBY: usize = 200;

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(list), route!(one, refused::LOOKED_UP)]
}

/// What is looked for, and which way.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Looked {
    /// Only in this room.
    room: Option<RoomId>,
    /// Only of this type: `message.posted`, all of `message`, or `voxlog.message.posted.v1`.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9]+(\.[A-Za-z0-9]+)*$"))]
    kind: Option<String>,
    /// Only what this user asked for.
    actor: Option<UserId>,
    /// Only what the log did not take before.
    from: Option<Time>,
    /// Only what the log did not take after.
    to: Option<Time>,
    /// The `older` of an earlier page: what stands before it, the newest first.
    before: Option<String>,
    /// The `newer` of an earlier page: what stands after it, the oldest first.
    after: Option<String>,
    /// How long to wait, with `after`, when there is nothing yet.
    #[schemars(range(max = MAX_WAIT_MS))]
    wait_ms: Option<u32>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// A page of the log. It may be empty although there is more: one look reads so much and no more.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Events {
    /// The newest first, or with `after` the oldest first.
    data: Vec<LogRecord>,
    /// Whether there may be more that way.
    has_more: bool,
    /// Where the next page back begins, to be handed back as `before`; null at the log's first event.
    older: Option<String>,
    /// Where what comes later begins, to be handed back as `after`; null on a page that was asked for with `before`.
    newer: Option<String>,
    /// How many records were read.
    scanned: usize,
}

/// Lists events of the whole log, the newest first, or follows it as it grows.
///
/// Without `before` and `after` it begins at the log's end, or at `to`. Its `newer`, handed back as `after` with a
/// `waitMs`, is a live tail: the answer comes as soon as there is something new.
#[utoipa::path(get, path = "/console/events", operation_id = "listEvents", tag = "console")]
async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    Params(looked): Params<Looked>,
) -> Result<Json<Events>, Problem> {
    let limit = paging::limit(looked.limit)?;
    let places = |field, text: &Option<String>| {
        let places: Option<Places> = paging::cursor(field, text.as_deref())?;
        match places {
            Some(places) if !places.fits(gateway.partitions) => Err(Failure::invalid(field, "is of another log")),
            places => Ok(places),
        }
    };
    let (before, after) = (places("before", &looked.before)?, places("after", &looked.after)?);
    let wait_ms = looked.wait_ms.unwrap_or_default();
    if wait_ms > MAX_WAIT_MS {
        return Err(Failure::invalid("waitMs", format!("must be 0 to {MAX_WAIT_MS}")).into());
    }
    let filter = filter(&looked)?;
    match (before, after) {
        (Some(_), Some(_)) => Err(Failure::invalid("before", "can't be given together with after").into()),
        (_, None) if wait_ms > 0 => Err(Failure::invalid("waitMs", "goes with after").into()),
        (None, Some(after)) => {
            let until = Instant::now() + Duration::from_millis(wait_ms.into());
            Ok(Json(Events::on(follow(&gateway, &filter, after, limit, until).await?)))
        }
        (before, None) => {
            let newest = before.is_none();
            let ends = match before {
                Some(places) => places,
                None => end(&gateway, filter.to).await?,
            };
            let newer = newest.then(|| ends.to_string());
            let back = if newest { ends.beyond() } else { ends };
            let found =
                look(&gateway.console.inspector, &filter, Way::Back, back, limit).await.map_err(Failure::from)?;
            Ok(Json(Events::back(found, newer)))
        }
    }
}

fn filter(looked: &Looked) -> Result<Filter, Failure> {
    let kind = looked.kind.as_deref().map(str::parse::<TypeFilter>).transpose();
    let kind = kind.map_err(|wrong| Failure::invalid("type", wrong))?;
    Ok(Filter { room: looked.room, kind, actor: looked.actor, from: looked.from, to: looked.to })
}

async fn end(gateway: &Gateway, to: Option<Time>) -> Result<Places, Failure> {
    let log = gateway.console.log();
    let tails = gateway.partitions.all().map(async |partition| Ok::<_, Failure>(log.tail(partition).await?.last));
    Ok(ends(&gateway.console.inspector, to, try_join_all(tails).await?).await?)
}

/// What is there after the places, or what comes until the time is over.
async fn follow(
    gateway: &Gateway,
    filter: &Filter,
    mut after: Places,
    limit: usize,
    until: Instant,
) -> Result<Found, Failure> {
    loop {
        let (seen, next_look) = (gateway.hub.applied(), Instant::now() + LOOK_EVERY);
        let found = look(&gateway.console.inspector, filter, Way::On, after, limit).await?;
        if !found.records.is_empty() || found.more {
            return Ok(found);
        }
        let going = gateway.shutdown.cancelled();
        let moved = async {
            tokio::select! {
                () = gateway.hub.moved_beyond(&seen) => true,
                () = going => false,
            }
        };
        if timeout_at(until, moved).await != Ok(true) {
            return Ok(found);
        }
        sleep_until(next_look.min(until)).await;
        after = found.places;
    }
}

impl Events {
    fn back(Found { records, places, more, scanned }: Found, newer: Option<String>) -> Self {
        let older = more.then(|| places.to_string());
        Self { data: rows(records), has_more: more, older, newer, scanned }
    }

    fn on(Found { records, places, more, scanned }: Found) -> Self {
        Self { data: rows(records), has_more: more, older: None, newer: Some(places.to_string()), scanned }
    }
}

fn rows(records: Vec<(Partition, Raw)>) -> Vec<LogRecord> {
    records.into_iter().map(|(partition, raw)| LogRecord::of(partition, raw)).collect()
}

/// How an event belongs to another.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Relation {
    /// It came of the same command.
    Correlation,
    /// It is what the other one answers.
    Cause,
    /// It answers the other one.
    Effect,
}

/// An event that belongs to another.
#[derive(Serialize, JsonSchema)]
struct Related {
    /// How.
    relation: Relation,
    /// The event.
    #[serde(flatten)]
    record: LogRecord,
}

/// An event with what belongs to it.
#[derive(Serialize, JsonSchema)]
struct EventDetail {
    /// The event.
    #[serde(flatten)]
    record: LogRecord,
    /// The one before it in its chain; 0 for the first, null for a marker.
    prev: Option<Seq>,
    /// The one after it in its chain, if there is one.
    next: Option<Seq>,
    /// Those in its partition, not far from it, that have to do with it, in the log's order.
    related: Vec<Related>,
}

/// Shows what stands at a place of the log, with its NATS headers and what came of the same command.
#[utoipa::path(get, path = "/console/events/{partition}/{seq}", operation_id = "getEvent", tag = "console")]
async fn one(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    At((partition, seq)): At<(Partition, Seq)>,
) -> Result<Json<EventDetail>, Problem> {
    let inspector = &gateway.console.inspector;
    let nothing = || Failure::new(Code::NotFound, "nothing stands there, or not any more");
    if partition.0 >= gateway.partitions.count() || seq == Seq::ZERO {
        return Err(nothing().into());
    }
    let raw = inspector.at(partition, seq).await.map_err(Failure::from)?.ok_or_else(nothing)?;
    let (prev, next) = match raw.what {
        Some(Subject::Chain(chain)) => {
            let (prev, next) = inspector.neighbours(chain, seq).await.map_err(Failure::from)?;
            (Some(prev), next)
        }
        _ => (None, None),
    };
    let related = related(&gateway, partition, &raw).await?;
    Ok(Json(EventDetail { record: LogRecord::of(partition, raw), prev, next, related }))
}

async fn related(gateway: &Gateway, partition: Partition, raw: &Raw) -> Result<Vec<Related>, Failure> {
    let Ok(header) = Header::read(&raw.payload) else { return Ok(Vec::new()) };
    let (inspector, within) = (&gateway.console.inspector, Within::Partition(partition));
    let mut near = inspector.before(within, raw.seq, NEARBY).await?.records;
    near.extend(inspector.after(within, raw.seq, NEARBY).await?);
    let this = Ties::of(&header);
    let tied = |other: Raw| {
        let relation = this.to(&Ties::of(&Header::read(&other.payload).ok()?))?;
        Some(Related { relation, record: LogRecord::of(partition, other) })
    };
    Ok(near.into_iter().filter_map(tied).collect())
}

/// What ties an event to others.
struct Ties {
    id: EventId,
    correlation: CorrelationId,
    causation: Option<EventId>,
}

impl Ties {
    fn of(header: &Header<'_>) -> Self {
        Self { id: header.id, correlation: header.correlation, causation: header.causation }
    }

    /// How another one belongs to this one.
    fn to(&self, other: &Self) -> Option<Relation> {
        if self.causation == Some(other.id) {
            Some(Relation::Cause)
        } else if other.causation == Some(self.id) {
            Some(Relation::Effect)
        } else {
            (self.correlation == other.correlation).then_some(Relation::Correlation)
        }
    }
}
