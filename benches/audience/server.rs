//! The server, as a process of its own, and what it uses.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::STREAM;
use crate::http::Connection;

pub struct Server {
    child: Child,
    address: SocketAddr,
    dictionary: SocketAddr,
}

/// What a process has used, and uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// User and system time, in seconds.
    pub cpu_s: f64,
    pub rss_bytes: u64,
}

impl Server {
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let data = tempfile::TempDir::new_in(folder).expect("a folder").keep();
        let log = File::create(data.join("serve.log")).expect("a log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--dictionary",
                "127.0.0.1:0",
            ])
            .args(more)
            .arg("--assets")
            .arg(here.join("assets"))
            .arg("--templates")
            .arg(here.join("templates"))
            .arg("--data-dir")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut after = |told: &str| {
            let found = lines.find_map(|line| line.strip_prefix(told).map(str::to_owned));
            let found = found.unwrap_or_else(|| panic!("{told}: see {}", data.display()));
            found.parse::<SocketAddr>().expect("an address")
        };
        let dictionary = after("loomcast: the cache dictionary is at tcp://");
        let address = after("loomcast: serving on http://");
        Self {
            child,
            address,
            dictionary,
        }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub const fn dictionary(&self) -> SocketAddr {
        self.dictionary
    }

    pub fn usage(&self) -> Usage {
        Usage::of(&self.child)
    }

    /// What it tells of the stream.
    pub async fn told(&self) -> Value {
        let mut connection = Connection::open(self.address).await.expect("it listens");
        let path = format!("/v1/live/{STREAM}");
        let answer = connection.get(&path).await.expect("it answers");
        serde_json::from_slice(&answer.body).expect("JSON")
    }
}

impl Usage {
    /// Of a process that runs.
    pub fn of(child: &Child) -> Self {
        let folder = Path::new("/proc").join(child.id().to_string());
        let status = fs::read_to_string(folder.join("status")).expect("it runs");
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss.and_then(|rss| rss.trim().strip_suffix(" kB"));
        let kib: u64 = rss.and_then(|rss| rss.parse().ok()).expect("its memory");
        Self {
            cpu_s: cpu_s(&folder),
            rss_bytes: kib << 10,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// CPU time of this process, in seconds.
pub fn own_cpu() -> f64 {
    cpu_s(Path::new("/proc/self"))
}

fn cpu_s(folder: &Path) -> f64 {
    let stat = fs::read_to_string(folder.join("stat")).expect("it runs");
    // The name before may have blanks in it.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let fields = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields
        .map(|ticks| ticks.parse::<u64>().expect("ticks"))
        .sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}
