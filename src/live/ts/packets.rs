//! Packets of a transport stream, found in bytes that come a piece at a time.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::live::ts::TsError;

/// Bytes of a packet (ITU-T H.222.0, 2.4.3.2).
pub(super) const PACKET_BYTES: usize = 188;

/// What each begins with.
const SYNC: u8 = 0x47;

/// Bytes without a packet after which these are no transport stream.
const MAX_ASTRAY_BYTES: usize = 64 << 10;

/// Bytes in, packets out.
#[derive(Debug, Default)]
pub(super) struct Packets {
    buffer: BytesMut,
    astray: usize,
}

impl Packets {
    /// More bytes. Take all packets before the next: what is buffered is bounded only
    /// by that.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next packet that is whole.
    pub fn next_packet(&mut self) -> Result<Option<Bytes>, TsError> {
        loop {
            match self.buffer.first() {
                Some(&SYNC) if self.buffer.len() < PACKET_BYTES => return Ok(None),
                // One that begins as a packet and is followed by none is chance, at
                // least where one looks for the first.
                Some(&SYNC) if self.astray == 0 || self.followed() => {
                    self.astray = 0;
                    return Ok(Some(self.buffer.split_to(PACKET_BYTES).freeze()));
                }
                Some(_) => self.stray()?,
                None => return Ok(None),
            }
        }
    }

    fn followed(&self) -> bool {
        self.buffer.get(PACKET_BYTES).is_none_or(|at| *at == SYNC)
    }

    /// On to the next byte with which a packet may begin.
    fn stray(&mut self) -> Result<(), TsError> {
        let rest = &self.buffer[1..];
        let found = rest.iter().position(|byte| *byte == SYNC);
        let skipped = 1 + found.unwrap_or(rest.len());
        self.buffer.advance(skipped);
        self.astray += skipped;
        match self.astray > MAX_ASTRAY_BYTES {
            true => Err(TsError::NoPackets(self.astray)),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(mark: u8) -> Vec<u8> {
        let mut packet = vec![mark; PACKET_BYTES];
        packet[0] = SYNC;
        packet
    }

    fn marks(packets: &mut Packets) -> Vec<u8> {
        let next = || packets.next_packet().expect("packets");
        std::iter::from_fn(next).map(|packet| packet[1]).collect()
    }

    #[test]
    fn packets_are_found_however_their_bytes_are_cut() {
        let bytes = [packet(1), packet(2), packet(3)].concat();
        for size in [1, 7, PACKET_BYTES, PACKET_BYTES + 1, bytes.len()] {
            let mut packets = Packets::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                packets.feed(piece);
                found.extend(marks(&mut packets));
            }
            assert_eq!(found, [1, 2, 3], "{size}");
        }
    }

    #[test]
    fn packets_are_found_again_behind_bytes_that_are_none() {
        let mut packets = Packets::default();
        packets.feed(&packet(1));
        // With a byte in between that looks like the beginning of one.
        packets.feed(b"xx\x47yyy");
        packets.feed(&[packet(2), packet(3)].concat());
        assert_eq!(marks(&mut packets), [1, 2, 3]);
    }

    #[test]
    fn what_has_no_packets_is_soon_said_to_be_none() {
        let mut packets = Packets::default();
        packets.feed(&vec![0; MAX_ASTRAY_BYTES]);
        assert!(packets.next_packet().expect("not yet").is_none());
        packets.feed(&[0]);
        let error = packets.next_packet().expect_err("no packets");
        assert!(error.to_string().contains("0x47"), "{error}");
    }
}
