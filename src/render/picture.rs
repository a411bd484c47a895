//! Pictures as the compositor wants them: planar, premultiplied, in several sizes.

use std::sync::Arc;

use crate::media::Frame;
use crate::render::key;
use crate::render::place::Rect;
use crate::render::plane::Plane;
use crate::render::tone;
use crate::timeline::treatment::{ChromaKey, Filter};

/// A picture in Y'CbCr, BT.709 limited range, each sample already multiplied by
/// alpha.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The full size first, each next one half of it.
    levels: Vec<Level>,
}

/// One size of a picture.
#[derive(Clone, Debug)]
pub(super) struct Level {
    /// Y', Cb, Cr. Those of chroma may be half as wide and high.
    pub planes: [Plane; 3],
    /// `None` where no pixel is transparent.
    pub alpha: Option<Alpha>,
}

/// How opaque each sample is: for luma, and for chroma.
#[derive(Clone, Debug)]
pub(super) struct Alpha {
    pub luma: Arc<Plane>,
    pub chroma: Arc<Plane>,
}

impl Alpha {
    /// For plane 0, 1 or 2.
    pub fn of(&self, plane: usize) -> &Plane {
        match plane {
            0 => &self.luma,
            _ => &self.chroma,
        }
    }
}

/// Below this side no smaller size is made.
const SMALLEST_SIDE: usize = 64;

/// BT.709 to limited range, in 1/65536: rows Y', Cb, Cr; columns R, G, B.
/// (Y': 219 Kr, Kg, Kb; chroma: 224/2 over 1-Kb and 1-Kr; each over 255.)
const FROM_RGB: [[i32; 3]; 3] = [
    [11_966, 40_254, 4_064],
    [-6_596, -22_189, 28_784],
    [28_784, -26_145, -2_639],
];

/// What each sample is at black, times alpha.
const OFFSET: [i32; 3] = [16, 128, 128];

impl Picture {
    /// From premultiplied RGBA, row by row.
    pub fn from_rgba(width: usize, height: usize, rgba: &[u8]) -> Self {
        let opaque = rgba.chunks_exact(4).all(|pixel| pixel[3] == 255);
        let plane = |of: &dyn Fn(&[u8]) -> u8| Plane {
            width,
            height,
            data: rgba.chunks_exact(4).map(of).collect(),
        };
        let planes = [0, 1, 2].map(|row: usize| plane(&|pixel| convert(row, pixel)));
        let alpha = (!opaque).then(|| {
            let alpha = Arc::new(plane(&|pixel| pixel[3]));
            Alpha {
                luma: Arc::clone(&alpha),
                chroma: alpha,
            }
        });
        Self::in_sizes(Level { planes, alpha })
    }

    /// From a part of a decoded frame, in whole pairs of pixels.
    pub fn from_frame(frame: &Frame, part: Part, key: Option<ChromaKey>) -> Self {
        let [from, size] = [(part.left, part.top), (part.width, part.height)];
        let half = |(x, y): (usize, usize)| (x / 2, y / 2);
        let halves = (half(from), (size.0.div_ceil(2), size.1.div_ceil(2)));
        let mut planes = [0, 1, 2].map(|plane: usize| {
            let (from, size) = if plane == 0 { (from, size) } else { halves };
            Plane::copied(from, size, frame.plane_size(plane).2, frame.planes()[plane])
        });
        let own = frame.alpha.as_ref();
        let own = own.map(|alpha| Plane::copied(from, size, frame.layout.width, alpha));
        let keyed = key.map(|key| key::alpha(&planes, key));
        let alpha = match (own, keyed) {
            (Some(mut own), Some(keyed)) => {
                own.multiply(&keyed.data);
                Some(own)
            }
            (own, keyed) => own.or(keyed),
        };
        let alpha = alpha.map(|luma| Alpha {
            chroma: Arc::new(luma.halved()),
            luma: Arc::new(luma),
        });
        if let Some(alpha) = &alpha {
            for (index, plane) in planes.iter_mut().enumerate() {
                plane.multiply(&alpha.of(index).data);
            }
        }
        Self {
            levels: vec![Level { planes, alpha }],
        }
    }

    fn in_sizes(full: Level) -> Self {
        let full = Self { levels: vec![full] };
        full.with_sizes(0.0)
    }

    /// With all smaller sizes that are large enough to be drawn at `scale`.
    pub fn with_sizes(mut self, scale: f64) -> Self {
        let full = self.size().0 as f64;
        while let Some(last) = self.levels.last()
            && last.planes[0].width.min(last.planes[0].height) >= 2 * SMALLEST_SIDE
            && last.planes[0].width as f64 >= 2.0 * full * scale
        {
            let next = last.halved();
            self.levels.push(next);
        }
        self
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        let luma = &self.levels[0].planes[0];
        (luma.width, luma.height)
    }

    /// Whether no pixel is transparent.
    pub fn is_opaque(&self) -> bool {
        self.levels[0].alpha.is_none()
    }

    /// The smallest size in which nothing is enlarged when the picture is drawn at
    /// `scale` times its full size, and how many times smaller than that it is.
    pub fn level(&self, scale: f64) -> (&Level, f64) {
        let full = self.size().0 as f64;
        let large_enough = |level: &&Level| level.planes[0].width as f64 >= full * scale;
        let level = self.levels.iter().rev().find(large_enough);
        let level = level.unwrap_or(&self.levels[0]);
        (level, level.planes[0].width as f64 / full)
    }

    /// A part of it.
    pub fn cut(&self, part: Part) -> Self {
        let [from, size] = [(part.left, part.top), (part.width, part.height)];
        let full = &self.levels[0];
        // Chroma is as wide as luma in whatever is cut after it was made.
        let cut = |plane: &Plane| plane.cut(from, size);
        let alpha = full.alpha.as_ref().map(|alpha| {
            let alpha = Arc::new(cut(&alpha.luma));
            Alpha {
                luma: Arc::clone(&alpha),
                chroma: alpha,
            }
        });
        Self::in_sizes(Level {
            planes: [0, 1, 2].map(|plane: usize| cut(&full.planes[plane])),
            alpha,
        })
    }

    /// With its colours changed.
    pub fn toned(mut self, filter: Filter) -> Self {
        for level in &mut self.levels {
            tone::apply(filter, level);
        }
        self
    }

    /// Mirrored across, and upside down.
    pub fn mirrored(&self, across: bool, down: bool) -> Self {
        let levels = self.levels.iter().map(|level| Level {
            planes: [0, 1, 2].map(|plane: usize| level.planes[plane].mirrored(across, down)),
            alpha: level.alpha.as_ref().map(|alpha| Alpha {
                luma: Arc::new(alpha.luma.mirrored(across, down)),
                chroma: Arc::new(alpha.chroma.mirrored(across, down)),
            }),
        });
        Self {
            levels: levels.collect(),
        }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.levels
            .iter()
            .map(|level| level.planes[0].data.len() * if level.alpha.is_some() { 4 } else { 3 })
            .sum()
    }
}

/// A part of a picture in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

impl Part {
    /// The smallest that holds `rect` in a picture of this size, of pixels in groups
    /// of `group` each way.
    pub fn around(rect: Rect, (width, height): (usize, usize), group: usize) -> Self {
        let start = |from: f64| (from.max(0.0) as usize) / group * group;
        let end = |to: f64, limit: usize| (to.ceil() as usize).next_multiple_of(group).min(limit);
        let (left, top) = (start(rect.x), start(rect.y));
        Self {
            left,
            top,
            width: end(rect.x + rect.width, width).saturating_sub(left),
            height: end(rect.y + rect.height, height).saturating_sub(top),
        }
    }
}

/// One sample of a premultiplied pixel.
fn convert(row: usize, pixel: &[u8]) -> u8 {
    let [r, g, b] = FROM_RGB[row];
    let sum = r * i32::from(pixel[0]) + g * i32::from(pixel[1]) + b * i32::from(pixel[2]);
    let offset = OFFSET[row] * i32::from(pixel[3]) * 65_536 / 255;
    ((sum + offset + 32_768) >> 16).clamp(0, 255) as u8
}

/// A colour as Y', Cb, Cr.
pub(super) fn ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    [0, 1, 2].map(|row| convert(row, &[r, g, b, 255]))
}

impl Level {
    fn halved(&self) -> Self {
        let half = |plane: &Plane| {
            let source = Rect::sized((plane.width, plane.height));
            plane.resampled(source, plane.width.div_ceil(2), plane.height.div_ceil(2))
        };
        let alpha = self.alpha.as_ref().map(|alpha| {
            let luma = Arc::new(half(&alpha.luma));
            let chroma = if Arc::ptr_eq(&alpha.luma, &alpha.chroma) {
                Arc::clone(&luma)
            } else {
                Arc::new(half(&alpha.chroma))
            };
            Alpha { luma, chroma }
        });
        Self {
            planes: [0, 1, 2].map(|plane: usize| half(&self.planes[plane])),
            alpha,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primaries_come_out_as_bt_709_limited_range() {
        for (rgb, expected) in [
            ([0, 0, 0], [16, 128, 128]),
            ([255, 255, 255], [235, 128, 128]),
            ([255, 0, 0], [63, 102, 240]),
            ([0, 255, 0], [173, 42, 26]),
            ([0, 0, 255], [32, 240, 118]),
            ([128, 128, 128], [126, 128, 128]),
        ] {
            assert_eq!(ycbcr(rgb), expected, "{rgb:?}");
        }
    }

    #[test]
    fn a_transparent_pixel_adds_nothing() {
        let picture = Picture::from_rgba(1, 1, &[0, 0, 0, 0]);
        assert_eq!(
            [0, 1, 2].map(|plane: usize| picture.levels[0].planes[plane].data[0]),
            [0, 0, 0]
        );
        assert!(!picture.is_opaque());
    }

    #[test]
    fn a_picture_is_drawn_from_the_smallest_size_that_is_large_enough() {
        let picture = Picture::from_rgba(1024, 512, &vec![255; 1024 * 512 * 4]);
        for (width, expected) in [
            (2000.0, 1024),
            (1024.0, 1024),
            (513.0, 1024),
            (512.0, 512),
            (100.0, 128),
        ] {
            let (level, share) = picture.level(width / 1024.0);
            assert_eq!(level.planes[0].width, expected, "{width}");
            assert_eq!(share, expected as f64 / 1024.0);
        }
    }

    #[test]
    fn a_part_is_whole_pixels_around_a_rectangle() {
        let rect = Rect {
            x: 3.5,
            y: 2.0,
            width: 4.0,
            height: 5.5,
        };
        let part = |group| {
            let Part {
                left,
                top,
                width,
                height,
            } = Part::around(rect, (9, 100), group);
            [left, top, width, height]
        };
        assert_eq!(part(1), [3, 2, 5, 6]);
        assert_eq!(part(2), [2, 2, 6, 6]);
    }

    #[test]
    fn footage_with_alpha_is_premultiplied() {
        let mut frame = Frame::filled(4, 2, [200, 100, 60]);
        frame.alpha = Some(crate::media::Pixels::new(8, |data| {
            data.extend([0, 0, 255, 255, 0, 0, 255, 255]);
        }));
        let part = Part {
            left: 0,
            top: 0,
            width: 4,
            height: 2,
        };
        let picture = Picture::from_frame(&frame, part, None);
        let level = &picture.levels[0];
        assert_eq!(level.planes[0].data, [0, 0, 200, 200, 0, 0, 200, 200]);
        assert_eq!(level.planes[1].data, [0, 100]);
    }
}
