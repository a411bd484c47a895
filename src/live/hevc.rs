//! HEVC, as far as a stream must be known to be published: what a sequence
//! parameter set says of its pictures (ITU-T H.265, 7.3.2.2), and the record of
//! parameter sets (ISO/IEC 14496-15, 8.3.3.1).
//!
//! The SPS is read no further than its colours. Every number from outside that
//! says how often something comes is bounded.

use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, decode_nal};
use thiserror::Error;

use crate::cmaf::Colours;
use crate::live::describe::{Looks, said_colours};

/// A sequence parameter set, among the types of NAL units.
pub(super) const SPS: u8 = 33;

/// `hvcC` before its arrays: 22 bytes and their count.
const ARRAYS: usize = 23;

/// The most sets of short-term references (7.4.3.2.1), and pictures of one (8.3.2).
const MAX_SHORT_TERM_SETS: u32 = 64;
const MAX_REFERENCES: u32 = 16;

/// The most long-term references (7.4.3.2.1).
const MAX_LONG_TERM: u32 = 32;

/// Why a sequence parameter set could not be read.
#[derive(Debug, Error)]
pub(super) enum SpsError {
    /// There is nothing.
    #[error("the SPS is empty")]
    Empty,
    /// It ends too early, or a number is longer than any.
    #[error("the SPS: {0:?}")]
    Bits(BitReaderError),
    /// Its bytes are not those of a NAL unit.
    #[error("the SPS is no NAL unit: {0}")]
    Nal(#[from] std::io::Error),
    /// A number that cannot be.
    #[error("{field} of the SPS is {value}: expected {expected}")]
    Range {
        field: &'static str,
        value: u32,
        expected: &'static str,
    },
}

impl From<BitReaderError> for SpsError {
    fn from(error: BitReaderError) -> Self {
        Self::Bits(error)
    }
}

/// What is of use of a sequence parameter set.
#[cfg_attr(not(test), expect(dead_code, reason = "a record is made of it"))]
pub(super) struct Sps {
    /// As they are shown.
    pub looks: Looks,
    /// Profile, tier, level and constraints, as they stand in the record too.
    pub general: [u8; 12],
    /// 0 to 3: none, 4:2:0, 4:2:2, 4:4:4.
    pub chroma_format: u8,
    /// Bits of brightness and of colour, less 8.
    pub depths: [u8; 2],
    /// How many temporal layers there are, 1 to 7.
    pub temporal_layers: u8,
    /// Whether one may go up a layer at any picture.
    pub temporal_nesting: bool,
}

/// The first sequence parameter set of a record.
pub(super) fn first_sps(record: &[u8]) -> Option<&[u8]> {
    fn length<'a>(rest: &mut &'a [u8]) -> Option<usize> {
        let (length, after): (_, &'a [u8]) = rest.split_first_chunk::<2>()?;
        *rest = after;
        Some(u16::from_be_bytes(*length).into())
    }
    let arrays = *record.get(ARRAYS - 1)?;
    let mut rest = record.get(ARRAYS..)?;
    for _ in 0..arrays {
        let (kind, after) = rest.split_first()?;
        rest = after;
        for _ in 0..length(&mut rest)? {
            let bytes = length(&mut rest)?;
            let (unit, after) = rest.split_at_checked(bytes)?;
            if kind & 0x3f == SPS {
                return Some(unit);
            }
            rest = after;
        }
    }
    None
}

/// Reads a sequence parameter set, its two bytes of header included.
pub(super) fn read_sps(unit: &[u8]) -> Result<Sps, SpsError> {
    if unit.is_empty() {
        return Err(SpsError::Empty);
    }
    // Skips the first byte of the header.
    let bytes = decode_nal(unit)?;
    let mut bits = BitReader::new(&bytes[..]);
    bits.skip(8, "header")?;
    bits.skip(4, "sps_video_parameter_set_id")?;
    let layers = bits.read::<3, u8>("sps_max_sub_layers_minus1")?;
    let temporal_nesting = bits.read_bit("sps_temporal_id_nesting_flag")?;
    let mut general = [0; 12];
    for byte in &mut general {
        *byte = bits.read::<8, u8>("profile_tier_level")?;
    }
    sub_layers(&mut bits, layers)?;
    bits.read_ue("sps_seq_parameter_set_id")?;
    let chroma_format = at_most(&mut bits, "chroma_format_idc", 3, "0 to 3")?;
    if chroma_format == 3 {
        bits.skip(1, "separate_colour_plane_flag")?;
    }
    let (width, height) = size(&mut bits, chroma_format)?;
    let mut depths = [0; 2];
    for depth in &mut depths {
        *depth = at_most(&mut bits, "bit_depth_minus8", 8, "0 to 8")? as u8;
    }
    let order_bits = 4 + at_most(
        &mut bits,
        "log2_max_pic_order_cnt_lsb_minus4",
        12,
        "0 to 12",
    )?;
    let all = bits.read_bit("sps_sub_layer_ordering_info_present_flag")?;
    let ordered = if all { layers + 1 } else { 1 };
    for _ in 0..3 * ordered {
        bits.read_ue("sps_sub_layer_ordering_info")?;
    }
    for _ in 0..6 {
        bits.read_ue("sizes of blocks")?;
    }
    if bits.read_bit("scaling_list_enabled_flag")?
        && bits.read_bit("sps_scaling_list_data_present_flag")?
    {
        scaling_lists(&mut bits)?;
    }
    bits.skip(2, "amp_enabled_flag")?;
    if bits.read_bit("pcm_enabled_flag")? {
        bits.skip(8, "pcm_sample_bit_depth")?;
        bits.read_ue("log2_min_pcm_luma_coding_block_size_minus3")?;
        bits.read_ue("log2_diff_max_min_pcm_luma_coding_block_size")?;
        bits.skip(1, "pcm_loop_filter_disabled_flag")?;
    }
    short_term_sets(&mut bits)?;
    if bits.read_bit("long_term_ref_pics_present_flag")? {
        for _ in 0..at_most(
            &mut bits,
            "num_long_term_ref_pics_sps",
            MAX_LONG_TERM,
            "0 to 32",
        )? {
            bits.skip(order_bits + 1, "lt_ref_pic_poc_lsb_sps")?;
        }
    }
    bits.skip(2, "sps_temporal_mvp_enabled_flag")?;
    let colours = if bits.read_bit("vui_parameters_present_flag")? {
        vui_colours(&mut bits)?
    } else {
        Colours::BT709
    };
    Ok(Sps {
        looks: Looks {
            width,
            height,
            colours,
        },
        general,
        chroma_format: chroma_format as u8,
        depths,
        temporal_layers: layers + 1,
        temporal_nesting,
    })
}

fn at_most(
    bits: &mut impl BitRead,
    field: &'static str,
    most: u32,
    expected: &'static str,
) -> Result<u32, SpsError> {
    let value = bits.read_ue(field)?;
    if value > most {
        return Err(SpsError::Range {
            field,
            value,
            expected,
        });
    }
    Ok(value)
}

/// The rest of `profile_tier_level` (7.3.3): what is said of lower temporal layers.
fn sub_layers(bits: &mut impl BitRead, layers: u8) -> Result<(), SpsError> {
    const PROFILE: u32 = 88;
    const LEVEL: u32 = 8;
    let mut said = 0;
    for _ in 0..layers {
        said += PROFILE * u32::from(bits.read_bit("sub_layer_profile_present_flag")?);
        said += LEVEL * u32::from(bits.read_bit("sub_layer_level_present_flag")?);
    }
    if layers > 0 {
        bits.skip(2 * (8 - u32::from(layers)), "reserved_zero_2bits")?;
    }
    Ok(bits.skip(said, "sub_layer_profile")?)
}

/// Width and height without what is cut off (7.4.3.2.1, table 6-1).
fn size(bits: &mut impl BitRead, chroma_format: u32) -> Result<(u32, u32), SpsError> {
    let width = bits.read_ue("pic_width_in_luma_samples")?;
    let height = bits.read_ue("pic_height_in_luma_samples")?;
    if !bits.read_bit("conformance_window_flag")? {
        return Ok((width, height));
    }
    let (across, down) = match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut cut = |units: u32| -> Result<u32, SpsError> {
        let first = bits.read_ue("conf_win_offset")?;
        let last = bits.read_ue("conf_win_offset")?;
        Ok(first.saturating_add(last).saturating_mul(units))
    };
    let (narrower, lower) = (cut(across)?, cut(down)?);
    let left = |field, whole: u32, cut: u32| {
        let left = whole.checked_sub(cut).filter(|left| *left > 0);
        left.ok_or(SpsError::Range {
            field,
            value: cut,
            expected: "less than the picture",
        })
    };
    Ok((
        left("conf_win_left_offset", width, narrower)?,
        left("conf_win_top_offset", height, lower)?,
    ))
}

/// `scaling_list_data` (7.3.4).
fn scaling_lists(bits: &mut impl BitRead) -> Result<(), SpsError> {
    for size in 0..4_u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.read_bit("scaling_list_pred_mode_flag")? {
                bits.read_ue("scaling_list_pred_matrix_id_delta")?;
                continue;
            }
            let coefficients = 64.min(1 << (4 + 2 * size)) + u32::from(size > 1);
            for _ in 0..coefficients {
                bits.read_se("scaling_list_delta_coef")?;
            }
        }
    }
    Ok(())
}

/// `st_ref_pic_set` of all sets (7.3.7): each says how many pictures it has, in
/// itself or by what it takes of the one before.
fn short_term_sets(bits: &mut impl BitRead) -> Result<(), SpsError> {
    let field = "num_short_term_ref_pic_sets";
    let sets = at_most(bits, field, MAX_SHORT_TERM_SETS, "0 to 64")?;
    let mut pictures = 0;
    for set in 0..sets {
        if set > 0 && bits.read_bit("inter_ref_pic_set_prediction_flag")? {
            bits.skip(1, "delta_rps_sign")?;
            bits.read_ue("abs_delta_rps_minus1")?;
            let mut taken = 0;
            for _ in 0..=pictures {
                let used = bits.read_bit("used_by_curr_pic_flag")?;
                taken += u32::from(used || bits.read_bit("use_delta_flag")?);
            }
            pictures = taken;
            continue;
        }
        let field = "num_negative_pics";
        let negative = at_most(bits, field, MAX_REFERENCES, "0 to 16")?;
        let field = "num_positive_pics";
        pictures = negative + at_most(bits, field, MAX_REFERENCES, "0 to 16")?;
        for _ in 0..pictures {
            bits.read_ue("delta_poc_minus1")?;
            bits.skip(1, "used_by_curr_pic_flag")?;
        }
    }
    Ok(())
}

/// The head of `vui_parameters` (annex E.2.1), to the colours.
fn vui_colours(bits: &mut impl BitRead) -> Result<Colours, SpsError> {
    const EXTENDED_SAR: u8 = 255;
    if bits.read_bit("aspect_ratio_info_present_flag")?
        && bits.read::<8, u8>("aspect_ratio_idc")? == EXTENDED_SAR
    {
        bits.skip(32, "sar_width")?;
    }
    if bits.read_bit("overscan_info_present_flag")? {
        bits.skip(1, "overscan_appropriate_flag")?;
    }
    if !bits.read_bit("video_signal_type_present_flag")? {
        return Ok(Colours::BT709);
    }
    bits.skip(3, "video_format")?;
    let full_range = bits.read_bit("video_full_range_flag")?;
    let mut codes = [2; 3];
    if bits.read_bit("colour_description_present_flag")? {
        for code in &mut codes {
            *code = bits.read::<8, u8>("colour_description")?;
        }
    }
    Ok(said_colours(codes, full_range))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of x265: 320 by 180, which is 184 cut by four lines.
    const X265: &[u8] = b"\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\x08\
        \x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x32\x10";

    /// Of x265: ten bits, BT.2020 and PQ, scaling lists.
    const HDR: &[u8] =
        b"\x42\x01\x01\x02\x20\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3f\xa0\x0a\x48\x0b\x9c\x96\xd9\
        \x65\x66\x92\x4e\x57\x80\xb5\x09\x10\x09\x04\0\0\x03\0\x04\0\0\x03\0\x65\x82\x72\x59\
        \x78\0\x3d\x09\0\x07\xa1\x22";

    /// Of x265: 4:2:2, full range, pixels that are not square.
    const WIDE: &[u8] =
        b"\x42\x01\x01\x04\x08\0\0\x03\0\x9d\x08\0\0\x03\0\0\x3c\xb0\x0a\x48\x0b\x9c\x92\xe5\
        \x95\x9a\x49\x32\xbc\x09\xb0\x20\0\0\x03\0\x20\0\0\x03\x03\x21";

    #[test]
    fn a_sequence_parameter_set_says_how_pictures_look() {
        let sps = read_sps(X265).expect("an SPS");
        assert_eq!((sps.looks.width, sps.looks.height), (320, 180));
        assert_eq!(sps.looks.colours, Colours::BT709);
        assert_eq!(sps.general, *b"\x01\x60\0\0\0\x90\0\0\0\0\0\x3c");
        assert_eq!((sps.chroma_format, sps.depths), (1, [0, 0]));
        assert_eq!((sps.temporal_layers, sps.temporal_nesting), (1, true));

        let hdr = read_sps(HDR).expect("an SPS");
        assert_eq!((hdr.looks.width, hdr.looks.height), (322, 180));
        let expected = Colours {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            full_range: false,
        };
        assert_eq!((hdr.looks.colours, hdr.depths), (expected, [2, 2]));

        let wide = read_sps(WIDE).expect("an SPS");
        assert_eq!((wide.looks.width, wide.looks.height), (322, 180));
        assert!(wide.looks.colours.full_range);
        assert_eq!(wide.chroma_format, 2);
    }

    #[test]
    fn the_first_sequence_parameter_set_of_a_record_is_found() {
        let mut record = vec![0; ARRAYS];
        record[ARRAYS - 1] = 2;
        record.extend(b"\xa0\0\x01\0\x03vps\xa1\0\x02\0\x03sps\0\x05later");
        assert_eq!(first_sps(&record), Some(&b"sps"[..]));
        for end in 0..record.len() - 7 {
            assert_eq!(first_sps(&record[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            flips in prop::collection::vec((0..X265.len(), any::<u8>()), 0..12),
            end in 0..=X265.len(),
            random in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut sps = X265.to_vec();
            for (at, byte) in flips {
                sps[at] = byte;
            }
            let _ = read_sps(&sps[..end]);
            let _ = read_sps(&random);
            let _ = first_sps(&random);
        }
    }
}
