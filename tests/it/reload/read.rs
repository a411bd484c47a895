//! A media playlist as a strict client reads it.

/// A playlist that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Playlist {
    pub text: String,
    /// `EXT-X-TARGETDURATION`, in seconds.
    pub target_s: u64,
    /// `PART-TARGET`, in microseconds.
    pub part_target: Option<u64>,
    /// All of `EXT-X-SERVER-CONTROL`.
    pub control: String,
    pub sequence: u64,
    pub discontinuity_sequence: u64,
    pub skipped: u64,
    pub segments: Vec<Segment>,
    /// The parts of the segment that is not finished.
    pub open: Segment,
    /// The part that is hinted at.
    pub hint: Option<String>,
    pub reports: Vec<Report>,
    pub prefetch: Vec<Prefetch>,
    pub ended: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    pub uri: String,
    /// In microseconds.
    pub duration: u64,
    pub gap: bool,
    pub discontinuity: bool,
    /// The init segment that holds here, and whether it is stated here.
    pub map: String,
    pub states_map: bool,
    pub date: Option<String>,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub uri: String,
    /// In microseconds.
    pub duration: u64,
    pub independent: bool,
    pub gap: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub uri: String,
    /// `LAST-MSN`, `LAST-PART`.
    pub last: (u64, u64),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefetch {
    pub uri: String,
    pub discontinuity: bool,
}

/// Seconds as they are written, in microseconds.
pub fn micros(seconds: &str) -> u64 {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let part: u64 = format!("{part:0<6}")[..6].parse().expect("digits");
    whole.parse::<u64>().expect("digits") * 1_000_000 + part
}

/// An attribute of a tag, without its quotes.
pub fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut quoted = false;
    let pairs = list.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    values.next().map(|value| value.trim_matches('"'))
}

fn number(text: &str) -> u64 {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number"))
}

impl Playlist {
    /// Reads all of it; a line that is not known is a mistake.
    pub fn read(text: &str) -> Self {
        let mut read = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        let mut segment = Segment::default();
        let mut breaks = false;
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("#EXTM3U"));
        for line in lines {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            let of =
                |name: &str| attribute(value, name).unwrap_or_else(|| panic!("{line}: no {name}"));
            match tag {
                "#EXT-X-VERSION" => assert!(number(value) >= 6, "{text}"),
                "#EXT-X-TARGETDURATION" => read.target_s = number(value),
                "#EXT-X-SERVER-CONTROL" => read.control = value.to_owned(),
                "#EXT-X-PART-INF" => read.part_target = Some(micros(of("PART-TARGET"))),
                "#EXT-X-MEDIA-SEQUENCE" => read.sequence = number(value),
                "#EXT-X-DISCONTINUITY-SEQUENCE" => read.discontinuity_sequence = number(value),
                "#EXT-X-SKIP" => read.skipped = number(of("SKIPPED-SEGMENTS")),
                "#EXT-X-MAP" => {
                    segment.map = of("URI").to_owned();
                    segment.states_map = true;
                }
                "#EXT-X-PROGRAM-DATE-TIME" => segment.date = Some(value.to_owned()),
                "#EXT-X-DISCONTINUITY" => segment.discontinuity = true,
                "#EXT-X-GAP" => segment.gap = true,
                "#EXTINF" => segment.duration = micros(value.trim_end_matches(',')),
                "#EXT-X-PART" => segment.parts.push(Part {
                    uri: of("URI").to_owned(),
                    duration: micros(of("DURATION")),
                    independent: attribute(value, "INDEPENDENT") == Some("YES"),
                    gap: attribute(value, "GAP") == Some("YES"),
                }),
                "#EXT-X-PRELOAD-HINT" if of("TYPE") == "MAP" => {}
                "#EXT-X-PRELOAD-HINT" => {
                    assert_eq!(read.hint, None, "one hint of a type: {text}");
                    read.hint = Some(of("URI").to_owned());
                }
                "#EXT-X-RENDITION-REPORT" => read.reports.push(Report {
                    uri: of("URI").to_owned(),
                    last: (number(of("LAST-MSN")), number(of("LAST-PART"))),
                }),
                "#EXT-X-PREFETCH-DISCONTINUITY" => breaks = true,
                "#EXT-X-PREFETCH" => read.prefetch.push(Prefetch {
                    uri: value.to_owned(),
                    discontinuity: std::mem::take(&mut breaks),
                }),
                "#EXT-X-ENDLIST" => read.ended = true,
                _ if line.starts_with('#') => panic!("{line} is not known: {text}"),
                _ => {
                    segment.uri = line.to_owned();
                    let map = segment.map.clone();
                    read.segments.push(std::mem::take(&mut segment));
                    segment.map = map;
                }
            }
        }
        read.open = segment;
        read
    }

    /// The number of the segment after the finished ones.
    pub fn next(&self) -> u64 {
        self.sequence + self.skipped + self.segments.len() as u64
    }

    /// Finished segment `number`, if it is listed.
    pub fn segment(&self, number: u64) -> Option<&Segment> {
        let index = number.checked_sub(self.sequence + self.skipped)?;
        self.segments.get(usize::try_from(index).ok()?)
    }

    /// All finished segments that are listed, with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &Segment)> {
        (self.sequence + self.skipped..).zip(&self.segments)
    }

    /// The parts that are listed of segment `number`.
    pub fn parts(&self, number: u64) -> &[Part] {
        match number == self.next() {
            true => &self.open.parts,
            false => self.segment(number).map_or(&[], |segment| &segment.parts),
        }
    }

    /// A promise of `EXT-X-SERVER-CONTROL`, in microseconds.
    pub fn promise(&self, name: &str) -> Option<u64> {
        attribute(&self.control, name).map(micros)
    }
}
