//! The one binary, as a library, so that tests can run it in their own process.
//!
//! Modules in reading order: what was asked for ([`args`], [`config`]), what does it ([`commands`]), and what it stands
//! on ([`embedded`], [`instance`], [`link`], [`shutdown`]).

use std::process::ExitCode;

use clap::Parser;

pub mod args;
pub mod config;

pub mod commands;

pub mod embedded;
pub mod instance;
pub mod link;
mod logging;
pub mod shutdown;
mod terminal;

use args::{Arguments, Command};
use config::{Faults, Sources};
use shutdown::Shutdown;

/// What a process that was interrupted before it was done answers, as shells do.
const INTERRUPTED: u8 = 130;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let outcome = runtime.block_on(run(arguments));
    // What still waits on something, such as a name to be resolved, has nobody to tell.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| fail(&error))
}

/// Runs one command until it is done, or until signals end it.
async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    let sources = Sources::from_environment();
    let sources = match arguments.command {
        // `up` is the instance itself.
        Command::Up(_) => sources,
        _ => sources.with_instance_of(&arguments.data_dir),
    };
    let filter = if matches!(arguments.command, Command::Serve(_)) { "info" } else { "warn" };
    let faults = logging::init(&sources, filter);
    if !faults.is_empty() && !matches!(arguments.command, Command::Config(_) | Command::Doctor(_)) {
        return Err(Faults(faults).into());
    }
    let ends_gently = matches!(arguments.command, Command::Up(_) | Command::Serve(_) | Command::Replay(_));
    let end = if ends_gently { &shutdown.now } else { &shutdown.gently };
    tokio::select! {
        outcome = dispatch(arguments, &sources, &shutdown) => outcome,
        // Dropping the command drops the servers that it started, which ends them too.
        () = end.cancelled() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

async fn dispatch(arguments: Arguments, sources: &Sources, shutdown: &Shutdown) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Up(up) => commands::up::run(&up, &arguments.data_dir, sources, &shutdown.gently).await,
        Command::Serve(serve) => commands::serve::run(&serve, sources, &shutdown.gently).await,
        Command::Replay(replay) => commands::replay::run(&replay, sources, &shutdown.gently).await,
        Command::Rebuild(rebuild) => commands::rebuild::run(&rebuild, sources).await,
        Command::Parked(parked) => commands::parked::run(&parked, sources).await,
        Command::Status(status) => commands::status::run(&status, sources).await,
        Command::Doctor(doctor) => commands::doctor::run(&doctor, &arguments.data_dir, sources).await,
        Command::Token(token) => commands::token::run(&token, sources).await,
        Command::Operator(operator) => commands::operator::run(&operator, sources).await,
        Command::Config(config) => commands::config::run(&config, sources),
    }
}

/// Tells a failure: one line, or one for each wrong setting.
fn fail(error: &anyhow::Error) -> ExitCode {
    for line in format!("{error:#}").lines() {
        eprintln!("voxlog: {line}");
    }
    ExitCode::FAILURE
}
