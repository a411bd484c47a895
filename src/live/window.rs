//! What a live track has to offer: its newest segments, one after the other, and
//! their playlist.
//!
//! Numbers only rise, whatever becomes of the publisher. The open segment is held
//! back until it has a part. What leaves the window is left to the cache, which
//! keeps it for whoever still has it on a list.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use crate::chunk::{ChunkKey, PartMeta};
use crate::digest::Digest;
use crate::playlist::{
    Duration, MediaPlaylist, OpenSegment, PartRef, PreloadHint, Segment, ServerControl, TagError,
    UnixMillis, Uri,
};

/// The number of a stream's first segment. Not 0: hls.js (1.7) takes a part of
/// segment 0 for no part.
pub const FIRST_SEQUENCE: u64 = 1;

/// Segments that a playlist has at least, however short the window is: none may
/// leave a playlist of less than three target durations (rfc8216bis, 6.2.2).
const LEAST_TARGETS: u64 = 3;

/// What never changes in the life of a track.
#[derive(Clone, Debug)]
pub struct WindowConfig {
    /// What addresses of the track begin with, without a slash at the end.
    pub prefix: String,
    /// No segment is longer, rounded.
    pub target_duration_s: u32,
    /// No part is longer, in milliseconds.
    pub part_ms: u32,
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
    whole: VecDeque<Entry>,
    open: Option<Entry>,
    next: u64,
    discontinuities_gone: u64,
    ended: bool,
}

impl Window {
    /// A track of which nothing is there yet.
    pub fn new(config: WindowConfig) -> Self {
        Self {
            config,
            whole: VecDeque::new(),
            open: None,
            next: FIRST_SEQUENCE,
            discontinuities_gone: 0,
            ended: false,
        }
    }

    /// The next segment begins. Gives its number.
    pub fn open(&mut self, begins: Opening) -> u64 {
        self.close(0);
        let number = self.next;
        self.next += 1;
        self.ended = false;
        self.open = Some(Entry {
            number,
            begins,
            ticks: 0,
            parts: Vec::new(),
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
            Some(entry) => self.whole.push_back(Entry { ticks, ..entry }),
            None => {}
        }
        self.slide();
    }

    /// Nothing will be added.
    pub fn end(&mut self) {
        self.close(0);
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

    /// Where segment `number` is, if it is listed or open.
    pub fn place(&self, number: u64) -> Option<Place> {
        let all = self.whole.iter().chain(&self.open);
        let entry = all.rev().find(|entry| entry.number == number)?;
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
        let least = LEAST_TARGETS * u64::from(self.config.target_duration_s) * 1000;
        let wanted = self.config.window_ms.max(least);
        let mut there: u64 = self.whole.iter().map(Entry::milliseconds).sum();
        while let Some(oldest) = self.whole.front()
            && there - oldest.milliseconds() >= wanted
        {
            there -= oldest.milliseconds();
            // It counts when it leaves, and so does what it began with.
            if let Some(gone) = self.whole.pop_front()
                && gone.begins.discontinuity
            {
                self.discontinuities_gone += 1;
            }
        }
    }

    /// The playlist as it is now.
    pub fn playlist(&self) -> Result<MediaPlaylist, TagError> {
        let part_target = Duration::from_millis(self.config.part_ms.into());
        let mut playlist = MediaPlaylist::new(self.config.target_duration_s);
        playlist.part_target = Some(part_target);
        playlist.server_control = Some(ServerControl::recommended(
            self.config.target_duration_s,
            Some(part_target),
        ));
        let first = self.whole.front().or(self.open.as_ref());
        playlist.media_sequence = first.map_or(self.next, |entry| entry.number);
        playlist.discontinuity_sequence = self.discontinuities_gone;
        playlist.map = first.map(|entry| entry.begins.map.clone());
        for entry in &self.whole {
            let uri = Uri::new(format!("{}/{}.m4s", self.config.prefix, entry.number))?;
            let mut segment = Segment::new(uri, entry.duration(entry.ticks));
            segment.parts = self.parts(entry)?;
            segment.discontinuity = entry.begins.discontinuity;
            segment.program_date_time = Some(entry.begins.taken);
            segment.map = Some(entry.begins.map.clone());
            playlist.segments.push(segment);
        }
        playlist.ended = self.ended;
        if !self.ended {
            let parts = self.open.as_ref().map_or(0, |open| open.parts.len());
            playlist.preload_hint = Some(PreloadHint {
                part: self.part_uri(self.current(), parts)?,
                map: None,
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

    fn parts(&self, entry: &Entry) -> Result<Vec<PartRef>, TagError> {
        let reference = |(index, part): (usize, &PartMeta)| {
            Ok(PartRef {
                uri: self.part_uri(entry.number, index)?,
                duration: entry.duration(part.ticks.into()),
                independent: part.independent,
                gap: false,
            })
        };
        entry.parts.iter().enumerate().map(reference).collect()
    }

    fn part_uri(&self, number: u64, part: usize) -> Result<Uri, TagError> {
        Uri::new(format!("{}/{number}.{part}.m4s", self.config.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(window_ms: u64) -> Window {
        Window::new(WindowConfig {
            prefix: "/live/show/e1/video".into(),
            target_duration_s: 2,
            part_ms: 500,
            window_ms,
        })
    }

    fn map() -> Uri {
        Uri::new("/live/show/e1/video.1.mp4").expect("clean")
    }

    fn opening(decode_time: u64, discontinuity: bool) -> Opening {
        Opening {
            clock: NonZeroU32::new(1000).expect("not zero"),
            decode_time,
            map: map(),
            taken: UnixMillis(0),
            discontinuity,
        }
    }

    fn part() -> PartMeta {
        PartMeta {
            bytes: 9,
            ticks: 500,
            independent: false,
        }
    }

    /// Segments of two seconds.
    fn add(window: &mut Window, count: u64, discontinuity: bool) {
        for index in 0..count {
            let first = discontinuity && index == 0;
            let number = window.open(opening(0, first));
            assert_eq!(window.current(), number);
            (0..4).for_each(|_| window.part(part()));
            window.close(2000);
        }
    }

    fn sequence(window: &Window) -> (u64, usize, u64) {
        let playlist = window.playlist().expect("clean");
        let (first, gone) = (playlist.media_sequence, playlist.discontinuity_sequence);
        (first, playlist.segments.len(), gone)
    }

    #[test]
    fn the_window_slides_and_numbers_only_rise() {
        let mut window = window(10_000);
        assert_eq!(sequence(&window), (1, 0, 0));
        add(&mut window, 5, false);
        assert_eq!(sequence(&window), (1, 5, 0));
        add(&mut window, 5, false);
        assert_eq!(sequence(&window), (6, 5, 0));
        assert_eq!(window.place(5), None);
        assert!(window.place(6).is_some());
    }

    #[test]
    fn a_playlist_keeps_three_target_durations_however_short_the_window() {
        let mut window = window(0);
        add(&mut window, 9, false);
        assert_eq!(sequence(&window), (7, 3, 0));
    }

    #[test]
    fn a_discontinuity_is_counted_when_it_leaves() {
        let mut window = window(0);
        add(&mut window, 2, false);
        add(&mut window, 3, true);
        assert_eq!(sequence(&window), (3, 3, 0));
        add(&mut window, 1, false);
        assert_eq!(sequence(&window), (4, 3, 1));
    }

    #[test]
    fn the_open_segment_shows_its_parts_and_hints_at_the_next() {
        let mut window = window(10_000);
        add(&mut window, 1, false);
        let hint = |window: &Window| {
            let playlist = window.playlist().expect("clean");
            playlist.preload_hint.expect("a hint").part.to_string()
        };
        assert_eq!(hint(&window), "/live/show/e1/video/2.0.m4s");
        window.open(opening(2000, false));
        assert_eq!(hint(&window), "/live/show/e1/video/2.0.m4s");
        window.part(part());
        assert_eq!(hint(&window), "/live/show/e1/video/2.1.m4s");
        let text = window.playlist().expect("clean").to_text();
        assert!(
            text.contains("URI=\"/live/show/e1/video/2.0.m4s\""),
            "{text}"
        );
        assert_eq!(window.place(2).expect("open").decode_time, 2000);
    }

    #[test]
    fn a_track_may_change_its_clock() {
        let mut window = window(10_000);
        add(&mut window, 2, false);
        window.open(Opening {
            clock: NonZeroU32::new(500).expect("not zero"),
            ..opening(2000, true)
        });
        (0..4).for_each(|_| window.part(part()));
        window.close(2000);
        let playlist = window.playlist().expect("clean");
        let durations = playlist
            .segments
            .iter()
            .map(|segment| segment.duration.to_string());
        assert_eq!(durations.collect::<Vec<_>>(), ["2.0", "2.0", "4.0"]);
    }

    #[test]
    fn a_segment_without_parts_leaves_its_number_to_the_next() {
        let mut window = window(10_000);
        window.open(opening(0, false));
        assert_eq!(window.open(opening(500, true)), 1);
        window.part(part());
        window.end();
        let playlist = window.playlist().expect("clean");
        assert!(playlist.ended && playlist.preload_hint.is_none());
        assert_eq!(playlist.segments.len(), 1);
        // It goes on where it was, should the publisher come back.
        assert_eq!(window.open(opening(900, true)), 2);
        assert!(!window.is_ended());
    }
}
