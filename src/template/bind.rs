//! From an Edit and what is known of its files to a timeline.
//!
//! `schedule` says when each clip is on, `place` what is seen and heard of it.

mod drawn;
mod excerpt;
mod place;
mod schedule;
mod weigh;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::profile::AudioProfile;
use crate::template::asset::Source;
use crate::template::caption::Captions;
use crate::template::edit::Edit;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::markup::Markup;
use crate::template::output::{Format, Output};
use crate::template::richtext::RichText;
use crate::time::Time;
use crate::timeline::{Excerpt, FontUse, Timeline};
use place::Placer;

pub use schedule::{Span, spans};
pub use weigh::MAX_PLAN_BYTES;

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
    /// What is said, and when.
    Captions(Arc<Captions>),
}

impl AssetKind {
    const fn name(&self) -> &'static str {
        match self {
            Self::Video { .. } => "a video",
            Self::Image { .. } => "a picture",
            Self::Audio { .. } => "a sound",
            Self::Lottie { .. } => "a Lottie animation",
            Self::Captions(_) => "captions",
        }
    }

    /// How long it lasts; a still has no end.
    pub fn duration(&self) -> Option<Time> {
        match self {
            Self::Video { duration, .. }
            | Self::Audio { duration }
            | Self::Lottie { duration, .. } => Some(*duration),
            Self::Captions(captions) => Some(captions.end()),
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
    let spans = spans(edit, assets, warnings)?;
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
            scenes: Vec::new(),
            layers: Vec::new(),
            voices: Vec::new(),
        },
        warnings,
        matted: 0,
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
    weigh::check(&timeline, 1 + edit.output.ladder.len())?;
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

    /// `base` with the members of `more`.
    fn with(mut base: Value, more: Value) -> Value {
        let more = more.as_object().expect("an object").clone();
        base.as_object_mut().expect("an object").extend(more);
        base
    }

    #[test]
    fn clips_take_their_times_from_others_by_alias_whichever_comes_first() {
        let named = |alias: &str, start: Value, length: Value| {
            with(clip("i.png", start, length), json!({"alias": alias}))
        };
        let timeline = bound(json!([
            {"clips": [named("a", json!("alias://b"), json!("alias://c"))]},
            {"clips": [named("b", json!(2), json!(1)), named("c", json!("auto"), json!("alias://d"))]},
            {"clips": [named("d", json!(0), json!(4))]},
        ]))
        .expect("binds");
        let spans: Vec<_> = timeline
            .layers
            .iter()
            .map(|layer| (layer.start, layer.length))
            .collect();
        let seconds = |start, length| (Time::from_seconds(start), Time::from_seconds(length));
        assert_eq!(
            spans,
            [seconds(0, 4), seconds(2, 1), seconds(3, 4), seconds(2, 4)]
        );
    }

    #[test]
    fn an_alias_that_leads_nowhere_or_in_a_circle_is_named() {
        for (first, second, part) in [
            (
                "alias://b",
                "alias://a",
                "/clips/0: an alias:// that leads back",
            ),
            ("alias://a", "1", "/clips/0: an alias:// that leads back"),
            ("alias://none", "1", "/clips/0/length: \"alias://none\""),
        ] {
            let clips = json!([
                with(clip("i.png", json!(0), json!(first)), json!({"alias": "a"})),
                with(
                    clip("i.png", json!(0), json!(second)),
                    json!({"alias": "b"})
                ),
            ]);
            let error = bound(json!([{"clips": clips}])).expect_err(first);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn speed_decides_how_long_an_asset_plays() {
        let video = |speed: f64| {
            let asset = json!({"type": "video", "src": "v.mp4", "trim": 2, "speed": speed});
            let clip = with(
                clip("v.mp4", json!(0), json!("auto")),
                json!({"asset": asset}),
            );
            let timeline = bound(json!([{"clips": [clip]}])).expect("binds");
            (timeline.layers[0].length, timeline.voices.len())
        };
        assert_eq!(video(2.0), (Time::from_seconds(4), 1));
        assert_eq!(video(0.5), (Time::from_seconds(16), 1));
        // It stands still, and is silent.
        assert_eq!(video(0.0), (STILL_LENGTH, 0));
    }

    #[test]
    fn a_luma_cuts_out_what_is_on_its_track_while_it_is_on() {
        let luma = json!({"asset": {"type": "luma", "src": "i.png"}, "start": 2, "length": 2});
        let timeline = bound(json!([
            {"clips": [
                clip("i.png", json!(0), json!(1)),
                clip("i.png", json!(1), json!(2)),
                luma,
                clip("v.mp4", json!(3), json!(3)),
                clip("i.png", json!(4), json!(1)),
            ]},
            {"clips": [clip("i.png", json!(0), json!(6))]},
        ]))
        .expect("binds");
        let mattes: Vec<_> = timeline
            .layers
            .iter()
            .map(|layer| layer.mattes.len())
            .collect();
        assert_eq!(mattes, [0, 0, 1, 1, 0], "the luma itself is not seen");
        assert!(!timeline.layers[2].is_opaque());
    }

    #[test]
    fn what_crop_cuts_off_is_left_out_of_the_window() {
        let window = |more: Value| {
            let clip = with(clip("v.mp4", json!(0), json!(1)), more);
            let timeline = bound(json!([{"clips": [clip]}])).expect("binds");
            let treatment = timeline.layers[0].treatment;
            treatment.window.map(|window| window.size())
        };
        // 640x360 in 1280x720: nothing is cut off.
        assert_eq!(window(json!({})), None);
        assert_eq!(
            window(json!({"width": 100, "height": 100})),
            Some((360.0, 360.0))
        );
        let cropped = json!({"type": "video", "src": "v.mp4", "crop": {"left": 0.5}});
        assert_eq!(
            window(json!({"asset": cropped, "fit": "contain"})),
            Some((320.0, 360.0))
        );
        assert_eq!(
            window(json!({"asset": cropped, "fit": "crop"})),
            Some((320.0, 180.0))
        );
        let all = json!({"type": "video", "src": "v.mp4", "crop": {"left": 0.5, "right": 0.6}});
        let clips = [
            with(clip("v.mp4", json!(0), json!(1)), json!({"asset": all})),
            clip("i.png", json!(0), json!(1)),
        ];
        let timeline = bound(json!([{"clips": clips}])).expect("binds");
        assert_eq!(
            timeline.layers.len(),
            1,
            "of the cropped one nothing is left"
        );
    }

    #[test]
    fn what_cannot_be_bound_is_named() {
        let mut moving = clip("i.png", json!(0), json!(14_400));
        moving["effect"] = json!("zoomIn");
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
                // Four hours of 500 tracks on which everything moves.
                json!(vec![json!({"clips": [moving.clone()]}); 500]),
                "/timeline/tracks: what takes about",
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
