//! TTML, of which DFXP is the older name: XML in which paragraphs have times.
//!
//! What counts is the text of each `p`, its line breaks, which stretches are bold,
//! italic or underlined, and when: times are relative to the elements around. Where it
//! stands on the screen and in which colours is for the template to say.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{CaptionError, Face, Found, HEAD_BYTES, LATEST, Run, lines, span};
use crate::time::Time;

/// The deepest nesting of elements.
const MAX_DEPTH: usize = 64;
/// The most frames or ticks a second.
const MAX_RATE: f64 = 1e9;

/// Whether a text is TTML.
pub(super) fn is_in(text: &str) -> bool {
    let head = match text.char_indices().nth(HEAD_BYTES) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    // Between two tags at most one begins.
    let is_root = |tag: &str| {
        let name = tag.split([' ', '\t', '\r', '\n', '>', '/']).next();
        name.and_then(|name| name.rsplit(':').next()) == Some("tt")
    };
    head.starts_with('<') && head.split('<').any(is_root)
}

/// The clock of a document.
struct Clock {
    frames: f64,
    ticks: f64,
}

/// An element that is open.
#[derive(Clone, Copy)]
struct Open {
    /// When it begins.
    start: Time,
    /// When it ends, if it says so.
    end: Option<Time>,
    face: Face,
    /// Spaces and line ends count as they are written.
    keeps_space: bool,
    is_cue: bool,
}

/// Reads the cues of a document.
pub(super) fn read(text: &str) -> Result<Found, CaptionError> {
    let mut found = Found::default();
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut clock = Clock {
        frames: 30.0,
        ticks: 30.0,
    };
    let mut open = vec![Open {
        start: Time::ZERO,
        end: None,
        face: Face::default(),
        keeps_space: false,
        is_cue: false,
    }];
    let mut runs: Vec<Run> = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| CaptionError::Xml(error.to_string()))?;
        let current = open[open.len() - 1];
        let is_in_cue = open.iter().any(|element| element.is_cue);
        match event {
            Event::Start(element) => {
                if open.len() == MAX_DEPTH {
                    return Err(CaptionError::Xml(format!(
                        "elements more than {MAX_DEPTH} deep"
                    )));
                }
                if name(&element) == "tt" {
                    clock = Clock::of(&element);
                }
                let inner = inner(&element, current, is_in_cue, &clock);
                if is_in_cue {
                    span::turn_to(&mut runs, inner.face);
                    if inner.start > current.start
                        && let Some(run) = runs.last_mut()
                    {
                        run.at = Some(inner.start);
                    }
                } else if inner.is_cue {
                    runs = vec![Run {
                        face: inner.face,
                        ..Run::default()
                    }];
                }
                open.push(inner);
            }
            Event::Empty(element) if is_in_cue && name(&element) == "br" => {
                span::push(&mut runs, "\n");
            }
            // The first is the document itself.
            Event::End(_) if open.len() > 1 => {
                open.pop();
                if current.is_cue {
                    match current.end {
                        Some(end) => {
                            let said = std::mem::take(&mut runs);
                            let said = match current.keeps_space {
                                true => said,
                                false => spaced(said),
                            };
                            found.push(current.start, end, said)?;
                        }
                        None => found.odd += 1,
                    }
                } else if is_in_cue {
                    span::turn_to(&mut runs, open[open.len() - 1].face);
                }
            }
            Event::Text(text) if is_in_cue => add(&mut runs, &text, current.keeps_space),
            Event::CData(text) if is_in_cue => add(&mut runs, &text, current.keeps_space),
            Event::GeneralRef(entity) if is_in_cue => {
                if let Some(character) = span::named(&entity) {
                    span::push(&mut runs, character.encode_utf8(&mut [0; 4]));
                }
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The local name of an element.
fn name<'a>(element: &'a BytesStart<'_>) -> &'a str {
    let name: &str = element.name().into_inner();
    name.rsplit(':').next().unwrap_or(name)
}

/// The value of the attribute with this local name.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    // What is no attribute is passed over.
    let attribute = element.attributes().flatten().find(|attribute| {
        let full: &str = attribute.key.into_inner();
        full.rsplit(':').next() == Some(name)
    })?;
    Some(attribute.value.trim().to_owned())
}

/// The element that opens inside of another.
fn inner(element: &BytesStart<'_>, outer: Open, is_in_cue: bool, clock: &Clock) -> Open {
    let time = |name| attribute(element, name).and_then(|text| clock.time(&text));
    let start = outer.start + time("begin").unwrap_or_default();
    let end = match (time("end"), time("dur")) {
        (Some(end), _) => Some(outer.start + end),
        (None, Some(duration)) => Some(start + duration),
        (None, None) => outer.end,
    };
    let is = |name: &str, values: &[&str], inherited: bool| {
        attribute(element, name).map_or(inherited, |value| values.contains(&value.as_str()))
    };
    Open {
        start,
        // No part ends after the whole.
        end: match (end, outer.end) {
            (Some(end), Some(outer)) => Some(end.min(outer)),
            (end, outer) => end.or(outer),
        },
        face: Face {
            bold: is("fontWeight", &["bold"], outer.face.bold),
            italic: is("fontStyle", &["italic", "oblique"], outer.face.italic),
            underlined: is("textDecoration", &["underline"], outer.face.underlined),
        },
        keeps_space: is("space", &["preserve"], outer.keeps_space),
        is_cue: !is_in_cue && name(element) == "p",
    }
}

/// Adds text; white space is one space unless it is to be kept.
fn add(runs: &mut Vec<Run>, text: &str, keeps_space: bool) {
    if keeps_space {
        span::push(runs, &text.replace("\r\n", "\n"));
        return;
    }
    let mut words = String::with_capacity(text.len());
    for character in text.chars() {
        let is_space = matches!(character, ' ' | '\t' | '\r' | '\n');
        if !is_space {
            words.push(character);
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
    }
    span::push(runs, &words);
}

/// Without spaces around line breaks, and no more than one between words that are
/// in elements of their own.
fn spaced(mut runs: Vec<Run>) -> Vec<Run> {
    let mut last = '\n';
    for run in &mut runs {
        let mut text = String::with_capacity(run.text.len());
        for character in run.text.chars() {
            if character == ' ' && matches!(last, ' ' | '\n') {
                continue;
            }
            if character == '\n' && text.ends_with(' ') {
                text.pop();
            }
            text.push(character);
            last = character;
        }
        run.text = text;
    }
    runs
}

impl Clock {
    /// As the root element says.
    fn of(root: &BytesStart<'_>) -> Self {
        let number = |name| {
            let number: f64 = attribute(root, name)?.parse().ok()?;
            (number > 0.0 && number <= MAX_RATE).then_some(number)
        };
        let factor = attribute(root, "frameRateMultiplier").and_then(|text| {
            let (over, under) = text.split_once([' ', ':'])?;
            let factor = over.parse::<f64>().ok()? / under.trim().parse::<f64>().ok()?;
            (factor.is_finite() && factor > 0.0).then_some(factor)
        });
        let rate = number("frameRate");
        let frames = rate.unwrap_or(30.0) * factor.unwrap_or(1.0);
        // Without a tick rate, ticks are frames; without either, seconds.
        let ticks = number("tickRate").or(rate.map(|_| frames)).unwrap_or(1.0);
        Self { frames, ticks }
    }

    /// `hh:mm:ss.fraction`, `hh:mm:ss:frames`, or a number with `h`, `m`, `s`, `ms`, `f`
    /// or `t`.
    fn time(&self, text: &str) -> Option<Time> {
        if let Some(time) = lines::clock(text) {
            return Some(time);
        }
        if text.matches(':').count() == 3 {
            let (whole, frames) = text.rsplit_once(':')?;
            let frames: f64 = frames.parse().ok()?;
            return Some(lines::clock(whole)? + seconds(frames / self.frames)?);
        }
        let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, unit) = text.split_at(unit);
        let number: f64 = number.parse().ok()?;
        seconds(match unit {
            "h" => number * 3600.0,
            "m" => number * 60.0,
            "s" => number,
            "ms" => number / 1000.0,
            "f" => number / self.frames,
            "t" => number / self.ticks,
            _ => return None,
        })
    }
}

/// To the millisecond, as the other formats have it; no more than makes sense.
fn seconds(seconds: f64) -> Option<Time> {
    let is_time = seconds >= 0.0 && seconds <= 2.0 * LATEST.as_seconds();
    is_time.then(|| Time::from_millis((seconds * 1000.0).round() as i64))
}
