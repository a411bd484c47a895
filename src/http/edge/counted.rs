//! What an edge tells of each answer, and counts of it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::edge::{Edge, Kind, Met};
use crate::http::cache_status::{CACHE_STATUS, SERVER_TIMING, detail, forwarded, timing};
use crate::offload;

/// What it is called among caches.
const NAME: &str = "loomcast-edge";

/// How a request was met; handlers leave it on their answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    /// What was asked for.
    pub kind: Kind,
    /// How it was come by.
    pub met: Met,
    /// Where it was kept.
    pub tier: Option<&'static str>,
    /// Why it had to be fetched, if that is counted.
    pub cause: Option<offload::Cause>,
}

impl Served {
    /// As one member of `Cache-Status` (RFC 9211).
    fn cache_status(self) -> String {
        let (to, why) = (forwarded(self.cause), detail(self.cause));
        match (self.met, self.kind, self.tier) {
            (Met::Hit, _, Some("disk")) => format!("{NAME}; hit; detail=disk"),
            (Met::Hit, _, _) => format!("{NAME}; hit; detail=memory"),
            (Met::Meanwhile, ..) => format!("{NAME}; hit; ttl=-1; detail=stale-while-revalidate"),
            (Met::Stale, ..) => format!("{NAME}; hit; ttl=-1; detail=stale-if-error"),
            (Met::Collapsed, ..) => format!("{NAME}; fwd={to}; collapsed{why}"),
            (Met::Miss, Kind::Pass, _) => format!("{NAME}; fwd=bypass"),
            (Met::Miss, ..) => format!("{NAME}; fwd={to}; stored{why}"),
            (Met::Blocked, ..) => format!("{NAME}; fwd=uri-miss; detail=blocked"),
            (Met::Error, ..) => format!("{NAME}; fwd=uri-miss; detail=error"),
        }
    }
}

/// Tells of an answer how it was come by, and counts it and what is sent of it.
pub(super) async fn count(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let mut response = next.run(request).await;
    let served = response.extensions().get::<Served>().copied();
    let said = served.map_or_else(|| format!("{NAME}; fwd=bypass"), Served::cache_status);
    let headers = response.headers_mut();
    // Behind those of the caches nearer to the origin.
    if let Ok(said) = HeaderValue::try_from(said) {
        headers.append(CACHE_STATUS, said);
    }
    let word = served.filter(|served| served.kind != Kind::Pass);
    let word = word.map(|served| served.met.as_str());
    headers.append(SERVER_TIMING, timing(began, word, None));
    let Some(served) = served else {
        return response;
    };
    edge.counters().met(served.kind, served.met);
    let (head, body) = response.into_parts();
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
