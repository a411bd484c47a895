//! One template for everybody: scenes by the data, variants, and cuts of its own.

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{Loomcast, Scratch};

fn bar(color: &str, start: Value, length: Value, rules: Value) -> Value {
    let asset = json!({"type": "shape", "shape": "rectangle", "rectangle": {"width": 100, "height": 50},
                       "fill": {"color": color}});
    json!({"asset": asset, "start": start, "length": length, "loomcast": rules})
}

/// An intro, an offer for each that there is, and a goodbye; 256x144.
fn template() -> Value {
    json!({
        "timeline": {
            "loomcast": {"scenes": [
                {"name": "intro", "length": 1},
                {"name": "offer", "length": 2, "if": {"present": "offers"}, "each": {"in": "offers", "as": "offer"}},
                {"name": "end", "length": 2},
            ]},
            "tracks": [{"clips": [
                bar("#ff0000", json!(0), json!("end"), json!({"scene": "intro"})),
                bar("{{ offer.color }}", json!(0.5), json!(1), json!({"scene": "offer"})),
                bar("#0000ff", json!(0), json!("end"), json!({"scene": "end"})),
            ]}],
        },
        "output": {"format": "mp4", "size": {"width": 256, "height": 144}, "fps": 25},
        "merge": [{"find": "offers", "replace": []}],
        "loomcast": {
            "partition": {"chunkMax": 1},
            "variants": {"tall": {"output": {"size": {"width": 144, "height": 256}}}},
        },
    })
}

#[test]
fn people_with_other_scenes_share_the_chunks_of_those_that_they_have_in_common() {
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let edit = scratch.edit("scenes.json", &template());
    let plan = |offers: &str| {
        let planned = user.plan(&edit, &["--set", &format!("offers={offers}")]);
        let length: f64 = planned.iter().map(|chunk| chunk.duration).sum();
        let keys: Vec<String> = planned.into_iter().map(|chunk| chunk.key).collect();
        (length, keys)
    };
    let (short, none) = plan("");
    let (long, two) = plan(r##"[{"color": "#00ff00"}, {"color": "#ffff00"}]"##);
    assert!(
        (short - 3.0).abs() < 1e-6 && (long - 7.0).abs() < 1e-6,
        "{short} {long}"
    );
    // The first two chunks are the intro, the last two the goodbye.
    assert_eq!(none[..2], two[..2]);
    assert_eq!(none[none.len() - 2..], two[two.len() - 2..]);
    let (_, one) = plan(r##"[{"color": "#00ff00"}]"##);
    let fresh = one.iter().filter(|key| !two.contains(key)).count();
    assert_eq!(fresh, 0, "nothing is rendered anew");
}

#[test]
fn an_error_is_told_of_the_place_in_the_template() {
    let scratch = Scratch::new();
    let mut broken = template();
    broken["timeline"]["tracks"][0]["clips"][2]["fit"] = json!("loose");
    let edit = scratch.edit("broken.json", &broken);
    let offers = r##"offers=[{"color": "#00ff00"}, {"color": "#ffff00"}]"##;
    let ran = Loomcast::new(&scratch, "data").run([
        "plan",
        edit.to_str().expect("plain"),
        "--set",
        offers,
    ]);
    assert!(
        ran.stderr
            .contains("/timeline/tracks/0/clips/2/fit: \"loose\""),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_variant_and_the_cuts_of_the_template_are_taken_over_http_too() {
    let server = Server::start();
    let request = |more: Value| {
        let mut request = json!({"edit": template(), "render": "on_demand"});
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        server.post("/v1/videos", request.to_string().as_bytes())
    };
    let size = |video: &Value| (video["width"].clone(), video["height"].clone());
    let plain = request(json!({})).json();
    assert_eq!(size(&plain), (json!(256), json!(144)));
    let tall = request(json!({"variant": "tall"})).json();
    assert_eq!(size(&tall), (json!(144), json!(256)));
    let unknown = request(json!({"variant": "round"}));
    assert_eq!(unknown.status, 422, "{}", unknown.text());
    assert!(unknown.text().contains("one of tall"), "{}", unknown.text());
    let chunks = |video: &Value| video["chunks"].as_array().map_or(0, Vec::len);
    let coarse = request(json!({"chunk_max_ms": 2000})).json();
    assert!(chunks(&coarse) < chunks(&plain), "{plain}");
}
