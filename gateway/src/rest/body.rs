//! The whole body of a request, before anything is done about it: bounded in size and in time.
//!
//! So a client that sends it drop by drop holds nothing but its own connection, and an idempotent request can be compared
//! with the one before.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::{MAX_BODY_BYTES, Problem};
use crate::{
    Gateway,
    error::{Code, Failure},
};

/// Reads the body and hands the request on with it.
pub(super) async fn whole(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match read(body, gateway.config.connections.body_within).await {
        Ok(body) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(problem) => {
            let mut response = problem.into_response();
            // What is still to come of it is not waited for.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}

async fn read(body: Body, within: Duration) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large().into());
    }
    if let Ok(gathered) = tokio::time::timeout(within, gather(body)).await {
        return Ok(gathered?);
    }
    let detail = format!("the body did not come within {} s", within.as_secs_f32());
    Err(Problem::with_status(StatusCode::REQUEST_TIMEOUT, Failure::new(Code::Invalid, detail)))
}

async fn gather(body: Body) -> Result<Bytes, Failure> {
    let (mut pieces, mut whole) = (body.into_data_stream(), BytesMut::new());
    while let Some(piece) = pieces.next().await {
        // Whoever sent it is mostly gone.
        let piece = piece.map_err(|_| Failure::new(Code::Invalid, "the body broke off"))?;
        if whole.len() + piece.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

fn too_large() -> Failure {
    Failure::new(Code::TooLarge, format!("the body must not exceed {MAX_BODY_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded_in_size_and_in_time() {
        let within = Duration::from_secs(10);
        let pieces = |count| stream::iter((0..count).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![0; 1024]))));
        let status = async |body| match read(body, within).await {
            Ok(body) => format!("{} bytes", body.len()),
            Err(problem) => problem.into_response().status().to_string(),
        };
        assert_eq!(status(Body::empty()).await, "0 bytes");
        assert_eq!(status(Body::from_stream(pieces(64))).await, "65536 bytes");
        assert_eq!(status(Body::from_stream(pieces(65))).await, "413 Payload Too Large");
        assert_eq!(status(Body::from(vec![0; MAX_BODY_BYTES + 1])).await, "413 Payload Too Large");
        let slow = stream::iter(0..).then(|_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        });
        assert_eq!(status(Body::from_stream(slow)).await, "408 Request Timeout");
    }
}
