//! Planning at scale: how long it takes from Edit JSON to the keys of all chunks,
//! and what that costs in memory, for videos of many clips, of many hours and of many
//! pixels. Files are not looked at: what is known of them is made up.
//!
//! Prints a table.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use loomcast::digest::Digest;
use loomcast::partition::{Partitioning, partition};
use loomcast::template::bind::{AssetInfo, AssetKind, Assets, FontBook, FontChoice, bind};
use loomcast::template::edit::Edit;
use loomcast::template::markup::Markup;
use loomcast::template::merge::{Data, merge};
use loomcast::template::richtext::RichText;
use loomcast::time::Time;
use serde_json::{Value, json};

/// How often each is planned; the fastest counts.
const RUNS: usize = 5;

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
    let info = |name: &str, kind| {
        let digest = Digest::of(name.as_bytes());
        (name.to_owned(), AssetInfo { digest, kind })
    };
    let hours = |hours: i64| Time::from_seconds(hours * 3600);
    BTreeMap::from([
        info(
            "v.mp4",
            AssetKind::Video {
                size: (1280, 720),
                duration: hours(4),
                sound: true,
                opaque: true,
            },
        ),
        info(
            "i.png",
            AssetKind::Image {
                size: (1280, 720),
                opaque: true,
            },
        ),
    ])
}

fn edit(tracks: Vec<Vec<Value>>, resolution: &str) -> Value {
    let tracks: Vec<Value> = tracks
        .into_iter()
        .map(|clips| json!({ "clips": clips }))
        .collect();
    json!({
        "timeline": { "tracks": tracks },
        "output": { "format": "mp4", "resolution": resolution },
        "merge": [{ "find": "name", "replace": "Ana" }]
    })
}

fn text(index: usize, start: f64, length: f64) -> Value {
    json!({
        "asset": { "type": "rich-text", "text": format!("{index} {{{{ name }}}}"), "width": 400, "height": 80 },
        "start": start, "length": length,
        "transition": { "in": "fade", "out": "slideLeft" },
        "offset": { "x": [{ "from": -0.2, "to": 0.2, "start": 0, "length": 1, "easing": "easeInOut" }] }
    })
}

fn footage(length: f64) -> Value {
    json!({ "asset": { "type": "video", "src": "v.mp4" }, "start": 0, "length": length })
}

/// `clips` personal texts a third of a second apart on ten tracks, over footage.
fn many_clips(clips: usize) -> Value {
    let mut tracks: Vec<Vec<Value>> = vec![Vec::new(); 10];
    for index in 0..clips {
        tracks[index % 10].push(text(index, index as f64 / 3.0, 2.5));
    }
    tracks.push(vec![footage(clips as f64 / 3.0 + 2.5)]);
    edit(tracks, "hd")
}

/// Hours of footage with a mark in the corner, a slow zoom beneath and a text a minute.
fn long(hours: usize, resolution: &str) -> Value {
    let length = hours as f64 * 3600.0;
    let texts = (0..hours * 60).map(|minute| text(minute, minute as f64 * 60.0, 4.0));
    let mark = json!({ "asset": { "type": "image", "src": "i.png" }, "start": 0, "length": length,
        "scale": 0.2, "position": "topRight", "opacity": 0.6 });
    let pictures = (0..hours * 360).map(|at| {
        json!({ "asset": { "type": "image", "src": "i.png" }, "start": at as f64 * 10.0, "length": 10,
                "effect": "zoomIn", "transition": { "in": "fade" } })
    });
    edit(
        vec![
            texts.collect(),
            vec![mark],
            pictures.collect(),
            vec![footage(length)],
        ],
        resolution,
    )
}

/// A picture an hour long under all that may lie over it.
fn deep() -> Value {
    let mut tracks: Vec<Vec<Value>> = (0..400).map(|index| vec![text(index, 0.0, 60.0)]).collect();
    tracks.push(vec![footage(60.0)]);
    edit(tracks, "hd")
}

struct Planned {
    clips: usize,
    frames: u32,
    chunks: usize,
    layers: usize,
    took: Duration,
}

fn plan(edit: &Value) -> Planned {
    let assets = assets();
    let mut best: Option<Planned> = None;
    for _ in 0..RUNS {
        let document = edit.clone();
        let started = Instant::now();
        let merged = merge(document, &Data::new()).expect("merges");
        let mut warnings = Vec::new();
        let edit = Edit::read(&merged.document, &mut warnings).expect("reads");
        let is_dynamic = |place: &_| merged.is_dynamic(place);
        let timeline = bind(&edit, &assets, &NoFonts, &is_dynamic, &mut warnings).expect("binds");
        let partition = partition(&timeline, &Partitioning::default());
        let took = started.elapsed();
        if best.as_ref().is_none_or(|best| took < best.took) {
            let layers = partition.video.iter().map(|chunk| match &chunk.spec {
                loomcast::chunk::ChunkSpec::Video(spec) => spec.layers.len(),
                loomcast::chunk::ChunkSpec::Audio(_) => 0,
            });
            best = Some(Planned {
                clips: edit.tracks.iter().map(Vec::len).sum(),
                frames: timeline.frames,
                chunks: partition.video.len() + partition.audio.len(),
                layers: layers.sum(),
                took,
            });
        }
    }
    best.expect("planned once at the least")
}

/// The most memory that this process has had, in MiB; `None` where it is not told.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024)
}

fn main() {
    println!("| Edit | clips | frames | chunks | their layers | plan, ms | peak so far, MiB |");
    println!("|---|---|---|---|---|---|---|");
    for (name, edit) in [
        ("10 clips", many_clips(10)),
        ("1000 clips", many_clips(1000)),
        ("10 000 clips", many_clips(10_000)),
        ("1 h", long(1, "hd")),
        ("3 h", long(3, "hd")),
        ("3 h of 4K", long(3, "4k")),
        ("400 layers deep, 1 min", deep()),
    ] {
        let planned = plan(&edit);
        println!(
            "| {name} | {} | {} | {} | {} | {:.1} | {} |",
            planned.clips,
            planned.frames,
            planned.chunks,
            planned.layers,
            planned.took.as_secs_f64() * 1000.0,
            peak().map_or_else(|| "?".to_owned(), |mib| mib.to_string())
        );
    }
}
