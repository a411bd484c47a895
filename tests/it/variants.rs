//! What a live stream's multivariant playlist says of its tracks, held against what
//! they are.

use std::collections::BTreeMap;
use std::process::Command;

use crate::live::{await_status, folder, lines, recording, send, server};
use crate::reload::another_parser_takes_them_all;
use crate::server::Server;
use crate::support::{Scratch, have_ffmpeg};

/// Bytes and seconds of each segment of a track.
fn segments(server: &Server, path: &str) -> Vec<(f64, f64)> {
    let playlist = server.get(path).text();
    let uris = playlist.lines().filter(|line| line.ends_with(".m4s"));
    let seconds = lines(&playlist, "#EXTINF:").into_iter();
    let seconds = seconds.map(|told| told.trim_end_matches(',').parse().expect("seconds"));
    uris.zip(seconds)
        .map(|(uri, seconds): (_, f64)| (server.get(uri).body.len() as f64, seconds))
        .collect()
}

/// Bits a second at the highest, of whole segments of two seconds, and on average.
fn measured(segments: &[(f64, f64)]) -> (f64, f64) {
    let long = segments.iter().filter(|(_, seconds)| *seconds >= 1.99);
    let peak = long.map(|(bytes, seconds)| bytes * 8.0 / seconds);
    let bytes: f64 = segments.iter().map(|(bytes, _)| bytes).sum();
    let seconds: f64 = segments.iter().map(|(_, seconds)| seconds).sum();
    (peak.fold(0.0, f64::max), bytes * 8.0 / seconds)
}

fn attribute(line: &str, name: &str) -> f64 {
    let from = line.find(&format!("{name}=")).expect("it is stated") + name.len() + 1;
    let value: String = line[from..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    value.parse().expect("a number")
}

#[test]
fn what_variants_take_of_a_line_is_as_measured_and_sound_alone_is_one_of_them() {
    if !have_ffmpeg("what_variants_take_of_a_line_is_as_measured_and_sound_alone_is_one_of_them") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 9);
    send(&file, &server.rtmp("show"));
    await_status(&server, "show", "ended");
    let index = server.get("/live/show/index.m3u8").text();
    let pictures = measured(&segments(&server, "/live/show/video.m3u8"));
    let sound = measured(&segments(&server, "/live/show/audio.m3u8"));
    let variants = lines(&index, "#EXT-X-STREAM-INF:");
    let [both, alone] = variants[..] else {
        panic!("two variants: {index}")
    };
    let (peak, average) = (pictures.0 + sound.0, pictures.1 + sound.1);
    for (line, peak, average) in [(both, peak, average), (alone, sound.0, sound.1)] {
        let (stated, usual) = (
            attribute(line, "BANDWIDTH"),
            attribute(line, "AVERAGE-BANDWIDTH"),
        );
        // Rounded up to two digits. The last segment may change the average a little.
        assert!(
            stated >= peak - 1.0 && stated <= peak * 1.11,
            "{line}: {peak}"
        );
        assert!(
            (usual / average - 1.0).abs() < 0.21 && usual <= stated,
            "{line}: {average}"
        );
    }
    assert!(
        alone.contains("CODECS=\"mp4a.40.2\"") && !alone.contains("RESOLUTION"),
        "{index}"
    );
    let listed: Vec<_> = index
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(listed, ["video.m3u8", "audio.m3u8"], "{index}");
    another_parser_takes_them_all(&BTreeMap::from([(index, "index".to_owned())]));
    // Played on its own it is sound, from its beginning to its end.
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_type", "-of"])
        .args(["csv=p=0", &server.url("/live/show/audio.m3u8")])
        .output()
        .expect("ffprobe runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("audio") && !told.contains("video"), "{told}");
}

#[test]
fn a_stream_of_pictures_or_of_sound_alone_has_one_variant() {
    if !have_ffmpeg("a_stream_of_pictures_or_of_sound_alone_has_one_variant") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    for (name, without, codec) in [("silent", "-an", "avc1."), ("blind", "-vn", "mp4a.40.2")] {
        let file = recording(&scratch, "source.flv", 5);
        let only = scratch.path(&format!("{name}.flv"));
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-i"])
            .arg(&file)
            .args(["-c", "copy", without])
            .arg(&only)
            .status()
            .expect("ffmpeg runs");
        assert!(status.success());
        send(&only, &server.rtmp(name));
        await_status(&server, name, "ended");
        let index = server.get(&format!("/live/{name}/index.m3u8")).text();
        let variants = lines(&index, "#EXT-X-STREAM-INF:");
        assert_eq!(variants.len(), 1, "{index}");
        assert!(
            variants[0].contains(&format!("CODECS=\"{codec}")),
            "{index}"
        );
        assert!(!index.contains("EXT-X-MEDIA:"), "{index}");
        another_parser_takes_them_all(&BTreeMap::from([(index, name.to_owned())]));
    }
}
