//! What reuse promises, on Edits that are made up: a change of one clip changes the
//! chunks in which it is seen or heard and no other.

use std::collections::BTreeSet;
use std::ops::Range;

use loomcast::partition::{Partitioning, PlacedChunk, partition};
use loomcast::timeline::Timeline;
use serde_json::{Value, json};

use crate::choices::Choices;
use crate::generate::{Size, edit};
use crate::pipeline::{MEDIA, assets, captions, timeline, timeline_of};

/// Edits tried in the pure core.
const PLANNED: u64 = 300;

pub const SIZE: Size = Size {
    tracks: 4,
    clips: 3,
    seconds: 5.0,
    frame: (320, 240),
};

/// When a clip is on, counted in the ticks of a track (frames of a rate).
fn on(start: f64, length: f64, rate: f64) -> Range<f64> {
    // What is on at a time is on in the frames that begin then or later.
    let first = |time: f64| (time * rate - 1e-6).ceil();
    first(start)..first(start + length)
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

/// The chunks that lie in `seen`, in the ticks of their track widened by what is `heard` around.
fn within(
    chunks: &[PlacedChunk],
    ticks: u64,
    around: (f64, f64),
    seen: &Range<f64>,
) -> BTreeSet<usize> {
    let lies = |chunk: &PlacedChunk| {
        let place = place(chunk, ticks);
        meet(&(place.start - around.0..place.end + around.1), seen)
    };
    let all = chunks.iter().enumerate();
    all.filter(|(_, chunk)| lies(chunk))
        .map(|(index, _)| index)
        .collect()
}

/// Puts a track with this clip above all others.
pub fn put_above(edit: &mut Value, clip: Value) {
    let tracks = edit["timeline"]["tracks"].as_array_mut().expect("tracks");
    tracks.insert(0, json!({ "clips": [clip] }));
}

/// A text in one of the ways that there are, by number.
fn card(way: u64, text: &str) -> Value {
    let font = json!({ "size": 20, "color": "#ffffff" });
    let moving = |preset: &str| json!({ "type": "rich-text", "text": text, "font": font, "animation": { "preset": preset, "duration": 0.7 } });
    match way {
        0 => {
            json!({ "type": "html", "html": format!("<p>{text}</p>"), "width": 32, "height": 32, "background": "#ffffff" })
        }
        1 => json!({ "type": "title", "text": text, "style": "chunk" }),
        2 => json!({
            "type": "html5", "html": format!("<p>{text}</p>"),
            "css": "p { animation: go 0.9s linear } @keyframes go { to { transform: translateX(60px) } }"
        }),
        3 => {
            json!({ "type": "text", "text": text, "font": font, "animation": { "preset": "typewriter", "duration": 0.5 } })
        }
        4 => moving("slideIn"),
        5 => moving("shift"),
        _ => moving("movingLetters"),
    }
}

const WAYS: u64 = 7;

/// A made-up Edit with a text of its own above all else, and one that differs in the text.
fn with_card(seed: u64) -> (Value, Value, f64, f64) {
    let mut choices = Choices::seeded(seed);
    let mut before = edit(&mut choices, &MEDIA, &SIZE);
    let (start, length) = (choices.real(0.0, 4.0), choices.real(0.3, 2.0));
    let mut after = before.clone();
    for (edit, text) in [(&mut before, "A {{ name }}"), (&mut after, "B {{ name }}")] {
        let clip = json!({ "asset": card(seed % WAYS, text), "start": start, "length": length });
        put_above(edit, clip);
    }
    (before, after, start, length)
}

#[test]
fn another_text_changes_the_chunks_in_which_it_is_seen_and_no_other() {
    for seed in 0..PLANNED {
        let (before, after, start, length) = with_card(seed);
        let (Ok(before), Ok(after)) = (timeline(before), timeline(after)) else {
            continue;
        };
        let seen = on(start, length, rate(&before));
        let ticks = u64::from(before.video.rate.ticks_per_frame());
        let [a, b] =
            [&before, &after].map(|timeline| partition(timeline, &Partitioning::default()));
        assert_eq!(
            changed(&a.video, &b.video),
            within(&a.video, ticks, (0.0, 0.0), &seen),
            "seed {seed}: on in {seen:?}"
        );
        assert_eq!(changed(&a.audio, &b.audio), BTreeSet::new(), "seed {seed}");
    }
}

#[test]
fn another_caption_changes_the_chunks_in_which_it_is_said_and_no_other() {
    let styles = [
        "karaoke",
        "highlight",
        "pop",
        "fade",
        "slide",
        "bounce",
        "typewriter",
        "none",
    ];
    let with = |said: &str| {
        let mut assets = assets();
        let cues = format!(
            "WEBVTT\n\n00:00.000 --> 00:01.000\nbefore\n\n00:01.000 --> 00:02.000\n{said}\n\n00:02.500 --> 00:09.000\nafter\n"
        );
        let mut said = assets["words.vtt"].clone();
        said.kind = captions(&cues);
        assets.insert("said.vtt".into(), said);
        assets
    };
    let mut tried = 0;
    for seed in 0..PLANNED {
        let mut choices = Choices::seeded(seed ^ 0x5A1D);
        let mut document = edit(&mut choices, &MEDIA, &SIZE);
        let (start, length) = (choices.real(0.0, 4.0), choices.real(1.1, 3.5));
        let asset = match choices.below(styles.len() + 1) {
            0 => json!({ "type": "caption", "src": "said.vtt" }),
            style => {
                json!({ "type": "rich-caption", "src": "said.vtt", "animation": { "style": styles[style - 1] } })
            }
        };
        put_above(
            &mut document,
            json!({ "asset": asset, "start": start, "length": length }),
        );
        let [Ok(old), Ok(new)] =
            ["Anna said", "Bert said"].map(|said| timeline_of(document.clone(), &with(said)))
        else {
            continue;
        };
        let said = on(start + 1.0, (length - 1.0).min(1.0), rate(&old));
        let ticks = u64::from(old.video.rate.ticks_per_frame());
        let [a, b] = [&old, &new].map(|timeline| partition(timeline, &Partitioning::default()));
        assert_eq!(
            changed(&a.video, &b.video),
            within(&a.video, ticks, (0.0, 0.0), &said),
            "seed {seed}: said in {said:?}\n{asset}"
        );
        assert_eq!(changed(&a.audio, &b.audio), BTreeSet::new(), "seed {seed}");
        tried += 1;
    }
    assert!(tried > PLANNED / 2, "only {tried} were tried");
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

// What the encoder hears before and after a chunk, in AAC frames, and how many of them
// there are in a second.
const AROUND: (f64, f64) = (
    loomcast::chunk::spec::HEARD_BEFORE_FRAMES as f64,
    loomcast::chunk::spec::HEARD_AFTER_FRAMES as f64,
);
const AAC_RATE: f64 = 48_000.0 / 1024.0;

#[test]
fn another_volume_changes_the_sound_in_which_it_is_heard_and_no_picture() {
    for seed in 0..PLANNED {
        let mut choices = Choices::seeded(seed ^ 0x50FA);
        let mut before = edit(&mut choices, &MEDIA, &SIZE);
        let (start, length) = (choices.real(0.0, 4.0), choices.real(0.3, 2.0));
        let mut after = before.clone();
        for (edit, volume) in [(&mut before, 0.8), (&mut after, 0.4)] {
            let asset = json!({ "type": "audio", "src": "a.wav", "volume": volume });
            put_above(
                edit,
                json!({ "asset": asset, "start": start, "length": length }),
            );
        }
        let (Ok(before), Ok(after)) = (timeline(before), timeline(after)) else {
            continue;
        };
        let [a, b] =
            [&before, &after].map(|timeline| partition(timeline, &Partitioning::default()));
        let heard = start * AAC_RATE..(start + length) * AAC_RATE;
        assert_eq!(
            changed(&a.audio, &b.audio),
            within(&a.audio, 1024, AROUND, &heard),
            "seed {seed}: {heard:?}"
        );
        assert_eq!(changed(&a.video, &b.video), BTreeSet::new(), "seed {seed}");
    }
}

/// Takes what says how sounds stand among the others out of an Edit.
fn without_roles(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_roles),
        Value::Object(members) => {
            members.shift_remove("loomcast");
            members.values_mut().for_each(without_roles);
        }
        _ => {}
    }
}

#[test]
fn another_depth_of_ducking_changes_the_sound_while_it_is_down_and_no_other() {
    let mut changes = 0;
    for seed in 0..PLANNED {
        let mut choices = Choices::seeded(seed ^ 0xD0CC);
        let mut before = edit(&mut choices, &MEDIA, &SIZE);
        without_roles(&mut before);
        let [music, voice] =
            [4.0, 1.0].map(|most| (choices.real(0.0, 5.0), choices.real(0.2, most)));
        let (attack, release) = (choices.real(0.0, 1.0), choices.real(0.0, 1.0));
        let speech = json!({ "type": "audio", "src": "a.wav", "loomcast": { "speech": true } });
        put_above(
            &mut before,
            json!({ "asset": speech, "start": voice.0, "length": voice.1 }),
        );
        let mut after = before.clone();
        for (edit, by) in [(&mut before, 6), (&mut after, 18)] {
            let duck = json!({ "by": by, "attack": attack, "release": release, "under": "speech" });
            let asset = json!({ "type": "audio", "src": "a.wav", "loomcast": { "duck": duck } });
            put_above(
                edit,
                json!({ "asset": asset, "start": music.0, "length": music.1 }),
            );
        }
        let (Ok(before), Ok(after)) = (timeline(before), timeline(after)) else {
            continue;
        };
        let [a, b] =
            [&before, &after].map(|timeline| partition(timeline, &Partitioning::default()));
        // Down under the voice, and on the way there and back, while there is music.
        let first = (voice.0 - attack).max(music.0);
        let last = (voice.0 + voice.1 + release).min(music.0 + music.1);
        let expected = match first < last {
            true => within(&a.audio, 1024, AROUND, &(first * AAC_RATE..last * AAC_RATE)),
            false => BTreeSet::new(),
        };
        changes += expected.len();
        assert_eq!(
            changed(&a.audio, &b.audio),
            expected,
            "seed {seed}: {first} to {last}"
        );
        assert_eq!(changed(&a.video, &b.video), BTreeSet::new(), "seed {seed}");
    }
    assert!(changes > 0);
}
