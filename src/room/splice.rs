//! One stream out of several that come one after the other.
//!
//! Where another source carries the same frames, it is followed, unseen, from a key
//! frame that viewers were given to the frame that they were given last, and goes on
//! with the one after it: nothing is missing, nothing comes twice. Whatever was given
//! since that key frame was compared, so decoders stand where they would have stood.
//!
//! Where it does not, it begins at its next key frame, and its first frame is decoded
//! when the last one is over. One offset moves pictures and sound together; sound that
//! would then be before what was heard is left out.
//!
//! No track ever goes backward.

use std::collections::VecDeque;

use super::tail::{FrameId, Given, Tail};
use crate::cmaf::Track;
use crate::live::demux::Demuxed;
use crate::live::{LiveFrame, LiveTrack};
use crate::profile::AAC_FRAME_SAMPLES;

/// What the first picture is taken to last: 1/25 s.
const FIRST_PICTURE_DIVISOR: u32 = 25;

/// Frames of the other track that are held until it is known where a source goes on:
/// ten seconds of sound.
const MAX_HELD_FRAMES: usize = 512;

/// How far the tracks may end apart before the later end counts, in milliseconds.
const MAX_APART_MS: i64 = 500;

/// How far sound may stray from its pictures and be known again, in milliseconds: more
/// than what a demuxer lets it.
const MAX_STRAY_MS: i64 = 250;

/// How far back a source's clock may step and be taken for uneven, in milliseconds.
const MAX_UNEVEN_MS: i64 = 100;

/// How far the times of the same frames may be apart from two sources, in milliseconds:
/// each rounds them.
const MAX_ROUNDED_MS: i64 = 3;

/// The tracks of a source.
type Tracks = Vec<(LiveTrack, Track)>;

/// The one stream that viewers are given.
#[derive(Debug, Default)]
pub struct Splice {
    /// What viewers' decoders are set up with.
    given: Tracks,
    /// What the source says that it has.
    source: Tracks,
    out: [Out; LiveTrack::ALL.len()],
    state: State,
    /// What came of the track that does not lead, until it is known where to go on.
    held: VecDeque<LiveFrame>,
}

/// What was given of one track.
#[derive(Debug, Default)]
struct Out {
    tail: Tail,
    last: Option<Last>,
}

/// Where a track has come to, in its own ticks.
#[derive(Clone, Copy, Debug)]
struct Last {
    timescale: u32,
    /// When its last frame is decoded.
    time: i64,
    /// How long that lasts, as far as is known.
    step: i64,
    /// When the last frame of all is shown.
    shown: i64,
}

/// How far it is with a source.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// A key frame is waited for.
    #[default]
    Seeking,
    /// It gives what was given already.
    Following(Followed),
    /// It is given to viewers.
    Joined(Joined),
}

#[derive(Clone, Copy, Debug)]
struct Followed {
    /// The number of the frame that is next.
    next: u64,
    /// By how much viewers' times are later than the source's.
    shift: i64,
}

#[derive(Clone, Copy, Debug)]
struct Joined {
    /// What is added to the times of each track, in its ticks.
    shift: [i64; LiveTrack::ALL.len()],
    /// Whether the track that does not lead has begun.
    entered: bool,
    /// Where the source was begun, when that was at a key frame.
    jumped: Option<Jumped>,
}

/// Nothing before this is given, in the source's time.
#[derive(Clone, Copy, Debug)]
struct Jumped {
    /// Pictures that are shown earlier lean on some that were not given.
    shown: i64,
    /// When the track that does not lead begins.
    other: i64,
}

impl Splice {
    /// What comes next is of another source.
    pub fn switch(&mut self) {
        self.source.clear();
        self.seek();
    }

    /// The next of the source; what viewers are given of it.
    pub fn push(&mut self, demuxed: Demuxed) -> Vec<Demuxed> {
        let mut out = Vec::new();
        match demuxed {
            Demuxed::Begin(mut tracks) => {
                tracks.sort_by_key(|(kind, _)| *kind);
                self.source = tracks;
                self.seek();
            }
            Demuxed::Frame(frame) => self.frame(frame, &mut out),
            // A server pushes what it has turned.
            Demuxed::Other(_) | Demuxed::LeftOut(_) => {}
        }
        out
    }

    /// Whether viewers were given this frame of the leading track.
    pub fn knows(&self, id: FrameId, source_time: i64) -> bool {
        let lead = lead(&self.given);
        lead.is_some_and(|lead| self.out[lead as usize].tail.find(id, source_time).is_some())
    }

    /// Whether nothing new comes with this frame: viewers were given it, and it came at
    /// the same time at its source. By the track that leads: times of sound are rounded.
    pub fn gave(&self, frame: &LiveFrame) -> bool {
        let Some(lead) = lead(&self.given) else {
            return false;
        };
        let tail = &self.out[lead as usize].tail;
        frame.track != lead || tail.has(FrameId::of(frame), frame.decode_time)
    }

    /// When the last frame of the leading track was decoded at its source.
    pub fn source_time(&self) -> Option<i64> {
        let lead = lead(&self.given)?;
        Some(self.out[lead as usize].tail.last()?.source_time)
    }

    fn seek(&mut self) {
        self.state = State::Seeking;
        self.held.clear();
    }

    fn frame(&mut self, frame: LiveFrame, out: &mut Vec<Demuxed>) {
        let Some(lead) = lead(&self.source) else {
            return;
        };
        if timescale(&self.source, frame.track).is_none() {
            return;
        }
        match self.state {
            State::Joined(joined) => self.pass(joined, frame, out),
            State::Seeking | State::Following(_) if frame.track != lead => {
                if self.held.len() >= MAX_HELD_FRAMES {
                    self.held.pop_front();
                }
                self.held.push_back(frame);
            }
            State::Following(Followed { next, shift }) => {
                let expected = self.out[lead as usize].tail.get(next);
                let rounded = self.timed(lead, MAX_ROUNDED_MS);
                let is_next = |given: &Given| {
                    let apart = (given.time - frame.decode_time).abs_diff(shift);
                    given.id == FrameId::of(&frame) && apart <= rounded
                };
                if expected.is_some_and(is_next) {
                    self.follow(next, &frame, out);
                } else {
                    // Not the same stream after all, or not all of it.
                    self.state = State::Seeking;
                    self.begin(frame, out);
                }
            }
            State::Seeking => self.begin(frame, out),
        }
    }

    /// Begins with `frame` of the leading track, where that can be.
    fn begin(&mut self, frame: LiveFrame, out: &mut Vec<Demuxed>) {
        if !frame.sync {
            return;
        }
        let same = self.source == self.given;
        let tail = &self.out[frame.track as usize].tail;
        let known = tail.find(FrameId::of(&frame), frame.decode_time);
        match known.filter(|_| same) {
            Some(number) => self.follow(number, &frame, out),
            None => match self.shift_of_next(&frame).filter(|_| same) {
                Some(shift) => {
                    self.join(frame.track, shift, out);
                    self.frame(frame, out);
                }
                None => self.jump(frame, out),
            },
        }
    }

    /// The shift of a source whose key frame `frame` comes right after what was given, by
    /// its own clock.
    fn shift_of_next(&self, frame: &LiveFrame) -> Option<i64> {
        let track = &self.out[frame.track as usize];
        let (given, last) = (track.tail.last()?, track.last?);
        let due = given.source_time + last.step;
        let shift = given.time - given.source_time;
        let shown = frame.decode_time + shift + i64::from(frame.composition_offset);
        let is_next = frame.decode_time.abs_diff(due) <= self.timed(frame.track, MAX_ROUNDED_MS)
            && shown > last.shown;
        is_next.then_some(shift)
    }

    /// Milliseconds in ticks of a track.
    fn timed(&self, kind: LiveTrack, ms: i64) -> u64 {
        let scale = timescale(&self.source, kind).unwrap_or(1);
        ticks(ms, scale).unsigned_abs()
    }

    /// `frame` is the one that was given as `number`.
    fn follow(&mut self, number: u64, frame: &LiveFrame, out: &mut Vec<Demuxed>) {
        let tail = &self.out[frame.track as usize].tail;
        let Some(given) = tail.get(number) else {
            return;
        };
        let shift = given.time - frame.decode_time;
        if number + 1 < tail.end() {
            let next = number + 1;
            self.state = State::Following(Followed { next, shift });
            return;
        }
        self.join(frame.track, shift, out);
    }

    /// What comes next goes on after the last frame that was given, `kind` moved by `shift`.
    fn join(&mut self, kind: LiveTrack, shift: i64, out: &mut Vec<Demuxed>) {
        let mut joined = Joined {
            shift: self.shifts(kind, shift),
            entered: false,
            jumped: None,
        };
        self.recognise(other(kind), &mut joined);
        self.state = State::Joined(joined);
        self.release(out);
    }

    /// Goes on after the last frame of `kind` that was given, if it is among those held.
    fn recognise(&mut self, kind: LiveTrack, joined: &mut Joined) {
        let track = &self.out[kind as usize];
        let (Some(given), Some(last)) = (track.tail.last(), track.last) else {
            return;
        };
        let shift = joined.shift[kind as usize];
        let strays = |frame: &LiveFrame| (frame.decode_time + shift).abs_diff(given.time);
        let held = self.held.iter().enumerate();
        let same = held.filter(|(_, frame)| FrameId::of(frame) == given.id);
        // Silence is the same again and again: the one that was is the nearest.
        let Some((index, frame)) = same.min_by_key(|(_, frame)| strays(frame)) else {
            return;
        };
        let most = match track.tail.repeats() {
            true => last.step.unsigned_abs() / 2,
            false => ticks(MAX_STRAY_MS, last.timescale).unsigned_abs(),
        };
        if strays(frame) > most {
            return;
        }
        joined.shift[kind as usize] = given.time - frame.decode_time;
        joined.entered = true;
        self.held.drain(..=index);
    }

    /// Begins with `frame`, which was not given: at the end of what was.
    fn jump(&mut self, frame: LiveFrame, out: &mut Vec<Demuxed>) {
        if self.source != self.given {
            for track in &mut self.out {
                track.tail.forget();
            }
            self.given.clone_from(&self.source);
            for (kind, track) in &self.given {
                let last = &mut self.out[*kind as usize].last;
                *last = last.map(|last| last.at(track.timescale()));
            }
            out.push(Demuxed::Begin(self.given.clone()));
        }
        let shift = self.shifts(frame.track, self.end_for(&frame) - frame.decode_time);
        let joined = Joined {
            shift,
            entered: false,
            jumped: Some(Jumped {
                shown: frame.decode_time + i64::from(frame.composition_offset),
                other: self.converted(frame.track, frame.decode_time),
            }),
        };
        self.state = State::Joined(joined);
        self.pass(joined, frame, out);
        self.release(out);
    }

    /// When `frame` is decoded if it comes next after all that was given.
    fn end_for(&self, frame: &LiveFrame) -> i64 {
        let Some(timescale) = timescale(&self.source, frame.track) else {
            return frame.decode_time;
        };
        let own = self.out[frame.track as usize].last.map(|last| {
            // Nor may it be shown before what was decoded earlier and is shown later.
            let shown = last.shown + last.step - i64::from(frame.composition_offset);
            last.end().max(shown)
        });
        let other = self.out[other(frame.track) as usize].last;
        let other = other.map(|last| rescale(last.end(), last.timescale, timescale));
        match (own, other) {
            (Some(own), Some(other)) if other - own <= ticks(MAX_APART_MS, timescale) => own,
            (own, Some(other)) => own.map_or(other, |own| own.max(other)),
            (Some(own), None) => own,
            (None, None) => frame.decode_time.max(0),
        }
    }

    /// What came of the other track while it was not known where to go on.
    fn release(&mut self, out: &mut Vec<Demuxed>) {
        for frame in std::mem::take(&mut self.held) {
            if let State::Joined(joined) = self.state {
                self.pass(joined, frame, out);
            }
        }
    }

    /// Gives viewers `frame`, unless they had it or could do nothing with it.
    fn pass(&mut self, mut joined: Joined, mut frame: LiveFrame, out: &mut Vec<Demuxed>) {
        let kind = frame.track;
        let Some(timescale) = timescale(&self.source, kind) else {
            return;
        };
        let (id, source_time) = (FrameId::of(&frame), frame.decode_time);
        let mut time = source_time + joined.shift[kind as usize];
        let last = self.out[kind as usize].last;
        if Some(kind) == lead(&self.source) {
            let shown = source_time + i64::from(frame.composition_offset);
            if joined.jumped.is_some_and(|jumped| shown < jumped.shown) {
                return;
            }
            if let Some(last) = last.filter(|last| time <= last.time) {
                if last.time - time > ticks(MAX_UNEVEN_MS, timescale) {
                    self.seek();
                    return self.begin(frame, out);
                }
                let late = u32::try_from(last.time + 1 - time).unwrap_or(u32::MAX);
                frame.composition_offset = frame.composition_offset.saturating_sub(late);
                time = last.time + 1;
            }
        } else {
            if joined
                .jumped
                .is_some_and(|jumped| source_time < jumped.other)
            {
                return;
            }
            if let Some(last) = last {
                if !joined.entered {
                    if time + last.step / 2 < last.end() {
                        return;
                    }
                    if time.abs_diff(last.end()) <= last.step.unsigned_abs() {
                        joined.shift[kind as usize] += last.end() - time;
                        time = last.end();
                    }
                }
                if time <= last.time {
                    return;
                }
            }
            joined.entered = true;
            self.state = State::Joined(joined);
        }
        frame.decode_time = time;
        self.note(&frame, id, source_time, timescale);
        out.push(Demuxed::Frame(frame));
    }

    /// `frame` is given.
    fn note(&mut self, frame: &LiveFrame, id: FrameId, source_time: i64, timescale: u32) {
        let track = &mut self.out[frame.track as usize];
        let time = frame.decode_time;
        let shown = time + i64::from(frame.composition_offset);
        let guess = match frame.track {
            LiveTrack::Audio => AAC_FRAME_SAMPLES,
            _ => timescale / FIRST_PICTURE_DIVISOR,
        };
        track.last = Some(track.last.map_or(
            Last {
                timescale,
                time,
                step: guess.into(),
                shown,
            },
            |last| Last {
                timescale,
                time,
                // A hole is not a frame that lasts.
                step: match time - last.time {
                    step if step <= i64::from(timescale) => step,
                    _ => last.step,
                },
                shown: shown.max(last.shown),
            },
        ));
        track.tail.push(Given {
            id,
            time,
            source_time,
        });
    }

    /// The shift of both tracks if that of `kind` is `shift`.
    fn shifts(&self, kind: LiveTrack, shift: i64) -> [i64; LiveTrack::ALL.len()] {
        let mut shifts = [shift; LiveTrack::ALL.len()];
        shifts[other(kind) as usize] = self.converted(kind, shift);
        shifts
    }

    /// Ticks of `kind` in ticks of the other track.
    fn converted(&self, kind: LiveTrack, time: i64) -> i64 {
        let scale = |kind| timescale(&self.source, kind);
        match (scale(kind), scale(other(kind))) {
            (Some(from), Some(to)) => rescale(time, from, to),
            _ => 0,
        }
    }
}

impl Last {
    const fn end(&self) -> i64 {
        self.time + self.step
    }

    /// The same with other ticks, no earlier.
    fn at(self, timescale: u32) -> Self {
        let rescaled = |ticks| rescale(ticks, self.timescale, timescale);
        Self {
            timescale,
            time: rescaled(self.time),
            step: rescaled(self.step).max(1),
            shown: rescaled(self.shown),
        }
    }
}

/// The track that says where a stream can begin: pictures, where there are any.
pub fn lead(tracks: &[(LiveTrack, Track)]) -> Option<LiveTrack> {
    tracks.iter().map(|(kind, _)| *kind).min()
}

const fn other(kind: LiveTrack) -> LiveTrack {
    match kind {
        LiveTrack::Audio => LiveTrack::Video,
        _ => LiveTrack::Audio,
    }
}

fn timescale(tracks: &[(LiveTrack, Track)], kind: LiveTrack) -> Option<u32> {
    let found = tracks.iter().find(|(known, _)| *known == kind);
    found.map(|(_, track)| track.timescale())
}

fn ticks(ms: i64, timescale: u32) -> i64 {
    ms * i64::from(timescale) / 1000
}

/// Ticks of one clock in those of another, rounded up.
fn rescale(time: i64, from: u32, to: u32) -> i64 {
    let from = i128::from(from.max(1));
    let scaled = i128::from(time) * i128::from(to);
    i64::try_from((scaled + from - 1).div_euclid(from)).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "splice_tests.rs"]
pub(super) mod tests;
