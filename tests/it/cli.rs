//! The program as a person runs it: one command brings everything up, the others find it, and Ctrl-C leaves nothing.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use voxlog::{embedded::nats_server_program, instance::Instance};
use voxlog_core::{
    clock::SystemClock,
    id::{EventId, RoomId},
    log::{Log, LogConfig, Namespace, NatsLog, Record, connect},
    position::{Chain, Class, Partitions},
};
use voxlog_tests::servers::scratch;

const VOXLOG: &str = env!("CARGO_BIN_EXE_voxlog-node");

/// A first start makes a database; the machine may be loaded.
const PATIENCE: Duration = Duration::from_mins(2);

/// A `voxlog up`, killed when the test fails.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        // After a clean end there is nothing to kill.
        let _ = self.0.kill();
    }
}

/// The program in a directory, with nothing of the test's own environment that could lead it elsewhere.
fn voxlog(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(VOXLOG);
    command.current_dir(dir).args(line.split_whitespace());
    let named = std::env::vars_os().map(|(name, _)| name);
    for name in named.filter(|name| name.to_string_lossy().starts_with("VOXLOG_") && name != "VOXLOG_NATS_SERVER") {
        command.env_remove(name);
    }
    command.env_remove("NATS_URL").env_remove("DATABASE_URL");
    // The program looks below the directory that it runs in, which is not the repository here.
    command.env("VOXLOG_NATS_SERVER", nats_server_program().expect("a nats-server for the tests"));
    command
}

fn output(dir: &Path, line: &str) -> Output {
    voxlog(dir, line).output().unwrap()
}

/// What a command prints when it succeeds.
fn printed(dir: &Path, line: &str) -> String {
    let output = output(dir, line);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(dir: &Path, line: &str) -> Value {
    serde_json::from_str(&printed(dir, line)).unwrap()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn start(dir: &Path) -> (Up, String) {
    let told = dir.join("up.err");
    let stderr = fs::File::create(&told).unwrap();
    let mut up = Up(voxlog(dir, "up").stdout(Stdio::null()).stderr(stderr).spawn().unwrap());
    let text = wait_for("the start", || {
        let text = fs::read_to_string(&told).unwrap();
        let ended = up.0.try_wait().unwrap();
        assert!(ended.is_none(), "up ended: {text}");
        text.contains("Voxlog is up").then_some(text).filter(|text| text.contains("replay --room"))
    });
    (up, text)
}

fn interrupt(mut up: Up) {
    kill(Pid::from_raw(up.0.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let status = wait_for("the end", || up.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

/// Processes whose command line names the directory.
fn processes_on(dir: &Path) -> Vec<String> {
    let name = dir.to_string_lossy().into_owned();
    let lines =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&name)).collect()
}

#[test]
fn one_command_brings_everything_up_and_the_others_find_it() {
    let dir = scratch();
    let (up, text) = start(&dir);

    wait_for("the read models", || {
        // Until the projector has made its tables, the exit code says that they can't be seen.
        let status: Value = serde_json::from_slice(&output(&dir, "status --format json").stdout).unwrap();
        let streams = status["streams"].as_array().unwrap();
        for (place, name) in [(0, "LOG_0"), (7, "LOG_7")] {
            assert_eq!(streams[place]["name"], name);
        }
        for beside in ["KV_NODES", "PRESENCE", "SCHEDULE", "SIGNAL"] {
            assert!(streams.iter().any(|stream| stream["name"] == beside), "{beside}");
        }
        let done = status["projections"].as_array()?.iter().all(|partition| partition["lagEvents"] == 0);
        done.then_some(())
    });

    let messages = printed(&dir, "replay --type message.posted");
    assert!(messages.lines().count() >= 200, "{} is not some hundred", messages.lines().count());
    for line in messages.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["event"]["type"], "voxlog.message.posted.v1");
    }
    assert_eq!(
        printed(&dir, "replay").lines().count(),
        printed(&dir, "replay --from 2000-01-01T00:00:00Z").lines().count()
    );
    assert_eq!(printed(&dir, "replay --to 2000-01-01T00:00:00Z"), "");
    let room = text.split("replay --room ").nth(1).unwrap().split_whitespace().next().unwrap();
    let seqs = |range: &str| -> Vec<u64> {
        let of_room = printed(&dir, &format!("replay --room {room}{range}"));
        of_room.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect()
    };
    let whole = seqs("");
    assert!(whole.len() > 20 && whole.is_sorted(), "{whole:?}");
    assert_eq!(seqs(&format!(" --from {} --to {}", whole[10], whole[19])), whole[10..=19]);

    let token = printed(&dir, "token --user ada");
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    assert!(!output(&dir, "token --user nobody").status.success());

    let operators = json(&dir, "operator list --format json");
    assert_eq!((operators[0]["username"].as_str(), operators.as_array().map(Vec::len)), (Some("ada"), Some(1)));

    let checks = json(&dir, "doctor --format json");
    assert!(checks.as_array().unwrap().iter().all(|check| check["verdict"] != "fail"), "{checks:#}");
    let config = printed(&dir, "config");
    assert!(config.contains("postgres://voxlog:***@127.0.0.1"), "{config}");

    let report = json(&dir, "rebuild --format json");
    assert_eq!((&report["equal"], &report["swapped"]), (&true.into(), &true.into()), "{report:#}");

    an_event_of_the_future_is_seen_to_wait(&dir);

    let second = output(&dir, "up");
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(told.lines().count() == 1 && told.contains("in use by another voxlog"), "{told}");

    interrupt(up);
    assert_eq!(processes_on(&dir), Vec::<String>::new());

    let (up, _) = start(&dir);
    assert_eq!(printed(&dir, "replay --type message.posted"), messages, "a restart adds nothing");
    interrupt(up);
}

fn an_event_of_the_future_is_seen_to_wait(dir: &Path) {
    let parked = json(dir, "parked --format json")["parked"].clone();
    assert_eq!(
        (parked.as_array().unwrap().len(), &parked[0]["type"]),
        (1, &"voxlog.user.waved.v1".into()),
        "the demo's"
    );
    let note = Instance::read(&dir.join(".voxlog")).unwrap();
    let room = RoomId::mint(&SystemClock);
    let append = async {
        let client = connect(&note.settings["NATS_URL"], "test", None).await.unwrap();
        let config = LogConfig::new(Namespace::default(), Partitions::new(8).unwrap());
        let log = NatsLog::open(client, config).await.unwrap();
        let fence = log.tail(log.partitions().of(room.as_uuid())).await.unwrap().fence;
        let chain = Chain::Room(room, Class::Msg);
        let record = Record { id: EventId::mint(&SystemClock), chain, payload: "of the future".into(), ttl: None };
        log.append(record, fence).await.unwrap()
    };
    let seq = tokio::runtime::Runtime::new().unwrap().block_on(append).seq;

    let line = format!("parked --owner {room} --format json");
    let waiting = wait_for("the parking", || json(dir, &line)["parked"].get(0).cloned());
    assert_eq!((&waiting["seq"], &waiting["type"]), (&seq.0.into(), &"unknown".into()), "{waiting:#}");
    let told = String::from_utf8(output(dir, "status").stderr).unwrap();
    assert!(told.contains("voxlog parked"), "{told}");
    let retried = output(dir, &format!("{line} --retry"));
    let report: Value = serde_json::from_slice(&retried.stdout).unwrap();
    assert_eq!((retried.status.code(), &report["retried"]["stuck"]), (Some(1), &1.into()), "{report:#}");
    assert_eq!(report["parked"][0]["attempts"], 2, "{report:#}");
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let dir = scratch();
    let output = output(&dir, "serve");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    let names: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("voxlog: ")?.split(':').next()).collect();
    assert_eq!(names, ["NATS_URL", "DATABASE_URL", "VOXLOG_JWT_PRIVATE_KEY"]);
}
