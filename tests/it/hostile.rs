//! Files made to do harm: they are refused by name, open nothing else, and take no
//! more memory than a file may.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::origin::Origin;
use crate::server::{Server, shipped};
use crate::support::{Loomcast, Scratch, assets, have_ffmpeg};

/// Address space of a process that looks at a file, in KiB. What one claims to be
/// would need more.
const MEMORY_KIB: u32 = 3 << 20;

/// An Edit of one clip, or one font.
fn edit(asset: &Value, fonts: &Value) -> Value {
    json!({
        "timeline": {"fonts": fonts, "tracks": [{"clips": [{"asset": asset, "start": 0, "length": 1}]}]},
        "output": {"format": "mp4", "size": {"width": 64, "height": 64}, "fps": 25},
    })
}

/// Plans with the file `name` as an asset of `kind`, in little memory; it must be
/// refused with all `words`.
fn refused(scratch: &Scratch, kind: &str, name: &str, words: &[&str]) {
    let asset = json!({"type": kind, "src": name});
    let path = scratch.edit("t.json", &edit(&asset, &json!([])));
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {MEMORY_KIB}; exec \"$0\" plan \"$1\""))
        .arg(env!("CARGO_BIN_EXE_loomcast"))
        .arg(&path)
        .env("LOOMCAST_ASSETS", assets())
        .env("LOOMCAST_DATA", scratch.path("data"))
        .output()
        .expect("it runs");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{name}: {message}");
    for word in ["/timeline/tracks/0/clips/0/asset/src", name]
        .iter()
        .chain(words)
    {
        assert!(message.contains(word), "{name}: no {word:?} in {message}");
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0, step)
}

/// The logo that claims to be so large.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = fs::read(shipped("assets/media/greeting-30/logo.png")).expect("shipped");
    // Signature, length and name come before; the checksum covers the name too.
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    png
}

#[test]
fn a_playlist_in_a_file_of_media_opens_no_other_file_and_no_address() {
    let origin = Origin::start();
    let scratch = Scratch::new();
    let media = shipped("assets/media/greeting-30/bg.mp4");
    let there = origin.url("/segment.ts");
    for (name, text) in [
        (
            "hls.mp4",
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{there}\n#EXT-X-ENDLIST\n"),
        ),
        (
            "concat.mp4",
            format!("ffconcat version 1.0\nfile '{}'\n", media.display()),
        ),
        (
            "dash.mp4",
            format!("<?xml version=\"1.0\"?><MPD><BaseURL>{there}</BaseURL></MPD>"),
        ),
        (
            "sdp.mp4",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n".into(),
        ),
    ] {
        fs::write(scratch.path(name), &text).expect("writes");
        refused(&scratch, "video", name, &["it is a text"]);
        // The same, not to be taken for a text.
        let binary = format!("{text}\n#\u{1}\n");
        fs::write(scratch.path(name), binary).expect("writes");
        refused(&scratch, "video", name, &["unreadable media"]);
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_picture_that_claims_to_be_huge_is_not_decoded() {
    let scratch = Scratch::new();
    for (name, width, height) in [("wide.png", 60_000, 60_000), ("many.png", 16_384, 16_384)] {
        fs::write(scratch.path(name), claiming(width, height)).expect("writes");
        let said = format!("{width}x{height} pixels");
        refused(&scratch, "image", name, &[&said]);
    }
    // Nor to say what it is made of.
    let origin = Origin::start();
    origin.file("/p", &claiming(16_384, 16_384));
    fs::create_dir(scratch.path("serve")).expect("a folder");
    let allowed = ["--allow-host", "127.0.0.1"];
    let server = Server::start_under(&[], &scratch.path("serve"), &allowed);
    let name = origin.url("/p").replace(':', "%3A").replace('/', "%2F");
    let probed = server.get(&format!("/edit/v1/probe/{name}"));
    assert_eq!(probed.status, 400, "{}", probed.text());
    assert!(probed.text().contains("16384x16384"), "{}", probed.text());
}

#[test]
fn footage_that_is_too_large_or_has_too_many_streams_is_refused() {
    if !have_ffmpeg("footage_that_is_too_large_or_has_too_many_streams_is_refused") {
        return;
    }
    let scratch = Scratch::new();
    let quick = ["-frames:v", "1", "-c:v", "mjpeg", "-q:v", "31"];
    scratch.make("large.mov", &["color=s=8000x5000"], &quick);
    refused(
        &scratch,
        "video",
        "large.mov",
        &["8000x5000", "at most 35389440 pixels"],
    );
    scratch.make("wide.mov", &["color=s=8194x64"], &quick);
    refused(&scratch, "video", "wide.mov", &["8194x64"]);
    // Its pixels are said to be a hundred times as wide as they are high.
    let aspect = ["-frames:v", "3", "-c:v", "libx264", "-vf", "setsar=100/1"];
    scratch.make("aspect.mp4", &["testsrc2=s=1920x1080"], &aspect);
    refused(&scratch, "video", "aspect.mp4", &["192000x1080"]);
    let mut many = vec!["-t", "0.1", "-c:a", "pcm_s16le"];
    many.extend(["-map", "0:a"].repeat(70));
    scratch.make("many.mkv", &["anullsrc"], &many);
    refused(&scratch, "audio", "many.mkv", &["unreadable media"]);
}

#[test]
fn a_file_is_what_it_holds_whatever_it_is_called() {
    let scratch = Scratch::new();
    let copy = |from: &str, to: &str| {
        fs::copy(shipped("assets").join(from), scratch.path(to)).expect("copies");
    };
    copy("media/greeting-30/logo.png", "picture.mp4");
    copy("media/greeting-30/bg.mp4", "video.png");
    copy("media/greeting-30/music.flac", "sound.txt");
    fs::copy(shipped("tests/data/web.woff2"), scratch.path("font.ttf")).expect("copies");
    let user = Loomcast::new(&scratch, "data");
    for (kind, name) in [
        ("image", "picture.mp4"),
        ("video", "video.png"),
        ("audio", "sound.txt"),
    ] {
        let asset = json!({"type": kind, "src": name});
        let path = scratch.edit("t.json", &edit(&asset, &json!([{"src": "font.ttf"}])));
        assert!(!user.plan(&path, &[]).is_empty(), "{name}");
    }
}

#[test]
fn fonts_of_the_web_draw_text_and_what_is_none_is_refused() {
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let text = json!({"type": "rich-text", "text": "Web", "font": {"family": "MyFace", "size": 20, "color": "#ffffff"}});
    let planned = |name: &str| {
        let path = scratch.edit("t.json", &edit(&text, &json!([{"src": name}])));
        let ran = user.run(["plan".as_ref(), path.as_os_str()]);
        (ran.code, ran.stderr)
    };
    for form in ["ttf", "woff", "woff2"] {
        let name = format!("MyFace.{form}");
        fs::copy(
            shipped(&format!("tests/data/web.{form}")),
            scratch.path(&name),
        )
        .expect("copies");
        assert_eq!(
            planned(&name),
            (Some(0), String::new()),
            "no other stands in"
        );
        let path = scratch.path("t.json");
        let rendered = user.render(&path, &scratch.path(&format!("{form}.mp4")), &[]);
        assert_eq!(rendered.frames, 25);
    }
    let packed = fs::read(scratch.path("MyFace.woff2")).expect("reads");
    for (name, bytes) in [
        ("text.woff2", b"hello".as_slice()),
        ("cut.woff2", &packed[..packed.len() / 2]),
        ("empty.ttf", b""),
    ] {
        fs::write(scratch.path(name), bytes).expect("writes");
        let (code, message) = planned(name);
        assert_eq!(code, Some(2), "{message}");
        assert!(
            message.contains("/timeline/fonts/0/src") && message.contains(name),
            "{message}"
        );
    }
    assert_same_letters(&scratch);
}

/// The three forms of the font draw the same pictures.
fn assert_same_letters(scratch: &Scratch) {
    if !have_ffmpeg("comparing what fonts draw") {
        return;
    }
    let picture = |name: &str| {
        let file = scratch.path(name);
        let args = ["-i".as_ref(), file.as_os_str()];
        let out = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"].map(Path::new);
        crate::support::ffmpeg(
            args.into_iter()
                .chain(out.iter().map(|word| word.as_os_str())),
        )
    };
    let plain = picture("ttf.mp4");
    assert!(plain.iter().any(|pixel| *pixel > 128), "something is drawn");
    assert_eq!(picture("woff.mp4"), plain);
    assert_eq!(picture("woff2.mp4"), plain);
}
