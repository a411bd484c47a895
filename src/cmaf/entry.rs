//! Sample entries: how a track's samples are coded, as a box.
//!
//! Records are decoded and encoded again, and refused where that gives other bytes:
//! what a decoder gets must be what the encoder said.

use bytes::{Buf as _, Bytes};
use mp4_atom::{
    Atom, Audio, Av01, Av1c, Avc1, Avcc, Codec, Colr, Dops, Encode, FixedPoint, Hvc1, Hvcc, Mp4a,
    Opus, OpusChannelMapping, Pasp, Visual, esds,
};

use super::CmafError;
use super::codec::{
    AudioConfig, Colours, VideoConfig, aac_object_type, bad, bad_av1c, bad_avcc, bad_hvcc,
};
use super::track::{AudioTrack, VideoTrack};

/// Parameter sets of HEVC among the types of NAL units: VPS, SPS and PPS.
const HEVC_PARAMETER_SETS: [u8; 3] = [32, 33, 34];

/// The one sample rate of Opus.
pub(super) const OPUS_RATE: u32 = 48_000;

pub(super) fn video_entry(video: &VideoTrack) -> Result<Codec, CmafError> {
    for (field, value) in [("width", video.width), ("height", video.height)] {
        if value == 0 {
            return Err(CmafError::Track {
                field,
                value: "0".into(),
                expected: "1 to 65535 pixels",
            });
        }
    }
    let visual = Visual {
        data_reference_index: 1,
        width: video.width,
        height: video.height,
        ..Visual::default()
    };
    let colr = Some(colr(video.colours)?);
    let pasp = Some(Pasp::new(1, 1)?);
    Ok(match &video.config {
        VideoConfig::Avc(record) => Codec::Avc1(Avc1 {
            visual,
            avcc: avcc(record)?,
            colr,
            pasp,
            ..Avc1::default()
        }),
        VideoConfig::Hevc(record) => Codec::Hvc1(Hvc1 {
            visual,
            hvcc: hvcc(record)?,
            colr,
            pasp,
            ..Hvc1::default()
        }),
        VideoConfig::Av1(record) => Codec::Av01(Av01 {
            visual,
            av1c: same::<Av1c>(record).ok_or_else(|| bad_av1c(record))?,
            colr,
            pasp,
            ..Av01::default()
        }),
    })
}

fn colr(colours: Colours) -> Result<Colr, CmafError> {
    let Colours {
        primaries,
        transfer,
        matrix,
        full_range,
    } = colours;
    Ok(Colr::new(
        primaries.into(),
        transfer.into(),
        matrix.into(),
        full_range,
    )?)
}

fn avcc(record: &Bytes) -> Result<Avcc, CmafError> {
    let described = |avcc: &Avcc| {
        !avcc.sequence_parameter_sets.is_empty() && !avcc.picture_parameter_sets.is_empty()
    };
    let avcc = same::<Avcc>(record).filter(described);
    avcc.ok_or_else(|| bad_avcc(record))
}

fn hvcc(record: &Bytes) -> Result<Hvcc, CmafError> {
    let described = |hvcc: &Hvcc| {
        HEVC_PARAMETER_SETS.into_iter().all(|wanted| {
            let mut arrays = hvcc.arrays.iter();
            arrays.any(|array| array.nal_unit_type == wanted && !array.nalus.is_empty())
        })
    };
    let hvcc = same::<Hvcc>(record).filter(described);
    hvcc.ok_or_else(|| bad_hvcc(record))
}

/// The box whose body is `record`, to the byte.
fn same<A: Atom + Encode>(record: &Bytes) -> Option<A> {
    /// Length and name.
    const HEADER: usize = 8;
    let decoded = A::decode_body(&mut record.as_ref()).ok()?;
    let mut again = Vec::new();
    decoded.encode(&mut again).ok()?;
    (again.get(HEADER..)? == record.as_ref()).then_some(decoded)
}

pub(super) fn audio_entry(audio: &AudioTrack) -> Result<Codec, CmafError> {
    if !(1..=8).contains(&audio.channels) {
        let value = audio.channels.to_string();
        return Err(CmafError::Track {
            field: "channels",
            value,
            expected: "1 to 8",
        });
    }
    let described = Audio {
        data_reference_index: 1,
        channel_count: audio.channels.into(),
        sample_size: 16,
        // The field has 16 bits; a higher rate is left to the AudioSpecificConfig.
        sample_rate: FixedPoint::from(u16::try_from(audio.timescale).unwrap_or(0)),
    };
    match &audio.config {
        AudioConfig::Aac(asc) => aac_entry(described, asc, audio.bitrate),
        AudioConfig::Opus(head) => {
            if audio.timescale != OPUS_RATE {
                let value = audio.timescale.to_string();
                return Err(CmafError::Track {
                    field: "timescale",
                    value,
                    expected: "48000 ticks a second for Opus",
                });
            }
            Ok(Codec::Opus(Opus {
                audio: described,
                dops: dops(head)?,
                btrt: None,
            }))
        }
    }
}

fn aac_entry(audio: Audio, asc: &Bytes, bitrate: u32) -> Result<Codec, CmafError> {
    /// MPEG-4 audio, in the registry of object types.
    const MPEG4_AUDIO: u8 = 0x40;
    /// An audio stream, among the kinds of streams.
    const AUDIO_STREAM: u8 = 5;

    aac_object_type(asc)?;
    Ok(Codec::Mp4a(Mp4a {
        audio,
        esds: esds::Esds {
            es_desc: esds::EsDescriptor {
                dec_config: esds::DecoderConfig {
                    object_type_indication: MPEG4_AUDIO,
                    stream_type: AUDIO_STREAM,
                    max_bitrate: bitrate,
                    avg_bitrate: bitrate,
                    dec_specific: Some(esds::DecoderSpecific {
                        raw: asc.to_vec(),
                        ..esds::DecoderSpecific::default()
                    }),
                    ..esds::DecoderConfig::default()
                },
                ..esds::EsDescriptor::default()
            },
        },
        btrt: None,
        taic: None,
    }))
}

/// The identification header of Opus as a box: the same fields, but the greatest
/// byte first (Opus in ISO-BMFF, 4.3.2).
fn dops(head: &Bytes) -> Result<Dops, CmafError> {
    /// Magic, version, channels, pre-skip, rate, gain and mapping family.
    const HEAD: usize = 19;
    let refused = || bad("head", head, "an Opus identification header");
    let Some(mut fields) = head.strip_prefix(b"OpusHead") else {
        return Err(refused());
    };
    // The high half of the version is that of an incompatible format.
    if head.len() < HEAD || fields.get_u8() >> 4 != 0 {
        return Err(refused());
    }
    let output_channel_count = fields.get_u8();
    let pre_skip = fields.get_u16_le();
    let input_sample_rate = fields.get_u32_le();
    let output_gain = fields.get_i16_le();
    let channel_mapping = match fields.get_u8() {
        0 => None,
        family => {
            let channels = usize::from(output_channel_count);
            let Some([streams, coupled, mapping @ ..]) = fields.get(..2 + channels) else {
                return Err(refused());
            };
            Some(OpusChannelMapping {
                family,
                stream_count: *streams,
                coupled_count: *coupled,
                channel_mapping: mapping.to_vec(),
            })
        }
    };
    Ok(Dops {
        output_channel_count,
        pre_skip,
        input_sample_rate,
        output_gain,
        channel_mapping,
    })
}

#[cfg(test)]
mod tests {
    use super::super::track::tests::{audio, video};
    use super::*;

    /// As x265 and FFmpeg say it, without the SEI: Main, 320 by 180.
    const HVCC: &[u8] = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03\
        \xa0\0\x01\0\x18\x40\x01\x0c\x01\xff\xff\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\x95\
        \x94\x09\xa1\0\x01\0\x2b\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\
        \x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x32\x10\xa2\0\
        \x01\0\x06\x44\x01\xc0\x73\xc1\x89";
    const AV1C: &[u8] = b"\x81\0\x0c\0\x0a\x0b\0\0\0\x04\x3c\xfe\xcc\x02\xf8\0\x40";

    fn pictures(config: VideoConfig) -> VideoTrack {
        VideoTrack { config, ..video() }
    }

    #[test]
    fn a_sample_rate_beyond_16_bits_is_left_to_the_decoder_configuration() {
        let audio = AudioTrack {
            timescale: 96_000,
            ..audio()
        };
        let Ok(Codec::Mp4a(entry)) = audio_entry(&audio) else {
            panic!("not mp4a")
        };
        assert_eq!(entry.audio.sample_rate.integer(), 0);
        let config = entry.esds.es_desc.dec_config;
        let config = config.dec_specific.expect("a configuration");
        assert_eq!(config.raw, audio.config.record()[..]);
    }

    #[test]
    fn hevc_and_av1_are_described_by_their_records_to_the_byte() {
        for (config, name) in [
            (VideoConfig::Hevc(Bytes::from_static(HVCC)), b"hvcC"),
            (VideoConfig::Av1(Bytes::from_static(AV1C)), b"av1C"),
        ] {
            let entry = video_entry(&pictures(config.clone())).expect("an entry");
            let mut bytes = Vec::new();
            entry.encode(&mut bytes).expect("a box");
            let boxed = [&name[..], config.record()].concat();
            let found = bytes.windows(boxed.len()).any(|window| window == boxed);
            assert!(found, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn records_that_no_decoder_could_use_are_refused() {
        let hevc = |record: Vec<u8>| VideoConfig::Hevc(record.into());
        let mut without_pps = HVCC[..HVCC.len() - 11].to_vec();
        without_pps[22] = 2;
        let mut reserved = HVCC.to_vec();
        reserved[15] = 0;
        for config in [
            hevc(Vec::new()),
            hevc(HVCC[..40].to_vec()),
            hevc(without_pps),
            hevc(reserved),
            VideoConfig::Av1(Bytes::from_static(&AV1C[..3])),
            VideoConfig::Av1(Bytes::from_static(b"\x82\0\x0c\0")),
        ] {
            assert!(
                video_entry(&pictures(config.clone())).is_err(),
                "{config:?}"
            );
        }
    }

    #[test]
    fn the_head_of_opus_is_written_the_other_way_round() {
        let opus = |head: &'static [u8]| AudioTrack {
            config: AudioConfig::Opus(Bytes::from_static(head)),
            ..audio()
        };
        let stereo = opus(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\xfe\xff\0");
        let Ok(Codec::Opus(entry)) = audio_entry(&stereo) else {
            panic!("not Opus")
        };
        assert_eq!(
            entry.dops,
            Dops {
                output_channel_count: 2,
                pre_skip: 312,
                input_sample_rate: 48_000,
                output_gain: -2,
                channel_mapping: None,
            }
        );
        let surround =
            opus(b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05");
        let Ok(Codec::Opus(entry)) = audio_entry(&surround) else {
            panic!("not Opus")
        };
        let mapping = entry.dops.channel_mapping.expect("a table");
        assert_eq!(mapping.channel_mapping, [0, 4, 1, 2, 3, 5]);
        for head in [
            &b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\xfe\xff"[..],
            b"OpusTags\x01\x02\x38\x01\x80\xbb\0\0\xfe\xff\0",
            b"OpusHead\x11\x02\x38\x01\x80\xbb\0\0\xfe\xff\0",
            b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0",
        ] {
            assert!(audio_entry(&opus(head)).is_err(), "{}", head.escape_ascii());
        }
        let slow = AudioTrack {
            timescale: 44_100,
            ..stereo
        };
        assert!(audio_entry(&slow).is_err());
    }
}
