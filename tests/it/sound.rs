//! What is heard, judged by what ffmpeg decodes: where in time, how loud, how high.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Loomcast, Scratch, decode_sound, ffmpeg, have_ffmpeg};

const RATE: usize = 48_000;

/// An Edit of these tracks in a small frame.
fn edit(tracks: Value, soundtrack: Value) -> Value {
    json!({
        "timeline": { "tracks": tracks, "soundtrack": soundtrack },
        "output": { "format": "mp4", "size": { "width": 64, "height": 64 }, "fps": 12 }
    })
}

fn audio(src: &str, start: f64, length: f64, more: Value) -> Value {
    let mut asset = json!({ "type": "audio", "src": src });
    let fields = more.as_object().expect("fields").clone();
    asset.as_object_mut().expect("an object").extend(fields);
    json!({ "asset": asset, "start": start, "length": length })
}

/// What an Edit sounds like, and which warnings there were.
fn heard(scratch: &Scratch, edit: &Value) -> Vec<f32> {
    let path = scratch.edit("edit.json", edit);
    let film = scratch.path("film.mp4");
    Loomcast::new(scratch, "data").render(&path, &film, &[]);
    decode_sound(&film)
}

/// The left side from `from` to `to`, in seconds.
fn left(sound: &[f32], from: f64, to: f64) -> Vec<f32> {
    let samples = |seconds: f64| (seconds * RATE as f64) as usize;
    sound
        .iter()
        .step_by(2)
        .take(samples(to))
        .skip(samples(from))
        .copied()
        .collect()
}

/// The level of the left side in dB; a full sine has -3.
fn level(sound: &[f32], from: f64, to: f64) -> f64 {
    let samples = left(sound, from, to);
    let energy: f64 = samples.iter().map(|s| f64::from(s * s)).sum();
    10.0 * (energy / samples.len() as f64).log10()
}

/// How often the left side goes up through zero in a second.
fn hertz(sound: &[f32], from: f64, to: f64) -> f64 {
    let samples = left(sound, from, to);
    let cycles = samples.windows(2).filter(|p| p[0] < 0.0 && p[1] >= 0.0);
    cycles.count() as f64 / (to - from)
}

/// A tone of 440 Hz at -9 dB.
fn tone(scratch: &Scratch, name: &str, seconds: u32) {
    let sine = "0.5*sin(2*PI*440*t)";
    let input = format!("aevalsrc='{sine}|{sine}':s=48000:d={seconds}");
    scratch.make(name, &[&input], &[]);
}

#[test]
fn a_sound_is_heard_where_it_is_in_its_file_whatever_that_is() {
    if !have_ffmpeg("a_sound_is_heard_where_it_is_in_its_file_whatever_that_is") {
        return;
    }
    let scratch = Scratch::new();
    // A click one second into each; one and a half where the sound comes late.
    let click = |rate: u32| format!("aevalsrc='if(between(n,{rate},{rate}+3),0.7,0)':s={rate}:d=3");
    let clicks = [48_000, 44_100, 96_000, 22_050].map(click);
    let [at_48, at_44, at_96, at_22] = clicks.each_ref().map(String::as_str);
    let red = "color=red:s=64x64:r=25:d=3";
    let files: [(&str, &[&str], &[&str], f64); 9] = [
        ("a.wav", &[at_48], &[], 1.0),
        ("b.wav", &[at_96], &["-c:a", "pcm_s24le"], 1.0),
        ("c.wav", &[at_22], &["-c:a", "pcm_u8"], 1.0),
        ("d.flac", &[at_44], &[], 1.0),
        ("e.m4a", &[at_44], &["-c:a", "aac", "-b:a", "192k"], 1.0),
        (
            "f.mp3",
            &[at_44],
            &["-c:a", "libmp3lame", "-b:a", "192k"],
            1.0,
        ),
        (
            "g.mp4",
            &[red, at_48],
            &["-c:v", "libx264", "-c:a", "aac"],
            1.0,
        ),
        ("h.mkv", &[at_48], &["-c:a", "libopus", "-b:a", "128k"], 1.0),
        ("i.ogg", &[at_48], &["-c:a", "libvorbis"], 1.0),
    ];
    let mut expected = Vec::new();
    for (name, inputs, how, at) in files {
        scratch.make(name, inputs, how);
        expected.push((name.to_owned(), at));
    }
    for name in ["late.mp4", "late.mkv"] {
        let (from, to) = (scratch.path("g.mp4"), scratch.path(name));
        let [from, to] = [&from, &to].map(|path| path.to_str().expect("a plain name"));
        ffmpeg([
            "-i",
            from,
            "-itsoffset",
            "0.5",
            "-i",
            from,
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c:v",
            "copy",
            "-c:a",
            "aac",
            "-y",
            to,
        ]);
        expected.push((name.to_owned(), 1.5));
    }
    let clips: Vec<Value> = (0..)
        .zip(&expected)
        .map(|(n, (name, _))| audio(name, f64::from(n) * 2.0, 1.9, json!({ "trim": 0.25 })))
        .collect();
    let sound = heard(&scratch, &edit(json!([{ "clips": clips }]), Value::Null));
    for (n, (name, at)) in (0..).zip(&expected) {
        let start = f64::from(n) * 2.0;
        let piece = left(&sound, start, start + 1.9);
        let loudest = (0..piece.len()).max_by(|a, b| piece[*a].abs().total_cmp(&piece[*b].abs()));
        let off = loudest.expect("samples") as i64 - ((at - 0.25) * RATE as f64) as i64;
        eprintln!("{name}: {off} samples off");
        // The click is four samples wide, and a container counts in milliseconds.
        let in_millis = name.ends_with("mkv") || name.starts_with("late");
        let allowed = if in_millis { 50 } else { 8 };
        assert!(off.abs() <= allowed, "{name}: {off} samples off");
    }
}

#[test]
fn volume_fades_channels_speed_and_ducking_are_heard() {
    if !have_ffmpeg("volume_fades_channels_speed_and_ducking_are_heard") {
        return;
    }
    let scratch = Scratch::new();
    tone(&scratch, "tone.wav", 10);
    let sine = "0.5*sin(2*PI*440*t)";
    for (name, channels, layout) in [
        ("mono.wav", sine.to_owned(), "mono"),
        ("center.wav", format!("0|0|{sine}|0|0|0"), "5.1"),
        ("rear.wav", format!("0|0|0|0|{sine}|0"), "5.1"),
        ("low.wav", format!("0|0|0|{sine}|0|0"), "5.1"),
    ] {
        scratch.make(
            name,
            &[&format!("aevalsrc='{channels}':c={layout}:s=44100:d=2")],
            &[],
        );
    }
    let tween = json!([{ "from": 1, "to": 0.1, "start": 0.5, "length": 1, "interpolation": "bezier", "easing": "easeInOutCubic" }]);
    let held =
        json!([{ "from": 0.5, "to": 1, "start": 0.5, "length": 1, "interpolation": "constant" }]);
    let clips = json!([
        audio("tone.wav", 0.0, 2.0, json!({ "volume": tween })),
        audio("tone.wav", 2.0, 2.0, json!({ "effect": "fadeInFadeOut" })),
        audio("mono.wav", 4.0, 2.0, json!({})),
        audio("center.wav", 6.0, 2.0, json!({})),
        audio("rear.wav", 8.0, 2.0, json!({})),
        audio("low.wav", 10.0, 2.0, json!({})),
        audio("tone.wav", 12.0, 2.0, json!({ "speed": 2.5 })),
        audio("tone.wav", 14.0, 2.0, json!({ "speed": 0.5 })),
        audio("tone.wav", 16.0, 2.0, json!({ "speed": 0 })),
        audio("tone.wav", 18.0, 2.0, json!({ "effect": "fadeIn" })),
        audio("tone.wav", 20.0, 2.0, json!({ "effect": "fadeOut" })),
        audio("tone.wav", 22.0, 2.0, json!({ "volume": 0.25 })),
        audio("tone.wav", 24.0, 2.0, json!({ "volume": held })),
    ]);
    let sound = heard(&scratch, &edit(json!([{ "clips": clips }]), Value::Null));
    let full = -9.03;
    for (what, from, to, expected) in [
        ("before a tween", 0.1, 0.5, full),
        ("half way", 0.99, 1.01, full - 5.19),
        ("after a tween", 1.6, 1.9, full - 20.0),
        ("half way up a fade", 2.49, 2.51, full - 6.02),
        ("between fades", 2.99, 3.01, full),
        ("mono", 4.2, 5.8, full),
        ("centre", 6.2, 7.8, full - 3.01),
        ("rear", 8.2, 9.8, full - 3.01),
        ("twice and a half as fast", 12.2, 13.8, full),
        ("half as fast", 14.2, 15.8, full),
        ("half way up the only fade", 18.49, 18.51, full - 6.02),
        ("where no fade is", 19.5, 19.95, full),
        ("before the only fade", 20.05, 20.9, full),
        ("half way down the only fade", 21.49, 21.51, full - 6.02),
        ("a quarter of the volume", 22.2, 23.8, full - 12.04),
        ("a volume that is held", 24.6, 25.4, full - 6.02),
        ("a volume that has jumped", 25.6, 25.9, full),
    ] {
        let level = level(&sound, from, to);
        assert!(
            (level - expected).abs() < 0.5,
            "{what}: {level:.2} dB, expected {expected:.2}"
        );
    }
    for (what, from, to) in [
        ("low frequencies alone", 10.2, 11.8),
        ("standing still", 16.2, 17.8),
    ] {
        let level = level(&sound, from, to);
        assert!(level < -70.0, "{what}: {level:.2} dB");
    }
    for from in [0.1, 12.2, 14.2] {
        let hertz = hertz(&sound, from, from + 0.3);
        assert!((hertz - 440.0).abs() < 8.0, "{hertz} Hz at {from} s");
    }

    // Music under two clips that are silence of one second each.
    scratch.make("silence.wav", &["anullsrc=r=48000:cl=stereo:d=1"], &[]);
    let clips = json!([
        audio("silence.wav", 2.0, 1.0, json!({})),
        audio("silence.wav", 7.0, 1.0, json!({})),
        audio(
            "silence.wav",
            9.0,
            1.0,
            json!({ "loomcast": { "duck": { "by": 3 } } })
        ),
    ]);
    let duck = json!({ "src": "tone.wav", "loomcast": { "duck": { "by": 18, "attack": 0.5, "release": 1 } } });
    let sound = heard(&scratch, &edit(json!([{ "clips": clips }]), duck));
    for (what, from, to, expected) in [
        ("before", 0.2, 1.4, full),
        ("half way down", 1.74, 1.76, full - 5.0),
        ("down", 2.05, 2.95, full - 18.0),
        ("half way up", 3.49, 3.51, full - 5.0),
        ("between", 4.1, 6.4, full),
        ("down again", 7.05, 7.95, full - 18.0),
        ("after, beside one that goes down itself", 9.1, 9.8, full),
    ] {
        let level = level(&sound, from, to);
        assert!(
            (level - expected).abs() < 0.5,
            "{what}: {level:.2} dB, expected {expected:.2}"
        );
    }
}

/// The true peak in dBTP, as ffmpeg's loudness meter has it.
fn true_peak(film: &Path) -> f64 {
    let out = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-i"])
        .arg(film)
        .args(["-filter:a", "ebur128=peak=true", "-f", "null", "-"])
        .output()
        .expect("ffmpeg runs");
    let said = String::from_utf8_lossy(&out.stderr);
    let peak = said.rsplit("Peak:").next().expect("a peak");
    let number = peak.split_whitespace().next().expect("a number");
    number.parse().expect("a number")
}

#[test]
fn a_mix_ten_decibels_too_loud_is_limited_and_a_quiet_one_is_not() {
    if !have_ffmpeg("a_mix_ten_decibels_too_loud_is_limited_and_a_quiet_one_is_not") {
        return;
    }
    let scratch = Scratch::new();
    // Loud noise with beats, full tones that all begin at once, square waves.
    scratch.make(
        "noise.wav",
        &["aevalsrc='0.99*(2*random(0)-1)*(0.2+0.8*lt(mod(t,0.5),0.1))|0.99*(2*random(1)-1)':s=48000:d=6"],
        &[],
    );
    scratch.make(
        "square.wav",
        &["aevalsrc='0.99*sgn(sin(2*PI*97*t))':s=44100:d=6"],
        &["-ac", "2"],
    );
    scratch.make(
        "high.wav",
        &["aevalsrc='0.99*sin(2*PI*12000*t+PI/4)':s=48000:d=6"],
        &["-ac", "2"],
    );
    scratch.music("music.wav", 6, 110);
    // The mix is at -3 dBTP; the rest is the encoder's, which bends what no music is more.
    for (mix, most) in [
        (&["noise.wav"][..], 1.0),
        (&["square.wav"], 1.0),
        (&["high.wav"], -1.0),
        (&["music.wav"; 8], -1.0),
        (
            &[
                "noise.wav",
                "square.wav",
                "high.wav",
                "music.wav",
                "music.wav",
            ],
            1.0,
        ),
    ] {
        let tracks: Vec<Value> = (0..)
            .zip(mix)
            .map(|(n, name)| json!({ "clips": [audio(name, 0.5 + f64::from(n) / 8.0, 5.0, json!({}))] }))
            .collect();
        let path = scratch.edit("edit.json", &edit(json!(tracks), Value::Null));
        let film = scratch.path("film.mp4");
        Loomcast::new(&scratch, "data").render(&path, &film, &[]);
        let peak = true_peak(&film);
        eprintln!("{mix:?}: {peak} dBTP");
        assert!((-5.0..=most).contains(&peak), "{mix:?}: {peak} dBTP");
    }
}
