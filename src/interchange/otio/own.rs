//! What Loomcast wrote into the metadata, taken back as far as the file still agrees.
//!
//! The metadata of a clip holds its members as the Edit has them. But the file may have been
//! changed since: cut anew, relinked, its transitions dragged. So each thing that OTIO itself
//! can say is compared with what was written then; where it differs, OTIO is right.

use serde_json::{Map, Value};

use super::fades::{self, seconds};
use super::flatten::{Fade, Leaf};
use crate::time::{FrameRate, Time};
use crate::timeline::Speed;

/// A clip as it was written.
pub(super) struct Own<'a> {
    /// Its members as the Edit has them.
    pub clip: &'a Map<String, Value>,
    /// Where on its track of the Edit it stood.
    pub index: Option<u64>,
    /// Whether its fades in and out were written as transitions.
    pub fades: (bool, bool),
    /// Whether its sound was written as a clip of its own.
    pub sound_apart: bool,
    /// That it is such a sound: of which clip of which track.
    pub sound_of: Option<(u64, u64)>,
}

impl<'a> Own<'a> {
    /// What was written about the clip.
    pub fn of(leaf: &'a Leaf) -> Option<Self> {
        let own = leaf.item.own.as_ref()?;
        let clip = own.get("clip")?.as_object()?;
        let has = |name: &str| {
            let fades = own.get("fades").and_then(Value::as_array);
            fades.is_some_and(|fades| fades.iter().any(|fade| fade == name))
        };
        let sound_of = own.get("soundOf").and_then(|place| {
            let [track, index] = place.as_array()?.as_slice() else {
                return None;
            };
            track.as_u64().zip(index.as_u64())
        });
        Some(Self {
            clip,
            index: own.get("index").and_then(Value::as_u64),
            fades: (has("in"), has("out")),
            sound_apart: own.get("sound").is_some_and(|sound| sound == "apart"),
            sound_of,
        })
    }

    /// The clip of the Edit. `asset` is what OTIO says of what is shown, with its `trim` and
    /// `speed`; `src` is right where `is_relinked`.
    pub fn restore(
        &self,
        leaf: &Leaf,
        asset: Value,
        is_relinked: bool,
        rate: FrameRate,
    ) -> (Value, Option<&'static str>) {
        let mut clip = self.clip.clone();
        let said = |name: &str| clip_time(self.clip, name);
        let on = (said("start"), said("length"));
        let same = match on {
            (Some(start), Some(length)) => {
                let (first, frames) = frames(start, length, rate);
                let begins = rate.frame_start(first);
                let lasts = rate.frame_start(frames);
                near(begins, leaf.start, rate) && near(lasts, leaf.length, rate)
            }
            _ => false,
        };
        if !same {
            clip.insert("start".into(), seconds(leaf.start));
            clip.insert("length".into(), seconds(leaf.length));
        }
        let merged = match self.clip.get("asset") {
            Some(own) => merged(own, asset, is_relinked, rate),
            None => asset,
        };
        clip.insert("asset".into(), merged);
        let mut clip = Value::Object(clip);
        let length = said("length").filter(|_| same).unwrap_or(leaf.length);
        let failed = self.fade(&mut clip, leaf, length, rate);
        (clip, failed)
    }

    /// Has it fade as the file says, where that is not what was written.
    fn fade(
        &self,
        clip: &mut Value,
        leaf: &Leaf,
        length: Time,
        rate: FrameRate,
    ) -> Option<&'static str> {
        let own = fades::of(clip, length);
        let pictured = |fade: &&Fade| !fade.sound_only;
        let found = |rising: bool| {
            leaf.fades
                .iter()
                .filter(pictured)
                .find(|fade| fade.rising == rising)
        };
        let mut kept = leaf.fades.clone();
        let mut strips = [false, false];
        let ends = [
            (true, self.fades.0, own.enter),
            (false, self.fades.1, own.leave),
        ];
        for ((rising, was_written, lasts), strip) in ends.into_iter().zip(&mut strips) {
            if !was_written {
                continue;
            }
            let same = match (lasts, found(rising)) {
                (Some(lasts), Some(fade)) => {
                    let lasts = rate.frame_start(rate.frame_at_or_after(lasts));
                    near(lasts, fade.to - fade.from, rate)
                }
                _ => false,
            };
            if same {
                // It is in the clip already.
                kept.retain(|fade| fade.rising != rising || fade.sound_only);
            } else {
                *strip = true;
            }
        }
        // The sound under a picture that another covers was not written at all.
        if leaf.item.own.is_some() {
            kept.retain(|fade| !fade.sound_only);
        }
        fades::strip(clip, strips[0], strips[1]);
        fades::apply(clip, (leaf.start, leaf.length), &kept)
    }
}

/// The asset as it was written, with what the file says otherwise now.
fn merged(own: &Value, found: Value, is_relinked: bool, rate: FrameRate) -> Value {
    let (Value::Object(own), Value::Object(found)) = (own, found) else {
        return own.clone();
    };
    let mut asset = own.clone();
    if is_relinked {
        for name in ["src", "type"] {
            asset.extend(
                found
                    .get(name)
                    .map(|value| (name.to_owned(), value.clone())),
            );
        }
    }
    let time = |members: &Map<String, Value>| clip_time(members, "trim").unwrap_or_default();
    if !near(to_frame(time(own), rate), time(&found), rate) {
        asset.insert("trim".into(), seconds(time(&found)));
    }
    let speed = |members: &Map<String, Value>| Speed::new(number(members, "speed").unwrap_or(1.0));
    if speed(own) != speed(&found) {
        asset.insert(
            "speed".into(),
            found.get("speed").cloned().unwrap_or(1.into()),
        );
    }
    Value::Object(asset)
}

fn number(members: &Map<String, Value>, name: &str) -> Option<f64> {
    match members.get(name)? {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

fn clip_time(members: &Map<String, Value>, name: &str) -> Option<Time> {
    number(members, name).and_then(Time::from_decimal_seconds)
}

/// The first frame of what is on from `start` for `length`, and how many; never none.
pub(super) fn frames(start: Time, length: Time, rate: FrameRate) -> (i64, i64) {
    let first = rate.frame_at_or_after(start);
    let end = rate.frame_at_or_after(start + length);
    (first, (end - first).max(1))
}

/// The start of the frame nearest to `time`.
pub(super) fn to_frame(time: Time, rate: FrameRate) -> Time {
    let half = Time::from_flicks(rate.frame_duration().flicks() / 2);
    rate.frame_start(rate.frame_at(time + half))
}

/// Whether two times differ by less than any editor could mean.
pub(super) fn near(one: Time, other: Time, rate: FrameRate) -> bool {
    (one - other).flicks().abs() * 8 < rate.frame_duration().flicks()
}
