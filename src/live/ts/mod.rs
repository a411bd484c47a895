//! MPEG transport streams (ITU-T H.222.0) to tracks and frames: bytes in, as they
//! come from a connection, and out the same as of FLV.
//!
//! ```text
//! bytes ──► Packets ──► tables (which PID is what)
//!                  └──► Pes ──► pictures: Annex B to samples and records
//!                          └──► sound: ADTS to frames; others to frames of theirs
//! ```
//!
//! The first programme counts, and of it the first pictures and the first sound that
//! can be published. A packetised elementary stream is taken packet by packet, each a
//! picture or some frames of sound; one of which a part is missing is left out, and
//! so are the pictures after it up to the next that needs none before it.
//!
//! Times keep their 90 000 ticks a second.

mod adts;
mod annexb;
mod others;
mod packets;
mod parameters;
mod pes;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

use mpeg2ts_reader::packet::Packet;
use thiserror::Error;

use crate::cmaf::AudioConfig;
use crate::live::clock::RollingClock;
use crate::live::demux::Demuxed;
use crate::live::describe::DescribeError;
use crate::live::other_sound::OtherSounds;
use crate::live::stretch::{JUMP, Picture, Stretches};
use crate::live::ts::adts::{Adts, Sound};
use crate::live::ts::annexb::{AccessUnit, Coding, access_unit};
use crate::live::ts::others::{Other, Others};
use crate::live::ts::packets::{PACKET_BYTES, Packets};
use crate::live::ts::parameters::{Change, ParameterSets};
use crate::live::ts::pes::{Pes, PesPacket, Taken};
use crate::live::ts::tables::{SoundKind, Tables};
use crate::profile::AAC_FRAME_SAMPLES;

/// Bits of a time.
const CLOCK_BITS: u32 = 33;

/// Bytes of packets in which the tables must have come: four seconds at 8 Mbit/s, and
/// they come ten times a second.
const MAX_UNTOLD_BYTES: usize = 4 << 20;

/// Why a transport stream cannot be taken.
#[derive(Debug, Error)]
pub enum TsError {
    /// It is something else.
    #[error(
        "{0} bytes without a packet of MPEG-TS: expected {PACKET_BYTES} bytes each that begin with 0x47"
    )]
    NoPackets(usize),
    /// It does not say what it holds.
    #[error(
        "MPEG-TS without tables for {MAX_UNTOLD_BYTES} bytes: expected a programme association and a programme map"
    )]
    NoTables,
    /// It holds what cannot be published.
    #[error("the {track} is {found}: expected {expected}")]
    Unsupported {
        /// Of which track.
        track: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A parameter set that cannot be used.
    #[error("a parameter set of type {kind}: {reason}")]
    ParameterSet {
        /// The type of its NAL unit.
        kind: u8,
        /// Why not.
        reason: String,
    },
    /// A decoder configuration from which no track can be made.
    #[error(transparent)]
    Describe(#[from] DescribeError),
}

/// The pictures of the programme.
struct Pictures {
    coding: Coding,
    pes: Pes,
    parameters: ParameterSets,
    /// Pictures are left out until one that needs none before it.
    awaits_key: bool,
}

/// The sound of the programme.
#[derive(Default)]
struct Heard {
    pes: Pes,
    frames: Frames,
}

/// Its frames.
enum Frames {
    Adts(Adts),
    Other(Others),
}

impl Default for Frames {
    fn default() -> Self {
        Self::Adts(Adts::default())
    }
}

impl Frames {
    fn lost(&mut self) {
        match self {
            Self::Adts(adts) => adts.lost(),
            Self::Other(others) => others.lost(),
        }
    }
}

/// From bytes, in the order in which they come, to tracks and frames. After an error
/// it is of no more use.
pub struct TsDemuxer {
    packets: Packets,
    tables: Tables,
    clock: RollingClock,
    stretches: Stretches,
    pictures: Option<Pictures>,
    heard: Heard,
    untold: usize,
}

impl Default for TsDemuxer {
    fn default() -> Self {
        Self {
            packets: Packets::default(),
            tables: Tables::default(),
            clock: RollingClock::new(CLOCK_BITS, JUMP.unsigned_abs()),
            stretches: Stretches::default(),
            pictures: None,
            heard: Heard::default(),
            untold: 0,
        }
    }
}

impl TsDemuxer {
    /// The same, of which other sound becomes this.
    #[must_use]
    pub fn with_others(mut self, others: OtherSounds) -> Self {
        self.stretches.set_others(others);
        self
    }

    /// The next bytes, however they were cut.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Demuxed>, TsError> {
        let mut out = Vec::new();
        self.packets.feed(bytes);
        while let Some(packet) = self.packets.next_packet()? {
            if let Some(packet) = Packet::try_new(&packet) {
                self.packet(&packet, &mut out)?;
            }
        }
        Ok(out)
    }

    /// No more comes: the last picture is whole, as far as can be known.
    pub fn end(&mut self) -> Result<Vec<Demuxed>, TsError> {
        let mut out = Vec::new();
        self.end_programme(&mut out)?;
        Ok(out)
    }

    fn end_programme(&mut self, out: &mut Vec<Demuxed>) -> Result<(), TsError> {
        if let Some(packet) = self.pictures.as_mut().and_then(|it| it.pes.end()) {
            self.picture(&packet, out)?;
        }
        if let Some(packet) = self.heard.pes.end() {
            self.sound(&packet, out)?;
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Packet<'_>, out: &mut Vec<Demuxed>) -> Result<(), TsError> {
        if self.tables.take(packet) {
            return self.programme(out);
        }
        let Some(programme) = self.tables.programme() else {
            self.untold += PACKET_BYTES;
            return match self.untold > MAX_UNTOLD_BYTES {
                true => Err(TsError::NoTables),
                false => Ok(()),
            };
        };
        let pid = u16::from(packet.pid());
        if programme.pictures.is_some_and(|(of, _)| of == pid) {
            let Some(pictures) = &mut self.pictures else {
                return Ok(());
            };
            let Taken {
                before,
                lost,
                behind,
            } = pictures.pes.take(packet);
            if let Some(whole) = before {
                self.picture(&whole, out)?;
            }
            if let Some(pictures) = self.pictures.as_mut().filter(|_| lost) {
                pictures.awaits_key = true;
            }
            if let Some(whole) = behind {
                self.picture(&whole, out)?;
            }
        } else if programme.sound.is_some_and(|(of, _)| of == pid) {
            let Taken {
                before,
                lost,
                behind,
            } = self.heard.pes.take(packet);
            if let Some(whole) = before {
                self.sound(&whole, out)?;
            }
            if lost {
                self.heard.frames.lost();
            }
            if let Some(whole) = behind {
                self.sound(&whole, out)?;
            }
        }
        Ok(())
    }

    /// The tables have changed, or come for the first time.
    fn programme(&mut self, out: &mut Vec<Demuxed>) -> Result<(), TsError> {
        // What was begun by the tables before is whole.
        self.end_programme(out)?;
        let Some(programme) = self.tables.programme() else {
            return Ok(());
        };
        programme.check()?;
        if let Some((_, SoundKind::Latm)) = programme.sound {
            return Err(TsError::Unsupported {
                track: "sound",
                found: "AAC in LATM".into(),
                expected: "AAC in ADTS, MPEG audio or AC-3",
            });
        }
        self.heard = Heard {
            pes: Pes::default(),
            frames: match programme.sound {
                Some((_, SoundKind::Other(family))) => Frames::Other(Others::new(family)),
                _ => Frames::default(),
            },
        };
        self.pictures = programme.pictures.map(|(_, coding)| Pictures {
            coding,
            pes: Pes::default(),
            parameters: ParameterSets::new(coding),
            awaits_key: true,
        });
        Ok(())
    }

    fn picture(&mut self, packet: &PesPacket, out: &mut Vec<Demuxed>) -> Result<(), TsError> {
        let Some(pictures) = &mut self.pictures else {
            return Ok(());
        };
        // Without a time it has no place among the others.
        let Some(times) = packet.times else {
            pictures.awaits_key = true;
            return Ok(());
        };
        let AccessUnit {
            key,
            parameters,
            sample,
        } = access_unit(pictures.coding, &packet.payload);
        if !sample.is_empty() {
            let step = self.clock.step(times.decode);
            self.stretches.at(self.clock.now(), step);
        }
        match pictures.parameters.take(&parameters)? {
            Change::None => {}
            Change::Unfinished => pictures.awaits_key = true,
            Change::Record(config) => {
                self.stretches.describe_video(config)?;
                pictures.awaits_key = true;
            }
        }
        pictures.awaits_key &= !key;
        if pictures.awaits_key || sample.is_empty() {
            return Ok(());
        }
        let picture = Picture {
            decode_time: self.clock.now(),
            composition_offset: times.shown_after(),
            sync: key,
            data: sample,
        };
        self.stretches.picture(picture, out);
        self.stretches.settle(out);
        Ok(())
    }

    fn sound(&mut self, packet: &PesPacket, out: &mut Vec<Demuxed>) -> Result<(), TsError> {
        let step = packet.times.map(|times| self.clock.step(times.decode));
        let now = self.clock.now();
        if let Some(step) = step {
            self.stretches.at(now, step);
        }
        let time = step.map(|_| now);
        match &mut self.heard.frames {
            Frames::Adts(adts) => {
                for Sound { time, config, data } in adts.take(time, &packet.payload)? {
                    self.stretches
                        .describe_audio(AudioConfig::Aac(config.record()))?;
                    self.stretches.sound(time, AAC_FRAME_SAMPLES, data, out);
                }
            }
            Frames::Other(others) => {
                for Other { time, head, data } in others.take(time, &packet.payload) {
                    self.stretches.other(time, head, data, out)?;
                }
            }
        }
        self.stretches.settle(out);
        Ok(())
    }
}
