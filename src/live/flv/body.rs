//! The bodies of tags, written: H.264 and AAC in the old way, which every player
//! reads, the others in the enhanced one.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{AudioCodec, VideoCodec};

/// The first nibble of a video tag.
const KEY: u8 = 1;
const INTER: u8 = 2;

/// Says that a video tag is written in the enhanced way.
const ENHANCED_VIDEO: u8 = 0x80;

/// The codec of an audio tag that is written in the enhanced way.
const ENHANCED_AUDIO: u8 = 9;

/// AAC in the old way: 44 kHz, 16 bits, stereo, whatever it really is (annex E.4.2.1).
const AAC: u8 = 0xaf;

/// A configuration, in either way.
const CONFIG: u8 = 0;

/// A frame, in either way.
const FRAME: u8 = 1;

/// No more pictures, in either way.
const END: u8 = 2;

/// A frame of HEVC that is shown when it is decoded: written without the offset.
const FRAME_WITHOUT_OFFSET: u8 = 3;

/// The body of the tag that sets up a decoder of pictures with `record`.
pub fn video_config_body(codec: VideoCodec, record: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + record.len());
    match four_cc(codec) {
        None => {
            out.put_slice(&[KEY << 4 | 7, CONFIG]);
            put_composition(&mut out, 0);
        }
        Some(four_cc) => {
            out.put_u8(ENHANCED_VIDEO | KEY << 4 | CONFIG);
            out.put_slice(four_cc);
        }
    }
    out.put_slice(record);
    out.freeze()
}

/// The body of the tag that says that no more pictures come (annex E.4.3.1).
pub const VIDEO_END_BODY: [u8; 5] = [KEY << 4 | 7, END, 0, 0, 0];

/// The body of the tag of a coded picture that is shown `composition_ms` after it is
/// decoded; only the low 24 bits of that are written.
pub fn video_frame_body(codec: VideoCodec, key: bool, composition_ms: i32, data: &[u8]) -> Bytes {
    let frame = if key { KEY } else { INTER } << 4;
    let mut out = BytesMut::with_capacity(8 + data.len());
    match four_cc(codec) {
        None => {
            out.put_slice(&[frame | 7, FRAME]);
            put_composition(&mut out, composition_ms);
        }
        Some(four_cc) => {
            let offset = codec == VideoCodec::Hevc && composition_ms != 0;
            let packet = match (codec, offset) {
                (VideoCodec::Hevc, false) => FRAME_WITHOUT_OFFSET,
                _ => FRAME,
            };
            out.put_u8(ENHANCED_VIDEO | frame | packet);
            out.put_slice(four_cc);
            if offset {
                put_composition(&mut out, composition_ms);
            }
        }
    }
    out.put_slice(data);
    out.freeze()
}

/// The body of the tag that sets up a decoder of sound with `record`.
pub fn audio_config_body(codec: AudioCodec, record: &[u8]) -> Bytes {
    audio_body(codec, CONFIG, record)
}

/// The body of the tag of a coded frame of sound.
pub fn audio_frame_body(codec: AudioCodec, data: &[u8]) -> Bytes {
    audio_body(codec, FRAME, data)
}

fn audio_body(codec: AudioCodec, packet: u8, data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + data.len());
    match codec {
        AudioCodec::Aac => out.put_slice(&[AAC, packet]),
        AudioCodec::Opus => {
            out.put_u8(ENHANCED_AUDIO << 4 | packet);
            out.put_slice(b"Opus");
        }
    }
    out.put_slice(data);
    out.freeze()
}

/// How the enhanced way calls a codec that the old one does not know.
const fn four_cc(codec: VideoCodec) -> Option<&'static [u8; 4]> {
    match codec {
        VideoCodec::Avc => None,
        VideoCodec::Hevc => Some(b"hvc1"),
        VideoCodec::Av1 => Some(b"av01"),
    }
}

/// 24 bits with a sign.
fn put_composition(out: &mut BytesMut, milliseconds: i32) {
    let [_, low @ ..] = milliseconds.to_be_bytes();
    out.put_slice(&low);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{AudioTag, VideoTag, audio_tag, video_tag};
    use super::*;

    const VIDEO: [VideoCodec; 3] = [VideoCodec::Avc, VideoCodec::Hevc, VideoCodec::Av1];
    const AUDIO: [AudioCodec; 2] = [AudioCodec::Aac, AudioCodec::Opus];

    #[test]
    fn h264_and_aac_are_written_in_the_way_that_every_player_reads() {
        let config = video_config_body(VideoCodec::Avc, b"REC");
        assert_eq!(&config[..], b"\x17\0\0\0\0REC");
        let frame = video_frame_body(VideoCodec::Avc, false, 80, b"nal");
        assert_eq!(&frame[..], b"\x27\x01\0\0\x50nal");
        let sound = audio_config_body(AudioCodec::Aac, b"\x11\x90");
        assert_eq!(&sound[..], b"\xaf\0\x11\x90");
    }

    #[test]
    fn a_configuration_is_read_as_it_was_written() {
        for codec in VIDEO {
            let record = Bytes::from_static(b"record");
            let read = video_tag(&video_config_body(codec, &record));
            assert_eq!(read, Ok(VideoTag::Config { codec, record }));
        }
        for codec in AUDIO {
            let record = Bytes::from_static(b"record");
            let read = audio_tag(&audio_config_body(codec, &record));
            assert_eq!(read, Ok(AudioTag::Config { codec, record }));
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(
            codec in prop::sample::select(&VIDEO[..]),
            sound in prop::sample::select(&AUDIO[..]),
            key: bool,
            composition_ms in -0x80_0000..0x80_0000,
            data in prop::collection::vec(any::<u8>(), 1..9),
        ) {
            let data = Bytes::from(data);
            // AV1 is shown in the order that it is decoded in.
            let composition_ms = if codec == VideoCodec::Av1 { 0 } else { composition_ms };
            let read = video_tag(&video_frame_body(codec, key, composition_ms, &data));
            let frame = VideoTag::Frame { codec, key, composition_ms, data: data.clone() };
            prop_assert_eq!(read, Ok(frame));
            let read = audio_tag(&audio_frame_body(sound, &data));
            prop_assert_eq!(read, Ok(AudioTag::Frame { codec: sound, data }));
        }
    }
}
