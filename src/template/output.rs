//! The `output` of an Edit: size, frame rate and quality.

use crate::profile::{Quality, SIDE_RANGE, VideoProfile};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::time::FrameRate;

/// Longer and shorter side and frame rate of each named resolution.
const RESOLUTIONS: [(&str, (u32, u32, u32)); 6] = [
    ("preview", (512, 288, 15)),
    ("mobile", (640, 360, 25)),
    ("sd", (1024, 576, 25)),
    ("hd", (1280, 720, 25)),
    ("1080", (1920, 1080, 25)),
    ("4k", (3840, 2160, 25)),
];

/// Width to height.
const ASPECT_RATIOS: [(&str, (u32, u32)); 5] = [
    ("16:9", (16, 9)),
    ("9:16", (9, 16)),
    ("1:1", (1, 1)),
    ("4:5", (4, 5)),
    ("4:3", (4, 3)),
];

const QUALITIES: [(&str, Quality); 5] = [
    ("verylow", Quality::VeryLow),
    ("low", Quality::Low),
    ("medium", Quality::Medium),
    ("high", Quality::High),
    ("veryhigh", Quality::VeryHigh),
];

/// The rates of the Edit format: as it writes them, and exactly.
const RATES: [(f64, (u32, u32)); 11] = [
    (12.0, (12, 1)),
    (15.0, (15, 1)),
    (23.976, (24_000, 1001)),
    (24.0, (24, 1)),
    (25.0, (25, 1)),
    (29.97, (30_000, 1001)),
    (30.0, (30, 1)),
    (48.0, (48, 1)),
    (50.0, (50, 1)),
    (59.94, (60_000, 1001)),
    (60.0, (60, 1)),
];

/// Reads `output`.
pub(super) fn read(
    cursor: &Cursor,
    warnings: &mut Vec<Warning>,
) -> Result<VideoProfile, EditError> {
    let output = cursor.object()?;
    output
        .need("format", "mp4 or hls")?
        .choice(&[("mp4", ()), ("hls", ())])?;
    let (width, height, default_rate) = size(&output)?;
    let rate = match output.get("fps") {
        None => {
            FrameRate::new(default_rate, 1).expect("the named resolutions have supported rates")
        }
        Some(cursor) => frame_rate(&cursor)?,
    };
    let quality = output.choice("quality", &QUALITIES, Quality::Medium)?;
    output.finish(warnings);
    Ok(VideoProfile {
        width,
        height,
        rate,
        quality,
    })
}

fn size(output: &Object) -> Result<(u32, u32, u32), EditError> {
    let resolution = output
        .get("resolution")
        .map(|cursor| cursor.choice(&RESOLUTIONS))
        .transpose()?;
    let aspect = output
        .get("aspectRatio")
        .map(|cursor| cursor.choice(&ASPECT_RATIOS))
        .transpose()?;
    let default_rate = resolution.map_or(25, |(_, _, rate)| rate);
    if let Some(cursor) = output.get("size") {
        let size = cursor.object()?;
        let side = |name: &str| {
            let cursor = size.need(name, "a number of pixels")?;
            let pixels = cursor.integer(&SIDE_RANGE)?;
            let even = pixels % 2 == 0;
            if even {
                Ok(pixels)
            } else {
                Err(cursor.error("an even number of pixels (4:2:0 video)"))
            }
        };
        return Ok((side("width")?, side("height")?, default_rate));
    }
    let Some((long, short, _)) = resolution else {
        return Err(EditError::missing(
            output.pointer.member("resolution"),
            "a resolution, or /output/size",
        ));
    };
    let even = |pixels: u32| pixels / 2 * 2;
    let (width, height) = match aspect.unwrap_or((16, 9)) {
        (16, 9) => (long, short),
        (9, 16) => (short, long),
        (1, 1) => (short, short),
        // The shorter side stays what the resolution names.
        (w, h) if w > h => (even(short * w / h), short),
        (w, h) => (short, even(short * h / w)),
    };
    Ok((width, height, default_rate))
}

fn frame_rate(cursor: &Cursor) -> Result<FrameRate, EditError> {
    let allowed = || {
        cursor.error(format!(
            "one of {}",
            RATES.map(|(written, _)| written.to_string()).join(", ")
        ))
    };
    let written = cursor.number(&(1.0..=240.0)).map_err(|_| allowed())?;
    let exact = RATES
        .iter()
        .find(|(known, _)| (known - written).abs() < 0.0005);
    let (_, (num, den)) = exact.ok_or_else(allowed)?;
    FrameRate::new(*num, *den).map_err(|_| allowed())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn profile(output: Value) -> Result<(u32, u32, String), String> {
        let mut warnings = Vec::new();
        read(&Cursor::root(&output), &mut warnings)
            .map(|profile| (profile.width, profile.height, profile.rate.to_string()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn resolutions_and_aspect_ratios_give_sizes() {
        for (output, expected) in [
            (
                json!({"format": "mp4", "resolution": "hd"}),
                (1280, 720, "25"),
            ),
            (
                json!({"format": "mp4", "resolution": "hd", "aspectRatio": "9:16", "fps": 30}),
                (720, 1280, "30"),
            ),
            (
                json!({"format": "mp4", "resolution": "1080", "aspectRatio": "1:1"}),
                (1080, 1080, "25"),
            ),
            (
                json!({"format": "mp4", "resolution": "sd", "aspectRatio": "4:3"}),
                (768, 576, "25"),
            ),
            (
                json!({"format": "mp4", "resolution": "sd", "aspectRatio": "4:5"}),
                (576, 720, "25"),
            ),
            (
                json!({"format": "mp4", "resolution": "preview"}),
                (512, 288, "15"),
            ),
            (
                json!({"format": "mp4", "size": {"width": 640, "height": 480}, "fps": 29.97}),
                (640, 480, "30000/1001"),
            ),
            (
                json!({"format": "hls", "resolution": "4k", "fps": "23.976"}),
                (3840, 2160, "24000/1001"),
            ),
        ] {
            let (width, height, rate) = expected;
            assert_eq!(
                profile(output.clone()),
                Ok((width, height, rate.to_owned())),
                "{output}"
            );
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (output, part) in [
            (
                json!({"resolution": "hd"}),
                "/format: nothing is not allowed",
            ),
            (
                json!({"format": "avi", "resolution": "hd"}),
                "/format: \"avi\" is not allowed",
            ),
            (json!({"format": "mp4"}), "/resolution: nothing"),
            (
                json!({"format": "mp4", "size": {"width": 641, "height": 480}}),
                "/size/width: 641 is not allowed: expected an even",
            ),
            (
                json!({"format": "mp4", "size": {"width": 640, "height": 99999}}),
                "/size/height: 99999",
            ),
            (
                json!({"format": "mp4", "size": {"width": 640}}),
                "/size/height: nothing",
            ),
            (
                json!({"format": "mp4", "resolution": "hd", "fps": 31}),
                "/fps: 31 is not allowed: expected one of 12, 15",
            ),
        ] {
            let error = profile(output).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
