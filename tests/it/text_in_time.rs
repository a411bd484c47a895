//! Text that lives in time: it comes into sight, and it says what is being said.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Loomcast, Scratch, ffmpeg, have_ffmpeg};

const WIDTH: usize = 320;
const HEIGHT: usize = 180;
const FPS: usize = 12;

fn edit(asset: &Value, seconds: f64) -> Value {
    json!({
        "timeline": { "tracks": [{ "clips": [{ "asset": asset, "start": 0, "length": seconds }] }] },
        "output": { "format": "mp4", "size": { "width": WIDTH, "height": HEIGHT }, "fps": FPS, "quality": "veryhigh" }
    })
}

/// The frames of a video as red, green and blue.
fn frames(video: &Path) -> Vec<Vec<u8>> {
    let file = video.to_string_lossy();
    let args = [
        "-i",
        file.as_ref(),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ];
    ffmpeg(args)
        .chunks_exact(WIDTH * HEIGHT * 3)
        .map(<[u8]>::to_vec)
        .collect()
}

/// How many pixels that are like this there are in the left and in the right half.
fn halves(frame: &[u8], is_like: fn(&[u8]) -> bool) -> (usize, usize) {
    let mut found = (0, 0);
    for (at, pixel) in frame.chunks_exact(3).enumerate() {
        match is_like(pixel) {
            true if at % WIDTH < WIDTH / 2 => found.0 += 1,
            true => found.1 += 1,
            false => {}
        }
    }
    found
}

fn is_red(pixel: &[u8]) -> bool {
    pixel[0] > 150 && pixel[1] < 90 && pixel[2] < 90
}

fn is_light(pixel: &[u8]) -> bool {
    pixel[0] > 150 && pixel[1] > 150
}

const SUBTITLES: &str =
    "1\n00:00:00,500 --> 00:00:02,500\nMMMMM MMMMM\n\n2\n00:00:03,000 --> 00:00:04,000\nM\n";

fn rich_caption(style: &str) -> Value {
    json!({
        "type": "rich-caption", "src": "said.srt", "font": { "size": 28, "weight": 700 },
        "align": { "vertical": "middle" },
        "active": { "font": { "color": "#ff0000" } }, "animation": { "style": style }
    })
}

#[test]
fn words_are_marked_while_they_are_said_in_every_style() {
    if !have_ffmpeg("words_are_marked_while_they_are_said_in_every_style") {
        return;
    }
    let scratch = Scratch::new();
    let loomcast = Loomcast::new(&scratch, "data");
    fs::write(scratch.path("said.srt"), SUBTITLES).expect("writes");
    for style in [
        "none",
        "highlight",
        "karaoke",
        "pop",
        "fade",
        "slide",
        "bounce",
        "typewriter",
    ] {
        let edit = scratch.edit("said.json", &edit(&rich_caption(style), 4.0));
        let video = scratch.path("said.mp4");
        loomcast.render(&edit, &video, &[]);
        let frames = frames(&video);
        assert_eq!(frames.len(), 4 * FPS, "{style}");
        let red = |at: usize| halves(&frames[at], is_red);
        let light = |at: usize| halves(&frames[at], is_light);
        // Before the first cue, between the two, and in the second.
        for at in [0, 5, 31, 35] {
            assert_eq!((red(at), light(at)), ((0, 0), (0, 0)), "{style} at {at}");
        }
        assert!(light(42) != (0, 0) || red(42) != (0, 0), "{style}");
        // The first word is said until 1.5 s, the second until 2.5 s.
        let (first, second) = ((red(16), light(16)), (red(26), light(26)));
        let waits = matches!(style, "fade" | "slide" | "bounce" | "typewriter");
        match style {
            "none" => {
                assert!(
                    first.0 == second.0 && first.0 == (0, 0) && first.1.0 > 100 && first.1.1 > 100
                );
            }
            "karaoke" => {
                assert!(first.0.0 > 100 && first.0.1 == 0, "{first:?}");
                assert!(second.0.0 > first.0.0 && second.0.1 > 50, "{second:?}");
                assert!(red(7).0 < red(16).0, "it is filled bit by bit");
            }
            _ => {
                // A word that grows reaches over the middle.
                let (said, other) = (first.0, second.0);
                assert!(said.0 > 100 && said.0 > said.1 * 4, "{style}: {first:?}");
                assert!(
                    other.1 > 100 && other.1 > other.0 * 4,
                    "{style}: {second:?}"
                );
                assert_eq!(first.1.1 < 20, waits, "{style}: {first:?}");
                assert!(second.1.0 > 100, "{style}: {second:?}");
            }
        }
    }
}

#[test]
fn captions_are_trimmed_slowed_and_share_the_chunks_of_what_is_said_alike() {
    if !have_ffmpeg("captions_are_trimmed_slowed_and_share_the_chunks_of_what_is_said_alike") {
        return;
    }
    let scratch = Scratch::new();
    let loomcast = Loomcast::new(&scratch, "data");
    fs::write(
        scratch.path("said.vtt"),
        "WEBVTT\n\n00:01.000 --> 00:02.000\nM\n",
    )
    .expect("writes");
    let asset = json!({ "type": "caption", "src": "said.vtt", "trim": 0.5, "speed": 0.5,
        "font": { "size": 40 }, "margin": { "top": 0.25 } });
    let mut timed = edit(&asset, 3.0);
    timed["timeline"]["tracks"][0]["clips"][0]["length"] = json!("auto");
    let video = scratch.path("said.mp4");
    let made = scratch.edit("said.json", &timed);
    loomcast.render(&made, &video, &[]);
    let frames = frames(&video);
    // Until (2 - 0.5) / 0.5 s; seen from (1 - 0.5) / 0.5 s on.
    assert_eq!(frames.len(), 3 * FPS);
    let seen: Vec<bool> = frames
        .iter()
        .map(|frame| halves(frame, is_light).0 > 10)
        .collect();
    let expected: Vec<bool> = (0..3 * FPS).map(|frame| frame >= FPS).collect();
    assert_eq!(seen, expected);
    let top = frames[18]
        .chunks_exact(3)
        .position(is_light)
        .map(|at| at / WIDTH);
    assert!(top.is_some_and(|top| (45..80).contains(&top)), "{top:?}");

    // More that is said later, and a note about it, change nothing before.
    let keys = |text: &str| -> Vec<String> {
        fs::write(scratch.path("said.vtt"), text).expect("writes");
        let plan = loomcast.plan(&scratch.edit("said.json", &edit(&asset, 3.0)), &[]);
        plan.into_iter().map(|chunk| chunk.key).collect()
    };
    let before = keys("WEBVTT\n\n00:01.000 --> 00:02.000\nM\n");
    let after = keys(
        "WEBVTT\n\nNOTE later\n\n1\n00:01.000 --> 00:02.000 line:0\nM\n\n00:04.000 --> 00:05.000\nN\n",
    );
    assert_eq!(before, after);
    let other = keys("WEBVTT\n\n00:01.000 --> 00:02.000\nN\n");
    assert_ne!(before, other);
}

#[test]
fn moving_text_is_the_same_wherever_the_video_is_cut() {
    if !have_ffmpeg("moving_text_is_the_same_wherever_the_video_is_cut") {
        return;
    }
    let scratch = Scratch::new();
    let rich = json!({ "type": "rich-text", "text": "Moving letters come", "font": { "size": 30, "color": "#ffffff" },
        "animation": { "preset": "movingLetters", "duration": 3 } });
    let page = json!({ "type": "html5", "html": "<div></div>",
        "css": "div{width:40px;height:100px;background:#fff;animation:go 1.3s linear infinite alternate}\
                @keyframes go{to{transform:translateX(280px)}}" });
    for (name, asset) in [("rich", rich), ("page", page)] {
        let edit = scratch.edit("moving.json", &edit(&asset, 4.0));
        let whole = |data: &str, cut: &str| {
            let video = scratch.path(&format!("{name}-{data}.mp4"));
            Loomcast::new(&scratch, data).render(&edit, &video, &["--chunk-max", cut]);
            frames(&video)
        };
        let (short, long) = (whole("short", "0.5"), whole("long", "4"));
        assert_eq!((short.len(), long.len()), (4 * FPS, 4 * FPS), "{name}");
        for (at, (short, long)) in short.iter().zip(&long).enumerate() {
            let off = short
                .iter()
                .zip(long)
                .map(|(a, b)| u64::from(a.abs_diff(*b)));
            // Two encodes of one picture; a letter elsewhere would be far more.
            let off = off.sum::<u64>() as f64 / short.len() as f64;
            assert!(off < 1.5, "{name}, frame {at}: {off}");
        }
        assert_ne!(long[6], long[24], "{name} moves");
    }
}

#[test]
fn a_text_that_stands_still_again_is_one_chunk() {
    let scratch = Scratch::new();
    let asset = json!({ "type": "rich-text", "text": "Typed", "font": { "size": 40, "color": "#ffffff" },
        "animation": { "preset": "typewriter", "duration": 2 } });
    let edit = scratch.edit("typed.json", &edit(&asset, 10.0));
    let plan = Loomcast::new(&scratch, "data").plan(&edit, &["--chunk-max", "2"]);
    let after: Vec<&String> = plan
        .iter()
        .filter(|chunk| chunk.video && chunk.start >= 2.0)
        .map(|chunk| &chunk.key)
        .collect();
    // Chunks of an even length may differ by a frame.
    let different: HashSet<&&String> = after.iter().collect();
    assert!(after.len() >= 4 && different.len() <= 2, "{plan:?}");
}

#[test]
fn what_asks_for_a_transcript_or_runs_a_script_is_refused_by_field() {
    let scratch = Scratch::new();
    let loomcast = Loomcast::new(&scratch, "data");
    fs::write(scratch.path("said.txt"), "nothing that is a caption").expect("writes");
    for (asset, part) in [
        (
            json!({ "type": "rich-caption", "src": "alias://speaker" }),
            "/timeline/tracks/0/clips/0/asset/src: \"alias://speaker\" is not allowed: expected captions as an SRT, WebVTT or TTML file: speech is not transcribed",
        ),
        (
            json!({ "type": "caption", "src": "talk.MP4" }),
            "speech is not transcribed",
        ),
        (
            json!({ "type": "caption", "src": "said.txt" }),
            "/asset/src",
        ),
        (
            json!({ "type": "html5", "html": "<p>a</p>", "js": "gsap.to('p', {})" }),
            "/asset/js: \"gsap.to('p', {})\" is not allowed: expected no script",
        ),
    ] {
        let edit = scratch.edit("bad.json", &edit(&asset, 1.0));
        let ran = loomcast.run([OsStr::new("plan"), edit.as_os_str()]);
        assert_eq!(ran.code, Some(2), "{part}");
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}
