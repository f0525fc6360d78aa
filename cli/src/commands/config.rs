//! `voxlog config`: every setting with its value, its source and its default.

use std::process::ExitCode;

use serde::Serialize;

use crate::{
    args::{Config, Format},
    config::{
        Source, Sources, check,
        settings::{self, Setting},
    },
    terminal,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: &'static str,
    /// As it may be shown; absent when nobody set it and it has no default.
    value: Option<String>,
    source: Option<Source>,
    default: Option<&'static str>,
    about: &'static str,
    /// What is wrong with the value.
    fault: Option<String>,
}

/// Lists them. The exit code is 1 when a value is wrong.
pub fn run(config: &Config, sources: &Sources) -> anyhow::Result<ExitCode> {
    let lines: Vec<_> = settings::ALL.iter().map(|setting| line(setting, sources)).collect();
    match config.format {
        Format::Json => terminal::print_json(&lines)?,
        Format::Table => terminal::print(table(&lines))?,
    }
    let wrong = lines.iter().any(|line| line.fault.is_some());
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(setting: &Setting, sources: &Sources) -> Line {
    let found = sources.find(setting);
    Line {
        name: setting.name,
        value: found.map(|found| setting.shown.mask(found.value)),
        source: found.map(|found| found.source),
        default: setting.default,
        about: setting.about,
        fault: found.and_then(|found| check(setting, found.value).err()),
    }
}

fn table(lines: &[Line]) -> String {
    let mut table = terminal::table(["SETTING", "VALUE", "SOURCE", "DEFAULT", "ABOUT"]);
    for line in lines {
        let source = match line.source {
            None => "-",
            Some(Source::Environment) => "environment",
            Some(Source::Instance) => "instance",
            Some(Source::Default) => "default",
        };
        let about = line.fault.as_ref().map_or(line.about.to_owned(), |fault| format!("WRONG: {fault}"));
        let value = line.value.as_deref().unwrap_or("-");
        table.add_row([line.name, value, source, line.default.unwrap_or("-"), &about]);
    }
    table.trim_fmt()
}
