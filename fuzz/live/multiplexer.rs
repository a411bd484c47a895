//! A multiplexer of MPEG transport streams (ITU-T H.222.0), as bytes: packets of all
//! forms that may stand there, and tables that change.

use crate::choices::Choices;

pub const PACKET_BYTES: usize = 188;

/// Types of streams (table 2-34).
pub const AVC: u8 = 0x1b;
pub const HEVC: u8 = 0x24;
pub const ADTS: u8 = 0x0f;

const MAP_PID: u16 = 0x1000;
const NULL_PID: u16 = 0x1fff;

/// An elementary stream, and its packets that are not sent yet.
pub struct Lane {
    pub kind: u8,
    pub pid: u16,
    counter: u8,
    waiting: std::collections::VecDeque<Vec<u8>>,
}

impl Lane {
    pub fn new(choices: &mut Choices<'_>, kind: u8, pid: u16) -> Self {
        Self {
            kind,
            pid,
            counter: choices.below(16) as u8,
            waiting: std::collections::VecDeque::new(),
        }
    }

    /// What goes on from here has nothing to do with what was: the counter begins anew.
    pub fn restart(&mut self, choices: &mut Choices<'_>) {
        self.counter = (self.counter + choices.below(15) as u8) & 0xf;
    }

    /// A packet of it: `payload` behind a head that says when it is decoded and shown.
    pub fn pes(
        &mut self,
        choices: &mut Choices<'_>,
        times: Option<(u64, u64)>,
        payload: &[u8],
        announced: bool,
    ) {
        let is_video = self.kind != ADTS;
        let (flags, times) = match times {
            None => (0, Vec::new()),
            Some((dts, pts)) if dts == pts && choices.often(50) => (0x80, time(2, pts).to_vec()),
            Some((dts, pts)) => (0xc0, [time(3, pts), time(1, dts)].concat()),
        };
        let stuffing = if choices.often(20) {
            choices.below(9)
        } else {
            0
        };
        let head = times.len() + stuffing;
        let length = 3 + head + payload.len();
        // Pictures need not say how long they are.
        let said = length <= 0xffff && (!is_video || choices.often(30));
        let [high, low] = if said { length as u16 } else { 0 }.to_be_bytes();
        let id = if is_video { 0xe0 } else { 0xc0 };
        let mut bytes = vec![0, 0, 1, id, high, low, 0x80, flags, head as u8];
        bytes.extend(times);
        bytes.extend(vec![0xff; stuffing]);
        bytes.extend(payload);
        let mut rest = &bytes[..];
        let mut first = true;
        while !rest.is_empty() {
            let anew = announced && first;
            let field = if anew || choices.often(10) {
                2 + choices.below(20)
            } else {
                0
            };
            let (piece, behind) = rest.split_at(rest.len().min(184 - field));
            let packet = self.packet(first, anew, piece);
            self.waiting.push_back(packet.clone());
            if choices.often(3) {
                // Sent twice.
                self.waiting.push_back(packet);
            }
            if choices.often(3) {
                let nothing = self.nothing();
                self.waiting.push_back(nothing);
            }
            (rest, first) = (behind, false);
        }
    }

    fn packet(&mut self, first: bool, anew: bool, payload: &[u8]) -> Vec<u8> {
        let [high, low] = (u16::from(first) << 14 | self.pid).to_be_bytes();
        let spare = 184 - payload.len();
        let control = if spare > 0 { 0x30 } else { 0x10 };
        let mut packet = vec![0x47, high, low, control | self.counter];
        if spare > 0 {
            packet.push((spare - 1) as u8);
            packet.extend([u8::from(anew) << 7].iter().take(spare - 1));
            packet.extend(vec![0xff; spare.saturating_sub(2)]);
        }
        packet.extend(payload);
        self.counter = (self.counter + 1) & 0xf;
        packet
    }

    /// A packet without a payload: it does not count.
    fn nothing(&self) -> Vec<u8> {
        let [high, low] = self.pid.to_be_bytes();
        let mut packet = vec![
            0x47,
            high,
            low,
            0x20 | (self.counter.wrapping_sub(1) & 0xf),
            183,
            0,
        ];
        packet.resize(PACKET_BYTES, 0xff);
        packet
    }
}

/// Packets, in the order in which they are sent.
#[derive(Default)]
pub struct Multiplexer {
    pub packets: Vec<Vec<u8>>,
    version: u8,
    counters: [u8; 2],
}

impl Multiplexer {
    /// The tables of these streams. Said again, they are the same.
    pub fn tables(&mut self, lanes: &[Lane], again: bool) {
        if !again {
            self.version = (self.version + 1) & 0x1f;
        }
        let pid = |pid: u16| (0xe000 | pid).to_be_bytes();
        // A network, which is no programme, and then one.
        let association = [&[0, 0][..], &pid(0x10), &[0, 1], &pid(MAP_PID)].concat();
        let mut map = [&pid(lanes[0].pid)[..], &[0xf0, 0]].concat();
        // Subtitles, which are not published.
        map.extend([&[0x06][..], &pid(0x1abc), &[0xf0, 0]].concat());
        for lane in lanes {
            map.extend([&[lane.kind][..], &pid(lane.pid), &[0xf0, 0]].concat());
        }
        self.section(0, 0, &section(0, self.version, &association));
        self.section(1, MAP_PID, &section(2, self.version, &map));
    }

    fn section(&mut self, index: usize, pid: u16, section: &[u8]) {
        let [high, low] = (0x4000 | pid).to_be_bytes();
        let mut packet = vec![0x47, high, low, 0x10 | self.counters[index], 0];
        packet.extend(section);
        packet.resize(PACKET_BYTES, 0xff);
        self.packets.push(packet);
        self.counters[index] = (self.counters[index] + 1) & 0xf;
    }

    /// Sends some of what waits, of one stream or the other; all of it at the `end`.
    pub fn send(&mut self, choices: &mut Choices<'_>, lanes: &mut [Lane], end: bool) {
        loop {
            let waiting = lanes.iter().map(|lane| lane.waiting.len()).max();
            if waiting == Some(0) || !end && waiting < Some(40) && choices.often(20) {
                return;
            }
            let index = choices.below(lanes.len());
            self.packets.extend(lanes[index].waiting.pop_front());
            if choices.often(3) {
                self.tables(lanes, true);
            }
            if choices.often(3) {
                let [high, low] = NULL_PID.to_be_bytes();
                let mut packet = vec![0x47, high, low, 0x10];
                packet.resize(PACKET_BYTES, 0x47);
                self.packets.push(packet);
            }
        }
    }
}

fn section(table: u8, version: u8, said: &[u8]) -> Vec<u8> {
    let [high, low] = (0xb000 | (said.len() + 9) as u16).to_be_bytes();
    let head = [table, high, low, 0, 1, 0xc1 | version << 1, 0, 0];
    let mut section = [&head[..], said].concat();
    let mut sum = u32::MAX;
    for byte in &section {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
        }
    }
    section.extend(sum.to_be_bytes());
    section
}

fn time(prefix: u8, ticks: u64) -> [u8; 5] {
    let ticks = ticks & ((1 << 33) - 1);
    [
        prefix << 4 | (ticks >> 29 & 0xe) as u8 | 1,
        (ticks >> 22) as u8,
        (ticks >> 14) as u8 | 1,
        (ticks >> 7) as u8,
        (ticks << 1) as u8 | 1,
    ]
}
