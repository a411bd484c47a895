//! AV1, as far as a stream must be known to be published: its units (OBUs), and
//! what a sequence header says of its pictures (AV1 Bitstream, 5.3 and 5.5).

use bytes::{Bytes, BytesMut};
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError};
use thiserror::Error;

use crate::live::describe::{Looks, said_colours};

/// The types of units that matter here (6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;

/// `av1C` before its units.
const RECORD_HEAD: usize = 4;

/// Why nothing is known of a stream's pictures.
#[derive(Debug, Error)]
pub(super) enum SequenceError {
    /// The record has none.
    #[error("there is no sequence header")]
    Missing,
    /// It ends too early, or a number is longer than any.
    #[error("the sequence header: {0:?}")]
    Bits(BitReaderError),
}

impl From<BitReaderError> for SequenceError {
    fn from(error: BitReaderError) -> Self {
        Self::Bits(error)
    }
}

/// A unit: where it is, and what is in it.
struct Unit {
    kind: u8,
    start: usize,
    payload: usize,
    end: usize,
}

/// The unit of `data` that begins at `start`; `None` at the end and of what is none.
fn unit(data: &[u8], start: usize) -> Option<Unit> {
    const EXTENSION: u8 = 4;
    const HAS_SIZE: u8 = 2;
    let header = *data.get(start)?;
    let mut payload = start + 1 + usize::from(header & EXTENSION != 0);
    let mut end = data.len();
    if header & HAS_SIZE != 0 {
        // Seven bits a byte, eight bytes at most (4.10.5).
        let mut size = 0_u64;
        for index in 0.. {
            let byte = *data.get(payload)?;
            payload += 1;
            size |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                break;
            }
            if index == 7 {
                return None;
            }
        }
        end = payload.checked_add(usize::try_from(size).ok()?)?;
    }
    (payload <= end && end <= data.len()).then_some(Unit {
        kind: header >> 3 & 0xf,
        start,
        payload,
        end,
    })
}

/// The units of `data`, up to the first that is none.
fn units(data: &[u8]) -> impl Iterator<Item = Unit> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let found = unit(data, at)?;
        at = found.end;
        Some(found)
    })
}

/// A temporal unit as it stands in an MP4: without delimiters (AV1 in ISO-BMFF, 2.4).
pub(super) fn without_delimiters(data: Bytes) -> Bytes {
    let delimiters = units(&data).filter(|unit| unit.kind == TEMPORAL_DELIMITER);
    let delimiters: Vec<_> = delimiters.map(|unit| unit.start..unit.end).collect();
    match &delimiters[..] {
        [] => data,
        [first] if first.start == 0 => data.slice(first.end..),
        _ => {
            let mut kept = BytesMut::with_capacity(data.len());
            let mut from = 0;
            for delimiter in &delimiters {
                kept.extend_from_slice(&data[from..delimiter.start]);
                from = delimiter.end;
            }
            kept.extend_from_slice(&data[from..]);
            kept.freeze()
        }
    }
}

/// How pictures look, of an AV1CodecConfigurationRecord.
pub(super) fn looks(record: &[u8]) -> Result<Looks, SequenceError> {
    let data = record.get(RECORD_HEAD..).unwrap_or_default();
    let header = units(data).find(|unit| unit.kind == SEQUENCE_HEADER);
    let header = header.ok_or(SequenceError::Missing)?;
    sequence_header(&data[header.payload..header.end])
}

fn sequence_header(payload: &[u8]) -> Result<Looks, SequenceError> {
    let mut bits = BitReader::new(payload);
    let profile = bits.read::<3, u8>("seq_profile")?;
    bits.skip(1, "still_picture")?;
    let reduced = bits.read_bit("reduced_still_picture_header")?;
    if reduced {
        bits.skip(5, "seq_level_idx")?;
    } else {
        operating_points(&mut bits)?;
    }
    let across = bits.read::<4, u32>("frame_width_bits_minus_1")? + 1;
    let down = bits.read::<4, u32>("frame_height_bits_minus_1")? + 1;
    let width = bits.read_var::<u32>(across, "max_frame_width_minus_1")? + 1;
    let height = bits.read_var::<u32>(down, "max_frame_height_minus_1")? + 1;
    if !reduced && bits.read_bit("frame_id_numbers_present_flag")? {
        bits.skip(7, "delta_frame_id_length_minus_2")?;
    }
    bits.skip(3, "use_128x128_superblock")?;
    if !reduced {
        tools(&mut bits)?;
    }
    bits.skip(3, "enable_superres")?;
    let (codes, full_range) = colours(&mut bits, profile)?;
    Ok(Looks {
        width,
        height,
        colours: said_colours(codes, full_range),
    })
}

/// 5.5.1, from the timing to the operating points.
fn operating_points(bits: &mut impl BitRead) -> Result<(), BitReaderError> {
    let mut delay_bits = None;
    if bits.read_bit("timing_info_present_flag")? {
        bits.skip(64, "num_units_in_display_tick")?;
        if bits.read_bit("equal_picture_interval")? {
            bits.read_ue("num_ticks_per_picture_minus_1")?;
        }
        if bits.read_bit("decoder_model_info_present_flag")? {
            delay_bits = Some(bits.read::<5, u32>("buffer_delay_length_minus_1")? + 1);
            bits.skip(42, "num_units_in_decoding_tick")?;
        }
    }
    let delays = bits.read_bit("initial_display_delay_present_flag")?;
    for _ in 0..=bits.read::<5, u8>("operating_points_cnt_minus_1")? {
        bits.skip(12, "operating_point_idc")?;
        // From level 4.0 on there are two tiers.
        if bits.read::<5, u8>("seq_level_idx")? > 7 {
            bits.skip(1, "seq_tier")?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.read_bit("decoder_model_present_for_this_op")?
        {
            bits.skip(2 * delay_bits + 1, "operating_parameters_info")?;
        }
        if delays && bits.read_bit("initial_display_delay_present_for_this_op")? {
            bits.skip(4, "initial_display_delay_minus_1")?;
        }
    }
    Ok(())
}

/// 5.5.1, from the compound modes to the order hints.
fn tools(bits: &mut impl BitRead) -> Result<(), BitReaderError> {
    bits.skip(4, "enable_interintra_compound")?;
    let ordered = bits.read_bit("enable_order_hint")?;
    if ordered {
        bits.skip(2, "enable_jnt_comp")?;
    }
    let screen = bits.read_bit("seq_choose_screen_content_tools")?
        || bits.read_bit("seq_force_screen_content_tools")?;
    if screen && !bits.read_bit("seq_choose_integer_mv")? {
        bits.skip(1, "seq_force_integer_mv")?;
    }
    if ordered {
        bits.skip(3, "order_hint_bits_minus_1")?;
    }
    Ok(())
}

/// 5.5.2, to the range.
fn colours(bits: &mut impl BitRead, profile: u8) -> Result<([u8; 3], bool), BitReaderError> {
    /// sRGB, which is always of full range.
    const SRGB: [u8; 3] = [1, 13, 0];
    let deep = bits.read_bit("high_bitdepth")?;
    if deep && profile == 2 {
        bits.skip(1, "twelve_bit")?;
    }
    let monochrome = profile != 1 && bits.read_bit("mono_chrome")?;
    let mut codes = [2; 3];
    if bits.read_bit("color_description_present_flag")? {
        for code in &mut codes {
            *code = bits.read::<8, u8>("color_description")?;
        }
    }
    let full_range = !monochrome && codes == SRGB || bits.read_bit("color_range")?;
    Ok((codes, full_range))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cmaf::Colours;

    /// Of SVT-AV1: 320 by 180, no word of colours.
    const SVT: &[u8] = b"\x81\0\x0c\0\x0a\x0b\0\0\0\x04\x3c\xfe\xcc\x02\xf8\0\x40";
    /// Of libaom: the same, in BT.2020 and PQ.
    const HDR: &[u8] = b"\x81\0\x0c\0\x0a\x0e\0\0\0\x04\x3c\xfe\xcc\xda\xf9\x10\x91\0\x90\x40";

    #[test]
    fn a_sequence_header_says_how_pictures_look() {
        let svt = looks(SVT).expect("a sequence header");
        assert_eq!((svt.width, svt.height), (320, 180));
        assert_eq!(svt.colours, Colours::BT709);
        let hdr = looks(HDR).expect("a sequence header");
        assert_eq!((hdr.width, hdr.height), (320, 180));
        let expected = Colours {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            full_range: false,
        };
        assert_eq!(hdr.colours, expected);
        assert!(matches!(looks(&SVT[..4]), Err(SequenceError::Missing)));
    }

    #[test]
    fn delimiters_are_left_out_and_nothing_else() {
        // A frame of three bytes, and one without a length at the end.
        let (frame, last) = (&b"\x32\x03abc"[..], &b"\x30rest"[..]);
        let delimiter = &b"\x12\0"[..];
        let kept = [frame, last].concat();
        for parts in [
            &[frame, last][..],
            &[delimiter, frame, last],
            &[delimiter, frame, delimiter, last],
            &[frame, delimiter, last],
        ] {
            assert_eq!(without_delimiters(parts.concat().into()), kept);
        }
        assert_eq!(without_delimiters(Bytes::from_static(b"\x12\0")), "");
        // A length beyond the end.
        let broken = Bytes::from_static(b"\x32\x7fabc");
        assert_eq!(without_delimiters(broken.clone()), broken);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            flips in prop::collection::vec((4..HDR.len(), any::<u8>()), 0..8),
            end in 0..=HDR.len(),
            random in prop::collection::vec(any::<u8>(), 0..32),
        ) {
            let mut record = HDR.to_vec();
            for (at, byte) in flips {
                record[at] = byte;
            }
            let _ = looks(&record[..end]);
            let left = without_delimiters(Bytes::from(random.clone()));
            prop_assert!(left.len() <= random.len());
        }
    }
}
