//! One request and its answer: judged addresses, few redirects, bounded bytes and
//! times.
//!
//! Proxies of the environment are not used: behind one, the address that is judged
//! would not be the one that is connected to.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::{StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};
use url::Url;

use super::address::{Allowed, special};
use super::entry::Validity;
use super::error::FetchError;
use crate::template::asset::Place;

/// The most redirects that are followed.
pub const MAX_REDIRECTS: usize = 5;

/// The most bytes of an answer's headers.
const MAX_HEADER_BYTES: usize = 32 << 10;

/// Bytes of an answer that are taken at a time.
const PIECE: usize = 64 << 10;

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection stands, its name resolved and its keys agreed on.
    pub connect: Duration,
    /// Until the answer begins, and from each of its bytes to the next.
    pub idle: Duration,
    /// All in all, redirects included.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(20),
            total: Duration::from_secs(600),
        }
    }
}

/// Asks servers. Keeps no connection open.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    patience: Patience,
}

/// What a server answers.
pub enum Answer {
    /// The file is what it was.
    Unchanged(Validity),
    /// Its bytes follow.
    File(Validity, Incoming),
}

/// A file on its way.
pub struct Incoming {
    body: Box<dyn Read + Send>,
    host: String,
    patience: Patience,
    limit: u64,
}

impl Client {
    /// Asks public servers, and those that `allowed` names.
    pub fn new(allowed: Arc<[Allowed]>, patience: Patience) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = Config::builder()
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            .max_idle_connections(0)
            .accept_encoding("identity")
            .user_agent(concat!("loomcast/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.idle))
            .timeout_per_read(Some(patience.idle))
            .timeout_per_write(Some(patience.idle))
            .tls_config(tls.build())
            .build();
        let guard = Guard {
            allowed,
            inner: DefaultResolver::default(),
        };
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), guard),
            patience,
        }
    }

    /// Asks for the file at `url`, of at most `limit` bytes; only for a newer one
    /// where it is `known`. Follows redirects. Waits no longer than until `deadline`.
    pub fn ask(
        &self,
        url: &Url,
        known: Option<&Validity>,
        limit: u64,
        deadline: Instant,
    ) -> Result<Answer, FetchError> {
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(too_slow(ureq::Timeout::Global, &self.patience));
            }
            let mut request = self.agent.get(at.as_str());
            if let Some(known) = known {
                let headers = [
                    ("if-none-match", &known.etag),
                    ("if-modified-since", &known.last_modified),
                ];
                for (name, value) in headers {
                    if let Some(value) = value {
                        request = request.header(name, value);
                    }
                }
            }
            let host = at.host_str().unwrap_or_default().to_owned();
            let request = request.config().timeout_global(Some(left)).build();
            let response = request
                .call()
                .map_err(|error| failure(error, &host, &self.patience))?;
            let header = |name: &str| response.headers().get(name)?.to_str().ok();
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                let to = header("location").ok_or(FetchError::Status(status.as_u16()))?;
                at = redirected(&at, to)?;
                continue;
            }
            let validity = Validity::of(header);
            if status == StatusCode::NOT_MODIFIED && known.is_some() {
                return Ok(Answer::Unchanged(validity));
            }
            if status != StatusCode::OK {
                return Err(FetchError::Status(status.as_u16()));
            }
            if let Some(encoding) = header("content-encoding")
                && !encoding.trim().eq_ignore_ascii_case("identity")
            {
                let encoding: String = encoding.chars().take(40).collect();
                let said = format!("it is encoded as {encoding:?}, though that was not asked for");
                return Err(FetchError::Answer(said));
            }
            let body = response.into_body();
            if body.content_length().is_some_and(|bytes| bytes > limit) {
                return Err(FetchError::TooLarge { limit });
            }
            return Ok(Answer::File(
                validity,
                Incoming {
                    body: reader(body),
                    host,
                    patience: self.patience,
                    limit,
                },
            ));
        }
        Err(FetchError::Redirects)
    }
}

impl Client {
    /// Sends `body`, which is JSON, to `url`; the status of the answer, whose body is not
    /// read. Redirects are not followed. Waits no longer than `within`.
    pub fn post(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: &[u8],
        within: Duration,
    ) -> Result<u16, FetchError> {
        let host = url.host_str().unwrap_or_default();
        let mut request = self.agent.post(url.as_str());
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.config().timeout_global(Some(within)).build();
        let answer = request.send(body);
        let answer = answer.map_err(|error| failure(error, host, &self.patience))?;
        Ok(answer.status().as_u16())
    }
}

impl Client {
    /// Asks for what is at `url`, of at most `limit` bytes; the status of the answer, and
    /// its body, whatever the status. Redirects are not followed.
    pub fn get(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        limit: u64,
    ) -> Result<(u16, Incoming), FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.agent.get(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let within = Some(self.patience.total);
        let request = request.config().timeout_global(within).build();
        let answer = request.call();
        let answer = answer.map_err(|error| failure(error, &host, &self.patience))?;
        let status = answer.status().as_u16();
        let incoming = Incoming {
            body: reader(answer.into_body()),
            host,
            patience: self.patience,
            limit,
        };
        Ok((status, incoming))
    }
}

fn reader(body: Body) -> Box<dyn Read + Send> {
    Box::new(body.into_reader())
}

impl Incoming {
    /// Gives each piece to `take` as it comes; how many bytes there were.
    pub fn read(
        mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), FetchError>,
    ) -> Result<u64, FetchError> {
        let mut piece = vec![0; PIECE];
        let mut bytes = 0;
        loop {
            let count = match self.body.read(&mut piece) {
                Ok(0) => return Ok(bytes),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let error = ureq::Error::from(error);
                    return Err(failure(error, &self.host, &self.patience));
                }
            };
            bytes += count as u64;
            if bytes > self.limit {
                return Err(FetchError::TooLarge { limit: self.limit });
            }
            take(&piece[..count])?;
        }
    }
}

/// Where `to`, said by the server at `from`, leads.
fn redirected(from: &Url, to: &str) -> Result<Url, FetchError> {
    let shown = || FetchError::Redirect(format!("{:?}", to.chars().take(200).collect::<String>()));
    let to = from.join(to).map_err(|_| shown())?;
    let to = Place::address(to.as_str()).ok_or_else(shown)?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(FetchError::Redirect(
            "http, where the connection is not secured any more".into(),
        ));
    }
    Ok(to)
}

fn too_slow(timeout: ureq::Timeout, patience: &Patience) -> FetchError {
    use ureq::Timeout;
    let (what, within) = match timeout {
        Timeout::Resolve | Timeout::Connect => ("no connection stood", patience.connect),
        Timeout::SendRequest | Timeout::RecvResponse => ("no answer began", patience.idle),
        Timeout::PerRead | Timeout::PerWrite => ("nothing came", patience.idle),
        _ => ("it was not whole", patience.total),
    };
    FetchError::TooSlow { what, within }
}

/// What went wrong with a request to `host`.
fn failure(error: ureq::Error, host: &str, patience: &Patience) -> FetchError {
    match error {
        ureq::Error::Timeout(timeout) => too_slow(timeout, patience),
        ureq::Error::HostNotFound => FetchError::NoHost(host.to_owned()),
        ureq::Error::BadUri(said) => FetchError::Answer(said),
        ureq::Error::Io(error) => {
            // The guard's own word, or one of the client's that came through a reader.
            let inner = error.get_ref();
            if let Some(refused) = inner.and_then(|inner| inner.downcast_ref::<FetchError>()) {
                return refused.clone();
            }
            FetchError::Unreachable(error.to_string())
        }
        error @ ureq::Error::Protocol(_) => FetchError::Answer(error.to_string()),
        error => FetchError::Unreachable(error.to_string()),
    }
}

/// Resolves names, and lets only those addresses through that may be asked.
#[derive(Debug)]
struct Guard {
    allowed: Arc<[Allowed]>,
    inner: DefaultResolver,
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = self.inner.resolve(uri, config, timeout);
        let found = found.map_err(|error| match error {
            // The system's word for a name that leads nowhere.
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            error => error,
        })?;
        let mut let_through = self.empty();
        let mut refused = None;
        for address in found.iter() {
            let ip = address.ip();
            match special(ip) {
                Some(what) if !self.allowed.iter().any(|allowed| allowed.holds(bare, ip)) => {
                    refused = Some(FetchError::Refused {
                        host: bare.to_owned(),
                        address: ip,
                        what,
                    });
                }
                _ => let_through.push(*address),
            }
        }
        match refused {
            Some(refused) if let_through.is_empty() => {
                Err(ureq::Error::Io(std::io::Error::other(refused)))
            }
            _ => Ok(let_through),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_where_files_are_fetched_from() {
        for (from, to, expected) in [
            ("http://a.example/x/y", "z?q", Ok("http://a.example/x/z?q")),
            (
                "http://a.example/x",
                "//b.example/",
                Ok("http://b.example/"),
            ),
            (
                "http://a.example/x",
                "https://b.example/",
                Ok("https://b.example/"),
            ),
            ("https://a.example/x", "/y", Ok("https://a.example/y")),
            (
                "https://a.example/x",
                "http://a.example/",
                Err("not secured"),
            ),
            (
                "http://a.example/x",
                "file:///etc/passwd",
                Err("file:///etc/passwd"),
            ),
            ("http://a.example/x", "ftp://b.example/", Err("ftp:")),
            ("http://a.example/x", "http://user@b.example/", Err("user@")),
        ] {
            let from = Place::address(from).expect(from);
            match (redirected(&from, to), expected) {
                (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{to}: {got:?}"),
            }
        }
    }
}
