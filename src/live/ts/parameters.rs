//! The parameter sets of pictures that come among them, made the record that an MP4
//! has of them (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).

use std::collections::BTreeMap;

use bytes::{BufMut as _, Bytes, BytesMut};
use h264_reader::nal::sps::{ChromaFormat, SeqParameterSet};
use h264_reader::nal::{Nal as _, RefNal};
use h264_reader::rbsp::{BitRead, BitReader, decode_nal};

use crate::cmaf::VideoConfig;
use crate::live::hevc;
use crate::live::ts::TsError;
use crate::live::ts::annexb::Coding;

/// The most parameter sets, of all kinds. Encoders have three.
const MAX_SETS: usize = 24;

/// The longest of them, in bytes.
const MAX_SET_BYTES: usize = 4096;

/// Types of H.264's.
const AVC_SPS: u8 = 7;
const AVC_PPS: u8 = 8;

/// Types of HEVC's.
const HEVC_VPS: u8 = 32;
const HEVC_PPS: u8 = 34;

/// Bytes of the header of a NAL unit of HEVC.
const HEVC_HEADER: usize = 2;

/// What became of the record.
#[derive(Debug)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It is another.
    Record(VideoConfig),
    /// The sets are others, and not yet all there.
    Unfinished,
}

/// The parameter sets that are known, by their types and numbers.
#[derive(Debug)]
pub(super) struct ParameterSets {
    coding: Coding,
    known: BTreeMap<(u8, u32), Bytes>,
}

impl ParameterSets {
    /// None yet.
    pub const fn new(coding: Coding) -> Self {
        Self {
            coding,
            known: BTreeMap::new(),
        }
    }

    /// Takes those of a picture.
    pub fn take(&mut self, units: &[&[u8]]) -> Result<Change, TsError> {
        let mut sets = Vec::new();
        for (index, unit) in units.iter().enumerate() {
            let kind = self.coding.kind(unit.first().copied().unwrap_or(0));
            // Each is read: no picture may have us read for long.
            if index == MAX_SETS {
                return Err(too_many(kind));
            }
            let bad = |reason: String| TsError::ParameterSet { kind, reason };
            if unit.len() > MAX_SET_BYTES {
                return Err(bad(format!(
                    "it has {} bytes: expected {MAX_SET_BYTES} at most",
                    unit.len()
                )));
            }
            let number = number(self.coding, kind, unit).map_err(bad)?;
            sets.push(((kind, number), *unit));
        }
        let news = |set: &&((u8, u32), &[u8])| {
            let known = self.known.get(&set.0);
            known.is_none_or(|known| known[..] != *set.1)
        };
        let mut new = sets.iter().filter(news).peekable();
        if new.peek().is_none() {
            return Ok(Change::None);
        }
        // With another sequence, nothing is left of what was before.
        if new.any(|((kind, _), _)| !matches!(*kind, AVC_PPS | HEVC_PPS)) {
            self.known.clear();
        }
        for (key, unit) in sets {
            self.known.insert(key, Bytes::copy_from_slice(unit));
        }
        if self.known.len() > MAX_SETS {
            let kind = self.known.keys().next_back().map_or(0, |(kind, _)| *kind);
            return Err(too_many(kind));
        }
        let record = match self.coding {
            Coding::Avc => self.avc()?.map(VideoConfig::Avc),
            Coding::Hevc => self.hevc()?.map(VideoConfig::Hevc),
        };
        Ok(record.map_or(Change::Unfinished, Change::Record))
    }

    fn of(&self, kind: u8) -> impl Iterator<Item = &Bytes> {
        let of_kind = self.known.range((kind, 0)..=(kind, u32::MAX));
        of_kind.map(|(_, unit)| unit)
    }

    /// `avcC`
    fn avc(&self) -> Result<Option<Bytes>, TsError> {
        let (Some(first), Some(_)) = (self.of(AVC_SPS).next(), self.of(AVC_PPS).next()) else {
            return Ok(None);
        };
        let bad = |reason: String| TsError::ParameterSet {
            kind: AVC_SPS,
            reason,
        };
        let bits = RefNal::new(first, &[], true).rbsp_bits();
        let sps = SeqParameterSet::from_bits(bits).map_err(|error| bad(format!("{error:?}")))?;
        let Some([_, profile, constraints, level]) = first.first_chunk().copied() else {
            return Err(bad("it is too short".into()));
        };
        let mut record = BytesMut::new();
        // Lengths have four bytes.
        record.put_slice(&[1, profile, constraints, level, 0xff]);
        record.put_u8(0xe0 | self.of(AVC_SPS).count() as u8);
        self.of(AVC_SPS)
            .for_each(|unit| put_unit(&mut record, unit));
        record.put_u8(self.of(AVC_PPS).count() as u8);
        self.of(AVC_PPS)
            .for_each(|unit| put_unit(&mut record, unit));
        // Baseline, Main and Extended say no more.
        if !matches!(profile, 66 | 77 | 88) {
            let chroma = &sps.chroma_info;
            let format = match chroma.chroma_format {
                ChromaFormat::Monochrome => 0,
                ChromaFormat::YUV420 => 1,
                ChromaFormat::YUV422 => 2,
                ChromaFormat::YUV444 => 3,
                ChromaFormat::Invalid(other) => {
                    return Err(bad(format!(
                        "chroma_format_idc is {other}: expected 0 to 3"
                    )));
                }
            };
            record.put_slice(&[
                0xfc | format,
                0xf8 | chroma.bit_depth_luma_minus8,
                0xf8 | chroma.bit_depth_chroma_minus8,
                0,
            ]);
        }
        Ok(Some(record.freeze()))
    }

    /// `hvcC`
    fn hevc(&self) -> Result<Option<Bytes>, TsError> {
        let kinds = [HEVC_VPS, hevc::SPS, HEVC_PPS];
        if kinds.iter().any(|kind| self.of(*kind).next().is_none()) {
            return Ok(None);
        }
        let Some(first) = self.of(hevc::SPS).next() else {
            return Ok(None);
        };
        let sps = hevc::read_sps(first).map_err(|error| TsError::ParameterSet {
            kind: hevc::SPS,
            reason: error.to_string(),
        })?;
        let mut record = BytesMut::new();
        record.put_u8(1);
        record.put_slice(&sps.general);
        // Nothing is said of slices and of what can be decoded side by side.
        record.put_slice(&[0xf0, 0, 0xfc]);
        record.put_u8(0xfc | sps.chroma_format);
        record.put_slice(&sps.depths.map(|depth| 0xf8 | depth));
        // Nor of how many pictures a second there are.
        record.put_u16(0);
        // Lengths have four bytes.
        record.put_u8(sps.temporal_layers << 3 | u8::from(sps.temporal_nesting) << 2 | 3);
        record.put_u8(kinds.len() as u8);
        for kind in kinds {
            // All of them are here, and none among the pictures.
            record.put_u8(0x80 | kind);
            record.put_u16(self.of(kind).count() as u16);
            self.of(kind).for_each(|unit| put_unit(&mut record, unit));
        }
        Ok(Some(record.freeze()))
    }
}

fn too_many(kind: u8) -> TsError {
    let reason = format!("it is one of more than {MAX_SETS}: expected so many at most");
    TsError::ParameterSet { kind, reason }
}

/// A unit behind its length, which [`MAX_SET_BYTES`] bounds.
fn put_unit(record: &mut BytesMut, unit: &[u8]) {
    record.put_u16(unit.len() as u16);
    record.put_slice(unit);
}

/// The number of a parameter set among those of its kind.
fn number(coding: Coding, kind: u8, unit: &[u8]) -> Result<u32, String> {
    // The first bytes of H.264's: header, profile, constraints and level.
    let before = match (coding, kind) {
        (Coding::Avc, AVC_SPS) => 4,
        (Coding::Avc, _) => 1,
        (Coding::Hevc, hevc::SPS) => {
            let sps = hevc::read_sps(unit).map_err(|error| error.to_string())?;
            return Ok(sps.number);
        }
        (Coding::Hevc, _) => HEVC_HEADER,
    };
    if unit.len() <= before {
        return Err("it is too short".into());
    }
    let bytes = decode_nal(unit).map_err(|error| error.to_string())?;
    let mut bits = BitReader::new(bytes.get(before - 1..).unwrap_or_default());
    let number = match (coding, kind) {
        (Coding::Hevc, HEVC_VPS) => bits.read::<4, u32>("vps_video_parameter_set_id"),
        _ => bits.read_ue("parameter_set_id"),
    };
    number.map_err(|error| format!("{error:?}"))
}
