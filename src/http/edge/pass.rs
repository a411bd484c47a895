//! What an edge does not keep is passed on to its origin and back as it comes.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http_body_util::{BodyExt as _, Limited};

use crate::digest::Digest;
use crate::edge::{
    Answered, Ask, AskError, Cause, Edge, Kind, Met, NoAnswer, PASS_PATIENCE, Piece, Trail, next,
};
use crate::http::ApiError;
use crate::http::edge::counted::Served;
use crate::http::edge::failed;
use crate::offload::{Class, Size};

/// The longest body that a client may send, in bytes: that of the largest thing that an
/// origin takes.
const MAX_BODY_BYTES: usize = 16 << 20;

/// What is of one connection alone (RFC 9110, 7.6.1), or is said anew on the next.
const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Passes a request on.
pub(super) async fn pass(edge: &Edge, request: Request, trail: &Trail) -> Response {
    let Some(path) = request.uri().path_and_query().cloned() else {
        let message = "the request names no path".to_owned();
        return failed(Kind::Pass, ApiError::NotFound(message));
    };
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
    let headers = passed_on(&head.headers, peer.map(|ConnectInfo(peer)| *peer));
    let ask = Ask {
        path,
        headers: headers.clone(),
        trail: trail.clone(),
        patience: PASS_PATIENCE,
    };
    edge.counters().asked(Kind::Pass, Cause::Fill);
    let answered = match head.method {
        Method::GET => edge.get(&ask).await,
        method => {
            let body = Limited::new(body, MAX_BODY_BYTES).boxed_unsync();
            let mut request = Request::new(body);
            *request.method_mut() = method;
            *request.headers_mut() = headers;
            edge.pass(request, &ask).await
        }
    };
    match answered {
        Ok(answered) => {
            let length = answered.response.headers().get(header::CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
            let (key, size) = (
                Digest::of(ask.path.as_str().as_bytes()),
                length.unwrap_or(0),
            );
            let account = edge.cache().account();
            account.passed(&Class::other(), &key, Size::new(size, 0));
            back(edge, answered)
        }
        Err(error @ NoAnswer::Resting) => {
            failed(Kind::Pass, ApiError::Unavailable(error.to_string()))
        }
        Err(error @ NoAnswer::Failed { .. }) => {
            failed(Kind::Pass, ApiError::BadGateway(error.to_string()))
        }
    }
}

/// The answer on its way back.
fn back(edge: &Edge, answered: Answered) -> Response {
    let Answered { upstream, response } = answered;
    let (head, body) = response.into_parts();
    let edge = edge.clone();
    let pieces = stream::unfold(Some((body, upstream)), move |reading| {
        let edge = edge.clone();
        async move {
            let (mut body, upstream) = reading?;
            loop {
                let read = tokio::select! {
                    read = next(&mut body, edge.config().short_patience()) => read,
                    () = edge.stopped() => return None,
                };
                return match read {
                    Ok(Some(Piece::Data(data))) => {
                        edge.counters().came(Kind::Pass, Cause::Fill, data.len());
                        Some((Ok::<_, AskError>(data), Some((body, upstream))))
                    }
                    Ok(Some(Piece::Trailers(_))) => continue,
                    Ok(None) => {
                        upstream.served();
                        None
                    }
                    Err(error) => {
                        upstream.failed(&error);
                        Some((Err(error), None))
                    }
                };
            }
        }
    });
    let mut answer = (head.status, Body::from_stream(pieces)).into_response();
    let mut headers = head.headers;
    without_hops(&mut headers);
    *answer.headers_mut() = headers;
    answer.extensions_mut().insert(Served {
        kind: Kind::Pass,
        met: Met::Miss,
        tier: None,
        cause: None,
    });
    answer
}

/// The headers of a request for the next server, which is told whom it is for.
fn passed_on(headers: &HeaderMap, peer: Option<SocketAddr>) -> HeaderMap {
    let mut passed = headers.clone();
    without_hops(&mut passed);
    if let Some(host) = passed.remove(header::HOST)
        && !passed.contains_key("x-forwarded-host")
    {
        passed.insert("x-forwarded-host", host);
    }
    if let Some(peer) = peer {
        let before = passed
            .get("x-forwarded-for")
            .and_then(|value| value.to_str().ok());
        let through = match before {
            Some(before) => format!("{before}, {}", peer.ip()),
            None => peer.ip().to_string(),
        };
        if let Ok(through) = HeaderValue::try_from(through) {
            passed.insert("x-forwarded-for", through);
        }
    }
    passed
}

/// Takes out what is of one connection alone, and what `Connection` says is.
fn without_hops(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::CONNECTION).iter();
    let named = lines.filter_map(|line| line.to_str().ok());
    let named = named.flat_map(|line| line.split(','));
    let named: Vec<HeaderName> = named.filter_map(|name| name.trim().parse().ok()).collect();
    for name in HOP_BY_HOP.into_iter().chain(named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_connection_is_not_passed_on_and_who_asks_is_told() {
        let pairs = [
            ("host", "edge.example"),
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("accept", "*/*"),
            ("x-forwarded-for", "10.0.0.9"),
        ];
        let headers = pairs.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let peer = Some(([10, 0, 0, 1], 5000).into());
        let passed = passed_on(&HeaderMap::from_iter(headers), peer);
        let mut names: Vec<_> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "x-forwarded-for", "x-forwarded-host"]);
        assert_eq!(passed["x-forwarded-for"], "10.0.0.9, 10.0.0.1");
        assert_eq!(passed["x-forwarded-host"], "edge.example");
    }
}
