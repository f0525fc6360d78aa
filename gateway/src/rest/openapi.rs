//! The `OpenAPI` 3.1 document, made of the routes themselves.
//!
//! A route is added with [`route!`]. Path, method, name and prose come from the handler's `#[utoipa::path]`; parameters,
//! body and answer from the types of its signature ([`describe`]), their schemas from `schemars`; what may be refused
//! from those types as well, and from the codes that `route!` is given beside the handler. So nothing is said twice, and
//! the document can't say what the router doesn't do.

use axum::{Router, routing::MethodRouter};
use serde_json::{Map, Value, json};
use utoipa_axum::router::UtoipaMethodRouter;

use super::problem;
use crate::error::Code;

pub(crate) mod describe;
mod operation;
mod schemas;
#[cfg(test)]
mod tests;

use describe::Handler;
pub(crate) use operation::Operation;
use schemas::Schemas;

/// Describes a handler and adds it to a list of routes: `route!(handler, codes, …)`. The codes, each a `[Code]`, are
/// those that it may be refused with beyond what its signature tells.
macro_rules! route {
    ($handler:ident $(, $codes:expr)* $(,)?) => {
        $crate::rest::openapi::Route::new(utoipa_axum::routes!($handler), &$handler, &[$(&$codes[..]),*])
    };
}
pub(crate) use route;

/// One handler under one method of one path.
pub(crate) struct Route<S> {
    path: String,
    method: String,
    operation: Map<String, Value>,
    handler: MethodRouter<S>,
    describe: fn(&mut Operation<'_>),
    refused: Vec<Code>,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Of what utoipa tells of a handler; [`route!`] calls it.
    pub(crate) fn new<T, H: Handler<T>>((_, paths, router): UtoipaMethodRouter<S>, _: &H, codes: &[&[Code]]) -> Self {
        let paths = serde_json::to_value(paths).expect("paths are JSON");
        let (path, item) = only(&paths).expect("a handler has one path");
        let (method, operation) = only(item).expect("a handler has one method");
        let operation = operation.as_object().expect("an operation is an object").clone();
        let (path, method) = (path.to_owned(), method.to_owned());
        Self { path, method, operation, handler: router, describe: H::describe, refused: codes.concat() }
    }
}

fn only(value: &Value) -> Option<(&String, &Value)> {
    let fields = value.as_object()?;
    (fields.len() == 1).then(|| fields.iter().next())?
}

/// Routes, and the document that tells of them.
pub(crate) struct Api<S> {
    router: Router<S>,
    paths: Map<String, Value>,
    refusals: Map<String, Value>,
    schemas: Schemas,
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), paths: Map::new(), refusals: Map::new(), schemas: Schemas::new() }
    }

    /// Adds routes below a prefix.
    pub(crate) fn with(self, prefix: &str, routes: impl IntoIterator<Item = Route<S>>) -> Self {
        self.behind(|_| {}, prefix, routes)
    }

    /// The same, of routes with layers before them; `layers` tells of these.
    pub(crate) fn behind(
        mut self,
        layers: fn(&mut Operation<'_>),
        prefix: &str,
        routes: impl IntoIterator<Item = Route<S>>,
    ) -> Self {
        for Route { path, method, operation, handler, describe, refused } in routes {
            let path = format!("{prefix}{path}");
            let mut described = Operation::new(&path, &method, operation, &mut self.schemas);
            describe(&mut described);
            layers(&mut described);
            for code in refused {
                described.refuses(code);
            }
            let operation = described.finish(&mut self.refusals);
            let item = self.paths.entry(path.as_str()).or_insert_with(|| json!({}));
            let known = item.as_object_mut().and_then(|item| item.insert(method, operation));
            assert!(known.is_none(), "two handlers for one method of {path}");
            self.router = self.router.route(&path, handler);
        }
        self
    }

    /// The routes, and their document.
    pub(crate) fn into_parts(mut self) -> (Router<S>, Value) {
        let problem = self.schemas.written::<problem::Body<'static>>();
        debug_assert_eq!(problem, json!({"$ref": operation::PROBLEM}));
        let schemas = self.schemas.finish(&mut self.paths);
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Voxlog",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Rooms and messages over REST. Sockets are told of in `/asyncapi.json`; the rules and the codes \
                    of refusals are the same on both.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/", "description": "this node" }],
            "tags": tags(),
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "responses": self.refusals,
                "headers": operation::headers(),
                "securitySchemes": {
                    "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token." },
                    "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key, within its scopes." },
                },
            },
        });
        (self.router, document)
    }
}

fn tags() -> Value {
    let about = |(name, description)| json!({ "name": name, "description": description });
    [
        ("auth", "Signing up, signing in, staying signed in."),
        ("users", "People: oneself, and what everybody may know of others."),
        ("rooms", "Opening, finding, changing and closing rooms; coming and going."),
        ("moderation", "Who may be in a room and what they may do there."),
        ("messages", "Writing, reading, finding and marking messages."),
        ("voice", "Calls: who is in them, how devices find each other, and how others are let in."),
        ("console", "For operators: the log, any room, the read models, the nodes. Takes the scope `admin`."),
        ("operations", "For those who run a node."),
        ("documents", "What this node offers, for people and programs."),
    ]
    .map(about)
    .into_iter()
    .collect()
}
