//! The store from an operator's side: a bound that is kept, damage that is found
//! and rendered anew, room that is made on request.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Loomcast, Scratch, caption, files, have_ffmpeg};

fn edit(scratch: &Scratch, colour: &str, seconds: u32) -> std::path::PathBuf {
    let edit = json!({
        "timeline": {
            "background": colour,
            "tracks": [{ "clips": [{ "asset": caption("{{ name }}"), "start": 0, "length": seconds, "fit": "none" }] }]
        },
        "output": { "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": 25 },
        "merge": [{ "find": "name", "replace": "you" }]
    });
    scratch.edit("edit.json", &edit)
}

fn chunk_bytes(data: &Path) -> u64 {
    let blocks = |(_, bytes): (_, Vec<u8>)| (bytes.len() as u64).div_ceil(4096) * 4096;
    files(&data.join("chunks/chunks"))
        .into_iter()
        .map(blocks)
        .sum()
}

fn cache(user: &Loomcast, args: &[&str]) -> (Option<i32>, Value) {
    let ran = user.run(["cache"].iter().chain(args));
    (ran.code, ran.json())
}

#[test]
fn damage_is_found_by_verify_and_only_what_was_damaged_is_rendered_anew() {
    if !have_ffmpeg("damage_is_found_by_verify_and_only_what_was_damaged_is_rendered_anew") {
        return;
    }
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let edit = edit(&scratch, "#204060", 6);
    let first = user.render(&edit, &scratch.path("a.mp4"), &[]);
    let (code, stats) = cache(&user, &["stats"]);
    assert_eq!(code, Some(0));
    let chunks = stats["chunks"].as_u64().expect("a count");
    // Seconds of the same still are one chunk, and there is no sound.
    assert_eq!(chunks, 2, "{stats}");
    assert_eq!(stats["disk_bytes"], chunk_bytes(&scratch.path("data")));
    assert_eq!(cache(&user, &["verify"]).0, Some(0));

    let folder = scratch.path("data/chunks/chunks");
    let (path, mut bytes) = files(&folder).remove(0);
    bytes[100] ^= 0x40;
    fs::write(folder.join(path), bytes).expect("writes");
    let (code, found) = cache(&user, &["verify"]);
    assert_eq!((code, &found["corrupt"]), (Some(1), &json!(1)), "{found}");
    assert_eq!(cache(&user, &["stats"]).1["chunks"], chunks - 1);

    let again = user.render(&edit, &scratch.path("b.mp4"), &[]);
    assert_eq!(again.video + again.audio, 1);
    assert_eq!(again.frames, first.frames);
    let read = |name: &str| fs::read(scratch.path(name)).expect("is there");
    assert!(
        read("a.mp4") == read("b.mp4"),
        "the same bytes, rendered twice"
    );
}

#[test]
fn the_bound_is_kept_and_remembered_and_videos_still_come_out() {
    if !have_ffmpeg("the_bound_is_kept_and_remembered_and_videos_still_come_out") {
        return;
    }
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    for (name, colour) in [("a", "#204060"), ("b", "#602040"), ("c", "#406020")] {
        let edit = edit(&scratch, colour, 8);
        let out = scratch.path(&format!("{name}.mp4"));
        let bound: &[&str] = if name == "a" {
            &["--cache-size", "24KiB"]
        } else {
            &[]
        };
        let rendered = user.render(&edit, &out, bound);
        assert_eq!(rendered.frames, 200);
        let bytes = chunk_bytes(&scratch.path("data"));
        assert!(bytes <= 24 << 10, "{name}: {bytes}");
    }
    let (_, stats) = cache(&user, &["stats"]);
    assert_eq!(stats["max_bytes"], 24 << 10, "{stats}");

    let (code, report) = cache(&user, &["gc", "--to", "8KiB"]);
    assert_eq!(code, Some(0));
    assert!(report["chunks_removed"].as_u64() > Some(0), "{report}");
    assert!(chunk_bytes(&scratch.path("data")) <= 8 << 10);
}

#[test]
fn a_video_comes_out_of_an_imported_store_without_rendering() {
    let name = "a_video_comes_out_of_an_imported_store_without_rendering";
    if !have_ffmpeg(name) {
        return;
    }
    let scratch = Scratch::new();
    let (here, there) = (
        Loomcast::new(&scratch, "data"),
        Loomcast::new(&scratch, "there"),
    );
    let edit = edit(&scratch, "#204060", 6);
    here.render(&edit, &scratch.path("a.mp4"), &[]);
    let archive = scratch.path("store.tar");
    let archive = archive.to_str().expect("a plain path");
    let (code, out) = cache(&here, &["export", archive]);
    assert_eq!((code, &out["damaged"]), (Some(0), &json!(0)), "{out}");
    let (code, taken) = cache(&there, &["import", archive]);
    assert_eq!(
        (code, &taken["chunks"]),
        (Some(0), &out["chunks"]),
        "{taken}"
    );
    let again = there.render(&edit, &scratch.path("b.mp4"), &[]);
    assert_eq!(again.video + again.audio, 0);
    let read = |name: &str| fs::read(scratch.path(name)).expect("is there");
    assert!(read("a.mp4") == read("b.mp4"));

    fs::write(scratch.path("torn.tar"), &read("store.tar")[..700]).expect("writes");
    for (archive, part) in [
        ("torn.tar", "what came before is kept"),
        ("none.tar", "No such file"),
    ] {
        let archive = scratch.path(archive);
        let ran = there.run(["cache", "import", archive.to_str().expect("plain")]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}

#[test]
fn a_store_that_is_not_there_and_a_size_that_is_none_are_bad_input() {
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    for (args, part) in [
        (&["cache", "stats"][..], "there is no store"),
        (
            &["cache", "gc", "--to", "much"],
            "expected bytes, as 500MB or 2GiB",
        ),
        (&["cache", "gc"], "--to"),
        (
            &["render", "x.json", "-o", "x.mp4", "--eviction", "clock"],
            "expected gdsf, lru, s3-fifo, sieve or fifo",
        ),
    ] {
        let ran = user.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.stderr);
    }
    assert!(!scratch.path("data").exists(), "looking makes none");
}
