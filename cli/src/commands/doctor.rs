//! `voxlog doctor`: everything that Voxlog depends on, a line each, with what to do about it.

use std::{io::IsTerminal, path::Path, process::ExitCode};

use comfy_table::{Cell, Color};
use serde::Serialize;

use crate::{
    args::{Doctor, Format},
    config::{
        Reader, Sources, check,
        settings::{self},
    },
    terminal,
};

mod clocks;
mod disk;
mod keys;
mod nats;
mod postgres;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// It does not work.
    Fail,
}

/// One line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    verdict: Verdict,
    name: &'static str,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, name, found: found.into(), remedy: None }
    }

    fn warn(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, name, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn fail(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, name, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Checks everything and changes nothing. The exit code is 1 when a check fails.
pub async fn run(doctor: &Doctor, data_dir: &Path, sources: &Sources) -> anyhow::Result<ExitCode> {
    let checks = examine(data_dir, sources).await;
    match doctor.format {
        Format::Json => terminal::print_json(&checks)?,
        Format::Table => print(&checks)?,
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn examine(data_dir: &Path, sources: &Sources) -> Vec<Check> {
    let mut checks = settings(sources);
    let mut reader = Reader::new(sources);
    let (log, database, keys) = (reader.log(), reader.database(), reader.keys());
    let embedded = sources.is_from_instance(&settings::NATS_URL);
    if let Some(log) = &log {
        checks.extend(nats::examine(log, embedded).await);
    }
    if let Some(database) = &database {
        checks.extend(postgres::examine(database).await);
    }
    if let Some(keys) = keys {
        checks.push(keys::examine(keys, sources.is_from_instance(&settings::JWT_PRIVATE_KEY)));
    }
    if embedded {
        checks.push(disk::examine(data_dir));
    }
    checks
}

/// What is set must be right, and what has no default must be set.
fn settings(sources: &Sources) -> Vec<Check> {
    let mut checks = Vec::new();
    for setting in &settings::ALL {
        if let Some(Err(problem)) = sources.find(setting).map(|found| check(setting, found.value)) {
            checks.push(Check::fail("settings", format!("{}: {problem}", setting.name), "correct it"));
        }
    }
    for setting in [settings::NATS_URL, settings::DATABASE_URL, settings::JWT_PRIVATE_KEY] {
        if sources.find(&setting).is_none() {
            let remedy = "set it, or run this where `voxlog up` runs";
            checks.push(Check::fail("settings", format!("{} is missing: {}", setting.name, setting.about), remedy));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok("settings", "all are well-formed"));
    }
    checks
}

fn print(checks: &[Check]) -> anyhow::Result<()> {
    let mut table = terminal::table(["", "CHECK", "FOUND"]);
    for check in checks {
        let (word, colour) = match check.verdict {
            Verdict::Ok => ("ok", Color::Green),
            Verdict::Warn => ("warn", Color::Yellow),
            Verdict::Fail => ("fail", Color::Red),
        };
        let found = check.remedy.as_ref().map_or(check.found.clone(), |remedy| format!("{}; {remedy}", check.found));
        let word = if std::io::stdout().is_terminal() { Cell::new(word).fg(colour) } else { Cell::new(word) };
        table.add_row([word, Cell::new(check.name), Cell::new(found)]);
    }
    Ok(terminal::print(table.trim_fmt())?)
}
