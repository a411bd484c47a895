//! What to do about it, and what says so.
//!
//! Each piece of advice is one rule over the report; what gains less than a point of the
//! requests is not worth a word, but damage always is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::cause::Cause;
use super::super::simulate::{Algorithm, Miniature};
use super::{Report, rounded};
use crate::policy::PolicyKind;

/// Of fewer requests, nothing is said.
const FEW_REQUESTS: u64 = 100;

/// A gain that is less than this is none.
const NOTHING: f64 = 0.0005;

/// A part of the requests that is worth a word.
const WORTH: f64 = 0.01;

/// What another policy must be better by, as a sample may be two points off.
const BETTER: f64 = 0.02;

/// Where as little as this could be spared, nothing is to be gained.
const LITTLE: f64 = 0.02;

/// A maximum below this means that most is asked for once.
const ONCE: f64 = 0.3;

/// The part of all requests for what may not be kept that is worth a word.
const MUCH_UNCACHEABLE: f64 = 0.05;

/// What to do, with the evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What kind of thing.
    pub kind: AdviceKind,
    /// The class that it is mostly about; `null` where it is about no one more than others.
    pub class: Option<String>,
    /// By how much the offload by requests would grow at most: 0.05 is 5 points; `null`
    /// where nothing is gained, or it is not offload that is.
    pub gain: Option<f64>,
    /// In words.
    pub text: String,
    /// The figures that say so.
    pub evidence: Vec<Evidence>,
}

/// A kind of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdviceKind {
    /// More room on disk.
    MoreDisk,
    /// More room in memory.
    MoreMemory,
    /// Another eviction policy.
    OtherPolicy,
    /// Keys tell apart what is the same.
    FragmentedKeys,
    /// What is refused at first use comes again.
    Admission,
    /// What may be kept for longer goes too soon.
    Expiry,
    /// Things are removed and asked for again.
    Purges,
    /// What was kept was damaged or missing: look at the disk.
    Damage,
    /// Fetches fail.
    Failures,
    /// Fetches are given up.
    Abandoned,
    /// Much may not be kept at all.
    Uncacheable,
    /// Several nodes fetch the same.
    NodesOverlap,
    /// What is fetched is new: a cache cannot help.
    Cold,
    /// There was too little traffic to say anything.
    LittleTraffic,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Of what.
    pub name: String,
    /// How much.
    pub value: f64,
    /// What it is counted in.
    pub unit: Measure,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// A part of all, from 0 to 1.
    Part,
    /// A difference of two parts: 0.05 is 5 points.
    Points,
    /// Requests, objects, times.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Ms,
}

/// All that is to be said of `report`.
pub(super) fn all(report: &Report, sample: &Miniature) -> Vec<Advice> {
    let requests = report.whole.asked().requests;
    if requests < FEW_REQUESTS {
        return vec![Advice {
            kind: AdviceKind::LittleTraffic,
            class: None,
            gain: None,
            text: format!("There were {requests} requests: too few to say anything."),
            evidence: vec![count("requests", requests)],
        }];
    }
    let rules = [
        more_disk(report),
        other_policy(report),
        more_memory(report, sample),
        fragmented(report),
        admission(report),
        expiry(report),
        purges(report),
        damage(report),
        failures(report),
        abandoned(report),
        uncacheable(report),
        nodes_overlap(report),
    ];
    let mut advice: Vec<Advice> = rules.into_iter().flatten().collect();
    let gains = advice.iter().any(|one| one.gain.is_some());
    advice.extend(cold(report).filter(|_| !gains));
    let gain = |one: &Advice| one.gain.unwrap_or(-1.0);
    advice.sort_by(|one, other| gain(other).total_cmp(&gain(one)));
    advice
}

fn more_disk(report: &Report) -> Option<Advice> {
    let chart = report.curve.as_ref()?;
    let gain = chart.gain.offload;
    let evicted = part(report, Cause::Evicted);
    let worth = gain.requests >= WORTH || gain.bytes >= WORTH || gain.render >= WORTH;
    (worth && evicted >= WORTH).then(|| Advice {
        text: format!(
            "What is evicted is asked for again. 10 GB more on disk would give {} points of the \
             requests, {} of the bytes and {} of the render time.",
            points(gain.requests),
            points(gain.bytes),
            points(gain.render)
        ),
        evidence: vec![
            of_all("fetched again after eviction", evicted),
            difference("gain by requests", gain.requests),
            difference("gain by bytes", gain.bytes),
            difference("gain by render time", gain.render),
            bytes("room now", chart.capacity),
        ],
        ..advice(report, AdviceKind::MoreDisk, Cause::Evicted, gain.requests)
    })
}

fn other_policy(report: &Report) -> Option<Advice> {
    let chart = report.curve.as_ref()?;
    let now = chart.policy(&report.cache.policy)?;
    // The time of render threads is what is dear, where any is spent.
    let renders = report.whole.asked().render_ms > 0;
    let by = |misses: crate::offload::simulate::Ratios| match renders {
        true => misses.render,
        false => misses.requests,
    };
    let others = chart.policies.iter();
    let best = others.min_by(|one, other| by(one.misses).total_cmp(&by(other.misses)))?;
    let better = by(now) - by(best.misses);
    let gone = part(report, Cause::Evicted) + part(report, Cause::NotAdmitted);
    let unit = if renders { "render time" } else { "requests" };
    (better >= BETTER && gone >= WORTH).then(|| Advice {
        text: format!(
            "With the room there is, {} would have spared {} points of the {unit} more than {}.",
            best.policy,
            points(better),
            report.cache.policy
        ),
        evidence: vec![
            of_all(&format!("missed by {}", report.cache.policy), by(now)),
            of_all(&format!("missed by {}", best.policy), by(best.misses)),
        ],
        ..plain(
            AdviceKind::OtherPolicy,
            Some(now.requests - best.misses.requests),
        )
    })
}

fn more_memory(report: &Report, sample: &Miniature) -> Option<Advice> {
    let (memory, hits) = (report.cache.memory, report.whole.hits);
    let disk = hits.disk.requests as f64 / report.whole.asked().requests as f64;
    if memory == 0 || disk < WORTH || sample.is_empty() {
        return None;
    }
    // The memory tier runs S3-FIFO.
    let missed = |room| sample.misses(Algorithm::Policy(PolicyKind::S3Fifo), room);
    let gain = missed(memory).requests - missed(memory.saturating_mul(2)).requests;
    (gain >= BETTER).then(|| Advice {
        text: format!(
            "Memory is small: {} of the requests are read from disk. Twice the memory would \
             answer {} points more of them.",
            percent(disk),
            points(gain)
        ),
        evidence: vec![
            of_all("read from disk", disk),
            difference("gain by requests", gain),
            bytes("memory now", memory),
        ],
        // The origin gains nothing by it: viewers do.
        ..plain(AdviceKind::MoreMemory, None)
    })
}

fn fragmented(report: &Report) -> Option<Advice> {
    let fragmented = part(report, Cause::Fragmented);
    if fragmented < WORTH {
        return None;
    }
    let mut parameters: BTreeMap<&str, u64> = BTreeMap::new();
    for pair in &report.twins {
        for parameter in &pair.differs {
            *parameters.entry(parameter).or_default() += pair.times;
        }
    }
    let most = parameters.iter().max_by_key(|(_, times)| **times);
    let missed = report.whole.missed(Cause::Fragmented);
    let mut evidence = vec![
        of_all("the same bytes under another key", fragmented),
        bytes("bytes made twice", missed.bytes),
        ms("render time spent twice", missed.render_ms),
    ];
    let differ = match most {
        Some((parameter, times)) => {
            evidence.push(count(&format!("pairs that differ in {parameter}"), *times));
            format!("Mostly they differ in {parameter}: leave it out where it cannot be seen.")
        }
        None => "Look at what the pairs of keys differ in.".to_owned(),
    };
    Some(Advice {
        text: format!(
            "Keys are fragmented: {} of the requests made bytes that were there under another key. \
             {differ}",
            percent(fragmented)
        ),
        evidence,
        ..advice(
            report,
            AdviceKind::FragmentedKeys,
            Cause::Fragmented,
            fragmented,
        )
    })
}

fn admission(report: &Report) -> Option<Advice> {
    repeats(
        report,
        Cause::NotAdmitted,
        AdviceKind::Admission,
        "What was not kept at first use is asked for again: {} of the requests. Keep it at once, \
         or give it more room.",
    )
}

fn expiry(report: &Report) -> Option<Advice> {
    repeats(
        report,
        Cause::Expired,
        AdviceKind::Expiry,
        "What expired is asked for again: {} of the requests. Let the origin allow it to be kept \
         for longer; what never changes may be kept for ever.",
    )
}

fn purges(report: &Report) -> Option<Advice> {
    repeats(
        report,
        Cause::Purged,
        AdviceKind::Purges,
        "What was removed is asked for again: {} of the requests. Remove less at a time.",
    )
}

fn abandoned(report: &Report) -> Option<Advice> {
    repeats(
        report,
        Cause::Abandoned,
        AdviceKind::Abandoned,
        "Viewers left before what they asked for was there, and others asked again: {} of the \
         requests. Look at how long the first picture takes.",
    )
}

fn failures(report: &Report) -> Option<Advice> {
    repeats(
        report,
        Cause::Failed,
        AdviceKind::Failures,
        "Fetches failed and were tried again: {} of the requests. Look at the origin and its errors.",
    )
}

/// Advice on a cause that a better cache would not meet; `text` has a place for its
/// part of the requests.
fn repeats(report: &Report, cause: Cause, kind: AdviceKind, text: &str) -> Option<Advice> {
    let again = part(report, cause);
    let missed = report.whole.missed(cause);
    (again >= WORTH).then(|| Advice {
        text: text.replace("{}", &percent(again)),
        evidence: vec![
            of_all(
                &format!("fetched again: {}", cause.as_str().replace('_', " ")),
                again,
            ),
            count("fetches", missed.requests),
            bytes("bytes", missed.bytes),
            ms("render time", missed.render_ms),
        ],
        ..advice(report, kind, cause, again)
    })
}

fn damage(report: &Report) -> Option<Advice> {
    let damaged = report.whole.missed(Cause::Damaged).requests;
    let lost = report.whole.missed(Cause::Lost).requests;
    let again = part(report, Cause::Damaged) + part(report, Cause::Lost);
    (damaged + lost > 0).then(|| Advice {
        text: format!(
            "{} of what was kept was found damaged or missing, and made again. Look at the disk; \
             loomcast cache verify reads all of it.",
            damaged + lost
        ),
        evidence: vec![count("damaged", damaged), count("missing", lost)],
        ..advice(report, AdviceKind::Damage, Cause::Damaged, again)
    })
}

fn uncacheable(report: &Report) -> Option<Advice> {
    let passed = report.whole.uncacheable;
    let part = passed.requests as f64 / report.whole.asked().requests as f64;
    (part >= MUCH_UNCACHEABLE).then(|| Advice {
        text: format!(
            "{} of the requests are for what may not be kept: they always cost a fetch. If some of it \
             may be, let the origin say so.",
            percent(part)
        ),
        evidence: vec![
            of_all("may not be kept", part),
            bytes("bytes", passed.bytes),
        ],
        ..plain(AdviceKind::Uncacheable, None)
    })
}

fn nodes_overlap(report: &Report) -> Option<Advice> {
    let each = report.nodes.iter();
    let each: u64 = each.map(|node| node.requests.total.distinct.value).sum();
    let all = report.whole.offload.requests.total;
    // Only what is surely more than the error of the estimate.
    let twice = each.saturating_sub(all.distinct.high) as f64 / all.asked as f64;
    (report.nodes.len() > 1 && twice >= WORTH).then(|| Advice {
        text: format!(
            "Several nodes fetch the same: {} of the requests. Send viewers of one video to one node, \
             or let nodes ask each other.",
            percent(twice)
        ),
        evidence: vec![
            count("distinct, node by node", each),
            count("distinct in all", all.distinct.value),
        ],
        ..plain(AdviceKind::NodesOverlap, Some(twice))
    })
}

fn cold(report: &Report) -> Option<Advice> {
    let all = report.whole.offload.requests.cacheable;
    let (headroom, maximum) = (all.headroom?, all.maximum?);
    let once = match maximum.value < ONCE {
        true => " Most is asked for once: keeping things at their second use would spare the disk.",
        false => "",
    };
    (headroom < LITTLE).then(|| Advice {
        text: format!(
            "Nothing is to be gained: offload is {}, and no cache could have more than {} of this \
             traffic. What is fetched is new.{once}",
            percent(all.observed.unwrap_or_default()),
            percent(maximum.value)
        ),
        evidence: vec![
            difference("headroom", headroom),
            of_all("new", part(report, Cause::Cold)),
        ],
        ..plain(AdviceKind::Cold, None)
    })
}

/// The part of all requests that was fetched because of `cause`.
fn part(report: &Report, cause: Cause) -> f64 {
    let missed = report.whole.missed(cause).requests;
    missed as f64 / report.whole.asked().requests as f64
}

/// Advice that is about the class with more than half of the fetches for `cause`.
fn advice(report: &Report, kind: AdviceKind, cause: Cause, gain: f64) -> Advice {
    let all = report.whole.missed(cause).requests;
    let classes = report.classes.iter();
    let mostly = classes.filter(|_| report.classes.len() > 1).find(|class| {
        let its = class.traffic.missed(cause).requests;
        its > all / 2
    });
    Advice {
        class: mostly.map(|class| class.class.clone()),
        ..plain(kind, Some(gain))
    }
}

fn plain(kind: AdviceKind, gain: Option<f64>) -> Advice {
    Advice {
        kind,
        class: None,
        gain: gain.filter(|gain| *gain >= NOTHING).map(rounded),
        text: String::new(),
        evidence: Vec::new(),
    }
}

fn evidence(name: &str, value: f64, unit: Measure) -> Evidence {
    let (name, value) = (name.to_owned(), rounded(value));
    Evidence { name, value, unit }
}

fn of_all(name: &str, part: f64) -> Evidence {
    evidence(name, part, Measure::Part)
}

fn difference(name: &str, points: f64) -> Evidence {
    evidence(name, points, Measure::Points)
}

fn count(name: &str, value: u64) -> Evidence {
    evidence(name, value as f64, Measure::Count)
}

fn bytes(name: &str, value: u64) -> Evidence {
    evidence(name, value as f64, Measure::Bytes)
}

fn ms(name: &str, value: u64) -> Evidence {
    evidence(name, value as f64, Measure::Ms)
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn points(part: f64) -> String {
    format!("{:+.1}", part * 100.0)
}
