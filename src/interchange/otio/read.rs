//! From JSON to what it says. What is not understood is a warning, and left out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rational;
use super::schema::{Child, Content, Document, Item, Kind, Transition};
use super::{MAX_DEPTH, MAX_ITEMS, OURS};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Pointer, Warning};
use crate::time::Time;

/// The longest name, in characters; more of it is cut off.
pub(super) const MAX_NAME: usize = 200;

/// The fastest that anything is played; faster is no editor's work.
const MAX_SPEED: f64 = 1000.0;

/// The slowest: half of the least that an Edit tells from nothing.
const MIN_SPEED: f64 = 0.000_05;

/// Reads a whole file.
pub(super) fn read(document: &Value, warnings: &mut Vec<Warning>) -> Result<Document, EditError> {
    let mut reader = Reader {
        warnings,
        items: 0,
        markers: 0,
        effects: BTreeMap::new(),
    };
    let document = reader.document(&Cursor::root(document))?;
    reader.sum_up();
    Ok(document)
}

/// The name of an object's schema, without its version.
pub(super) fn schema<'a>(object: &Object<'a>) -> Result<&'a str, EditError> {
    let cursor = object.need("OTIO_SCHEMA", "the name of a schema, as Clip.2")?;
    let whole = cursor.text(MAX_NAME)?;
    Ok(whole.split_once('.').map_or(whole, |(name, _)| name))
}

pub(super) struct Reader<'w> {
    warnings: &'w mut Vec<Warning>,
    items: usize,
    markers: usize,
    effects: BTreeMap<String, usize>,
}

impl Reader<'_> {
    pub(super) fn warn(&mut self, pointer: &Pointer, message: impl Into<String>) {
        self.warnings.push(Warning {
            pointer: pointer.clone(),
            message: message.into(),
        });
    }

    /// What was passed over many times is told once.
    fn sum_up(&mut self) {
        let root = Pointer::default();
        if self.markers > 0 {
            self.warn(&root, format!("{} markers are left out", self.markers));
        }
        for (name, times) in std::mem::take(&mut self.effects) {
            self.warn(
                &root,
                format!("the effect {name:?} has no effect ({times} times)"),
            );
        }
    }

    fn document(&mut self, cursor: &Cursor) -> Result<Document, EditError> {
        let object = cursor.object()?;
        match schema(&object)? {
            "Timeline" => self.timeline(&object),
            "SerializableCollection" | "SerializeableCollection" => self.collection(&object),
            "Stack" | "Track" | "Sequence" | "Clip" => {
                let item = self.item(cursor, 0)?;
                let item = item.ok_or_else(|| cursor.error("a timeline"))?;
                let (name, pointer, length) =
                    (item.name.clone(), item.pointer.clone(), item.length);
                let children = match item.content {
                    Content::Stack(_) => {
                        return Ok(Document {
                            name,
                            rate: None,
                            stack: item,
                            own: None,
                        });
                    }
                    Content::Track(..) => vec![item],
                    Content::Clip(_) | Content::Gap => {
                        let content =
                            Content::Track(Kind::Video, vec![Child::Item(Box::new(item))]);
                        vec![plain(pointer.clone(), length, content)]
                    }
                };
                Ok(Document {
                    name,
                    rate: None,
                    stack: plain(pointer, length, Content::Stack(children)),
                    own: None,
                })
            }
            other => Err(cursor.error(format!(
                "a Timeline, or a collection with one: not a {other}"
            ))),
        }
    }

    fn timeline(&mut self, object: &Object) -> Result<Document, EditError> {
        let tracks = object.need("tracks", "a Stack")?;
        let item = self.item(&tracks, 0)?;
        let stack = item.filter(|item| matches!(item.content, Content::Stack(_)));
        let rate = match object.get("global_start_time") {
            // Where its timecode begins has no meaning in an Edit.
            Some(start) => rational::time(&start)?.1,
            None => None,
        };
        Ok(Document {
            name: name(object),
            rate,
            stack: stack.ok_or_else(|| tracks.error("a Stack"))?,
            own: own(object),
        })
    }

    /// The first timeline of a collection.
    fn collection(&mut self, object: &Object) -> Result<Document, EditError> {
        let children = object.need("children", "a list with a Timeline")?;
        let mut found = Vec::new();
        let mut timelines = Vec::new();
        for child in elements(&children)? {
            let object = child.object()?;
            let name = schema(&object)?;
            if name == "Timeline" {
                timelines.push(object);
            } else if found.len() < 5 && !found.contains(&name) {
                found.push(name);
            }
        }
        let more = timelines.len().saturating_sub(1);
        let Some(first) = timelines.first() else {
            let found = match found.as_slice() {
                [] => "nothing".to_owned(),
                found => found.join(", "),
            };
            let allowed = "a collection with a Timeline";
            return Err(EditError::new(children.pointer, found, allowed));
        };
        if more > 0 {
            let message = format!("only the first timeline is taken: {more} more are there");
            self.warn(&children.pointer, message);
        }
        self.timeline(first)
    }

    /// An item; `None` for what is not known.
    fn item(&mut self, cursor: &Cursor, depth: usize) -> Result<Option<Item>, EditError> {
        self.count(cursor)?;
        let object = cursor.object()?;
        let schema = schema(&object)?;
        let source = rational::span(&object, "source_range")?;
        if matches!(schema, "Stack" | "Track" | "Sequence") && depth >= MAX_DEPTH {
            let found = format!("tracks and stacks {} deep", depth + 1);
            let allowed = format!("at most {MAX_DEPTH}");
            return Err(EditError::new(cursor.pointer.clone(), found, allowed));
        }
        let content = match schema {
            "Clip" => Content::Clip(self.media(&object)?),
            "Gap" | "Filler" => Content::Gap,
            "Stack" => Content::Stack(self.stacked(&object, depth)?),
            "Track" | "Sequence" => self.track(&object, depth)?,
            other => {
                self.warn(
                    &cursor.pointer,
                    format!("a {other} is not known: it is left out"),
                );
                // It takes its time, if it says how long.
                if source.is_none() {
                    return Ok(None);
                }
                Content::Gap
            }
        };
        let length = match (source, &content) {
            (Some(span), _) => Some(span.length),
            (None, Content::Clip(media)) => media.available().map(|span| span.length),
            (None, Content::Gap) => Some(Time::ZERO),
            (None, Content::Track(_, children)) => Some(lasts(children)),
            (None, Content::Stack(children)) => {
                let lengths = children.iter().filter_map(|child| child.length);
                Some(lengths.max().unwrap_or_default())
            }
        };
        if let Some(length) = length.filter(|length| *length > rational::MAX_TIME) {
            let pointer = cursor.pointer.clone();
            return Err(EditError::new(pointer, length, "less than ten years"));
        }
        let speed = self.effects(&object)?;
        if let Some(markers) = object.get("markers").as_ref().map(elements).transpose()? {
            self.markers += markers.len();
        }
        Ok(Some(Item {
            pointer: cursor.pointer.clone(),
            name: name(&object),
            source,
            length,
            speed,
            enabled: object
                .get("enabled")
                .is_none_or(|cursor| cursor.value != false),
            content,
            own: own(&object),
        }))
    }

    fn count(&mut self, cursor: &Cursor) -> Result<(), EditError> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            let found = format!("item number {}", self.items);
            let allowed =
                format!("at most {MAX_ITEMS} clips, gaps, transitions, tracks and stacks");
            return Err(EditError::new(cursor.pointer.clone(), found, allowed));
        }
        Ok(())
    }

    fn stacked(&mut self, object: &Object, depth: usize) -> Result<Vec<Item>, EditError> {
        let mut items = Vec::new();
        if let Some(children) = object.get("children") {
            for child in elements(&children)? {
                items.extend(self.item(&child, depth + 1)?);
            }
        }
        Ok(items)
    }

    fn track(&mut self, object: &Object, depth: usize) -> Result<Content, EditError> {
        let kind = match object.get("kind") {
            Some(cursor) => match cursor.value.as_str() {
                Some("Audio") => Kind::Audio,
                Some("Video") => Kind::Video,
                _ => {
                    let found = crate::template::error::shown(cursor.value);
                    self.warn(&cursor.pointer, format!("{found} is taken for Video"));
                    Kind::Video
                }
            },
            None => Kind::Video,
        };
        let mut items = Vec::new();
        if let Some(children) = object.get("children") {
            for cursor in elements(&children)? {
                let child = cursor.object()?;
                if schema(&child)? == "Transition" {
                    self.count(&cursor)?;
                    items.push(Child::Transition(transition(&cursor, &child)?));
                } else {
                    items.extend(
                        self.item(&cursor, depth + 1)?
                            .map(|item| Child::Item(Box::new(item))),
                    );
                }
            }
        }
        Ok(Content::Track(kind, items))
    }

    /// How fast all effects together make it; others are counted.
    fn effects(&mut self, object: &Object) -> Result<f64, EditError> {
        let mut speed = 1.0;
        let Some(effects) = object.get("effects") else {
            return Ok(speed);
        };
        for cursor in elements(&effects)? {
            let effect = cursor.object()?;
            match schema(&effect)? {
                "FreezeFrame" => speed = 0.0,
                "LinearTimeWarp" => {
                    let scalar = effect.need("time_scalar", "a number")?;
                    let by = scalar.number(&(-MAX_SPEED..=MAX_SPEED))?;
                    if by < 0.0 {
                        let message =
                            "nothing is played backwards here: it is played forwards as fast";
                        self.warn(&scalar.pointer, message);
                    }
                    speed *= by.abs();
                }
                other => {
                    let called = effect.get("effect_name").or_else(|| effect.get("name"));
                    let called = called.and_then(|cursor| cursor.value.as_str());
                    let called = called.filter(|name| !name.is_empty()).unwrap_or(other);
                    let called: String = called.chars().take(MAX_NAME).collect();
                    // As many as are worth telling apart.
                    if self.effects.len() < 50 || self.effects.contains_key(&called) {
                        *self.effects.entry(called).or_default() += 1;
                    }
                }
            }
        }
        // Slower than an Edit can say is as good as standing still.
        Ok(if speed < MIN_SPEED {
            0.0
        } else {
            speed.min(MAX_SPEED)
        })
    }
}

fn plain(pointer: Pointer, length: Option<Time>, content: Content) -> Item {
    Item {
        pointer,
        name: String::new(),
        source: None,
        length,
        speed: 1.0,
        enabled: true,
        content,
        own: None,
    }
}

/// How long what stands on a track lasts in all.
fn lasts(children: &[Child]) -> Time {
    let lengths = children.iter().filter_map(|child| match child {
        Child::Item(item) => item.length,
        Child::Transition(_) => None,
    });
    lengths.fold(Time::ZERO, |sum, length| {
        Time::from_flicks(sum.flicks().saturating_add(length.flicks()))
    })
}

fn transition(cursor: &Cursor, object: &Object) -> Result<Transition, EditError> {
    let offset = |name: &str| {
        let Some(cursor) = object.get(name) else {
            return Ok(Time::ZERO);
        };
        let (time, _) = rational::time(&cursor)?;
        if time < Time::ZERO {
            return Err(cursor.error("a time that is not below 0"));
        }
        Ok(time)
    };
    Ok(Transition {
        pointer: cursor.pointer.clone(),
        kind: text(object, "transition_type", MAX_NAME)?,
        before: offset("in_offset")?,
        after: offset("out_offset")?,
    })
}

/// All elements of a list; that there may be none differs from an Edit.
fn elements<'a>(cursor: &Cursor<'a>) -> Result<Vec<Cursor<'a>>, EditError> {
    if cursor.value.as_array().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    cursor.elements(MAX_ITEMS)
}

pub(super) fn text(object: &Object, name: &str, max: usize) -> Result<String, EditError> {
    let cursor = object.get(name);
    let text = cursor.map(|cursor| cursor.text(max).map(str::to_owned));
    text.transpose().map(Option::unwrap_or_default)
}

fn name(object: &Object) -> String {
    let cursor = object.get("name");
    let text = cursor.and_then(|cursor| cursor.value.as_str());
    text.unwrap_or_default().chars().take(MAX_NAME).collect()
}

/// What Loomcast wrote into the metadata.
pub(super) fn own(object: &Object) -> Option<Value> {
    let metadata = object.get("metadata")?;
    let own = metadata.value.get(OURS)?;
    own.is_object().then(|| own.clone())
}
