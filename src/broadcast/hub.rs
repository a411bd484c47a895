//! All live streams, by their names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

use crate::broadcast::publisher::{Publisher, now};
use crate::broadcast::stream::{LiveStream, StreamStatus};
use crate::cache::FragmentCache;
use crate::live::Cutting;
use crate::live::gop::GopLimits;
use crate::live::join::JoinConfig;

/// The most streams at a time, those that have just ended among them.
pub const MAX_STREAMS: usize = 1_000;

/// The longest name of a stream, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

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
    /// How long a stream waits for its publisher to come back.
    pub linger: Duration,
    /// How long a stream that has ended is still to be seen.
    pub afterglow: Duration,
}

impl Default for HubConfig {
    /// Segments of 2 s, at most 4 s; parts of 1/3 s; a window of a minute; 10 s to
    /// come back; and a minute to watch the end.
    fn default() -> Self {
        Self {
            cutting: Cutting {
                segment_ms: 2_000,
                longest_ms: 4_000,
                part_ms: 334,
            },
            window_ms: 60_000,
            gop: GopLimits::default(),
            join: JoinConfig::default(),
            linger: Duration::from_secs(10),
            afterglow: Duration::from_secs(60),
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
    /// There are as many streams as there may be.
    #[error("there are {MAX_STREAMS} live streams already, as many as allowed")]
    TooMany,
}

/// The streams; clones share them.
#[derive(Clone)]
pub struct Hub {
    config: HubConfig,
    cache: FragmentCache,
    known: Arc<Mutex<HashMap<String, Known>>>,
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
            cache,
            known: Arc::default(),
        }
    }

    /// Takes the publisher's seat of stream `name`. One that was left, or has ended
    /// lately, goes on.
    pub fn publish(&self, name: &str) -> Result<Publisher, PublishError> {
        check(name)?;
        let mut known = self.known();
        if !known.contains_key(name) && known.len() >= MAX_STREAMS {
            return Err(PublishError::TooMany);
        }
        let entry = known.entry(name.to_owned()).or_insert_with(|| {
            let now = now();
            let epoch = format!("{:x}", now.0);
            let cache = self.cache.clone();
            let stream = LiveStream::new(name.to_owned(), epoch, cache, &self.config, now);
            // Not live before it has its publisher.
            stream.set_status(StreamStatus::Away);
            Known {
                stream: Arc::new(stream),
                publishers: 0,
                reached_ms: 0,
            }
        });
        if entry.stream.status() == StreamStatus::Live {
            return Err(PublishError::Busy { name: name.into() });
        }
        entry.publishers += 1;
        entry.stream.set_status(StreamStatus::Live);
        let seat = Seat {
            hub: self.clone(),
            name: name.to_owned(),
            number: entry.publishers,
        };
        let stream = Arc::clone(&entry.stream);
        Ok(Publisher::new(stream, self.config, seat, entry.reached_ms))
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

    /// Ends what is pushed to viewers: the server stops, and their connections would
    /// keep it from that.
    pub fn stop_pushing(&self) {
        for stream in self.streams() {
            stream.feed().close();
        }
    }

    /// Ends a publisher's time in good order.
    pub async fn farewell(&self, mut publisher: Publisher) {
        if let Err(error) = publisher.end_stretch().await {
            tracing::warn!(stream = publisher.stream().name(), %error, "the end of a stream is lost");
        }
        let name = publisher.stream().name().to_owned();
        if let Some(known) = self.known().get_mut(&name) {
            known.reached_ms = publisher.reached_ms();
        }
    }

    /// The publisher of that number has gone: the stream waits, ends, is forgotten.
    async fn left(self, name: String, number: u64) {
        let still = |hub: &Self| {
            let known = hub.known();
            let known = known.get(&name).filter(|known| known.publishers == number);
            known.map(|known| Arc::clone(&known.stream))
        };
        tokio::time::sleep(self.config.linger).await;
        match still(&self) {
            Some(stream) => stream.set_status(StreamStatus::Ended),
            None => return,
        }
        tokio::time::sleep(self.config.afterglow).await;
        if still(&self).is_some() {
            self.known().remove(&name);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A publisher's seat; dropped, it is free.
pub(super) struct Seat {
    hub: Hub,
    name: String,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(stream) = self.hub.stream(&self.name) {
            stream.set_status(StreamStatus::Away);
        }
        let left = self.hub.clone().left(self.name.clone(), self.number);
        // Without a runtime the process ends, and the stream with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(left);
        }
    }
}

fn check(name: &str) -> Result<(), PublishError> {
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
            assert!(hub.publish(name).is_ok(), "{name}");
        }
        let longer = "x".repeat(MAX_NAME_BYTES + 1);
        for name in ["", "a b", "a/b", "..", "sh\u{f6}w", &longer] {
            let refused = hub.publish(name).err();
            assert!(matches!(refused, Some(PublishError::Name { .. })), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_publishes_at_a_time_and_the_stream_waits_for_it_to_come_back() {
        let (_folder, hub) = hub();
        let status = || hub.stream("show").map(|stream| stream.status());
        let first = hub.publish("show").expect("a seat");
        let busy = hub.publish("show").err();
        assert!(matches!(busy, Some(PublishError::Busy { .. })));
        let stream = Arc::clone(first.stream());
        hub.farewell(first).await;
        assert_eq!(status(), Some(StreamStatus::Away));
        tokio::time::sleep(Duration::from_secs(9)).await;

        let second = hub.publish("show").expect("the same seat");
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

    #[tokio::test]
    async fn there_are_only_so_many_streams() {
        let (_folder, hub) = hub();
        let publish = |index: usize| hub.publish(&index.to_string());
        let all: Vec<_> = (0..MAX_STREAMS).map(publish).collect();
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(publish(MAX_STREAMS).err(), Some(PublishError::TooMany));
    }
}
