//! How samples are coded: the record that sets a decoder up, the colours of
//! pictures, and the name of both in RFC 6381.

use bytes::Bytes;

use super::CmafError;
use super::track::Track;

/// How pictures are coded, with the record that sets a decoder up, as it stands in
/// the sample entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoConfig {
    /// H.264; the AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1).
    Avc(Bytes),
    /// H.265; the HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1).
    Hevc(Bytes),
    /// AV1; the AV1CodecConfigurationRecord (AV1 in ISO-BMFF, 2.3.3).
    Av1(Bytes),
}

impl VideoConfig {
    /// What sets a decoder up.
    pub const fn record(&self) -> &Bytes {
        match self {
            Self::Avc(record) | Self::Hevc(record) | Self::Av1(record) => record,
        }
    }
}

/// How sound is coded, with the record that sets a decoder up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioConfig {
    /// AAC; the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
    Aac(Bytes),
    /// Opus; the identification header (RFC 7845, 5.1).
    Opus(Bytes),
}

impl AudioConfig {
    /// What sets a decoder up.
    pub const fn record(&self) -> &Bytes {
        match self {
            Self::Aac(record) | Self::Opus(record) => record,
        }
    }
}

/// Which colours the numbers of a picture mean, in code points of ISO/IEC 23091-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colours {
    /// ColourPrimaries.
    pub primaries: u8,
    /// TransferCharacteristics.
    pub transfer: u8,
    /// MatrixCoefficients.
    pub matrix: u8,
    /// Whether black is 0 and white the greatest number.
    pub full_range: bool,
}

impl Colours {
    /// BT.709 in limited range.
    pub const BT709: Self = Self {
        primaries: 1,
        transfer: 1,
        matrix: 1,
        full_range: false,
    };
}

/// The codec as RFC 6381 names it, for `CODECS` in playlists and MIME types.
pub fn codec_string(track: &Track) -> Result<String, CmafError> {
    match track {
        Track::Video(video) => match &video.config {
            VideoConfig::Avc(record) => avc(record),
            VideoConfig::Hevc(record) => hevc(record),
            VideoConfig::Av1(record) => av1(record, video.colours),
        },
        Track::Audio(audio) => match &audio.config {
            AudioConfig::Aac(record) => Ok(format!("mp4a.40.{}", aac_object_type(record)?)),
            AudioConfig::Opus(_) => Ok("opus".into()),
        },
    }
}

/// `avcC` before its parameter sets: version, profile, compatibility, level, length size, count.
const AVCC_MIN: usize = 6;

fn avc(record: &Bytes) -> Result<String, CmafError> {
    match record[..] {
        [_, profile, compatibility, level, ..] if record.len() >= AVCC_MIN => {
            Ok(format!("avc1.{profile:02X}{compatibility:02X}{level:02X}"))
        }
        _ => Err(bad_avcc(record)),
    }
}

/// ISO/IEC 14496-15, annex E.3: the compatibility flags are written from the last
/// to the first, and constraint bytes of zero at the end are not.
fn hevc(record: &Bytes) -> Result<String, CmafError> {
    let Some(&[_, profile, c0, c1, c2, c3, ref constraints @ .., level]) =
        record.first_chunk::<13>()
    else {
        return Err(bad_hvcc(record));
    };
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let compatible = u32::from_be_bytes([c0, c1, c2, c3]).reverse_bits();
    let profile = profile & 0x1f;
    let mut name = format!("hvc1.{space}{profile}.{compatible:X}.{tier}{level}");
    let said = constraints.iter().rposition(|byte| *byte != 0);
    for byte in &constraints[..said.map_or(0, |last| last + 1)] {
        name += &format!(".{byte:X}");
    }
    Ok(name)
}

/// AV1 in ISO-BMFF, 5: what follows the depth is left out where it is what it is
/// taken for then.
fn av1(record: &Bytes, colours: Colours) -> Result<String, CmafError> {
    let Some([_, profile, format, _]) = record.first_chunk::<4>() else {
        return Err(bad_av1c(record));
    };
    let (profile, level) = (profile >> 5, profile & 0x1f);
    let tier = if format & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match format & 0x60 {
        0x60 => 12,
        0x40 => 10,
        _ => 8,
    };
    let name = format!("av01.{profile}.{level:02}{tier}.{depth:02}");
    let flag = |bit: u8| format >> bit & 1;
    let (monochrome, x, y) = (flag(4), flag(3), flag(2));
    let position = if x + y == 2 { format & 3 } else { 0 };
    if (monochrome, x, y, position) == (0, 1, 1, 0) && colours == Colours::BT709 {
        return Ok(name);
    }
    let Colours {
        primaries,
        transfer,
        matrix,
        full_range,
    } = colours;
    let range = u8::from(full_range);
    Ok(format!(
        "{name}.{monochrome}.{x}{y}{position}.{primaries:02}.{transfer:02}.{matrix:02}.{range}"
    ))
}

/// The audio object type at the head of an AudioSpecificConfig: 2 is AAC-LC.
pub(super) fn aac_object_type(asc: &[u8]) -> Result<u8, CmafError> {
    /// All ones in the five bits of the type: six more bits follow.
    const ESCAPE: u8 = 31;
    let object_type = match asc {
        [first, second, ..] if first >> 3 == ESCAPE => 32 + ((first & 7) << 3 | second >> 5),
        [first, _, ..] => first >> 3,
        _ => 0,
    };
    if object_type == 0 || asc.len() > 64 {
        let value = format!("{} bytes", asc.len());
        return Err(CmafError::Track {
            field: "asc",
            value,
            expected: "an AudioSpecificConfig of 2 to 64 bytes",
        });
    }
    Ok(object_type)
}

pub(super) fn bad_avcc(record: &[u8]) -> CmafError {
    bad(
        "avcc",
        record,
        "an AVCDecoderConfigurationRecord with SPS and PPS",
    )
}

pub(super) fn bad_hvcc(record: &[u8]) -> CmafError {
    bad(
        "hvcc",
        record,
        "an HEVCDecoderConfigurationRecord with VPS, SPS and PPS",
    )
}

pub(super) fn bad_av1c(record: &[u8]) -> CmafError {
    bad(
        "av1c",
        record,
        "an AV1CodecConfigurationRecord with a sequence header",
    )
}

pub(super) fn bad(field: &'static str, record: &[u8], expected: &'static str) -> CmafError {
    CmafError::Track {
        field,
        value: format!("{} bytes", record.len()),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::super::track::tests::{audio, video};
    use super::super::track::{AudioTrack, VideoTrack};
    use super::*;

    fn pictures(config: VideoConfig, colours: Colours) -> Track {
        Track::Video(VideoTrack {
            config,
            colours,
            ..video()
        })
    }

    #[test]
    fn codecs_are_named_as_rfc_6381_says() {
        assert_eq!(codec_string(&Track::Video(video())).unwrap(), "avc1.64001F");
        for (asc, name) in [
            (&[0x11, 0x90][..], "mp4a.40.2"),
            (&[0x2b, 0x11, 0x88], "mp4a.40.5"),
            (&[0xf9, 0x40], "mp4a.40.42"),
        ] {
            let track = Track::Audio(AudioTrack {
                config: AudioConfig::Aac(Bytes::copy_from_slice(asc)),
                ..audio()
            });
            assert_eq!(codec_string(&track).unwrap(), name);
        }
    }

    #[test]
    fn hevc_is_named_by_profile_tier_level_and_constraints() {
        let table: [([u8; 12], &str); 4] = [
            // Of annex E.3: Main, level 3.1, and of the same with a flag more.
            (
                [1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93],
                "hvc1.1.6.L93.B0",
            ),
            (
                [2, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 120],
                "hvc1.2.4.L120.90",
            ),
            (
                [0x21, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 153],
                "hvc1.1.6.H153",
            ),
            (
                [0x44, 0x08, 0, 0, 0, 0xb0, 0, 0x23, 0, 0, 0, 93],
                "hvc1.A4.10.L93.B0.0.23",
            ),
        ];
        for (head, name) in table {
            let record = [&[1], &head[..]].concat().into();
            let track = pictures(VideoConfig::Hevc(record), Colours::BT709);
            assert_eq!(codec_string(&track).unwrap(), name);
        }
        let short = pictures(
            VideoConfig::Hevc(Bytes::from_static(&[1; 12])),
            Colours::BT709,
        );
        assert!(codec_string(&short).is_err());
    }

    #[test]
    fn av1_is_named_by_its_colours_only_where_they_are_not_those_of_television() {
        let hdr = Colours {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            full_range: false,
        };
        let table: [([u8; 4], Colours, &str); 5] = [
            ([0x81, 0x04, 0x0c, 0], Colours::BT709, "av01.0.04M.08"),
            ([0x81, 0x15, 0xcc, 0], Colours::BT709, "av01.0.21H.10"),
            ([0x81, 0x04, 0x4e, 0], hdr, "av01.0.04M.10.0.112.09.16.09.0"),
            (
                [0x81, 0x44, 0x68, 0],
                Colours::BT709,
                "av01.2.04M.12.0.100.01.01.01.0",
            ),
            (
                [0x81, 0x04, 0x1c, 0],
                Colours {
                    full_range: true,
                    ..Colours::BT709
                },
                "av01.0.04M.08.1.110.01.01.01.1",
            ),
        ];
        for (record, colours, name) in table {
            let record = Bytes::copy_from_slice(&record);
            let track = pictures(VideoConfig::Av1(record), colours);
            assert_eq!(codec_string(&track).unwrap(), name);
        }
        let short = pictures(
            VideoConfig::Av1(Bytes::from_static(&[0x81])),
            Colours::BT709,
        );
        assert!(codec_string(&short).is_err());
    }
}
