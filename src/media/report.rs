//! What a media file is made of, told in the words and shape of ffprobe's JSON.

use std::path::Path;

use ffmpeg_next as ffmpeg;
use serde::Serialize;

use crate::media::ProbeError;

/// Streams and container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MediaReport {
    /// The streams.
    pub streams: Vec<StreamReport>,
    /// The container.
    pub format: FormatReport,
}

/// One stream. Fractions are texts of the form `30000/1001`, times texts of seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the words are ffprobe's")]
pub struct StreamReport {
    pub index: usize,
    pub codec_name: String,
    pub codec_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pix_fmt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u16>,
    pub r_frame_rate: String,
    pub avg_frame_rate: String,
    pub time_base: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nb_frames: Option<String>,
}

/// The container.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the words are ffprobe's")]
pub struct FormatReport {
    pub nb_streams: usize,
    pub format_name: String,
    pub format_long_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    pub size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<String>,
}

/// What the file at `path` is made of. Blocks.
pub(super) fn report(path: &Path) -> Result<MediaReport, ProbeError> {
    crate::media::init()?;
    let unreadable = |error: String| ProbeError::Unreadable(error);
    let input = crate::media::input::open(path)?;
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    let streams: Vec<StreamReport> = input.streams().map(|stream| describe(&stream)).collect();
    // AV_TIME_BASE is microseconds.
    let duration = (input.duration() > 0).then(|| input.duration() as f64 / 1e6);
    Ok(MediaReport {
        format: FormatReport {
            nb_streams: streams.len(),
            format_name: input.format().name().to_owned(),
            format_long_name: input.format().description().to_owned(),
            duration: duration.map(seconds),
            size: size.len().to_string(),
            bit_rate: (input.bit_rate() > 0).then(|| input.bit_rate().to_string()),
        },
        streams,
    })
}

fn describe(stream: &ffmpeg::Stream) -> StreamReport {
    use ffmpeg::media::Type;
    let parameters = stream.parameters();
    let base = stream.time_base();
    let mut report = StreamReport {
        index: stream.index(),
        codec_name: parameters.id().name().to_owned(),
        codec_type: match parameters.medium() {
            Type::Video => "video",
            Type::Audio => "audio",
            Type::Subtitle => "subtitle",
            Type::Data | Type::Attachment | Type::Unknown => "data",
        },
        r_frame_rate: fraction(stream.rate()),
        avg_frame_rate: fraction(stream.avg_frame_rate()),
        time_base: fraction(base),
        duration: (stream.duration() > 0)
            .then(|| seconds(stream.duration() as f64 * f64::from(base))),
        nb_frames: (stream.frames() > 0).then(|| stream.frames().to_string()),
        ..StreamReport::default()
    };
    let Ok(context) = ffmpeg::codec::context::Context::from_parameters(parameters) else {
        return report;
    };
    match report.codec_type {
        "video" => {
            if let Ok(video) = context.decoder().video() {
                report.width = Some(video.width());
                report.height = Some(video.height());
                let format = video.format().descriptor();
                report.pix_fmt = format.map(|format| format.name().to_owned());
                report.bit_rate = (video.bit_rate() > 0).then(|| video.bit_rate().to_string());
            }
        }
        "audio" => {
            if let Ok(audio) = context.decoder().audio() {
                report.sample_rate = Some(audio.rate().to_string());
                report.channels = Some(audio.channels());
                report.bit_rate = (audio.bit_rate() > 0).then(|| audio.bit_rate().to_string());
            }
        }
        _ => {}
    }
    report
}

fn fraction(value: ffmpeg::Rational) -> String {
    format!("{}/{}", value.numerator(), value.denominator())
}

fn seconds(value: f64) -> String {
    format!("{value:.6}")
}
