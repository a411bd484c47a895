//! From an Edit whose merge fields are filled in to an OTIO file.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::build::{self, Clip};
use super::clips::DRAWN;
use super::fades::{self, Fades, seconds};
use super::lanes::{self, Entry};
use super::own::{frames, to_frame};
use super::{OURS, target};
use crate::digest::Digest;
use crate::template::asset::{Asset, AudioAsset, Source, VideoAsset};
use crate::template::bind::{AssetInfo, AssetKind, Assets, Span, spans};
use crate::template::clip::{self, Length};
use crate::template::edit::{Edit, MAX_TRACKS, Soundtrack};
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::merge::Merged;
use crate::time::{FrameRate, Time};
use crate::timeline::Speed;

/// The most times at which scenes begin and end that an Edit can be told to be cut at.
const MAX_CUTS: usize = 400;

/// The longest name of a clip, in characters.
const MAX_NAME: usize = 60;

/// The members of clips and assets that OTIO has words for.
const SAID: [&str; 10] = [
    "asset", "start", "length", "alias", "id", "type", "src", "trim", "speed", "loomcast",
];

/// A file of OTIO, and what is only in its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The file.
    pub timeline: Value,
    /// What other programs will not see, and what is not known of files.
    pub warnings: Vec<Warning>,
}

/// Writes `merged` as OTIO. `assets` is what is known of its files, by their names, and may lack
/// some; `locate` tells the address of a file, where that is not its name.
pub fn export(
    merged: &Merged,
    assets: &Assets,
    locate: &dyn Fn(&Source) -> Option<String>,
) -> Result<Exported, EditError> {
    let mut warnings = Vec::new();
    let edit = Edit::read(&merged.document, &mut warnings)?;
    let known = complete(&edit, assets, &mut warnings)?;
    let spans = spans(&edit, &known, &mut warnings)?;
    let mut exporter = Exporter {
        merged,
        edit: &edit,
        assets,
        locate,
        rate: edit.output.video.rate,
        unsaid: BTreeMap::new(),
    };
    let tracks = exporter.tracks(&spans)?;
    let title = merged
        .document
        .pointer("/loomcast/title")
        .and_then(Value::as_str);
    let own = exporter.own(&mut warnings);
    exporter.sum_up(&mut warnings);
    Ok(Exported {
        timeline: build::timeline(title.unwrap_or("Loomcast"), &own, tracks),
        warnings,
    })
}

/// What is known of the files, with something for those of which nothing is.
fn complete(
    edit: &Edit,
    assets: &Assets,
    warnings: &mut Vec<Warning>,
) -> Result<Assets, EditError> {
    let mut known = assets.clone();
    let is_known = |source: &Source| assets.contains_key(source.name());
    for clip in edit.tracks.iter().flatten() {
        let Some(source) = clip.asset.source().filter(|source| !is_known(source)) else {
            continue;
        };
        let is_timed = !matches!(clip.asset, Asset::Image(_));
        if is_timed && matches!(clip.length, Length::Auto | Length::End) {
            let found = format!("the length of {:?}, which is not there", source.name());
            return Err(EditError::new(
                clip.pointer.member("length"),
                found,
                "a number of seconds, or a file that is there",
            ));
        }
    }
    for source in edit.sources().filter(|source| !is_known(source)) {
        let message = format!(
            "{:?} is not there: how long it is is not told",
            source.name()
        );
        let nothing = AssetInfo {
            digest: Digest::of(b""),
            kind: AssetKind::Image {
                size: (1, 1),
                opaque: true,
            },
        };
        if known.insert(source.name().to_owned(), nothing).is_none() {
            warnings.push(Warning {
                pointer: source.pointer.clone(),
                message,
            });
        }
    }
    Ok(known)
}

struct Exporter<'a> {
    merged: &'a Merged,
    edit: &'a Edit,
    assets: &'a Assets,
    locate: &'a dyn Fn(&Source) -> Option<String>,
    rate: FrameRate,
    /// How many clips have members that only the metadata has.
    unsaid: BTreeMap<String, usize>,
}

/// The clips of a track of the Edit, by the tracks that they come to.
#[derive(Default)]
struct Sorted {
    pictures: Vec<Clip>,
    sounds: Vec<Clip>,
    /// The sounds of footage.
    apart: Vec<Clip>,
}

impl Exporter<'_> {
    fn tracks(&mut self, spans: &[Vec<Span>]) -> Result<Vec<Value>, EditError> {
        let mut pictures = Vec::new();
        let mut sounds = Vec::new();
        let (mut video_number, mut audio_number) = (0, 0);
        for (index, (clips, spans)) in self.edit.tracks.iter().zip(spans).enumerate().rev() {
            let mut sorted = Sorted::default();
            for (at, (clip, span)) in clips.iter().zip(spans).enumerate() {
                self.clip((index, at), clip, *span, &mut sorted);
            }
            let own = json!({"track": index});
            let put = |clips: &[Clip],
                       kind: &str,
                       own: &Value,
                       number: &mut usize,
                       to: &mut Vec<Value>| {
                let entries: Vec<Entry> = clips.iter().map(|clip| clip.entry).collect();
                let lanes = lanes::spread(&entries, MAX_TRACKS).ok_or_else(|| {
                    let pointer = Pointer::from("/timeline/tracks").element(index);
                    EditError::new(
                        pointer,
                        format!("more than {MAX_TRACKS} clips at a time"),
                        "fewer",
                    )
                })?;
                for lane in &lanes {
                    *number += 1;
                    let name = format!("{}{number}", &kind[..1]);
                    to.push(build::track((&name, kind), own, clips, lane, self.rate));
                }
                Ok::<_, EditError>(())
            };
            put(
                &sorted.pictures,
                "Video",
                &own,
                &mut video_number,
                &mut pictures,
            )?;
            put(
                &sorted.sounds,
                "Audio",
                &own,
                &mut audio_number,
                &mut sounds,
            )?;
            put(
                &sorted.apart,
                "Audio",
                &json!({}),
                &mut audio_number,
                &mut sounds,
            )?;
        }
        if let Some(soundtrack) = &self.edit.soundtrack {
            let end = spans.iter().flatten().map(|span| span.end()).max();
            let clip = self.soundtrack(soundtrack, end.unwrap_or_default());
            let lane = [lanes::Placed {
                entry: 0,
                overlap: 0,
            }];
            let name = format!("A{}", audio_number + 1);
            sounds.push(build::track(
                (&name, "Audio"),
                &json!({}),
                &[clip],
                &lane,
                self.rate,
            ));
        }
        pictures.extend(sounds);
        Ok(pictures)
    }

    /// The JSON at `pointer`, which the Edit was read from.
    fn json(&self, pointer: &Pointer) -> Map<String, Value> {
        let found = self.merged.document.pointer(pointer.as_str());
        found
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    }

    fn clip(&mut self, place: (usize, usize), clip: &clip::Clip, span: Span, sorted: &mut Sorted) {
        let mut members = self.json(&clip.pointer);
        members.insert("start".into(), seconds(span.start));
        members.insert("length".into(), seconds(span.length));
        if self.merged.is_dynamic(&clip.pointer) {
            // Where a video is cut depends on what depends on the recipient, whatever it is.
            let always = json!({"or": [{"present": "data"}, {"not": {"present": "data"}}]});
            members.insert(OURS.into(), json!({"if": always}));
        }
        let mut asset = members
            .get("asset")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let members = Value::Object(members);
        let fades = fades::of(&members, span.length);
        self.count(&members, fades != Fades::default());
        let in_frames =
            |time: Option<Time>| time.map_or(0, |time| self.rate.frame_at_or_after(time));
        let (first, frames) = frames(span.start, span.length, self.rate);
        let is_sound = matches!(clip.asset, Asset::Audio(_));
        let mut entry = Entry {
            first,
            frames,
            enter: in_frames(fades.enter),
            leave: in_frames(fades.leave),
            is_sound,
            dissolves: !matches!(clip.asset, Asset::Luma(_)),
        };
        if entry.enter + entry.leave > frames {
            (entry.enter, entry.leave) = (0, 0);
        }
        let (trim, speed) = match &clip.asset {
            Asset::Video(VideoAsset { trim, speed, .. })
            | Asset::Audio(AudioAsset { trim, speed, .. }) => (*trim, *speed),
            _ => (Time::ZERO, Speed::NORMAL),
        };
        let kind = asset
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let is_drawn = DRAWN.contains(&kind.as_str());
        let media = match clip.asset.source().filter(|_| !is_drawn) {
            Some(source) => self.external(source),
            None => build::generator(&asset),
        };
        let mut own = Map::new();
        let mut told = members;
        if is_drawn && let Some(told) = told.as_object_mut() {
            told.shift_remove("asset");
        }
        own.insert("clip".into(), told.clone());
        own.insert("index".into(), json!(place.1));
        let mut written = Clip {
            name: name(clip, &asset, &kind),
            entry,
            trim: to_frame(trim, self.rate),
            speed: f64::from(speed.ten_thousandths()) / 10_000.0,
            media,
            own,
        };
        if is_sound {
            sorted.sounds.push(written);
            return;
        }
        if self.is_heard(&clip.asset) {
            written.own.insert("sound".into(), "apart".into());
            asset.insert("type".into(), "audio".into());
            if let Some(fade) = asset.shift_remove("volumeEffect") {
                asset.insert("effect".into(), fade);
            }
            for picture in ["crop", "chromaKey"] {
                asset.shift_remove(picture);
            }
            let sound = json!({"asset": asset, "start": told["start"], "length": told["length"]});
            let own = json!({"clip": sound, "soundOf": [place.0, place.1]});
            sorted.apart.push(Clip {
                name: written.name.clone(),
                entry: Entry {
                    enter: 0,
                    leave: 0,
                    is_sound: true,
                    ..entry
                },
                media: written.media.clone(),
                own: own.as_object().cloned().unwrap_or_default(),
                ..written
            });
        }
        sorted.pictures.push(written);
    }

    /// Whether it is footage that is known to have sound, and is heard.
    fn is_heard(&self, asset: &Asset) -> bool {
        let Asset::Video(VideoAsset {
            src, speed, volume, ..
        }) = asset
        else {
            return false;
        };
        let info = self.assets.get(src.name());
        let has_sound =
            info.is_some_and(|info| matches!(info.kind, AssetKind::Video { sound: true, .. }));
        has_sound && *speed != Speed::FROZEN && !volume.is_never_above(0.0)
    }

    fn external(&self, source: &Source) -> Value {
        let url = (self.locate)(source).unwrap_or_else(|| target::address(source.name()));
        let info = self.assets.get(source.name());
        let available = info.and_then(|info| info.kind.duration());
        build::external(source.name(), &url, available, self.rate)
    }

    fn soundtrack(&self, soundtrack: &Soundtrack, end: Time) -> Clip {
        let pointer = Pointer::from("/timeline/soundtrack");
        let info = self.assets.get(soundtrack.src.name());
        let lasts = info.and_then(|info| info.kind.duration()).unwrap_or(end);
        let (first, frames) = frames(Time::ZERO, lasts.min(end), self.rate);
        let mut asset = self.json(&pointer);
        asset.insert("type".into(), "audio".into());
        let length = seconds(self.rate.frame_start(frames));
        let own = json!({
            "soundtrack": self.json(&pointer),
            "length": length,
            "dynamic": self.merged.is_dynamic(&pointer),
            "clip": {"asset": asset, "start": 0, "length": length},
        });
        Clip {
            name: soundtrack.src.file_name().to_owned(),
            entry: Entry {
                first,
                frames,
                is_sound: true,
                ..Entry::default()
            },
            trim: Time::ZERO,
            speed: 1.0,
            media: self.external(&soundtrack.src),
            own: own.as_object().cloned().unwrap_or_default(),
        }
    }

    /// What is told of the timeline as a whole.
    fn own(&self, warnings: &mut Vec<Warning>) -> Value {
        let document = &self.merged.document;
        let mut timeline = self.json(&Pointer::from("/timeline"));
        timeline.retain(|name, _| !matches!(name.as_str(), "tracks" | "soundtrack" | OURS));
        let mut ours = self.json(&Pointer::default().member(OURS));
        ours.retain(|name, _| matches!(name.as_str(), "title" | "description" | "partition"));
        let mut edit = json!({"output": document["output"], "timeline": timeline});
        if !ours.is_empty() {
            edit[OURS] = ours.into();
        }
        let mut cuts = self.merged.cuts.as_slice();
        if cuts.len() > MAX_CUTS {
            warnings.push(Warning {
                pointer: Pointer::from("/timeline/loomcast/scenes"),
                message: format!(
                    "only the first {MAX_CUTS} times at which scenes begin and end are kept"
                ),
            });
            cuts = &cuts[..MAX_CUTS];
        }
        let mut own = json!({"rate": build::own_rate(self.rate), "edit": edit});
        if !cuts.is_empty() {
            own["cuts"] = cuts.iter().copied().map(seconds).collect();
        }
        own
    }

    /// Counts the members that OTIO has no words for.
    fn count(&mut self, clip: &Value, fades: bool) {
        let Some(members) = clip.as_object() else {
            return;
        };
        let drawn = |asset: &&Map<String, Value>| {
            let kind = asset.get("type").and_then(Value::as_str);
            kind.is_none_or(|kind| !DRAWN.contains(&kind))
        };
        let asset = members
            .get("asset")
            .and_then(Value::as_object)
            .filter(drawn);
        let names = members.keys().chain(asset.into_iter().flat_map(Map::keys));
        let is_said = |name: &str| match name {
            "transition" => fades::are_plain(members),
            // Of a clip, or as volume and effect of a sound.
            "opacity" => fades && members["opacity"].is_array(),
            "effect" | "volume" => fades && members["asset"]["type"] == "audio",
            name => SAID.contains(&name),
        };
        for name in names.filter(|name| !is_said(name)) {
            *self.unsaid.entry(name.clone()).or_default() += 1;
        }
    }

    fn sum_up(&self, warnings: &mut Vec<Warning>) {
        if self.unsaid.is_empty() {
            return;
        }
        let names: Vec<String> = self
            .unsaid
            .iter()
            .map(|(name, times)| format!("{name} ({times})"))
            .collect();
        warnings.push(Warning {
            pointer: Pointer::from("/timeline/tracks"),
            message: format!(
                "only in the metadata, where no other program looks: {}",
                names.join(", ")
            ),
        });
    }
}

/// What a clip is called: by its file, or by its text.
fn name(clip: &clip::Clip, asset: &Map<String, Value>, kind: &str) -> String {
    if let Some(source) = clip.asset.source() {
        return source.file_name().to_owned();
    }
    let text = asset.get("text").and_then(Value::as_str);
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.unwrap_or(kind).chars().take(MAX_NAME).collect()
}
