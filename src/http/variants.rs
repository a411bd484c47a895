//! The multivariant playlist of a live stream: which tracks there are, and what they
//! take of a line.

use uuid::Uuid;

use crate::broadcast::Offer;
use crate::cmaf::{Track, codec_string};
use crate::edge::VIEWER;
use crate::http::ApiError;
use crate::http::error::internal;
use crate::live::LiveTrack;
use crate::live::bandwidth::BitRates;
use crate::playlist::{MultivariantPlaylist, QuotedString, Rendition, Uri, Variant};
use crate::time::FrameRate;

/// What pictures are said to take before one of their segments is whole.
const PICTURES_GUESS: u64 = 5_000_000;

/// The audio group of every multivariant playlist.
const AUDIO_GROUP: &str = "sound";

/// The multivariant playlist of these tracks; what it lists is asked for by `viewer`.
///
/// Sound beside pictures is a rendition of its own, and once more a variant: whoever's
/// line is too poor for pictures goes on with that. hls.js leaves such variants out.
pub(super) fn multivariant_text(
    tracks: &[Offer],
    viewer: Option<Uuid>,
) -> Result<String, ApiError> {
    let find = |kind: LiveTrack| tracks.iter().find(|offer| offer.kind == kind);
    let (pictures, sound) = (find(LiveTrack::Video), find(LiveTrack::Audio));
    let named = |kind: LiveTrack| {
        let query = viewer.map(|id| format!("?{VIEWER}={id}"));
        let query = query.unwrap_or_default();
        Uri::new(format!("{}.m3u8{query}", kind.name())).map_err(internal)
    };
    let beside = sound.filter(|_| pictures.is_some());
    // What is played together counts together.
    let variant = |offer: &Offer, with: Option<&Offer>| {
        let all = [Some(offer), with];
        let all = || all.into_iter().flatten();
        let codecs = all().map(|offer| codec_string(&offer.track));
        let codecs = codecs.collect::<Result<Vec<_>, _>>().map_err(internal)?;
        let measured: Option<u64> = all()
            .map(|offer| Some(offer.rates?.average))
            .sum::<Option<u64>>();
        Ok::<_, ApiError>(Variant {
            uri: named(offer.kind)?,
            bandwidth: all().map(peak).sum(),
            average_bandwidth: measured,
            codecs: quoted(codecs.join(","))?,
            resolution: match &offer.track {
                Track::Video(video) => Some((video.width, video.height)),
                Track::Audio(_) => None,
            },
            frame_rate: match &offer.track {
                Track::Video(_) => offer.pictures_per_kilosecond.and_then(frame_rate),
                Track::Audio(_) => None,
            },
            audio_group: beside.map(|_| quoted(AUDIO_GROUP.to_owned())).transpose()?,
        })
    };
    let rendition = |offer: &Offer| {
        Ok::<_, ApiError>(Rendition {
            group_id: quoted(AUDIO_GROUP.to_owned())?,
            name: quoted("Sound".to_owned())?,
            language: None,
            default: true,
            autoselect: true,
            channels: match &offer.track {
                Track::Audio(audio) => Some(audio.channels),
                Track::Video(_) => None,
            },
            uri: named(offer.kind)?,
        })
    };
    let mut variants = Vec::new();
    // The stream's own size is what players try first.
    let rungs = LiveTrack::RUNGS.into_iter().filter_map(find);
    for pictures in pictures.into_iter().chain(rungs) {
        variants.push(variant(pictures, beside)?);
    }
    if let Some(sound) = sound {
        variants.push(variant(sound, None)?);
    }
    let playlist = MultivariantPlaylist {
        independent_segments: false,
        start: None,
        audio: beside.map(rendition).transpose()?.into_iter().collect(),
        variants,
    };
    Ok(playlist.to_text())
}

/// The most bits a second of a track; a guess where nothing was measured.
fn peak(offer: &Offer) -> u64 {
    let guess = match &offer.track {
        Track::Video(_) => offer.asked.unwrap_or(PICTURES_GUESS),
        Track::Audio(audio) => audio.bitrate.into(),
    };
    offer.rates.map_or(guess, |BitRates { peak, .. }| peak)
}

/// A rate as playlists tell it, if it is one.
fn frame_rate(pictures_per_kilosecond: u64) -> Option<FrameRate> {
    let (pictures, seconds) = match pictures_per_kilosecond {
        23_976 => (24_000, 1001),
        29_970 => (30_000, 1001),
        59_940 => (60_000, 1001),
        whole => (u32::try_from(whole / 1000).ok()?, 1),
    };
    FrameRate::new(pictures, seconds).ok()
}

fn quoted(text: String) -> Result<QuotedString, ApiError> {
    QuotedString::new(text).map_err(internal)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::cmaf::{AudioConfig, AudioTrack, Colours, VideoConfig, VideoTrack};

    fn pictures(rates: Option<BitRates>) -> Offer {
        let record = [1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0, 1, 0, 0];
        Offer {
            kind: LiveTrack::Video,
            track: Track::Video(VideoTrack {
                timescale: 90_000,
                width: 1280,
                height: 720,
                config: VideoConfig::Avc(Bytes::copy_from_slice(&record)),
                colours: Colours::BT709,
            }),
            rates,
            asked: None,
            pictures_per_kilosecond: None,
        }
    }

    fn sound(rates: Option<BitRates>) -> Offer {
        Offer {
            kind: LiveTrack::Audio,
            track: Track::Audio(AudioTrack {
                timescale: 48_000,
                channels: 2,
                config: AudioConfig::Aac(Bytes::from_static(&[0x11, 0x90])),
                bitrate: 128_000,
            }),
            rates,
            asked: None,
            pictures_per_kilosecond: None,
        }
    }

    fn rates(peak: u64, average: u64) -> Option<BitRates> {
        Some(BitRates { peak, average })
    }

    #[test]
    fn sound_beside_pictures_is_a_rendition_and_a_variant_of_its_own() {
        let tracks = [
            pictures(rates(2_400_000, 1_900_000)),
            sound(rates(140_000, 130_000)),
        ];
        let text = multivariant_text(&tracks, None).expect("a playlist");
        insta::assert_snapshot!(text, @r#"
        #EXTM3U
        #EXT-X-VERSION:4
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"
        #EXT-X-STREAM-INF:BANDWIDTH=2540000,AVERAGE-BANDWIDTH=2030000,CODECS="avc1.64001F,mp4a.40.2",RESOLUTION=1280x720,AUDIO="sound"
        video.m3u8
        #EXT-X-STREAM-INF:BANDWIDTH=140000,AVERAGE-BANDWIDTH=130000,CODECS="mp4a.40.2",AUDIO="sound"
        audio.m3u8
        "#);
    }

    #[test]
    fn rungs_come_behind_the_streams_own_size_each_with_the_same_sound() {
        let own = Offer {
            pictures_per_kilosecond: Some(29_970),
            ..pictures(rates(2_400_000, 1_900_000))
        };
        let mut rung = Offer {
            kind: LiveTrack::Rung1,
            asked: Some(800_000),
            ..own.clone()
        };
        rung.rates = None;
        if let Track::Video(video) = &mut rung.track {
            (video.width, video.height) = (640, 360);
        }
        let tracks = [own, sound(rates(140_000, 130_000)), rung];
        let text = multivariant_text(&tracks, None).expect("a playlist");
        let variants = text
            .lines()
            .filter(|line| line.starts_with("#EXT-X-STREAM"));
        insta::assert_snapshot!(variants.collect::<Vec<_>>().join("\n"), @r#"
        #EXT-X-STREAM-INF:BANDWIDTH=2540000,AVERAGE-BANDWIDTH=2030000,CODECS="avc1.64001F,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="sound"
        #EXT-X-STREAM-INF:BANDWIDTH=940000,CODECS="avc1.64001F,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="sound"
        #EXT-X-STREAM-INF:BANDWIDTH=140000,AVERAGE-BANDWIDTH=130000,CODECS="mp4a.40.2",AUDIO="sound"
        "#);
        let uris: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(uris, ["video.m3u8", "video-1.m3u8", "audio.m3u8"]);
    }

    #[test]
    fn one_kind_alone_is_all_there_is_and_a_guess_is_told_before_it_is_measured() {
        let alone = |offer| multivariant_text(&[offer], None).expect("a playlist");
        insta::assert_snapshot!(alone(pictures(None)), @r#"
        #EXTM3U
        #EXT-X-STREAM-INF:BANDWIDTH=5000000,CODECS="avc1.64001F",RESOLUTION=1280x720
        video.m3u8
        "#);
        insta::assert_snapshot!(alone(sound(None)), @r#"
        #EXTM3U
        #EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS="mp4a.40.2"
        audio.m3u8
        "#);
        let viewer = multivariant_text(&[sound(None)], Some(Uuid::from_u128(7)));
        let viewer = viewer.expect("a playlist");
        assert!(viewer.contains("audio.m3u8?viewer=00000000-0000-0000-0000-000000000007"));
    }
}
