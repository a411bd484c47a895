//! What an Edit's `output` asks for: formats, parts of a timeline, pictures beside it.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::{Server, small_edit};
use crate::support::{Loomcast, Scratch, decode_sound, ffmpeg, ffprobe, have_ffmpeg};

const SIZE: (usize, usize) = (320, 180);

/// Moving pictures and music for `seconds`, made into `output`.
fn moving(seconds: u32, output: Value) -> Value {
    let mut whole = json!({"size": {"width": SIZE.0, "height": SIZE.1}, "fps": 30});
    merge(&mut whole, output);
    json!({
        "timeline": {
            "soundtrack": {"src": "music.wav"},
            "tracks": [{"clips": [
                {"asset": {"type": "video", "src": "bars.mp4", "volume": 0}, "start": 0, "length": seconds},
            ]}],
        },
        "output": whole,
    })
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

/// A folder with the files that [`moving`] needs.
fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.footage("bars.mp4", "testsrc2", 4);
    scratch.music("music.wav", 4, 220);
    scratch
}

/// All frames of a file as RGB.
fn frames(file: &Path, size: (usize, usize)) -> Vec<Vec<u8>> {
    let args = ["-i".as_ref(), file.as_os_str()];
    let out = [
        "-vsync",
        "passthrough",
        "-sws_flags",
        "accurate_rnd+full_chroma_int+full_chroma_inp",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ];
    let bytes = ffmpeg(args.into_iter().chain(out.map(OsStr::new)));
    let frame = size.0 * size.1 * 3;
    assert_eq!(bytes.len() % frame, 0, "{}", file.display());
    bytes.chunks(frame).map(<[u8]>::to_vec).collect()
}

/// How far two pictures are apart, on average of all samples.
fn apart(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len() as f64
}

fn stream<'a>(probed: &'a Value, kind: &str) -> &'a Value {
    let streams = probed["streams"].as_array().expect("streams");
    streams
        .iter()
        .find(|stream| stream["codec_type"] == kind)
        .unwrap_or_else(|| panic!("no {kind}: {probed:#}"))
}

#[test]
fn each_format_is_what_it_is_called() {
    if !have_ffmpeg("each_format_is_what_it_is_called") {
        return;
    }
    let scratch = scratch();
    let loomcast = Loomcast::new(&scratch, "data");
    for (format, codec, frames) in [
        ("mp4", "h264", "60"),
        ("webm", "vp9", "60"),
        ("gif", "gif", "60"),
        ("jpg", "mjpeg", "1"),
        ("png", "png", "1"),
        ("bmp", "bmp", "1"),
    ] {
        let edit = scratch.edit("t.json", &moving(2, json!({"format": format})));
        let file = scratch.path(&format!("out.{format}"));
        loomcast.render(&edit, &file, &[]);
        let probed = ffprobe(&file, &["-show_streams", "-show_format", "-count_frames"]);
        let video = stream(&probed, "video");
        assert_eq!(video["codec_name"], codec);
        assert_eq!(
            (&video["width"], &video["height"]),
            (&json!(320), &json!(180))
        );
        assert_eq!(video["nb_read_frames"], frames, "{format}");
        if format == "webm" || format == "mp4" {
            assert_eq!(video["avg_frame_rate"], "30/1", "{format}");
            assert_eq!(video["pix_fmt"], "yuv420p", "{format}: no alpha");
            let sound = stream(&probed, "audio");
            let codec = if format == "webm" { "opus" } else { "aac" };
            assert_eq!(
                (&sound["codec_name"], &sound["sample_rate"]),
                (&json!(codec), &json!("48000"))
            );
        }
        if frames != "1" {
            let duration = probed["format"]["duration"].as_str().expect("a duration");
            let duration: f64 = duration.parse().expect("seconds");
            assert!((duration - 2.0).abs() < 0.05, "{format}: {duration}");
        }
    }
}

#[test]
fn an_mp3_lasts_as_long_as_the_timeline_to_the_sample() {
    if !have_ffmpeg("an_mp3_lasts_as_long_as_the_timeline_to_the_sample") {
        return;
    }
    let scratch = scratch();
    let loomcast = Loomcast::new(&scratch, "data");
    let edit = scratch.edit("t.json", &moving(2, json!({"format": "mp3"})));
    loomcast.render(&edit, &scratch.path("all.mp3"), &[]);
    let probed = ffprobe(&scratch.path("all.mp3"), &["-show_streams"]);
    assert_eq!(stream(&probed, "audio")["codec_name"], "mp3");
    let all = decode_sound(&scratch.path("all.mp3"));
    assert_eq!(all.len(), 2 * 96_000);
    // It is the music that is in it.
    let music = decode_sound(&scratch.path("music.wav"));
    let far = |a: &[f32], b: &[f32]| {
        let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
        sum / a.len() as f32
    };
    let loud = far(&music[9600..96_000], &vec![0.0; 86_400]);
    assert!(far(&all[9600..96_000], &music[9600..96_000]) < loud / 3.0);
}

#[test]
fn a_solid_colour_comes_out_the_same_in_every_format() {
    if !have_ffmpeg("a_solid_colour_comes_out_the_same_in_every_format") {
        return;
    }
    let scratch = Scratch::new();
    scratch.solid("blue.png", "0x3070c0", "64x64");
    let loomcast = Loomcast::new(&scratch, "data");
    for format in ["mp4", "webm", "gif", "jpg", "png", "bmp"] {
        let edit = json!({
            "timeline": {"tracks": [{"clips": [
                {"asset": {"type": "image", "src": "blue.png"}, "start": 0, "length": 1},
            ]}]},
            "output": {"format": format, "size": {"width": 64, "height": 64}, "fps": 12},
        });
        let edit = scratch.edit("t.json", &edit);
        let file = scratch.path(&format!("out.{format}"));
        loomcast.render(&edit, &file, &[]);
        let first = &frames(&file, (64, 64))[0];
        for pixel in first.chunks(3) {
            let far = pixel
                .iter()
                .zip([0x30, 0x70, 0xc0])
                .map(|(a, b)| a.abs_diff(b));
            assert!(far.max() <= Some(2), "{format}: {pixel:?}");
        }
    }
}

#[test]
fn a_gif_is_repeated_unless_it_is_to_be_played_once_and_made_once() {
    if !have_ffmpeg("a_gif_is_repeated_unless_it_is_to_be_played_once_and_made_once") {
        return;
    }
    let scratch = scratch();
    let loomcast = Loomcast::new(&scratch, "data");
    let kept = || {
        std::fs::read_dir(scratch.path("data/files"))
            .expect("a folder")
            .count()
    };
    for (repeat, files) in [(true, 1), (false, 2), (true, 2)] {
        let edit = scratch.edit(
            "t.json",
            &moving(1, json!({"format": "gif", "repeat": repeat})),
        );
        let file = scratch.path("out.gif");
        loomcast.render(&edit, &file, &[]);
        let bytes = std::fs::read(&file).expect("reads");
        let loops = bytes.windows(11).any(|window| window == b"NETSCAPE2.0");
        assert_eq!(loops, repeat);
        assert_eq!(kept(), files);
    }
}

#[test]
fn a_range_has_the_frames_and_the_sound_of_the_whole_and_most_of_its_chunks() {
    if !have_ffmpeg("a_range_has_the_frames_and_the_sound_of_the_whole_and_most_of_its_chunks") {
        return;
    }
    let scratch = scratch();
    let loomcast = Loomcast::new(&scratch, "data");
    let edit = scratch.edit(
        "t.json",
        &moving(4, json!({"format": "mp4", "quality": "high"})),
    );
    loomcast.render(&edit, &scratch.path("whole.mp4"), &["--chunk-max", "0.5"]);
    let (whole, part) = (scratch.path("whole.mp4"), scratch.path("part.mp4"));
    let options = ["--chunk-max", "0.5", "--range", "1,2"];
    let rendered = loomcast.render(&edit, &part, &options);
    assert_eq!(rendered.frames, 60);
    // What is rendered anew is at the ends.
    assert!(rendered.video <= 3, "{rendered:?}");
    let (whole_frames, part_frames) = (frames(&whole, SIZE), frames(&part, SIZE));
    assert_eq!((whole_frames.len(), part_frames.len()), (120, 60));
    for (index, frame) in part_frames.iter().enumerate() {
        let same = apart(frame, &whole_frames[30 + index]);
        let other = apart(frame, &whole_frames[29 + index]);
        assert!(same < 2.0 && same < other, "{index}: {same} {other}");
    }
    let (whole, part) = (decode_sound(&whole), decode_sound(&part));
    assert!(
        (2 * 96_000..2 * 96_000 + 2 * 2048).contains(&part.len()),
        "{}",
        part.len()
    );
    let far = |lag: usize| {
        let part = &part[8192..96_000];
        let whole = &whole[96_000 + 8192 + lag..];
        part.iter()
            .zip(whole)
            .map(|(a, b)| (a - b).abs())
            .sum::<f32>()
            / part.len() as f32
    };
    let (here, later) = (far(0), far(2 * 48));
    assert!(here < 0.02 && here < later / 2.0, "{here} {later}");
}

#[test]
fn pictures_are_of_the_frame_that_is_on() {
    if !have_ffmpeg("pictures_are_of_the_frame_that_is_on") {
        return;
    }
    let scratch = scratch();
    let loomcast = Loomcast::new(&scratch, "data");
    let output = json!({
        "format": "mp4", "quality": "veryhigh", "poster": {"capture": 1.51}, "thumbnail": {"capture": 0.5, "scale": 0.5},
    });
    let edit = scratch.edit("t.json", &moving(2, output));
    loomcast.render(&edit, &scratch.path("out.mp4"), &[]);
    let png = scratch.path("still.png");
    loomcast.render(&edit, &png, &["--format", "png", "--range", "1.51"]);
    let video = frames(&scratch.path("out.mp4"), SIZE);
    let still = &frames(&png, SIZE)[0];
    let poster = &frames(&scratch.path("out-poster.jpg"), SIZE)[0];
    for picture in [still, poster] {
        let best = (0..video.len())
            .min_by(|a, b| apart(picture, &video[*a]).total_cmp(&apart(picture, &video[*b])));
        assert_eq!(best, Some(45));
        assert!(apart(picture, &video[45]) < 3.0);
    }
    let probed = ffprobe(&scratch.path("out-thumbnail.jpg"), &["-show_streams"]);
    let thumbnail = stream(&probed, "video");
    assert_eq!(
        (&thumbnail["width"], &thumbnail["height"]),
        (&json!(160), &json!(90))
    );
}

#[test]
fn a_muted_video_has_no_sound_a_scaled_one_other_sides_and_rates_are_exact() {
    if !have_ffmpeg("a_muted_video_has_no_sound_a_scaled_one_other_sides_and_rates_are_exact") {
        return;
    }
    let scratch = scratch();
    let loomcast = Loomcast::new(&scratch, "data");
    for format in ["mp4", "webm"] {
        let output = json!({
            "format": format, "mute": true, "size": {"width": 800, "height": 450}, "scaleTo": "preview", "fps": 23.976,
        });
        let edit = scratch.edit("t.json", &moving(1, output));
        let file = scratch.path(&format!("out.{format}"));
        loomcast.render(&edit, &file, &[]);
        let probed = ffprobe(&file, &["-show_streams", "-count_frames"]);
        assert_eq!(
            probed["streams"].as_array().map(Vec::len),
            Some(1),
            "{format}"
        );
        let video = stream(&probed, "video");
        assert_eq!(
            (&video["width"], &video["height"]),
            (&json!(512), &json!(288))
        );
        assert_eq!(video["avg_frame_rate"], "24000/1001", "{format}");
        assert_eq!(video["nb_read_frames"], "24", "{format}");
    }
}

#[test]
fn the_files_ending_has_to_be_that_of_the_format() {
    let scratch = Scratch::new();
    scratch.solid("blue.png", "0x3070c0", "64x64");
    let loomcast = Loomcast::new(&scratch, "data");
    let edit = json!({
        "timeline": {"tracks": [{"clips": [
            {"asset": {"type": "image", "src": "blue.png"}, "start": 0, "length": 1},
        ]}]},
        "output": {"format": "mp4", "size": {"width": 64, "height": 64}},
    });
    let edit = scratch.edit("t.json", &edit);
    for (file, more, part) in [
        ("out.gif", vec![], "/output/format is mp4"),
        ("out.avi", vec![], "/output/format is mp4"),
        ("out.mp4", vec!["--format", "gif"], "/output/format is gif"),
        ("folder/", vec!["--format", "png"], "/output/format is png"),
        ("out.mp4", vec!["--range", "2"], "/output/range/start: 2s"),
        ("out.mp3", vec!["--format", "avi"], "expected one of mp4"),
    ] {
        let path = scratch.path(file);
        let args = [
            "render".as_ref(),
            edit.as_os_str(),
            "-o".as_ref(),
            path.as_os_str(),
        ];
        let ran = loomcast.run(args.into_iter().chain(more.iter().map(OsStr::new)));
        assert_eq!(ran.code, Some(2), "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}

#[test]
fn a_server_makes_what_was_asked_for_and_says_where_it_is() {
    let server = Server::start();
    let mut edit = small_edit(2, "#ed1703");
    merge(
        &mut edit["output"],
        json!({"format": "gif", "poster": {"capture": 1}, "thumbnail": {"capture": 1, "scale": 0.5}}),
    );
    let queued = server
        .post("/edit/v1/render", edit.to_string().as_bytes())
        .json();
    let id = queued["response"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/videos/{id}");
    let report = server.get(&path).json();
    let told = &report["urls"];
    assert_eq!(told["gif"], json!(format!("{path}.gif")), "{report:#}");
    // Each of them waits until it is there.
    let mut bodies = Vec::new();
    for (name, kind) in [
        ("gif", "image/gif"),
        ("poster", "image/jpeg"),
        ("thumbnail", "image/jpeg"),
    ] {
        let file = server.get(told[name].as_str().expect("an address"));
        assert_eq!((file.status, file.header("content-type")), (200, kind));
        assert!(file.header("etag").len() > 60);
        bodies.push(file.body);
    }
    assert!(bodies[0].starts_with(b"GIF89a"));
    let part = server.get_with(&format!("{path}.gif"), &[("range", "bytes=6-9")]);
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, &bodies[0][6..10])
    );
    let report = server.get(&path).json();
    assert_eq!(
        (&report["status"], &report["progress"]),
        (&json!("done"), &json!(1.0))
    );
    let render = server.get(&format!("/edit/v1/render/{id}")).json();
    let render = &render["response"];
    assert_eq!(render["status"], "done", "{render:#}");
    assert_eq!(render["url"], json!(server.url(&format!("{path}.gif"))));
    assert_eq!(
        render["poster"],
        json!(server.url(&format!("{path}/poster.jpg")))
    );
    assert_eq!(
        render["thumbnail"],
        json!(server.url(&format!("{path}/thumbnail.jpg")))
    );
    // Other formats are made when they are asked for.
    let webm = server.get(&format!("{path}.webm"));
    assert_eq!(
        (webm.status, webm.header("content-type")),
        (200, "video/webm")
    );
    assert_eq!(server.get(&format!("{path}.avi")).status, 404);
    assert_eq!(server.get(&format!("{path}.hls")).status, 404);
}
