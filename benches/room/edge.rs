//! The edge, as a process of its own.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::STREAM;
use crate::http::Connection;
use crate::server::Usage;

pub struct Edge {
    child: Child,
    address: SocketAddr,
}

impl Edge {
    pub fn start(folder: &Path, origin: SocketAddr, masters: usize) -> Self {
        let data = tempfile::TempDir::new_in(folder).expect("a folder").keep();
        let log = File::create(data.join("edge.log")).expect("a log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .args(["edge", "--listen", "127.0.0.1:0", "--upstream"])
            .arg(format!("http://{origin}"))
            .args(["--masters", &masters.to_string(), "--data-dir"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the edge starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let address = line.strip_prefix("loomcast: serving on http://")?;
            address.parse().ok()
        });
        let address = address.unwrap_or_else(|| panic!("no address: see {}", data.display()));
        Self { child, address }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn usage(&self) -> Usage {
        Usage::of(&self.child)
    }

    /// What it tells of the room.
    pub async fn told(&self) -> Value {
        let mut connection = Connection::open(self.address).await.expect("it listens");
        let answer = connection.get(&format!("/v1/rooms/{STREAM}")).await;
        serde_json::from_slice(&answer.expect("it answers").body).expect("JSON")
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
