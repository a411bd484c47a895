//! A disk that is full, read-only or broken: what is served is right or refused,
//! and the server stays up.
//!
//! The disks are real: a small tmpfs, folders whose permissions hold for the server
//! (which for that gives up the privilege of ignoring them).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server, light_edit};
use crate::support::files;

/// Runs what follows where permissions hold, though it be root.
const UNPRIVILEGED: [&str; 2] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

/// Runs what follows with a disk of a megabyte at the folder named first, all but
/// a few blocks of it in use already, until a file beside the folder says so.
const ON_A_FULL_DISK: [&str; 5] = [
    "unshare",
    "-rm",
    "sh",
    "-c",
    r#"mount -t tmpfs -o size=8m tmpfs "$0" && head -c 8320000 /dev/zero > "$0/else"
       (until [ -e "$0.free" ] || [ ! -d "/proc/$$" ]; do sleep 0.1; done; rm "$0/else") &
       exec "$@""#,
];

/// Videos after which a disk with room again is to have kept something.
const TRIES: u32 = 100;

/// Whether this machine lets a command do that; says what is skipped if not.
fn can(under: &[&str], test: &str) -> bool {
    let tried = Command::new(under[0])
        .args(&under[1..])
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: {test} needs {}", under.join(" "));
    }
    can
}

fn folder() -> TempDir {
    TempDir::with_prefix("loomcast-it-").expect("a temporary folder")
}

fn publish(server: &Server, colour: &str) -> Value {
    server.publish(&json!({"edit": light_edit(6, colour), "render": "on_demand"}))
}

/// The bytes of all segments of a video, and of the MP4.
fn watch(server: &Server, video: &Value) -> Vec<Vec<u8>> {
    let get = |path: &str| {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    };
    let id = video["id"].as_str().expect("an id");
    let mut bodies = Vec::new();
    for track in ["video", "audio"] {
        let playlist = get(&format!("/v1/videos/{id}/index/{track}.m3u8")).text();
        let uris = playlist.lines().filter(|line| line.starts_with("/c/"));
        bodies.extend(uris.map(|uri| get(uri).body));
    }
    bodies.push(get(&format!("/v1/videos/{id}.mp4")).body);
    bodies
}

/// The same bytes, segment by segment; which differs, if one does.
fn assert_same(seen: &[Vec<u8>], expected: &[Vec<u8>]) {
    let lengths = |bodies: &[Vec<u8>]| bodies.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(seen), lengths(expected));
    let differs = seen.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "of {}, the MP4 last", seen.len());
}

fn store_errors(server: &Server) -> u64 {
    let stats = server.get("/v1/stats").json();
    let errors = stats["cache"]["store_errors"].as_u64();
    errors.expect("a count")
}

fn chunks(data: &Path) -> Vec<PathBuf> {
    let folder = data.join("chunks/chunks");
    let paths = files(&folder)
        .into_iter()
        .map(|(path, _)| folder.join(path));
    paths.collect()
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

#[test]
fn damaged_chunks_are_rendered_anew_and_never_served() {
    let data = folder();
    let server = Server::start_in(data.path());
    let healthy = watch(&server, &publish(&server, "#fa0101"));
    server.terminate();

    let all = chunks(data.path());
    assert!(all.len() >= 4, "{all:?}");
    for (index, path) in all.iter().enumerate() {
        let mut bytes = fs::read(path).expect("reads");
        allow(path, 0o644);
        match index % 4 {
            0 => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x10;
                fs::write(path, bytes).expect("writes");
            }
            1 => fs::write(path, &bytes[..bytes.len() / 2]).expect("writes"),
            2 => fs::remove_file(path).expect("deletes"),
            // A folder where a file should be: it cannot be read.
            _ => {
                fs::remove_file(path).expect("deletes");
                fs::create_dir(path).expect("a folder");
            }
        }
    }
    // What a start sees at once is mended; what only a reader sees, by the reader.
    let server = Server::start_in(data.path());
    assert_same(&watch(&server, &publish(&server, "#fa0101")), &healthy);
    // And while it runs, with nothing in memory.
    server.terminate();
    let server = Server::start_under(&[], data.path(), &["--memory", "0"]);
    for path in chunks(data.path()) {
        allow(&path, 0o644);
        fs::write(&path, b"nonsense").expect("writes");
    }
    assert_same(&watch(&server, &publish(&server, "#fa0101")), &healthy);
    let stats = server.get("/v1/stats").json();
    assert!(stats["store"]["corrupt"].as_u64() > Some(0), "{stats}");
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_store_without_an_index_or_with_a_damaged_one_gives_back_all_its_chunks() {
    let data = folder();
    let server = Server::start_in(data.path());
    let healthy = watch(&server, &publish(&server, "#fa0202"));
    server.terminate();
    let index = data.path().join("chunks/index");
    for damaged in [true, false] {
        if damaged {
            for (name, mut bytes) in files(&index) {
                bytes.iter_mut().for_each(|byte| *byte = !*byte);
                fs::write(index.join(name), bytes).expect("writes");
            }
        } else {
            fs::remove_dir_all(&index).expect("deletes");
        }
        let server = Server::start_in(data.path());
        assert_same(&watch(&server, &publish(&server, "#fa0202")), &healthy);
        let stats = server.get("/v1/stats").json();
        assert_eq!(stats["cache"]["misses"], 0, "damaged {damaged}: {stats}");
        server.terminate();
    }
}

#[test]
fn a_full_disk_costs_viewers_nothing() {
    let test = "a_full_disk_costs_viewers_nothing";
    let data = folder();
    let disk = data.path().join("disk");
    fs::create_dir(&disk).expect("a folder");
    let under = [&ON_A_FULL_DISK[..], &[disk.to_str().expect("a plain path")]].concat();
    if !can(&under, test) {
        return;
    }
    let healthy_data = folder();
    let healthy = Server::start_in(healthy_data.path());
    let server = Server::start_under(&under, &disk, &["--keep-free", "0", "--memory", "0"]);
    let same = |colour: &str| {
        let expected = watch(&healthy, &publish(&healthy, colour));
        assert_same(&watch(&server, &publish(&server, colour)), &expected);
    };
    ["#fa0301", "#fa0302", "#fa0303"]
        .iter()
        .for_each(|colour| same(colour));
    assert!(store_errors(&server) > 0);
    assert_eq!(server.get("/readyz").status, 200);

    // When there is room again, chunks are kept again.
    fs::write(data.path().join("disk.free"), b"").expect("writes");
    let stored = || server.get("/v1/stats").json()["store"]["chunks"].as_u64();
    let kept = (0_u32..TRIES).any(|attempt| {
        same(&format!("#fa{:04x}", 0x1000 + attempt));
        stored() >= Some(8)
    });
    assert!(kept, "{}", server.get("/v1/stats").text());
    assert!(server.terminate().success());
}

#[test]
fn a_disk_that_turns_read_only_costs_viewers_nothing() {
    let test = "a_disk_that_turns_read_only_costs_viewers_nothing";
    if !can(&UNPRIVILEGED, test) {
        return;
    }
    let data = folder();
    let server = Server::start_under(&UNPRIVILEGED, data.path(), &["--memory", "0"]);
    let before = watch(&server, &publish(&server, "#fa0401"));
    let folders = ["chunks/tmp", "chunks/chunks", "chunks", "sound", "."];
    let folders = folders.map(|name| data.path().join(name));
    folders.iter().for_each(|folder| allow(folder, 0o555));
    let unreadable = chunks(data.path()).remove(0);
    allow(&unreadable, 0o000);

    // What is there is served, what cannot be read or kept is rendered.
    assert_same(&watch(&server, &publish(&server, "#fa0401")), &before);
    let other = watch(&server, &publish(&server, "#fa0402"));
    assert!(store_errors(&server) > 0);
    assert_eq!(server.get("/healthz").status, 200);
    // The same bytes as on a disk that takes them.
    folders.iter().for_each(|folder| allow(folder, 0o755));
    assert_same(&watch(&server, &publish(&server, "#fa0402")), &other);
    assert!(
        unreadable.exists(),
        "what cannot be read is not thrown away"
    );
    assert!(server.terminate().success());
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_at_the_start() {
    if !can(
        &UNPRIVILEGED,
        "a_folder_that_cannot_be_used_is_refused_at_the_start",
    ) {
        return;
    }
    let data = folder();
    allow(data.path(), 0o555);
    let refused = Command::new(UNPRIVILEGED[0])
        .args(&UNPRIVILEGED[1..])
        .arg(env!("CARGO_BIN_EXE_loomcast"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .output()
        .expect("it runs");
    allow(data.path(), 0o755);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let path = data.path().join("chunks").display().to_string();
    assert!(
        said.contains(&path) && said.contains("not permitted"),
        "{said}"
    );
}
