//! `nats/permissions.conf` on a real server: who may publish and subscribe what.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, kv, stream};
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    bus::{Agenda, Bus, Due, Heard, OFFLINE_KEPT},
    clock::{Clock, SystemClock},
    id::{NodeId, RoomId, SessionId, UserId},
    log::Namespace,
    position::Seq,
};
use voxlog_tests::{servers, world::until};

const PATIENCE: Duration = Duration::from_secs(20);
const RIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nats/permissions.conf");

/// A server with the shipped permissions; each role's password is its name.
struct Guarded {
    url: String,
    _server: Child,
}

/// A role's connection, with the refusals that the server sent it.
struct Role {
    client: Client,
    refusals: mpsc::UnboundedReceiver<String>,
}

#[tokio::test]
async fn only_gateways_and_workers_publish_to_the_log() {
    let server = Guarded::start().await;
    let admin = server.connect("admin").await;
    let mut seen = admin.client.subscribe("vox.log.>").await.unwrap();
    admin.round_trip().await;
    for (role, may) in [("gateway", true), ("workers", true), ("projections", false), ("integrator", false)] {
        let mut role = server.connect(role).await;
        role.publishes("vox.log.0.room.r.msg", may, &mut seen).await;
    }
}

#[tokio::test]
async fn nobody_else_subscribes_to_the_log() {
    let server = Guarded::start().await;
    for role in ["gateway", "workers", "projections", "integrator"] {
        let mut role = server.connect(role).await;
        for subject in ["vox.log.>", "vox.log.0.fence", ">", "*.log.0.fence"] {
            let _feed = role.client.subscribe(subject).await.unwrap();
            role.is_refused(subject).await;
        }
    }
}

#[tokio::test]
async fn gateways_alone_tell_each_other_about_limits() {
    let server = Guarded::start().await;
    let (one, mut other) = (server.connect("gateway").await, server.connect("gateway").await);
    let mut heard = one.client.subscribe("vox.limits").await.unwrap();
    // Its answer comes after whatever became of the subscription.
    jetstream::new(one.client.clone()).query_account().await.unwrap();
    other.publishes("vox.limits", true, &mut heard).await;
    for role in ["workers", "projections", "integrator"] {
        let mut role = server.connect(role).await;
        role.publishes("vox.limits", false, &mut heard).await;
        let _feed = role.client.subscribe("vox.limits").await.unwrap();
        role.is_refused("vox.limits").await;
    }
}

#[tokio::test]
async fn gateways_and_workers_tell_each_other_what_they_need_to_beside_the_log() {
    let server = Guarded::start().await;
    let bus = async |role| Bus::new(server.connect(role).await.client, Namespace::default(), 1);
    let (gateway, workers) = (bus("gateway").await, bus("workers").await);
    gateway.bring_up().await.unwrap();
    let (user, session) = (UserId::mint(&SystemClock), SessionId::mint(&SystemClock));
    let (room, node) = (RoomId::mint(&SystemClock), NodeId::mint(&SystemClock));
    let (mut presence, mut signals, mut agenda) = (workers.presence(), gateway.signals(), workers.due());
    assert_eq!(next(&mut presence).await, Heard::CaughtUp);
    assert_eq!(next(&mut signals).await, Heard::CaughtUp);
    assert!(matches!(next(&mut agenda).await, Agenda::Listening));

    let here = gateway.tell_presence(user, session, "here".into(), Some(Seq::ZERO), None).await.unwrap();
    assert!(matches!(next(&mut presence).await, Heard::Told(told) if told.seq == here));
    workers.tell_presence(user, session, "gone".into(), Some(here), Some(OFFLINE_KEPT)).await.unwrap();
    gateway.tell_signal(session, "signal".into()).await.unwrap();
    gateway.tell_typing(room, "types".into()).await.unwrap();
    gateway.tell_speaking(room, "speaks".into()).await.unwrap();
    for payload in ["signal", "types", "speaks"] {
        assert!(matches!(next(&mut signals).await, Heard::Told(told) if told.payload == payload));
    }
    assert_eq!(gateway.signals_after(session, Seq::ZERO).await.unwrap().len(), 1);
    gateway.schedule(Due::Call(room), SystemClock.now(), "now".into()).await.unwrap();
    let Agenda::Due(task) = next(&mut agenda).await else { panic!("it is due") };
    task.done().await.unwrap();

    let (over, held) = (CancellationToken::new(), gateway.clone());
    let holding = held.hold_lease(node, || "well".into(), over.clone());
    let looking = async {
        until("the workers see the lease", async || workers.is_alive(node).await.unwrap()).await;
        assert_eq!(workers.nodes().await.unwrap().len(), 1);
        over.cancel();
    };
    tokio::join!(holding, looking);
    workers.bring_up().await.unwrap();
}

#[tokio::test]
async fn nobody_tells_beside_the_log_what_is_not_theirs() {
    let server = Guarded::start().await;
    let all = [
        "vox.due.call.r",
        "vox.signal.s",
        "vox.typing.r",
        "vox.speaking.r",
        "vox.schedule.call.r",
        "vox.presence.u.s",
        "$KV.NODES.n",
    ];
    for (role, refused) in [("gateway", 1), ("workers", 5), ("projections", 7), ("integrator", 7)] {
        let mut role = server.connect(role).await;
        for &subject in &all[..refused] {
            role.client.publish(subject, "forged".into()).await.unwrap();
            role.is_refused(subject).await;
        }
        for subject in ["vox.presence.>", "vox.signal.>", "vox.typing.>", "vox.speaking.>", "vox.due.>", "$KV.NODES.>"]
        {
            let _feed = role.client.subscribe(subject).await.unwrap();
            role.is_refused(subject).await;
        }
    }
}

#[tokio::test]
async fn a_gateway_keeps_repeatable_requests_in_a_bucket_that_it_makes() {
    let server = Guarded::start().await;
    let context = jetstream::new(server.connect("gateway").await.client);
    let config = kv::Config { bucket: "IDEMPOTENCY".to_owned(), ..kv::Config::default() };
    let bucket = context.create_key_value(config).await.unwrap();
    let revision = bucket.create("request", "under way".into()).await.unwrap();
    bucket.update("request", "answered".into(), revision).await.unwrap();
    let found = context.get_key_value("IDEMPOTENCY").await.unwrap().entry("request").await.unwrap().unwrap();
    assert_eq!(found.value, "answered");
}

#[tokio::test]
async fn only_admin_deletes_or_purges_streams() {
    let server = Guarded::start().await;
    for name in ["gateway", "workers", "projections", "integrator"] {
        let mut role = server.connect(name).await;
        // Gateways take the records of who is erased out of the log, one by one.
        let single = (name != "gateway").then_some("MSG.DELETE");
        for action in ["DELETE", "PURGE"].into_iter().chain(single) {
            let subject = format!("$JS.API.STREAM.{action}.LOG_0");
            role.client.publish(subject.clone(), "".into()).await.unwrap();
            role.is_refused(&subject).await;
        }
    }
    let admin = jetstream::new(server.connect("admin").await.client);
    log_stream(&jetstream::new(server.connect("gateway").await.client)).await;
    assert!(admin.delete_stream("LOG_0").await.unwrap().success);
}

#[tokio::test]
async fn an_integrator_hears_the_live_feed_but_not_others_answers() {
    let server = Guarded::start().await;
    let workers = server.connect("workers").await;
    let mut integrator = server.connect("integrator").await;
    let mut live = integrator.client.subscribe("vox.live.>").await.unwrap();
    integrator.round_trip().await;

    workers.client.publish("vox.live.room.r.msg", "committed".into()).await.unwrap();

    let heard = timeout(PATIENCE, live.next()).await.unwrap().unwrap();
    assert_eq!(heard.payload.as_ref(), b"committed");
    for subject in ["_INBOX.>", "vox.signal.>", "$JS.API.>", "$KV.>"] {
        let _feed = integrator.client.subscribe(subject).await.unwrap();
        integrator.is_refused(subject).await;
    }
    integrator.client.publish("vox.live.room.r.msg", "forged".into()).await.unwrap();
    integrator.is_refused("vox.live.room.r.msg").await;
}

#[tokio::test]
async fn an_integrator_reads_the_log_through_the_consumer_that_admin_made_for_it() {
    let server = Guarded::start().await;
    let gateway = jetstream::new(server.connect("gateway").await.client);
    log_stream(&gateway).await;
    gateway.publish("vox.log.0.room.r.msg", "fact".into()).await.unwrap().await.unwrap();
    server.make_consumer().await;
    let mut integrator = server.connect("integrator").await;

    let consumer = integrator.consumer().await;
    let read = consumer.fetch().max_messages(1).messages().await.unwrap().try_next().await.unwrap().unwrap();
    assert_eq!(read.payload.as_ref(), b"fact");
    read.double_ack().await.unwrap();

    for subject in ["$JS.API.CONSUMER.CREATE.LOG_0.integrator", "vox.js.CONSUMER.MSG.NEXT.LOG_0.gateway"] {
        integrator.client.publish(subject, "{}".into()).await.unwrap();
        integrator.is_refused(subject).await;
    }
}

/// JetStream delivers to whatever subject the reader names, and asks for no right to publish there.
#[tokio::test]
async fn an_integrator_cannot_have_events_delivered_into_the_log() {
    let server = Guarded::start().await;
    let gateway = server.connect("gateway").await;
    let context = jetstream::new(gateway.client.clone());
    let mut stream = log_stream(&context).await;
    for _ in 0..2 {
        context.publish("vox.log.0.room.r.msg", "fact".into()).await.unwrap().await.unwrap();
    }
    server.make_consumer().await;
    let integrator = server.connect("integrator").await;

    let into_the_log = "vox.log.0.room.r.msg";
    let next = "vox.js.CONSUMER.MSG.NEXT.LOG_0.integrator";
    integrator.client.publish_with_reply(next, into_the_log, "1".into()).await.unwrap();
    // A consumer serves its readers in turn: this answer comes after whatever became of the request above.
    let mut answers = integrator.consumer().await.fetch().max_messages(1).messages().await.unwrap();
    assert!(answers.try_next().await.unwrap().is_some());
    context.publish("vox.log.0.room.r.msg", "fact".into()).await.unwrap().await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 3);

    // From inside the account the same request does write: that is what the accounts are for.
    let next = "$JS.API.CONSUMER.MSG.NEXT.LOG_0.integrator";
    gateway.client.publish_with_reply(next, into_the_log, "1".into()).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while stream.info().await.unwrap().state.messages == 3 {
        assert!(Instant::now() < deadline, "a delivery into the log can't happen any more: are the accounts needed?");
        sleep(Duration::from_millis(20)).await;
    }
}

impl Guarded {
    async fn make_consumer(&self) {
        let admin = jetstream::new(self.connect("admin").await.client);
        let config = pull::Config { durable_name: Some("integrator".to_owned()), ..pull::Config::default() };
        admin.create_consumer_on_stream(config, "LOG_0").await.unwrap();
    }

    async fn start() -> Self {
        let dir = servers::scratch();
        fs::copy(RIGHTS, dir.join("permissions.conf")).unwrap();
        let store = dir.join("store").display().to_string();
        let config =
            format!("listen: \"127.0.0.1:-1\"\njetstream {{ store_dir: {store:?} }}\ninclude permissions.conf\n");
        fs::write(dir.join("nats.conf"), config).unwrap();
        let program = voxlog::embedded::nats_server_program().unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(dir.join("nats.conf")).arg("--ports_file_dir").arg(&dir);
        for role in ["gateway", "projections", "workers", "integrator", "admin"] {
            command.env(format!("VOXLOG_NATS_{}_PASSWORD", role.to_uppercase()), role);
        }
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        Self { url: listening_url(&dir).await, _server: server }
    }

    async fn connect(&self, role: &str) -> Role {
        let (sender, refusals) = mpsc::unbounded_channel();
        let options = ConnectOptions::with_user_and_password(role.to_owned(), role.to_owned());
        let options = if role == "integrator" { options.custom_inbox_prefix("_INBOX_integrator") } else { options };
        let options = options.event_callback(move |event| {
            let sender = sender.clone();
            async move {
                if let Event::ServerError(error) = event {
                    // A test that has seen enough no longer listens.
                    let _ = sender.send(error.to_string());
                }
            }
        });
        Role { client: options.connect(&self.url).await.unwrap(), refusals }
    }
}

impl Role {
    /// The integrator's consumer, through the prefix under which its account sees it.
    async fn consumer(&self) -> PullConsumer {
        let context = jetstream::with_prefix(self.client.clone(), "vox.js");
        context.get_consumer_from_stream("integrator", "LOG_0").await.unwrap()
    }

    /// All that was sent before has reached the server, which a flush does not promise: even a refusal and the word
    /// that nobody answers come after it.
    async fn round_trip(&self) {
        let _ = self.client.request("vox.js.CONSUMER.INFO.NONE.integrator", "".into()).await;
    }

    async fn publishes(&mut self, subject: &'static str, may: bool, seen: &mut Subscriber) {
        let mark = servers::namespace();
        self.client.publish(subject, mark.clone().into()).await.unwrap();
        if may {
            let message = timeout(PATIENCE, seen.next()).await.unwrap().unwrap();
            assert_eq!(message.payload, mark, "another's publish went through");
        } else {
            self.is_refused(subject).await;
        }
    }

    async fn is_refused(&mut self, subject: &str) {
        let refusal = timeout(PATIENCE, self.refusals.recv()).await;
        let refusal = refusal.unwrap_or_else(|_| panic!("{subject} was not refused")).unwrap().to_lowercase();
        assert!(refusal.contains("permissions violation"), "{refusal}");
        assert!(refusal.contains(&subject.to_lowercase()), "{refusal} is not about {subject}");
    }
}

async fn next<T>(feed: &mut BoxStream<'static, T>) -> T {
    timeout(PATIENCE, feed.next()).await.expect("something is heard in time").expect("a feed never ends")
}

async fn log_stream(context: &jetstream::Context) -> stream::Stream {
    let subjects = vec!["vox.log.0.>".to_owned()];
    let config = stream::Config { name: "LOG_0".to_owned(), subjects, ..stream::Config::default() };
    context.create_stream(config).await.unwrap()
}

/// The server writes its ports file once it listens.
async fn listening_url(dir: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut files = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
        let ports = files.find(|path| path.extension().is_some_and(|extension| extension == "ports"));
        let text = ports.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        if let Ok(ports) = serde_json::from_str::<serde_json::Value>(&text) {
            return ports["nats"][0].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < deadline, "nats-server did not take the shipped permissions");
        sleep(Duration::from_millis(20)).await;
    }
}
