//! What reuse promises, on Edits that are made up: a change of one clip changes the
//! chunks in which it is seen or heard and no other, and chunks joined together show and
//! sound what one encode of the whole does.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use loomcast::partition::{Partitioning, PlacedChunk, partition};
use loomcast::timeline::Timeline;
use serde_json::{Value, json};

use crate::choices::Choices;
use crate::generate::{Media, Size, edit};
use crate::pipeline::{MEDIA, timeline};
use crate::support::{Loomcast, Scratch, decode_sound, have_ffmpeg, ssim};

/// Edits tried in the pure core.
const PLANNED: u64 = 300;

/// Edits rendered.
const RENDERED: u64 = 2;

const SIZE: Size = Size {
    tracks: 4,
    clips: 3,
    seconds: 5.0,
    frame: (320, 240),
};

/// When a clip is on, counted in the ticks of a track (frames of a rate).
fn on(start: f64, length: f64, rate: f64) -> Range<f64> {
    // What is on at a time is on in the frames that begin then or later.
    (start * rate).ceil()..((start + length) * rate).ceil()
}

fn rate(timeline: &Timeline) -> f64 {
    f64::from(timeline.frames) / timeline.duration().as_seconds()
}

/// Where a chunk lies, in frames (or in samples of sound, by `ticks`).
fn place(chunk: &PlacedChunk, ticks: u64) -> Range<f64> {
    let count = |n: u64| (n / ticks) as f64;
    count(chunk.decode_time)..count(chunk.decode_time + chunk.ticks)
}

fn meet(a: &Range<f64>, b: &Range<f64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// The places of the chunks whose keys differ. The cuts have to be the same.
fn changed(before: &[PlacedChunk], after: &[PlacedChunk]) -> BTreeSet<usize> {
    let cuts = |chunks: &[PlacedChunk]| -> Vec<u64> {
        chunks.iter().map(|chunk| chunk.decode_time).collect()
    };
    assert_eq!(cuts(before), cuts(after), "a value moved a cut");
    let pairs = before.iter().zip(after).enumerate();
    pairs
        .filter(|(_, (before, after))| before.key != after.key)
        .map(|(index, _)| index)
        .collect()
}

/// A made-up Edit with a card of its own above all else, and one that differs in the card's text.
fn with_card(seed: u64) -> (Value, Value, f64, f64) {
    let mut choices = Choices::seeded(seed);
    let mut before = edit(&mut choices, &MEDIA, &SIZE);
    let (start, length) = (choices.real(0.0, 4.0), choices.real(0.3, 2.0));
    let card = |text: &str| {
        json!({ "clips": [{
            "asset": { "type": "html", "html": format!("<p>{text}</p>"), "width": 32, "height": 32, "background": "#ffffff" },
            "start": start, "length": length
        }] })
    };
    let mut after = before.clone();
    let put = |edit: &mut Value, text: &str| {
        let tracks = edit["timeline"]["tracks"].as_array_mut().expect("tracks");
        tracks.insert(0, card(text));
    };
    put(&mut before, "{{ name }} A");
    put(&mut after, "{{ name }} B");
    (before, after, start, length)
}

#[test]
fn another_text_changes_the_chunks_in_which_it_is_seen_and_no_other() {
    for seed in 0..PLANNED {
        let (before, after, start, length) = with_card(seed);
        let (Ok(before), Ok(after)) = (timeline(before), timeline(after)) else {
            continue;
        };
        let rate = rate(&before);
        let seen = on(start, length, rate);
        let ticks = u64::from(before.video.rate.ticks_per_frame());
        let [a, b] =
            [&before, &after].map(|timeline| partition(timeline, &Partitioning::default()));
        let expected: BTreeSet<usize> = a
            .video
            .iter()
            .enumerate()
            .filter(|(_, chunk)| meet(&place(chunk, ticks), &seen))
            .map(|(index, _)| index)
            .collect();
        assert_eq!(
            changed(&a.video, &b.video),
            expected,
            "seed {seed}: on in {seen:?}"
        );
        assert_eq!(changed(&a.audio, &b.audio), BTreeSet::new(), "seed {seed}");
    }
}

#[test]
fn a_change_of_any_clip_changes_no_chunk_in_which_it_is_not_on() {
    let mut tried = 0;
    for seed in 0..PLANNED {
        let mut choices = Choices::seeded(seed ^ 0xC0FFEE);
        let before = edit(&mut choices, &MEDIA, &SIZE);
        let Ok(old) = timeline(before.clone()) else {
            continue;
        };
        let mut after = before.clone();
        let tracks = after["timeline"]["tracks"].as_array_mut().expect("tracks");
        let at = choices.below(tracks.len());
        let clips = tracks[at]["clips"].as_array_mut().expect("clips");
        let which = choices.below(clips.len());
        let clip = &mut clips[which];
        let number = |value: &Value| value.as_f64();
        // A clip that says when it is on in numbers, and whose change moves no other.
        let (Some(start), Some(length)) = (number(&clip["start"]), number(&clip["length"])) else {
            continue;
        };
        // Without its placeholders it would not be personal any more, and not be cut around.
        if clip.to_string().contains("{{") {
            continue;
        }
        match choices.below(4) {
            0 => clip["opacity"] = json!(0.37),
            1 => clip["offset"] = json!({ "x": 0.031, "y": 0.017 }),
            2 => clip["scale"] = json!(0.77),
            _ => clip["effect"] = json!("slideUpFast"),
        }
        let new = timeline(after).expect("it is still an Edit");
        let on = on(start, length, rate(&old));
        let ticks = u64::from(old.video.rate.ticks_per_frame());
        let [a, b] = [&old, &new].map(|timeline| partition(timeline, &Partitioning::default()));
        for index in changed(&a.video, &b.video) {
            let place = place(&a.video[index], ticks);
            assert!(
                meet(&place, &on),
                "seed {seed}: {place:?} changed, on in {on:?}"
            );
        }
        assert_eq!(changed(&a.audio, &b.audio), BTreeSet::new(), "seed {seed}");
        tried += 1;
    }
    assert!(tried > PLANNED / 3, "only {tried} were tried");
}

#[test]
fn another_volume_changes_the_sound_in_which_it_is_heard_and_no_picture() {
    // What the encoder hears before and after a chunk, in AAC frames.
    const BEFORE: f64 = loomcast::chunk::spec::HEARD_BEFORE_FRAMES as f64;
    const AFTER: f64 = loomcast::chunk::spec::HEARD_AFTER_FRAMES as f64;
    const RATE: f64 = 48_000.0 / 1024.0;
    for seed in 0..PLANNED {
        let mut choices = Choices::seeded(seed ^ 0x50FA);
        let mut before = edit(&mut choices, &MEDIA, &SIZE);
        let (start, length) = (choices.real(0.0, 4.0), choices.real(0.3, 2.0));
        let mut after = before.clone();
        for (edit, volume) in [(&mut before, 0.8), (&mut after, 0.4)] {
            let voice = json!({ "asset": { "type": "audio", "src": "a.wav", "volume": volume }, "start": start, "length": length });
            let tracks = edit["timeline"]["tracks"].as_array_mut().expect("tracks");
            tracks.insert(0, json!({ "clips": [voice] }));
        }
        let (Ok(before), Ok(after)) = (timeline(before), timeline(after)) else {
            continue;
        };
        let [a, b] =
            [&before, &after].map(|timeline| partition(timeline, &Partitioning::default()));
        let heard = start * RATE..(start + length) * RATE;
        let expected: BTreeSet<usize> = a
            .audio
            .iter()
            .enumerate()
            .filter(|(_, chunk)| {
                let place = place(chunk, 1024);
                meet(&(place.start - BEFORE..place.end + AFTER), &heard)
            })
            .map(|(index, _)| index)
            .collect();
        assert_eq!(
            changed(&a.audio, &b.audio),
            expected,
            "seed {seed}: {heard:?}"
        );
        assert_eq!(changed(&a.video, &b.video), BTreeSet::new(), "seed {seed}");
    }
}

/// The media that rendered Edits use.
const FILES: Media = Media {
    videos: &["v.mp4"],
    images: &["i.png", "logo.png"],
    sounds: &["a.wav"],
    mattes: &["disc.png"],
    lotties: &["badge.json"],
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
        let mut choices = Choices::seeded(seed + 1000);
        let mut edit = edit(&mut choices, &FILES, &SIZE);
        // Differences in coding are not looked for.
        edit["output"]["quality"] = json!("veryhigh");
        // One chunk has to hold it all.
        edit["timeline"]["tracks"]
            .as_array_mut()
            .expect("tracks")
            .truncate(3);
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
