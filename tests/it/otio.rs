//! Cuts of editing programs in, and Edits out to them; the library that defines OTIO is
//! the judge of both.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use loomcast::interchange::otio::{Import, export, import};
use loomcast::template::merge::{Data, merge};
use serde_json::{Value, json};

use crate::choices::Choices;
use crate::generate::{Size, edit, mutate};
use crate::pipeline::{self, MEDIA};
use crate::sdk::{install, run, scripts, words};
use crate::server::{Server, shipped};
use crate::support::{Loomcast, Scratch, ffmpeg, have_ffmpeg};

/// Edits and cuts made up, unless `LOOMCAST_FUZZ_RUNS` says otherwise.
const RUNS: u64 = 2_000;

fn runs() -> u64 {
    let wanted = std::env::var("LOOMCAST_FUZZ_RUNS").ok();
    wanted.map_or(RUNS, |runs| runs.parse().expect("a number of runs"))
}

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/it/fixtures/otio").join(name)
}

/// `loomcast otio` with these words; what it said on standard error.
fn otio(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_loomcast"))
        .arg("otio")
        .args(words)
        .env("LOOMCAST_ASSETS", shipped("assets"))
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it is there")).expect("JSON")
}

/// The files that the fixtures name: footage of one colour each, and pictures.
fn media(scratch: &Scratch) {
    let how = [
        "-t", "4", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
    ];
    let sounding = ["-shortest", "-c:a", "aac"];
    let colour = |name: &str| format!("color=c={name}:s=320x180:r=25");
    let how_red: Vec<&str> = how.iter().chain(&sounding).copied().collect();
    scratch.make(
        "red shot.mp4",
        &[&colour("0xc04848"), "sine=f=440:r=48000:d=4"],
        &how_red,
    );
    scratch.make("green.mp4", &[&colour("0x48a048")], &how);
    scratch.make("blue.mp4", &[&colour("blue")], &how);
    scratch.solid("card.png", "0xffffff", "64x36");
    fs::create_dir(scratch.path("frames")).expect("a folder");
    for number in 7..17 {
        scratch.solid(&format!("frames/f{number:04}.png"), "0x808080", "64x36");
    }
}

/// The mean colour of the frame at `seconds`.
fn mean(video: &Path, seconds: &str) -> [u8; 3] {
    let filter = "scale=1:1:flags=area,format=rgb24";
    let args = [
        "-ss",
        seconds,
        "-i",
        text(video),
        "-frames:v",
        "1",
        "-vf",
        filter,
        "-f",
        "rawvideo",
        "-",
    ];
    let pixel = ffmpeg(args);
    [pixel[0], pixel[1], pixel[2]]
}

#[test]
fn a_cut_with_a_dissolve_is_rendered_as_it_was_cut() {
    if !have_ffmpeg("a_cut_with_a_dissolve") {
        return;
    }
    let scratch = Scratch::new();
    media(&scratch);
    let (made, video) = (scratch.path("edit.json"), scratch.path("cut.mp4"));
    let size = ["--size", "320x180"];
    let said = otio(
        &[
            &["import", text(&fixture("cut.otio")), "-o", text(&made)],
            &size[..],
        ]
        .concat(),
    );
    for part in [
        "\"Resolve Effect\" has no effect (1 times)",
        "1 markers",
        "where red shot.mp4 is expected",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(said.lines().count(), 6, "{said}");
    let edit = read(&made);
    assert_eq!(edit["loomcast"]["title"], "Cut");
    let rendered = Loomcast::new(&scratch, "data").render(&made, &video, &[]);
    assert_eq!(rendered.frames, 120);
    // Red until 1.2 s, green from 2 s, a card on it until 2.8 s; in between as much of each as time has passed.
    let (red, green) = (mean(&video, "1.0"), mean(&video, "3.0"));
    let is = |found: [u8; 3], wanted: [u8; 3]| {
        found
            .iter()
            .zip(wanted)
            .all(|(one, other)| one.abs_diff(other) < 30)
    };
    assert!(
        is(red, [192, 72, 72]) && is(green, [72, 160, 72]),
        "{red:?} {green:?}"
    );
    for (seconds, share) in [("1.28", 0.1), ("1.6", 0.5), ("1.92", 0.9)] {
        let found = mean(&video, seconds);
        for (channel, found) in found.into_iter().enumerate() {
            let (from, to) = (f64::from(red[channel]), f64::from(green[channel]));
            let mixed = from + (to - from) * share;
            assert!(
                (mixed - f64::from(found)).abs() < 6.0,
                "{seconds}: {found}, not {mixed}"
            );
        }
    }
    let (gap, blue) = (mean(&video, "3.3"), mean(&video, "4.0"));
    assert!(gap.iter().all(|channel| *channel < 6), "{gap:?}");
    assert!(blue[2] > 200 && blue[1] < 60, "{blue:?}");
}

#[test]
fn nested_timelines_sequences_and_freezes_are_planned() {
    if !have_ffmpeg("nested_timelines") {
        return;
    }
    let scratch = Scratch::new();
    media(&scratch);
    // Beside its files: its paths are relative to it.
    let file = scratch.path("shots.otio");
    fs::copy(fixture("shots.otio"), &file).expect("copies");
    let made = scratch.path("edit.json");
    let said = otio(&["import", text(&file), "-o", text(&made)]);
    assert!(said.contains("the media of \"lost\" is missing"), "{said}");
    let tracks = read(&made)["timeline"]["tracks"].clone();
    let srcs = |track: &Value| -> Vec<String> {
        let clips = track["clips"].as_array().expect("clips");
        clips
            .iter()
            .map(|clip| clip["asset"]["src"].as_str().expect("a src").to_owned())
            .collect()
    };
    assert_eq!(srcs(&tracks[0]), ["card.png"]);
    assert_eq!(
        srcs(&tracks[1]),
        [
            "frames/f0008.png",
            "frames/f0009.png",
            "red shot.mp4",
            "green.mp4",
            "blue.mp4"
        ]
    );
    let plan = Loomcast::new(&scratch, "data").plan(&made, &[]);
    let end = plan
        .iter()
        .filter(|chunk| chunk.video)
        .map(|chunk| chunk.start + chunk.duration)
        .fold(0.0, f64::max);
    // It is trimmed by a frame at its start and one at its end.
    assert!((end - 36.0 / 25.0).abs() < 1e-6, "{end}");
}

#[test]
fn the_templates_go_out_and_come_back_as_the_same_chunks() {
    let scratch = Scratch::new();
    let loomcast = Loomcast::new(&scratch, "data");
    let (file, back) = (scratch.path("out.otio"), scratch.path("back.json"));
    let mut count = 0;
    for entry in fs::read_dir(shipped("templates")).expect("templates") {
        let template = entry.expect("an entry").path();
        let said = otio(&["export", text(&template), "-o", text(&file)]);
        assert!(said.lines().count() <= 2, "{said}");
        let said = otio(&["import", text(&file), "-o", text(&back)]);
        assert_eq!(said, "", "{template:?}");
        let plan = |edit: &Path| -> Vec<_> {
            let rows = loomcast.plan(edit, &[]);
            rows.into_iter()
                .map(|row| (row.video, row.start.to_bits(), row.key))
                .collect()
        };
        assert_eq!(plan(&back), plan(&template), "{template:?}");
        count += 1;
    }
    assert_eq!(count, 5);
}

fn python() -> Option<PathBuf> {
    let pins = "otio-requirements.txt";
    let install_them =
        format!("venv/bin/pip install --quiet --disable-pip-version-check -r {pins}");
    let commands = [words("python3 -m venv venv"), words(&install_them)];
    install("otio", &[pins], &commands)
}

#[test]
fn the_library_that_defines_otio_reads_what_is_written() {
    let Some(folder) = python() else { return };
    let scratch = Scratch::new();
    let (file, again, back) = (
        scratch.path("out.otio"),
        scratch.path("again.otio"),
        scratch.path("back.json"),
    );
    let loomcast = Loomcast::new(&scratch, "data");
    for name in ["greeting-30", "offer"] {
        let template = shipped("templates").join(name).with_extension("json");
        otio(&["export", text(&template), "-o", text(&file)]);
        let script = scripts().join("otio_read.py");
        let words = [text(&script), text(&file), text(&again)];
        let seen = run(&folder.join("venv/bin/python"), &words, &folder, "");
        let seen: Value = serde_json::from_str(&seen).expect("it prints JSON");
        let plan = loomcast.plan(&template, &[]);
        let video = plan.iter().filter(|chunk| chunk.video);
        let seconds: f64 = video.map(|chunk| chunk.duration).sum();
        for length in ["seconds", "flat"] {
            let found = seen[length].as_f64().expect("a number");
            assert!(
                (found - seconds).abs() < 1e-6,
                "{name} {length}: {found}, not {seconds}"
            );
        }
        // Written by that library, it is the same video still.
        otio(&["import", text(&again), "-o", text(&back)]);
        let keys = |plan: Vec<crate::support::Planned>| -> Vec<String> {
            plan.into_iter().map(|chunk| chunk.key).collect()
        };
        assert_eq!(keys(loomcast.plan(&back, &[])), keys(plan), "{name}");
    }
}

#[test]
fn fades_dissolves_and_speeds_are_where_they_belong_to_the_library() {
    let Some(folder) = python() else { return };
    let scratch = Scratch::new();
    let clip = |src: &str, start: f64, length: f64, more: Value| {
        let mut clip = json!({"asset": {"type": "video", "src": src, "trim": 1}, "start": start, "length": length});
        let members = clip.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        clip
    };
    let document = json!({"output": {"format": "mp4", "resolution": "hd", "fps": 25}, "timeline": {"tracks": [{"clips": [
        clip("v.mp4", 1.0, 3.0, json!({"transition": {"in": "fade"}})),
        clip("tall.mp4", 3.0, 3.0, json!({"opacity": [{"from": 0, "to": 1, "length": 1}]})),
        clip("clear.mov", 8.0, 2.0, json!({"transition": {"out": "fadeFast"}})),
    ]}]}});
    let merged = merge(document, &Data::new()).expect("merges");
    let exported = export(&merged, &pipeline::assets(), &|_| None).expect("exports");
    let (file, again) = (
        scratch.edit("out.otio", &exported.timeline),
        scratch.path("again.otio"),
    );
    let script = scripts().join("otio_read.py");
    let words = [text(&script), text(&file), text(&again)];
    let seen = run(&folder.join("venv/bin/python"), &words, &folder, "");
    let seen: Value = serde_json::from_str(&seen).expect("it prints JSON");
    let track = &seen["tracks"][0];
    let kinds = [
        "Gap",
        "Transition",
        "Clip",
        "Transition",
        "Clip",
        "Gap",
        "Clip",
        "Transition",
    ];
    assert_eq!(track["children"], json!(kinds));
    // The cut is in the middle of the dissolve, of 25 frames.
    let clips = &track["clips"];
    assert_eq!(clips[0]["in_parent"], json!([25.0, 62.0]));
    assert_eq!(clips[0]["trimmed"], json!([25.0, 62.0]));
    assert_eq!(clips[0]["visible"], json!([25.0, 75.0]));
    assert_eq!(clips[1]["in_parent"], json!([87.0, 63.0]));
    assert_eq!(clips[1]["visible"], json!([25.0, 75.0]));
    assert_eq!(clips[2]["in_parent"], json!([200.0, 50.0]));
    assert_eq!(seen["seconds"], 10.0);
}

#[test]
fn what_the_library_writes_is_where_it_says() {
    let Some(folder) = python() else { return };
    let scratch = Scratch::new();
    let file = scratch.path("made.otio");
    let script = scripts().join("otio_make.py");
    let said = run(
        &folder.join("venv/bin/python"),
        &[text(&script), text(&file)],
        &folder,
        "",
    );
    let expected: Vec<(String, f64, f64)> = serde_json::from_str(&said).expect("it prints JSON");
    let imported = import(&read(&file), &Import::default()).expect("imports");
    assert_eq!(imported.edit["output"]["fps"], 23.976);
    let tracks = imported.edit["timeline"]["tracks"]
        .as_array()
        .expect("tracks");
    let clips = tracks
        .iter()
        .flat_map(|track| track["clips"].as_array().expect("clips"));
    let mut found: Vec<(String, f64, f64)> = clips
        .map(|clip| {
            let number = |name: &str| clip[name].as_f64().expect("a number");
            let src = clip["asset"]["src"].as_str().expect("a src").to_owned();
            (src, number("start"), number("length"))
        })
        .collect();
    found.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    assert_eq!(found.len(), expected.len(), "{found:?}, not {expected:?}");
    for (found, expected) in found.iter().zip(&expected) {
        let far = (found.1 - expected.1)
            .abs()
            .max((found.2 - expected.2).abs());
        assert!(
            found.0 == expected.0 && far < 1e-6,
            "{found:?}, not {expected:?}"
        );
    }
}

#[test]
fn a_server_turns_cuts_into_edits_and_back() {
    let server = Server::start();
    let cut = fs::read(fixture("cut.otio")).expect("it is there");
    let answer = server.post("/v1/edits/from-otio?width=640&height=360&fps=30", &cut);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let made = answer.json();
    assert_eq!(
        made["edit"]["output"]["size"],
        json!({"width": 640, "height": 360})
    );
    assert_eq!(made["edit"]["output"]["fps"], 30);
    assert!(
        made["warnings"]
            .as_array()
            .is_some_and(|warnings| warnings.len() > 3),
        "{made}"
    );

    let request = json!({"template": "greeting-30", "data": {"name": "Bo"}}).to_string();
    let answer = server.post("/v1/edits/to-otio", request.as_bytes());
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/vnd.pixar.opentimelineio+json"),
        "{}",
        answer.text()
    );
    assert!(
        !answer.text().contains("file://"),
        "where files are here is told to nobody"
    );
    let back = server.post("/v1/edits/from-otio", &answer.body).json();
    let video = server.publish(&json!({"edit": back["edit"], "render": "on_demand"}));
    assert_eq!(video["duration_s"], 30.0);

    for (path, body, status, field) in [
        ("from-otio", "{}", 422, "/OTIO_SCHEMA"),
        ("from-otio", "[", 400, ""),
        ("from-otio?fps=31", "{}", 400, "fps"),
        ("from-otio?rate=31", "{}", 400, ""),
        ("from-otio?width=31", "{}", 400, "width"),
        ("to-otio", "{}", 400, "/template"),
        ("to-otio", r#"{"template": "none"}"#, 404, ""),
        ("to-otio", r#"{"edit": {}}"#, 422, "/output"),
    ] {
        let answer = server.post(&format!("/v1/edits/{path}"), body.as_bytes());
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        let error = answer.json()["error"].clone();
        assert_eq!(
            error["field"].as_str().unwrap_or_default(),
            field,
            "{error}"
        );
    }
}

const SMALL: Size = Size {
    tracks: 4,
    clips: 6,
    seconds: 4.0,
    frame: (320, 320),
};

#[test]
fn every_edit_goes_out_and_comes_back_as_the_same_chunks() {
    let mut compared = 0;
    for seed in 0..runs() / 4 {
        let document = edit(&mut Choices::seeded(seed), &MEDIA, &SMALL);
        let Ok(Some(plan)) = pipeline::plan(document.clone()) else {
            continue;
        };
        let merged = merge(document.clone(), &Data::new()).expect("merges");
        let exported = export(&merged, &pipeline::assets(), &|_| None);
        let exported =
            exported.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{document:#}"));
        let back = import(&exported.timeline, &Import::default());
        let back = back.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{document:#}"));
        let told: Vec<String> = back.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told, [""; 0], "seed {seed}: {document:#}");
        let again = pipeline::plan(back.edit.clone())
            .expect("a plan")
            .expect("as small");
        let keys = |plan: &loomcast::partition::Partition| -> Vec<_> {
            let all = plan.video.iter().chain(&plan.audio);
            all.map(|chunk| (chunk.decode_time, chunk.key)).collect()
        };
        if keys(&again) != keys(&plan) {
            panic!("seed {seed}: {document:#}\nbecame {:#}", back.edit);
        }
        compared += 1;
    }
    assert!(compared > runs() / 8, "{compared}");
}

/// A cut that is made up.
fn cut(choices: &mut Choices) -> Value {
    let tracks: Vec<Value> = (0..1 + choices.below(3))
        .map(|_| track(choices, 0))
        .collect();
    json!({
        "OTIO_SCHEMA": "Timeline.1", "name": "made up", "metadata": {},
        "tracks": {"OTIO_SCHEMA": "Stack.1", "children": tracks},
    })
}

fn time(choices: &mut Choices, most: usize) -> Value {
    let rate = choices.pick(&[24.0, 25.0, 29.97, 23.976_023_976_023_978]);
    let value = choices.below(most) as f64;
    json!({"OTIO_SCHEMA": "RationalTime.1", "value": value, "rate": rate})
}

fn range(choices: &mut Choices) -> Value {
    let (start, length) = (time(choices, 40), time(choices, 60));
    json!({"OTIO_SCHEMA": "TimeRange.1", "start_time": start, "duration": length})
}

fn track(choices: &mut Choices, depth: usize) -> Value {
    let mut children = Vec::new();
    for _ in 0..1 + choices.below(5) {
        if choices.often(30) {
            children.push(json!({
                "OTIO_SCHEMA": "Transition.1", "transition_type": choices.pick(&["SMPTE_Dissolve", "Custom_Transition"]),
                "in_offset": time(choices, 12), "out_offset": time(choices, 12),
            }));
        }
        children.push(item(choices, depth));
    }
    let mut track = json!({
        "OTIO_SCHEMA": "Track.1", "kind": choices.pick(&["Video", "Video", "Audio"]), "children": children,
    });
    if choices.often(20) {
        track["source_range"] = range(choices);
    }
    track
}

fn item(choices: &mut Choices, depth: usize) -> Value {
    let mut item = match choices.below(10) {
        0 | 1 => json!({"OTIO_SCHEMA": "Gap.1"}),
        2 if depth < 3 => {
            let tracks: Vec<Value> = (0..choices.below(3))
                .map(|_| track(choices, depth + 1))
                .collect();
            json!({"OTIO_SCHEMA": "Stack.1", "children": tracks})
        }
        3 if depth < 3 => track(choices, depth + 1),
        _ => {
            let mut reference = match choices.below(8) {
                0 => json!({"OTIO_SCHEMA": "MissingReference.1"}),
                1 => json!({
                    "OTIO_SCHEMA": "ImageSequenceReference.1", "target_url_base": "s", "name_prefix": "i",
                    "name_suffix": ".png", "start_frame": choices.below(10), "rate": 24.0, "frame_zero_padding": 3,
                }),
                2 => {
                    json!({"OTIO_SCHEMA": "GeneratorReference.1", "generator_kind": choices.pick(&["rich-text", "bars"]),
                            "parameters": {"text": "x"}})
                }
                _ => {
                    json!({"OTIO_SCHEMA": "ExternalReference.1", "target_url": choices.pick(&["v.mp4", "i.png", "a.wav", "/x/clear.mov"])})
                }
            };
            if choices.often(50) {
                reference["available_range"] = range(choices);
            }
            json!({"OTIO_SCHEMA": "Clip.1", "name": "one", "media_reference": reference})
        }
    };
    if choices.often(90) {
        item["source_range"] = range(choices);
    }
    if choices.often(20) {
        let effect = choices.pick(&["LinearTimeWarp.1", "FreezeFrame.1", "Effect.1"]);
        item["effects"] = json!([{"OTIO_SCHEMA": effect, "time_scalar": choices.real(-3.0, 3.0)}]);
    }
    if choices.often(5) {
        item["enabled"] = json!(false);
    }
    item
}

#[test]
fn every_cut_is_an_edit_or_an_error_and_never_a_panic() {
    let (mut made, mut refused) = (0, 0);
    for seed in 0..runs() * 4 {
        let mut choices = Choices::seeded(seed);
        let mut file = cut(&mut choices);
        let is_sound = seed % 2 == 0;
        for _ in 0..if is_sound { 0 } else { 1 + choices.below(4) } {
            mutate(&mut choices, &mut file);
        }
        let text = file.to_string();
        match catch_unwind(AssertUnwindSafe(|| import(&file, &Import::default()))) {
            Err(_) => panic!("seed {seed} panics: {text}"),
            Ok(Err(error)) => {
                assert!(!error.allowed.is_empty(), "seed {seed}: {error}");
                let empty = error.value.contains("nothing is shown");
                assert!(!is_sound || empty, "seed {seed}: {error}: {text}");
                refused += 1;
            }
            // Its files may not be there, or be shorter; all else is as it has to be.
            Ok(Ok(imported)) => {
                if let Err(error) = pipeline::timeline(imported.edit) {
                    let place = error.pointer.as_str();
                    assert!(
                        place.ends_with("/src") || place.ends_with("/trim"),
                        "seed {seed}: {error}: {text}"
                    );
                }
                made += 1;
            }
        }
    }
    eprintln!("{made} made, {refused} refused");
    assert!(made > 0 && refused > 0);
}
