//! How large the frame is, in which it is laid out and in which it is encoded, and
//! how many there are a second.

use crate::profile::SIDE_RANGE;
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::time::FrameRate;

/// Longer and shorter side and frame rate of each named resolution.
pub(super) const RESOLUTIONS: [(&str, Resolution); 6] = [
    ("preview", Resolution::new(512, 288, 15)),
    ("mobile", Resolution::new(640, 360, 25)),
    ("sd", Resolution::new(1024, 576, 25)),
    ("hd", Resolution::new(1280, 720, 25)),
    ("1080", Resolution::new(1920, 1080, 25)),
    ("4k", Resolution::new(3840, 2160, 25)),
];

/// Width to height.
const ASPECT_RATIOS: [(&str, (u32, u32)); 5] = [
    ("16:9", (16, 9)),
    ("9:16", (9, 16)),
    ("1:1", (1, 1)),
    ("4:5", (4, 5)),
    ("4:3", (4, 3)),
];

/// The rates of the Edit format: as it writes them, and exactly.
pub(crate) const RATES: [(f64, (u32, u32)); 11] = [
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

/// The rate where nothing says another.
const DEFAULT_RATE: u32 = 25;

/// What a name of a resolution stands for.
#[derive(Clone, Copy)]
pub(super) struct Resolution {
    long: u32,
    pub(super) short: u32,
    rate: u32,
}

impl Resolution {
    const fn new(long: u32, short: u32, rate: u32) -> Self {
        Self { long, short, rate }
    }

    /// Its size in this shape: the shorter side stays what the resolution names.
    fn size(self, aspect: (u32, u32)) -> (u32, u32) {
        let Self { long, short, .. } = self;
        match aspect {
            (16, 9) => (long, short),
            (9, 16) => (short, long),
            (w, h) if w > h => (even(short * w / h), short),
            (w, h) => (short, even(short * h / w)),
        }
    }
}

/// A frame like `canvas` whose shorter side is `short`, the other one rounded to an
/// even number; an error about `cursor` where that is too large to be encoded.
pub(super) fn like(
    cursor: &Cursor,
    canvas: (u32, u32),
    short: u32,
) -> Result<(u32, u32), EditError> {
    let shorter = u64::from(canvas.0.min(canvas.1)).max(1);
    let side = |pixels: u32| {
        let halves = (u64::from(pixels) * u64::from(short) + shorter) / (2 * shorter);
        u32::try_from(2 * halves)
            .ok()
            .filter(|side| SIDE_RANGE.contains(side))
    };
    side(canvas.0).zip(side(canvas.1)).ok_or_else(|| {
        let most = SIDE_RANGE.end();
        cursor.error(format!("one at which no side is longer than {most} pixels"))
    })
}

/// What the Edit says of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameSize {
    /// The width and height in which it is laid out.
    pub canvas: (u32, u32),
    /// The width and height in which it is encoded.
    pub encoded: (u32, u32),
    /// Frames a second.
    pub rate: FrameRate,
}

/// Reads `resolution`, `aspectRatio`, `size`, `scaleTo` and `fps`. Where the frame is
/// not `needed`, as what is made has no pictures, a missing size is none at all.
pub(super) fn read(
    output: &Object,
    needed: bool,
    warnings: &mut Vec<Warning>,
) -> Result<FrameSize, EditError> {
    let resolution = output.get("resolution");
    let aspect = output.get("aspectRatio");
    let named = resolution
        .as_ref()
        .map(|cursor| cursor.choice(&RESOLUTIONS))
        .transpose()?;
    let shape = aspect
        .as_ref()
        .map(|cursor| cursor.choice(&ASPECT_RATIOS))
        .transpose()?;
    let canvas = match (output.get("size"), named) {
        (Some(size), _) => {
            for (unused, message) in [
                (&resolution, "only its frame rate counts beside a size"),
                (&aspect, "it has no effect beside a size"),
            ] {
                warnings.extend(unused.as_ref().map(|cursor| Warning {
                    pointer: cursor.pointer.clone(),
                    message: message.into(),
                }));
            }
            custom(&size, warnings)?
        }
        (None, Some(named)) => named.size(shape.unwrap_or((16, 9))),
        (None, None) if !needed => RESOLUTIONS[0].1.size(shape.unwrap_or((16, 9))),
        (None, None) => {
            return Err(EditError::missing(
                output.pointer.member("resolution"),
                "a resolution, or /output/size",
            ));
        }
    };
    let encoded = match output.get("scaleTo") {
        Some(cursor) => like(&cursor, canvas, cursor.choice(&RESOLUTIONS)?.short)?,
        None => canvas,
    };
    let rate = match output.get("fps") {
        Some(cursor) => frame_rate(&cursor)?,
        None => {
            let whole = named.map_or(DEFAULT_RATE, |named| named.rate);
            FrameRate::new(whole, 1).expect("the named resolutions have supported rates")
        }
    };
    Ok(FrameSize {
        canvas,
        encoded,
        rate,
    })
}

fn custom(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<(u32, u32), EditError> {
    let size = cursor.object()?;
    let side = |name: &str| {
        let cursor = size.need(name, "a number of pixels")?;
        let pixels = cursor.integer(&SIDE_RANGE)?;
        if pixels % 2 == 0 {
            Ok(pixels)
        } else {
            Err(cursor.error("an even number of pixels (4:2:0 video)"))
        }
    };
    let sides = (side("width")?, side("height")?);
    size.finish(warnings);
    Ok(sides)
}

const fn even(pixels: u32) -> u32 {
    pixels / 2 * 2
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

    fn size(output: &Value) -> Result<(FrameSize, Vec<String>), String> {
        let mut warnings = Vec::new();
        let object = Cursor::root(output).object().expect("an object");
        let size = read(&object, true, &mut warnings).map_err(|error| error.to_string())?;
        Ok((size, warnings.iter().map(Warning::to_string).collect()))
    }

    #[test]
    fn resolutions_and_aspect_ratios_give_sizes() {
        for (output, expected) in [
            (json!({"resolution": "hd"}), (1280, 720, "25")),
            (
                json!({"resolution": "hd", "aspectRatio": "9:16", "fps": 30}),
                (720, 1280, "30"),
            ),
            (
                json!({"resolution": "1080", "aspectRatio": "1:1"}),
                (1080, 1080, "25"),
            ),
            (
                json!({"resolution": "sd", "aspectRatio": "4:3"}),
                (768, 576, "25"),
            ),
            (
                json!({"resolution": "sd", "aspectRatio": "4:5"}),
                (576, 720, "25"),
            ),
            (json!({"resolution": "preview"}), (512, 288, "15")),
            (
                json!({"size": {"width": 640, "height": 480}, "fps": 29.97}),
                (640, 480, "30000/1001"),
            ),
            (
                json!({"resolution": "4k", "fps": "23.976"}),
                (3840, 2160, "24000/1001"),
            ),
        ] {
            let (size, _) = size(&output).expect("reads");
            let (width, height, rate) = expected;
            assert_eq!(size.canvas, (width, height), "{output}");
            assert_eq!(size.encoded, size.canvas, "{output}");
            assert_eq!(size.rate.to_string(), rate, "{output}");
        }
    }

    #[test]
    fn a_frame_is_scaled_in_its_own_shape() {
        for (output, encoded) in [
            (
                json!({"resolution": "hd", "scaleTo": "preview"}),
                (512, 288),
            ),
            (json!({"resolution": "hd", "scaleTo": "4k"}), (3840, 2160)),
            (
                json!({"resolution": "hd", "aspectRatio": "9:16", "scaleTo": "sd"}),
                (576, 1024),
            ),
            (
                json!({"resolution": "hd", "aspectRatio": "4:5", "scaleTo": "mobile"}),
                (360, 450),
            ),
            (
                json!({"size": {"width": 1000, "height": 300}, "scaleTo": "mobile"}),
                (1200, 360),
            ),
        ] {
            assert_eq!(size(&output).expect("reads").0.encoded, encoded, "{output}");
        }
    }

    #[test]
    fn what_a_size_overrides_is_warned_about() {
        let (_, warnings) = size(&json!({
            "resolution": "hd", "aspectRatio": "1:1", "size": {"width": 64, "height": 64, "depth": 1},
        }))
        .expect("reads");
        let places: Vec<_> = warnings
            .iter()
            .filter_map(|text| text.split(':').next())
            .collect();
        assert_eq!(places, ["/resolution", "/aspectRatio", "/size/depth"]);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (output, part) in [
            (json!({}), "/resolution: nothing"),
            (
                json!({"size": {"width": 641, "height": 480}}),
                "/size/width: 641 is not allowed: expected an even",
            ),
            (
                json!({"size": {"width": 640, "height": 99999}}),
                "/size/height: 99999",
            ),
            (json!({"size": {"width": 640}}), "/size/height: nothing"),
            (
                json!({"resolution": "hd", "fps": 31}),
                "/fps: 31 is not allowed: expected one of 12, 15",
            ),
            (
                json!({"resolution": "hd", "scaleTo": "8k"}),
                "/scaleTo: \"8k\" is not allowed: expected one of preview",
            ),
            (
                json!({"size": {"width": 4000, "height": 200}, "scaleTo": "hd"}),
                "/scaleTo: \"hd\" is not allowed: expected one at which no side",
            ),
        ] {
            let error = size(&output).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
