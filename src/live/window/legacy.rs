//! The same segments for legacy low-latency players: nothing of parts, but the
//! current segment and the next are announced before they are finished, the next
//! before it has a frame (`EXT-X-PREFETCH`, LHLS).
//!
//! Their segments have addresses of their own, whose answers grow while they are
//! read: the specification forbids that for what it lists (rfc8216bis, 6.2.6).

use super::Window;
use crate::playlist::{MediaPlaylist, Prefetch, Segment, TagError, Uri};

/// What the names of growing segments end with.
pub const LEGACY_SUFFIX: &str = ".lhls.m4s";

impl Window {
    /// The playlist as it is now. What is announced becomes an entry under the same
    /// address in the same place, and takes its number with it.
    pub(super) fn legacy_playlist(&self) -> Result<MediaPlaylist, TagError> {
        let mut playlist = MediaPlaylist::new(self.config.target_duration_s);
        let first = self.first();
        playlist.media_sequence = first.map_or(self.next, |entry| entry.number);
        playlist.discontinuity_sequence = self.discontinuities_gone;
        playlist.map = first.map(|entry| entry.begins.map.clone());
        for entry in &self.whole {
            let uri = self.legacy_uri(entry.number)?;
            let mut segment = Segment::new(uri, entry.duration(entry.ticks));
            segment.gap = entry.gap;
            segment.discontinuity = entry.begins.discontinuity;
            segment.program_date_time = Some(entry.begins.taken);
            segment.map = Some(entry.begins.map.clone());
            playlist.segments.push(segment);
        }
        playlist.ended = self.ended;
        if !self.ended {
            // What comes next in a hole may be more of the hole.
            let breaks = match &self.open {
                Some(open) => open.begins.discontinuity,
                None => self.interrupted && !self.filling,
            };
            let current = self.current();
            for (number, discontinuity) in [(current, breaks), (current + 1, false)] {
                let uri = self.legacy_uri(number)?;
                playlist.prefetch.push(Prefetch { uri, discontinuity });
            }
        }
        Ok(playlist)
    }

    /// Whether segment `number` is announced, and has not begun.
    pub fn announces(&self, number: u64) -> bool {
        let open = self.open.as_ref().filter(|open| !open.gap);
        let begun = open.map_or(0, |open| open.number);
        let announced = self.current()..=self.current() + 1;
        !self.ended && number != begun && announced.contains(&number)
    }

    fn legacy_uri(&self, number: u64) -> Result<Uri, TagError> {
        Uri::new(format!("{}/{number}{LEGACY_SUFFIX}", self.config.prefix))
    }
}
