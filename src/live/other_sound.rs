//! Sound that is not published as it comes but turned into AAC: MPEG audio of layers II
//! and III, AC-3 and E-AC-3. Here its frames are told apart; who turns them is not known.
//!
//! All of these frames say in their first bytes how long they are, in bytes as in
//! samples: ISO/IEC 11172-3, 2.4.1.3 and 13818-3, 2.4.2.3; ETSI TS 102 366, 4.3 and E.1.2.

use bytes::Bytes;

/// How such sound is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherCodec {
    /// MPEG audio, layer II.
    Mp2,
    /// MPEG audio, layer III.
    Mp3,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
}

impl OtherCodec {
    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mp2 => "mp2",
            Self::Mp3 => "mp3",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
        }
    }
}

/// What becomes of such sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherSounds {
    /// It is left out, as if the stream had none.
    #[default]
    LeftOut,
    /// Its frames are passed on to be turned, and the stream has a track of AAC.
    Turned,
}

/// One frame of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherFrame {
    /// How it is coded.
    pub codec: OtherCodec,
    /// Samples a second: the clock of its time, and of the track that is made of it.
    pub rate: u32,
    /// When it is heard.
    pub decode_time: i64,
    /// The whole frame.
    pub data: Bytes,
}

/// Bytes of a frame that say how long it is.
pub(super) const HEAD_BYTES: usize = 6;

/// How frames are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherFamily {
    /// MPEG audio.
    Mpeg,
    /// AC-3 and E-AC-3.
    Dolby,
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherHead {
    /// How it is coded.
    pub codec: OtherCodec,
    /// Samples a second.
    pub rate: u32,
    /// Samples in it; 0 of what only adds channels to the frame before.
    pub samples: u32,
    /// Bytes of it, these among them.
    pub bytes: usize,
}

impl OtherFamily {
    /// The head with which `bytes` begin, if they do with one.
    pub(super) fn head(self, bytes: &[u8]) -> Option<OtherHead> {
        let bytes: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let head = match self {
            Self::Mpeg => mpeg(bytes),
            Self::Dolby => dolby(bytes),
        }?;
        (head.bytes >= HEAD_BYTES).then_some(head)
    }
}

fn mpeg(&[a, b, c, ..]: &[u8; HEAD_BYTES]) -> Option<OtherHead> {
    /// Kilobits a second by their index: of MPEG-1 layer II, layer III, and of the lower
    /// rates of MPEG-2.
    const LAYER_2: [u32; 14] = [
        32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ];
    const LAYER_3: [u32; 14] = [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    const LOW: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    const RATES: [u32; 3] = [44_100, 48_000, 32_000];

    if a != 0xff || b & 0xe0 != 0xe0 {
        return None;
    }
    // MPEG-1 halves nothing, MPEG-2 its rates, and 2.5 once more.
    let (first, halved) = match b >> 3 & 3 {
        0 => (false, 4),
        2 => (false, 2),
        3 => (true, 1),
        _ => return None,
    };
    let codec = match b >> 1 & 3 {
        1 => OtherCodec::Mp3,
        2 => OtherCodec::Mp2,
        _ => return None,
    };
    let rate = RATES.get(usize::from(c >> 2 & 3))? / halved;
    let table = match (first, codec) {
        (false, _) => LOW,
        (true, OtherCodec::Mp2) => LAYER_2,
        (true, _) => LAYER_3,
    };
    // Index 0 is a rate of the encoder's own, which nobody uses.
    let bits = table.get(usize::from(c >> 4).checked_sub(1)?)? * 1000;
    let samples = match codec == OtherCodec::Mp3 && !first {
        true => 576,
        false => 1152,
    };
    let padding = u32::from(c >> 1 & 1);
    Some(OtherHead {
        codec,
        rate,
        samples,
        bytes: usize::try_from(samples / 8 * bits / rate + padding).ok()?,
    })
}

fn dolby(&[a, b, c, d, e, f]: &[u8; HEAD_BYTES]) -> Option<OtherHead> {
    /// Kilobits a second by half of the code of a frame's size.
    const KILOBITS: [u32; 19] = [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
    ];
    const RATES: [u32; 3] = [48_000, 44_100, 32_000];
    const BLOCK_SAMPLES: u32 = 256;
    /// The newest version of AC-3, and of E-AC-3.
    const AC3: u8 = 10;
    const EAC3: u8 = 16;

    if (a, b) != (0x0b, 0x77) {
        return None;
    }
    let version = f >> 3;
    let rate = RATES.get(usize::from(e >> 6));
    if version <= AC3 {
        // Later versions halve the rates of 8.
        let halved = u32::from(version.saturating_sub(8));
        let code = usize::from(e & 0x3f);
        let kilobits = *KILOBITS.get(code / 2)?;
        let words = match rate? {
            48_000 => kilobits * 2,
            44_100 => kilobits * 320 / 147 + u32::from(e & 1),
            _ => kilobits * 3,
        };
        return Some(OtherHead {
            codec: OtherCodec::Ac3,
            rate: rate? >> halved,
            samples: 6 * BLOCK_SAMPLES,
            bytes: usize::try_from(2 * words).ok()?,
        });
    }
    if version > EAC3 {
        return None;
    }
    let (rate, blocks) = match rate {
        Some(rate) => (*rate, [1, 2, 3, 6][usize::from(e >> 4 & 3)]),
        // Half of another rate, and all blocks.
        None => (RATES.get(usize::from(e >> 4 & 3))? / 2, 6),
    };
    // Dependent streams, and other programmes than the first.
    let beside = c >> 6 == 1 || c >> 3 & 7 != 0;
    Some(OtherHead {
        codec: OtherCodec::Eac3,
        rate,
        samples: if beside { 0 } else { blocks * BLOCK_SAMPLES },
        bytes: 2 * (usize::from(c & 7) << 8 | usize::from(d)) + 2,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_says_how_long_it_is() {
        use OtherCodec::{Ac3, Eac3, Mp2, Mp3};
        use OtherFamily::{Dolby, Mpeg};
        // As libmp3lame, mp2, ac3 and eac3 of FFmpeg write them.
        let table: [(OtherFamily, [u8; 6], OtherCodec, u32, u32, usize); 9] = [
            (Mpeg, [0xff, 0xfb, 0x94, 0, 0, 0], Mp3, 48_000, 1152, 384),
            (Mpeg, [0xff, 0xfb, 0x92, 0, 0, 0], Mp3, 44_100, 1152, 418),
            (Mpeg, [0xff, 0xf3, 0x84, 0, 0, 0], Mp3, 24_000, 576, 192),
            (Mpeg, [0xff, 0xe3, 0x48, 0, 0, 0], Mp3, 8000, 576, 288),
            (Mpeg, [0xff, 0xfd, 0xa4, 0, 0, 0], Mp2, 48_000, 1152, 576),
            (
                Dolby,
                [0x0b, 0x77, 0, 0, 0x14, 0x40],
                Ac3,
                48_000,
                1536,
                768,
            ),
            (
                Dolby,
                [0x0b, 0x77, 0, 0, 0x55, 0x40],
                Ac3,
                44_100,
                1536,
                836,
            ),
            (
                Dolby,
                [0x0b, 0x77, 1, 0x7f, 0x34, 0x80],
                Eac3,
                48_000,
                1536,
                768,
            ),
            (
                Dolby,
                [0x0b, 0x77, 0x41, 0x7f, 0x34, 0x80],
                Eac3,
                48_000,
                0,
                768,
            ),
        ];
        for (family, bytes, codec, rate, samples, length) in table {
            let expected = OtherHead {
                codec,
                rate,
                samples,
                bytes: length,
            };
            assert_eq!(family.head(&bytes), Some(expected), "{bytes:x?}");
            assert_eq!(family.head(&bytes[..5]), None);
        }
        // Layer I, a rate of its own, no rate; no such version.
        for (family, bytes) in [
            (Mpeg, [0xff, 0xff, 0x94, 0, 0, 0]),
            (Mpeg, [0xff, 0xfb, 0x04, 0, 0, 0]),
            (Mpeg, [0xff, 0xfb, 0x9c, 0, 0, 0]),
            (Dolby, [0x0b, 0x77, 0, 0, 0x14, 0xf8]),
            (Dolby, [0x0b, 0x77, 0, 0, 0xd4, 0x40]),
        ] {
            assert_eq!(family.head(&bytes), None, "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: [u8; 6], sync in 0..3_usize) {
            let mut bytes = bytes;
            let begin: &[u8] = [&[0xff, 0xfb][..], &[0x0b, 0x77], &[]][sync];
            bytes[..begin.len()].copy_from_slice(begin);
            for family in [OtherFamily::Mpeg, OtherFamily::Dolby] {
                if let Some(head) = family.head(&bytes) {
                    prop_assert!(head.rate >= 8000 && head.bytes <= 4608);
                }
            }
        }
    }
}
