//! SRT and WebVTT: a line of times, and the lines below it up to an empty one.
//!
//! What else there may be (numbers, names, notes, style sheets, regions) stands
//! before the line of times, and is not asked for. So both formats, and files that
//! are a little of each, are read by the same few rules.

use super::{CaptionError, Found, span};
use crate::time::Time;

/// What stands between the two times of a cue.
const ARROW: &str = "-->";
/// The longest line of times that is looked at, in bytes.
const MAX_TIMING: usize = 1000;
/// The most digits of the hours.
const MAX_HOUR_DIGITS: usize = 4;

/// Whether a line tells the times of a cue.
pub(super) fn is_timing(line: &str) -> bool {
    times(line).is_some()
}

/// Reads the cues of a text.
pub(super) fn read(text: &str) -> Result<Found, CaptionError> {
    let mut found = Found::default();
    let mut settings = 0;
    let mut cue: Option<(Time, Time, Vec<&str>)> = None;
    let finish = |found: &mut Found, cue: Option<(Time, Time, Vec<&str>)>| match cue {
        Some((start, end, lines)) => found.push(start, end, span::runs(&lines.join("\n"), clock)),
        None => Ok(()),
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in text.lines() {
        if line.contains(ARROW) {
            let mut last = cue.take();
            // Where no empty line parts two cues, the second's number is no text.
            if let Some((_, _, lines)) = &mut last
                && lines
                    .last()
                    .is_some_and(|line| line.trim().parse::<u32>().is_ok())
            {
                lines.pop();
            }
            finish(&mut found, last)?;
            match times(line) {
                Some((start, end, rest)) => {
                    settings += usize::from(!rest.trim().is_empty());
                    cue = Some((start, end, Vec::new()));
                }
                None => found.odd += 1,
            }
        } else if line.trim().is_empty() {
            finish(&mut found, cue.take())?;
        } else if let Some((_, _, lines)) = &mut cue {
            lines.push(line);
        }
    }
    finish(&mut found, cue)?;
    if settings > 0 {
        found.notes.push(format!(
            "{settings} of its cues say where they stand: that is for the template to say, and has no effect"
        ));
    }
    Ok(found)
}

/// The two times of a line, and what follows them.
fn times(line: &str) -> Option<(Time, Time, &str)> {
    if line.len() > MAX_TIMING {
        return None;
    }
    let (start, rest) = line.split_once(ARROW)?;
    let rest = rest.trim_start();
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (end, rest) = rest.split_at(end);
    Some((clock(start.trim())?, clock(end)?, rest))
}

/// A time: `[hours:]minutes:seconds[.fraction]`, with a comma or a point.
pub(super) fn clock(text: &str) -> Option<Time> {
    let (whole, fraction) = match text.split_once([',', '.']) {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let digits = |text: &str, most: usize| {
        let is_number =
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten()
    };
    let mut parts = whole.rsplit(':');
    let seconds = digits(parts.next()?, 2)?;
    let minutes = digits(parts.next()?, 2)?;
    let hours = match parts.next() {
        Some(hours) => digits(hours, MAX_HOUR_DIGITS)?,
        None => 0,
    };
    if parts.next().is_some() || minutes > 59 || seconds > 59 {
        return None;
    }
    let millis = match fraction {
        "" => 0,
        _ => {
            digits(fraction, 9)?;
            let first: String = fraction.chars().chain("00".chars()).take(3).collect();
            first.parse::<i64>().ok()?
        }
    };
    let seconds = (hours * 60 + minutes) * 60 + seconds;
    Some(Time::from_millis(seconds * 1000 + millis))
}
