//! Shapes, SVG and Lottie as they come out, and what of them is shared.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Loomcast, Scratch, ffmpeg, have_ffmpeg};

const SIZE: (usize, usize) = (320, 180);

fn edit(clips: &[Value]) -> Value {
    let tracks: Vec<Value> = clips.iter().map(|clip| json!({"clips": [clip]})).collect();
    json!({
        "timeline": {"background": "#000000", "tracks": tracks},
        "output": {"format": "mp4", "size": {"width": SIZE.0, "height": SIZE.1}, "fps": 25, "quality": "veryhigh"},
    })
}

/// The frame on at `at` of a rendered file, as RGB.
fn frame(file: &std::path::Path, at: &str) -> Vec<u8> {
    let file = file.to_str().expect("a plain path");
    ffmpeg([
        "-v",
        "error",
        "-ss",
        at,
        "-i",
        file,
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ])
}

/// Whether a pixel is near to a colour: encoding changes it a little.
fn is(frame: &[u8], (x, y): (usize, usize), colour: [u8; 3]) -> bool {
    let at = (y * SIZE.0 + x) * 3;
    let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 12;
    frame[at..at + 3].iter().zip(&colour).all(near)
}

const BLACK: [u8; 3] = [0, 0, 0];
const WHITE: [u8; 3] = [255, 255, 255];

#[test]
fn shapes_and_svg_are_seen_where_they_stand_at_the_size_they_have() {
    if !have_ffmpeg("shapes_and_svg_are_seen") {
        return;
    }
    let scratch = Scratch::new();
    let svg = "<svg viewBox='0 0 2 1'><rect width='1' height='1' fill='#00ff00'/></svg>";
    let clips = [
        json!({"asset": {"type": "shape", "shape": "circle", "circle": {"radius": 20}, "width": 60, "height": 60,
               "fill": {"color": "#ffffff"}, "stroke": {"color": "#ff0000", "width": 8}},
               "start": 0, "length": 1, "position": "topLeft"}),
        json!({"asset": {"type": "shape", "shape": "line", "line": {"length": 100, "thickness": 10},
               "fill": {"color": "#0000ff"}}, "start": 0, "length": 1}),
        json!({"asset": {"type": "svg", "src": svg}, "width": 80, "height": 80,
               "start": 0, "length": 1, "position": "bottomRight"}),
    ];
    let edit = scratch.edit("shapes.json", &edit(&clips));
    let out = scratch.path("shapes.mp4");
    Loomcast::new(&scratch, "data").render(&edit, &out, &[]);
    let frame = frame(&out, "0.5");
    for (place, colour) in [
        ((30, 30), WHITE),
        // The stroke lies on both sides of the edge, 20 pixels from the middle.
        ((30, 12), [255, 0, 0]),
        ((30, 8), [255, 0, 0]),
        ((30, 3), BLACK),
        ((8, 8), BLACK),
        ((160, 90), [0, 0, 255]),
        ((114, 90), [0, 0, 255]),
        ((106, 90), BLACK),
        ((160, 98), BLACK),
        // Its box is 80 x 40 at the bottom right, the left half of it green.
        ((244, 144), [0, 255, 0]),
        ((276, 176), [0, 255, 0]),
        ((284, 160), BLACK),
        ((260, 136), BLACK),
    ] {
        assert!(is(&frame, place, colour), "{place:?}");
    }
}

#[test]
fn a_lottie_animation_plays_by_its_clip_and_each_turn_of_a_loop_is_rendered_once() {
    if !have_ffmpeg("a_lottie_animation_plays") {
        return;
    }
    let scratch = Scratch::new();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lottie/cross.json");
    fs::copy(shipped, scratch.path("cross.json")).expect("copies");
    let user = Loomcast::new(&scratch, "data");
    let clip = |more: Value| {
        let mut clip =
            json!({"asset": {"type": "lottie", "src": "cross.json"}, "start": 0, "length": "auto"});
        for (name, value) in more["asset"].as_object().into_iter().flatten() {
            clip["asset"][name] = value.clone();
        }
        for (name, value) in more
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "asset")
        {
            clip[name] = value.clone();
        }
        clip
    };
    let once = scratch.edit("once.json", &edit(&[clip(json!({}))]));
    let out = scratch.path("once.mp4");
    let rendered = user.render(&once, &out, &[]);
    assert_eq!(rendered.frames, 50, "as long as the animation");
    // A square of 20 pixels goes from left to right, 100 x 50 in the middle.
    for (at, here, gone) in [("0.0", (121, 90), (160, 90)), ("1.0", (160, 90), (121, 90))] {
        let frame = frame(&out, at);
        assert!(
            is(&frame, here, [255, 0, 0]) && is(&frame, gone, BLACK),
            "{at}"
        );
    }
    let looped = clip(json!({"asset": {"loop": true}, "length": 8}));
    let looped = scratch.edit("looped.json", &edit(&[looped]));
    let planned = user.plan(&looped, &["--chunk-max", "1", "--scheme", "fixed"]);
    let keys: Vec<&str> = planned.iter().map(|chunk| chunk.key.as_str()).collect();
    assert_eq!(keys.len(), 8);
    assert_ne!(keys[0], keys[1]);
    for turn in keys.chunks(2) {
        assert_eq!(turn, &keys[..2]);
    }
    let rendered = user.render(
        &looped,
        &scratch.path("looped.mp4"),
        &["--chunk-max", "1", "--scheme", "fixed"],
    );
    assert_eq!(rendered.video, 2);
    assert!(is(
        &frame(&scratch.path("looped.mp4"), "5.0"),
        (160, 90),
        [255, 0, 0]
    ));
}
