use super::*;
use crate::cmaf::{
    AudioConfig, AudioTrack, Colours, VideoConfig, VideoTrack, decode_time, read_fragment,
};

/// Ticks between pictures: 1/25 s.
const STEP: i64 = 3_600;

fn tracks(kinds: &[LiveTrack]) -> Vec<(LiveTrack, Track)> {
    let track = |kind: &LiveTrack| {
        let track = match kind {
            LiveTrack::Video => Track::Video(VideoTrack {
                timescale: 90_000,
                width: 16,
                height: 16,
                config: VideoConfig::Avc(Bytes::from_static(
                    b"\x01\x64\x00\x1f\xff\xe1\0\x01\x67\x01\0\x01\x68",
                )),
                colours: Colours::BT709,
            }),
            _ => Track::Audio(AudioTrack {
                timescale: 48_000,
                channels: 2,
                config: AudioConfig::Aac(Bytes::from_static(&[0x11, 0x90])),
                bitrate: 128_000,
            }),
        };
        (*kind, track)
    };
    kinds.iter().map(track).collect()
}

fn picture(at: i64, sync: bool) -> LiveFrame {
    LiveFrame {
        track: LiveTrack::Video,
        decode_time: at,
        composition_offset: 7_200,
        sync,
        data: Bytes::from_static(b"picture"),
    }
}

fn sound(at: i64) -> LiveFrame {
    LiveFrame {
        track: LiveTrack::Audio,
        decode_time: at,
        composition_offset: 0,
        sync: true,
        data: Bytes::from_static(b"sound"),
    }
}

/// Decode time, durations and key frames of each fragment in `bytes`.
fn read(bytes: &Bytes) -> Vec<(u64, Vec<u32>, Vec<bool>)> {
    let mut rest = bytes.clone();
    let mut all = Vec::new();
    let length = |bytes: &Bytes| u32::from_be_bytes(bytes[..4].try_into().expect("4")) as usize;
    while !rest.is_empty() {
        let moof = length(&rest);
        let whole = moof + length(&rest.slice(moof..));
        let part = rest.split_to(whole);
        let infos = read_fragment(&part).expect("a fragment");
        all.push((
            decode_time(&part).expect("a time"),
            infos.iter().map(|info| info.duration).collect(),
            infos.iter().map(|info| info.sync).collect(),
        ));
    }
    all
}

#[test]
fn a_fragment_ends_at_a_key_frame_and_times_begin_at_the_first() {
    let mut fragments = Fragments::new(tracks(&LiveTrack::ALL));
    // An hour into the stream, with a picture that nothing can begin with.
    let hour = 3_600 * 90_000;
    let mut out = Vec::new();
    let mut push = |frame| out.extend(fragments.push(frame).expect("a frame"));
    push(picture(hour - STEP, false));
    push(sound(3_600 * 48_000 - 1024));
    push(picture(hour, true));
    for index in 0..50 {
        push(sound(3_600 * 48_000 + 1024 * index));
    }
    for index in 1..=50 {
        push(picture(hour + STEP * index, index % 25 == 0));
    }
    assert_eq!(out.len(), 2);
    let first = read(&out[0]);
    assert_eq!(first[0].0, 0);
    assert_eq!(first[0].1, [3_600; 25]);
    assert!(first[0].2[0] && !first[0].2[1..].contains(&true));
    // The last sound waits until it is known how long it lasts.
    assert_eq!((first[1].0, first[1].1.len()), (0, 49));
    assert_eq!(read(&out[1])[0].0, 90_000);
    let last = read(&fragments.finish().expect("ends").expect("a picture"));
    assert_eq!((last[0].0, &last[0].1[..]), (180_000, &[3_600][..]));
    assert_eq!(last[1].0, 49 * 1024);
    assert_eq!(fragments.reached_ms(), 2_040);
}

#[test]
fn a_source_without_key_frames_is_cut_by_time_and_by_size() {
    let mut fragments = Fragments::new(tracks(&[LiveTrack::Video]));
    let mut lengths = Vec::new();
    for index in 0..=600 {
        let fragment = fragments.push(picture(STEP * index, index == 0));
        if let Some(fragment) = fragment.expect("a frame") {
            lengths.push(read(&fragment)[0].1.len());
        }
    }
    assert_eq!(lengths, [250, 250]);

    let mut fragments = Fragments::new(tracks(&[LiveTrack::Video]));
    let large = |index: i64| LiveFrame {
        data: vec![0; 12 << 20].into(),
        ..picture(STEP * index, index == 0)
    };
    let cut: Vec<_> = (0..5)
        .map(|index| fragments.push(large(index)).expect("a frame").is_some())
        .collect();
    assert_eq!(cut, [false, false, true, false, true]);
}

#[test]
fn sound_alone_is_cut_every_second() {
    let mut fragments = Fragments::new(tracks(&[LiveTrack::Audio]));
    let cut = (0..200).filter(|index| {
        let fragment = fragments.push(sound(1024 * index)).expect("a frame");
        fragment.is_some()
    });
    assert_eq!(cut.count(), 4);
}

#[test]
fn a_clock_that_goes_back_is_another_file_and_jitter_is_not() {
    let mut fragments = Fragments::new(tracks(&LiveTrack::ALL));
    assert!(fragments.push(picture(0, true)).expect("a frame").is_none());
    for index in 0..100 {
        fragments.push(sound(1024 * index)).expect("a frame");
    }
    let back = sound(1024 * 97);
    assert!(fragments.goes_on(&back));
    fragments.push(back).expect("a frame");
    assert!(!fragments.goes_on(&sound(1024)));
}
