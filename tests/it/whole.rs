//! Edits that are made up look and sound in chunks, joined together, as they do whole: to the
//! last bit as they are composed and mixed, and as far as coding goes in files.

use std::path::Path;
use std::sync::Arc;

use loomcast::app::planner;
use loomcast::chunk::ChunkSpec;
use loomcast::digest::Digest;
use loomcast::fetch::{Downloads, FetchConfig};
use loomcast::media::{Frame, PcmStore};
use loomcast::partition::{Partition, PartitionWish, Scheme};
use loomcast::render::Renderer;
use loomcast::template::merge::Data;
use loomcast::time::Time;
use serde_json::{Value, json};

use crate::choices::Choices;
use crate::generate::{Media, WORD_KINDS, edit, words};
use crate::properties::{SIZE, put_above};
use crate::support::{Loomcast, Scratch, assets, decode_sound, have_ffmpeg, ssim};

/// Edits composed, and Edits encoded.
const COMPOSED: u64 = 12;
const RENDERED: u64 = 2;

/// The media that rendered Edits use.
const FILES: Media = Media {
    videos: &["v.mp4"],
    images: &["i.png", "logo.png"],
    sounds: &["a.wav"],
    mattes: &["disc.png"],
    lotties: &["badge.json"],
    words: &["words.vtt"],
};

fn media(scratch: &Scratch) {
    let sound = "aevalsrc='0.2*sin(2*PI*330*t)|0.2*sin(2*PI*440*t)':s=48000";
    let picture = "gradients=s=320x180:r=25:n=4:seed=3:speed=0.05,format=yuv420p";
    let how = [
        "-t", "6", "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-c:a", "aac",
    ];
    scratch.make("v.mp4", &[picture, sound], &how);
    let still = "gradients=s=320x240:n=3:seed=9,format=rgb24";
    scratch.make("i.png", &[still], &["-frames:v", "1"]);
    let logo = "color=c=orange:s=100x40,format=rgba,pad=120:60:10:10:color=black@0.0";
    scratch.make("logo.png", &[logo], &["-frames:v", "1"]);
    let disc = "color=c=black:s=200x200,format=gray,geq=lum='255*lt(hypot(X-100,Y-100),90)'";
    scratch.make("disc.png", &[disc], &["-frames:v", "1"]);
    // Tones: what an encoder makes of noise is another noise each time.
    let tones =
        "aevalsrc='0.2*sin(2*PI*220*t)+0.1*sin(2*PI*554*t)|0.2*sin(2*PI*277*t)':s=48000:d=8";
    scratch.make("a.wav", &[tones], &["-c:a", "pcm_s16le"]);
    let lottie = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lottie/badge.json");
    std::fs::copy(lottie, scratch.path("badge.json")).expect("is copied");
    let words = "WEBVTT\n\n00:00.200 --> 00:01.500\n<00:00.200>one <00:00.700>two\n\n\
                 00:01.700 --> 00:04.000\nthree four five\n";
    std::fs::write(scratch.path("words.vtt"), words).expect("is written");
}

/// A made-up Edit with two kinds of text more, and music that goes down.
fn made_up(seed: u64) -> Value {
    let mut choices = Choices::seeded(seed + 1000);
    let mut edit = edit(&mut choices, &FILES, &SIZE);
    // Differences in coding are not looked for.
    edit["output"]["quality"] = json!("veryhigh");
    // One chunk has to hold it all.
    edit["timeline"]["tracks"]
        .as_array_mut()
        .expect("tracks")
        .truncate(3);
    for kind in [2 * seed, 2 * seed + 1] {
        let asset = words(&mut choices, &FILES, kind as usize % WORD_KINDS);
        let start = choices.real(0.0, 3.0);
        put_above(
            &mut edit,
            json!({ "asset": asset, "start": start, "length": 2.3 }),
        );
    }
    let music = json!({ "type": "audio", "src": "a.wav", "loomcast": { "duck": {} } });
    put_above(
        &mut edit,
        json!({ "asset": music, "start": 0.3, "length": 5 }),
    );
    edit
}

/// What of a frame is seen: its rows without what pads them.
fn pixels(frame: &Frame) -> Vec<u8> {
    let rows = |plane: usize| {
        let (width, height, stride) = frame.plane_size(plane);
        let rows = frame.planes()[plane].chunks(stride).take(height);
        rows.flat_map(move |row| &row[..width])
    };
    [0, 1, 2].into_iter().flat_map(rows).copied().collect()
}

/// All frames of some chunks by their digests, and all samples.
fn composed(renderer: &Renderer, partition: &Partition) -> (Vec<Digest>, Vec<f32>) {
    let (mut frames, mut samples) = (Vec::new(), Vec::new());
    for chunk in partition.video.iter().chain(&partition.audio) {
        match &chunk.spec {
            ChunkSpec::Video(spec) => renderer
                .frames(spec, &mut |frame| {
                    frames.push(Digest::of(&pixels(&frame)));
                    Ok(())
                })
                .expect("is composed"),
            ChunkSpec::Audio(spec) => samples.extend(renderer.samples(spec).expect("is mixed")),
        }
    }
    (frames, samples)
}

#[test]
fn made_up_edits_are_composed_and_mixed_the_same_in_chunks_as_whole() {
    if !have_ffmpeg("made_up_edits_are_composed_and_mixed_the_same_in_chunks_as_whole") {
        return;
    }
    loomcast::media::init().expect("GStreamer starts");
    let scratch = Scratch::new();
    media(&scratch);
    let downloads = Downloads::new(&scratch.path("downloads"), FetchConfig::default());
    let planner = planner(&assets(), &[scratch.path("")], downloads).expect("a planner");
    let pcm = PcmStore::open(&scratch.path("sound")).expect("a folder for sound");
    let rasteriser = Arc::clone(planner.rasteriser());
    let renderer = Renderer::new(planner.library().clone(), pcm, rasteriser);
    for seed in 0..COMPOSED {
        let edit = made_up(seed);
        let cut = |scheme, millis| {
            let wish = PartitionWish {
                scheme: Some(scheme),
                chunk_max: Some(Time::from_millis(millis)),
            };
            let plan = planner.plan(edit.clone(), &Data::new(), &wish);
            let plan = plan.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{edit:#}"));
            composed(&renderer, &plan.partition)
        };
        let (frames, samples) = cut(Scheme::Fixed, 10_000);
        for scheme in [Scheme::Scenes, Scheme::Objects] {
            let (chunked, heard) = cut(scheme, 500);
            let other = (0..frames.len()).find(|at| chunked.get(*at) != frames.get(*at));
            assert_eq!(other, None, "seed {seed}: this frame is another\n{edit:#}");
            assert_eq!(chunked.len(), frames.len(), "seed {seed}");
            assert_eq!(heard.len(), samples.len(), "seed {seed}");
            let pairs = heard.iter().zip(&samples);
            let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-6, "seed {seed}: a sample is {off} off\n{edit:#}");
        }
    }
}

#[test]
fn made_up_edits_look_and_sound_the_same_in_chunks_as_whole() {
    if !have_ffmpeg("made_up_edits_look_and_sound_the_same_in_chunks_as_whole") {
        return;
    }
    let scratch = Scratch::new();
    media(&scratch);
    let user = Loomcast::new(&scratch, "data");
    let mut worst: f64 = 1.0;
    for seed in 0..RENDERED {
        let edit = made_up(seed);
        let file = scratch.edit(&format!("{seed}.json"), &edit);
        let (chunked, whole) = (scratch.path("chunked.mp4"), scratch.path("whole.mp4"));
        let many = user.render(&file, &chunked, &["--chunk-max", "0.5"]);
        let one = user.render(&file, &whole, &["--scheme", "fixed", "--chunk-max", "10"]);
        assert!(many.total > one.total, "seed {seed}: {many:?}, {one:?}");
        let scores = ssim(&scratch, &chunked, &whole, 0);
        assert_eq!(scores.len(), many.frames, "seed {seed}");
        let low = scores.iter().copied().fold(1.0, f64::min);
        assert!(low > LEAST_SSIM, "seed {seed}: {low}\n{scores:?}\n{edit:#}");
        worst = worst.min(low);
        sounds_alike(&chunked, &whole, seed);
    }
    eprintln!("SSIM at worst {worst:.4}");
}

/// How alike each frame has to be.
const LEAST_SSIM: f64 = 0.99;

/// Both have sound or neither, as long, and what differs is far below what is heard.
fn sounds_alike(a: &Path, b: &Path, seed: u64) {
    let has_sound = |file: &Path| {
        let probed = crate::support::ffprobe(
            file,
            &["-select_streams", "a", "-show_entries", "stream=index"],
        );
        probed["streams"]
            .as_array()
            .is_some_and(|streams| !streams.is_empty())
    };
    assert_eq!(has_sound(a), has_sound(b), "seed {seed}");
    if !has_sound(a) {
        return;
    }
    let (a, b) = (decode_sound(a), decode_sound(b));
    assert_eq!(a.len(), b.len(), "seed {seed}");
    let energy =
        |samples: &mut dyn Iterator<Item = f32>| samples.map(|s| f64::from(s * s)).sum::<f64>();
    let signal = energy(&mut a.iter().copied());
    let error = energy(&mut a.iter().zip(&b).map(|(a, b)| a - b));
    assert!(
        error <= signal / 30.0 + 1e-3,
        "seed {seed}: an error of {:.1} dB",
        10.0 * (error / signal).log10()
    );
}
