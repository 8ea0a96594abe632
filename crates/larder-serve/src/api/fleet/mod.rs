//! The fleet for administrators and their tools: nodes, channels, rollouts and events.
//!
//! The rules are in [`crate::fleet`]; what is here reads requests and writes answers.

mod channels;
mod events;
mod nodes;
mod rollouts;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::server::Server;

/// The routes.
pub fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::one, nodes::remove))
        .routes(routes!(nodes::drain))
        .routes(routes!(nodes::undrain))
        .routes(routes!(nodes::pin))
        .routes(routes!(nodes::lift))
        .routes(routes!(channels::list))
        .routes(routes!(channels::put))
        .routes(routes!(rollouts::list, rollouts::start))
        .routes(routes!(rollouts::one))
        .routes(routes!(rollouts::pause))
        .routes(routes!(rollouts::resume))
        .routes(routes!(rollouts::abort))
        .routes(routes!(events::events))
}
