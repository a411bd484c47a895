//! Fades of Edits: what a clip says of them, and how those of a transition are said.
//!
//! The named transitions of Edits last half a second, one or two. So a transition becomes
//! tweens of opacity or volume, which last exactly as long.

use serde_json::{Map, Value, json};

use super::flatten::Fade;
use crate::template::asset::Fade as SoundFade;
use crate::time::Time;
use crate::timeline::transition::TRANSITION;

/// How long a clip fades in and out; `None` where it does not, or does more than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fades {
    pub enter: Option<Time>,
    pub leave: Option<Time>,
}

/// Seconds as an Edit has them.
pub(super) fn seconds(time: Time) -> Value {
    let whole = time.flicks() / Time::from_seconds(1).flicks();
    if Time::from_seconds(whole) == time {
        json!(whole)
    } else {
        json!(time.as_seconds())
    }
}

/// Whether the clip is heard and not seen.
fn is_sound(clip: &Value) -> bool {
    clip["asset"]["type"] == "audio"
}

/// The fades of a clip of an Edit that lasts `length`.
pub(super) fn of(clip: &Value, length: Time) -> Fades {
    let (named, tweens) = if is_sound(clip) {
        (
            sound_named(&clip["asset"]["effect"]),
            &clip["asset"]["volume"],
        )
    } else {
        let named = |end: &str| picture_named(&clip["transition"][end]);
        (named("in").zip(named("out")), &clip["opacity"])
    };
    // Named ones of another kind than fades, and tweens that are no fades, are more
    // than a transition between clips can say.
    let (Some((enter, leave)), Some(more)) = (named, tweened(tweens, length)) else {
        return Fades::default();
    };
    let one = |named: Option<Time>, tween: Option<Time>| match (named, tween) {
        (Some(_), Some(_)) => None,
        (named, tween) => named.or(tween),
    };
    let fades = Fades {
        enter: one(enter, more.enter),
        leave: one(leave, more.leave),
    };
    let both = fades.enter.unwrap_or_default() + fades.leave.unwrap_or_default();
    if both > length {
        return Fades::default();
    }
    fades
}

/// Whether the transitions of a clip are fades, if any.
pub(super) fn are_plain(clip: &Map<String, Value>) -> bool {
    let ends = clip.get("transition").and_then(Value::as_object);
    ends.into_iter()
        .flat_map(Map::values)
        .all(|name| picture_named(name).is_some())
}

/// How long a transition of this name fades; `None` if it does something else.
fn picture_named(name: &Value) -> Option<Option<Time>> {
    match name {
        Value::Null => Some(None),
        Value::String(name) => match name.as_str() {
            "none" => Some(None),
            "fade" => Some(Some(TRANSITION)),
            "fadeSlow" => Some(Some(TRANSITION * 2)),
            "fadeFast" => Some(Some(Time::from_flicks(TRANSITION.flicks() / 2))),
            _ => None,
        },
        _ => None,
    }
}

fn sound_named(name: &Value) -> Option<(Option<Time>, Option<Time>)> {
    let fade = Some(SoundFade::LENGTH);
    match name {
        Value::Null => Some((None, None)),
        Value::String(name) => match name.as_str() {
            "none" => Some((None, None)),
            "fadeIn" => Some((fade, None)),
            "fadeOut" => Some((None, fade)),
            "fadeInFadeOut" => Some((fade, fade)),
            _ => None,
        },
        _ => None,
    }
}

/// The fades that tweens are; `None` if they are anything else.
fn tweened(value: &Value, length: Time) -> Option<Fades> {
    let Value::Array(tweens) = value else {
        return Some(Fades::default());
    };
    let mut fades = Fades::default();
    for tween in tweens {
        let tween = tween.as_object()?;
        let number = |name: &str, default: f64| match tween.get(name) {
            None => Some(default),
            Some(value) => value.as_f64(),
        };
        let known = ["from", "to", "start", "length", "interpolation"];
        let is_linear = tween.keys().all(|key| known.contains(&key.as_str()))
            && tween
                .get("interpolation")
                .is_none_or(|value| value == "linear");
        let from = number("from", 1.0)?;
        let to = number("to", from)?;
        let start = Time::from_decimal_seconds(number("start", 0.0)?)?;
        let lasts = Time::from_decimal_seconds(number("length", 0.0)?)?;
        if !is_linear || lasts <= Time::ZERO {
            return None;
        }
        if (from, to) == (0.0, 1.0) && start == Time::ZERO && fades.enter.is_none() {
            fades.enter = Some(lasts);
        } else if (from, to) == (1.0, 0.0)
            && is_close(start + lasts, length)
            && fades.leave.is_none()
        {
            fades.leave = Some(lasts);
        } else {
            return None;
        }
    }
    Some(fades)
}

/// Whether two times are the same but for the rounding of decimals.
fn is_close(one: Time, other: Time) -> bool {
    (one - other).flicks().abs() <= 16
}

/// Takes the fades of these ends off a clip.
pub(super) fn strip(clip: &mut Value, enter: bool, leave: bool) {
    let sound = is_sound(clip);
    let Some(members) = clip.as_object_mut() else {
        return;
    };
    if sound {
        if let Some(asset) = members.get_mut("asset").and_then(Value::as_object_mut) {
            let named = asset.get("effect").and_then(sound_named);
            if let Some((first, last)) = named {
                let left = match (first.filter(|_| !enter), last.filter(|_| !leave)) {
                    (None, None) => "none",
                    (Some(_), None) => "fadeIn",
                    (None, Some(_)) => "fadeOut",
                    (Some(_), Some(_)) => "fadeInFadeOut",
                };
                asset.insert("effect".into(), left.into());
            }
            strip_tweens(asset, "volume", enter, leave);
        }
        return;
    }
    if let Some(transition) = members.get_mut("transition").and_then(Value::as_object_mut) {
        transition.retain(|end, _| !(enter && end == "in" || leave && end == "out"));
    }
    strip_tweens(members, "opacity", enter, leave);
}

fn strip_tweens(members: &mut Map<String, Value>, name: &str, enter: bool, leave: bool) {
    let Some(Value::Array(tweens)) = members.get_mut(name) else {
        return;
    };
    tweens.retain(|tween| {
        let rises = tween["from"] == 0.0 || tween["from"] == 0;
        !(if rises { enter } else { leave })
    });
    if tweens.is_empty() {
        members.shift_remove(name);
    }
}

/// Has a clip that is on from `start` for `length` fade so. Says what could not be done.
pub(super) fn apply(
    clip: &mut Value,
    (start, length): (Time, Time),
    fades: &[Fade],
) -> Option<&'static str> {
    let sound = is_sound(clip);
    let heard = sound || (clip["asset"]["type"] == "video" && clip["asset"]["volume"] != 0);
    let mut failed = None;
    if !sound {
        let seen = fades.iter().filter(|fade| !fade.sound_only);
        let tweens = tweens(seen, (start, length));
        failed = put(clip.as_object_mut()?, "opacity", tweens);
    }
    if heard {
        let tweens = tweens(fades.iter(), (start, length));
        failed = put(clip.get_mut("asset")?.as_object_mut()?, "volume", tweens).or(failed);
    }
    failed
}

/// Puts tweens from 0 to 1 where a value may be.
fn put(
    members: &mut Map<String, Value>,
    name: &str,
    tweens: Vec<[f64; 4]>,
) -> Option<&'static str> {
    if tweens.is_empty() {
        return None;
    }
    let full = match members.get(name) {
        None | Some(Value::Null) => 1.0,
        Some(value) => match value.as_f64() {
            Some(full) => full,
            None => return Some("it moves in a way of its own there: it does not fade too"),
        },
    };
    let tween = |[from, to, start, length]: [f64; 4]| json!({"from": from * full, "to": to * full, "start": start, "length": length});
    members.insert(name.into(), tweens.into_iter().map(tween).collect());
    None
}

/// What is within the clip of its fades: from, to, start and length. Of two at a time the
/// first counts.
fn tweens<'f>(
    fades: impl Iterator<Item = &'f Fade>,
    (start, length): (Time, Time),
) -> Vec<[f64; 4]> {
    let mut fades: Vec<&Fade> = fades.collect();
    fades.sort_by_key(|fade| fade.from);
    let mut tweens = Vec::new();
    let mut free = start;
    for fade in fades {
        let (from, to) = (fade.from.max(start), fade.to.min(start + length));
        if from < free || from >= to {
            continue;
        }
        let whole = (fade.to - fade.from).flicks() as f64;
        let share = |at: Time| (at - fade.from).flicks() as f64 / whole;
        let level = |at: Time| {
            if fade.rising {
                share(at)
            } else {
                1.0 - share(at)
            }
        };
        tweens.push([
            level(from),
            level(to),
            (from - start).as_seconds(),
            (to - from).as_seconds(),
        ]);
        free = to;
    }
    tweens
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Time = Time::from_seconds(1);

    #[test]
    fn what_a_clip_says_of_fades_is_read() {
        let fade = |enter, leave| Fades { enter, leave };
        let half = Time::from_millis(500);
        for (clip, expected) in [
            (
                json!({"transition": {"in": "fade", "out": "fadeFast"}}),
                fade(Some(SECOND), Some(half)),
            ),
            (
                json!({"transition": {"in": "wipeLeft", "out": "fade"}}),
                fade(None, None),
            ),
            (
                json!({"opacity": [{"from": 0, "to": 1, "length": 0.5}]}),
                fade(Some(half), None),
            ),
            (
                json!({"opacity": [{"from": 1, "to": 0, "start": 3, "length": 1}]}),
                fade(None, Some(SECOND)),
            ),
            (
                json!({"opacity": [{"from": 0, "to": 0.5, "length": 1}]}),
                fade(None, None),
            ),
            (json!({"opacity": 0.5}), fade(None, None)),
            (
                json!({"transition": {"in": "fadeSlow", "out": "fadeSlow"}}),
                fade(Some(SECOND * 2), Some(SECOND * 2)),
            ),
            (
                json!({"asset": {"type": "audio", "effect": "fadeOut"}}),
                fade(None, Some(SECOND)),
            ),
        ] {
            assert_eq!(of(&clip, SECOND * 4), expected, "{clip}");
        }
        let crowded = json!({"transition": {"in": "fadeSlow", "out": "fadeSlow"}});
        assert_eq!(of(&crowded, SECOND * 3), Fades::default());
    }

    #[test]
    fn a_fade_that_is_cut_off_begins_where_it_was() {
        let mut clip = json!({"asset": {"type": "image"}, "opacity": 0.5});
        let fade = Fade {
            from: Time::ZERO,
            to: SECOND * 4,
            rising: true,
            sound_only: false,
        };
        assert_eq!(apply(&mut clip, (SECOND, SECOND * 2), &[fade]), None);
        assert_eq!(
            clip["opacity"],
            json!([{"from": 0.125, "to": 0.375, "start": 0.0, "length": 2.0}])
        );
    }

    #[test]
    fn fades_are_put_on_and_taken_off() {
        let mut clip = json!({"asset": {"type": "audio", "effect": "fadeInFadeOut"}});
        strip(&mut clip, true, false);
        assert_eq!(clip["asset"]["effect"], "fadeOut");
        let fade = Fade {
            from: Time::ZERO,
            to: SECOND,
            rising: true,
            sound_only: false,
        };
        apply(&mut clip, (Time::ZERO, SECOND * 4), &[fade]);
        assert_eq!(
            of(
                &json!({"asset": {"type": "audio", "volume": clip["asset"]["volume"]}}),
                SECOND * 4
            )
            .enter,
            Some(SECOND)
        );
        strip(&mut clip, true, true);
        assert_eq!(clip, json!({"asset": {"type": "audio", "effect": "none"}}));
    }
}
