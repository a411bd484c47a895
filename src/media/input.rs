//! Opens media files for looking into them, trusting none.
//!
//! FFmpeg reads many formats that are lists of other files, or of addresses: a file
//! from a stranger must never make it open one. Only formats whose samples are in
//! the file itself are read, no other protocol, and only so much of the file as it
//! takes to know what is in it.

use std::io::Read as _;
use std::path::Path;

use ffmpeg_next as ffmpeg;

use crate::media::ProbeError;

/// FFmpeg's names of what is read: footage, sound, and still pictures for those who
/// ask what they are.
const FORMATS: &str = "mov,matroska,mpegts,mpeg,avi,flv,ogg,asf,mxf,mp3,aac,flac,wav,w64,aiff,caf,amr,ac3,eac3,\
                       gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe";

/// The most bytes read to find out what is in a file; FFmpeg's own default.
const PROBE_BYTES: &str = "5000000";

/// The most microseconds of media looked at for the same.
const PROBE_MICROS: &str = "5000000";

/// The most streams in a file: footage has two, a master with many languages some dozens.
const MAX_STREAMS: &str = "64";

/// From this many bytes at the start it is told whether a file is a text.
const HEAD: usize = 512;

/// Opens the media file at `path`.
pub(super) fn open(path: &Path) -> Result<ffmpeg::format::context::Input, ProbeError> {
    // What is a text to all who look at it is a playlist to some of them.
    if is_text(path)? {
        return Err(ProbeError::Text);
    }
    let mut options = ffmpeg::Dictionary::new();
    for (name, value) in [
        ("format_whitelist", FORMATS),
        ("protocol_whitelist", "file"),
        ("probesize", PROBE_BYTES),
        ("analyzeduration", PROBE_MICROS),
        ("max_streams", MAX_STREAMS),
    ] {
        options.set(name, value);
    }
    ffmpeg::format::input_with_dictionary(path, options)
        .map_err(|error| ProbeError::Unreadable(error.to_string()))
}

/// Whether the file begins as a text: every format of media has bytes that none has.
fn is_text(path: &Path) -> Result<bool, ProbeError> {
    let mut head = Vec::with_capacity(HEAD);
    std::fs::File::open(path)
        .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head))
        .map_err(|error| ProbeError::Unreadable(error.to_string()))?;
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    Ok(!head.iter().any(control))
}
