//! What a track is, and the boxes around its sample entry. The samples themselves
//! do not belong here.

use mp4_atom::{Dinf, Dref, Edts, Hdlr, Mdhd, Mdia, Minf, Smhd, Stbl, Stsd, Tkhd, Trak, Url, Vmhd};

use super::CmafError;
use super::codec::{AudioConfig, Colours, VideoConfig};
use super::entry::{audio_entry, video_entry};

/// Pictures with square pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTrack {
    /// Ticks a second.
    pub timescale: u32,
    /// Picture width in pixels.
    pub width: u16,
    /// Picture height in pixels.
    pub height: u16,
    /// How they are coded.
    pub config: VideoConfig,
    /// Which colours their numbers mean.
    pub colours: Colours,
}

/// Sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTrack {
    /// Ticks a second: the sample rate.
    pub timescale: u32,
    /// How many channels, 1 to 8.
    pub channels: u8,
    /// How it is coded.
    pub config: AudioConfig,
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

impl Track {
    /// Ticks a second.
    pub const fn timescale(&self) -> u32 {
        match self {
            Self::Video(video) => video.timescale,
            Self::Audio(audio) => audio.timescale,
        }
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

#[cfg(test)]
pub(super) mod tests {
    use bytes::Bytes;

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
            config: VideoConfig::Avc(avcc.into()),
            colours: Colours::BT709,
        }
    }

    /// AAC-LC, 48 kHz, stereo.
    pub fn audio() -> AudioTrack {
        AudioTrack {
            timescale: 48_000,
            channels: 2,
            config: AudioConfig::Aac(Bytes::from_static(&[0x11, 0x90])),
            bitrate: 128_000,
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
                config: VideoConfig::Avc(Bytes::new()),
                ..video()
            }),
            Track::Video(VideoTrack {
                config: VideoConfig::Avc(video().config.record().slice(..12)),
                ..video()
            }),
            Track::Video(VideoTrack {
                config: VideoConfig::Avc(Bytes::from_static(&[1, 100, 0, 31, 255, 0xe0, 0])),
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
                config: AudioConfig::Aac(Bytes::from_static(&[0x11])),
                ..audio()
            }),
            Track::Audio(AudioTrack {
                config: AudioConfig::Aac(vec![0x11; 65].into()),
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
}
