//! Plug-in ends that work on live streams from outside of their server: watermarks and
//! recordings. What goes in is made by FFmpeg, and so is what is found in what comes out.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::live::{FPS, await_status, encoder, folder, frames, recording, server};
use crate::server::{Server, shipped};
use crate::support::{Scratch, ffmpeg, ffprobe, have_ffmpeg, numbers};

const KEY: &str = "a plug-in key";
const WRONG: &str = "not the secret";

/// Width and height of what is published here.
const SIZE: (usize, usize) = (320, 180);

/// The white mark: its width and height, and where it comes to stand at the top right.
const MARK: (usize, usize) = (48, 32);
const MARK_AT: (usize, usize) = (320 - 7 - 48, 7);

/// Looks at a file before what it waits for is taken to never come: two minutes of them.
const MOST_LOOKS: u32 = 2_400;

fn with_plug_ins(data: &TempDir, door: &str) -> Server {
    server(data, "1", &["--dictionary", door, "--plugin-key", KEY])
}

fn plug_in(door: &str, command: &str, more: &[&str]) -> Command {
    let mut made = Command::new(env!("CARGO_BIN_EXE_loomcast"));
    made.args(["plugin", command, "--connect", door, "--stream", "show"])
        .args(more)
        .env("LOOMCAST_ASSETS", shipped("assets"))
        .env("LOOMCAST_PLUGIN_KEY", KEY)
        .stdin(Stdio::null());
    made
}

fn run(mut command: Command) -> Child {
    command.stderr(Stdio::piped());
    command.spawn().expect("the plug-in end runs")
}

/// It must have ended in good order; what it said.
fn said(child: Child) -> String {
    let Output { status, stderr, .. } = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert!(status.success(), "{status}: {said}");
    said
}

fn white(scratch: &Scratch) -> PathBuf {
    scratch.solid("mark.png", "0xffffff", &format!("{}x{}", MARK.0, MARK.1))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// The hash of each packet of a track, however its units are framed.
fn packets(source: &str, track: &str) -> Vec<String> {
    frames(source, track, &["-c", "copy", "-bsf:v", "h264_mp4toannexb"])
}

/// The luma of each picture.
fn luma(source: &str) -> Vec<Vec<u8>> {
    let how = ["-map", "0:v", "-fps_mode", "passthrough"];
    let out = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"];
    let bytes = ffmpeg(["-i", source].into_iter().chain(how).chain(out));
    let whole = bytes.chunks_exact(SIZE.0 * SIZE.1 * 3 / 2);
    whole.map(|one| one[..SIZE.0 * SIZE.1].to_vec()).collect()
}

/// When each packet of a track is shown, in milliseconds, in that order.
fn shown_ms(source: &Path, track: &str) -> Vec<i64> {
    let args = [
        "-v",
        "error",
        "-select_streams",
        track,
        "-show_entries",
        "packet=pts_time",
    ];
    let probed = ffprobe(source, &args);
    let packets = probed["packets"].as_array().expect("packets");
    let time = |packet: &serde_json::Value| packet["pts_time"].as_str()?.parse::<f64>().ok();
    let times = packets.iter().filter_map(time);
    let mut times: Vec<i64> = times.map(|time| (time * 1e3).round() as i64).collect();
    times.sort_unstable();
    times
}

fn in_mark(index: usize) -> bool {
    // A pixel of margin: the encoder does not keep edges to the bit.
    let (x, y) = (index % SIZE.0, index / SIZE.0);
    let across = (MARK_AT.0 - 4..MARK_AT.0 + MARK.0 + 4).contains(&x);
    across && (MARK_AT.1 - 4..MARK_AT.1 + MARK.1 + 4).contains(&y)
}

fn mean(picture: &[u8], (x, y): (usize, usize), (width, height): (usize, usize)) -> f64 {
    let rows = (y..y + height).flat_map(|y| &picture[y * SIZE.0 + x..][..width]);
    rows.map(|luma| f64::from(*luma)).sum::<f64>() / (width * height) as f64
}

/// How near two pictures are outside of the mark, in decibels.
fn psnr_beside(a: &[u8], b: &[u8]) -> f64 {
    let beside = a
        .iter()
        .zip(b)
        .enumerate()
        .filter(|(index, _)| !in_mark(*index));
    let squares = beside.map(|(_, (a, b))| (f64::from(*a) - f64::from(*b)).powi(2));
    let (count, sum) = squares.fold((0.0, 0.0), |(count, sum), square| {
        (count + 1.0, sum + square)
    });
    10.0 * (255.0_f64.powi(2) / (sum / count).max(1e-9)).log10()
}

/// Waits until there is more of `path` than `bytes`.
fn await_bytes(path: &Path, bytes: u64) -> u64 {
    for _ in 0..MOST_LOOKS {
        let there = path.metadata().map_or(0, |known| known.len());
        if there > bytes {
            return there;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} never has more than {bytes} bytes", path.display());
}

#[test]
fn a_mark_is_drawn_on_each_picture_and_nothing_else_changes() {
    if !have_ffmpeg("a_mark_is_drawn_on_each_picture_and_nothing_else_changes") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = with_plug_ins(&data, "127.0.0.1:0");
    let source = recording(&scratch, "source.flv", 12);
    let mark = white(&scratch);
    let mut publishing = encoder(&source, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let how = ["--image", text(&mark), "--opacity", "1"];
    let marking = run(plug_in(server.dictionary(), "watermark", &how));
    let told = await_status(&server, "show-watermark", "live");
    assert_eq!(told["address"], "show", "{told:#}");
    let listed = server.get("/v1/live/show").json();
    let roles = listed["connections"].as_array().expect("connections");
    assert!(
        roles.iter().any(|known| known["role"] == "plug-in"),
        "{listed:#}"
    );
    assert!(publishing.wait().expect("it ends").success());
    let said = said(marking);
    assert!(said.contains("show is over"), "{said}");
    await_status(&server, "show-watermark", "ended");

    // It began at a key frame, and from there on has them all.
    let index = server.url("/live/show-watermark/index.m3u8");
    let taken = scratch.path("taken.mp4");
    ffmpeg(["-i", &index, "-c", "copy", text(&taken)]);
    let (went_in, came_out) = (luma(text(&source)), luma(&index));
    let missed = went_in.len() - came_out.len();
    assert_eq!(went_in.len(), 12 * FPS);
    assert!(
        missed.is_multiple_of(2 * FPS) && missed <= 6 * FPS,
        "{missed} missed"
    );
    for (index, (before, after)) in went_in[missed..].iter().zip(&came_out).enumerate() {
        let lit = mean(after, MARK_AT, MARK);
        assert!((lit - 235.0).abs() < 3.0, "picture {index}: {lit}");
        let near = psnr_beside(before, after);
        assert!(near > 32.0, "picture {index}: {near} dB");
    }
    // Key frames are where they were: segments are two seconds again.
    let playlist = server.get("/live/show-watermark/video.m3u8").text();
    let segments = crate::live::lines(&playlist, "#EXTINF:");
    assert!(
        segments.iter().all(|length| *length == "2.0,"),
        "{playlist}"
    );

    // Pictures keep their times, and sound its bytes and its times.
    let (before, after) = (shown_ms(&source, "v"), shown_ms(&taken, "v"));
    let steps =
        |times: &[i64]| -> Vec<i64> { times.windows(2).map(|two| two[1] - two[0]).collect() };
    assert_eq!(steps(&after), steps(&before[missed..]));
    let (sound, heard) = (packets(text(&source), "0:a"), packets(&index, "0:a:0"));
    assert!(heard.len() > came_out.len(), "{}", heard.len());
    assert!(
        sound.ends_with(&heard),
        "{} of {}",
        heard.len(),
        sound.len()
    );
    let apart = |file: &Path| {
        let last = |track| *shown_ms(file, track).last().expect("packets");
        last("v") - last("a")
    };
    let drift = apart(&source) - apart(&taken);
    assert!(drift.abs() <= 1, "{drift} ms");
}

#[test]
fn a_text_is_drawn_with_the_fonts_that_come_with_loomcast() {
    if !have_ffmpeg("a_text_is_drawn_with_the_fonts_that_come_with_loomcast") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = with_plug_ins(&data, "127.0.0.1:0");
    let source = recording(&scratch, "source.flv", 8);
    let mut publishing = encoder(&source, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let how = [
        "--text",
        "Loom & cast",
        "--as",
        "marked",
        "--position",
        "bottom-left",
        "--opacity",
        "1",
        "--bitrate",
        "900",
    ];
    let marking = run(plug_in(server.dictionary(), "watermark", &how));
    await_status(&server, "marked", "live");
    assert!(publishing.wait().expect("it ends").success());
    let said = said(marking);
    assert!(!said.contains("warning"), "{said}");
    await_status(&server, "marked", "ended");
    let (went_in, came_out) = (
        luma(text(&source)),
        luma(&server.url("/live/marked/index.m3u8")),
    );
    let missed = went_in.len() - came_out.len();
    // Letters are white, where hardly anything was before: some of it, not all; and
    // nothing of them elsewhere.
    let (letters, beside) = (((8, 158), (44, 15)), ((200, 20), (100, 60)));
    let white = |picture: &[u8]| {
        let white: Vec<u8> = picture.iter().map(|luma| u8::from(*luma > 180)).collect();
        mean(&white, letters.0, letters.1)
    };
    let (mut before_all, mut after_all) = (0.0, 0.0);
    for (before, after) in went_in[missed..].iter().zip(&came_out) {
        let share = white(after);
        assert!(share > 0.08 && share < 0.5, "{share}");
        before_all += white(before);
        after_all += share;
        let apart = before.iter().zip(after).map(|(a, b)| a.abs_diff(*b));
        let noise = mean(&apart.collect::<Vec<_>>(), beside.0, beside.1);
        assert!(noise < 5.0, "{noise}");
    }
    assert!(before_all < after_all / 4.0, "{before_all} {after_all}");
}

#[test]
fn who_is_not_let_in_and_who_asks_for_nonsense_is_told() {
    let data = folder();
    let server = with_plug_ins(&data, "127.0.0.1:0");
    let scratch = Scratch::new();
    let (nothing, film) = (scratch.path("no.png"), scratch.path("film.mp4"));
    fs::write(&film, "a film").expect("writes");
    let new = scratch.path("new.mp4");
    let (nothing, film, new) = (text(&nothing), text(&film), text(&new));
    let door = server.dictionary();
    let table: [(&str, &str, &[&str], i32, &str); 11] = [
        (
            door,
            "record",
            &["-o", new, "--key", WRONG],
            2,
            "authentication: wrong",
        ),
        (door, "record", &["-o", new], 2, "name: there is no stream"),
        (
            door,
            "watermark",
            &["--text", "a", "--key", WRONG],
            2,
            "authentication: wrong",
        ),
        (door, "record", &["-o", film], 2, "-o"),
        (door, "record", &["-o", "new.avi"], 2, ".mp4"),
        (door, "watermark", &[], 2, "--text"),
        (door, "watermark", &["--image", nothing], 2, "--image"),
        (
            door,
            "watermark",
            &["--text", "a", "--position", "above"],
            2,
            "--position",
        ),
        (
            door,
            "watermark",
            &["--text", "a", "--opacity", "2"],
            2,
            "--opacity",
        ),
        (
            door,
            "watermark",
            &["--text", "a", "--as", "show"],
            2,
            "--as",
        ),
        // Nobody listens there.
        ("127.0.0.1:1", "record", &["-o", new], 1, "no connection"),
    ];
    for (door, command, more, code, expected) in table {
        let output = plug_in(door, command, more).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        assert!(said.contains(expected), "{more:?}: {said}");
        assert!(!said.contains(WRONG), "{said}");
    }
    assert_eq!(fs::read(film).expect("reads"), b"a film");
    assert!(!Path::new(new).exists());
}

#[test]
fn a_plug_in_end_that_dies_takes_only_its_own_stream_along() {
    if !have_ffmpeg("a_plug_in_end_that_dies_takes_only_its_own_stream_along") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = with_plug_ins(&data, "127.0.0.1:0");
    let source = recording(&scratch, "source.flv", 10);
    let mut publishing = encoder(&source, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let viewed = scratch.path("viewed.flv");
    let mut viewer = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-nostdin",
            "-i",
            &server.url("/live/show.flv"),
        ])
        .args(["-c", "copy", text(&viewed)])
        .spawn()
        .expect("ffmpeg runs");
    let mut marking = run(plug_in(
        server.dictionary(),
        "watermark",
        &["--text", "gone"],
    ));
    await_status(&server, "show-watermark", "live");
    marking.kill().expect("it runs");
    marking.wait().expect("it ends");
    await_status(&server, "show-watermark", "ended");
    assert!(publishing.wait().expect("it ends").success());
    assert!(viewer.wait().expect("it ends").success());
    for track in ["0:v", "0:a"] {
        let (went_in, came_out) = (packets(text(&source), track), packets(text(&viewed), track));
        assert!(
            came_out.len() > 6 * FPS && went_in.ends_with(&came_out),
            "{track}"
        );
    }
}

#[test]
fn a_recording_holds_each_packet_as_it_was() {
    if !have_ffmpeg("a_recording_holds_each_packet_as_it_was") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = with_plug_ins(&data, "127.0.0.1:0");
    let source = recording(&scratch, "source.flv", 9);
    let mut publishing = encoder(&source, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let (whole, cut) = (scratch.path("whole.mp4"), scratch.path("cut.mp4"));
    let recorder = |path: &Path| {
        let how = ["-o", text(path), "--keep-free", "0"];
        run(plug_in(server.dictionary(), "record", &how))
    };
    let (recording, mut killed) = (recorder(&whole), recorder(&cut));
    // One of them dies when it has written something.
    await_bytes(&cut, 40_000);
    killed.kill().expect("it runs");
    killed.wait().expect("it ends");
    assert!(publishing.wait().expect("it ends").success());
    let told = said(recording);
    assert!(
        told.contains("recording to") && told.contains("recorded"),
        "{told}"
    );
    for track in ["0:v", "0:a"] {
        let went_in = packets(text(&source), track);
        let recorded = packets(text(&whole), track);
        assert!(
            recorded.len() > 5 * FPS && went_in.ends_with(&recorded),
            "{track}"
        );
        let kept = packets(text(&cut), track);
        assert!(
            !kept.is_empty() && kept.len() < recorded.len(),
            "{track}: {}",
            kept.len()
        );
        assert!(
            went_in.windows(kept.len()).any(|some| some == kept),
            "{track}"
        );
    }
    // Both begin at 0, and go on as their source did.
    let (before, after) = (shown_ms(&source, "v"), shown_ms(&whole, "v"));
    assert!(after[0] < 200, "{}", after[0]);
    let missed = before.len() - after.len();
    let shift = before[missed] - after[0];
    let moved: Vec<_> = after.iter().map(|time| time + shift).collect();
    assert_eq!(moved, before[missed..]);
    assert!(luma(text(&cut)).len() >= 2 * FPS);
    let durations = ffprobe(
        &whole,
        &["-show_entries", "packet=duration", "-select_streams", "v"],
    );
    assert!(
        numbers(&durations, "packets", "duration")
            .iter()
            .all(|ticks| *ticks == 3_600)
    );
}

#[test]
fn a_recorder_looks_for_a_server_that_starts_again_and_goes_on_in_another_file() {
    if !have_ffmpeg("a_recorder_looks_for_a_server_that_starts_again_and_goes_on_in_another_file") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let door = port.expect("a free port").to_string();
    let server = with_plug_ins(&data, &door);
    let source = recording(&scratch, "source.flv", 20);
    let mut first = encoder(&source, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let path = scratch.path("show.mp4");
    let recorder = run(plug_in(
        &door,
        "record",
        &["-o", text(&path), "--keep-free", "0"],
    ));
    await_bytes(&path, 40_000);
    assert!(server.terminate().success());
    drop(first.wait());

    let server = with_plug_ins(&data, &door);
    let mut second = encoder(&source, &server.rtmp("show"));
    let next = scratch.path("show-2.mp4");
    await_bytes(&next, 40_000);
    // It ends in good order when it is asked to.
    let asked = Command::new("kill")
        .args(["-TERM", &recorder.id().to_string()])
        .status();
    assert!(asked.is_ok_and(|status| status.success()));
    let told = said(recorder);
    assert!(
        told.contains("looked for") && told.contains("2 files"),
        "{told}"
    );
    drop(second.kill());
    drop(second.wait());
    let went_in = packets(text(&source), "0:v");
    for path in [&path, &next] {
        let recorded = packets(text(path), "0:v");
        assert!(recorded.len() >= 2 * FPS, "{}", recorded.len());
        assert!(went_in.windows(recorded.len()).any(|some| some == recorded));
    }
}

/// Waits until the recording of `show` holds `milliseconds` or more.
fn await_recorded(server: &Server, milliseconds: i64) -> serde_json::Value {
    for _ in 0..MOST_LOOKS {
        let told = server.get("/v1/live/show/recording").json();
        if told["milliseconds"].as_i64() >= Some(milliseconds) {
            return told;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!(
        "never so much: {}",
        server.get("/v1/live/show/recording").text()
    );
}

#[test]
fn the_server_records_a_stream_and_gives_what_there_is_of_it() {
    if !have_ffmpeg("the_server_records_a_stream_and_gives_what_there_is_of_it") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &["--keep-free", "0"]);
    let path = "/v1/live/show/recording";
    assert_eq!(server.post(path, b"").status, 404);
    assert_eq!(
        server.get("/v1/recordings").json()["recordings"],
        serde_json::json!([])
    );
    let source = recording(&scratch, "source.flv", 12);
    let mut publishing = encoder(&source, &server.rtmp("show"));
    await_status(&server, "show", "live");
    assert_eq!(server.get(path).status, 404);
    let begun = server.post(path, b"");
    assert_eq!(
        (begun.status, begun.json()["status"].as_str()),
        (201, Some("recording"))
    );
    assert_eq!(server.post(path, b"").status, 200, "it goes on");
    await_recorded(&server, 2_000);
    let stopped = server.delete(path).json();
    assert_eq!(stopped["status"], "stopped", "{stopped:#}");
    assert_eq!(server.delete(path).status, 404);
    // Another, to the end of the stream.
    assert_eq!(server.post(path, b"").status, 201);
    assert!(publishing.wait().expect("it ends").success());
    await_status(&server, "show", "ended");
    let ended = await_recorded(&server, 1);
    assert_eq!(ended["status"], "stream_ended", "{ended:#}");

    let listed = server.get("/v1/recordings").json();
    assert_eq!(
        listed["recordings"].as_array().map(Vec::len),
        Some(2),
        "{listed:#}"
    );
    let went_in = packets(text(&source), "0:v");
    for (told, last) in [(&stopped, false), (&ended, true)] {
        let url = told["files"][0]["url"].as_str().expect("an address");
        let file = server.get(url);
        assert_eq!(file.header("content-type"), "video/mp4");
        assert_eq!(told["bytes"].as_u64(), Some(file.body.len() as u64));
        let part = server.get_with(url, &[("range", "bytes=4-7")]);
        assert_eq!((part.status, &part.body[..]), (206, &b"ftyp"[..]));
        let downloaded = scratch.path("downloaded.mp4");
        fs::write(&downloaded, &file.body).expect("writes");
        let recorded = packets(text(&downloaded), "0:v");
        assert!(recorded.len() >= 2 * FPS, "{}", recorded.len());
        assert!(went_in.windows(recorded.len()).any(|some| some == recorded));
        assert_eq!(went_in.ends_with(&recorded), last);
        assert!(!packets(text(&downloaded), "0:a").is_empty());
    }
    for unknown in ["/v1/recordings/show.mp4", "/v1/recordings/..%2Fserve.log"] {
        assert_eq!(server.get(unknown).status, 404, "{unknown}");
    }
}

#[test]
fn a_recording_ends_where_the_disk_may_take_no_more_and_the_stream_goes_on() {
    if !have_ffmpeg("a_recording_ends_where_the_disk_may_take_no_more_and_the_stream_goes_on") {
        return;
    }
    for (option, size, status) in [
        ("--recording-size", "60KiB", "size_limit"),
        ("--keep-free", "1000TiB", "disk_full"),
    ] {
        let (data, scratch) = (folder(), Scratch::new());
        let server = server(&data, "1", &[option, size]);
        let source = recording(&scratch, "source.flv", 9);
        let mut publishing = encoder(&source, &server.rtmp("show"));
        await_status(&server, "show", "live");
        assert_eq!(server.post("/v1/live/show/recording", b"").status, 201);
        assert!(publishing.wait().expect("it ends").success());
        await_status(&server, "show", "ended");
        let told = server.get("/v1/live/show/recording").json();
        assert_eq!(told["status"], status, "{told:#}");
        let index = server.url("/live/show/index.m3u8");
        assert_eq!(luma(&index).len(), 9 * FPS);
    }
}

#[test]
fn what_a_stream_looks_like_now_is_given_as_a_small_picture() {
    if !have_ffmpeg("what_a_stream_looks_like_now_is_given_as_a_small_picture") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    assert_eq!(server.get("/live/show/thumbnail.jpg").status, 404);
    let large = scratch.make(
        "source.flv",
        &["testsrc2=size=1280x720:rate=25:duration=7"],
        &[
            "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p",
        ],
    );
    let mut publishing = encoder(&large, &server.rtmp("show"));
    await_status(&server, "show", "live");
    // The first segment is there, and so is a key frame.
    assert_eq!(server.get("/live/show/video.m3u8").status, 200);
    let first = server.get("/live/show/thumbnail.jpg");
    assert_eq!(
        (first.status, first.header("content-type")),
        (200, "image/jpeg"),
        "{}",
        first.text()
    );
    assert_eq!(first.header("cache-control"), "public, max-age=1");
    let path = scratch.path("thumbnail.jpg");
    fs::write(&path, &first.body).expect("writes");
    let probed = ffprobe(&path, &["-show_entries", "stream=width,height"]);
    let size = (
        probed["streams"][0]["width"].as_i64(),
        probed["streams"][0]["height"].as_i64(),
    );
    assert_eq!(size, (Some(640), Some(360)));
    // A picture, and not a ground of one colour.
    let grey = ffmpeg(["-i", text(&path), "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let (dark, light) = (grey.iter().min(), grey.iter().max());
    assert!(
        dark < Some(&60) && light > Some(&200),
        "{dark:?} to {light:?}"
    );
    assert!(publishing.wait().expect("it ends").success());
    await_status(&server, "show", "ended");
    assert_eq!(server.get("/live/show/thumbnail.jpg").status, 503);
}
