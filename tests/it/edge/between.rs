//! What stands between an edge and its origin, and spoils what it passes on.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// There is none: the connection is closed.
    Killed,
    /// A byte in its middle is another.
    OtherBytes,
    /// It says that it is longer than it is.
    TooShort,
    /// It is of something else, and its digest too.
    Nonsense,
    /// It is a fault of the server.
    Error,
    /// Its digest is left out.
    NoDigest,
    /// It never begins.
    Hangs,
    /// Half of it comes, and then nothing.
    HangsMidway,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::Killed,
        Self::OtherBytes,
        Self::TooShort,
        Self::Nonsense,
        Self::Error,
        Self::NoDigest,
        Self::Hangs,
        Self::HangsMidway,
    ];
}

/// A proxy in front of an origin.
pub struct Between {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
struct State {
    fault: Fault,
    /// What it says instead in `Cache-Control`.
    lifetime: Option<&'static str>,
}

impl Between {
    pub fn start(origin: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens").to_string();
        let state = Arc::new(Mutex::new(State {
            fault: Fault::None,
            lifetime: None,
        }));
        let between = Self {
            address,
            state: Arc::clone(&state),
        };
        let origin = origin.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (origin, state) = (origin.clone(), state.lock().expect("no panic").clone());
                // Who hangs up has had enough.
                thread::spawn(move || pass(client, &origin, &state));
            }
        });
        between
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, fault: Fault) {
        self.state.lock().expect("no panic").fault = fault;
    }

    /// From now on `Cache-Control` of all answers is this.
    pub fn relabel(&self, lifetime: &'static str) {
        self.state.lock().expect("no panic").lifetime = Some(lifetime);
    }
}

fn pass(mut client: TcpStream, origin: &str, state: &State) -> Option<()> {
    let fault = state.fault;
    let request = head(&mut client)?;
    if fault == Fault::Hangs {
        return hang(&mut client);
    }
    if fault == Fault::Killed {
        return None;
    }
    if fault == Fault::Error {
        let answer = "HTTP/1.1 500 Oh\r\ncontent-length: 2\r\nconnection: close\r\n\r\noh";
        return client.write_all(answer.as_bytes()).ok();
    }
    if fault == Fault::Nonsense {
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 6\r\n\
                      repr-digest: sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:\r\n\
                      connection: close\r\n\r\nhello\n";
        return client.write_all(answer.as_bytes()).ok();
    }
    let mut server = TcpStream::connect(origin).ok()?;
    let request = request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    server.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let body = answer.len() - end;
    match fault {
        Fault::OtherBytes if body > 0 => answer[end + body * 3 / 4] ^= 1,
        Fault::TooShort if body > 0 => answer.truncate(end + body / 2),
        Fault::NoDigest => without(&mut answer, end, "repr-digest"),
        Fault::HangsMidway if body > 0 => {
            client.write_all(&answer[..end + body / 2]).ok()?;
            return hang(&mut client);
        }
        _ => {}
    }
    if let Some(lifetime) = state.lifetime {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        without(&mut answer, end, "cache-control");
        let status = answer.windows(2).position(|two| two == b"\r\n")? + 2;
        let line = format!("cache-control: {lifetime}\r\n");
        answer.splice(status..status, line.into_bytes());
    }
    client.write_all(&answer).ok()
}

/// Takes a header out of an answer whose head ends at `end`.
fn without(answer: &mut Vec<u8>, end: usize, name: &str) {
    let text = String::from_utf8_lossy(&answer[..end]).into_owned();
    let lines = text.split_inclusive("\r\n");
    let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with(name));
    let head: String = kept.collect();
    answer.splice(..end, head.into_bytes());
}

/// Gives nothing more, until whoever asked has had enough.
fn hang(client: &mut TcpStream) -> Option<()> {
    client.set_read_timeout(None).ok()?;
    while client.read(&mut [0]).ok()? > 0 {}
    None
}

/// The head of a request; it has no body.
fn head(client: &mut TcpStream) -> Option<String> {
    client
        .set_read_timeout(Some(Duration::from_secs(60)))
        .ok()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
