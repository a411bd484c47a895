//! Live streams in smaller sizes: rungs whose segments are those of their source.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::live::{await_status, encoder, folder, lines, recording, send, server};
use crate::players::{Viewing, play_in_chromium};
use crate::reload::another_parser_takes_them_all;
use crate::server::have;
use crate::support::{Scratch, have_ffmpeg};

const LADDER: [&str; 2] = ["--live-ladder", "120p:300k,90p:150k"];

fn probed(source: &str, entries: &str) -> Vec<String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries"])
        .args([entries, "-of", "csv=p=0", source])
        .output()
        .expect("ffprobe runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .map(|line| line.trim_end_matches(',').to_owned())
        .collect()
}

#[test]
fn each_rung_has_the_segments_of_its_source_to_the_tick() {
    if !have_ffmpeg("each_rung_has_the_segments_of_its_source_to_the_tick") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &LADDER);
    let file = recording(&scratch, "source.flv", 12);
    let mut sent = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    // Whoever asks for the tracks first is told of all of them.
    let first = server.get("/live/show/index.m3u8").text();
    assert_eq!(lines(&first, "#EXT-X-STREAM-INF:").len(), 4, "{first}");
    let told = server.get("/v1/live/show").json();
    assert_eq!(told["ladder"]["decoders"], 1, "decoded once: {told:#}");
    assert!(sent.wait().expect("it ends").success());
    let told = await_status(&server, "show", "ended");
    let rung = |track, width, height, kilobits| json!({"track": track, "width": width, "height": height, "kilobits": kilobits, "missing_segments": 0});
    let rungs = [
        rung("video-1", 214, 120, 300),
        rung("video-2", 160, 90, 150),
    ];
    let expected = json!({"decoders": 0, "rungs": rungs});
    assert_eq!(told["ladder"], expected, "{told:#}");

    let playlist = |track: &str| server.get(&format!("/live/show/{track}.m3u8")).text();
    let url = |track: &str| server.url(&format!("/live/show/{track}.m3u8"));
    let source = playlist("video");
    let tags = [
        "#EXTINF:",
        "#EXT-X-PROGRAM-DATE-TIME:",
        "#EXT-X-MEDIA-SEQUENCE:",
    ];
    let times = probed(&url("video"), "packet=pts,flags");
    let mut shown: Vec<String> = times
        .iter()
        .map(|line| line.split(',').next().unwrap_or_default().to_owned())
        .collect();
    shown.sort();
    for (track, size) in [("video-1", "214,120"), ("video-2", "160,90")] {
        let own = playlist(track);
        for tag in tags {
            assert_eq!(lines(&own, tag), lines(&source, tag), "{track}: {own}");
        }
        assert!(!own.contains("GAP"), "{own}");
        // It tells of its programme first, and then again.
        let told = probed(&url(track), "stream=width,height");
        assert_eq!(told.last().map(String::as_str), Some(size), "{told:?}");
        // Each picture is shown when its source is, and those are keys that were.
        let own = probed(&url(track), "packet=pts,flags");
        let mut pts: Vec<String> = own
            .iter()
            .map(|line| line.split(',').next().unwrap_or_default().to_owned())
            .collect();
        pts.sort();
        assert_eq!(pts, shown, "{track}");
        let keys = |packets: &[String]| {
            let keys = packets.iter().filter(|line| line.contains(",K"));
            keys.cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(&own), keys(&times), "{track}");
    }
    let index = server.get("/live/show/index.m3u8").text();
    let variants = lines(&index, "#EXT-X-STREAM-INF:");
    let stated = |line: &str, what: &str| line.contains(what);
    for (line, size) in variants.iter().zip(["320x180", "214x120", "160x90"]) {
        assert!(
            stated(line, &format!("RESOLUTION={size}")) && stated(line, "AVERAGE-BANDWIDTH="),
            "{index}"
        );
        assert!(
            stated(line, "FRAME-RATE=25.000") && stated(line, ",mp4a.40.2\""),
            "{index}"
        );
    }
    let all = [index, source, playlist("video-1"), playlist("video-2")];
    let all = all.into_iter().map(|text| (text, "a playlist".to_owned()));
    another_parser_takes_them_all(&all.collect::<BTreeMap<_, _>>());
}

#[test]
fn rungs_go_on_with_their_source_when_its_encoder_comes_back() {
    if !have_ffmpeg("rungs_go_on_with_their_source_when_its_encoder_comes_back") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "5", &LADDER);
    let file = recording(&scratch, "source.flv", 5);
    for _ in 0..2 {
        send(&file, &server.rtmp("show"));
        await_status(&server, "show", "away");
    }
    await_status(&server, "show", "ended");
    let playlist = |track: &str| server.get(&format!("/live/show/{track}.m3u8")).text();
    let source = playlist("video");
    assert_eq!(lines(&source, "#EXT-X-DISCONTINUITY").len(), 1, "{source}");
    for track in ["video-1", "video-2"] {
        let own = playlist(track);
        for tag in [
            "#EXTINF:",
            "#EXT-X-PROGRAM-DATE-TIME:",
            "#EXT-X-DISCONTINUITY",
            "#EXT-X-GAP",
        ] {
            assert_eq!(lines(&own, tag), lines(&source, tag), "{track}: {own}");
        }
    }
}

#[test]
fn hls_js_changes_sizes_of_a_live_stream_both_ways_without_a_hole() {
    if !have_ffmpeg("hls_js_changes_sizes_of_a_live_stream_both_ways_without_a_hole") {
        return;
    }
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &LADDER);
    let file = recording(&scratch, "source.flv", 24);
    let mut sent = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let viewing = Viewing {
        sizes: &[(1.0, 2), (7.0, 0), (13.0, 1), (17.0, 2)],
        ..Viewing::default()
    };
    let played = play_in_chromium(&server, "/live/show/index.m3u8", viewing);
    assert!(sent.wait().expect("it ends").success());
    assert_eq!(played["reason"], "ended", "{played:#}");
    assert_eq!(played["fatal"], json!([]), "{played:#}");
    assert_eq!(played["media_error"], Value::Null, "{played:#}");
    assert_eq!(played["corrupted"], 0, "{played:#}");
    let sizes = played["sizes"].as_array().expect("sizes");
    let steps = sizes
        .windows(2)
        .map(|two| two[1].as_i64() > two[0].as_i64());
    let (up, down): (Vec<bool>, Vec<bool>) = steps.partition(|up| *up);
    assert!(!up.is_empty() && !down.is_empty(), "{played:#}");
    let buffered = played["buffered"].as_array().expect("ranges");
    assert_eq!(buffered.len(), 1, "no hole: {played:#}");
}

#[test]
fn a_ladder_that_cannot_be_is_named() {
    for (ladder, said) in [
        ("720:1k", "720p:2500k"),
        ("90p:100k,180p:300k", "largest first"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .args(["serve", "--listen", "127.0.0.1:0", "--live-ladder", ladder])
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(said), "{text}");
    }
}
