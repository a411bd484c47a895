//! Live streams that encoders publish by SRT: FFmpeg, and srt-live-transmit, both with
//! the reference library.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::live::{FPS, await_status, folder, frames, recording};
use crate::server::{Server, have};
use crate::support::{Scratch, have_ffmpeg};

fn server(data: &TempDir, linger: &str, more: &[&str]) -> Server {
    let options = [&["--srt", "127.0.0.1:0", "--live-linger", linger][..], more].concat();
    Server::start_under(&[], data.path(), &options)
}

/// An encoder that sends `file` to `address` at the speed at which it plays, as it is.
/// It would else close before all that it wrote is sent.
fn encoder(file: &Path, address: &str) -> Child {
    let address = format!("{address}&linger=5");
    Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-re", "-i"])
        .arg(file)
        .args(["-c", "copy", "-f", "mpegts", &address])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ffmpeg runs")
}

fn send(file: &Path, address: &str) {
    let status = encoder(file, address).wait().expect("it ends");
    assert!(status.success(), "{address}: {status}");
}

fn pictures(source: &str) -> Vec<String> {
    frames(source, "0:v", &["-fps_mode", "passthrough"])
}

/// That what came out is what went in.
fn same_frames(server: &Server, name: &str, file: &Path) {
    let index = server.url(&format!("/live/{name}/index.m3u8"));
    let source = file.to_str().expect("a plain path");
    let (went_in, came_out) = (pictures(source), pictures(&index));
    assert_eq!(came_out.len(), went_in.len());
    assert_eq!(came_out, went_in);
    let went_in = frames(source, "0:a", &["-c", "copy"]);
    let came_out = frames(&index, "0:a:0", &["-c", "copy"]);
    // Sound that an encoder sends before its first picture is not heard.
    assert!(
        went_in.ends_with(&came_out),
        "{} of {}",
        came_out.len(),
        went_in.len()
    );
    assert!(came_out.len() + 3 >= went_in.len());
}

#[test]
fn what_is_published_by_srt_comes_out_frame_by_frame_as_it_went_in() {
    if !have_ffmpeg("what_is_published_by_srt_comes_out_frame_by_frame_as_it_went_in") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "3", &[]);
    let file = recording(&scratch, "source.flv", 7);
    let mut sent = encoder(&file, &server.srt("show"));
    let live = await_status(&server, "show", "live");
    assert_eq!(live["name"], "show");
    assert!(sent.wait().expect("it ends").success());
    // It may come back; and then it does not.
    await_status(&server, "show", "away");
    await_status(&server, "show", "ended");
    assert_eq!(
        pictures(file.to_str().expect("a plain path")).len(),
        7 * FPS
    );
    same_frames(&server, "show", &file);
}

#[test]
fn several_publish_at_a_time_and_random_datagrams_harm_none_of_them() {
    if !have_ffmpeg("several_publish_at_a_time_and_random_datagrams_harm_none_of_them") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 5);
    let mut encoders: Vec<Child> = ["one", "two"]
        .map(|name| encoder(&file, &server.srt(name)))
        .into();
    await_status(&server, "one", "live");
    let address = server.srt("x");
    let address = address
        .strip_prefix("srt://")
        .and_then(|rest| rest.split('?').next());
    let address = address.expect("an address");
    // A stranger's handshake that stands still, and then noise of all lengths.
    let mut noise = 0x9e37_79b9_u32;
    for stranger in 0..40 {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let mut first = [0; 64];
        first[0] = 0x80;
        (first[19], first[39]) = (4, 1);
        if stranger % 2 == 0 {
            socket.send_to(&first, address).expect("sent");
        }
        for length in 0..100 {
            let mut datagram = vec![0; length * 13];
            for byte in &mut datagram {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (noise >> 24) as u8;
            }
            if length % 3 == 0 && !datagram.is_empty() {
                datagram[0] = 0x80;
                datagram[1] = (length % 9) as u8;
            }
            socket.send_to(&datagram, address).expect("sent");
        }
    }
    for encoder in &mut encoders {
        assert!(encoder.wait().expect("it ends").success());
    }
    for name in ["one", "two"] {
        await_status(&server, name, "ended");
        same_frames(&server, name, &file);
    }
    assert_eq!(
        server.get("/v1/live").json()["streams"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn who_has_no_key_by_srt_and_who_would_play_is_sent_away() {
    if !have_ffmpeg("who_has_no_key_by_srt_and_who_would_play_is_sent_away") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &["--publish-key", "a key"]);
    let file = recording(&scratch, "source.flv", 3);
    for wrong in [
        "show",
        "show?key=another",
        "#!::r=show,m=publish",
        "#!::r=show,m=request,key=a+key",
        "no name?key=a%20key",
        "",
    ] {
        let status = encoder(&file, &server.srt(wrong)).wait().expect("it ends");
        assert!(!status.success(), "{wrong}");
    }
    assert_eq!(server.get("/v1/live").json()["streams"], json!([]));
    for right in ["show?key=a%20key", "#!::r=show,m=publish,key=a+key"] {
        let mut first = encoder(&file, &server.srt(right));
        await_status(&server, "show", "live");
        let second = encoder(&file, &server.srt(right)).wait().expect("it ends");
        assert!(!second.success());
        assert!(first.wait().expect("it ends").success());
        await_status(&server, "show", "ended");
    }
    let log = fs::read_to_string(data.path().join("serve.log")).expect("a log");
    assert!(
        !log.contains("a key") && !log.contains("a%20key") && !log.contains("another"),
        "{log}"
    );
}

#[test]
fn with_a_passphrase_only_who_knows_it_publishes() {
    if !have_ffmpeg("with_a_passphrase_only_who_knows_it_publishes") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &["--srt-passphrase", "correct horse"]);
    let file = recording(&scratch, "source.flv", 3);
    let address = server.srt("show");
    for wrong in ["", "&passphrase=wrong+battery"] {
        let status = encoder(&file, &format!("{address}{wrong}")).wait();
        assert!(!status.expect("it ends").success(), "{wrong}");
    }
    assert_eq!(server.get("/v1/live").json()["streams"], json!([]));
    for (name, length) in [
        ("default", ""),
        ("aes128", "&pbkeylen=16"),
        ("aes256", "&pbkeylen=32"),
    ] {
        let address = server.srt(name);
        send(
            &file,
            &format!("{address}&passphrase=correct+horse{length}"),
        );
        await_status(&server, name, "ended");
        same_frames(&server, name, &file);
    }
}

#[test]
fn srt_live_transmit_passes_a_stream_on() {
    let name = "srt_live_transmit_passes_a_stream_on";
    if !have_ffmpeg(name) || !have("srt-live-transmit", name) {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 4);
    let mut source = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-re", "-i"])
        .arg(&file)
        .args(["-c", "copy", "-f", "mpegts", "-flush_packets", "1", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg runs");
    let output = source.stdout.take().expect("it is piped");
    let address = server.srt("#!::r=show,m=publish");
    let mut passing = Command::new("srt-live-transmit")
        .args(["-q", "-chunk:1316", "file://con", &address])
        .stdin(output)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("srt-live-transmit runs");
    await_status(&server, "show", "live");
    assert!(source.wait().expect("it ends").success());
    // It does not end with what it reads.
    drop(passing.kill());
    drop(passing.wait());
    await_status(&server, "show", "ended");
    let index = server.url("/live/show/index.m3u8");
    let went_in = pictures(file.to_str().expect("a plain path"));
    let came_out = pictures(&index);
    // The last picture may be cut off where it was stopped.
    let whole = &came_out[..came_out.len() - 1];
    assert!(
        went_in.starts_with(whole),
        "{} of {}",
        whole.len(),
        went_in.len()
    );
    assert!(whole.len() > 2 * FPS);
}

#[test]
fn encoders_publish_by_ipv6_too() {
    if !have_ffmpeg("encoders_publish_by_ipv6_too") {
        return;
    }
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: encoders_publish_by_ipv6_too needs IPv6");
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = Server::start_under(
        &[],
        data.path(),
        &["--srt", "[::1]:0", "--live-linger", "1"],
    );
    let file = recording(&scratch, "source.flv", 3);
    send(&file, &server.srt("show"));
    await_status(&server, "show", "ended");
    same_frames(&server, "show", &file);
}

/// Where datagrams go on to.
type Sending = Box<dyn Fn(&[u8]) + Send>;

/// A way between an encoder and the server on which datagrams are lost, come twice, and
/// overtake one another, always the same ones of so many.
fn rough_way(server: &str) -> String {
    let outside = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let inside = UdpSocket::bind("127.0.0.1:0").expect("a port");
    inside.connect(server).expect("the server");
    let address = outside.local_addr().expect("an address").to_string();
    let encoder = std::sync::Arc::new(std::sync::Mutex::new(None));
    let pass = |from: UdpSocket, send: Sending| {
        std::thread::spawn(move || {
            let mut datagram = [0; 2048];
            let mut held: Option<Vec<u8>> = None;
            for number in 0_u64.. {
                // The last thread to use a socket ends with the test's process.
                let Ok(count) = from.recv(&mut datagram) else {
                    continue;
                };
                let bytes = &datagram[..count];
                match number.wrapping_mul(0x9e37_79b9) >> 8 & 0x3f {
                    // 3 of 64 are lost, 3 come twice, and 3 after the next.
                    0..3 => {}
                    3..6 => {
                        send(bytes);
                        send(bytes);
                    }
                    6..9 if held.is_none() => held = Some(bytes.to_vec()),
                    _ => send(bytes),
                }
                if let Some(late) = held.take_if(|late| late[..] != *bytes) {
                    send(&late);
                }
            }
        });
    };
    let (back, known) = (outside.try_clone().expect("a socket"), encoder.clone());
    let to_encoder = move |bytes: &[u8]| {
        if let Some(peer) = *known.lock().expect("no panic") {
            drop(back.send_to(bytes, peer));
        }
    };
    let forth = inside.try_clone().expect("a socket");
    pass(inside, Box::new(to_encoder));
    // Who the encoder is shows with its first datagram, which is passed on by itself.
    std::thread::spawn(move || {
        let mut first = [0; 2048];
        let (count, peer) = outside.recv_from(&mut first).expect("a datagram");
        *encoder.lock().expect("no panic") = Some(peer);
        drop(forth.send(&first[..count]));
        pass(outside, Box::new(move |bytes| drop(forth.send(bytes))));
    });
    address
}

#[test]
fn what_is_lost_on_the_way_is_sent_again_and_all_comes_out() {
    if !have_ffmpeg("what_is_lost_on_the_way_is_sent_again_and_all_comes_out") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 6);
    let direct = server.srt("show");
    let there = direct.split(['/', '?']).nth(2).expect("a host");
    let way = direct.replace(there, &rough_way(there));
    // Long enough for what is lost to be asked for twice or thrice.
    send(&file, &format!("{way}&latency=2000000"));
    await_status(&server, "show", "ended");
    same_frames(&server, "show", &file);
}
