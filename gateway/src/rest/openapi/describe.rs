//! What the types of a handler's signature tell of it.

use axum::{Extension, Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde_json::json;

use super::Operation;
use crate::{
    error::Code,
    identity::Caller,
    rest::{
        Problem,
        extract::{At, Body, Fresh, Params},
        written::Created,
    },
};

/// Something that a handler takes.
pub(crate) trait Input {
    /// Writes down what that asks of the request.
    fn describe(operation: &mut Operation<'_>);
}

/// Something that a handler answers.
pub(crate) trait Answer {
    /// Writes down how it looks.
    fn describe(operation: &mut Operation<'_>);
}

/// An async function of inputs to an answer. `T` is the tuple of its inputs.
pub(crate) trait Handler<T> {
    /// Writes down what its signature tells.
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! handlers {
    ($(($($input:ident)*))*) => {$(
        impl<F, R, $($input),*> Handler<($($input,)*)> for F
        where
            F: Fn($($input),*) -> R,
            R: Future<Output: Answer>,
            $($input: Input,)*
        {
            fn describe(operation: &mut Operation<'_>) {
                $($input::describe(operation);)*
                <R::Output as Answer>::describe(operation);
            }
        }
    )*};
}

handlers! { () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E G) (A B C D E G H) }

impl<S> Input for State<S> {
    fn describe(_: &mut Operation<'_>) {}
}

/// What a layer has put beside the request.
impl<T> Input for Option<Extension<T>> {
    fn describe(_: &mut Operation<'_>) {}
}

/// An access token or a key. A key may lack the scope; keys are in the database, which may be away.
impl Input for Caller {
    fn describe(operation: &mut Operation<'_>) {
        operation.secured_by(&["bearer", "apiKey"]);
        operation.refuses(Code::Unauthenticated);
        operation.refuses(Code::Forbidden);
        operation.refuses(Code::Unavailable);
    }
}

impl Input for Fresh {
    fn describe(operation: &mut Operation<'_>) {
        let about = "Waits until what was written at this position can be read, for some seconds at most.";
        let schema = json!({ "type": "string", "pattern": "^[0-9]{1,5}:[0-9]{1,16}$", "examples": ["3:1042"] });
        operation.header("X-Voxlog-Min-Position", about, schema);
        operation.refuses(Code::Invalid);
        operation.refuses(Code::Unavailable);
    }
}

impl<T: JsonSchema> Input for At<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.segments::<T>();
        operation.refuses(Code::Invalid);
    }
}

impl<T: JsonSchema> Input for Params<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.query::<T>();
        operation.refuses(Code::Invalid);
    }
}

impl<T: JsonSchema> Input for Body<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.body::<T>();
        operation.refuses(Code::Invalid);
        operation.refuses(Code::TooLarge);
        operation.refuses_as(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unsupported);
    }
}

impl<A: Answer> Answer for Result<A, Problem> {
    fn describe(operation: &mut Operation<'_>) {
        A::describe(operation);
    }
}

impl Answer for Problem {
    fn describe(_: &mut Operation<'_>) {}
}

impl<T: JsonSchema> Answer for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<T>(StatusCode::OK);
    }
}

impl<T: JsonSchema> Answer for Created<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<T>(StatusCode::CREATED);
    }
}

/// Of plain text.
impl Answer for &'static str {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_with(StatusCode::OK, "text/plain; charset=utf-8", json!({ "type": "string" }));
    }
}

/// Headers beside an answer.
impl<A: Answer, H, const N: usize> Answer for ([H; N], A) {
    fn describe(operation: &mut Operation<'_>) {
        A::describe(operation);
    }
}
