//! What a stream's publisher does to it.

use bytes::Bytes;

use super::track::TrackState;
use super::{LiveStream, StreamStatus};
use crate::broadcast::hub::Origin;
use crate::cache::Fragment;
use crate::chunk::{ChunkKey, PartMeta};
use crate::cmaf::Track;
use crate::live::window::{Opening, Window};
use crate::live::{LiveFrame, LiveTrack};
use crate::playlist::{TagError, Uri};

impl LiveStream {
    /// A track begins, or goes on with other samples: they need `init` from here on.
    pub(in crate::broadcast) fn describe(
        &self,
        kind: LiveTrack,
        track: Track,
        init: Bytes,
        window: impl FnOnce() -> Window,
    ) {
        let mut state = self.state();
        let known = state
            .tracks
            .entry(kind)
            .or_insert_with(|| TrackState::new(window(), track.clone(), self.target_duration_s));
        known.describe(track, init);
    }

    /// What the next segment of a track is called in the cache. If there was a hole, it
    /// ends here.
    pub(in crate::broadcast) fn next_key(&self, kind: LiveTrack) -> Option<ChunkKey> {
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
    pub(in crate::broadcast) fn newest_init(&self, kind: LiveTrack) -> Result<Uri, TagError> {
        let state = self.state();
        let track = state.tracks.get(&kind);
        let number = track.map_or(0, |track| track.newest_init);
        Uri::new(format!("{}.{number}.mp4", self.prefix(kind)))
    }

    /// The next segment of a track begins, and is written to `fragment`.
    pub(in crate::broadcast) fn opened(
        &self,
        kind: LiveTrack,
        fragment: Fragment,
        begins: Opening,
    ) {
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
    pub(in crate::broadcast) fn missed(
        &self,
        kind: LiveTrack,
        number: u64,
        begins: Opening,
        ticks: u64,
    ) {
        self.change(kind, |track| {
            track.window.begin_with(number);
            track.window.miss(begins, ticks);
            track.meter.forget();
            track.tidy(&self.shelf);
        });
    }

    /// The next segment of a rung has this number, if it is its first. What it is called
    /// in the cache; `None` if it has another number.
    pub(in crate::broadcast) fn rung_key(&self, kind: LiveTrack, number: u64) -> Option<ChunkKey> {
        let mut state = self.state();
        let window = &mut state.tracks.get_mut(&kind)?.window;
        window.begin_with(number);
        window.resume();
        (window.current() == number).then(|| window.key(number))
    }

    /// The open segment of a track has another part.
    pub(in crate::broadcast) fn part(&self, kind: LiveTrack, part: PartMeta) {
        self.change(kind, |track| track.part(part));
    }

    /// The open segment of a track is whole, with its `last` part.
    pub(in crate::broadcast) fn closed(&self, kind: LiveTrack, last: Option<PartMeta>, ticks: u64) {
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
    pub(in crate::broadcast) fn interrupted(&self, fills: bool) -> u64 {
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
    pub(in crate::broadcast) fn fill(&self, number: u64) -> bool {
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
    pub(in crate::broadcast) fn filled_ms(&self) -> u64 {
        let state = self.state();
        let filled = state.tracks.values().map(|track| track.window.filled_ms());
        filled.max().unwrap_or(0)
    }

    /// Somebody publishes, or does no more.
    pub(in crate::broadcast) fn set_status(&self, status: StreamStatus) {
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
    pub(in crate::broadcast) fn received(&self, frame: &LiveFrame, ms: i64) {
        let mut state = self.state();
        state.bytes_in += frame.data.len() as u64;
        state
            .rates
            .push(frame.track, ms, frame.sync, frame.data.len());
    }

    /// These tracks will be there soon; none will that is not.
    pub(in crate::broadcast) fn expects(&self, tracks: Vec<LiveTrack>) {
        self.state().expected = tracks;
        self.tell();
    }

    /// Somebody publishes it from now on.
    pub(in crate::broadcast) fn published(&self, origin: &Origin) {
        {
            let mut state = self.state();
            state.identity.clone_from(&origin.identity);
            state.address.clone_from(&origin.address);
        }
        self.set_status(StreamStatus::Live);
    }

    /// It ends now, whoever publishes it.
    pub(in crate::broadcast) fn dismiss(&self) {
        self.state().dismissed = true;
        self.set_status(StreamStatus::Ended);
    }

    /// Whether it was deleted.
    pub(in crate::broadcast) fn is_dismissed(&self) -> bool {
        self.state().dismissed
    }
}
