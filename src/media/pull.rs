//! Streams of other servers, by whatever protocol FFmpeg reads, passed on as they
//! are: nothing is decoded, and times stay those of the source to the tick.

use std::os::fd::{AsRawFd as _, OwnedFd};

use ffmpeg_next as ffmpeg;
use thiserror::Error;

use crate::media::MediaError;
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
    #[error("there are no pictures of H.264 or HEVC and no sound of AAC in it")]
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
    let tracks = tracks(&input, &mut output)?;
    let mut how = Dictionary::new();
    // Each frame goes out when it has come, with a packet of its own.
    how.set("flush_packets", "1");
    how.set("pes_payload_size", "0");
    how.set("muxdelay", "0");
    output.write_header_with(how).map_err(PullError::Write)?;
    pass(&mut input, &mut output, &tracks)?;
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
        if !matches!(codec, Id::H264 | Id::HEVC | Id::AAC) {
            tracing::warn!(?codec, "a track of a pulled stream is left out");
            continue;
        }
        let mut to = output
            .add_stream(ffmpeg::encoder::find(Id::None))
            .map_err(PullError::Write)?;
        to.set_parameters(stream.parameters());
        tracks.push(Track {
            from: stream.index(),
            to: to.index(),
            clock: stream.time_base(),
        });
    }
    match tracks.is_empty() {
        true => Err(PullError::Nothing),
        false => Ok(tracks),
    }
}

fn pass(input: &mut Input, output: &mut Output, tracks: &[Track]) -> Result<(), PullError> {
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
        let Some(track) = tracks.iter().find(|track| track.from == packet.stream()) else {
            continue;
        };
        // What has no time cannot be placed.
        if packet.dts().is_none() {
            continue;
        }
        let clock = output.stream(track.to).map(|stream| stream.time_base());
        packet.set_stream(track.to);
        packet.set_position(-1);
        packet.rescale_ts(track.clock, clock.unwrap_or(track.clock));
        packet.write(output).map_err(PullError::Write)?;
    }
}
