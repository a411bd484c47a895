use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::cmaf::{AudioConfig, AudioTrack, Colours, VideoConfig, VideoTrack};

/// Ticks of a picture: 40 ms.
const PICTURE: i64 = 3_600;

/// Milliseconds at which streams begin, as the origin's do.
const ORIGIN_MS: i64 = 10_000;

/// The tracks of a stream; `setup` tells two of them apart.
pub(in crate::room) fn tracks(sound: bool, setup: &'static [u8]) -> Vec<(LiveTrack, Track)> {
    let video = Track::Video(VideoTrack {
        timescale: 90_000,
        width: 16,
        height: 16,
        config: VideoConfig::Avc(Bytes::from_static(setup)),
        colours: Colours::BT709,
    });
    let audio = Track::Audio(AudioTrack {
        timescale: 48_000,
        channels: 2,
        config: AudioConfig::Aac(Bytes::from_static(b"sound")),
        bitrate: 128_000,
    });
    let mut tracks = vec![(LiveTrack::Video, video)];
    if sound {
        tracks.push((LiveTrack::Audio, audio));
    }
    tracks
}

/// What tells the frames of a stream apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// Each is another, and those of other streams are others.
    Moving(u8),
    /// Key frames are the same, and all others are too.
    Still,
}

/// A stream of groups of so many pictures.
#[derive(Clone, Debug)]
pub(in crate::room) struct Broadcast {
    groups: Vec<usize>,
    reordered: bool,
    sound: bool,
    looks: Looks,
}

impl Broadcast {
    pub fn plain(groups: &[usize]) -> Self {
        Self {
            groups: groups.to_vec(),
            reordered: false,
            sound: true,
            looks: Looks::Moving(0),
        }
    }

    /// All frames in the order in which they come, times moved by `shift_ms`.
    pub fn frames(&self, shift_ms: i64) -> Vec<LiveFrame> {
        let mut frames = Vec::new();
        let base = (ORIGIN_MS + shift_ms) * 90;
        let mut index = 0;
        for group in &self.groups {
            for place in 0..*group {
                let data = match self.looks {
                    Looks::Moving(stream) => format!("picture {stream} {index}"),
                    Looks::Still => format!("picture {}", place == 0),
                };
                frames.push(LiveFrame {
                    track: LiveTrack::Video,
                    decode_time: base + index * PICTURE,
                    composition_offset: self.offset(place, *group),
                    sync: place == 0,
                    data: data.into(),
                });
                index += 1;
            }
        }
        if self.sound {
            let end = ORIGIN_MS * 48 + index * PICTURE * 48 / 90;
            let count = (end - ORIGIN_MS * 48) / 1_024;
            for number in 0..count {
                let data = match self.looks {
                    Looks::Moving(stream) => format!("sound {stream} {number}"),
                    Looks::Still => "silence".to_owned(),
                };
                frames.push(LiveFrame {
                    track: LiveTrack::Audio,
                    decode_time: (ORIGIN_MS + shift_ms) * 48 + number * 1_024,
                    composition_offset: 0,
                    sync: true,
                    data: data.into(),
                });
            }
        }
        // Pictures first where both are due.
        frames.sort_by_key(|frame| (microseconds(frame), frame.track));
        frames
    }

    /// I P B B P B B …, shown in another order; what is left of a group is not.
    fn offset(&self, place: usize, group: usize) -> u32 {
        let whole = (group - 1) / 3 * 3;
        let pictures = match place {
            _ if !self.reordered => 0,
            0 => 1,
            place if place > whole => 1,
            place if place % 3 == 1 => 3,
            _ => 0,
        };
        pictures * PICTURE as u32
    }
}

fn microseconds(frame: &LiveFrame) -> i64 {
    let rate = match frame.track {
        LiveTrack::Audio => 48_000,
        _ => 90_000,
    };
    frame.decode_time * 1_000_000 / rate
}

fn of(frames: &[LiveFrame], track: LiveTrack) -> Vec<LiveFrame> {
    let own = frames.iter().filter(|frame| frame.track == track);
    own.cloned().collect()
}

/// Viewers, and what they were given.
struct Viewers {
    splice: Splice,
    given: Vec<LiveFrame>,
    setups: usize,
}

impl Viewers {
    fn new() -> Self {
        Self {
            splice: Splice::default(),
            given: Vec::new(),
            setups: 0,
        }
    }

    /// The next source.
    fn source(&mut self, tracks: Tracks, frames: &[LiveFrame]) {
        self.splice.switch();
        self.push(Demuxed::Begin(tracks));
        for frame in frames {
            self.push(Demuxed::Frame(frame.clone()));
        }
    }

    fn push(&mut self, demuxed: Demuxed) {
        for given in self.splice.push(demuxed) {
            match given {
                Demuxed::Begin(_) => self.setups += 1,
                Demuxed::Frame(frame) => self.given.push(frame),
                Demuxed::Other(_) | Demuxed::LeftOut(_) => unreachable!("all sound is AAC"),
            }
        }
    }

    /// What was given of a track, and when.
    fn track(&self, track: LiveTrack) -> Vec<(String, i64)> {
        let own = self.given.iter().filter(|frame| frame.track == track);
        own.map(|frame| (name(frame), frame.decode_time)).collect()
    }

    fn never_backward(&self) -> Result<(), TestCaseError> {
        for track in LiveTrack::ALL {
            let times: Vec<_> = self.track(track).into_iter().map(|(_, at)| at).collect();
            prop_assert!(times.is_sorted_by(|a, b| a < b), "{track:?}: {times:?}");
        }
        let shown = of(&self.given, LiveTrack::Video);
        let shown: Vec<_> = shown
            .iter()
            .map(|frame| frame.decode_time + i64::from(frame.composition_offset))
            .collect();
        let different: BTreeSet<_> = shown.iter().collect();
        prop_assert_eq!(different.len(), shown.len(), "shown at the same time");
        Ok(())
    }
}

fn name(frame: &LiveFrame) -> String {
    String::from_utf8_lossy(&frame.data).into_owned()
}

/// Where the key frames are.
fn starts(frames: &[LiveFrame]) -> Vec<usize> {
    let start = |frame: &LiveFrame| frame.sync && frame.track == LiveTrack::Video;
    let all = frames.iter().enumerate();
    all.filter(|(_, frame)| start(frame))
        .map(|(index, _)| index)
        .collect()
}

#[test]
fn the_first_source_is_given_as_it_is() {
    let frames = Broadcast::plain(&[5, 5]).frames(0);
    let mut viewers = Viewers::new();
    viewers.source(tracks(true, b"a"), &frames);
    assert_eq!(viewers.given, frames);
    assert_eq!(viewers.setups, 1);
}

#[test]
fn another_source_of_the_same_stream_goes_on_with_the_next_frame() {
    let broadcast = Broadcast::plain(&[10, 10, 10]);
    let frames = broadcast.frames(0);
    // An hour later by its own clock.
    let other = broadcast.frames(3_600_000);
    let mut viewers = Viewers::new();
    viewers.source(tracks(true, b"a"), &frames[..45]);
    viewers.source(tracks(true, b"a"), &other[starts(&other)[1]..]);
    assert_eq!(viewers.setups, 1, "no decoder is set up again");
    for track in LiveTrack::ALL {
        assert_eq!(of(&viewers.given, track), of(&frames, track));
    }
}

#[test]
fn a_source_that_is_behind_is_followed_until_it_has_come_as_far() {
    let frames = Broadcast::plain(&[10, 10, 10, 10]).frames(0);
    let starts = starts(&frames);
    let mut viewers = Viewers::new();
    viewers.source(tracks(true, b"a"), &frames[..starts[3] + 5]);
    let there = viewers.given.len();
    viewers.source(tracks(true, b"a"), &frames[starts[1]..starts[3]]);
    assert_eq!(viewers.given.len(), there, "nothing comes twice");
    for frame in &frames[starts[3]..] {
        viewers.push(Demuxed::Frame(frame.clone()));
    }
    for track in LiveTrack::ALL {
        assert_eq!(of(&viewers.given, track), of(&frames, track));
    }
}

#[test]
fn where_frames_are_missing_it_goes_on_at_a_key_frame_right_after_the_last() {
    let frames = Broadcast::plain(&[10, 10, 10]).frames(0);
    let starts = starts(&frames);
    let mut viewers = Viewers::new();
    viewers.source(tracks(true, b"a"), &frames[..starts[1] - 3]);
    viewers.source(tracks(true, b"a"), &frames[starts[2]..]);
    let pictures = viewers.track(LiveTrack::Video);
    let seam = pictures.iter().position(|(name, _)| name == "picture 0 20");
    let seam = seam.expect("the key frame");
    assert_eq!(pictures[seam].1 - pictures[seam - 1].1, PICTURE);
    let sounds = viewers.track(LiveTrack::Audio);
    let steps = sounds.windows(2).map(|pair| pair[1].1 - pair[0].1);
    assert!(
        steps
            .clone()
            .all(|step| (1_024..=2 * 1_024).contains(&step))
    );
    assert_eq!(viewers.setups, 1);
}

#[test]
fn a_key_frame_is_not_shown_before_what_was_decoded_earlier_and_is_shown_later() {
    let broadcast = Broadcast {
        reordered: true,
        sound: false,
        ..Broadcast::plain(&[7, 7])
    };
    let frames = broadcast.frames(0);
    let mut viewers = Viewers::new();
    // The last one given is shown after two that were not.
    viewers.source(tracks(false, b"a"), &frames[..5]);
    viewers.source(tracks(false, b"a"), &frames[7..]);
    let shown = |frame: &LiveFrame| frame.decode_time + i64::from(frame.composition_offset);
    assert_eq!(shown(&viewers.given[5]) - shown(&viewers.given[4]), PICTURE);
}

#[test]
fn pictures_that_lean_on_what_was_not_given_are_left_out() {
    let mut frames = Broadcast {
        sound: false,
        ..Broadcast::plain(&[6])
    }
    .frames(0);
    // Shown before the key frame that it comes after.
    frames[0].composition_offset = 3 * PICTURE as u32;
    let mut viewers = Viewers::new();
    viewers.source(tracks(false, b"a"), &frames);
    let given: Vec<_> = viewers.track(LiveTrack::Video);
    let given: Vec<_> = given.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        given,
        ["picture 0 0", "picture 0 3", "picture 0 4", "picture 0 5"]
    );
}

#[test]
fn other_codecs_are_another_setup() {
    let frames = Broadcast::plain(&[10, 10]).frames(0);
    let other = Broadcast {
        looks: Looks::Moving(1),
        sound: false,
        ..Broadcast::plain(&[10])
    };
    let mut viewers = Viewers::new();
    viewers.source(tracks(true, b"a"), &frames);
    let there = viewers.given.len();
    viewers.source(tracks(false, b"b"), &other.frames(-5_000));
    assert_eq!(viewers.setups, 2);
    assert_eq!(viewers.given.len(), there + 10);
    let pictures = viewers.track(LiveTrack::Video);
    assert_eq!(pictures[20].1 - pictures[19].1, PICTURE);
}

#[test]
fn sound_alone_goes_on_too() {
    let sound = |shift_ms| of(&Broadcast::plain(&[50]).frames(shift_ms), LiveTrack::Audio);
    let frames = sound(0);
    let tracks = || vec![tracks(true, b"a").remove(1)];
    let mut viewers = Viewers::new();
    viewers.source(tracks(), &frames[..30]);
    viewers.source(tracks(), &sound(1_234)[20..]);
    assert_eq!(viewers.given, frames);
}

fn broadcast() -> impl Strategy<Value = Broadcast> {
    let groups = prop::collection::vec(1..14_usize, 2..8);
    let looks = prop_oneof![3 => Just(Looks::Moving(0)), 1 => Just(Looks::Still)];
    (groups, any::<bool>(), any::<bool>(), looks).prop_map(|(groups, reordered, sound, looks)| {
        Broadcast {
            groups,
            reordered,
            sound,
            looks,
        }
    })
}

/// A source: another clock, a part of the stream, holes in it, maybe another stream.
#[derive(Clone, Debug)]
struct Source {
    shift_ms: i64,
    from: prop::sample::Index,
    length: prop::sample::Index,
    holes: Vec<prop::sample::Index>,
    other: bool,
    setup: bool,
}

fn source() -> impl Strategy<Value = Source> {
    (
        -9_000..100_000_i64,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(shift_ms, from, length, holes, other, setup)| Source {
            shift_ms,
            from,
            length,
            holes,
            other,
            setup,
        })
}

proptest! {
    #[test]
    fn of_two_sources_of_one_stream_comes_the_stream(
        mut broadcast in broadcast(),
        cut: prop::sample::Index,
        back in 0..3_usize,
        shift_ms in -9_000..100_000_i64,
    ) {
        // What looks the same everywhere may be taken for another of its kind.
        broadcast.looks = Looks::Moving(0);
        let frames = broadcast.frames(0);
        let other = broadcast.frames(shift_ms);
        let cut = 1 + cut.index(frames.len() - 1);
        let starts = starts(&frames);
        let before = starts.iter().filter(|start| **start < cut).count() - 1;
        let mut viewers = Viewers::new();
        viewers.source(tracks(broadcast.sound, b"a"), &frames[..cut]);
        let from = starts[before.saturating_sub(back)];
        viewers.source(tracks(broadcast.sound, b"a"), &other[from..]);
        for track in LiveTrack::ALL {
            prop_assert_eq!(of(&viewers.given, track), of(&frames, track));
        }
        prop_assert_eq!(viewers.setups, 1);
    }

    #[test]
    fn still_pictures_and_silence_are_not_lost_for_their_likeness(
        mut broadcast in broadcast(),
        cut: prop::sample::Index,
    ) {
        // Both sources count time alike, as two requests to one server do.
        broadcast.looks = Looks::Still;
        let frames = broadcast.frames(0);
        let cut = 1 + cut.index(frames.len() - 1);
        let starts = starts(&frames);
        let before = starts.iter().filter(|start| **start < cut).count() - 1;
        let mut viewers = Viewers::new();
        viewers.source(tracks(broadcast.sound, b"a"), &frames[..cut]);
        viewers.source(tracks(broadcast.sound, b"a"), &frames[starts[before]..]);
        for track in LiveTrack::ALL {
            prop_assert_eq!(of(&viewers.given, track), of(&frames, track));
        }
    }

    #[test]
    fn whatever_sources_come_it_never_goes_backward_and_can_be_decoded(
        broadcast in broadcast(),
        sources in prop::collection::vec(source(), 1..6),
    ) {
        let mut viewers = Viewers::new();
        // What each picture leans on, as its source sent it.
        let mut lean: BTreeSet<(String, String)> = BTreeSet::new();
        for source in sources {
            let mut own = broadcast.clone();
            if source.other {
                own.looks = Looks::Moving(1);
            }
            let mut frames = own.frames(source.shift_ms);
            for hole in &source.holes {
                if frames.len() > 1 {
                    frames.remove(hole.index(frames.len()));
                }
            }
            let from = source.from.index(frames.len());
            let length = source.length.index(frames.len() - from);
            let frames = &frames[from..=from + length];
            for pair in of(frames, LiveTrack::Video).windows(2) {
                lean.insert((name(&pair[0]), name(&pair[1])));
            }
            let setup: &[u8] = if source.setup { b"b" } else { b"a" };
            viewers.source(tracks(own.sound, setup), frames);
        }
        viewers.never_backward()?;
        let pictures = of(&viewers.given, LiveTrack::Video);
        if let Some(first) = pictures.first() {
            prop_assert!(first.sync);
        }
        for pair in pictures.windows(2) {
            let leans = lean.contains(&(name(&pair[0]), name(&pair[1])));
            prop_assert!(pair[1].sync || leans, "{:?} after {:?}", pair[1], pair[0]);
        }
        // A gap is no longer than what was decoded early, or sound that ran ahead.
        for pair in pictures.windows(2) {
            let step = pair[1].decode_time - pair[0].decode_time;
            prop_assert!(step <= 90_000, "{step}");
        }
    }
}
