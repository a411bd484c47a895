//! What moves a clip: transitions, effects, easings.

use serde_json::{Value, json};

use super::names;
use super::reel::{FPS, Reel, Take, card, label, with};

/// How many frames after the beginning, and before the end, a transition is looked at.
const INSIDE: [usize; 2] = [3, 5];

pub fn transitions() -> Vec<Take> {
    let mut reel = Reel::default();
    for name in names::transitions() {
        // As long as both of its ends take.
        let length = match (name.strip_suffix("Slow"), name.strip_suffix("Fast")) {
            (Some(_), _) => 4 * FPS,
            (_, Some(_)) => FPS,
            _ => 2 * FPS,
        };
        let clip = card(json!({ "transition": { "in": name, "out": name } }));
        let [first, second] = INSIDE;
        let looks = [first, second, length - second, length - first];
        let labels = INSIDE
            .iter()
            .map(|at| label(*at))
            .chain(
                INSIDE
                    .iter()
                    .rev()
                    .map(|at| format!("{} before the end", label(*at))),
            )
            .collect();
        reel.add_labelled(&name, length, &looks, labels, &[clip]);
    }
    reel.done()
}

pub fn effects() -> Vec<Take> {
    const LENGTH: usize = 6 * FPS;
    let mut reel = Reel::default();
    for name in names::effects() {
        let clip = card(json!({ "effect": name, "width": 104, "height": 60 }));
        reel.add(&name, LENGTH, &[0, LENGTH / 2, LENGTH - 1], &[clip]);
    }
    reel.done()
}

/// Five things that follow one curve for a second: where one stands, how large, opaque,
/// turned and slanted the others are.
fn eased(tween: &Value) -> [Value; 5] {
    let from_to = |from: f64, to: f64| {
        let ends = json!({ "from": from, "to": to, "start": 0, "length": 1 });
        json!([with(ends, tween.clone())])
    };
    let of = |src: &str, x: f64, more: Value| {
        let asset = json!({ "type": "image", "src": src });
        let clip = json!({ "asset": asset, "fit": "none", "offset": { "x": x, "y": -0.17 } });
        with(clip, more)
    };
    [
        of(
            "dot.png",
            0.0,
            json!({ "offset": { "x": from_to(-0.34, 0.34), "y": 0.34 } }),
        ),
        of("square.png", -0.37, json!({ "scale": from_to(0.3, 1.2) })),
        of("square.png", -0.12, json!({ "opacity": from_to(0.0, 1.0) })),
        of(
            "square.png",
            0.12,
            json!({ "transform": { "rotate": { "angle": from_to(0.0, 90.0) } } }),
        ),
        of(
            "square.png",
            0.36,
            json!({ "transform": { "skew": { "x": from_to(0.0, 35.0) } } }),
        ),
    ]
}

pub fn easings() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add = |name: &str, tween: Value| {
        let looks = [2, 5, 8, 10];
        reel.add(name, FPS + 3, &looks, &eased(&tween));
    };
    for name in names::interpolations() {
        if name != "bezier" {
            add(&name, json!({ "interpolation": name }));
        }
    }
    for name in names::easings() {
        add(&name, json!({ "interpolation": "bezier", "easing": name }));
    }
    reel.done()
}
