//! What the drawn pixels look like, with the shipped fonts and, where they are
//! installed, Debian's.
//!
//! `LOOMCAST_RASTER_OUT=dir` writes every sprite as a PNG to look at.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::raster::fonts::FontRequest;
use crate::template::markup::HtmlBox;
use crate::template::richtext::RichText;

static RASTERISER: LazyLock<Rasteriser> = LazyLock::new(|| {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fonts");
    Rasteriser::new(Arc::new(FontCatalogue::load(&shipped, &[]).unwrap()))
});

fn has_system_fonts(name: &str) -> bool {
    let absent = RASTERISER.catalogue().absent_system_fonts();
    let is_there = !absent.iter().any(|path| path.contains(name));
    if !is_there {
        println!("skipped: {name} is not installed");
    }
    is_there
}

fn show(name: &str, sprite: &Sprite) {
    let Some(folder) = std::env::var_os("LOOMCAST_RASTER_OUT") else {
        return;
    };
    // On a grey ground, so that both black and white letters are seen.
    let mut seen = Vec::new();
    for pixel in sprite.rgba().chunks_exact(4) {
        let ground = 150 * (255 - u32::from(pixel[3])) / 255;
        seen.extend(
            pixel[..3]
                .iter()
                .map(|colour| (u32::from(*colour) + ground).min(255) as u8),
        );
    }
    let path = Path::new(&folder).join(format!("{name}.png"));
    image::RgbImage::from_raw(sprite.width(), sprite.height(), seen)
        .unwrap()
        .save(path)
        .unwrap();
}

fn rich_request(asset: &Value) -> RasterRequest {
    let text = RichText::from_value(asset).unwrap();
    let selection = RASTERISER.catalogue().select_rich_text(&text);
    assert_eq!(
        (
            selection.missing.as_slice(),
            selection.substituted.as_slice()
        ),
        ([].as_slice(), [].as_slice())
    );
    RasterRequest::new(text.to_markup((640, 200)), &selection)
}

fn rich(name: &str, asset: Value) -> Sprite {
    let sprite = RASTERISER.render(&rich_request(&asset)).unwrap();
    show(name, &sprite);
    sprite
}

fn html(name: &str, asset: Value) -> Sprite {
    let markup = HtmlBox::from_value(&asset).unwrap().to_markup((1280, 720));
    let selection = RASTERISER.catalogue().select_markup(&markup);
    assert_eq!(
        (
            selection.missing.as_slice(),
            selection.substituted.as_slice()
        ),
        ([].as_slice(), [].as_slice())
    );
    let sprite = RASTERISER
        .render(&RasterRequest::new(markup, &selection))
        .unwrap();
    show(name, &sprite);
    sprite
}

#[test]
fn every_script_is_drawn_and_no_two_letters_are_the_same_box() {
    let scripts = [
        ("latin", "Grüße, Ægir Łódź", "", "Gg"),
        ("greek", "Καλημέρα κόσμε", "", "Ωλ"),
        ("cyrillic", "Привет, Ёжик", "", "Жю"),
        ("arabic", "مرحبا بالعالم", "", "شم"),
        ("hebrew", "שלום עולם", "", "שג"),
        ("devanagari", "नमस्ते दुनिया क्षत्रिय", "", "मद"),
        ("japanese", "こんにちは世界", "CJK", "世か"),
        ("chinese", "你好，世界", "CJK", "你界"),
        ("korean", "안녕하세요 세계", "CJK", "안세"),
        ("emoji", "🎉👍🏽👩‍👩‍👧‍👦🇩🇪❤️1️⃣", "Emoji", "🎉👍"),
    ];
    for (name, text, needs, two) in scripts {
        if !needs.is_empty() && !has_system_fonts(needs) {
            continue;
        }
        for weight in [400, 700] {
            let sprite = rich(
                &format!("{name}-{weight}"),
                json!({"text": text, "font": {"weight": weight, "size": 48}}),
            );
            let (_, _, width, height) = sprite.ink().expect(name);
            assert!(width > 100 && height > 20, "{name}: {width}x{height}");
        }
        // Two letters of a script that were both the box of a missing glyph would look the same.
        let mut letters = two
            .chars()
            .map(|letter| rich("letter", json!({"text": letter})).trim().2);
        assert_ne!(letters.next(), letters.next(), "{name}");
    }
}

#[test]
fn colour_emoji_have_colours() {
    if !has_system_fonts("Emoji") {
        return;
    }
    for text in ["🎉", "❤️", "1️⃣", "🇩🇪"] {
        let sprite = rich("emoji", json!({"text": text}));
        let is_coloured = |pixel: &[u8]| pixel[3] == 255 && pixel[0].abs_diff(pixel[2]) > 60;
        assert!(sprite.rgba().chunks_exact(4).any(is_coloured), "{text}");
    }
}

#[test]
fn right_to_left_text_is_shaped_and_ordered() {
    // Joined letters are narrower than the same letters standing alone.
    let joined = rich("joined", json!({"text": "ببب"})).ink().unwrap();
    let apart = rich("apart", json!({"text": "ب\u{200c}ب\u{200c}ب"}))
        .ink()
        .unwrap();
    assert!(joined.2 < apart.2, "{joined:?} {apart:?}");
    // The first letter of a Hebrew word is the rightmost: a wide one and a narrow one.
    let heights = |text: &str| {
        let (_, _, sprite) = rich("order", json!({"text": text})).trim();
        let column = |x: u32| {
            (0..sprite.height())
                .filter(|y| sprite.rgba()[((y * sprite.width() + x) * 4 + 3) as usize] > 0)
                .count()
        };
        (column(2), column(sprite.width() - 3))
    };
    let (left, right) = heights("ן\u{5d9}");
    assert!(
        right > left,
        "final nun is taller than yod and comes first: {left} {right}"
    );
    // A full stop ends a Hebrew sentence on its left, in a template of any language.
    let sentence = rich("full-stop", json!({"text": "שלום עולם."})).trim().2;
    let left_top = (0..sentence.height() / 2)
        .all(|y| sentence.rgba()[((y * sentence.width() + 1) * 4 + 3) as usize] == 0);
    assert!(left_top, "the leftmost ink is the full stop's, low down");
    rich(
        "bidi",
        json!({"text": "Hello שלום (עולם) 123, مرحبا World!", "font": {"size": 32}}),
    );
}

#[test]
fn a_character_without_a_glyph_is_reported_and_so_is_an_unknown_family() {
    let catalogue = RASTERISER.catalogue();
    let request = FontRequest {
        family: "Comic Opaque",
        weight: 400,
        italic: false,
    };
    let selection = catalogue.select("a\u{e123}b\u{200d}\u{fe0f}\u{200f}\n\u{10fffd}", &request);
    assert_eq!(selection.missing, ['\u{e123}', '\u{10fffd}']);
    assert_eq!(selection.substituted, ["Comic Opaque"]);
    assert_eq!(selection.faces.len(), 1);
    let markup = HtmlBox::from_value(
        &json!({"html": "<p style='font-family:Opaque,sans-serif'>&#xe123;</p>"}),
    )
    .unwrap()
    .to_markup((9, 9));
    let selection = catalogue.select_markup(&markup);
    assert_eq!(
        (selection.missing, selection.substituted),
        (vec!['\u{e123}'], vec!["Opaque".to_owned()])
    );
}

#[test]
fn a_face_is_found_by_family_full_name_and_file_stem() {
    let catalogue = RASTERISER.catalogue();
    let face = |family: &str, weight: u16| {
        let selection = catalogue.select(
            "x",
            &FontRequest {
                family,
                weight,
                italic: false,
            },
        );
        assert!(selection.substituted.is_empty(), "{family}");
        selection.faces[0].face
    };
    let heavy = face("Montserrat", 800);
    assert_eq!(heavy, face("montserrat extrabold", 400));
    assert_eq!(heavy, face("Montserrat-ExtraBold", 400));
    assert_ne!(heavy, face("Montserrat", 400));
    assert_eq!(face("Montserrat", 300), face("Montserrat", 400));
    assert_eq!(face("Montserrat", 1000), face("Montserrat", 900));
}

#[test]
fn a_templates_own_fonts_come_before_the_shipped_ones() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fonts");
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("JTUSjIg1_x.ttf");
    std::fs::copy(shipped.join("Montserrat-Bold.ttf"), &own).unwrap();
    let catalogue = Arc::new(RASTERISER.catalogue().with_fonts(&[own.into()]).unwrap());
    let asset = json!({"html": "<p style=\"font-family:'JTUSjIg1_x'\">Wide</p>", "css": "p{font-size:60px}"});
    let markup = HtmlBox::from_value(&asset).unwrap().to_markup((400, 100));
    let selection = catalogue.select_markup(&markup);
    assert!(selection.substituted.is_empty());
    assert!(
        selection
            .faces
            .iter()
            .any(|used| used.family == "JTUSjIg1_x")
    );
    let unknown = RASTERISER.catalogue().select_markup(&markup);
    assert_eq!(unknown.substituted, ["JTUSjIg1_x"]);
    let own = Rasteriser::new(catalogue)
        .render(&RasterRequest::new(markup.clone(), &selection))
        .unwrap();
    let substitute = RASTERISER
        .render(&RasterRequest::new(markup, &unknown))
        .unwrap();
    assert!(own.ink().unwrap().2 > substitute.ink().unwrap().2 + 20);
    let no_font = folder.path().join("no.ttf");
    std::fs::write(&no_font, b"no font").unwrap();
    assert!(matches!(
        RASTERISER.catalogue().with_fonts(&[no_font.into()]),
        Err(crate::raster::FontError::NoFace { .. })
    ));
}

#[test]
fn a_family_of_a_collection_is_drawn_in_its_own_shapes() {
    if !has_system_fonts("CJK") {
        return;
    }
    let text = |family: &str| {
        rich(
            "collection",
            json!({"text": "直骨", "font": {"family": family}}),
        )
    };
    let (japanese, chinese) = (text("Noto Sans CJK JP"), text("Noto Sans CJK SC"));
    // Without kana or Hangul, Han is drawn as Chinese; the line is another face's.
    assert_ne!(japanese.trim().2, chinese.trim().2);
    assert_eq!(chinese.trim().2, text("Open Sans").trim().2);
}

#[test]
fn only_what_a_text_needs_takes_part() {
    let catalogue = RASTERISER.catalogue();
    let families = |text: &str| -> Vec<String> {
        let request = FontRequest {
            family: "Montserrat",
            weight: 400,
            italic: false,
        };
        catalogue
            .select(text, &request)
            .faces
            .into_iter()
            .map(|used| used.family)
            .collect()
    };
    assert_eq!(families("Grüße"), ["Montserrat"]);
    assert_eq!(families("Καλ"), ["Montserrat", "Open Sans"]);
    assert_eq!(families("مر"), ["Montserrat", "Noto Sans Arabic"]);
    assert_eq!(families("नम"), ["Montserrat", "Noto Sans Devanagari"]);
    if has_system_fonts("CJK") {
        assert_eq!(families("世界").last().unwrap(), "Noto Sans CJK SC");
        assert_eq!(families("世界の").last().unwrap(), "Noto Sans CJK JP");
        assert_eq!(families("세계").last().unwrap(), "Noto Sans CJK KR");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes_on_every_thread() {
    let mut requests = vec![
        rich_request(
            &json!({"text": "Grüße שלום", "shadow": {"blur": 9, "offsetX": 3}, "stroke": {"width": 2}}),
        ),
        rich_request(&json!({"text": "مرحبا", "style": {"gradient": {"stops": [
            {"offset": 0, "color": "#ff0000"}, {"offset": 1, "color": "#0000ff"}]}}})),
    ];
    if has_system_fonts("CJK") {
        requests.push(rich_request(&json!({"text": "世界"})));
    }
    let once: Vec<_> = requests
        .iter()
        .map(|request| RASTERISER.render(request).unwrap())
        .collect();
    let fresh = Rasteriser::new(Arc::clone(&RASTERISER.catalogue));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (fresh, requests, once) = (&fresh, &requests, &once);
            scope.spawn(move || {
                for round in 0..5 {
                    let at = (thread + round) % requests.len();
                    assert_eq!(fresh.render(&requests[at]).unwrap(), once[at]);
                }
            });
        }
    });
}

#[test]
fn ink_lies_where_the_alignment_says() {
    for (across, horizontal) in ["left", "center", "right"].iter().enumerate() {
        for (down, vertical) in ["top", "middle", "bottom"].iter().enumerate() {
            let sprite = rich(
                &format!("align-{horizontal}-{vertical}"),
                json!({
                "text": "Hxgp", "font": {"size": 40}, "align": {"horizontal": horizontal, "vertical": vertical}}),
            );
            let (x, y, width, height) = sprite.ink().unwrap();
            let (x, right) = (x, 640 - x - width);
            let bottom = 200 - y - height;
            // No edge is touched: neither ascenders nor descenders are cut.
            assert!(
                y >= 2 && bottom >= 2,
                "{horizontal} {vertical}: {y} {bottom}"
            );
            match across {
                0 => assert!(x < 10, "{x}"),
                1 => assert!(x.abs_diff(right) < 8, "{x} {right}"),
                _ => assert!(right < 10, "{right}"),
            }
            match down {
                0 => assert!(y < 25, "{y}"),
                1 => assert!(y.abs_diff(bottom) < 16, "{y} {bottom}"),
                _ => assert!(bottom < 25, "{bottom}"),
            }
        }
    }
}

#[test]
fn nothing_is_cut_off_at_the_edge_the_text_stands_at() {
    let mut texts = vec!["ÅỄŷjgpq", "ब्रूँ स्त्री", "لُّلِّـٍجِ", "שׁלֹ֑ךְ"];
    if has_system_fonts("CJK") {
        texts.push("鬱龘");
    }
    for text in texts {
        let ink = |vertical: &str| {
            let style =
                json!({"text": text, "align": {"vertical": vertical}, "stroke": {"width": 3}});
            rich(&format!("edge-{vertical}"), style).trim().2
        };
        let whole = ink("middle");
        assert_eq!(ink("top"), whole, "{text}");
        assert_eq!(ink("bottom"), whole, "{text}");
    }
}

#[test]
fn padding_keeps_the_text_off_the_edges() {
    let ink = |padding: Value| {
        let align = json!({"horizontal": "left", "vertical": "top"});
        rich(
            "padding",
            json!({"text": "Hi", "padding": padding, "align": align}),
        )
        .ink()
        .unwrap()
    };
    let corner = |padding: Value| {
        let (x, y, ..) = ink(padding);
        (x, y)
    };
    let (x, y) = corner(json!(20));
    assert_eq!(corner(json!(50)), (x + 30, y + 30));
    assert_eq!(corner(json!({"left": 27, "top": "20"})), (x + 7, y));
}

#[test]
fn a_wrapping_background_hugs_the_text_and_another_fills_the_box() {
    let ink = |text: &str, wrap: bool| {
        rich(
            &format!("ground-{wrap}-{}", text.len()),
            json!({"text": text, "font": {"size": 48}, "background": {
            "color": "#203040", "opacity": 0.6, "borderRadius": 12, "padding": 10, "wrap": wrap},
            "border": {"width": 2, "color": "#ffffff"}}),
        )
        .ink()
        .unwrap()
    };
    assert_eq!(ink("Anna", false), (0, 0, 640, 200));
    let (short, long) = (ink("Al", true), ink("Alexandra", true));
    assert!(
        short.2 < long.2 && long.2 < 400 && short.3 == long.3,
        "{short:?} {long:?}"
    );
    // Size 48 at line height 1.2, and twice the padding and the border.
    assert!(short.3.abs_diff(58 + 20 + 4) <= 1, "{short:?}");
    assert_eq!(ink("", false), (0, 0, 640, 200));
}

#[test]
fn lines_are_kept_and_long_ones_are_broken() {
    let height = |text: &str| {
        rich("lines", json!({"text": text, "font": {"size": 24}}))
            .ink()
            .unwrap()
            .3
    };
    let (one, two) = (height("HH"), height("HH\nHH"));
    assert_eq!(two, height("HH\r\nHH"));
    assert!((26..=32).contains(&(two - one)), "{one} {two}");
    assert!(height(&"H".repeat(60)) > one + 20);
    assert!(
        rich(
            "lines-trailing",
            json!({"text": "a  b\n\nc", "font": {"size": 48}})
        )
        .ink()
        .unwrap()
        .3 > 100
    );
}

#[test]
fn every_style_changes_the_pixels() {
    let plain = rich("style-plain", json!({"text": "Jäger gpq"}));
    let stops = json!([{"offset": 0, "color": "#ff0000"}, {"offset": 1, "color": "#0000ff"}]);
    let styles = [
        (
            "stroke",
            json!({"stroke": {"width": 4, "color": "#ffcc00"}}),
        ),
        (
            "shadow",
            json!({"shadow": {"offsetX": 6, "offsetY": 6, "blur": 4, "color": "#000000", "opacity": 0.8}}),
        ),
        (
            "gradient",
            json!({"style": {"gradient": {"type": "linear", "angle": 0, "stops": stops}}}),
        ),
        (
            "radial",
            json!({"style": {"gradient": {"type": "radial", "stops": stops}}}),
        ),
        (
            "all",
            json!({"style": {"gradient": {"angle": 90, "stops": stops}, "textDecoration": "underline"},
            "stroke": {"width": 3, "color": "#ffffff"}, "shadow": {"offsetX": 4, "offsetY": 4, "blur": 6}}),
        ),
        ("spacing", json!({"style": {"letterSpacing": 6}})),
        ("words", json!({"style": {"wordSpacing": 30}})),
        ("upper", json!({"style": {"textTransform": "uppercase"}})),
        (
            "underline",
            json!({"style": {"textDecoration": "underline"}}),
        ),
        (
            "through",
            json!({"style": {"textDecoration": "line-through"}}),
        ),
        ("italic", json!({"font": {"style": "italic"}})),
        ("heavy", json!({"font": {"weight": 800}})),
        (
            "faint",
            json!({"font": {"opacity": 0.3, "color": "#ffffff"}}),
        ),
        ("marked", json!({"font": {"background": "#ffff00"}})),
    ];
    for (name, mut style) in styles {
        style["text"] = json!("Jäger gpq");
        assert_ne!(rich(&format!("style-{name}"), style), plain, "{name}");
    }
}

#[test]
fn a_gradient_runs_from_left_to_right_and_a_stroke_stays_outside() {
    let stops = json!([{"offset": 0, "color": "#ff0000"}, {"offset": 1, "color": "#0000ff"}]);
    let (_, _, sprite) = rich(
        "gradient",
        json!({"text": "HHHHHH", "style": {"gradient": {"stops": stops}}}),
    )
    .trim();
    let middle = (sprite.height() / 2 * sprite.width() * 4) as usize;
    let row = &sprite.rgba()[middle..middle + sprite.width() as usize * 4];
    let solid: Vec<_> = row
        .chunks_exact(4)
        .filter(|pixel| pixel[3] == 255)
        .collect();
    assert!(
        solid[0][0] > 200 && solid[solid.len() - 1][2] > 200,
        "{:?}",
        (solid[0], solid.last())
    );
    let plain = rich("plain", json!({"text": "HI", "font": {"color": "#00ff00"}}));
    let stroked = rich(
        "stroked",
        json!({"text": "HI", "font": {"color": "#00ff00"}, "stroke": {"width": 5, "color": "#ff0000"}}),
    );
    for (before, after) in plain
        .rgba()
        .chunks_exact(4)
        .zip(stroked.rgba().chunks_exact(4))
    {
        assert!(
            before[3] < 255 || before == after,
            "the letters themselves are unchanged"
        );
    }
    let (a, b) = (plain.ink().unwrap(), stroked.ink().unwrap());
    assert!((9..=11).contains(&(b.2 - a.2)), "{a:?} {b:?}");
}

#[test]
fn a_gradient_cuts_nothing_off_the_letters() {
    // A J that reaches out to the left, and descenders below a tight line.
    let text = |gradient: Value| {
        let stops = json!([{"offset": 0, "color": "#ff0000"}, {"offset": 1, "color": "#0000ff"}]);
        let style = if gradient.is_null() {
            json!({"lineHeight": 0.8})
        } else {
            json!({"lineHeight": 0.8, "gradient": {"type": gradient, "stops": stops}})
        };
        rich(
            "gradient-whole",
            json!({"text": "JÄger gpq", "style": style}),
        )
    };
    let plain = text(Value::Null);
    for kind in ["linear", "radial"] {
        assert_eq!(text(json!(kind)).ink(), plain.ink(), "{kind}");
    }
}

#[test]
fn html_is_drawn_in_its_box_with_bold_and_position() {
    let sprite = html(
        "html",
        json!({
        "html": "<p class='a'>Hello <b>Ana</b> &amp; <i>co</i></p><ul><li>one</li></ul>",
        "css": "body{color:#fff;font-family:Montserrat} .a{font-size:60px;margin:0} ul{font-family:'Open Sans';font-size:30px}",
        "background": "#80203040", "position": "bottomLeft", "width": 800, "height": 400}),
    );
    assert_eq!((sprite.width(), sprite.height()), (800, 400));
    // Alpha 0x80, premultiplied.
    assert_eq!(sprite.rgba()[..4], [0x10, 0x18, 0x20, 0x80]);
    let ink = |position: &str| {
        html(&format!("html-{position}"), json!({"html": "<p>x</p>", "css": "p{margin:0}", "width": 90, "height": 60, "position": position})).ink().unwrap()
    };
    let (top, centre, bottom) = (ink("topLeft"), ink("center"), ink("bottomRight"));
    assert!(
        top.0 < 5
            && top.1 < 20
            && centre.0 > 35
            && centre.0 < 50
            && bottom.0 > 75
            && bottom.1 > centre.1
            && centre.1 > top.1,
        "{top:?} {centre:?} {bottom:?}"
    );
}

#[test]
fn an_animation_is_drawn_as_it_is_at_the_time_asked_for() {
    let asset = json!({"html": "<div class='bar'></div>", "width": 200, "height": 20, "position": "topLeft",
        "css": ".bar{height:20px;background:#ff0000;animation:grow 1s linear 0.5s both}
                @keyframes grow{from{width:0}to{width:200px}}"});
    let markup = HtmlBox::from_value(&asset).unwrap().to_markup((200, 20));
    let selection = RASTERISER.catalogue().select_markup(&markup);
    let width = |millis: i64| {
        let request = RasterRequest {
            time: Time::from_millis(millis),
            ..RasterRequest::new(markup.clone(), &selection)
        };
        let sprite = RASTERISER.render(&request).unwrap();
        sprite.ink().map_or(0, |(_, _, width, _)| width)
    };
    assert_eq!(
        [0, 500, 750, 1000, 1500, 9000].map(width),
        [0, 0, 50, 100, 200, 200]
    );
}

#[test]
fn a_request_out_of_bounds_is_refused() {
    let good = rich_request(&json!({"text": "x"}));
    let with = |change: fn(&mut RasterRequest)| {
        let mut request = good.clone();
        change(&mut request);
        RASTERISER.render(&request)
    };
    assert!(matches!(
        with(|r| r.width = 0),
        Err(RasterError::Size { .. })
    ));
    assert!(matches!(
        with(|r| r.height = MAX_SIDE + 1),
        Err(RasterError::Size { .. })
    ));
    assert!(matches!(
        with(|r| (r.width, r.height) = (MAX_SIDE, MAX_SIDE)),
        Err(RasterError::Size { .. })
    ));
    assert!(matches!(
        with(|r| r.css = " ".repeat(MAX_MARKUP_BYTES)),
        Err(RasterError::TooLong { .. })
    ));
    assert!(matches!(
        with(|r| r.html = "<div>".repeat(MAX_MARKUP_DEPTH + 2)),
        Err(RasterError::Html(_))
    ));
    assert!(matches!(
        with(|r| r.fonts.clear()),
        Err(RasterError::NoFont)
    ));
    assert!(matches!(
        with(|r| r.fonts[0].face = Digest::of(b"no font")),
        Err(RasterError::UnknownFace(_))
    ));
}

#[test]
fn the_deepest_markup_fits_a_render_threads_stack() {
    let mut request = rich_request(&json!({"text": "x"}));
    let depth = MAX_MARKUP_DEPTH - 2;
    request.html = format!(
        "{}x{}",
        "<div style='display:flex;padding:1px'>".repeat(depth),
        "</div>".repeat(depth)
    );
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let sprite = thread
        .spawn(move || RASTERISER.render(&request).unwrap())
        .unwrap()
        .join()
        .unwrap();
    assert!(sprite.ink().is_some());
}

#[test]
#[ignore = "a measurement: run with --nocapture"]
fn how_long_an_hd_layer_takes() {
    let asset = json!({"html": "<h1>Hello, Ana שלום</h1><p>A sentence of some length, with a <b>bold</b> word.</p>",
        "css": "body{background:linear-gradient(90deg,#123,#345)} h1{font-size:90px;color:#fff;text-shadow:4px 4px 12px #000} p{font-size:40px;color:#eee}"});
    let markup = HtmlBox::from_value(&asset).unwrap().to_markup((1280, 720));
    let request = RasterRequest::new(
        markup.clone(),
        &RASTERISER.catalogue().select_markup(&markup),
    );
    show("hd", &RASTERISER.render(&request).unwrap());
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let selection = RASTERISER.catalogue().select_markup(&markup);
        let selected = start.elapsed();
        RASTERISER
            .render(&RasterRequest::new(markup.clone(), &selection))
            .unwrap();
        println!("select {selected:?}, with render {:?}", start.elapsed());
    }
}

#[test]
fn the_version_of_the_rasteriser_is_part_of_every_chunk_key() {
    assert!(crate::chunk::encode::RENDERER.contains(RASTERISER_VERSION));
}

mod moving;
