//! Pixels with alpha, ready to be blended.
//!
//! Invariants: `rgba` holds exactly `width * height` pixels, row by row from
//! the top, and every colour is already multiplied by its alpha.

/// A rectangle of premultiplied RGBA.
#[derive(Clone, PartialEq, Eq)]
pub struct Sprite {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Sprite {
    /// Takes premultiplied pixels; `None` where their number does not fit the size.
    pub fn from_premultiplied(width: u32, height: u32, rgba: Vec<u8>) -> Option<Self> {
        let bytes = (u64::from(width) * u64::from(height)).checked_mul(4);
        let fits = bytes == Some(rgba.len() as u64);
        fits.then_some(Self {
            width,
            height,
            rgba,
        })
    }

    /// Takes straight pixels and multiplies them; `None` where their number does not fit the size.
    pub fn from_straight(width: u32, height: u32, mut rgba: Vec<u8>) -> Option<Self> {
        for pixel in rgba.chunks_exact_mut(4) {
            let alpha = u16::from(pixel[3]);
            for colour in &mut pixel[..3] {
                // Rounded to the nearest: exact for what was premultiplied before.
                *colour = ((u16::from(*colour) * alpha + 127) / 255) as u8;
            }
        }
        Self::from_premultiplied(width, height, rgba)
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The premultiplied pixels, row by row from the top.
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// Gives the pixels away.
    pub fn into_rgba(self) -> Vec<u8> {
        self.rgba
    }

    /// Whether every pixel hides what is below it.
    pub fn is_opaque(&self) -> bool {
        self.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255)
    }

    /// The smallest rectangle (x, y, width, height) that holds every pixel
    /// that is not fully transparent; `None` where there is none.
    pub fn ink(&self) -> Option<(u32, u32, u32, u32)> {
        let mut bounds: Option<(u32, u32, u32, u32)> = None;
        let row_length = (self.width as usize * 4).max(1);
        for (y, row) in (0u32..).zip(self.rgba.chunks_exact(row_length)) {
            let inked = |pixel: &[u8]| pixel[3] != 0;
            let Some(first) = row.chunks_exact(4).position(inked) else {
                continue;
            };
            let last = row.chunks_exact(4).rposition(inked).unwrap_or(first);
            let (first, last) = (first as u32, last as u32);
            bounds = Some(match bounds {
                None => (first, y, last, y),
                Some((left, top, right, _)) => (left.min(first), top, right.max(last), y),
            });
        }
        bounds.map(|(left, top, right, bottom)| (left, top, right - left + 1, bottom - top + 1))
    }

    /// The sprite without its transparent margins, and where its corner was:
    /// blending costs what the rectangle holds. A sprite without any ink
    /// becomes an empty one at (0, 0).
    pub fn trim(&self) -> (u32, u32, Self) {
        let Some((x, y, width, height)) = self.ink() else {
            return (
                0,
                0,
                Self {
                    width: 0,
                    height: 0,
                    rgba: Vec::new(),
                },
            );
        };
        let row_length = self.width as usize * 4;
        let (from, to) = (x as usize * 4, (x + width) as usize * 4);
        let rows = self
            .rgba
            .chunks_exact(row_length)
            .skip(y as usize)
            .take(height as usize);
        let rgba = rows.flat_map(|row| &row[from..to]).copied().collect();
        (
            x,
            y,
            Self {
                width,
                height,
                rgba,
            },
        )
    }
}

impl std::fmt::Debug for Sprite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sprite({}x{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_keeps_every_inked_pixel_and_nothing_else() {
        let mut rgba = vec![0; 5 * 4 * 4];
        for (x, y) in [(1, 1), (3, 2)] {
            rgba[(y * 5 + x) * 4 + 3] = 9;
        }
        let (x, y, tight) = Sprite::from_premultiplied(5, 4, rgba).unwrap().trim();
        assert_eq!((x, y, tight.width(), tight.height()), (1, 1, 3, 2));
        assert_eq!(tight.rgba().iter().filter(|byte| **byte == 9).count(), 2);
        assert_eq!((tight.rgba()[3], tight.rgba()[5 * 4 + 3]), (9, 9));
    }

    #[test]
    fn a_sprite_without_ink_trims_to_nothing() {
        let (x, y, empty) = Sprite::from_premultiplied(2, 2, vec![0; 16])
            .unwrap()
            .trim();
        assert_eq!((x, y, empty.width(), empty.height()), (0, 0, 0, 0));
        assert_eq!(empty.trim().2, empty);
    }

    #[test]
    fn premultiplying_undoes_a_division_exactly() {
        for alpha in 1..=255u16 {
            for colour in 0..=alpha {
                let straight = ((colour * 255 + alpha / 2) / alpha) as u8;
                let sprite =
                    Sprite::from_straight(1, 1, vec![straight, 0, 255, alpha as u8]).unwrap();
                assert_eq!(
                    sprite.rgba(),
                    [colour as u8, 0, alpha as u8, alpha as u8],
                    "{colour}/{alpha}"
                );
            }
        }
    }

    #[test]
    fn pixels_that_do_not_fit_the_size_are_no_sprite() {
        assert!(Sprite::from_premultiplied(2, 2, vec![0; 15]).is_none());
        assert!(Sprite::from_premultiplied(u32::MAX, u32::MAX, vec![0; 4]).is_none());
    }
}
