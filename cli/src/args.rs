//! The command line.

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;
use voxlog_core::{event::TypeFilter, id::RoomId};

use crate::commands::replay::Bound;

/// An event-sourced messaging core on a durable log.
///
/// Data goes to stdout and everything else to stderr. The exit code is 0, 1 for a failure, 2 for a wrong command line.
#[derive(Debug, Parser)]
#[command(name = "voxlog", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where `voxlog up` keeps its servers' data; other commands find a running `up` there.
    #[arg(long, global = true, value_name = "DIR", default_value = ".voxlog")]
    pub data_dir: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  voxlog up                                   everything on this machine, with a demo
  voxlog replay --type message.posted | head  the first messages of the log
  voxlog status                               is anything behind?

Settings come from the environment; `voxlog config` lists them.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything here: a private nats-server and PostgreSQL, gateway, projections and workers.
    Up(Up),
    /// Run the parts of a node against the servers that the environment names.
    Serve(Serve),
    /// Write the log's events to stdout.
    Replay(Replay),
    /// Make the read models again from the log, beside the live ones, and swap them in.
    Rebuild(Rebuild),
    /// Show the streams, and how far the projections are behind.
    Status(Status),
    /// List the events that could not be applied to the read models, or try them again.
    Parked(Parked),
    /// Check everything that Voxlog depends on.
    Doctor(Doctor),
    /// Print an access token for a user.
    Token(Token),
    /// Say who may use the console.
    Operator(Operator),
    /// List every setting with its value, its source and its default.
    Config(Config),
}

/// Run everything here.
#[derive(Debug, Args)]
#[command(after_help = "\
Unless NATS_URL or DATABASE_URL names a server of yours, a private one is started on a free loopback port and stopped
with Ctrl-C. Acknowledged messages of the private nats-server survive the kill of any process, but not a power loss.

Examples:
  voxlog up
  voxlog up --port 9000 --data-dir /var/tmp/voxlog --no-demo")]
pub struct Up {
    /// The port on 127.0.0.1 [default: 8080, or the next free one]
    #[arg(long, value_parser = clap::value_parser!(u16))]
    pub port: Option<u16>,
    /// Don't fill an empty log with three people, three rooms and some hundred messages.
    #[arg(long)]
    pub no_demo: bool,
}

/// Run the parts of a node.
#[derive(Debug, Args)]
#[command(after_help = "\
Servers that are not there yet are waited for, in any order. PostgreSQL may come and go: messages flow without it.

Every process answers /livez, /readyz, /health and /metrics at VOXLOG_BIND. Where that is not set,
a gateway listens on 127.0.0.1:8080, projections alone on 127.0.0.1:8090 and workers alone on
127.0.0.1:8091.

Examples:
  NATS_URL=nats://n1,nats://n2 DATABASE_URL=postgres://… VOXLOG_JWT_PRIVATE_KEY=/run/key.pem voxlog serve
  voxlog serve projections")]
pub struct Serve {
    /// Which part.
    #[arg(value_enum, default_value_t = Part::All)]
    pub part: Part,
}

/// The parts of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Sockets and REST.
    Gateway,
    /// The read models in PostgreSQL.
    Projections,
    /// What no client waits for.
    Workers,
    /// All of them in one process.
    All,
}

/// Write the log's events.
#[derive(Debug, Args)]
#[command(after_help = "\
One line an event: {\"partition\":3,\"seq\":17,\"event\":{…}}, the event as it stands in the log. Partition by partition, in
each by seq; what is appended after the start is left out. With --follow all partitions at once, each by seq, without end.

Examples:
  voxlog replay > log.ndjson
  voxlog replay --room 01890a5d-ac96-774b-bcce-b302099a8057 --from 1000 --to 2000
  voxlog replay --type message.posted --type reaction --from 2026-11-20T08:00:00Z --follow")]
pub struct Replay {
    /// Only the events of this room.
    #[arg(long, value_name = "ID")]
    pub room: Option<RoomId>,
    /// Only events of this type: `message.posted`, all of `message`, or `voxlog.message.posted.v1`. May be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<TypeFilter>,
    /// From this seq (with --room) or this time by the log's clock on, itself included.
    #[arg(long, value_name = "SEQ|TIME")]
    pub from: Option<Bound>,
    /// Up to this seq (with --room) or this time by the log's clock, itself included.
    #[arg(long, value_name = "SEQ|TIME", conflicts_with = "follow")]
    pub to: Option<Bound>,
    /// Go on with what is appended from now on.
    #[arg(long)]
    pub follow: bool,
    /// How to write them [default: table on a terminal, else ndjson]
    #[arg(long, value_enum)]
    pub format: Option<ReplayFormat>,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReplayFormat {
    /// One JSON object a line.
    Ndjson,
    /// For people.
    Table,
}

/// Make the read models again.
#[derive(Debug, Args)]
#[command(after_help = "\
All read models are made together, beside the live ones, which stay in use until the new ones have caught up; the swap is
one transaction. What is printed are the digests of both at one position of the log: equal when the live ones were right.
The exit code is 1 when they were not.")]
pub struct Rebuild {
    /// Compare only, and leave the live ones as they are.
    #[arg(long)]
    pub check: bool,
    /// How to write the digests.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Show how far everything is.
#[derive(Debug, Args)]
pub struct Status {
    /// How to write it [default: table]
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// List parked events.
#[derive(Debug, Args)]
#[command(after_help = "\
An event that can't be applied waits with all that follows it in its room; nothing else waits. Each start of the projections
tries them again, and so does --retry: the exit code is 1 when one of them still can't be applied.

Examples:
  voxlog parked
  voxlog parked --retry --owner 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct Parked {
    /// Try them again first, each owner's in their order.
    #[arg(long)]
    pub retry: bool,
    /// Only those of this room or user.
    #[arg(long, value_name = "ID")]
    pub owner: Option<Uuid>,
    /// How to write them.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Check everything.
#[derive(Debug, Args)]
#[command(
    after_help = "Each check is one line: ok, warn or fail, and what to do about it. The exit code is 1 when one fails."
)]
pub struct Doctor {
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Print an access token.
#[derive(Debug, Args)]
#[command(after_help = "\
The token is signed with VOXLOG_JWT_PRIVATE_KEY: every gateway that knows this key takes it.

Example:
  curl -H \"Authorization: Bearer $(voxlog token --user ada)\" http://127.0.0.1:8080/api/v1/rooms")]
pub struct Token {
    /// Whose, by name or id.
    #[arg(long, value_name = "NAME|ID")]
    pub user: String,
    /// How long it lives: `90s`, `15m`, `12h`, `7d`.
    #[arg(long, default_value = "15m", value_parser = parse_span)]
    pub ttl: Duration,
}

/// Say who may use the console.
#[derive(Debug, Args)]
#[command(after_help = "\
An operator's sign-ins have the scope `admin`: the console at /console, everything under /api/v1/console, and the state of
any room. It needs DATABASE_URL alone, and can't be done over the network.

Granting takes effect at the account's next sign-in or token refresh. Revoking ends all its sign-ins, on every gateway
within seconds, and its API keys lose the scope. A token that `voxlog token` printed lives as long as it was made for.

Examples:
  voxlog operator grant ada
  voxlog operator list")]
pub struct Operator {
    /// What to do.
    #[command(subcommand)]
    pub action: OperatorAction,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Table, global = true)]
    pub format: Format,
}

/// What is done about operators.
#[derive(Debug, Subcommand)]
pub enum OperatorAction {
    /// Make an account an operator.
    Grant {
        /// Whose, by name or id.
        #[arg(value_name = "NAME|ID")]
        user: String,
    },
    /// Make an account an ordinary one again, and end its sign-ins.
    Revoke {
        /// Whose, by name or id.
        #[arg(value_name = "NAME|ID")]
        user: String,
    },
    /// List the operators.
    List,
}

/// List every setting.
#[derive(Debug, Args)]
pub struct Config {
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How facts about the system are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: with lines and colour on a terminal, plain columns in a pipe.
    Table,
    /// One JSON document.
    Json,
}

/// The address that `voxlog up` binds for a port.
pub const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Reads `90s`, `15m`, `12h`, `7d`; from a second to a year.
fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time span: write 90s, 15m, 12h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let count: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let span = count.checked_mul(seconds).filter(|span| (1..=365 * 24 * 3600).contains(span));
    span.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is not between 1s and 365d"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_documented_command_line_is_taken() {
        for line in [
            "voxlog up --data-dir /tmp/x --port 9000 --no-demo",
            "voxlog serve",
            "voxlog serve gateway",
            "voxlog serve projections",
            "voxlog serve workers",
            "voxlog serve all",
            "voxlog replay --room 01890a5d-ac96-774b-bcce-b302099a8057 --type message.posted --from 1 --to 9 --format table",
            "voxlog replay --from 2026-11-20T08:00:00Z --follow --format ndjson",
            "voxlog rebuild --check",
            "voxlog status --format json",
            "voxlog parked",
            "voxlog parked --retry --owner 01890a5d-ac96-774b-bcce-b302099a8057 --format json",
            "voxlog doctor",
            "voxlog token --user ada --ttl 12h",
            "voxlog operator grant ada",
            "voxlog operator revoke 01890a5d-ac96-774b-bcce-b302099a8057",
            "voxlog operator list --format json",
            "voxlog config",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn a_wrong_command_line_ends_with_2() {
        for line in [
            "voxlog",
            "voxlog serve nothing",
            "voxlog replay --room x",
            "voxlog replay --from yesterday",
            "voxlog replay --follow --to 2026-11-20T08:00:00Z",
            "voxlog token",
            "voxlog operator",
            "voxlog operator grant",
            "voxlog token --user ada --ttl 0s",
            "voxlog up --port 70000",
        ] {
            assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn a_span_says_its_unit() {
        assert_eq!(parse_span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("12h"), Ok(Duration::from_hours(12)));
        for wrong in ["", "5", "s", "-1m", "1y", "366d", "1é", "99999999999999999999d"] {
            parse_span(wrong).expect_err(wrong);
        }
    }
}
