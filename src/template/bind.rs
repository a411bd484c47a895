//! From an Edit and what is known of its files to a timeline.
//!
//! [`schedule`] says when each clip is on, [`place`] what is seen and heard of it.

mod drawn;
mod excerpt;
mod place;
mod schedule;

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::profile::AudioProfile;
use crate::template::asset::Source;
use crate::template::edit::Edit;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::markup::Markup;
use crate::template::output::{Format, Output};
use crate::template::richtext::RichText;
use crate::time::Time;
use crate::timeline::{Excerpt, FontUse, Timeline};
use place::Placer;

/// How long a still or a text lasts whose length is `auto`.
pub const STILL_LENGTH: Time = Time::from_seconds(3);

/// The longest video: four hours.
pub const MAX_DURATION: Time = Time::from_seconds(4 * 3600);

/// What is known of the files that Edits name, by their path or address.
pub type Assets = BTreeMap<String, AssetInfo>;

/// What is known of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetInfo {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it holds.
    pub kind: AssetKind,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetKind {
    /// A moving picture.
    Video {
        /// Size in pixels, as shown.
        size: (u32, u32),
        /// How long it lasts.
        duration: Time,
        /// Whether it has sound.
        sound: bool,
        /// Whether no pixel of it is ever transparent.
        opaque: bool,
    },
    /// A still picture.
    Image {
        /// Size in pixels, as shown.
        size: (u32, u32),
        /// Whether no pixel is transparent.
        opaque: bool,
    },
    /// Sound only.
    Audio {
        /// How long it lasts.
        duration: Time,
    },
    /// An animation of shapes.
    Lottie {
        /// Size in pixels.
        size: (u32, u32),
        /// How long it lasts.
        duration: Time,
        /// What in it is not drawn.
        left_out: Vec<String>,
    },
}

impl AssetKind {
    const fn name(&self) -> &'static str {
        match self {
            Self::Video { .. } => "a video",
            Self::Image { .. } => "a picture",
            Self::Audio { .. } => "a sound",
            Self::Lottie { .. } => "a Lottie animation",
        }
    }

    /// How long it lasts; a still has no end.
    pub const fn duration(&self) -> Option<Time> {
        match self {
            Self::Video { duration, .. }
            | Self::Audio { duration }
            | Self::Lottie { duration, .. } => Some(*duration),
            Self::Image { .. } => None,
        }
    }
}

/// The fonts that there are.
pub trait FontBook {
    /// The fonts that a text of one style needs.
    fn for_text(&self, text: &RichText) -> FontChoice;

    /// The fonts that a card needs.
    fn for_card(&self, card: &Markup) -> FontChoice;
}

/// The fonts chosen for a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FontChoice {
    /// The faces, in the order of preference.
    pub fonts: Vec<FontUse>,
    /// What could not be had: a family, or the glyph of a character. Reported,
    /// never silently replaced.
    pub warnings: Vec<String>,
}

/// Makes the timeline of `edit`. `is_dynamic` tells which places of the Edit
/// had placeholders.
pub fn bind(
    edit: &Edit,
    assets: &Assets,
    fonts: &dyn FontBook,
    is_dynamic: &dyn Fn(&Pointer) -> bool,
    warnings: &mut Vec<Warning>,
) -> Result<Timeline, EditError> {
    let spans = schedule::spans(edit, assets, warnings)?;
    let end = spans
        .iter()
        .flatten()
        .map(|span| span.end())
        .max()
        .unwrap_or_default();
    let Output {
        video,
        format,
        mute,
        canvas,
        ..
    } = &edit.output;
    let frames = video.rate.frame_at_or_after(end);
    let frames = u32::try_from(frames).unwrap_or(u32::MAX);
    let shown = excerpt::frames(&edit.output, frames, warnings)?;
    let mut placer = Placer {
        assets,
        fonts,
        is_dynamic,
        timeline: Timeline {
            video: video.clone(),
            audio: None,
            canvas: *canvas,
            background: edit.background,
            frames: shown.len(),
            excerpt: Excerpt {
                first: shown.start,
                of: frames,
            },
            layers: Vec::new(),
            voices: Vec::new(),
        },
        warnings,
    };
    // The first track is on top, so the lowest layer is in the last. On one
    // track a later clip lies above the ones before it.
    for (clips, spans) in edit.tracks.iter().zip(&spans).rev() {
        placer.track(clips, spans)?;
    }
    if let Some(soundtrack) = &edit.soundtrack {
        placer.soundtrack(soundtrack, end)?;
    }
    let mut timeline = placer.timeline;
    if *mute {
        timeline.voices.clear();
    }
    let is_sound = *format == Format::Mp3;
    if is_sound && timeline.voices.is_empty() {
        warnings.push(Warning {
            pointer: Pointer::from("/timeline"),
            message: "nothing is heard in it: the mp3 is silent".into(),
        });
    }
    let sounds = is_sound || !timeline.voices.is_empty();
    timeline.audio = sounds.then(AudioProfile::default);
    Ok(timeline)
}

fn info<'a>(src: &Source, assets: &'a Assets) -> Result<&'a AssetInfo, EditError> {
    assets.get(src.name()).ok_or_else(|| {
        EditError::new(
            src.pointer.clone(),
            format!("{:?}", src.name()),
            "a file that is there",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    struct NoFonts;

    impl FontBook for NoFonts {
        fn for_text(&self, _: &RichText) -> FontChoice {
            FontChoice {
                fonts: vec![],
                warnings: vec!["no glyph".into()],
            }
        }

        fn for_card(&self, _: &Markup) -> FontChoice {
            FontChoice::default()
        }
    }

    fn assets() -> Assets {
        let info = |kind| AssetInfo {
            digest: Digest::of(b"x"),
            kind,
        };
        let seconds = Time::from_seconds;
        BTreeMap::from([
            (
                "v.mp4".into(),
                info(AssetKind::Video {
                    size: (640, 360),
                    duration: seconds(10),
                    sound: true,
                    opaque: true,
                }),
            ),
            (
                "i.png".into(),
                info(AssetKind::Image {
                    size: (100, 100),
                    opaque: true,
                }),
            ),
            (
                "a.wav".into(),
                info(AssetKind::Audio {
                    duration: seconds(4),
                }),
            ),
        ])
    }

    fn bound(tracks: Value) -> Result<Timeline, String> {
        let document = json!({"timeline": {"tracks": tracks}, "output": {"format": "mp4", "resolution": "hd"}});
        let mut warnings = Vec::new();
        let edit = Edit::read(&document, &mut warnings).map_err(|error| error.to_string())?;
        bind(&edit, &assets(), &NoFonts, &|_| false, &mut warnings)
            .map_err(|error| error.to_string())
    }

    fn clip(src: &str, start: Value, length: Value) -> Value {
        let kind = match src.rsplit('.').next() {
            Some("mp4") => "video",
            Some("png") => "image",
            _ => "audio",
        };
        json!({"asset": {"type": kind, "src": src}, "start": start, "length": length})
    }

    #[test]
    fn auto_and_end_are_resolved() {
        let timeline = bound(json!([
            {"clips": [clip("i.png", json!(0), json!("end"))]},
            {"clips": [clip("i.png", json!("auto"), json!("auto")), clip("v.mp4", json!("auto"), json!("auto"))]},
        ]))
        .expect("binds");
        let spans: Vec<_> = timeline
            .layers
            .iter()
            .map(|clip| (clip.start, clip.length))
            .collect();
        let seconds = Time::from_seconds;
        assert_eq!(
            spans,
            [
                (seconds(0), seconds(3)),
                (seconds(3), seconds(10)),
                (seconds(0), seconds(13))
            ]
        );
        assert_eq!(timeline.duration(), seconds(13));
        assert_eq!(timeline.voices.len(), 1, "the video's sound");
    }

    #[test]
    fn the_first_track_is_on_top() {
        let timeline = bound(json!([
            {"clips": [clip("i.png", json!(0), json!(1))]},
            {"clips": [clip("v.mp4", json!(0), json!(1))]},
        ]))
        .expect("binds");
        assert!(timeline.layers[0].label.starts_with("video"));
        assert!(timeline.layers[1].label.starts_with("image"));
    }

    #[test]
    fn what_cannot_be_bound_is_named() {
        for (tracks, part) in [
            (
                json!([{"clips": [clip("none.png", json!(0), json!(1))]}]),
                "/timeline/tracks/0/clips/0/asset/src: \"none.png\"",
            ),
            (
                json!([{"clips": [clip("i.png", json!(0), json!("end"))]}]),
                "a timeline of no length",
            ),
            (
                json!([{"clips": [clip("i.png", json!(0), json!(1)), clip("i.png", json!(5), json!("end"))]}]),
                "/1/length: a clip of",
            ),
            (
                json!([{"clips": [clip("i.png", json!(14000), json!(14000))]}]),
                "at most 14400s",
            ),
            (
                json!([{"clips": [{"asset": {"type": "video", "src": "i.png"}, "start": 0, "length": 1}]}]),
                "(a picture) is not allowed: expected a video",
            ),
            (
                json!([{"clips": [{"asset": {"type": "image", "src": "v.mp4"}, "start": 0, "length": 1}]}]),
                "(a video) is not allowed: expected a picture",
            ),
            (
                json!([{"clips": [{"asset": {"type": "audio", "src": "i.png"}, "start": 0, "length": 1}]}]),
                "a file with sound",
            ),
            (
                json!([{"clips": [{"asset": {"type": "video", "src": "v.mp4", "trim": 10}, "start": 0, "length": 1}]}]),
                "/asset/trim: 10s",
            ),
        ] {
            let error = bound(tracks).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
