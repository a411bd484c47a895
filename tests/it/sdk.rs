//! The clients that there are, with nothing changed in them: the Node and Python SDKs
//! of the Shotstack Edit API, told only where the server is; and its published schemas
//! as a judge of what is answered.
//!
//! They come from npm and PyPI at pinned versions, into `target/sdk`. Where those
//! cannot be reached the tests are skipped, and say so; with `LOOMCAST_SDKS=required`,
//! as scripts/check has it, they fail instead.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server, light_edit};
use crate::support::{ffprobe, have_ffmpeg};

/// One installs at a time: the folders are shared.
static INSTALLING: Mutex<()> = Mutex::new(());

pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sdk")
}

fn installed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("sdk")
        .join(name)
}

/// Runs `commands` in the folder `name`, unless what they install is there from
/// `pins` as they are now; `None` where that is impossible.
pub fn install(name: &str, pins: &[&str], commands: &[Vec<String>]) -> Option<PathBuf> {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = installed(name);
    let wanted: String = pins
        .iter()
        .map(|pin| fs::read_to_string(scripts().join(pin)).expect("the pins are there"))
        .collect();
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Some(folder);
    }
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("a folder");
    for pin in pins {
        fs::copy(scripts().join(pin), folder.join(pin)).expect("copies");
    }
    for command in commands {
        let log = File::create(folder.join("install.log")).expect("a log");
        let ran = Command::new(&command[0])
            .args(&command[1..])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("clones"))
            .stderr(log)
            .status();
        if !ran.is_ok_and(|status| status.success()) {
            let said = fs::read_to_string(folder.join("install.log")).unwrap_or_default();
            let message = format!("{name}: `{}` did not work: {said}", command.join(" "));
            let required = std::env::var("LOOMCAST_SDKS").is_ok_and(|word| word == "required");
            assert!(!required, "{message}");
            eprintln!("skipped: {message}");
            return None;
        }
    }
    fs::write(stamp, wanted).expect("writes");
    Some(folder)
}

pub fn words(command: &str) -> Vec<String> {
    command.split(' ').map(str::to_owned).collect()
}

pub fn node() -> Option<PathBuf> {
    let pins = ["package.json", "package-lock.json"];
    let command = "npm ci --ignore-scripts --no-audit --no-fund --loglevel=error";
    install("node", &pins, &[words(command)])
}

fn python() -> Option<PathBuf> {
    let commands = [
        words("python3 -m venv venv"),
        words("venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt"),
    ];
    install("python", &["requirements.txt"], &commands)
}

/// Runs a client to its end, which must be a good one; what it prints.
pub fn run(program: &Path, arguments: &[&str], folder: &Path, input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        // Where scripts that lie elsewhere find their packages.
        .env("NODE_PATH", folder.join("node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?} {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// A client's whole errand, and what came of it.
fn errand(server: &Server, program: &Path, script: &str, folder: &Path) -> Value {
    let out = TempDir::with_prefix("loomcast-it-").expect("a temporary folder");
    let file = out.path().join("video.mp4");
    let script = scripts().join(script);
    let arguments = [
        script.to_str().expect("a plain path"),
        &server.url("/edit/v1"),
        "a-client's-key",
        file.to_str().expect("a plain path"),
    ];
    let seen = run(program, &arguments, folder, "");
    let seen: Value = serde_json::from_str(&seen).expect("it prints JSON");
    if have_ffmpeg("the file that a client fetched") {
        let probed = ffprobe(&file, &["-show_streams"]);
        let stream = &probed["streams"][0];
        assert_eq!(
            (
                &stream["codec_name"],
                &stream["width"],
                &stream["nb_frames"]
            ),
            (&json!("h264"), &json!(256), &json!("50"))
        );
    }
    assert_eq!(
        (&seen["streams"], &seen["again"]),
        (&json!(1), &json!("done"))
    );
    assert_eq!(seen["render"]["status"], "done");
    assert_eq!(seen["render"]["duration"], 2.0);
    assert_eq!(seen["asset"]["status"], "ready");
    assert_eq!(seen["asset"]["url"], seen["render"]["url"]);
    assert_eq!(seen["unknown"]["status"], 404);
    let bad = &seen["bad"];
    assert_eq!(
        (&bad["status"], &bad["body"]["success"]),
        (&json!(400), &json!(false))
    );
    let message = bad["body"]["response"]["message"].as_str();
    assert!(
        message.is_some_and(|text| text.contains("/length")),
        "{bad:#}"
    );
    seen
}

fn keyed() -> (TempDir, Server) {
    let data = TempDir::with_prefix("loomcast-it-").expect("a temporary folder");
    let key = ["--api-key", "a-client's-key"];
    let server = Server::start_under(&[], data.path(), &key);
    (data, server)
}

#[test]
fn the_node_sdk_renders_fetches_probes_and_keeps_templates_unchanged() {
    let Some(folder) = node() else { return };
    let (_data, server) = keyed();
    errand(&server, Path::new("node"), "client.cjs", &folder);
}

#[test]
fn the_python_sdk_renders_fetches_probes_and_keeps_templates_unchanged() {
    let Some(folder) = python() else { return };
    let (_data, server) = keyed();
    let seen = errand(
        &server,
        &folder.join("venv/bin/python"),
        "client.py",
        &folder,
    );
    assert_eq!(seen["unknown"]["kind"], "NotFoundException");
}

#[test]
fn every_answer_fits_the_published_schemas() {
    let Some(folder) = node() else { return };
    let server = Server::start();
    let mut answers = String::new();
    let mut judge = |schema: &str, value: &Value| {
        let mut value = value.clone();
        // What is told beyond the description, and said to be.
        if let Some(Value::Object(render)) = value.get_mut("response") {
            render.remove("hls");
            render.remove("playable");
        }
        let line = json!({"schema": schema, "value": value}).to_string();
        answers.push_str(&line);
        answers.push('\n');
    };
    let post = |path: &str, body: &Value| server.post(path, body.to_string().as_bytes()).json();
    let mut edit = light_edit(2, "#5d0001");
    edit["callback"] = json!("https://example.com/done");
    let body = json!({"name": "one", "template": edit});
    let made = post("/edit/v1/templates", &body);
    judge("templateResponse", &made);
    let id = made["response"]["id"].as_str().expect("an id").to_owned();
    let own = format!("/edit/v1/templates/{id}");
    judge("templateDataResponse", &server.get(&own).json());
    judge("edit", &server.get(&own).json()["response"]["template"]);
    judge(
        "templateResponse",
        &server.put(&own, body.to_string().as_bytes()).json(),
    );
    judge(
        "templateListResponse",
        &server.get("/edit/stage/templates").json(),
    );
    edit["callback"].take();
    edit.as_object_mut().expect("an object").remove("callback");
    let queued = post("/edit/v1/render", &edit);
    judge("queuedResponse", &queued);
    let id = queued["response"]["id"].as_str().expect("an id").to_owned();
    let own = format!("/edit/v1/render/{id}");
    judge("renderResponse", &server.get(&own).json());
    server.finished(&id);
    let done = server.get(&format!("{own}?data=true&merged=true")).json();
    assert_eq!(done["response"]["status"], "done");
    judge("renderResponse", &done);
    judge("edit", &done["response"]["data"]);
    let probed = server.get("/edit/v1/probe/media%2Fgreeting-30%2Fbg.mp4");
    judge("probeResponse", &probed.json());
    for base in ["/serve/v1", "/serve/stage"] {
        let assets = server.get(&format!("{base}/assets/render/{id}")).json();
        judge("assetRenderResponse", &assets);
        judge(
            "assetResponse",
            &server.get(&format!("{base}/assets/{id}")).json(),
        );
    }
    let script = scripts().join("judge.cjs");
    let script = script.to_str().expect("a plain path");
    let said = run(Path::new("node"), &[script], &folder, &answers);
    assert_eq!(said, format!("judged {}\n", answers.lines().count()));
    // The judge is no yes-man.
    let wrong = r#"{"schema":"queuedResponse","value":{"success":"yes"}}"#;
    let said = run(Path::new("node"), &[script], &folder, wrong);
    assert!(said.starts_with("queuedResponse:"), "{said}");
}
