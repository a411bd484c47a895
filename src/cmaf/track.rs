//! What a track is: its codec configuration, its sample entry and its name in
//! RFC 6381. The samples themselves do not belong here.

use bytes::Bytes;
use mp4_atom::{
    Atom as _, Audio, Avc1, Avcc, Codec, Colr, Dinf, Dref, Edts, Encode as _, FixedPoint, Hdlr,
    Mdhd, Mdia, Minf, Mp4a, Pasp, Smhd, Stbl, Stsd, Tkhd, Trak, Url, Visual, Vmhd, esds,
};

use super::CmafError;

/// H.264 in BT.709 limited range with square pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTrack {
    /// Ticks a second.
    pub timescale: u32,
    /// Picture width in pixels.
    pub width: u16,
    /// Picture height in pixels.
    pub height: u16,
    /// The AVCDecoderConfigurationRecord (ISO/IEC 14496-15): SPS and PPS.
    pub avcc: Bytes,
}

/// AAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTrack {
    /// Ticks a second: the sample rate.
    pub timescale: u32,
    /// How many channels, 1 to 8.
    pub channels: u8,
    /// The AudioSpecificConfig (ISO/IEC 14496-3).
    pub asc: Bytes,
    /// Average bits a second.
    pub bitrate: u32,
}

/// A track of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Track {
    /// Pictures.
    Video(VideoTrack),
    /// Sound.
    Audio(AudioTrack),
}

/// `avcC` before its parameter sets: version, profile, compatibility, level, length size, count.
const AVCC_MIN: usize = 6;

impl Track {
    /// Ticks a second.
    pub const fn timescale(&self) -> u32 {
        match self {
            Self::Video(video) => video.timescale,
            Self::Audio(audio) => audio.timescale,
        }
    }
}

/// The codec as RFC 6381 names it, for `CODECS` in playlists and MIME types.
pub fn codec_string(track: &Track) -> Result<String, CmafError> {
    match track {
        Track::Video(video) => match video.avcc.as_ref() {
            [_, profile, compatibility, level, ..] if video.avcc.len() >= AVCC_MIN => {
                Ok(format!("avc1.{profile:02X}{compatibility:02X}{level:02X}"))
            }
            _ => Err(bad_avcc(video)),
        },
        Track::Audio(audio) => Ok(format!("mp4a.40.{}", object_type(&audio.asc)?)),
    }
}

/// Times that differ between an init segment (all zero) and a whole movie.
#[derive(Default)]
pub(super) struct Durations {
    /// In ticks of the track.
    pub media: u64,
    /// In ticks of the movie.
    pub movie: u64,
}

/// The `trak` box of `track`, with the sample tables in `tables`; its `stsd` is filled in here.
pub(super) fn trak(
    track: &Track,
    id: u32,
    durations: Durations,
    edts: Option<Edts>,
    tables: Stbl,
) -> Result<Trak, CmafError> {
    if track.timescale() == 0 {
        return Err(CmafError::Track {
            field: "timescale",
            value: "0".into(),
            expected: "1 or more ticks a second",
        });
    }
    let mut tkhd = Tkhd {
        track_id: id,
        duration: durations.movie,
        enabled: true,
        in_movie: true,
        ..Tkhd::default()
    };
    let (handler, name, entry, vmhd, smhd) = match track {
        Track::Video(video) => {
            tkhd.width = video.width.into();
            tkhd.height = video.height.into();
            (
                b"vide",
                "Video",
                video_entry(video)?,
                Some(Vmhd::default()),
                None,
            )
        }
        Track::Audio(audio) => {
            tkhd.volume = 1.into();
            // Players offer tracks of one group as alternatives to each other.
            tkhd.alternate_group = 1;
            (
                b"soun",
                "Audio",
                audio_entry(audio)?,
                None,
                Some(Smhd::default()),
            )
        }
    };
    Ok(Trak {
        tkhd,
        edts,
        mdia: Mdia {
            mdhd: Mdhd {
                timescale: track.timescale(),
                duration: durations.media,
                language: "und".into(),
                ..Mdhd::default()
            },
            hdlr: Hdlr {
                handler: handler.into(),
                name: name.into(),
            },
            minf: Minf {
                vmhd,
                smhd,
                dinf: Dinf {
                    dref: Dref {
                        entries: vec![
                            Url {
                                location: String::new(),
                            }
                            .into(),
                        ],
                    },
                },
                stbl: Stbl {
                    stsd: Stsd {
                        codecs: vec![entry],
                    },
                    ..tables
                },
                ..Minf::default()
            },
        },
        ..Trak::default()
    })
}

fn video_entry(video: &VideoTrack) -> Result<Codec, CmafError> {
    for (field, value) in [("width", video.width), ("height", video.height)] {
        if value == 0 {
            return Err(CmafError::Track {
                field,
                value: "0".into(),
                expected: "1 to 65535 pixels",
            });
        }
    }
    let mut record = video.avcc.as_ref();
    let avcc = Avcc::decode_body(&mut record).map_err(|_| bad_avcc(video))?;
    let mut again = Vec::new();
    avcc.encode(&mut again)?;
    let described =
        !avcc.sequence_parameter_sets.is_empty() && !avcc.picture_parameter_sets.is_empty();
    // What a decoder gets must be what the encoder said, to the byte.
    if !described || again.get(8..) != Some(video.avcc.as_ref()) {
        return Err(bad_avcc(video));
    }
    Ok(Codec::Avc1(Avc1 {
        visual: Visual {
            data_reference_index: 1,
            width: video.width,
            height: video.height,
            ..Visual::default()
        },
        avcc,
        // Code point 1 of each is BT.709 (ISO/IEC 23091-2).
        colr: Some(Colr::new(1, 1, 1, false)?),
        pasp: Some(Pasp::new(1, 1)?),
        ..Avc1::default()
    }))
}

fn audio_entry(audio: &AudioTrack) -> Result<Codec, CmafError> {
    if !(1..=8).contains(&audio.channels) {
        let value = audio.channels.to_string();
        return Err(CmafError::Track {
            field: "channels",
            value,
            expected: "1 to 8",
        });
    }
    object_type(&audio.asc)?;
    /// MPEG-4 audio, in the registry of object types.
    const MPEG4_AUDIO: u8 = 0x40;
    /// An audio stream, among the kinds of streams.
    const AUDIO_STREAM: u8 = 5;
    Ok(Codec::Mp4a(Mp4a {
        audio: Audio {
            data_reference_index: 1,
            channel_count: audio.channels.into(),
            sample_size: 16,
            // The field has 16 bits; a higher rate is left to the AudioSpecificConfig.
            sample_rate: FixedPoint::from(u16::try_from(audio.timescale).unwrap_or(0)),
        },
        esds: esds::Esds {
            es_desc: esds::EsDescriptor {
                dec_config: esds::DecoderConfig {
                    object_type_indication: MPEG4_AUDIO,
                    stream_type: AUDIO_STREAM,
                    max_bitrate: audio.bitrate,
                    avg_bitrate: audio.bitrate,
                    dec_specific: Some(esds::DecoderSpecific {
                        raw: audio.asc.to_vec(),
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

/// The audio object type at the head of an AudioSpecificConfig: 2 is AAC-LC.
fn object_type(asc: &[u8]) -> Result<u8, CmafError> {
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

fn bad_avcc(video: &VideoTrack) -> CmafError {
    CmafError::Track {
        field: "avcc",
        value: format!("{} bytes", video.avcc.len()),
        expected: "an AVCDecoderConfigurationRecord with SPS and PPS",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// High profile, level 3.1; the parameter sets are those x264 writes for 64x48.
    pub fn video() -> VideoTrack {
        let sps: &[u8] = &[0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x44, 0x26, 0x84];
        let pps: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb];
        let mut avcc = vec![1, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0, sps.len() as u8];
        avcc.extend_from_slice(sps);
        avcc.extend_from_slice(&[1, 0, pps.len() as u8]);
        avcc.extend_from_slice(pps);
        VideoTrack {
            timescale: 90_000,
            width: 64,
            height: 48,
            avcc: avcc.into(),
        }
    }

    /// AAC-LC, 48 kHz, stereo.
    pub fn audio() -> AudioTrack {
        AudioTrack {
            timescale: 48_000,
            channels: 2,
            asc: Bytes::from_static(&[0x11, 0x90]),
            bitrate: 128_000,
        }
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
                asc: Bytes::copy_from_slice(asc),
                ..audio()
            });
            assert_eq!(codec_string(&track).unwrap(), name);
        }
    }

    #[test]
    fn a_track_that_no_decoder_could_open_is_refused() {
        let bad = [
            Track::Video(VideoTrack {
                timescale: 0,
                ..video()
            }),
            Track::Video(VideoTrack {
                width: 0,
                ..video()
            }),
            Track::Video(VideoTrack {
                height: 0,
                ..video()
            }),
            Track::Video(VideoTrack {
                avcc: Bytes::new(),
                ..video()
            }),
            Track::Video(VideoTrack {
                avcc: video().avcc.slice(..12),
                ..video()
            }),
            Track::Video(VideoTrack {
                avcc: Bytes::from_static(&[1, 100, 0, 31, 255, 0xe0, 0]),
                ..video()
            }),
            Track::Audio(AudioTrack {
                timescale: 0,
                ..audio()
            }),
            Track::Audio(AudioTrack {
                channels: 0,
                ..audio()
            }),
            Track::Audio(AudioTrack {
                channels: 9,
                ..audio()
            }),
            Track::Audio(AudioTrack {
                asc: Bytes::from_static(&[0x11]),
                ..audio()
            }),
            Track::Audio(AudioTrack {
                asc: vec![0x11; 65].into(),
                ..audio()
            }),
        ];
        for track in bad {
            assert!(
                trak(&track, 1, Durations::default(), None, Stbl::default()).is_err(),
                "{track:?}"
            );
        }
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
        let config = entry
            .esds
            .es_desc
            .dec_config
            .dec_specific
            .expect("a configuration");
        assert_eq!(config.raw, audio.asc);
    }
}
