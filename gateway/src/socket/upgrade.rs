//! From a request to a socket: who may come, and what is spoken.

use std::sync::Arc;

use axum::{
    extract::{State, WebSocketUpgrade},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{HOST, ORIGIN},
    },
    response::{IntoResponse, Response},
};

use super::{serve, wire::Wire};
use crate::{Gateway, protocol::Encoding, rest::bearer};

/// What a connection reads at once. The library's default, 128 KiB, would be most of what an idle socket costs.
const READ_BUFFER: usize = 4 * 1024;

/// What is gathered before it is written. It is kept once it has grown, so it bounds what an idle socket costs.
const WRITE_BUFFER: usize = 16 * 1024;

/// `GET /ws`.
pub(super) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_welcome(&headers, &gateway.config.allowed_origins) {
        return (StatusCode::FORBIDDEN, "pages of this origin may not connect").into_response();
    }
    let Some(encoding) = choose(upgrade.requested_protocols()) else {
        return (StatusCode::BAD_REQUEST, "the subprotocols are voxlog.v1.json and voxlog.v1.msgpack").into_response();
    };
    if gateway.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "this node is going").into_response();
    }
    let offered = bearer(&headers).map(str::to_owned);
    let frame_bytes = gateway.config.limits.frame_bytes;
    upgrade
        .protocols([encoding.subprotocol()])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(frame_bytes)
        .max_frame_size(frame_bytes)
        .on_upgrade(move |socket| {
            let wire = Wire::new(socket, encoding, gateway.shutdown.clone());
            let tasks = gateway.tasks.clone();
            tasks.track_future(serve(gateway, wire, offered))
        })
}

/// Browsers say where a page comes from; the same cookies and addresses are within reach of every page, so it matters.
/// What says nothing is no browser.
fn is_welcome(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if !allowed.is_empty() {
        return allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
    }
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
