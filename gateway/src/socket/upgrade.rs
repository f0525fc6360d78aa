//! From a request to a socket: who may come, and what is spoken.

use std::sync::Arc;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::rejection::WebSocketUpgradeRejection::{self, MethodNotConnect, MethodNotGet},
    },
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{HOST, ORIGIN},
    },
    response::Response,
};

use serde::Deserialize;
use voxlog_core::id::RoomId;

use super::{Entry, serve, wire::Wire};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Secret,
    protocol::Encoding,
    rest::{
        Problem,
        client_address::ClientAddress,
        cors, credential,
        extract::{At, Params},
    },
    voice::tokens,
};

/// What a connection reads at once. The library's default, 128 KiB, would be most of what an idle socket costs.
const READ_BUFFER: usize = 4 * 1024;

/// What is gathered before it is written. It is kept once it has grown, so it bounds what an idle socket costs.
const WRITE_BUFFER: usize = 16 * 1024;

/// `GET /ws`.
pub(super) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    address: ClientAddress,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let (upgrade, encoding) = accept(&gateway, &headers, upgrade)?;
    let offered = credential(&headers).map(|shown| Secret::from(shown.to_owned()));
    Ok(serve_on(gateway, address, upgrade, encoding, Entry::Hello(offered)))
}

/// `GET /ws/call/{room}?token=`: a socket that is in a room's call and good for nothing else. What is wrong with the
/// request is said before the token is looked at, since that is good once.
pub(super) async fn upgrade_to_call(
    State(gateway): State<Arc<Gateway>>,
    address: ClientAddress,
    At(room): At<RoomId>,
    headers: HeaderMap,
    Params(Shown { token }): Params<Shown>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let (upgrade, encoding) = accept(&gateway, &headers, upgrade)?;
    let caller = tokens::admit(&gateway, room, &token.into()).await?;
    Ok(serve_on(gateway, address, upgrade, encoding, Entry::Call(caller, room)))
}

/// The query of a call socket's URL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    token: String,
}

/// Whether a socket is opened, and what is spoken on it.
fn accept(
    gateway: &Gateway,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<(WebSocketUpgrade, Encoding), Problem> {
    let upgrade = upgrade.map_err(|rejection| no_upgrade(&rejection))?;
    if !is_welcome(headers, &gateway.config.allowed_origins) {
        return Err(Failure::new(Code::Forbidden, "pages of this origin may not connect").into());
    }
    let Some(encoding) = choose(upgrade.requested_protocols()) else {
        let message = "the subprotocols are voxlog.v1.json and voxlog.v1.msgpack";
        return Err(Failure::invalid("Sec-WebSocket-Protocol", message).into());
    };
    if gateway.shutdown.is_cancelled() {
        return Err(Failure::unavailable("this node is going").into());
    }
    Ok((upgrade, encoding))
}

fn serve_on(
    gateway: Arc<Gateway>,
    address: ClientAddress,
    upgrade: WebSocketUpgrade,
    encoding: Encoding,
    entry: Entry,
) -> Response {
    let frame_bytes = gateway.config.limits.frame_bytes;
    upgrade
        .protocols([encoding.subprotocol()])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(frame_bytes)
        .max_frame_size(frame_bytes)
        .on_upgrade(move |socket| {
            let wire = Wire::new(socket, encoding, gateway.shutdown.clone(), Arc::clone(gateway.identity.revoked()));
            let tasks = gateway.tasks.clone();
            tasks.track_future(serve(gateway, address, wire, entry))
        })
}

/// Why a request opens no socket.
fn no_upgrade(rejection: &WebSocketUpgradeRejection) -> Problem {
    match rejection {
        MethodNotGet(_) | MethodNotConnect(_) => {
            let failure = Failure::new(Code::Unsupported, "a socket is opened with GET");
            Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, failure)
        }
        _ => {
            let failure = Failure::new(Code::Invalid, "this is no opening handshake of a WebSocket (RFC 6455)");
            Problem::with_status(StatusCode::UPGRADE_REQUIRED, failure)
        }
    }
}

/// Browsers say where a page comes from; the same cookies and addresses are within reach of every page, so it matters.
/// What says nothing is no browser.
fn is_welcome(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    if !allowed.is_empty() {
        return cors::is_among(allowed, origin);
    }
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (origin.split_once("://"), host) {
        (Some((_scheme, from)), Some(host)) => from.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// JSON when nothing is asked for; `None` when only something else is.
fn choose<'a>(asked: impl Iterator<Item = &'a HeaderValue>) -> Option<Encoding> {
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return Some(Encoding::Json);
    }
    Encoding::ALL.into_iter().find(|encoding| asked.iter().any(|asked| *asked == encoding.subprotocol()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_page_of_another_origin_may_not_connect() {
        let same = headers(&[("origin", "https://chat.example"), ("host", "chat.example")]);
        let other = headers(&[("origin", "https://evil.example"), ("host", "chat.example")]);
        let hidden = headers(&[("origin", "null"), ("host", "chat.example")]);
        let program = headers(&[("host", "chat.example")]);
        let allowed = ["https://evil.example".to_owned()];
        assert!(is_welcome(&same, &[]) && !is_welcome(&other, &[]) && !is_welcome(&hidden, &[]));
        assert!(is_welcome(&program, &[]) && is_welcome(&program, &allowed));
        assert!(is_welcome(&other, &allowed) && !is_welcome(&same, &allowed));
    }

    #[test]
    fn the_encoding_is_the_one_that_was_asked_for() {
        let chosen = |names: &[&'static str]| {
            let values: Vec<_> = names.iter().map(|name| HeaderValue::from_static(name)).collect();
            choose(values.iter())
        };
        assert_eq!(chosen(&[]), Some(Encoding::Json));
        assert_eq!(chosen(&["voxlog.v1.json"]), Some(Encoding::Json));
        assert_eq!(chosen(&["voxlog.v1.msgpack", "x"]), Some(Encoding::Msgpack));
        assert_eq!(chosen(&["x"]), None);
    }
}
