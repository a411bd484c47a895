//! MPEG transport streams, and the tracks and frames that they bring.

use loomcast::live::LiveTrack;
use loomcast::live::demux::Demuxed;
use loomcast::live::ts::TsDemuxer;

use super::damage::{damage, noise, pieces};
use super::media::{HEVC as HEVC_SETS, LARGE, SMALL, payload};
use super::memory::within;
use super::multiplexer::{ADTS, AVC, HEVC, Lane, Multiplexer};
use crate::choices::Choices;

/// Ticks of a picture at 25 a second, and of a frame of AAC at 48 kHz.
const PICTURE: u64 = 3600;
const SOUND: u64 = 1920;

/// How long one kind alone is taken for a stream that has but this kind yet, and a little
/// more: whole pictures and whole frames of sound.
const SETTLED: u64 = 115_200;
const ALONE: u64 = 91_000;

/// What is held for a byte that came.
const PER_BYTE: usize = 64;

/// What is held before the first.
const AT_FIRST: usize = 128 << 10;

/// A stream, whole, with packets that are lost on the way, or damaged.
pub fn run(choices: &mut Choices<'_>) {
    match choices.below(10) {
        0..3 => {
            let made = Made::new(choices, None);
            whole(choices, &made);
        }
        3..5 => {
            // What is read anew amid sound could take it for something else.
            let mut made = Made::new(choices, Some(0xff));
            for _ in 0..=choices.below(3) {
                // Of the last picture nobody could know that its end is missing.
                let gone = choices.below(made.last.max(1));
                made.packets.remove(gone);
                made.last = made.last.saturating_sub(1);
            }
            lossy(choices, &made);
        }
        5 => {
            let count = choices.below(4000);
            let bytes = noise(choices, count);
            broken(choices, &bytes);
        }
        _ => {
            let mut bytes = Made::new(choices, None).packets.concat();
            bytes.truncate(choices.pick(&[1000, 8000, usize::MAX]));
            damage(choices, &mut bytes);
            broken(choices, &bytes);
        }
    }
}

/// A frame that has to come out.
#[derive(Debug)]
struct Expected {
    sync: bool,
    /// When it is decoded, by the clock of the source.
    at: u64,
    shown_after: u64,
    data: Vec<u8>,
}

#[derive(Default)]
struct Made {
    packets: Vec<Vec<u8>>,
    /// How many are sent before the last picture.
    last: usize,
    video: Vec<Expected>,
    audio: Vec<Expected>,
}

impl Made {
    fn new(choices: &mut Choices<'_>, without: Option<u8>) -> Self {
        let both = choices.below(4);
        let coding = choices.pick(&[AVC, AVC, HEVC]);
        let mut made = Self::default();
        let mut mux = Multiplexer::default();
        let mut stretch = Stretch {
            begun: choices.pick(&[9000, 0, (1 << 33) - 50_000, 1 << 32]),
            lasts: 0,
            large: true,
            announced: false,
            without,
        };
        let mut lanes = streams(choices, both, coding, 0);
        mux.tables(&lanes, false);
        for generation in 1..=1 + choices.below(3) as u16 {
            // Both clocks come round to its end.
            stretch.lasts = SETTLED + 28_800 * choices.below(3) as u64;
            made.play(choices, &mut mux, &mut lanes, &stretch);
            stretch.begun += stretch.lasts;
            stretch.announced = false;
            // Where one ends for another, nobody could know that its end is missing.
            match choices.below(4) {
                _ if without.is_some() && choices.often(50) => {}
                0 => stretch.large = !stretch.large,
                1 if without.is_none() => {
                    // Another programme, as of another encoder.
                    lanes = streams(choices, both, coding, generation);
                    mux.tables(&lanes, false);
                }
                _ => {
                    let jump = 600_000 + choices.below(1 << 30) as u64;
                    stretch.begun += match choices.often(50) {
                        true => jump,
                        false => (1 << 33) - jump,
                    };
                    stretch.announced = without.is_none() && choices.often(50);
                    if stretch.announced {
                        lanes.iter_mut().for_each(|lane| lane.restart(choices));
                    }
                }
            }
        }
        if made.video.is_empty() {
            made.last = mux.packets.len();
        }
        made.packets = mux.packets;
        made
    }

    fn play(
        &mut self,
        choices: &mut Choices<'_>,
        mux: &mut Multiplexer,
        lanes: &mut [Lane],
        stretch: &Stretch,
    ) {
        // In the order in which a multiplexer sends them.
        let frames = |lane: &Lane| {
            let (step, is_video) = if lane.kind == ADTS {
                (SOUND, false)
            } else {
                (PICTURE, true)
            };
            (0..stretch.lasts.div_ceil(step)).map(move |index| (index * step, !is_video))
        };
        let mut due: Vec<(u64, bool)> = lanes.iter().flat_map(frames).collect();
        due.sort_unstable();
        let mut heard = Heard {
            announced: stretch.announced,
            ..Heard::default()
        };
        for (ticks, is_sound) in due {
            let lane = lanes
                .iter_mut()
                .find(|lane| (lane.kind == ADTS) == is_sound);
            let lane = lane.expect("one of them");
            match is_sound {
                true => self.sound(choices, lane, stretch, ticks, &mut heard),
                false => {
                    self.last = mux.packets.len();
                    self.picture(choices, lane, stretch, ticks);
                }
            }
            mux.send(choices, lanes, false);
        }
        if let Some(lane) = lanes.iter_mut().find(|lane| lane.kind == ADTS) {
            heard.send_all(choices, lane);
        }
        mux.send(choices, lanes, true);
    }

    fn picture(
        &mut self,
        choices: &mut Choices<'_>,
        lane: &mut Lane,
        stretch: &Stretch,
        ticks: u64,
    ) {
        let avc = lane.kind == AVC;
        let first = ticks == 0;
        let sync = first || choices.often(10);
        let parameters: &[&[u8]] = match (avc, stretch.large) {
            (false, _) => &HEVC_SETS,
            (true, true) => &LARGE,
            (true, false) => &SMALL,
        };
        let mut units: Vec<(Vec<u8>, bool)> = Vec::new();
        if choices.often(70) {
            let delimiter: &[u8] = if avc { b"\x09\xf0" } else { b"\x46\x01\x50" };
            units.push((delimiter.to_vec(), false));
        }
        if first || sync && choices.often(60) {
            units.extend(parameters.iter().map(|set| (set.to_vec(), false)));
        }
        if choices.often(20) {
            // What is said beside pictures belongs to them.
            let head: &[u8] = if avc { b"\x06" } else { b"\x4e\x01" };
            let said = payload(choices, 0, 6, None);
            units.push(([head, &said].concat(), true));
        }
        let head: &[u8] = match (avc, sync) {
            (true, true) => b"\x65",
            (true, false) => b"\x41",
            (false, true) => b"\x26\x01",
            (false, false) => b"\x02\x01",
        };
        let most = choices.pick(&[1, 8, 30, 30, 100, 100, 1500]);
        for _ in 0..=choices.below(3) {
            let count = choices.below(most);
            let coded = payload(choices, self.video.len(), count, None);
            units.push(([head, &coded].concat(), true));
        }
        let mut bytes = Vec::new();
        let mut data = Vec::new();
        for (unit, is_stored) in &units {
            bytes.extend(&b"\0\0\0\x01"[choices.below(2)..]);
            bytes.extend(unit);
            bytes.extend(vec![
                0;
                if choices.often(10) {
                    choices.below(4)
                } else {
                    0
                }
            ]);
            if *is_stored {
                data.extend((unit.len() as u32).to_be_bytes());
                data.extend(unit);
            }
        }
        let shown_after = choices.pick(&[0, 1, 2]) * PICTURE;
        let at = stretch.begun + ticks;
        let announced = first && stretch.announced;
        lane.pes(choices, Some((at, at + shown_after)), &bytes, announced);
        self.video.push(Expected {
            sync,
            at,
            shown_after,
            data,
        });
    }

    fn sound(
        &mut self,
        choices: &mut Choices<'_>,
        lane: &mut Lane,
        stretch: &Stretch,
        ticks: u64,
        heard: &mut Heard,
    ) {
        let most = choices.pick(&[1, 8, 30, 30, 100, 1500]);
        let count = choices.below(most);
        let data = payload(choices, self.audio.len(), count, stretch.without);
        let at = stretch.begun + ticks;
        heard.add(&data, at);
        self.audio.push(Expected {
            sync: true,
            at,
            shown_after: 0,
            data,
        });
        if ticks > ALONE {
            // That this is all there is depends on it.
            heard.send_all(choices, lane);
        } else if choices.often(60) {
            // Packets need not end with a frame.
            let all = heard.bytes.len();
            let size = if choices.often(50) {
                all
            } else {
                choices.below(all + 1)
            };
            heard.send(choices, lane, size, false);
        }
    }
}

/// How a stretch of the stream is.
struct Stretch {
    /// When it begins, by the clock of the source.
    begun: u64,
    lasts: u64,
    /// Which parameter sets its pictures have.
    large: bool,
    /// Whether it is said that the clock begins anew.
    announced: bool,
    /// A byte that sound has not.
    without: Option<u8>,
}

fn streams(choices: &mut Choices<'_>, both: usize, coding: u8, generation: u16) -> Vec<Lane> {
    let pid = 0x100 + 0x10 * generation;
    let kinds: &[u8] = match both {
        0 => &[coding, ADTS],
        1 => &[ADTS, coding],
        2 => &[coding],
        _ => &[ADTS],
    };
    let numbered = kinds.iter().zip(pid..);
    numbered
        .map(|(kind, pid)| Lane::new(choices, *kind, pid))
        .collect()
}

/// Frames of AAC with their heads, that are not sent yet, and where and when each begins.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    begins: Vec<(usize, u64)>,
    announced: bool,
    sent: bool,
}

impl Heard {
    /// AAC-LC, 48 kHz, stereo.
    fn add(&mut self, data: &[u8], at: u64) {
        let length = 7 + data.len();
        self.begins.push((self.bytes.len(), at));
        self.bytes.extend([
            0xff,
            0xf1,
            0x4c,
            0x80 | (length >> 11) as u8,
            (length >> 3) as u8,
            (length << 5) as u8 | 0x1f,
            0xfc,
        ]);
        self.bytes.extend(data);
    }

    /// Sends all of it, with its time.
    fn send_all(&mut self, choices: &mut Choices<'_>, lane: &mut Lane) {
        while !self.bytes.is_empty() {
            self.send(choices, lane, self.bytes.len(), true);
        }
    }

    /// Sends so many bytes of it, with the time of the first frame that begins there.
    fn send(&mut self, choices: &mut Choices<'_>, lane: &mut Lane, size: usize, timed: bool) {
        // No packet is longer.
        let size = size.min(60_000);
        if size == 0 {
            return;
        }
        let first = self.begins.first().filter(|(begins, _)| *begins < size);
        // It need not be said each time.
        let said = first.filter(|_| timed || !self.sent || choices.often(90));
        let times = said.map(|(_, at)| (*at, *at));
        let announced = std::mem::take(&mut self.announced);
        let rest = self.bytes.split_off(size);
        lane.pes(choices, times, &self.bytes, announced);
        self.bytes = rest;
        self.begins.retain(|(begins, _)| *begins >= size);
        self.begins
            .iter_mut()
            .for_each(|(begins, _)| *begins -= size);
        self.sent = true;
    }
}

fn demuxed(choices: &mut Choices<'_>, packets: &[Vec<u8>]) -> Vec<Demuxed> {
    let mut demuxer = TsDemuxer::default();
    let mut out = Vec::new();
    for piece in pieces(choices, &packets.concat()) {
        out.extend(demuxer.push(piece).expect("a transport stream"));
    }
    out.extend(demuxer.end().expect("a transport stream"));
    out
}

/// Every frame comes out once, in order, at its time.
fn whole(choices: &mut Choices<'_>, made: &Made) {
    let mut frames = [made.video.iter().enumerate(), made.audio.iter().enumerate()];
    // When each track's first frame of a stretch is, as it is sent and as it comes out.
    let mut begun = [None; 2];
    for demuxed in demuxed(choices, &made.packets) {
        let frame = match demuxed {
            Demuxed::Begin(_) => {
                begun = [None; 2];
                continue;
            }
            Demuxed::Frame(frame) => frame,
            Demuxed::Other(_) | Demuxed::LeftOut(_) => panic!("sound that was not sent"),
        };
        let track = frame.track as usize;
        let (number, expected) = frames[track].next().expect("a frame more than there are");
        assert_eq!(frame.data, expected.data, "{:?} {number}", frame.track);
        assert_eq!(frame.sync, expected.sync, "{number}");
        assert_eq!(u64::from(frame.composition_offset), expected.shown_after);
        let (at, first) = *begun[track].get_or_insert((expected.at, frame.decode_time));
        let lasted = expected.at.wrapping_sub(at).cast_signed();
        let found = frame.decode_time - first;
        match frame.track {
            // Samples are no whole ticks.
            LiveTrack::Audio => {
                let samples = lasted * 48_000 / 90_000;
                assert!(
                    found.abs_diff(samples) <= 2,
                    "{number}: {found} for {samples}"
                );
            }
            _ => assert_eq!(found, lasted, "{number}"),
        }
    }
    let missing = frames.map(Iterator::count);
    assert_eq!(missing, [0; 2], "pictures and sound are missing");
}

/// What comes out is what was sent, and no picture without those before it.
fn lossy(choices: &mut Choices<'_>, made: &Made) {
    let mut next = [0; 2];
    for demuxed in demuxed(choices, &made.packets) {
        let Demuxed::Frame(frame) = demuxed else {
            continue;
        };
        let track = frame.track as usize;
        let sent = [&made.video, &made.audio][track];
        let found = sent[next[track]..]
            .iter()
            .position(|sent| frame.data == sent.data);
        let skipped = found.unwrap_or_else(|| panic!("{frame:?} was not sent, or not there"));
        assert!(
            skipped == 0 || frame.sync,
            "{skipped} are missing before a picture"
        );
        next[track] += skipped + 1;
    }
}

/// Whatever comes, reading it ends.
fn broken(choices: &mut Choices<'_>, bytes: &[u8]) {
    let most = AT_FIRST + PER_BYTE * bytes.len();
    within(most, || {
        let mut demuxer = TsDemuxer::default();
        for piece in pieces(choices, bytes) {
            if demuxer.push(piece).is_err() {
                return;
            }
        }
        drop(demuxer.end());
    });
}
