//! Whole files in, whole files out, and there and back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Import, export, import};
use crate::digest::Digest;
use crate::partition::{Partitioning, partition};
use crate::template::bind::{AssetInfo, AssetKind, Assets, FontBook, FontChoice, bind};
use crate::template::edit::Edit;
use crate::template::markup::Markup;
use crate::template::merge::{Data, merge};
use crate::template::richtext::RichText;
use crate::time::Time;

fn time(value: f64, rate: f64) -> Value {
    json!({"OTIO_SCHEMA": "RationalTime.1", "value": value, "rate": rate})
}

fn range(start: f64, length: f64) -> Value {
    json!({"OTIO_SCHEMA": "TimeRange.1", "start_time": time(start, 25.0), "duration": time(length, 25.0)})
}

fn clip(url: &str, start: f64, length: f64) -> Value {
    json!({
        "OTIO_SCHEMA": "Clip.1", "name": url, "source_range": range(start, length),
        "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": url},
    })
}

fn gap(length: f64) -> Value {
    json!({"OTIO_SCHEMA": "Gap.1", "source_range": range(0.0, length)})
}

fn dissolve(before: f64, after: f64) -> Value {
    json!({
        "OTIO_SCHEMA": "Transition.1", "transition_type": "SMPTE_Dissolve",
        "in_offset": time(before, 25.0), "out_offset": time(after, 25.0),
    })
}

fn track(kind: &str, children: Value) -> Value {
    json!({"OTIO_SCHEMA": "Track.1", "kind": kind, "children": children})
}

fn stack(children: Value) -> Value {
    json!({"OTIO_SCHEMA": "Stack.1", "children": children})
}

fn timeline(tracks: Value) -> Value {
    json!({"OTIO_SCHEMA": "Timeline.1", "name": "cut", "tracks": stack(tracks)})
}

/// `base` with the members of `more`.
fn with(mut base: Value, more: Value) -> Value {
    let more = more.as_object().expect("an object").clone();
    base.as_object_mut().expect("an object").extend(more);
    base
}

fn imported(file: &Value) -> (Value, Vec<String>) {
    let imported = import(file, &Import::default()).expect("imports");
    let warnings = imported.warnings.iter().map(ToString::to_string).collect();
    (imported.edit["timeline"]["tracks"].clone(), warnings)
}

/// `src`, start, length and trim of each clip of a track.
fn placed(track: &Value) -> Vec<(String, f64, f64, f64)> {
    let clips = track["clips"].as_array().expect("clips");
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let of = |clip: &Value| {
        let src = clip["asset"]["src"].as_str().unwrap_or_default().to_owned();
        (
            src,
            number(&clip["start"]),
            number(&clip["length"]),
            number(&clip["asset"]["trim"]),
        )
    };
    clips.iter().map(of).collect()
}

fn at(src: &str, start: f64, length: f64, trim: f64) -> (String, f64, f64, f64) {
    (src.to_owned(), start, length, trim)
}

#[test]
fn tracks_are_turned_over_and_clips_come_after_one_another() {
    let (tracks, warnings) = imported(&timeline(json!([
        track(
            "Video",
            json!([
                clip("a.mov", 25.0, 50.0),
                gap(25.0),
                clip("b.png", 0.0, 75.0)
            ])
        ),
        track("Video", json!([gap(50.0), clip("c.mov", 0.0, 25.0)])),
        track("Audio", json!([clip("a.wav", 0.0, 100.0)])),
    ])));
    assert_eq!(placed(&tracks[0]), [at("a.wav", 0.0, 4.0, 0.0)]);
    assert_eq!(placed(&tracks[1]), [at("c.mov", 2.0, 1.0, 0.0)]);
    assert_eq!(
        placed(&tracks[2]),
        [at("a.mov", 0.0, 2.0, 1.0), at("b.png", 3.0, 3.0, 0.0)]
    );
    assert_eq!(tracks[2]["clips"][0]["asset"]["volume"], 0);
    assert_eq!(tracks[2]["clips"][1]["asset"]["type"], "image");
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn the_timecode_of_a_file_is_where_it_begins() {
    let mut clip = clip("a.mov", 90_025.0, 50.0);
    clip["media_reference"]["available_range"] = range(90_000.0, 500.0);
    let (tracks, _) = imported(&timeline(json!([track("Video", json!([clip]))])));
    assert_eq!(placed(&tracks[0]), [at("a.mov", 0.0, 2.0, 1.0)]);
    // Without a range of its own a clip is all that there is.
    clip.as_object_mut()
        .expect("an object")
        .remove("source_range");
    let (tracks, _) = imported(&timeline(json!([track("Video", json!([clip]))])));
    assert_eq!(placed(&tracks[0]), [at("a.mov", 0.0, 20.0, 0.0)]);
}

#[test]
fn a_dissolve_is_an_overlap_in_which_the_later_one_fades_in() {
    let (tracks, _) = imported(&timeline(json!([track(
        "Video",
        json!([
            clip("a.mov", 0.0, 50.0),
            dissolve(5.0, 10.0),
            clip("b.mov", 25.0, 50.0)
        ])
    )])));
    assert_eq!(
        placed(&tracks[0]),
        [at("a.mov", 0.0, 2.4, 0.0), at("b.mov", 1.8, 2.2, 0.8)]
    );
    let clips = &tracks[0]["clips"];
    assert_eq!(
        clips[1]["opacity"],
        json!([{"from": 0.0, "to": 1.0, "start": 0.0, "length": 0.6}])
    );
    assert_eq!(clips[0]["opacity"], Value::Null);
    assert_eq!(clips[0]["asset"]["volume"][0]["to"], 0.0);
}

#[test]
fn a_dissolve_beside_a_gap_is_a_fade() {
    let (tracks, _) = imported(&timeline(json!([track(
        "Video",
        json!([
            dissolve(0.0, 25.0),
            clip("a.png", 0.0, 50.0),
            dissolve(25.0, 0.0),
            gap(10.0)
        ])
    )])));
    let clip = &tracks[0]["clips"][0];
    assert_eq!(
        (clip["start"].clone(), clip["length"].clone()),
        (json!(0), json!(2))
    );
    assert_eq!(
        clip["opacity"],
        json!([
            {"from": 0.0, "to": 1.0, "start": 0.0, "length": 1.0},
            {"from": 1.0, "to": 0.0, "start": 1.0, "length": 1.0},
        ])
    );
}

#[test]
fn what_is_nested_is_laid_out_in_its_place_with_its_layers() {
    let inner = with(
        stack(json!([
            track(
                "Video",
                json!([clip("a.mov", 0.0, 50.0), clip("b.mov", 0.0, 50.0)])
            ),
            track("Video", json!([gap(40.0), clip("c.mov", 0.0, 50.0)])),
            track("Audio", json!([clip("d.wav", 0.0, 100.0)])),
        ])),
        json!({"source_range": range(25.0, 50.0), "effects": [
            {"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": 0.5}]}),
    );
    let (tracks, _) = imported(&timeline(json!([track(
        "Video",
        json!([clip("z.mov", 0.0, 25.0), inner, clip("y.mov", 0.0, 25.0)])
    )])));
    // At half the speed the last half second of the first takes a whole one.
    assert_eq!(
        placed(&tracks[2]),
        [
            at("z.mov", 0.0, 1.0, 0.0),
            at("a.mov", 1.0, 2.0, 1.0),
            at("y.mov", 3.0, 1.0, 0.0)
        ]
    );
    assert_eq!(placed(&tracks[1]), [at("c.mov", 2.2, 0.8, 0.0)]);
    assert_eq!(placed(&tracks[0]), [at("d.wav", 1.0, 2.0, 1.0)]);
    assert_eq!(tracks[0]["clips"][0]["asset"]["speed"], 0.5);
}

#[test]
fn what_is_nested_and_frozen_shows_its_first_moment() {
    let inner = track(
        "Video",
        json!([clip("a.mov", 0.0, 50.0), clip("b.mov", 25.0, 50.0)]),
    );
    let effects = json!([{"OTIO_SCHEMA": "FreezeFrame.1", "time_scalar": 0.0}]);
    let inner = with(
        inner,
        json!({"source_range": range(60.0, 75.0), "effects": effects}),
    );
    let (tracks, warnings) = imported(&timeline(json!([track(
        "Video",
        json!([clip("z.mov", 0.0, 25.0), inner])
    )])));
    assert_eq!(placed(&tracks[0])[1], at("b.mov", 1.0, 3.0, 1.4));
    assert_eq!(tracks[0]["clips"][1]["asset"]["speed"], 0.0);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn speeds_and_freezes_are_those_of_the_clip() {
    let warp = |scalar: f64| {
        let effects = json!([{"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": scalar}]);
        with(clip("a.mov", 50.0, 25.0), json!({"effects": effects}))
    };
    let freeze = with(
        clip("a.mov", 50.0, 25.0),
        json!({"effects": [{"OTIO_SCHEMA": "FreezeFrame.1", "time_scalar": 0.0}]}),
    );
    let (tracks, warnings) = imported(&timeline(json!([track(
        "Video",
        json!([warp(2.0), freeze, warp(-1.5), warp(50.0)])
    )])));
    let speeds: Vec<&Value> = (0..4)
        .map(|at| &tracks[0]["clips"][at]["asset"]["speed"])
        .collect();
    assert_eq!(
        speeds,
        [&json!(2.0), &json!(0.0), &json!(1.5), &json!(10.0)]
    );
    assert_eq!(placed(&tracks[0])[1], at("a.mov", 1.0, 1.0, 2.0));
    assert_eq!(
        warnings
            .iter()
            .filter(|text| text.contains("backwards"))
            .count(),
        1
    );
    assert!(
        warnings
            .iter()
            .any(|text| text.contains("50 times as fast")),
        "{warnings:?}"
    );
}

#[test]
fn a_sequence_of_pictures_is_a_still_for_each() {
    let reference = json!({
        "OTIO_SCHEMA": "ImageSequenceReference.1", "target_url_base": "shots/", "name_prefix": "s.",
        "name_suffix": ".png", "start_frame": 1001, "frame_step": 1, "rate": 12.5,
        "frame_zero_padding": 5, "available_range": range(0.0, 250.0),
    });
    let clip = json!({"OTIO_SCHEMA": "Clip.1", "source_range": range(1.0, 4.0), "media_reference": reference});
    let (tracks, _) = imported(&timeline(json!([track("Video", json!([clip]))])));
    assert_eq!(
        placed(&tracks[0]),
        [
            at("shots/s.01001.png", 0.0, 0.04, 0.0),
            at("shots/s.01002.png", 0.04, 0.08, 0.0),
            at("shots/s.01003.png", 0.12, 0.04, 0.0),
        ]
    );
}

#[test]
fn what_cannot_be_had_is_told_and_takes_its_time() {
    let missing = json!({"OTIO_SCHEMA": "Clip.1", "name": "lost", "source_range": range(0.0, 25.0),
        "media_reference": {"OTIO_SCHEMA": "MissingReference.1"}});
    let disabled = with(
        clip("a.mov", 0.0, 25.0),
        json!({"enabled": false, "markers": [{"OTIO_SCHEMA": "Marker.2"}]}),
    );
    let strange = json!({"OTIO_SCHEMA": "Sphere.1", "source_range": range(0.0, 25.0)});
    let graded = with(
        clip("b.png", 0.0, 25.0),
        json!({"effects": [{"OTIO_SCHEMA": "Effect.1", "effect_name": "Grade"}]}),
    );
    let (tracks, warnings) = imported(&timeline(json!([track(
        "Video",
        json!([missing, disabled, strange, graded])
    )])));
    assert_eq!(placed(&tracks[0]), [at("b.png", 3.0, 1.0, 0.0)]);
    for part in [
        "/tracks/children/0/children/0: the media of \"lost\" is missing",
        "is disabled",
        "a Sphere is not known",
        "the effect \"Grade\" has no effect (1 times)",
        "1 markers are left out",
    ] {
        assert!(
            warnings.iter().any(|text| text.contains(part)),
            "{part}: {warnings:#?}"
        );
    }
}

#[test]
fn the_reference_in_use_is_that_of_its_key() {
    let clip = json!({
        "OTIO_SCHEMA": "Clip.2", "source_range": range(0.0, 25.0), "active_media_reference_key": "proxy",
        "media_references": {
            "DEFAULT_MEDIA": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "a.mov"},
            "proxy": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "p.mov"},
        },
    });
    let (tracks, _) = imported(&timeline(json!([track("Video", json!([clip]))])));
    assert_eq!(placed(&tracks[0]), [at("p.mov", 0.0, 1.0, 0.0)]);
}

#[test]
fn the_frame_and_its_rate_are_as_the_file_says_or_as_is_asked() {
    let file = with(
        timeline(json!([track("Video", json!([clip("a.png", 0.0, 25.0)]))])),
        json!({"global_start_time": time(86_400.0, 23.98)}),
    );
    let output = |how: &Import| import(&file, how).expect("imports").edit["output"].clone();
    assert_eq!(
        output(&Import::default()),
        json!({"format": "mp4", "resolution": "hd", "fps": 23.976})
    );
    let how = Import {
        size: Some((640, 360)),
        fps: Some(30.0),
        ..Import::default()
    };
    assert_eq!(
        output(&how),
        json!({"format": "mp4", "size": {"width": 640, "height": 360}, "fps": 30})
    );
}

#[test]
fn what_is_wrong_is_named() {
    let deep = (0..40).fold(track("Video", json!([])), |inner, _| stack(json!([inner])));
    for (file, part) in [
        (json!([]), "expected an object"),
        (json!({"OTIO_SCHEMA": "Box2d.1"}), "not a Box2d"),
        (json!({"a": 1}), "/OTIO_SCHEMA: nothing"),
        (
            json!({"OTIO_SCHEMA": "SerializableCollection.1", "children": [gap(1.0), gap(1.0)]}),
            "/children: Gap is not allowed: expected a collection with a Timeline",
        ),
        (
            timeline(json!([track("Video", json!([gap(5.0)]))])),
            "nothing is shown",
        ),
        (timeline(json!([deep])), "24"),
        (
            timeline(json!([track("Video", json!([clip("a.mov", 0.0, -1.0)]))])),
            "/tracks/children/0/children/0/source_range/duration: ",
        ),
        (
            timeline(json!([track(
                "Video",
                json!([clip("a.mov", 0.0, 25.0 * 20_000.0)])
            )])),
            "/timeline/tracks/0/clips/0/length: 20000",
        ),
    ] {
        let error = import(&file, &Import::default())
            .expect_err(part)
            .to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

struct NoFonts;

impl FontBook for NoFonts {
    fn for_text(&self, _: &RichText) -> FontChoice {
        FontChoice::default()
    }

    fn for_card(&self, _: &Markup) -> FontChoice {
        FontChoice::default()
    }
}

fn assets() -> Assets {
    let seconds = Time::from_seconds;
    let video = |duration, sound| AssetKind::Video {
        size: (640, 360),
        duration,
        sound,
        opaque: true,
    };
    let kinds = [
        ("v.mp4", video(seconds(10), true)),
        ("w.mp4", video(Time::from_millis(7_123), false)),
        (
            "i.png",
            AssetKind::Image {
                size: (100, 100),
                opaque: true,
            },
        ),
        (
            "a b.wav",
            AssetKind::Audio {
                duration: seconds(4),
            },
        ),
    ];
    let info = |(name, kind): (&str, AssetKind)| {
        let digest = Digest::of(name.as_bytes());
        (name.to_owned(), AssetInfo { digest, kind })
    };
    BTreeMap::from(kinds.map(info))
}

/// The chunks of an Edit, as they are placed.
fn chunks(document: Value, data: &Data) -> Vec<(u64, String)> {
    let merged = merge(document, data).expect("merges");
    let mut warnings = Vec::new();
    let edit = Edit::read(&merged.document, &mut warnings).expect("reads");
    let is_dynamic = |place: &_| merged.is_dynamic(place);
    let mut timeline = bind(&edit, &assets(), &NoFonts, &is_dynamic, &mut warnings).expect("binds");
    timeline.scenes.clone_from(&merged.cuts);
    let partition = partition(&timeline, &Partitioning::default());
    let all = partition.video.iter().chain(&partition.audio);
    all.map(|chunk| (chunk.decode_time, chunk.key.to_string()))
        .collect()
}

fn exported(document: Value, data: &Data) -> (Value, Vec<String>) {
    let merged = merge(document, data).expect("merges");
    let exported = export(&merged, &assets(), &|_| None).expect("exports");
    let warnings = exported.warnings.iter().map(ToString::to_string).collect();
    (exported.timeline, warnings)
}

/// An Edit with something of all.
fn rich() -> Value {
    json!({
        "timeline": {
            "background": "#102030",
            "soundtrack": {"src": "a b.wav", "effect": "fadeOut", "volume": 0.7},
            "loomcast": {"scenes": [{"name": "one", "length": 2.4}, {"name": "two", "length": 3, "start": 3.3}]},
            "tracks": [
                {"clips": [
                    {"asset": {"type": "rich-text", "text": "Hello, {{ name }}!"}, "start": 0.33, "length": 4,
                     "position": "top", "transition": {"in": "fade", "out": "slideLeft"}},
                    {"asset": {"type": "shape", "shape": "circle", "circle": {"radius": 20}, "fill": {"color": "#ff0000"}}, "start": 1, "length": "end"},
                ]},
                {"clips": [
                    {"asset": {"type": "audio", "src": "a b.wav", "trim": 0.7, "effect": "fadeIn"}, "start": 0.5, "length": 2.01},
                    {"asset": {"type": "image", "src": "i.png"}, "start": 0, "length": 1, "filter": "blur"},
                ]},
                {"clips": [
                    {"asset": {"type": "video", "src": "v.mp4", "trim": 1.234, "speed": 0.7, "volume": 0.5}, "start": 0, "length": 4},
                    {"asset": {"type": "video", "src": "w.mp4", "trim": 2}, "start": 3.5, "length": "auto",
                     "opacity": [{"from": 0, "to": 1, "length": 0.5}]},
                    {"asset": {"type": "luma", "src": "i.png"}, "start": 2, "length": 1},
                    {"asset": {"type": "video", "src": "v.mp4", "speed": 0}, "start": "auto", "length": 0.03, "scale": 0.5},
                ]},
            ],
        },
        "output": {"format": "mp4", "resolution": "sd", "fps": 29.97, "quality": "low"},
        "merge": [{"find": "name", "replace": "Ana"}],
        "loomcast": {"title": "Rich", "partition": {"chunkMax": 1}, "variants": {}},
    })
}

#[test]
fn an_edit_goes_out_and_comes_back_as_the_same_chunks() {
    let data = Data::from([("name".to_owned(), json!("Ben"))]);
    let (file, warnings) = exported(rich(), &data);
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(
        warnings[0].contains("filter (1)") && warnings[0].contains("position (1)"),
        "{warnings:?}"
    );
    let back = import(&file, &Import::default()).expect("imports");
    assert_eq!(back.warnings, []);
    assert_eq!(
        chunks(back.edit.clone(), &Data::new()),
        chunks(rich(), &data)
    );
    // And again.
    let (again, _) = exported(back.edit, &Data::new());
    let tracks = |file: &Value| file["tracks"].clone();
    assert_eq!(tracks(&again), tracks(&file));
}

#[test]
fn fades_and_dissolves_are_transitions() {
    let (file, _) = exported(rich(), &Data::new());
    let tracks = file["tracks"]["children"].as_array().expect("tracks");
    let kinds = |track: &Value| -> Vec<String> {
        let children = track["children"].as_array().expect("children");
        children
            .iter()
            .map(|child| child["OTIO_SCHEMA"].as_str().expect("a schema").to_owned())
            .collect()
    };
    assert_eq!(
        kinds(&tracks[0]),
        ["Clip.2", "Transition.1", "Clip.2", "Clip.2"][..3].to_vec()
    );
    let names: Vec<&str> = tracks
        .iter()
        .map(|track| track["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["V1", "V2", "V3", "V4", "V5", "A1", "A2", "A3"]);
}

#[test]
fn what_was_cut_since_is_as_it_is_cut_now() {
    let (mut file, _) = exported(rich(), &Data::new());
    let track = &mut file["tracks"]["children"][0]["children"];
    // The first is trimmed by a second at its start, and relinked.
    let clip = &mut track[0];
    clip["source_range"]["start_time"]["value"] = json!(67.0);
    let frames = clip["source_range"]["duration"]["value"]
        .as_f64()
        .expect("a number");
    clip["source_range"]["duration"]["value"] = json!(frames - 30.0);
    clip["media_references"]["DEFAULT_MEDIA"]["target_url"] = json!("/elsewhere/w.mp4");
    let back = import(&file, &Import::default()).expect("imports");
    let tracks = &back.edit["timeline"]["tracks"];
    let first = &tracks[2]["clips"][0];
    assert_eq!(first["asset"]["src"], "w.mp4");
    assert_eq!(first["asset"]["speed"], 0.7);
    assert_eq!(first["asset"]["volume"], 0, "its sound is not cut with it");
    let second = &tracks[2]["clips"][1];
    let start = second["start"].as_f64().expect("a number");
    assert!((start - 2.5).abs() < 0.02, "{start}");
    assert_eq!(second["opacity"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_transition_that_was_taken_away_is_gone() {
    let (mut file, _) = exported(rich(), &Data::new());
    let track = file["tracks"]["children"][0]["children"]
        .as_array_mut()
        .expect("children");
    track.retain(|child| child["OTIO_SCHEMA"] != "Transition.1");
    let back = import(&file, &Import::default()).expect("imports");
    let second = &back.edit["timeline"]["tracks"][2]["clips"][1];
    assert_eq!(second["opacity"], Value::Null);
}

#[test]
fn files_that_are_not_there_are_told_and_need_a_length() {
    let edit = |length: Value| {
        json!({"output": {"format": "mp4", "resolution": "hd"}, "timeline": {"tracks": [{"clips": [
            {"asset": {"type": "video", "src": "gone.mp4"}, "start": 0, "length": length}]}]}})
    };
    let (file, warnings) = exported(edit(json!(2)), &Data::new());
    assert!(
        warnings[0].contains("\"gone.mp4\" is not there"),
        "{warnings:?}"
    );
    let reference =
        &file["tracks"]["children"][0]["children"][0]["media_references"]["DEFAULT_MEDIA"];
    assert_eq!(
        (&reference["target_url"], &reference["available_range"]),
        (&json!("gone.mp4"), &Value::Null)
    );
    let merged = merge(edit(json!("auto")), &Data::new()).expect("merges");
    let error = export(&merged, &assets(), &|_| None)
        .expect_err("no length")
        .to_string();
    assert!(
        error.starts_with("/timeline/tracks/0/clips/0/length: "),
        "{error}"
    );
}
