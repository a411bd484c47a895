//! What each feature costs: CPU for a frame of 1280x720 at 25 frames a second, encoding
//! included, against a plain clip. Prints a table, as in `docs/ref/costs.md`.
//!
//! Needs ffmpeg, which makes the media.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use loomcast::app::planner;
use loomcast::chunk::ChunkSpec;
use loomcast::fetch::{Downloads, FetchConfig};
use loomcast::media::PcmStore;
use loomcast::partition::PartitionWish;
use loomcast::render::{Renderer, SharedLayers};
use loomcast::template::merge::Data;
use serde_json::{Value, json};

/// Seconds of each video.
const SECONDS: u32 = 4;

/// How often each is measured; the cheapest counts.
const RUNS: usize = 3;

/// CPU seconds of this process so far, all threads.
fn cpu() -> f64 {
    // Utime and stime are fields 14 and 15 of proc(5)'s stat, counted after the
    // command's name, which may hold anything but ends with the last `)`.
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn make(folder: &Path, name: &str, source: &str, how: &[&str]) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", source])
        .args(how)
        .arg(folder.join(name))
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "{name} could not be made");
}

fn media(folder: &Path) {
    let video = [
        "-t", "6", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
    ];
    make(folder, "v.mp4", "testsrc2=s=1280x720:r=25", &video);
    make(folder, "small.mp4", "testsrc2=s=640x360:r=25", &video);
    make(
        folder,
        "green.mp4",
        "color=c=0x20C040:s=1280x720:r=25,drawbox=x=300:y=200:w=400:h=300:t=fill:c=red",
        &video,
    );
    make(
        folder,
        "grow.mp4",
        "color=c=white:s=1280x720:r=25,fade=t=in:d=4",
        &video,
    );
    let alpha = ["-t", "6", "-c:v", "qtrle"];
    let overlay =
        "color=c=orange@0.7:s=600x400:r=25,format=rgba,pad=1280:720:200:100:color=black@0.0";
    make(folder, "alpha.mov", overlay, &alpha);
    make(
        folder,
        "i.png",
        "testsrc2=s=1280x720,format=rgb24",
        &["-frames:v", "1"],
    );
    make(
        folder,
        "clear.png",
        "color=c=teal@0.8:s=500x250,format=rgba,pad=640:360:40:40:color=black@0.0",
        &["-frames:v", "1"],
    );
    make(
        folder,
        "disc.png",
        "color=c=black:s=720x720,format=gray,geq=lum='255*lt(hypot(X-360,Y-360),340)'",
        &["-frames:v", "1"],
    );
}

fn clip(asset: Value, more: Value) -> Value {
    let mut clip = json!({ "asset": asset, "start": 0, "length": SECONDS });
    if let (Some(clip), Some(more)) = (clip.as_object_mut(), more.as_object()) {
        clip.extend(more.clone());
    }
    clip
}

/// Names, and the tracks over the plain clip.
fn features() -> Vec<(&'static str, Vec<Vec<Value>>)> {
    let image = || json!({ "type": "image", "src": "i.png" });
    let video = || json!({ "type": "video", "src": "v.mp4", "volume": 0 });
    let small = || json!({ "type": "video", "src": "small.mp4", "volume": 0 });
    let spin =
        json!({ "rotate": { "angle": [{ "from": 0, "to": 90, "start": 0, "length": SECONDS }] } });
    let grow = json!([{ "from": 0.5, "to": 0.9, "start": 0, "length": SECONDS }]);
    let one = |asset, more| vec![vec![clip(asset, more)]];
    let text = |more: Value| {
        let mut text = json!({
            "type": "rich-text", "text": "Good morning, Ana", "width": 900, "height": 160,
            "font": { "size": 80, "color": "#ffffff", "weight": 700 }
        });
        if let (Some(text), Some(more)) = (text.as_object_mut(), more.as_object()) {
            text.extend(more.clone());
        }
        text
    };
    vec![
        (
            "nothing: the plain clip, footage that fills the frame",
            vec![],
        ),
        (
            "a picture, still, half the size",
            one(image(), json!({ "scale": 0.5 })),
        ),
        (
            "a picture that grows",
            one(image(), json!({ "scale": grow })),
        ),
        (
            "a picture, turned, still",
            one(
                image(),
                json!({ "scale": 0.5, "transform": { "rotate": { "angle": 30 } } }),
            ),
        ),
        (
            "a picture that turns",
            one(image(), json!({ "scale": 0.5, "transform": spin })),
        ),
        (
            "a picture with alpha",
            one(
                json!({ "type": "image", "src": "clear.png" }),
                json!({ "fit": "none" }),
            ),
        ),
        (
            "footage, half the size",
            one(small(), json!({ "scale": 0.5 })),
        ),
        ("footage that grows", one(video(), json!({ "scale": grow }))),
        (
            "footage that turns",
            one(video(), json!({ "scale": 0.5, "transform": spin })),
        ),
        (
            "footage with alpha",
            one(json!({ "type": "video", "src": "alpha.mov" }), json!({})),
        ),
        (
            "footage at twice its speed",
            one(
                json!({ "type": "video", "src": "v.mp4", "volume": 0, "speed": 1.5 }),
                json!({ "scale": 0.5 }),
            ),
        ),
        (
            "footage, cropped",
            one(
                json!({ "type": "video", "src": "v.mp4", "volume": 0, "crop": { "left": 0.2, "top": 0.2 } }),
                json!({ "scale": 0.5 }),
            ),
        ),
        (
            "footage, half transparent",
            one(video(), json!({ "opacity": 0.5 })),
        ),
        (
            "chroma key",
            one(
                json!({ "type": "video", "src": "green.mp4", "volume": 0, "chromaKey": { "color": "#20C040", "threshold": 60, "halo": 30 } }),
                json!({}),
            ),
        ),
        (
            "filter blur, footage",
            one(video(), json!({ "filter": "blur" })),
        ),
        (
            "filter greyscale, footage",
            one(video(), json!({ "filter": "greyscale" })),
        ),
        (
            "filter contrast, footage",
            one(video(), json!({ "filter": "contrast" })),
        ),
        (
            "filter blur, picture",
            one(image(), json!({ "filter": "blur" })),
        ),
        (
            "wipe, slow, in and out",
            one(
                image(),
                json!({ "transition": { "in": "wipeRightSlow", "out": "wipeLeftSlow" } }),
            ),
        ),
        (
            "fade, slow, in and out",
            one(
                image(),
                json!({ "transition": { "in": "fadeSlow", "out": "fadeSlow" } }),
            ),
        ),
        (
            "slide, slow, in and out",
            one(
                image(),
                json!({ "transition": { "in": "slideLeftSlow", "out": "slideLeftSlow" } }),
            ),
        ),
        (
            "zoom effect, picture",
            one(image(), json!({ "effect": "zoomIn" })),
        ),
        (
            "zoom effect, footage",
            one(video(), json!({ "effect": "zoomIn" })),
        ),
        (
            "luma matte, a picture",
            vec![vec![
                clip(
                    json!({ "type": "luma", "src": "disc.png" }),
                    json!({ "fit": "contain" }),
                ),
                clip(image(), json!({})),
            ]],
        ),
        (
            "luma matte, footage over footage",
            vec![vec![
                clip(json!({ "type": "luma", "src": "grow.mp4" }), json!({})),
                clip(video(), json!({})),
            ]],
        ),
        ("rich-text, still", one(text(json!({})), json!({}))),
        (
            "rich-text with stroke and shadow, still",
            one(
                text(
                    json!({ "stroke": { "width": 4, "color": "#000000" }, "shadow": { "offsetX": 4, "offsetY": 4, "blur": 8 } }),
                ),
                json!({}),
            ),
        ),
        (
            "rich-text, typewriter, 4 s",
            one(
                text(json!({ "animation": { "preset": "typewriter", "duration": SECONDS } })),
                json!({}),
            ),
        ),
        (
            "rich-text, letters that move, 4 s",
            one(
                text(json!({ "animation": { "preset": "movingLetters", "duration": SECONDS } })),
                json!({}),
            ),
        ),
        (
            "html card, still",
            one(
                json!({ "type": "html", "html": "<p>Good morning</p>", "css": "p { color: #fff; font-size: 60px; }", "width": 800, "height": 200, "background": "#80203060" }),
                json!({}),
            ),
        ),
    ]
}

fn main() {
    loomcast::media::init().expect("GStreamer starts");
    let folder = tempfile::tempdir().expect("a folder");
    media(folder.path());
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let downloads = Downloads::new(&folder.path().join("downloads"), FetchConfig::default());
    let planner = planner(&assets, &[folder.path().to_owned()], downloads).expect("a planner");
    let pcm = PcmStore::open(&folder.path().join("sound")).expect("a folder for sound");
    let renderer = Renderer::new(
        planner.library().clone(),
        pcm,
        Arc::clone(planner.rasteriser()),
    );
    println!("| over the plain clip | ms a frame | more than plain | times plain |");
    println!("|---|---|---|---|");
    let mut plain = None;
    for (name, mut tracks) in features() {
        tracks.push(vec![clip(
            json!({ "type": "video", "src": "v.mp4", "volume": 0 }),
            json!({}),
        )]);
        let tracks: Vec<Value> = tracks
            .into_iter()
            .map(|clips| json!({ "clips": clips }))
            .collect();
        let edit = json!({ "timeline": { "tracks": tracks }, "output": { "format": "mp4", "resolution": "hd" } });
        let plan = match planner.plan(edit, &Data::new(), &PartitionWish::default()) {
            Ok(plan) => plan,
            Err(error) => {
                println!("| {name} | {error} | | |");
                continue;
            }
        };
        let best = (0..RUNS)
            .map(|_| {
                let before = cpu();
                for chunk in &plan.partition.video {
                    let ChunkSpec::Video(_) = &chunk.spec else {
                        continue;
                    };
                    renderer
                        .render(&chunk.spec, SharedLayers::default(), &mut |_| Ok(()))
                        .expect("it is rendered");
                }
                (cpu() - before) * 1000.0 / f64::from(plan.timeline.frames)
            })
            .fold(f64::INFINITY, f64::min);
        let plain = *plain.get_or_insert(best);
        println!(
            "| {name} | {best:.2} | {:+.2} | {:.2} |",
            best - plain,
            best / plain
        );
    }
}
