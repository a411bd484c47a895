//! The text of a cue with the tags that SRT and WebVTT have in common.

use super::{Face, Run};
use crate::time::Time;

/// Reads the lines of a cue: tags change the face or say when, all other tags are
/// passed over, entities are characters.
pub(super) fn runs(source: &str, clock: impl Fn(&str) -> Option<Time>) -> Vec<Run> {
    let mut runs = vec![Run::default()];
    let mut rest = source;
    while let Some(at) = rest.find(['<', '&', '{']) {
        push(&mut runs, &rest[..at]);
        rest = &rest[at..];
        let next = tag(rest)
            .map(|(name, after)| {
                turn(&mut runs, name, &clock);
                after
            })
            .or_else(|| {
                let (character, after) = entity(rest)?;
                push(&mut runs, character.encode_utf8(&mut [0; 4]));
                Some(after)
            })
            .or_else(|| placing(rest));
        rest = next.unwrap_or_else(|| {
            // All three are ASCII: one byte each.
            push(&mut runs, &rest[..1]);
            &rest[1..]
        });
    }
    push(&mut runs, rest);
    runs
}

/// The tag that `source` begins with, without its brackets, and what follows it.
fn tag(source: &str) -> Option<(&str, &str)> {
    let inner = source.strip_prefix('<')?;
    inner
        .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        .then(|| inner.split_once('>'))
        .flatten()
        .filter(|(name, _)| !name.contains('<'))
}

/// `{\an8}` and the like, which place a cue or style it.
fn placing(source: &str) -> Option<&str> {
    let inner = source.strip_prefix("{\\")?;
    inner.split_once('}').map(|(_, after)| after)
}

/// The character that `source` begins with as an entity, and what follows it.
pub(super) fn entity(source: &str) -> Option<(char, &str)> {
    const LONGEST: usize = 10;
    let inner = source.strip_prefix('&')?;
    let end = inner.bytes().take(LONGEST).position(|byte| byte == b';')?;
    named(&inner[..end]).map(|character| (character, &inner[end + 1..]))
}

/// The character of the entity `name`.
pub(super) fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        numbered => {
            let digits = numbered.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?).filter(|character| !character.is_control())?
        }
    })
}

/// What follows has the face, or comes at the time, that the tag says.
fn turn(runs: &mut Vec<Run>, tag: &str, clock: impl Fn(&str) -> Option<Time>) {
    let current = runs.last().map(|run| run.face).unwrap_or_default();
    if let Some(time) = clock(tag) {
        runs.push(Run {
            face: current,
            at: Some(time),
            ..Run::default()
        });
        return;
    }
    let (name, on) = match tag.strip_prefix('/') {
        Some(name) => (name, false),
        None => (tag, true),
    };
    let name = name.split(['.', ' ', '\t', '\n']).next().unwrap_or(name);
    let mut face = current;
    match name.to_ascii_lowercase().as_str() {
        "b" => face.bold = on,
        "i" => face.italic = on,
        "u" => face.underlined = on,
        // `v`, `c`, `lang`, `ruby`, `font` and whatever else: the text counts.
        _ => return,
    }
    turn_to(runs, face);
}

/// What follows has this face.
pub(super) fn turn_to(runs: &mut Vec<Run>, face: Face) {
    runs.push(Run {
        face,
        ..Run::default()
    });
}

/// Adds text in the current face.
pub(super) fn push(runs: &mut Vec<Run>, text: &str) {
    if runs.is_empty() {
        runs.push(Run::default());
    }
    if let Some(run) = runs.last_mut() {
        let kept = |c: &char| !c.is_control() || *c == '\n';
        run.text.extend(text.chars().filter(kept));
    }
}

/// The runs without empty ones and without blanks around them; none where nothing
/// is said.
pub(super) fn tidy(mut runs: Vec<Run>) -> Vec<Run> {
    if runs.iter().all(|run| run.text.trim().is_empty()) {
        return Vec::new();
    }
    while let Some(run) = runs.iter_mut().find(|run| !run.text.is_empty()) {
        run.text = run.text.trim_start().to_owned();
        if !run.text.is_empty() {
            break;
        }
    }
    while let Some(run) = runs.iter_mut().rfind(|run| !run.text.is_empty()) {
        run.text = run.text.trim_end().to_owned();
        if !run.text.is_empty() {
            break;
        }
    }
    // A time without words of its own is that of the words that follow.
    let mut at = None;
    for run in &mut runs {
        at = run.at.or(at);
        if !run.text.trim().is_empty() {
            run.at = at.take();
        }
    }
    runs.retain(|run| !run.text.is_empty());
    runs
}
