//! Joined chunks look and sound like one encode: no frame lost, no time
//! wrong, no dip in quality, no click, no drift.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use loomcast::cmaf;
use serde_json::{Value, json};

use crate::support::{
    Loomcast, Scratch, caption, decode_sound, ffmpeg, ffprobe, have_ffmpeg, numbers, segments, ssim,
};

const FPS: usize = 30;
const SECONDS: usize = 6;

/// Six seconds in which everything moves: footage, footage in a corner, a
/// picture that slides, a text that fades in and out.
fn moving(scratch: &Scratch) -> PathBuf {
    scratch.footage("scene.mp4", "testsrc2", 8);
    scratch.footage("fractal.mp4", "mandelbrot", 8);
    scratch.solid("badge.png", "0xE0B020", "60x60");
    scratch.music("music.wav", 8, 220);
    let edit = json!({
        "timeline": {
            "soundtrack": { "src": "music.wav" },
            "tracks": [
                { "clips": [{ "asset": caption("For {{ name }}"), "start": 1.5, "length": 3, "fit": "none",
                    "position": "bottom", "transition": { "in": "fade", "out": "fade" } }] },
                { "clips": [{ "asset": { "type": "image", "src": "badge.png" }, "start": 0, "length": 6, "fit": "none",
                    "offset": { "x": [{ "from": -0.4, "to": 0.4, "start": 0, "length": 6, "interpolation": "linear" }] } }] },
                { "clips": [{ "asset": { "type": "video", "src": "fractal.mp4", "volume": 0, "trim": 1 },
                    "start": 2, "length": 3, "scale": 0.4, "position": "topRight" }] },
                { "clips": [{ "asset": { "type": "video", "src": "scene.mp4", "volume": 0, "trim": 0.5 },
                    "start": 0, "length": 6 }] }
            ]
        },
        "output": { "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": FPS, "quality": "high" },
        "merge": [{ "find": "name", "replace": "Ana" }]
    });
    scratch.edit("moving.json", &edit)
}

/// The type (ISO/IEC 14496-10, table 7-1) of the first slice's NAL unit in a segment.
fn first_slice(segment: &[u8]) -> u8 {
    let length = |at: usize| {
        u32::from_be_bytes(segment[at..at + 4].try_into().expect("four bytes")) as usize
    };
    let mut at = 0;
    while &segment[at + 4..at + 8] != b"mdat" {
        at += length(at);
    }
    at += 8;
    loop {
        let kind = segment[at + 4] & 31;
        if (1..=5).contains(&kind) {
            return kind;
        }
        at += 4 + length(at);
    }
}

/// When the frames of a segment are shown, in decoding order.
fn shown(segment: &[u8]) -> Vec<i64> {
    let starts: Vec<usize> = segment
        .windows(8)
        .enumerate()
        .filter(|(_, bytes)| &bytes[4..] == b"moof")
        .map(|(at, _)| at)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([segment.len()]);
    let mut times = Vec::new();
    for (start, end) in starts.iter().zip(ends) {
        let part = &segment[*start..end];
        let mut decoded = cmaf::decode_time(part).expect("a part") as i64;
        for sample in cmaf::read_fragment(part).expect("a part") {
            times.push(decoded + i64::from(sample.composition_offset));
            decoded += i64::from(sample.duration);
        }
    }
    times
}

/// Ticks a second of the first stream that was probed.
fn clock(probed: &Value) -> i64 {
    let base = probed["streams"][0]["time_base"].as_str().expect("a clock");
    base.strip_prefix("1/")
        .and_then(|ticks| ticks.parse().ok())
        .expect("1/n")
}

#[test]
fn every_frame_is_there_once_at_its_time_and_every_segment_stands_alone() {
    if !have_ffmpeg("every_frame_is_there_once_at_its_time_and_every_segment_stands_alone") {
        return;
    }
    let scratch = Scratch::new();
    let edit = moving(&scratch);
    let user = Loomcast::new(&scratch, "data");
    let folder = scratch.path("hls");
    let rendered = user.render(&edit, &folder, &[]);
    let joined = scratch.path("joined.mp4");
    assert_eq!(user.render(&edit, &joined, &[]).hits, rendered.total);

    let probed = ffprobe(
        &joined,
        &[
            "-select_streams",
            "v",
            "-show_entries",
            "frame=pts:stream=time_base",
        ],
    );
    let step = clock(&probed) / FPS as i64;
    let every_step: Vec<i64> = (0..(SECONDS * FPS) as i64)
        .map(|frame| frame * step)
        .collect();
    assert_eq!(numbers(&probed, "frames", "pts"), every_step);

    let playlist = folder.join("index.m3u8");
    let probed = ffprobe(
        &playlist,
        &[
            "-select_streams",
            "v",
            "-show_entries",
            "frame=pts:stream=time_base",
        ],
    );
    assert_eq!(clock(&probed) / FPS as i64, step);
    // A stream begins as late as its first picture is shown after it is decoded, and
    // readers that know edit lists and those that don't see the same times.
    let delay = i64::from(loomcast::profile::REORDER_FRAMES) * step;
    let delayed: Vec<i64> = every_step.iter().map(|time| time + delay).collect();
    assert_eq!(numbers(&probed, "frames", "pts"), delayed);
    let mut shown: Vec<i64> = segments(&folder, "video")
        .iter()
        .flat_map(|segment| shown(segment))
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, delayed);

    let planned = user.plan(&edit, &[]);
    let chunks: Vec<_> = planned.iter().filter(|chunk| chunk.video).collect();
    let segments = segments(&folder, "video");
    assert_eq!(segments.len(), chunks.len());
    assert!(chunks.len() >= 6, "too few joints to tell anything");
    let init = fs::read(folder.join("video/init.mp4")).expect("is there");
    for (segment, chunk) in segments.iter().zip(chunks) {
        assert_eq!(
            first_slice(segment),
            5,
            "{chunk:?} begins with no IDR picture"
        );
        let alone = scratch.path("alone.mp4");
        fs::write(&alone, [&init[..], &segment[..]].concat()).expect("writes");
        let probed = ffprobe(&alone, &["-show_packets", "-show_frames"]);
        let both = probed["packets_and_frames"].as_array().expect("an array");
        let of = |kind: &str| {
            both.iter()
                .filter(|e| e["type"] == kind)
                .collect::<Vec<_>>()
        };
        let (packets, frames) = (of("packet"), of("frame"));
        let flags = packets[0]["flags"].as_str().expect("flags");
        assert!(flags.starts_with('K'), "{chunk:?}: {flags}");
        let expected = (chunk.duration * FPS as f64).round() as usize;
        assert_eq!(
            (packets.len(), frames.len()),
            (expected, expected),
            "{chunk:?}"
        );
    }
}

/// How much lower than anywhere else a frame beside a joint may score. Two
/// encodes of one picture differ by about as much from frame to frame.
const SSIM_TOLERANCE: f64 = 0.005;

#[test]
fn no_frame_beside_a_joint_looks_worse_than_the_others() {
    if !have_ffmpeg("no_frame_beside_a_joint_looks_worse_than_the_others") {
        return;
    }
    let scratch = Scratch::new();
    let edit = moving(&scratch);
    let user = Loomcast::new(&scratch, "data");
    let (chunked, whole) = (scratch.path("chunked.mp4"), scratch.path("whole.mp4"));
    user.render(&edit, &chunked, &[]);
    let one = ["--scheme", "fixed", "--chunk-max", "10"];
    assert_eq!(user.render(&edit, &whole, &one).total, 2, "a chunk a track");

    let joints: Vec<usize> = user
        .plan(&edit, &[])
        .iter()
        .filter(|chunk| chunk.video && chunk.start > 0.0)
        .map(|chunk| (chunk.start * FPS as f64).round() as usize)
        .collect();
    let scores = ssim(&scratch, &chunked, &whole, 0);
    assert_eq!(scores.len(), SECONDS * FPS);
    // Two frames on either side.
    let near = |frame: usize| {
        joints
            .iter()
            .any(|joint| (joint.saturating_sub(2)..joint + 2).contains(&frame))
    };
    let worst = |beside: bool| {
        let of = scores
            .iter()
            .enumerate()
            .filter(|(frame, _)| near(*frame) == beside);
        of.map(|(_, score)| *score).fold(1.0, f64::min)
    };
    let (beside, elsewhere) = (worst(true), worst(false));
    let shifted = ssim(&scratch, &chunked, &whole, 1);
    let shifted = shifted.iter().copied().fold(0.0, f64::max);
    eprintln!(
        "SSIM, {} joints: at worst {beside:.4} beside them, {elsewhere:.4} elsewhere; a frame late at best {shifted:.4}",
        joints.len()
    );
    assert!(beside >= elsewhere - SSIM_TOLERANCE, "{scores:?}");
    // The measure would see a frame out of its place.
    assert!(
        shifted < beside.min(elsewhere) - SSIM_TOLERANCE,
        "{shifted}"
    );
}

#[test]
fn a_colour_comes_out_as_it_went_in() {
    if !have_ffmpeg("a_colour_comes_out_as_it_went_in") {
        return;
    }
    let scratch = Scratch::new();
    scratch.solid("red.png", "0xC83232", "320x180");
    scratch.solid("dot.png", "0xC83232", "16x16");
    let output = json!({ "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": 30 });
    let still = json!({ "asset": { "type": "image", "src": "red.png" }, "start": 0, "length": 1 });
    let dot = json!({ "asset": { "type": "image", "src": "dot.png" }, "start": 0, "length": 1, "fit": "none" });
    let user = Loomcast::new(&scratch, "data");
    for (what, background, clip) in [("still", "#000000", still), ("background", "#C83232", dot)] {
        let edit = json!({
            "timeline": { "background": background, "tracks": [{ "clips": [clip] }] },
            "output": output
        });
        let edit = scratch.edit("colour.json", &edit);
        let file = scratch.path("colour.mp4");
        assert_eq!(user.render(&edit, &file, &[]).frames, 30);

        let entries = "stream=color_range,color_space,color_transfer,color_primaries";
        let tags = &ffprobe(&file, &["-show_entries", entries])["streams"][0];
        for (tag, value) in [
            ("color_range", "tv"),
            ("color_space", "bt709"),
            ("color_transfer", "bt709"),
            ("color_primaries", "bt709"),
        ] {
            assert_eq!(tags[tag], value, "{what}");
        }
        // No matrix is named here: the file's own tags must lead to the colour.
        let how = [
            "-sws_flags",
            "accurate_rnd+full_chroma_int",
            "-pix_fmt",
            "rgb24",
            "-f",
            "rawvideo",
            "-",
        ];
        let inputs = ["-i".as_ref(), file.as_os_str()];
        let pixels = ffmpeg(inputs.into_iter().chain(how.map(std::ffi::OsStr::new)));
        assert_eq!(pixels.len(), 30 * 320 * 180 * 3, "{what}");
        let off = |pixel: &[u8]| {
            let channels = pixel.iter().zip([0xC8, 0x32, 0x32]);
            channels
                .map(|(found, wanted)| found.abs_diff(wanted))
                .max()
                .unwrap_or(0)
        };
        let worst = pixels.chunks_exact(3).map(off).max().expect("pixels");
        eprintln!("#C83232 as a {what} comes out within {worst}/255");
        assert!(worst <= 2, "{what}: {worst}");
    }
}

const AAC_FRAME: usize = 1024;

/// A cheap picture under the soundtrack `src`.
fn sounding(scratch: &Scratch, src: &str, seconds: u32) -> PathBuf {
    scratch.solid("grey.png", "0x808080", "64x64");
    let edit = json!({
        "timeline": {
            "soundtrack": { "src": src },
            "tracks": [{ "clips": [{ "asset": { "type": "image", "src": "grey.png" }, "start": 0, "length": seconds }] }]
        },
        "output": { "format": "mp4", "size": { "width": 64, "height": 64 }, "fps": 12 }
    });
    scratch.edit("sounding.json", &edit)
}

/// The lag in samples at which two signals are most alike, the left channel of
/// a stretch from `at` on.
fn lag(decoded: &[f32], source: &[f32], at: usize) -> i64 {
    const STRETCH: usize = 8192;
    const MOST: i64 = 2200;
    let likeness = |lag: i64| -> f64 {
        let decoded = |i: usize| decoded[2 * (at as i64 + i as i64 + lag) as usize];
        (0..STRETCH)
            .map(|i| f64::from(decoded(i)) * f64::from(source[2 * (at + i)]))
            .sum()
    };
    (-MOST..=MOST)
        .max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
        .expect("lags")
}

/// Mean error energy (dB) of stereo frames whose index is in one of `places`.
fn error_db(decoded: &[f32], source: &[f32], within: impl Fn(usize) -> bool) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    let pairs = decoded
        .chunks_exact(2)
        .zip(source.chunks_exact(2))
        .enumerate();
    for (_, (a, b)) in pairs.filter(|(index, _)| within(*index)) {
        sum += f64::from(a[0] - b[0]).powi(2) + f64::from(a[1] - b[1]).powi(2);
        count += 2;
    }
    assert!(count > 0);
    10.0 * (sum / count as f64).log10()
}

#[test]
fn joined_sound_has_no_more_error_at_the_joints_than_between_them() {
    if !have_ffmpeg("joined_sound_has_no_more_error_at_the_joints_than_between_them") {
        return;
    }
    let scratch = Scratch::new();
    let source = decode_sound(&scratch.music("music.wav", 20, 196));
    assert!(
        source.iter().all(|sample| sample.abs() < 0.85),
        "louder than what passes untouched"
    );
    let edit = sounding(&scratch, "music.wav", 20);
    let user = Loomcast::new(&scratch, "data");
    let (folder, file) = (scratch.path("hls"), scratch.path("out.mp4"));
    let small = ["--chunk-max", "0.5"];
    user.render(&edit, &folder, &small);
    user.render(&edit, &file, &small);
    let joined = decode_sound(&folder.join("index.m3u8"));
    assert!(
        joined == decode_sound(&file),
        "the file sounds unlike the playlist"
    );

    let joints: Vec<usize> = user
        .plan(&edit, &small)
        .iter()
        .filter(|chunk| !chunk.video && chunk.start > 0.0)
        .map(|chunk| (chunk.start * 48_000.0).round() as usize)
        .collect();
    assert!(joints.len() >= 8, "{joints:?}");
    assert!(
        joints.iter().all(|joint| joint % AAC_FRAME == 0),
        "{joints:?}"
    );
    assert_eq!(
        joined.len() / 2,
        source.len().div_ceil(2 * AAC_FRAME) * AAC_FRAME
    );

    // One chunk for all: the encoder never begins anew.
    let whole = scratch.path("whole.mp4");
    let rendered = user.render(&edit, &whole, &["--scheme", "fixed", "--chunk-max", "10"]);
    assert_eq!(rendered.audio, 1, "{rendered:?}");
    let whole = decode_sound(&whole);
    for (what, decoded) in [("joined", &joined), ("whole", &whole)] {
        for at in [4096, 300_000, 600_000, 940_000] {
            assert_eq!(lag(decoded, &source, at), 0, "{what}, from sample {at} on");
        }
    }

    // The decoder has nothing to overlap the very first frame with, and the
    // last is filled up with silence.
    let heard = |index: usize| (2 * AAC_FRAME..source.len() / 2 - 2 * AAC_FRAME).contains(&index);
    let beside = |index: usize| {
        joints
            .iter()
            .any(|joint| joint.abs_diff(index) * 2 <= 3 * AAC_FRAME)
    };
    let near = |index: usize| heard(index) && beside(index);
    let far = |index: usize| heard(index) && !beside(index);
    let here = error_db(&joined, &source, near) - error_db(&joined, &source, far);
    let there = error_db(&whole, &source, near) - error_db(&whole, &source, far);
    let rate_control = error_db(&joined, &source, far) - error_db(&whole, &source, far);
    eprintln!(
        "sound, {} joints: error beside them {here:+.2} dB against elsewhere \
         (the same places of one encode: {there:+.2} dB); joined against one encode, elsewhere: {rate_control:+.2} dB",
        joints.len()
    );
    let worst = joints
        .iter()
        .map(|joint| {
            let near = |index: usize| heard(index) && joint.abs_diff(index) * 2 <= 3 * AAC_FRAME;
            error_db(&joined, &source, near) - error_db(&joined, &source, far)
        })
        .fold(f64::MIN, f64::max);
    eprintln!("the worst single joint: {worst:+.2} dB");
    assert!(here <= 1.0, "{here:+.2} dB");
    // A click at one joint would drown in the mean of all.
    assert!(worst <= 3.0, "{worst:+.2} dB");
    // The measure would see a sample too many or too few.
    let slipped = error_db(&joined[2..], &source, far) - error_db(&joined, &source, far);
    assert!(slipped > 1.0, "{slipped:+.2} dB");
}

const MINUTES: usize = 30;
const RATE: usize = 48_000;

/// Where the click of a minute is, in samples.
const fn click(minute: usize) -> usize {
    minute * 60 * RATE + RATE / 2
}

/// Half an hour of silence with a click a minute, 16-bit stereo. The silence
/// is a hole in the file.
fn clicks(path: &Path) {
    let bytes = (MINUTES * 60 * RATE * 4) as u32;
    let mut head = Vec::new();
    head.extend(b"RIFF");
    head.extend((36 + bytes).to_le_bytes());
    head.extend(b"WAVEfmt ");
    head.extend(16_u32.to_le_bytes());
    head.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    head.extend(
        [RATE as u32, RATE as u32 * 4]
            .map(u32::to_le_bytes)
            .concat(),
    );
    head.extend([4_u16, 16].map(u16::to_le_bytes).concat());
    head.extend(b"data");
    head.extend(bytes.to_le_bytes());
    let mut file = fs::File::create(path).expect("creates");
    file.write_all(&head).expect("writes");
    file.set_len(u64::from(bytes) + head.len() as u64)
        .expect("grows");
    for minute in 0..MINUTES {
        let at = head.len() + 4 * click(minute);
        file.seek(SeekFrom::Start(at as u64)).expect("seeks");
        file.write_all(&[24_000_i16; 2].map(i16::to_le_bytes).concat())
            .expect("writes");
    }
}

#[test]
fn half_an_hour_of_joined_chunks_has_not_drifted_by_a_sample() {
    if !have_ffmpeg("half_an_hour_of_joined_chunks_has_not_drifted_by_a_sample") {
        return;
    }
    let scratch = Scratch::new();
    clicks(&scratch.path("clicks.wav"));
    let edit = sounding(&scratch, "clicks.wav", (MINUTES * 60) as u32);
    let user = Loomcast::new(&scratch, "data");
    let folder = scratch.path("hls");
    let rendered = user.render(&edit, &folder, &["--chunk-max", "10"]);
    assert_eq!(rendered.frames, MINUTES * 60 * 12);
    // However long a still stands, few of its chunks differ.
    assert!(rendered.video <= 3, "{rendered:?}");
    assert!(
        rendered.total - rendered.video - rendered.audio >= MINUTES * 6 - 3,
        "{rendered:?}"
    );
    let playlist = folder.join("index.m3u8");

    // Times first: decoding alone would not see a gap.
    for (stream, count, a_second) in [
        ("v", MINUTES * 60 * 12, 12.0),
        (
            "a",
            MINUTES * 60 * RATE / AAC_FRAME,
            RATE as f64 / AAC_FRAME as f64,
        ),
    ] {
        let entries = "packet=pts:stream=time_base";
        let probed = ffprobe(
            &playlist,
            &["-select_streams", stream, "-show_entries", entries],
        );
        let step = (clock(&probed) as f64 / a_second) as i64;
        // Both begin when the first picture is shown.
        let start = clock(&probed) * i64::from(loomcast::profile::REORDER_FRAMES) / 12;
        let expected: Vec<i64> = (0..count as i64)
            .map(|index| start + index * step)
            .collect();
        let mut times = numbers(&probed, "packets", "pts");
        times.sort_unstable();
        assert!(times == expected, "{stream}");
    }

    let mut decoder = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(&playlist)
        .args([
            "-map",
            "0:a",
            "-filter:a",
            "pan=mono|c0=c0",
            "-f",
            "s16le",
            "-",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg runs");
    let mut sound = decoder.stdout.take().expect("piped");
    let mut loudest: Vec<(i16, usize)> = vec![(0, 0); MINUTES];
    let mut minute = vec![0; 60 * RATE * 2];
    let mut samples = 0;
    while sound.read_exact(&mut minute).is_ok() {
        let index = samples / (60 * RATE);
        let levels = minute
            .chunks_exact(2)
            .map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]).saturating_abs());
        let (at, level) = levels
            .enumerate()
            .max_by_key(|(_, level)| *level)
            .expect("samples");
        loudest[index] = (level, samples + at);
        samples += 60 * RATE;
        if index + 1 == MINUTES {
            break;
        }
    }
    let mut rest = Vec::new();
    sound.read_to_end(&mut rest).expect("reads");
    assert!(decoder.wait().expect("ends").success());
    assert_eq!(
        samples + rest.len() / 2,
        MINUTES * 60 * RATE,
        "samples in all"
    );
    for (index, (level, at)) in loudest.iter().enumerate() {
        assert!(
            *level > 12_000,
            "the click of minute {index} is but {level}"
        );
        assert_eq!(*at, click(index), "the click of minute {index}");
    }
    eprintln!(
        "half an hour, {} chunks: {MINUTES} clicks at their samples, {} samples in all",
        rendered.total,
        samples + rest.len() / 2
    );
}

/// The report of a render says what the files hold.
#[test]
fn both_tracks_of_the_playlist_are_named_and_of_one_length() {
    if !have_ffmpeg("both_tracks_of_the_playlist_are_named_and_of_one_length") {
        return;
    }
    let scratch = Scratch::new();
    scratch.music("music.wav", 3, 220);
    let edit = sounding(&scratch, "music.wav", 3);
    let folder = scratch.path("hls");
    Loomcast::new(&scratch, "data").render(&edit, &folder, &[]);
    let probed = ffprobe(&folder.join("index.m3u8"), &["-show_streams"]);
    let kinds: Vec<&Value> = probed["streams"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|s| &s["codec_name"])
        .collect();
    assert!(
        kinds.contains(&&json!("h264")) && kinds.contains(&&json!("aac")),
        "{kinds:?}"
    );
    let length = |track: &str| -> f64 {
        let text = fs::read_to_string(folder.join(track).join("index.m3u8")).expect("is there");
        assert!(text.contains("#EXT-X-ENDLIST"));
        let durations = text
            .lines()
            .filter_map(|line| line.strip_prefix("#EXTINF:"));
        durations
            .map(|d| d.trim_end_matches(',').parse::<f64>().expect("seconds"))
            .sum()
    };
    assert!((length("video") - 3.0).abs() < 1e-3);
    let frame = AAC_FRAME as f64 / RATE as f64;
    assert!((length("audio") - 3.0).abs() < frame, "{}", length("audio"));
}
