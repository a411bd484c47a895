//! Playlists from upstream: kept in memory for as long as they are true, and asked for
//! once, however many want the same. So a thousand players that wait for the next part
//! of a live stream are one request that waits upstream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hashlink::LinkedHashMap;
use http::header::{CACHE_CONTROL, HeaderValue, LOCATION, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, response};
use http_cache_semantics::{AfterResponse, BeforeRequest};
use hyper::body::Incoming;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use thiserror::Error;
use tokio::sync::watch;
use uuid::Uuid;

use crate::cache::{Asker, Fetch};
use crate::digest::Digest;
use crate::edge::Edge;
use crate::edge::answer::Answer;
use crate::edge::client::{AskError, whole};
use crate::edge::relay::{live, verifiable};
use crate::edge::report::{Cause, Kind, Met};
use crate::edge::repr_digest::{ReprDigest, ReprHasher};
use crate::edge::terminals::{VIEWER, viewer, without_viewers};
use crate::edge::trail::Trail;
use crate::edge::upstream::{Answered, Ask, Upstream, is_fault};
use crate::offload::{self, Class, Size, Tier};

/// Memory for playlists: those of some ten thousand videos, or all of a thousand live
/// streams that anybody may still ask for.
const MAX_KEPT_BYTES: u64 = 64 << 20;

/// A playlist's usual size in bytes, twice over: sizes the table.
const USUAL_BYTES: u64 = 8 << 10;

/// The longest answer that is taken: a playlist of four hours of half-second parts.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// Different playlists that are asked for at a time.
const MAX_ASKED: usize = 4096;

/// How often upstreams are asked for one answer, if what they give is no good.
const MAX_TRIES: u32 = 3;

/// Index playlists for which the edge remembers who it is to their origin.
const MAX_IDENTITIES: usize = 1_000;

/// What players that want at least two segments call themselves.
const WANTS_MORE: &[u8] = b"GStreamer";

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// No upstream answered, or had time.
    #[error("{0}")]
    Unavailable(Arc<str>),
    /// What came was no good.
    #[error("{0}")]
    BadGateway(Arc<str>),
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    path: String,
    query: String,
    form: Form,
    wants_more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it is for everybody.
    Plain,
    /// The index of a live stream, for which an origin may want to know who asks.
    Index,
    /// What a terminal is given that joins.
    Join,
}

impl Wanted {
    /// The playlist at `path`. Of `query` only what delays or shortens it counts.
    pub fn new(path: &str, query: &str, agent: Option<&HeaderValue>) -> Self {
        let mut pairs: Vec<&str> = query
            .split('&')
            .filter(|pair| pair.starts_with("_HLS_"))
            .collect();
        pairs.sort_unstable();
        Self {
            path: path.to_owned(),
            query: pairs.join("&"),
            form: Form::Plain,
            wants_more: agent.is_some_and(|agent| agent.as_bytes().starts_with(WANTS_MORE)),
        }
    }

    /// The index of a live stream at `path`.
    pub fn index(path: &str) -> Self {
        Self {
            form: Form::Index,
            ..Self::new(path, "", None)
        }
    }

    /// What whoever joins is given of the playlist at `path` once the segment is whole
    /// that is current now.
    pub fn join(path: &str) -> Self {
        Self {
            form: Form::Join,
            ..Self::new(path, "", None)
        }
    }

    /// Whether it waits upstream for something that has not come yet.
    pub fn waits(&self) -> bool {
        self.form == Form::Join || self.query.contains("_HLS_msn=")
    }

    /// Whose traffic it is: of a live stream, if it is one's.
    fn traffic(&self) -> Arc<Class> {
        match self.path.strip_prefix("/live/") {
            Some(rest) => live(rest.split('/').next().unwrap_or_default()),
            None => Class::none(),
        }
    }

    fn key(&self) -> Arc<str> {
        let Self { path, query, .. } = self;
        let how = match (self.form, self.wants_more) {
            (Form::Join, _) => "#join",
            (_, true) => "#more",
            (_, false) => "",
        };
        format!("{path}?{query}{how}").into()
    }

    /// The address for `id`, which counts before whatever else is asked with.
    fn address(&self, id: Option<Uuid>) -> Result<PathAndQuery, Fetched> {
        let id = id.map(|id| format!("{VIEWER}={id}"));
        let pairs = id.as_deref().into_iter().chain([self.query.as_str()]);
        let pairs: Vec<&str> = pairs.filter(|pair| !pair.is_empty()).collect();
        let address = match pairs.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, pairs.join("&")),
        };
        let address = address.parse();
        address.map_err(|_| Fetched::Bad(format!("{:?} is no address", self.path)))
    }
}

/// An answer, and whether it is old and given because there is no new one.
#[derive(Clone, Debug)]
pub struct Given {
    /// The answer.
    pub answer: Arc<Answer>,
    /// How it was come by.
    pub met: Met,
}

type Told = Option<Result<(Arc<Answer>, bool), AnswerError>>;

/// The answers of an edge.
pub(super) struct Answers {
    kept: Cache<Arc<str>, Arc<Answer>, Weigh>,
    flight: Mutex<HashMap<Arc<str>, watch::Receiver<Told>>>,
    /// Who this edge is, as a terminal, to the origin of an index.
    identities: Mutex<LinkedHashMap<String, Uuid>>,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Arc<str>, Arc<Answer>> for Weigh {
    fn weight(&self, key: &Arc<str>, answer: &Arc<Answer>) -> u64 {
        (key.len() + answer.weight()) as u64
    }
}

/// How a request comes to its answer.
enum Boarded {
    Kept(Arc<Answer>),
    /// It is old and given, while somebody asks whether it is as it was: whoever sees
    /// that first.
    Meanwhile(Arc<Answer>, Option<Seat>),
    /// With what was told already.
    Follow(watch::Receiver<Told>, Option<Arc<Answer>>),
    Lead(Seat, watch::Receiver<Told>),
    Full,
}

/// The place of whoever asks upstream for all; left by being dropped.
struct Seat {
    edge: Edge,
    key: Arc<str>,
    tell: watch::Sender<Told>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.edge.answers().flight().remove(&self.key);
    }
}

/// Why one asking came to nothing.
enum Fetched {
    /// Nobody answered.
    Unanswered(String),
    /// What came is no good; another may be better.
    Bad(String),
}

impl Answers {
    pub fn new() -> Self {
        let items = usize::try_from(MAX_KEPT_BYTES / USUAL_BYTES).unwrap_or(usize::MAX);
        Self {
            kept: Cache::with_weighter(items, MAX_KEPT_BYTES, Weigh),
            flight: Mutex::default(),
            identities: Mutex::default(),
        }
    }

    fn flight(&self) -> MutexGuard<'_, HashMap<Arc<str>, watch::Receiver<Told>>> {
        // Each change is one step.
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identities(&self) -> MutexGuard<'_, LinkedHashMap<String, Uuid>> {
        let identities = self.identities.lock();
        identities.unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self, path: &str) -> Option<Uuid> {
        self.identities().to_back(path).copied()
    }

    fn identify(&self, path: &str, id: Uuid) {
        let mut identities = self.identities();
        identities.insert(path.to_owned(), id);
        while identities.len() > MAX_IDENTITIES {
            identities.pop_front();
        }
    }

    /// How many are kept, and what they take in memory.
    pub fn held(&self) -> (u64, u64) {
        (self.kept.len() as u64, self.kept.weight())
    }
}

impl Edge {
    /// The answer to `wanted`: one that is kept and fresh, else one that is asked for
    /// upstream, once for all who want it meanwhile.
    pub async fn answer(&self, wanted: &Wanted, trail: &Trail) -> Result<Given, AnswerError> {
        let key = wanted.key();
        let (mut told, met) = match self.board(&key) {
            Boarded::Kept(answer) => {
                let met = Met::Hit;
                self.note_hit(wanted, &key, &answer);
                return Ok(Given { answer, met });
            }
            Boarded::Meanwhile(answer, seat) => {
                if let Some(seat) = seat {
                    tokio::spawn(lead(seat, wanted.clone(), trail.clone()));
                }
                self.note_hit(wanted, &key, &answer);
                let met = Met::Meanwhile;
                return Ok(Given { answer, met });
            }
            Boarded::Full => {
                let full = format!("{MAX_ASKED} playlists are being asked for, as many as allowed");
                return Err(AnswerError::Unavailable(full.into()));
            }
            Boarded::Follow(told, late) => {
                // Those who waited are counted already.
                if let Some(answer) = late {
                    self.note_hit(wanted, &key, &answer);
                }
                (told, Met::Collapsed)
            }
            Boarded::Lead(seat, told) => {
                // A task of its own: whoever asked may go, the others stay.
                tokio::spawn(lead(seat, wanted.clone(), trail.clone()));
                let met = match wanted.waits() {
                    true => Met::Blocked,
                    false => Met::Miss,
                };
                (told, met)
            }
        };
        let told = tokio::select! {
            told = told.wait_for(Option::is_some) => told.ok().and_then(|told| told.clone()),
            () = self.stopped() => None,
        };
        let gone = || AnswerError::Unavailable("the edge is shutting down".into());
        let (answer, stale) = told.ok_or_else(gone)??;
        let met = if stale { Met::Stale } else { met };
        Ok(Given { answer, met })
    }

    fn note_hit(&self, wanted: &Wanted, key: &str, answer: &Answer) {
        let account = self.cache().account();
        if account.is_on() {
            let (traffic, key) = (wanted.traffic(), Digest::of(key.as_bytes()));
            account.hit(&traffic, &key, weighs(answer), Tier::Ram, 1);
        }
    }

    /// Notes that somebody was asked for all who waited, and tells them.
    fn tell(&self, seat: &Seat, wanted: &Wanted, cause: Option<offload::Cause>, told: Told) {
        // Nobody joins from the counting to the telling.
        let flight = self.answers().flight();
        // The flight has a receiver, and so has who leads, unless an old one was given meanwhile.
        let followers = (seat.tell.receiver_count() as u64).saturating_sub(2);
        let answer = told.as_ref().and_then(|told| told.as_ref().ok());
        let answer = answer.map(|(answer, _)| Arc::clone(answer));
        seat.tell.send_replace(told);
        drop(flight);
        let Some(cause) = cause else { return };
        let (account, key) = (self.cache().account(), Digest::of(seat.key.as_bytes()));
        let size = answer.as_deref().map(weighs).unwrap_or_default();
        let fetch = Fetch {
            cause,
            asker: Asker::Client,
            followers,
            content: None,
        };
        account.fetched(&wanted.traffic(), &key, size, fetch);
        // What waited for something is not asked for again: it would fill the memory for
        // what is gone.
        if !wanted.waits() {
            let why = match answer {
                Some(_) => offload::Cause::Expired,
                None => offload::Cause::Failed,
            };
            account.gone(&key, why);
        }
    }

    /// Under the flight's lock, so that nobody asks for what has just come.
    fn board(&self, key: &Arc<str>) -> Boarded {
        let fresh = || self.answers().kept.get(key).filter(|kept| kept.is_fresh());
        if let Some(kept) = fresh() {
            return Boarded::Kept(kept);
        }
        let mut flight = self.answers().flight();
        if let Some(kept) = fresh() {
            return Boarded::Kept(kept);
        }
        let old = self.answers().kept.get(key);
        let old = old.filter(|kept| kept.will_do_meanwhile());
        if let Some(told) = flight.get(key) {
            let late = match &*told.borrow() {
                Some(Ok((answer, _))) => Some(answer.clone()),
                _ => None,
            };
            return match old {
                Some(old) => Boarded::Meanwhile(old, None),
                None => Boarded::Follow(told.clone(), late),
            };
        }
        if flight.len() >= MAX_ASKED {
            return match old {
                Some(old) => Boarded::Meanwhile(old, None),
                None => Boarded::Full,
            };
        }
        let (tell, told) = watch::channel(None);
        flight.insert(key.clone(), told.clone());
        let seat = Seat {
            edge: self.clone(),
            key: key.clone(),
            tell,
        };
        match old {
            Some(old) => Boarded::Meanwhile(old, Some(seat)),
            None => Boarded::Lead(seat, told),
        }
    }

    /// Asks until something good comes, or nobody is left who may give it.
    async fn fetch(
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
        let address = wanted.address(id)?;
        let (mut upstream, mut response) = self.ask(wanted, &address, trail, kept, cause).await?;
        if wanted.form == Form::Index
            && let Some(id) = identifier(&response)
        {
            self.answers().identify(&wanted.path, id);
            let address = wanted.address(Some(id))?;
            (upstream, response) = self.ask(wanted, &address, trail, kept, cause).await?;
        }
        let (head, body) = response.into_parts();
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
        let address = index.address(None)?;
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

/// Asks for all who follow, and keeps what comes.
async fn lead(seat: Seat, wanted: Wanted, trail: Trail) {
    let edge = &seat.edge;
    let kept = edge.answers().kept.get(&seat.key);
    let cause = edge
        .cache()
        .account()
        .cause(&Digest::of(seat.key.as_bytes()));
    let allowance = edge.config().stale_if_error;
    let will_do = || kept.clone().filter(|kept| kept.will_do(allowance));
    let told = match edge.fetch(&wanted, &trail, kept.as_ref()).await {
        Ok(answer) if is_fault(answer.status) => match will_do() {
            Some(kept) => Ok((kept, true)),
            None => Ok((Arc::new(answer), false)),
        },
        Ok(answer) => {
            let answer = Arc::new(answer);
            if answer.is_kept() {
                edge.answers().kept.insert(seat.key.clone(), answer.clone());
            }
            Ok((answer, false))
        }
        Err(failed) => match (will_do(), failed) {
            (Some(kept), _) => Ok((kept, true)),
            (None, Fetched::Unanswered(why)) => Err(AnswerError::Unavailable(why.into())),
            (None, Fetched::Bad(why)) => Err(AnswerError::BadGateway(why.into())),
        },
    };
    edge.tell(&seat, &wanted, cause, Some(told));
}

/// What an answer weighs among the traffic.
fn weighs(answer: &Answer) -> Size {
    Size::new(answer.text.plain().len() as u64, 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_delays_or_shortens_a_playlist_tells_it_from_another() {
        let key = |query| Wanted::new("/live/show/video.m3u8", query, None).key();
        let blocking = key("_HLS_msn=7&_HLS_part=2");
        for same in [
            "_HLS_part=2&_HLS_msn=7",
            "viewer=x&_HLS_msn=7&_HLS_part=2",
            "a=1&_HLS_msn=7&b&_HLS_part=2",
        ] {
            assert_eq!(key(same), blocking, "{same}");
        }
        assert_ne!(key("_HLS_msn=7"), blocking);
        assert_eq!(key("viewer=x"), key(""));
        let gst = HeaderValue::from_static("GStreamer souphttpsrc 1.22");
        let more = Wanted::new("/live/show/video.m3u8", "", Some(&gst));
        assert_ne!(more.key(), key(""));
        assert_ne!(Wanted::join("/live/show/video.m3u8").key(), key(""));
    }

    #[test]
    fn an_origin_is_asked_without_what_it_need_not_know() {
        let wanted = Wanted::new("/v", "viewer=x&_HLS_skip=YES&_HLS_msn=7&y", None);
        let address = |id| wanted.address(id).ok().map(|address| address.to_string());
        assert_eq!(
            address(None).as_deref(),
            Some("/v?_HLS_msn=7&_HLS_skip=YES")
        );
        let id = Uuid::from_u128(7);
        let expected = format!("/v?viewer={id}&_HLS_msn=7&_HLS_skip=YES");
        assert_eq!(address(Some(id)), Some(expected));
        assert!(wanted.waits() && !Wanted::new("/v", "_HLS_skip=YES", None).waits());
    }
}
