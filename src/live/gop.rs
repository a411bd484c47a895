//! The newest packets of a stream, from the last key frame and as much before it as
//! there is room for.
//!
//! Whoever comes new begins at the last key frame. Whoever reads more slowly than
//! packets come, until what it wants is gone, goes on at the newest key frame. No
//! reader is waited for.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::live::packet::Packet;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GopLimits {
    /// Bytes of media at most. A group of pictures that is larger loses its
    /// beginning, and then nobody can begin before the next key frame.
    pub bytes: usize,
    /// Packets at most.
    pub packets: usize,
}

impl Default for GopLimits {
    /// 16 MiB: 13 s of 10 Mbit/s; and 8192 packets: more than a minute of 60
    /// pictures and 47 frames of sound a second.
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            packets: 8_192,
        }
    }
}

/// Where in a stream a reader is: the number of the packet that it wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

/// What a reader gets.
#[derive(Clone, Debug)]
pub enum Next {
    /// The next packet.
    Packet(Packet),
    /// What came next is gone. The reader goes on where whoever comes new begins.
    Skipped,
    /// There is nothing yet.
    Nothing,
}

/// The newest packets of one stream.
#[derive(Debug)]
pub struct GopCache {
    limits: GopLimits,
    packets: VecDeque<Packet>,
    /// The number of the first of them.
    first: u64,
    bytes: usize,
    /// Where whoever comes new can begin, if that is there.
    start: Option<u64>,
}

impl GopCache {
    /// Nothing yet.
    pub const fn new(limits: GopLimits) -> Self {
        Self {
            limits,
            packets: VecDeque::new(),
            first: 0,
            bytes: 0,
            start: None,
        }
    }

    /// The next packet.
    pub fn push(&mut self, packet: Packet) {
        let number = self.end();
        let last = self.packets.back();
        let same = last.is_some_and(|last| Arc::ptr_eq(last.setup(), packet.setup()));
        if packet.is_start() {
            self.start = Some(number);
        } else if !same {
            // It is not decoded with what set up the decoders before.
            self.start = None;
        }
        self.bytes += packet.len();
        self.packets.push_back(packet);
        while self.bytes > self.limits.bytes || self.packets.len() > self.limits.packets {
            let Some(gone) = self.packets.pop_front() else {
                break;
            };
            self.bytes -= gone.len();
            self.first += 1;
        }
        self.start = self.start.filter(|start| *start >= self.first);
    }

    /// What is there is over: nobody begins with it any more. Who is reading may
    /// read on to its end.
    pub const fn nobody_joins(&mut self) {
        self.start = None;
    }

    /// Where whoever comes new begins: at the last key frame, else with what comes.
    pub fn join(&self) -> Position {
        Position(self.start.unwrap_or_else(|| self.end()))
    }

    /// Where whoever wants all that there is begins.
    pub const fn beginning(&self) -> Position {
        Position(self.first)
    }

    /// The packet at `position`, which then is that of the next one.
    pub fn read(&self, position: &mut Position) -> Next {
        let Some(index) = position.0.checked_sub(self.first) else {
            *position = self.join();
            return Next::Skipped;
        };
        let index = usize::try_from(index).ok();
        let Some(packet) = index.and_then(|index| self.packets.get(index)) else {
            return Next::Nothing;
        };
        position.0 += 1;
        Next::Packet(packet.clone())
    }

    /// Bytes of media that are held.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many packets whoever begins now gets at once.
    pub fn ready_to_join(&self) -> u64 {
        self.start.map_or(0, |start| self.end() - start)
    }

    fn end(&self) -> u64 {
        self.first + self.packets.len() as u64
    }
}

#[cfg(test)]
#[path = "gop_tests.rs"]
mod tests;
