//! The ladder: a video's streams in smaller sizes, rendered when somebody watches them.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::{Server, small_edit};
use crate::support::{Loomcast, Scratch, ffmpeg, ffprobe, have_ffmpeg};

fn with_ladder(seconds: u32, colour: &str) -> Value {
    let mut edit = small_edit(seconds, colour);
    edit["output"] =
        json!({"format": "hls", "resolution": "mobile", "loomcast": {"ladder": ["preview"]}});
    edit
}

fn playlist(server: &Server, path: &str) -> String {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// The durations of the segments, as they are written.
fn durations(playlist: &str) -> Vec<&str> {
    playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"))
        .collect()
}

#[test]
fn a_smaller_size_is_offered_with_the_same_cuts_and_rendered_only_when_it_is_watched() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": with_ladder(6, "#b0ffff")}));
    let id = video["id"].as_str().expect("an id");
    let done = server.finished(id);
    assert_eq!(done["status"], "done");
    let rung = &done["ladder"][0];
    assert_eq!(
        (&rung["track"], &rung["width"], &rung["height"]),
        (&json!("video-288"), &json!(512), &json!(288))
    );
    assert_eq!(rung["chunks_played"], 0, "{done:#}");
    let rendered = server.get("/v1/stats").json()["render"]["chunks"].clone();

    for stream in ["live", "index"] {
        let folder = format!("/v1/videos/{id}/{stream}");
        let choices = playlist(&server, &format!("{folder}.m3u8"));
        let sizes: Vec<&str> = choices
            .lines()
            .filter_map(|line| line.split("RESOLUTION=").nth(1)?.split(',').next())
            .collect();
        assert_eq!(sizes, ["640x360", "512x288"], "the video itself first");
        let large = playlist(&server, &format!("{folder}/video.m3u8"));
        let small = playlist(&server, &format!("{folder}/video-288.m3u8"));
        assert_eq!(durations(&large), durations(&small), "{stream}");
        assert!(small.contains("#EXT-X-ENDLIST"), "{small}");
        for segment in small.lines().filter(|line| line.starts_with("/c/")) {
            assert!(!large.contains(segment), "another size is another chunk");
        }
    }
    assert_eq!(
        server
            .get(&format!("/v1/videos/{id}/index/video-360.m3u8"))
            .status,
        404,
        "no such rung"
    );
    let now = server.get("/v1/stats").json()["render"]["chunks"].clone();
    assert_eq!(now, rendered, "looking at playlists renders nothing");

    let small = playlist(&server, &format!("/v1/videos/{id}/index/video-288.m3u8"));
    let segment = small.lines().find(|line| line.starts_with("/c/"));
    let segment = server.get(segment.expect("a segment"));
    assert_eq!((segment.status, &segment.body[4..8]), (200, &b"moof"[..]));
    let played = server.get(&format!("/v1/videos/{id}")).json();
    assert_eq!(played["status"], "done", "it was there, and is");
}

#[test]
fn a_folder_holds_every_size_and_each_shows_the_same_pictures() {
    if !have_ffmpeg("the ladder in a folder") {
        return;
    }
    let scratch = Scratch::new();
    let loomcast = Loomcast::new(&scratch, "data");
    let edit = scratch.edit("ladder.json", &with_ladder(4, "#b1ffff"));
    let folder = scratch.path("out");
    let rendered = loomcast.render(&edit, &folder, &[]);
    assert_eq!(rendered.hits, 0);
    let tracks: Vec<String> = loomcast
        .json(["plan".as_ref(), edit.as_os_str()])
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["track"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(tracks.len(), rendered.total);
    let of = |name: &str| tracks.iter().filter(|track| *track == name).count();
    assert_eq!(of("video"), of("video-288"));

    // All of it at once, as a player finds it.
    let index = folder.join("index.m3u8");
    let found = ffprobe(&index, &["-show_entries", "stream=codec_type,width,height"]);
    let mut sizes: Vec<(u64, u64)> = found["streams"]
        .as_array()
        .expect("streams")
        .iter()
        .filter_map(|stream| Some((stream["width"].as_u64()?, stream["height"].as_u64()?)))
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert_eq!(sizes, [(512, 288), (640, 360)]);

    let small = folder.join("video-288/index.m3u8");
    let large = folder.join("video/index.m3u8");
    let alike = frames_alike(&scratch, &small, &large);
    assert_eq!(alike.len(), 100, "25 frames a second");
    let worst = alike.iter().copied().fold(1.0, f64::min);
    assert!(worst > 0.95, "{worst}");

    // The file of the same Edit is of the video itself, and it is all there.
    let again = loomcast.render(&edit, &scratch.path("out.mp4"), &[]);
    assert_eq!(
        (again.hits, again.total),
        (again.total, tracks.len() - of("video-288"))
    );
}

/// SSIM of each frame of `small`, and of `large` made as small.
fn frames_alike(scratch: &Scratch, small: &Path, large: &Path) -> Vec<f64> {
    let stats = scratch.path("alike.txt");
    let graph = format!(
        "[1:v]scale=512:288:flags=lanczos[b];[0:v][b]ssim=stats_file={}",
        stats.display()
    );
    let inputs = [
        "-i".as_ref(),
        small.as_os_str(),
        "-i".as_ref(),
        large.as_os_str(),
    ];
    let out = ["-lavfi", &graph, "-an", "-f", "null", "-"].map(OsStr::new);
    ffmpeg(inputs.into_iter().chain(out));
    let text = std::fs::read_to_string(stats).expect("was written");
    let all = |line: &str| {
        let field = line
            .split_whitespace()
            .find_map(|field| field.strip_prefix("All:"));
        field.and_then(|value| value.parse().ok())
    };
    text.lines().filter_map(all).collect()
}
