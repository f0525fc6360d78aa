//! A replay tells everything, and costs at most twice what only counting costs.

use std::process::Stdio;

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use tokio::process::Command;
use voxlog_tests::{
    fill::{fill, found_room},
    process::program,
    world::{World, user_id},
};

const EVENTS: usize = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_200_000_events_costs_at_most_twice_a_count_of_them() -> Result<()> {
    let world = World::on_one_server().await;
    let (gateway, owner) = (world.gateway().await, user_id());
    let room = found_room(&world, &gateway.ws_url(), owner, &[]).await?;
    gateway.stop().await;
    fill(&world, room, owner, EVENTS).await?;
    let partition = world.partition_of(room);

    let (mut replayed, mut counted) = (f64::INFINITY, f64::INFINITY);
    // In turns, the best of three each: the machine has other work too.
    for _ in 0..3 {
        let mut replay = program(&world);
        let (lines, cpu_s) = output_and_cpu(replay.args(["replay", "--format", "ndjson"])).await?;
        assert_eq!(lines.lines().count(), EVENTS + 1, "every message, and the room");
        replayed = replayed.min(cpu_s);
        let mut count = Command::new(env!("CARGO_BIN_EXE_voxlog-count"));
        let (counts, cpu_s) =
            output_and_cpu(count.args([&world.nats[0], &world.namespace.log_stream(partition)])).await?;
        assert!(counts.trim().parse::<usize>()? > EVENTS);
        counted = counted.min(cpu_s);
    }
    #[expect(clippy::cast_precision_loss, reason = "two hundred thousand")]
    let per_cpu_s = |cpu_s: f64| EVENTS as f64 / cpu_s;
    println!("events per CPU-second: replay {:.0}, a bare consumer {:.0}", per_cpu_s(replayed), per_cpu_s(counted));
    assert!(replayed <= 2.0 * counted, "{replayed} s of CPU against {counted} s");
    Ok(())
}

/// What a command prints, and the CPU seconds that it took, its own and the kernel's for it.
async fn output_and_cpu(command: &mut Command) -> Result<(String, f64)> {
    let before = cpu_s()?;
    let output = command.stderr(Stdio::inherit()).output().await?;
    anyhow::ensure!(output.status.success(), "it ended with {}", output.status);
    Ok((String::from_utf8(output.stdout).context("lines of text")?, cpu_s()? - before))
}

/// The CPU seconds of all children that have ended.
fn cpu_s() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a test")]
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
