//! The offload of some time as an operator sees it: what `GET /v1/offload` answers, and what
//! the command line and the studio show.
//!
//! Observed offload stands beside the maximum for that very traffic, for the whole and for
//! each class, in each unit and scope; then why what was fetched had to be, what other room
//! would change, which keys tell apart what is the same, and what to do, with the evidence.

mod advice;
mod chart;
mod pairs;
mod traffic;

use serde::{Deserialize, Serialize};

pub use advice::{Advice, AdviceKind, Evidence, Measure};
pub use chart::{Alternative, Chart, GAIN_BYTES, Gain};
pub use pairs::Pair;
pub use traffic::{Figure, Found, Missed, Range, Scopes, Traffic, Units};

use super::amount::Unit;
use super::figures::Period;
use super::simulate::Miniature;
use crate::policy::PolicyKind;

/// What a report is made from.
#[derive(Debug)]
pub struct Measured<'a> {
    /// What each node counted; the one that answers is among them.
    pub nodes: &'a [Counted<'a>],
    /// A sample of the traffic of the node that answers.
    pub sample: &'a Miniature,
    /// The cache of that node.
    pub cache: Cache,
    /// Keys of the same bytes.
    pub pairs: Vec<Pair>,
}

/// What one node counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// What the node is called.
    pub name: &'a str,
    /// Seconds since it said so; 0 for the node that answers.
    pub age_s: u64,
    /// What it counted.
    pub period: &'a Period,
}

/// How a cache is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// The policy that chooses what goes, by its name, as `gdsf`.
    pub policy: String,
    /// Room on disk, in bytes.
    pub capacity: u64,
    /// Room in memory, in bytes.
    pub memory: u64,
}

impl Cache {
    /// The policy, if it is one that is known here.
    fn kind(&self) -> Option<PolicyKind> {
        self.policy.parse().ok()
    }
}

/// The report. Parts of the traffic are from 0 to 1, rounded to millionths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Seconds that it covers.
    pub seconds: u64,
    /// The nodes that it covers.
    pub nodes: Vec<Node>,
    /// The cache of the node that answers.
    pub cache: Cache,
    /// All traffic.
    pub whole: Traffic,
    /// What a cache without bounds, empty at the beginning of the time, would have
    /// spared the origin; `null` where nothing was asked for.
    pub unbounded: Units<Option<Range<f64>>>,
    /// Each class that had traffic, the one with the most requests first.
    pub classes: Vec<ClassTraffic>,
    /// What other room and other policies would change; `null` where there is nothing to
    /// simulate.
    pub curve: Option<Chart>,
    /// Keys of the same bytes, those that cost the most first.
    pub twins: Vec<Pair>,
    /// What to do, what gains the most first.
    pub advice: Vec<Advice>,
}

/// One node of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// Seconds since it said what it counted.
    pub age_s: u64,
    /// Seconds that it counted.
    pub seconds: u64,
    /// Its traffic, by requests.
    pub requests: Scopes<Figure>,
    /// Its traffic, by bytes.
    pub bytes: Scopes<Figure>,
}

/// One class of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassTraffic {
    /// Which, as `template/greeting`.
    pub class: String,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl Report {
    /// The report on what was measured. Simulates, so it takes up to some tenths of a
    /// second.
    pub fn of(measured: Measured<'_>) -> Self {
        let mut period = Period::default();
        for node in measured.nodes {
            period.merge(node.period);
        }
        let classes = period.classes.iter().map(|(class, figures)| ClassTraffic {
            class: class.to_string(),
            traffic: Traffic::of(figures),
        });
        let mut classes: Vec<_> = classes.collect();
        classes.sort_by_key(|one| std::cmp::Reverse(one.traffic.asked().requests));
        let unbounded = |unit| {
            let tally = &period.all.tally;
            tally.unbounded(&period.asked, unit).map(Range::of_part)
        };
        let mut twins = measured.pairs;
        twins.sort_by_key(|pair| std::cmp::Reverse((pair.render_ms, pair.bytes)));
        let mut report = Self {
            seconds: period.seconds,
            nodes: measured.nodes.iter().map(Node::of).collect(),
            whole: Traffic::of(&period.all),
            unbounded: Units::of(unbounded),
            classes,
            curve: Chart::of(measured.sample, &measured.cache),
            cache: measured.cache,
            twins,
            advice: Vec::new(),
        };
        report.advice = advice::all(&report, measured.sample);
        report
    }
}

impl Node {
    fn of(counted: &Counted<'_>) -> Self {
        let figures = &counted.period.all;
        let scopes = |unit| Scopes::of(|scope| Figure::of(figures, unit, scope));
        Self {
            name: counted.name.to_owned(),
            age_s: counted.age_s,
            seconds: counted.period.seconds,
            requests: scopes(Unit::Requests),
            bytes: scopes(Unit::Bytes),
        }
    }
}

/// A part of the traffic, or a difference of two, as it is reported: in millionths, as more
/// digits say nothing.
fn rounded(part: f64) -> f64 {
    (part * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
