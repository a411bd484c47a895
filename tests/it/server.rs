//! A `loomcast serve` of a test's own, and a client for it.
//!
//! The server is a child process on a free port with a data folder of its own;
//! it is killed when the test ends, however it ends. What it serves does not
//! belong here.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::live::MOST_LOOKS;

/// After this a server that answers nothing is broken, on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The assets and templates that come with Loomcast.
pub fn shipped(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// A running server.
pub struct Server {
    child: Child,
    address: String,
    rtmp: Option<String>,
    srt: Option<String>,
    dictionary: Option<String>,
    /// Kept alive for as long as its process writes into it.
    _data: Option<TempDir>,
    agent: ureq::Agent,
}

impl Server {
    /// A server with a fresh data folder.
    pub fn start() -> Self {
        let data = TempDir::with_prefix("loomcast-it-").expect("a temporary folder");
        let mut server = Self::start_in(data.path());
        server._data = Some(data);
        server
    }

    /// A server over the data folder `data`.
    pub fn start_in(data: &Path) -> Self {
        Self::start_under(&[], data, &[])
    }

    /// The same, run by the command `under` (which ends with executing what follows
    /// it), with `more` options.
    pub fn start_under(under: &[&str], data: &Path, more: &[&str]) -> Self {
        let mut words = under.to_vec();
        words.push(env!("CARGO_BIN_EXE_loomcast"));
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(["serve", "--listen", "127.0.0.1:0", "--threads", "2"])
            .args(more)
            .arg("--assets")
            .arg(shipped("assets"))
            .arg("--templates")
            .arg(shipped("templates"));
        Self::run(command, data)
    }

    /// An edge in front of `upstreams`, over the data folder `data`, with `more` options.
    pub fn edge(upstreams: &[&str], data: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loomcast"));
        command.arg("edge");
        if !more.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        for upstream in upstreams {
            command.args(["--upstream", upstream]);
        }
        command.args(more);
        Self::run(command, data)
    }

    /// What `command` runs, when it says that it serves.
    fn run(mut command: Command, data: &Path) -> Self {
        let log = File::create(data.join("serve.log")).expect("the server's log");
        let mut child = command
            .arg("--data-dir")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let stdout = child.stdout.take().expect("it is piped");
        let (mut rtmp, mut srt, mut dictionary) = (None, None, None);
        let mut lines = BufReader::new(stdout).lines();
        let address = loop {
            let line = lines.next().and_then(Result::ok);
            let line = line.unwrap_or_else(|| panic!("no address; see {}", data.display()));
            if let Some(door) = line.strip_prefix("loomcast: encoders publish to ") {
                let known = if door.starts_with("srt:") {
                    &mut srt
                } else {
                    &mut rtmp
                };
                *known = Some(door.to_owned());
            }
            if let Some(door) = line.strip_prefix("loomcast: the cache dictionary is at tcp://") {
                dictionary = Some(door.to_owned());
            }
            if let Some(address) = line.strip_prefix("loomcast: serving on http://") {
                break address.to_owned();
            }
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        Self {
            child,
            address,
            rtmp,
            srt,
            dictionary,
            _data: None,
            agent,
        }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The absolute address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where encoders publish stream `name`.
    pub fn rtmp(&self, name: &str) -> String {
        let door = self.rtmp.as_ref().expect("it was started with --rtmp");
        door.replace("NAME", name)
    }

    /// Where encoders publish by SRT with the stream id `id`.
    pub fn srt(&self, id: &str) -> String {
        let door = self.srt.as_ref().expect("it was started with --srt");
        door.replace("NAME", id)
    }

    /// Where the cache dictionary is, as HOST:PORT.
    pub fn dictionary(&self) -> &str {
        let door = self.dictionary.as_ref();
        door.expect("it was started with --dictionary")
    }

    /// `GET path`
    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// `GET path` with more headers
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.call(), path)
    }

    /// `POST path` with a body of any kind
    pub fn post(&self, path: &str, body: &[u8]) -> Answer {
        let request = self.agent.post(self.url(path));
        let request = request.header("content-type", "application/json");
        Answer::read(request.send(body), path)
    }

    /// `POST path` with JSON and more headers
    pub fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.post(self.url(path));
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.send(body.to_string().as_bytes()), path)
    }

    /// `PUT path` with JSON
    pub fn put(&self, path: &str, body: &[u8]) -> Answer {
        let request = self.agent.put(self.url(path));
        let request = request.header("content-type", "application/json");
        Answer::read(request.send(body), path)
    }

    /// `DELETE path`
    pub fn delete(&self, path: &str) -> Answer {
        Answer::read(self.agent.delete(self.url(path)).call(), path)
    }

    /// What is at `path` as soon as it is there, as a client asks that is told to come again.
    pub fn joined(&self, path: &str) -> Answer {
        for _ in 0..MOST_LOOKS {
            let answer = self.get(path);
            if answer.status != 503 {
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                return answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{path} is never there");
    }

    /// Makes a video; it must be accepted.
    pub fn publish(&self, request: &Value) -> Value {
        let answer = self.post("/v1/videos", request.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Waits until the video `id` is done, by asking its growing playlists for
    /// a segment that comes late: the server answers when there is news.
    pub fn finished(&self, id: &str) -> Value {
        for track in ["video", "audio"] {
            let path = format!("/v1/videos/{id}/live/{track}.m3u8");
            loop {
                let answer = self.get(&path);
                if answer.status == 404 {
                    break;
                }
                let text = answer.text();
                assert!(answer.status == 200 || answer.status == 503, "{text}");
                if text.contains("#EXT-X-ENDLIST") {
                    break;
                }
                let known = text.lines().filter(|line| line.starts_with("#EXTINF"));
                // The first has number 1.
                let next = known.count() + 1;
                // 200: it came. 503: it took long. 400: the playlist just ended.
                self.get(&format!("{path}?_HLS_msn={next}"));
            }
        }
        self.get(&format!("/v1/videos/{id}")).json()
    }

    /// Asks the process to end, as a service manager does, and waits for it.
    pub fn terminate(mut self) -> ExitStatus {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(asked.is_ok_and(|status| status.success()));
        self.child.wait().expect("the server ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    fn read(answer: Result<http::Response<ureq::Body>, ureq::Error>, path: &str) -> Self {
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(1 << 30).read_to_vec();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.unwrap_or_else(|error| panic!("{path}: {error}")),
        }
    }

    /// The header `name`, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// A small video with a shared start, a name from 1 s to 3 s, and music:
/// `seconds` long, 25 frames a second. `colour` makes it another than any
/// other test's.
pub fn small_edit(seconds: u32, colour: &str) -> Value {
    json!({
        "timeline": {
            "background": "#000000",
            "fonts": [{"src": "fonts/DejaVuSans-Bold.ttf"}],
            "soundtrack": {"src": "media/greeting-30/music.flac"},
            "tracks": [
                {"clips": [{
                    "asset": {
                        "type": "html",
                        "html": "<p>Hello {{ name }}</p>",
                        "css": format!("p {{ color: {colour}; font-family: 'DejaVu Sans'; font-weight: 700; font-size: 20px }}"),
                        "width": 240,
                        "height": 40,
                    },
                    "start": 1,
                    "length": 2,
                }]},
                {"clips": [{
                    "asset": {"type": "video", "src": "media/greeting-30/bg.mp4", "volume": 0},
                    "start": 0,
                    "length": seconds,
                }]},
            ],
        },
        "output": {"format": "mp4", "size": {"width": 256, "height": 144}, "fps": 25},
        "merge": [{"find": "name", "replace": "Ana"}],
    })
}

/// As [`small_edit`], but a text that moves stands where the film is: each chunk is another
/// one, as there, and made in a tenth of the time. For tests of what becomes of chunks.
pub fn light_edit(seconds: u32, colour: &str) -> Value {
    let mut edit = small_edit(seconds, colour);
    edit["timeline"]["tracks"][1]["clips"] = json!([{
        "asset": {"type": "text", "text": colour},
        "start": 0,
        "length": seconds,
        "offset": {"x": [{"from": -0.3, "to": 0.3, "start": 0, "length": seconds}]},
    }]);
    edit
}

/// Whether `tool` is there; says on standard error what is skipped if not.
pub fn have(tool: &str, test: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: {test} needs {tool}");
    }
    found
}
