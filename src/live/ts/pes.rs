//! Packets of an elementary stream, put together from those of the transport
//! (ITU-T H.222.0, 2.4.3.6).

use bytes::Bytes;
use mpeg2ts_reader::packet::{ContinuityCounter, Packet};
use mpeg2ts_reader::pes::{PesContents, PesHeader, PtsDts};

/// The longest packet that is taken: the longest picture, as of FLV.
pub(super) const MAX_PES_BYTES: usize = 8 << 20;

/// Bytes before the length, and with it.
const LENGTH_AT: usize = 4;
const HEAD_BYTES: usize = 6;

/// Bits of a time, and that of its sign where two are compared.
const TIME_BITS: u32 = 33;

/// When what is in a packet is decoded and shown, in ticks that go round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// DTS, or PTS where there is but this.
    pub decode: u64,
    /// PTS.
    pub present: u64,
}

impl Times {
    /// How much later it is shown than decoded.
    pub const fn shown_after(&self) -> i64 {
        let unused = 64 - TIME_BITS;
        (self.present.wrapping_sub(self.decode) << unused).cast_signed() >> unused
    }
}

/// A packet that is whole.
#[derive(Debug)]
pub(super) struct PesPacket {
    /// If it says.
    pub times: Option<Times>,
    /// What it holds.
    pub payload: Bytes,
}

/// What came of a packet of the transport.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// What was begun before, and is whole now.
    pub before: Option<PesPacket>,
    /// Something is missing between that and what comes next.
    pub lost: bool,
    /// What is whole with it, behind what is missing.
    pub behind: Option<PesPacket>,
}

/// One elementary stream. What it has buffered is bounded by [`MAX_PES_BYTES`].
#[derive(Debug, Default)]
pub(super) struct Pes {
    last: Option<ContinuityCounter>,
    /// It was announced that the counter may begin anew with the next packet that has
    /// something.
    announced: bool,
    /// What was begun; nothing while what comes has no beginning.
    buffer: Vec<u8>,
}

impl Pes {
    /// The next packet of its PID.
    pub fn take(&mut self, packet: &Packet<'_>) -> Taken {
        let mut taken = Taken::default();
        let broken = packet.transport_error_indicator()
            || packet.transport_scrambling_control().is_scrambled();
        self.announced |= packet
            .adaptation_field()
            .is_some_and(|field| field.discontinuity_indicator());
        let counter = packet.continuity_counter();
        let payload = packet.payload();
        if broken {
            taken.lost = true;
        } else if let (Some(last), Some(_)) = (self.last, payload) {
            let anew = std::mem::take(&mut self.announced);
            // A packet may be sent twice (2.4.3.3).
            if counter == last {
                return taken;
            }
            // Where it is announced that the counter begins anew, so does what is
            // counted, and nothing is missing (2.4.3.5); if it does not, who knows.
            taken.lost = match anew {
                true => !packet.payload_unit_start_indicator(),
                false => !counter.follows(last),
            };
        }
        if taken.lost {
            self.buffer.clear();
        }
        let Some(payload) = payload.filter(|_| !broken) else {
            return taken;
        };
        self.last = Some(counter);
        if packet.payload_unit_start_indicator() {
            taken.before = self.end();
        } else if self.buffer.is_empty() {
            return taken;
        }
        if self.buffer.len() + payload.len() > MAX_PES_BYTES {
            self.buffer = Vec::new();
            taken.lost = true;
            return taken;
        }
        self.buffer.extend_from_slice(payload);
        if self.is_whole() {
            taken.behind = self.end();
        }
        taken
    }

    /// What was begun is whole: another begins, or no more comes.
    pub fn end(&mut self) -> Option<PesPacket> {
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let PesContents::Parsed(Some(parsed)) = PesHeader::from_bytes(&bytes)?.contents() else {
            return None;
        };
        let times = match parsed.pts_dts() {
            Ok(PtsDts::PtsOnly(Ok(pts))) => Some(Times {
                decode: pts.value(),
                present: pts.value(),
            }),
            Ok(PtsDts::Both {
                pts: Ok(pts),
                dts: Ok(dts),
            }) => Some(Times {
                decode: dts.value(),
                present: pts.value(),
            }),
            _ => None,
        };
        let payload = bytes.slice_ref(parsed.payload());
        // What is behind its end is not of it.
        let end = declared(&bytes).map_or(bytes.len(), |length| length.min(bytes.len()));
        let head = bytes.len() - payload.len();
        let payload = payload.slice(..end.saturating_sub(head));
        Some(PesPacket { times, payload })
    }

    fn is_whole(&self) -> bool {
        declared(&self.buffer).is_some_and(|length| self.buffer.len() >= length)
    }
}

/// How long a packet says that it is, its head included. Pictures need not say.
fn declared(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(LENGTH_AT..)?.first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    (length > 0).then_some(HEAD_BYTES + length)
}
