//! `loomcast offload report`: a server's offload as a table, and what to do.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bytesize::ByteSize;
use clap::Args;

use super::server::{ServerArgs, at_once};
use super::table::{Table, count, percent, time};
use crate::offload::report::{Chart, Evidence, Figure, Measure, Report, Scopes, Traffic};

/// The most of a report that is read: with all classes and pairs it is a tenth of that.
const MAX_REPORT: u64 = 4 << 20;

/// Pairs of keys that are shown.
const PAIRS: usize = 8;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    server: ServerArgs,

    /// Of how many minutes just past, 15 to 60, in quarters of an hour
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(15..=60),
        default_value = "60"
    )]
    minutes: u32,

    /// Print the server's JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReportArgs) -> Result<ExitCode> {
    let path = format!("/v1/offload?minutes={}", args.minutes);
    let body = args.server.get(&path, MAX_REPORT, at_once())?;
    let mut bytes = Vec::new();
    let read = body.read(|piece| {
        bytes.extend(piece);
        Ok(())
    });
    read.map_err(|error| args.server.failed(error))?;
    let report: Report =
        serde_json::from_slice(&bytes).context("the server's answer is no report on offload")?;
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{}", shown(&report)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The report as a text.
fn shown(report: &Report) -> String {
    let mut sections = vec![heading(report), traffic(report)];
    if report.nodes.len() > 1 {
        sections.push(nodes(report));
    }
    sections.extend(misses(report));
    sections.extend(report.curve.as_ref().map(curve));
    sections.extend(pairs(report));
    sections.extend(advice(report));
    sections.join("\n")
}

fn heading(report: &Report) -> String {
    let nodes = report.nodes.iter().map(|node| match node.age_s {
        0 => node.name.clone(),
        age => format!("{} ({} ago)", node.name, time(age)),
    });
    format!(
        "The last {} of {}. Offload is what part of the traffic the origin was spared, now and at \
         most; the total counts what may not be kept, too.\n",
        time(report.seconds),
        nodes.collect::<Vec<_>>().join(", ")
    )
}

/// `now / at most`.
fn pair(figure: &Figure) -> String {
    match (figure.observed, figure.maximum) {
        (Some(observed), Some(maximum)) => format!(
            "{:.1} / {:.1}{}",
            observed * 100.0,
            maximum.value * 100.0,
            match (maximum.high - maximum.low) * 50.0 {
                error if error >= 0.05 => format!(" ±{error:.1}"),
                _ => String::new(),
            }
        ),
        _ => "-".to_owned(),
    }
}

fn traffic(report: &Report) -> String {
    let mut table = Table::new(&[
        "% now / at most",
        "requests",
        "bytes",
        "total, requests",
        "bytes",
        "render time",
        "cacheable, requests",
        "bytes",
    ]);
    let mut row = |name: &str, traffic: &Traffic| {
        let (asked, offload) = (traffic.asked(), &traffic.offload);
        let Scopes { total, cacheable } = &offload.requests;
        table.row([
            name.to_owned(),
            count(asked.requests),
            ByteSize(asked.bytes).to_string(),
            pair(total),
            pair(&offload.bytes.total),
            pair(&offload.render.total),
            pair(cacheable),
            pair(&offload.bytes.cacheable),
        ]);
    };
    row("all", &report.whole);
    for one in &report.classes {
        row(&one.class, &one.traffic);
    }
    table.to_string()
}

fn nodes(report: &Report) -> String {
    let mut table = Table::new(&["node", "requests", "requests", "bytes"]);
    for node in &report.nodes {
        table.row([
            node.name.clone(),
            count(node.requests.total.asked),
            pair(&node.requests.total),
            pair(&node.bytes.total),
        ]);
    }
    table.to_string()
}

/// How requests were met: hits by tier, then fetches by cause.
fn misses(report: &Report) -> Option<String> {
    let whole = &report.whole;
    let all = whole.asked().requests;
    if all == 0 {
        return None;
    }
    let mut table = Table::new(&["met by", "requests", "of all", "bytes", "render time"]);
    let hits = [
        ("memory", whole.hits.ram),
        ("disk", whole.hits.disk),
        ("another node", whole.hits.peer),
        ("another's fetch", whole.collapsed),
    ];
    let misses = whole.misses.iter().map(|one| {
        let repeat = if one.cause.is_repeat() {
            " (again)"
        } else {
            ""
        };
        let cause = one.cause.as_str().replace('_', " ");
        (format!("a fetch: {cause}{repeat}"), one.amount)
    });
    let passed = ("a fetch: may not be kept".to_owned(), whole.uncacheable);
    let rows = hits.map(|(name, amount)| (name.to_owned(), amount));
    for (name, amount) in rows.into_iter().chain(misses).chain([passed]) {
        if amount.is_nothing() {
            continue;
        }
        table.row([
            name,
            count(amount.requests),
            percent(Some(amount.requests as f64 / all as f64)),
            ByteSize(amount.bytes).to_string(),
            render_time(amount.render_ms),
        ]);
    }
    Some(table.to_string())
}

fn render_time(ms: u64) -> String {
    match ms {
        0 => "-".to_owned(),
        1..10_000 => format!("{ms} ms"),
        _ => time(ms / 1000),
    }
}

fn curve(chart: &Chart) -> String {
    let names = chart.curves.iter().map(|curve| &*curve.algorithm);
    let heading: Vec<&str> = ["misses with room for"].into_iter().chain(names).collect();
    let mut table = Table::new(&heading);
    let sizes = chart.curves.first().map_or(&[][..], |curve| &curve.steps);
    for (at, step) in sizes.iter().enumerate() {
        let now = if step.capacity == chart.capacity {
            "  <- now"
        } else {
            ""
        };
        let misses = chart.curves.iter().map(|curve| {
            let step = curve.steps.get(at);
            percent(step.map(|step| step.misses.requests))
        });
        let size = format!("{}{now}", ByteSize(step.capacity));
        table.row([size].into_iter().chain(misses));
    }
    let gain = chart.gain.offload;
    format!(
        "{table}+{} gives {:+.1} points of the requests, {:+.1} of the bytes, {:+.1} of the render time \
         (simulated on {} requests for {} objects, {:.0} % of all, from an empty cache)\n",
        ByteSize(chart.gain.more_bytes).display().si(),
        gain.requests * 100.0,
        gain.bytes * 100.0,
        gain.render * 100.0,
        count(chart.sampled_requests),
        count(chart.sampled_objects),
        chart.rate * 100.0
    )
}

fn pairs(report: &Report) -> Option<String> {
    if report.twins.is_empty() {
        return None;
    }
    let mut table = Table::new(&["the same under two keys", "times", "bytes", "differ in"]);
    let short = |key: &str| key.chars().take(12).collect::<String>();
    for pair in report.twins.iter().take(PAIRS) {
        let differs = match pair.differs.is_empty() {
            true => "?".to_owned(),
            false => pair.differs.join(", "),
        };
        table.row([
            format!("{} {}", short(&pair.first), short(&pair.second)),
            count(pair.times),
            ByteSize(pair.bytes).to_string(),
            differs,
        ]);
    }
    Some(table.to_string())
}

fn advice(report: &Report) -> Option<String> {
    if report.advice.is_empty() {
        return None;
    }
    let lines = report.advice.iter().map(|advice| {
        let gain = advice
            .gain
            .map(|gain| format!("{:+.1} points: ", gain * 100.0));
        let class = advice
            .class
            .as_ref()
            .map(|class| format!(" Mostly {class}."));
        let evidence = advice.evidence.iter().map(evidence).collect::<Vec<_>>();
        format!(
            "* {}{}{}\n    {}\n",
            gain.unwrap_or_default(),
            advice.text,
            class.unwrap_or_default(),
            evidence.join("; ")
        )
    });
    Some(lines.collect())
}

fn evidence(evidence: &Evidence) -> String {
    let value = evidence.value;
    let whole = value.max(0.0).round() as u64;
    let value = match evidence.unit {
        Measure::Part => percent(Some(value)),
        Measure::Points => format!("{:+.1} points", value * 100.0),
        Measure::Count => count(whole),
        Measure::Bytes => ByteSize(whole).to_string(),
        Measure::Ms => render_time(whole),
    };
    format!("{} {value}", evidence.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::offload::report::{Cache, Counted, Measured, Pair};
    use crate::offload::{Cause, Class, Kind, Meter, Object, Size, Tier, Twins};

    fn sample() -> Report {
        let mut meter = Meter::new();
        let greeting = Class::new(Kind::Template, "greeting");
        for seed in 0..2000_u32 {
            let object = Object {
                key: Digest::of(&(seed % 400).to_le_bytes()),
                size: Size::new(1_000_000, 100),
            };
            let cause = match seed {
                ..400 => Cause::Cold,
                _ => Cause::Evicted,
            };
            match seed % 4 {
                0 => meter.hit(0, &Class::other(), &object, Tier::Ram),
                _ => {
                    meter.fetched(0, &greeting, &object, cause, 0, None);
                }
            }
        }
        let twins = Twins {
            first: Digest::of(b"1"),
            second: Digest::of(b"2"),
            bytes: 1000,
            render_ms: 10,
        };
        let period = meter.over(900, 4);
        Report::of(Measured {
            nodes: &[Counted {
                name: "here",
                age_s: 0,
                period: &period,
            }],
            sample: &meter.sample(900, 3600),
            cache: Cache {
                policy: "lru".to_owned(),
                capacity: 300_000_000,
                memory: 0,
            },
            pairs: Pair::all(&[twins], |_| vec!["seed".to_owned()]),
        })
    }

    #[test]
    fn a_report_shows_offload_causes_curve_pairs_and_advice() {
        let text = shown(&sample());
        for expected in [
            "template/greeting",
            "25.0 / 85.0",
            "a fetch: evicted (again)",
            "<- now",
            "+10.0 GB gives",
            "seed",
            "* +",
        ] {
            assert!(text.contains(expected), "{expected}:\n{text}");
        }
    }

    #[test]
    fn a_report_on_nothing_is_shown_too() {
        let mut report = sample();
        report.whole = Traffic::default();
        report.classes.clear();
        report.curve = None;
        report.twins.clear();
        report.advice.clear();
        let text = shown(&report);
        assert!(text.contains("all"), "{text}");
    }
}
