//! `loomcast offload simulate`: what caches of other sizes and policies would have
//! missed of recorded traffic, beside what none can be better than.

use std::mem;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use bytesize::ByteSize;
use clap::Args;
use serde_json::{Value, json};

use super::table::{Table, count, percent, time};
use super::tracefile::{self, format};
use crate::cli::progress;
use crate::cli::values::size;
use crate::offload::simulate::{Algorithm, Miniature, Ratios, infinite, sizes};
use crate::offload::trace::{Format, Trace};
use crate::offload::{ALL_POINTS, Amount, Estimate, Size, Sketch, Unit};
use crate::policy::Replay;

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The recorded traffic, or - for standard input
    trace: PathBuf,

    /// How it is written: oracle (libCacheSim's oracleGeneral), csv (time, key, size and
    /// perhaps the cost of a miss), or compact (what `record` writes) [default: as it looks]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,

    /// Room of a cache, as 10G or 512MiB; several by several options or with commas
    /// [default: from a 64th to all of what is distinct]
    #[arg(long = "size", value_name = "SIZE", value_parser = size, value_delimiter = ',')]
    sizes: Vec<u64>,

    /// Simulate on a sample of so many objects: for long traces. Of 8192, parts of the
    /// requests are within two points [default: on all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..))]
    objects: Option<u32>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What one trace holds.
struct Contents {
    requests: u64,
    objects: u64,
    asked: Amount,
    distinct: Amount,
    /// By a sketch of as many points as a server keeps.
    sketch: Sketch,
}

/// What one algorithm misses with so much room.
#[derive(Clone, Copy)]
struct Job {
    algorithm: Algorithm,
    capacity: u64,
}

pub(super) fn run(args: &SimulateArgs) -> Result<ExitCode> {
    let mut trace = tracefile::read(&args.trace, args.format)?;
    let contents = Contents::of(&trace);
    let mut room = args.sizes.clone();
    if room.is_empty() {
        room = sizes(contents.distinct.bytes / 8);
    }
    room.sort_unstable();
    room.dedup();
    let traffic = match args.objects {
        Some(objects) => Miniature::of(&trace.requests, objects as usize, |key| trace.point(key)),
        None => Miniature::whole(mem::take(&mut trace.requests)),
    };
    let (seconds, lost) = (trace.seconds, trace.lost);
    let algorithms = Algorithm::all();
    let jobs = algorithms.iter().flat_map(|algorithm| {
        room.iter().map(|capacity| Job {
            algorithm: *algorithm,
            capacity: *capacity,
        })
    });
    let misses = all(&traffic, &jobs.collect::<Vec<_>>());
    let rows: Vec<&[Ratios]> = misses.chunks(room.len()).collect();
    let told = Told {
        contents: &contents,
        seconds,
        lost,
        traffic: &traffic,
        sizes: &room,
        algorithms: &algorithms,
        misses: &rows,
    };
    match args.json {
        true => println!("{:#}", told.json()),
        false => print!("{}", told.text()),
    }
    Ok(ExitCode::SUCCESS)
}

impl Contents {
    fn of(trace: &Trace) -> Self {
        let replay = infinite(&trace.requests);
        let mut sketch = Sketch::new(ALL_POINTS);
        let mut render_ms = 0_u64;
        for request in &trace.requests {
            let weight = request.weight;
            render_ms = render_ms.saturating_add(weight.cost);
            sketch.note(
                trace.point(request.key),
                Size::new(weight.bytes, weight.cost),
            );
        }
        let Replay {
            requests,
            misses,
            bytes,
            missed_bytes,
            missed_cost,
        } = replay;
        Self {
            requests,
            objects: misses,
            asked: Amount {
                requests,
                bytes,
                render_ms,
            },
            distinct: Amount {
                requests: misses,
                bytes: missed_bytes,
                render_ms: missed_cost,
            },
            sketch,
        }
    }

    /// The units in which the trace says anything: without costs, each miss costs 1.
    fn units(&self) -> Vec<Unit> {
        let costs = self.asked.render_ms != self.asked.requests;
        let said = |unit: &Unit| *unit != Unit::Render || costs;
        Unit::ALL.into_iter().filter(said).collect()
    }

    /// What part no cache can be spared of: exact, and as a server would estimate it.
    fn maximum(&self, unit: Unit) -> Option<(f64, Estimate)> {
        let (asked, distinct) = (self.asked.in_unit(unit), self.distinct.in_unit(unit));
        let estimate = self.sketch.distinct(unit);
        let of = asked as f64;
        (asked > 0).then(|| {
            let estimate = Estimate {
                value: 1.0 - (estimate.value / of).min(1.0),
                error: estimate.error / of,
            };
            (1.0 - distinct as f64 / of, estimate)
        })
    }
}

/// Runs `jobs`, as many at a time as there are cores, with a bar.
fn all(traffic: &Miniature, jobs: &[Job]) -> Vec<Ratios> {
    let bar = progress::bar(jobs.len() as u64, "simulating");
    let done = Mutex::new(vec![Ratios::default(); jobs.len()]);
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((at, job)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            jobs.get(at).map(|job| (at, job))
        } {
            let misses = traffic.misses(job.algorithm, job.capacity);
            // A panic elsewhere comes out when the threads are joined.
            let mut done = done.lock().unwrap_or_else(|broken| broken.into_inner());
            done[at] = misses;
            bar.inc(1);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    done.into_inner()
        .unwrap_or_else(|broken| broken.into_inner())
}

/// What came of it.
struct Told<'a> {
    contents: &'a Contents,
    seconds: u64,
    /// Requests that came while it was recorded, and are not in it.
    lost: u64,
    traffic: &'a Miniature,
    sizes: &'a [u64],
    algorithms: &'a [Algorithm],
    /// By algorithm, then by size.
    misses: &'a [&'a [Ratios]],
}

fn in_unit(ratios: &Ratios, unit: Unit) -> f64 {
    match unit {
        Unit::Requests => ratios.requests,
        Unit::Bytes => ratios.bytes,
        Unit::Render => ratios.render,
    }
}

const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Requests => "requests",
        Unit::Bytes => "bytes",
        Unit::Render => "render time",
    }
}

impl Told<'_> {
    fn is_sample(&self) -> bool {
        self.traffic.rate() < 1.0
    }

    fn text(&self) -> String {
        let contents = self.contents;
        let mut text = format!(
            "{} requests for {} objects in {}: {}, of which {} distinct\n",
            count(contents.requests),
            count(contents.objects),
            time(self.seconds),
            ByteSize(contents.asked.bytes),
            ByteSize(contents.distinct.bytes)
        );
        if self.lost > 0 {
            text += &format!("{} more came while it was recorded\n", count(self.lost));
        }
        let mut table = Table::new(&["offload at most, by", "counted", "by sketch"]);
        for unit in contents.units() {
            let maximum = contents.maximum(unit);
            let sketch = maximum.map(|(_, estimate)| {
                let (value, error) = (estimate.value * 100.0, estimate.error * 100.0);
                format!("{value:.2} % ±{error:.2}")
            });
            let exact = maximum.map(|(exact, _)| format!("{:.2} %", exact * 100.0));
            let dash = || "-".to_owned();
            table.row([
                unit_name(unit).to_owned(),
                exact.unwrap_or_else(dash),
                sketch.unwrap_or_else(dash),
            ]);
        }
        text += &format!("\n{table}");
        for unit in contents.units() {
            let first = format!("misses, by {}", unit_name(unit));
            let names: Vec<String> = self.algorithms.iter().map(ToString::to_string).collect();
            let heading = [&*first]
                .into_iter()
                .chain(names.iter().map(String::as_str));
            let mut table = Table::new(&heading.collect::<Vec<_>>());
            for (at, size) in self.sizes.iter().enumerate() {
                let part = |misses: &&[Ratios]| percent(Some(in_unit(&misses[at], unit)));
                let size = ByteSize(*size).to_string();
                table.row([size].into_iter().chain(self.misses.iter().map(part)));
            }
            text += &format!("\n{table}");
        }
        text += "\nbelady knows what will be asked for, and infinite lets nothing go: no policy can do better \
                 than infinite, nor than belady where objects are of one size.\n";
        if self.is_sample() {
            text += &format!(
                "Simulated on {} of the objects, {}.\n",
                count(self.traffic.objects() as u64),
                percent(Some(self.traffic.rate()))
            );
        }
        text
    }

    fn json(&self) -> Value {
        let contents = self.contents;
        let maximum = Unit::ALL.iter().map(|unit| {
            let said = contents.maximum(*unit).map(|(exact, estimate)| {
                json!({
                    "exact": exact,
                    "sketch": estimate.value,
                    "error": estimate.error,
                })
            });
            (unit.as_str().to_owned(), said.unwrap_or(Value::Null))
        });
        let curves = self.algorithms.iter().zip(self.misses);
        let curves = curves.map(|(algorithm, misses)| {
            let steps = self.sizes.iter().zip(*misses);
            let steps: Vec<Value> = steps
                .map(|(size, misses)| self.step(*size, misses))
                .collect();
            json!({ "algorithm": algorithm.to_string(), "steps": steps })
        });
        json!({
            "requests": contents.requests,
            "objects": contents.objects,
            "seconds": self.seconds,
            "lost": self.lost,
            "asked": contents.asked,
            "distinct": contents.distinct,
            "sampled": self.traffic.rate(),
            "maximum": maximum.collect::<serde_json::Map<_, _>>(),
            "curves": curves.collect::<Vec<_>>(),
        })
    }

    /// Of a sample, the counts are in proportion.
    fn step(&self, size: u64, misses: &Ratios) -> Value {
        let asked = self.contents.asked;
        let of = |part: f64, all: u64| (part * all as f64).round() as u64;
        json!({
            "capacity": size,
            "misses": of(misses.requests, asked.requests),
            "missed_bytes": of(misses.bytes, asked.bytes),
            "missed_cost": of(misses.render, asked.render_ms),
            "parts": misses,
        })
    }
}
