//! What one layer or matte of a chunk shows, frame by frame, put into its place.

use std::borrow::Cow;
use std::sync::Arc;

use crate::chunk::spec::{LayerContent, Moment};
use crate::digest::Digest;
use crate::media::{Frame, VideoDecoder};
use crate::render::picture::{Part, Picture};
use crate::render::pictures::Ink;
use crate::render::place::{Figure, Placed, Rect, Stand};
use crate::render::tone;
use crate::render::{RenderError, Renderer};
use crate::time::{FrameRate, Time};
use crate::timeline::state::{SUBPIXELS, State};
use crate::timeline::treatment::{Filter, Treatment, Window};
use crate::timeline::{Art, Speed};

/// What a layer shows, ready to be drawn.
pub(super) struct Showing {
    source: Source,
    treatment: Treatment,
    /// The label of the layer, for errors.
    label: String,
    /// It as it is for the rest of the chunk; `None` within where nothing is left.
    settled: Option<Option<Cel>>,
    /// That mirrored in this way.
    mirrored: Option<((bool, bool), Cel)>,
    /// Where it stands all the time, resampled once.
    placed: Option<Placed>,
}

enum Source {
    Footage {
        asset: Digest,
        from: Time,
        speed: Speed,
        decoder: Box<VideoDecoder>,
        /// Known once a frame was seen.
        opaque: Option<bool>,
    },
    /// `None` where nothing of it is left.
    Still(Option<Cel>),
    Drawn {
        art: Art,
        moment: Moment,
    },
}

/// A picture, and which part of a layer's rectangle it fills.
#[derive(Clone)]
struct Cel {
    picture: Arc<Picture>,
    /// The part of the picture that is drawn, in its pixels.
    source: Rect,
    /// The part of the rectangle that it fills, in shares.
    part: Rect,
}

impl Cel {
    /// The part of `picture` within the treatment's window, with what is done to it.
    /// `place` is where the picture stands in its box of `size` pixels.
    fn new(
        picture: Arc<Picture>,
        place: Rect,
        size: (u32, u32),
        treatment: &Treatment,
    ) -> Option<Self> {
        let mut cel = match treatment.window.map(rect_of) {
            None => Self {
                source: Rect::sized(picture.size()),
                part: place.shares_of(rect_of(Window::whole(size))),
                picture,
            },
            Some(window) => {
                let seen = window.intersect(place)?;
                let source = seen.moved(-place.x, -place.y);
                // Cut off, so that no pixel beyond the edge shines through.
                let part = Part::around(source, picture.size(), 1);
                Self {
                    picture: Arc::new(picture.cut(part)),
                    source: source.moved(-(part.left as f64), -(part.top as f64)),
                    part: seen.shares_of(window),
                }
            }
        };
        let filter = treatment.filter;
        if let Some(filter) = filter.filter(|filter| *filter != Filter::Blur) {
            cel.picture = Arc::new(Picture::clone(&cel.picture).toned(filter));
        }
        Some(cel)
    }

    fn mirrored(&self, across: bool, down: bool) -> Self {
        let (width, height) = self.picture.size();
        let turned = |rect: Rect, width: f64, height: f64| Rect {
            x: if across {
                width - rect.x - rect.width
            } else {
                rect.x
            },
            y: if down {
                height - rect.y - rect.height
            } else {
                rect.y
            },
            ..rect
        };
        Self {
            picture: Arc::new(self.picture.mirrored(across, down)),
            source: turned(self.source, width as f64, height as f64),
            part: turned(self.part, 1.0, 1.0),
        }
    }

    fn placed(&self, stand: Stand, frame: (usize, usize)) -> Placed {
        let figure = Figure {
            picture: &self.picture,
            source: self.source,
            part: self.part,
        };
        Placed::new(figure, stand, frame)
    }
}

impl Showing {
    /// Opens what `content` needs.
    pub fn open(
        renderer: &Renderer,
        content: &LayerContent,
        treatment: Treatment,
        label: &str,
    ) -> Result<Self, RenderError> {
        let locate = |asset: &Digest| {
            let missing = |source| RenderError::Asset {
                what: label.to_owned(),
                source,
            };
            renderer.library.locate(asset).map_err(missing)
        };
        let source = match content {
            LayerContent::Footage { asset, from, speed } => {
                let claims = renderer.library.claims(asset);
                let path = locate(asset)?;
                let decoder = renderer.decoders.take(asset, &path, *from, claims)?;
                Source::Footage {
                    asset: *asset,
                    from: *from,
                    speed: *speed,
                    decoder: Box::new(decoder),
                    opaque: None,
                }
            }
            LayerContent::Still { asset } => {
                let picture = renderer.pictures.still(asset, &locate(asset)?);
                let picture = picture.map_err(|error| RenderError::draw(label, &error))?;
                let (width, height) = picture.size();
                let size = (width as u32, height as u32);
                let place = Rect::sized((width, height));
                Source::Still(Cel::new(picture, place, size, &treatment))
            }
            LayerContent::Drawn { art, moment } => Source::Drawn {
                art: art.clone(),
                moment: *moment,
            },
        };
        Ok(Self {
            source,
            treatment,
            label: label.to_owned(),
            settled: None,
            mirrored: None,
            placed: None,
        })
    }

    /// Whether it shows the same picture in all frames.
    pub fn is_still(&self) -> bool {
        match &self.source {
            Source::Footage { speed, .. } => *speed == Speed::FROZEN,
            Source::Still(_) => true,
            Source::Drawn { moment, .. } => moment.from == moment.until,
        }
    }

    /// Whether no pixel of it is transparent. Footage is looked at in frame `index`.
    pub fn is_opaque(&mut self, index: u32, rate: FrameRate) -> Result<bool, RenderError> {
        if self.treatment.key.is_some() {
            return Ok(false);
        }
        match &self.source {
            Source::Footage {
                opaque: Some(opaque),
                ..
            } => Ok(*opaque),
            Source::Footage { opaque: None, .. } => Ok(self.frame(index, rate)?.alpha.is_none()),
            Source::Still(cel) => Ok(cel.as_ref().is_some_and(|cel| cel.picture.is_opaque())),
            Source::Drawn { .. } => Ok(false),
        }
    }

    /// The decoded frame itself, if it is footage to which nothing is done.
    pub fn untouched(&mut self, index: u32, rate: FrameRate) -> Result<Option<Frame>, RenderError> {
        let footage = matches!(self.source, Source::Footage { .. });
        if !footage || self.treatment != Treatment::default() {
            return Ok(None);
        }
        let frame = self.frame(index, rate)?;
        Ok(frame.alpha.is_none().then_some(frame))
    }

    /// It at `state` in frame `index`, kept if it `stands` there all the time; `None`
    /// where nothing of it is seen.
    pub fn placed(
        &mut self,
        renderer: &Renderer,
        index: u32,
        (state, stands): (&State, bool),
        (rate, frame): (FrameRate, (usize, usize)),
    ) -> Result<Option<Cow<'_, Placed>>, RenderError> {
        if self.placed.is_none() {
            let stand = Stand::of(state);
            let Some(cel) = self.cel(renderer, index, rate, stand)? else {
                return Ok(None);
            };
            let mut placed = cel.placed(stand, frame);
            if self.treatment.filter == Some(Filter::Blur) {
                placed.blur(tone::blur_radius(frame.1), frame);
            }
            if !(stands && self.is_still()) {
                return Ok(Some(Cow::Owned(placed)));
            }
            self.placed = Some(placed);
        }
        Ok(self.placed.as_ref().map(Cow::Borrowed))
    }

    /// What it shows in frame `index`, mirrored as `stand` says.
    fn cel(
        &mut self,
        renderer: &Renderer,
        index: u32,
        rate: FrameRate,
        stand: Stand,
    ) -> Result<Option<Cel>, RenderError> {
        let flips = stand.flips().filter(|flips| *flips != (false, false));
        let settled = self.has_settled(index, rate);
        if let (true, Some(wanted), Some((known, cel))) = (settled, flips, &self.mirrored)
            && wanted == *known
        {
            return Ok(Some(cel.clone()));
        }
        let upright = match &self.settled {
            Some(cel) if settled => cel.clone(),
            _ => {
                let cel = self.upright(renderer, index, rate, stand)?;
                if settled {
                    self.settled = Some(cel.clone());
                }
                cel
            }
        };
        let (Some(cel), Some((across, down))) = (&upright, flips) else {
            return Ok(upright);
        };
        let cel = cel.mirrored(across, down);
        if settled {
            self.mirrored = Some(((across, down), cel.clone()));
        }
        Ok(Some(cel))
    }

    /// Whether it shows the same from frame `index` on.
    fn has_settled(&self, index: u32, rate: FrameRate) -> bool {
        match &self.source {
            Source::Footage { .. } => false,
            Source::Still(_) => true,
            Source::Drawn { moment, .. } => {
                moment.at(rate.frame_start(i64::from(index))) == moment.until
            }
        }
    }

    fn upright(
        &mut self,
        renderer: &Renderer,
        index: u32,
        rate: FrameRate,
        stand: Stand,
    ) -> Result<Option<Cel>, RenderError> {
        match &self.source {
            Source::Still(cel) => Ok(cel.clone()),
            Source::Drawn { art, moment } => {
                let at = moment.at(rate.frame_start(i64::from(index)));
                let locate = |asset: &Digest| {
                    let path = renderer.library.locate(asset);
                    path.map_err(|error| error.to_string())
                };
                let ink = renderer
                    .pictures
                    .drawn(art, (at, at == moment.until), &locate);
                let ink = ink.map_err(|error| RenderError::draw(&self.label, &error))?;
                Ok(ink.and_then(|Ink { picture, rect }| {
                    Cel::new(picture, rect, art.size(), &self.treatment)
                }))
            }
            Source::Footage { .. } => {
                let frame = self.frame(index, rate)?;
                let size = (frame.layout.width, frame.layout.height);
                let Treatment {
                    window,
                    key,
                    filter,
                } = self.treatment;
                let whole = Rect::sized(size);
                let window = window.map_or(Some(whole), |window| rect_of(window).intersect(whole));
                let Some(seen) = window else {
                    return Ok(None);
                };
                // In whole pairs: chroma is half as wide and high.
                let part = Part::around(seen, size, 2);
                let mut picture = Picture::from_frame(&frame, part, key);
                if let Some(filter) = filter.filter(|filter| *filter != Filter::Blur) {
                    picture = picture.toned(filter);
                }
                let scale = stand.rect.width / seen.width;
                Ok(Some(Cel {
                    picture: Arc::new(picture.with_sizes(scale)),
                    source: seen.moved(-(part.left as f64), -(part.top as f64)),
                    part: Rect::UNIT,
                }))
            }
        }
    }

    fn frame(&mut self, index: u32, rate: FrameRate) -> Result<Frame, RenderError> {
        let Source::Footage {
            from,
            speed,
            decoder,
            opaque,
            ..
        } = &mut self.source
        else {
            return Err(RenderError::Package(format!(
                "{} is no footage",
                self.label
            )));
        };
        // Times of files are rounded to their own clocks; a frame that begins
        // a little later than asked is still the one.
        let tolerance = Time::from_flicks(rate.frame_duration().flicks() / 4);
        let at = *from + speed.played(rate.frame_start(i64::from(index)));
        let frame = decoder.frame_at(at, tolerance)?;
        *opaque = Some(frame.alpha.is_none());
        Ok(frame)
    }

    /// Gives its decoder back.
    pub fn close(self, renderer: &Renderer) {
        if let Source::Footage { asset, decoder, .. } = self.source {
            renderer.decoders.give_back(asset, *decoder);
        }
    }
}

fn rect_of(window: Window) -> Rect {
    let pixels = |length: i32| f64::from(length) / f64::from(SUBPIXELS);
    Rect {
        x: pixels(window.x),
        y: pixels(window.y),
        width: pixels(window.width),
        height: pixels(window.height),
    }
}
