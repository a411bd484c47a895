use serde_json::{Value, json};

use crate::template::merge::{Data, Merged, merge};

fn merged(timeline: Value, data: Value) -> Result<Merged, String> {
    let data: Data = data
        .as_object()
        .expect("object")
        .clone()
        .into_iter()
        .collect();
    merge(json!({"timeline": timeline}), &data).map_err(|error| error.to_string())
}

/// The clips of each track as (text, start, length).
fn clips(merged: &Merged) -> Vec<Vec<(String, Value, Value)>> {
    let tracks = merged.document["timeline"]["tracks"]
        .as_array()
        .expect("tracks");
    let clip = |clip: &Value| {
        assert_eq!(clip.get("loomcast"), None, "rules are gone");
        let text = clip["text"].as_str().expect("a text").to_owned();
        (text, clip["start"].clone(), clip["length"].clone())
    };
    let of_track = |track: &Value| {
        track["clips"]
            .as_array()
            .expect("clips")
            .iter()
            .map(clip)
            .collect()
    };
    tracks.iter().map(of_track).collect()
}

fn clip(text: &str, start: impl Into<Value>, length: impl Into<Value>, rules: Value) -> Value {
    let (start, length): (Value, Value) = (start.into(), length.into());
    let mut clip = json!({"text": text, "start": start, "length": length});
    if !rules.is_null() {
        clip["loomcast"] = rules;
    }
    clip
}

fn at(text: &str, start: impl Into<Value>, length: impl Into<Value>) -> (String, Value, Value) {
    (text.to_owned(), start.into(), length.into())
}

#[test]
fn a_clip_is_shown_only_if_its_condition_holds() {
    let tracks = json!([
        {"clips": [
            clip("gold", 1, 2, json!({"if": {"==": ["plan", "gold"]}})),
            clip("all", 3, 2, Value::Null),
        ]},
        {"clips": [clip("offer", 0, 1, json!({"if": {"present": "offer"}}))]},
        {"loomcast": {"if": {"not": {"==": ["plan", "gold"]}}}, "clips": [clip("other", 0, 1, Value::Null)]},
    ]);
    let gold = merged(json!({"tracks": tracks}), json!({"plan": "gold"})).expect("merges");
    assert_eq!(clips(&gold), [[at("gold", 1, 2), at("all", 3, 2)]]);
    let free = merged(
        json!({"tracks": tracks}),
        json!({"plan": "free", "offer": "x"}),
    )
    .expect("merges");
    assert_eq!(
        clips(&free),
        [
            vec![at("all", 3, 2)],
            vec![at("offer", 0, 1)],
            vec![at("other", 0, 1)]
        ]
    );
    // What is there only by the data is dynamic, whatever the data; the rest is not.
    let dynamic = |merged: &Merged, place: &str| merged.is_dynamic(&place.into());
    assert!(dynamic(&gold, "/timeline/tracks/0/clips/0"));
    assert!(!dynamic(&gold, "/timeline/tracks/0/clips/1"));
    assert!(!dynamic(&free, "/timeline/tracks/0/clips/0"));
    assert!(dynamic(&free, "/timeline/tracks/1/clips/0"));
    assert!(dynamic(&free, "/timeline/tracks/2/clips/0"));
    // Of places that moved, the template's are known.
    let origin = |merged: &Merged, place: &str| merged.origin(&place.into()).as_str().to_owned();
    assert_eq!(
        origin(&free, "/timeline/tracks/0/clips/0/start"),
        "/timeline/tracks/0/clips/1/start"
    );
    assert_eq!(
        origin(&gold, "/timeline/tracks/0/clips/1"),
        "/timeline/tracks/0/clips/1"
    );
}

#[test]
fn a_clip_is_repeated_for_each_element_of_a_list() {
    let data = json!({"people": [{"name": "Ana", "s": 2}, {"name": "Ben", "s": 3}, {"name": "Cleo", "s": 1}]});
    for (rules, start, length, expected) in [
        (
            json!({"each": {"in": "people", "as": "p"}}),
            json!(1),
            json!("{{ p.s }}"),
            vec![
                at("1 Ana", 1.0, 2),
                at("2 Ben", 3.0, 3),
                at("3 Cleo", 6.0, 1),
            ],
        ),
        (
            json!({"each": {"in": "people", "as": "p", "step": 0.5, "max": 2}}),
            json!(1),
            json!(4),
            vec![at("1 Ana", 1, 4), at("2 Ben", 1.5, 4)],
        ),
        (
            json!({"each": {"in": "people", "as": "p"}, "if": {"!=": ["people", []]}}),
            json!("auto"),
            json!("auto"),
            vec![
                at("1 Ana", "auto", "auto"),
                at("2 Ben", "auto", "auto"),
                at("3 Cleo", "auto", "auto"),
            ],
        ),
    ] {
        let text = "{{ p.number }} {{ p.name }}";
        let timeline = json!({"tracks": [{"clips": [clip(text, start, length, rules)]}]});
        let merged = merged(timeline, data.clone()).expect("merges");
        let mut found = clips(&merged).concat();
        // Of a first one that stays where it is, the start is as it was written.
        if let Some((_, start, _)) = found.first_mut().filter(|(_, start, _)| start.is_number()) {
            *start = json!(start.as_f64());
        }
        let mut expected = expected;
        if let Some((_, start, _)) = expected
            .first_mut()
            .filter(|(_, start, _)| start.is_number())
        {
            *start = json!(start.as_f64());
        }
        assert_eq!(found, expected);
        assert_eq!(merged.warnings, []);
    }
}

#[test]
fn scenes_follow_one_another_and_take_their_clips_along() {
    let timeline = json!({
        "loomcast": {"scenes": [
            {"name": "intro", "length": 2},
            {"name": "offer", "length": 3, "if": {"present": "offers"}, "each": {"in": "offers", "as": "offer"}},
            {"name": "end", "length": "{{ goodbye }}"},
        ]},
        "tracks": [
            {"clips": [
                clip("Hello", 0, "end", json!({"scene": "intro"})),
                clip("{{ offer.name }}", 0.5, 2, json!({"scene": "offer"})),
                clip("cheap", 1, "end", json!({"scene": "offer", "if": {"<": ["offer.price", 10]}})),
                clip("Bye", "auto", 1, json!({"scene": "end"})),
            ]},
            {"clips": [clip("music", 0, "end", Value::Null)]},
        ],
    });
    let offers = json!([{"name": "Shoes", "price": 50}, {"name": "Socks", "price": "5"}]);
    let data = json!({"offers": offers, "goodbye": 4});
    let two = merged(timeline.clone(), data).expect("merges");
    assert_eq!(
        clips(&two),
        [
            vec![
                at("Hello", 0, 2.0),
                at("Shoes", 2.5, 2),
                at("Socks", 5.5, 2),
                at("cheap", 6.0, 2.0),
                at("Bye", 8.0, 1),
            ],
            vec![at("music", 0, "end")],
        ]
    );
    let seconds =
        |merged: &Merged| -> Vec<f64> { merged.cuts.iter().map(|cut| cut.as_seconds()).collect() };
    assert_eq!(seconds(&two), [0.0, 2.0, 5.0, 8.0, 12.0]);
    let dynamic = |merged: &Merged, clip: usize| {
        merged.is_dynamic(&format!("/timeline/tracks/0/clips/{clip}").as_str().into())
    };
    let which: Vec<bool> = (0..5).map(|clip| dynamic(&two, clip)).collect();
    assert_eq!(which, [false, true, true, true, true]);
    // Without offers the last scene comes sooner, and is the same.
    let none = merged(timeline, json!({"goodbye": 4, "offers": []})).expect("merges");
    assert_eq!(clips(&none)[0], [at("Hello", 0, 2.0), at("Bye", 2.0, 1)]);
    assert_eq!(seconds(&none), [0.0, 2.0, 6.0]);
}

#[test]
fn a_track_is_repeated_with_all_its_clips() {
    let timeline = json!({"tracks": [
        {"loomcast": {"each": {"in": "rows", "as": "row", "step": 0.25}}, "clips": [
            clip("{{ row }}", 1, 5, Value::Null),
            clip("{{ row.index }}{{ x }}", 2, 5, json!({"each": {"in": "xs", "as": "x", "step": 1}})),
        ]},
        {"clips": [clip("under", 0, 9, Value::Null)]},
    ]});
    let merged = merged(timeline, json!({"rows": ["a", "b"], "xs": "[1, 2]"})).expect("merges");
    assert_eq!(
        clips(&merged),
        [
            vec![at("a", 1, 5), at("01", 2, 5), at("02", 3.0, 5)],
            vec![at("b", 1.25, 5), at("11", 2.25, 5), at("12", 3.25, 5)],
            vec![at("under", 0, 9)],
        ]
    );
    assert_eq!(
        merged
            .origin(&"/timeline/tracks/2/clips/0/start".into())
            .as_str(),
        "/timeline/tracks/1/clips/0/start"
    );
}

#[test]
fn values_of_elements_are_never_filled_in_again() {
    let timeline =
        json!({"tracks": [{"clips": [clip("{{ item }}", 0, 1, json!({"each": {"in": "list"}}))]}]});
    let data = json!({"list": ["{{ secret }}"], "secret": "x"});
    let merged = merged(timeline, data).expect("merges");
    assert_eq!(clips(&merged), [[at("{{ secret }}", 0, 1)]]);
    assert!(
        merged.warnings[0].message.contains("secret"),
        "it is used nowhere"
    );
}

#[test]
fn what_is_wrong_with_a_rule_is_named_where_the_template_has_it() {
    let many: Vec<u32> = (0..1001).collect();
    let data = json!({"many": many, "some": many[..1000], "word": "x", "two": [1, 2], "long": "x".repeat(70_000)});
    let one = |rules: Value| json!({"tracks": [{"clips": [clip("a", 0, 1, rules)]}]});
    let bomb = json!({"each": {"in": "some", "step": 0}});
    let tracks: Vec<Value> = (0..21)
        .map(|_| json!({"clips": [clip("a", 0, 1, bomb.clone())]}))
        .collect();
    let rows = json!({"tracks": [{"loomcast": {"each": {"in": "some"}}, "clips": [clip("a", 0, 1, Value::Null)]}]});
    let scene = |scene: Value| json!({"loomcast": {"scenes": [scene]}, "tracks": []});
    for (timeline, part) in [
        (
            one(json!({"if": "x"})),
            "/timeline/tracks/0/clips/0/loomcast/if: \"x\"",
        ),
        (
            one(json!({"each": {"in": "many"}})),
            "/each/in: a list of 1001",
        ),
        (one(json!({"each": {"in": "none"}})), "/each/in: \"none\""),
        (one(json!({"each": {"in": "word"}})), "/each/in: \"x\""),
        (
            one(json!({"each": {"in": "two", "max": 0}})),
            "/each/max: 0",
        ),
        (one(json!({"scene": "none"})), "/loomcast/scene: \"none\""),
        (one(json!(5)), "/clips/0/loomcast: 5"),
        (
            json!({"tracks": tracks}),
            "clip number 20001 with those repeated",
        ),
        (
            json!({"tracks": [{"clips": [clip("{{ long }}", 0, 1, json!({"each": {"in": "some", "step": 0}}))]}]}),
            "bytes of repeated clips",
        ),
        (rows, "501 tracks with those repeated"),
        (
            json!({"tracks": [{"clips": [
                clip("{{ item }}", 0, 1, json!({"each": {"in": "two"}})),
                clip("{{ gone }}", 0, 1, Value::Null),
            ]}]}),
            "/timeline/tracks/0/clips/1/text: {{ gone }}",
        ),
        (
            json!({"tracks": [{"clips": [clip("a", 0, "auto", json!({"each": {"in": "two"}}))]}]}),
            "/each/step: nothing",
        ),
        (
            scene(json!({"length": 5})),
            "/timeline/loomcast/scenes/0/name: nothing",
        ),
        (scene(json!({"name": "a"})), "/scenes/0/length: nothing"),
        (
            scene(json!({"name": "a", "length": 0})),
            "/scenes/0/length: 0",
        ),
    ] {
        let error = merged(timeline, data.clone()).expect_err(part);
        assert!(error.contains(part), "{part}\n{error}");
    }
    let unknown =
        merged(one(json!({"if": {"present": "word"}, "unless": 1})), data).expect("merges");
    let unknown = unknown
        .warnings
        .iter()
        .any(|warning| warning.pointer.as_str() == "/timeline/tracks/0/clips/0/loomcast/unless");
    assert!(unknown);
}
