//! The house rules that a compiler does not check: which layer may use which,
//! and where sled, GStreamer and FFmpeg may be named. Only the part of a file
//! before its tests counts.

use std::fs;
use std::path::{Path, PathBuf};

/// Layer of each top-level module. A module uses lower layers; of its own one
/// only what [`BESIDE`] says.
const LAYERS: [(&str, u8); 35] = [
    ("time", 0),
    ("digest", 0),
    ("template", 1),
    ("timeline", 1),
    ("partition", 1),
    ("chunk", 1),
    ("profile", 1),
    ("playlist", 1),
    ("policy", 1),
    ("offload", 1),
    ("cmaf", 1),
    ("interchange", 1),
    ("channel", 1),
    ("catalogue", 2),
    ("cache", 2),
    ("store", 2),
    ("fetch", 2),
    ("live", 2),
    ("recording", 2),
    ("room", 2),
    ("media", 2),
    ("raster", 2),
    ("render", 2),
    ("broadcast", 3),
    ("plugin", 3),
    ("edge", 3),
    ("delivery", 3),
    ("casting", 3),
    ("publish", 3),
    ("jobs", 3),
    ("http", 4),
    ("cli", 4),
    ("app", 5),
    ("lib", 6),
    ("main", 6),
];

/// Who uses whom within one layer, or above.
const BESIDE: [(&str, &[&str]); 20] = [
    ("template", &["timeline", "profile"]),
    ("timeline", &["template", "profile"]),
    ("partition", &["timeline", "template", "chunk", "profile"]),
    ("chunk", &["timeline", "template", "profile"]),
    ("interchange", &["template", "timeline"]),
    // What would be kept is simulated by what keeps it.
    ("offload", &["policy"]),
    (
        "channel",
        &[
            "template",
            "timeline",
            "partition",
            "chunk",
            "cmaf",
            "profile",
            "playlist",
        ],
    ),
    ("cache", &["store"]),
    ("recording", &["live"]),
    ("room", &["live"]),
    ("render", &["raster", "media"]),
    ("publish", &["delivery"]),
    ("jobs", &["delivery", "publish"]),
    // Rendered videos, put on the air.
    ("casting", &["delivery", "broadcast"]),
    // Live playlists as texts, and the time of day.
    ("edge", &["broadcast"]),
    // Only delivery renders; above it, the words of a request's urgency, the
    // pool's load and a still are named.
    ("http", &[]),
    // The command line composes: it opens the engine and starts the server.
    ("cli", &["app", "http"]),
    ("delivery", &[]),
    ("time", &[]),
    ("digest", &[]),
];

struct Source {
    /// Relative to `src`.
    name: String,
    module: String,
    /// Without comments and tests.
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is read") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).expect("within src");
            let name = name.to_str().expect("a plain name").to_owned();
            if !name.ends_with(".rs") || name.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("text");
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code = code
                .split("#[cfg(test)]\npub(super) mod ")
                .next()
                .unwrap_or_default();
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .flat_map(|line| [line, "\n"])
                .collect();
            let module = name.split(['/', '.']).next().unwrap_or_default().to_owned();
            let lines = text.lines().count();
            sources.push(Source {
                name,
                module,
                code,
                lines,
            });
        }
    }
    assert!(sources.len() > 50, "src was found");
    sources
}

fn layer(module: &str) -> u8 {
    let known = LAYERS.iter().find(|(name, _)| *name == module);
    known
        .unwrap_or_else(|| panic!("{module} has no layer: add it to LAYERS"))
        .1
}

/// The modules named as `crate::module`, alone or in a group.
fn used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => rest,
        };
        let count = if rest.starts_with('{') { usize::MAX } else { 1 };
        for name in names.split(',').take(count) {
            let word = |c: char| !(c.is_ascii_lowercase() || c == '_');
            let name = name.trim().split(word).next().unwrap_or_default();
            used.push(name.to_owned());
        }
    }
    used.retain(|name| LAYERS.iter().any(|(known, _)| known == name));
    used
}

#[test]
fn modules_use_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = layer(&source.module);
        let beside = BESIDE.iter().find(|(name, _)| *name == source.module);
        let beside = beside.map_or([].as_slice(), |(_, others)| others);
        for other in used(&source.code) {
            let allowed =
                other == source.module || layer(&other) < own || beside.contains(&other.as_str());
            if !allowed {
                wrong.push(format!("{} uses {other}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn foreign_names_stay_in_their_places() {
    let places: [(&str, &[&str]); 12] = [
        ("sled::", &["store/index.rs"]),
        ("gst::", &["media/"]),
        ("gst_app::", &["media/"]),
        ("gst_video::", &["media/"]),
        ("ffmpeg_next", &["media/"]),
        ("takumi::", &["raster/", "render/"]),
        ("axum::", &["http/"]),
        ("ureq::", &["fetch/"]),
        ("hyper_util::", &["edge/", "http/serve.rs"]),
        ("hyper_rustls::", &["edge/"]),
        ("rtmp_runtime::", &["live/rtmp/"]),
        ("clap::", &["cli/", "main.rs"]),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        for (word, homes) in places {
            let home = homes.iter().any(|home| source.name.starts_with(home));
            if !home && source.code.contains(word) {
                wrong.push(format!("{} names {word}", source.name));
            }
        }
        if layer(&source.module) <= 1 {
            for word in [
                "tokio",
                "std::fs",
                "std::net",
                "Instant::now",
                "SystemTime::now",
                "tracing::",
            ] {
                if source.code.contains(word) {
                    wrong.push(format!("{} is pure and names {word}", source.name));
                }
            }
        }
        if source.code.contains(".unwrap()") {
            wrong.push(format!("{} unwraps", source.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_grows_out_of_sight() {
    /// Twice what one reads in a sitting, tests included.
    const MAX_LINES: usize = 800;
    let mut long: Vec<(usize, String)> = sources()
        .into_iter()
        .map(|source| (source.lines, source.name))
        .collect();
    long.sort_unstable_by(|a, b| b.cmp(a));
    for (lines, name) in long.iter().take(5) {
        eprintln!("{lines:5} {name}");
    }
    assert!(long[0].0 <= MAX_LINES, "{:?}", long[0]);
}
