//! The body of an audio tag, in the old way (a number for the codec: AAC, MP3) and
//! in the enhanced one (four letters: Opus, AC-3, E-AC-3, and again AAC and MP3).

use bytes::Bytes;

use super::{FlvError, Reader, letters};
use crate::live::other_sound::OtherFamily;

/// How sound is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC; the record is an AudioSpecificConfig.
    Aac,
    /// Opus; the record is an identification header (RFC 7845), `OpusHead`.
    Opus,
}

/// What an audio tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioTag {
    /// What a decoder is set up with. Comes again when an encoder changes it.
    Config {
        /// Of what.
        codec: AudioCodec,
        /// In the codec's own format. May be empty.
        record: Bytes,
    },
    /// One coded frame.
    Frame {
        /// In what.
        codec: AudioCodec,
        /// The raw frame. May be empty.
        data: Bytes,
    },
    /// Coded frames in another codec, each of which says how it is coded.
    Other {
        /// How they are told apart.
        family: OtherFamily,
        /// One or more of them, whole.
        data: Bytes,
    },
    /// No more sound of this configuration.
    End,
    /// Of the sound, but none: which channel is meant for which loudspeaker.
    Channels {
        /// Of what.
        codec: AudioCodec,
        /// Order, count and flags or a map.
        data: Bytes,
    },
}

/// Reads the body of an audio tag.
pub fn audio_tag(body: &Bytes) -> Result<AudioTag, FlvError> {
    const AAC: u8 = 10;
    const MP3: u8 = 2;
    const MP3_8_KHZ: u8 = 14;
    const ENHANCED: u8 = 9;

    let mut reader = Reader::new(body);
    let first = reader.byte("the audio header")?;
    // The other bits of AAC are always the same, whatever its rate and channels.
    match first >> 4 {
        AAC => legacy_aac(reader),
        MP3 | MP3_8_KHZ => Ok(AudioTag::Other {
            family: OtherFamily::Mpeg,
            data: reader.rest,
        }),
        ENHANCED => enhanced(first & 0xf, reader),
        other => {
            let name = match other {
                0 | 3 => "PCM",
                1 => "ADPCM",
                4..=6 => "Nellymoser",
                7 | 8 => "G.711",
                11 => "Speex",
                _ => "no codec",
            };
            Err(FlvError::Unsupported {
                field: "the audio codec",
                value: format!("{other} ({name})"),
                expected: "10 (AAC), 2 (MP3) or the enhanced header",
            })
        }
    }
}

fn legacy_aac(mut reader: Reader) -> Result<AudioTag, FlvError> {
    let codec = AudioCodec::Aac;
    match reader.byte("the type of packet")? {
        0 => Ok(AudioTag::Config {
            codec,
            record: reader.rest,
        }),
        1 => Ok(AudioTag::Frame {
            codec,
            data: reader.rest,
        }),
        other => Err(FlvError::Unsupported {
            field: "the type of audio packet",
            value: other.to_string(),
            expected: "0 or 1",
        }),
    }
}

fn enhanced(packet: u8, mut reader: Reader) -> Result<AudioTag, FlvError> {
    const START: u8 = 0;
    const FRAMES: u8 = 1;
    const END: u8 = 2;
    const CHANNELS: u8 = 4;

    if !matches!(packet, START | FRAMES | END | CHANNELS) {
        let name = match packet {
            5 => "multitrack",
            7 => "ModEx",
            _ => "unknown",
        };
        return Err(FlvError::Unsupported {
            field: "the type of audio packet",
            value: format!("{packet} ({name})"),
            expected: "0, 1, 2 or 4",
        });
    }
    let fourcc = reader.take::<4>("the four-cc of the audio")?;
    let family = match &fourcc {
        b".mp3" => Some(OtherFamily::Mpeg),
        b"ac-3" | b"ec-3" => Some(OtherFamily::Dolby),
        _ => None,
    };
    if let Some(family) = family {
        // What its frames do not say themselves is not needed.
        return Ok(match packet {
            FRAMES => AudioTag::Other {
                family,
                data: reader.rest,
            },
            _ => AudioTag::End,
        });
    }
    let codec = match &fourcc {
        b"mp4a" => AudioCodec::Aac,
        b"Opus" => AudioCodec::Opus,
        _ => {
            return Err(FlvError::Unsupported {
                field: "the audio codec",
                value: letters(fourcc),
                expected: "`mp4a`, `Opus`, `.mp3`, `ac-3` or `ec-3`",
            });
        }
    };
    let rest = reader.rest;
    Ok(match packet {
        START => AudioTag::Config {
            codec,
            record: rest,
        },
        FRAMES => AudioTag::Frame { codec, data: rest },
        END => AudioTag::End,
        _ => AudioTag::Channels { codec, data: rest },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &[u8]) -> Result<AudioTag, FlvError> {
        audio_tag(&Bytes::copy_from_slice(body))
    }

    #[test]
    fn every_way_to_write_sound_is_read() {
        use AudioCodec::{Aac, Opus};
        let config = |codec, record: &'static [u8]| AudioTag::Config {
            codec,
            record: Bytes::from_static(record),
        };
        let frame = |codec, data: &'static [u8]| AudioTag::Frame {
            codec,
            data: Bytes::from_static(data),
        };
        let other = |family, data: &'static [u8]| AudioTag::Other {
            family,
            data: Bytes::from_static(data),
        };
        let table: [(&[u8], AudioTag); 14] = [
            (b"\xaf\0\x11\x90", config(Aac, b"\x11\x90")),
            (b"\xaf\x01raw", frame(Aac, b"raw")),
            // 5.5 kHz, 8 bits, mono, say the bits that mean nothing.
            (b"\xa0\x01raw", frame(Aac, b"raw")),
            (b"\xaf\x01", frame(Aac, b"")),
            (b"\x90OpusOpusHead", config(Opus, b"OpusHead")),
            (b"\x91Opusraw", frame(Opus, b"raw")),
            (b"\x91mp4araw", frame(Aac, b"raw")),
            (b"\x92Opus", AudioTag::End),
            (b"\x2fmp3", other(OtherFamily::Mpeg, b"mp3")),
            (b"\xe2mp3", other(OtherFamily::Mpeg, b"mp3")),
            (b"\x91.mp3raw", other(OtherFamily::Mpeg, b"raw")),
            (b"\x91ac-3raw", other(OtherFamily::Dolby, b"raw")),
            (b"\x90ec-3", AudioTag::End),
            (
                b"\x94Opus\x01\x06",
                AudioTag::Channels {
                    codec: Opus,
                    data: Bytes::from_static(b"\x01\x06"),
                },
            ),
        ];
        for (body, expected) in table {
            assert_eq!(read(body), Ok(expected), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let table: [(&[u8], &str); 6] = [
            (b"\xb6", "11 (Speex)"),
            (b"\xff", "15 (no codec)"),
            (b"\xaf\x02", "the type of audio packet is 2"),
            (b"\x91fLaC", "`fLaC`"),
            (b"\x95\0Opus", "5 (multitrack)"),
            (b"\x93Opus", "3 (unknown)"),
        ];
        for (body, named) in table {
            let error = read(body).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_tag_that_ends_within_its_head_is_refused() {
        for whole in [&b"\xaf\x01"[..], b"\x91Opus"] {
            assert!(read(whole).is_ok());
            for end in 0..whole.len() {
                let error = read(&whole[..end]).unwrap_err();
                assert!(matches!(error, FlvError::Short { .. }), "{error}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            head in prop::sample::select(vec![&b""[..], b"\xaf", b"\x90Opus", b"\x91mp4a", b"\x94"]),
            random in prop::collection::vec(any::<u8>(), 0..16),
        ) {
            let _ = read(&[head, &random].concat());
        }
    }
}
