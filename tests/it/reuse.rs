//! What was rendered once is not rendered again: another name, another intro,
//! another voice cost only the chunks in which they are seen or heard.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Loomcast, Planned, Scratch, caption, have_ffmpeg};

fn keys(chunks: &[Planned], video: bool) -> Vec<&str> {
    let of_track = chunks.iter().filter(|chunk| chunk.video == video);
    of_track.map(|chunk| chunk.key.as_str()).collect()
}

/// How many different keys of `after` are not among `before`: what a render
/// must cost.
fn new_keys(before: &[Planned], after: &[Planned], video: bool) -> usize {
    let known = keys(before, video);
    let mut fresh = keys(after, video);
    fresh.retain(|key| !known.contains(key));
    fresh.sort_unstable();
    fresh.dedup();
    fresh.len()
}

#[test]
fn for_a_second_person_only_the_chunks_under_the_name_and_the_offer_are_rendered() {
    let scratch = Scratch::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/greeting-30.json");
    let mut edit: Value =
        serde_json::from_slice(&fs::read(shipped).expect("is shipped")).expect("is JSON");
    // A quarter of the sides and half the frames: the cuts stay where they are.
    edit["output"] = json!({"format": "mp4", "size": {"width": 320, "height": 180}, "fps": 15, "quality": "low"});
    let edit = scratch.edit("greeting.json", &edit);
    let user = Loomcast::new(&scratch, "data");
    let ana = ["--set", "name=Ana", "--set", "offer=20% off shoes"];
    let zoe = ["--set", "name=Zoë", "--set", "offer=Free delivery"];

    let (planned_ana, planned_zoe) = (user.plan(&edit, &ana), user.plan(&edit, &zoe));
    let personal = |chunk: &Planned| {
        let within = |from: f64, to: f64| chunk.start >= from && chunk.start < to;
        chunk.video && (within(1.0, 5.0) || within(20.0, 26.0))
    };
    assert_eq!(planned_ana.len(), planned_zoe.len());
    for (a, z) in planned_ana.iter().zip(&planned_zoe) {
        assert_eq!(a.key != z.key, personal(a), "{a:?} {z:?}");
        // No chunk reaches over the edge of what is personal.
        if personal(a) {
            let end = if a.start < 5.0 { 5.0 } else { 26.0 };
            assert!(a.start + a.duration <= end + 1e-9, "{a:?}");
        }
    }

    let first = user.render(&edit, &scratch.path("ana.mp4"), &ana);
    assert_eq!(first.frames, 450);
    assert_eq!(
        (first.video, first.audio),
        (
            new_keys(&[], &planned_ana, true),
            new_keys(&[], &planned_ana, false)
        )
    );
    let second = user.render(&edit, &scratch.path("zoe.mp4"), &zoe);
    let expected = planned_zoe.iter().filter(|chunk| personal(chunk)).count();
    assert!(expected > 0 && expected * 2 < second.total, "{expected}");
    assert_eq!((second.video, second.audio), (expected, 0), "{second:?}");

    let third = user.render(&edit, &scratch.path("again.mp4"), &zoe);
    assert_eq!((third.video, third.audio), (0, 0), "{third:?}");
    let read = |name| fs::read(scratch.path(name)).expect("was written");
    assert!(read("zoe.mp4") == read("again.mp4"), "the files differ");
    assert!(read("zoe.mp4") != read("ana.mp4"));
}

/// An intro of `seconds`, then footage with a name, then a card.
fn with_intro(seconds: f64) -> Value {
    json!({
        "timeline": { "tracks": [
            { "clips": [
                { "asset": caption("For {{ name }}"), "start": seconds + 1.0, "length": 1.5, "fit": "none" }
            ] },
            { "clips": [
                { "asset": { "type": "image", "src": "intro.png" }, "start": 0, "length": seconds,
                  "scale": [{ "from": 1, "to": 1.2, "start": 0, "length": seconds, "interpolation": "linear" }] },
                { "asset": { "type": "video", "src": "scene.mp4", "volume": 0 }, "start": "auto", "length": 3 },
                { "asset": { "type": "image", "src": "card.png" }, "start": "auto", "length": 1.6,
                  "transition": { "in": "fadeFast" } }
            ] }
        ] },
        "output": { "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": 25 },
        "merge": [{ "find": "name", "replace": "Ana" }]
    })
}

#[test]
fn an_intro_of_another_length_leaves_every_later_chunk_a_hit() {
    if !have_ffmpeg("an_intro_of_another_length_leaves_every_later_chunk_a_hit") {
        return;
    }
    let scratch = Scratch::new();
    scratch.footage("scene.mp4", "testsrc2", 4);
    scratch.solid("intro.png", "0x305080", "320x180");
    scratch.solid("card.png", "0x804020", "320x180");
    let user = Loomcast::new(&scratch, "data");
    let (short, long) = (
        scratch.edit("short.json", &with_intro(1.2)),
        scratch.edit("long.json", &with_intro(2.68)),
    );

    let later = |chunks: &[Planned], intro: f64| {
        let mut later = chunks.to_vec();
        later.retain(|chunk| chunk.start >= intro - 1e-9);
        later
    };
    let planned = [user.plan(&short, &[]), user.plan(&long, &[])];
    let (after_short, after_long) = (later(&planned[0], 1.2), later(&planned[1], 2.68));
    assert!(after_short.len() >= 4, "{after_short:?}");
    assert_eq!(keys(&after_short, true), keys(&after_long, true));

    user.render(&short, &scratch.path("short.mp4"), &[]);
    let intro = planned[1].len() - after_long.len();
    let long = user.render(&long, &scratch.path("long.mp4"), &[]);
    assert_eq!(
        (long.video, long.hits),
        (intro, after_long.len()),
        "{long:?}"
    );
}

/// Two seconds of a name over a still, a voice in the middle, music beneath.
fn with_voice(scratch: &Scratch) -> std::path::PathBuf {
    scratch.solid("card.png", "0x305080", "320x180");
    scratch.music("music.wav", 6, 220);
    scratch.music("anna.wav", 2, 330);
    scratch.music("bert.wav", 2, 165);
    let edit = json!({
        "timeline": {
            "soundtrack": { "src": "music.wav", "volume": 0.5 },
            "tracks": [
                { "clips": [{ "asset": caption("{{ name }}"), "start": 1, "length": 2, "fit": "none" }] },
                { "clips": [{ "asset": { "type": "audio", "src": "{{ voice }}.wav" }, "start": 2, "length": 2 }] },
                { "clips": [{ "asset": { "type": "image", "src": "card.png" }, "start": 0, "length": 6 }] }
            ]
        },
        "output": { "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": 25 },
        "merge": [{ "find": "name", "replace": "Ana" }, { "find": "voice", "replace": "anna" }]
    });
    scratch.edit("edit.json", &edit)
}

#[test]
fn a_new_voice_costs_no_picture_and_a_new_name_no_sound() {
    if !have_ffmpeg("a_new_voice_costs_no_picture_and_a_new_name_no_sound") {
        return;
    }
    let scratch = Scratch::new();
    let edit = with_voice(&scratch);
    let user = Loomcast::new(&scratch, "data");
    let out = scratch.path("out.mp4");
    let small = ["--chunk-max", "0.5"];
    let with = |set: &'static str| [&small[..], &["--set", set]].concat();

    let first = user.render(&edit, &out, &small);
    assert!(first.video > 0 && first.audio > 0);
    let voice = user.render(&edit, &out, &with("voice=bert"));
    assert_eq!(voice.video, 0, "{voice:?}");
    assert!(voice.audio > 0 && voice.audio < first.audio, "{voice:?}");
    let name = user.render(&edit, &out, &with("name=Zoë"));
    assert_eq!(name.audio, 0, "{name:?}");
    assert!(name.video > 0 && name.video < name.total, "{name:?}");
}

#[test]
fn plan_tells_the_truth_before_and_after_a_render() {
    if !have_ffmpeg("plan_tells_the_truth_before_and_after_a_render") {
        return;
    }
    let scratch = Scratch::new();
    let edit = with_voice(&scratch);
    let user = Loomcast::new(&scratch, "data");
    let hits = |set: &[&str]| -> Vec<bool> {
        user.plan(&edit, set)
            .iter()
            .map(|chunk| chunk.hit)
            .collect()
    };

    assert!(!hits(&[]).contains(&true));
    assert!(
        !scratch.path("data").exists(),
        "looking made the data folder"
    );
    user.render(&edit, &scratch.path("out.mp4"), &[]);
    assert!(!hits(&[]).contains(&false));

    let zoe = ["--set", "name=Zoë"];
    let (ana, planned) = (user.plan(&edit, &[]), user.plan(&edit, &zoe));
    for chunk in &planned {
        let known = ana.iter().any(|other| other.key == chunk.key);
        assert_eq!(chunk.hit, known, "{chunk:?}");
    }
    let misses = new_keys(&ana, &planned, true);
    let rendered = user.render(&edit, &scratch.path("zoe.mp4"), &zoe);
    assert_eq!((rendered.video, rendered.audio), (misses, 0));
    assert!(!hits(&zoe).contains(&false));
}

#[test]
fn explain_names_the_layer_and_the_property_that_differ() {
    if !have_ffmpeg("explain_names_the_layer_and_the_property_that_differ") {
        return;
    }
    let scratch = Scratch::new();
    let edit = with_voice(&scratch);
    let user = Loomcast::new(&scratch, "data");
    let explain = |set: &str| {
        let args = ["explain".as_ref(), edit.as_os_str(), edit.as_os_str()];
        let more = ["--set-b", set].map(std::ffi::OsStr::new);
        let differing = user.json(args.into_iter().chain(more));
        differing.as_array().expect("an array").clone()
    };

    assert!(explain("name=Ana").is_empty(), "nothing differs");

    let by_name = explain("name=Zoë");
    assert!(!by_name.is_empty());
    for chunk in &by_name {
        assert_eq!(chunk["track"], "video");
        let changes = chunk["differences"].as_array().expect("an array");
        let [change] = &changes[..] else {
            panic!("one property differs: {changes:?}")
        };
        let layer = change["layer"].as_str().expect("a layer");
        assert!(layer.contains("/timeline/tracks/0/clips/0"), "{layer}");
        assert_eq!(change["property"], "text");
        assert!(
            change["before"]
                .as_str()
                .is_some_and(|html| html.contains("Ana"))
        );
        assert!(
            change["after"]
                .as_str()
                .is_some_and(|html| html.contains("Zoë"))
        );
    }

    let by_voice = explain("voice=bert");
    assert!(!by_voice.is_empty());
    for chunk in &by_voice {
        assert_eq!(chunk["track"], "audio");
        let changes = chunk["differences"].as_array().expect("an array");
        assert!(
            changes.iter().any(|change| change["property"] == "file"
                && change["layer"]
                    .as_str()
                    .is_some_and(|layer| layer.contains("/timeline/tracks/1/clips/0"))),
            "{changes:?}"
        );
    }
}
