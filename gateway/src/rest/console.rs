//! What operators see and mend: the log, any room, the read models, the nodes. All of it takes the scope `admin`.

use std::sync::Arc;

use super::openapi::Route;
use crate::Gateway;

mod events;
mod nodes;
mod projections;
mod rooms;
mod row;

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    [events::routes(), rooms::routes(), projections::routes(), nodes::routes()].into_iter().flatten().collect()
}
