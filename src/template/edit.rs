//! The whole Edit: tracks of clips, soundtrack, output.

use serde_json::Value;

use crate::template::asset::{self, Asset, Fade, Source};
use crate::template::clip::{self, Clip};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::template::output::{self, Output};
use crate::template::role::{self, Role};
use crate::timeline::Rgb;

/// The most tracks.
pub const MAX_TRACKS: usize = 500;

/// The most clips on one track; also the most in all.
pub const MAX_CLIPS: usize = 20_000;

/// The most fonts that an Edit brings along.
pub const MAX_FONTS: usize = 50;

/// An Edit with its merge fields filled in, read and checked as far as that
/// goes without looking at its files.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// What is made of it.
    pub output: Output,
    /// The colour under everything.
    pub background: Rgb,
    /// The tracks, the top one first, each in the order of the Edit.
    pub tracks: Vec<Vec<Clip>>,
    /// Music under the whole video.
    pub soundtrack: Option<Soundtrack>,
    /// Font files of the Edit's own.
    pub fonts: Vec<Source>,
    /// Whether files that were fetched before may be used for as long as their
    /// servers said; else these are asked each time.
    pub cache: bool,
}

/// Music under the whole video, ended with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Soundtrack {
    /// Its file.
    pub src: Source,
    /// How loud, 0 to 1.
    pub volume: f64,
    /// Fades.
    pub fade: Fade,
    /// How it stands among the other sounds.
    pub role: Role,
}

impl Edit {
    /// Reads a merged document. What is not known is warned about.
    pub fn read(document: &Value, warnings: &mut Vec<Warning>) -> Result<Self, EditError> {
        let root = Cursor::root(document).object()?;
        let output = output::read(&root.need("output", "an output")?, warnings)?;
        let timeline = root.need("timeline", "a timeline")?.object()?;
        let background = timeline
            .get("background")
            .map_or(Ok(Rgb::default()), |cursor| color(&cursor))?;
        let soundtrack = timeline
            .get("soundtrack")
            .map(|cursor| soundtrack(&cursor, warnings))
            .transpose()?;
        let fonts = fonts(&timeline, warnings)?;
        let tracks = tracks(&timeline, output.canvas, warnings)?;
        let cache = timeline.get("cache").is_none() || timeline.flag("cache")?;
        timeline.finish(warnings);
        // What is the service's to follow, or has no meaning on one's own machine.
        root.ignore(&["merge", "loomcast", "callback", "disk", "instance"]);
        // Names that editors give to whole Edits.
        root.ignore(&["cache", "id", "alias"]);
        root.finish(warnings);
        Ok(Self {
            output,
            background,
            tracks,
            soundtrack,
            fonts,
            cache,
        })
    }

    /// All files that it needs, fonts aside; a file may come up more than once.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let clips = self
            .tracks
            .iter()
            .flatten()
            .filter_map(|clip: &Clip| Asset::source(&clip.asset));
        clips.chain(self.soundtrack.iter().map(|soundtrack| &soundtrack.src))
    }
}

fn tracks(
    timeline: &Object,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Vec<Clip>>, EditError> {
    let mut total = 0;
    let mut tracks = Vec::new();
    for track in timeline
        .need("tracks", "an array of tracks")?
        .elements(MAX_TRACKS)?
    {
        let track = track.object()?;
        let clips = track.need("clips", "an array of clips")?;
        let elements = clips.elements(MAX_CLIPS)?;
        total += elements.len();
        if total > MAX_CLIPS {
            return Err(EditError::new(
                clips.pointer,
                format!("clip number {total}"),
                format!("at most {MAX_CLIPS} clips"),
            ));
        }
        tracks.push(
            elements
                .iter()
                .map(|clip| clip::read(clip, frame, warnings))
                .collect::<Result<_, _>>()?,
        );
        track.finish(warnings);
    }
    Ok(tracks)
}

fn soundtrack(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<Soundtrack, EditError> {
    let object = cursor.object()?;
    let soundtrack = Soundtrack {
        src: asset::source(&object)?,
        volume: object.number("volume", 0.0..=1.0, 1.0)?,
        fade: object.choice("effect", &Fade::NAMED, Fade::default())?,
        role: role::read(&object, warnings)?,
    };
    object.finish(warnings);
    Ok(soundtrack)
}

fn fonts(timeline: &Object, warnings: &mut Vec<Warning>) -> Result<Vec<Source>, EditError> {
    let Some(cursor) = timeline.get("fonts") else {
        return Ok(Vec::new());
    };
    if cursor.value.as_array().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let read = |element: &Cursor| {
        let object = element.object()?;
        let source = asset::source(&object)?;
        object.finish(warnings);
        Ok(source)
    };
    cursor.elements(MAX_FONTS)?.iter().map(read).collect()
}

/// `#RRGGBB`.
pub(super) fn color(cursor: &Cursor) -> Result<Rgb, EditError> {
    let digits = cursor
        .value
        .as_str()
        .and_then(|text| text.strip_prefix('#'));
    digits
        .filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .map(|number| Rgb([(number >> 16) as u8, (number >> 8) as u8, number as u8]))
        .ok_or_else(|| cursor.error("a colour as #RRGGBB"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edit(timeline: Value) -> Result<(Edit, Vec<String>), String> {
        let mut warnings = Vec::new();
        let document =
            json!({"timeline": timeline, "output": {"format": "mp4", "resolution": "hd"}});
        let edit = Edit::read(&document, &mut warnings).map_err(|error| error.to_string())?;
        Ok((edit, warnings.iter().map(Warning::to_string).collect()))
    }

    fn one_clip() -> Value {
        json!([{"clips": [{"asset": {"type": "image", "src": "a.png"}, "start": 0, "length": 1}]}])
    }

    #[test]
    fn an_edit_is_read() {
        let (edit, warnings) = edit(json!({
            "background": "#102030",
            "fonts": [{"src": "fonts/x.ttf"}],
            "soundtrack": {"src": "m.flac", "effect": "fadeInFadeOut", "volume": 0.5},
            "tracks": one_clip(),
        }))
        .expect("reads");
        assert_eq!(edit.background, Rgb([0x10, 0x20, 0x30]));
        assert_eq!(
            edit.sources().map(Source::name).collect::<Vec<_>>(),
            ["a.png", "m.flac"]
        );
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn what_a_service_is_told_beside_the_video_is_no_mistake() {
        let document = json!({
            "timeline": {"tracks": one_clip(), "cache": true},
            "output": {"format": "mp4", "resolution": "hd"},
            "callback": "https://example.com/done",
            "disk": "local",
            "instance": "s1",
            "cache": false,
            "id": "a",
            "alias": "b",
            "merge": [],
        });
        let mut warnings = Vec::new();
        Edit::read(&document, &mut warnings).expect("reads");
        assert_eq!(warnings, []);
    }

    #[test]
    fn unknown_fields_are_warned_about_by_name() {
        let (_, warnings) = edit(json!({"tracks": one_clip(), "shadow": 1})).expect("reads");
        assert_eq!(
            warnings,
            ["/timeline/shadow: this field is not known and has no effect"]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (timeline, part) in [
            (json!({}), "/timeline/tracks: nothing"),
            (json!({"tracks": []}), "/timeline/tracks: an array of 0"),
            (
                json!({"tracks": [{"clips": "none"}]}),
                "/timeline/tracks/0/clips: \"none\"",
            ),
            (
                json!({"tracks": one_clip(), "background": "red"}),
                "/timeline/background: \"red\"",
            ),
            (
                json!({"tracks": one_clip(), "background": "#12345é"}),
                "/timeline/background",
            ),
            (
                json!([]),
                "/timeline: [] is not allowed: expected an object",
            ),
        ] {
            let error = edit(timeline).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
