//! The tables of a transport stream: which programme there is, and what is where in it
//! (ITU-T H.222.0, 2.4.4).

use mpeg2ts_reader::StreamType;
use mpeg2ts_reader::descriptor::CoreDescriptors;
use mpeg2ts_reader::packet::Packet;
use mpeg2ts_reader::psi::pat::{PatSection, ProgramDescriptor};
use mpeg2ts_reader::psi::pmt::{PmtSection, StreamInfo};
use mpeg2ts_reader::psi::{
    BufferSectionSyntaxParser, CrcCheckWholeSectionSyntaxPayloadParser, CurrentNext,
    SectionCommonHeader, SectionPacketConsumer, SectionSyntaxSectionProcessor, TableSyntaxHeader,
    WholeSectionSyntaxPayloadParser,
};

use crate::live::other_sound::OtherFamily;
use crate::live::ts::TsError;
use crate::live::ts::annexb::Coding;

/// The PID of the programme association table.
const PAT_PID: u16 = 0;

/// The identifiers of the tables (table 2-31).
const PAT: u8 = 0;
const PMT: u8 = 2;

/// E-AC-3, as ATSC A/53 part 3 numbers it.
const ATSC_EAC3: StreamType = StreamType(0x87);

/// The tags of the descriptors of AC-3 and E-AC-3 (ETSI EN 300 468, annex D).
const DVB_AC3: [u8; 2] = [0x6a, 0x7a];

/// Bytes of a section around what it says: its two headers, and its check sum.
const SECTION_HEAD: usize = SectionCommonHeader::SIZE + TableSyntaxHeader::SIZE;
const SECTION_TAIL: usize = 4;

/// What is published of a programme, each with its PID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Programme {
    /// Its pictures.
    pub pictures: Option<(u16, Coding)>,
    /// Its sound.
    pub sound: Option<(u16, SoundKind)>,
    /// What it has instead.
    foreign: Foreign,
}

/// How sound is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SoundKind {
    /// AAC in ADTS.
    Adts,
    /// AAC in LATM, which is not taken.
    Latm,
    /// What is turned into AAC.
    Other(OtherFamily),
}

/// Pictures and sound that cannot be published, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Foreign {
    pictures: Option<&'static str>,
    sound: Option<&'static str>,
}

impl Programme {
    /// Whether what it has can be published: all of its pictures or all of its sound
    /// of another kind cannot.
    pub fn check(&self) -> Result<(), TsError> {
        let refused = |track, found: &str, expected| TsError::Unsupported {
            track,
            found: found.to_owned(),
            expected,
        };
        match (self.pictures, self.foreign.pictures) {
            (None, Some(found)) => Err(refused("video", found, "H.264 or HEVC")),
            _ => match (self.sound, self.foreign.sound) {
                (None, Some(found)) => {
                    Err(refused("sound", found, "AAC in ADTS, MPEG audio or AC-3"))
                }
                _ => Ok(()),
            },
        }
    }

    fn add(&mut self, stream: &StreamInfo<'_>) {
        let pid = u16::from(stream.elementary_pid());
        match stream.stream_type() {
            StreamType::H264 => _ = self.pictures.get_or_insert((pid, Coding::Avc)),
            StreamType::H265 => _ = self.pictures.get_or_insert((pid, Coding::Hevc)),
            StreamType::ADTS if !self.hears_adts() => {
                self.sound = Some((pid, SoundKind::Adts));
            }
            StreamType::LATM => _ = self.sound.get_or_insert((pid, SoundKind::Latm)),
            StreamType::ISO_11172_VIDEO | StreamType::H262 => {
                self.foreign.pictures = Some("MPEG-2 video");
            }
            StreamType::ISO_14496_2_VISUAL => self.foreign.pictures = Some("MPEG-4 part 2"),
            StreamType::ISO_11172_AUDIO | StreamType::ISO_138183_AUDIO => {
                self.other(pid, OtherFamily::Mpeg);
            }
            StreamType::ATSC_DOLBY_DIGITAL_AUDIO | ATSC_EAC3 => {
                self.other(pid, OtherFamily::Dolby);
            }
            StreamType::H222_0_PES_PRIVATE_DATA => self.private(stream),
            // Subtitles, cues, data.
            _ => {}
        }
    }

    fn hears_adts(&self) -> bool {
        matches!(self.sound, Some((_, SoundKind::Adts)))
    }

    /// The first of them counts, where there is no AAC that can be passed on.
    fn other(&mut self, pid: u16, family: OtherFamily) {
        if matches!(self.sound, None | Some((_, SoundKind::Latm))) {
            self.sound = Some((pid, SoundKind::Other(family)));
        }
    }

    /// Private data is told apart by who registered it.
    fn private(&mut self, stream: &StreamInfo<'_>) {
        let pid = u16::from(stream.elementary_pid());
        for descriptor in stream.descriptors::<CoreDescriptors<'_>>().flatten() {
            let registration = match descriptor {
                CoreDescriptors::Registration(registration) => registration,
                CoreDescriptors::UserPrivate(private) if DVB_AC3.contains(&private.tag) => {
                    self.other(pid, OtherFamily::Dolby);
                    continue;
                }
                _ => continue,
            };
            match &registration.format_identifier().0.0 {
                b"Opus" => self.foreign.sound = Some("Opus"),
                b"AC-3" | b"EAC3" => self.other(pid, OtherFamily::Dolby),
                b"AV01" => self.foreign.pictures = Some("AV1"),
                _ => {}
            }
        }
    }
}

/// What was read of the tables.
#[derive(Debug, Default)]
struct Known {
    map_pid: Option<u16>,
    programme: Option<Programme>,
    changed: bool,
}

/// Sections that are whole and sound, to what they say.
struct Reading;

impl WholeSectionSyntaxPayloadParser for Reading {
    type Context = Known;

    fn section<'a>(
        &mut self,
        known: &mut Known,
        header: &SectionCommonHeader,
        table: &TableSyntaxHeader<'a>,
        data: &'a [u8],
    ) {
        let end = data.len().saturating_sub(SECTION_TAIL);
        let Some(said) = data.get(SECTION_HEAD..end) else {
            return;
        };
        if table.current_next_indicator() == CurrentNext::Next {
            return;
        }
        match header.table_id {
            PAT => {
                let first = PatSection::new(said)
                    .programs()
                    .find_map(|entry| match entry {
                        ProgramDescriptor::Program { pid, .. } => Some(u16::from(pid)),
                        ProgramDescriptor::Network { .. } => None,
                    });
                if first.is_some() {
                    known.map_pid = first;
                }
            }
            PMT => {
                let Ok(section) = PmtSection::from_bytes(said) else {
                    return;
                };
                let mut programme = Programme::default();
                section.streams().for_each(|stream| programme.add(&stream));
                // It is said again ten times a second.
                if known.programme.as_ref() != Some(&programme) {
                    known.programme = Some(programme);
                    known.changed = true;
                }
            }
            _ => {}
        }
    }
}

type Sections = SectionPacketConsumer<
    SectionSyntaxSectionProcessor<
        BufferSectionSyntaxParser<CrcCheckWholeSectionSyntaxPayloadParser<Reading>>,
    >,
>;

fn sections() -> Sections {
    let checked = CrcCheckWholeSectionSyntaxPayloadParser::new(Reading);
    let whole = BufferSectionSyntaxParser::new(checked);
    SectionPacketConsumer::new(SectionSyntaxSectionProcessor::new(whole))
}

/// The tables of a stream. A section is a thousand bytes at most (2.4.4.1).
pub(super) struct Tables {
    association: Sections,
    map: Sections,
    known: Known,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            association: sections(),
            map: sections(),
            known: Known::default(),
        }
    }
}

impl Tables {
    /// The programme, once it is known.
    pub const fn programme(&self) -> Option<&Programme> {
        self.known.programme.as_ref()
    }

    /// Takes a packet; whether another programme is known since.
    pub fn take(&mut self, packet: &Packet<'_>) -> bool {
        if packet.transport_error_indicator() {
            return false;
        }
        let pid = u16::from(packet.pid());
        if pid == PAT_PID {
            let before = self.known.map_pid;
            self.association.consume(&mut self.known, packet);
            if self.known.map_pid != before {
                self.map = sections();
            }
        } else if self.known.map_pid == Some(pid) {
            self.map.consume(&mut self.known, packet);
        }
        std::mem::take(&mut self.known.changed)
    }
}
