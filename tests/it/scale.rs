//! Many clips and many hours: what a plan holds grows with what is seen, and a piece of a long
//! video is rendered in little memory. How long it takes is measured by `cargo bench --bench plan`.

use std::collections::BTreeSet;
use std::process::Command;

use loomcast::chunk::ChunkSpec;
use loomcast::partition::{Partition, Partitioning, partition};
use serde_json::{Value, json};

use crate::pipeline::timeline;
use crate::support::{Loomcast, Scratch, assets, ffprobe, have_ffmpeg};

fn text(index: usize, start: f64) -> Value {
    json!({
        "asset": { "type": "rich-text", "text": format!("{index} {{{{ name }}}}"), "width": 300, "height": 60 },
        "start": start, "length": 2.5,
        "transition": { "in": "fade", "out": "slideLeft" }
    })
}

fn edit(tracks: Vec<Vec<Value>>, output: Value) -> Value {
    let tracks: Vec<Value> = tracks
        .into_iter()
        .map(|clips| json!({ "clips": clips }))
        .collect();
    json!({
        "timeline": { "tracks": tracks },
        "output": output,
        "merge": [{ "find": "name", "replace": "Ana" }]
    })
}

/// Three hours: footage under pictures of ten seconds each and a text a minute.
fn three_hours(footage: &str, picture: &str, output: Value) -> Value {
    let texts = (0..180).map(|minute| text(minute, minute as f64 * 60.0));
    let pictures = (0..1080).map(|at| {
        json!({ "asset": { "type": "image", "src": picture }, "start": at * 10, "length": 10, "scale": 0.5,
                "effect": "zoomIn", "transition": { "in": "fade" } })
    });
    let footage = json!({ "asset": { "type": "video", "src": footage, "volume": 0 }, "start": 0, "length": 3 * 3600 });
    edit(
        vec![texts.collect(), pictures.collect(), vec![footage]],
        output,
    )
}

fn hd() -> Value {
    json!({ "format": "mp4", "resolution": "hd" })
}

/// How many layers the chunks have: in the one that has most, and in all.
fn layers(partition: &Partition) -> (usize, usize) {
    let counts = partition.video.iter().map(|chunk| match &chunk.spec {
        ChunkSpec::Video(spec) => spec.layers.len(),
        ChunkSpec::Audio(_) => 0,
    });
    (counts.clone().max().unwrap_or(0), counts.sum())
}

#[test]
fn ten_thousand_clips_are_in_those_chunks_in_which_they_are_seen() {
    const CLIPS: usize = 10_000;
    let mut tracks: Vec<Vec<Value>> = vec![Vec::new(); 10];
    for index in 0..CLIPS {
        tracks[index % 10].push(text(index, index as f64 / 3.0));
    }
    let timeline = timeline(edit(tracks, hd())).expect("it is allowed");
    assert_eq!(timeline.layers.len(), CLIPS);
    let partition = partition(&timeline, &Partitioning::default());
    let (most, all) = layers(&partition);
    // Eight are on at any time, and each is cut where another comes or goes.
    assert!(most <= 10, "{most} layers in one chunk");
    assert!((CLIPS..=CLIPS * 20).contains(&all), "{all} layers in all");
    let texts: BTreeSet<&str> = partition
        .video
        .iter()
        .flat_map(|chunk| match &chunk.spec {
            ChunkSpec::Video(spec) => spec
                .layers
                .iter()
                .map(|layer| layer.label.as_str())
                .collect(),
            ChunkSpec::Audio(_) => Vec::new(),
        })
        .collect();
    assert_eq!(texts.len(), CLIPS, "all are seen somewhere");
}

#[test]
fn three_hours_are_planned_with_what_repeats_known_as_such() {
    let timeline = timeline(three_hours("v.mp4", "i.png", hd())).expect("it is allowed");
    let partition = partition(&timeline, &Partitioning::default());
    let ticks: u64 = partition.video.iter().map(|chunk| chunk.ticks).sum();
    let rate = u64::from(timeline.video.rate.ticks_per_frame());
    assert_eq!(ticks, u64::from(timeline.frames) * rate);
    let (most, _) = layers(&partition);
    assert!(most <= 4, "{most} layers in one chunk");
    assert!(
        partition.video.len() < 3 * 3600 * 2,
        "{} chunks",
        partition.video.len()
    );
}

/// Far more than a piece of a video takes, far less than three hours of it would.
const MEMORY_MIB: u64 = 900;

#[test]
fn a_piece_of_three_hours_is_rendered_in_little_memory() {
    if !have_ffmpeg("a_piece_of_three_hours_is_rendered_in_little_memory") {
        return;
    }
    let time = "/usr/bin/time";
    if !Command::new(time)
        .arg("true")
        .output()
        .is_ok_and(|ran| ran.status.success())
    {
        eprintln!("skipped: a_piece_of_three_hours_is_rendered_in_little_memory needs GNU time");
        return;
    }
    let scratch = Scratch::new();
    let slow = [
        "-t",
        "10800",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "60",
        "-pix_fmt",
        "yuv420p",
    ];
    scratch.make("long.mp4", &["testsrc2=s=160x90:r=1"], &slow);
    scratch.solid("card.png", "0x305080", "320x180");
    let output = json!({
        "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": 25,
        "range": { "start": 2 * 3600 + 59, "length": 2 }
    });
    let file = scratch.edit("long.json", &three_hours("long.mp4", "card.png", output));
    let video = scratch.path("piece.mp4");
    let ran = Command::new(time)
        .args(["-f", "peak %M", env!("CARGO_BIN_EXE_loomcast"), "render"])
        .arg(&file)
        .arg("-o")
        .arg(&video)
        .arg("--assets")
        .arg(assets())
        .arg("--data-dir")
        .arg(scratch.path("data"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let peak = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("peak "));
    let mib = peak
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .expect("GNU time says")
        / 1024;
    eprintln!("{mib} MiB at the most");
    assert!(mib < MEMORY_MIB, "{mib} MiB");
    let probed = ffprobe(
        &video,
        &["-count_frames", "-show_entries", "stream=nb_read_frames"],
    );
    assert_eq!(probed["streams"][0]["nb_read_frames"], "50");
    // It had the chunks of the whole: planned alone, the piece is there already.
    let user = Loomcast::new(&scratch, "data");
    let missing = user
        .plan(&file, &[])
        .iter()
        .filter(|chunk| !chunk.hit)
        .count();
    assert_eq!(missing, 0);
}
