//! Text that is made up: as it stands still, comes into sight, or is said by the clock.

use serde_json::{Value, json};

use super::super::choices::Choices;
use super::{Media, color, number};

/// The presets of `rich-text`, and the ways that their text moves.
const PRESETS: [(&str, &[&str]); 6] = [
    ("fadeIn", &["up"]),
    ("slideIn", &DIRECTIONS),
    ("typewriter", &["up"]),
    ("ascend", &["up", "down"]),
    ("shift", &DIRECTIONS),
    ("movingLetters", &DIRECTIONS),
];

const DIRECTIONS: [&str; 4] = ["left", "right", "up", "down"];

const TITLE_STYLES: [&str; 10] = [
    "minimal",
    "blockbuster",
    "vogue",
    "sketchy",
    "skinny",
    "chunk",
    "chunkLight",
    "marker",
    "future",
    "subtitle",
];

const TITLE_SIZES: [&str; 7] = [
    "xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large",
];

const WORD_STYLES: [&str; 8] = [
    "karaoke",
    "highlight",
    "pop",
    "fade",
    "slide",
    "bounce",
    "typewriter",
    "none",
];

/// How many kinds [`words`] makes.
pub const KINDS: usize = 7;

/// Text of a kind, by its number.
pub fn words(choices: &mut Choices, media: &Media, kind: usize) -> Value {
    let font = json!({ "size": 12 + choices.below(30), "color": color(choices) });
    match kind {
        0 => json!({
            "type": "html", "html": text(choices), "css": "p { color: #ffffff; font-size: 20px; }",
            "width": 40 + choices.below(200), "height": 20 + choices.below(80),
            "background": color(choices),
        }),
        1 => page(choices),
        2 => {
            let mut older = json!({ "type": "text", "text": text(choices), "font": font });
            if choices.often(40) {
                older["animation"] =
                    json!({ "preset": "typewriter", "duration": duration(choices) });
            }
            older
        }
        3 => rich(choices, font),
        4 => json!({
            "type": "title", "text": text(choices), "style": choices.pick(&TITLE_STYLES),
            "size": choices.pick(&TITLE_SIZES), "color": color(choices),
            "position": choices.pick(&super::POSITIONS),
            "offset": { "x": choices.real(-0.5, 0.5), "y": choices.real(-0.5, 0.5) },
        }),
        5 => json!({
            "type": "caption", "src": choices.pick(media.words), "font": font,
            "trim": number(choices, 0.0, 2.0), "speed": choices.real(0.0, 2.0),
        }),
        _ => json!({
            "type": "rich-caption", "src": choices.pick(media.words), "font": font,
            "trim": number(choices, 0.0, 2.0), "speed": choices.real(0.0, 2.0),
            "active": { "font": { "color": color(choices) } },
            "animation": { "style": choices.pick(&WORD_STYLES), "direction": choices.pick(&DIRECTIONS) },
        }),
    }
}

fn rich(choices: &mut Choices, font: Value) -> Value {
    let mut rich = json!({
        "type": "rich-text", "text": text(choices), "width": 40 + choices.below(200), "height": 20 + choices.below(80),
        "font": font, "background": { "color": color(choices), "opacity": choices.real(0.0, 1.0) },
    });
    if choices.often(20) {
        let stops = [0.0, 1.0].map(|offset| json!({ "offset": offset, "color": color(choices) }));
        rich["style"] = json!({ "gradient": { "stops": stops } });
    }
    if choices.often(60) {
        let (preset, directions) = choices.pick(&PRESETS);
        rich["animation"] = json!({
            "preset": preset, "duration": duration(choices),
            "style": choices.pick(&["character", "word"]), "direction": choices.pick(directions),
        });
    }
    rich
}

/// A page, now and then one that moves.
fn page(choices: &mut Choices) -> Value {
    let animation = match choices.below(3) {
        0 => String::new(),
        1 => format!("animation: go {}s linear", duration(choices)),
        _ => format!(
            "animation: go {}s ease-in-out infinite alternate",
            duration(choices)
        ),
    };
    json!({
        "type": "html5", "html": format!("<p>{}</p>", text(choices)),
        "css": format!(
            "p {{ background: {}; color: {}; font-size: 20px; {animation} }} @keyframes go {{ to {{ transform: translateX(60px) }} }}",
            color(choices), color(choices)
        ),
    })
}

fn duration(choices: &mut Choices) -> f64 {
    choices.real(0.1, 2.5)
}

fn text(choices: &mut Choices) -> &'static str {
    choices.pick(&[
        "",
        "Hello",
        "Hello, {{ name }}!",
        "two\nlines",
        "<b>Zoë</b> & Ø",
        "a long line of text that does not fit into its box at all",
        "\u{1F600}",
    ])
}
