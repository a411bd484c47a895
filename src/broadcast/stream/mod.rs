//! One live stream, as everybody sees it. What its publisher does to it is in
//! `publishing`.

mod publishing;
#[cfg(test)]
mod tests;
mod track;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::broadcast::audience::Audience;
use crate::broadcast::connections::Connections;
use crate::broadcast::feed::Feed;
use crate::broadcast::hub::HubConfig;
use crate::broadcast::joins::{Awaited, Joins};
use crate::broadcast::ladder::LadderReport;
use crate::broadcast::made::{Made, OtherSound};
use crate::broadcast::shelf::Shelf;
use crate::broadcast::snapshot::Snapshot;
use crate::cache::{CacheError, Fragment, FragmentCache, Presence};
use crate::chunk::ChunkKey;
use crate::live::LiveTrack;
use crate::live::dictionary::StreamType;
use crate::live::join::{Join, Reached};
use crate::live::rates::{Rates, RatesReport};
use crate::live::window::{Listing, Place};
use crate::offload::{Class, Kind};
use crate::playlist::{MediaPlaylist, TagError, UnixMillis, Uri};
pub use track::Offer;
use track::TrackState;

/// How a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// Somebody publishes.
    Live,
    /// The publisher went, and may come back.
    Away,
    /// It is over.
    Ended,
}

impl StreamStatus {
    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Away => "away",
            Self::Ended => "ended",
        }
    }
}

/// A stream; [`super::Hub`] knows it by its name.
pub struct LiveStream {
    name: String,
    /// Tells this stream from all others of its name, in addresses.
    epoch: String,
    stream_type: StreamType,
    target_duration_s: u32,
    cache: FragmentCache,
    traffic: Arc<Class>,
    shelf: Shelf,
    feed: Arc<Feed>,
    audience: Arc<Audience>,
    joins: Joins,
    connections: Connections,
    made: Made,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    status: StreamStatus,
    tracks: BTreeMap<LiveTrack, TrackState>,
    bytes_in: u64,
    rates: Rates,
    /// Tracks that will be there soon.
    expected: Vec<LiveTrack>,
    /// How often it broke off: each hole has its own number.
    interruptions: u64,
    since: UnixMillis,
    /// It was deleted: its publisher has to go.
    dismissed: bool,
    /// In its publisher's words.
    identity: Option<String>,
    address: Option<String>,
}

/// What there is of a segment that somebody asks for.
#[derive(Debug)]
pub enum Sought {
    /// It is open, listed, or was so lately: its parts, and where they are placed.
    There(Fragment, Place),
    /// It comes next, as players of low-latency HLS are told, and has not begun.
    Next,
    /// It comes later, as those of legacy LHLS are told.
    Announced,
    /// It is not there any more, or was never told of.
    Unknown,
}

/// What is told about a stream.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// How it is.
    pub status: StreamStatus,
    /// When it began.
    pub since: UnixMillis,
    /// Bytes of frames that came in.
    pub bytes_in: u64,
    /// How it comes.
    pub rates: RatesReport,
    /// What became of its sound, if that did not come as AAC or Opus.
    pub other_sound: Option<OtherSound>,
    /// Its smaller sizes.
    pub ladder: LadderReport,
    /// What it is, beside its name, and where it comes from, in its publisher's words.
    pub identity: Option<String>,
    /// As `identity`.
    pub address: Option<String>,
    /// Its tracks, with the number of the segment that is current.
    pub tracks: Vec<(Offer, u64)>,
}

impl LiveStream {
    pub(super) fn new(
        name: String,
        epoch: String,
        stream_type: StreamType,
        (cache, shelf): (FragmentCache, Shelf),
        config: &HubConfig,
        now: UnixMillis,
    ) -> Self {
        Self {
            traffic: Arc::new(Class::new(Kind::Live, &name)),
            name,
            epoch,
            stream_type,
            target_duration_s: config.cutting.target_duration_s(),
            cache,
            shelf,
            feed: Arc::new(Feed::new(config.gop)),
            audience: Arc::default(),
            joins: Joins::new(config.join),
            connections: Connections::default(),
            made: Made::default(),
            state: Mutex::new(State {
                status: StreamStatus::Live,
                tracks: BTreeMap::new(),
                bytes_in: 0,
                rates: Rates::default(),
                expected: Vec::new(),
                interruptions: 0,
                since: now,
                dismissed: false,
                identity: None,
                address: None,
            }),
            changed: watch::channel(0).0,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it from all other streams of its name.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// What addresses of a track begin with.
    pub fn prefix(&self, track: LiveTrack) -> String {
        format!("/live/{}/{}/{}", self.name, self.epoch, track.name())
    }

    /// Its frames, for those who are pushed them as they come.
    pub const fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// What becomes of it when its publisher goes.
    pub const fn stream_type(&self) -> StreamType {
        self.stream_type
    }

    /// Who gives it, and who works on it.
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What is made of what comes.
    pub(super) const fn made(&self) -> &Made {
        &self.made
    }

    /// Those who are pushed them.
    pub const fn audience(&self) -> &Arc<Audience> {
        &self.audience
    }

    /// Those who join it.
    pub const fn joins(&self) -> &Joins {
        &self.joins
    }

    /// Tells of each change: parts, segments, tracks, the status.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// How it is.
    pub fn status(&self) -> StreamStatus {
        self.state().status
    }

    /// What there is to tell.
    pub fn report(&self) -> StreamReport {
        let state = self.state();
        let track =
            |(kind, track): (&LiveTrack, &TrackState)| (track.offer(*kind), track.window.current());
        StreamReport {
            status: state.status,
            since: state.since,
            bytes_in: state.bytes_in,
            rates: state.rates.report(),
            other_sound: self.made.other_sound(),
            ladder: self.made.ladder(),
            identity: state.identity.clone(),
            address: state.address.clone(),
            tracks: state.tracks.iter().map(track).collect(),
        }
    }

    /// The tracks that there are.
    pub fn tracks(&self) -> Vec<Offer> {
        let state = self.state();
        let tracks = state.tracks.iter();
        let offer = |(kind, track): (&LiveTrack, &TrackState)| Offer {
            asked: self.made.asked(*kind),
            pictures_per_kilosecond: state.rates.steady(),
            ..track.offer(*kind)
        };
        tracks.map(offer).collect()
    }

    /// Whether all tracks are there that are expected.
    pub fn is_settled(&self) -> bool {
        let state = self.state();
        let mut expected = state.expected.iter();
        expected.all(|track| state.tracks.contains_key(track))
    }

    /// The playlist of a track as it is now, the same for all who ask until it changes;
    /// `None` if there is no such track.
    pub fn snapshot(
        &self,
        track: LiveTrack,
        listing: Listing,
    ) -> Option<Result<Arc<Snapshot>, TagError>> {
        let version = *self.changed.borrow();
        let newest = {
            let state = self.state();
            let track = state.tracks.get(&track)?;
            Arc::clone(match listing {
                Listing::LowLatency => &track.low_latency,
                Listing::Legacy => &track.legacy,
            })
        };
        newest.of(version, || self.playlist(track, listing, None))
    }

    /// The playlist of low-latency HLS as it was when segment `last` was whole and the next
    /// had not begun, the same for all who ask for it; `None` if there is no such track.
    pub fn snapshot_up_to(
        &self,
        track: LiveTrack,
        last: u64,
    ) -> Option<Result<Arc<Snapshot>, TagError>> {
        let newest = Arc::clone(&self.state().tracks.get(&track)?.up_to_whole);
        newest.exactly(last, || {
            self.playlist(track, Listing::LowLatency, Some(last))
        })
    }

    /// The playlist as it is, or as it was when segment `last` was whole.
    fn playlist(
        &self,
        kind: LiveTrack,
        listing: Listing,
        last: Option<u64>,
    ) -> Option<Result<MediaPlaylist, TagError>> {
        // What takes long is done when the publisher may go on.
        let (window, others) = {
            let state = self.state();
            let window = &state.tracks.get(&kind)?.window;
            let window = match last {
                Some(last) => window.up_to(last),
                None => window.clone(),
            };
            let others = state.tracks.iter().filter(|(other, _)| **other != kind);
            let report = |(other, track): (&LiveTrack, &TrackState)| {
                Ok(track
                    .window
                    .report(Uri::new(format!("{}.m3u8", other.name()))?))
            };
            (window, others.map(report).collect::<Result<Vec<_>, _>>())
        };
        let listed = window.playlist(listing).and_then(|mut playlist| {
            if listing == Listing::LowLatency {
                playlist.rendition_reports = others?;
            }
            Ok(playlist)
        });
        Some(listed)
    }

    /// How far a track is.
    pub fn reached(&self, track: LiveTrack) -> Option<Reached> {
        let state = self.state();
        let window = &state.tracks.get(&track)?.window;
        Some(Reached {
            whole: window.whole(),
            current: window.current(),
            ended: window.is_ended(),
        })
    }

    /// The number of the oldest segment of a track that can be had.
    pub fn oldest(&self, track: LiveTrack) -> Option<u64> {
        let state = self.state();
        let window = &state.tracks.get(&track)?.window;
        Some(window.oldest())
    }

    /// Waits for segment `number` of a track, with all others who do, and gives the
    /// playlist that ends with it. If it does not come in time, the playlist as it is,
    /// if that is enough to begin with, or nothing.
    pub async fn join(
        &self,
        track: LiveTrack,
        listing: Listing,
        number: u64,
    ) -> Option<Arc<Snapshot>> {
        let awaited = (track, listing, number);
        let gathering = self.joins.gathering(awaited);
        let index = gathering.index.get_or_init(|| {
            self.joins.leads();
            self.first_index(awaited, gathering.deadline)
        });
        let index = index.await.clone();
        self.joins.disband(awaited, &gathering);
        index
    }

    async fn first_index(&self, awaited: Awaited, deadline: Instant) -> Option<Arc<Snapshot>> {
        let (track, listing, number) = awaited;
        let config = self.joins.config();
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            if config.is_there(Join::Segment(number), self.reached(track)?) {
                let playlist = self.playlist(track, listing, Some(number))?.ok()?;
                return Some(Arc::new(Snapshot::new(playlist)));
            }
            if timeout_at(deadline, changes.changed()).await.is_err() {
                let enough = config.will_do(self.reached(track)?);
                let now = enough.then(|| self.snapshot(track, listing))?;
                return now?.ok();
            }
        }
    }

    /// Init segment `number` of a track.
    pub fn init(&self, track: LiveTrack, number: usize) -> Option<Bytes> {
        let state = self.state();
        state.tracks.get(&track)?.init(number)
    }

    /// Segment `number` of a track, as it is at one moment: one that begins while it is
    /// looked for is either not there yet or there.
    pub async fn segment(&self, track: LiveTrack, number: u64) -> Result<Sought, CacheError> {
        let (held, place) = {
            let state = self.state();
            let Some(track) = state.tracks.get(&track) else {
                return Ok(Sought::Unknown);
            };
            let Some(place) = track.window.place(number) else {
                return Ok(match &track.window {
                    window if window.is_next(number) => Sought::Next,
                    window if window.announces(number) => Sought::Announced,
                    _ => Sought::Unknown,
                });
            };
            let held = [&track.open, &track.before].into_iter().flatten();
            let held = held.into_iter().find(|(held, _)| *held == number);
            (held.map(|(_, fragment)| fragment.clone()), place)
        };
        if let Some(fragment) = held {
            self.cache.answered(&place.key, &fragment, &self.traffic);
            return Ok(Sought::There(fragment, place));
        }
        Ok(match self.cache.get(&place.key, &self.traffic).await? {
            Some(access) => Sought::There(access.fragment, place),
            None => {
                self.lost(track, number);
                Sought::Unknown
            }
        })
    }

    /// There is nothing behind segment `number` any more: it is listed as such.
    fn lost(&self, kind: LiveTrack, number: u64) {
        let mut state = self.state();
        let track = state.tracks.get_mut(&kind);
        if track.is_some_and(|track| track.window.lost(number)) {
            tracing::warn!(
                stream = self.name,
                track = kind.name(),
                number,
                "a listed segment is lost"
            );
            drop(state);
            self.tell();
        }
    }

    /// Looks for a few of the listed segments of a track, so that one that is lost, as
    /// on a disk that was full or is broken, is not listed as if it were there.
    pub(super) async fn look(&self, kind: LiveTrack) {
        let looks = {
            let mut state = self.state();
            let track = state.tracks.get_mut(&kind);
            track.map(TrackState::next_looks).unwrap_or_default()
        };
        for (number, key) in looks {
            if let Ok(Presence::Absent) = self.cache.peek(&key).await {
                self.lost(kind, number);
            }
        }
    }

    pub(super) fn cache(&self) -> &FragmentCache {
        &self.cache
    }

    /// Whose traffic requests for its segments are.
    pub(super) const fn traffic(&self) -> &Arc<Class> {
        &self.traffic
    }

    fn change(&self, kind: LiveTrack, change: impl FnOnce(&mut TrackState)) {
        if let Some(track) = self.state().tracks.get_mut(&kind) {
            change(track);
        }
        self.tell();
    }

    fn tell(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole or not begun: a panic elsewhere leaves none half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LiveStream {
    /// Nobody can ask for its segments any more.
    fn drop(&mut self) {
        // Without a runtime the process ends; the next one finds them when it starts.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let tracks = std::mem::take(&mut self.state().tracks);
        let kept = tracks.into_values().flat_map(|track| track.kept);
        let keys: Vec<ChunkKey> = kept.map(|kept| kept.key).collect();
        let cache = self.cache.clone();
        runtime.spawn(async move {
            for key in keys {
                if let Err(error) = cache.discard(&key).await {
                    tracing::debug!(%key, %error, "a segment of a stream that is over stays");
                }
            }
        });
    }
}
