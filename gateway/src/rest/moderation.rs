//! Who may be in a room and what they may do there. The deciders say who may moderate whom.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
    room::{Command, Role},
};
use voxlog_projections::{
    Page,
    members::{self, Ban},
};

use super::{
    Problem,
    extract::{At, Body, Fresh, Params},
    members::{Listing, role_in},
    paging,
    written::Written,
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
};

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/rooms/{id}/kick", post(moderate::<Kick>))
        .route("/rooms/{id}/ban", post(moderate::<BanUser>))
        .route("/rooms/{id}/unban", post(moderate::<Unban>))
        .route("/rooms/{id}/mute", post(moderate::<Mute>))
        .route("/rooms/{id}/unmute", post(moderate::<Unmute>))
        .route("/rooms/{id}/role", post(moderate::<SetRole>))
        .route("/rooms/{id}/bans", get(bans))
}

macro_rules! bodies {
    ($($name:ident { $($field:ident: $kind:ty),* } => $command:expr;)*) => {$(
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct $name { user_id: UserId, $($field: $kind),* }

        impl From<$name> for Command {
            fn from(body: $name) -> Self {
                $command(body)
            }
        }
    )*};
}

bodies! {
    Kick { reason: Option<String> } => |it: Kick| Self::Kick { user: it.user_id, reason: it.reason };
    BanUser { until: Option<Time>, reason: Option<String> } =>
        |it: BanUser| Self::Ban { user: it.user_id, until: it.until, reason: it.reason };
    Unban {} => |it: Unban| Self::Unban { user: it.user_id };
    Mute { until: Option<Time>, reason: Option<String> } =>
        |it: Mute| Self::Mute { user: it.user_id, until: it.until, reason: it.reason };
    Unmute {} => |it: Unmute| Self::Unmute { user: it.user_id };
    SetRole { role: Role } => |it: SetRole| Self::SetRole { user: it.user_id, role: it.role };
}

async fn moderate<B: DeserializeOwned + Into<Command>>(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Body(body): Body<B>,
) -> Result<Json<Written>, Problem> {
    let done = gateway.hub.room_command(caller.user, id, body.into()).await?;
    Ok(Json(Written::from(&done)))
}

async fn bans(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Ban>>, Problem> {
    let (after, limit) = (paging::seq("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    if role_in(&gateway, id, caller.user).await? < Role::Admin {
        return Err(Failure::new(Code::Forbidden, "only admins and the owner see who is banned").into());
    }
    Ok(Json(members::bans(&gateway.read, id, after, limit).await?))
}
