//! What an edge tells of each answer, and counts of it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::edge::{Edge, Kind, Met};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// How a request was met; handlers leave it on their answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    /// What was asked for.
    pub kind: Kind,
    /// How it was come by.
    pub met: Met,
    /// Where it was kept.
    pub tier: Option<&'static str>,
}

impl Served {
    /// As one member of `Cache-Status` (RFC 9211).
    fn cache_status(self) -> HeaderValue {
        let said = match (self.met, self.kind, self.tier) {
            (Met::Hit, _, Some("disk")) => "loomcast-edge; hit; detail=disk",
            (Met::Hit, _, _) => "loomcast-edge; hit; detail=memory",
            (Met::Meanwhile, ..) => "loomcast-edge; hit; ttl=-1; detail=stale-while-revalidate",
            (Met::Stale, ..) => "loomcast-edge; hit; ttl=-1; detail=stale-if-error",
            (Met::Collapsed, ..) => "loomcast-edge; fwd=uri-miss; collapsed",
            (Met::Miss, Kind::Pass, _) => "loomcast-edge; fwd=bypass",
            (Met::Miss, ..) => "loomcast-edge; fwd=uri-miss; stored",
            (Met::Blocked, ..) => "loomcast-edge; fwd=uri-miss; detail=blocked",
            (Met::Error, ..) => "loomcast-edge; fwd=uri-miss; detail=error",
        };
        HeaderValue::from_static(said)
    }
}

/// Tells of an answer how it was come by, and counts it and what is sent of it.
pub(super) async fn count(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(served) = response.extensions().get::<Served>().copied() else {
        return response;
    };
    edge.counters().met(served.kind, served.met);
    let (mut head, body) = response.into_parts();
    // Behind those of the caches nearer to the origin.
    head.headers.append(CACHE_STATUS, served.cache_status());
    let body = Counted {
        body,
        edge,
        kind: served.kind,
    };
    Response::from_parts(head, Body::new(body))
}

/// A body whose bytes are counted as they are sent.
struct Counted {
    body: Body,
    edge: Edge,
    kind: Kind,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.edge.counters().sent(self.kind, data.len());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
