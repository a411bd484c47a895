//! MPEG transport streams as FFmpeg writes them, against the same stream in MP4.

use std::fs;
use std::path::Path;
use std::process::Command;

use loomcast::cmaf::Track;
use loomcast::live::LiveTrack;
use loomcast::live::demux::Demuxed;
use loomcast::live::ts::TsDemuxer;

use crate::codecs::{pictures, taken_apart};
use crate::support::{Scratch, have_ffmpeg};

/// Bytes that come at a time: seven packets, as by SRT.
const PIECE: usize = 1316;

/// Sound of three seconds in a file of fragments.
fn sound(scratch: &Scratch) -> std::path::PathBuf {
    let how = ["-c:a", "aac", "-ac", "2", "-frag_duration", "1000000"];
    let movflags = ["-movflags", "+empty_moov+default_base_moof"];
    let source = "sine=frequency=440:sample_rate=48000:duration=3";
    scratch.make("sound.mp4", &[source], &[&how[..], &movflags].concat())
}

/// Both files as one transport stream, not encoded again.
fn multiplexed(pictures: &Path, sound: &Path) -> Vec<u8> {
    let file = pictures.with_extension("ts");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-i"])
        .arg(pictures)
        .arg("-i")
        .arg(sound)
        .args(["-c", "copy", "-f", "mpegts"])
        .arg(&file)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success());
    fs::read(file).expect("a transport stream")
}

fn comes_out_as_in_mp4(encoder: &[&str], record_name: &[u8; 4]) {
    let scratch = Scratch::new();
    let pictures = pictures(&scratch, encoder);
    let sound = sound(&scratch);
    let stream = multiplexed(&pictures, &sound);
    let mut demuxer = TsDemuxer::default();
    let mut out = Vec::new();
    for piece in stream.chunks(PIECE) {
        out.extend(demuxer.push(piece).expect("a transport stream"));
    }
    out.extend(demuxer.end().expect("an end"));

    let (record, samples) = taken_apart(&pictures, record_name);
    let (tracks, frames): (Vec<_>, Vec<_>) = out
        .iter()
        .partition(|demuxed| matches!(demuxed, Demuxed::Begin(_)));
    let [Demuxed::Begin(tracks)] = tracks[..] else {
        panic!("one stretch")
    };
    let Track::Video(video) = &tracks[0].1 else {
        panic!("pictures")
    };
    assert_eq!((video.width, video.height), (320, 180));
    // An MP4 of HEVC may have more in its record.
    if record_name == b"avcC" {
        assert_eq!(video.config.record(), &record);
    }
    let of = |wanted: LiveTrack| {
        let frames = frames.iter().filter_map(move |demuxed| match demuxed {
            Demuxed::Frame(frame) if frame.track == wanted => Some(frame),
            _ => None,
        });
        frames.collect::<Vec<_>>()
    };
    let found = of(LiveTrack::Video);
    let start = found[0].decode_time;
    let found: Vec<_> = found
        .into_iter()
        .map(|frame| {
            let time = (frame.decode_time - start).unsigned_abs();
            let offset = frame.composition_offset.cast_signed();
            (time, offset, frame.sync, frame.data.clone())
        })
        .collect();
    assert_eq!(found.len(), samples.len());
    for (index, (found, sample)) in found.iter().zip(&samples).enumerate() {
        assert_eq!(found, sample, "picture {index}");
    }
    let (_, samples) = taken_apart(&sound, b"esds");
    let samples: Vec<_> = samples.into_iter().map(|(.., data)| data).collect();
    let found: Vec<_> = of(LiveTrack::Audio)
        .into_iter()
        .map(|frame| frame.data.clone())
        .collect();
    assert_eq!(found, samples);
}

#[test]
fn h264_in_a_transport_stream_is_what_it_is_in_an_mp4() {
    if have_ffmpeg("h264_in_a_transport_stream_is_what_it_is_in_an_mp4") {
        let encoder = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2"];
        comes_out_as_in_mp4(&encoder, b"avcC");
    }
}

#[test]
fn hevc_in_a_transport_stream_is_what_it_is_in_an_mp4() {
    if have_ffmpeg("hevc_in_a_transport_stream_is_what_it_is_in_an_mp4") {
        let encoder = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1"];
        let quiet = ["-x265-params", "log-level=none:info=0:keyint=50:bframes=2"];
        comes_out_as_in_mp4(&[&encoder[..], &quiet].concat(), b"hvcC");
    }
}
