//! What is measured: Edits by what they are called.

use serde_json::{Value, json};

/// Seconds of each video.
pub const SECONDS: u32 = 4;

/// A clip from the start to the end.
pub fn clip(asset: Value, more: Value) -> Value {
    let mut clip = json!({ "asset": asset, "start": 0, "length": SECONDS });
    if let (Some(clip), Some(more)) = (clip.as_object_mut(), more.as_object()) {
        clip.extend(more.clone());
    }
    clip
}

pub const PLAIN: &str = "nothing: the plain clip, footage that fills the frame";

/// Names, and the tracks over the plain clip.
pub fn features() -> Vec<(&'static str, Vec<Vec<Value>>)> {
    let image = || json!({ "type": "image", "src": "i.png" });
    let video = || json!({ "type": "video", "src": "v.mp4", "volume": 0 });
    let small = || json!({ "type": "video", "src": "small.mp4", "volume": 0 });
    let spin =
        json!({ "rotate": { "angle": [{ "from": 0, "to": 90, "start": 0, "length": SECONDS }] } });
    let grow = json!([{ "from": 0.5, "to": 0.9, "start": 0, "length": SECONDS }]);
    let one = |asset, more| vec![vec![clip(asset, more)]];
    let text = |more: Value| {
        let mut text = json!({
            "type": "rich-text", "text": "Good morning, Ana", "width": 900, "height": 160,
            "font": { "size": 80, "color": "#ffffff", "weight": 700 }
        });
        if let (Some(text), Some(more)) = (text.as_object_mut(), more.as_object()) {
            text.extend(more.clone());
        }
        text
    };
    let words = |style: &str| json!({ "type": "rich-caption", "src": "words.srt", "font": { "size": 60 }, "animation": { "style": style } });
    let page = |animation: &str| {
        json!({
            "type": "html5", "html": "<div>Good morning</div>",
            "css": format!("div {{ width: 600px; font-size: 80px; color: #ffffff; background: #803060; {animation} }} \
                            @keyframes go {{ to {{ transform: translateX(600px) }} }}")
        })
    };
    vec![
        (PLAIN, vec![]),
        (
            "a picture, still, half the size",
            one(image(), json!({ "scale": 0.5 })),
        ),
        (
            "a picture that grows from half the size",
            one(image(), json!({ "scale": grow })),
        ),
        (
            "a picture, turned, still",
            one(
                image(),
                json!({ "scale": 0.5, "transform": { "rotate": { "angle": 30 } } }),
            ),
        ),
        (
            "a picture, half the size, that turns",
            one(image(), json!({ "scale": 0.5, "transform": spin })),
        ),
        (
            "a picture with alpha",
            one(
                json!({ "type": "image", "src": "clear.png" }),
                json!({ "fit": "none" }),
            ),
        ),
        (
            "footage, half the size",
            one(small(), json!({ "scale": 0.5 })),
        ),
        (
            "footage that grows from half the size",
            one(video(), json!({ "scale": grow })),
        ),
        (
            "footage, half the size, that turns",
            one(video(), json!({ "scale": 0.5, "transform": spin })),
        ),
        (
            "footage with alpha, QuickTime Animation",
            one(json!({ "type": "video", "src": "alpha.mov" }), json!({})),
        ),
        (
            "footage at one and a half times its speed",
            one(
                json!({ "type": "video", "src": "v.mp4", "volume": 0, "speed": 1.5 }),
                json!({ "scale": 0.5 }),
            ),
        ),
        (
            "footage, cropped, half the size",
            one(
                json!({ "type": "video", "src": "v.mp4", "volume": 0, "crop": { "left": 0.2, "top": 0.2 } }),
                json!({ "scale": 0.5 }),
            ),
        ),
        (
            "footage, whole frame, half transparent",
            one(video(), json!({ "opacity": 0.5 })),
        ),
        (
            "chroma key, whole frame",
            one(
                json!({ "type": "video", "src": "green.mp4", "volume": 0, "chromaKey": { "color": "#20C040", "threshold": 60, "halo": 30 } }),
                json!({}),
            ),
        ),
        (
            "filter blur, footage, whole frame",
            one(video(), json!({ "filter": "blur" })),
        ),
        (
            "filter greyscale, footage, whole frame",
            one(video(), json!({ "filter": "greyscale" })),
        ),
        (
            "filter contrast, footage, whole frame",
            one(video(), json!({ "filter": "contrast" })),
        ),
        (
            "filter blur, picture, still, whole frame",
            one(image(), json!({ "filter": "blur" })),
        ),
        (
            "wipe, slow, in and out, picture, whole frame",
            one(
                image(),
                json!({ "transition": { "in": "wipeRightSlow", "out": "wipeLeftSlow" } }),
            ),
        ),
        (
            "fade, slow, in and out, picture, whole frame",
            one(
                image(),
                json!({ "transition": { "in": "fadeSlow", "out": "fadeSlow" } }),
            ),
        ),
        (
            "slide, slow, in and out, picture, whole frame",
            one(
                image(),
                json!({ "transition": { "in": "slideLeftSlow", "out": "slideLeftSlow" } }),
            ),
        ),
        (
            "zoom effect, picture, whole frame",
            one(image(), json!({ "effect": "zoomIn" })),
        ),
        (
            "zoom effect, footage, whole frame",
            one(video(), json!({ "effect": "zoomIn" })),
        ),
        (
            "luma matte, a picture",
            vec![vec![
                clip(
                    json!({ "type": "luma", "src": "disc.png" }),
                    json!({ "fit": "contain" }),
                ),
                clip(image(), json!({})),
            ]],
        ),
        (
            "luma matte, footage that cuts out footage",
            vec![vec![
                clip(json!({ "type": "luma", "src": "grow.mp4" }), json!({})),
                clip(video(), json!({})),
            ]],
        ),
        ("rich-text, still", one(text(json!({})), json!({}))),
        (
            "rich-text with stroke and shadow, still",
            one(
                text(
                    json!({ "stroke": { "width": 4, "color": "#000000" }, "shadow": { "offsetX": 4, "offsetY": 4, "blur": 8 } }),
                ),
                json!({}),
            ),
        ),
        (
            "rich-text, typewriter, 4 s",
            one(
                text(json!({ "animation": { "preset": "typewriter", "duration": SECONDS } })),
                json!({}),
            ),
        ),
        (
            "rich-text, letters that move, 4 s",
            one(
                text(json!({ "animation": { "preset": "movingLetters", "duration": SECONDS } })),
                json!({}),
            ),
        ),
        (
            "rich-text that fades in, 4 s",
            one(
                text(json!({ "animation": { "preset": "fadeIn", "duration": SECONDS } })),
                json!({}),
            ),
        ),
        (
            "rich-text that slides in, 4 s",
            one(
                text(json!({ "animation": { "preset": "slideIn", "duration": SECONDS } })),
                json!({}),
            ),
        ),
        (
            "rich-text with a gradient, letters that move, 4 s",
            one(
                text(json!({
                    "style": { "gradient": { "stops": [{ "offset": 0, "color": "#ffe040" }, { "offset": 1, "color": "#ff4040" }] } },
                    "animation": { "preset": "movingLetters", "duration": SECONDS }
                })),
                json!({}),
            ),
        ),
        (
            "title, still",
            one(
                json!({ "type": "title", "text": "Good morning", "style": "marker" }),
                json!({}),
            ),
        ),
        (
            "caption, two a second",
            one(json!({ "type": "caption", "src": "words.srt" }), json!({})),
        ),
        (
            "rich-caption, highlight",
            one(words("highlight"), json!({})),
        ),
        ("rich-caption, karaoke", one(words("karaoke"), json!({}))),
        ("rich-caption, pop", one(words("pop"), json!({}))),
        ("rich-caption, bounce", one(words("bounce"), json!({}))),
        ("html5 page, still", one(page(""), json!({}))),
        (
            "html5 page, animated",
            one(page("animation: go 4s linear"), json!({})),
        ),
        (
            "shape, still",
            one(
                json!({ "type": "shape", "shape": "circle", "circle": { "radius": 200 }, "fill": { "color": "#30a060" } }),
                json!({}),
            ),
        ),
        (
            "svg, still",
            one(
                json!({ "type": "svg", "src": "<svg viewBox=\"0 0 100 60\"><path d=\"M10 50 L50 10 L90 50 Z\" fill=\"#e07020\"/></svg>" }),
                json!({ "width": 800 }),
            ),
        ),
        (
            "lottie, 300 pixels",
            one(
                json!({ "type": "lottie", "src": "spinner.json", "loop": true }),
                json!({ "width": 300, "height": 300 }),
            ),
        ),
        (
            "lottie, as large as the frame",
            one(
                json!({ "type": "lottie", "src": "badge.json", "loop": true }),
                json!({ "width": 1280, "height": 720 }),
            ),
        ),
        (
            "4K footage, half the frame's size",
            one(
                json!({ "type": "video", "src": "4k.mp4", "volume": 0 }),
                json!({ "scale": 0.5 }),
            ),
        ),
        (
            "footage, whole frame, flipped",
            one(
                video(),
                json!({ "transform": { "flip": { "horizontal": true } } }),
            ),
        ),
        (
            "footage, whole frame, skewed",
            one(video(), json!({ "transform": { "skew": { "x": 10 } } })),
        ),
        (
            "footage, whole frame, filtered, turned, behind a matte",
            vec![vec![
                clip(
                    json!({ "type": "luma", "src": "disc.png" }),
                    json!({ "fit": "contain" }),
                ),
                clip(
                    video(),
                    json!({ "filter": "contrast", "transform": { "rotate": { "angle": 10 } } }),
                ),
            ]],
        ),
        (
            "html card, still",
            one(
                json!({ "type": "html", "html": "<p>Good morning</p>", "css": "p { color: #fff; font-size: 60px; }", "width": 800, "height": 200, "background": "#80203060" }),
                json!({}),
            ),
        ),
    ]
}
