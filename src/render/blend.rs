//! Draws placed pictures into a frame, plane by plane, in integers.

use crate::media::Frame;
use crate::render::place::{Patch, Placed};
use crate::timeline::state::OPAQUE;

/// A black frame.
pub(super) fn black(width: u32, height: u32) -> Frame {
    Frame::filled(width, height, [16, 128, 128])
}

impl Placed {
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
    use crate::render::picture::{Part, Picture};
    use crate::render::place::{Figure, Rect, Stand};
    use crate::timeline::state::{SUBPIXELS, State, Turn};

    const WHITE: [u8; 4] = [255; 4];

    fn picture(width: usize, height: usize, pixel: [u8; 4]) -> Picture {
        Picture::from_rgba(width, height, &pixel.repeat(width * height))
    }

    fn draw(frame: &mut Frame, picture: &Picture, state: &State) {
        let figure = Figure {
            picture,
            source: Rect::sized(picture.size()),
            part: Rect::UNIT,
        };
        let size = (frame.layout.width, frame.layout.height);
        Placed::new(figure, Stand::of(state), size).draw(frame, state.opacity);
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
        draw(&mut frame, &picture(16, 8, WHITE), &at(8, 4, 16, 8));
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
            let state = State {
                opacity,
                ..at(0, 0, 16, 16)
            };
            draw(&mut frame, &picture(16, 16, pixel), &state);
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
        draw(&mut frame, &picture(8, 8, WHITE), &state);
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
            draw(&mut frame, &picture(16, 16, WHITE), &state);
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
        let part = Part {
            left: 0,
            top: 0,
            width: 20,
            height: 10,
        };
        let footage = Picture::from_frame(&white, part, None);
        draw(&mut frame, &footage, &at(16, 16, 32, 16));
        for (x, y, expected) in [(15, 20, 16), (16, 16, 235), (47, 31, 235), (48, 31, 16)] {
            assert_eq!(luma(&frame, x, y), expected, "{x},{y}");
        }
    }

    #[test]
    fn a_picture_turns_clockwise_about_its_centre() {
        // White on its left half, black on its right.
        let half = [255; 4].repeat(8);
        let row = [half, [0, 0, 0, 255].repeat(8)].concat();
        let picture = Picture::from_rgba(16, 16, &row.repeat(16));
        let mut frame = Frame::filled(32, 32, [100, 128, 128]);
        let state = State {
            turn: Turn::new(90.0, (0.0, 0.0), (false, false)),
            ..at(8, 8, 16, 16)
        };
        draw(&mut frame, &picture, &state);
        // What was left is on top now.
        for (x, y, expected) in [(16, 10, 235), (10, 12, 235), (16, 22, 16), (4, 4, 100)] {
            assert_eq!(luma(&frame, x, y), expected, "{x},{y}");
        }
    }

    #[test]
    fn a_turned_picture_keeps_its_size_and_has_smooth_edges() {
        let mut frame = black(64, 64);
        let state = State {
            turn: Turn::new(45.0, (0.0, 0.0), (false, false)),
            ..at(16, 16, 32, 32)
        };
        draw(&mut frame, &picture(32, 32, WHITE), &state);
        let lit: f64 = frame.planes()[0]
            .iter()
            .map(|sample| (f64::from(*sample) - 16.0) / 219.0)
            .sum();
        assert!((lit - 1024.0).abs() < 20.0, "{lit} pixels of 1024");
        let edges = frame.planes()[0]
            .iter()
            .filter(|sample| (40..210).contains(*sample));
        assert!(edges.count() > 40);
        // Corners point up, down, left and right.
        assert_eq!([luma(&frame, 32, 12), luma(&frame, 18, 18)], [235, 16]);
    }
}
