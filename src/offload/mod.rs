//! Origin offload: what the caches save, what they could save at most for that very
//! traffic, and why they do not.
//!
//! Of R requests M had to be fetched, so the observed offload is `1 - M/R`. Of the M fetched, U
//! were distinct: each of those had to be fetched once, whatever the cache, so the maximum is
//! `1 - U/R`. Both by requests, by bytes, and by the time of render threads; of all traffic,
//! and of what may be kept. U is estimated from little memory ([`Sketch`]), M - U explained by
//! the [`Cause`] of each miss, and what another size or policy would give is found by
//! simulating them on a sample of the traffic ([`simulate`]).
//!
//! - [`Meter`] is all of one node: told of each request, it tells the [`Period`] just past.
//! - Periods of several nodes merge. Ratios are never averaged: counts are added, sketches
//!   merged.
//! - [`report`] puts all this before an operator, with what to do about it.
//! - [`trace`] reads traffic that was recorded, here or elsewhere.
//!
//! Pure: no clock, no files, no network.

mod amount;
mod cause;
mod class;
mod figures;
mod ghosts;
mod meter;
mod point;
pub mod report;
mod sample;
pub mod simulate;
mod sketch;
mod tally;
pub mod trace;
mod twins;
mod window;

pub use amount::{Amount, Size, Unit};
pub use cause::Cause;
pub use class::{Class, Kind, MAX_CLASSES, MAX_NAME};
pub use figures::{Figures, Period, WrittenClass, WrittenFigures, WrittenPeriod};
pub use ghosts::{GHOSTS, Ghosts};
pub use meter::{MAX_MEMORY, Meter, Object};
pub use point::Point;
pub use sample::{SAMPLED_OBJECTS, SAMPLED_REQUESTS, Sample};
pub use sketch::{ALL_POINTS, CLASS_POINTS, Estimate, Sketch, SketchError, Written};
pub use tally::{Offload, Scope, Tally, Tier};
pub use twins::{CONTENTS, Contents, PAIRS, Twins};
pub use window::{Answer, QUARTER_S, QUARTERS};
