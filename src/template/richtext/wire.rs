//! The `rich-text` and the (deprecated) `text` asset as an Edit writes them.
//!
//! Leaves are untyped here, so that a bad one is refused with its place in
//! the asset even when the asset was read through a tagged enum, which forgets
//! where it was. What a leaf may be is decided in the parent module. Unknown
//! keys are told by `unknown_fields`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A leaf that may be absent or null.
type Leaf = Option<Value>;

macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: $type,)*
        }
    };
}

wire! {
    /// `{"type": "rich-text", ...}` without its `type`.
    RichTextAsset {
        /// The text, up to 5000 characters; new lines are kept. Required, may be empty.
        text: Leaf,
        /// The face and its colour.
        font: Option<FontWire>,
        /// Spacing, case, decoration and gradient.
        style: Option<StyleWire>,
        /// An outline around the letters.
        stroke: Option<StrokeWire>,
        /// A shadow behind the letters.
        shadow: Option<ShadowWire>,
        /// What is painted behind the text.
        background: Option<BackgroundWire>,
        /// A line around the background.
        border: Option<BorderWire>,
        /// Pixels on all sides, or `{top, right, bottom, left}`.
        padding: Leaf,
        /// Where the text stands in its box.
        align: Option<AlignWire>,
        /// How it comes into sight.
        animation: Option<AnimationWire>,
        /// Width of the box in pixels.
        width: Leaf,
        /// Height of the box in pixels.
        height: Leaf,
    }
}
wire! {
    /// The deprecated `{"type": "text", ...}` without its `type`.
    TextAsset {
        /// The text; new lines are kept. Required, may be empty.
        text: Leaf,
        /// The face, its colour and its line height.
        font: Option<FontWire>,
        /// What is painted behind the text.
        background: Option<BackgroundWire>,
        /// Where the text stands in its box.
        alignment: Option<AlignWire>,
        /// An outline around the letters.
        stroke: Option<StrokeWire>,
        /// How it comes into sight: `typewriter`.
        animation: Option<AnimationWire>,
        /// What stands at the end of a text that is cut to fit its box.
        ellipsis: Leaf,
        /// Width of the box in pixels.
        width: Leaf,
        /// Height of the box in pixels.
        height: Leaf,
    }
}
wire! {
    /// `font`.
    FontWire {
        /// Family name, full name or file name without its ending.
        family: Leaf,
        /// Pixels, 1 to 500.
        size: Leaf,
        /// 100 to 900, `normal` or `bold`.
        weight: Leaf,
        /// `normal` or `italic`.
        style: Leaf,
        /// `#RRGGBB`.
        color: Leaf,
        /// 0 to 1.
        opacity: Leaf,
        /// `#RRGGBB` behind each line.
        background: Leaf,
        /// As the asset's `stroke`.
        stroke: Option<StrokeWire>,
        /// Only in the deprecated `text` asset.
        line_height: Leaf,
    }
}
wire! {
    /// `style`.
    StyleWire {
        /// Pixels between letters.
        letter_spacing: Leaf,
        /// Pixels added between words.
        word_spacing: Leaf,
        /// Multiple of the size.
        line_height: Leaf,
        /// `none`, `uppercase`, `lowercase` or `capitalize`.
        text_transform: Leaf,
        /// `none`, `underline` or `line-through`.
        text_decoration: Leaf,
        /// Fills the letters instead of the colour.
        gradient: Option<GradientWire>,
    }
}
wire! {
    /// `style.gradient`.
    GradientWire {
        /// `linear` or `radial`.
        #[serde(rename = "type")] kind: Leaf,
        /// Degrees; 0 runs from left to right, 90 from top to bottom.
        angle: Leaf,
        /// `[{offset: 0 to 1, color: #RRGGBB}]`, at least two.
        stops: Option<Vec<StopWire>>,
    }
}
wire! {
    /// One stop of a gradient.
    StopWire {
        /// 0 to 1.
        offset: Leaf,
        /// `#RRGGBB`.
        color: Leaf,
    }
}
wire! {
    /// `stroke`.
    StrokeWire {
        /// Pixels outside the letter's edge.
        width: Leaf,
        /// `#RRGGBB`.
        color: Leaf,
        /// 0 to 1.
        opacity: Leaf,
    }
}
wire! {
    /// `shadow`.
    ShadowWire {
        /// Pixels to the right.
        offset_x: Leaf,
        /// Pixels down.
        offset_y: Leaf,
        /// Radius in pixels.
        blur: Leaf,
        /// `#RRGGBB`.
        color: Leaf,
        /// 0 to 1.
        opacity: Leaf,
    }
}
wire! {
    /// `background`.
    BackgroundWire {
        /// `#RRGGBB`; without it nothing is painted.
        color: Leaf,
        /// 0 to 1.
        opacity: Leaf,
        /// Pixels.
        border_radius: Leaf,
        /// Pixels between the text and the background's edge.
        padding: Leaf,
        /// Whether the background hugs the text instead of filling the box.
        wrap: Leaf,
    }
}
wire! {
    /// `border`.
    BorderWire {
        /// Pixels.
        width: Leaf,
        /// `#RRGGBB`.
        color: Leaf,
        /// 0 to 1.
        opacity: Leaf,
        /// Pixels; the background's radius where absent.
        radius: Leaf,
    }
}
wire! {
    /// `align`, or `alignment` in the deprecated `text` asset.
    AlignWire {
        /// `left`, `center` or `right`.
        horizontal: Leaf,
        /// `top`, `middle` (also `center`) or `bottom`.
        vertical: Leaf,
    }
}
wire! {
    /// `animation`.
    AnimationWire {
        /// Its name. Required.
        preset: Leaf,
        /// Seconds, 0.1 to 30.
        duration: Leaf,
        /// `character` or `word`.
        style: Leaf,
        /// `left`, `right`, `up` or `down`.
        direction: Leaf,
    }
}
wire! {
    /// `padding` by sides.
    PaddingWire {
        /// Pixels.
        top: Leaf,
        /// Pixels.
        right: Leaf,
        /// Pixels.
        bottom: Leaf,
        /// Pixels.
        left: Leaf,
    }
}
