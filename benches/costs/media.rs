//! What the clips show and play, made by ffmpeg.

use std::path::Path;
use std::process::Command;

use crate::features::SECONDS;

fn make(folder: &Path, name: &str, source: &str, how: &[&str]) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", source])
        .args(how)
        .arg(folder.join(name))
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "{name} could not be made");
}

/// Makes all of it.
pub fn media(folder: &Path) {
    let video = [
        "-t", "6", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
    ];
    make(folder, "v.mp4", "testsrc2=s=1280x720:r=25", &video);
    make(folder, "small.mp4", "testsrc2=s=640x360:r=25", &video);
    make(
        folder,
        "green.mp4",
        "color=c=0x20C040:s=1280x720:r=25,drawbox=x=300:y=200:w=400:h=300:t=fill:c=red",
        &video,
    );
    make(
        folder,
        "grow.mp4",
        "color=c=white:s=1280x720:r=25,fade=t=in:d=4",
        &video,
    );
    make(folder, "4k.mp4", "testsrc2=s=3840x2160:r=25", &video);
    make(
        folder,
        "a.wav",
        "aevalsrc='0.2*sin(2*PI*330*t)|0.2*sin(2*PI*440*t)':s=48000",
        &["-t", "10"],
    );
    make(
        folder,
        "loud.wav",
        "aevalsrc='1.9*sin(2*PI*330*t)|1.9*sin(2*PI*440*t)':s=48000",
        &["-t", "10"],
    );
    let time = |halves: u32| format!("00:00:0{},{}00", halves / 2, halves % 2 * 5);
    let cue = |at: u32| {
        let (from, to) = (time(at), time(at + 1));
        format!("{}\n{from} --> {to}\nfour words at once\n\n", at + 1)
    };
    let words: String = (0..SECONDS * 2).map(cue).collect();
    std::fs::write(folder.join("words.srt"), words).expect("is written");
    let lottie = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lottie");
    for name in ["spinner.json", "badge.json"] {
        std::fs::copy(lottie.join(name), folder.join(name)).expect("is copied");
    }
    let alpha = ["-t", "6", "-c:v", "qtrle"];
    let overlay =
        "color=c=orange@0.7:s=600x400:r=25,format=rgba,pad=1280:720:200:100:color=black@0.0";
    make(folder, "alpha.mov", overlay, &alpha);
    make(
        folder,
        "i.png",
        "testsrc2=s=1280x720,format=rgb24",
        &["-frames:v", "1"],
    );
    make(
        folder,
        "clear.png",
        "color=c=teal@0.8:s=500x250,format=rgba,pad=640:360:40:40:color=black@0.0",
        &["-frames:v", "1"],
    );
    make(
        folder,
        "disc.png",
        "color=c=black:s=720x720,format=gray,geq=lum='255*lt(hypot(X-360,Y-360),340)'",
        &["-frames:v", "1"],
    );
}
