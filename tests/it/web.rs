//! The web client and the console in a real browser, and the SDK by itself.
//!
//! A test starts the world and hands it to a program of `tests/web` in the environment; what that finds wrong it says,
//! and ends with a failure. What a person does there, it does: it clicks and types, and reads what is shown.

use std::{
    fs::read_dir,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};
use voxlog_tests::{process::Process, servers::scratch, world::World};

/// Two gateways as processes of their own, to be killed, and all that works behind them.
struct Nodes {
    gateways: [Process; 2],
    _behind: [Process; 2],
}

impl Nodes {
    async fn start() -> Self {
        let world = World::on_one_server().await;
        let start = |part| Process::serve(&world, part);
        let (one, two, projections, workers) =
            tokio::join!(start("gateway"), start("gateway"), start("projections"), start("workers"));
        Self { gateways: [one, two], _behind: [projections, workers] }
    }

    /// Runs a program of `tests/web` on them.
    async fn run(&self, program: &str) {
        let [one, two] = &self.gateways;
        let mut command = node(program);
        command.env("VOXLOG_GATEWAYS", format!("{},{}", one.url, two.url));
        command.env("VOXLOG_GATEWAY_PIDS", format!("{},{}", one.pid(), two.pid()));
        succeed(command).await;
    }
}

/// Runs a program of `tests/web` on the world that `voxlog up` makes, with its demo.
async fn run_on_the_demo(program: &str) {
    let up = Process::up().await;
    let mut command = node(program);
    command.env("VOXLOG_UP", &up.url);
    succeed(command).await;
    up.stop().await;
}

/// Longer than any of the programs waits for anything.
const WITHIN: Duration = Duration::from_mins(5);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

fn node(program: &str) -> Command {
    let mut command = Command::new("node");
    command.current_dir(folder()).arg(program).env("VOXLOG_SCRATCH", scratch()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn succeed(mut command: Command) {
    let output = timeout(WITHIN, command.output()).await.expect("the program ends").expect("node is installed");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{}\n{said}", output.status);
}

/// Runs the tests of a folder that need no browser.
async fn run_tests(part: &str) {
    let mut command = node("--test");
    let files = read_dir(folder().join(part)).expect("a folder of tests").flatten().map(|file| file.path());
    command.args(files.filter(|file| file.to_string_lossy().ends_with(".test.mjs")));
    succeed(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_keeps_its_promises_whatever_a_gateway_does() {
    run_tests("sdk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_shows_follows_from_events() {
    run_tests("app").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_peer_says_breaks_the_mesh() {
    run_tests("voice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_on_two_gateways_chat_and_nothing_is_lost_by_a_reload_or_without_a_network() {
    Nodes::start().await.run("chat.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_people_in_a_call_hear_each_other_also_when_a_gateway_is_killed() {
    Nodes::start().await.run("call.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consoles_slider_shows_the_room_that_the_api_tells_of() {
    run_on_the_demo("console.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_screen_complains_or_asks_another_host() {
    run_on_the_demo("screens.mjs").await;
}
