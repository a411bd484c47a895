//! How an upstream is asked: connections are kept, redirects are answers, and no proxy
//! of the environment is used.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;
use tokio::time::{Instant, timeout, timeout_at};

use crate::edge::EdgeError;

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(3);

/// How long a connection is kept that is not used: less than servers keep theirs.
const KEPT: Duration = Duration::from_secs(20);

/// Connections that are kept to each upstream while they are not used.
const MAX_KEPT: usize = 64;

/// How long a playlist may take, and an answer that has begun may give nothing: longer
/// than an origin waits for what was asked for, and than the longest pause of a segment
/// that grows or of a chunk that is rendered.
pub const SILENCE: Duration = Duration::from_secs(30);

/// How long the head of an answer may take that is passed on: as long as an origin may
/// need to make a file.
pub const PASS_PATIENCE: Duration = Duration::from_secs(120);

/// What is sent with a request.
pub type RequestBody = UnsyncBoxBody<Bytes, BodyError>;

/// Why what a client sends could not be passed on.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Why an upstream gave no answer, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// It could not be reached, or hung up.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("it gave nothing for {0:?}")]
    Silent(Duration),
    /// The answer is longer than is taken.
    #[error("it gives more than {0} bytes")]
    TooLong(usize),
}

/// Asks upstreams.
#[derive(Clone, Debug)]
pub struct Client(hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, RequestBody>);

impl Client {
    /// One whose TLS trusts what the system trusts.
    pub fn new() -> Result<Self, EdgeError> {
        let mut plain = HttpConnector::new();
        plain.set_connect_timeout(Some(CONNECTING));
        plain.set_nodelay(true);
        plain.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .try_with_platform_verifier()
            .map_err(|error| EdgeError::Tls(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(plain);
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(KEPT)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(MAX_KEPT)
            .build(connector);
        Ok(Self(client))
    }

    /// The head of the answer, if it comes within `patience`; its body is read by
    /// [`next`].
    pub async fn ask(
        &self,
        request: Request<RequestBody>,
        patience: Duration,
    ) -> Result<Response<Incoming>, AskError> {
        match timeout(patience, self.0.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(AskError::Unreachable(chain(&error))),
            Err(_) => Err(AskError::Silent(patience)),
        }
    }
}

/// What comes next of an answer's body.
#[derive(Debug)]
pub enum Piece {
    /// Bytes.
    Data(Bytes),
    /// What is told after them.
    Trailers(HeaderMap),
}

/// The next piece of a body, if it comes within `silence`; `None` at its end. An answer
/// that is cut off is an error.
pub async fn next(body: &mut Incoming, silence: Duration) -> Result<Option<Piece>, AskError> {
    match timeout(silence, body.frame()).await {
        Err(_) => Err(AskError::Silent(silence)),
        Ok(None) => Ok(None),
        Ok(Some(Err(error))) => Err(AskError::Unreachable(chain(&error))),
        Ok(Some(Ok(frame))) => Ok(Some(match frame.into_data() {
            Ok(data) => Piece::Data(data),
            Err(frame) => Piece::Trailers(frame.into_trailers().unwrap_or_default()),
        })),
    }
}

/// All of a body, of at most `most` bytes, within `patience`; and its trailers.
pub async fn whole(
    mut body: Incoming,
    most: usize,
    patience: Duration,
) -> Result<(Bytes, HeaderMap), AskError> {
    let deadline = Instant::now() + patience;
    let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
    loop {
        let piece = timeout_at(deadline, next(&mut body, patience)).await;
        match piece.map_err(|_| AskError::Silent(patience))?? {
            None => return Ok((bytes.into(), trailers)),
            Some(Piece::Trailers(told)) => trailers = told,
            Some(Piece::Data(data)) if bytes.len() + data.len() > most => {
                return Err(AskError::TooLong(most));
            }
            Some(Piece::Data(data)) => bytes.extend_from_slice(&data),
        }
    }
}

/// No body.
pub fn nothing() -> RequestBody {
    http_body_util::Empty::new()
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An error with all that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
