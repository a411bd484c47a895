//! Streams of all shapes, cut.

use super::*;
use crate::cmaf::{decode_time, read_fragment};

const VIDEO: u32 = 90_000;
const AUDIO: u32 = 48_000;

fn cutting(part_ms: u32) -> Cutting {
    Cutting {
        segment_ms: 2_000,
        longest_ms: 4_000,
        part: PartTarget::new(part_ms).expect("allowed"),
    }
}

fn picture(at: i64, sync: bool) -> LiveFrame {
    LiveFrame {
        track: LiveTrack::Video,
        decode_time: at,
        composition_offset: 0,
        sync,
        data: vec![u8::from(sync); 10].into(),
    }
}

fn sound(at: i64) -> LiveFrame {
    LiveFrame {
        track: LiveTrack::Audio,
        decode_time: at,
        composition_offset: 0,
        sync: true,
        data: vec![7; 5].into(),
    }
}

/// Frames of a stream of 25 pictures a second with a key frame every `gop`, and
/// AAC, in the order of their times.
fn stream(seconds: i64, gop: Option<i64>, with_sound: bool) -> Vec<LiveFrame> {
    let pictures = gop.into_iter().flat_map(|gop| {
        (0..seconds * 25).map(move |index| picture(index * 3600, index % gop == 0))
    });
    let sounds = (0..seconds * i64::from(AUDIO) / 1024).map(|index| sound(index * 1024));
    let sounds = sounds.filter(|_| with_sound);
    let mut all: Vec<LiveFrame> = pictures.chain(sounds).collect();
    all.sort_by_key(|frame| {
        let timescale = if frame.track == LiveTrack::Video {
            VIDEO
        } else {
            AUDIO
        };
        frame.decode_time * 1_000_000 / i64::from(timescale)
    });
    all
}

/// A whole stream, cut.
fn cut(frames: Vec<LiveFrame>, clocks: Clocks) -> Vec<Cut> {
    cut_by(cutting(400), frames, clocks)
}

fn cut_by(cutting: Cutting, frames: Vec<LiveFrame>, clocks: Clocks) -> Vec<Cut> {
    let mut segmenter = Segmenter::new(cutting, clocks);
    let cuts = frames
        .into_iter()
        .flat_map(|frame| segmenter.push(frame).expect("frames"));
    let mut cuts: Vec<Cut> = cuts.collect();
    cuts.extend(segmenter.end().expect("an end").cuts);
    cuts
}

const BOTH: Clocks = Clocks {
    video: Some(VIDEO),
    audio: Some(AUDIO),
};

/// The segments of a track: when each begins, how long it says it is, its parts.
fn segments(cuts: &[Cut], wanted: LiveTrack) -> Vec<(i64, u32, Vec<Part>)> {
    let mut segments: Vec<(i64, u32, Vec<Part>)> = Vec::new();
    for cut in cuts {
        match cut {
            Cut::Opened { track, decode_time } if *track == wanted => {
                segments.push((*decode_time, 0, Vec::new()));
            }
            Cut::Part { track, part } if *track == wanted => {
                segments.last_mut().expect("opened").2.push(part.clone());
            }
            Cut::Closed { track, ticks } if *track == wanted => {
                segments.last_mut().expect("opened").1 = *ticks;
            }
            _ => {}
        }
    }
    segments
}

#[test]
fn a_segment_ends_at_the_first_key_frame_after_the_interval() {
    for (gop, expected) in [(25, 50), (50, 50), (30, 60), (75, 75), (12, 60)] {
        let cuts = cut(stream(20, Some(gop), true), BOTH);
        let video = segments(&cuts, LiveTrack::Video);
        for (index, (start, ticks, parts)) in video.iter().enumerate() {
            assert_eq!(*start, index as i64 * expected * 3600, "every {gop}");
            assert!(parts[0].meta.independent, "every {gop}");
            let whole = index + 1 < video.len();
            assert!(
                !whole || i64::from(*ticks) == expected * 3600,
                "every {gop}"
            );
        }
    }
}

#[test]
fn sound_goes_on_in_segments_while_pictures_stand_still() {
    let mut frames = vec![picture(0, true), picture(3600, false)];
    frames.extend((0..120 * i64::from(AUDIO) / 1024).map(|index| sound(index * 1024)));
    frames.push(picture(120 * 90_000, true));
    let count = frames.len() - 3;
    let cuts = cut(frames, BOTH);
    let audio = segments(&cuts, LiveTrack::Audio);
    let longest = audio.iter().map(|(_, ticks, _)| *ticks).max();
    assert!(
        longest.is_some_and(|ticks| ticks <= 4 * AUDIO + 1024),
        "{longest:?}"
    );
    let samples = audio.iter().flat_map(|(_, _, parts)| parts);
    let samples = samples.map(|part| read_fragment(&part.data).expect("a part").len());
    assert_eq!(samples.sum::<usize>(), count);
    // A picture that was there for two minutes is not said to be.
    let video = segments(&cuts, LiveTrack::Video);
    assert!(video.iter().all(|(_, ticks, _)| ticks * 2 < 9 * VIDEO));
    assert_eq!(video.last().map(|(start, ..)| *start), Some(120 * 90_000));
}

#[test]
fn times_of_any_size_are_cut_and_none_goes_back() {
    let times = [0, 1 << 40, 1 << 20, -(1 << 40), 1 << 41, (1 << 41) + 1];
    let mut frames: Vec<LiveFrame> = times.map(|at| picture(at, true)).into();
    frames.extend(times.map(sound));
    let cuts = cut(frames, BOTH);
    for track in LiveTrack::ALL {
        let mut end = i64::MIN;
        for (start, ticks, _) in segments(&cuts, track) {
            assert!(start >= end);
            end = start + i64::from(ticks);
        }
    }
}

#[test]
fn large_frames_and_many_are_given_out_before_a_part_is_as_long_as_it_may_be() {
    let large = |at: i64| LiveFrame {
        data: vec![1; 3 << 20].into(),
        ..picture(at, at == 0)
    };
    let mut segmenter = Segmenter::new(cutting(334), BOTH);
    let parts = |segmenter: &mut Segmenter, frame| {
        let cuts = segmenter.push(frame).expect("a frame").into_iter();
        cuts.filter(|cut| matches!(cut, Cut::Part { .. })).count()
    };
    let given: usize = (0..10).map(|at| parts(&mut segmenter, large(at))).sum();
    // Two of them are 6 MiB, three are more than a part may hold.
    assert_eq!(given, 4);
    let mut segmenter = Segmenter::new(cutting(334), BOTH);
    let given: usize = (0..10_000)
        .map(|at| parts(&mut segmenter, picture(at, at == 0)))
        .sum();
    assert_eq!(given, 2);
    // Sound that waits for pictures is as bounded.
    let loud = LiveFrame {
        data: vec![1; 1 << 20].into(),
        ..sound(0)
    };
    let mut segmenter = Segmenter::new(cutting(334), BOTH);
    segmenter.push(picture(0, true)).expect("a picture");
    (0..100).for_each(|_| drop(segmenter.push(loud.clone()).expect("sound")));
    assert!(segmenter.held_bytes <= MAX_HELD_BYTES);
}

#[test]
fn a_stream_without_key_frames_is_cut_where_the_promise_ends() {
    let cuts = cut(stream(20, Some(10_000), false), BOTH);
    let lengths: Vec<u32> = segments(&cuts, LiveTrack::Video)
        .iter()
        .map(|s| s.1)
        .collect();
    assert_eq!(lengths, [4 * VIDEO; 5]);
    let starts: Vec<bool> = segments(&cuts, LiveTrack::Video)
        .iter()
        .map(|s| s.2[0].meta.independent)
        .collect();
    assert_eq!(starts, [true, false, false, false, false]);
}

#[test]
fn sound_changes_over_at_its_first_frame_after_the_pictures() {
    let cuts = cut(stream(20, Some(50), true), BOTH);
    let (video, audio) = (
        segments(&cuts, LiveTrack::Video),
        segments(&cuts, LiveTrack::Audio),
    );
    assert_eq!(video.len(), audio.len());
    for (pictures, sound) in video.iter().zip(&audio) {
        let late = sound.0 * 1000 / i64::from(AUDIO) - pictures.0 * 1000 / i64::from(VIDEO);
        assert!((0..22).contains(&late), "{late} ms");
    }
}

#[test]
fn no_part_is_longer_than_promised_and_all_but_the_last_are_nearly_as_long() {
    let cuts = cut(stream(20, Some(50), true), BOTH);
    for (track, timescale) in [(LiveTrack::Video, VIDEO), (LiveTrack::Audio, AUDIO)] {
        let most = cutting(400).part.ticks(timescale);
        for (_, ticks, parts) in segments(&cuts, track) {
            let lengths: Vec<u32> = parts.iter().map(|part| part.meta.ticks).collect();
            assert_eq!(lengths.iter().sum::<u32>(), ticks);
            assert!(lengths.iter().all(|length| *length <= most), "{lengths:?}");
            let (_, full) = lengths.split_last().expect("parts");
            // What rfc8216bis asks of a part: 85 per cent of the target.
            assert!(
                full.iter().all(|length| *length * 100 >= most * 85),
                "{lengths:?}"
            );
        }
    }
}

#[test]
fn decode_times_go_on_from_part_to_part_and_nothing_is_lost() {
    let frames = stream(20, Some(50), true);
    let count = |wanted: LiveTrack| frames.iter().filter(|f| f.track == wanted).count();
    let counts = LiveTrack::ALL.map(count);
    let cuts = cut(frames, BOTH);
    for (track, expected) in LiveTrack::ALL.into_iter().zip(counts) {
        let (mut end, mut samples) = (0, 0);
        for (start, _, parts) in segments(&cuts, track) {
            assert_eq!(start, end);
            for part in parts {
                let time = start + decode_time(&part.data).expect("a part") as i64;
                assert_eq!(time, end);
                end += i64::from(part.meta.ticks);
                samples += read_fragment(&part.data).expect("a part").len();
            }
        }
        assert_eq!(samples, expected);
    }
}

#[test]
fn a_stream_begins_with_its_first_key_frame_and_the_sound_with_it() {
    let mut frames = stream(10, Some(50), true);
    // It is joined half a second late.
    frames.retain(|frame| {
        let timescale = if frame.track == LiveTrack::Video {
            VIDEO
        } else {
            AUDIO
        };
        frame.decode_time >= i64::from(timescale / 2)
    });
    let cuts = cut(frames, BOTH);
    let first = |track: LiveTrack| segments(&cuts, track)[0].0;
    assert_eq!(first(LiveTrack::Video), 2 * i64::from(VIDEO));
    let late = first(LiveTrack::Audio) - 2 * i64::from(AUDIO);
    assert!((0..1024).contains(&late), "{late}");
}

#[test]
fn sound_alone_breaks_by_the_interval() {
    let clocks = Clocks {
        video: None,
        audio: Some(AUDIO),
    };
    let cuts = cut(stream(20, None, true), clocks);
    let audio = segments(&cuts, LiveTrack::Audio);
    let (_, whole) = audio.split_last().expect("segments");
    assert!((9..=10).contains(&whole.len()), "{}", audio.len());
    for (_, ticks, _) in whole {
        assert!(ticks.abs_diff(2 * AUDIO) < 3 * 1024, "{ticks}");
    }
}

#[test]
fn sound_that_runs_ahead_is_held_only_for_so_long() {
    // Half a minute of sound comes before the next picture does.
    let mut segmenter = Segmenter::new(cutting(400), BOTH);
    segmenter.push(picture(0, true)).expect("a picture");
    segmenter.push(picture(3600, false)).expect("a picture");
    let mut parts = 0;
    for index in 0..30 * i64::from(AUDIO) / 1024 {
        let cuts = segmenter.push(sound(index * 1024)).expect("sound");
        parts += cuts
            .iter()
            .filter(|cut| matches!(cut, Cut::Part { .. }))
            .count();
        assert!(segmenter.held.len() <= 50);
    }
    assert!(parts > 60, "{parts}");
}

#[test]
fn sound_that_was_away_comes_back_without_a_segment_for_each_that_it_missed() {
    let mut frames = stream(60, Some(50), true);
    frames.retain(|frame| {
        let away = 4 * i64::from(AUDIO)..50 * i64::from(AUDIO);
        frame.track == LiveTrack::Video || !away.contains(&frame.decode_time)
    });
    let cuts = cut(frames, BOTH);
    let (video, audio) = (
        segments(&cuts, LiveTrack::Video),
        segments(&cuts, LiveTrack::Audio),
    );
    assert!(
        audio.len() < video.len() && audio.len() <= 2 + MAX_BREAKS + 6,
        "{}",
        audio.len()
    );
}

#[test]
fn frames_at_one_time_or_out_of_order_are_a_tick_apart_and_the_next_is_on_time() {
    let times = [0, 3600, 3600, 3500, 7200, 10_800];
    let frames = times.iter().enumerate();
    let frames = frames
        .map(|(index, time)| picture(*time, index == 0))
        .collect();
    let cuts = cut(frames, BOTH);
    let parts = &segments(&cuts, LiveTrack::Video)[0].2;
    let infos = read_fragment(&parts[0].data).expect("a part");
    let durations: Vec<u32> = infos.iter().map(|info| info.duration).collect();
    assert_eq!(durations, [3600, 1, 1, 3598, 3600, 3600]);
}

/// Pictures a second, as they are said: so many in so many thousandths of a second.
const RATES: [(i64, i64); 8] = [
    (24_000, 1001),
    (24_000, 1000),
    (25_000, 1000),
    (30_000, 1001),
    (30_000, 1000),
    (50_000, 1000),
    (60_000, 1001),
    (60_000, 1000),
];

/// Twenty seconds of pictures at a rate, a key frame every two seconds, their times in whole
/// milliseconds as RTMP has them, or exact as they are in MPEG-TS.
fn pictures_at((frames, in_ms): (i64, i64), whole_ms: bool) -> Vec<LiveFrame> {
    let gop = 2 * frames / 1000;
    let time = |index: i64| match whole_ms {
        true => index * in_ms * 1000 / frames * 90,
        false => index * in_ms * 90_000 / frames,
    };
    (0..10 * gop)
        .map(|index| picture(time(index), index % gop == 0))
        .collect()
}

#[test]
fn parts_are_as_long_as_promised_at_every_usual_rate_and_setting() {
    let clocks = |video, audio| Clocks { video, audio };
    for wished in (200..=1000).step_by(5).chain([334, 999]) {
        let cutting = cutting(wished);
        let mut streams: Vec<(String, Vec<LiveFrame>, LiveTrack, u32)> = Vec::new();
        for rate in RATES {
            for whole_ms in [true, false] {
                let name = format!("{rate:?}, whole milliseconds {whole_ms}");
                streams.push((name, pictures_at(rate, whole_ms), LiveTrack::Video, VIDEO));
            }
        }
        for rate in [48_000, 44_100] {
            let frames = (0..20 * i64::from(rate) / 1024).map(|index| sound(index * 1024));
            streams.push((format!("{rate}"), frames.collect(), LiveTrack::Audio, rate));
        }
        for (name, frames, track, timescale) in streams {
            let clocks = match track {
                LiveTrack::Audio => clocks(None, Some(timescale)),
                _ => clocks(Some(timescale), None),
            };
            let target = cutting.part.ticks(timescale);
            for (_, _, parts) in segments(&cut_by(cutting, frames, clocks), track) {
                let lengths: Vec<u32> = parts.iter().map(|part| part.meta.ticks).collect();
                let (last, full) = lengths.split_last().expect("parts");
                let kept = full.iter().all(|length| length * 100 >= target * 85);
                let longest = full.iter().chain([last]).max();
                assert!(
                    kept && longest <= Some(&target),
                    "{wished} ms, {name}: {lengths:?} of {target}"
                );
            }
        }
    }
}

/// The data of a track's frames in the order in which they come out.
fn data(cuts: &[Cut], track: LiveTrack) -> Vec<u8> {
    let parts = segments(cuts, track)
        .into_iter()
        .flat_map(|segment| segment.2);
    let mut all = Vec::new();
    for part in parts {
        let bytes: u32 = read_fragment(&part.data)
            .expect("a part")
            .iter()
            .map(|info| info.size)
            .sum();
        all.extend_from_slice(&part.data[part.data.len() - bytes as usize..]);
    }
    all
}

proptest::proptest! {
    #[test]
    fn every_frame_comes_out_once_and_in_order_however_late_its_sound_is(
        delays in proptest::collection::vec(0_i64..3_000, 40),
        burst in 1_usize..200,
    ) {
        // Each frame says which it is: four bytes are enough for all of them.
        let mut frames = stream(16, Some(50), true);
        let mut counts = [0_u32; 2];
        for frame in &mut frames {
            let count = &mut counts[usize::from(frame.track == LiveTrack::Audio)];
            frame.data = count.to_be_bytes().to_vec().into();
            *count += 1;
        }
        // Sound comes up to 0.9 s early and 2.1 s late by turns, and in bursts; but each
        // track keeps its own order.
        let (pictures, sounds): (Vec<_>, Vec<_>) =
            frames.into_iter().partition(|frame| frame.track == LiveTrack::Video);
        let mut arrivals: Vec<(i64, LiveFrame)> = pictures
            .into_iter()
            .map(|frame| (milliseconds(frame.decode_time, VIDEO), frame))
            .collect();
        let mut reached = 0;
        for (index, frame) in sounds.into_iter().enumerate() {
            let due = milliseconds(frame.decode_time, AUDIO) - 900
                + delays[index / burst % delays.len()];
            reached = due.max(reached);
            arrivals.push((reached, frame));
        }
        arrivals.sort_by_key(|(at, _)| *at);
        let frames = arrivals.into_iter().map(|(_, frame)| frame).collect();
        let cuts = cut(frames, BOTH);
        for (track, count) in LiveTrack::ALL.into_iter().zip(counts) {
            let whole: Vec<u8> = (0..count).flat_map(u32::to_be_bytes).collect();
            proptest::prop_assert_eq!(data(&cuts, track), whole, "{:?}", track);
        }
        // And what is written into playlists is what the parts are.
        for track in LiveTrack::ALL {
            let mut end = 0;
            for (start, ticks, parts) in segments(&cuts, track) {
                proptest::prop_assert_eq!(start, end);
                let sum: u32 = parts.iter().map(|part| part.meta.ticks).sum();
                proptest::prop_assert_eq!(sum, ticks);
                end += i64::from(ticks);
            }
        }
    }
}
