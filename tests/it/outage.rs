//! What players make of a live stream whose encoder goes and comes back.

use serde_json::{Value, json};

use crate::live::{FPS, await_status, encoder, folder, frames, lines, recording, send, server};
use crate::players::{Viewing, play_in_chromium};
use crate::server::{Server, have};
use crate::support::{Scratch, have_ffmpeg};

/// How long the encoder is gone, in seconds.
const AWAY_S: u64 = 6;

/// A stream of ten seconds, a hole and ten more, watched by hls.js in Chromium.
fn watched_over_an_outage(outage: &str) -> Value {
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "9", &["--live-outage", outage]);
    let file = recording(&scratch, "source.flv", 10);
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            send(&file, &server.rtmp("show"));
            std::thread::sleep(std::time::Duration::from_secs(AWAY_S));
            send(&file, &server.rtmp("show"));
        });
        await_status(&server, "show", "live");
        let played = play_in_chromium(&server, "/live/show/index.m3u8", Viewing::default());
        publishing.join().expect("it publishes");
        eprintln!("{}", server.get("/live/show/video.m3u8").text());
        played
    })
}

#[test]
fn hls_js_plays_on_when_an_encoder_comes_back() {
    if !have_ffmpeg("hls_js_plays_on_when_an_encoder_comes_back") {
        return;
    }
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    for outage in ["hold", "gaps"] {
        let played = watched_over_an_outage(outage);
        eprintln!("{outage}: {played:#}");
    }
}
