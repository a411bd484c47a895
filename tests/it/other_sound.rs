//! Live streams whose sound is not AAC: it comes out as AAC, at its place beside the
//! pictures.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::live::{MOST_LOOKS, await_status, folder};
use crate::server::Server;
use crate::support::{Scratch, decode_sound, have_ffmpeg};

/// A frame of AAC at 48 kHz, in seconds.
const AAC_FRAME: f64 = 1024.0 / 48_000.0;

/// Samples a second.
const RATE: usize = 48_000;

/// Ten seconds in which a tone of 1 kHz begins whenever the pictures turn white, 2 s in
/// every 3, and ends when they turn black again.
fn source(scratch: &Scratch, name: &str, sound: &[&str]) -> PathBuf {
    let lit = "gte(mod(t\\,3)\\,2)";
    let pictures = format!(
        "color=black:size=320x180:rate=25:duration=10,drawbox=color=white:t=fill:enable='{lit}'"
    );
    let heard = format!("aevalsrc=exprs='0.5*sin(2*PI*1000*t)*{lit}':s={RATE}:d=10");
    let how = [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-bf",
        "2",
        "-g",
        "50",
        "-sc_threshold",
        "0",
        "-pix_fmt",
        "yuv420p",
        "-ac",
        "2",
    ];
    let how: Vec<&str> = how.iter().chain(sound).copied().collect();
    scratch.make(name, &[&pictures, &heard], &how)
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner"])
        .args(arguments)
        .output()
        .expect("ffmpeg runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// When the pictures of `source` turn white and its sound begins, in seconds.
fn onsets(source: &str) -> (Vec<f64>, Vec<f64>) {
    let said = run(&[
        "-i",
        source,
        "-map",
        "0:v:0",
        "-map",
        "0:a:0",
        "-vf",
        "blackdetect=d=0.5:pix_th=0.3",
        "-af",
        "silencedetect=n=-30dB:d=0.5",
        "-f",
        "null",
        "-",
    ]);
    let after = |word: &str| {
        let found = said.split(word).skip(1);
        let number = |rest: &str| {
            let rest = rest.trim_start();
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'));
            rest[..end.unwrap_or(rest.len())].parse().ok()
        };
        found.filter_map(number).collect()
    };
    (after("black_end:"), after("silence_end:"))
}

/// How much later than the pictures each of the first `tones` tones begins: the filters
/// tell of the end of the file, too.
fn delays(source: &str, tones: usize) -> Vec<f64> {
    let (white, loud) = onsets(source);
    assert!(
        white.len() >= tones && loud.len() >= tones,
        "{white:?} {loud:?}"
    );
    let pairs = white.iter().zip(&loud).take(tones);
    pairs.map(|(white, loud)| loud - white).collect()
}

/// Crossings of zero a second in the second tone.
fn frequency(source: &str) -> f64 {
    let samples: Vec<f32> = decode_sound(Path::new(source))
        .chunks_exact(2)
        .map(|two| two[0])
        .collect();
    let loud: Vec<usize> = (0..samples.len())
        .filter(|at| samples[*at].abs() > 0.25)
        .collect();
    let second = loud
        .windows(2)
        .find(|two| two[1] - two[0] > RATE / 2)
        .expect("a pause")[1];
    let tone = &samples[second + RATE / 4..second + 3 * RATE / 4];
    let crossings = tone
        .windows(2)
        .filter(|two| (two[0] < 0.0) != (two[1] < 0.0));
    crossings.count() as f64
}

fn publish(file: &Path, format: &str, address: &str) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-re", "-i"])
        .arg(file)
        .args(["-c", "copy", "-f", format, address])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "{address}: {status}");
}

/// A port that nobody has.
fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("its address").port()
}

fn codecs(source: &str) -> String {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name",
            "-of",
            "csv=p=0",
            source,
        ])
        .output()
        .expect("ffprobe runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// That what came out of stream `name` is AAC at the place of what went in.
fn is_in_its_place(server: &Server, name: &str, file: &Path, codec: &str) {
    let told = server.get(&format!("/v1/live/{name}")).json();
    let expected = json!({"codec": codec, "turned": true, "lost": 0});
    assert_eq!(told["other_sound"], expected, "{told:#}");
    let index = server.url(&format!("/live/{name}/index.m3u8"));
    let found = codecs(&index);
    assert!(found.contains("aac") && !found.contains(codec), "{found}");
    let (before, after) = (delays(file.to_str().expect("a path"), 3), delays(&index, 3));
    for (before, after) in before.iter().zip(&after) {
        let shift = after - before;
        assert!(
            shift.abs() < AAC_FRAME,
            "{codec}: {shift} s: {before} {after}"
        );
    }
    let heard = frequency(&index);
    assert!((heard - 1000.0).abs() < 5.0, "{codec}: {heard} Hz");
}

#[test]
fn mp3_by_rtmp_comes_out_as_aac_at_its_place() {
    if !have_ffmpeg("mp3_by_rtmp_comes_out_as_aac_at_its_place") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = crate::live::server(&data, "1", &[]);
    let file = source(&scratch, "mp3.flv", &["-c:a", "libmp3lame", "-ar", "48000"]);
    publish(&file, "flv", &server.rtmp("show"));
    await_status(&server, "show", "ended");
    is_in_its_place(&server, "show", &file, "mp3");
    // Segments of sound go with those of the pictures.
    let playlist = |track: &str| server.get(&format!("/live/show/{track}.m3u8")).text();
    let segments = |text: &str| text.matches("#EXTINF:").count();
    let (video, audio) = (playlist("video"), playlist("audio"));
    assert_eq!(segments(&video), segments(&audio), "{audio}");
    assert!(!audio.contains("DISCONTINUITY"), "{audio}");
}

#[test]
fn mpeg_audio_and_ac3_by_srt_come_out_as_aac_at_their_place() {
    if !have_ffmpeg("mpeg_audio_and_ac3_by_srt_come_out_as_aac_at_their_place") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let options = ["--srt", "127.0.0.1:0", "--live-linger", "1"];
    let server = Server::start_under(&[], data.path(), &options);
    let coded = ["mp2", "ac3", "eac3"];
    let files = coded.map(|codec| source(&scratch, &format!("{codec}.ts"), &["-c:a", codec]));
    std::thread::scope(|scope| {
        for (codec, file) in coded.iter().zip(&files) {
            let address = format!("{}&linger=5", server.srt(codec));
            scope.spawn(move || publish(file, "mpegts", &address));
        }
    });
    for (codec, file) in coded.iter().zip(&files) {
        await_status(&server, codec, "ended");
        is_in_its_place(&server, codec, file, codec);
    }
}

#[test]
fn a_hole_in_the_sound_stays_one_and_what_comes_after_it_is_in_its_place() {
    if !have_ffmpeg("a_hole_in_the_sound_stays_one_and_what_comes_after_it_is_in_its_place") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = crate::live::server(&data, "1", &[]);
    let file = source(&scratch, "mp3.flv", &["-c:a", "libmp3lame", "-ar", "48000"]);
    let holed = scratch.path("holed.flv");
    let name = |path: &Path| path.to_str().expect("a plain path").to_owned();
    // From 6.1 s to 7.4 s nothing is heard.
    let drop = "noise=amount=0:drop=between(pts*tb\\,6.1\\,7.4)";
    run(&[
        "-y",
        "-i",
        &name(&file),
        "-c",
        "copy",
        "-bsf:a",
        drop,
        &name(&holed),
    ]);
    publish(&holed, "flv", &server.rtmp("show"));
    await_status(&server, "show", "ended");
    let index = server.url("/live/show/index.m3u8");
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "a:0",
            "-show_entries",
            "packet=pts_time",
        ])
        .args(["-of", "csv=p=0", &index])
        .output()
        .expect("ffprobe runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let times: Vec<f64> = text
        .lines()
        .filter_map(|line| line.trim_matches(',').parse().ok())
        .collect();
    let steps = times.windows(2).map(|two| two[1] - two[0]);
    let long: Vec<f64> = steps.filter(|step| *step > 1.5 * AAC_FRAME).collect();
    assert_eq!(long.len(), 1, "{long:?}");
    assert!((long[0] - 1.3).abs() < 0.07, "{long:?}");
    let (before, after) = (delays(&name(&file), 3), delays(&index, 3));
    for (before, after) in before.iter().zip(&after) {
        assert!((after - before).abs() < AAC_FRAME, "{before} {after}");
    }
}

#[test]
fn a_pulled_source_may_have_any_sound() {
    if !have_ffmpeg("a_pulled_source_may_have_any_sound") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let edge = Server::start_under(
        &[],
        data.path(),
        &["--allow-host", "127.0.0.1", "--pull-linger", "60"],
    );
    let file = source(&scratch, "opus.mkv", &["-c:a", "libopus"]);
    let port = free_port();
    let mut camera = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-re", "-i"])
        .arg(&file)
        .args(["-c", "copy", "-f", "mpegts", "-listen", "1"])
        .arg(format!("http://127.0.0.1:{port}/camera.ts"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ffmpeg runs");
    let source =
        json!({"name": "pulled", "source": {"url": format!("http://127.0.0.1:{port}/camera.ts")}});
    assert_eq!(
        edge.post("/v1/live", source.to_string().as_bytes()).status,
        201
    );
    // Whoever watches has it pulled.
    let mut looks = 0;
    while edge.get("/live/pulled/video.m3u8").status != 200 {
        looks += 1;
        assert!(looks < MOST_LOOKS, "it never comes");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(camera.wait());
    let told = await_status(&edge, "pulled", "away");
    assert_eq!(told["other_sound"], Value::Null, "{told:#}");
    let index = edge.url("/live/pulled/index.m3u8");
    // It was AAC when it came.
    let audio = edge.get("/live/pulled/audio.m3u8").text();
    assert!(audio.contains("#EXTINF"), "{audio}");
    let taken = scratch.path("taken.mp4");
    run(&[
        "-y",
        "-live_start_index",
        "0",
        "-i",
        &index,
        "-map",
        "0:v:0",
        "-map",
        "0:a:0",
        "-c",
        "copy",
        "-t",
        "7",
        taken.to_str().expect("a path"),
    ]);
    let found = codecs(taken.to_str().expect("a path"));
    assert!(found.contains("aac"), "{found}");
    let (before, after) = (
        delays(file.to_str().expect("a path"), 2),
        delays(taken.to_str().expect("a path"), 2),
    );
    for (before, after) in before.iter().zip(&after) {
        assert!((after - before).abs() < AAC_FRAME, "{before} {after}");
    }
}
