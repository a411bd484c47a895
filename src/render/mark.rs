//! A mark over the pictures of a stream: a sprite in a corner of each.

use crate::media::Frame;
use crate::raster::Sprite;
use crate::render::picture::Picture;
use crate::render::place::{Figure, Placed, Rect, Stand};
use crate::timeline::state::{OPAQUE, SUBPIXELS, State};

/// Between a mark and the edges of the picture: this share of its height.
const MARGIN: u32 = 24;

/// A mark that is larger is drawn smaller: to this share of the picture's width and
/// height.
const LARGEST: u32 = 3;

/// Where a mark stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum MarkPosition {
    TopLeft,
    Top,
    #[default]
    TopRight,
    Left,
    Center,
    Right,
    BottomLeft,
    Bottom,
    BottomRight,
}

impl MarkPosition {
    /// All, by their names.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("top-left", Self::TopLeft),
        ("top", Self::Top),
        ("top-right", Self::TopRight),
        ("left", Self::Left),
        ("center", Self::Center),
        ("right", Self::Right),
        ("bottom-left", Self::BottomLeft),
        ("bottom", Self::Bottom),
        ("bottom-right", Self::BottomRight),
    ];

    /// How far to the right and down: 0 to 2 halves.
    const fn halves(self) -> (i32, i32) {
        let place = self as i32;
        (place % 3, place / 3)
    }
}

/// A mark made ready for pictures of one size.
#[derive(Clone)]
pub struct Mark {
    placed: Placed,
    opacity: u16,
}

impl Mark {
    /// `sprite` at `position` of pictures of `size`, at an opacity of 0 to 256.
    pub fn new(sprite: &Sprite, position: MarkPosition, opacity: u16, size: (u32, u32)) -> Self {
        let (width, height) = (sprite.width().max(1), sprite.height().max(1));
        let picture = Picture::from_rgba(
            sprite.width() as usize,
            sprite.height() as usize,
            sprite.rgba(),
        );
        // In 1/256 pixel, as states have it.
        let fine = |pixels: u32| i64::from(pixels) * i64::from(SUBPIXELS);
        let most = (fine(size.0 / LARGEST), fine(size.1 / LARGEST));
        let wanted = (fine(width), fine(height));
        let fitted = if wanted.0 <= most.0 && wanted.1 <= most.1 {
            wanted
        } else if wanted.0 * most.1 > wanted.1 * most.0 {
            (most.0, wanted.1 * most.0 / wanted.0)
        } else {
            (wanted.0 * most.1 / wanted.1, most.1)
        };
        let margin = fine(size.1 / MARGIN);
        let (right, down) = position.halves();
        let along = |all: i64, own: i64, halves: i32| {
            let room = (all - own - 2 * margin).max(0);
            // On whole pixels, lest it is blurred.
            let at = margin + room * i64::from(halves) / 2;
            i32::try_from(at - at % i64::from(SUBPIXELS)).unwrap_or(0)
        };
        let length = |fine: i64| i32::try_from(fine).unwrap_or(i32::MAX);
        let state = State {
            x: along(fine(size.0), fitted.0, right),
            y: along(fine(size.1), fitted.1, down),
            width: length(fitted.0),
            height: length(fitted.1),
            ..State::full(0, 0)
        };
        let scale = fitted.0 as f64 / wanted.0 as f64;
        let picture = picture.with_sizes(scale);
        let figure = Figure {
            picture: &picture,
            source: Rect::sized(picture.size()),
            part: Rect::UNIT,
        };
        let frame = (size.0 as usize, size.1 as usize);
        Self {
            placed: Placed::new(figure, Stand::of(&state), frame),
            opacity: opacity.min(OPAQUE),
        }
    }

    /// Draws it.
    pub fn draw(&self, frame: &mut Frame) {
        self.placed.draw(frame, self.opacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(side: u32, position: MarkPosition, opacity: u16) -> Frame {
        let white = vec![255; (side * side * 4) as usize];
        let sprite = Sprite::from_premultiplied(side, side, white).expect("a sprite");
        let mut frame = Frame::filled(320, 240, [16, 128, 128]);
        Mark::new(&sprite, position, opacity, (320, 240)).draw(&mut frame);
        frame
    }

    fn luma(frame: &Frame, x: usize, y: usize) -> u8 {
        frame.planes()[0][y * frame.layout.luma_stride() + x]
    }

    #[test]
    fn a_mark_stands_where_it_is_wanted_with_a_margin() {
        for (position, (x, y)) in [
            (MarkPosition::TopLeft, (10, 10)),
            (MarkPosition::Top, (140, 10)),
            (MarkPosition::TopRight, (270, 10)),
            (MarkPosition::Center, (140, 100)),
            (MarkPosition::BottomLeft, (10, 190)),
            (MarkPosition::BottomRight, (270, 190)),
        ] {
            let frame = drawn(40, position, 256);
            let lit = [(x, y), (x + 39, y + 39)].map(|(x, y)| luma(&frame, x, y));
            assert_eq!(lit, [235, 235], "{position:?}");
            let around = [(x - 1, y), (x, y - 1), (x + 40, y), (x, y + 40)];
            let around = around.map(|(x, y)| luma(&frame, x, y));
            assert_eq!(around, [16; 4], "{position:?}");
        }
    }

    #[test]
    fn a_mark_that_is_too_large_is_drawn_smaller_and_shines_through() {
        let frame = drawn(1_000, MarkPosition::TopLeft, 128);
        assert_eq!(luma(&frame, 12, 12), 126);
        assert_eq!([luma(&frame, 88, 88), luma(&frame, 92, 92)], [126, 16]);
    }
}
