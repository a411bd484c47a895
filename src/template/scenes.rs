//! Clips, tracks and scenes that are shown only if the data says so, or once for each
//! element of a list in it.
//!
//! A part of filling in the data: what comes out has no `loomcast` in its timeline
//! any more, and is an Edit as any other. Its places differ from the template's, so it
//! is remembered which is which, for errors.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::template::condition;
use crate::template::cursor::{Cursor, Object};
use crate::template::edit::{MAX_CLIPS, MAX_TRACKS};
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::known::Element;
use crate::template::merge::Filler;
use crate::time::Time;

/// The most scenes.
const MAX_SCENES: usize = 200;

/// The most elements of a list for which anything is repeated.
pub const MAX_REPEATS: usize = 1000;

/// The longest name of a scene or an element, in characters.
const MAX_NAME: usize = 100;

/// The longest scene or step, in seconds: four hours.
const MAX_SECONDS: f64 = 14_400.0;

/// The most bytes of JSON that repeated clips come to: four times what a template
/// file may have.
const MAX_BYTES: usize = 64 << 20;

/// What an element is called that is given no name.
const ELEMENT: &str = "item";

/// What was made of a timeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Expanded {
    /// Where in the template the clips and tracks come from that now stand elsewhere.
    pub origins: BTreeMap<Pointer, Pointer>,
    /// When scenes begin and end.
    pub cuts: Vec<Time>,
    /// What in the rules was not understood.
    pub warnings: Vec<Warning>,
}

/// Fills in the tracks of `timeline`, each clip as often as it is shown.
pub(super) fn expand(
    timeline: &mut Map<String, Value>,
    filler: &mut Filler,
) -> Result<Expanded, EditError> {
    let at = Pointer::from("/timeline");
    let rules = timeline.shift_remove("loomcast");
    let mut maker = Maker {
        filler,
        scenes: Vec::new(),
        expanded: Expanded::default(),
        clips: 0,
        bytes: 0,
        is_moved: false,
    };
    if let Some(rules) = &rules {
        let rules = Cursor {
            value: rules,
            pointer: at.member("loomcast"),
        };
        maker.read_scenes(&rules)?;
    }
    if let Some(Value::Array(tracks)) = timeline.get_mut("tracks") {
        let before = std::mem::take(tracks);
        *tracks = maker.tracks(before)?;
    }
    Ok(maker.expanded)
}

/// `if` and `each` of anything.
struct Rule {
    is_shown: bool,
    each: Option<Each>,
    /// Whether it had any of the two.
    is_by_data: bool,
}

struct Each {
    name: String,
    items: Rc<Vec<Value>>,
    step: Option<Time>,
    pointer: Pointer,
}

impl Each {
    fn element(&self, at: usize) -> Element {
        Element::new(&self.name, &self.items, at)
    }
}

/// A scene of the template, as often as it is shown.
struct Scene {
    name: String,
    shown: Vec<Occurrence>,
    is_by_data: bool,
}

#[derive(Clone)]
struct Occurrence {
    start: Time,
    length: Time,
    element: Option<Element>,
}

struct Maker<'m, 'a> {
    filler: &'m mut Filler<'a>,
    scenes: Vec<Scene>,
    expanded: Expanded,
    clips: usize,
    bytes: usize,
    /// Whether places no longer are those of the template.
    is_moved: bool,
}

/// A clip of the template on its way to the timeline.
struct Draft<'t> {
    clip: &'t Value,
    /// Where it stands in the template.
    from: Pointer,
    /// What its start counts from, and what it lasts until if it says so.
    zero: Time,
    scene_end: Option<Time>,
    /// Whether a start of `auto` is the scene's.
    is_first: bool,
    is_by_data: bool,
}

impl Maker<'_, '_> {
    fn read_scenes(&mut self, rules: &Cursor) -> Result<(), EditError> {
        let object = rules.object()?;
        if let Some(scenes) = object.get("scenes") {
            let mut clock = Time::ZERO;
            for cursor in scenes.elements(MAX_SCENES)? {
                clock = self.read_scene(&cursor, clock)?;
            }
        }
        object.finish(&mut self.expanded.warnings);
        self.expanded.cuts.sort_unstable();
        self.expanded.cuts.dedup();
        Ok(())
    }

    /// Reads a scene that begins at `clock`, and says when it is over.
    fn read_scene(&mut self, cursor: &Cursor, mut clock: Time) -> Result<Time, EditError> {
        let object = cursor.object()?;
        let name = object.need("name", "the name of a scene")?;
        let called = name.text(MAX_NAME)?.to_owned();
        if self.scenes.iter().any(|scene| scene.name == called) {
            return Err(name.error("a name that no scene before has"));
        }
        let rule = self.rule(&object)?;
        let length = object.need("length", "a number of seconds")?;
        if let Some(start) = object.get("start") {
            clock = self.seconds(&start, 0.0)?;
        }
        let mut shown = Vec::new();
        let times = rule.each.as_ref().map_or(1, |each| each.items.len());
        for at in 0..if rule.is_shown { times } else { 0 } {
            let element = rule.each.as_ref().map(|each| each.element(at));
            self.filler.known.elements.extend(element.clone());
            let length = self.seconds(&length, f64::MIN_POSITIVE);
            self.filler.known.elements.clear();
            let length = length?;
            shown.push(Occurrence {
                start: clock,
                length,
                element,
            });
            self.expanded.cuts.push(clock);
            let step = rule.each.as_ref().and_then(|each| each.step);
            self.expanded.cuts.push(clock + length);
            clock = clock + step.unwrap_or(length);
        }
        object.finish(&mut self.expanded.warnings);
        self.scenes.push(Scene {
            name: called,
            shown,
            // What lasts until the end of such a scene depends on the data too.
            is_by_data: rule.is_by_data || length.value.is_string(),
        });
        Ok(clock)
    }

    /// A number of seconds, which may be a placeholder.
    fn seconds(&mut self, cursor: &Cursor, least: f64) -> Result<Time, EditError> {
        let mut value = cursor.value.clone();
        self.filler.fill(&mut value, &cursor.pointer)?;
        let filled = Cursor {
            value: &value,
            pointer: cursor.pointer.clone(),
        };
        let number = filled.number(&(least..=MAX_SECONDS));
        number
            .ok()
            .and_then(Time::from_decimal_seconds)
            .ok_or_else(|| filled.error(format!("a number of seconds, at most {MAX_SECONDS}")))
    }

    /// Reads `if` and `each`.
    fn rule(&mut self, object: &Object) -> Result<Rule, EditError> {
        let condition = object.get("if");
        let each = object.get("each");
        let mut rule = Rule {
            is_shown: true,
            is_by_data: condition.is_some() || each.is_some(),
            each: None,
        };
        self.is_moved |= rule.is_by_data;
        if let Some(condition) = condition {
            let known = &self.filler.known;
            rule.is_shown = condition::holds(&condition, &mut |name| known.get(name))?;
        }
        // The list of what is not shown need not be there.
        if let Some(each) = each.filter(|_| rule.is_shown) {
            rule.each = Some(self.each(&each)?);
        }
        Ok(rule)
    }

    fn each(&mut self, cursor: &Cursor) -> Result<Each, EditError> {
        let object = cursor.object()?;
        let list = object.need("in", "the name of a field with a list")?;
        let name = object.get("as").map_or(Ok(ELEMENT.to_owned()), |name| {
            name.text(MAX_NAME).map(str::to_owned)
        })?;
        let most = object
            .get("max")
            .map(|max| max.integer(&(1..=MAX_REPEATS as u32)));
        let most = most.transpose()?.map_or(usize::MAX, |most| most as usize);
        let step = object.get("step").map(|step| self.seconds(&step, 0.0));
        let step = step.transpose()?;
        object.finish(&mut self.expanded.warnings);
        let allowed = || format!("data with a list of at most {MAX_REPEATS} elements");
        let found = self.filler.known.get(list.text(MAX_NAME)?);
        let found = found.ok_or_else(|| list.error(allowed()))?;
        let mut items = match found {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            // Data from a table or a command line is all texts.
            Value::String(text) if text.trim().is_empty() => Vec::new(),
            Value::String(text) => serde_json::from_str(text).map_err(|_| {
                let shown = crate::template::error::shown(found);
                EditError::new(list.pointer.clone(), shown, allowed())
            })?,
            other => {
                let shown = crate::template::error::shown(other);
                return Err(EditError::new(list.pointer.clone(), shown, allowed()));
            }
        };
        items.truncate(most);
        if items.len() > MAX_REPEATS {
            let found = format!("a list of {}", items.len());
            return Err(EditError::new(list.pointer.clone(), found, allowed()));
        }
        Ok(Each {
            name,
            items: Rc::new(items),
            step,
            pointer: cursor.pointer.clone(),
        })
    }

    fn tracks(&mut self, before: Vec<Value>) -> Result<Vec<Value>, EditError> {
        let all = Pointer::from("/timeline/tracks");
        let mut after = Vec::with_capacity(before.len());
        for (index, mut track) in before.into_iter().enumerate() {
            let from = all.element(index);
            let rules = track
                .as_object_mut()
                .and_then(|track| track.shift_remove("loomcast"));
            let rule = self.rule_of(rules.as_ref(), &from)?;
            let times = rule.each.as_ref().map_or(1, |each| each.items.len());
            let mut zero = Time::ZERO;
            for at in 0..if rule.is_shown { times } else { 0 } {
                let element = rule.each.as_ref().map(|each| each.element(at));
                self.filler.known.elements.extend(element);
                let to = all.element(after.len());
                let made = self.track(&track, &from, &to, zero, rule.is_by_data);
                self.filler.known.elements.clear();
                if let Some(track) = made? {
                    after.push(track);
                }
                if after.len() > MAX_TRACKS {
                    let found = format!("{} tracks with those repeated", after.len());
                    return Err(EditError::new(from, found, format!("at most {MAX_TRACKS}")));
                }
                let step = rule.each.as_ref().and_then(|each| each.step);
                zero = zero + step.unwrap_or(Time::ZERO);
            }
        }
        Ok(after)
    }

    fn rule_of(&mut self, rules: Option<&Value>, from: &Pointer) -> Result<Rule, EditError> {
        let Some(value) = rules else {
            return Ok(Rule {
                is_shown: true,
                each: None,
                is_by_data: false,
            });
        };
        let rules = Cursor {
            value,
            pointer: from.member("loomcast"),
        };
        let object = rules.object()?;
        let rule = self.rule(&object)?;
        // The scene of a clip is looked up elsewhere.
        object.ignore(&["scene"]);
        object.finish(&mut self.expanded.warnings);
        Ok(rule)
    }

    /// A track with its clips filled in; `None` if the data left none of them.
    fn track(
        &mut self,
        track: &Value,
        from: &Pointer,
        to: &Pointer,
        zero: Time,
        is_by_data: bool,
    ) -> Result<Option<Value>, EditError> {
        let mut made = track.clone();
        let clips = made
            .as_object_mut()
            .and_then(|track| track.shift_remove("clips"));
        self.moved(from, to);
        let filled = self.filler.fill(&mut made, to);
        filled.map_err(|error| error.moved(to, from))?;
        let (Some(clips), Some(object)) = (clips, made.as_object_mut()) else {
            return Ok(Some(made));
        };
        let Value::Array(clips) = clips else {
            object.insert("clips".into(), clips);
            return Ok(Some(made));
        };
        let place = (from.member("clips"), to.member("clips"));
        let made_clips = self.clips(&clips, &place, zero, is_by_data)?;
        if made_clips.is_empty() && !clips.is_empty() {
            return Ok(None);
        }
        object.insert("clips".into(), Value::Array(made_clips));
        Ok(Some(made))
    }

    fn clips(
        &mut self,
        clips: &[Value],
        (from, to): &(Pointer, Pointer),
        zero: Time,
        is_by_data: bool,
    ) -> Result<Vec<Value>, EditError> {
        let mut made = Vec::with_capacity(clips.len());
        let mut next = 0;
        while let Some(clip) = clips.get(next) {
            // Neighbours of one scene come and go together.
            let scene = scene_of(clip);
            let alike = clips[next..]
                .iter()
                .take_while(|other| scene_of(other) == scene);
            let group = next..next + alike.count();
            next = group.end;
            let shown = match scene {
                None => vec![(None, false)],
                Some(name) => self.occurrences(name, &from.element(group.start))?,
            };
            for (occurrence, scene_by_data) in shown {
                let (start, end) = occurrence
                    .as_ref()
                    .map_or((Time::ZERO, None), |occurrence| {
                        (occurrence.start, Some(occurrence.start + occurrence.length))
                    });
                let depth = self.filler.known.elements.len();
                let element = occurrence
                    .as_ref()
                    .and_then(|occurrence| occurrence.element.clone());
                self.filler.known.elements.extend(element);
                let before = made.len();
                for index in group.clone() {
                    let draft = Draft {
                        clip: &clips[index],
                        from: from.element(index),
                        zero: zero + start,
                        scene_end: end.map(|end| zero + end),
                        is_first: end.is_some() && made.len() == before,
                        is_by_data: is_by_data || scene_by_data,
                    };
                    self.clip(&draft, to, &mut made)?;
                }
                self.filler.known.elements.truncate(depth);
            }
        }
        Ok(made)
    }

    fn occurrences(
        &mut self,
        name: &Value,
        clip: &Pointer,
    ) -> Result<Vec<(Option<Occurrence>, bool)>, EditError> {
        self.is_moved = true;
        let known = self
            .scenes
            .iter()
            .find(|scene| Some(scene.name.as_str()) == name.as_str());
        let scene = known.ok_or_else(|| {
            EditError::new(
                clip.member("loomcast").member("scene"),
                name,
                "the name of one of /timeline/loomcast/scenes",
            )
        })?;
        let shown = scene.shown.iter().cloned();
        Ok(shown.map(|one| (Some(one), scene.is_by_data)).collect())
    }

    /// Puts a clip after those `made`, as often as it is shown.
    fn clip(
        &mut self,
        draft: &Draft,
        to: &Pointer,
        made: &mut Vec<Value>,
    ) -> Result<(), EditError> {
        let mut bare = draft.clip.clone();
        let rules = bare
            .as_object_mut()
            .and_then(|clip| clip.shift_remove("loomcast"));
        let rule = self.rule_of(rules.as_ref(), &draft.from)?;
        let times = rule.each.as_ref().map_or(1, |each| each.items.len());
        let mut later = Time::ZERO;
        for at in 0..if rule.is_shown { times } else { 0 } {
            self.clips += 1;
            if self.clips > MAX_CLIPS {
                let found = format!("clip number {} with those repeated", self.clips);
                return Err(EditError::new(
                    draft.from.clone(),
                    found,
                    format!("at most {MAX_CLIPS} clips"),
                ));
            }
            let place = to.element(made.len());
            self.moved(&draft.from, &place);
            if draft.is_by_data || rule.is_by_data {
                self.filler.dynamic.insert(place.clone());
            }
            let mut clip = bare.clone();
            let element = rule.each.as_ref().map(|each| each.element(at));
            let depth = self.filler.known.elements.len();
            self.filler.known.elements.extend(element);
            let filled = self.filler.fill(&mut clip, &place);
            self.filler.known.elements.truncate(depth);
            filled.map_err(|error| error.moved(&place, &draft.from))?;
            self.bytes += bytes(&clip);
            if self.bytes > MAX_BYTES {
                let found = format!("more than {MAX_BYTES} bytes of repeated clips");
                return Err(EditError::new(draft.from.clone(), found, "less"));
            }
            let is_first = draft.is_first && at == 0;
            let length = shift(&mut clip, draft, later, is_first)?;
            if let Some(each) = rule.each.as_ref() {
                later = later + self.advance(each, length, &clip)?;
            }
            made.push(clip);
        }
        Ok(())
    }

    /// How much later the next of a repeated clip begins.
    fn advance(&self, each: &Each, length: Option<Time>, clip: &Value) -> Result<Time, EditError> {
        // Those that follow one another do so by themselves.
        let is_chained = clip
            .get("start")
            .is_some_and(|start| number(start).is_none());
        match each.step.or(length) {
            Some(step) => Ok(step),
            None if is_chained => Ok(Time::ZERO),
            None => Err(EditError::missing(
                each.pointer.member("step"),
                "a number of seconds: the clip's length is none",
            )),
        }
    }

    fn moved(&mut self, from: &Pointer, to: &Pointer) {
        if self.is_moved && from != to {
            self.expanded.origins.insert(to.clone(), from.clone());
        } else if self.is_moved {
            // What was there came to nothing.
            self.expanded.origins.remove(to);
        }
    }
}

/// The scene that a clip says it is in.
fn scene_of(clip: &Value) -> Option<&Value> {
    clip.get("loomcast")?.get("scene")
}

/// About how long it is as JSON.
fn bytes(value: &Value) -> usize {
    const LEAST: usize = 8;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => LEAST,
        Value::String(text) => LEAST + text.len(),
        Value::Array(elements) => LEAST + elements.iter().map(bytes).sum::<usize>(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| name.len() + bytes(value);
            LEAST + members.iter().map(member).sum::<usize>()
        }
    }
}

fn number(value: &Value) -> Option<Time> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds.and_then(Time::from_decimal_seconds)
}

/// Moves a clip to where its scene and its repetition begin, and says how long it
/// lasts, if that is a number.
fn shift(
    clip: &mut Value,
    draft: &Draft,
    later: Time,
    is_first: bool,
) -> Result<Option<Time>, EditError> {
    let Some(object) = clip.as_object_mut() else {
        return Ok(None);
    };
    let by = draft.zero + later;
    let start = object.get("start");
    let is_auto = start.and_then(Value::as_str) == Some("auto");
    let start = match start.and_then(number) {
        Some(start) => Some(start + by),
        None if is_auto && is_first => Some(by),
        None => None,
    };
    // What was not moved is left as it was written.
    if let Some(start) = start.filter(|_| by > Time::ZERO || is_auto) {
        object.insert("start".into(), Value::from(start.as_seconds()));
    }
    let is_end = object.get("length").and_then(Value::as_str) == Some("end");
    if let Some(end) = draft.scene_end.filter(|_| is_end) {
        let left = start
            .map(|start| end - start)
            .filter(|left| *left > Time::ZERO);
        let left = left.ok_or_else(|| {
            EditError::new(
                draft.from.member("length"),
                "\"end\"",
                "a number, or a start that is a number before the end of the scene",
            )
        })?;
        object.insert("length".into(), Value::from(left.as_seconds()));
    }
    Ok(object.get("length").and_then(number))
}

#[cfg(test)]
mod tests;
