//! Joining the parts of a video into one fast-start MP4 without re-encoding:
//! the header, and the plan by which a server streams the media after it.
//!
//! Only positions are handled here; the media is never touched, so the length
//! of the download is known before its first byte is sent.
//!
//! Composition offsets: where any is negative, all of the track are raised by
//! the same amount and an edit list takes that amount away again. A `ctts` of
//! version 1 with `cslg` would say the same, but readers that take offsets as
//! unsigned, and they are many, would show such a picture 13 hours late; an
//! edit that begins at the first composition time has been read by every
//! player since QuickTime. Either way the first picture is presented at 0.

use bytes::Bytes;
use mp4_atom::{
    Co64, Ctts, CttsEntry, Edts, Elst, ElstEntry, Encode as _, Ftyp, Moov, Mvhd, Stbl, Stco, Stsc,
    StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry,
};

use super::track::{Durations, trak};
use super::{CmafError, SampleInfo, Track};

/// The most samples a joined movie may hold: a day of 30 frames a second with
/// sound is 6.6 million. Its tables are held in memory.
pub const MAX_MOVIE_SAMPLES: usize = 8 << 20;

/// How much of one track stands together before the other's turn: 1/2 s. Short
/// enough for a player's buffer, long enough for few and large reads.
const INTERLEAVE_DIVISOR: u64 = 2;

/// One track of a movie: its parts, as [`read_fragment`](super::read_fragment) gives them.
#[derive(Clone, Debug)]
pub struct ProgressiveTrack {
    /// What the samples are.
    pub track: Track,
    /// The samples of each part, in decode order.
    pub parts: Vec<Vec<SampleInfo>>,
}

/// A run of bytes of one part that stands together in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Which of the tracks.
    pub track: usize,
    /// Which of its parts.
    pub part: usize,
    /// The first byte, counted from the start of the part.
    pub offset: u32,
    /// How many bytes.
    pub len: u32,
}

/// A movie ready to be streamed: `header`, then every extent in order.
#[derive(Clone, Debug)]
pub struct Progressive {
    /// `ftyp`, `moov` and the head of `mdat`.
    pub header: Bytes,
    /// What follows it.
    pub extents: Vec<Extent>,
    /// Length of the whole file in bytes.
    pub content_length: u64,
}

/// Plans the movie that joins `tracks`.
pub fn progressive(tracks: &[ProgressiveTrack]) -> Result<Progressive, CmafError> {
    let count: usize = tracks
        .iter()
        .flat_map(|track| &track.parts)
        .map(Vec::len)
        .sum();
    if count > MAX_MOVIE_SAMPLES {
        return Err(CmafError::TooManySamples {
            count,
            max: MAX_MOVIE_SAMPLES,
        });
    }
    let Some(first) = tracks.first() else {
        return Err(CmafError::Empty);
    };
    // The movie's clock is the first track's, so that its durations are exact.
    let timescale = first.track.timescale();
    let plan = interleave(tracks)?;

    let mut moov = Moov {
        mvhd: Mvhd {
            timescale,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: tracks.len() as u32 + 1,
            ..Mvhd::default()
        },
        meta: None,
        mvex: None,
        trak: Vec::with_capacity(tracks.len()),
        udta: None,
        ainf: None,
    };
    for (index, (track, chunks)) in tracks.iter().zip(&plan.chunks).enumerate() {
        let timing = Timing::of(track)?;
        let movie = |ticks| rescale(ticks, track.track.timescale(), timescale);
        let presented = movie(timing.presented)?;
        let edts = (timing.start != 0).then(|| Edts {
            elst: Some(Elst {
                entries: vec![ElstEntry {
                    segment_duration: presented,
                    media_time: Some(timing.start),
                    media_rate: 1.into(),
                }],
            }),
        });
        let durations = Durations {
            media: timing.decoded,
            movie: presented,
        };
        let tables = tables(track, timing.shift, chunks);
        moov.trak.push(trak(
            &track.track,
            index as u32 + 1,
            durations,
            edts,
            tables,
        )?);
        moov.mvhd.duration = moov.mvhd.duration.max(presented);
    }

    let header = header(moov, &plan)?;
    let content_length = header.len() as u64 + plan.payload;
    Ok(Progressive {
        header: header.into(),
        extents: plan.extents,
        content_length,
    })
}

/// `ftyp`, `moov` with final offsets, and the head of `mdat`.
fn header(mut moov: Moov, plan: &Plan) -> Result<Vec<u8>, CmafError> {
    let ftyp = Ftyp {
        major_brand: b"isom".into(),
        minor_version: 0x200,
        compatible_brands: [b"isom", b"iso2", b"avc1", b"mp41"]
            .into_iter()
            .map(Into::into)
            .collect(),
    };
    let wide_mdat = plan.payload > u64::from(u32::MAX) - 8;
    let mdat_header = if wide_mdat { 16 } else { 8 };
    let mut out = Vec::new();
    ftyp.encode(&mut out)?;
    let ftyp_len = out.len();

    // The tables' sizes do not depend on the offsets in them, only on how wide
    // these are: measure with narrow ones, and widen where the last will not fit.
    moov.encode(&mut out)?;
    let wide = out.len() as u64 + mdat_header + plan.payload > u64::from(u32::MAX);
    if wide {
        for (trak, chunks) in moov.trak.iter_mut().zip(&plan.chunks) {
            let stbl = &mut trak.mdia.minf.stbl;
            stbl.stco = None;
            stbl.co64 = Some(Co64 {
                entries: vec![0; chunks.len()],
            });
        }
        out.truncate(ftyp_len);
        moov.encode(&mut out)?;
    }
    let payload_start = out.len() as u64 + mdat_header;
    for (trak, chunks) in moov.trak.iter_mut().zip(&plan.chunks) {
        let stbl = &mut trak.mdia.minf.stbl;
        let offsets = chunks.iter().map(|chunk| payload_start + chunk.offset);
        match wide {
            true => {
                stbl.co64 = Some(Co64 {
                    entries: offsets.collect(),
                })
            }
            false => {
                stbl.stco = Some(Stco {
                    entries: offsets.map(|offset| offset as u32).collect(),
                })
            }
        }
    }
    out.truncate(ftyp_len);
    moov.encode(&mut out)?;

    if wide_mdat {
        out.extend_from_slice(b"\0\0\0\x01mdat");
        out.extend_from_slice(&(plan.payload + mdat_header).to_be_bytes());
    } else {
        out.extend_from_slice(&((plan.payload + mdat_header) as u32).to_be_bytes());
        out.extend_from_slice(b"mdat");
    }
    Ok(out)
}

/// Samples of one track that stand together.
struct Chunk {
    /// Its first byte, counted from the start of `mdat`'s payload.
    offset: u64,
    samples: u32,
}

struct Plan {
    extents: Vec<Extent>,
    /// The chunks of each track.
    chunks: Vec<Vec<Chunk>>,
    payload: u64,
}

/// Where the interleaving stands in one track.
struct Cursor<'a> {
    timescale: u64,
    samples: std::iter::Peekable<Box<dyn Iterator<Item = (usize, &'a SampleInfo)> + 'a>>,
    time: u64,
}

fn interleave(tracks: &[ProgressiveTrack]) -> Result<Plan, CmafError> {
    let mut cursors: Vec<Cursor<'_>> = tracks
        .iter()
        .map(|track| {
            let parts = track.parts.iter().enumerate();
            let samples =
                parts.flat_map(|(part, samples)| samples.iter().map(move |sample| (part, sample)));
            let samples: Box<dyn Iterator<Item = _>> = Box::new(samples);
            Cursor {
                timescale: track.track.timescale().into(),
                samples: samples.peekable(),
                time: 0,
            }
        })
        .collect();
    let mut plan = Plan {
        extents: Vec::new(),
        chunks: tracks.iter().map(|_| Vec::new()).collect(),
        payload: 0,
    };
    loop {
        let next = cursors
            .iter_mut()
            .enumerate()
            .filter_map(|(index, cursor)| {
                cursor.samples.peek().is_some().then_some((index, cursor))
            })
            // time / timescale, compared without dividing; of equals the first track goes first.
            .reduce(|a, b| {
                let earlier = u128::from(b.1.time) * u128::from(a.1.timescale)
                    < u128::from(a.1.time) * u128::from(b.1.timescale);
                if earlier { b } else { a }
            });
        let Some((track, cursor)) = next else { break };
        let mut chunk = Chunk {
            offset: plan.payload,
            samples: 0,
        };
        let until = cursor
            .time
            .saturating_add((cursor.timescale / INTERLEAVE_DIVISOR).max(1));
        while cursor.time < until
            && let Some((part, sample)) = cursor.samples.next()
        {
            plan.append(track, part, sample);
            chunk.samples += 1;
            // At most 2^23 samples of 2^32 ticks: far below 2^64.
            cursor.time += u64::from(sample.duration);
        }
        plan.chunks[track].push(chunk);
    }
    if plan.chunks.iter().any(Vec::is_empty) {
        return Err(CmafError::Empty);
    }
    Ok(plan)
}

impl Plan {
    fn append(&mut self, track: usize, part: usize, sample: &SampleInfo) {
        self.payload += u64::from(sample.size);
        if let Some(last) = self.extents.last_mut() {
            let adjoins = (last.track, last.part) == (track, part)
                && last.offset.checked_add(last.len) == Some(sample.offset);
            if adjoins && let Some(len) = last.len.checked_add(sample.size) {
                last.len = len;
                return;
            }
        }
        self.extents.push(Extent {
            track,
            part,
            offset: sample.offset,
            len: sample.size,
        });
    }
}

/// When a track is decoded and presented, in its own ticks.
struct Timing {
    /// Sum of all durations.
    decoded: u64,
    /// Raises every composition offset to 0 or more.
    shift: i64,
    /// The first composition time, after the shift.
    start: u64,
    /// From the first composition time to the end of the last composed sample.
    presented: u64,
}

impl Timing {
    fn of(track: &ProgressiveTrack) -> Result<Self, CmafError> {
        let samples = || track.parts.iter().flatten();
        let least = samples()
            .map(|sample| sample.composition_offset)
            .min()
            .unwrap_or(0);
        let shift = -i64::from(least.min(0));
        let (mut time, mut start, mut end) = (0i64, i64::MAX, 0);
        for sample in samples() {
            let composed = time + i64::from(sample.composition_offset) + shift;
            start = start.min(composed);
            end = end.max(composed + i64::from(sample.duration));
            time += i64::from(sample.duration);
        }
        let unsigned = |ticks: i64| {
            u64::try_from(ticks).map_err(|_| CmafError::Overflow {
                what: "a composition time",
            })
        };
        Ok(Self {
            decoded: unsigned(time)?,
            shift,
            start: unsigned(start)?,
            presented: unsigned(end - start)?,
        })
    }
}

/// Ticks of another clock, rounded up: an edit that ends early drops a sample.
fn rescale(ticks: u64, from: u32, to: u32) -> Result<u64, CmafError> {
    let scaled = (u128::from(ticks) * u128::from(to)).div_ceil(u128::from(from.max(1)));
    u64::try_from(scaled).map_err(|_| CmafError::Overflow {
        what: "the duration of the movie",
    })
}

fn tables(track: &ProgressiveTrack, shift: i64, chunks: &[Chunk]) -> Stbl {
    let samples = || track.parts.iter().flatten();
    let durations = runs(samples().map(|sample| sample.duration));
    let offsets = runs(samples().map(|sample| i64::from(sample.composition_offset) + shift));
    let composed = offsets.iter().any(|(_, offset)| *offset != 0);
    let all_sync = samples().all(|sample| sample.sync);
    let sync = samples()
        .enumerate()
        .filter(|(_, sample)| sample.sync)
        .map(|(index, _)| index as u32 + 1);
    let mut first_chunk = 1;
    let per_chunk = runs(chunks.iter().map(|chunk| chunk.samples));
    let stsc = per_chunk.into_iter().map(|(count, samples_per_chunk)| {
        let entry = StscEntry {
            first_chunk,
            samples_per_chunk,
            sample_description_index: 1,
        };
        first_chunk += count;
        entry
    });
    Stbl {
        stts: Stts {
            entries: durations
                .into_iter()
                .map(|(sample_count, sample_delta)| SttsEntry {
                    sample_count,
                    sample_delta,
                })
                .collect(),
        },
        ctts: composed.then(|| Ctts {
            entries: offsets
                .into_iter()
                .map(|(sample_count, sample_offset)| CttsEntry {
                    sample_count,
                    sample_offset,
                })
                .collect(),
        }),
        // Without the table every sample is a sync sample.
        stss: (!all_sync).then(|| Stss {
            entries: sync.collect(),
        }),
        stsc: Stsc {
            entries: stsc.collect(),
        },
        stsz: Stsz {
            samples: StszSamples::Different {
                sizes: samples().map(|sample| sample.size).collect(),
            },
        },
        stco: Some(Stco {
            entries: vec![0; chunks.len()],
        }),
        ..Stbl::default()
    }
}

/// Run lengths, as the tables of a movie count.
fn runs<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<(u32, T)> {
    let mut runs: Vec<(u32, T)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => runs.push((1, value)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Any, DecodeMaybe as _};

    use super::super::track::tests::{audio, video};
    use super::*;

    fn info(
        offset: u32,
        size: u32,
        duration: u32,
        composition_offset: i32,
        sync: bool,
    ) -> SampleInfo {
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
}
