//! The servers behind an edge: asked in the order they are given in, the next where one
//! does not answer. One that failed rests; a probe finds out when it is back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

use crate::edge::client::{AskError, Client, RequestBody, nothing};
use crate::edge::health::Health;
use crate::edge::trail::{EdgeId, Trail};

/// The most upstreams.
pub const MAX_UPSTREAMS: usize = 16;

/// How often upstreams that rest are asked whether they are well.
const PROBING: Duration = Duration::from_secs(2);

/// How long one may take to say so.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// What upstreams are probed with.
const PROBE_PATH: &str = "/healthz";

/// An address that no upstream has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{url:?} is no upstream: {why}; expected http:// or https:// with a host, and a path if there is one, without a query"
)]
pub struct UpstreamError {
    url: String,
    why: &'static str,
}

/// Why no upstream answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// All of them failed lately, and rest.
    #[error("no upstream is there: all failed a moment ago")]
    Resting,
    /// The last that was asked failed.
    #[error("the upstream {upstream} did not answer: {error}")]
    Failed {
        /// Its address.
        upstream: Arc<str>,
        /// How.
        error: AskError,
    },
}

/// A server behind an edge.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    scheme: Scheme,
    authority: Authority,
    /// What stands before all paths; no slash at the end.
    prefix: String,
    health: Mutex<Health>,
    requests: AtomicU64,
    failures: AtomicU64,
}

/// What is told of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamReport {
    /// Its address.
    pub url: Arc<str>,
    /// Whether it rests.
    pub resting: bool,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// Requests sent to it.
    pub requests: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// What is asked of upstreams.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The address, in the words of this edge's clients.
    pub path: PathAndQuery,
    /// What is said with it.
    pub headers: HeaderMap,
    /// How it came here.
    pub trail: Trail,
    /// How long the head of the answer may take.
    pub patience: Duration,
}

/// An answer, and whose it is.
#[derive(Debug)]
pub struct Answered {
    /// Who gave it.
    pub upstream: Arc<Upstream>,
    /// What.
    pub response: Response<Incoming>,
}

/// All of them.
#[derive(Debug)]
pub struct Upstreams {
    all: Vec<Arc<Upstream>>,
    client: Client,
}

impl Upstream {
    /// The server at `url`.
    pub fn new(url: &str) -> Result<Self, UpstreamError> {
        let wrong = |why| UpstreamError {
            url: url.to_owned(),
            why,
        };
        let parsed = Url::parse(url).map_err(|_| wrong("it is not an address"))?;
        let scheme = match parsed.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(wrong("it has another scheme")),
        };
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong("it has a name or password"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(wrong("it has a query or fragment"));
        }
        let host = parsed.host_str().unwrap_or_default();
        let authority = match parsed.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let authority = authority.parse().map_err(|_| wrong("it has no host"))?;
        Ok(Self {
            name: url.trim_end_matches('/').into(),
            scheme,
            authority,
            prefix: parsed.path().trim_end_matches('/').to_owned(),
            health: Mutex::default(),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// Its address, as it was given.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where it has `path`.
    pub(super) fn uri(&self, path: &PathAndQuery) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()
    }

    /// What it gave is as it should be.
    pub fn served(&self) {
        self.health().answered();
    }

    /// It broke off, or what it gave does not verify.
    pub fn failed(&self, why: &dyn std::fmt::Display) {
        tracing::warn!(upstream = %self.name, error = %why, "an upstream failed");
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.health().failed(Instant::now());
    }

    fn faulted(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.health().faulted(Instant::now());
    }

    fn is_resting(&self) -> bool {
        self.health().is_resting(Instant::now())
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // Each change is one step.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> UpstreamReport {
        UpstreamReport {
            url: self.name.clone(),
            resting: self.is_resting(),
            failures_in_a_row: self.health().failures(),
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}

impl Upstreams {
    /// These, in this order.
    pub fn new(all: Vec<Upstream>, client: Client) -> Self {
        Self {
            all: all.into_iter().map(Arc::new).collect(),
            client,
        }
    }

    /// Asks one after the other, those that rest not, until one answers with something
    /// else than that it is at fault (5xx). If none does, the last such answer is the
    /// answer.
    pub async fn get(&self, ask: &Ask) -> Result<Answered, NoAnswer> {
        let mut last = Err(NoAnswer::Resting);
        for upstream in self.all.iter().filter(|upstream| !upstream.is_resting()) {
            match self.try_get(upstream, ask).await {
                Ok(answered) => return Ok(answered),
                Err(failed) => last = told_last(last, failed),
            }
        }
        last
    }

    /// The same, the one called `apart_from` last; and where one has not answered after
    /// `hedge`, the next is asked beside it. Whoever answers first gives the answer.
    pub async fn get_soonest(
        &self,
        ask: &Ask,
        apart_from: Option<&str>,
        hedge: Duration,
    ) -> Result<Answered, NoAnswer> {
        let mut last = Err(NoAnswer::Resting);
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|upstream| Some(&*upstream.name) == apart_from);
        let mut waiting = all.into_iter().filter(|upstream| !upstream.is_resting());
        let mut asked = FuturesUnordered::new();
        loop {
            let next = waiting.next();
            let is_last = next.is_none();
            asked.extend(next.map(|upstream| self.try_get(upstream, ask)));
            loop {
                let answered = match is_last {
                    true => Ok(asked.next().await),
                    false => timeout(hedge, asked.next()).await,
                };
                match answered {
                    Ok(Some(Ok(answered))) => return Ok(answered),
                    Ok(Some(Err(failed))) => last = told_last(last, failed),
                    Ok(None) => return last,
                    Err(_) => {}
                }
                if !is_last {
                    break;
                }
            }
        }
    }

    /// Asks one; what it says of a fault, and that it says nothing, is an error.
    async fn try_get(
        &self,
        upstream: &Arc<Upstream>,
        ask: &Ask,
    ) -> Result<Answered, Result<Answered, NoAnswer>> {
        let mut request = Request::new(nothing());
        *request.headers_mut() = ask.headers.clone();
        match self.send(upstream, request, ask).await {
            Ok(answered) if !is_fault(answered.response.status()) => Ok(answered),
            Ok(answered) => {
                // That it has nothing now, as of a stream without an encoder, is no fault.
                if answered.response.status() != StatusCode::SERVICE_UNAVAILABLE {
                    upstream.faulted();
                }
                Err(Ok(answered))
            }
            Err(error) => {
                upstream.failed(&error);
                Err(Err(NoAnswer::Failed {
                    upstream: upstream.name.clone(),
                    error,
                }))
            }
        }
    }

    /// Sends a request that may change something: to the first that does not rest, and
    /// to no other if that fails.
    pub async fn pass(
        &self,
        request: Request<RequestBody>,
        ask: &Ask,
    ) -> Result<Answered, NoAnswer> {
        let upstream = self.all.iter().find(|upstream| !upstream.is_resting());
        let upstream = upstream.ok_or(NoAnswer::Resting)?;
        self.send(upstream, request, ask).await.map_err(|error| {
            upstream.failed(&error);
            NoAnswer::Failed {
                upstream: upstream.name.clone(),
                error,
            }
        })
    }

    async fn send(
        &self,
        upstream: &Arc<Upstream>,
        mut request: Request<RequestBody>,
        ask: &Ask,
    ) -> Result<Answered, AskError> {
        let uri = upstream.uri(&ask.path);
        *request.uri_mut() = uri.map_err(|error| AskError::Unreachable(error.to_string()))?;
        ask.trail.mark(request.headers_mut());
        upstream.requests.fetch_add(1, Ordering::Relaxed);
        let response = self.client.ask(request, ask.patience).await?;
        Ok(Answered {
            upstream: upstream.clone(),
            response,
        })
    }

    /// Whether any may be asked now.
    pub fn any_is_well(&self) -> bool {
        self.all.iter().any(|upstream| !upstream.is_resting())
    }

    /// Whether another than the one called `name` is well: it answered when it was asked
    /// last.
    pub fn is_other_well(&self, name: &str) -> bool {
        let mut others = self.all.iter().filter(|upstream| &*upstream.name != name);
        others.any(|upstream| upstream.health().failures() == 0)
    }

    /// How they fare, in their order.
    pub fn report(&self) -> Vec<UpstreamReport> {
        self.all.iter().map(|upstream| upstream.report()).collect()
    }

    /// Asks those that failed last whether they are well again, now and then, for ever.
    pub async fn probe(&self, id: &EdgeId) {
        let ask = Ask {
            path: PathAndQuery::from_static(PROBE_PATH),
            headers: HeaderMap::new(),
            trail: id.own(),
            patience: PROBE_PATIENCE,
        };
        loop {
            tokio::time::sleep(PROBING).await;
            for upstream in self.all.iter().filter(|one| one.health().failures() > 0) {
                let mut request = Request::new(nothing());
                *request.method_mut() = Method::HEAD;
                if let Ok(answered) = self.send(upstream, request, &ask).await
                    && answered.response.status().is_success()
                {
                    tracing::info!(upstream = %upstream.name, "an upstream is well again");
                    upstream.served();
                }
            }
        }
    }
}

/// What is told when nobody answered as he should: an answer, though of a fault, tells
/// more than none.
fn told_last(
    before: Result<Answered, NoAnswer>,
    failed: Result<Answered, NoAnswer>,
) -> Result<Answered, NoAnswer> {
    match (before, failed) {
        (Ok(answered), Err(_)) => Ok(answered),
        (_, failed) => failed,
    }
}

/// Whether a server says that it is at fault, so that another may do better. That it
/// is busy (503) or found a circle (508) says nothing about the others either.
pub fn is_fault(status: StatusCode) -> bool {
    status.is_server_error()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers everything with `code`.
    async fn answering(code: StatusCode) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let head =
                    format!("HTTP/1.1 {code}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let mut asked = [0; 1024];
                drop(stream.read(&mut asked).await);
                drop(stream.write_all(head.as_bytes()).await);
            }
        });
        Upstream::new(&format!("http://{address}")).expect("an upstream")
    }

    #[tokio::test]
    async fn a_server_that_is_at_fault_rests_and_one_that_has_nothing_now_is_asked_again() {
        for (code, asked) in [
            (StatusCode::INTERNAL_SERVER_ERROR, 5),
            (StatusCode::SERVICE_UNAVAILABLE, 8),
        ] {
            let client = Client::new().expect("a client");
            let upstreams = Upstreams::new(vec![answering(code).await], client);
            let ask = Ask {
                path: PathAndQuery::from_static("/live/show.flv"),
                headers: HeaderMap::new(),
                trail: EdgeId::new().own(),
                patience: Duration::from_secs(10),
            };
            for _ in 0..8 {
                drop(upstreams.get(&ask).await);
            }
            assert_eq!(upstreams.report()[0].requests, asked, "{code}");
            assert_eq!(upstreams.any_is_well(), asked == 8, "{code}");
        }
    }

    #[tokio::test]
    async fn who_answers_soonest_is_heard_and_all_are_asked_until_one_does() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let hanging = format!("http://{}", silent.local_addr().expect("an address"));
        let ask = Ask {
            path: PathAndQuery::from_static("/live/show.flv"),
            headers: HeaderMap::new(),
            trail: EdgeId::new().own(),
            patience: Duration::from_secs(3),
        };
        for (others, expected) in [
            (&[StatusCode::OK][..], Some(StatusCode::OK)),
            (
                &[StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK],
                Some(StatusCode::OK),
            ),
            (
                &[StatusCode::NOT_FOUND, StatusCode::OK],
                Some(StatusCode::NOT_FOUND),
            ),
            // An answer of a fault tells more than none.
            (
                &[StatusCode::INTERNAL_SERVER_ERROR],
                Some(StatusCode::INTERNAL_SERVER_ERROR),
            ),
            (&[], None),
        ] {
            let mut all = vec![Upstream::new(&hanging).expect("an upstream")];
            for status in others {
                all.push(answering(*status).await);
            }
            let upstreams = Upstreams::new(all, Client::new().expect("a client"));
            let hedge = Duration::from_millis(50);
            let answered = upstreams.get_soonest(&ask, None, hedge).await;
            let status = answered.map(|answered| answered.response.status()).ok();
            assert_eq!(status, expected, "{others:?}");
        }
        drop(silent);
    }

    #[test]
    fn an_upstream_is_an_address_without_secrets_or_query() {
        for (url, expected) in [
            ("http://origin:8080", Ok("http://origin:8080/c/x")),
            ("http://origin:8080/", Ok("http://origin:8080/c/x")),
            ("https://[::1]/video/", Ok("https://[::1]/video/c/x")),
            ("ftp://origin", Err("it has another scheme")),
            ("origin:8080", Err("it has another scheme")),
            ("http://", Err("it is not an address")),
            ("http://me:secret@origin", Err("it has a name or password")),
            ("http://origin?x=1", Err("it has a query or fragment")),
            ("", Err("it is not an address")),
        ] {
            let uri = Upstream::new(url).map(|upstream| {
                let uri = upstream.uri(&PathAndQuery::from_static("/c/x"));
                uri.expect("an address").to_string()
            });
            assert_eq!(uri.as_deref().map_err(|error| error.why), expected, "{url}");
        }
    }
}
