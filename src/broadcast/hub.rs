//! All live streams, by their names.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

use crate::broadcast::caster::Castings;
use crate::broadcast::connections::{Door, Entry};
use crate::broadcast::hooks::{Event, Hooks};
use crate::broadcast::ladder::{Ladders, OpenRungs};
use crate::broadcast::publisher::{Leaving, Publisher, now};
use crate::broadcast::shelf::Shelf;
use crate::broadcast::stream::{LiveStream, StreamStatus};
use crate::broadcast::turning::{OpenTurner, Turners};
use crate::cache::FragmentCache;
use crate::live::dictionary::{Role, StreamType};
use crate::live::gop::GopLimits;
use crate::live::join::JoinConfig;
use crate::live::ladder::Ladder;
use crate::live::{Cutting, PartTarget};

/// The most streams at a time, those that have just ended among them.
pub const MAX_STREAMS: usize = 1_000;

/// The longest name of a stream, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// What players are told while a stream has no publisher, or its publisher changes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outage {
    /// That there is nothing, part by part, as long as it lasts; unless the publisher
    /// said that it ends.
    #[default]
    Gaps,
    /// Nothing: their requests wait.
    Hold,
}

impl Outage {
    /// All, by their names.
    pub const NAMED: [(&str, Self); 2] = [("gaps", Self::Gaps), ("hold", Self::Hold)];
}

/// How streams are cut and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// Where segments and parts end.
    pub cutting: Cutting,
    /// How far back players may go, in milliseconds.
    pub window_ms: u64,
    /// How much of a stream is kept for those who are pushed it.
    pub gop: GopLimits,
    /// Who waits when they join a stream.
    pub join: JoinConfig,
    /// What players are told while nothing comes.
    pub outage: Outage,
    /// How long a stream waits for its publisher to come back.
    pub linger: Duration,
    /// How long a stream that has ended is still to be seen.
    pub afterglow: Duration,
}

/// How far back players of a replay may go: 12 hours, in milliseconds.
const REPLAY_WINDOW_MS: u64 = 12 * 3_600_000;

/// How much of a replay is kept for those who are pushed it: 64 MiB.
const REPLAY_GOP: GopLimits = GopLimits {
    bytes: 64 << 20,
    packets: 1 << 17,
};

impl HubConfig {
    /// How far back players of a stream may go, in milliseconds.
    pub(super) fn window_ms_of(&self, stream_type: StreamType) -> u64 {
        match stream_type {
            StreamType::Live => self.window_ms,
            StreamType::Replay => self.window_ms.max(REPLAY_WINDOW_MS),
        }
    }

    /// How much of a stream is kept for those who are pushed it.
    const fn gop_of(&self, stream_type: StreamType) -> GopLimits {
        match stream_type {
            StreamType::Live => self.gop,
            StreamType::Replay => REPLAY_GOP,
        }
    }
}

impl Default for HubConfig {
    /// Segments of 2 s, at most 4 s; parts of 1/3 s; a window of a minute; 10 s to
    /// come back; and a minute to watch the end.
    fn default() -> Self {
        Self {
            cutting: Cutting {
                segment_ms: 2_000,
                longest_ms: 4_000,
                part: PartTarget::DEFAULT,
            },
            window_ms: 60_000,
            gop: GopLimits::default(),
            join: JoinConfig::default(),
            outage: Outage::default(),
            linger: Duration::from_secs(10),
            afterglow: Duration::from_secs(60),
        }
    }
}

/// How a stream comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What becomes of it when its publisher goes.
    pub stream_type: StreamType,
    /// By which door.
    pub door: Door,
    /// Who gives it.
    pub role: Role,
    /// From where.
    pub peer: Option<SocketAddr>,
    /// What the stream is, beside its name, in its publisher's words.
    pub identity: Option<String>,
    /// Where its publisher has it from.
    pub address: Option<String>,
}

impl Origin {
    /// A live stream that `peer` publishes.
    pub const fn live(door: Door, peer: Option<SocketAddr>) -> Self {
        Self {
            stream_type: StreamType::Live,
            door,
            role: Role::Pushing,
            peer,
            identity: None,
            address: None,
        }
    }
}

/// Why a stream cannot be published.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PublishError {
    /// Not a name that can stand in an address.
    #[error(
        "the stream's name is {name:?}: expected 1 to {MAX_NAME_BYTES} letters, digits, '-' and '_'"
    )]
    Name {
        /// What was given, cut short.
        name: String,
    },
    /// Somebody publishes it already.
    #[error("{name} is being published already")]
    Busy {
        /// The stream.
        name: String,
    },
    /// There is a stream of the name, and it is of the other type.
    #[error("{name} is a {} stream already: expected the same", .known.as_str())]
    Type {
        /// The stream.
        name: String,
        /// What it is.
        known: StreamType,
    },
    /// There are as many streams as there may be.
    #[error("there are {MAX_STREAMS} live streams already, as many as allowed")]
    TooMany,
}

/// The streams; clones share them.
#[derive(Clone)]
pub struct Hub {
    config: HubConfig,
    hooks: Hooks,
    turners: Option<Turners>,
    ladders: Option<Ladders>,
    cache: FragmentCache,
    shelf: Shelf,
    known: Arc<Mutex<HashMap<String, Known>>>,
    castings: Castings,
}

struct Known {
    stream: Arc<LiveStream>,
    /// Counts publishers, so that a late farewell of one is not taken for another's.
    publishers: u64,
    /// How far the stream's time has come, in milliseconds.
    reached_ms: i64,
}

impl Hub {
    /// No streams yet; their segments are kept in `cache`.
    pub fn new(cache: FragmentCache, config: HubConfig) -> Self {
        Self {
            config,
            hooks: Hooks::default(),
            turners: None,
            ladders: None,
            shelf: Shelf::new(cache.store()),
            cache,
            known: Arc::default(),
            castings: Castings::default(),
        }
    }

    /// The same, which tells `hooks` of those who go and who watch.
    pub fn with_hooks(self, hooks: Hooks) -> Self {
        Self { hooks, ..self }
    }

    /// The same, in which sound of other codecs is turned into AAC. Without, it is left out.
    pub fn with_turner(self, open: OpenTurner) -> Self {
        let turners = Some(Turners::new(open));
        Self { turners, ..self }
    }

    /// The same, whose streams are offered in the sizes of `ladder` too.
    pub fn with_ladder(self, ladder: Ladder, open: OpenRungs) -> Self {
        let ladders = (!ladder.is_empty()).then(|| Ladders::new(ladder, open));
        Self { ladders, ..self }
    }

    /// Whom to tell of what happens.
    pub const fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// Takes the publisher's seat of stream `name`. One that was left, or has ended
    /// lately, goes on.
    pub fn publish(&self, name: &str, origin: &Origin) -> Result<Publisher, PublishError> {
        check_name(name)?;
        let stream_type = origin.stream_type;
        if self.is_reserved(name) {
            return Err(PublishError::Busy { name: name.into() });
        }
        let mut known = self.known();
        if !known.contains_key(name) && known.len() >= MAX_STREAMS {
            return Err(PublishError::TooMany);
        }
        let entry = known.entry(name.to_owned()).or_insert_with(|| {
            let known = self.new_stream(name, stream_type);
            // Not live before it has its publisher.
            known.stream.set_status(StreamStatus::Away);
            known
        });
        if entry.stream.status() == StreamStatus::Live {
            return Err(PublishError::Busy { name: name.into() });
        }
        let known = entry.stream.stream_type();
        if known != stream_type {
            let name = name.into();
            return Err(PublishError::Type { name, known });
        }
        entry.publishers += 1;
        let stream = Arc::clone(&entry.stream);
        stream.published(origin);
        let seat = Seat {
            hub: self.clone(),
            stream: Arc::clone(&stream),
            number: entry.publishers,
            door: origin.door,
            peer: origin.peer,
            entry: stream
                .connections()
                .enter(origin.role, origin.door, origin.peer),
        };
        let publisher = Publisher::new(stream, self.config, seat, entry.reached_ms);
        Ok(publisher
            .with_turners(self.turners.clone())
            .with_ladders(self.ladders.clone()))
    }

    fn new_stream(&self, name: &str, stream_type: StreamType) -> Known {
        let now = now();
        let epoch = format!("{:x}", now.0);
        let place = (self.cache.clone(), self.shelf.clone());
        let config = HubConfig {
            gop: self.config.gop_of(stream_type),
            ..self.config
        };
        let stream = LiveStream::new(name.to_owned(), epoch, stream_type, place, &config, now);
        Known {
            stream: Arc::new(stream),
            publishers: 0,
            reached_ms: 0,
        }
    }

    /// Another stream of this name, in the place of any before; it is live.
    pub(super) fn begin_stream(&self, name: &str) -> Result<Arc<LiveStream>, PublishError> {
        let mut known = self.known();
        if !known.contains_key(name) && known.len() >= MAX_STREAMS {
            return Err(PublishError::TooMany);
        }
        let new = self.new_stream(name, StreamType::Live);
        let stream = Arc::clone(&new.stream);
        known.insert(name.to_owned(), new);
        Ok(stream)
    }

    /// Nobody looks for this stream any more.
    pub(super) fn forget(&self, stream: &Arc<LiveStream>) {
        let mut known = self.known();
        let same = |known: &Known| Arc::ptr_eq(&known.stream, stream);
        if known.get(stream.name()).is_some_and(same) {
            known.remove(stream.name());
        }
    }

    /// This stream has ended, and is forgotten after a while.
    pub(super) fn over(&self, stream: &Arc<LiveStream>) {
        stream.set_status(StreamStatus::Ended);
        let (hub, stream) = (self.clone(), Arc::clone(stream));
        // Without a runtime the process ends, and the stream with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(hub.config.afterglow).await;
                hub.forget(&stream);
            });
        }
    }

    pub(super) const fn castings(&self) -> &Castings {
        &self.castings
    }

    pub(super) const fn config(&self) -> &HubConfig {
        &self.config
    }

    /// Stream `name`, if there is or was one lately.
    pub fn stream(&self, name: &str) -> Option<Arc<LiveStream>> {
        self.known()
            .get(name)
            .map(|known| Arc::clone(&known.stream))
    }

    /// All streams, by name.
    pub fn streams(&self) -> Vec<Arc<LiveStream>> {
        let known = self.known();
        let mut streams: Vec<_> = known
            .values()
            .map(|known| Arc::clone(&known.stream))
            .collect();
        streams.sort_by(|a, b| a.name().cmp(b.name()));
        streams
    }

    /// Ends stream `name` and forgets it; its publisher is sent away. Whether there was
    /// one.
    pub fn delete(&self, name: &str) -> bool {
        let Some(known) = self.known().remove(name) else {
            return false;
        };
        known.stream.dismiss();
        true
    }

    /// Ends what is pushed to viewers: the server stops, and their connections would
    /// keep it from that.
    pub fn stop_pushing(&self) {
        for stream in self.streams() {
            stream.feed().close();
        }
    }

    /// Ends a publisher's time.
    pub async fn farewell(&self, mut publisher: Publisher, leaving: Leaving) {
        if let Err(error) = publisher.end_stretch(leaving).await {
            tracing::warn!(stream = publisher.stream().name(), %error, "the end of a stream is lost");
        }
        let mut known = self.known();
        let known = known.get_mut(publisher.stream().name());
        // Another stream may have the name by now.
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.stream, publisher.stream())) {
            known.reached_ms = publisher.reached_ms();
        }
    }

    /// The publisher of that number has gone: the stream waits, ends, is forgotten.
    async fn left(self, stream: Arc<LiveStream>, number: u64) {
        let still = || {
            let known = self.known();
            let known = known.get(stream.name());
            known.is_some_and(|known| {
                Arc::ptr_eq(&known.stream, &stream) && known.publishers == number
            })
        };
        tokio::time::sleep(self.config.linger).await;
        if !still() {
            return;
        }
        stream.set_status(StreamStatus::Ended);
        if stream.stream_type() == StreamType::Replay {
            return;
        }
        tokio::time::sleep(self.config.afterglow).await;
        if still() {
            self.known().remove(stream.name());
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A publisher's seat; dropped, it is free.
pub(super) struct Seat {
    hub: Hub,
    stream: Arc<LiveStream>,
    number: u64,
    door: Door,
    peer: Option<SocketAddr>,
    entry: Entry,
}

impl Seat {
    /// The index number of the publisher's connection.
    pub(super) const fn index(&self) -> u64 {
        self.entry.index()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.stream.set_status(StreamStatus::Away);
        let gone = Event::unpublish(self.stream.name(), self.door, self.peer);
        self.hub.hooks.tell(gone);
        let left = self.hub.clone().left(Arc::clone(&self.stream), self.number);
        // Without a runtime the process ends, and the stream with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(left);
        }
    }
}

/// Whether a stream can have this name.
pub fn check_name(name: &str) -> Result<(), PublishError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(PublishError::Name {
        name: name.chars().take(MAX_NAME_BYTES).collect(),
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::cache::CacheConfig;
    use crate::store::{ChunkStore, StoreConfig};

    const ORIGIN: Origin = Origin::live(Door::Rtmp, None);

    fn hub() -> (TempDir, Hub) {
        let folder = TempDir::new().expect("a folder");
        let (store, _) = ChunkStore::open(StoreConfig::new(folder.path())).expect("a store");
        let cache = FragmentCache::new(store, CacheConfig::default());
        (folder, Hub::new(cache, HubConfig::default()))
    }

    #[tokio::test]
    async fn a_stream_has_a_name_that_can_stand_in_an_address() {
        let (_folder, hub) = hub();
        let longest = "x".repeat(MAX_NAME_BYTES);
        for name in ["show", "Show-1_a", &longest] {
            assert!(hub.publish(name, &ORIGIN).is_ok(), "{name}");
        }
        let longer = "x".repeat(MAX_NAME_BYTES + 1);
        for name in ["", "a b", "a/b", "..", "sh\u{f6}w", &longer] {
            let refused = hub.publish(name, &ORIGIN).err();
            assert!(matches!(refused, Some(PublishError::Name { .. })), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_publishes_at_a_time_and_the_stream_waits_for_it_to_come_back() {
        let (_folder, hub) = hub();
        let status = || hub.stream("show").map(|stream| stream.status());
        let first = hub.publish("show", &ORIGIN).expect("a seat");
        let busy = hub.publish("show", &ORIGIN).err();
        assert!(matches!(busy, Some(PublishError::Busy { .. })));
        let stream = Arc::clone(first.stream());
        hub.farewell(first, Leaving::Orderly).await;
        assert_eq!(status(), Some(StreamStatus::Away));
        tokio::time::sleep(Duration::from_secs(9)).await;

        let second = hub.publish("show", &ORIGIN).expect("the same seat");
        assert!(Arc::ptr_eq(second.stream(), &stream));
        // The farewell of the first is not taken for that of the second.
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(status(), Some(StreamStatus::Live));
        drop(second);
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(status(), Some(StreamStatus::Ended));
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(status(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replay_stays_when_its_publisher_goes_until_it_is_deleted() {
        let (_folder, hub) = hub();
        let replay = Origin {
            stream_type: StreamType::Replay,
            ..ORIGIN
        };
        let status = || hub.stream("show").map(|stream| stream.status());
        drop(hub.publish("show", &replay).expect("a seat"));
        tokio::time::sleep(Duration::from_secs(1_000_000)).await;
        assert_eq!(status(), Some(StreamStatus::Ended));
        let other = hub.publish("show", &ORIGIN).err();
        assert!(
            matches!(other, Some(PublishError::Type { .. })),
            "{other:?}"
        );
        assert!(hub.delete("show") && !hub.delete("show"));
        assert_eq!(status(), None);
        assert!(hub.publish("show", &ORIGIN).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_publishes_a_deleted_stream_does_not_end_its_successor() {
        let (_folder, hub) = hub();
        let first = hub.publish("show", &ORIGIN).expect("a seat");
        assert_eq!(first.stream().connections().all().len(), 1);
        assert!(hub.delete("show"));
        assert_eq!(first.stream().status(), StreamStatus::Ended);
        let second = hub.publish("show", &ORIGIN).expect("another stream");
        hub.farewell(first, Leaving::Orderly).await;
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(second.stream().status(), StreamStatus::Live);
        assert!(hub.stream("show").is_some());
    }

    #[tokio::test]
    async fn there_are_only_so_many_streams() {
        let (_folder, hub) = hub();
        let publish = |index: usize| hub.publish(&index.to_string(), &ORIGIN);
        let all: Vec<_> = (0..MAX_STREAMS).map(publish).collect();
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(publish(MAX_STREAMS).err(), Some(PublishError::TooMany));
    }
}
