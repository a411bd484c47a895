//! A server of files of a test's own, which may behave badly and remembers what it
//! was asked.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// What an address is answered with.
#[derive(Clone)]
pub enum Reply {
    /// A file, and more headers; its `etag`, if it has one, is what is asked about.
    File(Vec<u8>, Vec<(&'static str, &'static str)>),
    /// Elsewhere.
    Redirect(String),
    /// Nothing but a status.
    Status(u16),
    /// Bytes without end, and without saying how many.
    Endless,
    /// A file of which the last byte never comes.
    Stalled(Vec<u8>),
    /// A file of which half is sent before the connection ends.
    Cut(Vec<u8>),
}

/// A request as it came: its path, and its headers in lower case.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    asked: Vec<Asked>,
    connections: usize,
    /// Answers that ended, however they did, by their paths.
    ended: Vec<String>,
    /// Bodies of which all that will come has been sent.
    stalled: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

/// The server; it stops when dropped.
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl Origin {
    /// On 127.0.0.1.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1")
    }

    /// On another loopback address.
    pub fn start_at(ip: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let serving = Arc::clone(&serving);
                let stream = stream.expect("a connection");
                serving.state.lock().expect("lock").connections += 1;
                std::thread::spawn(move || serving.answer(stream));
            }
        });
        Self {
            address,
            shared,
            listening: Some(listening),
        }
    }

    /// The absolute address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on `path` is answered with `reply`.
    pub fn put(&self, path: &str, reply: Reply) {
        let mut state = self.shared.state.lock().expect("lock");
        state.replies.insert(path.to_owned(), reply);
    }

    /// A file at `path`.
    pub fn file(&self, path: &str, bytes: &[u8]) {
        self.put(path, Reply::File(bytes.to_vec(), Vec::new()));
    }

    /// What was asked for at `path` so far.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let state = self.shared.state.lock().expect("lock");
        let at = |asked: &&Asked| asked.path == path;
        state.asked.iter().filter(at).cloned().collect()
    }

    pub fn connections(&self) -> usize {
        self.shared.state.lock().expect("lock").connections
    }

    /// Waits until an answer at `path` has ended.
    pub fn wait_ended(&self, path: &str) {
        let state = self.shared.state.lock().expect("lock");
        let going = |state: &mut State| !state.ended.iter().any(|ended| ended == path);
        drop(self.shared.changed.wait_while(state, going).expect("lock"));
    }

    /// Waits until a stalled body has come as far as it will.
    pub fn wait_stalled(&self) {
        let state = self.shared.state.lock().expect("lock");
        let going = |state: &mut State| state.stalled == 0;
        drop(self.shared.changed.wait_while(state, going).expect("lock"));
    }

    /// Answers nobody any more.
    pub fn stop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the one who listens.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            listening.join().expect("it ends");
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// One request, then the end: errors are those of clients who go.
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
        let Some(Ok(first)) = lines.next() else {
            return;
        };
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let headers = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_lowercase(), value.trim().to_owned()))
            })
            .collect();
        let asked = Asked {
            path: path.clone(),
            headers,
        };
        let reply = {
            let mut state = self.state.lock().expect("lock");
            state.asked.push(asked.clone());
            let reply = state.replies.get(&path).cloned();
            reply.unwrap_or(Reply::Status(404))
        };
        drop(self.reply(&mut stream, reply, &asked));
        drop(stream);
        let mut state = self.state.lock().expect("lock");
        state.ended.push(path);
        self.changed.notify_all();
    }

    fn reply(&self, stream: &mut TcpStream, reply: Reply, asked: &Asked) -> std::io::Result<()> {
        let head = |status: u16, rest: &str| {
            format!("HTTP/1.1 {status} Said\r\nconnection: close\r\n{rest}\r\n")
        };
        match reply {
            Reply::File(bytes, headers) => {
                let etag = headers.iter().find(|(name, _)| *name == "etag");
                let lines: String = headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}\r\n"))
                    .collect();
                let unchanged =
                    etag.is_some_and(|(_, etag)| asked.header("if-none-match") == Some(etag));
                if unchanged {
                    return stream.write_all(head(304, &lines).as_bytes());
                }
                let lines = format!("{lines}content-length: {}\r\n", bytes.len());
                stream.write_all(head(200, &lines).as_bytes())?;
                stream.write_all(&bytes)
            }
            Reply::Redirect(to) => {
                let lines = format!("location: {to}\r\ncontent-length: 0\r\n");
                stream.write_all(head(302, &lines).as_bytes())
            }
            Reply::Status(status) => {
                stream.write_all(head(status, "content-length: 0\r\n").as_bytes())
            }
            Reply::Endless => {
                stream.write_all(head(200, "").as_bytes())?;
                loop {
                    stream.write_all(&[7; 16 << 10])?;
                }
            }
            Reply::Stalled(bytes) => {
                let lines = format!("content-length: {}\r\n", bytes.len());
                stream.write_all(head(200, &lines).as_bytes())?;
                stream.write_all(&bytes[..bytes.len() - 1])?;
                self.state.lock().expect("lock").stalled += 1;
                self.changed.notify_all();
                // Until the client goes.
                let mut gone = [0];
                std::io::Read::read(stream, &mut gone).map(drop)
            }
            Reply::Cut(bytes) => {
                let lines = format!("content-length: {}\r\n", bytes.len());
                stream.write_all(head(200, &lines).as_bytes())?;
                stream.write_all(&bytes[..bytes.len() / 2])
            }
        }
    }
}
