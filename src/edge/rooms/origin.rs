//! Rooms' streams, by FLV over HTTP from the edge's upstreams.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{HeaderMap, StatusCode};

use super::streams::{NoStream, StreamAnswer, StreamAsk, Streams};
use crate::edge::client::{Piece, SILENCE, next};
use crate::edge::upstream::{Ask, Upstreams};

/// How long the head of the answer may take: longer than a server waits for the first
/// frame of a stream that has no encoder yet.
const PATIENCE: Duration = Duration::from_secs(11);

/// How long a server may take before the next is asked beside it: viewers wait, and one
/// that has the stream gives it at once.
const HEDGE: Duration = Duration::from_secs(2);

impl Streams for Arc<Upstreams> {
    fn open(&self, ask: StreamAsk) -> BoxFuture<'static, Result<StreamAnswer, NoStream>> {
        let upstreams = Arc::clone(self);
        async move {
            let failed = |error: String| NoStream::Failed(error);
            let path = format!("/live/{}.flv", ask.name).parse();
            let question = Ask {
                path: path.map_err(|_| NoStream::Missing)?,
                headers: HeaderMap::new(),
                trail: ask.trail,
                patience: PATIENCE,
            };
            let answered = upstreams.get_soonest(&question, ask.apart_from.as_deref(), HEDGE);
            let answered = answered.await.map_err(|error| failed(error.to_string()))?;
            let (upstream, response) = (answered.upstream, answered.response);
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND | StatusCode::GONE => return Err(NoStream::Missing),
                status => return Err(failed(format!("{} answers {status}", upstream.name()))),
            }
            upstream.served();
            // That a stream breaks off says little of its server: another connection to
            // it may go on.
            let body = stream::unfold(Some(response.into_body()), |body| async {
                let mut body = body?;
                loop {
                    match next(&mut body, SILENCE).await {
                        Ok(Some(Piece::Data(data))) => return Some((Ok(data), Some(body))),
                        Ok(Some(Piece::Trailers(_))) => {}
                        Ok(None) => return None,
                        Err(error) => return Some((Err(error.to_string()), None)),
                    }
                }
            });
            Ok(StreamAnswer {
                from: Arc::clone(upstream.name()),
                body: Box::pin(body),
            })
        }
        .boxed()
    }

    fn has_other_than(&self, server: &str) -> bool {
        self.is_other_well(server)
    }
}
