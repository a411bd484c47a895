//! Tags of FLV, and the tracks and frames that they bring.

use loomcast::live::demux::{Demuxed, Demuxer};
use loomcast::live::flv::{MAX_READ_BODY_BYTES, TAG_OVERHEAD, TagReader, flv_header, write_tag};
use loomcast::live::{LiveFrame, LiveTrack};

use super::damage::{damage, noise, pieces};
use super::flv_stream::{Expected, FlvStream};
use super::memory::within;
use crate::choices::Choices;

/// How far sound may be from its tag's time, in milliseconds: where it is counted on it is
/// put right beyond 60.
const STRAY_MS: i64 = 62;

/// What is held for a byte that came.
const PER_BYTE: usize = 64;

/// What is held before the first.
const AT_FIRST: usize = 64 << 10;

/// A file of a stream, as it should be or damaged.
pub fn run(choices: &mut Choices<'_>) {
    let stream = FlvStream::new(choices);
    let mut file = flv_header(true, true).to_vec();
    for tag in &stream.tags {
        if choices.often(2) {
            // Of a kind that means nothing.
            file.extend(b"\x0f\0\0\x02\0\0\0\0\0\0\0xx\0\0\0\x0d");
        }
        file.extend(write_tag(tag.kind, tag.timestamp_ms, &tag.body).expect("small"));
    }
    match choices.below(10) {
        0..4 => whole(choices, &stream, &file),
        4 => {
            let count = choices.below(3000);
            let bytes = noise(choices, count);
            broken(choices, &bytes);
        }
        _ => {
            file.truncate(choices.pick(&[200, 2000, usize::MAX]));
            damage(choices, &mut file);
            broken(choices, &file);
        }
    }
}

/// Every tag is read as it was written, and every frame comes out once, in order.
fn whole(choices: &mut Choices<'_>, stream: &FlvStream, file: &[u8]) {
    let mut reader = TagReader::default();
    let mut demuxer = Demuxer::default();
    let mut written = stream.tags.iter();
    let mut out = Vec::new();
    for piece in pieces(choices, file) {
        reader.feed(piece);
        while let Some(tag) = reader.next_tag().expect("FLV") {
            let expected = written.next().expect("a tag");
            assert_eq!(
                (tag.kind, tag.timestamp_ms),
                (expected.kind, expected.timestamp_ms)
            );
            assert_eq!(tag.body, expected.body);
            let demuxed = demuxer.push(tag.kind, tag.timestamp_ms, &tag.body);
            out.extend(demuxed.expect("a stream"));
        }
    }
    assert_eq!(written.count(), 0, "tags are missing");
    same_frames(&stream.frames, &out);
}

/// Where a stretch is in the time of its source: by its first picture, and its first sound.
#[derive(Default)]
struct Begun {
    stretch: usize,
    video: Option<(i64, i64)>,
    audio: Option<(i64, i64)>,
}

fn same_frames(expected: &[Expected], out: &[Demuxed]) {
    let mut rate = 1;
    let mut begun = Begun::default();
    let mut frames = expected.iter().enumerate();
    for demuxed in out {
        let frame = match demuxed {
            Demuxed::Begin(tracks) => {
                let sound = tracks.iter().find(|(kind, _)| *kind == LiveTrack::Audio);
                rate = sound.map_or(1, |(_, track)| i64::from(track.timescale()));
                continue;
            }
            Demuxed::Frame(frame) => frame,
            Demuxed::Other(_) | Demuxed::LeftOut(_) => panic!("sound that was not sent"),
        };
        let (number, expected) = frames.next().expect("a frame more than there are");
        if begun.stretch != expected.stretch {
            begun = Begun {
                stretch: expected.stretch,
                ..Begun::default()
            };
        }
        same_frame(number, expected, frame, rate, &mut begun);
    }
    assert_eq!(frames.count(), 0, "frames are missing");
}

fn same_frame(number: usize, expected: &Expected, frame: &LiveFrame, rate: i64, begun: &mut Begun) {
    assert_eq!(
        (frame.track, frame.sync),
        (expected.track, expected.sync),
        "{number}"
    );
    assert_eq!(frame.data, expected.data, "{number}");
    match frame.track {
        LiveTrack::Audio => {
            let now = (expected.ms, frame.decode_time * 1000 / rate);
            let first = *begun.audio.get_or_insert(now);
            let stray = (now.1 - first.1) - (now.0 - first.0);
            assert!(stray.abs() <= 2 * STRAY_MS, "{number}: {stray} ms");
        }
        _ => {
            let now = (expected.ms, frame.decode_time);
            let first = *begun.video.get_or_insert(now);
            assert_eq!(now.1 - first.1, (now.0 - first.0) * 90, "{number}");
            assert_eq!(
                frame.composition_offset,
                expected.composition_ms as u32 * 90
            );
        }
    }
}

/// Whatever comes, reading it ends.
fn broken(choices: &mut Choices<'_>, bytes: &[u8]) {
    let most = AT_FIRST + MAX_READ_BODY_BYTES + TAG_OVERHEAD + PER_BYTE * bytes.len();
    within(most, || {
        let mut reader = TagReader::default();
        let mut demuxer = Demuxer::default();
        let mut tags = 0;
        for piece in pieces(choices, bytes) {
            reader.feed(piece);
            loop {
                match reader.next_tag() {
                    Ok(Some(tag)) => {
                        tags += 1;
                        assert!(
                            tags * TAG_OVERHEAD <= bytes.len(),
                            "a tag that did not come"
                        );
                        // What cannot be published ends the connection.
                        if demuxer.push(tag.kind, tag.timestamp_ms, &tag.body).is_err() {
                            return;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
    });
}
