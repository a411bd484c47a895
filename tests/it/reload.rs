//! Playlists of live streams as clients see them that ask again and again, while the
//! encoder goes, comes back, changes its picture and is gone for a while, and the window
//! slides: each of them keeps the rules, and so does each with the next.
//!
//! It takes half a minute. With `LOOMCAST_SOAK_SECONDS` it goes on for as long as that.

mod client;
mod media;
mod read;
mod rules;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::live::{await_status, folder, recording, send, server};
use crate::outage::break_off;
use crate::sdk::{node, run, scripts};
use crate::support::{Scratch, have_ffmpeg};
pub use client::{Client, Seen, Way};

/// How long the encoder is gone: more than a segment and less than it is waited for.
const OUTAGE: Duration = Duration::from_secs(5);

/// Another encoder's stream: another size, another rate of frames and of samples.
fn other_recording(scratch: &Scratch, name: &str, seconds: u32) -> PathBuf {
    let pictures = format!("testsrc2=size=480x270:rate=30:duration={seconds}");
    let sound = format!("sine=frequency=220:sample_rate=44100:duration={seconds}");
    let codecs = "-c:v libx264 -preset ultrafast -g 60 -c:a aac -ac 1";
    let options: Vec<&str> = codecs.split(' ').collect();
    scratch.make(name, &[&pictures, &sound], &options)
}

/// Publishes for `least`: goes and comes back, as another, after a while.
fn publish(files: [&Path; 2], address: &str, least: Duration) {
    let begun = Instant::now();
    loop {
        send(files[0], address);
        // It comes back at once.
        send(files[0], address);
        break_off(files[1], address);
        std::thread::sleep(OUTAGE);
        send(files[0], address);
        if begun.elapsed() >= least {
            return;
        }
    }
}

/// For how long it is to be tried, beyond the one time.
fn soak() -> Duration {
    let told = std::env::var("LOOMCAST_SOAK_SECONDS").ok();
    let seconds = told.map(|told| told.parse().expect("LOOMCAST_SOAK_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(0))
}

#[test]
fn playlists_keep_the_rules_from_one_request_to_the_next() {
    if !have_ffmpeg("playlists_keep_the_rules_from_one_request_to_the_next") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "9", &["--live-window", "26"]);
    let file = recording(&scratch, "source.flv", 8);
    let other = other_recording(&scratch, "other.flv", 12);
    let seen = Seen::default();
    std::thread::scope(|scope| {
        let address = server.rtmp("show");
        let publishing = scope.spawn(move || publish([&file, &other], &address, soak()));
        await_status(&server, "show", "live");
        let mut clients = Vec::new();
        for track in ["video", "audio"] {
            for way in Way::ALL {
                let client = Client::new(&server, track, way, &seen);
                clients.push((way, track, scope.spawn(move || client.follow())));
            }
        }
        publishing.join().expect("it publishes");
        for (way, track, client) in clients {
            let polls = client.join().expect("it follows the stream to its end");
            eprintln!("{way:?} {track}: {polls} playlists");
        }
    });
    let seen = seen.into_inner().expect("no panic");
    another_parser_takes_them_all(&seen);
}

/// The text as hls-parser wants it in two places where we keep to the standard and to
/// what players do. It takes three target durations for three segments, and ours are
/// half as long: parts further from the end are left out here; that only those near the
/// end are listed is a rule of our own. And it wants an offer to block where nothing
/// comes any more, at which iPhones stumble.
fn as_it_is_wanted(text: &str) -> String {
    let whole = text.matches("#EXTINF:").count();
    let ended = text.contains("#EXT-X-ENDLIST");
    let mut before = 0;
    let kept = text.lines().filter(|line| {
        before += usize::from(line.starts_with("#EXTINF:"));
        !line.starts_with("#EXT-X-PART:") || before + 2 >= whole
    });
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    match ended {
        true => text.replace("-CONTROL:", "-CONTROL:CAN-BLOCK-RELOAD=YES,"),
        false => text,
    }
}

/// hls-parser, which says what it does not like.
fn another_parser_takes_them_all(seen: &std::collections::BTreeMap<String, String>) {
    let Some(folder) = node() else { return };
    let lines = seen
        .iter()
        .map(|(text, name)| json!({"name": name, "text": as_it_is_wanted(text)}).to_string());
    let lines: Vec<String> = lines.collect();
    let script = scripts().join("hls.cjs");
    let arguments = [script.to_str().expect("a plain path")];
    let said = run(Path::new("node"), &arguments, &folder, &lines.join("\n"));
    assert_eq!(said, format!("read {}\n", lines.len()));
}
