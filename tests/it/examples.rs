//! The kinds of asset of the Edit format as its own examples write them: all are
//! read. Files are ours.

use serde_json::{Value, json};

use crate::support::{Loomcast, Scratch, have_ffmpeg};

/// The files that the examples name, made here.
fn files(scratch: &Scratch) {
    scratch.footage("video.mp4", "testsrc2", 12);
    scratch.solid("image.png", "0x336699", "64x36");
    scratch.solid("mask.png", "0xffffff", "64x36");
    scratch.music("sound.wav", 6, 220);
}

/// An asset with all that its kind knows.
fn assets() -> Vec<Value> {
    let crop = json!({"top": 0.15, "bottom": 0.15, "left": 0, "right": 0});
    let stroke = json!({"width": 2, "color": "#000000"});
    vec![
        json!({"type": "video", "src": "video.mp4", "trim": 2, "volume": 0.5, "volumeEffect": "none", "speed": 1,
               "crop": crop, "chromaKey": {"color": "#00b140", "threshold": 150, "halo": 100}}),
        json!({"type": "image", "src": "image.png", "crop": crop}),
        json!({"type": "audio", "src": "sound.wav", "volume": 0.5, "speed": 1, "effect": "none"}),
        json!({"type": "text", "text": "Hello World", "width": 400, "height": 200,
               "font": {"family": "Open Sans", "color": "#ffffff", "opacity": 0.8, "size": 24, "weight": 400, "lineHeight": 0.85},
               "background": {"color": "#000000", "opacity": 0.8, "padding": 10, "borderRadius": 5, "wrap": false},
               "alignment": {"horizontal": "center", "vertical": "center"}, "stroke": stroke}),
        json!({"type": "rich-text", "text": "Hello World",
               "font": {"family": "Open Sans", "size": 48, "weight": "400", "style": "italic", "color": "#ff0000", "opacity": 0.9, "background": "#000000"},
               "style": {"letterSpacing": 2, "wordSpacing": 10, "lineHeight": 1.5, "textTransform": "uppercase", "textDecoration": "underline"},
               "stroke": {"width": 2, "color": "#000000", "opacity": 0.8},
               "shadow": {"offsetX": 4, "offsetY": 4, "blur": 8, "color": "#000000", "opacity": 0.7},
               "background": {"color": "#000000", "opacity": 0.5, "borderRadius": 10, "wrap": true, "padding": 12},
               "border": {"width": 2, "color": "#ff0000", "opacity": 0.8, "radius": 10}, "padding": 10,
               "align": {"horizontal": "center", "vertical": "middle"}}),
        json!({"type": "html", "html": "<p>Hello <b>World</b></p>", "css": "p { color: #ffffff; }", "width": 400, "height": 200,
               "background": "transparent", "position": "center"}),
        json!({"type": "shape", "shape": "rectangle", "width": 800, "height": 800, "fill": {"color": "#ffffff", "opacity": 1},
               "stroke": {"color": "#000000", "width": 0.8}, "rectangle": {"width": 800, "height": 800, "cornerRadius": 20},
               "circle": {"radius": 800}, "line": {"length": 100, "thickness": 4}}),
        json!({"type": "shape", "shape": "circle", "circle": {"radius": 800}, "fill": {"color": "#ffffff"}}),
        json!({"type": "shape", "shape": "line", "line": {"length": 100, "thickness": 4}, "stroke": {"color": "#ffffff", "width": 1}}),
        json!({"type": "svg", "src": "<svg width=\"100\" height=\"100\"><circle cx=\"50\" cy=\"50\" r=\"40\" fill=\"#3498db\"/></svg>"}),
    ]
}

#[test]
fn every_kind_of_asset_is_read_as_the_format_writes_it() {
    if !have_ffmpeg("every_kind_of_asset") {
        return;
    }
    let scratch = Scratch::new();
    files(&scratch);
    let mut tracks: Vec<Value> = assets()
        .into_iter()
        .map(|asset| json!({"clips": [{"asset": asset, "start": 2, "length": 5}]}))
        .collect();
    let matte = json!({"asset": {"type": "luma", "src": "mask.png"}, "start": 2, "length": 5});
    tracks[1]["clips"]
        .as_array_mut()
        .expect("clips")
        .push(matte);
    // What may be said of any clip.
    let clip = json!({
        "asset": {"type": "image", "src": "image.png"}, "start": 2, "length": 5, "fit": "crop", "scale": 0,
        "width": 800, "height": 600, "position": "center", "offset": {"x": 0.1, "y": -0.2},
        "transition": {"in": "fade", "out": "wipeLeft"}, "effect": "zoomIn", "filter": "greyscale",
        "opacity": [{"from": 0, "to": 1, "start": 0, "length": 2, "interpolation": "bezier", "easing": "easeInOutQuad"}],
        "transform": {"rotate": {"angle": 45}, "skew": {"x": 0.5, "y": 0.5}, "flip": {"horizontal": true, "vertical": true}},
        "alias": "my-clip",
    });
    tracks.push(json!({"clips": [clip]}));
    let edit = json!({
        "timeline": {
            "soundtrack": {"src": "sound.wav", "effect": "fadeIn", "volume": 1},
            "background": "#000000", "tracks": tracks, "cache": true,
        },
        "output": {"format": "mp4", "resolution": "sd", "aspectRatio": "16:9", "fps": 25, "quality": "medium"},
        "merge": [{"find": "NAME", "replace": "Jane"}],
    });
    let edit = scratch.edit("all.json", &edit);
    let ran = Loomcast::new(&scratch, "data").run(["plan".as_ref(), edit.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains("not known"), "{}", ran.stderr);
}

#[test]
fn what_the_format_would_have_generated_is_refused_with_what_to_give_instead() {
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    for (asset, part) in [
        (
            json!({"type": "text-to-image", "prompt": "A lake at sunrise", "width": 1280, "height": 720}),
            "/timeline/tracks/0/clips/0/asset/type: \"text-to-image\" is not allowed: expected a file that is there: nothing is generated here, so give \"type\": \"image\"",
        ),
        (
            json!({"type": "image-to-video", "src": "image.png"}),
            "\"type\": \"video\"",
        ),
        (
            json!({"type": "text-to-speech", "text": "Welcome", "voice": "Matthew"}),
            "\"type\": \"audio\"",
        ),
        (
            json!({"type": "video", "prompt": "Zoom out", "model": "any"}),
            "/asset/prompt: \"Zoom out\" is not allowed: expected src",
        ),
        (json!({"type": "image", "prompt": "A lake"}), "expected src"),
        (json!({"type": "audio", "model": "any"}), "/asset/model"),
    ] {
        let edit = json!({
            "timeline": {"tracks": [{"clips": [{"asset": asset, "start": 0, "length": 1}]}]},
            "output": {"format": "mp4", "resolution": "sd"},
        });
        let edit = scratch.edit("generated.json", &edit);
        let ran = user.run(["plan".as_ref(), edit.as_os_str()]);
        assert_eq!(ran.code, Some(2), "{part}");
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}
