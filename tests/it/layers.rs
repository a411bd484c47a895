//! What may be done to a layer, seen by decoding what was rendered.

use serde_json::{Value, json};

use crate::support::{Loomcast, Scratch, ffmpeg, have_ffmpeg};

const WIDTH: usize = 320;
const HEIGHT: usize = 180;

/// The frames of one Edit as RGB, decoded by ffmpeg.
struct Frames(Vec<u8>);

impl Frames {
    fn render(scratch: &Scratch, name: &str, tracks: Value) -> Self {
        let edit = json!({
            "timeline": {"background": "#0000ff", "tracks": tracks},
            "output": {
                "format": "mp4",
                "size": {"width": WIDTH, "height": HEIGHT},
                "fps": 25,
                "quality": "veryhigh",
            },
        });
        let edit = scratch.edit(&format!("{name}.json"), &edit);
        let output = scratch.path(&format!("{name}.mp4"));
        Loomcast::new(scratch, "data").render(&edit, &output, &[]);
        let decode = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
        let args = ["-i", output.to_str().expect("a plain path")];
        Self(ffmpeg(args.into_iter().chain(decode)))
    }

    fn at(&self, frame: usize, x: usize, y: usize) -> [u8; 3] {
        let start = ((frame * HEIGHT + y) * WIDTH + x) * 3;
        [0, 1, 2].map(|channel: usize| self.0[start + channel])
    }

    /// The pixels look like this: within what encoding and the half resolution of
    /// chroma leave of a colour.
    fn check(&self, what: &str, pixels: &[(usize, usize, usize, [u8; 3])]) {
        for &(frame, x, y, expected) in pixels {
            let is = self.at(frame, x, y);
            let near = is
                .iter()
                .zip(expected)
                .all(|(is, want)| is.abs_diff(want) <= 12);
            assert!(
                near,
                "{what}: frame {frame} at {x},{y}: {is:?}, not {expected:?}"
            );
        }
    }
}

const BLUE: [u8; 3] = [0, 0, 255];
const RED: [u8; 3] = [255, 0, 0];
const WHITE: [u8; 3] = [255, 255, 255];

const BT709: [&str; 8] = [
    "-colorspace",
    "bt709",
    "-color_primaries",
    "bt709",
    "-color_trc",
    "bt709",
    "-color_range",
    "tv",
];

/// A colour source of ffmpeg, brought to BT.709 before what follows.
fn color(color: &str, then: &str) -> String {
    format!(
        "color=c={color}:s={WIDTH}x{HEIGHT}:r=25,format=gbrp{then},scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    )
}

fn clip(asset: Value, more: Value) -> Value {
    let mut clip = json!({"asset": asset, "start": 0, "length": 1});
    let more = more.as_object().expect("an object").clone();
    clip.as_object_mut().expect("an object").extend(more);
    clip
}

#[test]
fn footage_with_an_alpha_channel_is_transparent_where_it_says_so() {
    if !have_ffmpeg("footage with alpha") {
        return;
    }
    let scratch = Scratch::new();
    let input = format!(
        "color=c=red:s={WIDTH}x{HEIGHT}:r=25,format=yuva420p,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='if(lt(X,160),255,0)'"
    );
    let vp9 = [
        "-t",
        "1",
        "-c:v",
        "libvpx-vp9",
        "-auto-alt-ref",
        "0",
        "-b:v",
        "1M",
    ];
    scratch.make("vp9.webm", &[&input], &vp9);
    scratch.make(
        "qtrle.mov",
        &[&input],
        &["-t", "1", "-c:v", "qtrle", "-pix_fmt", "argb"],
    );
    for file in ["vp9.webm", "qtrle.mov"] {
        let frames = Frames::render(
            &scratch,
            file,
            json!([{"clips": [clip(json!({"type": "video", "src": file}), json!({}))]}]),
        );
        frames.check(file, &[(12, 250, 90, BLUE), (12, 300, 20, BLUE)]);
        // Red, by whichever matrix the file says.
        let [r, g, b] = frames.at(12, 60, 90);
        assert!(r > 200 && g < 60 && b < 40, "{file}: {:?}", [r, g, b]);
    }
}

#[test]
fn a_keyed_colour_shows_what_is_below_and_others_do_not() {
    if !have_ffmpeg("chroma key") {
        return;
    }
    let scratch = Scratch::new();
    let boxes =
        ",drawbox=x=40:y=40:w=80:h=80:c=red:t=fill,drawbox=x=200:y=40:w=80:h=80:c=white:t=fill";
    let how = ["-t", "1", "-c:v", "libx264", "-crf", "10"];
    let how: Vec<&str> = how.into_iter().chain(BT709).collect();
    scratch.make("screen.mp4", &[&color("0x00ff00", boxes)], &how);
    let asset = json!({"type": "video", "src": "screen.mp4", "chromaKey": {"color": "#00ff00"}});
    let frames = Frames::render(
        &scratch,
        "key",
        json!([{"clips": [clip(asset, json!({}))]}]),
    );
    frames.check(
        "key",
        &[
            (12, 10, 10, BLUE),
            (12, 160, 150, BLUE),
            (12, 80, 80, RED),
            (12, 240, 80, WHITE),
        ],
    );
}

#[test]
fn mattes_cut_out_stills_and_footage_and_may_move() {
    if !have_ffmpeg("luma mattes") {
        return;
    }
    let scratch = Scratch::new();
    scratch.solid("red.png", "0xFF0000", "64x64");
    let half =
        format!("color=c=black:s={WIDTH}x{HEIGHT},format=gray,geq=lum='if(lt(X,160),255,0)'");
    scratch.make("half.png", &[&half], &["-frames:v", "1"]);
    let growing = format!(
        "color=c=black:s={WIDTH}x{HEIGHT}:r=25,format=gray,geq=lum='if(lt(X,N*12),255,0)',format=gbrp,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    );
    let how = ["-t", "1", "-c:v", "libx264", "-crf", "4"];
    let how: Vec<&str> = how.into_iter().chain(BT709).collect();
    scratch.make("growing.mp4", &[&growing], &how);
    let red = || {
        clip(
            json!({"type": "image", "src": "red.png"}),
            json!({"fit": "cover"}),
        )
    };
    let luma = |src: &str| clip(json!({"type": "luma", "src": src}), json!({}));
    // Before or after what it cuts out.
    for (name, clips) in [
        ("before", json!([luma("half.png"), red()])),
        ("after", json!([red(), luma("half.png")])),
    ] {
        let frames = Frames::render(&scratch, name, json!([{"clips": clips}]));
        frames.check(
            name,
            &[(3, 80, 90, RED), (3, 240, 90, BLUE), (20, 150, 9, RED)],
        );
    }
    let clips = json!([luma("growing.mp4"), red()]);
    let frames = Frames::render(&scratch, "moving", json!([{"clips": clips}]));
    frames.check(
        "moving",
        &[
            (5, 40, 90, RED),
            (5, 80, 90, BLUE),
            (20, 220, 90, RED),
            (20, 260, 90, BLUE),
        ],
    );
}

#[test]
fn clips_are_turned_flipped_wiped_and_played_at_their_speed() {
    if !have_ffmpeg("transforms") {
        return;
    }
    let scratch = Scratch::new();
    // Red on the left, white on the right.
    let two = "color=c=white:s=100x100,format=rgb24,drawbox=x=0:y=0:w=50:h=100:c=red:t=fill";
    scratch.make("two.png", &[two], &["-frames:v", "1"]);
    let show = |name: &str, more: Value| {
        let mut more = more;
        more["fit"] = json!("none");
        let clip = clip(json!({"type": "image", "src": "two.png"}), more);
        Frames::render(&scratch, name, json!([{"clips": [clip]}]))
    };
    // It stands from 110 to 210 across and 40 to 140 down.
    show("flip", json!({"transform": {"flip": {"horizontal": true}}})).check(
        "flip",
        &[(5, 120, 90, WHITE), (5, 200, 90, RED), (5, 100, 90, BLUE)],
    );
    show("turn", json!({"transform": {"rotate": {"angle": 90}}}))
        .check("turn", &[(5, 160, 50, RED), (5, 160, 130, WHITE)]);
    let angle = json!([{"from": 0, "to": 180, "start": 0, "length": 1}]);
    show("spin", json!({"transform": {"rotate": {"angle": angle}}})).check(
        "spin",
        &[
            (0, 120, 90, RED),
            (24, 120, 80, WHITE),
            (24, 200, 100, RED),
            (12, 110, 40, BLUE),
        ],
    );
    // A second and 25 frames: the edge is half-way after half of it.
    show("wipe", json!({"transition": {"in": "wipeRight"}})).check(
        "wipe",
        &[(1, 200, 90, BLUE), (13, 120, 90, RED), (13, 200, 90, BLUE)],
    );
    // Footage whose frame n is as bright as 8 n.
    let rising = "color=c=black:s=64x64:r=25,format=gray,geq=lum='N*4',format=gbrp,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";
    let how = ["-t", "2", "-c:v", "libx264", "-crf", "1", "-bf", "2"];
    let how: Vec<&str> = how.into_iter().chain(BT709).collect();
    scratch.make("rising.mp4", &[rising], &how);
    for (speed, expected) in [(1.0, 40), (2.0, 80), (0.5, 20)] {
        let asset = json!({"type": "video", "src": "rising.mp4", "speed": speed, "volume": 0});
        let name = format!("speed{speed}");
        let frames = Frames::render(
            &scratch,
            &name,
            json!([{"clips": [clip(asset, json!({}))]}]),
        );
        let [r, g, b] = frames.at(10, 160, 90);
        for channel in [r, g, b] {
            assert!(channel.abs_diff(expected) <= 3, "{speed}: {channel}");
        }
    }
}
