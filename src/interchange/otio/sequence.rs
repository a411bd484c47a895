//! A file for each frame: as many stills, one after another.

use super::flatten::Leaf;
use super::rational::takes;
use super::schema::Sequence;
use crate::time::Time;

/// The most stills that a sequence becomes; of more somebody should make a video.
pub(super) const MAX_STILLS: usize = 1000;

/// One file, and when it is on.
pub(super) struct Still {
    pub url: String,
    pub start: Time,
    pub length: Time,
}

/// The stills of `leaf`, or how many there would be if that is too many.
pub(super) fn stills(leaf: &Leaf, sequence: &Sequence) -> Result<Vec<Still>, i64> {
    let each = sequence.rate.time(sequence.step as f64);
    if each <= Time::ZERO {
        return Err(i64::MAX);
    }
    let first = leaf.trim.flicks().div_euclid(each.flicks());
    let end = leaf.start + leaf.length;
    if leaf.speed == 0.0 {
        return Ok(vec![Still {
            url: url(sequence, first),
            start: leaf.start,
            length: leaf.length,
        }]);
    }
    let played = (leaf.length.flicks() as f64 * leaf.speed / each.flicks() as f64).ceil();
    if played >= MAX_STILLS as f64 {
        return Err(played as i64);
    }
    let mut stills = Vec::new();
    let mut start = leaf.start;
    for index in first.. {
        let passed = Time::from_flicks((index + 1).saturating_mul(each.flicks())) - leaf.trim;
        let next = (leaf.start + takes(passed, leaf.speed)).min(end);
        if next > start {
            stills.push(Still {
                url: url(sequence, index),
                start,
                length: next - start,
            });
        }
        start = next;
        if start >= end || stills.len() > MAX_STILLS {
            break;
        }
    }
    Ok(stills)
}

/// The file of the still `index`.
fn url(sequence: &Sequence, index: i64) -> String {
    let number = sequence
        .first
        .saturating_add(index.saturating_mul(sequence.step));
    let sign = if number < 0 { "-" } else { "" };
    let Sequence {
        before,
        after,
        digits,
        ..
    } = sequence;
    format!("{before}{sign}{:0digits$}{after}", number.unsigned_abs())
}
