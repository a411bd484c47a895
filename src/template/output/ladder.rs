//! The ladder: the same video in smaller sizes beside it, for players on slow lines.

use crate::profile::VideoProfile;
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::template::output::QUALITIES;
use crate::template::output::size::{RESOLUTIONS, like};

/// The most rungs below the video itself. A player makes do with few, and each is another
/// rendering of what is watched on it.
pub const MAX_RUNGS: usize = 4;

/// A rung that is chosen here is at most so large a share of the one above, as a
/// numerator and a denominator: closer ones differ little in bits.
const STEP: (u32, u32) = (2, 3);

/// Reads `output.loomcast.ladder`: the profiles of the rungs below `video`, the largest
/// first. Without it there are none.
pub(super) fn read(
    output: &Object,
    canvas: (u32, u32),
    video: &VideoProfile,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<VideoProfile>, EditError> {
    let Some(own) = output.get("loomcast") else {
        return Ok(Vec::new());
    };
    let own = own.object()?;
    let ladder = own.get("ladder");
    own.finish(warnings);
    let Some(ladder) = ladder else {
        return Ok(Vec::new());
    };
    if ladder.value == "auto" {
        return chosen(&ladder, canvas, video);
    }
    let rungs = ladder
        .elements(MAX_RUNGS)
        .map_err(|_| ladder.error(format!("auto, or an array of 1 to {MAX_RUNGS} rungs")))?;
    let mut profiles: Vec<VideoProfile> = Vec::with_capacity(rungs.len());
    for cursor in rungs {
        let profile = rung(&cursor, canvas, video, warnings)?;
        if profiles.iter().any(|other| other.height == profile.height) {
            return Err(cursor.error("a resolution that no other rung has"));
        }
        profiles.push(profile);
    }
    profiles.sort_by_key(|profile| std::cmp::Reverse(profile.height));
    Ok(profiles)
}

/// `"mobile"`, or `{"scaleTo": "mobile", "quality": "low"}`
fn rung(
    cursor: &Cursor,
    canvas: (u32, u32),
    video: &VideoProfile,
    warnings: &mut Vec<Warning>,
) -> Result<VideoProfile, EditError> {
    if cursor.value.is_string() {
        return scaled(cursor, canvas, video);
    }
    let object = cursor.object()?;
    let size = object.need("scaleTo", "the name of a resolution")?;
    let mut profile = scaled(&size, canvas, video)?;
    profile.quality = object.choice("quality", &QUALITIES, video.quality)?;
    object.finish(warnings);
    Ok(profile)
}

/// `video` at the resolution that stands at `cursor`.
fn scaled(
    cursor: &Cursor,
    canvas: (u32, u32),
    video: &VideoProfile,
) -> Result<VideoProfile, EditError> {
    let short = cursor.choice(&RESOLUTIONS)?.short;
    let own = video.width.min(video.height);
    if short >= own {
        return Err(cursor.error(format!(
            "a resolution below the video's own, whose shorter side is {own} pixels"
        )));
    }
    sized(cursor, canvas, video, short)
}

fn sized(
    cursor: &Cursor,
    canvas: (u32, u32),
    video: &VideoProfile,
    short: u32,
) -> Result<VideoProfile, EditError> {
    let (width, height) = like(cursor, canvas, short)?;
    Ok(VideoProfile {
        width,
        height,
        ..video.clone()
    })
}

/// The named resolutions below that of `video`, far enough from one another.
fn chosen(
    cursor: &Cursor,
    canvas: (u32, u32),
    video: &VideoProfile,
) -> Result<Vec<VideoProfile>, EditError> {
    let mut above = video.width.min(video.height);
    let mut profiles = Vec::new();
    for (_, resolution) in RESOLUTIONS.iter().rev() {
        let (num, den) = STEP;
        if resolution.short * den <= above * num && profiles.len() < MAX_RUNGS {
            profiles.push(sized(cursor, canvas, video, resolution.short)?);
            above = resolution.short;
        }
    }
    Ok(profiles)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::template::output;

    fn ladder(resolution: &Value, ladder: &Value) -> Result<Vec<(u32, u32, u32)>, String> {
        let mut document =
            json!({"format": "mp4", "quality": "high", "loomcast": {"ladder": ladder}});
        for (name, value) in resolution.as_object().expect("an object") {
            document[name] = value.clone();
        }
        let mut warnings = Vec::new();
        let read = output::read(&Cursor::root(&document), &mut warnings);
        let read = read.map_err(|error| error.to_string())?;
        assert_eq!(warnings, []);
        let of = |profile: &VideoProfile| (profile.width, profile.height, profile.quality.crf());
        Ok(read.ladder.iter().map(of).collect())
    }

    #[test]
    fn a_rung_is_the_video_scaled_and_the_largest_comes_first() {
        let hd = json!({"resolution": "hd"});
        let tall = json!({"resolution": "hd", "aspectRatio": "9:16"});
        let scaled = json!({"resolution": "hd", "scaleTo": "1080"});
        for (resolution, rungs, expected) in [
            (
                &hd,
                json!(["preview", "sd"]),
                vec![(1024, 576, 20), (512, 288, 20)],
            ),
            (
                &hd,
                json!([{"scaleTo": "mobile", "quality": "low"}]),
                vec![(640, 360, 28)],
            ),
            (&tall, json!(["mobile"]), vec![(360, 640, 20)]),
            (&scaled, json!(["hd"]), vec![(1280, 720, 20)]),
        ] {
            assert_eq!(
                ladder(resolution, &rungs).expect("reads"),
                expected,
                "{rungs}"
            );
        }
    }

    #[test]
    fn an_automatic_ladder_has_rungs_far_enough_apart() {
        for (resolution, heights) in [
            ("4k", vec![1080, 720, 360]),
            ("1080", vec![720, 360]),
            ("hd", vec![360]),
            ("mobile", vec![]),
        ] {
            let rungs = ladder(&json!({"resolution": resolution}), &json!("auto"));
            let rungs = rungs.expect("reads").into_iter();
            assert_eq!(
                rungs.map(|(_, height, _)| height).collect::<Vec<_>>(),
                heights
            );
        }
    }

    #[test]
    fn what_is_no_rung_is_named() {
        let sd = json!({"resolution": "sd"});
        for (rungs, part) in [
            (json!([]), "expected auto, or an array of 1 to 4"),
            (json!("fast"), "/loomcast/ladder: \"fast\" is not allowed"),
            (
                json!(["hd"]),
                "/loomcast/ladder/0: \"hd\" is not allowed: expected a resolution below",
            ),
            (json!(["sd"]), "whose shorter side is 576 pixels"),
            (
                json!(["mobile", "mobile"]),
                "/loomcast/ladder/1: \"mobile\" is not allowed: expected a resolution that no other",
            ),
            (
                json!([{"quality": "low"}]),
                "/loomcast/ladder/0/scaleTo: nothing",
            ),
            (
                json!(["8k"]),
                "/loomcast/ladder/0: \"8k\" is not allowed: expected one of preview",
            ),
            (
                json!(vec!["preview"; 5]),
                "expected auto, or an array of 1 to 4",
            ),
        ] {
            let error = ladder(&sd, &rungs).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
