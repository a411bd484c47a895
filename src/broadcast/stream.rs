//! One live stream, as everybody sees it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::broadcast::audience::Audience;
use crate::broadcast::connections::Connections;
use crate::broadcast::feed::Feed;
use crate::broadcast::hub::{HubConfig, Origin};
use crate::broadcast::joins::{Awaited, Joins};
use crate::broadcast::ladder::LadderReport;
use crate::broadcast::made::{Made, OtherSound};
use crate::broadcast::shelf::{Kept, Shelf};
use crate::broadcast::snapshot::{Newest, Snapshot};
use crate::cache::{CacheError, Fragment, FragmentCache, Presence};
use crate::chunk::{ChunkKey, PartMeta};
use crate::cmaf::Track;
use crate::live::bandwidth::{BandwidthMeter, BitRates};
use crate::live::dictionary::StreamType;
use crate::live::join::{Join, Reached};
use crate::live::rates::{Rates, RatesReport};
use crate::live::window::{Listing, Opening, Place, Window};
use crate::live::{LiveFrame, LiveTrack};
use crate::playlist::{MediaPlaylist, TagError, UnixMillis, Uri};

/// The most init segments that a track keeps: one for each of its encodings. A
/// player that is further behind has to begin anew.
const MAX_INITS: usize = 64;

/// Listed segments that are looked for with each that is finished.
const LOOKS: usize = 8;

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

struct TrackState {
    window: Window,
    /// What its samples are now.
    track: Track,
    /// The init segments, numbered from 1; those before `first_init` are forgotten.
    inits: Vec<Bytes>,
    first_init: usize,
    /// The number of the one that its samples need now.
    newest_init: usize,
    /// Its playlists.
    low_latency: Arc<Newest>,
    legacy: Arc<Newest>,
    /// The first of them as it was when the last segment became whole.
    up_to_whole: Arc<Newest>,
    /// The segment that is being written and the one before: the cache may still be
    /// taking it in.
    open: Option<(u64, Fragment)>,
    before: Option<(u64, Fragment)>,
    /// The segments that stay on the disk, the oldest first.
    kept: VecDeque<Kept>,
    /// The one that was looked for last.
    looked_for: u64,
    meter: BandwidthMeter,
}

impl TrackState {
    fn part(&mut self, part: PartMeta) {
        self.window.part(part);
        self.meter.part(part.bytes);
        if let Some(kept) = self.kept.back_mut() {
            kept.grow(part.bytes);
        }
    }

    fn offer(&self, kind: LiveTrack) -> Offer {
        Offer {
            kind,
            track: self.track.clone(),
            rates: self.meter.stated(),
            asked: None,
            pictures_per_kilosecond: None,
        }
    }

    /// Lets go of what nobody wants any more, and of more if there is no room.
    fn tidy(&mut self, shelf: &Shelf) {
        while let Some(oldest) = self.kept.front()
            && oldest.number < self.window.oldest()
        {
            self.kept.pop_front();
        }
        while shelf.is_full() {
            let listed = self.window.listed().start;
            match self.kept.front() {
                Some(oldest) if oldest.number < listed => drop(self.kept.pop_front()),
                _ if self.window.shorten() => {}
                _ => return,
            }
        }
    }

    /// The next few listed segments, all of them in turn.
    fn next_looks(&mut self) -> Vec<(u64, ChunkKey)> {
        let listed = self.window.listed();
        let after = listed.start.max(self.looked_for + 1)..listed.end;
        let wanted: Vec<u64> = after.chain(listed).take(LOOKS).collect();
        self.looked_for = wanted.last().copied().unwrap_or(0);
        let named = wanted.into_iter();
        named
            .map(|number| (number, self.window.key(number)))
            .collect()
    }
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

/// A track as players may choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which.
    pub kind: LiveTrack,
    /// What its samples are now.
    pub track: Track,
    /// What it takes of a line, once a segment is whole.
    pub rates: Option<BitRates>,
    /// What it is to take, in bits a second, where that was asked for.
    pub asked: Option<u64>,
    /// Pictures in a thousand seconds, once that is known.
    pub pictures_per_kilosecond: Option<u64>,
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
        let track = state.tracks.get(&track)?;
        let index = number.checked_sub(1)?.checked_sub(track.first_init)?;
        track.inits.get(index).cloned()
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
            return Ok(Sought::There(fragment, place));
        }
        Ok(match self.cache.get(&place.key).await? {
            Some(chunk) => Sought::There(Fragment::ready(chunk), place),
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

    /// A track begins, or goes on with other samples: they need `init` from here on.
    pub(super) fn describe(
        &self,
        kind: LiveTrack,
        track: Track,
        init: Bytes,
        window: impl FnOnce() -> Window,
    ) {
        let mut state = self.state();
        let known = state.tracks.entry(kind).or_insert_with(|| TrackState {
            window: window(),
            track: track.clone(),
            inits: Vec::new(),
            first_init: 0,
            newest_init: 0,
            low_latency: Arc::default(),
            legacy: Arc::default(),
            up_to_whole: Arc::default(),
            open: None,
            before: None,
            kept: VecDeque::new(),
            looked_for: 0,
            meter: BandwidthMeter::new(self.target_duration_s),
        });
        if known.track != track {
            known.meter.begin_anew();
        }
        known.track = track;
        // Two encoders may take turns for hours.
        let index = known.inits.iter().position(|before| *before == init);
        let index = index.unwrap_or_else(|| {
            known.inits.push(init);
            known.inits.len() - 1
        });
        known.newest_init = known.first_init + index + 1;
        if known.inits.len() > MAX_INITS {
            known.inits.remove(0);
            known.first_init += 1;
        }
    }

    /// What the next segment of a track is called in the cache. If there was a hole, it
    /// ends here.
    pub(super) fn next_key(&self, kind: LiveTrack) -> Option<ChunkKey> {
        let mut state = self.state();
        // With the pictures all that is made of them goes on.
        let with = state.tracks.iter_mut();
        with.filter(|(track, _)| kind == LiveTrack::Video && track.is_rung())
            .for_each(|(_, track)| track.window.resume());
        let window = &mut state.tracks.get_mut(&kind)?.window;
        window.resume();
        Some(window.key(window.current()))
    }

    /// The address of the init segment that the newest samples of a track need.
    pub(super) fn newest_init(&self, kind: LiveTrack) -> Result<Uri, TagError> {
        let state = self.state();
        let track = state.tracks.get(&kind);
        let number = track.map_or(0, |track| track.newest_init);
        Uri::new(format!("{}.{number}.mp4", self.prefix(kind)))
    }

    /// The next segment of a track begins, and is written to `fragment`.
    pub(super) fn opened(&self, kind: LiveTrack, fragment: Fragment, begins: Opening) {
        self.change(kind, |track| {
            let number = track.window.open(begins);
            track.before = track.open.replace((number, fragment));
            // One without parts gave its number to this.
            track.kept.retain(|kept| kept.number != number);
            let key = track.window.key(number);
            let kept = self.shelf.keep(self.cache.store(), &key, number);
            track.kept.push_back(kept);
        });
    }

    /// The segment of a track that is open or next, with this number and beginning, is of
    /// no use, and would have been so long.
    pub(super) fn missed(&self, kind: LiveTrack, number: u64, begins: Opening, ticks: u64) {
        self.change(kind, |track| {
            track.window.begin_with(number);
            track.window.miss(begins, ticks);
            track.meter.forget();
            track.tidy(&self.shelf);
        });
    }

    /// The next segment of a rung has this number, if it is its first. What it is called
    /// in the cache; `None` if it has another number.
    pub(super) fn rung_key(&self, kind: LiveTrack, number: u64) -> Option<ChunkKey> {
        let mut state = self.state();
        let window = &mut state.tracks.get_mut(&kind)?.window;
        window.begin_with(number);
        window.resume();
        (window.current() == number).then(|| window.key(number))
    }

    /// The open segment of a track has another part.
    pub(super) fn part(&self, kind: LiveTrack, part: PartMeta) {
        self.change(kind, |track| track.part(part));
    }

    /// The open segment of a track is whole, with its `last` part.
    pub(super) fn closed(&self, kind: LiveTrack, last: Option<PartMeta>, ticks: u64) {
        self.change(kind, |track| {
            if let Some(part) = last {
                track.part(part);
            }
            track.window.close(ticks);
            track.meter.close(ticks, track.track.timescale());
            track.tidy(&self.shelf);
        });
    }

    /// The stream breaks off: what comes next is another stretch. Gives the number of
    /// the hole, which is to be filled if it `fills`.
    pub(super) fn interrupted(&self, fills: bool) -> u64 {
        let mut state = self.state();
        let tracks = state.tracks.values_mut();
        tracks.for_each(|track| track.window.interrupt(fills));
        state.interruptions += 1;
        let number = state.interruptions;
        drop(state);
        self.tell();
        number
    }

    /// Another part of hole `number` in all tracks that have it. Whether it is there.
    pub(super) fn fill(&self, number: u64) -> bool {
        let mut state = self.state();
        if state.interruptions != number {
            return false;
        }
        let tracks = state.tracks.values_mut();
        let filled = tracks.filter_map(|track| track.window.fill().then_some(()));
        let there = filled.count() > 0;
        drop(state);
        if there {
            self.tell();
        }
        there
    }

    /// How much was filled of the newest hole, in milliseconds.
    pub(super) fn filled_ms(&self) -> u64 {
        let state = self.state();
        let filled = state.tracks.values().map(|track| track.window.filled_ms());
        filled.max().unwrap_or(0)
    }

    /// Somebody publishes, or does no more.
    pub(super) fn set_status(&self, status: StreamStatus) {
        let mut state = self.state();
        if state.dismissed && status != StreamStatus::Ended {
            return;
        }
        match status {
            StreamStatus::Live => {}
            StreamStatus::Away => self.feed.pause(),
            StreamStatus::Ended => self.feed.close(),
        }
        state.status = status;
        if status == StreamStatus::Ended {
            state
                .tracks
                .values_mut()
                .for_each(|track| track.window.end());
        }
        drop(state);
        self.tell();
    }

    /// A frame comes in, at `ms` of the stream.
    pub(super) fn received(&self, frame: &LiveFrame, ms: i64) {
        let mut state = self.state();
        state.bytes_in += frame.data.len() as u64;
        state
            .rates
            .push(frame.track, ms, frame.sync, frame.data.len());
    }

    /// These tracks will be there soon; none will that is not.
    pub(super) fn expects(&self, tracks: Vec<LiveTrack>) {
        self.state().expected = tracks;
        self.tell();
    }

    /// Somebody publishes it from now on.
    pub(super) fn published(&self, origin: &Origin) {
        {
            let mut state = self.state();
            state.identity.clone_from(&origin.identity);
            state.address.clone_from(&origin.address);
        }
        self.set_status(StreamStatus::Live);
    }

    /// It ends now, whoever publishes it.
    pub(super) fn dismiss(&self) {
        self.state().dismissed = true;
        self.set_status(StreamStatus::Ended);
    }

    /// Whether it was deleted.
    pub(super) fn is_dismissed(&self) -> bool {
        self.state().dismissed
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

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
