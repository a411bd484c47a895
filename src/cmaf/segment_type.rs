//! The header of a segment: what kind of file it is (`styp`, ISO/IEC 14496-12,
//! 8.16.2).

use bytes::Bytes;

/// A `styp` box of the brands `msdh` (a media segment) and `cmfs` (a CMAF segment).
pub const SEGMENT_TYPE: Bytes = Bytes::from_static(b"\0\0\0\x18stypmsdh\0\0\0\0msdhcmfs");

#[cfg(test)]
mod tests {
    use mp4_atom::{Decode as _, Styp};

    use super::*;

    #[test]
    fn the_header_of_a_segment_is_a_whole_box() {
        let styp = Styp::decode(&mut &SEGMENT_TYPE[..]).expect("a box");
        assert_eq!(styp.major_brand, b"msdh".into());
        assert_eq!(styp.compatible_brands.len(), 2);
    }
}
