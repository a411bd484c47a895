//! What is done to a clip's picture before it is put into the frame.

use crate::timeline::Rgb;
use crate::timeline::state::SUBPIXELS;

/// What is done to a clip's picture, in this order. The same all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Treatment {
    /// The part of it that is used; all of it when `None`.
    pub window: Option<Window>,
    /// A colour that becomes transparent.
    pub key: Option<ChromaKey>,
    /// A change of its colours or sharpness.
    pub filter: Option<Filter>,
}

/// A rectangle of a source picture, in 1/256 of its pixels from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Width; at least one pixel.
    pub width: i32,
    /// Height; at least one pixel.
    pub height: i32,
}

impl Window {
    /// All of a picture of this size in pixels.
    pub const fn whole((width, height): (u32, u32)) -> Self {
        Self {
            x: 0,
            y: 0,
            width: width as i32 * SUBPIXELS,
            height: height as i32 * SUBPIXELS,
        }
    }

    /// Width and height in pixels.
    pub fn size(self) -> (f64, f64) {
        let pixels = |length: i32| f64::from(length) / f64::from(SUBPIXELS);
        (pixels(self.width), pixels(self.height))
    }

    /// What is left when these shares of its width and height (0 to 1) are cut
    /// off at its edges; `None` if that is less than a pixel.
    pub fn cropped(self, edges: Edges) -> Option<Self> {
        let Edges {
            top,
            right,
            bottom,
            left,
        } = edges;
        let share = |length: i32, share: f64| (f64::from(length) * share).round() as i32;
        let cropped = Self {
            x: self.x + share(self.width, left),
            y: self.y + share(self.height, top),
            width: self.width - share(self.width, left) - share(self.width, right),
            height: self.height - share(self.height, top) - share(self.height, bottom),
        };
        (cropped.width >= SUBPIXELS && cropped.height >= SUBPIXELS).then_some(cropped)
    }

    /// Its largest middle part that is as wide for its height as `shape`.
    pub fn shaped(self, shape: (u32, u32)) -> Self {
        let (across, down) = (i64::from(shape.0.max(1)), i64::from(shape.1.max(1)));
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        let (new_width, new_height) = if width * down > height * across {
            (height * across / down, height)
        } else {
            (width, width * down / across)
        };
        let least = i64::from(SUBPIXELS);
        let (new_width, new_height) = (
            new_width.clamp(least, width.max(least)),
            new_height.clamp(least, height.max(least)),
        );
        Self {
            x: self.x + ((width - new_width) / 2) as i32,
            y: self.y + ((height - new_height) / 2) as i32,
            width: new_width as i32,
            height: new_height as i32,
        }
    }
}

/// Shares of a picture's sides, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Edges {
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub left: f64,
}

/// A colour that becomes transparent, and those near to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChromaKey {
    /// The colour.
    pub color: Rgb,
    /// How far from it in chroma (0 to 255) a pixel is wholly transparent.
    pub threshold: u8,
    /// How much further it takes to be wholly opaque.
    pub halo: u8,
}

/// A change of a picture's colours or sharpness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Out of focus.
    Blur,
    /// More contrast and stronger colours.
    Boost,
    /// More contrast.
    Contrast,
    /// Darker.
    Darken,
    /// Without colours.
    Greyscale,
    /// Lighter.
    Lighten,
    /// Less contrast and weaker colours.
    Muted,
    /// Colours and brightness turned over.
    Negative,
}

impl Filter {
    /// The names of the Edit format.
    pub const NAMED: [(&'static str, Self); 8] = [
        ("blur", Self::Blur),
        ("boost", Self::Boost),
        ("contrast", Self::Contrast),
        ("darken", Self::Darken),
        ("greyscale", Self::Greyscale),
        ("lighten", Self::Lighten),
        ("muted", Self::Muted),
        ("negative", Self::Negative),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cropped_by_shares_of_its_sides() {
        let whole = Window::whole((200, 100));
        let edges = Edges {
            left: 0.25,
            top: 0.1,
            ..Edges::default()
        };
        let cropped = whole.cropped(edges).expect("something is left");
        assert_eq!(
            (cropped.x, cropped.y, cropped.size()),
            (50 * SUBPIXELS, 10 * SUBPIXELS, (150.0, 90.0))
        );
        let all = Edges {
            left: 0.5,
            right: 0.5,
            ..Edges::default()
        };
        assert_eq!(whole.cropped(all), None);
    }

    #[test]
    fn a_window_takes_the_middle_part_of_a_shape() {
        for (size, shape, expected) in [
            ((100, 100), (1280, 720), (100.0, 56.25)),
            ((400, 100), (1, 1), (100.0, 100.0)),
            ((1280, 720), (1280, 720), (1280.0, 720.0)),
            ((1, 8192), (8192, 1), (1.0, 1.0)),
        ] {
            let shaped = Window::whole(size).shaped(shape);
            assert_eq!(shaped.size(), expected, "{size:?} {shape:?}");
        }
    }
}
