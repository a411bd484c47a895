//! Text: how it looks, how it comes into sight, and what is said by the clock.

use serde_json::{Value, json};

use super::names;
use super::reel::{FPS, Reel, Take, with};

const STILL: &[usize] = &[6];

fn rich(text: &str, size: u32, more: Value) -> Value {
    let font = json!({ "size": size, "color": "#ffffff", "weight": 800, "family": "Montserrat" });
    let text =
        json!({ "type": "rich-text", "text": text, "font": font, "width": 120, "height": 64 });
    with(text, more)
}

/// The looks of still text.
pub fn texts() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add =
        |name: &str, asset: Value| reel.add(name, FPS, STILL, &[json!({ "asset": asset })]);
    let stops = json!([{ "offset": 0, "color": "#ffe040" }, { "offset": 0.5, "color": "#ff4040" }, { "offset": 1, "color": "#4080ff" }]);
    let gradient = |kind: &str, angle: u32| json!({ "style": { "gradient": { "type": kind, "angle": angle, "stops": stops } } });
    let font =
        |more: Value| json!({ "font": with(json!({ "size": 20, "color": "#ffffff" }), more) });
    add("plain", rich("Rich text", 20, json!({})));
    add(
        "italic",
        rich("Rich text", 20, font(json!({ "style": "italic" }))),
    );
    add(
        "font.opacity",
        rich("Rich text", 20, font(json!({ "opacity": 0.4 }))),
    );
    add(
        "font.background",
        rich("Rich\ntext", 20, font(json!({ "background": "#a02040" }))),
    );
    add(
        "stroke",
        rich(
            "Stroke",
            24,
            json!({ "stroke": { "width": 2, "color": "#c03020" } }),
        ),
    );
    add(
        "shadow",
        rich(
            "Shadow",
            24,
            json!({ "shadow": { "offsetX": 4, "offsetY": 4, "blur": 2, "color": "#000000", "opacity": 0.9 } }),
        ),
    );
    add("gradient 0", rich("Gradient", 22, gradient("linear", 0)));
    add("gradient 90", rich("Gradient", 22, gradient("linear", 90)));
    add(
        "gradient radial",
        rich("Gradient", 22, gradient("radial", 0)),
    );
    for transform in ["uppercase", "lowercase", "capitalize"] {
        add(
            transform,
            rich(
                "Some wOrds",
                16,
                json!({ "style": { "textTransform": transform } }),
            ),
        );
    }
    for decoration in ["underline", "line-through"] {
        add(
            decoration,
            rich(
                "Some words",
                16,
                json!({ "style": { "textDecoration": decoration } }),
            ),
        );
    }
    add(
        "letterSpacing 4",
        rich("Spaced", 16, json!({ "style": { "letterSpacing": 4 } })),
    );
    add(
        "wordSpacing 20",
        rich("two words", 14, json!({ "style": { "wordSpacing": 20 } })),
    );
    add(
        "lineHeight 2",
        rich("two\nlines", 14, json!({ "style": { "lineHeight": 2 } })),
    );
    let ground = json!({ "color": "#803020", "borderRadius": 10, "padding": 6 });
    add(
        "background",
        rich("Ground", 18, json!({ "background": ground })),
    );
    add(
        "background, wrap",
        rich(
            "Ground",
            18,
            json!({ "background": with(ground, json!({ "wrap": true })) }),
        ),
    );
    add(
        "border",
        rich(
            "Border",
            18,
            json!({ "border": { "width": 3, "color": "#ffd040", "radius": 14 } }),
        ),
    );
    for (across, down) in [("left", "top"), ("right", "bottom"), ("left", "middle")] {
        let aligned = json!({ "align": { "horizontal": across, "vertical": down }, "background": { "color": "#304050" } });
        add(
            &format!("align {across}, {down}"),
            rich("three\nshort\nlines", 14, aligned),
        );
    }
    add(
        "padding",
        rich(
            "padded",
            14,
            json!({ "padding": { "left": 50, "top": 30 }, "background": { "color": "#304050" } }),
        ),
    );
    add(
        "lines that are broken",
        rich("a text that is longer than its box", 16, json!({})),
    );
    add("from right to left", rich("שלום مرحبا", 20, json!({})));
    let older = json!({ "type": "text", "text": "The older text", "width": 110, "height": 50,
        "font": { "size": 14, "color": "#ffffff", "weight": 700 }, "background": { "color": "#803020", "borderRadius": 8, "padding": 4 } });
    add("text", older.clone());
    let cut = json!({ "text": "far too much text for a box of two lines, so it is cut", "ellipsis": "…" });
    add("text, ellipsis", with(older, cut));
    reel.done()
}

pub fn titles() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add = |name: &str, scale: f64, title: Value| {
        let title = with(json!({ "type": "title", "text": "Title" }), title);
        let clip = json!({ "asset": title, "scale": scale });
        reel.add(name, FPS, STILL, &[clip]);
    };
    for style in names::title_styles() {
        add(&style, 1.0, json!({ "style": style, "size": "xx-large" }));
    }
    // Sizes are parts of the frame's, which is small.
    for size in names::title_sizes() {
        add(&size, 2.0, json!({ "size": size }));
    }
    let coloured = json!({ "size": "xx-large", "color": "#ffe080", "background": "#c0802020" });
    add("color and background", 1.0, coloured);
    let placed =
        json!({ "size": "x-large", "position": "bottomLeft", "offset": { "x": 0.1, "y": 0.1 } });
    add("position and offset", 1.0, placed);
    reel.done()
}

/// Text that comes into sight.
pub fn animations() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add = |name: String, animation: Value| {
        let animation = with(json!({ "duration": 1 }), animation);
        let text = rich("Two words", 20, json!({ "animation": animation }));
        reel.add(&name, 18, &[2, 6, 7, 13], &[json!({ "asset": text })]);
    };
    for preset in names::presets() {
        let styles = names::preset_styles(&preset);
        let directions = names::preset_directions(&preset);
        // What has no effect has no row.
        let has_style = matches!(preset.as_str(), "typewriter" | "shift");
        let has_direction = !matches!(preset.as_str(), "fadeIn" | "typewriter");
        for style in &styles[..if has_style { styles.len() } else { 1 }] {
            for direction in &directions[..if has_direction { directions.len() } else { 1 }] {
                let mut name = preset.clone();
                let mut animation = json!({ "preset": preset });
                if has_style {
                    name += &format!(", {style}");
                    animation["style"] = json!(style);
                }
                if has_direction {
                    name += &format!(", {direction}");
                    animation["direction"] = json!(direction);
                }
                add(name, animation);
            }
        }
    }
    reel.done()
}

/// What is said, by the clock.
pub fn captions() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add = |name: &str, more: Value| {
        let caption = with(json!({ "src": "words.vtt" }), more);
        reel.add(
            name,
            2 * FPS,
            &[1, 5, 10, 19],
            &[json!({ "asset": caption })],
        );
    };
    let plain = |more: Value| {
        with(
            json!({ "type": "caption", "font": { "size": 16, "color": "#ffffff" } }),
            more,
        )
    };
    add("caption", plain(json!({})));
    add(
        "caption, background and margin",
        plain(
            json!({ "background": { "color": "#802020", "padding": 3, "borderRadius": 4 }, "margin": { "top": 0.1 } }),
        ),
    );
    add(
        "caption, stroke",
        plain(json!({ "font": { "size": 18, "stroke": "#c02040", "strokeWidth": 2 } })),
    );
    add(
        "caption, trim and speed",
        plain(json!({ "trim": 0.5, "speed": 1.5 })),
    );
    let rich = |style: &str, more: Value| {
        let asset = json!({ "type": "rich-caption", "font": { "size": 20, "color": "#ffffff", "family": "Montserrat", "weight": 700 },
            "active": { "font": { "color": "#ffb020" } }, "align": { "vertical": "middle" } });
        let animation = with(json!({ "style": style }), more);
        with(asset, json!({ "animation": animation }))
    };
    for style in names::word_styles() {
        if style == "slide" {
            for direction in names::word_directions() {
                add(
                    &format!("slide, {direction}"),
                    rich(&style, json!({ "direction": direction })),
                );
            }
        } else {
            add(&style, rich(&style, json!({})));
        }
    }
    reel.done()
}
