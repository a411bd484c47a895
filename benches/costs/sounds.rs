//! What is measured of sound.

use serde_json::{Value, json};

use crate::features::{SECONDS, clip};

/// Names, and the clips that are heard.
pub fn sounds() -> Vec<(&'static str, Vec<Value>)> {
    let sound = |more: Value| {
        let mut asset = json!({ "type": "audio", "src": "a.wav" });
        if let (Some(asset), Some(more)) = (asset.as_object_mut(), more.as_object()) {
            asset.extend(more.clone());
        }
        clip(asset, json!({}))
    };
    let tween = json!([{ "from": 1, "to": 0.2, "start": 0, "length": SECONDS, "easing": "easeInOutCubic" }]);
    vec![
        (PLAIN_SOUND, vec![sound(json!({}))]),
        (
            "four sounds",
            (0..4).map(|_| sound(json!({ "volume": 0.2 }))).collect(),
        ),
        (
            "volume along a curve",
            vec![sound(json!({ "volume": tween }))],
        ),
        ("a fade", vec![sound(json!({ "effect": "fadeInFadeOut" }))]),
        (
            "one and a half times the speed",
            vec![sound(json!({ "speed": 1.5 }))],
        ),
        ("half the speed", vec![sound(json!({ "speed": 0.5 }))]),
        (
            "music that goes down under speech",
            vec![
                sound(json!({ "loomcast": { "speech": true } })),
                sound(json!({ "loomcast": { "duck": {} } })),
            ],
        ),
        (
            "a mix that is limited all the time",
            vec![sound(json!({ "src": "loud.wav" }))],
        ),
    ]
}

pub const PLAIN_SOUND: &str = "a file, as it is";
