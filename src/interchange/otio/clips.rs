//! From a clip in its place to a clip of an Edit.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::fades::{self, seconds};
use super::flatten::Leaf;
use super::own::{Own, near};
use super::schema::{File, Generator, Kind, Media, Sequence};
use super::sequence::{self, MAX_STILLS};
use super::target::{Looks, Mapped, Targets, looks};
use crate::template::error::{Pointer, Warning};
use crate::time::{FrameRate, Time};
use crate::timeline::Speed;

/// The assets of Edits that come from no footage, picture or sound: what else a
/// generator may be called has no meaning here.
pub(super) const DRAWN: [&str; 11] = [
    "rich-text",
    "text",
    "title",
    "html",
    "html5",
    "shape",
    "svg",
    "lottie",
    "luma",
    "caption",
    "rich-caption",
];

/// The shortest clip of an Edit.
const SHORTEST: Time = Time::from_millis(1);

/// A clip of an Edit.
pub(super) struct Made {
    pub clip: Value,
    /// Where on its track it stood when it was written.
    pub index: Option<u64>,
}

/// Makes clips.
pub(super) struct Maker<'a, 'w> {
    pub targets: Targets<'a>,
    pub warnings: &'w mut Vec<Warning>,
    /// The rate at which our own metadata was written.
    pub rate: FrameRate,
    /// Whether sounds are on tracks of their own, so that footage has none.
    pub is_muted: bool,
    pub sounds: Sounds<'a>,
    /// The addresses that were warned of.
    pub told: HashSet<String>,
}

/// Which sounds are those of a picture, as they were when they were written.
#[derive(Default)]
pub(super) struct Sounds<'a> {
    /// The clips with pictures whose sound is there.
    pictures: HashSet<&'a Pointer>,
    /// The clips with their sounds.
    apart: HashSet<&'a Pointer>,
}

impl<'a> Sounds<'a> {
    /// Finds the sound of each picture: that of its clip, cut as it is.
    pub fn find(
        pictures: impl Iterator<Item = (Option<u64>, &'a Leaf<'a>)>,
        sounds: impl Iterator<Item = &'a Leaf<'a>>,
        rate: FrameRate,
    ) -> Self {
        let mut apart: HashMap<(u64, u64), Vec<&Leaf>> = HashMap::new();
        for leaf in sounds {
            if let Some(place) = Own::of(leaf).and_then(|own| own.sound_of) {
                apart.entry(place).or_default().push(leaf);
            }
        }
        let mut found = Self::default();
        for (track, leaf) in pictures {
            let index = Own::of(leaf)
                .filter(|own| own.sound_apart)
                .and_then(|own| own.index);
            let candidates = track.zip(index).and_then(|place| apart.get(&place));
            let sound = candidates.into_iter().flatten().find(|sound| {
                let same = [
                    (sound.start, leaf.start),
                    (sound.length, leaf.length),
                    (sound.trim, leaf.trim),
                ];
                !found.apart.contains(&sound.item.pointer)
                    && same.iter().all(|(one, other)| near(*one, *other, rate))
                    && Speed::new(sound.speed) == Speed::new(leaf.speed)
                    && url(sound) == url(leaf)
            });
            if let Some(sound) = sound {
                found.apart.insert(&sound.item.pointer);
                found.pictures.insert(&leaf.item.pointer);
            }
        }
        found
    }

    /// Whether the clip is the sound of a picture.
    pub fn is_apart(&self, leaf: &Leaf) -> bool {
        self.apart.contains(&leaf.item.pointer)
    }
}

fn url<'a>(leaf: &'a Leaf) -> Option<&'a str> {
    match leaf.media {
        Media::File(file) => Some(&file.url),
        _ => None,
    }
}

impl Maker<'_, '_> {
    pub fn warn(&mut self, pointer: &Pointer, message: impl Into<String>) {
        self.warnings.push(Warning {
            pointer: pointer.clone(),
            message: message.into(),
        });
    }

    /// The clips of an Edit that `leaf` becomes: one, none, or one for each of its pictures.
    pub fn make(&mut self, leaf: &Leaf, kind: Kind) -> Vec<Made> {
        let name = &leaf.item.name;
        if leaf.length < SHORTEST {
            let message =
                format!("{name:?} lasts less than a thousandth of a second: it is left out");
            self.warn(&leaf.item.pointer, message);
            return Vec::new();
        }
        let made = match leaf.media {
            Media::File(file) => self.file(leaf, file, kind),
            Media::Generator(generator) => self.generator(leaf, generator),
            Media::Sequence(sequence) => return self.sequence(leaf, sequence),
            Media::Missing => {
                let message = format!("the media of {name:?} is missing: nothing is shown there");
                self.warn(&leaf.item.pointer, message);
                None
            }
        };
        made.into_iter().collect()
    }

    fn file(&mut self, leaf: &Leaf, file: &File, kind: Kind) -> Option<Made> {
        let recorded = |name: &str| file.own.as_ref()?.get(name)?.as_str();
        let src = match recorded("src").filter(|_| recorded("url") == Some(file.url.as_str())) {
            Some(src) => src.to_owned(),
            None => self.src(&file.pointer, &file.url)?,
        };
        let own = Own::of(leaf);
        let is_relinked = own.as_ref().is_some_and(|own| {
            let asset = own.clip.get("asset");
            asset
                .and_then(|asset| asset.get("src"))
                .and_then(Value::as_str)
                != Some(src.as_str())
        });
        let looks = looks(&src);
        if looks == Looks::OtherPicture {
            self.warn(
                &file.pointer,
                format!("{src}: pictures are read as PNG, JPEG, WebP or GIF"),
            );
        }
        let kind = match (kind, looks) {
            (Kind::Audio, _) | (Kind::Video, Looks::Sound) => "audio",
            (Kind::Video, Looks::Picture | Looks::OtherPicture) => "image",
            (Kind::Video, Looks::Footage) => "video",
        };
        let mut asset = json!({"type": kind, "src": src});
        if let Some(members) = asset.as_object_mut().filter(|_| kind != "image") {
            self.playing(members, leaf);
        }
        self.finish(leaf, own, asset, is_relinked)
    }

    /// Where in its file it begins, how fast it is played, and whether it is heard.
    fn playing(&mut self, asset: &mut Map<String, Value>, leaf: &Leaf) {
        if leaf.trim > Time::ZERO {
            asset.insert("trim".into(), seconds(leaf.trim));
        }
        let most = *Speed::RANGE.end();
        if leaf.speed > most {
            let message = format!(
                "{:?} is played {} times as fast: it becomes {most}",
                leaf.item.name, leaf.speed
            );
            self.warn(&leaf.item.pointer, message);
        }
        if leaf.speed != 1.0 {
            asset.insert("speed".into(), json!(leaf.speed.min(most)));
        }
        if self.is_muted && asset.get("type").is_some_and(|kind| kind == "video") {
            asset.insert("volume".into(), json!(0));
        }
    }

    fn generator(&mut self, leaf: &Leaf, generator: &Generator) -> Option<Made> {
        let Generator {
            kind, parameters, ..
        } = generator;
        let parameters = parameters
            .as_object()
            .filter(|_| DRAWN.contains(&kind.as_str()));
        let Some(parameters) = parameters else {
            let message = format!(
                "{:?} is made by a generator {kind:?} that is not known: nothing is shown there",
                leaf.item.name
            );
            self.warn(&leaf.item.pointer, message);
            return None;
        };
        let mut asset = Map::from_iter([("type".to_owned(), json!(kind))]);
        asset.extend(parameters.clone());
        self.finish(leaf, Own::of(leaf), Value::Object(asset), true)
    }

    fn finish(
        &mut self,
        leaf: &Leaf,
        own: Option<Own>,
        asset: Value,
        is_relinked: bool,
    ) -> Option<Made> {
        let index = own.as_ref().and_then(|own| own.index);
        let (clip, failed) = match own {
            Some(own) => {
                let (mut clip, failed) = own.restore(leaf, asset, is_relinked, self.rate);
                if own.sound_apart && !self.sounds.pictures.contains(&leaf.item.pointer) {
                    mute(&mut clip);
                }
                (clip, failed)
            }
            None => plain(leaf, asset),
        };
        if let Some(failed) = failed {
            self.warn(&leaf.item.pointer, failed);
        }
        Some(Made { clip, index })
    }

    fn sequence(&mut self, leaf: &Leaf, sequence: &Sequence) -> Vec<Made> {
        let name = &leaf.item.name;
        if looks(&sequence.after) != Looks::Picture {
            let message = format!(
                "{name:?} is a sequence of files {:?}: only PNG, JPEG, WebP and GIF are read, nothing is shown there",
                sequence.after
            );
            self.warn(&sequence.pointer, message);
            return Vec::new();
        }
        let stills = match sequence::stills(leaf, sequence) {
            Ok(stills) => stills,
            Err(number) => {
                let message = format!(
                    "{name:?} is a sequence of {number} files, more than {MAX_STILLS}: make a video of it, nothing is shown there"
                );
                self.warn(&sequence.pointer, message);
                return Vec::new();
            }
        };
        let mut made = Vec::with_capacity(stills.len());
        for still in stills.into_iter().filter(|still| still.length >= SHORTEST) {
            // Of one that is no file of an Edit, none is.
            let Some(src) = self.src(&sequence.pointer, &still.url) else {
                return Vec::new();
            };
            let leaf = Leaf {
                start: still.start,
                length: still.length,
                ..leaf.clone()
            };
            let (clip, _) = plain(&leaf, json!({"type": "image", "src": src}));
            made.push(Made { clip, index: None });
        }
        made
    }

    /// The `src` of an address.
    pub fn src(&mut self, pointer: &Pointer, url: &str) -> Option<String> {
        match self.targets.map(url) {
            Mapped::Src(src) => Some(src),
            Mapped::End(src) => {
                // One file may be used many times.
                if self.told.insert(url.to_owned()) {
                    let message =
                        format!("{url}: not in the assets folder, where {src} is expected");
                    self.warn(pointer, message);
                }
                Some(src)
            }
            Mapped::Nothing => {
                let message =
                    format!("{url:?} is no file that an Edit can name: nothing is shown there");
                self.warn(pointer, message);
                None
            }
        }
    }
}

/// A clip of which nothing is known but what OTIO says.
fn plain(leaf: &Leaf, asset: Value) -> (Value, Option<&'static str>) {
    let mut clip = json!({
        "asset": asset,
        "start": seconds(leaf.start),
        "length": seconds(leaf.length),
    });
    let failed = fades::apply(&mut clip, (leaf.start, leaf.length), &leaf.fades);
    (clip, failed)
}

fn mute(clip: &mut Value) {
    if let Some(asset) = clip.get_mut("asset").and_then(Value::as_object_mut) {
        asset.insert("volume".into(), json!(0));
    }
}
