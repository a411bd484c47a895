//! Live streams of other codecs than H.264 and AAC. FFmpeg 5.1 sends none of them by
//! RTMP, so what it encodes is taken out of its files and sent by an encoder of the
//! tests' own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use bytes::Bytes;
use loomcast::cmaf::read_fragment;
use loomcast::live::flv::{
    AudioCodec, VideoCodec, audio_config_body, audio_frame_body, video_config_body,
    video_frame_body,
};
use rtmp_runtime::client::{ClientConfig, ClientSession};
use serde_json::{Value, json};

use crate::live::{await_status, folder, frames, server};
use crate::players::{Viewing, play_in_chromium};
use crate::server::{Server, have};
use crate::support::{Scratch, have_ffmpeg};

/// How long what is published here lasts.
const SECONDS: u32 = 5;

/// Ticks a millisecond of the files' clocks.
const VIDEO_TICKS: u64 = 90;
const AUDIO_TICKS: u64 = 48;

/// A message of RTMP: when it is sent, whether of pictures, and its body.
type Tag = (u64, bool, Bytes);

/// A sample of a file: when it is decoded, in ticks; its offset; whether it is a key
/// frame; what it holds.
pub type Taken = (u64, i32, bool, Bytes);

/// The body of the first box named `name`, wherever it is, and the samples.
pub fn taken_apart(file: &Path, name: &[u8; 4]) -> (Bytes, Vec<Taken>) {
    let bytes = Bytes::from(fs::read(file).expect("the file"));
    let length = |at: usize| {
        let length = bytes[at..].first_chunk::<4>().expect("a length");
        u32::from_be_bytes(*length) as usize
    };
    let at = bytes.windows(4).position(|window| window == name);
    let at = at.expect("the box") - 4;
    let record = bytes.slice(at + 8..at + length(at));
    let (mut samples, mut time, mut at, mut moof) = (Vec::new(), 0, 0, 0);
    while at < bytes.len() {
        let end = at + length(at);
        match &bytes[at + 4..at + 8] {
            b"moof" => moof = at,
            b"mdat" => {
                let part = bytes.slice(moof..end);
                for info in read_fragment(&part).expect("a fragment") {
                    let start = info.offset as usize;
                    let data = part.slice(start..start + info.size as usize);
                    samples.push((time, info.composition_offset, info.sync, data));
                    time += u64::from(info.duration);
                }
            }
            _ => {}
        }
        at = end;
    }
    (record, samples)
}

/// Pictures in a file of fragments, as `encoder` encodes them.
pub fn pictures(scratch: &Scratch, encoder: &[&str]) -> std::path::PathBuf {
    let source = format!("testsrc2=size=320x180:rate=25:duration={SECONDS}");
    let how = [
        encoder,
        &[
            "-pix_fmt",
            "yuv420p",
            "-g",
            "50",
            "-video_track_timescale",
            "90000",
        ],
        &["-movflags", "+delay_moov+default_base_moof+frag_keyframe"],
    ];
    scratch.make("pictures.mp4", &[&source], &how.concat())
}

/// The tags of pictures. Encoders of AV1 may send delimiters, so this one does.
fn video_tags(file: &Path, codec: VideoCodec) -> Vec<Tag> {
    let name = match codec {
        VideoCodec::Avc => b"avcC",
        VideoCodec::Hevc => b"hvcC",
        VideoCodec::Av1 => b"av1C",
    };
    let (record, samples) = taken_apart(file, name);
    let config = (0, true, video_config_body(codec, &record));
    let frames = samples.into_iter().map(|(time, offset, key, data)| {
        let data = match codec {
            VideoCodec::Av1 => [&b"\x12\0"[..], &data].concat().into(),
            _ => data,
        };
        let offset = offset / VIDEO_TICKS as i32;
        let body = video_frame_body(codec, key, offset, &data);
        (time / VIDEO_TICKS, true, body)
    });
    [config].into_iter().chain(frames).collect()
}

/// The tags of Opus, with its head as RTMP has it: the numbers the other way round.
fn opus_tags(scratch: &Scratch) -> (std::path::PathBuf, Vec<Tag>) {
    let source = format!("sine=frequency=440:sample_rate=48000:duration={SECONDS}");
    let how = ["-c:a", "libopus", "-ac", "2", "-frag_duration", "1000000"];
    let movflags = ["-movflags", "+empty_moov+default_base_moof"];
    let file = scratch.make("sound.mp4", &[&source], &[&how[..], &movflags].concat());
    let (record, samples) = taken_apart(&file, b"dOps");
    let mut head = b"OpusHead\x01".to_vec();
    head.push(record[1]);
    for field in [&record[2..4], &record[4..8], &record[8..10]] {
        head.extend(field.iter().rev());
    }
    head.push(0);
    let config = (0, false, audio_config_body(AudioCodec::Opus, &head));
    let frames = samples.into_iter().map(|(time, _, _, data)| {
        let body = audio_frame_body(AudioCodec::Opus, &data);
        (time / AUDIO_TICKS, false, body)
    });
    let tags = [config].into_iter().chain(frames).collect();
    (file, tags)
}

/// Publishes `tags` in the order of their times, and goes.
fn publish(server: &Server, name: &str, mut tags: Vec<Tag>) {
    tags.sort_by_key(|(time, ..)| *time);
    let address = server.rtmp(name);
    let host = address.strip_prefix("rtmp://").expect("an address");
    let host = host.split('/').next().expect("a host");
    let mut socket = TcpStream::connect(host).expect("a connection");
    let mut config = ClientConfig::default();
    config.app = "live".into();
    config.stream_key = name.into();
    let mut session = ClientSession::new(config);
    socket.write_all(&session.start()).expect("it listens");
    let mut buffer = vec![0; 4096];
    while !session.is_publishing() {
        let count = socket.read(&mut buffer).expect("an answer");
        assert!(count > 0, "it was sent away");
        let (answer, _) = session.handle_data(&buffer[..count]).expect("RTMP");
        socket.write_all(&answer).expect("it listens");
    }
    for (time, of_pictures, body) in tags {
        let time = u32::try_from(time).expect("a short stream");
        let message = match of_pictures {
            true => session.send_video(time, &body),
            false => session.send_audio(time, &body),
        };
        let message = message.expect("a message");
        socket.write_all(&message).expect("it listens");
    }
}

fn comes_out_as_it_went_in(encoder: &[&str], codec: VideoCodec, named: &str) {
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = pictures(&scratch, encoder);
    let (sound, mut tags) = opus_tags(&scratch);
    tags.extend(video_tags(&file, codec));
    publish(&server, "show", tags);
    let told = await_status(&server, "show", "ended");
    let tracks = told["tracks"].as_array().expect("tracks");
    let codecs: Vec<&str> = tracks
        .iter()
        .filter_map(|track| track["codec"].as_str())
        .collect();
    assert!(
        codecs[0].starts_with(named) && codecs[1] == "opus",
        "{codecs:?}"
    );

    let index = server.url("/live/show/index.m3u8");
    let source = file.to_str().expect("a plain path");
    let how = ["-fps_mode", "passthrough"];
    let went_in = frames(source, "0:v", &how);
    assert_eq!(went_in.len(), SECONDS as usize * 25);
    assert_eq!(frames(&index, "0:v", &how), went_in);
    let went_in = frames(
        sound.to_str().expect("a plain path"),
        "0:a",
        &["-c", "copy"],
    );
    let came_out = frames(&index, "0:a:0", &["-c", "copy"]);
    assert!(went_in.ends_with(&came_out) && came_out.len() + 3 > went_in.len());
}

#[test]
fn hevc_and_opus_come_out_frame_by_frame_as_they_went_in() {
    if !have_ffmpeg("hevc_and_opus_come_out_frame_by_frame_as_they_went_in") {
        return;
    }
    let encoder = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1"];
    let quiet = ["-x265-params", "log-level=none:keyint=50:bframes=2"];
    comes_out_as_it_went_in(
        &[&encoder[..], &quiet].concat(),
        VideoCodec::Hevc,
        "hvc1.1.6.L",
    );
}

#[test]
fn av1_and_opus_come_out_frame_by_frame_as_they_went_in() {
    if !have_ffmpeg("av1_and_opus_come_out_frame_by_frame_as_they_went_in") {
        return;
    }
    let encoder = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8"];
    comes_out_as_it_went_in(&encoder, VideoCodec::Av1, "av01.0.0");
}

#[test]
fn chromium_plays_av1_and_opus() {
    if !have_ffmpeg("chromium_plays_av1_and_opus") || !have("chromium", "AV1 in Chromium") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let encoder = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8"];
    let file = pictures(&scratch, &encoder);
    let (_, mut tags) = opus_tags(&scratch);
    tags.extend(video_tags(&file, VideoCodec::Av1));
    publish(&server, "show", tags);
    await_status(&server, "show", "ended");
    let played = play_in_chromium(&server, "/live/show/index.m3u8", Viewing::default());
    assert_eq!(played["reason"], "ended", "{played:#}");
    assert_eq!(played["fatal"], json!([]), "{played:#}");
    assert_eq!(played["media_error"], Value::Null, "{played:#}");
    assert!(played["frames"].as_u64() > Some(100), "{played:#}");
    let buffered = played["buffered"].as_array().expect("ranges");
    assert_eq!(buffered.len(), 1, "no hole: {played:#}");
}
