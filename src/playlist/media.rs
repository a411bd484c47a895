//! The media playlist: a snapshot of what one rendition holds, and its text.
//!
//! A snapshot may hold more than its text shows: parts far from the live edge
//! are left out of the text (players need them no more) but still count when a
//! player asks for them.

use std::fmt;

use super::tag::{Duration, UnixMillis, Uri};

/// Whether segments are ever removed, and added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Complete; nothing changes.
    Vod,
    /// Grows at its end; nothing is removed.
    Event,
}

/// Where playback should begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Milliseconds from the beginning, or, if negative, from the end.
    pub offset_ms: i64,
    /// Whether nothing before that point may be shown.
    pub precise: bool,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.offset_ms < 0 { "-" } else { "" };
        let offset = Duration::from_millis(self.offset_ms.unsigned_abs());
        write!(f, "#EXT-X-START:TIME-OFFSET={sign}{offset}")?;
        f.write_str(if self.precise { ",PRECISE=YES" } else { "" })
    }
}

/// What the server can do (`EXT-X-SERVER-CONTROL`). Must not change in a
/// playlist's life, and must be the same in all renditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerControl {
    /// Whether requests may wait for a segment or part to come.
    pub can_block_reload: bool,
    /// How far from the end to play, in a low-latency player: at least twice the part target.
    pub part_hold_back: Option<Duration>,
    /// How far from the end to play otherwise: at least three target durations.
    pub hold_back: Option<Duration>,
    /// What is further from the end may be skipped: at least six target durations.
    pub can_skip_until: Option<Duration>,
}

impl ServerControl {
    /// Blocking reload and delta updates, with the distances that the
    /// specification recommends for these targets.
    pub const fn recommended(target_duration_s: u32, part_target: Option<Duration>) -> Self {
        let target = Duration::from_seconds(target_duration_s as u64);
        Self {
            can_block_reload: true,
            part_hold_back: match part_target {
                Some(part_target) => Some(part_target.times(3)),
                None => None,
            },
            hold_back: Some(target.times(3)),
            can_skip_until: Some(target.times(6)),
        }
    }
}

/// One part of a segment (`EXT-X-PART`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRef {
    /// Where its bytes are.
    pub uri: Uri,
    /// At most the part target.
    pub duration: Duration,
    /// Whether it begins with a random access point.
    pub independent: bool,
    /// Whether it is missing for ever.
    pub gap: bool,
}

/// A finished segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes are.
    pub uri: Uri,
    /// Its exact duration.
    pub duration: Duration,
    /// The parts it came in, if it did.
    pub parts: Vec<PartRef>,
    /// Whether timestamps or encoding break before it.
    pub discontinuity: bool,
    /// Whether it is missing for ever.
    pub gap: bool,
    /// When its first sample was taken.
    pub program_date_time: Option<UnixMillis>,
    /// Another init segment from here on.
    pub map: Option<Uri>,
}

impl Segment {
    /// A plain segment.
    pub const fn new(uri: Uri, duration: Duration) -> Self {
        Self {
            uri,
            duration,
            parts: Vec::new(),
            discontinuity: false,
            gap: false,
            program_date_time: None,
            map: None,
        }
    }
}

/// The segment that is not finished yet: the parts that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenSegment {
    /// Its parts so far.
    pub parts: Vec<PartRef>,
    /// As in [`Segment`].
    pub discontinuity: bool,
    /// As in [`Segment`].
    pub program_date_time: Option<UnixMillis>,
    /// As in [`Segment`].
    pub map: Option<Uri>,
}

/// What comes next (`EXT-X-PRELOAD-HINT`); the same URI must be listed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreloadHint {
    /// The next part.
    pub part: Uri,
    /// Its init segment, where that is another one.
    pub map: Option<Uri>,
}

/// A segment announced to legacy low-latency players before it is finished
/// (`EXT-X-PREFETCH`, of the community's LHLS): an entry under the same URI later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefetch {
    /// Where its bytes come as they are made.
    pub uri: Uri,
    /// As in [`Segment`] (`EXT-X-PREFETCH-DISCONTINUITY`).
    pub discontinuity: bool,
}

/// Where another rendition stands (`EXT-X-RENDITION-REPORT`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionReport {
    /// The other media playlist, relative to this one.
    pub uri: Uri,
    /// Its last media sequence number, finished or not.
    pub last_msn: u64,
    /// The index of the last part of that segment.
    pub last_part: Option<u32>,
}

/// A snapshot of one rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// No segment, rounded to seconds, is longer. Must not change in a playlist's life.
    pub target_duration_s: u32,
    /// No part is longer; present when there are parts. Must not change either.
    pub part_target: Option<Duration>,
    /// What the server can do.
    pub server_control: Option<ServerControl>,
    /// The number of the first segment, counting those skipped.
    pub media_sequence: u64,
    /// How many discontinuities were removed with the segments before.
    pub discontinuity_sequence: u64,
    /// Absent where segments are removed.
    pub kind: Option<Kind>,
    /// Where playback should begin.
    pub start: Option<Start>,
    /// Whether every segment can be decoded by itself.
    pub independent_segments: bool,
    /// The init segment that the first listed segment needs.
    pub map: Option<Uri>,
    /// The finished segments that are listed.
    pub segments: Vec<Segment>,
    /// The segment after them, as far as it is there.
    pub open: Option<OpenSegment>,
    /// What comes next.
    pub preload_hint: Option<PreloadHint>,
    /// The other renditions.
    pub rendition_reports: Vec<RenditionReport>,
    /// Whether nothing will be added.
    pub ended: bool,
    /// Segments announced to legacy low-latency players.
    pub prefetch: Vec<Prefetch>,
    /// How many segments before the listed ones this delta update leaves out.
    pub skipped: u64,
}

impl MediaPlaylist {
    /// An empty playlist.
    pub const fn new(target_duration_s: u32) -> Self {
        Self {
            target_duration_s,
            part_target: None,
            server_control: None,
            media_sequence: 0,
            discontinuity_sequence: 0,
            kind: None,
            start: None,
            independent_segments: false,
            map: None,
            segments: Vec::new(),
            open: None,
            preload_hint: None,
            rendition_reports: Vec::new(),
            ended: false,
            prefetch: Vec::new(),
            skipped: 0,
        }
    }

    /// The number of the segment after the finished ones.
    pub fn next_msn(&self) -> u64 {
        self.media_sequence
            .saturating_add(self.skipped)
            .saturating_add(self.segments.len() as u64)
    }

    /// The protocol version that the text needs, and no more.
    pub fn version(&self) -> u8 {
        let maps = self.map.is_some() || self.segments.iter().any(|segment| segment.map.is_some());
        let open_map = self.open.as_ref().is_some_and(|open| open.map.is_some());
        match () {
            // SKIP asks for 9; some players expect it wherever the server offers to skip or block.
            () if self.skipped > 0 || self.server_control.is_some() => 9,
            () if self.segments.iter().any(|segment| segment.gap) => 8,
            () if maps || open_map => 6,
            // Decimal durations.
            () => 3,
        }
    }

    /// The text.
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

/// The smallest target duration that holds for all of `durations`: at least 1,
/// and no less than any of them rounded to seconds.
pub fn target_duration(durations: impl IntoIterator<Item = Duration>) -> u32 {
    let longest = durations
        .into_iter()
        .map(Duration::rounded_seconds)
        .max()
        .unwrap_or(1);
    u32::try_from(longest.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "media_tests.rs"]
pub(super) mod tests;
