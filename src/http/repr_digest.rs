//! Answers with their digest, for whoever wants it: edges check by it what they keep
//! (RFC 9530). In the head where all of the answer is there, else behind its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::edge::{REPR_DIGEST, ReprHasher, is_wanted};
use crate::store::MAX_CHUNK_BYTES;

/// The longest body whose digest is told in its head: larger ones are not in memory
/// anyway.
const MAX_HEAD_BYTES: u64 = MAX_CHUNK_BYTES + (1 << 20);

/// Tells the digest of an answer, if that is wanted and it is whole.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    let wanted = request.method() == Method::GET && is_wanted(request.headers());
    let response = next.run(request).await;
    let told = response.headers().contains_key(REPR_DIGEST);
    match wanted && !told && response.status() == StatusCode::OK {
        true => digested(response).await,
        false => response,
    }
}

async fn digested(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let length = body.size_hint().exact();
    if let Some(length) = length.filter(|length| *length <= MAX_HEAD_BYTES) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        return match to_bytes(body, length).await {
            Ok(bytes) => {
                let mut hasher = ReprHasher::default();
                hasher.update(&bytes);
                head.headers.insert(REPR_DIGEST, hasher.finish().value());
                Response::from_parts(head, bytes.into())
            }
            // Not as long as it says: whoever asked sees no end of it.
            Err(error) => {
                let broken = futures_util::stream::iter([Err::<Bytes, _>(error)]);
                Response::from_parts(head, Body::from_stream(broken))
            }
        };
    }
    if length.is_none() {
        let name = HeaderValue::from_static("repr-digest");
        head.headers.insert(header::TRAILER, name);
    }
    let body = Digested {
        body,
        hasher: Some(ReprHasher::default()),
    };
    Response::from_parts(head, Body::new(body))
}

/// A body with its digest behind its end.
struct Digested {
    body: Body,
    /// Until the digest is told.
    hasher: Option<ReprHasher>,
}

impl HttpBody for Digested {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let Poll::Ready(next) = polled else {
            return Poll::Pending;
        };
        if let Some(Ok(frame)) = &next
            && let (Some(data), Some(hasher)) = (frame.data_ref(), &mut self.hasher)
        {
            hasher.update(data);
        }
        Poll::Ready(match next {
            None => self.hasher.take().map(|hasher| {
                let value = hasher.finish().value();
                Ok(Frame::trailers(HeaderMap::from_iter([(
                    REPR_DIGEST,
                    value,
                )])))
            }),
            failed @ Some(Err(_)) => {
                self.hasher = None;
                failed
            }
            next => next,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.hasher.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower_http::compression::CompressionLayer;

    use super::*;
    use crate::edge::ReprDigest;

    fn routes() -> Router {
        let pieces = || async {
            let pieces = ["gro", "wing"].map(Ok::<_, std::io::Error>);
            Body::from_stream(futures_util::stream::iter(pieces))
        };
        let broken = || async {
            let broken = std::io::Error::other("no more");
            let pieces = [Ok("gro"), Err(broken)];
            Body::from_stream(futures_util::stream::iter(pieces))
        };
        Router::new()
            .route("/whole", get(|| async { "whole" }))
            .route("/growing", get(pieces))
            .route("/broken", get(broken))
            .layer(CompressionLayer::new())
            .layer(from_fn(tell))
    }

    async fn ask(path: &str, wanted: &str) -> Response {
        let request = Request::builder()
            .uri(path)
            .header("want-repr-digest", wanted)
            .body(Body::empty())
            .expect("a request");
        let mut routes = routes().into_service::<Body>();
        std::future::poll_fn(|context| tower::Service::<Request>::poll_ready(&mut routes, context))
            .await
            .expect("ready");
        let called = tower::Service::call(&mut routes, request);
        called.await.expect("an answer")
    }

    fn digest(bytes: &[u8]) -> ReprDigest {
        let mut hasher = ReprHasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    #[tokio::test]
    async fn what_is_there_has_its_digest_in_its_head() {
        let answer = ask("/whole", "sha-256=1").await;
        assert_eq!(ReprDigest::told(answer.headers()), Some(digest(b"whole")));
        let body = answer.into_body();
        assert_eq!(body.size_hint().exact(), Some(5));
        for wanted in ["sha-512=1", ""] {
            let answer = ask("/whole", wanted).await;
            assert_eq!(ReprDigest::told(answer.headers()), None);
        }
    }

    #[tokio::test]
    async fn what_grows_has_it_behind_its_end_and_what_breaks_off_has_none() {
        let answer = ask("/growing", "sha-256=1").await;
        assert_eq!(answer.headers()["trailer"], "repr-digest");
        let told = answer.into_body().collect().await.expect("all");
        let trailers = told.trailers().expect("a trailer").clone();
        assert_eq!(ReprDigest::told(&trailers), Some(digest(b"growing")));
        assert_eq!(told.to_bytes(), "growing");
        assert!(
            ask("/broken", "sha-256=1")
                .await
                .into_body()
                .collect()
                .await
                .is_err()
        );
    }
}
