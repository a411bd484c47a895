use proptest::prelude::*;

use super::*;
use crate::cmaf::{Track, VideoConfig};
use crate::live::LiveTrack;
use crate::live::ts::pes::MAX_PES_BYTES;

const MAP_PID: u16 = 0x1000;
const PICTURES: u16 = 0x100;
pub(crate) const SOUND: u16 = 0x101;
const AVC: u8 = 0x1b;
const HEVC: u8 = 0x24;
pub(crate) const ADTS: u8 = 0x0f;
const LATM: u8 = 0x11;

/// 1280 by 720, High.
const SPS: &[u8] = b"\x67\x64\0\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\0\0\x03\0\x10\0\0\x03\x03\x20\
    \xf1\x83\x19\x60";
const PPS: &[u8] = b"\x68\xeb\xe3\xcb\x22\xc0";
/// The record of both.
const AVCC: &[u8] = b"\x01\x64\0\x1f\xff\xe1\0\x1a\x67\x64\0\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\
    \0\0\x03\0\x10\0\0\x03\x03\x20\xf1\x83\x19\x60\x01\0\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\0";
/// 322 by 180, Baseline, with its PPS.
const SMALL: &[u8] =
    b"\x67\x42\xc0\x0d\xda\x05\x46\x78\x89\xf0\x16\xe0\xa0\xc0\xc8\0\0\x03\0\x08\0\0\x03\x01\x90\
    \x78\xa1\x55";
const SMALL_PPS: &[u8] = b"\x68\xce\x0f\xc8";
/// Of x265, 320 by 180.
const HEVC_SETS: [&[u8]; 3] = [
    b"\x40\x01\x0c\x01\xff\xff\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\x95\x98\x09",
    b"\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\x08\x0c\x1f\x3e\x59\x59\
    \x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x32\x10",
    b"\x44\x01\xc1\x72\xb4\x62\x40",
];

/// Ticks of a picture at 25 a second.
const PICTURE: u64 = 3600;

/// A multiplexer.
#[derive(Default)]
pub(crate) struct Mux {
    counters: [u8; 3],
    pub bytes: Vec<u8>,
}

impl Mux {
    pub fn new(streams: &[(u8, u16)]) -> Self {
        let mut mux = Self::default();
        mux.tables(streams, 0);
        mux
    }

    fn tables(&mut self, streams: &[(u8, u16)], version: u8) {
        let pid = |pid: u16| (0xe000 | pid).to_be_bytes();
        let association = [&[0, 1][..], &pid(MAP_PID)].concat();
        self.section(0, &section(0, version, &association));
        let mut map = [&pid(PICTURES)[..], &[0xf0, 0]].concat();
        for (kind, of) in streams {
            map.extend([&[*kind][..], &pid(*of), &[0xf0, 0]].concat());
        }
        self.section(MAP_PID, &section(2, version, &map));
    }

    fn section(&mut self, pid: u16, section: &[u8]) {
        let mut payload = [&[0][..], section].concat();
        payload.resize(184, 0xff);
        self.packet(pid, true, &payload);
    }

    fn packet(&mut self, pid: u16, first: bool, payload: &[u8]) {
        let counter = &mut self.counters[match pid {
            PICTURES => 1,
            SOUND => 2,
            _ => 0,
        }];
        let start = u16::from(first) << 14;
        let [high, low] = (start | pid).to_be_bytes();
        let spare = 184 - payload.len();
        let field = if spare > 0 { 0x30 } else { 0x10 };
        self.bytes.extend([0x47, high, low, field | *counter]);
        if spare > 0 {
            self.bytes.push((spare - 1) as u8);
            self.bytes.extend([0].iter().take(spare - 1));
            self.bytes
                .extend(std::iter::repeat_n(0xff, spare.saturating_sub(2)));
        }
        self.bytes.extend(payload);
        *counter = (*counter + 1) & 0xf;
    }

    /// An elementary stream's packet; pictures do not say how long they are.
    pub fn pes(&mut self, pid: u16, pts: u64, dts: u64, payload: &[u8]) {
        let id = if pid == PICTURES { 0xe0 } else { 0xc0 };
        let length = if pid == PICTURES {
            0
        } else {
            payload.len() + 13
        };
        let [high, low] = (length as u16).to_be_bytes();
        let head = [0, 0, 1, id, high, low, 0x80, 0xc0, 10];
        let bytes = [&head[..], &time(3, pts), &time(1, dts), payload].concat();
        for (index, piece) in bytes.chunks(184).enumerate() {
            self.packet(pid, index == 0, piece);
        }
    }

    fn picture(&mut self, dts: u64, units: &[&[u8]]) {
        let mut bytes = Vec::new();
        for unit in units {
            bytes.extend([b"\0\0\0\x01", *unit].concat());
        }
        self.pes(PICTURES, dts + 2 * PICTURE, dts, &bytes);
    }

    fn key(&mut self, dts: u64) {
        self.picture(dts, &[b"\x09\xf0", SPS, PPS, b"\x65key"]);
    }

    fn demuxed(&self) -> Vec<Demuxed> {
        demuxed(&self.bytes).expect("a transport stream")
    }
}

fn demuxed(bytes: &[u8]) -> Result<Vec<Demuxed>, TsError> {
    let mut demuxer = TsDemuxer::default();
    let mut out = demuxer.push(bytes)?;
    out.extend(demuxer.end()?);
    Ok(out)
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

/// AAC-LC, 48 kHz, stereo.
pub(crate) fn adts(data: &[u8]) -> Vec<u8> {
    let length = 7 + data.len();
    let head = [
        0xff,
        0xf1,
        0x4c,
        0x80,
        (length >> 3) as u8,
        (length << 5) as u8 | 0x1f,
        0xfc,
    ];
    [&head[..], data].concat()
}

fn tracks(demuxed: &[Demuxed]) -> Vec<Vec<&Track>> {
    let begins = demuxed.iter().filter_map(|demuxed| match demuxed {
        Demuxed::Begin(tracks) => Some(tracks.iter().map(|(_, track)| track).collect()),
        _ => None,
    });
    begins.collect()
}

fn frames(demuxed: &[Demuxed], wanted: LiveTrack) -> Vec<(i64, &[u8])> {
    let frames = demuxed.iter().filter_map(|demuxed| match demuxed {
        Demuxed::Frame(frame) if frame.track == wanted => {
            Some((frame.decode_time, &frame.data[..]))
        }
        _ => None,
    });
    frames.collect()
}

#[test]
fn pictures_and_sound_come_out_as_samples_with_their_records() {
    let mut mux = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]);
    mux.key(9000);
    mux.pes(SOUND, 9000, 9000, &[adts(b"ab"), adts(b"c")].concat());
    mux.picture(9000 + PICTURE, &[b"\x09\xf0", b"\x41next"]);
    let out = mux.demuxed();
    let begun = tracks(&out);
    let [Track::Video(video), Track::Audio(audio)] = begun[0][..] else {
        panic!("pictures and sound")
    };
    assert_eq!((video.width, video.height), (1280, 720));
    assert_eq!(video.config.record(), AVCC);
    assert_eq!((audio.timescale, audio.channels), (48_000, 2));
    let expected: [(i64, &[u8]); 2] = [
        (9000, b"\0\0\0\x04\x65key"),
        (12_600, b"\0\0\0\x05\x41next"),
    ];
    assert_eq!(frames(&out, LiveTrack::Video), expected);
    let expected: [(i64, &[u8]); 2] = [(4800, b"ab"), (5824, b"c")];
    assert_eq!(frames(&out, LiveTrack::Audio), expected);
    let first = out.iter().find_map(|demuxed| match demuxed {
        Demuxed::Frame(frame) if frame.track == LiveTrack::Video => Some(frame),
        _ => None,
    });
    let first = first.expect("a picture");
    assert!(first.sync);
    assert_eq!(u64::from(first.composition_offset), 2 * PICTURE);
}

#[test]
fn hevc_comes_out_with_its_record() {
    let mut mux = Mux::new(&[(HEVC, PICTURES), (ADTS, SOUND)]);
    let [vps, sps, pps] = HEVC_SETS;
    mux.pes(SOUND, 0, 0, &adts(b"a"));
    mux.picture(0, &[b"\x46\x01\x50", vps, sps, pps, b"\x26\x01key"]);
    mux.picture(PICTURE, &[b"\x46\x01\x50", b"\x02\x01next"]);
    let out = mux.demuxed();
    let begun = tracks(&out);
    let Track::Video(video) = begun[0][0] else {
        panic!("pictures")
    };
    assert_eq!((video.width, video.height), (320, 180));
    let record = video.config.record();
    let head = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03";
    assert!(record.starts_with(head), "{}", record.escape_ascii());
    let sets = [
        &[0xa0, 0, 1, 0, 24][..],
        vps,
        &[0xa1, 0, 1, 0, 43],
        sps,
        &[0xa2, 0, 1, 0, 7],
        pps,
    ];
    assert_eq!(
        record[head.len()..],
        sets.concat()[..],
        "{}",
        record.escape_ascii()
    );
    assert_eq!(
        frames(&out, LiveTrack::Video)[0].1,
        b"\0\0\0\x05\x26\x01key"
    );
}

#[test]
fn however_its_bytes_are_cut_the_same_comes_out() {
    let mut mux = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]);
    for index in 0..30 {
        mux.key(index * PICTURE);
        mux.pes(SOUND, index * PICTURE, index * PICTURE, &adts(&[1; 300]));
    }
    let whole = mux.demuxed();
    for size in [1, 100, 188, 1316] {
        let mut demuxer = TsDemuxer::default();
        let mut out = Vec::new();
        for piece in mux.bytes.chunks(size) {
            out.extend(demuxer.push(piece).expect("a transport stream"));
        }
        out.extend(demuxer.end().expect("an end"));
        assert_eq!(out, whole, "{size}");
    }
}

#[test]
fn a_clock_that_goes_round_goes_on() {
    let round = 1 << 33;
    let mut mux = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]);
    mux.pes(SOUND, round - 7200, round - 7200, &adts(b"a"));
    for index in 0..4 {
        mux.key(round - 7200 + index * PICTURE);
    }
    let out = mux.demuxed();
    assert_eq!(tracks(&out).len(), 1);
    let times = frames(&out, LiveTrack::Video).into_iter();
    let times: Vec<_> = times.map(|(time, _)| time - round as i64).collect();
    assert_eq!(times, [-7200, -3600, 0, 3600]);
    for demuxed in &out {
        if let Demuxed::Frame(frame) = demuxed
            && frame.track == LiveTrack::Video
        {
            assert_eq!(frame.composition_offset, 7200);
        }
    }
}

#[test]
fn other_parameter_sets_begin_a_stretch_and_the_same_do_not() {
    let mut mux = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]);
    mux.pes(SOUND, 0, 0, &adts(b"a"));
    mux.key(0);
    mux.key(PICTURE);
    mux.picture(2 * PICTURE, &[SMALL, SMALL_PPS, b"\x65small"]);
    mux.picture(3 * PICTURE, &[b"\x41next"]);
    let out = mux.demuxed();
    let sizes = tracks(&out).into_iter().map(|tracks| match tracks[0] {
        Track::Video(video) => (video.width, video.config.record()[1]),
        Track::Audio(_) => panic!("pictures first"),
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [(1280, 100), (322, 66)]);
    assert_eq!(frames(&out, LiveTrack::Video).len(), 4);
}

#[test]
fn a_picture_with_a_part_missing_is_left_out_and_all_up_to_the_next_key_frame() {
    let long = [&b"\x41"[..], &[7; 1000]].concat();
    let stream = |key_again: bool| {
        let mut mux = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]);
        mux.pes(SOUND, 0, 0, &adts(b"a"));
        mux.key(0);
        let from = mux.bytes.len();
        mux.picture(PICTURE, &[&long]);
        mux.picture(2 * PICTURE, &[b"\x41after"]);
        if key_again {
            mux.key(3 * PICTURE);
        }
        (mux.bytes, from)
    };
    let times = |bytes: &[u8]| {
        let out = demuxed(bytes).expect("a transport stream");
        let times = frames(&out, LiveTrack::Video).into_iter();
        times.map(|(time, _)| time).collect::<Vec<_>>()
    };
    let (whole, from) = stream(true);
    assert_eq!(times(&whole), [0, 3600, 7200, 10_800]);
    type Damage = fn(&mut Vec<u8>, usize);
    let damages: [(&str, Damage, &[i64]); 6] = [
        (
            "a packet in its midst is lost",
            |bytes, at| drop(bytes.drain(at + 188..at + 376)),
            &[0, 10_800],
        ),
        // That what came before it was whole is not known either.
        (
            "its first packet is lost",
            |bytes, at| drop(bytes.drain(at..at + 188)),
            &[10_800],
        ),
        (
            "a packet is marked as broken",
            |bytes, at| bytes[at + 189] |= 0x80,
            &[0, 10_800],
        ),
        (
            "a packet is scrambled",
            |bytes, at| bytes[at + 191] |= 0x80,
            &[0, 10_800],
        ),
        (
            "a packet comes twice",
            |bytes, at| {
                let packet = bytes[at + 188..at + 376].to_vec();
                bytes.splice(at + 188..at + 188, packet);
            },
            &[0, 3600, 7200, 10_800],
        ),
        (
            "a discontinuity is announced",
            |bytes, at| {
                // Where the picture is done: a packet of nothing else.
                let mut packet = vec![0xff; 188];
                packet[..6].copy_from_slice(&[0x47, 1, 0, 0x20, 183, 0x80]);
                bytes.splice(at + 188..at + 188, packet);
            },
            &[0, 10_800],
        ),
    ];
    for (what, damage, expected) in damages {
        let (mut bytes, from) = (whole.clone(), from);
        damage(&mut bytes, from);
        assert_eq!(times(&bytes), expected, "{what}");
    }
    let (mut bytes, from) = stream(false);
    bytes.drain(from + 188..from + 376);
    assert_eq!(times(&bytes), [0], "nothing comes without a key frame");
}

#[test]
fn a_picture_longer_than_any_is_left_out() {
    let mut mux = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]);
    mux.pes(SOUND, 0, 0, &adts(b"a"));
    mux.key(0);
    mux.picture(PICTURE, &[&vec![0x65; MAX_PES_BYTES]]);
    mux.key(2 * PICTURE);
    let out = mux.demuxed();
    let times = frames(&out, LiveTrack::Video).into_iter();
    assert_eq!(times.map(|(time, _)| time).collect::<Vec<_>>(), [0, 7200]);
}

#[test]
fn pictures_before_the_first_key_frame_are_left_out() {
    let mut mux = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]);
    mux.pes(SOUND, 0, 0, &adts(b"a"));
    mux.picture(0, &[SPS, PPS, b"\x41not yet"]);
    mux.key(PICTURE);
    let out = mux.demuxed();
    assert_eq!(frames(&out, LiveTrack::Video).len(), 1);
}

#[test]
fn tables_that_come_again_change_nothing_and_others_begin_anew() {
    let mut mux = Mux::new(&[(AVC, PICTURES)]);
    for index in 0..30 {
        mux.key(index * PICTURE);
        mux.tables(&[(AVC, PICTURES)], 0);
    }
    mux.tables(&[(AVC, PICTURES), (ADTS, SOUND)], 1);
    mux.pes(SOUND, 30 * PICTURE, 30 * PICTURE, &adts(b"a"));
    mux.key(30 * PICTURE);
    mux.pes(SOUND, 31 * PICTURE, 31 * PICTURE, &adts(b"b"));
    let out = mux.demuxed();
    let begun: Vec<_> = tracks(&out).iter().map(Vec::len).collect();
    assert_eq!(begun, [1, 2]);
}

#[test]
fn what_cannot_be_published_is_named() {
    let with = |kind: u8| {
        let mut mux = Mux::new(&[(AVC, PICTURES), (kind, SOUND)]);
        mux.key(0);
        demuxed(&mux.bytes).expect_err("refused").to_string()
    };
    {
        let error = with(LATM);
        assert!(
            error.contains("LATM") && error.contains("expected AAC in ADTS"),
            "{error}"
        );
    }
    let mpeg2 = Mux::new(&[(0x02, PICTURES)]);
    let error = demuxed(&mpeg2.bytes).expect_err("refused").to_string();
    assert!(error.contains("MPEG-2"), "{error}");
    // What is neither pictures nor sound, and more of what is, is no reason.
    let mixed = Mux::new(&[(AVC, PICTURES), (0x06, 0x102), (0x81, 0x103), (ADTS, SOUND)]);
    assert!(demuxed(&mixed.bytes).is_ok());
    let mut untold = Mux::default();
    while untold.bytes.len() <= MAX_UNTOLD_BYTES {
        untold.packet(SOUND, false, &[0; 184]);
    }
    let error = demuxed(&untold.bytes).expect_err("refused").to_string();
    assert!(error.contains("without tables"), "{error}");
    assert!(matches!(demuxed(&[1; 100_000]), Err(TsError::NoPackets(_))));
}

#[test]
fn a_parameter_set_that_cannot_be_is_named() {
    for (units, expected) in [
        (&[&[0x67; 5000][..], PPS][..], "5000 bytes"),
        (&[b"\x67\x64", PPS], "too short"),
        (&[b"\x67\x64\0\x1f\xff\xff", PPS], "type 7"),
    ] {
        let mut mux = Mux::new(&[(AVC, PICTURES)]);
        mux.picture(0, &[units, &[b"\x65key"]].concat());
        let error = demuxed(&mux.bytes).expect_err("no track").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_record_changes_with_a_picture_parameter_set_alone_and_waits_for_a_key_frame() {
    let mut sets = ParameterSets::new(Coding::Avc);
    assert!(matches!(sets.take(&[PPS]), Ok(Change::Unfinished)));
    let first = sets.take(&[SPS, PPS]);
    assert!(matches!(first, Ok(Change::Record(VideoConfig::Avc(record))) if record == AVCC));
    assert!(matches!(sets.take(&[SPS, PPS]), Ok(Change::None)));
    // Number 0 too, but another.
    let changed = sets.take(&[SMALL_PPS]);
    let Ok(Change::Record(VideoConfig::Avc(record))) = changed else {
        panic!("another record")
    };
    assert!(record.windows(4).any(|window| window == SMALL_PPS));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        drops in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        sizes in prop::collection::vec(1_usize..900, 1..8),
        hevc in any::<bool>(),
    ) {
        let mut mux = Mux::new(&[(if hevc { HEVC } else { AVC }, PICTURES), (ADTS, SOUND)]);
        let [vps, sps, pps] = HEVC_SETS;
        for index in 0..6 {
            if hevc {
                mux.picture(index * PICTURE, &[vps, sps, pps, b"\x26\x01key"]);
            } else {
                mux.key(index * PICTURE);
            }
            mux.pes(SOUND, index * PICTURE, index * PICTURE, &[adts(b"a"), adts(&[2; 300])].concat());
            mux.tables(&[(AVC, PICTURES), (ADTS, SOUND)], index as u8);
        }
        let mut bytes = mux.bytes;
        for at in drops {
            let at = at.index(bytes.len());
            bytes.remove(at);
        }
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut demuxer = TsDemuxer::default();
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            rest = after;
            if demuxer.push(piece).is_err() {
                return Ok(());
            }
        }
        let _ = demuxer.end();
    }

    #[test]
    fn no_headers_of_packets_make_it_panic(
        packets in prop::collection::vec(
            (0_u16..0x104, prop::array::uniform16(any::<u8>()), any::<u8>()), 0..40),
    ) {
        let mut bytes = Mux::new(&[(AVC, PICTURES), (ADTS, SOUND)]).bytes;
        for (pid, head, fill) in packets {
            let mut packet = vec![fill; 188];
            packet[..16].copy_from_slice(&head);
            packet[0] = 0x47;
            let [high, low] = pid.to_be_bytes();
            packet[1] = packet[1] & 0x40 | high;
            packet[2] = low;
            bytes.extend(packet);
        }
        let _ = demuxed(&bytes);
    }
}

/// A packet of a stream's own, in which something is announced.
fn anew(pid: u16, counter: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (0x4000 | pid).to_be_bytes();
    let mut packet = vec![0x47, high, low, 0x30 | counter, 1, 0x80];
    let spare = 182 - payload.len();
    packet[4] = (spare + 1) as u8;
    packet.extend(vec![0xff; spare]);
    packet.extend(payload);
    packet
}

#[test]
fn where_it_is_announced_that_a_counter_begins_anew_nothing_is_missing() {
    let mut mux = Mux::new(&[(AVC, PICTURES)]);
    (0..30).for_each(|index| match index {
        0 => mux.key(0),
        _ => mux.picture(index * PICTURE, &[b"\x41next"]),
    });
    // Of a picture that says how long it is, with a counter of its own.
    let head = [
        &[0, 0, 1, 0xe0, 0, 21, 0x80, 0x80, 5][..],
        &time(2, 30 * PICTURE),
    ]
    .concat();
    let payload = [&head[..], b"\0\0\0\x01\x41splice"].concat();
    let counter = (mux.counters[1] + 7) & 0xf;
    mux.bytes.extend(anew(PICTURES, counter, &payload));
    mux.counters[1] = (counter + 1) & 0xf;
    mux.picture(31 * PICTURE, &[b"\x41last"]);
    let out = mux.demuxed();
    assert_eq!(frames(&out, LiveTrack::Video).len(), 32);
}

#[test]
fn what_was_begun_when_the_tables_change_is_whole() {
    let mut mux = Mux::new(&[(AVC, PICTURES)]);
    (0..30).for_each(|index| match index {
        0 => mux.key(0),
        _ => mux.picture(index * PICTURE, &[b"\x41next"]),
    });
    mux.tables(&[(AVC, SOUND)], 1);
    assert_eq!(frames(&mux.demuxed(), LiveTrack::Video).len(), 30);
}

#[test]
fn behind_a_loss_comes_a_key_frame_and_all_that_follows_it() {
    let mut mux = Mux::new(&[(AVC, PICTURES)]);
    (0..30).for_each(|index| match index {
        0 => mux.key(0),
        _ => mux.picture(index * PICTURE, &[b"\x41next"]),
    });
    // One is lost, and of the next it is known at once that it is whole.
    mux.counters[1] = (mux.counters[1] + 1) & 0xf;
    let unit = b"\0\0\0\x01\x65key";
    let length = (3 + 10 + unit.len()) as u8;
    let head = [0, 0, 1, 0xe0, 0, length, 0x80, 0xc0, 10];
    let at = 31 * PICTURE;
    mux.packet(
        PICTURES,
        true,
        &[&head[..], &time(3, at), &time(1, at), unit].concat(),
    );
    mux.picture(32 * PICTURE, &[b"\x41behind"]);
    let out = mux.demuxed();
    let found = frames(&out, LiveTrack::Video);
    let last: Vec<_> = found[found.len() - 2..]
        .iter()
        .map(|(_, data)| &data[4..])
        .collect();
    assert_eq!(last, [&b"\x65key"[..], b"\x41behind"]);
}

#[test]
fn a_picture_of_nothing_but_parameter_sets_is_refused() {
    let mut mux = Mux::new(&[(AVC, PICTURES)]);
    let many = [SPS, PPS].repeat(20);
    mux.picture(0, &many);
    let error = demuxed(&mux.bytes).expect_err("refused").to_string();
    assert!(error.contains("more than 24"), "{error}");
}
