//! Edits that are made up, over the whole language, and changes to Edits that nobody
//! would write.

use serde_json::{Map, Value, json};

use super::choices::Choices;

mod words;

#[allow(unused_imports, reason = "not all who make Edits up ask for words")]
pub use self::words::{KINDS as WORD_KINDS, words};

/// The media that made-up Edits use.
pub struct Media {
    /// Videos with sound.
    pub videos: &'static [&'static str],
    /// Pictures.
    pub images: &'static [&'static str],
    /// Sounds.
    pub sounds: &'static [&'static str],
    /// Mattes, still and moving.
    pub mattes: &'static [&'static str],
    /// Animations of shapes.
    pub lotties: &'static [&'static str],
    /// Files of captions.
    pub words: &'static [&'static str],
}

/// How much of an Edit there is.
pub struct Size {
    /// Tracks, at most.
    pub tracks: usize,
    /// Clips on each, at most.
    pub clips: usize,
    /// When the last begins, in seconds.
    pub seconds: f64,
    /// Width and height of the frame, at most.
    pub frame: (usize, usize),
}

const EASINGS: [&str; 8] = [
    "ease",
    "easeIn",
    "easeOutCubic",
    "easeInOutQuint",
    "easeInBack",
    "easeOutBack",
    "easeInOutBack",
    "easeOutExpo",
];

/// The transitions without their speeds, `zoom` aside, which has none.
pub const TRANSITIONS: [&str; 20] = [
    "fade",
    "reveal",
    "wipeLeft",
    "wipeRight",
    "slideLeft",
    "slideRight",
    "slideUp",
    "slideDown",
    "carouselLeft",
    "carouselRight",
    "carouselUp",
    "carouselDown",
    "shuffleTopRight",
    "shuffleRightTop",
    "shuffleRightBottom",
    "shuffleBottomRight",
    "shuffleBottomLeft",
    "shuffleLeftBottom",
    "shuffleLeftTop",
    "shuffleTopLeft",
];

/// The effects without their speeds.
pub const EFFECTS: [&str; 6] = [
    "zoomIn",
    "zoomOut",
    "slideLeft",
    "slideRight",
    "slideUp",
    "slideDown",
];

/// The filters.
pub const FILTERS: [&str; 8] = [
    "blur",
    "boost",
    "contrast",
    "darken",
    "greyscale",
    "lighten",
    "muted",
    "negative",
];

/// The points at which clips are put.
pub const POSITIONS: [&str; 9] = [
    "center",
    "top",
    "topRight",
    "right",
    "bottomRight",
    "bottom",
    "bottomLeft",
    "left",
    "topLeft",
];

/// Makes up an Edit that is allowed.
pub fn edit(choices: &mut Choices, media: &Media, size: &Size) -> Value {
    let tracks: Vec<Value> = (0..1 + choices.below(size.tracks))
        .map(|_| json!({ "clips": track(choices, media, size) }))
        .collect();
    let mut timeline = json!({ "tracks": tracks, "background": color(choices) });
    if choices.often(30) {
        timeline["soundtrack"] = json!({
            "src": choices.pick(media.sounds),
            "volume": choices.real(0.0, 1.0),
            "effect": choices.pick(&["none", "fadeIn", "fadeOut", "fadeInFadeOut"]),
        });
        role(choices, &mut timeline["soundtrack"]);
    }
    let side = |choices: &mut Choices, most: usize| 32 + choices.below((most - 32) / 2 + 1) * 2;
    json!({
        "timeline": timeline,
        "output": {
            "format": "mp4",
            "size": { "width": side(choices, size.frame.0), "height": side(choices, size.frame.1) },
            "fps": choices.pick(&[12.0, 23.976, 24.0, 25.0, 29.97, 30.0]),
            "quality": choices.pick(&["low", "medium", "high"]),
        },
        "merge": [{ "find": "name", "replace": "Ana" }, { "find": "n", "replace": 0.5 }]
    })
}

fn track(choices: &mut Choices, media: &Media, size: &Size) -> Vec<Value> {
    let count = 1 + choices.below(size.clips);
    let mut clips: Vec<Value> = (0..count)
        .map(|index| clip(choices, media, size, index))
        .collect();
    if choices.often(15) {
        let at = choices.below(clips.len() + 1);
        let matte = json!({ "type": "luma", "src": choices.pick(media.mattes) });
        let fit = choices.pick(&["crop", "cover", "contain"]);
        let length = choices.real(0.2, 3.0);
        let matte = json!({ "asset": matte, "start": choices.real(0.0, size.seconds), "length": length, "fit": fit });
        clips.insert(at, matte);
    }
    clips
}

fn clip(choices: &mut Choices, media: &Media, size: &Size, index: usize) -> Value {
    let start = if index > 0 && choices.often(30) {
        json!("auto")
    } else {
        number(choices, 0.0, size.seconds)
    };
    let length = if index > 0 && choices.often(10) {
        json!("auto")
    } else {
        number(choices, 0.1, 3.0)
    };
    let mut clip = json!({ "asset": asset(choices, media), "start": start, "length": length });
    decorate(choices, &mut clip);
    clip
}

/// A number, now and then as text or in a placeholder.
fn number(choices: &mut Choices, least: f64, most: f64) -> Value {
    let number = choices.real(least, most);
    match choices.below(20) {
        0 => json!(number.to_string()),
        1 if (least..=most).contains(&0.5) => json!("{{ n }}"),
        _ => json!(number),
    }
}

fn decorate(choices: &mut Choices, clip: &mut Value) {
    if choices.often(40) {
        clip["fit"] = json!(choices.pick(&["crop", "cover", "contain", "none"]));
    }
    if choices.often(40) {
        clip["scale"] = curve(choices, 0.1, 1.5);
    }
    if choices.often(40) {
        clip["position"] = json!(choices.pick(&POSITIONS));
    }
    if choices.often(30) {
        clip["offset"] = json!({ "x": curve(choices, -0.5, 0.5), "y": curve(choices, -0.5, 0.5) });
    }
    if choices.often(30) {
        clip["opacity"] = curve(choices, 0.0, 1.0);
    }
    if choices.often(40) {
        let mut transition = Map::new();
        for end in ["in", "out"] {
            if choices.often(60) {
                transition.insert(end.into(), self::transition(choices).into());
            }
        }
        clip["transition"] = transition.into();
    }
    if choices.often(25) {
        let effect = choices.pick(&EFFECTS);
        clip["effect"] = format!("{effect}{}", choices.pick(&["", "Slow", "Fast"])).into();
    }
    if choices.often(15) {
        clip["filter"] = json!(choices.pick(&FILTERS));
    }
    if choices.often(20) {
        clip["width"] = json!(16 + choices.below(400));
        clip["height"] = json!(16 + choices.below(400));
    }
    if choices.often(20) {
        clip["transform"] = json!({
            "rotate": { "angle": curve(choices, -360.0, 360.0) },
            "skew": { "x": curve(choices, -40.0, 40.0), "y": choices.real(-40.0, 40.0) },
            "flip": { "horizontal": choices.often(50), "vertical": choices.often(50) },
        });
    }
}

fn transition(choices: &mut Choices) -> String {
    if choices.often(5) {
        return choices.pick(&["zoom", "none"]).to_owned();
    }
    let name = choices.pick(&TRANSITIONS);
    format!("{name}{}", choices.pick(&["", "Slow", "Fast"]))
}

/// A number, or one that changes.
fn curve(choices: &mut Choices, least: f64, most: f64) -> Value {
    if choices.often(60) {
        return number(choices, least, most);
    }
    let mut at = 0.0;
    let tweens: Vec<Value> = (0..1 + choices.below(3))
        .map(|_| {
            let start = at + choices.real(0.0, 0.5);
            let length = choices.real(0.0, 1.5);
            at = start + length;
            json!({
                "from": choices.real(least, most), "to": choices.real(least, most),
                "start": start, "length": length,
                "interpolation": choices.pick(&["linear", "bezier", "constant"]),
                "easing": choices.pick(&EASINGS),
            })
        })
        .collect();
    tweens.into()
}

fn color(choices: &mut Choices) -> String {
    format!("#{:06x}", choices.number() & 0xFF_FFFF)
}

fn asset(choices: &mut Choices, media: &Media) -> Value {
    let crop = |choices: &mut Choices| json!({ "left": choices.real(0.0, 0.4), "top": choices.real(0.0, 0.4) });
    match choices.below(17) {
        0..3 => {
            let mut video = json!({ "type": "video", "src": choices.pick(media.videos), "trim": number(choices, 0.0, 2.0) });
            if choices.often(40) {
                video["volume"] = curve(choices, 0.0, 1.0);
            }
            if choices.often(20) {
                video["speed"] = json!(choices.real(0.25, 3.0));
            }
            if choices.often(20) {
                video["crop"] = crop(choices);
            }
            if choices.often(15) {
                video["chromaKey"] = json!({ "color": color(choices), "threshold": choices.below(200), "halo": choices.below(100) });
            }
            role(choices, &mut video);
            video
        }
        3..6 => {
            let mut image = json!({ "type": "image", "src": choices.pick(media.images) });
            if choices.often(20) {
                image["crop"] = crop(choices);
            }
            image
        }
        6 => {
            let mut audio = json!({
                "type": "audio", "src": choices.pick(media.sounds), "volume": curve(choices, 0.0, 1.0),
                "effect": choices.pick(&["none", "fadeIn", "fadeOut", "fadeInFadeOut"]),
            });
            role(choices, &mut audio);
            audio
        }
        7 => shape(choices),
        8 => json!({ "type": "svg", "src": SVG }),
        9 => json!({ "type": "lottie", "src": choices.pick(media.lotties) }),
        kind => words(choices, media, kind - 10),
    }
}

/// How a sound stands among the others, now and then.
fn role(choices: &mut Choices, sound: &mut Value) {
    match choices.below(6) {
        0 => sound["loomcast"] = json!({ "speech": true }),
        1 => {
            sound["loomcast"] = json!({ "duck": {
                "by": choices.real(0.0, 60.0), "attack": choices.real(0.0, 1.0), "release": choices.real(0.0, 2.0),
                "under": choices.pick(&["others", "speech"]),
            } });
        }
        _ => {}
    }
}

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 60\">\
                   <path d=\"M10 50 L50 10 L90 50 Z\" fill=\"#e07020\" stroke=\"#ffffff\"/></svg>";

fn shape(choices: &mut Choices) -> Value {
    let kind = choices.pick(&["rectangle", "circle", "line"]);
    let mut shape = json!({
        "type": "shape", "shape": kind,
        "fill": { "color": color(choices), "opacity": choices.real(0.0, 1.0) },
        "stroke": { "color": color(choices), "width": choices.below(10) },
    });
    let mut side = || 1 + choices.below(200);
    shape[kind] = match kind {
        "rectangle" => json!({ "width": side(), "height": side(), "cornerRadius": side() }),
        "circle" => json!({ "radius": side() }),
        _ => json!({ "length": side(), "thickness": side() }),
    };
    shape
}

/// What nobody would write, or only by mistake.
fn odd(choices: &mut Choices) -> Value {
    let numbers = [
        0.0,
        -0.0,
        -1.0,
        1.0,
        1e-9,
        -5.5e-17,
        1e308,
        -1e308,
        14_400.0,
        4096.0,
        2_147_483_648.0,
        9.3e18,
        0.001,
    ];
    let texts = [
        "",
        " ",
        "auto",
        "end",
        "none",
        "alias://x",
        "alias://",
        "{{ name }}",
        "{{ n }}",
        "{{",
        "{{ none }}",
        "#fff",
        "#ffffff",
        "1e400",
        "NaN",
        "inf",
        "-1",
        "0.5",
        "video",
        "luma",
        "v.mp4",
        "i.png",
        "\u{0}",
        "fadeSlow",
        "zoomSlow",
    ];
    match choices.below(12) {
        0 => Value::Null,
        1 => json!(choices.often(50)),
        2..6 => json!(choices.pick(&numbers)),
        6..10 => json!(choices.pick(&texts)),
        10 => json!([]),
        _ => json!({}),
    }
}

/// The most values that a change looks through, and the most that a document grows to.
const MAX_VALUES: usize = 2000;

/// Changes a document somewhere: a value becomes an odd one, is left out, is put in twice, or
/// becomes another that is in the document.
pub fn mutate(choices: &mut Choices, document: &mut Value) {
    let count = count(document).min(MAX_VALUES);
    let from = choices.below(count);
    let copied = nth(document, &mut { from }).cloned().unwrap_or_default();
    let replaced = match choices.below(3) {
        0 if self::count(document) < MAX_VALUES => copied,
        _ => odd(choices),
    };
    let at = choices.below(count);
    let Some(value) = nth_mut(document, &mut { at }) else {
        return;
    };
    match (choices.below(4), value) {
        (0, Value::Array(values)) if !values.is_empty() => {
            let at = choices.below(values.len());
            if choices.often(50) {
                values.remove(at);
            } else {
                let again = values[at].clone();
                values.insert(at, again);
            }
        }
        (0, Value::Object(members)) if !members.is_empty() => {
            let at = choices.below(members.len());
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            if choices.often(70) {
                members.remove(&name);
            } else {
                members.insert(name, replaced);
            }
        }
        (_, value) => *value = replaced,
    }
}

fn count(value: &Value) -> usize {
    let inside = match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    };
    1 + inside
}

/// The value that is found after `at` others.
fn nth<'a>(value: &'a Value, at: &mut usize) -> Option<&'a Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(values) => values.iter().find_map(|value| nth(value, at)),
        Value::Object(members) => members.values().find_map(|value| nth(value, at)),
        _ => None,
    }
}

fn nth_mut<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(values) => values.iter_mut().find_map(|value| nth_mut(value, at)),
        Value::Object(members) => members.values_mut().find_map(|value| nth_mut(value, at)),
        _ => None,
    }
}
