//! An edge: a cache in front of an origin, which serves the same addresses.
//!
//! Media comes through the one fragment cache ([`crate::cache`]), whose source here is
//! an upstream instead of a renderer; playlists are kept in memory for as long as they
//! are true; whatever else is asked for is passed on. Nothing here knows how its clients
//! are answered: that is HTTP's business, above.
//!
//! Invariants:
//! - Whatever many want at a time is asked for once.
//! - What does not verify is never kept, and given to nobody who could be told so: its
//!   upstream rests, and the next is asked.
//! - An upstream that failed is left alone for a while, and found again when it is back.
//! - A request that comes back to the edge that it went out from is refused.

mod address;
mod answer;
mod answers;
mod classes;
mod client;
mod followers;
mod health;
mod parts;
mod relay;
mod report;
mod repr_digest;
pub mod rooms;
mod telling;
mod terminals;
mod trail;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

pub use address::{Address, ChunkFile, LivePlaylist, SegmentName, SegmentWish};
pub use answer::Answer;
pub use answers::{AnswerError, Given, Wanted};
pub use classes::{CLASS, WANT_CLASS, WANTED_CLASS};
pub use client::{AskError, BodyError, Client, PASS_PATIENCE, Piece, RequestBody, next};
pub use followers::{FOLLOWS, Followers, MAX_FOLLOWERS};
pub use report::{Cause, Counters, Counts, Kind, Met};
pub use repr_digest::{REPR_DIGEST, ReprDigest, ReprHasher, is_wanted};
pub use telling::Telling;
pub use terminals::{Terminals, VIEWER, viewer, with_viewer};
pub use trail::{EdgeId, Looped, Trail};
pub use upstream::{
    Answered, Ask, MAX_UPSTREAMS, NoAnswer, Upstream, UpstreamError, UpstreamReport,
};

use crate::cache::FragmentCache;
use crate::digest::Digest;
use crate::offload::Class;
use answers::Answers;
use classes::Classes;
use rooms::{Rooms, RoomsConfig};
use upstream::Upstreams;

/// Why there is no edge.
#[derive(Debug, Error)]
pub enum EdgeError {
    /// TLS cannot be had.
    #[error("TLS for upstreams: {0}")]
    Tls(String),
}

/// How an edge behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeConfig {
    /// For how long after it came a playlist of a whole video is given when no upstream
    /// answers.
    pub stale_if_error: Duration,
    /// How long an upstream may take for the head of an answer that is media: a chunk
    /// that is rendered waits for its turn.
    pub patience: Duration,
    /// Whether requests that change something are passed on.
    pub passes_writes: bool,
    /// How live rooms are run.
    pub rooms: RoomsConfig,
}

impl Default for EdgeConfig {
    /// A day; a minute; not; as they are by themselves.
    fn default() -> Self {
        Self {
            stale_if_error: Duration::from_secs(24 * 3600),
            patience: Duration::from_secs(60),
            passes_writes: false,
            rooms: RoomsConfig::default(),
        }
    }
}

impl EdgeConfig {
    /// How long an upstream may take for a playlist, and for the next piece of whatever
    /// it has begun to give.
    pub fn short_patience(&self) -> Duration {
        self.patience.min(client::SILENCE)
    }
}

/// A handle on an edge; clones share it.
#[derive(Clone)]
pub struct Edge(Arc<Shared>);

struct Shared {
    id: EdgeId,
    config: EdgeConfig,
    cache: FragmentCache,
    upstreams: Arc<Upstreams>,
    rooms: Rooms,
    answers: Answers,
    terminals: Terminals,
    followers: Followers,
    counters: Counters,
    classes: Classes,
    stop: CancellationToken,
}

impl Edge {
    /// An edge over `cache`, in front of `upstreams`, which are asked in this order.
    pub fn new(
        cache: FragmentCache,
        upstreams: Vec<Upstream>,
        client: Client,
        config: EdgeConfig,
    ) -> Self {
        let upstreams = Arc::new(Upstreams::new(upstreams, client));
        Self(Arc::new(Shared {
            rooms: Rooms::new(upstreams.clone(), config.rooms),
            id: EdgeId::new(),
            config,
            cache,
            upstreams,
            answers: Answers::new(),
            terminals: Terminals::default(),
            followers: Followers::default(),
            counters: Counters::default(),
            classes: Classes::default(),
            stop: CancellationToken::new(),
        }))
    }

    /// What it calls itself among others.
    pub fn id(&self) -> &EdgeId {
        &self.0.id
    }

    /// How it behaves.
    pub fn config(&self) -> &EdgeConfig {
        &self.0.config
    }

    /// What media is kept in.
    pub fn cache(&self) -> &FragmentCache {
        &self.0.cache
    }

    /// Its live rooms.
    pub fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// Those who join live streams through it.
    pub fn terminals(&self) -> &Terminals {
        &self.0.terminals
    }

    /// Players of HLS that follow live streams through it.
    pub fn followers(&self) -> &Followers {
        &self.0.followers
    }

    /// What it counts.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// How many playlists are kept, and what they take in memory.
    pub fn playlists(&self) -> (u64, u64) {
        self.0.answers.held()
    }

    /// How its upstreams fare, in their order.
    pub fn upstream_report(&self) -> Vec<UpstreamReport> {
        self.0.upstreams.report()
    }

    /// Whether any upstream may be asked now.
    pub fn has_upstream(&self) -> bool {
        self.0.upstreams.any_is_well()
    }

    /// Looks after its upstreams, for ever.
    pub async fn attend(&self) {
        self.0.upstreams.probe(&self.0.id).await;
    }

    /// Ends what waits, or would go on for ever.
    pub fn stop(&self) {
        self.0.stop.cancel();
        self.0.rooms.stop();
    }

    /// Waits until it is stopped.
    pub async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }

    /// Waits until it has been stopped for so long.
    pub async fn stopped_for(&self, time: Duration) {
        self.stopped().await;
        tokio::time::sleep(time).await;
    }

    /// Asks upstream for something that is kept by nobody, a stream for example; the
    /// next upstream where one does not answer. Whoever reads the body says how it went:
    /// [`Upstream::served`], [`Upstream::failed`].
    pub async fn get(&self, ask: &Ask) -> Result<Answered, NoAnswer> {
        self.0.upstreams.get(ask).await
    }

    /// Passes a request on that may change something, once.
    pub async fn pass(
        &self,
        request: Request<RequestBody>,
        ask: &Ask,
    ) -> Result<Answered, NoAnswer> {
        self.0.upstreams.pass(request, ask).await
    }

    /// Whose traffic a chunk or a playlist is, as far as its origin told.
    pub fn class_of(&self, key: &Digest) -> Arc<Class> {
        self.0.classes.of(key)
    }

    fn answers(&self) -> &Answers {
        &self.0.answers
    }

    fn upstreams(&self) -> &Upstreams {
        &self.0.upstreams
    }
}
