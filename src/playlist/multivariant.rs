//! The multivariant playlist: which renditions there are. What each of them
//! holds does not belong here.

use std::fmt;

use super::media::Start;
use super::tag::{QuotedString, Uri};
use crate::time::FrameRate;

/// One choice of video, with the audio that goes with it (`EXT-X-STREAM-INF`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its media playlist.
    pub uri: Uri,
    /// The most bits a second any segment needs, audio included.
    pub bandwidth: u64,
    /// Bits a second over the whole, audio included.
    pub average_bandwidth: Option<u64>,
    /// Every codec in it, as RFC 6381 names them, separated by commas.
    pub codecs: QuotedString,
    /// Picture width and height in pixels.
    pub resolution: Option<(u16, u16)>,
    /// Frames a second.
    pub frame_rate: Option<FrameRate>,
    /// The group of audio renditions that goes with it.
    pub audio_group: Option<QuotedString>,
}

/// One audio rendition (`EXT-X-MEDIA`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// The group it belongs to.
    pub group_id: QuotedString,
    /// What people see.
    pub name: QuotedString,
    /// BCP 47.
    pub language: Option<QuotedString>,
    /// Whether it plays unless another is chosen; implies `autoselect`.
    pub default: bool,
    /// Whether it may be chosen by the player for its language.
    pub autoselect: bool,
    /// How many channels.
    pub channels: Option<u8>,
    /// Its media playlist.
    pub uri: Uri,
}

/// The renditions of one video.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultivariantPlaylist {
    /// Whether every segment of every rendition can be decoded by itself.
    pub independent_segments: bool,
    /// Where playback should begin.
    pub start: Option<Start>,
    /// The audio renditions.
    pub audio: Vec<Rendition>,
    /// The choices, the first to be tried first.
    pub variants: Vec<Variant>,
}

impl MultivariantPlaylist {
    /// The text.
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for MultivariantPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U")?;
        // EXT-X-MEDIA asks for 4; without a tag the version is 1.
        if !self.audio.is_empty() {
            writeln!(f, "#EXT-X-VERSION:4")?;
        }
        if self.independent_segments {
            writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        if let Some(start) = &self.start {
            writeln!(f, "{start}")?;
        }
        for rendition in &self.audio {
            writeln!(f, "{rendition}")?;
        }
        for variant in &self.variants {
            writeln!(f, "{variant}\n{}", variant.uri)?;
        }
        Ok(())
    }
}

impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID={},NAME={}",
            self.group_id, self.name
        )?;
        if let Some(language) = &self.language {
            write!(f, ",LANGUAGE={language}")?;
        }
        f.write_str(if self.default { ",DEFAULT=YES" } else { "" })?;
        // The specification forbids a default that may not be chosen.
        f.write_str(if self.autoselect || self.default {
            ",AUTOSELECT=YES"
        } else {
            ""
        })?;
        if let Some(channels) = self.channels {
            write!(f, ",CHANNELS=\"{channels}\"")?;
        }
        write!(f, ",URI=\"{}\"", self.uri)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-STREAM-INF:BANDWIDTH={}", self.bandwidth)?;
        if let Some(average) = self.average_bandwidth {
            write!(f, ",AVERAGE-BANDWIDTH={average}")?;
        }
        write!(f, ",CODECS={}", self.codecs)?;
        if let Some((width, height)) = self.resolution {
            write!(f, ",RESOLUTION={width}x{height}")?;
        }
        if let Some(rate) = self.frame_rate {
            // Three decimals, as the specification asks; rounded half up.
            let millis = (2000 * u64::from(rate.num()) + u64::from(rate.den()))
                / (2 * u64::from(rate.den()));
            write!(f, ",FRAME-RATE={}.{:03}", millis / 1000, millis % 1000)?;
        }
        if let Some(group) = &self.audio_group {
            write!(f, ",AUDIO={group}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> QuotedString {
        QuotedString::new(text).unwrap()
    }

    fn variant(uri: &str, bandwidth: u64) -> Variant {
        Variant {
            uri: Uri::new(uri).unwrap(),
            bandwidth,
            average_bandwidth: None,
            codecs: quoted("avc1.64001F,mp4a.40.2"),
            resolution: None,
            frame_rate: None,
            audio_group: None,
        }
    }

    #[test]
    fn a_ladder_with_audio_names_every_rendition() {
        let playlist = MultivariantPlaylist {
            independent_segments: true,
            start: Some(Start {
                offset_ms: 2500,
                precise: false,
            }),
            audio: vec![
                Rendition {
                    group_id: quoted("aac"),
                    name: quoted("Deutsch, original"),
                    language: Some(quoted("de")),
                    default: true,
                    autoselect: false,
                    channels: Some(2),
                    uri: Uri::new("a/de.m3u8").unwrap(),
                },
                Rendition {
                    group_id: quoted("aac"),
                    name: quoted("Comments"),
                    language: None,
                    default: false,
                    autoselect: false,
                    channels: None,
                    uri: Uri::new("a/comments.m3u8").unwrap(),
                },
            ],
            variants: vec![
                Variant {
                    average_bandwidth: Some(1_900_000),
                    resolution: Some((1280, 720)),
                    frame_rate: FrameRate::new(30_000, 1001).ok(),
                    audio_group: Some(quoted("aac")),
                    ..variant("v/720.m3u8", 2_400_000)
                },
                Variant {
                    frame_rate: FrameRate::new(24_000, 1001).ok(),
                    ..variant("v/360.m3u8", 800_000)
                },
            ],
        };
        insta::assert_snapshot!(playlist.to_text(), @r#"
        #EXTM3U
        #EXT-X-VERSION:4
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-START:TIME-OFFSET=2.5
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Deutsch, original",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a/de.m3u8"
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Comments",URI="a/comments.m3u8"
        #EXT-X-STREAM-INF:BANDWIDTH=2400000,AVERAGE-BANDWIDTH=1900000,CODECS="avc1.64001F,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="aac"
        v/720.m3u8
        #EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="avc1.64001F,mp4a.40.2",FRAME-RATE=23.976
        v/360.m3u8
        "#);

        let text = playlist.to_text();
        let (_, read) = m3u8_rs::parse_master_playlist(text.as_bytes()).expect("a playlist");
        assert!(read.independent_segments);
        assert_eq!(read.variants.len(), 2);
        let first = &read.variants[0];
        assert_eq!(
            (first.bandwidth, first.average_bandwidth),
            (2_400_000, Some(1_900_000))
        );
        assert_eq!(
            first.resolution.map(|size| (size.width, size.height)),
            Some((1280, 720))
        );
        assert_eq!(
            (first.uri.as_str(), first.audio.as_deref()),
            ("v/720.m3u8", Some("aac"))
        );
        assert_eq!(read.alternatives.len(), 2);
        assert_eq!(read.alternatives[0].name, "Deutsch, original");
        assert!(read.alternatives[0].default && read.alternatives[0].autoselect);
    }

    #[test]
    fn one_muxed_variant_needs_no_version() {
        let playlist = MultivariantPlaylist {
            variants: vec![variant("live.m3u8", 1)],
            ..Default::default()
        };
        insta::assert_snapshot!(playlist.to_text(), @r#"
        #EXTM3U
        #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001F,mp4a.40.2"
        live.m3u8
        "#);
    }
}
