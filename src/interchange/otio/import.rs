//! From an OTIO file to an Edit.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::clips::{Made, Maker, Sounds};
use super::fades::seconds;
use super::flatten::{self, Layers, Leaf};
use super::own::near;
use super::rational::Rate;
use super::schema::{Content, Document, Kind, Media};
use super::target::{Folders, Targets};
use super::{OURS, read};
use crate::template::edit::{Edit, MAX_TRACKS};
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::merge::{Data, merge};
use crate::time::{FrameRate, Time};

/// The most warnings that are told.
const MAX_WARNINGS: usize = 500;

/// The rate of an Edit that nothing says otherwise of.
const DEFAULT_FPS: f64 = 25.0;

/// Where the text of a soundtrack that depends on the recipient comes from.
const SOUNDTRACK: &str = "soundtrack";

/// What OTIO leaves open.
#[derive(Clone, Debug, Default)]
pub struct Import<'a> {
    /// The name of a resolution.
    pub resolution: Option<&'a str>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// Frames a second, as Edits write them; those of the timeline otherwise.
    pub fps: Option<f64>,
    /// The assets folder: its absolute path.
    pub assets: Option<&'a str>,
    /// The folder of the file: its absolute path.
    pub beside: Option<&'a str>,
}

/// An Edit, and what it does not say of what the file did.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The Edit.
    pub edit: Value,
    /// What was understood but not followed; places are in the file.
    pub warnings: Vec<Warning>,
}

/// A track of the timeline, laid out.
struct Track<'a> {
    /// Which track of an Edit it was, or was part of.
    index: Option<u64>,
    layers: Layers<'a>,
}

impl Track<'_> {
    fn is_empty(&self) -> bool {
        let Layers { video, audio } = &self.layers;
        video.iter().chain(audio).all(Vec::is_empty)
    }
}

/// Makes an Edit of an OTIO file.
pub fn import(file: &Value, how: &Import) -> Result<Imported, EditError> {
    let mut warnings = Vec::new();
    let document = read::read(file, &mut warnings)?;
    let tracks = tracks(&document, &mut warnings)?;
    let own_edit = document.own.as_ref().and_then(|own| own.get("edit"));
    let rate = own_rate(document.own.as_ref());
    let is_muted = tracks
        .iter()
        .any(|track| track.layers.audio.iter().any(|layer| !layer.is_empty()));
    let pictures = tracks.iter().flat_map(|track| {
        let leaves = track.layers.video.iter().flatten();
        leaves.map(|leaf| (track.index, leaf))
    });
    let heard = tracks
        .iter()
        .flat_map(|track| track.layers.audio.iter().flatten());
    let folders = Folders {
        assets: how.assets,
        beside: how.beside,
    };
    let mut maker = Maker {
        targets: Targets::new(folders),
        warnings: &mut warnings,
        rate,
        is_muted,
        sounds: Sounds::find(pictures, heard, rate),
        told: HashSet::new(),
    };
    let mut soundtrack = None;
    let clips = clips(&tracks, &mut maker, &mut soundtrack);
    let fps = fps(&document, &tracks, how, own_edit, &mut warnings);
    if !is_muted && own_edit.is_none() && has_footage(&clips) {
        warnings.push(Warning {
            pointer: Pointer::default(),
            message: "there is no sound on tracks of its own: that of the footage is heard".into(),
        });
    }
    if clips.is_empty() {
        let pointer = document.stack.pointer.clone();
        let first = warnings.first().map(|warning| format!(" ({warning})"));
        let allowed = format!("a clip whose media is known{}", first.unwrap_or_default());
        let found = "a timeline of which nothing is shown";
        return Err(EditError::new(pointer, found, allowed));
    }
    let edit = assemble(&document, clips, soundtrack, fps, how);
    check(&edit)?;
    if warnings.len() > MAX_WARNINGS {
        let more = warnings.len() - MAX_WARNINGS;
        warnings.truncate(MAX_WARNINGS);
        warnings.push(Warning {
            pointer: Pointer::default(),
            message: format!("{more} more of such"),
        });
    }
    Ok(Imported { edit, warnings })
}

/// The Edit has to be one: what is in our metadata may be anything, too.
fn check(edit: &Value) -> Result<(), EditError> {
    let merged = merge(edit.clone(), &Data::new())?;
    Edit::read(&merged.document, &mut Vec::new()).map(drop)
}

/// The tracks, the lowest first.
fn tracks<'a>(
    document: &'a Document,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Track<'a>>, EditError> {
    let stack = &document.stack;
    let Content::Stack(children) = &stack.content else {
        return Ok(Vec::new());
    };
    let mut tracks = Vec::new();
    for child in children {
        let index = child
            .own
            .as_ref()
            .and_then(|own| own.get("track"))
            .and_then(Value::as_u64);
        let track = Track {
            index,
            layers: flatten::layers(stack, child, warnings),
        };
        if !track.is_empty() {
            tracks.push(track);
        }
    }
    let layers = tracks
        .iter()
        .map(|Track { layers, .. }| layers.video.len() + layers.audio.len());
    let layers: usize = layers.sum();
    if layers > MAX_TRACKS {
        let found = format!("{layers} tracks, with those that are nested");
        return Err(EditError::new(
            stack.pointer.clone(),
            found,
            format!("at most {MAX_TRACKS}"),
        ));
    }
    Ok(tracks)
}

/// The rate at which our metadata was written.
fn own_rate(own: Option<&Value>) -> FrameRate {
    let part = |index: usize| {
        let number = own?.get("rate")?.get(index)?.as_u64()?;
        u32::try_from(number).ok()
    };
    let rate = part(0)
        .zip(part(1))
        .and_then(|(num, den)| FrameRate::new(num, den).ok());
    rate.unwrap_or_else(|| FrameRate::new(25, 1).expect("25 frames a second are supported"))
}

/// The tracks of the Edit, the top one first.
fn clips(tracks: &[Track], maker: &mut Maker, soundtrack: &mut Option<Value>) -> Vec<Vec<Value>> {
    let order: Vec<Option<u64>> = tracks
        .iter()
        .filter(|track| !track.layers.video.is_empty())
        .map(|track| track.index)
        .collect();
    let is_as_written =
        order.iter().all(Option::is_some) && order.is_sorted_by(|below, above| below >= above);
    let was_written = tracks.iter().any(|track| track.index.is_some());
    if was_written && !is_as_written {
        maker.warn(
            &Pointer::default(),
            "the tracks are not those of the Edit any more: each is one of its own",
        );
    }
    // By the Edit's own order, or by that of the file from its end.
    let mut made: BTreeMap<(u64, usize), Vec<Made>> = BTreeMap::new();
    for (place, track) in tracks.iter().enumerate() {
        let layers = |layers: &[Vec<Leaf>],
                      kind: Kind,
                      maker: &mut Maker,
                      soundtrack: &mut Option<Value>| {
            let mut all = Vec::new();
            for leaves in layers {
                let mut layer = Vec::new();
                for leaf in leaves {
                    if kind == Kind::Audio
                        && (maker.sounds.is_apart(leaf)
                            || is_soundtrack(leaf, maker.rate, soundtrack))
                    {
                        continue;
                    }
                    layer.extend(maker.make(leaf, kind));
                }
                all.push(layer);
            }
            all
        };
        let video = layers(&track.layers.video, Kind::Video, maker, soundtrack);
        let audio = layers(&track.layers.audio, Kind::Audio, maker, soundtrack);
        for (level, layer) in video.into_iter().chain(audio).enumerate() {
            let key = match track.index.filter(|_| is_as_written) {
                Some(index) => (index, 0),
                None => (u64::MAX - place as u64, MAX_TRACKS.saturating_sub(level)),
            };
            made.entry(key).or_default().extend(layer);
        }
    }
    let ordered = made
        .into_values()
        .filter(|clips| !clips.is_empty())
        .map(|mut clips| {
            if clips.iter().all(|made| made.index.is_some()) {
                clips.sort_by_key(|made| made.index);
            }
            clips.into_iter().map(|made| made.clip).collect()
        });
    ordered.collect()
}

/// Whether this is the soundtrack of the Edit still, which is then put there.
fn is_soundtrack(leaf: &Leaf, rate: FrameRate, soundtrack: &mut Option<Value>) -> bool {
    let own = leaf.item.own.as_ref();
    let Some(own) = own.filter(|own| own.get("soundtrack").is_some_and(Value::is_object)) else {
        return false;
    };
    let Media::File(file) = leaf.media else {
        return false;
    };
    let recorded = file.own.as_ref().and_then(|own| own.get("url"));
    let length = own
        .get("length")
        .and_then(Value::as_f64)
        .and_then(Time::from_decimal_seconds);
    let same = recorded.is_some_and(|url| *url == *file.url)
        && leaf.start == Time::ZERO
        && near(leaf.trim, Time::ZERO, rate)
        && leaf.speed == 1.0
        && leaf.fades.is_empty()
        && length.is_some_and(|length| near(length, leaf.length, rate));
    if same && soundtrack.is_none() {
        *soundtrack = Some(own.clone());
        return true;
    }
    false
}

fn has_footage(clips: &[Vec<Value>]) -> bool {
    clips
        .iter()
        .flatten()
        .any(|clip| clip["asset"]["type"] == "video")
}

/// Frames a second: what is asked for, what the file says, or what most clips have.
fn fps(
    document: &Document,
    tracks: &[Track],
    how: &Import,
    own_edit: Option<&Value>,
    warnings: &mut Vec<Warning>,
) -> Option<f64> {
    if how.fps.is_some() {
        return how.fps;
    }
    if own_edit.is_some() {
        return None;
    }
    let mut rates: BTreeMap<Rate, usize> = BTreeMap::new();
    for leaf in tracks
        .iter()
        .flat_map(|track| track.layers.video.iter().flatten())
    {
        let span = leaf.item.source.or(leaf.media.available());
        if let Some(rate) = span.and_then(|span| span.rate) {
            *rates.entry(rate).or_default() += 1;
        }
    }
    let most = rates.into_iter().max_by_key(|(_, times)| *times);
    let rate = document.rate.or(most.map(|(rate, _)| rate));
    let Some(rate) = rate else {
        return Some(DEFAULT_FPS);
    };
    let (fps, is_exact) = rate.as_fps();
    if !is_exact {
        warnings.push(Warning {
            pointer: Pointer::default(),
            message: format!(
                "Edits do not have {} frames a second: it becomes {fps}",
                rate.as_float()
            ),
        });
    }
    Some(fps)
}

fn assemble(
    document: &Document,
    clips: Vec<Vec<Value>>,
    soundtrack: Option<Value>,
    fps: Option<f64>,
    how: &Import,
) -> Value {
    let own = document.own.as_ref();
    let member = |path: &[&str]| {
        let found = path
            .iter()
            .try_fold(own?.get("edit")?, |value, name| value.get(name));
        found.and_then(Value::as_object).cloned()
    };
    let mut timeline = member(&["timeline"]).unwrap_or_default();
    let mut merge = Vec::new();
    if let Some(own) = soundtrack {
        let mut members = own["soundtrack"].clone();
        if own["dynamic"] == true
            && let Some(src) = members.get_mut("src")
        {
            merge.push(json!({"find": SOUNDTRACK, "replace": src.take()}));
            *src = format!("{{{{ {SOUNDTRACK} }}}}").into();
        }
        timeline.insert("soundtrack".into(), members);
    }
    let cuts = own
        .and_then(|own| own.get("cuts"))
        .and_then(Value::as_array);
    let scenes = scenes(cuts.map_or(&[], Vec::as_slice));
    if !scenes.is_empty() {
        timeline.insert(OURS.into(), json!({"scenes": scenes}));
    }
    let tracks: Value = clips
        .into_iter()
        .map(|clips| json!({"clips": clips}))
        .collect();
    timeline.insert("tracks".into(), tracks);
    let mut output = member(&["output"])
        .unwrap_or_else(|| Map::from_iter([("format".to_owned(), json!("mp4"))]));
    if let Some((width, height)) = how.size {
        output.shift_remove("resolution");
        output.shift_remove("aspectRatio");
        output.insert("size".into(), json!({"width": width, "height": height}));
    } else if let Some(name) = how.resolution {
        output.shift_remove("size");
        output.insert("resolution".into(), name.into());
    } else if !output.contains_key("resolution") && !output.contains_key("size") {
        output.insert("resolution".into(), "hd".into());
    }
    if let Some(fps) = fps {
        output.insert(
            "fps".into(),
            if fps.fract() == 0.0 {
                json!(fps as u64)
            } else {
                json!(fps)
            },
        );
    }
    let mut ours = member(&[OURS]).unwrap_or_default();
    if !document.name.is_empty() && !ours.contains_key("title") && own.is_none() {
        ours.insert("title".into(), document.name.clone().into());
    }
    let mut edit = Map::new();
    edit.insert("timeline".into(), timeline.into());
    edit.insert("output".into(), output.into());
    if !merge.is_empty() {
        edit.insert("merge".into(), merge.into());
    }
    if !ours.is_empty() {
        edit.insert(OURS.into(), ours.into());
    }
    Value::Object(edit)
}

/// Scenes that begin and end at these times, for the cuts alone.
fn scenes(cuts: &[Value]) -> Vec<Value> {
    let cuts: Vec<Time> = cuts
        .iter()
        .filter_map(Value::as_f64)
        .filter_map(Time::from_decimal_seconds)
        .collect();
    let pair = |(at, pair): (usize, &[Time])| {
        let (start, end) = match pair {
            [start, end] => (*start, *end),
            // The last of an odd number ends one that begins where another ended.
            [end] => (*cuts.get((2 * at).checked_sub(1)?)?, *end),
            _ => return None,
        };
        Some(
            json!({"name": format!("cut {}", at + 1), "start": seconds(start), "length": seconds(end - start)}),
        )
    };
    cuts.chunks(2).enumerate().filter_map(pair).collect()
}
