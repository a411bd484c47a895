//! Shapes that are drawn: where they come from does not matter any more.

/// A drawing in the normal form of SVG, and how large it wants to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    /// For people: what it is in the Edit.
    pub what: &'static str,
    /// The document; known elements only, nothing from elsewhere.
    pub markup: String,
    /// Width and height in pixels, at scale 1.
    pub size: (f64, f64),
    /// Whether the clip's own box is its size already.
    pub is_boxed: bool,
}
