//! Delivery directives: what a player asks of a playlist (`_HLS_msn`,
//! `_HLS_part`, `_HLS_skip`), and what a snapshot answers to it.
//!
//! Waiting, and giving up (503 after three target durations), belong to the
//! server: it asks again with each new snapshot.

use thiserror::Error;

use super::media::MediaPlaylist;
use super::tag::{Duration, Total};

/// How far ahead of the last segment a player may ask.
const ADVANCE_SEGMENTS: u64 = 2;

/// How far ahead of the last part a player may ask, in seconds of parts, and
/// the least number of parts.
const ADVANCE_PARTS: u64 = 3;

/// Which kind of delta update is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// `YES`: segments.
    Segments,
    /// `v2`: segments and date ranges; no date ranges are written here, so both read the same.
    SegmentsAndDateRanges,
}

/// What a player asks for beside the playlist itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryDirectives {
    /// Wait for this segment.
    pub msn: Option<u64>,
    /// Wait for this part of it.
    pub part: Option<u32>,
    /// Leave out what the player already has.
    pub skip: Option<Skip>,
}

/// A request that no wait would make right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadDirective {
    /// A directive that is no whole number, or is there twice.
    #[error("{name}={value:?} is not valid: expected one whole number")]
    Number {
        /// The directive.
        name: &'static str,
        /// What it was set to.
        value: String,
    },
    /// `_HLS_part` without `_HLS_msn`.
    #[error("_HLS_part is there without _HLS_msn")]
    PartWithoutMsn,
    /// A segment too far ahead.
    #[error("_HLS_msn={msn} is too far ahead: expected at most {max}")]
    MsnTooFar {
        /// The number asked for.
        msn: u64,
        /// The highest that may be asked for now.
        max: u64,
    },
    /// A part too far ahead.
    #[error("_HLS_part={part} is too far ahead: expected at most {max}")]
    PartTooFar {
        /// The part asked for.
        part: u32,
        /// The highest that may be asked for now.
        max: u64,
    },
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// This snapshot, whole.
    Full,
    /// This snapshot as a delta update: [`MediaPlaylist::delta`].
    Delta,
    /// A later snapshot; ask again when there is one.
    Wait,
    /// 400.
    BadRequest(BadDirective),
}

impl DeliveryDirectives {
    /// Reads the query of a playlist request; what is no directive is ignored,
    /// and so is a `_HLS_skip` of a kind yet unknown.
    pub fn parse(query: &str) -> Result<Self, BadDirective> {
        let mut directives = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "_HLS_msn" => directives.msn = Some(number("_HLS_msn", value, directives.msn)?),
                "_HLS_part" => directives.part = Some(number("_HLS_part", value, directives.part)?),
                "_HLS_skip" => {
                    directives.skip = match value {
                        "YES" => Some(Skip::Segments),
                        "v2" => Some(Skip::SegmentsAndDateRanges),
                        _ => None,
                    };
                }
                _ => {}
            }
        }
        match directives {
            Self {
                msn: None,
                part: Some(_),
                ..
            } => Err(BadDirective::PartWithoutMsn),
            _ => Ok(directives),
        }
    }
}

fn number<T: std::str::FromStr>(
    name: &'static str,
    value: &str,
    before: Option<T>,
) -> Result<T, BadDirective> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = value.parse().ok().filter(|_| digits && before.is_none());
    parsed.ok_or_else(|| BadDirective::Number {
        name,
        value: value.chars().take(40).collect(),
    })
}

/// What `playlist` answers to `directives` as it is now.
pub fn decide(playlist: &MediaPlaylist, directives: DeliveryDirectives) -> Reload {
    if directives.msn.is_none() && directives.part.is_some() {
        return Reload::BadRequest(BadDirective::PartWithoutMsn);
    }
    let now = || match directives.skip {
        Some(_) if playlist.skippable() > 0 => Reload::Delta,
        _ => Reload::Full,
    };
    let can_wait = playlist
        .server_control
        .is_some_and(|control| control.can_block_reload)
        && !playlist.ended;
    let Some(msn) = directives.msn.filter(|_| can_wait) else {
        return now();
    };

    let next = playlist.next_msn();
    let open_parts = playlist
        .open
        .as_ref()
        .map_or(0, |open| open.parts.len() as u64);
    // The segment in progress counts as the last as soon as it has a part.
    let ahead = if open_parts > 0 {
        ADVANCE_SEGMENTS
    } else {
        ADVANCE_SEGMENTS - 1
    };
    let max = next.saturating_add(ahead);
    if msn > max {
        return Reload::BadRequest(BadDirective::MsnTooFar { msn, max });
    }
    let Some(part) = directives.part else {
        return if msn < next { now() } else { Reload::Wait };
    };
    if msn < next {
        // Past the last part of a finished segment means the first part of the one after.
        let here = u64::from(part) < playlist.parts_of(msn);
        return if here || msn + 1 < next || open_parts > 0 {
            now()
        } else {
            Reload::Wait
        };
    }
    let parts = if msn == next { open_parts } else { 0 };
    if u64::from(part) < parts {
        return now();
    }
    // One past the last part, less one: the index of the last, of which there may be none.
    let max = (parts + advance_part_limit(playlist.part_target)).saturating_sub(1);
    if u64::from(part) > max {
        return Reload::BadRequest(BadDirective::PartTooFar { part, max });
    }
    Reload::Wait
}

/// The finished segment with which the answer to `directives` is to end, although parts of
/// the next are there: what was asked for is in it. `None` where nothing is to be left out.
///
/// hls.js (1.7, its issues 5028 and 7782) leaves out the last part of a segment when it
/// learns of it together with one of the next that is independent. Who asks for the next
/// then has it at once.
pub fn last_asked_for(playlist: &MediaPlaylist, directives: DeliveryDirectives) -> Option<u64> {
    let msn = directives.msn.filter(|_| !playlist.ended)?;
    let is_last = msn.checked_add(1) == Some(playlist.next_msn());
    let begun = playlist
        .open
        .as_ref()
        .is_some_and(|open| !open.parts.is_empty());
    // Past its last part is the first of the next.
    let within = directives
        .part
        .is_none_or(|part| u64::from(part) < playlist.parts_of(msn));
    (is_last && begun && within).then_some(msn)
}

/// How many parts past the last may be asked for: three seconds of them, or three if they are longer than a second.
fn advance_part_limit(part_target: Option<Duration>) -> u64 {
    match part_target {
        Some(target) if target < Duration::from_seconds(1) && target.ticks > 0 => {
            (ADVANCE_PARTS * u64::from(target.timescale.get())).div_ceil(target.ticks)
        }
        _ => ADVANCE_PARTS,
    }
}

impl MediaPlaylist {
    /// How many parts finished segment `msn` has; 0 where it is not held.
    fn parts_of(&self, msn: u64) -> u64 {
        let index = msn.checked_sub(self.media_sequence.saturating_add(self.skipped));
        let segment = index.and_then(|index| self.segments.get(usize::try_from(index).ok()?));
        segment.map_or(0, |segment| segment.parts.len() as u64)
    }

    /// How many segments at the front a delta update leaves out: those that end
    /// before the skip boundary, counted back from the end of the last segment.
    fn skippable(&self) -> usize {
        let until = self
            .server_control
            .and_then(|control| control.can_skip_until);
        let Some(until) = until.filter(|_| !self.ended && self.skipped == 0) else {
            return 0;
        };
        let mut after = Total::default();
        for (index, segment) in self.segments.iter().enumerate().rev() {
            if after.micros() > until.micros() {
                return index + 1;
            }
            after.add(segment.duration);
        }
        0
    }

    /// This snapshot for a player that waits for each part, if that one is told something
    /// else: the first part of the open segment is not said to be independent where the
    /// segment before ends with a part that is shorter than half of their target.
    ///
    /// Pictures are shown later than they are decoded, and so hls.js (1.7) takes a part that is
    /// no longer than that for loaded when it is not. Then it goes on with the next that is
    /// said to be independent, and shows a hole; without one it loads what it lacks.
    pub fn following(&self) -> Option<Self> {
        let (target, open) = (self.part_target?, self.open.as_ref()?);
        let before = self.segments.last()?;
        let is_short = before.parts.last()?.duration.micros() * 2 < target.micros();
        // Were none said to be, it would take all for it.
        let is_another = before.parts.iter().any(|part| part.independent);
        let differs = open.parts.first()?.independent && is_short && is_another;
        differs.then(|| {
            let mut told = self.clone();
            let first = told.open.as_mut().and_then(|open| open.parts.first_mut());
            first.into_iter().for_each(|part| part.independent = false);
            told
        })
    }

    /// The delta update of this snapshot; `None` where nothing may be left out.
    /// It states the init segment in force, which the skipped segments may have set.
    pub fn delta(&self) -> Option<Self> {
        let skipped = self.skippable();
        let (left_out, listed) = self
            .segments
            .split_at_checked(skipped)
            .filter(|_| skipped > 0)?;
        let map = left_out
            .iter()
            .rev()
            .find_map(|segment| segment.map.clone())
            .or_else(|| self.map.clone());
        Some(Self {
            map,
            segments: listed.to_vec(),
            skipped: skipped as u64,
            part_target: self.part_target,
            server_control: self.server_control,
            media_sequence: self.media_sequence,
            discontinuity_sequence: self.discontinuity_sequence,
            kind: self.kind,
            start: self.start,
            independent_segments: self.independent_segments,
            open: self.open.clone(),
            preload_hint: self.preload_hint.clone(),
            rendition_reports: self.rendition_reports.clone(),
            ended: self.ended,
            prefetch: self.prefetch.clone(),
            target_duration_s: self.target_duration_s,
        })
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
