//! What measuring offload costs: of a hit in memory, of a chunk by HTTP, and in memory;
//! measuring and not measuring side by side, in turns.
//!
//!     cargo bench --bench offload

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use loomcast::cache::{CacheConfig, FragmentCache, FragmentWriter};
use loomcast::chunk::{ChunkKey, Part, PartMeta};
use loomcast::digest::Digest;
use loomcast::offload::MAX_MEMORY;
use loomcast::store::{ChunkStore, StoreConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Chunks that are asked for in turn.
const CHUNKS: u32 = 500;

const CHUNK_BYTES: usize = 10_000;

const ROUNDS: usize = 7;

/// Hits of a round.
const HITS: u32 = 200_000;

/// Requests by HTTP of a round.
const REQUESTS: u32 = 5_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (on, off) = (Cache::new(true, &runtime), Cache::new(false, &runtime));
    let hits = in_turns(
        || runtime.block_on(on.hits()),
        || runtime.block_on(off.hits()),
    );
    report("a hit in memory", hits, "ns");
    let account = on.cache.account();
    println!(
        "memory: {} bytes after {CHUNKS} objects, {} of at most {MAX_MEMORY}",
        account.memory(),
        account.memory() as f64 / MAX_MEMORY as f64
    );
    let (mut on, mut off) = (Served::start(&[]), Served::start(&["--no-offload"]));
    let served = in_turns(|| on.requests(), || off.requests());
    report("a chunk by HTTP", served, "ns");
    let share = (hits.0 - hits.1) / served.1 * 100.0;
    println!("what measuring adds to a hit is {share:.2} % of a chunk by HTTP");
}

/// The medians of both, in nanoseconds a request.
fn in_turns(mut on: impl FnMut() -> f64, mut off: impl FnMut() -> f64) -> (f64, f64) {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with.push(on());
        without.push(off());
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (median(with), median(without))
}

fn report(what: &str, (on, off): (f64, f64), unit: &str) {
    println!(
        "{what}: {on:.0} {unit} measured, {off:.0} {unit} not, {:+.0} {unit}, {:+.2} %",
        on - off,
        (on / off - 1.0) * 100.0
    );
}

struct Cache {
    cache: FragmentCache,
    keys: Vec<ChunkKey>,
    _folder: TempDir,
}

impl Cache {
    fn new(measures: bool, runtime: &tokio::runtime::Runtime) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let (store, _) = ChunkStore::open(StoreConfig::new(folder.path())).expect("a store");
        let config = CacheConfig {
            measures,
            ..CacheConfig::default()
        };
        let cache = runtime.block_on(async { FragmentCache::new(store, config) });
        let key = |seed: u32| ChunkKey::new(Digest::of(&seed.to_le_bytes()));
        let keys: Vec<ChunkKey> = (0..CHUNKS).map(key).collect();
        runtime.block_on(async {
            for key in &keys {
                let access = cache.get_or_fill(*key, fill).await.expect("access");
                access.fragment.finished().await.expect("a chunk");
            }
            cache.drain().await;
        });
        Self {
            cache,
            keys,
            _folder: folder,
        }
    }

    async fn hits(&self) -> f64 {
        let began = Instant::now();
        for (_, key) in (0..HITS).zip(self.keys.iter().cycle()) {
            let access = self.cache.get_or_fill(*key, fill).await.expect("access");
            black_box(access.fragment.complete());
        }
        began.elapsed().as_nanos() as f64 / f64::from(HITS)
    }
}

fn fill(mut writer: FragmentWriter) {
    let part = Part {
        meta: PartMeta {
            bytes: CHUNK_BYTES as u32,
            ticks: 10,
            independent: true,
        },
        data: vec![7; CHUNK_BYTES].into(),
    };
    writer.push(part).expect("wanted");
    writer.finish(1).expect("wanted");
}

/// A server with one chunk that is in its memory, and a connection to it.
struct Served {
    child: Child,
    connection: BufReader<TcpStream>,
    request: String,
    _folder: TempDir,
}

impl Served {
    fn start(options: &[&str]) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(options)
            .arg("--assets")
            .arg(root.join("assets"))
            .arg("--templates")
            .arg(root.join("templates"))
            .arg("--data-dir")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("http://")?.1.to_owned()))
            .expect("an address");
        let body = json!({"template": "greeting-30", "render": "on_demand"});
        let made = ureq::post(format!("http://{address}/v1/videos")).send_json(body);
        let made: Value = made
            .and_then(|mut made| made.body_mut().read_json())
            .expect("a video");
        let chunks = made["chunks"].as_array().expect("chunks");
        let sound = chunks.iter().find(|chunk| chunk["track"] == "audio");
        let key = sound.expect("sound")["key"].as_str().expect("a key");
        let connection = TcpStream::connect(&address).expect("it listens");
        connection.set_nodelay(true).expect("a socket");
        let mut served = Self {
            child,
            connection: BufReader::new(connection),
            request: format!("GET /c/{key}/0.m4s HTTP/1.1\r\nhost: {address}\r\n\r\n"),
            _folder: folder,
        };
        // Made, and told its length from the second time on.
        let url = format!("http://{address}/c/{key}/0.m4s");
        let made = ureq::get(url)
            .call()
            .expect("a chunk")
            .body_mut()
            .read_to_vec();
        assert!(made.is_ok_and(|made| made.len() > 1000));
        served.requests();
        served
    }

    fn requests(&mut self) -> f64 {
        let mut body = Vec::new();
        let began = Instant::now();
        for _ in 0..REQUESTS {
            let connection = self.connection.get_mut();
            connection
                .write_all(self.request.as_bytes())
                .expect("sends");
            let (mut length, mut line) = (0, String::new());
            loop {
                line.clear();
                self.connection.read_line(&mut line).expect("an answer");
                let header = line.trim_end().to_ascii_lowercase();
                if let Some(value) = header.strip_prefix("content-length: ") {
                    length = value.parse().expect("a length");
                }
                if header.is_empty() {
                    break;
                }
            }
            body.resize(length, 0);
            self.connection.read_exact(&mut body).expect("a body");
            black_box(&body);
        }
        began.elapsed().as_nanos() as f64 / f64::from(REQUESTS)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
