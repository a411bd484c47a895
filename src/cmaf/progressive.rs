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
use mp4_atom::{Co64, Edts, Elst, ElstEntry, Encode as _, Ftyp, Moov, Mvhd, Stco};

use super::tables::{Timing, rescale, tables};
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
pub(super) struct Chunk {
    /// Its first byte, counted from the start of `mdat`'s payload.
    offset: u64,
    pub samples: u32,
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

#[cfg(test)]
#[path = "progressive_tests.rs"]
mod tests;
