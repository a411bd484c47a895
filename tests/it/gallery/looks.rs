//! Where a clip stands and what is done to its picture; variants of a template.

use serde_json::{Value, json};

use super::names;
use super::reel::{FPS, HEIGHT, Reel, Row, Take, WIDTH, card, label, with};

pub fn filters() -> Vec<Take> {
    let mut reel = Reel::default();
    let half = |kind: &str, src: &str, filter: &str, position: &str| {
        let asset = json!({ "type": kind, "src": src });
        json!({ "asset": asset, "filter": filter, "width": 64, "fit": "cover", "position": position })
    };
    for name in [vec!["none".to_owned()], names::filters()].concat() {
        let photo = half("image", "photo.png", &name, "left");
        let footage = half("video", "clip.mp4", &name, "right");
        reel.add(&name, FPS, &[6], &[photo, footage]);
    }
    reel.done()
}

pub fn places() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add = |name: &str, clip: Value| reel.add(name, 6, &[3], &[clip]);
    for name in names::positions() {
        add(&name, card(json!({ "position": name, "scale": 0.4 })));
    }
    let moved = json!({ "offset": { "x": 0.25, "y": 0.25 }, "scale": 0.4 });
    add("offset, right and up", card(moved));
    let moved = json!({ "offset": { "x": -0.125, "y": 0 }, "scale": 0.4, "position": "topRight" });
    add("topRight, offset left", card(moved));
    for fit in names::fits() {
        let tall = json!({ "asset": { "type": "image", "src": "tall.png" }, "fit": fit });
        add(&format!("{fit}, a tall picture"), tall.clone());
        let in_box = json!({ "width": 64, "height": 32, "position": "top" });
        add(&format!("{fit}, in a box at the top"), with(tall, in_box));
    }
    for (name, transform) in [
        ("rotate 30", json!({ "rotate": { "angle": 30 } })),
        ("rotate -90", json!({ "rotate": { "angle": -90 } })),
        ("skew x 20", json!({ "skew": { "x": 20 } })),
        ("skew y 20", json!({ "skew": { "y": 20 } })),
        ("flip horizontal", json!({ "flip": { "horizontal": true } })),
        ("flip vertical", json!({ "flip": { "vertical": true } })),
        (
            "flip, skew and rotate",
            json!({ "flip": { "horizontal": true }, "skew": { "x": 20 }, "rotate": { "angle": 30 } }),
        ),
    ] {
        let clip = json!({ "transform": transform, "scale": 0.6 });
        add(name, card(clip.clone()));
        let footage = json!({ "asset": { "type": "video", "src": "clip.mp4" } });
        add(&format!("{name}, footage"), with(footage, clip));
    }
    add("opacity 0.5", card(json!({ "opacity": 0.5 })));
    reel.done()
}

/// What a file goes through before it is placed: cut, keyed, played otherwise.
pub fn sources() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add = |name: &str, src: &str, more: Value| {
        let kind = if src.ends_with(".png") {
            "image"
        } else {
            "video"
        };
        let asset = with(json!({ "type": kind, "src": src }), more);
        let looks: &[usize] = if kind == "image" { &[6] } else { &[3, 12, 20] };
        reel.add(
            name,
            2 * FPS,
            looks,
            &[json!({ "asset": asset, "fit": "contain" })],
        );
    };
    let crop = |edge: &str| json!({ "crop": { edge: 0.3 } });
    for edge in ["top", "right", "bottom", "left"] {
        add(&format!("crop {edge}, a picture"), "card.png", crop(edge));
    }
    add("no crop, footage", "clip.mp4", json!({}));
    add("crop top, footage", "clip.mp4", crop("top"));
    add("crop right, footage", "clip.mp4", crop("right"));
    add("trim 2", "clip.mp4", json!({ "trim": 2 }));
    add("speed 2", "clip.mp4", json!({ "speed": 2 }));
    add("speed 0.5", "clip.mp4", json!({ "speed": 0.5 }));
    add(
        "speed 0, trim 1",
        "clip.mp4",
        json!({ "speed": 0, "trim": 1 }),
    );
    add("alpha", "clear.mov", json!({}));
    add("no chromaKey", "green.mp4", json!({}));
    let key = |color: &str, threshold: u32, halo: u32| json!({ "chromaKey": { "color": color, "threshold": threshold, "halo": halo } });
    add("chromaKey green", "green.mp4", key("#20C040", 60, 30));
    add("chromaKey red", "green.mp4", key("#D03030", 60, 30));
    add(
        "chromaKey, all of it halo",
        "green.mp4",
        key("#20A0A0", 0, 120),
    );
    reel.done()
}

pub fn mattes() -> Vec<Take> {
    let mut reel = Reel::default();
    let looks = [3, 12, 20];
    let mut add = |name: &str, src: &str, more: Value| {
        let luma = with(json!({ "asset": { "type": "luma", "src": src } }), more);
        reel.add_together(name, 2 * FPS, &looks, &[luma, card(json!({}))]);
    };
    add("a disc", "disc.png", json!({ "fit": "contain" }));
    add("a ramp of greys", "ramp.png", json!({}));
    add("footage", "bar.mp4", json!({}));
    add(
        "footage, trimmed",
        "bar.mp4",
        json!({ "asset": { "type": "luma", "src": "bar.mp4", "trim": 0.5 } }),
    );
    let tween = json!([{ "from": 0.2, "to": 1.2, "start": 0, "length": 2 }]);
    add(
        "a disc that grows",
        "disc.png",
        json!({ "fit": "contain", "scale": tween }),
    );
    let turned = json!({ "fit": "contain", "position": "left", "effect": "slideRightFast", "transition": { "in": "carouselRight" } });
    add("a disc with a transition", "disc.png", turned);
    reel.done()
}

/// One template in its variants, each a video of its own.
pub fn variants() -> Vec<Take> {
    let clip = card(
        json!({ "start": 0, "length": 1, "fit": "contain", "scale": 0.6, "effect": "zoomInFast" }),
    );
    let edit = json!({
        "timeline": { "background": "#204060", "tracks": [{ "clips": [clip] }] },
        "output": {
            "format": "mp4", "size": { "width": WIDTH, "height": HEIGHT }, "fps": FPS, "quality": "veryhigh"
        },
        "loomcast": { "variants": {
            "square": { "output": { "size": { "width": HEIGHT } } },
            "tall": { "output": { "size": { "width": 40, "height": HEIGHT } } },
            "green": { "timeline": { "background": "#206020" } },
            "empty": { "timeline": { "tracks": [{ "clips": [
                { "asset": { "type": "shape", "shape": "circle", "circle": { "radius": 20 }, "fill": { "color": "#ffffff" } },
                  "start": 0, "length": 1 }
            ] }] } }
        } }
    });
    let take = |name: Option<&str>| Take {
        edit: edit.clone(),
        more: name.map_or_else(Vec::new, |name| {
            vec!["--variant".to_owned(), name.to_owned()]
        }),
        rows: vec![Row {
            name: name.unwrap_or("none").to_owned(),
            looks: vec![0, 11],
            labels: vec![label(0), label(11)],
        }],
    };
    [
        None,
        Some("square"),
        Some("tall"),
        Some("green"),
        Some("empty"),
    ]
    .map(take)
    .into()
}
