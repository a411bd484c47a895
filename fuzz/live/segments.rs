//! Frames of a stretch of a stream, in any order and with any times, to segments and their
//! playlists.

use std::num::NonZeroU32;

use loomcast::cmaf::read_fragment;
use loomcast::live::window::{Listing, Opening, Window, WindowConfig};
use loomcast::live::{
    Clocks, Cut, Cutting, LiveFrame, LiveTrack, PartTarget, Segmenter, milliseconds,
};
use loomcast::playlist::{UnixMillis, Uri};

use super::media::payload;
use super::memory::within;
use crate::choices::Choices;

/// What is held for a byte of frames, and for a frame beside it: in parts, that are kept
/// here, and in lists.
const PER_BYTE: usize = 8;
const PER_FRAME: usize = 8 << 10;

/// What is held before the first.
const AT_FIRST: usize = 256 << 10;

/// A steady stream, or one whose times make no sense.
pub fn run(choices: &mut Choices<'_>) {
    let segment_ms = choices.pick(&[500, 1000, 2000]);
    let cutting = Cutting {
        segment_ms,
        longest_ms: 2 * segment_ms,
        part: choices.pick(&[PartTarget::DEFAULT, PartTarget::SHORTEST]),
    };
    let kinds = choices.below(3);
    let clocks = Clocks {
        video: (kinds != 1).then(|| choices.pick(&[90_000, 90_000, 1000])),
        audio: (kinds != 2).then(|| choices.pick(&[48_000, 44_100, 8000])),
    };
    let steady = choices.often(50);
    let frames = match steady {
        true => steadily(choices, &clocks),
        false => anyhow(choices, &clocks),
    };
    let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    let most = AT_FIRST + PER_BYTE * bytes + PER_FRAME * frames.len();
    let cut = within(most, || {
        Watched::new(cutting, clocks).watch(choices, &frames)
    });
    for track in LiveTrack::ALL {
        let went_in = frames.iter().filter(|frame| frame.track == track);
        let came_out = &cut[track as usize];
        match steady {
            true => same_frames(went_in, came_out, &frames, &clocks),
            false => some_frames(went_in, came_out),
        }
    }
}

fn timescale(clocks: &Clocks, track: LiveTrack) -> u32 {
    let clock = match track {
        LiveTrack::Audio => clocks.audio,
        _ => clocks.video,
    };
    clock.unwrap_or(1)
}

fn frame(
    choices: &mut Choices<'_>,
    number: usize,
    track: LiveTrack,
    decode_time: i64,
) -> LiveFrame {
    let count = choices.below(40);
    LiveFrame {
        track,
        decode_time,
        composition_offset: choices.pick(&[0, 0, 3600, u32::MAX]),
        sync: track == LiveTrack::Audio || number == 0 || choices.often(6),
        data: payload(choices, number, count, None).into(),
    }
}

/// Frames as encoders send them, both tracks in the order of their times, one of them a
/// little behind.
fn steadily(choices: &mut Choices<'_>, clocks: &Clocks) -> Vec<LiveFrame> {
    let lasts_ms = choices.below(9_000) as i64;
    let picture_ms = choices.pick(&[17, 33, 40, 200]);
    let behind_ms = choices.pick(&[0, 0, 100, -100, 400, -400]);
    let starts_ms = choices.pick(&[0, 10_000, 1 << 40]);
    let mut due = Vec::new();
    if let Some(clock) = clocks.video {
        for index in 0..lasts_ms / picture_ms {
            // A clock that trembles, and does not go back.
            let ms = index * picture_ms + choices.below(picture_ms as usize / 2) as i64;
            let time = (starts_ms + ms) * i64::from(clock) / 1000;
            due.push((starts_ms + ms, LiveTrack::Video, time));
        }
    }
    if let Some(clock) = clocks.audio {
        let start = starts_ms * i64::from(clock) / 1000;
        for index in 0..lasts_ms * i64::from(clock) / 1_024_000 {
            let time = start + index * 1024;
            due.push((
                milliseconds(time, clock) + behind_ms,
                LiveTrack::Audio,
                time,
            ));
        }
    }
    due.sort_by_key(|(ms, ..)| *ms);
    let mut frames = Vec::new();
    for (_, track, time) in due {
        let number = frames
            .iter()
            .filter(|frame: &&LiveFrame| frame.track == track)
            .count();
        let frame = frame(choices, number, track, time);
        frames.push(frame);
    }
    frames
}

/// Frames of any times.
fn anyhow(choices: &mut Choices<'_>, clocks: &Clocks) -> Vec<LiveFrame> {
    let mut times = [1_i64 << 20; 2];
    let mut frames = Vec::new();
    for number in 0..choices.below(200) {
        let track = choices.pick(&LiveTrack::ALL);
        let clock = i64::from(timescale(clocks, track));
        let time = &mut times[track as usize];
        let step = match choices.below(16) {
            0 => 0,
            1 => -1,
            2 => -clock,
            3 => 4 * clock,
            4 => 5 * clock,
            5 => 1 << 33,
            6 => -(1 << 33),
            7 => choices.below(1 << 40) as i64,
            8..12 => clock / 25,
            _ => clock / 2,
        };
        *time += step;
        if choices.often(20) {
            // Both are of one source.
            let now = i128::from(*time)
                * i128::from(timescale(clocks, LiveTrack::ALL[1 - track as usize]));
            times[1 - track as usize] = i64::try_from(now / i128::from(clock)).unwrap_or(0);
        }
        let frame = frame(choices, number, track, times[track as usize]);
        frames.push(frame);
    }
    frames
}

/// A sample that came out: when it is decoded, and the rest of it.
struct Sample {
    decode_time: i64,
    sync: bool,
    data: Vec<u8>,
}

/// A stream that is cut, as its publisher does it, and looked at after every step.
struct Watched {
    cutting: Cutting,
    clocks: Clocks,
    lanes: [Lane; 2],
}

struct Lane {
    window: Window,
    /// When the open segment begins, and how long its parts are.
    start: i64,
    ticks: u64,
    parts: u64,
    /// The number of the segment that began last.
    number: u64,
    listed_from: u64,
    discontinuities: u64,
    samples: Vec<Sample>,
}

impl Watched {
    fn new(cutting: Cutting, clocks: Clocks) -> Self {
        let lane = |track: LiveTrack| Lane {
            window: Window::new(WindowConfig {
                prefix: format!("/live/show/1/{}", track.name()),
                target_duration_s: cutting.target_duration_s(),
                part: cutting.part,
                any_part: track == LiveTrack::Audio,
                gap_ms: cutting.segment_ms,
                window_ms: 6_000,
            }),
            start: 0,
            ticks: 0,
            parts: 0,
            number: 0,
            listed_from: 0,
            discontinuities: 0,
            samples: Vec::new(),
        };
        Self {
            cutting,
            clocks,
            lanes: LiveTrack::ALL.map(lane),
        }
    }

    fn watch(mut self, choices: &mut Choices<'_>, frames: &[LiveFrame]) -> [Vec<Sample>; 2] {
        let mut segmenter = Segmenter::new(self.cutting, self.clocks);
        for frame in frames {
            let cuts = segmenter.push(frame.clone()).expect("a frame");
            cuts.into_iter().for_each(|cut| self.apply(cut));
            if choices.often(5) {
                self.happens(choices);
                self.look();
            }
        }
        let ending = segmenter.end().expect("an end");
        ending.cuts.into_iter().for_each(|cut| self.apply(cut));
        for (track, end) in ending.ends {
            let last = self.lanes[track as usize].samples.last();
            assert!(last.is_some_and(|last| last.decode_time < end));
        }
        self.look();
        for lane in &mut self.lanes {
            if choices.often(50) {
                lane.window.interrupt(choices.often(50));
            } else {
                lane.window.end();
            }
        }
        self.look();
        self.lanes.map(|lane| lane.samples)
    }

    fn apply(&mut self, cut: Cut) {
        match cut {
            Cut::Opened { track, decode_time } => {
                let clock = NonZeroU32::new(timescale(&self.clocks, track)).expect("a clock");
                let lane = &mut self.lanes[track as usize];
                lane.window.resume();
                let number = lane.window.open(Opening {
                    clock,
                    decode_time: u64::try_from(decode_time).unwrap_or(0),
                    map: Uri::new("map.mp4").expect("an address"),
                    taken: UnixMillis(1_700_000_000_000),
                    discontinuity: false,
                });
                assert!(number > lane.number, "{number} after {}", lane.number);
                lane.number = number;
                (lane.start, lane.ticks, lane.parts) = (decode_time, 0, 0);
            }
            Cut::Part { track, part } => {
                let lane = &mut self.lanes[track as usize];
                assert_eq!(part.meta.bytes as usize, part.data.len());
                let mut at = lane.start + lane.ticks.cast_signed();
                let samples = read_fragment(&part.data).expect("a fragment");
                for sample in &samples {
                    let from = sample.offset as usize;
                    lane.samples.push(Sample {
                        decode_time: at,
                        sync: sample.sync,
                        data: part.data[from..from + sample.size as usize].to_vec(),
                    });
                    at += i64::from(sample.duration);
                }
                lane.ticks += u64::from(part.meta.ticks);
                assert_eq!(at, lane.start + lane.ticks.cast_signed());
                // What lasts longer than any part is one alone.
                let most = self.cutting.part.ticks(timescale(&self.clocks, track));
                let long = part.meta.ticks > most;
                assert!(!long || samples.len() == 1);
                lane.parts += 1;
                lane.window.part(part.meta);
            }
            Cut::Closed { track, ticks } => {
                let lane = &mut self.lanes[track as usize];
                assert_eq!(u64::from(ticks), lane.ticks);
                assert!(lane.parts > 0);
                lane.window.close(ticks.into());
            }
        }
    }

    /// What may happen to a window beside its publisher.
    fn happens(&mut self, choices: &mut Choices<'_>) {
        for lane in &mut self.lanes {
            match choices.below(4) {
                0 => drop(lane.window.shorten()),
                1 => drop(lane.window.lost(lane.number.saturating_sub(2))),
                2 => {
                    let then = lane.window.up_to(lane.number.saturating_sub(1));
                    then.playlist(Listing::LowLatency).expect("a playlist");
                }
                _ => {}
            }
        }
    }

    /// What was promised holds.
    fn look(&mut self) {
        for lane in &mut self.lanes {
            let playlist = lane
                .window
                .playlist(Listing::LowLatency)
                .expect("a playlist");
            assert!(playlist.media_sequence >= lane.listed_from);
            assert!(playlist.discontinuity_sequence >= lane.discontinuities);
            lane.listed_from = playlist.media_sequence;
            lane.discontinuities = playlist.discontinuity_sequence;
            let legacy = lane.window.playlist(Listing::Legacy).expect("a playlist");
            for text in [playlist.to_text(), legacy.to_text()] {
                no_longer_than_promised(&text);
            }
        }
    }
}

/// No segment is longer, rounded, than the target duration (rfc8216bis, 4.4.3.1).
fn no_longer_than_promised(text: &str) {
    let after = |tag: &str| {
        let lines = text
            .lines()
            .filter_map(move |line| line.strip_prefix(tag)?.split(',').next());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let target: f64 = after("#EXT-X-TARGETDURATION:")[0]
        .parse()
        .expect("a number");
    for length in after("#EXTINF:") {
        let length: f64 = length.parse().expect("a number");
        assert!(length.round() <= target, "{length} s:\n{text}");
    }
}

/// All that can be shown, once, in order, at its time.
fn same_frames<'a>(
    went_in: impl Iterator<Item = &'a LiveFrame>,
    came_out: &[Sample],
    all: &[LiveFrame],
    clocks: &Clocks,
) {
    let ms = |frame: &LiveFrame| milliseconds(frame.decode_time, timescale(clocks, frame.track));
    let pictures = all.iter().find(|frame| frame.track == LiveTrack::Video);
    // Nothing is heard before something is seen.
    let heard_from = match (clocks.video, pictures) {
        (None, _) => i64::MIN,
        (Some(_), Some(first)) => ms(first),
        (Some(_), None) => i64::MAX,
    };
    let is_shown = |frame: &&LiveFrame| match frame.track {
        LiveTrack::Audio => clocks.audio.is_some() && ms(frame) >= heard_from,
        _ => clocks.video.is_some(),
    };
    let expected: Vec<&LiveFrame> = went_in.filter(is_shown).collect();
    assert_eq!(came_out.len(), expected.len());
    for (number, (found, expected)) in came_out.iter().zip(expected).enumerate() {
        assert_eq!(found.data, expected.data, "{number}");
        assert_eq!(
            (found.decode_time, found.sync),
            (expected.decode_time, expected.sync),
            "{number}"
        );
    }
}

/// What comes out is what went in, in order.
fn some_frames<'a>(mut went_in: impl Iterator<Item = &'a LiveFrame>, came_out: &[Sample]) {
    for (number, sample) in came_out.iter().enumerate() {
        let found = went_in.any(|frame| sample.data == frame.data);
        assert!(found, "{number} did not go in, or not there");
    }
    // With what follows the first, nothing is left out.
    assert!(
        came_out.is_empty() || went_in.next().is_none(),
        "the end is missing"
    );
}
