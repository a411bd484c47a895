//! What a stream knows of one of its tracks.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::broadcast::shelf::{Kept, Shelf};
use crate::broadcast::snapshot::Newest;
use crate::cache::Fragment;
use crate::chunk::{ChunkKey, PartMeta};
use crate::cmaf::Track;
use crate::live::LiveTrack;
use crate::live::bandwidth::{BandwidthMeter, BitRates};
use crate::live::window::Window;

/// The most init segments that a track keeps: one for each of its encodings. A
/// player that is further behind has to begin anew.
const MAX_INITS: usize = 64;

/// Listed segments that are looked for with each that is finished.
const LOOKS: usize = 8;

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

/// A track of a stream.
pub(super) struct TrackState {
    pub window: Window,
    /// What its samples are now.
    pub track: Track,
    /// The init segments, numbered from 1; those before `first_init` are forgotten.
    pub inits: Vec<Bytes>,
    pub first_init: usize,
    /// The number of the one that its samples need now.
    pub newest_init: usize,
    /// Its playlists.
    pub low_latency: Arc<Newest>,
    pub legacy: Arc<Newest>,
    /// The first of them as it was when the last segment became whole.
    pub up_to_whole: Arc<Newest>,
    /// The segment that is being written and the one before: the cache may still be
    /// taking it in.
    pub open: Option<(u64, Fragment)>,
    pub before: Option<(u64, Fragment)>,
    /// The segments that stay on the disk, the oldest first.
    pub kept: VecDeque<Kept>,
    /// The one that was looked for last.
    pub looked_for: u64,
    pub meter: BandwidthMeter,
}

impl TrackState {
    /// A track that nothing is known of but its first samples.
    pub fn new(window: Window, track: Track, target_duration_s: u32) -> Self {
        Self {
            window,
            track,
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
            meter: BandwidthMeter::new(target_duration_s),
        }
    }

    /// Its samples are as `track` says from here on, and need `init`.
    pub fn describe(&mut self, track: Track, init: Bytes) {
        if self.track != track {
            self.meter.begin_anew();
        }
        self.track = track;
        // Two encoders may take turns for hours.
        let index = self.inits.iter().position(|before| *before == init);
        let index = index.unwrap_or_else(|| {
            self.inits.push(init);
            self.inits.len() - 1
        });
        self.newest_init = self.first_init + index + 1;
        if self.inits.len() > MAX_INITS {
            self.inits.remove(0);
            self.first_init += 1;
        }
    }

    /// Init segment `number`, if it is not forgotten.
    pub fn init(&self, number: usize) -> Option<Bytes> {
        let index = number.checked_sub(1)?.checked_sub(self.first_init)?;
        self.inits.get(index).cloned()
    }

    /// The open segment has another part.
    pub fn part(&mut self, part: PartMeta) {
        self.window.part(part);
        self.meter.part(part.bytes);
        if let Some(kept) = self.kept.back_mut() {
            kept.grow(part.bytes);
        }
    }

    /// As players may choose it.
    pub fn offer(&self, kind: LiveTrack) -> Offer {
        Offer {
            kind,
            track: self.track.clone(),
            rates: self.meter.stated(),
            asked: None,
            pictures_per_kilosecond: None,
        }
    }

    /// Lets go of what nobody wants any more, and of more if there is no room.
    pub fn tidy(&mut self, shelf: &Shelf) {
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
    pub fn next_looks(&mut self) -> Vec<(u64, ChunkKey)> {
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
