//! Reactions and pins: sets, so adding twice or removing what is not there is no error.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::put};
use voxlog_core::{id::MessageId, message::Command};

use super::{
    Problem,
    extract::{At, Fresh},
    messages::command,
    written::Written,
};
use crate::{Gateway, identity::Caller};

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/messages/{id}/reactions/{emoji}", put(react).delete(unreact))
        .route("/messages/{id}/pin", put(pin).delete(unpin))
}

type Answer = Result<Json<Written>, Problem>;

async fn react(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At((id, emoji)): At<(MessageId, String)>,
    _: Fresh,
) -> Answer {
    command(&gateway, caller, id, Command::React { emoji }).await
}

async fn unreact(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At((id, emoji)): At<(MessageId, String)>,
    _: Fresh,
) -> Answer {
    command(&gateway, caller, id, Command::Unreact { emoji }).await
}

async fn pin(State(gateway): State<Arc<Gateway>>, caller: Caller, At(id): At<MessageId>, _: Fresh) -> Answer {
    command(&gateway, caller, id, Command::Pin).await
}

async fn unpin(State(gateway): State<Arc<Gateway>>, caller: Caller, At(id): At<MessageId>, _: Fresh) -> Answer {
    command(&gateway, caller, id, Command::Unpin).await
}
