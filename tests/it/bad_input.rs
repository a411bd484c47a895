//! Wrong input on the command line: exit code 2, a message that names the
//! field, the value and what is allowed, and nothing left behind.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{have, shipped, small_edit};

/// A folder with an Edit, its media, a place for the data and one for output.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::with_prefix("loomcast-it-").expect("a temporary folder");
        fs::create_dir(folder.path().join("out")).expect("a folder");
        Self { folder }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), bytes).expect("writes");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LOOMCAST_ASSETS", shipped("assets"))
            .env("LOOMCAST_DATA", self.folder.path().join("data"))
            .output()
            .expect("loomcast runs")
    }

    /// Renders the Edit in `t.json`, which must be refused with all `words`.
    fn refused(&self, case: &str, words: &[&str]) {
        let output = self.run(&["render", "t.json", "-o", "out/video.mp4"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{case}: {message}");
        for word in words {
            assert!(message.contains(word), "{case}: no {word:?} in {message}");
        }
        assert!(!message.contains("panicked"), "{case}: {message}");
        assert!(output.stdout.is_empty(), "{case}");
        self.nothing_left(case);
    }

    fn nothing_left(&self, case: &str) {
        let left: Vec<_> = fs::read_dir(self.folder.path().join("out"))
            .expect("the folder")
            .collect();
        assert!(left.is_empty(), "{case}: {left:?}");
    }
}

/// The Edit with `value` at the JSON pointer `at`.
fn with(at: &str, value: Value) -> Value {
    let mut edit = small_edit(4, "#ffffff");
    let (parent, name) = at.rsplit_once('/').expect("a pointer");
    edit.pointer_mut(parent).expect("the parent")[name] = value;
    edit
}

const TEXT: &str = "/timeline/tracks/0/clips/0";
const CLIP: &str = "/timeline/tracks/1/clips/0";

#[test]
fn a_wrong_value_is_refused_by_field_value_and_range() {
    let bench = Bench::new();
    let cases = [
        (format!("{CLIP}/length"), json!("long"), "a number from"),
        (format!("{CLIP}/length"), json!(0), "0.001"),
        (format!("{CLIP}/length"), json!(-1), "0.001"),
        (format!("{CLIP}/length"), json!(1e9), "14400"),
        (format!("{CLIP}/start"), json!(-0.5), "from 0"),
        (format!("{CLIP}/asset/type"), json!("hologram"), "video"),
        (
            format!("{CLIP}/asset/src"),
            json!("media/none.mp4"),
            "media/none.mp4",
        ),
        (
            format!("{CLIP}/asset/src"),
            json!("../../secret.mp4"),
            "secret.mp4",
        ),
        (format!("{CLIP}/fit"), json!("squeeze"), "crop"),
        (format!("{CLIP}/opacity"), json!(7), "7"),
        (format!("{TEXT}/asset/width"), json!(1_000_000), "8192"),
        (
            format!("{TEXT}/asset/html"),
            json!("<p>a</p><script>x()</script>"),
            "script",
        ),
        ("/output/size/width".into(), json!(100_000), "100000"),
        ("/output/size/height".into(), json!(0), "0"),
        ("/output/fps".into(), json!(1000), "1000"),
        ("/output/fps".into(), json!("fast"), "fast"),
        ("/output/format".into(), json!("avi"), "mp4"),
        ("/timeline/tracks".into(), json!("many"), "many"),
        ("/timeline/background".into(), json!("blue-ish"), "blue-ish"),
    ];
    for (field, value, allowed) in cases {
        bench.write("t.json", with(&field, value.clone()).to_string());
        let named = value.to_string();
        let short = match value.as_str() {
            // Of markup, the part that is wrong is told.
            Some(text) if text.contains(['<', '{']) => allowed,
            _ => named.trim_matches('"'),
        };
        let place = field.trim_end_matches("/width").trim_end_matches("/height");
        bench.refused(&format!("{field} = {value}"), &[place, short, allowed]);
    }
}

#[test]
fn what_is_no_edit_is_refused() {
    let bench = Bench::new();
    for (text, word) in [
        ("", "JSON"),
        ("{", "JSON"),
        ("{\"timeline\":", "JSON"),
        ("[]", "object"),
        ("{}", "/output"),
    ] {
        bench.write("t.json", text);
        bench.refused(text, &[word]);
    }
    let mut nested = "[".repeat(100_000);
    nested.push_str(&"]".repeat(100_000));
    bench.write("t.json", nested);
    bench.refused("deeply nested", &["JSON"]);
    fs::remove_file(bench.folder.path().join("t.json")).expect("removes");
    bench.refused("no file", &["t.json"]);
}

#[test]
fn too_many_clips_are_refused() {
    let bench = Bench::new();
    let clip = json!({"asset": {"type": "image", "src": "media/greeting-30/logo.png"}, "start": 0, "length": 1});
    bench.write(
        "t.json",
        with("/timeline/tracks/0/clips", json!(vec![clip; 20_001])).to_string(),
    );
    bench.refused("20001 clips", &["/timeline/tracks/0/clips", "20000"]);
}

#[test]
fn a_placeholder_without_a_value_is_refused_by_its_name() {
    let bench = Bench::new();
    bench.write("t.json", with("/merge", json!([])).to_string());
    bench.refused("no merge value", &["name"]);
}

#[test]
fn media_that_cannot_be_read_is_refused() {
    let bench = Bench::new();
    for (name, bytes) in [
        (
            "garbage.mp4",
            b"\x00\x00\x00\x08garbage, not media at all".as_slice(),
        ),
        ("empty.mp4", b""),
        ("text.mp4", b"hello\n"),
    ] {
        bench.write(name, bytes);
        bench.write(
            "t.json",
            with(&format!("{CLIP}/asset/src"), json!(name)).to_string(),
        );
        bench.refused(name, &[&format!("{CLIP}/asset/src"), name]);
    }
    for (name, bytes) in [("text.png", b"hello\n".as_slice()), ("empty.png", b"")] {
        bench.write(name, bytes);
        let asset = json!({"type": "image", "src": name});
        bench.write("t.json", with(&format!("{CLIP}/asset"), asset).to_string());
        bench.refused(name, &[&format!("{CLIP}/asset"), name]);
    }
}

#[test]
fn media_that_ends_before_its_first_picture_fails_by_name() {
    let bench = Bench::new();
    let whole = fs::read(shipped("assets/media/greeting-30/bg.mp4")).expect("shipped media");
    // Its header is whole, and promises pictures.
    bench.write("cut.mp4", &whole[..whole.len() / 100]);
    bench.write(
        "t.json",
        with(&format!("{CLIP}/asset/src"), json!("cut.mp4")).to_string(),
    );
    let output = bench.run(&["render", "t.json", "-o", "out/video.mp4"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{message}");
    assert!(message.contains("cut.mp4"), "{message}");
    bench.nothing_left("cut.mp4");
}

#[test]
fn an_unknown_font_is_replaced_and_named() {
    let bench = Bench::new();
    let css = json!("p { font-family: 'No Such Font' }");
    bench.write(
        "t.json",
        with(&format!("{TEXT}/asset/css"), css).to_string(),
    );
    let output = bench.run(&["plan", "t.json"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    for word in [TEXT, "No Such Font", "Open Sans"] {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn wrong_arguments_are_refused_with_what_is_allowed() {
    let bench = Bench::new();
    bench.write("t.json", small_edit(4, "#ffffff").to_string());
    for (arguments, word) in [
        (["--scheme", "diagonal"], "scenes"),
        (["--chunk-max", "99"], "10"),
        (["--threads", "0"], "0"),
        (["--set", "name"], "KEY=VALUE"),
        (["--bogus", "1"], "--bogus"),
    ] {
        let [option, value] = arguments;
        let output = bench.run(&["render", "t.json", "-o", "out/video.mp4", option, value]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(
            message.contains(option) && message.contains(word),
            "{message}"
        );
        bench.nothing_left(option);
    }
}

#[test]
fn a_failure_that_is_not_the_input_s_ends_with_one_and_leaves_nothing() {
    let bench = Bench::new();
    let mut edit = small_edit(1, "#ffffff");
    // One second: no name is seen, the render is quick.
    edit["timeline"]["tracks"] = json!([edit["timeline"]["tracks"][1]]);
    bench.write("t.json", edit.to_string());
    // A file where a folder is needed: refused to everybody, root too.
    bench.write("file", "in the way");
    let output = bench.run(&["render", "t.json", "-o", "file/video.mp4"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("file/video.mp4"), "{message}");
    assert_eq!(
        fs::read(bench.folder.path().join("file")).expect("still a file"),
        b"in the way"
    );
    bench.nothing_left("a file in the way");
}

#[test]
fn every_command_explains_itself() {
    let bench = Bench::new();
    let whole = bench.run(&["--help"]);
    let whole = String::from_utf8_lossy(&whole.stdout).into_owned();
    for command in ["render", "plan", "explain", "batch", "serve", "doctor"] {
        assert!(whole.contains(command), "{whole}");
        let output = bench.run(&[command, "--help"]);
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && help.contains("Usage: loomcast"),
            "{help}"
        );
        let options = help
            .lines()
            .filter(|line| line.trim_start().starts_with("--"));
        for option in options {
            let described = option
                .trim()
                .split("  ")
                .filter(|text| !text.is_empty())
                .count()
                >= 2;
            assert!(described, "{command}: {option:?}");
        }
    }
}

#[test]
fn doctor_reports_in_json_and_finds_a_missing_folder() {
    let bench = Bench::new();
    let output = bench.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (output.status.code(), &report["ok"]),
        (Some(0), &json!(true)),
        "{report}"
    );
    assert!(
        report["checks"]
            .as_array()
            .is_some_and(|checks| checks.len() >= 3)
    );
    let output = bench.run(&["doctor", "--json", "--assets", "nowhere"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (output.status.code(), &report["ok"]),
        (Some(1), &json!(false)),
        "{report}"
    );
    let broken = report["checks"].as_array().into_iter().flatten();
    let remedies = broken.filter(|check| check["state"] == "broken" && check["remedy"].is_string());
    assert_eq!(remedies.count(), 1, "{report}");
}

#[test]
fn a_good_edit_in_the_same_folder_is_rendered() {
    // What the refusals above are measured against.
    let bench = Bench::new();
    bench.write("t.json", small_edit(4, "#ffffff").to_string());
    let output = bench.run(&["render", "t.json", "-o", "out/video.mp4"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let left: Vec<_> = fs::read_dir(bench.folder.path().join("out"))
        .expect("the folder")
        .collect();
    assert_eq!(left.len(), 1);
    if have("ffprobe", "reading the rendered file") {
        let video = bench.folder.path().join("out/video.mp4");
        assert_eq!(frames(&video), "100");
    }
}

fn frames(path: &Path) -> String {
    let read = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("ffprobe runs");
    String::from_utf8_lossy(&read.stdout).trim().to_owned()
}

#[test]
fn a_part_of_live_streams_that_is_too_short_or_too_long_is_refused() {
    let bench = Bench::new();
    for wrong in ["199", "1001", "0", "-1", "0.2", "x", "99999999999"] {
        let output = bench.run(&["serve", &format!("--live-part={wrong}")]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {message}");
        for word in ["--live-part", wrong, "expected 200 to 1000"] {
            assert!(message.contains(word), "{wrong}: no {word:?} in {message}");
        }
    }
}
