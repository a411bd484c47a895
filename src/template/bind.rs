//! From an Edit and what is known of its files to a timeline.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::profile::AudioProfile;
use crate::template::asset::{Asset, Fade, Source};
use crate::template::clip::{Clip, Length, Start};
use crate::template::edit::Edit;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::markup::Markup;
use crate::template::richtext::RichText;
use crate::time::Time;
use crate::timeline::{self, Content, FontUse, Timeline, Voice};

/// How long a still or a text lasts whose length is `auto`.
pub const STILL_LENGTH: Time = Time::from_seconds(3);

/// The longest video: four hours.
pub const MAX_DURATION: Time = Time::from_seconds(4 * 3600);

/// What is known of the files that Edits name, by their path.
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
}

impl AssetKind {
    const fn name(&self) -> &'static str {
        match self {
            Self::Video { .. } => "a video",
            Self::Image { .. } => "a picture",
            Self::Audio { .. } => "a sound",
        }
    }

    /// How long it lasts; a still has no end.
    pub const fn duration(&self) -> Option<Time> {
        match self {
            Self::Video { duration, .. } | Self::Audio { duration } => Some(*duration),
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
    let spans = schedule(edit, assets)?;
    let end = spans
        .iter()
        .flatten()
        .map(|span| span.start + span.length)
        .max()
        .unwrap_or_default();
    let frames = edit.video.rate.frame_at_or_after(end);
    let mut timeline = Timeline {
        video: edit.video.clone(),
        audio: None,
        background: edit.background,
        frames: u32::try_from(frames).unwrap_or(u32::MAX),
        layers: Vec::new(),
        voices: Vec::new(),
    };
    // The first track is on top, so the lowest layer is in the last. On one
    // track a later clip lies above the ones before it.
    for (clips, spans) in edit.tracks.iter().zip(&spans).rev() {
        for (clip, span) in clips.iter().zip(spans) {
            place(
                clip,
                *span,
                assets,
                fonts,
                is_dynamic(&clip.pointer),
                &mut timeline,
                warnings,
            )?;
        }
    }
    if let Some(soundtrack) = &edit.soundtrack {
        let (info, duration) = sounding(&soundtrack.src, assets)?;
        timeline.voices.push(Voice {
            label: format!("soundtrack {}", file_name(&soundtrack.src)),
            asset: info.digest,
            start: Time::ZERO,
            length: duration.min(end),
            trim: Time::ZERO,
            volume: soundtrack.volume,
            fade_in: fade(soundtrack.fade.fade_in),
            fade_out: fade(soundtrack.fade.fade_out),
            dynamic: is_dynamic(&Pointer::from("/timeline/soundtrack")),
        });
    }
    timeline.audio = (!timeline.voices.is_empty()).then(AudioProfile::default);
    Ok(timeline)
}

#[derive(Clone, Copy)]
struct Span {
    start: Time,
    length: Time,
}

/// When each clip is on. Clips that last until the `end` do not say when that
/// is; all others do.
fn schedule(edit: &Edit, assets: &Assets) -> Result<Vec<Vec<Span>>, EditError> {
    let end_of = |end: Option<Time>| -> Result<Vec<Vec<Span>>, EditError> {
        edit.tracks
            .iter()
            .map(|clips| {
                let mut previous = Time::ZERO;
                clips
                    .iter()
                    .map(|clip| {
                        let span = span(clip, previous, end, assets)?;
                        previous = span.start + span.length;
                        Ok(span)
                    })
                    .collect()
            })
            .collect()
    };
    let first = end_of(None)?;
    let end = first
        .iter()
        .flatten()
        .map(|span| span.start + span.length)
        .max()
        .unwrap_or_default();
    if end <= Time::ZERO {
        let tracks = Pointer::from("/timeline/tracks");
        return Err(EditError::new(
            tracks,
            "a timeline of no length",
            "a clip whose length is a number or auto",
        ));
    }
    if end > MAX_DURATION {
        let tracks = Pointer::from("/timeline/tracks");
        return Err(EditError::new(
            tracks,
            format!("a timeline of {end}"),
            format!("at most {MAX_DURATION}"),
        ));
    }
    let spans = end_of(Some(end))?;
    for (clip, span) in edit.tracks.iter().flatten().zip(spans.iter().flatten()) {
        if span.length <= Time::ZERO {
            let found = format!("a clip of {}", span.length);
            return Err(EditError::new(
                clip.pointer.member("length"),
                found,
                "a clip that lasts longer than nothing",
            ));
        }
    }
    Ok(spans)
}

fn span(
    clip: &Clip,
    previous: Time,
    end: Option<Time>,
    assets: &Assets,
) -> Result<Span, EditError> {
    let start = match clip.start {
        Start::At(time) => time,
        Start::Auto => previous,
    };
    let available = match &clip.asset {
        Asset::Text(..) | Asset::Card(_) => None,
        Asset::Video { src, trim, .. } | Asset::Audio { src, trim, .. } => {
            let left = info(src, assets)?
                .kind
                .duration()
                .map(|duration| duration - *trim);
            if left.is_some_and(|left| left <= Time::ZERO) {
                let place = clip.pointer.member("asset").member("trim");
                return Err(EditError::new(
                    place,
                    trim,
                    "less than the asset's duration",
                ));
            }
            left
        }
        Asset::Image { .. } => None,
    };
    let length = match clip.length {
        Length::For(length) => length,
        Length::Auto => available.unwrap_or(STILL_LENGTH),
        Length::End => {
            let left = end.map_or(Time::ZERO, |end| end - start);
            available.map_or(left, |available| left.min(available))
        }
    };
    Ok(Span { start, length })
}

fn place(
    clip: &Clip,
    span: Span,
    assets: &Assets,
    fonts: &dyn FontBook,
    dynamic: bool,
    timeline: &mut Timeline,
    warnings: &mut Vec<Warning>,
) -> Result<(), EditError> {
    let voice = |src: &Source, digest, trim, volume, fades: Fade| Voice {
        label: format!("audio {} ({})", file_name(src), clip.pointer),
        asset: digest,
        start: span.start,
        length: span.length,
        trim,
        volume,
        fade_in: fade(fades.fade_in),
        fade_out: fade(fades.fade_out),
        dynamic,
    };
    let (name, content) = match &clip.asset {
        Asset::Video { src, trim, volume } => {
            let AssetInfo { digest, kind } = info(src, assets)?;
            let AssetKind::Video {
                size,
                sound,
                duration,
            } = *kind
            else {
                return Err(wrong_kind(src, kind, "a video"));
            };
            if span.length > duration - *trim {
                warnings.push(Warning {
                    pointer: clip.pointer.clone(),
                    message: format!(
                        "lasts {}, but its video only {}: the last picture is held",
                        span.length,
                        duration - *trim
                    ),
                });
            }
            if sound && *volume > 0.0 {
                timeline
                    .voices
                    .push(voice(src, *digest, *trim, *volume, Fade::default()));
            }
            let name = format!("video {}", file_name(src));
            (
                name,
                Content::Footage {
                    asset: *digest,
                    size,
                    trim: *trim,
                },
            )
        }
        Asset::Image { src } => {
            let AssetInfo { digest, kind } = info(src, assets)?;
            let AssetKind::Image { size, opaque } = *kind else {
                return Err(wrong_kind(src, kind, "a picture"));
            };
            (
                format!("image {}", file_name(src)),
                Content::Still {
                    asset: *digest,
                    size,
                    opaque,
                },
            )
        }
        Asset::Audio {
            src,
            trim,
            volume,
            fade,
        } => {
            let (info, _) = sounding(src, assets)?;
            timeline
                .voices
                .push(voice(src, info.digest, *trim, *volume, *fade));
            return Ok(());
        }
        Asset::Text(_, markup) | Asset::Card(markup) => {
            let choice = match &clip.asset {
                Asset::Text(text, _) => fonts.for_text(text),
                _ => fonts.for_card(markup),
            };
            let pointer = clip.pointer.member("asset");
            warnings.extend(choice.warnings.into_iter().map(|message| Warning {
                pointer: pointer.clone(),
                message,
            }));
            let (html, css) = (markup.html.clone(), markup.css.clone());
            let (width, height) = (markup.width, markup.height);
            let markup = timeline::Markup {
                html,
                css,
                width,
                height,
                fonts: choice.fonts,
            };
            ("text".to_owned(), Content::Markup(markup))
        }
    };
    timeline.layers.push(timeline::Clip {
        label: format!("{name} ({})", clip.pointer),
        start: span.start,
        length: span.length,
        content,
        motion: clip.motion.clone(),
        dynamic,
    });
    Ok(())
}

fn fade(on: bool) -> Time {
    if on { Fade::LENGTH } else { Time::ZERO }
}

fn info<'a>(src: &Source, assets: &'a Assets) -> Result<&'a AssetInfo, EditError> {
    assets.get(&src.path).ok_or_else(|| {
        EditError::new(
            src.pointer.clone(),
            format!("{:?}", src.path),
            "a file that is there",
        )
    })
}

fn sounding<'a>(src: &Source, assets: &'a Assets) -> Result<(&'a AssetInfo, Time), EditError> {
    let info = info(src, assets)?;
    match info.kind {
        AssetKind::Audio { duration }
        | AssetKind::Video {
            duration,
            sound: true,
            ..
        } => Ok((info, duration)),
        AssetKind::Video { sound: false, .. } | AssetKind::Image { .. } => {
            Err(wrong_kind(src, &info.kind, "a file with sound"))
        }
    }
}

fn wrong_kind(src: &Source, kind: &AssetKind, wanted: &str) -> EditError {
    EditError::new(
        src.pointer.clone(),
        format!("{:?} ({})", src.path, kind.name()),
        wanted,
    )
}

fn file_name(src: &Source) -> &str {
    src.path.rsplit('/').next().unwrap_or(&src.path)
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
