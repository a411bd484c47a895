//! Texts that come into sight.

use super::*;

const PRESETS: [&str; 6] = [
    "fadeIn",
    "slideIn",
    "typewriter",
    "ascend",
    "shift",
    "movingLetters",
];

/// The picture of `asset` at a time in milliseconds.
fn at(name: &str, asset: &Value, millis: i64) -> Sprite {
    let request = RasterRequest {
        time: Time::from_millis(millis),
        ..rich_request(asset)
    };
    let sprite = RASTERISER.render(&request).expect("there");
    show(&format!("{name}-{millis}"), &sprite);
    sprite
}

fn styles() -> Vec<(&'static str, Value)> {
    let stops = json!([{"offset": 0, "color": "#ff0000"}, {"offset": 1, "color": "#0000ff"}]);
    vec![
        ("plain", json!({})),
        (
            "stroked",
            json!({"stroke": {"width": 3, "color": "#ffcc00"}, "shadow": {"offsetX": 4, "offsetY": 4, "blur": 4}}),
        ),
        (
            "gradient",
            json!({"style": {"gradient": {"stops": stops, "angle": 30}, "textDecoration": "underline"},
                   "stroke": {"width": 2}}),
        ),
        (
            "ground",
            json!({"background": {"color": "#203040", "wrap": true, "padding": 12, "borderRadius": 9},
                   "border": {"width": 2}, "font": {"background": "#ffff00"}, "padding": 10,
                   "align": {"horizontal": "right", "vertical": "bottom"}}),
        ),
        (
            "spaced",
            json!({"style": {"letterSpacing": 3, "wordSpacing": 9, "textTransform": "capitalize"},
                   "align": {"horizontal": "left"}}),
        ),
    ]
}

fn styled(style: &Value, animation: Value) -> Value {
    let mut asset = style.clone();
    asset["text"] =
        json!("AVATAR to Wave, fluffy\nGrüße שלום مرحبا बात To. A longer line is broken.");
    asset["font"]["size"] = json!(30);
    if !animation.is_null() {
        asset["animation"] = animation;
    }
    asset
}

/// How much two pictures differ: the part of all values by which they do, and the largest
/// difference.
fn difference(a: &Sprite, b: &Sprite) -> (f64, u8) {
    let differences = a.rgba().iter().zip(b.rgba()).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = differences.clone().map(u64::from).sum();
    let all = a.rgba().iter().map(|value| u64::from(*value)).sum::<u64>();
    (sum as f64 / all as f64, differences.max().unwrap_or(0))
}

#[test]
fn at_its_end_an_animated_text_is_the_still_text() {
    for (style_name, style) in styles() {
        let still = at(
            &format!("still-{style_name}"),
            &styled(&style, Value::Null),
            0,
        );
        for preset in PRESETS {
            let asset = styled(&style, json!({"preset": preset, "duration": 1}));
            let name = format!("{preset}-{style_name}");
            let end = at(&name, &asset, 1000);
            let (share, _) = difference(&still, &end);
            // Letters in elements of their own are placed to other fractions of a pixel.
            assert!(share < 0.04, "{name}: {share}");
            let (before, after) = (still.ink().expect("there"), end.ink().expect("there"));
            for (before, after) in [
                (before.0, after.0),
                (before.1, after.1),
                (before.2, after.2),
                (before.3, after.3),
            ] {
                assert!(before.abs_diff(after) <= 2, "{name}: {still:?} {end:?}");
            }
            assert_eq!(
                end,
                at(&name, &asset, 5000),
                "{name} stands still from then on"
            );
        }
    }
}

#[test]
fn an_animated_text_comes_into_sight_bit_by_bit() {
    for (style_name, style) in styles() {
        for preset in PRESETS {
            let asset = styled(
                &style,
                json!({"preset": preset, "duration": 1, "direction": "up"}),
            );
            let name = format!("{preset}-{style_name}");
            let times = [0, 250, 500, 750, 1000];
            let pictures = times.map(|millis| at(&name, &asset, millis));
            for pair in pictures.windows(2) {
                assert_ne!(pair[0], pair[1], "{name}");
            }
            let left = pictures
                .each_ref()
                .map(|sprite| difference(&pictures[4], sprite).0);
            // What slides through its own place is far from it, however near.
            assert!(left[0] > left[3] || preset == "slideIn", "{name}: {left:?}");
        }
    }
}

#[test]
fn a_text_comes_from_where_its_direction_says() {
    let middle = |direction: &str, millis: i64| {
        let asset =
            json!({"text": "HHH", "animation": {"preset": "slideIn", "direction": direction}});
        at(&format!("slide-{direction}"), &asset, millis)
            .ink()
            .map(|(x, y, width, height)| (x + width / 2, y + height / 2))
    };
    let (x, y) = middle("left", 1000).expect("there");
    for (direction, is_right) in [("left", true), ("right", false)] {
        assert_eq!(middle(direction, 0), None, "it is beyond its box");
        let (from, level) = middle(direction, 400).expect("there");
        assert_eq!((from > x, level), (is_right, y), "{direction}");
    }
    for (direction, is_below) in [("up", true), ("down", false)] {
        let (level, from) = middle(direction, 400).expect("there");
        assert_eq!((from > y, level), (is_below, x), "{direction}");
    }
}

#[test]
fn a_typewriter_types_letters_or_words() {
    let width = |style: &str, millis: i64| {
        let asset = json!({"text": "HHHH HHHH", "align": {"horizontal": "left"},
            "animation": {"preset": "typewriter", "duration": 0.8, "style": style}});
        at(&format!("type-{style}"), &asset, millis)
            .ink()
            .map_or(0, |(x, _, width, _)| x + width)
    };
    let letters = [50, 150, 350, 790].map(|millis| width("character", millis));
    assert!(
        letters.is_sorted() && letters[0] > 0 && letters[0] < letters[1],
        "{letters:?}"
    );
    let words = [50, 350, 450].map(|millis| width("word", millis));
    assert!(words[0] == words[1] && words[1] < words[2], "{words:?}");
}

#[test]
fn a_text_that_does_not_fit_ends_with_its_ellipsis() {
    let text = |ellipsis: Value| {
        let text = json!({"text": "one two three four five six seven eight nine ten", "width": 200,
            "height": 100, "font": {"size": 30}, "ellipsis": ellipsis});
        let text = RichText::from_text_value(&text).expect("there");
        let selection = RASTERISER.catalogue().select_rich_text(&text);
        let request = RasterRequest::new(text.to_markup((640, 200)), &selection);
        let sprite = RASTERISER.render(&request).expect("there");
        show(
            &format!("ellipsis-{}", ellipsis.as_str().map_or(0, str::len)),
            &sprite,
        );
        sprite
    };
    let (cut, whole) = (text(json!("…")), text(Value::Null));
    // Two lines of 36 pixels fit into 100.
    assert!(cut.ink().expect("there").3 < 72, "{:?}", cut.ink());
    assert!(whole.ink().expect("there").3 > 90, "{:?}", whole.ink());
    assert_ne!(cut, text(json!(" [more]")));
}

#[test]
#[ignore = "a measurement: run with --nocapture"]
fn how_long_a_moving_text_takes() {
    for (name, style) in styles() {
        for preset in PRESETS {
            let mut asset = styled(&style, json!({"preset": preset, "duration": 1}));
            asset["width"] = json!(1280);
            asset["height"] = json!(720);
            asset["font"]["size"] = json!(64);
            let request = rich_request(&asset);
            let start = std::time::Instant::now();
            for frame in 0..25 {
                let time = Time::from_millis(frame * 40);
                RASTERISER
                    .render(&RasterRequest {
                        time,
                        ..request.clone()
                    })
                    .expect("there");
            }
            println!("{name} {preset}: {:?} a frame", start.elapsed() / 25);
        }
    }
}
