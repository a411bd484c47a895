//! What each feature costs: CPU (user and system, of all threads) for a frame of 1280x720 at
//! 25 frames a second, against footage that fills the frame, composed alone and encoded too;
//! and for a second of sound against one file that is played as it is. Prints tables, the
//! dearest first, as in `docs/ref/costs.md`.
//!
//! Needs ffmpeg, which makes the media. What all chunks of all videos share, such as a
//! conformed sound, is made before the first round; each round is all features in turn, and
//! of each the cheapest counts.

mod features;
mod media;
mod sounds;

use std::path::Path;
use std::sync::Arc;

use loomcast::app::planner;
use loomcast::chunk::ChunkSpec;
use loomcast::delivery::Plan;
use loomcast::fetch::{Downloads, FetchConfig};
use loomcast::media::PcmStore;
use loomcast::partition::PartitionWish;
use loomcast::render::{Renderer, SharedLayers};
use loomcast::template::merge::Data;
use serde_json::{Value, json};

use crate::features::{PLAIN, SECONDS, clip, features};
use crate::media::media;
use crate::sounds::{PLAIN_SOUND, sounds};

/// How often each is measured, in turns.
const ROUNDS: usize = 3;

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

/// What one thing costs, in CPU milliseconds of a frame or a second; the least so far.
struct Measured {
    name: &'static str,
    plan: Plan,
    /// Composed or mixed, and no more.
    made: f64,
    /// Encoded too.
    encoded: f64,
}

/// CPU milliseconds that something takes, for one of `units`.
fn cost(units: f64, work: impl FnOnce()) -> f64 {
    let before = cpu();
    work();
    (cpu() - before) * 1000.0 / units
}

impl Measured {
    fn chunks(&self) -> impl Iterator<Item = &ChunkSpec> {
        let (video, audio) = (&self.plan.partition.video, &self.plan.partition.audio);
        // What is seen has no sound here, and what is heard no pictures.
        let chunks = if audio.is_empty() { video } else { audio };
        chunks.iter().map(|chunk| &chunk.spec)
    }

    fn make(&self, renderer: &Renderer) {
        for spec in self.chunks() {
            match spec {
                ChunkSpec::Video(spec) => renderer.frames(spec, &mut |_| Ok(())),
                ChunkSpec::Audio(spec) => renderer.samples(spec).map(|_| ()),
            }
            .expect("it is made");
        }
    }

    fn encode(&self, renderer: &Renderer) {
        for spec in self.chunks() {
            renderer
                .render(spec, SharedLayers::default(), &mut |_| Ok(()))
                .expect("it is rendered");
        }
    }

    /// Measures it once more, as often in a row as `times`.
    fn again(&mut self, renderer: &Renderer, units: f64, times: u32) {
        let units = units * f64::from(times);
        let repeat = |work: &dyn Fn()| (0..times).for_each(|_| work());
        let made = cost(units, || repeat(&|| self.make(renderer)));
        let encoded = cost(units, || repeat(&|| self.encode(renderer)));
        self.made = self.made.min(made);
        self.encoded = self.encoded.min(encoded);
    }
}

/// The dearest first.
fn table(title: &str, made: &str, plain: &str, mut measured: Vec<Measured>) {
    let is_plain = |one: &&Measured| one.name == plain;
    let base = measured.iter().find(is_plain).expect("it is there");
    let (plain_made, plain_encoded) = (base.made, base.encoded);
    measured.sort_by(|a, b| b.made.total_cmp(&a.made));
    println!("\n| {title} | {made}, ms | more than plain | times | with encoding, ms | times |");
    println!("|---|---|---|---|---|---|");
    // What takes less than a tick is no measure of others.
    let times = |cost: f64, plain: f64| match plain {
        plain if plain < 0.5 => "-".to_owned(),
        plain => format!("{:.1}", cost / plain),
    };
    for one in measured {
        println!(
            "| {} | {:.1} | {:+.1} | {} | {:.1} | {} |",
            one.name,
            one.made,
            one.made - plain_made,
            times(one.made, plain_made),
            one.encoded,
            times(one.encoded, plain_encoded)
        );
    }
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
    let plan = |name: &'static str, tracks: Vec<Vec<Value>>| {
        let tracks: Vec<Value> = tracks
            .into_iter()
            .map(|clips| json!({ "clips": clips }))
            .collect();
        let edit = json!({ "timeline": { "tracks": tracks }, "output": { "format": "mp4", "resolution": "hd" } });
        let plan = planner.plan(edit, &Data::new(), &PartitionWish::default());
        let plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
        Measured {
            name,
            plan,
            made: f64::INFINITY,
            encoded: f64::INFINITY,
        }
    };
    let mut seen: Vec<Measured> = features()
        .into_iter()
        .map(|(name, mut tracks)| {
            let base = json!({ "type": "video", "src": "v.mp4", "volume": 0 });
            tracks.push(vec![clip(base, json!({}))]);
            plan(name, tracks)
        })
        .collect();
    let mut heard: Vec<Measured> = sounds()
        .into_iter()
        .map(|(name, clips)| plan(name, clips.into_iter().map(|clip| vec![clip]).collect()))
        .collect();
    heard.iter().for_each(|one| one.make(&renderer));
    for _ in 0..ROUNDS {
        for one in &mut seen {
            let frames = f64::from(one.plan.timeline.frames);
            one.again(&renderer, frames, 1);
        }
        // Sound costs little against the clock's ticks.
        for one in &mut heard {
            one.again(&renderer, f64::from(SECONDS), 10);
        }
    }
    table("a frame over the plain clip", "composed", PLAIN, seen);
    table("a second that is heard", "mixed", PLAIN_SOUND, heard);
}
