//! What handlers take out of a request, each refused as a problem that names what is wrong.

use std::{error::Error as _, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, MatchedPath, Path, Query, Request,
        path::ErrorKind,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use voxlog_core::position::Position;
use voxlog_projections::checkpoint::Lagging;

use super::{Problem, limited::Asking, scoped::scope_of};
use crate::{
    Gateway,
    error::{Code, Failure, brief},
    identity::Caller,
    shapes::object::Object,
};

/// By which a read asks for what a write has stored.
const MIN_POSITION: &str = "x-voxlog-min-position";

/// How long a read waits for that.
const PATIENCE: Duration = Duration::from_secs(3);

impl FromRequestParts<Arc<Gateway>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let caller = match parts.extensions.get::<Asking>() {
            Some(Asking(caller)) => caller.clone()?,
            None => caller(gateway, &parts.headers).await?,
        };
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        caller.needs(scope_of(&parts.method, route))?;
        Ok(caller)
    }
}

/// Whose credential a request carries.
pub(super) async fn caller(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, Failure> {
    let credential = credential(headers).ok_or_else(|| {
        let needed = "an access token or an API key is needed: Authorization: Bearer …, or X-API-Key";
        Failure::new(Code::Unauthenticated, needed)
    })?;
    gateway.identity.authenticate(credential).await
}

/// What somebody shows to say who they are: an API key, or an access token.
pub(crate) fn credential(headers: &HeaderMap) -> Option<&str> {
    api_key(headers).or_else(|| bearer(headers))
}

/// The API key of a request, if it carries one.
pub(super) fn api_key(headers: &HeaderMap) -> Option<&str> {
    let alone = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    alone.or_else(|| bearer(headers).filter(|credential| credential.starts_with("vxk_")))
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1). The scheme's case does not matter.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The read models are as new as the request asks for. A handler takes it before it reads them.
#[derive(Debug)]
pub(super) struct Fresh;

impl FromRequestParts<Arc<Gateway>> for Fresh {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(MIN_POSITION) else { return Ok(Self) };
        let position = header.to_str().ok().and_then(|text| text.parse::<Position>().ok());
        // A partition that is not there would be waited for in vain.
        let position = position.filter(|position| position.partition.0 < gateway.partitions.count());
        let position = position.ok_or_else(|| {
            Failure::invalid("X-Voxlog-Min-Position", "must be the position of a write, as in 3:1042")
        })?;
        if !gateway.hub.has_written(position).await? {
            return Err(Failure::invalid("X-Voxlog-Min-Position", "is beyond the end of the log").into());
        }
        match gateway.read.wait_for(position, PATIENCE).await {
            Ok(()) => Ok(Self),
            Err(Lagging::Behind { .. }) => {
                Err(Failure::unavailable("the read models do not have that position yet").into())
            }
            Err(Lagging::Away(error)) => Err(Failure::from(error).into()),
        }
    }
}

/// A JSON body, whole and not too large: [`super::body`] has seen to that.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(Object(body))) => Ok(Self(body)),
            Err(rejection) => Err(bad_body(&rejection)),
        }
    }
}

fn bad_body(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            let failure = Failure::new(Code::Unsupported, "the body must be application/json");
            Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, failure)
        }
        JsonRejection::JsonDataError(error) => {
            let source = error.source().and_then(std::error::Error::source);
            let traced =
                source.and_then(|source| source.downcast_ref::<serde_path_to_error::Error<serde_json::Error>>());
            match traced {
                Some(error) => Failure::of_field(&error.path().to_string(), &error.inner().to_string()).into(),
                None => Failure::new(Code::Invalid, "the body is not what is expected here").into(),
            }
        }
        _ => Failure::new(Code::Invalid, "the body is not JSON").into(),
    }
}

/// The query of a URL.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(bad_query(&rejection).into()),
        }
    }
}

fn bad_query(rejection: &QueryRejection) -> Failure {
    let source = rejection.source().and_then(std::error::Error::source);
    match source.and_then(|source| source.downcast_ref::<serde_path_to_error::Error<serde::de::value::Error>>()) {
        Some(error) => Failure::of_field(&error.path().to_string(), &error.inner().to_string()),
        None => Failure::new(Code::Invalid, brief(&rejection.body_text())),
    }
}

/// The ids and names in a path.
#[derive(Debug)]
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(it)) => Ok(Self(it)),
            Err(rejection) => Err(bad_path(rejection).into()),
        }
    }
}

fn bad_path(rejection: PathRejection) -> Failure {
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        return Failure::internal(&rejection);
    };
    match error.into_kind() {
        ErrorKind::ParseErrorAtKey { key, .. } => Failure::invalid(key, "is not of the right kind"),
        ErrorKind::DeserializeError { key, message, .. } => Failure::invalid(key, message),
        ErrorKind::InvalidUtf8InPathParam { key } => Failure::invalid(key, "is not UTF-8"),
        ErrorKind::Message(message) => Failure::invalid("id", message),
        kind => Failure::internal(&kind),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body as HttpBody, http::HeaderValue};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading is tested")]
        max_users: Option<u16>,
        #[expect(dead_code, reason = "only its reading is tested")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its reading is tested")]
        flag: bool,
    }

    async fn refusal(body: impl Into<HttpBody>, kind: &'static str) -> String {
        let request = Request::post("/").header(header::CONTENT_TYPE, kind).body(body.into()).unwrap();
        let problem = Body::<Outer>::from_request(request, &()).await.unwrap_err();
        let body = axum::body::to_bytes(problem.respond(None).into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        format!("{} {} {} {}", body["status"], body["code"], body["errors"][0]["field"], body["detail"])
    }

    #[tokio::test]
    async fn a_bad_body_names_its_field() {
        let json = "application/json";
        let mut seen = Vec::new();
        for body in [
            r#"{"inner":{"flag":"yes"}}"#,
            r#"{"inner":{}}"#,
            r#"{"inner":{"flag":true,"x":1}}"#,
            r#"{"inner":{"flag":true},"maxUsers":70000}"#,
            r#"{"inner":{"flag":true},"max":1}"#,
            "{}",
            "[",
            "",
            r#""text""#,
        ] {
            seen.push(format!("{body}\n  {}", refusal(body, json).await));
        }
        seen.push(format!("text/plain\n  {}", refusal("{}", "text/plain").await));
        insta::assert_snapshot!(seen.join("\n"));
    }

    #[tokio::test]
    async fn a_bad_query_names_its_field() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Query {
            #[expect(dead_code, reason = "only its reading is tested")]
            limit: Option<u32>,
        }
        let mut seen = Vec::new();
        for query in ["limit=x", "limit=-1", "other=1", "limit=1&limit=2"] {
            let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
            let problem = Params::<Query>::from_request_parts(&mut parts, &()).await.unwrap_err();
            seen.push(format!("{query}: {problem:?}"));
        }
        insta::assert_snapshot!(seen.join("\n"));
    }

    #[test]
    fn a_token_stands_behind_bearer_in_any_case() {
        let of = |value| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(of("bearer  a.b.c ").as_deref(), Some("a.b.c"));
        assert_eq!(of("Basic YTpi"), None);
        assert_eq!(of("Bearer"), None);
    }
}
