//! How bytes come: in pieces, and not as they were sent.

use crate::choices::Choices;

/// Bytes that mean something to one format or another.
const TELLING: [u8; 12] = [0, 1, 2, 3, 0x0a, 0x17, 0x47, 0x7f, 0x80, 0xc0, 0xf1, 0xff];

/// Bytes of all kinds, those that mean something more often.
pub fn noise(choices: &mut Choices<'_>, count: usize) -> Vec<u8> {
    let byte = |choices: &mut Choices<'_>| match choices.often(40) {
        true => choices.pick(&TELLING),
        false => choices.number() as u8,
    };
    (0..count).map(|_| byte(choices)).collect()
}

/// Changes a few things.
pub fn damage(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    for _ in 0..=choices.below(8) {
        if bytes.is_empty() {
            return;
        }
        let at = choices.below(bytes.len());
        let length = 1 + choices.below(16.min(bytes.len() - at));
        match choices.below(7) {
            0 => bytes[at] ^= 1 << choices.below(8),
            1 => bytes[at] = choices.pick(&TELLING),
            2 => {
                let more = noise(choices, length);
                bytes.splice(at..at, more);
            }
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let other = noise(choices, length);
                bytes[at..at + length].copy_from_slice(&other);
            }
            _ => bytes.truncate(at + length),
        }
    }
}

/// The bytes in pieces: all at once, one by one, or of any size.
pub fn pieces<'a>(choices: &mut Choices<'_>, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let most = choices.pick(&[1, 7, 188, 1316, 1 << 16]);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let size = match choices.often(30) {
            true => most,
            false => 1 + choices.below(most),
        };
        let (piece, rest) = bytes.split_at(size.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}
