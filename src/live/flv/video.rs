//! The body of a video tag, in the old way (a number for the codec: H.264) and
//! in the enhanced one (four letters: HEVC, AV1 and again H.264).

use bytes::Bytes;

use super::{FlvError, Reader, letters};

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264; the record is an AVCDecoderConfigurationRecord.
    Avc,
    /// H.265; the record is an HEVCDecoderConfigurationRecord.
    Hevc,
    /// AV1; the record is an AV1CodecConfigurationRecord, data are OBUs.
    Av1,
}

/// What a video tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoTag {
    /// What a decoder is set up with. Comes again when an encoder changes it.
    Config {
        /// Of what.
        codec: VideoCodec,
        /// As it stands in the sample entry of an MP4. May be empty.
        record: Bytes,
    },
    /// One coded picture.
    Frame {
        /// In what.
        codec: VideoCodec,
        /// Whether decoding can start here, as the encoder says.
        key: bool,
        /// Milliseconds from decode (the tag's time) to presentation.
        composition_ms: i32,
        /// As it stands in an MP4. May be empty.
        data: Bytes,
    },
    /// No more pictures of this configuration.
    End,
    /// Of the pictures, but none: the colours and brightness of HDR, in AMF0.
    Metadata {
        /// Of what.
        codec: VideoCodec,
        /// Name and values.
        data: Bytes,
    },
    /// To the player, about seeking; without pictures.
    Command,
}

/// The first bit of the enhanced way; of the old one's frame types none has it.
const ENHANCED: u8 = 0x80;
/// Decoding can start here.
const KEY: u8 = 1;
/// Made a key frame by a server.
const GENERATED_KEY: u8 = 4;
/// No picture, a command to the player.
const COMMAND: u8 = 5;

/// Reads the body of a video tag.
pub fn video_tag(body: &Bytes) -> Result<VideoTag, FlvError> {
    let mut reader = Reader::new(body);
    let first = reader.byte("the video header")?;
    let frame = (first & !ENHANCED) >> 4;
    let key = match frame {
        // Disposable (3) are frames that others do not depend on.
        KEY..=GENERATED_KEY => frame == KEY || frame == GENERATED_KEY,
        COMMAND => false,
        _ => {
            return Err(FlvError::Unsupported {
                field: "the type of frame",
                value: frame.to_string(),
                expected: "1 to 5",
            });
        }
    };
    if first & ENHANCED != 0 {
        enhanced(first & 0xf, frame, key, reader)
    } else {
        legacy(first & 0xf, frame, key, reader)
    }
}

fn legacy(codec: u8, frame: u8, key: bool, mut reader: Reader) -> Result<VideoTag, FlvError> {
    if frame == COMMAND {
        return Ok(VideoTag::Command);
    }
    let codec = match codec {
        7 => VideoCodec::Avc,
        // Not in any specification, but in encoders older than the enhanced way.
        12 => VideoCodec::Hevc,
        other => {
            let name = match other {
                2 => "Sorenson H.263",
                3 | 6 => "screen video",
                4 | 5 => "On2 VP6",
                _ => "no codec",
            };
            return Err(FlvError::Unsupported {
                field: "the video codec",
                value: format!("{other} ({name})"),
                expected: "7 (H.264), 12 (H.265) or the enhanced header",
            });
        }
    };
    match reader.byte("the type of packet")? {
        0 => {
            composition(&mut reader)?;
            Ok(VideoTag::Config {
                codec,
                record: reader.rest,
            })
        }
        1 => Ok(VideoTag::Frame {
            codec,
            key,
            composition_ms: composition(&mut reader)?,
            data: reader.rest,
        }),
        // Some encoders leave out the time of what has none.
        2 => Ok(VideoTag::End),
        other => Err(FlvError::Unsupported {
            field: "the type of video packet",
            value: other.to_string(),
            expected: "0 to 2",
        }),
    }
}

fn enhanced(packet: u8, frame: u8, key: bool, mut reader: Reader) -> Result<VideoTag, FlvError> {
    const START: u8 = 0;
    const FRAMES: u8 = 1;
    const END: u8 = 2;
    const FRAMES_WITHOUT_OFFSET: u8 = 3;
    const METADATA: u8 = 4;

    if frame == COMMAND && packet != METADATA {
        return Ok(VideoTag::Command);
    }
    if packet > METADATA {
        let name = match packet {
            5 => "MPEG-2 TS sequence start",
            6 => "multitrack",
            7 => "ModEx",
            _ => "unknown",
        };
        return Err(FlvError::Unsupported {
            field: "the type of video packet",
            value: format!("{packet} ({name})"),
            expected: "0 to 4",
        });
    }
    let fourcc = reader.take::<4>("the four-cc of the video")?;
    let codec = match &fourcc {
        b"avc1" => VideoCodec::Avc,
        b"hvc1" => VideoCodec::Hevc,
        b"av01" => VideoCodec::Av1,
        _ => {
            return Err(FlvError::Unsupported {
                field: "the video codec",
                value: letters(fourcc),
                expected: "`avc1`, `hvc1` or `av01`",
            });
        }
    };
    Ok(match packet {
        START => VideoTag::Config {
            codec,
            record: reader.rest,
        },
        FRAMES | FRAMES_WITHOUT_OFFSET => VideoTag::Frame {
            codec,
            key,
            // AV1 is shown in the order that it is decoded in: no offset is written.
            composition_ms: match (packet, codec) {
                (FRAMES, VideoCodec::Avc | VideoCodec::Hevc) => composition(&mut reader)?,
                _ => 0,
            },
            data: reader.rest,
        },
        END => VideoTag::End,
        _ => VideoTag::Metadata {
            codec,
            data: reader.rest,
        },
    })
}

/// 24 bits with a sign.
fn composition(reader: &mut Reader) -> Result<i32, FlvError> {
    let [high, middle, low] = reader.take("the composition time")?;
    Ok(i32::from_be_bytes([high, middle, low, 0]) >> 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &[u8]) -> Result<VideoTag, FlvError> {
        video_tag(&Bytes::copy_from_slice(body))
    }

    fn frame(codec: VideoCodec, key: bool, composition_ms: i32, data: &'static [u8]) -> VideoTag {
        VideoTag::Frame {
            codec,
            key,
            composition_ms,
            data: Bytes::from_static(data),
        }
    }

    fn config(codec: VideoCodec, record: &'static [u8]) -> VideoTag {
        let record = Bytes::from_static(record);
        VideoTag::Config { codec, record }
    }

    #[test]
    fn every_way_to_write_a_picture_is_read() {
        use VideoCodec::{Av1, Avc, Hevc};
        let table: [(&[u8], VideoTag); 17] = [
            (b"\x17\0\0\0\0REC", config(Avc, b"REC")),
            (b"\x17\x01\0\0\0nal", frame(Avc, true, 0, b"nal")),
            (b"\x27\x01\0\0\x50nal", frame(Avc, false, 80, b"nal")),
            (b"\x37\x01\xff\xff\xd8nal", frame(Avc, false, -40, b"nal")),
            (b"\x47\x01\x7f\xff\xff", frame(Avc, true, 8_388_607, b"")),
            (b"\x27\x01\x80\0\0", frame(Avc, false, -8_388_608, b"")),
            (b"\x17\x02\0\0\0", VideoTag::End),
            (b"\x17\x02", VideoTag::End),
            (b"\x57\x00", VideoTag::Command),
            (b"\x1c\0\0\0\0REC", config(Hevc, b"REC")),
            (b"\x90hvc1REC", config(Hevc, b"REC")),
            (b"\x91hvc1\0\0\x21nal", frame(Hevc, true, 33, b"nal")),
            (b"\xa3hvc1nal", frame(Hevc, false, 0, b"nal")),
            (b"\xa1av01obu", frame(Av1, false, 0, b"obu")),
            (b"\x91avc1\xff\xff\xffnal", frame(Avc, true, -1, b"nal")),
            (b"\x92av01", VideoTag::End),
            (
                b"\xd4hvc1colorInfo",
                VideoTag::Metadata {
                    codec: Hevc,
                    data: Bytes::from_static(b"colorInfo"),
                },
            ),
        ];
        for (body, expected) in table {
            assert_eq!(read(body), Ok(expected), "{}", body.escape_ascii());
        }
        assert_eq!(read(b"\xd1\0"), Ok(VideoTag::Command));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let table: [(&[u8], &str); 10] = [
            (b"\x12\0", "2 (Sorenson H.263)"),
            (b"\x14\0", "4 (On2 VP6)"),
            (b"\x18\0", "8 (no codec)"),
            (b"\x07\0\0\0\0", "the type of frame is 0"),
            (b"\x67\0\0\0\0", "the type of frame is 6"),
            (b"\x17\x03\0\0\0", "the type of video packet is 3"),
            (b"\x90vp09", "`vp09`"),
            (b"\x91\0\n\xff1", "`\\x00\\n\\xff1`"),
            (b"\x96\0hvc1", "6 (multitrack)"),
            (b"\x97\0\0\0\0", "7 (ModEx)"),
        ];
        for (body, named) in table {
            let error = read(body).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_tag_that_ends_within_its_head_is_refused() {
        for whole in [&b"\x17\x01\0\0\0"[..], b"\x17\0\0\0\0", b"\x91hvc1\0\0\0"] {
            assert!(read(whole).is_ok());
            for end in 0..whole.len() {
                let error = read(&whole[..end]).unwrap_err();
                let FlvError::Short {
                    found, expected, ..
                } = error
                else {
                    panic!("{error}")
                };
                assert_eq!(found, end);
                assert!(expected > end && expected <= whole.len());
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            head in prop::sample::select(vec![
                &b""[..], b"\x17", b"\x27\x01", b"\x90hvc1", b"\xa1av01", b"\x91avc1",
            ]),
            random in prop::collection::vec(any::<u8>(), 0..16),
        ) {
            let _ = read(&[head, &random].concat());
        }
    }
}
