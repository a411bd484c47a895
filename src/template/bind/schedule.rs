//! When each clip of an Edit is on.
//!
//! A clip says when it begins and how long it lasts by numbers, or by words that
//! refer to the clip before it, to another clip by its alias, to its asset or to the
//! end of the timeline. Clips that last until the end do not say when that is; all
//! others do.

use std::collections::HashMap;

use super::{Assets, MAX_DURATION, STILL_LENGTH, info};
use crate::template::asset::{Asset, AudioAsset, LumaAsset, Source, VideoAsset};
use crate::template::clip::{Clip, Length, Start};
use crate::template::edit::Edit;
use crate::template::error::{EditError, Pointer, Warning};
use crate::time::Time;
use crate::timeline::Speed;

/// The longest chain of clips of which each refers to the next by its alias.
const MAX_ALIAS_CHAIN: usize = 100;

/// When a clip is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub start: Time,
    /// How long it lasts.
    pub length: Time,
}

impl Span {
    /// When it ends.
    pub fn end(self) -> Time {
        self.start + self.length
    }
}

/// When each clip of each track is on.
pub fn spans(
    edit: &Edit,
    assets: &Assets,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Vec<Span>>, EditError> {
    let aliases = aliases(edit, warnings);
    let of_end = |end| resolve(edit, assets, &aliases, end);
    let first = of_end(None)?;
    let end = first
        .iter()
        .flatten()
        .map(|span| span.end())
        .max()
        .unwrap_or_default();
    let tracks = || Pointer::from("/timeline/tracks");
    if end <= Time::ZERO {
        return Err(EditError::new(
            tracks(),
            "a timeline of no length",
            "a clip whose length is a number or auto",
        ));
    }
    if end > MAX_DURATION {
        return Err(EditError::new(
            tracks(),
            format!("a timeline of {end}"),
            format!("at most {MAX_DURATION}"),
        ));
    }
    let spans = of_end(Some(end))?;
    for (clip, span) in edit.tracks.iter().flatten().zip(spans.iter().flatten()) {
        if span.length <= Time::ZERO {
            let found = format!("a clip of {}", span.length);
            return Err(EditError::new(
                clip.pointer.member("length"),
                found,
                "a clip that lasts longer than nothing",
            ));
        }
    }
    Ok(spans)
}

/// A clip by its track and its place there.
type Place = (usize, usize);

/// The clips that have an alias; of two with the same the first.
fn aliases<'a>(edit: &'a Edit, warnings: &mut Vec<Warning>) -> HashMap<&'a str, Place> {
    let mut aliases = HashMap::new();
    for (track, clips) in edit.tracks.iter().enumerate() {
        for (index, clip) in clips.iter().enumerate() {
            let Some(alias) = &clip.alias else {
                continue;
            };
            if aliases.contains_key(alias.as_str()) {
                warnings.push(Warning {
                    pointer: clip.pointer.member("alias"),
                    message: format!("another clip is called {alias:?} too: that one is meant"),
                });
                continue;
            }
            aliases.insert(alias.as_str(), (track, index));
        }
    }
    aliases
}

/// What is known of a clip so far.
#[derive(Clone, Copy, Default)]
struct Known {
    start: Option<Time>,
    length: Option<Time>,
}

fn resolve(
    edit: &Edit,
    assets: &Assets,
    aliases: &HashMap<&str, Place>,
    end: Option<Time>,
) -> Result<Vec<Vec<Span>>, EditError> {
    let mut known: Vec<Vec<Known>> = edit
        .tracks
        .iter()
        .map(|clips| vec![Known::default(); clips.len()])
        .collect();
    let find = |clip: &Clip, field: &str, alias: &str| {
        aliases.get(alias).copied().ok_or_else(|| {
            EditError::new(
                clip.pointer.member(field),
                format!("\"alias://{alias}\""),
                "the alias of a clip",
            )
        })
    };
    // Each pass goes one step along every chain of aliases.
    for _ in 0..=MAX_ALIAS_CHAIN {
        let mut is_whole = true;
        for (track, clips) in edit.tracks.iter().enumerate() {
            let mut previous = Some(Time::ZERO);
            for (index, clip) in clips.iter().enumerate() {
                let Known { start, length } = known[track][index];
                let start = match (start, &clip.start) {
                    (Some(start), _) => Some(start),
                    (None, Start::At(start)) => Some(*start),
                    (None, Start::Auto) => previous,
                    (None, Start::As(alias)) => {
                        let (track, index) = find(clip, "start", alias)?;
                        known[track][index].start
                    }
                };
                let length = match (length, &clip.length) {
                    (Some(length), _) => Some(length),
                    (None, Length::As(alias)) => {
                        let (track, index) = find(clip, "length", alias)?;
                        known[track][index].length
                    }
                    (None, _) => match start {
                        Some(start) => Some(length_of(clip, start, end, assets)?),
                        None => None,
                    },
                };
                known[track][index] = Known { start, length };
                previous = start.zip(length).map(|(start, length)| start + length);
                is_whole &= previous.is_some();
            }
        }
        if is_whole {
            let span = |known: &Known| Span {
                start: known.start.unwrap_or_default(),
                length: known.length.unwrap_or_default(),
            };
            let of_track = |track: &Vec<Known>| track.iter().map(span).collect();
            return Ok(known.iter().map(of_track).collect());
        }
    }
    let lost = edit.tracks.iter().flatten().zip(known.iter().flatten());
    let lost = lost
        .filter(|(clip, _)| {
            matches!(clip.start, Start::As(_)) || matches!(clip.length, Length::As(_))
        })
        .find(|(_, known)| known.start.is_none() || known.length.is_none())
        .map(|(clip, _)| clip.pointer.clone());
    Err(EditError::new(
        lost.unwrap_or_default(),
        "an alias:// that leads back to this clip",
        format!("at most {MAX_ALIAS_CHAIN} clips that refer to one another, none to itself"),
    ))
}

/// How long a clip lasts that says so without an alias.
fn length_of(
    clip: &Clip,
    start: Time,
    end: Option<Time>,
    assets: &Assets,
) -> Result<Time, EditError> {
    let available = available(clip, assets)?;
    Ok(match clip.length {
        Length::For(length) => length,
        Length::Auto => available.unwrap_or(STILL_LENGTH),
        Length::End | Length::As(_) => {
            let left = end.map_or(Time::ZERO, |end| end - start);
            available.map_or(left, |available| left.min(available))
        }
    })
}

/// How long the clip's asset plays; `None` if it has no end.
fn available(clip: &Clip, assets: &Assets) -> Result<Option<Time>, EditError> {
    let left = |src: &Source, trim: Time, speed: Speed| {
        let Some(duration) = info(src, assets)?.kind.duration() else {
            return Ok(None);
        };
        if duration <= trim {
            let place = clip.pointer.member("asset").member("trim");
            return Err(EditError::new(
                place,
                trim,
                "less than the asset's duration",
            ));
        }
        Ok(speed.takes(duration - trim))
    };
    match &clip.asset {
        Asset::Video(VideoAsset {
            src, trim, speed, ..
        })
        | Asset::Audio(AudioAsset {
            src, trim, speed, ..
        }) => left(src, *trim, *speed),
        Asset::Captions(captions) => left(&captions.src, captions.trim, captions.speed),
        Asset::Luma(LumaAsset { src, trim }) => left(src, *trim, Speed::NORMAL),
        Asset::Lottie(lottie) => left(&lottie.src, Time::ZERO, lottie.speed),
        Asset::Image(_) | Asset::Text(..) | Asset::Card(_) | Asset::Vector(_) => Ok(None),
    }
}
