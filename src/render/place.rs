//! Where a picture goes in a frame: from a state to the samples of each plane.

use crate::render::picture::{Level, Picture};
use crate::render::plane::Plane;
use crate::render::tone;
use crate::render::warp::{self, Map};
use crate::timeline::state::{SUBPIXELS, State, Turn};

/// A rectangle in pixels, or in shares of another.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub(super) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    /// All of it, in shares.
    pub const UNIT: Self = Self {
        x: 0.0,
        y: 0.0,
        width: 1.0,
        height: 1.0,
    };

    /// From the top left corner, of this size in pixels.
    pub fn sized((width, height): (usize, usize)) -> Self {
        Self {
            x: 0.0,
            y: 0.0,
            width: width as f64,
            height: height as f64,
        }
    }

    /// What both have in common; `None` for nothing.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let right = (self.x + self.width).min(other.x + other.width);
        let bottom = (self.y + self.height).min(other.y + other.height);
        (right > x && bottom > y).then_some(Self {
            x,
            y,
            width: right - x,
            height: bottom - y,
        })
    }

    /// Moved by this much.
    pub fn moved(self, x: f64, y: f64) -> Self {
        Self {
            x: self.x + x,
            y: self.y + y,
            ..self
        }
    }

    /// It in shares of `whole`.
    pub fn shares_of(self, whole: Self) -> Self {
        Self {
            x: (self.x - whole.x) / whole.width,
            y: (self.y - whole.y) / whole.height,
            width: self.width / whole.width,
            height: self.height / whole.height,
        }
    }

    /// Shares of `whole` as a rectangle.
    pub fn within(self, whole: Self) -> Self {
        Self {
            x: whole.x + self.x * whole.width,
            y: whole.y + self.y * whole.height,
            width: self.width * whole.width,
            height: self.height * whole.height,
        }
    }
}

/// A state as the compositor reckons with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    /// The rectangle before it is turned, in pixels.
    pub rect: Rect,
    /// How it is turned about its centre.
    pub turn: Turn,
}

impl Stand {
    /// That of `state`.
    pub fn of(state: &State) -> Self {
        let pixels = |length: i32| f64::from(length) / f64::from(SUBPIXELS);
        Self {
            rect: Rect {
                x: pixels(state.x),
                y: pixels(state.y),
                width: pixels(state.width),
                height: pixels(state.height),
            },
            turn: state.turn,
        }
    }

    /// Mirrored across or down, and nothing else; `None` if it is turned otherwise.
    pub fn flips(self) -> Option<(bool, bool)> {
        let Turn { xx, xy, yx, yy } = self.turn;
        let upright = xy == 0 && yx == 0 && xx.abs() == Turn::UNIT && yy.abs() == Turn::UNIT;
        upright.then_some((xx < 0, yy < 0))
    }

    /// From a point of the frame to the point of the unturned rectangle that is
    /// drawn there; `None` if it is seen from its edge.
    pub fn unturned(self) -> Option<Map> {
        let Rect {
            x,
            y,
            width,
            height,
        } = self.rect;
        let pivot = (x + width / 2.0, y + height / 2.0);
        let [xx, xy, yx, yy] = self.turn.factors();
        let area = xx * yy - xy * yx;
        if area.abs() < 1e-6 {
            return None;
        }
        let [a, b, c, d] = [yy / area, -xy / area, -yx / area, xx / area];
        Some(Map {
            xx: a,
            xy: b,
            x0: pivot.0 - a * pivot.0 - b * pivot.1,
            yx: c,
            yy: d,
            y0: pivot.1 - c * pivot.0 - d * pivot.1,
        })
    }
}

/// A picture, and which part of a layer's rectangle it fills.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure<'a> {
    pub picture: &'a Picture,
    /// The part of the picture that is drawn, in its pixels.
    pub source: Rect,
    /// The part of the layer's rectangle that it fills, in shares.
    pub part: Rect,
}

/// What is thinner than this, in pixels, is not drawn: it would take a source's worth
/// of pixels and more to find the colour of one.
const LEAST_SIDE: f64 = 0.25;

/// A picture resampled to its place in a frame: what is added to each plane.
/// Drawn into as many frames as it stands still.
#[derive(Clone)]
pub(super) struct Placed {
    pub planes: [Option<Patch>; 3],
}

/// Samples for a rectangle of one plane.
#[derive(Clone)]
pub(super) struct Patch {
    pub x: usize,
    pub y: usize,
    pub samples: Plane,
    pub alpha: Option<Plane>,
}

impl Placed {
    /// `figure` where `stand` puts it in a frame of `frame` pixels. What is mirrored
    /// and nothing else is taken as it is: see [`Stand::flips`].
    pub fn new(figure: Figure, stand: Stand, frame: (usize, usize)) -> Self {
        let rect = figure.part.within(stand.rect);
        if rect.width < LEAST_SIDE || rect.height < LEAST_SIDE {
            return Self {
                planes: [None, None, None],
            };
        }
        let scale = rect.width / figure.source.width.max(1e-9);
        let (level, share) = figure.picture.level(scale);
        let upright = stand.flips().is_some();
        let map = stand.unturned();
        let place = |plane: usize| {
            let target = Target {
                level,
                plane,
                source: Rect {
                    x: figure.source.x * share,
                    y: figure.source.y * share,
                    width: figure.source.width * share,
                    height: figure.source.height * share,
                },
                rect,
                frame,
            };
            if upright {
                target.upright()
            } else {
                target.turned(stand, map?)
            }
        };
        Self {
            planes: [0, 1, 2].map(place),
        }
    }
}

impl Placed {
    /// Out of focus, by this radius in pixels of the frame.
    pub fn blur(&mut self, radius: f64, frame: (usize, usize)) {
        for (index, patch) in self.planes.iter_mut().enumerate() {
            let (limit, radius) = match index {
                0 => (frame, radius),
                _ => ((frame.0.div_ceil(2), frame.1.div_ceil(2)), radius / 2.0),
            };
            if let Some(sharp) = patch.take() {
                *patch = Some(sharp.blurred(radius, limit));
            }
        }
    }
}

impl Patch {
    fn blurred(self, radius: f64, limit: (usize, usize)) -> Self {
        let blurred = |plane: Plane| tone::blurred(plane, radius);
        let size = (self.samples.width, self.samples.height);
        if self.alpha.is_none() && size == limit {
            // It goes on beyond the frame.
            return Self {
                samples: blurred(self.samples),
                ..self
            };
        }
        // Its edges spread as far as the blur reaches.
        let reach = (radius * 3.0).ceil() as usize;
        let (left, top) = (self.x.min(reach), self.y.min(reach));
        let right = (limit.0 - self.x - size.0).min(reach);
        let bottom = (limit.1 - self.y - size.1).min(reach);
        let spread = |plane: &Plane| {
            let wide = (size.0 + left + right, size.1 + top + bottom);
            let mut spread = Plane::filled(wide.0, wide.1, 0);
            let rows = spread.data.chunks_mut(wide.0).skip(top);
            for (to, from) in rows.zip(plane.data.chunks(size.0)) {
                to[left..left + size.0].copy_from_slice(from);
            }
            blurred(spread)
        };
        let solid = || Plane::filled(size.0, size.1, 255);
        Self {
            x: self.x - left,
            y: self.y - top,
            alpha: Some(spread(&self.alpha.unwrap_or_else(solid))),
            samples: spread(&self.samples),
        }
    }
}

/// One plane of a picture, and where it goes.
struct Target<'a> {
    level: &'a Level,
    plane: usize,
    /// In pixels of luma.
    source: Rect,
    /// In pixels of the frame.
    rect: Rect,
    frame: (usize, usize),
}

/// Room around a picture that is turned, so that its edges are smooth.
const MARGIN: usize = 2;

impl Target<'_> {
    /// Chroma of a frame is half as wide and high: its pixels are twice as large.
    fn pixel(&self) -> f64 {
        if self.plane == 0 { 1.0 } else { 2.0 }
    }

    fn limit(&self) -> (usize, usize) {
        match self.plane {
            0 => self.frame,
            _ => (self.frame.0.div_ceil(2), self.frame.1.div_ceil(2)),
        }
    }

    /// The samples, how opaque each is, and the source in their pixels.
    fn input(&self) -> (&Plane, Option<&Plane>, Rect) {
        let samples = &self.level.planes[self.plane];
        let luma = &self.level.planes[0];
        let (across, down) = (
            samples.width as f64 / luma.width as f64,
            samples.height as f64 / luma.height as f64,
        );
        let source = Rect {
            x: self.source.x * across,
            y: self.source.y * down,
            width: self.source.width * across,
            height: self.source.height * down,
        };
        let alpha = self.level.alpha.as_ref();
        (samples, alpha.map(|alpha| alpha.of(self.plane)), source)
    }

    fn upright(&self) -> Option<Patch> {
        let (samples, alpha, source) = self.input();
        let (pixel, limit, rect) = (self.pixel(), self.limit(), self.rect);
        let across = Span::new(
            (rect.x / pixel, rect.width / pixel),
            (source.x, source.width),
            limit.0,
            samples.width,
        )?;
        let down = Span::new(
            (rect.y / pixel, rect.height / pixel),
            (source.y, source.height),
            limit.1,
            samples.height,
        )?;
        // What begins or ends between pixels, or may not end at the source's
        // edge, needs transparent room around it.
        let room = alpha.is_some() || !across.is_whole() || !down.is_whole();
        let border = if room {
            (across.border(), down.border())
        } else {
            (0, 0)
        };
        let source = Rect {
            x: across.source_start + border.0 as f64,
            y: down.source_start + border.1 as f64,
            width: across.source_length,
            height: down.source_length,
        };
        let resample = |plane: &Plane| match room {
            false => plane.resampled(source, across.length, down.length),
            true => plane
                .bordered(border)
                .resampled(source, across.length, down.length),
        };
        let alpha = match alpha {
            Some(alpha) => Some(resample(alpha)),
            None if room => {
                let solid = Plane::filled(samples.width, samples.height, 255);
                Some(resample(&solid))
            }
            None => None,
        };
        Some(Patch {
            x: across.start,
            y: down.start,
            samples: resample(samples),
            alpha,
        })
    }

    fn turned(&self, stand: Stand, map: Map) -> Option<Patch> {
        let (samples, alpha, source) = self.input();
        let (pixel, limit) = (self.pixel(), self.limit());
        let bounds = self.bounds(stand)?;
        let start = |from: f64| (from / pixel).floor().max(0.0) as usize;
        let end = |to: f64, limit: usize| ((to / pixel).ceil().max(0.0) as usize).min(limit);
        let (x, y) = (start(bounds.x), start(bounds.y));
        let width = end(bounds.x + bounds.width, limit.0).checked_sub(x)?;
        let height = end(bounds.y + bounds.height, limit.1).checked_sub(y)?;
        if width == 0 || height == 0 {
            return None;
        }
        // Shrunk first, with a filter that is good at it; enlarged while it is turned.
        let fitting = |drawn: f64, has: f64| (drawn / pixel).ceil().min(has.ceil()).max(1.0);
        let (across, down) = (
            fitting(self.rect.width, source.width),
            fitting(self.rect.height, source.height),
        );
        let shrink = |plane: &Plane| {
            plane
                .resampled(source, across as usize, down as usize)
                .bordered((MARGIN, MARGIN))
        };
        // From the middle of a pixel of the patch to the samples' own pixels.
        let to_frame = Map::scaled(
            pixel,
            pixel,
            (x as f64 + 0.5) * pixel,
            (y as f64 + 0.5) * pixel,
        );
        let (fx, fy) = (across / self.rect.width, down / self.rect.height);
        let margin = MARGIN as f64 - 0.5;
        let to_samples = Map::scaled(fx, fy, margin - self.rect.x * fx, margin - self.rect.y * fy);
        let map = to_frame.then(map).then(to_samples);
        let solid = || Plane::filled(samples.width, samples.height, 255);
        let alpha = alpha.map_or_else(|| shrink(&solid()), shrink);
        Some(Patch {
            x,
            y,
            samples: warp::warped(&shrink(samples), map, width, height),
            alpha: Some(warp::warped(&alpha, map, width, height)),
        })
    }

    /// The upright rectangle of the frame that holds what is turned.
    fn bounds(&self, stand: Stand) -> Option<Rect> {
        let (cx, cy) = (
            stand.rect.x + stand.rect.width / 2.0,
            stand.rect.y + stand.rect.height / 2.0,
        );
        let [xx, xy, yx, yy] = stand.turn.factors();
        let Rect {
            x,
            y,
            width,
            height,
        } = self.rect;
        let corners = [
            (x, y),
            (x + width, y),
            (x, y + height),
            (x + width, y + height),
        ];
        let turned = corners.map(|(x, y)| {
            let (x, y) = (x - cx, y - cy);
            (cx + xx * x + xy * y, cy + yx * x + yy * y)
        });
        // An edge between two pixels colours both.
        let edge = |pick: fn(f64, f64) -> f64, of: fn((f64, f64)) -> f64, start| {
            turned.into_iter().map(of).fold(start, pick)
        };
        let left = edge(f64::min, |p| p.0, f64::MAX) - self.pixel();
        let right = edge(f64::max, |p| p.0, f64::MIN) + self.pixel();
        let top = edge(f64::min, |p| p.1, f64::MAX) - self.pixel();
        let bottom = edge(f64::max, |p| p.1, f64::MIN) + self.pixel();
        let whole = Rect {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        };
        whole.intersect(Rect::sized(self.frame))
    }
}

/// One direction of a patch: which pixels of the plane, from which of the source.
struct Span {
    start: usize,
    length: usize,
    source_start: f64,
    source_length: f64,
    source_size: usize,
}

impl Span {
    /// `None` when nothing of it is within the plane's `limit` pixels.
    fn new(
        (from, length): (f64, f64),
        (source_from, source_length): (f64, f64),
        limit: usize,
        source_size: usize,
    ) -> Option<Self> {
        let to = from + length;
        let start = from.floor().max(0.0);
        let end = to.ceil().min(limit as f64);
        if end <= start || to <= from {
            return None;
        }
        let scale = source_length / length;
        Some(Self {
            start: start as usize,
            length: (end - start) as usize,
            source_start: source_from + (start - from) * scale,
            source_length: (end - start) * scale,
            source_size,
        })
    }

    fn is_whole(&self) -> bool {
        /// Sums of fractions are off by less.
        const HAIR: f64 = 1e-6;
        self.source_start >= -HAIR
            && self.source_start + self.source_length <= self.source_size as f64 + HAIR
    }

    /// How far it reaches over the source's edge, and as much again for the filter.
    fn border(&self) -> usize {
        let before = -self.source_start;
        let after = self.source_start + self.source_length - self.source_size as f64;
        before.max(after).max(0.0).ceil() as usize + 1
    }
}
