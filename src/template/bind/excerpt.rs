//! Which frames of the timeline are wanted: the range, and the frame of a picture.

use crate::template::error::{EditError, Pointer, Warning};
use crate::template::output::Output;
use crate::time::FrameRange;

/// The frames of a timeline of `frames` frames that `output` wants. A range begins with the
/// frame that is on at its start, and has the frames that begin within its length.
pub(super) fn frames(
    output: &Output,
    frames: u32,
    warnings: &mut Vec<Warning>,
) -> Result<FrameRange, EditError> {
    let rate = output.video.rate;
    let whole = rate.frame_start(i64::from(frames));
    let at = |path: &str| Pointer::from("/output").join(path);
    for (path, capture) in [
        ("/poster/capture", output.poster),
        (
            "/thumbnail/capture",
            output.thumbnail.map(|thumbnail| thumbnail.capture),
        ),
    ] {
        if capture.is_some_and(|capture| capture >= whole) {
            warnings.push(Warning {
                pointer: at(path),
                message: format!("the timeline is over at {whole}: its last frame is taken"),
            });
        }
    }
    let Some(range) = output.range else {
        return Ok(FrameRange {
            start: 0,
            end: frames,
        });
    };
    if range.start >= whole {
        let allowed = format!("less than {whole}, as long as the timeline is");
        return Err(EditError::new(at("/range/start"), range.start, allowed));
    }
    let start = u32::try_from(rate.frame_at(range.start)).unwrap_or(0);
    let end = match range.length {
        None => frames,
        Some(length) => {
            if range.start + length > whole {
                warnings.push(Warning {
                    pointer: at("/range/length"),
                    message: format!("the timeline is over at {whole}, and the range with it"),
                });
            }
            let count = u32::try_from(rate.frame_at_or_after(length)).unwrap_or(u32::MAX);
            start.saturating_add(count.max(1)).min(frames)
        }
    };
    Ok(FrameRange { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Quality, VideoProfile};
    use crate::template::output::{Format, Range};
    use crate::time::{FrameRate, Time};

    fn range(
        (num, den): (u32, u32),
        start: f64,
        length: Option<f64>,
    ) -> Result<(u32, u32, usize), String> {
        let time = |seconds| Time::from_decimal_seconds(seconds).expect("in range");
        let output = Output {
            format: Format::Mp4,
            canvas: (64, 36),
            video: VideoProfile {
                width: 64,
                height: 36,
                rate: FrameRate::new(num, den).expect("supported"),
                quality: Quality::Medium,
            },
            ladder: Vec::new(),
            repeat: true,
            mute: false,
            range: Some(Range {
                start: time(start),
                length: length.map(time),
            }),
            poster: None,
            thumbnail: None,
        };
        let mut warnings = Vec::new();
        let shown = frames(&output, 100, &mut warnings).map_err(|error| error.to_string())?;
        Ok((shown.start, shown.end, warnings.len()))
    }

    #[test]
    fn a_range_is_exact_to_the_frame() {
        for (rate, start, length, expected) in [
            ((25, 1), 0.0, None, (0, 100, 0)),
            ((25, 1), 1.0, Some(2.0), (25, 75, 0)),
            ((25, 1), 1.01, Some(2.0), (25, 75, 0)),
            ((25, 1), 1.04, Some(0.04), (26, 27, 0)),
            ((25, 1), 1.0, Some(0.0), (25, 26, 0)),
            ((25, 1), 1.0, Some(0.05), (25, 27, 0)),
            ((25, 1), 3.0, Some(3.0), (75, 100, 1)),
            ((25, 1), 3.999, None, (99, 100, 0)),
            // Frame 24 of 23.976 begins at 1.001 s exactly.
            ((24_000, 1001), 1.001, Some(1.001), (24, 48, 0)),
            ((24_000, 1001), 1.0, None, (23, 100, 0)),
        ] {
            assert_eq!(
                range(rate, start, length),
                Ok(expected),
                "{start} {length:?}"
            );
        }
    }

    #[test]
    fn a_range_after_the_end_is_refused() {
        let error = range((25, 1), 4.0, None).expect_err("beyond");
        assert_eq!(
            error,
            "/output/range/start: 4s is not allowed: expected less than 4s, as long as the timeline is"
        );
    }
}
