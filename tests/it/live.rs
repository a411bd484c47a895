//! Live streams from an encoder that Loomcast did not write to players that it did
//! not write either.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::players::{Viewing, play_in_chromium};
use crate::server::{Server, have};
use crate::support::{Scratch, files, have_ffmpeg};

/// Frames a second of what is published here.
pub const FPS: usize = 25;

/// Looks at a stream before it is taken for broken: two minutes of them.
pub const MOST_LOOKS: u32 = 2_400;

/// A server that lets encoders in; its streams wait `linger` seconds.
pub fn server(data: &TempDir, linger: &str, more: &[&str]) -> Server {
    let options = [
        &["--rtmp", "127.0.0.1:0", "--live-linger", linger][..],
        more,
    ]
    .concat();
    Server::start_under(&[], data.path(), &options)
}

pub fn folder() -> TempDir {
    TempDir::with_prefix("loomcast-it-").expect("a temporary folder")
}

/// A file as an encoder would send it: H.264 with B-frames, a key frame every two
/// seconds, and AAC.
pub fn recording(scratch: &Scratch, name: &str, seconds: u32) -> PathBuf {
    let pictures = format!("testsrc2=size=320x180:rate={FPS}:duration={seconds}");
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    scratch.make(
        name,
        &[&pictures, &sound],
        &[
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-bf",
            "2",
            "-g",
            "50",
            "-keyint_min",
            "50",
            "-sc_threshold",
            "0",
            "-c:a",
            "aac",
            "-ac",
            "2",
        ],
    )
}

/// An encoder that sends `file` to `address` at the speed at which it plays, as it is.
pub fn encoder(file: &Path, address: &str) -> Child {
    Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-re", "-i"])
        .arg(file)
        .args(["-c", "copy", "-f", "flv", address])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ffmpeg runs")
}

/// Sends it all.
pub fn send(file: &Path, address: &str) {
    let status = encoder(file, address).wait().expect("it ends");
    assert!(status.success(), "{address}: {status}");
}

/// Waits until stream `name` is `status`.
pub fn await_status(server: &Server, name: &str, status: &str) -> Value {
    for _ in 0..MOST_LOOKS {
        let told = server.get(&format!("/v1/live/{name}"));
        if told.status == 200 && told.json()["status"] == status {
            return told.json();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{name} is never {status}");
}

/// The hash of each frame that FFmpeg decodes of a track.
pub fn frames(source: &str, track: &str, how: &[&str]) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "fatal", "-nostdin", "-i", source, "-map", track])
        .args(how)
        .args(["-f", "framemd5", "-"])
        .output()
        .expect("ffmpeg runs");
    assert!(output.status.success(), "{source}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let hash = |line: &str| {
        line.rsplit(',')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    lines.map(hash).collect()
}

pub fn lines<'a>(playlist: &'a str, tag: &str) -> Vec<&'a str> {
    let found = playlist.lines().filter_map(|line| line.strip_prefix(tag));
    found.collect()
}

#[test]
fn what_an_encoder_publishes_comes_out_frame_by_frame_as_it_went_in() {
    if !have_ffmpeg("what_an_encoder_publishes_comes_out_frame_by_frame_as_it_went_in") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 9);
    send(&file, &server.rtmp("show"));
    await_status(&server, "show", "ended");
    let index = server.url("/live/show/index.m3u8");
    let source = file.to_str().expect("a plain path");

    let pictures = ["-fps_mode", "passthrough"];
    let went_in = frames(source, "0:v", &pictures);
    assert_eq!(went_in.len(), 9 * FPS);
    assert_eq!(frames(&index, "0:v", &pictures), went_in);
    let went_in = frames(source, "0:a", &["-c", "copy"]);
    let came_out = frames(&index, "0:a:0", &["-c", "copy"]);
    // Sound that an encoder sends before its first picture is not heard.
    let skipped = went_in.len() - came_out.len();
    assert!(skipped <= 3, "{} of {}", came_out.len(), went_in.len());
    assert_eq!(came_out, went_in[skipped..]);

    let playlist = server.get("/live/show/video.m3u8").text();
    assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
    assert_eq!(
        lines(&playlist, "#EXTINF:"),
        ["2.0,", "2.0,", "2.0,", "2.0,", "1.0,"]
    );
    assert_eq!(lines(&playlist, "#EXT-X-MEDIA-SEQUENCE:"), ["1"]);
}

/// Whether GStreamer has an element, which is in `package` on Debian.
fn has_element(element: &str, package: &str) -> bool {
    let asked = Command::new("gst-inspect-1.0")
        .args(["--exists", element])
        .status();
    let known = asked.is_ok_and(|status| status.success());
    if !known {
        eprintln!("skipped: GStreamer has no {element} ({package})");
    }
    known
}

#[test]
fn what_gstreamer_publishes_comes_out_frame_by_frame_as_it_went_in() {
    if !have_ffmpeg("what_gstreamer_publishes_comes_out_frame_by_frame_as_it_went_in") {
        return;
    }
    for sink in ["rtmp2sink", "rtmpsink"] {
        if !has_element(sink, "gstreamer1.0-plugins-bad") {
            continue;
        }
        let (data, scratch) = (folder(), Scratch::new());
        let server = server(&data, "1", &[]);
        let file = recording(&scratch, "source.flv", 7);
        let source = file.to_str().expect("a plain path");
        let from = format!("filesrc location={source} ! flvdemux name=from");
        let to = format!(
            "flvmux name=to streamable=true ! {sink} sync=true location={}",
            server.rtmp("show")
        );
        let pictures = "from.video ! queue ! h264parse ! to.video";
        let sound = "from.audio ! queue ! aacparse ! to.audio";
        let pipeline = [&from, &to, pictures, sound].join(" ");
        let status = Command::new("gst-launch-1.0")
            .arg("-q")
            .args(pipeline.split(' '))
            .status()
            .expect("gst-launch-1.0 runs");
        assert!(status.success(), "{sink}: {status}");
        await_status(&server, "show", "ended");
        let index = server.url("/live/show/index.m3u8");
        for (track, how) in [
            ("0:v", &["-fps_mode", "passthrough"][..]),
            ("0:a:0", &["-c", "copy"]),
        ] {
            let (went_in, came_out) = (frames(source, track, how), frames(&index, track, how));
            // As with ffmpeg: sound before the first picture is not heard.
            let skipped = went_in.len() - came_out.len();
            let most = if track == "0:a:0" { 3 } else { 0 };
            assert!(skipped <= most, "{sink}: {track}: {skipped}");
            assert_eq!(came_out, went_in[skipped..], "{sink}: {track}");
        }
    }
}

#[test]
fn parts_are_served_as_they_come_and_together_are_their_segment() {
    if !have_ffmpeg("parts_are_served_as_they_come_and_together_are_their_segment") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 9);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    for track in ["video", "audio"] {
        // A plain request waits for a whole segment.
        let path = format!("/live/show/{track}.m3u8");
        let first = server.get(&path).text();
        // The first has number 1, so as many are whole as the last one's number says.
        let next = lines(&first, "#EXTINF:").len() + 1;
        assert!(next > 1, "{first}");
        let hint = lines(&first, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=");
        let hinted = hint[0].trim_matches('"');
        // What is hinted at is waited for, and then it is whole.
        let part = server.get(hinted);
        assert_eq!((part.status, &part.body[4..8]), (200, &b"moof"[..]));
        assert!(part.header("cache-control").contains("immutable"));

        let blocked = server.get(&format!("{path}?_HLS_msn={next}&_HLS_part=2"));
        let blocked = blocked.text();
        assert!(blocked.contains(&format!("/{next}.2.m4s\"")), "{blocked}");
        let far = server.get(&format!("{path}?_HLS_msn=90"));
        assert_eq!(far.status, 400);

        let whole = server.get(&format!("{path}?_HLS_msn={next}")).text();
        let name = format!("/{next}.m4s");
        let segment = whole.lines().find(|line| line.ends_with(&name));
        let segment = server.get(segment.expect("it is listed")).body;
        let parts = lines(&whole, "#EXT-X-PART:").into_iter();
        let parts = parts.filter_map(|line| line.split('"').nth(1));
        let parts: Vec<u8> = parts
            .filter(|uri| uri.contains(&format!("/{next}.")))
            .flat_map(|uri| server.get(uri).body)
            .collect();
        assert!(
            segment == parts,
            "{track}: {} of {} bytes",
            parts.len(),
            segment.len()
        );
    }
    assert_eq!(server.get("/live/show/0/video/1.m4s").status, 404);
    assert_eq!(server.get("/live/nobody/index.m3u8").status, 404);
    // All that was one player; one that looks otherwise is another.
    let other = [("user-agent", "another player")];
    server.get_with("/live/show/lhls/video.m3u8", &other);
    let told = server.get("/v1/live/show").json()["audience"].take();
    for (protocol, players) in [("ll_hls", 1), ("lhls", 1), ("hls", 0)] {
        assert_eq!(told["now"][protocol], players, "{protocol}: {told:#}");
    }
    drop(encoder.kill());
    drop(encoder.wait());
    // The server is killed amid the stream, whose segments nobody can ask for any more.
    drop(server);
    let segments = files(&data.path().join("chunks/chunks")).len() as u64;
    assert!(segments > 0);
    let stats = Command::new(env!("CARGO_BIN_EXE_loomcast"))
        .args(["cache", "stats", "--json", "--data-dir"])
        .arg(data.path())
        .output()
        .expect("it runs");
    let stats: Value = serde_json::from_slice(&stats.stdout).expect("JSON");
    assert_eq!(stats["chunks"], 0, "{stats:#}");
    assert_eq!(stats["mended"]["transient_removed"], segments, "{stats:#}");
}

#[test]
fn an_encoder_that_comes_back_goes_on_where_its_stream_was() {
    if !have_ffmpeg("an_encoder_that_comes_back_goes_on_where_its_stream_was") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "5", &[]);
    let file = recording(&scratch, "source.flv", 5);
    send(&file, &server.rtmp("show"));
    await_status(&server, "show", "away");
    let before = server.get("/live/show/video.m3u8").text();
    assert!(!before.contains("#EXT-X-ENDLIST"), "{before}");
    send(&file, &server.rtmp("show"));
    await_status(&server, "show", "ended");

    let playlist = server.get("/live/show/video.m3u8").text();
    // Every segment keeps its number and address.
    let segments = |playlist: &str| {
        let uris = playlist.lines().filter(|line| line.ends_with(".m4s"));
        uris.map(str::to_owned).collect::<Vec<_>>()
    };
    let (old, new) = (segments(&before), segments(&playlist));
    assert!(
        new.starts_with(&old) && new.len() == 2 * old.len(),
        "{playlist}"
    );
    assert_eq!(
        lines(&playlist, "#EXT-X-DISCONTINUITY").len(),
        1,
        "{playlist}"
    );
    let index = server.url("/live/show/index.m3u8");
    let came_out = frames(&index, "0:v", &["-fps_mode", "passthrough"]);
    assert_eq!(came_out.len(), 2 * 5 * FPS);
}

#[test]
fn who_has_no_key_and_who_comes_second_is_sent_away() {
    if !have_ffmpeg("who_has_no_key_and_who_comes_second_is_sent_away") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &["--publish-key", "a key"]);
    let file = recording(&scratch, "source.flv", 3);
    for wrong in ["show", "show?key=another", "no%20name?key=a%20key"] {
        let status = encoder(&file, &server.rtmp(wrong)).wait().expect("it ends");
        assert!(!status.success(), "{wrong}");
    }
    assert_eq!(server.get("/v1/live").json()["streams"], json!([]));
    let address = server.rtmp("show?key=a%20key");
    let mut first = encoder(&file, &address);
    await_status(&server, "show", "live");
    let second = encoder(&file, &address).wait().expect("it ends");
    assert!(!second.success());
    assert!(first.wait().expect("it ends").success());
    let log = fs::read_to_string(data.path().join("serve.log")).expect("a log");
    assert!(!log.contains("a key") && !log.contains("another"), "{log}");
}

#[test]
fn a_server_that_is_asked_to_end_does_though_an_encoder_goes_on() {
    if !have_ffmpeg("a_server_that_is_asked_to_end_does_though_an_encoder_goes_on") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 60);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    // A segment is there, another is open.
    let playlist = server.get("/live/show/video.m3u8").text();
    assert!(playlist.contains("#EXTINF"), "{playlist}");
    assert!(server.terminate().success());
    assert!(!encoder.wait().expect("it ends").success());
}

/// What is promised of parts, and the longest and the shortest but the last of their segments,
/// in thousandths of a second.
fn promised_and_kept(server: &Server, track: &str) -> (u32, u32, u32) {
    let playlist = server.get(&format!("/live/show/{track}.m3u8")).text();
    let thousandths = |text: &str| {
        let seconds: f64 = text.parse().expect("a number");
        (seconds * 1000.0).round() as u32
    };
    let promise = lines(&playlist, "#EXT-X-PART-INF:PART-TARGET=");
    let lines: Vec<&str> = playlist.lines().collect();
    let duration = |line: &str| {
        let text = line.strip_prefix("#EXT-X-PART:DURATION=")?;
        Some(thousandths(text.split(',').next()?))
    };
    let parts = || lines.iter().filter_map(|line| duration(line));
    let followed = lines.windows(2).filter_map(|pair| {
        duration(pair[1])?;
        duration(pair[0])
    });
    let shortest = followed.min().expect("parts");
    (
        thousandths(promise[0]),
        parts().max().expect("parts"),
        shortest,
    )
}

#[test]
fn parts_are_as_long_as_the_server_was_told_at_every_frame_rate() {
    if !have_ffmpeg("parts_are_as_long_as_the_server_was_told_at_every_frame_rate") {
        return;
    }
    let scratch = Scratch::new();
    let files = ["24000/1001", "30", "24"].map(|rate| {
        let pictures = format!("testsrc2=size=160x90:rate={rate}:duration=5");
        let sound = "sine=sample_rate=44100:duration=5";
        let codecs = "-c:v libx264 -preset ultrafast -g 48 -c:a aac";
        let options: Vec<&str> = codecs.split(' ').collect();
        let name = format!("{}.flv", rate.replace('/', "-"));
        scratch.make(&name, &[&pictures, sound], &options)
    });
    let follow = |part: &str, promise: u32| {
        let data = folder();
        let server = server(&data, "9", &["--live-part", part]);
        // One encoder after the other: what is promised stays.
        for file in &files {
            send(file, &server.rtmp("show"));
            for track in ["video", "audio"] {
                let (promised, longest, shortest) = promised_and_kept(&server, track);
                let of = format!("{part} ms, {}, {track}", file.display());
                assert_eq!(promised, promise, "{of}");
                assert!(longest <= promise, "{of}: {longest}");
                assert!(shortest * 100 >= promise * 85, "{of}: {shortest}");
            }
        }
    };
    std::thread::scope(|scope| {
        for (part, promise) in [("200", 210), ("334", 334), ("500", 500)] {
            let follow = &follow;
            scope.spawn(move || follow(part, promise));
        }
    });
}

#[test]
fn hls_js_plays_a_live_stream_to_its_end() {
    if !have_ffmpeg("hls_js_plays_a_live_stream_to_its_end") {
        return;
    }
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 14);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let played = play_in_chromium(&server, "/live/show/index.m3u8", Viewing::default());
    assert!(encoder.wait().expect("it ends").success());
    assert_eq!(played["reason"], "ended", "{played:#}");
    assert_eq!(played["fatal"], json!([]), "{played:#}");
    assert_eq!(played["media_error"], Value::Null, "{played:#}");
    assert_eq!(played["corrupted"], 0, "{played:#}");
    assert_eq!(played["live_at_start"], true, "{played:#}");
    let buffered = played["buffered"].as_array().expect("ranges");
    assert_eq!(buffered.len(), 1, "no hole: {played:#}");
}
