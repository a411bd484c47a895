//! A chunk's bytes are a function of what it shows: not of threads, order,
//! neighbours or the company it is rendered in.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use loomcast::app;
use loomcast::cmaf;
use loomcast::fetch::Downloads;
use loomcast::media::{self, PcmStore};
use loomcast::partition::{PartitionWish, PlacedChunk, TrackKind};
use loomcast::render::{Renderer, SharedLayers};
use loomcast::template::merge::Data;
use serde_json::json;

use crate::server::small_edit;
use crate::support::{Loomcast, Scratch, assets, caption, files, have_ffmpeg, segments};

/// Four seconds of footage whose frames depend on one another, with all that
/// may be drawn over it.
fn edit(scratch: &Scratch) -> std::path::PathBuf {
    scratch.footage("scene.mp4", "testsrc2", 5);
    scratch.footage("fractal.mp4", "mandelbrot", 5);
    scratch.solid("badge.png", "0xE0B020@0.5", "60x60");
    scratch.music("music.wav", 5, 220);
    let edit = json!({
        "timeline": {
            "soundtrack": { "src": "music.wav", "effect": "fadeInFadeOut" },
            "tracks": [
                { "clips": [{ "asset": caption("For {{ name }}"), "start": 0.8, "length": 2, "fit": "none",
                    "transition": { "in": "fadeFast" } }] },
                { "clips": [{ "asset": { "type": "image", "src": "badge.png" }, "start": 0, "length": 4, "fit": "none",
                    "offset": { "x": [{ "from": -0.4, "to": 0.4, "start": 0, "length": 4, "interpolation": "linear" }] } }] },
                { "clips": [{ "asset": { "type": "video", "src": "fractal.mp4", "volume": 0 },
                    "start": 1.2, "length": 2, "scale": 0.4 }] },
                { "clips": [{ "asset": { "type": "video", "src": "scene.mp4", "volume": 0, "trim": 0.5 },
                    "start": 0, "length": 4 }] }
            ]
        },
        "output": { "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": 30 },
        "merge": [{ "find": "name", "replace": "Ana" }]
    });
    scratch.edit("edit.json", &edit)
}

#[test]
fn neither_the_number_of_threads_nor_what_lay_in_memory_reaches_the_bytes() {
    if !have_ffmpeg("neither_the_number_of_threads_nor_what_lay_in_memory_reaches_the_bytes") {
        return;
    }
    let scratch = Scratch::new();
    let edit = edit(&scratch);
    let render = |threads: &str, garbage: u8| {
        let folder = scratch.path(&format!("hls-{threads}"));
        let user = Loomcast::new(&scratch, &format!("data-{threads}"));
        let user = user.with_memory_full_of(garbage);
        let rendered = user.render(&edit, &folder, &["--threads", threads]);
        assert!(rendered.hits == 0 && rendered.total > 6, "{rendered:?}");
        files(&folder)
    };
    let one = render("1", 1);
    assert!(one.len() > 8);
    for (threads, garbage) in [("2", 85), ("4", 170)] {
        for ((name, bytes), (other, bytes_of_other)) in one.iter().zip(&render(threads, garbage)) {
            assert_eq!(name, other);
            assert!(
                bytes == bytes_of_other,
                "{threads} threads: {}",
                name.display()
            );
        }
    }
}

/// The library's renderer with nothing warmed up.
struct Fresh {
    renderer: Renderer,
    video: Vec<PlacedChunk>,
    audio: Vec<PlacedChunk>,
}

fn fresh(scratch: &Scratch, edit: &Path, name: &str) -> Fresh {
    media::init().expect("the media libraries start");
    let folder = edit.parent().expect("in a folder").to_owned();
    let planner =
        app::planner(&assets(), &[folder], Downloads::off()).expect("the assets are there");
    let document = serde_json::from_slice(&fs::read(edit).expect("reads")).expect("JSON");
    let plan = planner
        .plan(document, &Data::new(), &PartitionWish::default())
        .expect("plans");
    // Where the folder has them: later by the delay of the pictures.
    let published = |kind: TrackKind| {
        let start = plan.first_decode_time(kind);
        let moved = |chunk: &PlacedChunk| PlacedChunk {
            decode_time: start + chunk.decode_time,
            ..chunk.clone()
        };
        plan.chunks(kind).iter().map(moved).collect()
    };
    let pcm = PcmStore::open(&scratch.path(name)).expect("opens");
    let rasteriser = Arc::clone(planner.rasteriser());
    Fresh {
        renderer: Renderer::new(planner.library().clone(), pcm, rasteriser),
        video: published(TrackKind::Video),
        audio: published(TrackKind::Audio),
    }
}

/// A chunk as a segment of the folder: its parts at their place.
fn rendered(renderer: &Renderer, chunk: &PlacedChunk) -> Vec<u8> {
    let mut segment = Vec::new();
    let mut emit = |part: loomcast::chunk::Part| {
        let placed = cmaf::placed(&part.data, chunk.decode_time).expect("is a part");
        segment.extend_from_slice(&placed.head);
        segment.extend_from_slice(&placed.tail);
        Ok(())
    };
    renderer
        .render(&chunk.spec, SharedLayers::default(), &mut emit)
        .expect("renders");
    segment
}

#[test]
fn chunks_rendered_backwards_or_all_alone_are_those_of_the_whole() {
    if !have_ffmpeg("chunks_rendered_backwards_or_all_alone_are_those_of_the_whole") {
        return;
    }
    let scratch = Scratch::new();
    let edit = edit(&scratch);
    let folder = scratch.path("hls");
    Loomcast::new(&scratch, "data").render(&edit, &folder, &[]);
    let (video, audio) = (segments(&folder, "video"), segments(&folder, "audio"));

    let backwards = fresh(&scratch, &edit, "sound");
    assert_eq!(
        (backwards.video.len(), backwards.audio.len()),
        (video.len(), audio.len())
    );
    let pairs = backwards
        .video
        .iter()
        .zip(&video)
        .chain(backwards.audio.iter().zip(&audio));
    for (chunk, segment) in pairs.collect::<Vec<_>>().into_iter().rev() {
        assert!(
            rendered(&backwards.renderer, chunk) == *segment,
            "backwards, the chunk at {}",
            chunk.decode_time
        );
    }

    // A viewer who seeks: the renderer has seen nothing of what comes before.
    for index in [video.len() / 2, video.len() - 1] {
        let alone = fresh(&scratch, &edit, "sound-alone");
        let chunk = &alone.video[index];
        assert!(
            rendered(&alone.renderer, chunk) == video[index],
            "alone, the chunk at {}",
            chunk.decode_time
        );
    }
    let alone = fresh(&scratch, &edit, "sound-alone-too");
    let (chunk, segment) = (alone.audio.last().expect("sound"), audio.last());
    assert!(
        Some(&rendered(&alone.renderer, chunk)) == segment,
        "the last chunk of sound"
    );
}

#[test]
fn which_thread_is_faster_does_not_reach_the_bytes_of_the_first_picture() {
    // Footage whose slices differ in what they cost; the first chunk is encoded as
    // several, each on a thread of its own.
    let scratch = Scratch::new();
    let edit = scratch.edit("edit.json", &small_edit(6, "#fa0101"));
    let fresh = fresh(&scratch, &edit, "sound");
    let first = &fresh.video[0];
    let expected = rendered(&fresh.renderer, first);
    for round in 0..40 {
        let again = rendered(&fresh.renderer, first);
        assert!(again == expected, "round {round}");
    }
}

#[test]
fn what_a_batch_shares_does_not_reach_the_bytes() {
    if !have_ffmpeg("what_a_batch_shares_does_not_reach_the_bytes") {
        return;
    }
    let scratch = Scratch::new();
    let edit = edit(&scratch);
    let people = scratch.path("people.csv");
    fs::write(&people, "file,name\nana,Ana\nzoe,Zoë\nbob,Bob\n").expect("writes");
    let out = scratch.path("out");
    let batch = [
        "batch".as_ref(),
        edit.as_os_str(),
        "--data".as_ref(),
        people.as_os_str(),
    ];
    let to = [
        "-o".as_ref(),
        out.as_os_str(),
        "--threads".as_ref(),
        "2".as_ref(),
    ];
    let report = Loomcast::new(&scratch, "data").json(batch.into_iter().chain(to));
    assert_eq!(report["rows_failed"], 0);

    for (file, name) in [("ana", "Ana"), ("zoe", "Zoë"), ("bob", "Bob")] {
        let alone = scratch.path(&format!("{file}-alone.mp4"));
        let user = Loomcast::new(&scratch, &format!("data-{file}"));
        let rendered = user.render(&edit, &alone, &["--set", &format!("name={name}")]);
        assert_eq!(rendered.hits, 0, "{rendered:?}");
        let of_batch = fs::read(out.join(format!("{file}.mp4"))).expect("was written");
        assert!(of_batch == fs::read(alone).expect("was written"), "{name}");
    }
}
