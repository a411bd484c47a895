//! How a playlist is asked for upstream: again elsewhere if what comes is no good, with its
//! digest compared, and only whether it has changed where one is kept.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CACHE_CONTROL, HeaderValue, LOCATION, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, response};
use http_cache_semantics::{AfterResponse, BeforeRequest};
use hyper::body::Incoming;
use uuid::Uuid;

use crate::digest::Digest;
use crate::edge::Edge;
use crate::edge::answer::Answer;
use crate::edge::answers::wanted::{Form, Wanted};
use crate::edge::classes::{CLASS, WANT_CLASS, WANTED_CLASS};
use crate::edge::client::{AskError, whole};
use crate::edge::relay::verifiable;
use crate::edge::report::{Cause, Kind};
use crate::edge::repr_digest::{ReprDigest, ReprHasher};
use crate::edge::terminals::{viewer, without_viewers};
use crate::edge::trail::Trail;
use crate::edge::upstream::{Answered, Ask, Upstream, is_fault};

/// The longest answer that is taken: a playlist of four hours of half-second parts.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// How often upstreams are asked for one answer, if what they give is no good.
const MAX_TRIES: u32 = 3;

/// Why one asking came to nothing.
pub(super) enum Fetched {
    /// Nobody answered.
    Unanswered(String),
    /// What came is no good; another may be better.
    Bad(String),
}

impl Edge {
    /// Asks until something good comes, or nobody is left who may give it.
    pub(super) async fn fetch(
        &self,
        wanted: &Wanted,
        trail: &Trail,
        kept: Option<&Arc<Answer>>,
    ) -> Result<Answer, Fetched> {
        let mut tried = 0;
        loop {
            tried += 1;
            let cause = match (tried, kept) {
                (1, None) => Cause::Fill,
                (1, Some(_)) => Cause::Revalidate,
                _ => Cause::Retry,
            };
            match self.try_fetch(wanted, trail, kept, cause).await {
                Err(Fetched::Bad(_)) if tried < MAX_TRIES && self.upstreams().any_is_well() => {}
                done => return done,
            }
        }
    }

    async fn try_fetch(
        &self,
        wanted: &Wanted,
        trail: &Trail,
        kept: Option<&Arc<Answer>>,
        cause: Cause,
    ) -> Result<Answer, Fetched> {
        let id = match wanted.form {
            Form::Plain => None,
            Form::Index => self.answers().identity(&wanted.path),
            Form::Join => self.become_a_terminal(wanted, trail, cause).await?,
        };
        let address = address_of(wanted, id)?;
        let (mut upstream, mut response) = self.ask(wanted, &address, trail, kept, cause).await?;
        if wanted.form == Form::Index
            && let Some(id) = identifier(&response)
        {
            self.answers().identify(&wanted.path, id);
            let address = address_of(wanted, Some(id))?;
            (upstream, response) = self.ask(wanted, &address, trail, kept, cause).await?;
        }
        let (head, body) = response.into_parts();
        if let Some(said) = head.headers.get(CLASS) {
            let key = Digest::of(wanted.key().as_bytes());
            self.0.classes.learn(&key, said);
        }
        let came = whole(body, MAX_TEXT_BYTES, self.config().short_patience()).await;
        let (text, trailers) = came.map_err(|error| match error {
            AskError::TooLong(_) => self.refuse(&upstream, &error.to_string()),
            AskError::Unreachable(_) | AskError::Silent(_) => {
                upstream.failed(&error);
                Fetched::Bad(format!("{}: {error}", upstream.name()))
            }
        })?;
        self.counters().came(Kind::Playlist, cause, text.len());
        if head.status == StatusCode::NOT_MODIFIED
            && let Some(kept) = kept
        {
            upstream.served();
            return renewed(&request(&address), kept, head);
        }
        if head.status == StatusCode::OK {
            let told = ReprDigest::told(&head.headers).or_else(|| ReprDigest::told(&trailers));
            let mut hasher = ReprHasher::default();
            hasher.update(&text);
            if told != Some(hasher.finish()) {
                return Err(self.refuse(&upstream, "a playlist without its digest, or another"));
            }
            if !text.starts_with(b"#EXTM3U") {
                return Err(self.refuse(&upstream, "no playlist"));
            }
        }
        if is_fault(head.status) && head.status != StatusCode::SERVICE_UNAVAILABLE {
            return Err(Fetched::Bad(format!(
                "{} answers {}",
                upstream.name(),
                head.status
            )));
        }
        upstream.served();
        let waits = wanted.form == Form::Index && is_private(&head);
        let text = match (waits, std::str::from_utf8(&text)) {
            (true, Ok(marked)) => without_viewers(marked).into(),
            _ => text,
        };
        Ok(Answer::new(&request(&address), head, text, waits))
    }

    /// Has the origin of a live stream give this edge an identifier that is new, as it
    /// gives it to whoever begins to watch.
    async fn become_a_terminal(
        &self,
        wanted: &Wanted,
        trail: &Trail,
        cause: Cause,
    ) -> Result<Option<Uuid>, Fetched> {
        let end = wanted.path.rfind('/').map_or(0, |slash| slash + 1);
        let index = Wanted::index(&format!("{}index.m3u8", &wanted.path[..end]));
        let address = address_of(&index, None)?;
        let (_, response) = self.ask(&index, &address, trail, None, cause).await?;
        // If it does not, nobody is to wait.
        Ok(identifier(&response))
    }

    async fn ask(
        &self,
        wanted: &Wanted,
        address: &PathAndQuery,
        trail: &Trail,
        kept: Option<&Arc<Answer>>,
        cause: Cause,
    ) -> Result<(Arc<Upstream>, Response<Incoming>), Fetched> {
        let mut headers = verifiable();
        if wanted.live().is_none() {
            headers.insert(WANT_CLASS, WANTED_CLASS);
        }
        if wanted.wants_more {
            headers.insert(USER_AGENT, HeaderValue::from_static("GStreamer"));
        }
        if let Some(policy) = kept.and_then(|kept| kept.policy())
            && let BeforeRequest::Stale { request, .. } =
                policy.before_request(&request(address), SystemTime::now())
        {
            let conditions = ["if-none-match", "if-modified-since"];
            for name in conditions {
                if let Some(value) = request.headers.get(name) {
                    headers.insert(name, value.clone());
                }
            }
        }
        let ask = Ask {
            path: address.clone(),
            headers,
            trail: trail.clone(),
            patience: self.config().short_patience(),
        };
        self.counters().asked(Kind::Playlist, cause);
        let answered = self.upstreams().get(&ask).await;
        let Answered { upstream, response } =
            answered.map_err(|error| Fetched::Unanswered(error.to_string()))?;
        Ok((upstream, response))
    }

    fn refuse(&self, upstream: &Upstream, what: &str) -> Fetched {
        self.counters().unverified();
        upstream.failed(&format!("it gave {what}"));
        Fetched::Bad(format!("{}: it gave {what}", upstream.name()))
    }
}

/// Where `wanted` is, asked for as `id`.
fn address_of(wanted: &Wanted, id: Option<Uuid>) -> Result<PathAndQuery, Fetched> {
    let address = wanted.address(id);
    address.map_err(|_| Fetched::Bad(format!("{:?} is no address", wanted.path)))
}

/// What http-cache-semantics wants to see of a request.
fn request(address: &PathAndQuery) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = address.clone().into();
    request
}

fn renewed(
    request: &Request<()>,
    kept: &Arc<Answer>,
    head: response::Parts,
) -> Result<Answer, Fetched> {
    let policy = kept.policy();
    let policy = policy.ok_or_else(|| Fetched::Bad("it was not asked whether".into()))?;
    let told = Response::from_parts(head, ());
    match policy.after_response(request, &told, SystemTime::now()) {
        AfterResponse::NotModified(policy, head) => Ok(kept.renewed(policy, &head)),
        AfterResponse::Modified(..) => {
            Err(Fetched::Bad("it says that another is as it was".into()))
        }
    }
}

/// The identifier that an origin wants to be asked with.
fn identifier(response: &Response<Incoming>) -> Option<Uuid> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let is_redirect = response.status() == StatusCode::FOUND;
    let (_, query) = location.split_once('?').filter(|_| is_redirect)?;
    viewer(query)
}

fn is_private(head: &response::Parts) -> bool {
    let said = head
        .headers
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok());
    said.is_some_and(|said| said.split(',').any(|one| one.trim() == "private"))
}
