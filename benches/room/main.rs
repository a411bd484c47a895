//! A live room at an edge: what its viewers cost the origin, and how long each waits for
//! his first picture.
//!
//!     cargo bench --bench room [-- --viewers 500] [--masters 2] [--seconds 20] [--bitrate 800]
//!
//! Origin and edge are processes of their own, `loomcast serve` and `loomcast edge`; this one
//! publishes a stream to the origin and is all of the room's viewers, half of them by FLV over
//! HTTP, half by WebSocket. They come one after the other, so that they meet groups of pictures
//! at all stages. Loopback has no network card.
//!
//! It ends with 1 if anybody missed a picture, or the origin gave more streams than there are
//! to be.

// Not all that an audience needs is needed here.
#[path = "../audience/figures.rs"]
mod figures;
#[allow(dead_code)]
#[path = "../audience/http.rs"]
mod http;
#[allow(dead_code)]
#[path = "../audience/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../audience/source.rs"]
mod source;

mod edge;
mod viewer;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use edge::Edge;
use figures::Delays;
use server::Server;
use source::{Clip, Source};
use viewer::{Viewed, Way};

/// The stream.
const STREAM: &str = "show";

/// What more than one task has.
type Shared<T> = Arc<Mutex<T>>;

/// How long viewers are let in.
const RAMP: Duration = Duration::from_secs(10);

/// How long all watch before it is measured.
const SETTLE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        let Some(at) = at else { return default };
        let value = arguments.get(at + 1);
        let number = value.and_then(|value| value.parse().ok());
        number.unwrap_or_else(|| panic!("{name}: expected a number, got {value:?}"))
    };
    let (viewers, masters) = (number("--viewers", 500), number("--masters", 2));
    let seconds = number("--seconds", 20) as u64;
    let kbit = u32::try_from(number("--bitrate", 800)).expect("small");
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("a limit of open files");
    assert!(
        limit > viewers as u64 + 100,
        "{viewers} need more open files than {limit}"
    );
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let Some(clip) = Clip::make(folder.path(), kbit) else {
        println!("room: left out, ffmpeg is not installed");
        return ExitCode::SUCCESS;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(watch(folder.path(), clip, viewers, masters, seconds))
}

async fn watch(
    folder: &Path,
    clip: Clip,
    viewers: usize,
    masters: usize,
    seconds: u64,
) -> ExitCode {
    let origin = Server::start(folder, &[]);
    let _source = Source::start(origin.dictionary(), clip).await;
    let edge = Edge::start(folder, origin.address(), masters);
    // A few groups of pictures.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let begin = Instant::now() + RAMP + SETTLE;
    let end = begin + Duration::from_secs(seconds);
    let idle = edge.usage();
    let mut watching = JoinSet::new();
    for index in 0..viewers {
        let turn = RAMP * u32::try_from(index).expect("few") / u32::try_from(viewers).expect("few");
        let way = Way::ALL[index % Way::ALL.len()];
        let address = edge.address();
        watching.spawn(async move {
            tokio::time::sleep(turn).await;
            viewer::watch(way, address, end).await
        });
    }
    tokio::time::sleep_until(begin.into()).await;
    let (before, at_begin) = (edge.told().await, edge.usage());
    tokio::time::sleep_until((end - Duration::from_millis(500)).into()).await;
    let (after, at_end) = (edge.told().await, edge.usage());
    let measured = end - begin;
    let at_origin = origin.told().await;
    let mut viewed = Viewed::default();
    while let Some(one) = watching.join_next().await {
        viewed.add(one.expect("a viewer does not panic"));
    }

    let streams = at_origin["audience"]["now"]["http_flv"]
        .as_u64()
        .expect("a number");
    let came = |field: &str| number(&after, field) - number(&before, field);
    let (upstream, sent) = (came("upstream_bytes"), came("egress_bytes"));
    let build = if cfg!(debug_assertions) {
        "development"
    } else {
        "release"
    };
    println!("{viewers} viewers of one room, half of them by WebSocket; {build} build");
    println!(
        "streams that the origin gives   {streams} ({} of masters, {} viewers are slaves)",
        after["masters"].as_array().map_or(0, Vec::len),
        after["slaves"]
    );
    println!(
        "bytes, while all watched        {upstream} from upstream, {sent} to viewers: {:.4} saved; \
         1 - masters/viewers is {:.4}",
        1.0 - upstream as f64 / sent as f64,
        1.0 - masters as f64 / viewers as f64,
    );
    for (name, way) in [
        ("by FLV      ", Some(Way::HttpFlv)),
        ("by WebSocket", Some(Way::WebSocket)),
        ("of all      ", None),
    ] {
        let delays = Delays::of(viewed.delays(way));
        println!(
            "request to first key frame, {name}   p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
            delays.at(500),
            delays.at(950),
            delays.at(990),
            delays.at(1000)
        );
    }
    println!(
        "as the edge tells it            {} ms",
        after["first_frame_ms"]
    );
    println!(
        "pictures                        {} came, {} are missing, {} viewers ended early",
        viewed.pictures, viewed.holes, viewed.ended
    );
    let cpu = at_end.cpu_s - at_begin.cpu_s;
    println!(
        "the edge                        {:.0} % of a core, {} MiB with viewers, {} MiB without",
        cpu * 100.0 / measured.as_secs_f64(),
        at_end.rss_bytes >> 20,
        idle.rss_bytes >> 20
    );
    let whole = viewed.holes + viewed.ended == 0 && viewed.pictures > 0;
    match whole && streams <= masters as u64 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn number(told: &Value, field: &str) -> u64 {
    told[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field}: {told}"))
}
