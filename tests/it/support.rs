//! What the tests of rendering share: scratch folders, the binary, media made
//! and read back by ffmpeg.
//!
//! ffmpeg and ffprobe are the second opinion here: what Loomcast writes is
//! judged by a reader that Loomcast did not write. Without them a test skips.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Whether ffmpeg and ffprobe are there; says on standard error what is
/// skipped when they are not.
pub fn have_ffmpeg(test: &str) -> bool {
    let runs = |tool: &str| {
        let version = Command::new(tool)
            .arg("-version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    };
    let both = runs("ffmpeg") && runs("ffprobe");
    if !both {
        eprintln!("skipped: {test} needs ffmpeg and ffprobe");
    }
    both
}

/// The assets that come with Loomcast.
pub fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}

/// A folder of a test's own, gone when it ends. Media and Edits lie beside one
/// another in it, as a user's would.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(TempDir::with_prefix("loomcast-it-").expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes an Edit.
    pub fn edit(&self, name: &str, edit: &Value) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, edit.to_string()).expect("writes");
        path
    }

    /// Makes the file `name` out of ffmpeg's own sources: `inputs` are lavfi
    /// graphs, `how` is what stands before the file's name.
    pub fn make(&self, name: &str, inputs: &[&str], how: &[&str]) -> PathBuf {
        let path = self.path(name);
        let mut args: Vec<&OsStr> = vec!["-y".as_ref()];
        for input in inputs {
            args.extend(["-f", "lavfi", "-i", input].map(OsStr::new));
        }
        args.extend(how.iter().map(OsStr::new));
        args.push(path.as_os_str());
        ffmpeg(args);
        path
    }

    /// Moving pictures at 320x180 whose frames are decoded out of order: GOPs
    /// of up to 250 frames with B-frames that B-frames refer to.
    pub fn footage(&self, name: &str, source: &str, seconds: u32) -> PathBuf {
        let input = format!("{source}=s=320x180:r=30");
        let duration = seconds.to_string();
        let how = [
            "-t",
            &duration,
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-bf",
            "3",
            "-b-pyramid",
            "normal",
            "-g",
            "250",
            "-crf",
            "16",
            "-pix_fmt",
            "yuv420p",
            "-colorspace",
            "bt709",
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
            "-color_range",
            "tv",
        ];
        self.make(name, &[&input], &how)
    }

    /// A picture of one colour, written `0xRRGGBB`.
    pub fn solid(&self, name: &str, colour: &str, size: &str) -> PathBuf {
        let input = format!("color=c={colour}:s={size},format=rgb24");
        self.make(name, &[&input], &["-frames:v", "1"])
    }

    /// Rich stereo sound that never repeats and never clips: chords of detuned
    /// sines over pink noise, 48 kHz.
    pub fn music(&self, name: &str, seconds: u32, root_hz: u32) -> PathBuf {
        let sine = |factor: f64| format!("sin(2*PI*{:.3}*t)", f64::from(root_hz) * factor);
        let side = |detune: f64| {
            format!(
                "0.12*{}*(0.7+0.3*sin(2.6*t))+0.1*{}+0.08*{}+0.04*{}",
                sine(detune),
                sine(1.4983 * detune),
                sine(3.1777 * detune),
                sine(11.33 * detune)
            )
        };
        let tones = format!(
            "aevalsrc='{}|{}':s=48000:d={seconds}",
            side(1.0),
            side(1.0031)
        );
        let noise = |seed| format!("anoisesrc=c=pink:a=0.25:r=48000:d={seconds}:seed={seed}");
        let mix =
            "[1][2]join=inputs=2:channel_layout=stereo[hiss];[0][hiss]amix=inputs=2:normalize=0";
        let how = ["-filter_complex", mix, "-ac", "2", "-c:a", "pcm_s16le"];
        self.make(name, &[&tones, &noise(5), &noise(6)], &how)
    }
}

/// Runs ffmpeg, which must succeed, and returns what it writes to standard output.
pub fn ffmpeg<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Vec<u8> {
    quietly("ffmpeg", args).stdout
}

/// Runs ffprobe for its JSON.
pub fn ffprobe(file: &Path, args: &[&str]) -> Value {
    let args = args.iter().map(OsStr::new);
    let all = args.chain([OsStr::new("-of"), OsStr::new("json"), file.as_os_str()]);
    serde_json::from_slice(&quietly("ffprobe", all).stdout).expect("ffprobe writes JSON")
}

/// Both tools stay silent unless something is wrong with a file.
fn quietly<S: AsRef<OsStr>>(tool: &str, args: impl IntoIterator<Item = S>) -> Output {
    let output = Command::new(tool)
        .args(["-hide_banner", "-v", "error"])
        .args((tool == "ffmpeg").then_some("-nostdin"))
        .args(args)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{tool}: {said}");
    output
}

/// The whole numbers of one field of ffprobe's `entries` (`frames` or `packets`).
pub fn numbers(probed: &Value, entries: &str, field: &str) -> Vec<i64> {
    let entries = probed[entries].as_array().expect("an array");
    entries
        .iter()
        .map(|entry| entry[field].as_i64().expect("a number"))
        .collect()
}

/// How a run of the binary ended.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// What `--json` printed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?}; {}", self.stdout, self.stderr))
    }
}

/// One user: a data folder, and the binary run over it.
pub struct Loomcast {
    data: PathBuf,
    garbage: Option<u8>,
}

impl Loomcast {
    /// With the data folder `name` in `scratch`.
    pub fn new(scratch: &Scratch, name: &str) -> Self {
        Self {
            data: scratch.path(name),
            garbage: None,
        }
    }

    /// On a machine whose fresh memory is full of `garbage` (glibc fills it on
    /// demand): who reads what was never written gives himself away.
    pub fn with_memory_full_of(self, garbage: u8) -> Self {
        Self {
            garbage: Some(garbage),
            ..self
        }
    }

    /// Runs a command that knows the folders, with `--json`.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let fill = self
            .garbage
            .map(|byte| ("MALLOC_PERTURB_", byte.to_string()));
        let output = Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .envs(fill)
            .args(args)
            .arg("--json")
            .env("LOOMCAST_ASSETS", assets())
            .env("LOOMCAST_DATA", &self.data)
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The same, and it must succeed.
    pub fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.json()
    }

    /// `render EDIT -o OUTPUT` and `more`.
    pub fn render(&self, edit: &Path, output: &Path, more: &[&str]) -> Rendered {
        let first = [
            "render".as_ref(),
            edit.as_os_str(),
            "-o".as_ref(),
            output.as_os_str(),
        ];
        let report = self.json(first.into_iter().chain(more.iter().map(OsStr::new)));
        let count = |name: &str| report[name].as_u64().expect("a count") as usize;
        let video = count("video_chunks_rendered");
        let rendered = Rendered {
            total: count("chunks_total"),
            hits: count("chunks_hit"),
            video,
            audio: count("chunks_rendered") - video,
            frames: count("frames"),
        };
        assert_eq!(
            rendered.hits + rendered.video + rendered.audio,
            rendered.total
        );
        rendered
    }

    /// `plan EDIT` and `more`.
    pub fn plan(&self, edit: &Path, more: &[&str]) -> Vec<Planned> {
        let first = ["plan".as_ref(), edit.as_os_str()];
        let rows = self.json(first.into_iter().chain(more.iter().map(OsStr::new)));
        let row = |row: &Value| Planned {
            video: row["track"] == "video",
            start: row["start"].as_f64().expect("seconds"),
            duration: row["duration"].as_f64().expect("seconds"),
            key: row["key"].as_str().expect("a key").to_owned(),
            hit: row["state"] == "hit",
        };
        rows.as_array().expect("an array").iter().map(row).collect()
    }
}

/// What `render --json` says of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub total: usize,
    pub hits: usize,
    pub video: usize,
    pub audio: usize,
    pub frames: usize,
}

/// A row of `plan --json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub video: bool,
    pub start: f64,
    pub duration: f64,
    pub key: String,
    pub hit: bool,
}

/// A line of text at the foot of a 320x180 frame, an Edit's `html` asset.
pub fn caption(text: &str) -> Value {
    serde_json::json!({
        "type": "html",
        "html": format!("<div class=\"t\">{text}</div>"),
        "css": ".t { width: 300px; height: 40px; color: #ffffff; background-color: rgba(0, 0, 0, 0.5); \
                font-family: 'Montserrat'; font-weight: 700; font-size: 24px; line-height: 40px; white-space: nowrap; }",
        "width": 300,
        "height": 40
    })
}

/// Decodes the sound of a file or playlist to interleaved stereo, from its very
/// first sample.
pub fn decode_sound(file: &Path) -> Vec<f32> {
    let args = ["-i".as_ref(), file.as_os_str()];
    let out = ["-map", "0:a:0", "-f", "f32le", "-ac", "2", "-"].map(OsStr::new);
    let bytes = ffmpeg(args.into_iter().chain(out));
    let sample = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    bytes.chunks_exact(4).map(sample).collect()
}

/// Every file under `folder` with its bytes, by its path inside it.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("inside").to_owned();
                found.push((name, fs::read(&path).expect("reads")));
            }
        }
    }
    found.sort();
    found
}

/// The segments of one track of a folder of HLS, in order.
pub fn segments(folder: &Path, track: &str) -> Vec<Vec<u8>> {
    let is_segment = |path: &PathBuf| path.extension() == Some("m4s".as_ref());
    files(&folder.join(track))
        .into_iter()
        .filter(|(path, _)| is_segment(path))
        .map(|(_, bytes)| bytes)
        .collect()
}

/// How alike the frames of two files are, frame by frame: `skip` frames of the
/// second are left out first.
pub fn ssim(scratch: &Scratch, a: &Path, b: &Path, skip: usize) -> Vec<f64> {
    let stats = scratch.path("ssim.txt");
    let graph = format!(
        "[1:v]trim=start_frame={skip},setpts=PTS-STARTPTS[b];[0:v][b]ssim=shortest=1:stats_file={}",
        stats.display()
    );
    let inputs = ["-i".as_ref(), a.as_os_str(), "-i".as_ref(), b.as_os_str()];
    let out = ["-lavfi", &graph, "-an", "-f", "null", "-"].map(OsStr::new);
    ffmpeg(inputs.into_iter().chain(out));
    let lines = fs::read_to_string(stats).expect("was written");
    let all = |line: &str| {
        let field = line
            .split_whitespace()
            .find_map(|field| field.strip_prefix("All:"));
        field.and_then(|value| value.parse().ok()).expect("All:n")
    };
    lines.lines().map(all).collect()
}
