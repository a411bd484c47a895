//! Live streams whose players may go far back.

use std::process::Command;

use tempfile::TempDir;

use crate::live::{await_status, folder, lines, recording, server};
use crate::server::Server;
use crate::support::{Scratch, have_ffmpeg};

/// How long the stream is, in seconds.
const SECONDS: u32 = 60;

/// A stream that came ten times as fast as it plays, of which nothing is in memory.
fn pushed(data: &TempDir, scratch: &Scratch, more: &[&str]) -> Server {
    let options = [&["--live-window", "3600", "--memory", "0"][..], more].concat();
    let server = server(data, "1", &options);
    let file = recording(scratch, "source.flv", SECONDS);
    let sent = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-readrate", "10", "-i"])
        .arg(file)
        .args(["-c", "copy", "-f", "flv", &server.rtmp("show")])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
    await_status(&server, "show", "ended");
    server
}

/// The segments that are listed of a track; all of them are there.
fn listed(server: &Server, track: &str) -> usize {
    let playlist = server.get(&format!("/live/show/{track}.m3u8")).text();
    let segments: Vec<&str> = playlist
        .lines()
        .filter(|line| line.ends_with(".m4s"))
        .collect();
    for segment in &segments {
        let answer = server.get(segment);
        assert_eq!(answer.status, 200, "{segment}: {}", answer.text());
    }
    assert_eq!(lines(&playlist, "#EXT-X-GAP").len(), 0, "{playlist}");
    segments.len()
}

#[test]
fn a_player_goes_back_to_segments_that_are_on_disk_only() {
    if !have_ffmpeg("a_player_goes_back_to_segments_that_are_on_disk_only") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = pushed(&data, &scratch, &[]);
    for track in ["video", "audio"] {
        assert_eq!(listed(&server, track), SECONDS as usize / 2, "{track}");
    }
}

#[test]
fn a_window_is_shorter_where_the_disk_has_no_room_for_it() {
    if !have_ffmpeg("a_window_is_shorter_where_the_disk_has_no_room_for_it") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = pushed(&data, &scratch, &["--cache-size", "2MiB"]);
    for track in ["video", "audio"] {
        let segments = listed(&server, track);
        eprintln!("{track}: {segments} segments");
        // Three target durations at least.
        assert!(
            (6..SECONDS as usize / 2).contains(&segments),
            "{track}: {segments}"
        );
    }
}
