//! What a live track has to offer: its newest segments, one after the other, and
//! their playlist.
//!
//! Numbers only rise, whatever becomes of the publisher. The open segment is held
//! back until it has a part. What leaves the window can be had for as long again as
//! the window is: somebody may still have it on a list.

mod gaps;
mod legacy;
#[cfg(test)]
mod tests;

pub use legacy::LEGACY_SUFFIX;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use crate::chunk::{ChunkKey, PartMeta};
use crate::digest::Digest;
use crate::live::part_target::PartTarget;
use crate::playlist::{
    Duration, MediaPlaylist, OpenSegment, PartRef, PreloadHint, RenditionReport, Segment,
    ServerControl, TagError, UnixMillis, Uri,
};

/// The number of a stream's first segment. Not 0: hls.js (1.7) takes a part of
/// segment 0 for no part.
pub const FIRST_SEQUENCE: u64 = 1;

/// Segments that a playlist has at least, however short the window is: none may
/// leave a playlist of less than three target durations (rfc8216bis, 6.2.2).
const LEAST_TARGETS: u64 = 3;

/// Target durations from the end within which parts are told of: one more than
/// playlists list (rfc8216bis, 6.2.2), as the open segment counts too.
const PARTS_TARGETS: u64 = 4;

/// Where segment `number` stands among `entries`, whose numbers have no holes.
fn index_in(entries: &VecDeque<Arc<Entry>>, number: u64) -> Option<usize> {
    let index = number.checked_sub(entries.front()?.number)?;
    let index = usize::try_from(index).ok()?;
    (index < entries.len()).then_some(index)
}

/// For whom a track is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listing {
    /// Players of low-latency HLS, and of plain HLS: parts, blocking reload.
    LowLatency,
    /// Players of the community's earlier LHLS: segments announced and growing.
    Legacy,
}

/// What never changes in the life of a track.
#[derive(Clone, Debug)]
pub struct WindowConfig {
    /// What addresses of the track begin with, without a slash at the end.
    pub prefix: String,
    /// No segment is longer, rounded.
    pub target_duration_s: u32,
    /// No part is longer.
    pub part: PartTarget,
    /// Whether decoding can begin at any part, as with sound.
    pub any_part: bool,
    /// How long a segment is of which there is nothing, in milliseconds.
    pub gap_ms: u32,
    /// How far back players may go, in milliseconds.
    pub window_ms: u64,
}

/// One segment.
#[derive(Clone, Debug)]
struct Entry {
    number: u64,
    begins: Opening,
    ticks: u64,
    parts: Vec<PartMeta>,
    /// Whether there is nothing behind it.
    gap: bool,
}

/// How a segment begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Ticks a second.
    pub clock: NonZeroU32,
    /// When its first sample is decoded, in ticks.
    pub decode_time: u64,
    /// The init segment that its samples need.
    pub map: Uri,
    /// When its first sample was taken.
    pub taken: UnixMillis,
    /// Whether timestamps or encoding break before it.
    pub discontinuity: bool,
}

impl Entry {
    const fn duration(&self, ticks: u64) -> Duration {
        Duration::new(ticks, self.begins.clock)
    }

    const fn milliseconds(&self) -> u64 {
        self.ticks.saturating_mul(1000) / self.begins.clock.get() as u64
    }
}

/// A segment in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its key.
    pub key: ChunkKey,
    /// When its first sample is decoded, in ticks.
    pub decode_time: u64,
}

/// The newest segments of one track.
#[derive(Clone, Debug)]
pub struct Window {
    config: WindowConfig,
    /// Shared with copies of this window, which are as cheap as that.
    whole: VecDeque<Arc<Entry>>,
    /// How long they are together.
    whole_ms: u64,
    /// Those that left it lately: whoever has a playlist of before may still want them
    /// (rfc8216bis, 6.2.2).
    gone: VecDeque<Arc<Entry>>,
    /// How long they are together.
    gone_ms: u64,
    open: Option<Entry>,
    next: u64,
    discontinuities_gone: u64,
    /// Whether the track broke off, and what comes next is another stretch.
    interrupted: bool,
    /// Whether the hole since then is filled, and how long it is by now, in milliseconds.
    filling: bool,
    filled_ms: u64,
    ended: bool,
}

impl Window {
    /// A track of which nothing is there yet.
    pub fn new(config: WindowConfig) -> Self {
        Self {
            config,
            whole: VecDeque::new(),
            whole_ms: 0,
            gone: VecDeque::new(),
            gone_ms: 0,
            open: None,
            next: FIRST_SEQUENCE,
            discontinuities_gone: 0,
            interrupted: false,
            filling: false,
            filled_ms: 0,
            ended: false,
        }
    }

    /// The next segment begins. Gives its number.
    pub fn open(&mut self, begins: Opening) -> u64 {
        self.close(0);
        let number = self.next;
        self.next += 1;
        self.interrupted = false;
        self.filling = false;
        self.ended = false;
        self.open = Some(Entry {
            number,
            begins,
            ticks: 0,
            parts: Vec::new(),
            gap: false,
        });
        number
    }

    /// The open segment has another part.
    pub fn part(&mut self, part: PartMeta) {
        if let Some(open) = &mut self.open {
            open.parts.push(part);
        }
    }

    /// The open segment is whole, `ticks` long. One without parts is nothing, and its
    /// number goes to the next.
    pub fn close(&mut self, ticks: u64) {
        match self.open.take() {
            Some(entry) if entry.parts.is_empty() => self.next = entry.number,
            Some(entry) => {
                let ticks = match entry.gap {
                    true => entry.parts.iter().map(|part| u64::from(part.ticks)).sum(),
                    false => ticks,
                };
                let entry = Entry { ticks, ..entry };
                self.whole_ms += entry.milliseconds();
                self.whole.push_back(Arc::new(entry));
            }
            None => {}
        }
        self.slide();
    }

    /// Nothing will be added.
    pub fn end(&mut self) {
        self.close(0);
        self.filling = false;
        self.ended = true;
    }

    /// Whether nothing will be added.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// How many segments are whole.
    pub fn whole(&self) -> usize {
        self.whole.len()
    }

    /// The number of the segment that is open or comes next.
    pub fn current(&self) -> u64 {
        self.open.as_ref().map_or(self.next, |open| open.number)
    }

    /// Whether segment `number` comes next, and has not begun.
    pub fn is_next(&self, number: u64) -> bool {
        !self.ended && self.open.is_none() && number == self.next
    }

    /// Where segment `number` is, if it is open, listed, or was so lately.
    pub fn place(&self, number: u64) -> Option<Place> {
        let open = self.open.as_ref().filter(|open| open.number == number);
        let among = |entries: &'_ VecDeque<Arc<Entry>>| {
            let index = index_in(entries, number)?;
            entries.get(index).cloned()
        };
        let found = among(&self.whole).or_else(|| among(&self.gone));
        let entry = open.or(found.as_deref())?;
        if entry.gap {
            return None;
        }
        Some(Place {
            key: self.key(number),
            decode_time: entry.begins.decode_time,
        })
    }

    /// What segment `number` is called in the cache: by its address, which is never
    /// used again.
    pub fn key(&self, number: u64) -> ChunkKey {
        let name = format!("live {}/{number}", self.config.prefix);
        ChunkKey::new(Digest::of(name.as_bytes()))
    }

    /// Lets go of what is older than the window.
    fn slide(&mut self) {
        let wanted = self.config.window_ms.max(self.least_ms());
        while self.drop_oldest(wanted) {}
        while let Some(oldest) = self.gone.front()
            && self.gone_ms - oldest.milliseconds() >= wanted
        {
            self.gone_ms -= oldest.milliseconds();
            self.gone.pop_front();
        }
    }

    /// Lets go of the oldest segment, though it is of the window: there is no room for
    /// it. Whether there was one that may go.
    pub fn shorten(&mut self) -> bool {
        self.drop_oldest(self.least_ms())
    }

    /// How long a playlist is at least.
    const fn least_ms(&self) -> u64 {
        LEAST_TARGETS * self.config.target_duration_s as u64 * 1000
    }

    /// The oldest segment leaves the list if what is left is `least_ms` long.
    fn drop_oldest(&mut self, least_ms: u64) -> bool {
        let milliseconds = self.whole.front().map_or(0, |entry| entry.milliseconds());
        if self.whole_ms - milliseconds < least_ms {
            return false;
        }
        let Some(oldest) = self.whole.pop_front() else {
            return false;
        };
        self.whole_ms -= milliseconds;
        // It counts when it leaves, and so does what it began with.
        self.discontinuities_gone += u64::from(oldest.begins.discontinuity);
        self.gone_ms += milliseconds;
        self.gone.push_back(oldest);
        true
    }

    /// There is nothing behind segment `number` any more. Whether that is news.
    pub fn lost(&mut self, number: u64) -> bool {
        let index = index_in(&self.whole, number);
        let entry = index.and_then(|index| self.whole.get_mut(index));
        let Some(entry) = entry.filter(|entry| !entry.gap) else {
            return false;
        };
        Arc::make_mut(entry).gap = true;
        true
    }

    /// The numbers of the segments that are listed and whole.
    pub fn listed(&self) -> Range<u64> {
        let first = self.whole.front().map_or(self.next, |entry| entry.number);
        first..first + self.whole.len() as u64
    }

    /// The number of the oldest segment that somebody may still want.
    pub fn oldest(&self) -> u64 {
        let oldest = self.gone.front().or(self.whole.front());
        oldest.map_or(self.current(), |entry| entry.number)
    }

    /// The track as it was when segment `last` was whole and the next had not begun;
    /// as it is, if that is not so yet.
    pub fn up_to(&self, last: u64) -> Self {
        let mut then = self.clone();
        if self.ended || last >= self.current() {
            return then;
        }
        then.next = last + 1;
        if let Some(open) = then.open.take() {
            then.interrupted = open.begins.discontinuity;
        }
        while let Some(newest) = then.whole.pop_back() {
            if newest.number <= last {
                then.whole.push_back(newest);
                break;
            }
            then.whole_ms -= newest.milliseconds();
            then.interrupted = newest.begins.discontinuity;
        }
        then
    }

    /// Where this track is, for the playlist of another: its own is called `uri`.
    pub fn report(&self, uri: Uri) -> RenditionReport {
        // The open segment is the last as soon as it has a part.
        let open = self.open.as_ref().filter(|open| !open.parts.is_empty());
        let last = open.or_else(|| self.whole.back().map(AsRef::as_ref));
        let parts = last.map_or(0, |last| last.parts.len());
        RenditionReport {
            uri,
            last_msn: last.map_or(self.next.saturating_sub(1), |last| last.number),
            last_part: u32::try_from(parts)
                .ok()
                .and_then(|parts| parts.checked_sub(1)),
        }
    }

    /// The playlist as it is now.
    pub fn playlist(&self, listing: Listing) -> Result<MediaPlaylist, TagError> {
        match listing {
            Listing::LowLatency => self.low_latency_playlist(),
            Listing::Legacy => self.legacy_playlist(),
        }
    }

    fn low_latency_playlist(&self) -> Result<MediaPlaylist, TagError> {
        let part_target = Duration::from_millis(self.config.part.milliseconds().into());
        let mut playlist = MediaPlaylist::new(self.config.target_duration_s);
        playlist.part_target = Some(part_target);
        playlist.server_control = Some(ServerControl::recommended(
            self.config.target_duration_s,
            Some(part_target),
        ));
        let first = self.first();
        playlist.media_sequence = first.map_or(self.next, |entry| entry.number);
        playlist.discontinuity_sequence = self.discontinuities_gone;
        playlist.map = first.map(|entry| entry.begins.map.clone());
        let with_parts = self.first_with_parts();
        playlist.segments.reserve(self.whole.len());
        for (index, entry) in self.whole.iter().enumerate() {
            let uri = Uri::new(format!("{}/{}.m4s", self.config.prefix, entry.number))?;
            let mut segment = Segment::new(uri, entry.duration(entry.ticks));
            // hls.js (1.7) waits for the last part of a stream that has ended, though it
            // be a gap.
            if (with_parts..self.whole.len() - self.closing_gaps()).contains(&index) {
                segment.parts = self.parts(entry)?;
            }
            segment.gap = entry.gap;
            segment.discontinuity = entry.begins.discontinuity;
            segment.program_date_time = Some(entry.begins.taken);
            segment.map = Some(entry.begins.map.clone());
            playlist.segments.push(segment);
        }
        playlist.ended = self.ended;
        if !self.ended {
            let parts = self.open.as_ref().map_or(0, |open| open.parts.len());
            let before = self.whole.back().map(|before| &before.begins.map);
            let open = self.open.as_ref().filter(|_| parts == 0);
            let map = open.map(|open| &open.begins.map);
            playlist.preload_hint = Some(PreloadHint {
                part: self.part_uri(self.current(), parts)?,
                map: map.filter(|_| before.is_some() && map != before).cloned(),
            });
            if let Some(open) = &self.open {
                playlist.open = Some(OpenSegment {
                    parts: self.parts(open)?,
                    discontinuity: open.begins.discontinuity,
                    program_date_time: Some(open.begins.taken),
                    map: Some(open.begins.map.clone()),
                });
            }
        }
        Ok(playlist)
    }

    /// The oldest segment that is listed, or would be.
    fn first(&self) -> Option<&Entry> {
        let whole = self.whole.front().map(AsRef::as_ref);
        whole.or(self.open.as_ref())
    }

    /// The index of the first segment whose parts are told of.
    fn first_with_parts(&self) -> usize {
        let reach = PARTS_TARGETS * u64::from(self.config.target_duration_s) * 1000;
        let mut after = 0;
        let newest = self.whole.iter().rev();
        let newest = newest.skip(self.closing_gaps());
        let near = newest.take_while(|entry| {
            let near = after <= reach;
            after += entry.milliseconds();
            near
        });
        self.whole.len() - self.closing_gaps() - near.count()
    }

    fn parts(&self, entry: &Entry) -> Result<Vec<PartRef>, TagError> {
        // hls.js (1.7, its issues 5028 and 7782) leaves out the last part of a segment
        // when it learns of it together with an independent one at the beginning of the
        // next. Where it can begin with any other part, that one need not be said to be.
        let told = |index: usize, part: &PartMeta| {
            part.independent && !(self.config.any_part && index == 0)
        };
        let reference = |(index, part): (usize, &PartMeta)| {
            Ok(PartRef {
                uri: self.part_uri(entry.number, index)?,
                duration: entry.duration(part.ticks.into()),
                independent: told(index, part),
                gap: entry.gap,
            })
        };
        entry.parts.iter().enumerate().map(reference).collect()
    }

    fn part_uri(&self, number: u64, part: usize) -> Result<Uri, TagError> {
        Uri::new(format!("{}/{number}.{part}.m4s", self.config.prefix))
    }
}
