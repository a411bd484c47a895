//! What a player needs of a media playlist, read without a copy.

/// A part, by the number of its segment and its place in it.
pub type PartId = (u64, u32);

pub struct Part<'a> {
    pub id: PartId,
    pub uri: &'a str,
    pub duration_us: u64,
}

#[derive(Default)]
pub struct Playlist<'a> {
    pub parts: Vec<Part<'a>>,
    /// The segments that are whole, and how long each is, in microseconds.
    pub segments: Vec<(u64, u64)>,
    /// When the last of them was taken, as it is written.
    pub last_taken: Option<&'a str>,
    pub hint: Option<&'a str>,
    pub ended: bool,
    /// The part that comes next.
    pub next: PartId,
}

impl<'a> Playlist<'a> {
    pub fn read(text: &'a str) -> Self {
        let mut read = Self::default();
        let (mut number, mut index) = (0, 0);
        let mut taken = None;
        for line in text.lines() {
            let Some((tag, value)) = line.split_once(':') else {
                read.ended |= line == "#EXT-X-ENDLIST";
                continue;
            };
            match tag {
                "#EXT-X-MEDIA-SEQUENCE" => number = value.parse().expect("a number"),
                "#EXT-X-SKIP" => {
                    let skipped = attribute(value, "SKIPPED-SEGMENTS");
                    number += skipped
                        .and_then(|text| text.parse::<u64>().ok())
                        .expect("a number");
                }
                "#EXT-X-PROGRAM-DATE-TIME" => taken = Some(value),
                "#EXTINF" => {
                    read.segments
                        .push((number, micros(value.trim_end_matches(','))));
                    read.last_taken = taken;
                    (number, index) = (number + 1, 0);
                }
                "#EXT-X-PART" => {
                    read.parts.push(Part {
                        id: (number, index),
                        uri: attribute(value, "URI").expect("an address"),
                        duration_us: micros(attribute(value, "DURATION").expect("a duration")),
                    });
                    index += 1;
                }
                "#EXT-X-PRELOAD-HINT" if value.starts_with("TYPE=PART") => {
                    read.hint = attribute(value, "URI");
                }
                _ => {}
            }
        }
        read.next = (number, index);
        read
    }
}

/// An attribute's value, without quotes. No value that is asked for has a comma in it.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(known, _)| *known == name)?;
    Some(value.trim_matches('"'))
}

fn micros(seconds: &str) -> u64 {
    let seconds: f64 = seconds.parse().expect("seconds");
    (seconds * 1e6).round() as u64
}
