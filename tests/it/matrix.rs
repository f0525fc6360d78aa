//! Who may do what: every op for everybody who could ask for it, over REST and over a socket.
//!
//! Each cell of the table is asked in a room where nobody has changed anything, so that no answer depends on another: a
//! room that only refused or was only read is taken again. Where an op can be asked
//! for in both ways, both must answer the same. The table is the documentation: `snapshots/` has it.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};
use ops::{OPS, Op};
use stage::Stage;

mod ops;
mod stage;

/// Everybody who could ask, in the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Asker {
    Nobody,
    Guest,
    Member,
    Muted,
    Admin,
    Owner,
    Banned,
    Stranger,
    /// Owns another room.
    Neighbour,
}

impl Asker {
    pub(crate) const ALL: [Self; 9] = [
        Self::Nobody,
        Self::Guest,
        Self::Member,
        Self::Muted,
        Self::Admin,
        Self::Owner,
        Self::Banned,
        Self::Stranger,
        Self::Neighbour,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Nobody => "no token",
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Muted => "muted",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::Banned => "banned",
            Self::Stranger => "not a member",
            Self::Neighbour => "other room",
        }
    }
}

/// Cells asked at once: enough to keep the servers busy.
const AT_ONCE: usize = 16;

/// Between what REST answers and what a socket does, where they differ.
const DIFFERS: &str = "≠";

#[tokio::test(flavor = "multi_thread")]
async fn every_op_answers_everybody_the_same_over_rest_and_sockets() -> Result<()> {
    let stage = Stage::set().await?;
    let (stage, cells) = (&stage, OPS.iter().flat_map(|op| Asker::ALL.map(|asker| (op, asker))));
    let answers: BTreeMap<(&str, Asker), String> = stream::iter(cells)
        .map(|(op, asker)| async move { Ok::<_, anyhow::Error>(((op.name, asker), cell(stage, op, asker).await?)) })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_>>()?;
    let table = table(&answers);
    assert!(!table.contains(DIFFERS), "REST and sockets differ:\n{table}");
    insta::assert_snapshot!(table);
    Ok(())
}

/// What the op answers this asker: `ok`, or a code. Both ways of asking are tried where there are two.
async fn cell(stage: &Stage, op: &Op, asker: Asker) -> Result<String> {
    let over_rest = match op.rest {
        Some(request) => Some(over_rest(stage, asker, request).await?),
        None => None,
    };
    let over_socket = match op.socket {
        Some(frame) => Some(over_socket(stage, asker, frame).await?),
        None => None,
    };
    Ok(match (over_rest, over_socket) {
        (Some(rest), Some(socket)) if rest != socket => format!("{rest}{DIFFERS}{socket}"),
        (Some(answer), _) | (None, Some(answer)) => answer,
        (None, None) => panic!("{} can't be asked for at all", op.name),
    })
}

async fn over_rest(stage: &Stage, asker: Asker, request: ops::Request) -> Result<String> {
    let scene = stage.scene().await?;
    let (method, path, body) = request(&scene);
    let mut sent = stage.rest(asker).request(method.clone(), &path).header("X-Voxlog-Min-Position", &scene.position);
    if !body.is_null() {
        sent = sent.json(&body);
    }
    let answer = voxlog_tests::rest::send(sent).await;
    if answer.status.is_success() {
        if method.is_safe() {
            stage.untouched(scene);
        }
        return Ok("ok".to_owned());
    }
    stage.untouched(scene);
    println!("{method} {path}: {}", answer.body["detail"]);
    Ok(answer.code())
}

async fn over_socket(stage: &Stage, asker: Asker, frame: ops::Frame) -> Result<String> {
    let scene = stage.scene().await?;
    let (op, fields) = frame(&scene);
    let socket = stage.socket(asker).await?;
    let answer = socket.lock().await.call(op, fields).await;
    let Err(error) = answer else { return Ok("ok".to_owned()) };
    stage.untouched(scene);
    Ok(error.code().with_context(|| format!("{op}: {error}"))?.to_owned())
}

fn table(answers: &BTreeMap<(&str, Asker), String>) -> String {
    let mut table = format!("{:24}", "");
    for asker in Asker::ALL {
        write!(table, "{:16}", asker.title()).expect("a text takes text");
    }
    for op in OPS {
        write!(table, "\n{:24}", op.name).expect("a text takes text");
        for asker in Asker::ALL {
            write!(table, "{:16}", answers[&(op.name, asker)]).expect("a text takes text");
        }
    }
    table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
