//! Media from upstream through the fragment cache: each chunk and live segment is asked
//! for once, and all who want it, or a part of it, follow it as it comes.
//!
//! A chunk of a video is kept without a place in time, as its origin keeps it: the same
//! chunk at other times in other videos costs the origin nothing. So whatever time it is
//! wanted at, it is asked for at one and the same.
//!
//! Invariants: a part is served when all of its boxes are there and can be read. An
//! answer whose digest is in its head is checked against it before any of it is served;
//! one that grows has it behind its end, and is kept only if that is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, TE};
use http::uri::PathAndQuery;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use tokio::runtime::Handle;

use crate::cache::{Access, CacheError, FillError, FragmentWriter, Source};
use crate::chunk::{ChunkKey, Part, ReuseClass};
use crate::edge::Edge;
use crate::edge::address::SegmentName;
use crate::edge::classes::{CLASS, WANT_CLASS, WANTED_CLASS};
use crate::edge::client::{Piece, next, whole};
use crate::edge::parts::Parts;
use crate::edge::report::{Cause, Kind, Met};
use crate::edge::repr_digest::{ReprDigest, ReprHasher, WANT_REPR_DIGEST, WANTED};
use crate::edge::trail::Trail;
use crate::edge::upstream::{Answered, Ask, NoAnswer, Upstream};
use crate::offload::{self, Class};
use crate::store::{MAX_CHUNK_BYTES, MAX_SMALL_BYTES};

/// The time at which chunks are asked for. Not 0: there, an origin changes more than the
/// times of the first part.
const ASKED_AT: u64 = 1;

/// How often upstreams are asked for one chunk, if what they give is no good. As often
/// as the cache goes on with another try.
const MAX_TRIES: u32 = 3;

/// The most bytes of boxes that are no part of a chunk.
const MAX_BESIDE: u64 = 1024;

/// Why an answer is no chunk.
enum Failed {
    /// There is none.
    Absent(String),
    /// Nobody wants it any more.
    Unwanted,
    /// No upstream answered, or those that did have no time now.
    Unanswered(String),
    /// What came is no good.
    Bad(String),
}

/// Whose traffic something is.
#[derive(Clone, Debug)]
enum Whose {
    /// As its origin says of this chunk.
    Chunk(ChunkKey),
    /// Of a live stream.
    Known(Arc<Class>),
}

/// Has one chunk or segment come from upstream.
#[derive(Clone)]
struct Filling {
    edge: Edge,
    path: PathAndQuery,
    kind: Kind,
    whose: Whose,
    trail: Trail,
    runtime: Handle,
    tries: Arc<AtomicU32>,
}

impl Edge {
    /// The chunk `key`, counted from its start.
    pub async fn chunk(&self, key: ChunkKey, trail: &Trail) -> Result<Access, CacheError> {
        let path = format!("/c/{key}/{ASKED_AT}.m4s");
        let whose = Whose::Chunk(key);
        self.fragment(key, &path, (Kind::Chunk, whose), trail).await
    }

    /// A segment of a live stream, at its time.
    pub async fn segment(&self, name: &SegmentName, trail: &Trail) -> Result<Access, CacheError> {
        let path = name.growing();
        let whose = Whose::Known(live(name.stream()));
        let kind = (Kind::Segment, whose);
        self.fragment(name.key(), &path, kind, trail).await
    }

    async fn fragment(
        &self,
        key: ChunkKey,
        path: &str,
        (kind, whose): (Kind, Whose),
        trail: &Trail,
    ) -> Result<Access, CacheError> {
        let filling = Filling {
            edge: self.clone(),
            path: path_of(path)?,
            kind,
            whose,
            trail: trail.clone(),
            runtime: Handle::current(),
            tries: Arc::default(),
        };
        self.cache().get_or_fill(key, filling).await
    }

    /// An init segment, and how it was come by.
    pub async fn init(&self, path: &str, trail: &Trail) -> Result<(Bytes, Met), CacheError> {
        let asked = Arc::new(AtomicBool::new(false));
        let filling = (self.clone(), path_of(path)?, trail.clone(), asked.clone());
        let runtime = Handle::current();
        let fill = move || {
            let (edge, path, trail, asked) = filling;
            asked.store(true, Ordering::Relaxed);
            runtime.block_on(edge.fetch_init(&path, &trail))
        };
        let name = format!("edge {path}");
        let traffic = match path.strip_prefix("/live/") {
            Some(rest) => live(rest.split('/').next().unwrap_or_default()),
            None => Class::none(),
        };
        let cache = self.cache();
        let bytes = cache.get_small_or_fill(&name, Some(traffic), fill).await?;
        let met = match asked.load(Ordering::Relaxed) {
            true => Met::Miss,
            false => Met::Hit,
        };
        Ok((bytes, met))
    }

    async fn fetch_init(&self, path: &PathAndQuery, trail: &Trail) -> Result<Bytes, FillError> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.try_init(path, trail, cause(tried)).await {
                Ok(bytes) => return Ok(bytes),
                Err(Failed::Bad(_)) if tried < MAX_TRIES && self.upstreams().any_is_well() => {}
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    async fn try_init(
        &self,
        path: &PathAndQuery,
        trail: &Trail,
        cause: Cause,
    ) -> Result<Bytes, Failed> {
        let (upstream, response) = self.ask_media(path, Kind::Init, cause, trail).await?;
        let (head, body) = response.into_parts();
        let came = whole(body, MAX_SMALL_BYTES, self.config().patience).await;
        let (bytes, trailers) = came.map_err(|error| bad(&upstream, error))?;
        self.counters().came(Kind::Init, cause, bytes.len());
        let mut hasher = ReprHasher::default();
        hasher.update(&bytes);
        let told = ReprDigest::told(&head.headers).or_else(|| ReprDigest::told(&trailers));
        match told == Some(hasher.finish()) && bytes.get(4..8) == Some(b"ftyp") {
            true => {
                upstream.served();
                Ok(bytes)
            }
            false => Err(self.lied(
                &upstream,
                "no init segment, or another than its digest says",
            )),
        }
    }

    /// Asks for something that is media, and says whose answer it is if it is one.
    async fn ask_media(
        &self,
        path: &PathAndQuery,
        kind: Kind,
        cause: Cause,
        trail: &Trail,
    ) -> Result<(Arc<Upstream>, Response<Incoming>), Failed> {
        let mut headers = verifiable();
        headers.insert(WANT_CLASS, WANTED_CLASS);
        let ask = Ask {
            path: path.clone(),
            headers,
            trail: trail.clone(),
            patience: self.config().patience,
        };
        self.counters().asked(kind, cause);
        let answered = self.upstreams().get(&ask).await;
        let Answered { upstream, response } = answered.map_err(|error| match error {
            NoAnswer::Resting | NoAnswer::Failed { .. } => Failed::Unanswered(error.to_string()),
        })?;
        let name = upstream.name();
        match response.status() {
            StatusCode::OK => Ok((upstream, response)),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                upstream.served();
                Err(Failed::Absent(format!("{name} has no {path}")))
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                Err(Failed::Unanswered(format!("{name} has no time now")))
            }
            status => Err(Failed::Bad(format!("{name} answers {status}"))),
        }
    }

    /// What `upstream` gave does not verify: it rests, and is counted.
    fn lied(&self, upstream: &Upstream, what: &str) -> Failed {
        self.counters().unverified();
        bad(upstream, format!("it gave {what}"))
    }
}

impl Source for Filling {
    fn fill(&self, writer: FragmentWriter) {
        let filling = self.clone();
        self.runtime.spawn(filling.run(writer));
    }

    fn class(&self) -> ReuseClass {
        ReuseClass::Shared
    }

    fn traffic(&self) -> Arc<Class> {
        match &self.whose {
            Whose::Chunk(key) => self.edge.class_of(key.digest()),
            Whose::Known(class) => Arc::clone(class),
        }
    }
}

impl Filling {
    async fn run(self, mut writer: FragmentWriter) {
        let begun = Instant::now();
        let tried = self.tries.fetch_add(1, Ordering::Relaxed) + 1;
        match self.relay(&mut writer, cause(tried)).await {
            Ok(()) => {
                let took = u32::try_from(begun.elapsed().as_millis());
                // A failure is the fragment's, and told to its readers.
                drop(writer.finish(took.unwrap_or(u32::MAX)));
            }
            Err(Failed::Unwanted) => {}
            // Dropped, the writer leaves the fragment to another try, of which the
            // readers notice nothing.
            Err(Failed::Bad(_)) if tried < MAX_TRIES && self.edge.upstreams().any_is_well() => {}
            Err(failed) => writer.fail(failed.into()),
        }
    }

    async fn relay(&self, writer: &mut FragmentWriter, cause: Cause) -> Result<(), Failed> {
        let (kind, counters) = (self.kind, self.edge.counters());
        let asked = self.edge.ask_media(&self.path, kind, cause, &self.trail);
        let (upstream, response) = asked.await?;
        let (head, mut body) = response.into_parts();
        if let (Whose::Chunk(key), Some(said)) = (&self.whose, head.headers.get(CLASS)) {
            self.edge.0.classes.learn(key.digest(), said);
        }
        let mut told = ReprDigest::told(&head.headers);
        // It may come behind the end of an answer that grows, where some proxies leave it out.
        if told.is_none() && head.headers.contains_key(CONTENT_LENGTH) {
            return Err(self.edge.lied(&upstream, "a chunk without its digest"));
        }
        // All of it is there, and is checked before any of it is given away.
        let mut held = told.is_some().then(Vec::new);
        let mut parts = match kind {
            Kind::Chunk => Parts::placed_at(ASKED_AT),
            _ => Parts::as_they_are(),
        };
        let (mut hasher, mut bytes) = (ReprHasher::default(), 0);
        let silence = self.edge.config().short_patience();
        while let Some(piece) = next(&mut body, silence)
            .await
            .map_err(|error| bad(&upstream, error))?
        {
            let data = match piece {
                Piece::Trailers(trailers) => {
                    told = told.or_else(|| ReprDigest::told(&trailers));
                    continue;
                }
                Piece::Data(data) => data,
            };
            counters.came(kind, cause, data.len());
            bytes += data.len() as u64;
            if bytes > MAX_CHUNK_BYTES + MAX_BESIDE {
                return Err(self.edge.lied(&upstream, "more than a chunk may have"));
            }
            hasher.update(&data);
            parts.push(&data);
            loop {
                let part = parts
                    .next()
                    .map_err(|error| self.edge.lied(&upstream, &error.to_string()))?;
                match (part, &mut held) {
                    (None, _) => break,
                    (Some(part), Some(held)) => held.push(part),
                    (Some(part), None) => push(writer, part)?,
                }
            }
        }
        let count = parts
            .finish()
            .map_err(|error| self.edge.lied(&upstream, &error.to_string()))?;
        if told.is_some_and(|told| told != hasher.finish()) {
            return Err(self
                .edge
                .lied(&upstream, "something else than its digest says"));
        }
        for part in held.into_iter().flatten() {
            push(writer, part)?;
        }
        upstream.served();
        match count {
            0 => Err(Failed::Absent(format!("{} never began", self.path))),
            _ => Ok(()),
        }
    }
}

/// The traffic of a live stream.
pub(super) fn live(stream: &str) -> Arc<Class> {
    Arc::new(Class::new(offload::Kind::Live, stream))
}

fn push(writer: &mut FragmentWriter, part: Part) -> Result<(), Failed> {
    writer.push(part).map_err(|_| Failed::Unwanted)
}

/// Headers of a request whose answer is to be checked.
pub(super) fn verifiable() -> HeaderMap {
    HeaderMap::from_iter([
        (WANT_REPR_DIGEST, WANTED),
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        (TE, HeaderValue::from_static("trailers")),
        (CONNECTION, HeaderValue::from_static("te")),
    ])
}

const fn cause(tried: u32) -> Cause {
    match tried {
        0 | 1 => Cause::Fill,
        _ => Cause::Retry,
    }
}

fn bad(upstream: &Upstream, why: impl std::fmt::Display) -> Failed {
    upstream.failed(&why);
    Failed::Bad(format!("{}: {why}", upstream.name()))
}

fn path_of(path: &str) -> Result<PathAndQuery, FillError> {
    path.parse()
        .map_err(|_| FillError::Absent(format!("{path:?} is no address").into()))
}

impl From<Failed> for FillError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Absent(what) => Self::Absent(what.into()),
            Failed::Unwanted => Self::Abandoned,
            Failed::Unanswered(why) => Self::Busy(why.into()),
            Failed::Bad(why) => Self::Source(why.into()),
        }
    }
}

const _: () = assert!(ASKED_AT > 0);
