//! Draws pictures into a frame, plane by plane, in integers.

use crate::media::Frame;
use crate::render::picture::{Picture, Plane, Source};
use crate::timeline::state::{OPAQUE, SUBPIXELS, State};

/// A black frame.
pub(super) fn black(width: u32, height: u32) -> Frame {
    Frame::filled(width, height, [16, 128, 128])
}

/// A picture resampled to its place in a frame: what is added to each plane.
/// Drawn into as many frames as it stands still.
pub(super) struct Placed {
    planes: [Option<Patch>; 3],
}

/// Samples for a rectangle of one plane.
struct Patch {
    x: usize,
    y: usize,
    samples: Plane,
    alpha: Option<Plane>,
}

impl Placed {
    /// `picture` where `state` puts it in a frame of `frame` pixels.
    pub fn picture(picture: &Picture, state: &State, frame: (usize, usize)) -> Self {
        let level = picture.level(f64::from(state.width) / f64::from(SUBPIXELS));
        let place = |plane| {
            Self::patch(
                &level.planes[plane],
                level.alpha.as_ref(),
                state,
                frame,
                plane,
            )
        };
        Self {
            planes: [0, 1, 2].map(place),
        }
    }

    /// A decoded frame where `state` puts it. Without alpha its edges fall on
    /// whole pixels.
    pub fn footage(footage: &Frame, state: &State, frame: (usize, usize)) -> Self {
        let snapped = snap(state);
        let place = |plane: usize| {
            let (width, height, stride) = footage.plane_size(plane);
            let tight = Plane::copied(width, height, stride, footage.planes()[plane]);
            Self::patch(&tight, None, &snapped, frame, plane)
        };
        Self {
            planes: [0, 1, 2].map(place),
        }
    }

    fn patch(
        samples: &Plane,
        alpha: Option<&Plane>,
        state: &State,
        frame: (usize, usize),
        plane: usize,
    ) -> Option<Patch> {
        // Chroma is half as wide and high: its pixels are twice as large.
        let pixel = f64::from(SUBPIXELS) * if plane == 0 { 1.0 } else { 2.0 };
        let limit = if plane == 0 {
            frame
        } else {
            (frame.0.div_ceil(2), frame.1.div_ceil(2))
        };
        let across = Span::new(state.x, state.width, pixel, limit.0, samples.width)?;
        let down = Span::new(state.y, state.height, pixel, limit.1, samples.height)?;
        // What begins or ends between pixels, or may not end at the source's
        // edge, needs transparent room around it.
        let room = alpha.is_some() || !across.is_whole() || !down.is_whole();
        let border = if room {
            across.border().max(down.border())
        } else {
            0
        };
        let source = Source {
            left: across.source_start + border as f64,
            top: down.source_start + border as f64,
            width: across.source_length,
            height: down.source_length,
        };
        let resample = |plane: &Plane| match border {
            0 => plane.resampled(source, across.length, down.length),
            _ => plane
                .bordered(border)
                .resampled(source, across.length, down.length),
        };
        let alpha = match alpha {
            Some(alpha) => Some(resample(alpha)),
            None if border > 0 => {
                let solid = Plane {
                    width: samples.width,
                    height: samples.height,
                    data: vec![255; samples.data.len()],
                };
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

    /// Draws it over `frame`.
    pub fn draw(&self, frame: &mut Frame, opacity: u16) {
        let opacity = u32::from(opacity.min(OPAQUE));
        let strides = [0, 1, 2].map(|plane: usize| frame.plane_size(plane).2);
        for ((patch, target), stride) in self.planes.iter().zip(frame.planes_mut()).zip(strides) {
            let Some(Patch {
                x,
                y,
                samples,
                alpha,
            }) = patch
            else {
                continue;
            };
            let rows = target
                .chunks_mut(stride)
                .skip(*y)
                .map(|row| &mut row[*x..*x + samples.width]);
            let sources = samples.data.chunks(samples.width);
            match alpha {
                None if opacity == u32::from(OPAQUE) => rows
                    .zip(sources)
                    .for_each(|(to, from)| to.copy_from_slice(from)),
                None => rows
                    .zip(sources)
                    .for_each(|(to, from)| mix(to, from, opacity)),
                Some(alpha) => {
                    let alphas = alpha.data.chunks(samples.width);
                    rows.zip(sources)
                        .zip(alphas)
                        .for_each(|((to, from), alpha)| over(to, from, alpha, opacity));
                }
            }
        }
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
        position: i32,
        length: i32,
        pixel: f64,
        limit: usize,
        source_size: usize,
    ) -> Option<Self> {
        let (from, to) = (
            f64::from(position) / pixel,
            (f64::from(position) + f64::from(length)) / pixel,
        );
        let start = from.floor().max(0.0);
        let end = to.ceil().min(limit as f64);
        if end <= start || to <= from {
            return None;
        }
        let scale = source_size as f64 / (to - from);
        Some(Self {
            start: start as usize,
            length: (end - start) as usize,
            source_start: (start - from) * scale,
            source_length: (end - start) * scale,
            source_size,
        })
    }

    fn is_whole(&self) -> bool {
        self.source_start >= 0.0
            && self.source_start + self.source_length <= self.source_size as f64
    }

    /// How far it reaches over the source's edge, and as much again for the filter.
    fn border(&self) -> usize {
        let before = -self.source_start;
        let after = self.source_start + self.source_length - self.source_size as f64;
        before.max(after).max(0.0).ceil() as usize + 1
    }
}

/// To whole pairs of pixels, so that luma and chroma end together.
fn snap(state: &State) -> State {
    let pair = 2 * SUBPIXELS;
    let nearest = |value: i32| (value + SUBPIXELS).div_euclid(pair) * pair;
    let (x, y) = (nearest(state.x), nearest(state.y));
    let right = nearest(state.x + state.width).max(x + pair);
    let bottom = nearest(state.y + state.height).max(y + pair);
    State {
        x,
        y,
        width: right - x,
        height: bottom - y,
        ..*state
    }
}

/// Opaque samples at an opacity.
fn mix(to: &mut [u8], from: &[u8], opacity: u32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = ((u32::from(*from) * opacity + u32::from(*to) * (256 - opacity) + 128) >> 8) as u8;
    }
}

/// Premultiplied samples over others, at an opacity.
fn over(to: &mut [u8], from: &[u8], alpha: &[u8], opacity: u32) {
    const FULL: u32 = 255 * 256;
    for ((to, from), alpha) in to.iter_mut().zip(from).zip(alpha) {
        let rest = FULL - u32::from(*alpha) * opacity;
        let sum = u32::from(*from) * opacity * 255 + u32::from(*to) * rest + FULL / 2;
        *to = (sum / FULL).min(255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: [u8; 4] = [255; 4];

    fn picture(width: usize, height: usize, pixel: [u8; 4]) -> Picture {
        Picture::from_rgba(width, height, &pixel.repeat(width * height))
    }

    fn luma(frame: &Frame, x: usize, y: usize) -> u8 {
        frame.planes()[0][y * frame.layout.luma_stride() + x]
    }

    fn at(x: i32, y: i32, width: i32, height: i32) -> State {
        let pixels = |n| n * SUBPIXELS;
        State {
            x: pixels(x),
            y: pixels(y),
            width: pixels(width),
            height: pixels(height),
            ..State::full(0, 0)
        }
    }

    #[test]
    fn an_opaque_picture_replaces_what_is_below() {
        let mut frame = black(64, 32);
        let state = at(8, 4, 16, 8);
        Placed::picture(&picture(16, 8, WHITE), &state, (64, 32)).draw(&mut frame, OPAQUE);
        for (x, y, expected) in [
            (7, 4, 16),
            (8, 4, 235),
            (23, 11, 235),
            (24, 11, 16),
            (8, 3, 16),
            (8, 12, 16),
        ] {
            assert_eq!(luma(&frame, x, y), expected, "{x},{y}");
        }
    }

    #[test]
    fn opacity_and_alpha_multiply() {
        for (pixel, opacity, expected) in [
            (WHITE, 128, 126),
            ([128, 128, 128, 128], OPAQUE, 126),
            ([128, 128, 128, 128], 128, 71),
            (WHITE, 0, 16),
        ] {
            let mut frame = black(16, 16);
            Placed::picture(&picture(16, 16, pixel), &at(0, 0, 16, 16), (16, 16))
                .draw(&mut frame, opacity);
            assert_eq!(luma(&frame, 5, 5), expected, "{pixel:?} at {opacity}");
        }
    }

    #[test]
    fn an_edge_between_two_pixels_covers_half_of_one() {
        let mut frame = black(32, 16);
        let state = State {
            x: 4 * SUBPIXELS + SUBPIXELS / 2,
            ..at(0, 4, 8, 8)
        };
        Placed::picture(&picture(8, 8, WHITE), &state, (32, 16)).draw(&mut frame, OPAQUE);
        assert_eq!(luma(&frame, 8, 8), 235);
        let edge = luma(&frame, 4, 8);
        assert!((110..=142).contains(&edge), "{edge}");
        assert_eq!(luma(&frame, 2, 8), 16);
    }

    #[test]
    fn what_stands_over_the_frame_is_cut_off() {
        let mut frame = black(32, 32);
        for state in [
            at(-8, -8, 16, 16),
            at(24, 24, 400, 400),
            at(-100, 5, 300, 2),
        ] {
            Placed::picture(&picture(16, 16, WHITE), &state, (32, 32)).draw(&mut frame, OPAQUE);
        }
        assert_eq!(
            [(0, 0), (31, 31), (16, 5)].map(|(x, y)| luma(&frame, x, y)),
            [235, 235, 235]
        );
        assert_eq!(luma(&frame, 16, 16), 16);
    }

    #[test]
    fn footage_of_another_size_fills_its_rectangle() {
        let mut frame = black(64, 64);
        let white = Frame::filled(20, 10, [235, 128, 128]);
        Placed::footage(&white, &at(16, 16, 32, 16), (64, 64)).draw(&mut frame, OPAQUE);
        for (x, y, expected) in [(15, 20, 16), (16, 16, 235), (47, 31, 235), (48, 31, 16)] {
            assert_eq!(luma(&frame, x, y), expected, "{x},{y}");
        }
    }
}
