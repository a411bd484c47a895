use super::*;
use crate::cmaf::{AudioTrack, Colours, VideoTrack, read_fragment};
use crate::live::flv::{AudioTag, VideoTag, audio_tag, video_tag};

fn setup(tracks: &[LiveTrack]) -> Arc<Setup> {
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
    Arc::new(Setup::new(
        tracks.iter().map(track).collect(),
        UnixMillis(0),
    ))
}

fn packet(setup: &Arc<Setup>, track: LiveTrack, decode_time: i64, sync: bool) -> Packet {
    let frame = LiveFrame {
        track,
        decode_time,
        composition_offset: 7200,
        sync,
        data: Bytes::from_static(b"data"),
    };
    Packet::new(Arc::clone(setup), frame, 3600)
}

#[test]
fn decoding_begins_at_a_key_frame_or_with_sound_alone_anywhere() {
    let both = setup(&[LiveTrack::Audio, LiveTrack::Video]);
    assert!(packet(&both, LiveTrack::Video, 0, true).is_start());
    assert!(!packet(&both, LiveTrack::Video, 0, false).is_start());
    assert!(!packet(&both, LiveTrack::Audio, 0, true).is_start());
    let sound = setup(&[LiveTrack::Audio]);
    assert!(packet(&sound, LiveTrack::Audio, 0, true).is_start());
}

#[test]
fn a_frame_is_a_tag_of_flv_at_its_millisecond() {
    let both = setup(&[LiveTrack::Audio, LiveTrack::Video]);
    // An hour and 40 ms.
    let picture = packet(&both, LiveTrack::Video, 90 * 3_600_040, true);
    let tag = picture.flv().expect("a tag");
    assert_eq!(tag[0], 9);
    assert_eq!(tag[4..8], [0x36, 0xee, 0xa8, 0], "3 600 040 ms");
    let body = tag.slice(11..tag.len() - 4);
    let Ok(VideoTag::Frame {
        key,
        composition_ms,
        data,
        ..
    }) = video_tag(&body)
    else {
        panic!("not a picture")
    };
    assert_eq!((key, composition_ms, &data[..]), (true, 80, &b"data"[..]));
    let sound = packet(&both, LiveTrack::Audio, 48_000, true);
    let tag = sound.flv().expect("a tag");
    let body = tag.slice(11..tag.len() - 4);
    assert!(matches!(audio_tag(&body), Ok(AudioTag::Frame { .. })));
    assert_eq!(tag[4..8], [0, 3, 0xe8, 0]);
}

#[test]
fn what_a_frame_looks_like_is_written_once_for_all() {
    let both = setup(&[LiveTrack::Audio, LiveTrack::Video]);
    let one = packet(&both, LiveTrack::Video, 0, true);
    let other = one.clone();
    let same = |a: Option<&Bytes>, b: Option<&Bytes>| {
        a.expect("written").as_ptr() == b.expect("written").as_ptr()
    };
    assert!(same(one.flv(), other.flv()) && same(one.mp4(), other.mp4()));
    assert!(same(both.flv(), both.flv()));
}

#[test]
fn a_frame_is_a_fragment_of_its_track() {
    let both = setup(&[LiveTrack::Audio, LiveTrack::Video]);
    // Pictures first, whatever the order in which they were found.
    let picture = packet(&both, LiveTrack::Video, 90_000, true);
    let sound = packet(&both, LiveTrack::Audio, 48_000, true);
    let number = |packet: &Packet| packet.mp4().expect("a fragment")[44..48].to_vec();
    assert_eq!(number(&picture), [0, 0, 0, 1]);
    assert_eq!(number(&sound), [0, 0, 0, 2]);
    let fragment = picture.mp4().expect("a fragment");
    let samples = read_fragment(fragment).expect("whole");
    assert_eq!(samples.len(), 1);
    assert_eq!(crate::cmaf::decode_time(fragment).expect("whole"), 90_000);
}

#[test]
fn the_setup_of_flv_is_a_head_and_a_tag_a_track() {
    let sound = setup(&[LiveTrack::Audio]);
    assert_eq!(sound.flv_head()[4], 4, "sound alone");
    assert_eq!(
        sound.flv().expect("a tag")[..],
        *b"\x08\0\0\x04\0\0\0\0\0\0\0\xaf\0\x11\x90\0\0\0\x0f"
    );
    let both = setup(&[LiveTrack::Audio, LiveTrack::Video]);
    assert_eq!(both.flv_head()[4], 5);
    assert_eq!(both.codecs().expect("known"), "avc1.64001F,mp4a.40.2");
}
