//! Players that Loomcast did not write play what it serves: hls.js in
//! Chromium, FFmpeg, GStreamer. Where one is not installed its test says so
//! and skips.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server, have, small_edit};

/// A browser that has said nothing for so long says nothing any more.
const BROWSER_DEADLINE: Duration = Duration::from_secs(120);

/// The page gives up before the test does, so that its log is seen.
pub const PAGE_DEADLINE: Duration = Duration::from_secs(90);

/// A browser decodes in real time and takes a core for it: one at a time.
static ONE_BROWSER: Mutex<()> = Mutex::new(());

/// Chromium with one page, killed at the end.
///
/// A test that opens one has `hls_js` or `chromium` in its name: `scripts/check` runs those
/// by themselves, as a picture that comes late on a busy machine is no fault.
struct Browser {
    child: Child,
    _only: MutexGuard<'static, ()>,
    _profile: TempDir,
}

impl Browser {
    fn open(url: &str) -> Self {
        // A test that failed has closed its own.
        let only = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = TempDir::with_prefix("loomcast-it-").expect("a temporary folder");
        let log = File::create(profile.path().join("log")).expect("a log");
        let child = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-sync",
            ])
            .args([
                "--disable-component-update",
                "--disable-dev-shm-usage",
                "--mute-audio",
            ])
            .arg("--autoplay-policy=no-user-gesture-required")
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Chromium starts");
        Self {
            child,
            _only: only,
            _profile: profile,
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to end, Chromium takes its own children with it.
        let id = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &id]).status());
        drop(self.child.wait());
    }
}

/// How somebody watches.
#[derive(Clone, Copy)]
pub struct Viewing<'a> {
    /// Where they jump to after the first pictures.
    pub seek: Option<f64>,
    /// How fast.
    pub rate: f64,
    /// From which second on they load which size, counted from the smallest.
    pub sizes: &'a [(f64, usize)],
}

impl Default for Viewing<'_> {
    fn default() -> Self {
        Self {
            seek: None,
            rate: 1.0,
            sizes: &[],
        }
    }
}

/// Plays `source` in Chromium and returns what the page tells.
pub fn play_in_chromium(server: &Server, source: &str, viewing: Viewing) -> Value {
    let page = include_str!("page.html")
        .replace("SERVER", &server.url(""))
        .replace("SOURCE", source)
        .replace("RATE", &viewing.rate.to_string())
        .replace("SEEK_TO", &json!(viewing.seek).to_string())
        .replace("= SIZES", &format!("= {}", json!(viewing.sizes)))
        .replace("DEADLINE_MS", &PAGE_DEADLINE.as_millis().to_string());
    open_in_chromium(page, || ())
}

/// Opens `page` in Chromium, calls `opened` when it is there, and returns what it tells.
pub fn open_in_chromium(page: String, opened: impl FnOnce()) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    listener.set_nonblocking(false).expect("blocking");
    let (tell, told) = std::sync::mpsc::channel();
    // Ends with the test's process: nobody connects any more.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(said) = answer(stream, &page) {
                let last = matches!(said, Said::Result(_));
                drop(tell.send(said));
                if last {
                    return;
                }
            }
        }
    });
    let _browser = Browser::open(&format!("http://{address}/"));
    let mut opened = Some(opened);
    loop {
        let said = told.recv_timeout(BROWSER_DEADLINE);
        match said.expect("the page tells its result") {
            Said::Opened => {
                if let Some(opened) = opened.take() {
                    opened();
                }
            }
            Said::Result(result) => return serde_json::from_slice(&result).expect("JSON"),
        }
    }
}

/// What is heard of a page.
enum Said {
    /// The browser has it.
    Opened,
    /// The body of its POST.
    Result(Vec<u8>),
}

/// Serves the page.
fn answer(mut stream: TcpStream, page: &str) -> Option<Said> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = first.split(' ').nth(1)?;
    let (status, text) = match path {
        "/" => ("200 OK", page),
        "/result" => ("200 OK", ""),
        _ => ("404 Not Found", ""),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(text.as_bytes()).ok()?;
    match path {
        "/" => Some(Said::Opened),
        _ => first.starts_with("POST").then_some(Said::Result(body)),
    }
}

/// What must be true of every playback to the end.
fn played_well(played: &Value, seconds: f64) {
    let shown = serde_json::to_string_pretty(played).expect("JSON");
    assert_eq!(played["reason"], "ended", "{shown}");
    assert_eq!(played["fatal"], json!([]), "{shown}");
    assert_eq!(played["media_error"], Value::Null, "{shown}");
    assert_eq!(played["corrupted"], 0, "{shown}");
    let near = |field: &str, expected: f64| {
        let value = played[field].as_f64();
        assert!(
            value.is_some_and(|value| (value - expected).abs() < 0.1),
            "{field}: {shown}"
        );
    };
    near("duration", seconds);
    near("time", seconds);
    let starts = &played["starts"];
    let (video, audio) = (starts["video"].as_f64(), starts["audio"].as_f64());
    eprintln!(
        "Chromium: a part was loaded up to {} times",
        played["most_loads"]
    );
    eprintln!("Chromium: first video at {video:?} s, first audio at {audio:?} s");
}

fn contiguous(played: &Value, seconds: f64) {
    let buffered = played["buffered"].as_array().expect("ranges");
    assert_eq!(buffered.len(), 1, "no hole at a joint: {played:#}");
    let (start, end) = (buffered[0][0].as_f64(), buffered[0][1].as_f64());
    assert!(start < Some(0.1) && end > Some(seconds - 0.1), "{played:#}");
}

#[test]
fn hls_js_plays_a_video_from_its_first_second_while_it_is_rendered() {
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(8, "#a0ffff"), "render": "on_demand"}));
    let source = video["urls"]["live"]
        .as_str()
        .expect("an address")
        .to_owned();
    // The first request for it starts the render.
    let played = play_in_chromium(&server, &source, Viewing::default());
    played_well(&played, 8.0);
    contiguous(&played, 8.0);
    assert!(played["played_from"].as_f64() < Some(0.5), "{played:#}");
    assert_eq!(played["live_at_start"], true, "{played:#}");
    assert!(played["end_at_start"].as_f64() < Some(7.0), "{played:#}");
    assert!(played["frames"].as_u64() > Some(100), "{played:#}");
    assert_eq!(played["most_loads"], 1, "{played:#}");

    // A slow machine renders slower than one watches, and then the player has
    // to wait; for what is rendered it never does.
    let source = video["urls"]["index"].as_str().expect("an address");
    let fast = Viewing {
        rate: 2.0,
        ..Viewing::default()
    };
    let again = play_in_chromium(&server, source, fast);
    played_well(&again, 8.0);
    contiguous(&again, 8.0);
    assert_eq!(again["most_loads"], 1, "{again:#}");
    assert_eq!(again["stalls"], 0, "{again:#}");
    assert_eq!(again["errors"], json!([]), "{again:#}");
}

/// People who watch one template one after the other.
const NEXT_PEOPLE: [&str; 3] = ["Bo", "Cleo", "Dan"];

#[test]
fn hls_js_plays_on_where_all_that_follows_the_next_persons_seconds_is_there_already() {
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    let server = Server::start();
    let edit = small_edit(12, "#a5ffff");
    let first = server.publish(&json!({"edit": edit}));
    server.finished(first["id"].as_str().expect("an id"));
    for name in NEXT_PEOPLE {
        // The playlist grows part by part while their name is seen, then at once to its end.
        let body = json!({"edit": edit, "data": {"name": name}, "render": "on_demand"});
        let video = server.publish(&body);
        let source = video["urls"]["live"].as_str().expect("an address");
        let fast = Viewing {
            rate: 2.0,
            ..Viewing::default()
        };
        let played = play_in_chromium(&server, source, fast);
        played_well(&played, 12.0);
        contiguous(&played, 12.0);
        assert_eq!(played["most_loads"], 1, "{played:#}");
        assert_eq!(played["fatal"], json!([]), "{played:#}");
    }
}

#[test]
fn hls_js_seeks_into_what_is_not_rendered_yet() {
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    let server = Server::start();
    let edit = small_edit(30, "#a1ffff");
    let video = server.publish(&json!({"edit": edit, "render": "on_demand"}));
    let source = video["urls"]["index"]
        .as_str()
        .expect("an address")
        .to_owned();
    let viewing = Viewing {
        seek: Some(25.3),
        rate: 2.0,
        ..Viewing::default()
    };
    let played = play_in_chromium(&server, &source, viewing);
    played_well(&played, 30.0);
    let seeked = &played["seeked"];
    assert!(
        seeked["at"]
            .as_f64()
            .is_some_and(|at| (at - 25.3).abs() < 0.1),
        "{played:#}"
    );
    let own = server
        .get(video["urls"]["self"].as_str().expect("an address"))
        .json();
    eprintln!(
        "{} of {} chunks; buffered to {} before the seek",
        own["chunks_rendered"], own["chunks_total"], seeked["reached"]
    );
}

#[test]
fn hls_js_changes_sizes_while_the_video_is_rendered() {
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    let server = Server::start();
    for (mode, colour) in [("ahead", "#a2ffff"), ("on_demand", "#a3ffff")] {
        let mut edit = small_edit(12, colour);
        edit["output"] =
            json!({"format": "hls", "resolution": "mobile", "loomcast": {"ladder": ["preview"]}});
        let video = server.publish(&json!({"edit": edit, "render": mode}));
        for stream in ["live", "index"] {
            let source = video["urls"][stream].as_str().expect("an address");
            let viewing = Viewing {
                sizes: &[(0.5, 0), (4.0, 1), (7.0, 0)],
                ..Viewing::default()
            };
            let played = play_in_chromium(&server, source, viewing);
            eprintln!("{mode} {stream}: sizes {}", played["sizes"]);
            played_well(&played, 12.0);
            // When it changes sizes while it waits for pictures, hls.js 1.7 may append to
            // a buffer that is busy, and leaves out the part that is refused.
            let refused = json!("bufferAppendError");
            let own_fault = played["errors"]
                .as_array()
                .is_some_and(|errors| errors.contains(&refused));
            if !own_fault {
                contiguous(&played, 12.0);
            }
            let sizes = played["sizes"].as_array().expect("sizes");
            assert!(sizes.len() > 1, "{mode} {stream}: {played:#}");
        }
    }
}

fn ffmpeg(arguments: &[&str]) -> Output {
    Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin"])
        .args(arguments)
        .output()
        .expect("ffmpeg runs")
}

/// How many pictures ffmpeg decodes, and what it complains of.
fn decoded(url: &str, before: &[&str], after: &[&str]) -> (usize, String) {
    let mut arguments = vec!["-v", "warning"];
    arguments.extend(before);
    arguments.extend(["-i", url, "-map", "0:v:0"]);
    arguments.extend(after);
    arguments.extend(["-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    let output = ffmpeg(&arguments);
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{url}: {complaints}");
    // FFmpeg 5.1 fetches the init segment again whenever it reads a growing
    // playlist again, and wonders about that.
    let own = |line: &&str| line.contains("duplicated MOOV Atom") || line.contains("Last message");
    let complaints = complaints.lines().filter(|line| !own(line)).collect();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        text.lines().filter(|line| !line.starts_with('#')).count(),
        complaints,
    )
}

#[test]
fn ffmpeg_reads_every_frame_of_both_playlists_without_complaint() {
    if !have("ffmpeg", "FFmpeg") {
        return;
    }
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(8, "#a2ffff")}));
    // Started while the video is rendered.
    for kind in ["live", "index"] {
        let url = server.url(video["urls"][kind].as_str().expect("an address"));
        assert_eq!(decoded(&url, &[], &[]), (200, String::new()), "{kind}");
        // Everything before is read and dropped: FFmpeg 5.1 cannot jump in
        // any fragmented MP4 over HLS, its own included.
        assert_eq!(decoded(&url, &[], &["-ss", "3.2"]).1, "", "{kind}");
    }
    let mp4 = server.url(video["urls"]["mp4"].as_str().expect("an address"));
    assert_eq!(decoded(&mp4, &[], &[]), (200, String::new()));
    assert_eq!(decoded(&mp4, &["-ss", "3.2"], &[]), (120, String::new()));
}

#[test]
fn ffprobe_finds_one_picture_and_one_sound_stream_that_start_together() {
    if !have("ffprobe", "ffprobe") {
        return;
    }
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(3, "#a3ffff")}));
    server.finished(video["id"].as_str().expect("an id"));
    for kind in ["live", "index", "mp4"] {
        let output = Command::new("ffprobe")
            .args([
                "-v",
                "warning",
                "-of",
                "json",
                "-show_streams",
                "-show_programs",
            ])
            .arg(server.url(video["urls"][kind].as_str().expect("an address")))
            .output()
            .expect("ffprobe runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{kind}");
        let probed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let streams = probed["streams"].as_array().expect("streams");
        assert_eq!(streams.len(), 2, "{kind}: {probed:#}");
        assert!(
            probed["programs"]
                .as_array()
                .is_none_or(|programs| programs.len() <= 1),
            "{kind}"
        );
        for stream in streams {
            eprintln!(
                "{kind}: {} starts at {}",
                stream["codec_type"], stream["start_time"]
            );
        }
    }
}

#[test]
fn gstreamer_plays_both_playlists_to_the_end_the_live_one_while_it_is_rendered() {
    if !have("gst-launch-1.0", "GStreamer") {
        return;
    }
    let known = Command::new("gst-inspect-1.0")
        .args(["--exists", "hlsdemux2"])
        .status();
    if !known.is_ok_and(|status| status.success()) {
        eprintln!("skipped: GStreamer has no hlsdemux2 (gstreamer1.0-plugins-good)");
        return;
    }
    let server = Server::start();
    // The first request for the live playlist starts the render.
    let edit = small_edit(6, "#a4ffff");
    let video = server.publish(&json!({"edit": edit, "render": "on_demand"}));
    for kind in ["live", "index"] {
        let folder = TempDir::new().expect("a temporary folder");
        let pictures = folder.path().join("pictures");
        let sound = folder.path().join("sound");
        let sink =
            |path: &std::path::Path| format!("filesink sync=false location={}", path.display());
        let output = Command::new("gst-launch-1.0")
            .env("GST_PLUGIN_FEATURE_RANK", "hlsdemux2:MAX,hlsdemux:NONE")
            .args(["-q", "playbin3", "flags=audio+video"])
            .arg(format!(
                "uri={}",
                server.url(video["urls"][kind].as_str().expect("an address"))
            ))
            .arg(format!("video-sink={}", sink(&pictures)))
            .arg(format!("audio-sink={}", sink(&sound)))
            .output()
            .expect("gst-launch-1.0 runs");
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{kind}: {complaints}");
        // I420, padded to a multiple of 4 bytes a row: 256x144 needs none.
        let frame = 256 * 144 * 3 / 2;
        let bytes = fs::metadata(&pictures).expect("pictures").len();
        assert_eq!(
            (bytes / frame, bytes % frame),
            (150, 0),
            "{kind}: {complaints}"
        );
        assert!(
            fs::metadata(&sound).expect("sound").len() > 6 * 48_000 * 2 * 2,
            "{kind}"
        );
    }
}
