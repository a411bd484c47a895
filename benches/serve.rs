//! Serving chunks, beside nginx with sendfile on the same files: throughput,
//! latency, and CPU time per gigabyte.
//!
//!     cargo bench --bench serve -- [--rounds N] [--seconds N] [--connections N] [--size "50 KB"]
//!
//! Each size has a working set of over 400 MB, larger than any CPU's cache. All
//! servers have the first core, the load generator (wrk) the second; they take turns
//! within each round, so what is compared saw the same machine. Loopback has no
//! network card, which understates what sendfile saves.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use loomcast::chunk::{ChunkKey, ChunkMeta, Part, PartMeta, ReuseClass};
use loomcast::cmaf::{Sample, fragment};
use loomcast::digest::Digest;
use loomcast::store::{ChunkStore, StoreConfig};

const SIZES: [(&str, usize); 3] = [
    ("50 KB", 50 << 10),
    ("200 KB", 200 << 10),
    ("2 MB", 2 << 20),
];

const WORKING_SET: usize = 420 << 20;

/// Parts of a chunk of two seconds.
const PARTS: usize = 4;

/// In ticks of 1/90 000 s, two seconds over all parts.
const PART_TICKS: u32 = 45_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let (rounds, seconds) = (number("--rounds", 5), number("--seconds", 10));
    let connections = number("--connections", 16);
    let at = arguments.iter().position(|argument| argument == "--size");
    let only = at.and_then(|at| arguments.get(at + 1));
    for tool in ["nginx", "wrk", "taskset"] {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .stdout(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            println!("serve: left out, {tool} is not installed");
            return;
        }
    }
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    println!(
        "{connections} connections, {rounds} rounds of {seconds} s, one core each for server and load"
    );
    for (name, bytes) in SIZES
        .into_iter()
        .filter(|(name, _)| only.as_ref().is_none_or(|only| name == only))
    {
        let bench = Bench::prepare(folder.path(), name, bytes);
        let mut servers = [
            bench.loomcast("loomcast, memory", "1GiB"),
            bench.loomcast("loomcast, disk", "0"),
            bench.nginx(),
        ];
        for server in &mut servers {
            server.load(&bench, connections, 2);
            server.runs.clear();
        }
        for _ in 0..rounds {
            for server in &mut servers {
                server.load(&bench, connections, seconds);
            }
        }
        println!(
            "\n{name}, {} files, {} MB",
            bench.paths.len(),
            WORKING_SET >> 20
        );
        println!(
            "  server              GB/s (least to most)    p50 ms    p99 ms   CPU s/GB   of nginx's GB/s, CPU"
        );
        let [.., nginx] = &servers;
        let (peer_speed, peer_cpu) = (nginx.median(|run| run.gb_s), nginx.median(|run| run.cpu_gb));
        for server in &servers {
            let speed = server.median(|run| run.gb_s);
            let cpu = server.median(|run| run.cpu_gb);
            let speeds = || server.runs.iter().map(|run| run.gb_s);
            println!(
                "  {:<18} {:>5.2} ({:>4.2} to {:>4.2})  {:>10.2} {:>9.2} {:>10.3}   {:>6.2} {:>6.2}",
                server.name,
                speed,
                speeds().fold(f64::MAX, f64::min),
                speeds().fold(0.0, f64::max),
                server.median(|run| run.p50_ms),
                server.median(|run| run.p99_ms),
                cpu,
                speed / peer_speed,
                cpu / peer_cpu,
            );
        }
    }
}

/// Chunks of one size, as a store and as files.
struct Bench {
    folder: PathBuf,
    paths: Vec<String>,
}

impl Bench {
    fn prepare(root: &Path, name: &str, bytes: usize) -> Self {
        let folder = root.join(name.replace(' ', ""));
        let bench = Self {
            paths: store_chunks(&folder.join("data/chunks"), bytes),
            folder,
        };
        // What nginx serves is what loomcast serves, byte for byte.
        let mut server = bench.loomcast("", "0");
        for path in &bench.paths {
            let mut answer = ureq::get(server.url(path)).call().expect("a chunk");
            let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec();
            let file = bench.folder.join("www").join(&path[1..]);
            fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
            fs::write(file, body.expect("a body")).expect("writes");
        }
        server.stop();
        let quoted: Vec<String> = bench.paths.iter().map(|path| format!("{path:?}")).collect();
        let script = format!(
            "local paths = {{{}}}\nfunction init(args) math.randomseed(7) end\n\
             function request() return wrk.format(nil, paths[math.random(#paths)]) end\n",
            quoted.join(",")
        );
        fs::write(bench.folder.join("random.lua"), script).expect("writes");
        bench
    }

    /// A server with a copy of the store: a store has one user.
    fn loomcast(&self, name: &'static str, memory: &str) -> Server {
        let data = self.folder.join(format!("data-{memory}"));
        let copied = Command::new("cp")
            .args(["-al"])
            .arg(self.folder.join("data"))
            .arg(&data)
            .status();
        assert!(copied.is_ok_and(|status| status.success()));
        // sled's files are written to; the chunks' never are.
        let index = data.join("chunks/index");
        fs::remove_dir_all(&index).expect("deletes");
        fs::remove_file(data.join("chunks/lock")).expect("deletes");
        let mut child = Command::new("taskset")
            .args(["-c", "0", env!("CARGO_BIN_EXE_loomcast"), "serve"])
            .args(["--listen", "127.0.0.1:0", "--memory", memory, "--data-dir"])
            .arg(&data)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("loomcast starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().rsplit("//").next().expect("an address");
        let mut server = Server::new(name, child, address.to_owned());
        server.data = Some(data);
        server
    }

    fn nginx(&self) -> Server {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let configuration = format!(
            "worker_processes 1; daemon off; pid nginx.pid; error_log error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;\n\
             keepalive_requests 1000000000; open_file_cache max=100000 inactive=1h;\n\
             open_file_cache_valid 1h; types {{ video/mp4 m4s; }}\n\
             client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;\n\
             server {{ listen {address}; root www; add_header Cache-Control \"public, max-age=31536000, immutable\"; }} }}\n"
        );
        fs::write(self.folder.join("nginx.conf"), configuration).expect("writes");
        let child = Command::new("taskset")
            .args(["-c", "0", "nginx", "-c", "nginx.conf", "-p"])
            .arg(&self.folder)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let server = Server::new("nginx, sendfile", child, address);
        while ureq::get(server.url(&self.paths[0])).call().is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        server
    }
}

/// A store of as many chunks of `bytes` as make the working set; their addresses.
fn store_chunks(folder: &Path, bytes: usize) -> Vec<String> {
    let (store, _) = ChunkStore::open(StoreConfig::new(folder)).expect("a store");
    let mut paths = Vec::new();
    for number in 0..WORKING_SET.div_ceil(bytes) {
        let parts: Vec<Part> = (0..PARTS)
            .map(|part| {
                let mut data = vec![0; bytes / PARTS];
                blake3::Hasher::new()
                    .update(&(number * PARTS + part).to_le_bytes())
                    .finalize_xof()
                    .fill(&mut data);
                let sample = Sample {
                    data: data.into(),
                    duration: PART_TICKS,
                    composition_offset: 0,
                    sync: part == 0,
                };
                let start = u64::from(PART_TICKS) * part as u64;
                let data = fragment(start, 1, &[sample]).expect("a part");
                let meta = PartMeta {
                    bytes: u32::try_from(data.len()).expect("small"),
                    ticks: PART_TICKS,
                    independent: part == 0,
                };
                Part { meta, data }
            })
            .collect();
        let meta = ChunkMeta {
            parts: parts.iter().map(|part| part.meta).collect(),
            cost_ms: 300,
        };
        let key = ChunkKey::new(Digest::of(&number.to_le_bytes()));
        store
            .put(&key, ReuseClass::Shared, &meta, &parts)
            .expect("stores");
        paths.push(format!("/c/{key}/0.m4s"));
    }
    paths
}

struct Run {
    gb_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_gb: f64,
}

struct Server {
    name: &'static str,
    child: Child,
    address: String,
    data: Option<PathBuf>,
    runs: Vec<Run>,
}

impl Server {
    fn new(name: &'static str, child: Child, address: String) -> Self {
        Self {
            name,
            child,
            address,
            data: None,
            runs: Vec::new(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn load(&mut self, bench: &Bench, connections: usize, seconds: usize) {
        let before = self.cpu_seconds();
        let output = Command::new("taskset")
            .args(["-c", "1", "wrk", "-t1", "--latency", "-s"])
            .arg(bench.folder.join("random.lua"))
            .args(["-c", &connections.to_string(), "-d", &format!("{seconds}s")])
            .arg(self.url(""))
            .output()
            .expect("wrk runs");
        let cpu = self.cpu_seconds() - before;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!text.contains("Non-2xx"), "{}: {text}", self.name);
        let word = |line: &str, at: usize| {
            let found = text.lines().find(|found| found.trim().starts_with(line));
            let found = found.unwrap_or_else(|| panic!("no {line:?} in {text}"));
            found.split_whitespace().nth(at).expect("a word").to_owned()
        };
        let gb_s = gigabytes(&word("Transfer/sec:", 1));
        self.runs.push(Run {
            gb_s,
            p50_ms: milliseconds(&word("50%", 1)),
            p99_ms: milliseconds(&word("99%", 1)),
            cpu_gb: cpu / (gb_s * seconds as f64),
        });
    }

    /// CPU time of the process and its children, in seconds.
    fn cpu_seconds(&self) -> f64 {
        let own = self.child.id();
        let ticks = |stat: &str| -> Option<(u32, f64)> {
            let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
            let ticks: f64 =
                fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
            Some((fields.get(1)?.parse().ok()?, ticks))
        };
        let processes = fs::read_dir("/proc").expect("/proc").filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let (parent, ticks) = ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
            (pid == own || parent == own).then_some(ticks)
        });
        processes.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
    }

    fn median(&self, of: impl Fn(&Run) -> f64) -> f64 {
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    fn stop(&mut self) {
        // As a service manager does, so that nginx takes its worker along.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(asked.is_ok_and(|status| status.success()));
        self.child.wait().expect("it ends");
        if let Some(data) = self.data.take() {
            fs::remove_dir_all(data).expect("deletes");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.stop();
        }
    }
}

/// wrk's transfer rate, in units of 1024, as 10^9 bytes.
fn gigabytes(text: &str) -> f64 {
    let units = [("GB", 30), ("MB", 20), ("KB", 10)];
    let (number, power) = units
        .iter()
        .find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)))
        .unwrap_or_else(|| panic!("{text} is no rate"));
    number.parse::<f64>().expect("a number") * f64::from(1_u32 << power) / 1e9
}

fn milliseconds(text: &str) -> f64 {
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .unwrap_or_else(|| panic!("{text} is no time"));
    number.parse::<f64>().expect("a number") * factor
}
