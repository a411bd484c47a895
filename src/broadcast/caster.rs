//! Streams that this server makes itself: channels.
//!
//! A channel has its name for as long as it is there, on the air or not. What it plays is
//! put on the air segment by segment, by numbers and times that it gives itself; from
//! there on it is a stream as those of encoders are.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::broadcast::connections::{Door, Entry};
use crate::broadcast::hub::{Hub, HubConfig, PublishError, check_name};
use crate::broadcast::publisher::{PublishingError, begin, window};
use crate::broadcast::stream::{LiveStream, StreamStatus};
use crate::cache::FragmentWriter;
use crate::chunk::Part;
use crate::cmaf::{Track, init_segment};
use crate::live::dictionary::Role;
use crate::live::window::Opening;
use crate::live::{LiveFrame, LiveTrack, PartTarget, milliseconds};
use crate::playlist::UnixMillis;

/// How long a wish to watch has a channel go on the air: who waits says it again sooner.
const FRESH: Duration = Duration::from_secs(2);

/// The names that channels have; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Castings {
    names: Arc<Mutex<HashMap<String, Arc<Wish>>>>,
    changed: watch::Sender<u64>,
}

/// Who wants to watch a channel.
#[derive(Debug, Default)]
struct Wish {
    /// When somebody last did.
    wanted: Mutex<Option<Instant>>,
    nudge: Notify,
    over: AtomicBool,
}

impl Default for Castings {
    fn default() -> Self {
        Self {
            names: Arc::default(),
            changed: watch::channel(0).0,
        }
    }
}

impl Castings {
    pub(super) fn has(&self, name: &str) -> bool {
        self.names().contains_key(name)
    }

    fn tell(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Arc<Wish>>> {
        // Each change is whole or not begun.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Keeps `name` for a channel, until what this gives is dropped. One that somebody
    /// publishes is not to be had, nor is another channel's.
    pub fn reserve(&self, name: &str) -> Result<Reservation, PublishError> {
        check_name(name)?;
        let busy = || PublishError::Busy { name: name.into() };
        let castings = self.castings();
        let mut names = castings.names();
        let known = self.stream(name).map(|stream| stream.status());
        if names.contains_key(name) || known.is_some_and(|status| status != StreamStatus::Ended) {
            return Err(busy());
        }
        let wish = Arc::new(Wish::default());
        names.insert(name.to_owned(), Arc::clone(&wish));
        drop(names);
        Ok(Reservation {
            hub: self.clone(),
            name: name.to_owned(),
            wish,
        })
    }

    /// How long parts are at most.
    pub const fn part_target(&self) -> PartTarget {
        self.config().cutting.part
    }

    /// Whether a channel has this name.
    pub fn is_reserved(&self, name: &str) -> bool {
        self.castings().has(name)
    }

    /// Somebody wants to watch channel `name`, and is told when it goes on the air or off;
    /// `None` if there is no such channel, or it is over.
    pub fn demand(&self, name: &str) -> Option<watch::Receiver<u64>> {
        let castings = self.castings();
        let wish = castings.names().get(name).map(Arc::clone)?;
        if wish.over.load(Ordering::Relaxed) {
            return None;
        }
        *wish.wanted() = Some(Instant::now());
        wish.nudge.notify_one();
        Some(castings.changed.subscribe())
    }
}

impl Wish {
    fn wanted(&self) -> MutexGuard<'_, Option<Instant>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name that is kept for a channel; dropped, it is free.
pub struct Reservation {
    hub: Hub,
    name: String,
    wish: Arc<Wish>,
}

impl Reservation {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its streams are cut and kept.
    pub const fn config(&self) -> &HubConfig {
        self.hub.config()
    }

    /// Whether somebody is pushed the stream, or wanted to watch it not longer ago than this.
    pub fn is_wanted(&self, lately: Duration) -> bool {
        let mut wanted = self.wish.wanted();
        let stream = self.hub.stream(&self.name);
        let pushed: u64 = stream.map_or(0, |stream| stream.audience().report().there.iter().sum());
        if pushed > 0 {
            *wanted = Some(Instant::now());
        }
        wanted.is_some_and(|wanted| wanted.elapsed() <= lately)
    }

    /// Waits until somebody wants to watch.
    pub async fn wanted(&self) {
        loop {
            self.wish.nudge.notified().await;
            // One that was told of before may long be gone.
            if self.is_wanted(FRESH) {
                return;
            }
        }
    }

    /// It never goes on the air again.
    pub fn over(&self) {
        self.wish.over.store(true, Ordering::Relaxed);
        self.hub.castings().tell();
    }

    /// Goes on the air: another stream than any before of this name, whose first segment
    /// has this number, and so many discontinuities before it.
    pub fn cast(&self, number: u64, discontinuities: u64) -> Result<Caster, PublishError> {
        let stream = self.hub.begin_stream(&self.name)?;
        let connections = stream.connections();
        let entry = connections.enter(Role::Pushing, Door::Channel, None);
        self.hub.castings().tell();
        Ok(Caster {
            hub: self.hub.clone(),
            first: (number, discontinuities),
            open: BTreeMap::new(),
            stream,
            _entry: entry,
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let castings = self.hub.castings();
        castings.names().remove(&self.name);
        castings.tell();
    }
}

/// A segment that is being put on the air.
struct Open {
    writer: FragmentWriter,
    ticks: u64,
    timescale: u32,
}

/// A channel on the air. Dropped, it is over.
pub struct Caster {
    hub: Hub,
    stream: Arc<LiveStream>,
    first: (u64, u64),
    open: BTreeMap<LiveTrack, Open>,
    _entry: Entry,
}

impl Caster {
    /// The stream.
    pub const fn stream(&self) -> &Arc<LiveStream> {
        &self.stream
    }

    /// From the next segment on there are these tracks; for those who are pushed the stream,
    /// what has decode time 0 was taken at `taken`.
    pub fn describe(
        &self,
        tracks: &[(LiveTrack, Track)],
        taken: UnixMillis,
    ) -> Result<(), PublishingError> {
        let (number, discontinuities) = self.first;
        for (kind, track) in tracks {
            let new = || {
                let mut window = window(&self.stream, self.hub.config(), *kind);
                window.begin_with(number);
                window.begin_after(discontinuities);
                window
            };
            let init = init_segment(track)?;
            self.stream.describe(*kind, track.clone(), init, new);
        }
        self.stream.feed().begin(tracks.to_vec(), taken);
        Ok(())
    }

    /// How the next segment of a track begins, which decodes from `decode_time` ticks of
    /// `timescale` a second.
    fn opening(&self, kind: LiveTrack, begins: &Begins) -> Result<Opening, PublishingError> {
        Ok(Opening {
            clock: NonZeroU32::new(begins.timescale).unwrap_or(NonZeroU32::MIN),
            decode_time: begins.decode_time,
            map: self.stream.newest_init(kind)?,
            taken: begins.taken,
            discontinuity: begins.discontinuity,
        })
    }

    /// The next segment of a track begins.
    pub async fn open(&mut self, kind: LiveTrack, begins: &Begins) -> Result<(), PublishingError> {
        if self.stream.is_dismissed() {
            return Err(PublishingError::Dismissed);
        }
        let Some(key) = self.stream.next_key(kind) else {
            return Ok(());
        };
        let (writer, fragment) = begin(&self.stream, key).await?;
        let opening = self.opening(kind, begins)?;
        self.stream.opened(kind, fragment, opening);
        let open = Open {
            writer,
            ticks: 0,
            timescale: begins.timescale,
        };
        self.open.insert(kind, open);
        Ok(())
    }

    /// The open segment of a track has another part, with its decode time counted from the
    /// segment's beginning; with the last it is whole.
    pub fn part(
        &mut self,
        kind: LiveTrack,
        part: Part,
        is_last: bool,
    ) -> Result<(), PublishingError> {
        let Some(open) = self.open.get_mut(&kind) else {
            return Ok(());
        };
        let meta = part.meta;
        open.writer.push(part)?;
        open.ticks += u64::from(meta.ticks);
        if !is_last {
            self.stream.part(kind, meta);
            return Ok(());
        }
        let ticks = open.ticks;
        self.finish(kind)?;
        self.stream.closed(kind, Some(meta), ticks);
        let stream = Arc::clone(&self.stream);
        tokio::spawn(async move { stream.look(kind).await });
        Ok(())
    }

    fn finish(&mut self, kind: LiveTrack) -> Result<(), PublishingError> {
        if let Some(open) = self.open.remove(&kind) {
            let ticks = i64::try_from(open.ticks).unwrap_or(i64::MAX);
            let cost = milliseconds(ticks, open.timescale);
            open.writer
                .finish(u32::try_from(cost).unwrap_or(u32::MAX))?;
        }
        Ok(())
    }

    /// The next segment of a track, `number`, is not there, and would have been so long.
    pub fn miss(
        &self,
        kind: LiveTrack,
        number: u64,
        begins: &Begins,
        ticks: u64,
    ) -> Result<(), PublishingError> {
        let opening = self.opening(kind, begins)?;
        self.stream.missed(kind, number, opening, ticks);
        Ok(())
    }

    /// A frame for those who are pushed the stream.
    pub fn push(&self, frame: LiveFrame, timescale: u32) {
        let ms = milliseconds(frame.decode_time, timescale);
        self.stream.received(&frame, ms);
        self.stream.feed().push(frame);
    }

    /// It is over, and can be watched for a while yet.
    pub fn end(self) {
        drop(self);
    }

    /// Nobody watches it: it is off the air, and forgotten.
    pub fn leave(self) {
        self.hub.forget(&self.stream);
        self.stream.feed().close();
        self.hub.castings().tell();
    }
}

impl Drop for Caster {
    fn drop(&mut self) {
        // What was begun ends here, and is as long as it is.
        for (kind, ticks) in self
            .open
            .iter()
            .map(|(kind, open)| (*kind, open.ticks))
            .collect::<Vec<_>>()
        {
            if let Err(error) = self.finish(kind) {
                tracing::warn!(stream = self.stream.name(), %error, "the end of a channel is lost");
            }
            self.stream.closed(kind, None, ticks);
        }
        self.hub.over(&self.stream);
        self.hub.castings().tell();
    }
}

/// How a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begins {
    /// Ticks a second.
    pub timescale: u32,
    /// When its first sample is decoded, in ticks.
    pub decode_time: u64,
    /// When it is on.
    pub taken: UnixMillis,
    /// Whether the encoding is another than before.
    pub discontinuity: bool,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tempfile::TempDir;

    use super::*;
    use crate::broadcast::Origin;
    use crate::cache::{CacheConfig, FragmentCache};
    use crate::chunk::PartMeta;
    use crate::cmaf::{AudioConfig, AudioTrack, Sample, fragment};
    use crate::live::window::Listing;
    use crate::store::{ChunkStore, StoreConfig};

    const ORIGIN: Origin = Origin::live(Door::Rtmp, None);

    fn hub() -> (TempDir, Hub) {
        let folder = TempDir::new().expect("a folder");
        let (store, _) = ChunkStore::open(StoreConfig::new(folder.path())).expect("a store");
        let cache = FragmentCache::new(store, CacheConfig::default());
        (folder, Hub::new(cache, HubConfig::default()))
    }

    fn sound() -> Vec<(LiveTrack, Track)> {
        let track = AudioTrack {
            timescale: 48_000,
            channels: 2,
            config: AudioConfig::Aac(Bytes::from_static(&[0x11, 0x90])),
            bitrate: 128_000,
        };
        vec![(LiveTrack::Audio, Track::Audio(track))]
    }

    fn part() -> Part {
        let sample = Sample {
            data: Bytes::from_static(b"sound"),
            duration: 1024,
            composition_offset: 0,
            sync: true,
        };
        let data = fragment(0, 1, &[sample]).expect("a part");
        let meta = PartMeta {
            bytes: u32::try_from(data.len()).expect("few"),
            ticks: 1024,
            independent: true,
        };
        Part { meta, data }
    }

    fn begins(decode_time: u64) -> Begins {
        Begins {
            timescale: 48_000,
            decode_time,
            taken: UnixMillis(7_000),
            discontinuity: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_kept_is_nobody_elses_until_it_is_let_go_of() {
        let (_folder, hub) = hub();
        let publisher = hub.publish("show", &ORIGIN).expect("a seat");
        assert!(hub.reserve("show").is_err(), "somebody publishes it");
        assert!(hub.reserve("a/b").is_err(), "no name");
        drop(publisher);
        tokio::time::sleep(Duration::from_secs(11)).await;
        let kept = hub.reserve("show").expect("its stream has ended");
        assert!(hub.reserve("show").is_err());
        let busy = hub.publish("show", &ORIGIN).err();
        assert!(matches!(busy, Some(PublishError::Busy { .. })));
        assert!(hub.is_reserved("show") && !kept.is_wanted(FRESH));
        assert!(hub.demand("show").is_some() && kept.is_wanted(FRESH));
        kept.wanted().await;
        tokio::time::sleep(2 * FRESH).await;
        assert!(!kept.is_wanted(FRESH));
        kept.over();
        assert!(hub.demand("show").is_none() && hub.is_reserved("show"));
        drop(kept);
        assert!(hub.publish("show", &ORIGIN).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_cast_has_the_numbers_that_it_is_given_and_ends_where_it_is() {
        let (_folder, hub) = hub();
        let kept = hub.reserve("show").expect("a name");
        let mut caster = kept.cast(70, 3).expect("a stream");
        let kind = LiveTrack::Audio;
        caster.describe(&sound(), UnixMillis(0)).expect("described");
        caster.open(kind, &begins(5_000)).await.expect("begun");
        caster.part(kind, part(), false).expect("a part");
        caster.part(kind, part(), true).expect("the last part");
        caster.miss(kind, 71, &begins(7_048), 2_048).expect("a gap");
        caster.open(kind, &begins(9_096)).await.expect("begun");
        caster.part(kind, part(), false).expect("a part");
        let stream = Arc::clone(caster.stream());
        caster.end();
        assert_eq!(stream.status(), StreamStatus::Ended);
        let snapshot = stream.snapshot(kind, Listing::LowLatency).expect("a track");
        let playlist = snapshot.expect("clean").playlist.clone();
        assert_eq!(
            (playlist.media_sequence, playlist.discontinuity_sequence),
            (70, 3)
        );
        let gaps: Vec<_> = playlist
            .segments
            .iter()
            .map(|segment| segment.gap)
            .collect();
        assert_eq!(gaps, [false, true, false]);
        assert!(playlist.ended);
        // The next is another stream, and one that nobody watches is forgotten at once.
        let next = kept.cast(90, 3).expect("a stream");
        let found = hub.stream("show").expect("it is there");
        assert!(!Arc::ptr_eq(&found, &stream) && Arc::ptr_eq(&found, next.stream()));
        next.leave();
        assert!(hub.stream("show").is_none());
    }
}
