//! Coded pictures and sound, as far as they are looked into.

use crate::choices::Choices;

/// 1280 by 720, High, of x264: a sequence and a picture parameter set.
pub const LARGE: [&[u8]; 2] = [
    b"\x67\x64\0\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\0\0\x03\0\x10\0\0\x03\x03\x20\xf1\x83\x19\x60",
    b"\x68\xeb\xe3\xcb\x22\xc0",
];
/// 322 by 180, Baseline.
pub const SMALL: [&[u8]; 2] = [
    b"\x67\x42\xc0\x0d\xda\x05\x46\x78\x89\xf0\x16\xe0\xa0\xc0\xc8\0\0\x03\0\x08\0\0\x03\x01\x90\x78\xa1\x55",
    b"\x68\xce\x0f\xc8",
];
/// 320 by 180, of x265: video, sequence and picture parameter set.
pub const HEVC: [&[u8]; 3] = [
    b"\x40\x01\x0c\x01\xff\xff\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\x95\x98\x09",
    b"\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x32\x10",
    b"\x44\x01\xc1\x72\xb4\x62\x40",
];

/// Records of pictures: `avcC` of [`LARGE`] and of [`SMALL`], `hvcC`, `av1C`.
pub const AVCC: [&[u8]; 2] = [
    b"\x01\x64\0\x1f\xff\xe1\0\x1a\x67\x64\0\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\0\0\x03\0\x10\0\0\x03\x03\x20\xf1\x83\x19\x60\x01\0\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\0",
    b"\x01\x42\xc0\x0d\xff\xe1\0\x1c\x67\x42\xc0\x0d\xda\x05\x46\x78\x89\xf0\x16\xe0\xa0\xc0\xc8\0\0\x03\0\x08\0\0\x03\x01\x90\x78\xa1\x55\x01\0\x04\x68\xce\x0f\xc8",
];
pub const HVCC: &[u8] = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x01\
    \xa1\0\x01\0\x2b\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\
    \x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x32\x10";
pub const AV1C: &[u8] = b"\x81\0\x0c\0\x0a\x0b\0\0\0\x04\x3c\xfe\xcc\x02\xf8\0\x40";

/// AAC-LC, 48 kHz and 44.1 kHz, stereo.
pub const ASC: [&[u8]; 2] = [b"\x11\x90", b"\x12\x10"];
/// Opus, stereo.
pub const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";

/// Bytes that say which frame they are of, and then `count` more, those that look like
/// the beginning of something more often. None is `without`, and what begins with no start
/// code has none in it, as encoders see to it.
pub fn payload(
    choices: &mut Choices<'_>,
    number: usize,
    count: usize,
    without: Option<u8>,
) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..4)
        .map(|at| 0x10 | (number >> (4 * at) & 0xf) as u8)
        .collect();
    for _ in 0..count {
        let byte = match choices.often(30) {
            true => choices.pick(&[0, 0, 1, 3, 0x47, 0xf1, 0xff, 0xff]),
            false => choices.number() as u8,
        };
        // Emulation prevention (ITU-T H.264, 7.4.1).
        if bytes.ends_with(&[0, 0]) && byte < 4 {
            bytes.push(3);
        }
        bytes.push(if without == Some(byte) { 0x55 } else { byte });
    }
    // No unit ends with a zero.
    bytes.push(0x80);
    bytes
}
