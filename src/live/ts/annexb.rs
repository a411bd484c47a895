//! Pictures as byte streams of NAL units (ITU-T H.264 and H.265, annex B) to samples of
//! an MP4, where each unit has its length before it (ISO/IEC 14496-15).

use bytes::{Bytes, BytesMut};

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// H.264.
    Avc,
    /// HEVC.
    Hevc,
}

/// What a NAL unit is of use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// A part of a picture that needs none before it.
    Key,
    /// Anything else of a picture.
    Picture,
    /// What describes pictures, and stands in the record.
    Parameters,
    /// What only a byte stream needs: delimiters, ends, filling.
    Nothing,
}

impl Coding {
    /// The type of a NAL unit.
    pub const fn kind(self, first: u8) -> u8 {
        match self {
            Self::Avc => first & 0x1f,
            Self::Hevc => first >> 1 & 0x3f,
        }
    }

    /// By table 7-1 of each.
    const fn use_of(self, kind: u8) -> Use {
        match (self, kind) {
            (Self::Avc, 5) | (Self::Hevc, 16..=21) => Use::Key,
            (Self::Avc, 7 | 8) | (Self::Hevc, 32..=34) => Use::Parameters,
            (Self::Avc, 9..=12) | (Self::Hevc, 35..=38) => Use::Nothing,
            _ => Use::Picture,
        }
    }
}

/// A picture, taken apart.
#[derive(Debug)]
pub(super) struct AccessUnit<'a> {
    /// Whether it needs none before it.
    pub key: bool,
    /// Its parameter sets.
    pub parameters: Vec<&'a [u8]>,
    /// The rest, as a sample.
    pub sample: Bytes,
}

/// Takes a picture apart. What is before its first start code is left out.
pub(super) fn access_unit(coding: Coding, bytes: &[u8]) -> AccessUnit<'_> {
    let mut key = false;
    let mut parameters = Vec::new();
    let mut sample = BytesMut::with_capacity(bytes.len() + 64);
    for unit in units(bytes) {
        let Some(first) = unit.first() else { continue };
        let used = coding.use_of(coding.kind(*first));
        match used {
            Use::Key | Use::Picture => {
                let Ok(length) = u32::try_from(unit.len()) else {
                    continue;
                };
                key |= used == Use::Key;
                sample.extend_from_slice(&length.to_be_bytes());
                sample.extend_from_slice(unit);
            }
            Use::Parameters => parameters.push(unit),
            Use::Nothing => {}
        }
    }
    AccessUnit {
        key,
        parameters,
        sample: sample.freeze(),
    }
}

/// The NAL units of a byte stream, without start codes and the zeros around them.
fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(bytes).map(|at| &bytes[at + 3..]);
    std::iter::from_fn(move || {
        let from = rest?;
        let next = start_code(from);
        let unit = &from[..next.unwrap_or(from.len())];
        rest = next.map(|at| &from[at + 3..]);
        // No unit ends with a zero (7.4.1.1).
        let end = unit.iter().rposition(|byte| *byte != 0);
        Some(&unit[..end.map_or(0, |at| at + 1)])
    })
}

/// Where the first `00 00 01` is.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    while let Some(byte) = bytes.get(at) {
        match byte {
            0 => at += 1,
            1 if bytes[at - 2..at] == [0, 0] => return Some(at - 2),
            // No start code has this byte, so none ends before three more.
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_told_apart_by_start_codes_of_either_length() {
        for (bytes, expected) in [
            (&b"\0\0\x01a\0\0\x01b"[..], &[&b"a"[..], b"b"][..]),
            (b"\0\0\0\x01a\0\0\0\x01bc\0\0", &[b"a", b"bc"]),
            (b"x\0\0\x01\x01\0\x01\0\0\x01b", &[b"\x01\0\x01", b"b"]),
            (b"\0\0\0\0\x01\0\0\x01b", &[b"", b"b"]),
            (b"\0\0\x01", &[b""]),
            (b"\0\0", &[]),
            (b"no start", &[]),
        ] {
            let found: Vec<_> = units(bytes).collect();
            assert_eq!(found, expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_sample_has_neither_delimiters_nor_parameter_sets() {
        let unit = access_unit(
            Coding::Avc,
            b"\0\0\0\x01\x09\xf0\0\0\x01\x67s\0\0\x01\x68p\0\0\x01\x06i\0\0\x01\x65abc",
        );
        assert!(unit.key);
        assert_eq!(unit.parameters, [b"\x67s", b"\x68p"]);
        assert_eq!(&unit.sample[..], b"\0\0\0\x02\x06i\0\0\0\x04\x65abc");
        let unit = access_unit(Coding::Hevc, b"\0\0\x01\x46\x01\x50\0\0\x01\x02\x01a");
        assert!(!unit.key && unit.parameters.is_empty());
        assert_eq!(&unit.sample[..], b"\0\0\0\x03\x02\x01a");
    }

    proptest! {
        #[test]
        fn what_is_put_between_start_codes_comes_out_again(
            parts in prop::collection::vec(prop::collection::vec(2_u8.., 1..9), 0..6),
            long in any::<bool>(),
        ) {
            let code: &[u8] = if long { &[0, 0, 0, 1] } else { &[0, 0, 1] };
            let bytes: Vec<u8> = parts.iter().flat_map(|part| [code, part].concat()).collect();
            let found: Vec<Vec<u8>> = units(&bytes).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(found, parts);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(0_u8..3, 0..64)) {
            let _ = access_unit(Coding::Avc, &bytes);
            let _ = access_unit(Coding::Hevc, &bytes);
        }
    }
}
