//! What many recipients of one template cost an origin behind an edge.
//!
//!     cargo bench --bench recipients [-- --recipients 1000] [--players 8]
//!
//! Origin and edge are processes of their own. Each recipient's greeting-30 is made on demand,
//! and all of it is played through the edge: its playlists, init segments and every segment. What
//! came from the origin is compared with the least that can come: each distinct chunk once.
//!
//! Run by `cargo bench`, it is a release build; `cargo bench --profile dev` is enough to try it
//! with a few. It ends with 1 if a byte of a chunk came twice, or an answer was not as it should be.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

/// The template, and how many different offers its recipients have.
const TEMPLATE: &str = "greeting-30";
const OFFERS: usize = 20;

/// By how much the first part of a track may be longer than the same chunk elsewhere.
const AT_BEGINNING: u64 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        let Some(at) = at else { return default };
        let value = arguments.get(at + 1);
        let number = value.and_then(|value| value.parse().ok());
        number.unwrap_or_else(|| panic!("{name}: expected a number, got {value:?}"))
    };
    let (recipients, players) = (number("--recipients", 1_000), number("--players", 8));
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (assets, templates) = (here.join("assets"), here.join("templates"));
    let origin = Process::start(
        folder.path(),
        "serve",
        &[
            "--assets",
            assets.to_str().expect("a plain path"),
            "--templates",
            templates.to_str().expect("a plain path"),
        ],
    );
    let edge = Process::start(folder.path(), "edge", &["--upstream", &origin.url("")]);
    let begun = Instant::now();
    let (turn, played) = (AtomicUsize::new(0), Mutex::new(Played::default()));
    thread::scope(|scope| {
        for _ in 0..players {
            scope.spawn(|| {
                let agent = ureq::Agent::new_with_defaults();
                loop {
                    let index = turn.fetch_add(1, Ordering::Relaxed);
                    if index >= recipients {
                        return;
                    }
                    let one = play(&agent, &origin, &edge, index);
                    played.lock().expect("no panic").add(one);
                    if (index + 1) % 100 == 0 {
                        eprintln!("{} of {recipients}", index + 1);
                    }
                }
            });
        }
    });
    let played = played.into_inner().expect("no panic");
    let figures = get(&ureq::Agent::new_with_defaults(), &edge.url("/v1/edge"));
    let figures: Value = serde_json::from_slice(&figures).expect("JSON");
    let came = |kind: &str| -> u64 {
        let causes = figures["upstream_bytes"][kind]
            .as_object()
            .expect("by cause");
        causes.values().filter_map(Value::as_u64).sum()
    };
    let least: u64 = played.distinct.values().sum();
    let build = if cfg!(debug_assertions) {
        "development"
    } else {
        "release"
    };
    println!(
        "{recipients} recipients of {TEMPLATE}, {:.0} s; {build} build",
        begun.elapsed().as_secs_f64()
    );
    println!(
        "segments played        {} ({} bytes) of {} distinct chunks ({least} bytes)",
        played.segments,
        played.bytes,
        played.distinct.len()
    );
    let chunks = came("chunk");
    println!(
        "chunks from the origin {chunks} bytes, {:.4} of the least; {:.4} of what was played is saved",
        chunks as f64 / least as f64,
        1.0 - chunks as f64 / played.bytes as f64
    );
    println!(
        "init segments          {} bytes from the origin",
        came("init")
    );
    println!(
        "playlists              {} bytes from the origin",
        came("playlist")
    );
    println!("of all                 {} saved", figures["offload"]);
    match chunks.abs_diff(least) <= AT_BEGINNING * played.distinct.len() as u64 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What was played.
#[derive(Default)]
struct Played {
    segments: usize,
    bytes: u64,
    /// Chunks by their keys, and their bytes.
    distinct: HashMap<String, u64>,
}

impl Played {
    fn add(&mut self, other: Self) {
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.distinct.extend(other.distinct);
    }
}

/// Makes the video of one recipient, and plays all of it.
fn play(agent: &ureq::Agent, origin: &Process, edge: &Process, index: usize) -> Played {
    let request = json!({
        "template": TEMPLATE,
        "data": {"name": format!("Recipient {index}"), "offer": format!("offer {}", index % OFFERS)},
        "render": "on_demand",
    });
    let made = agent
        .post(origin.url("/v1/videos"))
        .send(request.to_string().as_bytes());
    let made = made.unwrap_or_else(|error| panic!("recipient {index}: {error}"));
    let made = made.into_body().read_to_vec().expect("an answer");
    let made: Value = serde_json::from_slice(&made).expect("JSON");
    let id = made["id"].as_str().expect("an id");
    get(agent, &edge.url(&format!("/v1/videos/{id}/index.m3u8")));
    let mut played = Played::default();
    for track in ["video", "audio"] {
        let playlist = get(
            agent,
            &edge.url(&format!("/v1/videos/{id}/index/{track}.m3u8")),
        );
        let playlist = String::from_utf8(playlist).expect("text");
        for line in playlist.lines() {
            if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
                get(agent, &edge.url(map.trim_end_matches('"')));
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = get(agent, &edge.url(line)).len() as u64;
            let key = line.split('/').nth(2).expect("a key").to_owned();
            played.segments += 1;
            played.bytes += bytes;
            played.distinct.insert(key, bytes);
        }
    }
    played
}

fn get(agent: &ureq::Agent, url: &str) -> Vec<u8> {
    let answer = agent.get(url).call();
    let mut body = answer
        .unwrap_or_else(|error| panic!("{url}: {error}"))
        .into_body();
    let body = body.with_config().limit(1 << 30).read_to_vec();
    body.unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// `loomcast serve` or `loomcast edge`.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(folder: &Path, command: &str, more: &[&str]) -> Self {
        let data = folder.join(command);
        std::fs::create_dir(&data).expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .args([command, "--listen", "127.0.0.1:0"])
            .args(more)
            .arg("--data-dir")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(data.join("log")).expect("a log"))
            .spawn()
            .expect("it starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let address = line.strip_prefix("loomcast: serving on http://")?;
            Some(address.to_owned())
        });
        let address = address.unwrap_or_else(|| panic!("no address: see {}", data.display()));
        Self { child, address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
