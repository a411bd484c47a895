//! What the records of an encoder say of its tracks: size, colours, rate, channels.

use bytes::Bytes;
use h264_reader::avcc::AvcDecoderConfigurationRecord;
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::nal::{Nal as _, RefNal};
use thiserror::Error;

use crate::cmaf::{
    AudioConfig, AudioTrack, CmafError, Colours, Track, VideoConfig, VideoTrack, codec_string,
};
use crate::live::stretch::CLOCK;
use crate::live::{av1, hevc};

/// Bits a second of sound that does not say.
const AUDIO_BITRATE: u32 = 128_000;

/// Sample rates by their index in an AudioSpecificConfig and in ADTS.
pub(super) const AAC_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Why no track can be made of a record.
#[derive(Debug, Error)]
pub enum DescribeError {
    /// It makes no sense.
    #[error("the configuration of the {track} cannot be used: {reason}")]
    Config {
        /// Of which track.
        track: &'static str,
        /// Why.
        reason: String,
    },
    /// It makes sense, but no sample entry.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
}

/// Pictures as their encoder describes them.
pub(super) struct Looks {
    /// In pixels, as shown.
    pub width: u32,
    /// In pixels, as shown.
    pub height: u32,
    /// Where the encoder says.
    pub colours: Colours,
}

/// Colours of what an encoder says: code point 2 is "unspecified", and then it is
/// taken for what almost all video is.
pub(super) const fn said_colours(
    [primaries, transfer, matrix]: [u8; 3],
    full_range: bool,
) -> Colours {
    const fn said(code: u8, otherwise: u8) -> u8 {
        const UNSPECIFIED: u8 = 2;
        if code == UNSPECIFIED { otherwise } else { code }
    }
    let otherwise = Colours::BT709;
    Colours {
        primaries: said(primaries, otherwise.primaries),
        transfer: said(transfer, otherwise.transfer),
        matrix: said(matrix, otherwise.matrix),
        full_range,
    }
}

/// The track of a record of pictures.
pub(super) fn pictures(config: &VideoConfig) -> Result<Track, DescribeError> {
    let bad = |reason: String| DescribeError::Config {
        track: "video",
        reason,
    };
    let looks = match config {
        VideoConfig::Avc(record) => avc(record).map_err(bad)?,
        VideoConfig::Hevc(record) => {
            let sps = hevc::first_sps(record).ok_or_else(|| bad("there is no SPS".into()))?;
            hevc::read_sps(sps)
                .map_err(|error| bad(error.to_string()))?
                .looks
        }
        VideoConfig::Av1(record) => av1::looks(record).map_err(|error| bad(error.to_string()))?,
    };
    let side =
        |pixels: u32| u16::try_from(pixels).map_err(|_| bad(format!("{pixels} pixels a side")));
    let track = Track::Video(VideoTrack {
        timescale: CLOCK,
        width: side(looks.width)?,
        height: side(looks.height)?,
        config: config.clone(),
        colours: looks.colours,
    });
    codec_string(&track)?;
    Ok(track)
}

fn avc(record: &Bytes) -> Result<Looks, String> {
    let parsed = AvcDecoderConfigurationRecord::try_from(&record[..])
        .map_err(|error| format!("{error:?}"))?;
    let first = parsed.sequence_parameter_sets().next();
    let first = first.transpose().map_err(|error| format!("{error:?}"))?;
    avc_looks(first.ok_or("there is no SPS")?)
}

/// How pictures look, of a sequence parameter set of H.264.
fn avc_looks(unit: &[u8]) -> Result<Looks, String> {
    if unit.is_empty() {
        return Err("the SPS is empty".into());
    }
    let bits = RefNal::new(unit, &[], true).rbsp_bits();
    let sps = SeqParameterSet::from_bits(bits).map_err(|error| format!("{error:?}"))?;
    let (width, height) = sps
        .pixel_dimensions()
        .map_err(|error| format!("{error:?}"))?;
    let signal = sps.vui_parameters.as_ref();
    let signal = signal.and_then(|vui| vui.video_signal_type.as_ref());
    let colours = signal.map_or(Colours::BT709, |signal| {
        let said = signal.colour_description.as_ref();
        let codes = said.map_or([2; 3], |said| {
            [
                said.colour_primaries,
                said.transfer_characteristics,
                said.matrix_coefficients,
            ]
        });
        said_colours(codes, signal.video_full_range_flag)
    });
    Ok(Looks {
        width,
        height,
        colours,
    })
}

/// The track of a record of sound.
pub(super) fn sound(config: &AudioConfig) -> Result<Track, DescribeError> {
    let (timescale, channels) = match config {
        AudioConfig::Aac(asc) => aac(asc),
        AudioConfig::Opus(head) => opus(head),
    }
    .map_err(|reason| DescribeError::Config {
        track: "audio",
        reason: reason.into(),
    })?;
    let track = Track::Audio(AudioTrack {
        timescale,
        channels,
        config: config.clone(),
        bitrate: AUDIO_BITRATE,
    });
    codec_string(&track)?;
    Ok(track)
}

/// The AudioSpecificConfig of AAC-LC in stereo (ISO/IEC 14496-3, 1.6.2.1).
pub(super) fn aac_record(rate: u32) -> Result<Bytes, DescribeError> {
    let index = AAC_RATES.iter().position(|known| *known == rate);
    let index = index.and_then(|index| u16::try_from(index).ok());
    let index = index.ok_or_else(|| DescribeError::Config {
        track: "audio",
        reason: format!("{rate} samples a second are none that AAC has"),
    })?;
    // Object type 2, the rate, two channels.
    let bits = 2 << 11 | index << 7 | 2 << 3;
    Ok(Bytes::copy_from_slice(&u16::to_be_bytes(bits)))
}

/// Rate and channels of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
fn aac(asc: &Bytes) -> Result<(u32, u8), &'static str> {
    let [first, second, ..] = asc[..] else {
        return Err("it has less than two bytes");
    };
    let index = usize::from((first & 7) << 1 | second >> 7);
    let rate = AAC_RATES.get(index).ok_or("a sample rate of its own")?;
    let channels = match second >> 3 & 0xf {
        channels @ 1..=6 => channels,
        7 => 8,
        _ => return Err("channels of its own"),
    };
    Ok((*rate, channels))
}

/// Rate and channels of an identification header (RFC 7845, 5.1). Whatever was
/// recorded, Opus is decoded at 48 kHz.
fn opus(head: &Bytes) -> Result<(u32, u8), &'static str> {
    match head.strip_prefix(b"OpusHead") {
        Some([_, channels @ 1..=8, ..]) => Ok((48_000, *channels)),
        Some([_, ..]) => Err("it has not 1 to 8 channels"),
        _ => Err("it is no identification header of Opus"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of x264: 322 by 180 in the colours of PAL, full range.
    const PAL: &[u8] =
        b"\x01\x42\xc0\x0d\xff\xe1\0\x1c\x67\x42\xc0\x0d\xda\x05\x46\x78\x89\xf0\x16\xe0\xa0\
        \xc0\xc8\0\0\x03\0\x08\0\0\x03\x01\x90\x78\xa1\x55\x01\0\x04\x68\xce\x0f\xc8";

    #[test]
    fn colours_are_those_that_the_encoder_says() {
        let bt709 = Colours::BT709;
        let full_range = Colours {
            full_range: true,
            ..bt709
        };
        // Of PAL: primaries 5, the others 6.
        let pal = Colours {
            primaries: 5,
            transfer: 6,
            matrix: 6,
            full_range: false,
        };
        assert_eq!(said_colours([2; 3], false), bt709);
        assert_eq!(said_colours([2; 3], true), full_range);
        assert_eq!(said_colours([5, 6, 6], false), pal);
        let matrix = said_colours([2, 2, 6], false);
        assert_eq!((matrix.primaries, matrix.matrix), (1, 6));
    }

    #[test]
    fn h264_has_the_colours_of_its_sequence_parameter_set() {
        let silent: &[u8] =
            b"\x01\x42\xc0\x0d\xff\xe1\0\x19\x67\x42\xc0\x0d\xda\x05\x46\x78\x89\xf0\x11\0\0\x03\0\
        \x01\0\0\x03\0\x32\x0f\x14\x2a\xa0\x01\0\x04\x68\xce\x0f\xc8";
        let said = Colours {
            primaries: 5,
            transfer: 6,
            matrix: 6,
            full_range: true,
        };
        for (record, expected) in [(PAL, said), (silent, Colours::BT709)] {
            let config = VideoConfig::Avc(Bytes::from_static(record));
            let Ok(Track::Video(track)) = pictures(&config) else {
                panic!("no track")
            };
            assert_eq!((track.width, track.height), (322, 180));
            assert_eq!(track.colours, expected);
        }
    }

    #[test]
    fn opus_says_its_channels_and_has_one_rate() {
        let config = |head: &'static [u8]| AudioConfig::Opus(Bytes::from_static(head));
        let stereo = config(b"OpusHead\x01\x02\x38\x01\x44\xac\0\0\0\0\0");
        let Ok(Track::Audio(track)) = sound(&stereo) else {
            panic!("no track")
        };
        assert_eq!((track.timescale, track.channels), (48_000, 2));
        for head in [
            &b"OpusHead\x01\0\x38"[..],
            b"OpusHead\x01\x09",
            b"OpusHead",
            b"",
        ] {
            let refused = sound(&config(head));
            assert!(refused.is_err(), "{}", head.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_record_makes_it_panic(
            flips in prop::collection::vec((0..PAL.len(), any::<u8>()), 0..6),
            end in 0..=PAL.len(),
        ) {
            let mut record = PAL.to_vec();
            for (at, byte) in flips {
                record[at] = byte;
            }
            let record = Bytes::from(record).slice(..end);
            let _ = pictures(&VideoConfig::Avc(record.clone()));
            let _ = pictures(&VideoConfig::Hevc(record.clone()));
            let _ = pictures(&VideoConfig::Av1(record.clone()));
            let _ = sound(&AudioConfig::Aac(record.clone()));
            let _ = sound(&AudioConfig::Opus(record));
        }
    }
}
