//! One asset of each kind, and of each way that drawings and cards differ.

use serde_json::{Value, json};

use super::names;
use super::reel::{FPS, Reel, Take, card};

const STILL: &[usize] = &[6];
const MOVING: &[usize] = &[3, 12, 20];

/// The kinds that are heard and not seen.
pub const UNSEEN: [&str; 1] = ["audio"];

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"60\" viewBox=\"0 0 100 60\">\
    <path d=\"M10 50 L50 10 L90 50 Z\" fill=\"#e07020\" stroke=\"#ffffff\" stroke-width=\"3\"/></svg>";

/// An asset of this kind, and where its clip is looked at.
fn of_kind(kind: &str) -> (Value, &'static [usize]) {
    match kind {
        "video" => (json!({ "src": "clip.mp4" }), MOVING),
        "image" => (json!({ "src": "card.png" }), STILL),
        "luma" => (json!({ "src": "disc.png" }), STILL),
        "shape" => (
            json!({ "shape": "circle", "fill": { "color": "#30a060" }, "circle": { "radius": 28 } }),
            STILL,
        ),
        "svg" => (json!({ "src": SVG }), STILL),
        "lottie" => (json!({ "src": "spinner.json" }), MOVING),
        "rich-text" | "text" => (
            json!({ "text": kind, "font": { "size": 24, "color": "#ffffff", "weight": 700 } }),
            STILL,
        ),
        "title" => (json!({ "text": kind, "size": "xx-large" }), STILL),
        "caption" => (
            json!({ "src": "words.vtt", "font": { "size": 20 } }),
            MOVING,
        ),
        "rich-caption" => (
            json!({ "src": "words.vtt", "font": { "size": 24 }, "animation": { "style": "highlight" } }),
            MOVING,
        ),
        "html" => (
            json!({ "html": "<p>A <b>card</b></p>", "width": 110, "height": 50, "background": "#C0203060",
                    "css": "p { color: #ffe080; font-size: 22px; font-family: 'Montserrat'; }" }),
            STILL,
        ),
        "html5" => (
            json!({ "html": "<div><b>page</b></div>",
                    "css": "div { position: absolute; left: 8px; top: 20px; width: 48px; height: 32px; background: #b03060;\
                            color: #ffffff; animation: go 2s linear }\
                            @keyframes go { to { transform: translateX(64px) } }" }),
            MOVING,
        ),
        _ => panic!("{kind} has no row: how does it look?"),
    }
}

pub fn kinds() -> Vec<Take> {
    let mut reel = Reel::default();
    for kind in names::kinds() {
        if UNSEEN.contains(&kind.as_str()) {
            continue;
        }
        let (mut asset, looks) = of_kind(&kind);
        asset["type"] = json!(kind);
        let clip = json!({ "asset": asset });
        if kind == "luma" {
            // It is seen by what it cuts out.
            let matte = json!({ "asset": asset, "fit": "contain" });
            reel.add_together(&kind, 2 * FPS, looks, &[matte, card(json!({}))]);
        } else {
            reel.add(&kind, 2 * FPS, looks, &[clip]);
        }
    }
    reel.done()
}

pub fn shapes() -> Vec<Take> {
    let mut reel = Reel::default();
    let fill = json!({ "color": "#c04030", "opacity": 0.8 });
    let stroke = json!({ "color": "#ffffff", "width": 4 });
    for shape in names::shapes() {
        let measures = match shape.as_str() {
            "rectangle" => json!({ "width": 90, "height": 46, "cornerRadius": 12 }),
            "circle" => json!({ "radius": 28 }),
            "line" => json!({ "length": 100, "thickness": 8 }),
            _ => panic!("{shape} has no row: how does it look?"),
        };
        let mut add = |name: String, mut asset: Value| {
            asset["type"] = json!("shape");
            asset["shape"] = json!(shape);
            asset[&shape] = measures.clone();
            reel.add(&name, FPS, STILL, &[json!({ "asset": asset })]);
        };
        add(shape.clone(), json!({ "fill": fill, "stroke": stroke }));
        add(format!("{shape}, fill alone"), json!({ "fill": fill }));
        add(
            format!("{shape}, stroke alone"),
            json!({ "stroke": stroke }),
        );
    }
    reel.done()
}

/// SVG, Lottie and cards beyond their simplest.
pub fn drawings() -> Vec<Take> {
    let mut reel = Reel::default();
    let mut add =
        |name: &str, looks: &[usize], clip: Value| reel.add(name, 2 * FPS, looks, &[clip]);
    let svg = |inside: &str| {
        let src = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 128 72\">{inside}</svg>"
        );
        json!({ "asset": { "type": "svg", "src": src } })
    };
    add(
        "svg, shapes",
        STILL,
        svg(
            "<rect x=\"6\" y=\"8\" width=\"30\" height=\"24\" rx=\"6\" fill=\"#d04040\"/><circle cx=\"62\" cy=\"20\" r=\"13\" fill=\"#40b060\"/>\
        <ellipse cx=\"104\" cy=\"20\" rx=\"18\" ry=\"10\" fill=\"#4080e0\"/><line x1=\"8\" y1=\"62\" x2=\"36\" y2=\"42\" stroke=\"#ffffff\" stroke-width=\"4\"/>\
        <polygon points=\"50,64 62,42 76,64\" fill=\"#e0c040\"/><polyline points=\"90,64 100,44 108,60 120,42\" fill=\"none\" stroke=\"#e080e0\" stroke-width=\"3\"/>",
        ),
    );
    add(
        "svg, gradients and a clip path",
        STILL,
        svg(
            "<defs><linearGradient id=\"a\"><stop offset=\"0\" stop-color=\"#ffe040\"/><stop offset=\"1\" stop-color=\"#e02040\"/></linearGradient>\
        <radialGradient id=\"b\"><stop offset=\"0\" stop-color=\"#ffffff\"/><stop offset=\"1\" stop-color=\"#2040c0\"/></radialGradient>\
        <clipPath id=\"c\"><circle cx=\"94\" cy=\"36\" r=\"24\"/></clipPath></defs>\
        <rect x=\"8\" y=\"12\" width=\"48\" height=\"48\" fill=\"url(#a)\"/><rect x=\"64\" y=\"6\" width=\"60\" height=\"60\" fill=\"url(#b)\" clip-path=\"url(#c)\"/>",
        ),
    );
    let mut clear = svg(
        "<g transform=\"rotate(20 64 36)\"><rect x=\"34\" y=\"16\" width=\"60\" height=\"40\" fill=\"#f0f0f0\"/></g>",
    );
    clear["asset"]["opacity"] = json!(0.5);
    add("svg, turned, opacity 0.5", STILL, clear);
    let lottie = |src: &str| json!({ "type": "lottie", "src": src });
    add(
        "lottie badge",
        MOVING,
        json!({ "asset": lottie("badge.json") }),
    );
    add(
        "lottie cross",
        MOVING,
        json!({ "asset": lottie("cross.json") }),
    );
    let mut looped = lottie("spinner.json");
    looped["loop"] = json!(true);
    add("lottie, loop", MOVING, json!({ "asset": looped }));
    let mut slow = lottie("spinner.json");
    slow["speed"] = json!(0.5);
    add(
        "lottie, speed 0.5, in a box",
        MOVING,
        json!({ "asset": slow, "width": 72, "height": 72 }),
    );
    let html = |html: &str, css: &str| json!({ "type": "html", "html": html, "css": css, "width": 120, "height": 64 });
    let mut at_top = html("<p>top right</p>", "p { color: #ffffff; font-size: 16px }");
    at_top["position"] = json!("topRight");
    add("html at a position", STILL, json!({ "asset": at_top }));
    let ground = html("&nbsp;", "");
    let ground = [ground, json!({ "background": "#8040c060" })];
    add(
        "html, a rectangle",
        STILL,
        json!({ "asset": super::reel::with(ground[0].clone(), ground[1].clone()) }),
    );
    let moving = html(
        "<i></i>",
        "i { position: absolute; left: 20px; top: 12px; width: 40px; height: 40px; background: #e0a020; animation: turn 1s ease-in-out 2 }\
         @keyframes turn { 50% { transform: translateX(40px) rotate(90deg); background: #2080e0 } }",
    );
    add("html, animated", MOVING, json!({ "asset": moving }));
    let page = json!({ "type": "html5", "html": "<main><b>1</b><b>2</b><b>3</b></main>",
        "css": "main { display: flex; gap: 6px; padding: 12px; font-size: 26px; color: #203050 }\
                b { flex: 1; text-align: center; background: #f0e0a0; border-radius: 6px; animation: rise 0.8s both ease-out }\
                b:nth-child(2) { animation-delay: 0.4s } b:nth-child(3) { animation-delay: 0.8s }\
                @keyframes rise { from { opacity: 0; transform: translateY(40px) } }" });
    add(
        "html5, one after the other",
        MOVING,
        json!({ "asset": page }),
    );
    reel.done()
}
