//! The `output` of an Edit: what is made of the timeline, and of which part of it.

mod ladder;
mod size;

pub use ladder::MAX_RUNGS;
pub(crate) use size::RATES;

use crate::profile::{Quality, VideoProfile};
use crate::template::bind::MAX_DURATION;
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::time::Time;

const QUALITIES: [(&str, Quality); 5] = [
    ("verylow", Quality::VeryLow),
    ("low", Quality::Low),
    ("medium", Quality::Medium),
    ("high", Quality::High),
    ("veryhigh", Quality::VeryHigh),
];

/// The most places that an Edit may want its result sent to.
const MAX_DESTINATIONS: usize = 20;

/// The smallest thumbnail, as a share of the frame.
const LEAST_SCALE: f64 = 0.01;

/// What is made of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The kind of file.
    pub format: Format,
    /// The width and height in pixels in which clips are laid out.
    pub canvas: (u32, u32),
    /// The pictures as they are encoded: those of [`canvas`](Self::canvas), scaled.
    pub video: VideoProfile,
    /// The same in smaller sizes, the largest first: streams offer them too.
    pub ladder: Vec<VideoProfile>,
    /// Whether a GIF begins again when it is over.
    pub repeat: bool,
    /// Whether there is no sound.
    pub mute: bool,
    /// Only this part of the timeline.
    pub range: Option<Range>,
    /// A picture of the video's size beside it: of which time.
    pub poster: Option<Time>,
    /// A smaller one.
    pub thumbnail: Option<Thumbnail>,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// H.264 and AAC in one file.
    Mp4,
    /// The same in segments with playlists.
    Hls,
    /// Pictures of at most 256 colours each.
    Gif,
    /// VP9 and Opus in one file.
    Webm,
    /// Sound alone.
    Mp3,
    /// One picture, compressed with losses.
    Jpg,
    /// One picture, compressed without.
    Png,
    /// One picture, as it is.
    Bmp,
}

impl Format {
    /// The formats by their names, which are also the endings of their files (but
    /// for HLS, which is no single file).
    pub const NAMED: [(&'static str, Self); 8] = [
        ("mp4", Self::Mp4),
        ("hls", Self::Hls),
        ("gif", Self::Gif),
        ("webm", Self::Webm),
        ("mp3", Self::Mp3),
        ("jpg", Self::Jpg),
        ("png", Self::Png),
        ("bmp", Self::Bmp),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let named = Self::NAMED.iter().find(|(_, format)| *format == self);
        named.map_or("", |(name, _)| *name)
    }

    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        let named = Self::NAMED.iter().find(|(known, _)| *known == name);
        named.map(|(_, format)| *format)
    }

    /// Whether it is put together from a video's chunks; all others are made of the
    /// composed frames and the mixed sound.
    pub const fn is_chunks(self) -> bool {
        matches!(self, Self::Mp4 | Self::Hls)
    }

    /// Whether it is a single picture.
    pub const fn is_picture(self) -> bool {
        matches!(self, Self::Jpg | Self::Png | Self::Bmp)
    }
}

/// A part of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub start: Time,
    /// How long it is; to the end of the timeline where `None`.
    pub length: Option<Time>,
}

/// A small picture of a timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thumbnail {
    /// Of which time.
    pub capture: Time,
    /// Its sides as a share of the video's, above 0 and up to 1.
    pub scale: f64,
}

/// Reads `output`.
pub(super) fn read(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<Output, EditError> {
    let output = cursor.object()?;
    let names = Format::NAMED.map(|(name, _)| name).join(", ");
    let format = output
        .need("format", &format!("one of {names}"))?
        .choice(&Format::NAMED)?;
    let size::FrameSize {
        canvas,
        encoded: (width, height),
        rate,
    } = size::read(&output, format != Format::Mp3, warnings)?;
    let quality = output.choice("quality", &QUALITIES, Quality::Medium)?;
    let repeat = match output.get("repeat") {
        Some(_) => output.flag("repeat")?,
        None => true,
    };
    let video = VideoProfile {
        width,
        height,
        rate,
        quality,
    };
    let read = Output {
        format,
        canvas,
        ladder: ladder::read(&output, canvas, &video, warnings)?,
        video,
        repeat,
        mute: output.flag("mute")?,
        range: output
            .get("range")
            .map(|cursor| range(&cursor, warnings))
            .transpose()?,
        poster: output
            .get("poster")
            .map(|cursor| poster(&cursor, warnings))
            .transpose()?,
        thumbnail: output
            .get("thumbnail")
            .map(|cursor| thumbnail(&cursor, warnings))
            .transpose()?,
    };
    if let Some(cursor) = output.get("destinations") {
        destinations(&cursor, warnings)?;
    }
    agree(&output, &read, warnings)?;
    output.finish(warnings);
    Ok(read)
}

/// What makes no sense together.
fn agree(output: &Object, read: &Output, warnings: &mut Vec<Warning>) -> Result<(), EditError> {
    let format = read.format;
    if format == Format::Mp3 && read.mute {
        let pointer = output.pointer.member("mute");
        return Err(EditError::new(pointer, "true", "false for an mp3"));
    }
    if let (Some(range), false) = (read.range, format.is_picture())
        && range.length == Some(Time::ZERO)
    {
        let pointer = output.pointer.member("range").member("length");
        let allowed = "a length above 0 for anything but a picture";
        return Err(EditError::new(pointer, "0", allowed));
    }
    let mut unused = |name: &str, message: &str| {
        warnings.extend(output.get(name).map(|cursor| Warning {
            pointer: cursor.pointer,
            message: message.into(),
        }));
    };
    if format != Format::Gif {
        unused("repeat", "it has an effect in a gif only");
    }
    if matches!(format, Format::Png | Format::Bmp) {
        unused(
            "quality",
            "it has no effect in a png or bmp: they lose nothing",
        );
    }
    Ok(())
}

/// A time of the timeline.
fn time(cursor: &Cursor) -> Result<Time, EditError> {
    let range = 0.0..=MAX_DURATION.as_seconds();
    let seconds = cursor.number(&range)?;
    Time::from_decimal_seconds(seconds).ok_or_else(|| cursor.error("a number of seconds"))
}

fn range(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<Range, EditError> {
    let object = cursor.object()?;
    let time = |name: &str| object.get(name).as_ref().map(time).transpose();
    let range = Range {
        start: time("start")?.unwrap_or_default(),
        length: time("length")?,
    };
    object.finish(warnings);
    Ok(range)
}

fn capture(object: &Object) -> Result<Time, EditError> {
    time(&object.need("capture", "a number of seconds")?)
}

fn poster(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<Time, EditError> {
    let object = cursor.object()?;
    let capture = capture(&object)?;
    object.finish(warnings);
    Ok(capture)
}

fn thumbnail(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<Thumbnail, EditError> {
    let object = cursor.object()?;
    let thumbnail = Thumbnail {
        capture: capture(&object)?,
        scale: object
            .need("scale", &format!("a number from {LEAST_SCALE} to 1"))?
            .number(&(LEAST_SCALE..=1.0))?,
    };
    object.finish(warnings);
    Ok(thumbnail)
}

/// Nothing is sent anywhere: what asks for it is told. To be left out at the one
/// place that files of the Edit API go to by themselves is what happens anyway.
fn destinations(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<(), EditError> {
    if cursor.value.as_array().is_some_and(Vec::is_empty) {
        return Ok(());
    }
    for element in cursor.elements(MAX_DESTINATIONS)? {
        let object = element.object()?;
        let provider = object.need("provider", "the name of a service")?;
        let provider = provider.text(100)?;
        if provider != "shotstack" {
            warnings.push(Warning {
                pointer: element.pointer.clone(),
                message: format!("nothing is sent to {provider:?}: fetch the file from here"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn output(mut output: Value, more: Value) -> Result<(Output, Vec<String>), String> {
        if let (Some(members), Some(more)) = (output.as_object_mut(), more.as_object()) {
            members.extend(more.clone());
        }
        let mut warnings = Vec::new();
        let read =
            read(&Cursor::root(&output), &mut warnings).map_err(|error| error.to_string())?;
        Ok((read, warnings.iter().map(Warning::to_string).collect()))
    }

    fn of(format: &str, more: Value) -> Result<(Output, Vec<String>), String> {
        output(json!({"format": format, "resolution": "hd"}), more)
    }

    #[test]
    fn an_output_is_read() {
        let more = json!({
            "fps": 30, "quality": "high", "repeat": false, "mute": true,
            "range": {"start": "1.5", "length": 2},
            "poster": {"capture": 1}, "thumbnail": {"capture": 2.5, "scale": 0.25},
        });
        let (read, warnings) = of("gif", more).expect("reads");
        assert_eq!((read.format, read.canvas), (Format::Gif, (1280, 720)));
        assert_eq!(read.video.quality, Quality::High);
        assert!(!read.repeat && read.mute);
        let range = Range {
            start: Time::from_millis(1500),
            length: Some(Time::from_seconds(2)),
        };
        assert_eq!(read.range, Some(range));
        assert_eq!(read.poster, Some(Time::from_seconds(1)));
        let thumbnail = Thumbnail {
            capture: Time::from_millis(2500),
            scale: 0.25,
        };
        assert_eq!(read.thumbnail, Some(thumbnail));
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn what_is_not_said_has_defaults() {
        let (read, warnings) = of("mp4", json!({"range": {}})).expect("reads");
        assert!(read.repeat && !read.mute && read.poster.is_none());
        let range = Range {
            start: Time::ZERO,
            length: None,
        };
        assert_eq!(read.range, Some(range));
        assert_eq!(warnings, [""; 0]);
        // A sound needs no size.
        assert!(output(json!({"format": "mp3"}), json!({})).is_ok());
    }

    #[test]
    fn the_encoded_frame_may_be_another_than_that_of_the_layout() {
        let (read, _) = of("mp4", json!({"scaleTo": "mobile"})).expect("reads");
        assert_eq!(read.canvas, (1280, 720));
        assert_eq!((read.video.width, read.video.height), (640, 360));
    }

    #[test]
    fn what_has_no_effect_is_warned_about() {
        for (format, more, place) in [
            ("mp4", json!({"repeat": true}), "/repeat"),
            ("png", json!({"quality": "low"}), "/quality"),
            ("mp4", json!({"subtitles": true}), "/subtitles"),
            ("mp4", json!({"range": {"end": 2}}), "/range/end"),
            (
                "mp4",
                json!({"destinations": [{"provider": "shotstack", "exclude": true}, {"provider": "s3"}]}),
                "/destinations/1",
            ),
        ] {
            let (_, warnings) = of(format, more).expect("reads");
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].starts_with(place), "{warnings:?}");
        }
        for more in [
            json!({"destinations": []}),
            json!({"destinations": [{"provider": "shotstack"}]}),
        ] {
            assert_eq!(of("mp4", more).expect("reads").1, [""; 0]);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (format, more, part) in [
            (
                "avi",
                json!({}),
                "/format: \"avi\" is not allowed: expected one of mp4",
            ),
            ("mp3", json!({"mute": true}), "/mute: true is not allowed"),
            ("mp4", json!({"range": {"length": 0}}), "/range/length: 0"),
            ("mp4", json!({"range": {"start": -1}}), "/range/start: -1"),
            ("mp4", json!({"poster": {}}), "/poster/capture: nothing"),
            (
                "mp4",
                json!({"thumbnail": {"capture": 1}}),
                "/thumbnail/scale: nothing",
            ),
            (
                "mp4",
                json!({"thumbnail": {"capture": 1, "scale": 2}}),
                "/thumbnail/scale: 2",
            ),
            (
                "mp4",
                json!({"destinations": [{}]}),
                "/destinations/0/provider: nothing",
            ),
            (
                "mp4",
                json!({"mute": 1}),
                "/mute: 1 is not allowed: expected true or false",
            ),
        ] {
            let error = of(format, more).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        let error = output(json!({"resolution": "hd"}), json!({})).expect_err("no format");
        assert!(error.contains("/format: nothing"), "{error}");
        assert!(of("jpg", json!({"range": {"start": 1, "length": 0}})).is_ok());
    }
}
