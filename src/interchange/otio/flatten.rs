//! Tracks in stacks in tracks, laid out as clips with times of the whole timeline.
//!
//! A nested timeline is as good as its clips in its place: each layer of it becomes a layer
//! beside its neighbours', its times go through the trims and speeds of all that it is in.

use super::rational::{bounded, played, takes};
use super::schema::{Child, Content, Item, Kind, Media, Transition};
use super::target::{Looks, looks};
use crate::template::error::{Pointer, Warning};
use crate::time::Time;

/// Below this what is nested stands still.
const MIN_NESTED_SPEED: f64 = 0.001;

/// A clip in its place.
#[derive(Clone)]
pub(super) struct Leaf<'a> {
    pub item: &'a Item,
    pub media: &'a Media,
    pub start: Time,
    pub length: Time,
    /// Where in its file it begins.
    pub trim: Time,
    pub speed: f64,
    pub fades: Vec<Fade>,
}

/// From nothing to all, or back, linearly; by the time of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fade {
    pub from: Time,
    pub to: Time,
    pub rising: bool,
    /// Whether only its sound fades: its picture is covered by another that comes.
    pub sound_only: bool,
}

/// Layers of pictures and of sounds, the lowest first; what is on one layer is in the order
/// of the file.
#[derive(Default)]
pub(super) struct Layers<'a> {
    pub video: Vec<Vec<Leaf<'a>>>,
    pub audio: Vec<Vec<Leaf<'a>>>,
}

impl<'a> Layers<'a> {
    /// Takes in what plays before or after, layer by layer.
    fn beside(&mut self, other: Self) {
        let join = |own: &mut Vec<Vec<Leaf<'a>>>, other: Vec<Vec<Leaf<'a>>>| {
            for (index, leaves) in other.into_iter().enumerate() {
                match own.get_mut(index) {
                    Some(layer) => layer.extend(leaves),
                    None => own.push(leaves),
                }
            }
        };
        join(&mut self.video, other.video);
        join(&mut self.audio, other.audio);
    }

    /// Takes in what lies above.
    fn above(&mut self, other: Self) {
        self.video.extend(other.video);
        self.audio.extend(other.audio);
    }
}

/// From an item's own time to the timeline's.
#[derive(Clone)]
struct Frame {
    /// A time of its own, and when that is.
    own: Time,
    at: Time,
    /// How fast it runs.
    speed: f64,
    /// Of what of the timeline anything is left.
    bounds: (Time, Time),
    fades: Vec<Fade>,
    /// Whether only its sounds count.
    sound_only: bool,
}

impl Frame {
    /// When its own time is `time`.
    fn at(&self, time: Time) -> Time {
        bounded((self.at + takes(time - self.own, self.speed)).flicks())
    }

    /// What its own time is at `at`.
    fn own(&self, at: Time) -> Time {
        self.own + played(at - self.at, self.speed)
    }
}

/// An item on a track, with what transitions add to it.
struct Place<'a> {
    item: &'a Item,
    /// When it begins and how long it lasts, by the track's time.
    start: Time,
    length: Time,
    lead: Time,
    tail: Time,
    fades: Vec<Fade>,
}

/// Lays out one child of the timeline's stack, which is trimmed by the stack's own range.
pub(super) fn layers<'a>(stack: &Item, child: &'a Item, warnings: &mut Vec<Warning>) -> Layers<'a> {
    let (own, length) = match stack.source {
        Some(span) => (span.start, span.length),
        None => (Time::ZERO, child.length.unwrap_or_default()),
    };
    let frame = Frame {
        own,
        at: Time::ZERO,
        speed: 1.0,
        bounds: (Time::ZERO, length),
        fades: Vec::new(),
        sound_only: false,
    };
    let place = alone(child);
    let mut flattener = Flattener { warnings };
    flattener.place(&frame, &place, Kind::Video)
}

/// An item from time 0 on.
fn alone(item: &Item) -> Place<'_> {
    Place {
        item,
        start: Time::ZERO,
        length: item.length.unwrap_or_default(),
        lead: Time::ZERO,
        tail: Time::ZERO,
        fades: Vec::new(),
    }
}

struct Flattener<'w> {
    warnings: &'w mut Vec<Warning>,
}

impl Flattener<'_> {
    fn warn(&mut self, pointer: &Pointer, message: impl Into<String>) {
        self.warnings.push(Warning {
            pointer: pointer.clone(),
            message: message.into(),
        });
    }

    fn place<'a>(&mut self, frame: &Frame, place: &Place<'a>, kind: Kind) -> Layers<'a> {
        let Place { item, .. } = place;
        let mut layers = Layers::default();
        if !item.enabled {
            self.warn(
                &item.pointer,
                format!("{:?} is disabled: it is left out", item.name),
            );
            return layers;
        }
        let begins = frame.at(place.start - place.lead);
        let ends = frame.at(place.start + place.length + place.tail);
        let bounds = (begins.max(frame.bounds.0), ends.min(frame.bounds.1));
        if bounds.0 >= bounds.1 {
            return layers;
        }
        let mut fades = frame.fades.clone();
        fades.extend(place.fades.iter().map(|fade| Fade {
            from: frame.at(fade.from),
            to: frame.at(fade.to),
            ..*fade
        }));
        let media = match &item.content {
            Content::Gap => return layers,
            Content::Clip(media) => media,
            Content::Track(..) | Content::Stack(_) => {
                let own = item.source.map_or(Time::ZERO, |span| span.start);
                let speed = (frame.speed * item.speed).min(1000.0);
                if speed < MIN_NESTED_SPEED {
                    return self.held(frame, item, own, bounds, &fades);
                }
                let inner = Frame {
                    own,
                    at: frame.at(place.start),
                    speed,
                    bounds,
                    fades,
                    sound_only: frame.sound_only,
                };
                return self.nested(&inner, item);
            }
        };
        let (start, trim, speed) = self.trimmed(frame, place, media, bounds.0);
        if start >= bounds.1 {
            return layers;
        }
        let leaf = Leaf {
            item,
            media,
            start,
            length: bounds.1 - start,
            trim,
            speed,
            fades,
        };
        match kind {
            Kind::Audio => layers.audio.push(vec![leaf]),
            Kind::Video if !frame.sound_only => layers.video.push(vec![leaf]),
            Kind::Video => {}
        }
        layers
    }

    /// What is on in `item` at its own time `own`, held; it has no sound.
    fn held<'a>(
        &mut self,
        frame: &Frame,
        item: &'a Item,
        own: Time,
        bounds: (Time, Time),
        fades: &[Fade],
    ) -> Layers<'a> {
        let moment = Frame {
            own,
            at: bounds.0,
            speed: 1.0,
            bounds: (bounds.0, bounds.0 + Time::from_flicks(1)),
            fades: Vec::new(),
            sound_only: frame.sound_only,
        };
        let mut layers = self.nested(&moment, item);
        layers.audio.clear();
        for leaf in layers.video.iter_mut().flatten() {
            leaf.length = bounds.1 - bounds.0;
            leaf.speed = 0.0;
            leaf.fades = fades.to_vec();
        }
        layers
    }

    /// From when a clip is on, from where in its file, and how fast.
    fn trimmed(
        &mut self,
        frame: &Frame,
        place: &Place,
        media: &Media,
        from: Time,
    ) -> (Time, Time, f64) {
        let item = place.item;
        let zero = media.zero();
        let source = item.source.map_or(zero, |span| span.start);
        let speed = frame.speed * item.speed;
        // How much of the track's time passed since the clip began by its own range.
        let since = frame.own(from) - place.start;
        let trim = source - zero + played(since, item.speed);
        // Of a drawing or a still there is something at any time.
        let has_start = match media {
            Media::File(file) => looks(&file.url) != Looks::Picture,
            Media::Sequence(_) => true,
            Media::Generator(_) | Media::Missing => false,
        };
        if trim >= Time::ZERO || !has_start {
            return (from, trim.max(Time::ZERO), speed);
        }
        let late = if speed > 0.0 && place.lead > Time::ZERO {
            takes(-trim, speed)
        } else {
            Time::ZERO
        };
        let message = format!("{:?} begins {} before its file does", item.name, -trim);
        self.warn(&item.pointer, message);
        (from + late, Time::ZERO, speed)
    }

    fn nested<'a>(&mut self, frame: &Frame, item: &'a Item) -> Layers<'a> {
        match &item.content {
            Content::Stack(children) => {
                let mut layers = Layers::default();
                for child in children {
                    layers.above(self.place(frame, &alone(child), Kind::Video));
                }
                layers
            }
            Content::Track(kind, children) => {
                let mut layers = Layers::default();
                let is_audio = *kind == Kind::Audio;
                let inner = Frame {
                    sound_only: frame.sound_only || is_audio,
                    ..frame.clone()
                };
                for place in self.places(children, is_audio) {
                    layers.beside(self.place(&inner, &place, *kind));
                }
                layers
            }
            Content::Clip(_) | Content::Gap => Layers::default(),
        }
    }

    /// What stands where on a track.
    fn places<'a>(&mut self, children: &'a [Child], is_audio: bool) -> Vec<Place<'a>> {
        let mut places: Vec<Place> = Vec::new();
        let mut clock = Time::ZERO;
        let mut pending: Option<&Transition> = None;
        for child in children {
            match child {
                Child::Transition(transition) => {
                    if pending.is_some() {
                        self.warn(
                            &transition.pointer,
                            "two transitions in a row: this one is left out",
                        );
                    } else {
                        pending = Some(transition);
                    }
                }
                Child::Item(item) => {
                    let mut place = Place {
                        start: clock,
                        ..alone(item)
                    };
                    if item.length.is_none() {
                        let message = format!(
                            "nothing says how long {:?} lasts: it is left out",
                            item.name
                        );
                        self.warn(&item.pointer, message);
                    }
                    if let Some(transition) = pending.take() {
                        self.join(transition, places.last_mut(), Some(&mut place), is_audio);
                    }
                    clock = clock + place.length;
                    places.push(place);
                }
            }
        }
        if let Some(transition) = pending {
            self.join(transition, places.last_mut(), None, is_audio);
        }
        places
    }

    /// Has what stands before and after a transition overlap and fade.
    fn join<'a>(
        &mut self,
        transition: &Transition,
        before: Option<&mut Place<'a>>,
        after: Option<&mut Place<'a>>,
        is_audio: bool,
    ) {
        let Transition {
            pointer,
            kind,
            before: lead,
            after: tail,
        } = transition;
        if *lead + *tail == Time::ZERO {
            return;
        }
        if kind != "SMPTE_Dissolve" {
            self.warn(pointer, format!("{kind:?} becomes a dissolve"));
        }
        let cut = match (&before, &after) {
            (_, Some(after)) => after.start,
            (Some(before), None) => before.start + before.length,
            (None, None) => return,
        };
        let fade = |rising, sound_only| Fade {
            from: cut - *lead,
            to: cut + *tail,
            rising,
            sound_only,
        };
        let before = before.filter(|place| place.item.shows());
        let after = after.filter(|place| place.item.shows());
        let is_nested = [&before, &after]
            .into_iter()
            .flatten()
            .any(|place| place.item.is_nested());
        if is_nested {
            self.warn(pointer, "what is nested fades clip by clip");
        }
        let covered = after.is_some() && !is_audio;
        if let Some(place) = before {
            place.tail = place.tail.max(*tail);
            place.fades.push(fade(false, covered));
        }
        if let Some(place) = after {
            place.lead = *lead;
            place.fades.push(fade(true, false));
        }
    }
}
