//! What nodes tell each other beside the log: in order and once, whatever expires, is superseded or restarts meanwhile.

use std::time::Duration;

use async_nats::jetstream::stream;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use voxlog::embedded::NatsServer;
use voxlog_core::{
    bus::{Agenda, Bus, BusSubject, Due, DueTask, Heard, TellError, Told, streams::Stream},
    clock::{Clock, SystemClock},
    id::{NodeId, RoomId, SessionId, UserId},
    log::{Namespace, connect},
    position::Seq,
};
use voxlog_tests::{servers, world::until};

const PATIENCE: Duration = Duration::from_secs(30);

/// On a connection of its own, as each process has one.
async fn bus_on(urls: &str, namespace: &Namespace, replicas: u8) -> Bus {
    let bus = Bus::new(connect(urls, "bus test", None).await.unwrap(), namespace.clone(), replicas);
    until("the streams are there", async || bus.bring_up().await.is_ok()).await;
    bus
}

fn namespace() -> Namespace {
    Namespace::new(servers::namespace()).unwrap()
}

async fn bus() -> Bus {
    bus_on(&servers::nats().await, &namespace(), 1).await
}

fn session() -> SessionId {
    SessionId::mint(&SystemClock)
}

fn user() -> UserId {
    UserId::mint(&SystemClock)
}

fn text(what: impl std::fmt::Display + Copy) -> Bytes {
    what.to_string().into()
}

async fn hear(feed: &mut BoxStream<'static, Heard>) -> Heard {
    timeout(PATIENCE, feed.next()).await.expect("something is heard in time").expect("a feed never ends")
}

async fn hear_told(feed: &mut BoxStream<'static, Heard>) -> Told {
    match hear(feed).await {
        Heard::Told(told) => told,
        other => panic!("{other:?}"),
    }
}

/// All that is told up to the next `CaughtUp`.
async fn picture(feed: &mut BoxStream<'static, Heard>) -> Vec<Told> {
    let mut all = Vec::new();
    loop {
        match hear(feed).await {
            Heard::Told(told) => all.push(told),
            Heard::CaughtUp => return all,
            Heard::Lost => panic!("nothing was lost"),
        }
    }
}

/// A feed that listens already.
async fn listening(bus: &Bus) -> BoxStream<'static, Heard> {
    let mut feed = bus.signals();
    assert_eq!(hear(&mut feed).await, Heard::CaughtUp);
    feed
}

#[tokio::test]
async fn a_picture_is_every_sessions_last_record_and_then_what_changes() {
    let bus = bus().await;
    assert_eq!(picture(&mut bus.presence()).await, [], "nobody is there");
    let (user, one, other) = (user(), session(), session());
    bus.tell_presence(user, one, text("first"), None, None).await.unwrap();
    bus.tell_presence(user, other, text("other"), None, None).await.unwrap();
    bus.tell_presence(user, one, text("second"), None, None).await.unwrap();

    let mut feed = bus.presence();
    let seen: Vec<_> = picture(&mut feed).await.into_iter().map(|told| (told.subject, told.payload)).collect();
    let subject = |session| BusSubject::Presence { user, session };
    assert_eq!(seen, [(subject(other), text("other")), (subject(one), text("second"))]);

    let seq = bus.tell_presence(user, other, text("third"), None, None).await.unwrap();
    let told = hear_told(&mut feed).await;
    assert_eq!((told.seq, told.subject, told.payload), (seq, subject(other), text("third")));
    assert!((SystemClock.now() - told.time).num_seconds().abs() < 60);
}

#[tokio::test]
async fn a_presence_record_is_taken_only_where_the_last_one_is_the_expected_one() {
    let (bus, user, session) = (bus().await, user(), session());
    let first = bus.tell_presence(user, session, text(1), Some(Seq::ZERO), None).await.unwrap();
    let refused = bus.tell_presence(user, session, text(2), Some(Seq::ZERO), None).await;
    assert_eq!(refused, Err(TellError::Conflict { seen: first }));
    let second = bus.tell_presence(user, session, text(2), Some(first), None).await.unwrap();
    let refused = bus.tell_presence(user, session, text(3), Some(first), None).await;
    assert_eq!(refused, Err(TellError::Conflict { seen: second }));
    bus.tell_presence(user, session, text(3), None, None).await.unwrap();
    let other = self::session();
    let refused = bus.tell_presence(user, other, text(1), Some(second), None).await;
    assert_eq!(refused, Err(TellError::Conflict { seen: Seq::ZERO }), "nothing stands there");
}

#[tokio::test]
async fn an_expired_record_leaves_no_trace_in_the_next_picture_nor_in_a_guard() {
    let (bus, user, session) = (bus().await, user(), session());
    let first = bus.tell_presence(user, session, text("here"), None, None).await.unwrap();
    let ttl = Some(Duration::from_secs(1));
    bus.tell_presence(user, session, text("gone"), Some(first), ttl).await.unwrap();
    until("the record has expired", async || picture(&mut bus.presence()).await.is_empty()).await;
    bus.tell_presence(user, session, text("again"), Some(Seq::ZERO), None).await.unwrap();
}

#[tokio::test]
async fn what_is_told_is_heard_once_and_in_order_by_everybody_who_listens() {
    let urls = servers::nats().await;
    let namespace = namespace();
    let (here, there) = (bus_on(&urls, &namespace, 1).await, bus_on(&urls, &namespace, 1).await);
    let (to, room) = (session(), RoomId::mint(&SystemClock));
    here.tell_signal(to, text("before")).await.unwrap();
    let (mut one, mut two) = (listening(&here).await, listening(&there).await);
    let mut told = Vec::new();
    for round in 0..200 {
        let seq = here.tell_signal(to, text(round)).await.unwrap();
        told.push((Some(seq), BusSubject::Signal { session: to }, text(round)));
        if round % 10 == 0 {
            there.tell_typing(room, text("types")).await.unwrap();
        }
        if round % 20 == 0 {
            there.tell_speaking(room, text("speaks")).await.unwrap();
        }
    }
    let mut heard = (Vec::new(), Vec::new());
    for (feed, heard) in [(&mut one, &mut heard.0), (&mut two, &mut heard.1)] {
        while heard.len() < 230 {
            heard.push(hear_told(feed).await);
        }
    }
    assert_eq!(heard.0, heard.1);
    assert!(heard.0.is_sorted_by(|a, b| a.seq < b.seq));
    let signals = heard.0.iter().filter(|told| told.subject == BusSubject::Signal { session: to });
    let signals: Vec<_> = signals.map(|told| (Some(told.seq), told.subject, told.payload.clone())).collect();
    assert_eq!(signals, told);
    let count = |subject| heard.0.iter().filter(|told| told.subject == subject).count();
    assert_eq!((count(BusSubject::Typing { room }), count(BusSubject::Speaking { room })), (20, 10));
}

#[tokio::test]
async fn the_signals_of_a_session_are_kept_for_its_return() {
    signals_are_kept(bus().await).await;
}

#[tokio::test]
async fn the_signals_of_a_session_are_kept_on_a_cluster_too() {
    signals_are_kept(bus_on(&servers::nats_cluster().await.join(","), &namespace(), 3).await).await;
}

async fn signals_are_kept(bus: Bus) {
    let (to, other) = (session(), session());
    assert_eq!(bus.signals_after(to, Seq::ZERO).await.unwrap(), []);
    let mut seqs = Vec::new();
    for round in 0..20 {
        seqs.push(bus.tell_signal(to, text(round)).await.unwrap());
        bus.tell_signal(other, text("not for you")).await.unwrap();
        let last = bus.signals_after(to, *seqs.last().unwrap()).await.unwrap();
        assert_eq!(last, [], "nothing is after the last one");
    }
    let kept = bus.signals_after(to, seqs[4]).await.unwrap();
    let kept: Vec<_> = kept.into_iter().map(|told| (told.seq, told.payload)).collect();
    let wanted: Vec<_> = seqs[5..].iter().copied().zip((5..20).map(text)).collect();
    assert_eq!(kept, wanted);
}

#[tokio::test]
async fn presence_survives_a_killed_server_and_the_picture_is_drawn_anew() {
    let mut nats = servers::own_nats().await;
    let namespace = namespace();
    let bus = bus_on(&nats.url(), &namespace, 1).await;
    let (user, one, other) = (user(), session(), session());
    let last = bus.tell_presence(user, one, text("here"), None, None).await.unwrap();
    let mut feed = bus.presence();
    assert_eq!(picture(&mut feed).await.len(), 1);

    nats.kill().await.unwrap();
    nats.restart().await.unwrap();
    bus.tell_presence(user, other, text("new"), None, None).await.unwrap();
    bus.tell_presence(user, one, text("still here"), Some(last), None).await.unwrap();

    assert_eq!(hear(&mut feed).await, Heard::Lost);
    let seen: Vec<_> = picture(&mut feed).await.into_iter().map(|told| told.payload).collect();
    assert_eq!(seen, [text("new"), text("still here")]);
    bus.tell_presence(user, one, text("and on"), None, None).await.unwrap();
    assert_eq!(hear_told(&mut feed).await.payload, text("and on"));
}

/// A stream in memory is gone with its only server.
#[tokio::test]
async fn a_server_that_forgot_the_signals_is_told_as_a_loss_and_seqs_do_not_go_back() {
    let mut nats = servers::own_nats().await;
    let bus = bus_on(&nats.url(), &namespace(), 1).await;
    let (mut feed, to) = (listening(&bus).await, session());
    let before = bus.tell_signal(to, text("before")).await.unwrap();
    assert_eq!(hear_told(&mut feed).await.seq, before);

    nats.kill().await.unwrap();
    nats.restart().await.unwrap();
    let after = bus.tell_signal(to, text("after")).await.unwrap();

    assert!(after > before, "{after} is not after {before}: a client would take it for an old one");
    assert_eq!(hear(&mut feed).await, Heard::Lost);
    let heard = hear_told(&mut feed).await;
    assert_eq!((heard.seq, heard.payload), (after, text("after")));
    assert_eq!(hear(&mut feed).await, Heard::CaughtUp);
    let kept = bus.signals_after(to, before).await.unwrap();
    assert_eq!(kept.len(), 1);
}

/// Consumers in memory go with a leader; the stream does not.
#[tokio::test]
async fn a_cluster_that_loses_any_one_server_loses_no_signal() {
    let mut servers = servers::own_nats_cluster().await;
    let urls = servers.iter().map(NatsServer::url).collect::<Vec<_>>().join(",");
    let namespace = namespace();
    let bus = bus_on(&urls, &namespace, 3).await;
    let (mut feed, to) = (listening(&bus).await, session());
    let mut round = 0;
    for server in &mut servers {
        let mut told = Vec::new();
        for step in 0..60 {
            if step == 20 {
                server.kill().await.unwrap();
            }
            told.push((bus.tell_signal(to, text(round)).await.unwrap(), text(round)));
            round += 1;
        }
        let mut heard = Vec::new();
        while heard.len() < told.len() {
            let told = hear_told(&mut feed).await;
            heard.push((told.seq, told.payload));
        }
        assert_eq!(heard, told);
        server.restart().await.unwrap();
        // The next one goes only when this one has all again.
        until("all replicas are current", async || replicas_are_current(&urls, &namespace).await).await;
    }
}

async fn replicas_are_current(urls: &str, namespace: &Namespace) -> bool {
    let context = async_nats::jetstream::new(connect(urls, "test", None).await.unwrap());
    let Ok(mut stream) = context.get_stream(Stream::Signal.name(namespace)).await else { return false };
    let Ok(info) = stream.info().await else { return false };
    let replicas = info.cluster.as_ref().map(|cluster| &cluster.replicas);
    replicas.is_some_and(|replicas| replicas.len() == 2 && replicas.iter().all(|peer| peer.current && !peer.offline))
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_told_as_a_loss() {
    let urls = servers::nats().await;
    let namespace = namespace();
    let bus = bus_on(&urls, &namespace, 1).await;
    let (mut feed, to) = (listening(&bus).await, session());
    bus.tell_signal(to, text("one")).await.unwrap();
    hear_told(&mut feed).await;
    let context = async_nats::jetstream::new(connect(&urls, "test", None).await.unwrap());
    context.delete_stream(Stream::Signal.name(&namespace)).await.unwrap();
    bus.tell_signal(to, text("two")).await.unwrap();
    assert_eq!(hear(&mut feed).await, Heard::Lost);
    assert_eq!(hear_told(&mut feed).await.payload, text("two"));
}

/// As an older version, or a person, has left them.
#[tokio::test]
async fn streams_that_are_not_as_they_should_be_are_changed_and_keep_what_is_in_them() {
    let (urls, namespace) = (servers::nats().await, namespace());
    let bus = bus_on(&urls, &namespace, 1).await;
    bus.tell_presence(user(), session(), text("here"), None, None).await.unwrap();
    let context = async_nats::jetstream::new(connect(&urls, "test", None).await.unwrap());
    for stream in Stream::ALL {
        let info = context.get_stream(stream.name(&namespace)).await.unwrap().cached_info().clone();
        assert_eq!(stream.fault(&namespace, 1, &info), None);
        let config = stream::Config { max_age: Duration::from_mins(7), allow_direct: false, ..info.config };
        let info = context.update_stream(config).await.unwrap();
        assert!(stream.fault(&namespace, 1, &info).unwrap().contains("allow_direct is false, not true"));
    }
    bus.bring_up().await.unwrap();
    for stream in Stream::ALL {
        let info = context.get_stream(stream.name(&namespace)).await.unwrap().cached_info().clone();
        assert_eq!(stream.fault(&namespace, 1, &info), None);
    }
    assert_eq!(picture(&mut bus.presence()).await.len(), 1);
}

async fn next_due(feed: &mut BoxStream<'static, Agenda>) -> DueTask {
    let due = async {
        loop {
            if let Agenda::Due(task) = feed.next().await.expect("a feed never ends") {
                return *task;
            }
        }
    };
    timeout(PATIENCE, due).await.expect("it becomes due")
}

fn in_seconds(seconds: i64) -> voxlog_core::clock::Time {
    SystemClock.now() + chrono::TimeDelta::seconds(seconds)
}

#[tokio::test]
async fn what_is_scheduled_becomes_due_once_and_a_later_date_replaces_an_earlier_one() {
    let urls = servers::nats().await;
    let namespace = namespace();
    let (bus, other) = (bus_on(&urls, &namespace, 1).await, bus_on(&urls, &namespace, 1).await);
    let due = || Due::Call(RoomId::mint(&SystemClock));
    let (moved, taken_back, past) = (due(), due(), due());
    bus.schedule(moved, in_seconds(1), text("early")).await.unwrap();
    bus.schedule(taken_back, in_seconds(1), text("never")).await.unwrap();
    bus.schedule(moved, in_seconds(3), text("late")).await.unwrap();
    bus.unschedule(taken_back).await.unwrap();
    bus.schedule(past, in_seconds(-10), text("at once")).await.unwrap();

    let mut workers = bus.due();
    let mut more_workers = other.due();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let task = tokio::select! {
            task = next_due(&mut workers) => task,
            task = next_due(&mut more_workers) => task,
        };
        seen.push((task.due, task.payload.clone()));
        task.done().await.unwrap();
    }
    assert_eq!(seen, [(past, text("at once")), (moved, text("late"))]);
    // What was taken back would have come before.
    let more = async {
        tokio::select! {
            task = next_due(&mut workers) => task,
            task = next_due(&mut more_workers) => task,
        }
    };
    let more = timeout(Duration::from_secs(2), more).await;
    assert!(more.is_err(), "something came twice, or though it was taken back");
}

#[tokio::test]
async fn a_date_survives_a_killed_server_and_a_worker_that_does_not_finish() {
    let mut nats = servers::own_nats().await;
    let namespace = namespace();
    let bus = bus_on(&nats.url(), &namespace, 1).await;
    let due = Due::Call(RoomId::mint(&SystemClock));
    bus.schedule(due, in_seconds(2), text("later")).await.unwrap();

    nats.kill().await.unwrap();
    nats.restart().await.unwrap();
    let mut feed = bus.due();
    next_due(&mut feed).await.later(Duration::from_millis(100)).await.unwrap();
    let again = next_due(&mut feed).await;
    assert_eq!((again.due, again.payload.clone()), (due, text("later")));
    again.done().await.unwrap();
}

#[tokio::test]
async fn a_lease_lasts_while_it_is_held_and_some_seconds_after_it_was_given_back() {
    let (bus, node, over) = (bus().await, NodeId::mint(&SystemClock), CancellationToken::new());
    assert_eq!(bus.nodes().await.unwrap(), []);
    assert!(!bus.is_alive(node).await.unwrap());
    let holding = tokio::spawn({
        let (bus, over) = (bus.clone(), over.clone());
        async move { bus.hold_lease(node, || text("well"), over).await }
    });
    until("the lease is held", async || bus.is_alive(node).await.unwrap()).await;
    let leases = bus.nodes().await.unwrap();
    assert_eq!(leases.len(), 1);
    assert_eq!((leases[0].node, &leases[0].status, leases[0].going), (node, &text("well"), false));
    until("it is refreshed", async || bus.nodes().await.unwrap()[0].refreshed > leases[0].refreshed).await;

    over.cancel();
    holding.await.unwrap();
    let leases = bus.nodes().await.unwrap();
    assert!(leases[0].going, "{leases:?}");
    let given_back = tokio::time::Instant::now();
    until("the lease is over", async || !bus.is_alive(node).await.unwrap()).await;
    assert!(given_back.elapsed() > Duration::from_secs(4), "its clients need time to go elsewhere");
    assert!(given_back.elapsed() < Duration::from_secs(8), "{:?}", given_back.elapsed());
    assert_eq!(bus.nodes().await.unwrap(), []);
}

#[tokio::test]
async fn the_lease_of_a_node_that_fell_silent_ends_after_15_s() {
    let (bus, node) = (bus().await, NodeId::mint(&SystemClock));
    let holding = tokio::spawn({
        let bus = bus.clone();
        async move { bus.hold_lease(node, || text("well"), CancellationToken::new()).await }
    });
    until("the lease is held", async || bus.is_alive(node).await.unwrap()).await;
    holding.abort();
    let silent = tokio::time::Instant::now();
    until("the lease is over", async || !bus.is_alive(node).await.unwrap()).await;
    let lasted = silent.elapsed();
    assert!(lasted > Duration::from_secs(13) && lasted < Duration::from_secs(18), "{lasted:?}");
}
