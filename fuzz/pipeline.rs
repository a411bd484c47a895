//! From Edit JSON to the keys of all chunks, with files that are made up.

use std::collections::BTreeMap;
use std::sync::Arc;

use loomcast::digest::Digest;
use loomcast::partition::{Partition, Partitioning, partition};
use loomcast::template::bind::{AssetInfo, AssetKind, Assets, FontBook, FontChoice, bind};
use loomcast::template::caption::read;
use loomcast::template::edit::Edit;
use loomcast::template::error::{EditError, Warning};
use loomcast::template::markup::Markup;
use loomcast::template::merge::{Data, merge};
use loomcast::template::richtext::RichText;
use loomcast::time::Time;
use loomcast::timeline::Timeline;
use serde_json::Value;

use super::generate::Media;

/// The files that [`assets`] knows.
pub const MEDIA: Media = Media {
    videos: &["v.mp4", "tall.mp4", "clear.mov"],
    images: &["i.png", "clear.png"],
    sounds: &["a.wav", "v.mp4"],
    mattes: &["i.png", "v.mp4"],
    lotties: &["l.json"],
    words: &["words.vtt"],
};

/// Words with times of their own and without, cues that overlap, and silence.
const WORDS: &str = "WEBVTT\n\n00:00.200 --> 00:01.500\n<00:00.200>one <00:00.700>two\n\n\
    00:01.000 --> 00:02.000\nthree <b>four</b> five\n\n00:03.000 --> 00:04.000\nsix\n";

/// Captions by what is in their file.
pub fn captions(words: &str) -> AssetKind {
    AssetKind::Captions(Arc::new(read(words.as_bytes()).expect("captions")))
}

/// Frames times layers above which an Edit is not cut up here: that takes its time and
/// finds nothing that a smaller one does not.
const MAX_WORK: u64 = 40_000;

struct NoFonts;

impl FontBook for NoFonts {
    fn for_text(&self, _: &RichText) -> FontChoice {
        FontChoice::default()
    }

    fn for_card(&self, _: &Markup) -> FontChoice {
        FontChoice::default()
    }
}

/// Files of each kind.
pub fn assets() -> Assets {
    let info = |name: &str, kind| {
        let digest = Digest::of(name.as_bytes());
        (name.to_owned(), AssetInfo { digest, kind })
    };
    let video = |size, opaque| AssetKind::Video {
        size,
        duration: Time::from_seconds(10),
        sound: opaque,
        opaque,
    };
    let image = |opaque| AssetKind::Image {
        size: (100, 60),
        opaque,
    };
    let duration = Time::from_millis(4321);
    BTreeMap::from([
        info("v.mp4", video((640, 360), true)),
        info("tall.mp4", video((90, 160), true)),
        info("clear.mov", video((320, 180), false)),
        info("i.png", image(true)),
        info("clear.png", image(false)),
        info("a.wav", AssetKind::Audio { duration }),
        info(
            "l.json",
            AssetKind::Lottie {
                size: (200, 100),
                duration: Time::from_seconds(2),
                left_out: Vec::new(),
            },
        ),
        info("words.vtt", captions(WORDS)),
    ])
}

/// The timeline of an Edit.
pub fn timeline(document: Value) -> Result<Timeline, EditError> {
    timeline_of(document, &assets())
}

/// The timeline of an Edit with these files.
pub fn timeline_of(document: Value, assets: &Assets) -> Result<Timeline, EditError> {
    let merged = merge(document, &Data::new())?;
    let mut warnings: Vec<Warning> = Vec::new();
    let edit = Edit::read(&merged.document, &mut warnings)?;
    let is_dynamic = |place: &_| merged.is_dynamic(place);
    bind(&edit, assets, &NoFonts, &is_dynamic, &mut warnings)
}

/// Cuts an Edit up, if it is one. `None` where it would be too much.
pub fn plan(document: Value) -> Result<Option<Partition>, EditError> {
    let timeline = timeline(document)?;
    let work = u64::from(timeline.frames) * (timeline.layers.len() as u64 + 1);
    Ok((work <= MAX_WORK).then(|| partition(&timeline, &Partitioning::default())))
}
