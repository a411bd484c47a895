use mp4_atom::{Any, DecodeMaybe as _, StszSamples};

use super::super::track::tests::{audio, video};
use super::*;

fn info(offset: u32, size: u32, duration: u32, composition_offset: i32, sync: bool) -> SampleInfo {
    SampleInfo {
        offset,
        size,
        duration,
        composition_offset,
        sync,
    }
}

/// A part of `count` samples of `size` bytes behind a head of 100 bytes.
fn part(count: u32, size: u32, duration: u32) -> Vec<SampleInfo> {
    (0..count)
        .map(|index| info(100 + index * size, size, duration, 0, index == 0))
        .collect()
}

fn video_track(parts: Vec<Vec<SampleInfo>>) -> ProgressiveTrack {
    ProgressiveTrack {
        track: Track::Video(video()),
        parts,
    }
}

fn moov(movie: &Progressive) -> Moov {
    let mut rest = movie.header.as_ref();
    let Ok(Some(Any::Ftyp(_))) = Any::decode_maybe(&mut rest) else {
        panic!("no ftyp")
    };
    let Ok(Some(Any::Moov(moov))) = Any::decode_maybe(&mut rest) else {
        panic!("no moov")
    };
    moov
}

#[test]
fn tracks_take_turns_of_half_a_second() {
    let audio = ProgressiveTrack {
        track: Track::Audio(audio()),
        parts: vec![
            (0..94)
                .map(|i| info(100 + i * 10, 10, 1024, 0, true))
                .collect(),
        ],
    };
    let movie = progressive(&[
        video_track(vec![part(30, 50, 3000), part(30, 50, 3000)]),
        audio,
    ])
    .unwrap();
    let turns: Vec<_> = movie
        .extents
        .iter()
        .map(|extent| (extent.track, extent.part, extent.offset, extent.len))
        .collect();
    assert_eq!(
        turns,
        [
            (0, 0, 100, 750),
            (1, 0, 100, 240),
            (0, 0, 850, 750),
            (1, 0, 340, 240),
            (0, 1, 100, 750),
            (1, 0, 580, 240),
            (0, 1, 850, 750),
            (1, 0, 820, 220),
        ],
    );
    let length = movie.header.len() as u64
        + movie
            .extents
            .iter()
            .map(|extent| u64::from(extent.len))
            .sum::<u64>();
    assert_eq!(movie.content_length, length);
}

#[test]
fn every_sample_is_found_through_the_tables() {
    let parts = vec![part(7, 50, 10_000), part(40, 3, 3000), part(1, 9, 1)];
    let movie = progressive(&[video_track(parts.clone())]).unwrap();
    let moov = moov(&movie);
    let stbl = &moov.trak[0].mdia.minf.stbl;
    let stco = &stbl.stco.as_ref().expect("stco").entries;
    let StszSamples::Different { sizes } = &stbl.stsz.samples else {
        panic!("sizes")
    };
    assert_eq!(
        *sizes,
        parts
            .iter()
            .flatten()
            .map(|sample| sample.size)
            .collect::<Vec<_>>()
    );
    // Walk the chunks as a reader does and compare with the bytes that are streamed.
    let mut sample = 0;
    let mut at = movie.header.len() as u32;
    for (index, offset) in stco.iter().enumerate() {
        assert_eq!(*offset, at);
        let entry = stbl
            .stsc
            .entries
            .iter()
            .rev()
            .find(|entry| entry.first_chunk as usize <= index + 1)
            .expect("stsc");
        for _ in 0..entry.samples_per_chunk {
            at += sizes[sample];
            sample += 1;
        }
    }
    assert_eq!((sample, u64::from(at)), (sizes.len(), movie.content_length));
    assert_eq!(
        stbl.stss.as_ref().map(|stss| stss.entries.clone()),
        Some(vec![1, 8, 48])
    );
    let media: u64 = parts
        .iter()
        .flatten()
        .map(|sample| u64::from(sample.duration))
        .sum();
    assert_eq!(moov.mvhd.duration, media);
    assert_eq!(moov.trak[0].mdia.mdhd.duration, media);
}

#[test]
fn the_first_picture_is_presented_at_zero_however_offsets_are_written() {
    // IBP in decode order IPB, written with signed offsets, with a delay, and with both.
    let cases: [([i32; 3], [i64; 3], Option<u64>); 4] = [
        ([0, 10, -10], [10, 20, 0], Some(10)),
        ([10, 20, 0], [10, 20, 0], Some(10)),
        ([-5, 5, -15], [10, 20, 0], Some(10)),
        ([0, 0, 0], [0, 0, 0], None),
    ];
    for (offsets, written, start) in cases {
        let samples = offsets.map(|offset| info(0, 1, 10, offset, true)).to_vec();
        let moov = moov(&progressive(&[video_track(vec![samples])]).unwrap());
        let trak = &moov.trak[0];
        let ctts = trak.mdia.minf.stbl.ctts.as_ref();
        let flat: Vec<i64> = ctts.map_or(vec![0; 3], |ctts| {
            ctts.entries
                .iter()
                .flat_map(|entry| vec![entry.sample_offset; entry.sample_count as usize])
                .collect()
        });
        assert_eq!(flat, written, "{offsets:?}");
        let edit = trak
            .edts
            .as_ref()
            .and_then(|edts| edts.elst.as_ref())
            .map(|elst| elst.entries[0].clone());
        assert_eq!(
            edit.as_ref().and_then(|edit| edit.media_time),
            start,
            "{offsets:?}"
        );
        assert_eq!(moov.mvhd.duration, 30);
        assert!(edit.is_none_or(|edit| edit.segment_duration == 30));
    }
}

#[test]
fn samples_that_do_not_adjoin_are_separate_extents() {
    let samples = vec![
        info(100, 10, 3000, 0, true),
        info(120, 10, 3000, 0, false),
        info(130, 5, 3000, 0, false),
    ];
    let movie = progressive(&[video_track(vec![samples])]).unwrap();
    let runs: Vec<_> = movie
        .extents
        .iter()
        .map(|extent| (extent.offset, extent.len))
        .collect();
    assert_eq!(runs, [(100, 10), (120, 15)]);
}

#[test]
fn a_movie_past_four_gibibytes_uses_64_bit_sizes() {
    // 3 samples of 2 GiB, one a second: only their positions are handled.
    let giant = |parts: u32| {
        let parts = (0..parts)
            .map(|_| vec![info(100, 1 << 31, 90_000, 0, true)])
            .collect();
        progressive(&[video_track(parts)]).unwrap()
    };
    let movie = giant(3);
    let stbl = &moov(&movie).trak[0].mdia.minf.stbl;
    assert!(stbl.stco.is_none());
    let start = movie.header.len() as u64;
    assert_eq!(
        stbl.co64.as_ref().expect("co64").entries,
        [start, start + (1 << 31), start + (2 << 31)]
    );
    assert_eq!(
        movie.header[movie.header.len() - 16..][..8],
        *b"\0\0\0\x01mdat"
    );
    let size = movie
        .header
        .last_chunk::<8>()
        .map(|size| u64::from_be_bytes(*size));
    assert_eq!(size, Some(16 + (3 << 31)));
    assert_eq!(movie.content_length, start + (3 << 31));

    let small = giant(1);
    let stbl = &moov(&small).trak[0].mdia.minf.stbl;
    assert!(stbl.stco.is_some() && stbl.co64.is_none());
}

#[test]
fn a_payload_that_fits_32_bits_but_whose_file_does_not_uses_wide_offsets() {
    let parts = [1 << 31, (1 << 31) - 10]
        .map(|size| vec![info(100, size, 90_000, 0, true)])
        .to_vec();
    let movie = progressive(&[video_track(parts)]).unwrap();
    assert!(movie.content_length > u64::from(u32::MAX));
    assert!(moov(&movie).trak[0].mdia.minf.stbl.co64.is_some());
    assert_eq!(
        &movie.header[movie.header.len() - 4..],
        b"mdat",
        "the size of mdat itself still fits"
    );
}

#[test]
fn a_movie_has_tracks_and_every_track_has_samples() {
    assert!(matches!(progressive(&[]), Err(CmafError::Empty)));
    assert!(matches!(
        progressive(&[video_track(vec![vec![]])]),
        Err(CmafError::Empty)
    ));
    let both = [video_track(vec![part(1, 1, 1)]), video_track(Vec::new())];
    assert!(matches!(progressive(&both), Err(CmafError::Empty)));
}

#[test]
fn more_samples_than_the_bound_are_refused() {
    let whole = vec![info(0, 0, 1, 0, true); 1 << 16];
    let parts = vec![whole; (MAX_MOVIE_SAMPLES >> 16) + 1];
    assert!(matches!(
        progressive(&[video_track(parts)]),
        Err(CmafError::TooManySamples { .. })
    ));
}
