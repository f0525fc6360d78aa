//! Messages are found by what they say, by those who may read them.

use chrono::TimeDelta;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use voxlog_core::{
    clock::{Clock, SystemClock, Time},
    event::Subject,
    id::{MessageId, RoomId, UserId},
    message,
    room::{self, Role, Settings},
    testing::{ALICE, BOB, CAROL},
};
use voxlog_projections::{
    ReadModel,
    search::{Hit, Search, search},
};

use super::{
    queries::Story,
    world::{opened, posted, settings},
};

fn asked(user: UserId, text: &str) -> Search {
    let query = text.parse().unwrap();
    Search { user, query, room: None, author: None, before: None, after: None, cursor: None, limit: 100 }
}

async fn hits(db: &ReadModel, asked: &Search) -> Vec<Hit> {
    search(db, asked).await.unwrap().data
}

impl Story {
    async fn finds(&self, text: &str) -> Vec<String> {
        let hits = hits(&self.world.db, &asked(ALICE, text)).await;
        hits.into_iter().map(|hit| hit.message.content).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_phrases_and_pieces_are_found() {
    let story = Story::begin().await;
    let says =
        ["The quick brown fox", "the Fox is BROWN, quick!", "don't panic: v2.0 is out", "東京都庁へ行く", "京都の東"];
    for text in says {
        story.post(text).await;
    }
    story.world.caught_up().await;
    assert_eq!(story.finds("fox quick").await, [says[1], says[0]], "the newest first");
    assert_eq!(story.finds("\"quick brown\"").await, [says[0]]);
    assert_eq!(story.finds("bro* QUI*").await, [says[1], says[0]]);
    assert_eq!(story.finds("bro").await, [""; 0]);
    assert_eq!(story.finds("v2.0").await, [says[2]]);
    assert_eq!(story.finds("0.v2").await, [""; 0]);
    assert_eq!(story.finds("don't' \"").await, [says[2]]);
    assert_eq!(story.finds("京都").await, [says[4], says[3]]);
    assert_eq!(story.finds("東京都").await, [says[3]]);
    assert_eq!(story.finds("庁").await, [says[3]]);
    assert_eq!(story.finds("く").await, [says[3]], "the last one");
    assert_eq!(story.finds("東都").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_members_find_and_only_what_stands() {
    let story = Story::begin().await;
    let (private, silent) = (RoomId::mint(&SystemClock), RoomId::mint(&SystemClock));
    let append = async |room, event: voxlog_core::event::Event| {
        story.world.append(Subject::Room(room), BOB, event).await;
    };
    append(private, opened("Private", BOB, settings()).into()).await;
    append(silent, opened("Silent", ALICE, Settings { record_messages: false, ..settings() }).into()).await;
    let [theirs, unrecorded] = [0, 1].map(|_| MessageId::mint(&SystemClock));
    append(private, posted(theirs, BOB, "needle").into()).await;
    append(silent, posted(unrecorded, ALICE, "needle").into()).await;
    let (edited, deleted, kept) = (story.post("needle").await, story.post("needle").await, story.post("hay").await);
    let edit =
        |message_id, content: &str| message::Event::Edited { message_id, content: content.into(), mentions: vec![] };
    story.in_lobby(ALICE, edit(edited, "thread")).await;
    story.in_lobby(ALICE, edit(kept, "a needle in it")).await;
    story.in_lobby(ALICE, message::Event::Deleted { message_id: deleted }).await;
    story.in_lobby(ALICE, edit(deleted, "needle")).await;
    append(silent, edit(unrecorded, "needle").into()).await;
    story.world.caught_up().await;

    let found = async |who| -> Vec<_> {
        hits(&story.world.db, &asked(who, "needle"))
            .await
            .into_iter()
            .map(|hit| (hit.room_name, hit.message.id))
            .collect()
    };
    assert_eq!(found(ALICE).await, [("Lobby 100%".to_owned(), kept)]);
    assert_eq!(found(BOB).await, [("Private".to_owned(), theirs)]);
    assert_eq!(found(CAROL).await, []);
    append(private, room::Event::Joined { user_id: ALICE, role: Role::Member }.into()).await;
    story.in_lobby(ALICE, room::Event::Joined { user_id: BOB, role: Role::Member }).await;
    append(private, room::Event::Kicked { user_id: BOB, reason: None }.into()).await;
    story.world.caught_up().await;
    assert_eq!(found(ALICE).await.len(), 2);
    assert_eq!(found(BOB).await, [("Lobby 100%".to_owned(), kept)]);
    let inside = |who, room| Search { room: Some(room), ..asked(who, "needle") };
    assert_eq!(hits(&story.world.db, &inside(BOB, private)).await, []);
    assert_eq!(hits(&story.world.db, &inside(ALICE, private)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_are_narrowed_by_author_room_and_time_and_paged() {
    let story = Story::begin().await;
    let db = &story.world.db;
    let other = RoomId::mint(&SystemClock);
    story.world.append(Subject::Room(other), ALICE, opened("Other", ALICE, settings())).await;
    let mut times: Vec<Time> = Vec::new();
    for number in 0..9 {
        let (room, author) = (if number % 3 == 0 { other } else { story.lobby }, [ALICE, BOB][number % 2]);
        let id = MessageId::mint(&SystemClock);
        // Each two are of one time, as if two gateways had taken them at once.
        story.world.clock.advance(TimeDelta::milliseconds(if number % 2 == 0 { 10 } else { -1 }));
        let event = posted(id, author, &format!("word {number}"));
        story.world.append(Subject::Room(room), author, event).await;
        times.push(story.world.clock.now());
    }
    story.world.caught_up().await;
    let numbers = |hits: &[Hit]| -> String { hits.iter().map(|hit| &hit.message.content[5..]).collect() };
    let whole = asked(ALICE, "word");
    let found = async |asked: Search| {
        let mut found: Vec<_> = numbers(&hits(db, &asked).await).chars().collect();
        found.sort_unstable();
        found.into_iter().collect::<String>()
    };
    assert_eq!(found(whole.clone()).await, "012345678");
    assert_eq!(found(Search { author: Some(BOB), ..whole.clone() }).await, "1357");
    assert_eq!(found(Search { room: Some(other), ..whole.clone() }).await, "036");
    assert_eq!(found(Search { before: Some(times[4]), ..whole.clone() }).await, "0123");
    assert_eq!(found(Search { after: Some(times[5]), ..whole.clone() }).await, "678");
    let ever = Search { before: Some(Time::MAX_UTC), after: Some(Time::MIN_UTC), ..whole.clone() };
    assert_eq!(found(ever).await, "012345678");
    let narrow = Search { room: Some(story.lobby), author: Some(ALICE), after: Some(times[2]), ..whole.clone() };
    assert_eq!(found(narrow).await, "48");

    let all = hits(db, &whole).await;
    assert!(all.is_sorted_by_key(|hit| std::cmp::Reverse(hit.message.posted_at)));
    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let page = search(db, &Search { cursor, limit: 2, ..whole.clone() }).await.unwrap();
        paged.extend(page.data);
        let Some(next) = page.next else { break };
        cursor = Some(next.parse().unwrap());
    }
    assert_eq!(paged, all);
}

/// Anything may be typed, and PostgreSQL understands what comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_typed_is_an_error() {
    let story = Story::begin().await;
    story.world.caught_up().await;
    let odd = [
        "a & | ! b:*",
        "'; DROP TABLE users; --",
        "\\ a \\' \\\\",
        "<-> a <2>",
        "\"\" a \"",
        "a\0b",
        "İıßΣς",
        "x:*ABCD",
    ];
    let (long, runs) = ("w".repeat(5000), "字".repeat(5000));
    for text in odd.into_iter().chain([long.as_str(), runs.as_str()]) {
        assert_eq!(story.finds(text).await, [""; 0], "{text}");
    }
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
        let check = |text: String| {
            if text.parse::<voxlog_projections::search::Query>().is_ok() {
                prop_assert_eq!(runtime.block_on(story.finds(&text)), [""; 0]);
            }
            Ok(())
        };
        runner.run(&"\\PC{0,40}", check).unwrap();
    });
}

/// A text of words and runs, and what of it must find it: each word, and each piece of each run.
fn texts() -> impl Strategy<Value = (String, Vec<String>)> {
    let word = "[a-zA-ZäöüÄÖÜßΣñ0-9]{1,12}".prop_map(|word| (word.clone(), vec![word]));
    let run = "[一-十東京都会社あ-んア-ヶー가-각々]{1,9}".prop_map(|run| {
        let chars: Vec<_> = run.chars().collect();
        let ends = |start| (start + 1..=chars.len()).map(move |end| (start, end));
        let pieces = (0..chars.len()).flat_map(ends).map(|(start, end)| chars[start..end].iter().collect());
        let pieces = pieces.collect();
        (run, pieces)
    });
    let pieces = prop::collection::vec((prop_oneof![word, run], "[ ,.!?。、\n-]{1,2}"), 1..6);
    pieces.prop_map(|pieces| {
        let text = pieces.iter().flat_map(|((text, _), gap)| [text.as_str(), gap.as_str()]).collect();
        (text, pieces.into_iter().flat_map(|((_, found_by), _)| found_by).collect())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_word_and_every_piece_of_a_run_finds_its_message_and_no_other() {
    let story = Story::begin().await;
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    tokio::task::block_in_place(|| {
        runner.run(&(texts(), texts()), |texts| runtime.block_on(check(&story, texts))).unwrap();
    });
}

async fn check(
    story: &Story,
    ((one, of_one), (two, of_two)): ((String, Vec<String>), (String, Vec<String>)),
) -> Result<(), TestCaseError> {
    let (first, second) = (story.post(&one).await, story.post(&two).await);
    story.world.caught_up().await;
    let own = async |piece: &str| -> Vec<_> {
        let narrow = Search { room: Some(story.lobby), ..asked(ALICE, piece) };
        hits(&story.world.db, &narrow).await.into_iter().map(|hit| hit.message.id).collect()
    };
    for (id, pieces, other, others) in [(first, &of_one, second, &of_two), (second, &of_two, first, &of_one)] {
        for piece in pieces {
            let found = own(piece).await;
            prop_assert!(found.contains(&id), "{piece:?} did not find its message of {one:?} and {two:?}");
            let shared = others.iter().any(|it| it.to_lowercase() == piece.to_lowercase());
            prop_assert_eq!(found.contains(&other), shared, "{:?} in {:?} and {:?}", piece, &one, &two);
        }
    }
    for id in [first, second] {
        story.in_lobby(ALICE, message::Event::Deleted { message_id: id }).await;
    }
    Ok(())
}
