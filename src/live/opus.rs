//! Packets of Opus: how long they last (RFC 6716, 3.1 and 3.2).

/// The most samples of a packet: 120 ms at 48 kHz.
const MAX_SAMPLES: u32 = 5_760;

/// Samples at 48 kHz of a packet; `None` of what is no packet.
pub(super) fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let size = usize::from(toc >> 3 & 3);
    let frame = match toc >> 3 {
        0..12 => [480, 960, 1920, 2880][size],
        12..16 => [480, 960][size & 1],
        _ => [120, 240, 480, 960][size],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|samples| (1..=MAX_SAMPLES).contains(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_how_long_it_lasts() {
        let table: [(&[u8], Option<u32>); 8] = [
            // 20 ms of music, as most encoders send it.
            (&[0xfc, 1], Some(960)),
            (&[0xe0], Some(120)),
            (&[0x78], Some(960)),
            (&[0x19], Some(5760)),
            // Six frames of 20 ms, seven, none.
            (&[0xff, 6], Some(5760)),
            (&[0xff, 7], None),
            (&[0xff, 0], None),
            (&[0xff], None),
        ];
        for (packet, expected) in table {
            assert_eq!(samples(packet), expected, "{packet:x?}");
        }
        assert_eq!(samples(&[]), None);
    }
}
