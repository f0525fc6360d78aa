//! What the process tells about itself, on stderr.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt::layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Fault, Sources, settings};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Begins to log: what `VOXLOG_LOG` says, else `default`. Wrong settings are told, and the defaults count.
pub(crate) fn init(sources: &Sources, default: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let filter = read(sources, &settings::LOG, parse_filter, &mut faults).unwrap_or_else(|| EnvFilter::new(default));
    let format = read(sources, &settings::LOG_FORMAT, parse_format, &mut faults).unwrap_or(LogFormat::Text);
    let subscriber = tracing_subscriber::registry().with(filter).with(filter_fn(is_harmless));
    let colour = io::stderr().is_terminal();
    let set = match format {
        LogFormat::Text => subscriber.with(layer().with_writer(io::stderr).with_ansi(colour)).try_init(),
        LogFormat::Json => subscriber.with(layer().json().with_writer(io::stderr)).try_init(),
    };
    if set.is_err() {
        tracing::debug!("this process logs already");
    }
    faults
}

/// Libraries write down at trace what goes over the wire: tokens, passwords and what people say. No filter brings that into
/// the log.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() != Level::TRACE || metadata.target().starts_with("voxlog")
}

fn read<T>(
    sources: &Sources,
    setting: &settings::Setting,
    parse: impl FnOnce(&str) -> Result<T, String>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    match parse(sources.find(setting)?.value) {
        Ok(value) => Some(value),
        Err(problem) => {
            faults.push(Fault { name: setting.name, problem });
            None
        }
    }
}

pub(crate) fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text).map_err(|error| format!("{text:?} is no filter like info,voxlog_gateway=debug: {error}"))
}

pub(crate) fn parse_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is neither text nor json")),
    }
}
