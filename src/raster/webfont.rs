//! WOFF and WOFF2, the packed forms of fonts that web pages use, unpacked.
//!
//! What a file claims to unpack to is checked before it is unpacked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::face::MAX_FONT_BYTES;

/// Bytes of WOFF's header, and of each entry of its directory.
const HEADER: usize = 44;
const ENTRY: usize = 20;

/// The font in `bytes` as TrueType or OpenType; as it is where it is not packed, and
/// `None` where it cannot be unpacked.
pub(super) fn unpacked(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let unpack: fn(&[u8]) -> Option<Vec<u8>> = match bytes.get(..4) {
        Some(b"wOFF") => woff,
        Some(b"wOF2") => |bytes| wuff::decompress_woff2(bytes).ok(),
        _ => return Some(bytes),
    };
    // Its reader is careful, not proven; the font is a stranger's.
    let unpacked = catch_unwind(AssertUnwindSafe(|| unpack(&bytes)));
    let font = unpacked.ok().flatten()?;
    (font.len() as u64 <= MAX_FONT_BYTES).then_some(font)
}

fn woff(bytes: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize, size: usize| {
        let digits = bytes.get(at..at + size)?;
        let add = |sum: u64, digit: &u8| sum << 8 | u64::from(*digit);
        Some(digits.iter().fold(0, add))
    };
    let tables = usize::try_from(number(12, 2)?).ok()?;
    // Tables may share their bytes in the file, but not in the font.
    let mut total = 0;
    for table in 0..tables {
        let at = HEADER + table * ENTRY;
        let (packed, whole) = (number(at + 8, 4)?, number(at + 12, 4)?);
        total += packed.max(whole);
    }
    if total > MAX_FONT_BYTES {
        return None;
    }
    wuff::decompress_woff1(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    /// The letters of "Web", of one font, in three forms.
    const PLAIN: &[u8] = include_bytes!("../../tests/data/web.ttf");
    const WOFF: &[u8] = include_bytes!("../../tests/data/web.woff");
    const WOFF2: &[u8] = include_bytes!("../../tests/data/web.woff2");

    #[test]
    fn a_packed_font_has_the_glyphs_of_the_plain_one() {
        let outline = |bytes: &[u8], letter| {
            struct Pen(Vec<(f32, f32)>);
            impl ttf_parser::OutlineBuilder for Pen {
                fn move_to(&mut self, x: f32, y: f32) {
                    self.0.push((x, y));
                }
                fn line_to(&mut self, x: f32, y: f32) {
                    self.0.push((x, y));
                }
                fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
                    self.0.extend([(x1, y1), (x, y)]);
                }
                fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
                    self.0.extend([(x1, y1), (x2, y2), (x, y)]);
                }
                fn close(&mut self) {}
            }
            let face = ttf_parser::Face::parse(bytes, 0).expect("a face");
            let glyph = face.glyph_index(letter).expect("a glyph");
            let mut pen = Pen(Vec::new());
            face.outline_glyph(glyph, &mut pen).expect("an outline");
            pen.0
        };
        let plain = unpacked(PLAIN.to_vec()).expect("as it is");
        assert_eq!(Digest::of(&plain), Digest::of(PLAIN));
        for packed in [WOFF, WOFF2] {
            let font = unpacked(packed.to_vec()).expect("unpacks");
            assert!(font.len() > packed.len());
            for letter in "Web".chars() {
                assert_eq!(outline(&font, letter), outline(&plain, letter), "{letter}");
            }
        }
    }

    #[test]
    fn a_font_that_claims_to_be_huge_is_not_unpacked() {
        let mut huge = WOFF.to_vec();
        // The unpacked length of its first table.
        huge[HEADER + 12..HEADER + 16].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(unpacked(huge).is_none());
        // Many tables that are all the whole file.
        let mut shared = b"wOFF".to_vec();
        shared.resize(HEADER + 60_000 * ENTRY, 0);
        shared[12..14].copy_from_slice(&60_000_u16.to_be_bytes());
        let length = shared.len() as u32;
        for entry in shared[HEADER..].chunks_exact_mut(ENTRY) {
            entry[8..12].copy_from_slice(&length.to_be_bytes());
            entry[12..16].copy_from_slice(&length.to_be_bytes());
        }
        assert!(unpacked(shared).is_none());
    }

    #[test]
    fn what_is_cut_short_or_spoilt_gives_no_font_and_no_panic() {
        for packed in [WOFF, WOFF2] {
            // The last bytes may be padding.
            for length in 4..packed.len() - 4 {
                assert!(unpacked(packed[..length].to_vec()).is_none(), "{length}");
            }
            for at in 4..packed.len() {
                let mut spoilt = packed.to_vec();
                spoilt[at] ^= 0xff;
                // Some of them are fonts still; none may be larger than a font may be.
                let _font = unpacked(spoilt);
            }
        }
    }
}
