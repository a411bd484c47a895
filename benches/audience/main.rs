//! What an audience costs a server, and what it gets: players of low-latency HLS as they
//! behave, viewers who are pushed the stream, and slow ones beside them.
//!
//!     cargo bench --bench audience [-- --viewers 2000] [--push 500] [--slow 20] [--seconds 30]
//!                                  [--part 334] [--bitrate 800]
//!     cargo bench --bench audience -- --join 500 [--rounds 10]
//!
//! The server is a process of its own, `loomcast serve`; this one publishes a stream to it
//! and is its whole audience, so the server's memory and CPU time are its own. A viewer of
//! low-latency HLS plays pictures and sound by four connections: a playlist that is waited
//! for and a hinted part that is, of each track. Loopback has no network card.
//!
//! It ends with 1 if anybody who read at full speed missed a frame.

mod figures;
mod http;
mod join;
mod player;
mod playlist;
mod pushed;
mod server;
mod source;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use figures::Delays;
use player::{Played, Player};
use pushed::{Pushed, Way};
use server::Server;
use source::{Clip, Source};

/// How long the audience is let in, so that not all come at once.
const RAMP: Duration = Duration::from_secs(8);

/// How long all watch before it is measured.
const SETTLE: Duration = Duration::from_secs(4);

/// What is to be tried.
struct Wishes {
    viewers: usize,
    push: usize,
    slow: usize,
    join: Option<usize>,
    rounds: usize,
    seconds: u64,
    part_ms: u32,
    kbit: u32,
}

impl Wishes {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let given = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            let value = arguments.get(at + 1);
            let number = value.and_then(|value| value.parse::<usize>().ok());
            Some(number.unwrap_or_else(|| panic!("{name}: expected a number, got {value:?}")))
        };
        let number = |name: &str, default: usize| given(name).unwrap_or(default);
        let small = |name: &str, default| u32::try_from(number(name, default)).expect("small");
        Self {
            viewers: number("--viewers", 2_000),
            push: number("--push", 500),
            slow: number("--slow", 20),
            join: given("--join"),
            rounds: number("--rounds", 10),
            seconds: number("--seconds", 30) as u64,
            part_ms: small("--part", 334),
            kbit: small("--bitrate", 800),
        }
    }
}

fn main() -> ExitCode {
    let wishes = Wishes::read();
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("a limit of open files");
    let needed = 4 * wishes.viewers + wishes.push + wishes.slow + 2 * wishes.join.unwrap_or(0);
    assert!(
        limit > needed as u64 + 100,
        "{needed} connections need more open files than the {limit} that this shell allows"
    );
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let Some(clip) = Clip::make(folder.path(), wishes.kbit) else {
        println!("audience: left out, ffmpeg is not installed");
        return ExitCode::SUCCESS;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        match wishes.join {
            Some(joiners) => join::measure(folder.path(), clip, joiners, wishes.rounds).await,
            None => watch(folder.path(), clip, &wishes).await,
        }
    })
}

async fn watch(folder: &std::path::Path, clip: Clip, wishes: &Wishes) -> ExitCode {
    let part = wishes.part_ms.to_string();
    let server = Server::start(folder, &["--live-part", &part]);
    let source = Source::start(server.dictionary(), clip).await;
    // The first segments, and the one who sees when each part is there.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begin = Instant::now() + RAMP + SETTLE;
    let end = begin + Duration::from_secs(wishes.seconds);
    let observer = tokio::spawn(Player::video(server.address(), "observer", begin).observe(end));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = server.usage();

    let (mut players, mut readers) = (JoinSet::new(), JoinSet::new());
    let all = (wishes.viewers + wishes.push + wishes.slow).max(1);
    let mut came = 0;
    let mut turn = || {
        came += 1;
        RAMP * u32::try_from(came).expect("few") / u32::try_from(all).expect("few")
    };
    for viewer in 0..wishes.viewers {
        let turn = turn();
        let viewer = format!("viewer-{viewer}");
        for player in [
            Player::video(server.address(), &viewer, begin),
            Player::audio(server.address(), &viewer, begin),
        ] {
            players.spawn(async move {
                tokio::time::sleep(turn).await;
                player.play(end).await
            });
        }
    }
    for index in 0..wishes.push {
        let way = Way::ALL[index % Way::ALL.len()];
        let turn = turn();
        let (address, dictionary) = (server.address(), server.dictionary());
        readers.spawn(async move {
            tokio::time::sleep(turn).await;
            pushed::read(way, address, dictionary, begin, end).await
        });
    }
    for index in 0..wishes.slow {
        let way = Way::ALL[index % Way::ALL.len()];
        let (address, dictionary) = (server.address(), server.dictionary());
        tokio::spawn(pushed::read_slowly(way, address, dictionary));
    }
    tokio::time::sleep_until(begin.into()).await;
    let at_begin = server.usage();
    tokio::time::sleep_until(end.into()).await;
    let at_end = server.usage();
    let told = server.told().await;
    let own = server::own_cpu();

    let mut played = Played::default();
    while let Some(one) = players.join_next().await {
        played.add(one.expect("a player does not panic"));
    }
    let mut pushed = Pushed::default();
    while let Some(one) = readers.join_next().await {
        pushed.add(one.expect("a reader does not panic"));
    }
    let ends = observer.await.expect("the observer does not panic");
    let reloads = Delays::of(played.answers.iter().filter_map(|answer| {
        let complete = source.sent_at(*ends.get(&answer.part)?)?;
        Some(answer.at.saturating_duration_since(complete))
    }));
    let frames = Delays::of(pushed.frames.iter().filter_map(|frame| {
        let sent = source.sent_at(frame.ms)?;
        Some(frame.at.saturating_duration_since(sent))
    }));

    let seconds = wishes.seconds as f64;
    let cpu = at_end.cpu_s - at_begin.cpu_s;
    let watching = wishes.viewers + wishes.push;
    println!(
        "{} viewers of low-latency HLS, {} who are pushed the stream, {} slow ones; parts of {} ms, \
         {} kbit/s; {} build",
        wishes.viewers,
        wishes.push,
        wishes.slow,
        wishes.part_ms,
        wishes.kbit,
        if cfg!(debug_assertions) {
            "development"
        } else {
            "release"
        },
    );
    println!(
        "CPU of the server      {cpu:.1} s in {seconds} s ({:.0} % of a core), {:.2} ms a viewer-second",
        cpu / seconds * 100.0,
        cpu * 1000.0 / seconds / watching.max(1) as f64,
    );
    println!("CPU of the audience    {own:.1} s since it began");
    println!(
        "RSS of the server      {} MiB without viewers, {} MiB with them: {:.0} KiB a viewer",
        before.rss_bytes >> 20,
        at_end.rss_bytes >> 20,
        at_end.rss_bytes.saturating_sub(before.rss_bytes) as f64 / 1024.0 / watching.max(1) as f64,
    );
    println!("a blocked reload, after its part is complete   {reloads}");
    println!(
        "parts                  {} fetched, {} by a hint that came to nothing, {} holes, {} errors",
        played.parts, played.vain, played.holes, played.errors
    );
    println!("a pushed picture, after it was sent            {frames}");
    println!(
        "pushed frames          {} read, {} holes, {} ended early",
        pushed.count, pushed.holes, pushed.ended
    );
    println!(
        "slow viewers           skipped {} times, {} were cut off",
        told["audience"]["skips"], told["audience"]["cut_off"]
    );
    println!("counted by the server  {}", told["audience"]["now"]);
    let whole = played.holes + played.errors + pushed.holes + pushed.ended == 0;
    let some = (wishes.viewers == 0 || played.parts > 0) && (wishes.push == 0 || pushed.count > 0);
    match whole && some {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What is used by all: the stream's name, and its address.
const STREAM: &str = "audience";

/// What tasks and whoever waits for them both see.
type Shared<T> = Arc<std::sync::Mutex<T>>;
