//! The init segment (HLS `EXT-X-MAP`): what a decoder needs before the first part.

use bytes::Bytes;
use mp4_atom::{Encode as _, Ftyp, Moov, Mvex, Mvhd, Stbl, Stco, Trex};

use super::CmafError;
use super::fragment::TRACK_ID;
use super::track::{Durations, Track, trak};

/// The init segment of `track`: no samples, no durations, and no edit list.
///
/// With B-frames, showing lags behind decoding. An edit list would take that back,
/// but hls.js (1.7) does not read it and signed offsets are read late by FFmpeg
/// (5.1), so each would see pictures elsewhere than the sound. Whoever publishes
/// tracks together lets all of them begin as late as the pictures do.
pub fn init_segment(track: &Track) -> Result<Bytes, CmafError> {
    init_of_tracks(&[track])
}

/// The init segment of fragments that hold now one, now another of `tracks`,
/// numbered from 1: what a player that is pushed all of them appends first.
pub fn init_of_tracks(tracks: &[&Track]) -> Result<Bytes, CmafError> {
    let numbered = (TRACK_ID..).zip(tracks);
    let trex = |track_id: u32| Trex {
        track_id,
        default_sample_description_index: 1,
        ..Trex::default()
    };
    let described = |(id, track): (u32, &&Track)| {
        // The chunk offset table is mandatory even where it is empty.
        let tables = Stbl {
            stco: Some(Stco::default()),
            ..Stbl::default()
        };
        trak(track, id, Durations::default(), None, tables)
    };
    let next_track_id = numbered.clone().last().map_or(TRACK_ID, |(id, _)| id + 1);
    let moov = Moov {
        mvhd: Mvhd {
            timescale: tracks.first().ok_or(CmafError::Empty)?.timescale(),
            rate: 1.into(),
            volume: 1.into(),
            next_track_id,
            ..Mvhd::default()
        },
        meta: None,
        mvex: Some(Mvex {
            mehd: None,
            trex: numbered.clone().map(|(id, _)| trex(id)).collect(),
        }),
        trak: numbered.map(described).collect::<Result<_, _>>()?,
        udta: None,
        ainf: None,
    };
    let ftyp = Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: [b"iso6", b"cmfc", b"mp41"]
            .into_iter()
            .map(Into::into)
            .collect(),
    };
    let mut out = Vec::with_capacity(1024);
    ftyp.encode(&mut out)?;
    moov.encode(&mut out)?;
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Any, Codec, Colr, DecodeMaybe as _, StszSamples};

    use super::super::track::tests::{audio, video};
    use super::*;

    fn read(track: &Track) -> (Ftyp, Moov) {
        let bytes = init_segment(track).unwrap();
        let mut rest = bytes.as_ref();
        let Ok(Some(Any::Ftyp(ftyp))) = Any::decode_maybe(&mut rest) else {
            panic!("no ftyp")
        };
        let Ok(Some(Any::Moov(moov))) = Any::decode_maybe(&mut rest) else {
            panic!("no moov")
        };
        assert!(rest.is_empty());
        (ftyp, moov)
    }

    #[test]
    fn an_init_segment_of_several_tracks_numbers_them() {
        let (pictures, sound) = (Track::Video(video()), Track::Audio(audio()));
        let bytes = init_of_tracks(&[&pictures, &sound]).unwrap();
        let mut rest = bytes.as_ref();
        assert!(matches!(
            Any::decode_maybe(&mut rest),
            Ok(Some(Any::Ftyp(_)))
        ));
        let Ok(Some(Any::Moov(moov))) = Any::decode_maybe(&mut rest) else {
            panic!("no moov")
        };
        let numbers = moov.trak.iter().map(|trak| trak.tkhd.track_id);
        assert_eq!(numbers.collect::<Vec<_>>(), [1, 2]);
        let announced = moov.mvex.unwrap().trex.into_iter();
        let announced = announced.map(|trex| trex.track_id);
        assert_eq!(announced.collect::<Vec<_>>(), [1, 2]);
        assert_eq!(moov.mvhd.next_track_id, 3);
        assert!(matches!(init_of_tracks(&[]), Err(CmafError::Empty)));
    }

    #[test]
    fn an_init_segment_announces_fragments_and_holds_no_samples() {
        for track in [Track::Video(video()), Track::Audio(audio())] {
            let (ftyp, moov) = read(&track);
            assert_eq!(ftyp.major_brand, b"iso6".into());
            for brand in [b"cmfc", b"mp41"] {
                assert!(ftyp.compatible_brands.contains(&brand.into()));
            }
            assert_eq!(moov.mvhd.duration, 0);
            let trex = moov.mvex.expect("mvex").trex;
            assert_eq!(
                (
                    trex.len(),
                    trex[0].track_id,
                    trex[0].default_sample_description_index
                ),
                (1, 1, 1)
            );
            let [trak] = moov.trak.as_slice() else {
                panic!("one track")
            };
            assert_eq!(
                (
                    trak.tkhd.track_id,
                    trak.tkhd.duration,
                    trak.mdia.mdhd.duration
                ),
                (1, 0, 0)
            );
            assert_eq!(trak.mdia.mdhd.timescale, track.timescale());
            assert!(trak.edts.is_none());
            let stbl = &trak.mdia.minf.stbl;
            assert_eq!(
                stbl.stsz.samples,
                StszSamples::Different { sizes: Vec::new() }
            );
            assert!(stbl.stts.entries.is_empty() && stbl.stsc.entries.is_empty());
            assert!(
                stbl.stco
                    .as_ref()
                    .is_some_and(|stco| stco.entries.is_empty())
            );
        }
    }

    #[test]
    fn video_says_its_colours_and_its_square_pixels() {
        let (_, moov) = read(&Track::Video(video()));
        let [Codec::Avc1(entry)] = moov.trak[0].mdia.minf.stbl.stsd.codecs.as_slice() else {
            panic!("avc1")
        };
        assert_eq!((entry.visual.width, entry.visual.height), (64, 48));
        assert_eq!(entry.colr, Some(Colr::new(1, 1, 1, false).unwrap()));
        assert_eq!(
            entry
                .pasp
                .as_ref()
                .map(|pasp| (pasp.h_spacing, pasp.v_spacing)),
            Some((1, 1))
        );
        assert_eq!(entry.avcc.avc_profile_indication, 0x64);
    }

    #[test]
    fn audio_carries_its_configuration_to_the_byte() {
        let (_, moov) = read(&Track::Audio(audio()));
        let [Codec::Mp4a(entry)] = moov.trak[0].mdia.minf.stbl.stsd.codecs.as_slice() else {
            panic!("mp4a")
        };
        let config = &entry.esds.es_desc.dec_config;
        assert_eq!(
            config
                .dec_specific
                .as_ref()
                .map(|specific| specific.raw.clone()),
            Some(audio().config.record().to_vec())
        );
        assert_eq!(
            (config.object_type_indication, config.avg_bitrate),
            (0x40, 128_000)
        );
        assert_eq!(
            (entry.audio.channel_count, entry.audio.sample_rate.integer()),
            (2, 48_000)
        );
    }
}
