//! What players make of a live stream whose encoder goes and comes back.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::live::{FPS, await_status, encoder, folder, frames, lines, recording, send, server};
use crate::players::{Viewing, play_in_chromium};
use crate::server::{Server, have};
use crate::support::{Scratch, have_ffmpeg};

/// How long the encoder is gone: less than it is waited for.
const AWAY: Duration = Duration::from_secs(6);

/// Sends ten seconds of `file`; then the encoder is gone without a word.
pub fn break_off(file: &Path, address: &str) {
    let mut encoder = encoder(file, address);
    std::thread::sleep(Duration::from_secs(10));
    drop(encoder.kill());
    drop(encoder.wait());
}

/// A stream of ten seconds, a hole and ten more, and what `watch` sees of it.
fn over_an_outage<T>(watch: impl FnOnce(&Server) -> T) -> T {
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "9", &[]);
    let file = recording(&scratch, "source.flv", 12);
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            break_off(&file, &server.rtmp("show"));
            std::thread::sleep(AWAY);
            send(&file, &server.rtmp("show"));
        });
        await_status(&server, "show", "live");
        let seen = watch(&server);
        publishing.join().expect("it publishes");
        seen
    })
}

#[test]
fn hls_js_plays_on_when_an_encoder_comes_back_after_a_hole() {
    if !have_ffmpeg("hls_js_plays_on_when_an_encoder_comes_back_after_a_hole")
        || !have("chromium", "hls.js in Chromium")
    {
        return;
    }
    let played = over_an_outage(|server| {
        play_in_chromium(server, "/live/show/index.m3u8", Viewing::default())
    });
    assert_eq!(played["reason"], "ended", "{played:#}");
    assert_eq!(played["fatal"], json!([]), "{played:#}");
    assert_eq!(played["media_error"], Value::Null, "{played:#}");
    assert_eq!(played["corrupted"], 0, "{played:#}");
    assert_eq!(played["live_at_start"], true, "{played:#}");
    // Before the hole and behind it.
    let buffered = played["buffered"].as_array().expect("ranges");
    assert_eq!(buffered.len(), 2, "{played:#}");
}

/// Frames of the segments that are no gaps.
fn frames_listed(playlist: &str) -> usize {
    let (mut gap, mut frames) = (false, 0.0);
    for line in playlist.lines() {
        gap |= line == "#EXT-X-GAP";
        if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            let seconds: f64 = seconds.trim_end_matches(',').parse().expect("a number");
            frames += if gap { 0.0 } else { seconds * FPS as f64 };
            gap = false;
        }
    }
    frames.round() as usize
}

#[test]
fn ffmpeg_reads_every_frame_before_and_after_a_hole() {
    if !have_ffmpeg("ffmpeg_reads_every_frame_before_and_after_a_hole") {
        return;
    }
    let watch = |server: &Server| {
        let index = server.url("/live/show/index.m3u8");
        let read = frames(&index, "0:v", &["-fps_mode", "passthrough"]);
        (read.len(), server.get("/live/show/video.m3u8").text())
    };
    let (read, playlist) = over_an_outage(watch);
    assert_eq!(read, frames_listed(&playlist), "{playlist}");
    let (gaps, breaks) = (
        lines(&playlist, "#EXT-X-GAP"),
        lines(&playlist, "#EXT-X-DISCONTINUITY"),
    );
    assert!(!gaps.is_empty() && breaks.len() == 1, "{playlist}");
}

#[test]
fn an_encoder_that_stalls_leaves_no_request_without_an_answer() {
    if !have_ffmpeg("an_encoder_that_stalls_leaves_no_request_without_an_answer") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 60);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let path = "/live/show/video.m3u8";
    let listed = |text: &str| lines(text, "#EXTINF:").len();
    let signal = |name: &str| {
        let id = encoder.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
    };
    // Its connection stays.
    let before = listed(&server.get(path).text());
    signal("-STOP");
    let mut text = String::new();
    for next in before + 1..before + 5 {
        let answer = server.get(&format!("{path}?_HLS_msn={next}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        text = answer.text();
        assert!(listed(&text) >= next, "{text}");
    }
    assert!(text.contains("GAP=YES"), "{text}");
    assert_eq!(await_status(&server, "show", "live")["status"], "live");
    signal("-CONT");
    // It goes on behind the hole.
    let mut next = listed(&text) + 1;
    while !text.contains("#EXT-X-DISCONTINUITY\n") {
        text = server.get(&format!("{path}?_HLS_msn={next}")).text();
        next = listed(&text) + 1;
    }
    drop(encoder.kill());
    drop(encoder.wait());
}
