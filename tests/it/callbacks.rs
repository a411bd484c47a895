//! Whoever asked for a video is told how it ends: signed, again if need be, over a
//! restart, and never within the server's own network.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::origin::{Origin, Reply};
use crate::server::{Server, have, light_edit, shipped, small_edit};

/// After this a message that did not come never will, on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A message that came.
struct Message {
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Takes messages, and answers with one status after the other, the last for ever.
struct Receiver {
    address: String,
    messages: mpsc::Receiver<Message>,
}

impl Receiver {
    fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (tell, messages) = mpsc::channel();
        thread::spawn(move || {
            let last = statuses.last().into_iter().cycle();
            for (connection, status) in listener.incoming().zip(statuses.iter().chain(last)) {
                let message = connection.ok().and_then(|it| take(it, *status));
                if let Some(message) = message
                    && tell.send(message).is_err()
                {
                    return;
                }
            }
        });
        Self {
            address: format!("http://{address}/done?x=1"),
            messages,
        }
    }

    fn next(&self) -> Message {
        self.messages.recv_timeout(PATIENCE).expect("a message")
    }
}

fn take(connection: TcpStream, status: u16) -> Option<Message> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert!(line.starts_with("POST /done?x=1 HTTP/1.1"), "{line}");
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).ok()?;
    Some(Message { headers, body })
}

const SECRET: &str = "only the two of us know";

/// A server that may tell the machine itself, and waits little before it tries again.
fn server_in(data: &Path) -> Server {
    let options = ["--allow-host", "127.0.0.1", "--callback-secret", SECRET];
    let more = [&options[..], &["--callback-hurry", "1000"]].concat();
    Server::start_under(&[], data, &more)
}

fn folder() -> TempDir {
    TempDir::with_prefix("loomcast-it-").expect("a temporary folder")
}

fn ordered(server: &Server, edit: &Value) -> String {
    let answer = server.post("/edit/v1/render", edit.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = &answer.json()["response"]["id"];
    id.as_str().expect("an id").to_owned()
}

#[test]
fn a_message_comes_again_until_it_is_taken_and_says_who_sent_it() {
    let receiver = Receiver::start(&[500, 404, 200]);
    let data = folder();
    let server = server_in(data.path());
    let mut edit = light_edit(3, "#ca1101");
    edit["callback"] = json!(receiver.address);
    let id = ordered(&server, &edit);
    let first = receiver.next();
    let message = first.json();
    for (field, expected) in [
        ("type", json!("edit")),
        ("action", json!("render")),
        ("id", json!(id)),
        ("owner", json!("loomcast")),
        ("status", json!("done")),
        ("error", Value::Null),
    ] {
        assert_eq!(message[field], expected, "{field}: {message:#}");
    }
    let url = message["url"].as_str().expect("an address");
    let path = url.strip_prefix(&server.url("")).expect("of this server");
    assert_eq!(server.get(path).status, 200);
    assert!(
        message["completed"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
    for _ in 0..2 {
        assert_eq!(receiver.next().json(), message);
    }
    if have("python3", "a signature that another tool makes too") {
        let signed = &first.headers["loomcast-signature"];
        let (time, digest) = signed.split_once(",v1=").expect("two parts");
        let time = time.strip_prefix("t=").expect("a time");
        let body = String::from_utf8(first.body).expect("text");
        let script = "import hmac, sys; print(hmac.new(sys.argv[1].encode(), \
                      (sys.argv[2] + '.' + sys.argv[3]).encode(), 'sha256').hexdigest())";
        let output = Command::new("python3")
            .args(["-c", script, SECRET, time, &body])
            .output();
        let output = output.expect("python3 runs").stdout;
        assert_eq!(String::from_utf8_lossy(&output).trim(), digest);
    }
}

#[test]
fn the_native_api_calls_back_too_and_a_failure_is_told_as_one() {
    let receiver = Receiver::start(&[302]);
    let data = folder();
    let server = server_in(data.path());
    let wish = json!({"edit": light_edit(2, "#ca1102"), "callback": receiver.address});
    let video = server.publish(&wish);
    let message = receiver.next().json();
    assert_eq!(
        (&message["id"], &message["status"]),
        (&video["id"], &json!("done"))
    );
    for url in [
        "ftp://example.com",
        "nowhere",
        "http://",
        "https://a:b@example.com/",
    ] {
        let wish = json!({"edit": light_edit(2, "#ca1102"), "callback": url});
        let answer = server.post("/v1/videos", wish.to_string().as_bytes());
        assert_eq!(answer.status, 400, "{url}: {}", answer.text());
        assert_eq!(answer.json()["error"]["field"], "/callback", "{url}");
    }
}

#[test]
fn what_is_owed_is_paid_after_the_server_was_killed() {
    // What it was doing when it was killed: telling, in vain, and rendering.
    let deaf = Receiver::start(&[503]);
    let hears = Receiver::start(&[200]);
    let data = folder();
    let options = ["--allow-host", "127.0.0.1"];
    let server = Server::start_under(&[], data.path(), &options);
    let mut edit = light_edit(2, "#ca1103");
    edit["callback"] = json!(deaf.address);
    let told = ordered(&server, &edit);
    deaf.next();
    let mut edit = small_edit(20, "#ca1104");
    edit["callback"] = json!(hears.address);
    let rendered = ordered(&server, &edit);
    drop(server);

    let server = server_in(data.path());
    assert_eq!(deaf.next().json()["id"], told);
    let message = hears.next().json();
    assert_eq!(
        (&message["id"], &message["status"]),
        (&json!(rendered), &json!("done"))
    );
    let again = server.get(&format!("/edit/v1/render/{rendered}")).json();
    assert_eq!(again["response"]["status"], "done", "{again:#}");
}

#[test]
fn nobody_within_the_servers_own_network_is_told_anything() {
    let receiver = Receiver::start(&[200]);
    let data = folder();
    let server = Server::start_in(data.path());
    let mut edit = light_edit(2, "#ca1105");
    edit["callback"] = json!(receiver.address);
    let id = ordered(&server, &edit);
    server.finished(&id);
    // Refused for good: nothing is owed any more.
    let owed = data.path().join("callbacks").join(format!("{id}.json"));
    while owed.exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let log = fs::read_to_string(data.path().join("serve.log")).expect("a log");
    assert!(
        log.contains("a callback is not sent") && log.contains("loopback"),
        "{log}"
    );
    assert!(receiver.messages.try_recv().is_err());
}

#[test]
fn a_render_whose_files_come_slowly_is_answered_while_they_are_fetched() {
    let origin = Origin::start();
    let logo = shipped("assets/media/greeting-30/logo.png");
    origin.put(
        "/slow",
        Reply::Stalled(fs::read(logo).expect("shipped media")),
    );
    let receiver = Receiver::start(&[200]);
    let data = folder();
    let server = server_in(data.path());
    let edit = json!({
        "timeline": {"tracks": [{"clips": [{
            "asset": {"type": "image", "src": origin.url("/slow")},
            "start": 0,
            "length": 1,
        }]}]},
        "output": {"format": "mp4", "size": {"width": 64, "height": 64}, "fps": 25},
        "callback": receiver.address,
    });
    let id = ordered(&server, &edit);
    let own = format!("/edit/v1/render/{id}?data=true");
    let fetching = server.get(&own).json()["response"].clone();
    assert_eq!(fetching["status"], "fetching", "{fetching:#}");
    assert_eq!((&fetching["id"], &fetching["data"]), (&json!(id), &edit));
    assert!(fetching.get("url").is_none() && fetching.get("error").is_none());
    // The file never comes, and the server stops waiting for it.
    let message = receiver.next().json();
    assert_eq!(
        (&message["status"], &message["url"]),
        (&json!("failed"), &Value::Null)
    );
    let failed = server.get(&own).json()["response"].clone();
    assert_eq!(failed["status"], "failed", "{failed:#}");
    assert_eq!(failed["error"], message["error"]);
    let error = failed["error"].as_str().expect("a reason");
    assert!(
        error.contains("/asset/src") && error.contains("in time"),
        "{error}"
    );
    // What is wrong and found so at once is said at once.
    let mut edit = edit;
    edit["timeline"]["tracks"][0]["clips"][0]["asset"]["src"] = json!(origin.url("/none"));
    let refused = server.post("/edit/v1/render", edit.to_string().as_bytes());
    assert_eq!(refused.status, 400, "{}", refused.text());
}
