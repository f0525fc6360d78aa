//! Every list's page 10,000 costs what its first one does.
//!
//! PostgreSQL itself tells what a query did: its module `auto_explain` sends the plan of each statement, as it was run,
//! to the client that ran it. So this measures the statements that the read models really use, with the parameters that
//! they really bind.

use serde_json::Value;
use voxlog_core::{
    clock::Time,
    id::{MessageId, RoomId},
    position::Seq,
    testing::ALICE,
};
use voxlog_projections::{
    Page, ReadModel, invites, members, messages, pins, requests, rooms,
    search::{HitCursor, Search, search},
    users,
};

use self::notices::Notices;
use super::world::World;

mod notices;

/// Rows of each list, a page's, and how many stand before page 10,000: as many as behind it, so that the planner, who
/// reckons a row of a long scan cheaper, has no reason to tell the pages apart.
const ROWS: u64 = 100_000;
const LIMIT: usize = 5;
const BEFORE: u64 = 9_999 * LIMIT as u64;

/// Often enough that PostgreSQL has stopped planning a statement anew, where it ever stops.
const RUNS: usize = 8;

/// What one page cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// As the planner reckoned.
    reckoned: f64,
    /// Blocks that were in fact touched.
    blocks: u64,
}

/// The id of the `n`th row, which is how [`fill`] makes them.
fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(n: u64) -> T {
    format!("01900000-0000-7000-8000-{n:012x}").parse().unwrap()
}

fn time(n: u64) -> Time {
    Time::from_timestamp(1_700_000_000 + i64::try_from(n).unwrap(), 0).unwrap()
}

/// Fills every list. Alice is in all rooms; the first one has all the members, messages and the rest.
async fn fill(world: &World) {
    let rows = format!(
        "CREATE TEMPORARY TABLE n AS SELECT n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id,
             timestamptz 'epoch' + interval '1 second' * (1700000000 + n) AS at FROM generate_series(1, {ROWS}) AS n;
         INSERT INTO users SELECT id, 'user' || n, at, 'user' || lpad(n::text, 9, '0'), NULL, NULL, false, '''user'':1'
             FROM n;
         INSERT INTO rooms SELECT id, 'CODE' || n, 'Room', '', id, 500,
             '{{\"isPublic\":true,\"allowGuests\":false,\"requireApproval\":false,\"recordMessages\":true,
                \"slowModeS\":0,\"retentionDays\":null}}', true, true, at, at, NULL, n FROM n;
         INSERT INTO members SELECT id, '{ALICE}', 'member', at, n FROM n;
         INSERT INTO members SELECT '{room}', id, 'member', at, n + 1 FROM n;
         INSERT INTO requests SELECT '{room}', id, 'member', at, n FROM n;
         INSERT INTO bans SELECT '{room}', id, NULL, NULL, id, at, n FROM n;
         INSERT INTO invites SELECT '{room}', lpad(n::text, 21, 'x') || 'A', NULL, 0, NULL, id, at, n FROM n;
         INSERT INTO messages SELECT '{room}', id, n, id, 'a word ' || n, 'text', NULL, '{thread}', true, at, NULL, NULL,
             format('''word'':2 ''%s'':3', n)::tsvector FROM n;
         INSERT INTO pins SELECT '{room}', id, id, n, at FROM n;",
        room = id::<RoomId>(1),
        thread = id::<MessageId>(1),
    );
    world.sql(&rows).await;
    world.sql("VACUUM ANALYZE").await;
}

/// What a page cost. It must be full: an empty one costs nothing anywhere.
async fn cost<T>(notices: &Notices, page: impl Future<Output = Result<Page<T>, sqlx::Error>>) -> Cost {
    notices.clear();
    let page = page.await.unwrap();
    assert!(page.data.len() == LIMIT && page.has_more, "a page of {} rows", page.data.len());
    let plan: Value = notices.last_plan().expect("auto_explain tells every plan");
    let blocks = ["Shared Hit Blocks", "Shared Read Blocks"].map(|kind| plan[kind].as_u64().unwrap());
    Cost { reckoned: plan["Total Cost"].as_f64().unwrap(), blocks: blocks.iter().sum() }
}

/// Compares two pages of a list and prints both. `$at` is what stands for the page in the query.
macro_rules! compare {
    ($notices:expr, $list:literal, $first:expr, $far:expr, |$at:ident| $query:expr) => {{
        let query = async |$at| $query.await;
        for _ in 0..RUNS {
            cost(&$notices, query($first)).await;
        }
        let first = cost(&$notices, query($first)).await;
        told($list, first, cost(&$notices, query($far)).await);
    }};
}

fn told(list: &str, first: Cost, far: Cost) {
    let Cost { reckoned, blocks } = first;
    println!(
        "{list:<22} page 1: cost {reckoned:>10.1}, {blocks:>6} blocks    page 10,000: cost {:>10.1}, {:>6} blocks",
        far.reckoned, far.blocks
    );
    assert!(far.reckoned <= 2.0 * reckoned && reckoned <= 2.0 * far.reckoned, "{list}: the planner reckons otherwise");
    // An index's depth, and rows that happen to share a block, are worth some blocks more or less.
    assert!(far.blocks <= 2 * blocks + 20 && blocks <= 2 * far.blocks + 20, "{list}: it reads otherwise");
}

#[tokio::test]
async fn page_10000_of_every_list_costs_what_page_1_does() {
    let world = World::new(1).await;
    fill(&world).await;
    Notices::let_plans_be_told(&world).await;
    let (notices, _heard) = Notices::listen();
    let db = &ReadModel::connect(&world.url, "voxlog").unwrap();
    let room: RoomId = id(1);
    // The last row before the page, of a list that runs up and of one that runs down.
    let (up, down) = (BEFORE, ROWS - BEFORE + 1);
    let seq = |n| Some(Seq(n));
    compare!(notices, "rooms", None, Some(rooms::RoomCursor { created_at: time(down), id: id(down) }), |after| {
        rooms::public_rooms(db, None, after, 0, LIMIT)
    });
    compare!(
        notices,
        "rooms by name",
        None,
        Some(rooms::RoomCursor { created_at: time(down), id: id(down) }),
        |after| { rooms::public_rooms(db, Some("oo"), after, 0, LIMIT) }
    );
    compare!(notices, "my rooms", None, Some(id(down)), |after| rooms::rooms_of(db, ALICE, after, LIMIT));
    compare!(notices, "members", None, seq(up), |after| members::members(db, room, after, LIMIT));
    compare!(notices, "bans", None, seq(up), |after| members::bans(db, room, after, LIMIT));
    compare!(notices, "requests", None, seq(up), |after| requests::requests(db, room, after, LIMIT));
    compare!(notices, "invites", None, seq(up), |after| invites::invites(db, room, after, LIMIT));
    compare!(notices, "messages", None, seq(down), |before| messages::page(db, room, before, None, None, LIMIT));
    compare!(notices, "messages upwards", seq(0), seq(up), |after| messages::page(db, room, None, after, None, LIMIT));
    compare!(notices, "a thread", None, seq(down), |before| {
        messages::page(db, room, before, None, Some(id(1)), LIMIT)
    });
    compare!(notices, "pins", None, seq(down), |before| pins::pins(db, room, before, LIMIT));
    let user: users::UserCursor = format!("{}_user{up:09}", id::<voxlog_core::id::UserId>(up)).parse().unwrap();
    compare!(notices, "users", None, Some(user.clone()), |after| users::users(db, None, after, LIMIT));
    compare!(notices, "users by name", None, Some(user.clone()), |after| users::users(db, Some("us"), after, LIMIT));
    let hit: HitCursor = format!("{}_{room}_{down}", time(down).timestamp_micros()).parse().unwrap();
    let (query, limit) = ("word".parse().unwrap(), LIMIT);
    let whole = Search { user: ALICE, query, room: None, author: None, before: None, after: None, cursor: None, limit };
    compare!(notices, "search in a room", None, Some(hit), |cursor| {
        async { search(db, &Search { cursor, room: Some(room), ..whole.clone() }).await }
    });
    compare!(notices, "search everywhere", None, Some(hit), |cursor| {
        async { search(db, &Search { cursor, ..whole.clone() }).await }
    });
}
