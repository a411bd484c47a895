//! Streams of other servers, by whatever protocol FFmpeg reads, passed on as they
//! are, with the times of the source to the tick. Sound that is not AAC is turned into it.

use std::num::NonZeroU32;
use std::os::fd::{AsRawFd as _, OwnedFd};

use ffmpeg_next as ffmpeg;
use thiserror::Error;

use crate::media::{AacFrame, LiveSound, MediaError, aac_config};
use crate::profile::AudioProfile;
use ffmpeg::codec::Id;
use ffmpeg::format::context::{Input, Output};
use ffmpeg::media::Type;
use ffmpeg::{Dictionary, Packet, Rational};

/// What a source may make FFmpeg speak: never a file of this machine.
const PROTOCOLS: &str = "rtmp,rtmps,rtsp,rtsps,srt,http,https,httpproxy,tcp,tls,udp,rtp,crypto";

/// How long a source may be silent, in microseconds. Whoever reads what is pulled
/// gives up no later; this ends the thread.
const SILENCE_MICROS: &str = "15000000";

/// Bytes and microseconds of a source that are looked at before it is passed on.
const PROBE_BYTES: &str = "1000000";
const PROBE_MICROS: &str = "2000000";

/// Bytes of the head that each frame of AAC has in a transport stream.
const ADTS_BYTES: usize = 7;

/// The most streams in a source.
const MAX_STREAMS: &str = "64";

/// Errors in a row after which a source is given up: one may be a damaged packet.
const MAX_ERRORS: u32 = 16;

/// Why a source cannot be pulled, or broke off.
#[derive(Debug, Error)]
pub enum PullError {
    /// It cannot be opened.
    #[error("it cannot be opened: {0}")]
    Open(ffmpeg::Error),
    /// There is nothing in it that is passed on.
    #[error("there are no pictures of H.264 or HEVC and no sound in it")]
    Nothing,
    /// It broke off.
    #[error("it broke off: {0}")]
    Broke(ffmpeg::Error),
    /// Nobody reads it any more, or it cannot be written.
    #[error("it cannot be passed on: {0}")]
    Write(ffmpeg::Error),
    /// FFmpeg itself is not usable.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// One track on its way.
struct Track {
    from: usize,
    to: usize,
    clock: Rational,
    /// What turns its packets, if they are not passed on.
    turned: Option<Box<LiveSound>>,
}

/// Passes the stream at `url` on to `pipe` as an MPEG transport stream, until it ends
/// or nobody reads the pipe. Blocks for that long, and in between for as long as the
/// source may be silent.
pub fn pull(url: &str, pipe: &OwnedFd) -> Result<(), PullError> {
    crate::media::init()?;
    let mut input =
        ffmpeg::format::input_with_dictionary(url, options(url)).map_err(PullError::Open)?;
    let path = format!("pipe:{}", pipe.as_raw_fd());
    let mut output = ffmpeg::format::output_as(&path, "mpegts").map_err(PullError::Write)?;
    let mut tracks = tracks(&input, &mut output)?;
    let mut how = Dictionary::new();
    // Each frame goes out when it has come, with a packet of its own.
    how.set("flush_packets", "1");
    how.set("pes_payload_size", "0");
    how.set("muxdelay", "0");
    output.write_header_with(how).map_err(PullError::Write)?;
    pass(&mut input, &mut output, &mut tracks)?;
    for track in &mut tracks {
        if let Some(turned) = &mut track.turned {
            let last = turned.finish()?;
            write_turned(&last, track, &mut output)?;
        }
    }
    output.write_trailer().map_err(PullError::Write)
}

fn options(url: &str) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    for (name, value) in [
        ("protocol_whitelist", PROTOCOLS),
        ("probesize", PROBE_BYTES),
        ("analyzeduration", PROBE_MICROS),
        ("max_streams", MAX_STREAMS),
        // Pictures are not counted to guess at a rate: the clock says all.
        ("fpsprobesize", "0"),
    ] {
        options.set(name, value);
    }
    // What the protocols call it; RTSP would else take its silence for a port to
    // listen at.
    let silence = match url.split(':').next() {
        Some("rtsp" | "rtsps") => {
            // Through any firewall, and in order.
            options.set("rtsp_transport", "tcp");
            "timeout"
        }
        Some("srt") => "timeout",
        _ => "rw_timeout",
    };
    options.set(silence, SILENCE_MICROS);
    options
}

fn tracks(input: &Input, output: &mut Output) -> Result<Vec<Track>, PullError> {
    let mut tracks = Vec::new();
    for kind in [Type::Video, Type::Audio] {
        let Some(stream) = input.streams().best(kind) else {
            continue;
        };
        let codec = stream.parameters().id();
        let turned = match codec {
            Id::H264 | Id::HEVC | Id::AAC => None,
            _ if kind == Type::Audio => match LiveSound::of(stream.parameters()) {
                Ok(turned) if adts_head(turned.rate(), 0).is_some() => Some(Box::new(turned)),
                Ok(turned) => {
                    let rate = turned.rate();
                    tracing::warn!(?codec, rate, "sound of a pulled stream is left out");
                    continue;
                }
                Err(error) => {
                    tracing::warn!(?codec, %error, "sound of a pulled stream is left out");
                    continue;
                }
            },
            _ => {
                tracing::warn!(?codec, "a track of a pulled stream is left out");
                continue;
            }
        };
        let mut to = output
            .add_stream(ffmpeg::encoder::find(Id::None))
            .map_err(PullError::Write)?;
        match &turned {
            Some(turned) => to.set_parameters(turned.encoder()),
            None => to.set_parameters(stream.parameters()),
        }
        tracks.push(Track {
            from: stream.index(),
            to: to.index(),
            clock: stream.time_base(),
            turned,
        });
    }
    match tracks.is_empty() {
        true => Err(PullError::Nothing),
        false => Ok(tracks),
    }
}

fn pass(input: &mut Input, output: &mut Output, tracks: &mut [Track]) -> Result<(), PullError> {
    let mut errors = 0;
    loop {
        let mut packet = Packet::empty();
        match packet.read(input) {
            Ok(()) => errors = 0,
            Err(ffmpeg::Error::Eof) => return Ok(()),
            Err(ffmpeg::Error::InvalidData) if errors < MAX_ERRORS => {
                errors += 1;
                continue;
            }
            Err(error) => return Err(PullError::Broke(error)),
        }
        let Some(track) = tracks
            .iter_mut()
            .find(|track| track.from == packet.stream())
        else {
            continue;
        };
        // What has no time cannot be placed.
        if packet.dts().is_none() {
            continue;
        }
        if let Some(turned) = &mut track.turned {
            let shown = packet.pts().or(packet.dts()).unwrap_or_default();
            let time = rescaled(shown, track.clock, turned.rate());
            let frames = turned.push(packet.data().unwrap_or_default(), time)?;
            write_turned(&frames, track, output)?;
            continue;
        }
        let clock = output.stream(track.to).map(|stream| stream.time_base());
        packet.set_stream(track.to);
        packet.set_position(-1);
        packet.rescale_ts(track.clock, clock.unwrap_or(track.clock));
        packet.write(output).map_err(PullError::Write)?;
    }
}

/// Writes what came of a track that is turned.
fn write_turned(frames: &[AacFrame], track: &Track, output: &mut Output) -> Result<(), PullError> {
    let Some(turned) = &track.turned else {
        return Ok(());
    };
    let own = Rational(1, i32::try_from(turned.rate()).unwrap_or(1));
    let clock = output.stream(track.to).map(|stream| stream.time_base());
    for AacFrame { time, data } in frames {
        let Some(head) = adts_head(turned.rate(), data.len()) else {
            continue;
        };
        let mut packet = Packet::copy(&[&head[..], data].concat());
        packet.set_pts(Some(*time));
        packet.set_dts(Some(*time));
        packet.set_stream(track.to);
        packet.rescale_ts(own, clock.unwrap_or(own));
        packet.write(output).map_err(PullError::Write)?;
    }
    Ok(())
}

/// A time of a source in samples of `rate` a second, to the nearest.
fn rescaled(time: i64, clock: Rational, rate: u32) -> i64 {
    let (seconds, ticks) = (
        i128::from(clock.numerator()),
        i128::from(clock.denominator()),
    );
    let ticks = ticks.max(1);
    let samples = i128::from(time) * seconds * i128::from(rate);
    i64::try_from((2 * samples + ticks).div_euclid(2 * ticks)).unwrap_or(i64::MAX)
}

/// The head of a frame of so many bytes of AAC-LC in stereo (ISO/IEC 13818-7, 6.2); `None`
/// for a rate that AAC has not.
fn adts_head(rate: u32, bytes: usize) -> Option<[u8; ADTS_BYTES]> {
    let profile = AudioProfile {
        sample_rate: NonZeroU32::new(rate)?,
        ..AudioProfile::default()
    };
    let config = aac_config(&profile)?;
    let index = (config[0] & 7) << 1 | config[1] >> 7;
    let length = (ADTS_BYTES + bytes) & 0x1fff;
    Some([
        0xff,
        0xf1,
        1 << 6 | index << 2,
        2 << 6 | (length >> 11) as u8,
        (length >> 3) as u8,
        (length << 5) as u8 | 0x1f,
        0xfc,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_aac_has_a_head_and_no_frame_has_a_rate_that_there_is_not() {
        let head = adts_head(48_000, 100).expect("a head");
        assert_eq!(head, [0xff, 0xf1, 0x4c, 0x80, 0x0d, 0x7f, 0xfc]);
        assert_eq!(adts_head(8_000, 0).expect("a head")[2], 0x6c);
        assert_eq!(adts_head(192_000, 0), None);
    }

    #[test]
    fn times_are_rescaled_to_the_nearest_sample() {
        for (time, clock, rate, samples) in [
            (90_000, Rational(1, 90_000), 44_100, 44_100),
            (1, Rational(1, 1000), 44_100, 44),
            (-1, Rational(1, 1000), 44_100, -44),
            (5, Rational(1, 1000), 44_100, 221),
        ] {
            assert_eq!(rescaled(time, clock, rate), samples, "{time}");
        }
    }
}
