//! Clips one after another over the same ground, and when each is looked at.

use serde_json::{Value, json};

/// Width and height of a still in pixels.
pub const WIDTH: usize = 128;
pub const HEIGHT: usize = 72;

/// Frames a second: all times here are counted in them.
pub const FPS: usize = 12;

/// One name and when it is looked at.
pub struct Row {
    pub name: String,
    /// Frames of the video.
    pub looks: Vec<usize>,
    /// What each look is called.
    pub labels: Vec<String>,
}

/// A video, and what is seen in it.
pub struct Take {
    pub edit: Value,
    /// What the command line is told beside.
    pub more: Vec<String>,
    pub rows: Vec<Row>,
}

/// Things of one kind, on one sheet.
pub struct Family {
    /// The name of its sheet.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For people: what is to be seen.
    pub what: &'static str,
    /// Where the reference has it.
    pub part: &'static str,
    pub make: fn() -> Vec<Take>,
    /// By how many frames a row may not be early or late without failing.
    pub shift: Option<usize>,
    /// Rows in which nothing moves, or too little for that.
    pub still: &'static [&'static str],
}

impl Family {
    pub fn rows(&self) -> Vec<Row> {
        (self.make)()
            .into_iter()
            .flat_map(|take| take.rows)
            .collect()
    }
}

/// Clips one after another.
#[derive(Default)]
pub struct Reel {
    tracks: Vec<Vec<Value>>,
    rows: Vec<Row>,
    at: usize,
}

/// Frames as seconds.
pub fn seconds(frames: usize) -> f64 {
    frames as f64 / FPS as f64
}

/// What a look at a frame of a clip is called.
pub fn label(frame: usize) -> String {
    format!("{:.2} s", seconds(frame))
}

/// A clip with more members.
pub fn with(mut clip: Value, more: Value) -> Value {
    if let (Some(clip), Some(more)) = (clip.as_object_mut(), more.as_object()) {
        clip.extend(more.clone());
    }
    clip
}

/// The card as a clip.
pub fn card(more: Value) -> Value {
    with(
        json!({ "asset": { "type": "image", "src": "card.png" } }),
        more,
    )
}

impl Reel {
    /// Adds clips over each other, the highest first, for so many frames; they are looked at
    /// at these frames of their own.
    pub fn add(&mut self, name: &str, length: usize, looks: &[usize], clips: &[Value]) {
        let labels = looks.iter().map(|look| label(*look)).collect();
        self.add_labelled(name, length, looks, labels, clips);
    }

    /// The same, and what each look is called.
    pub fn add_labelled(
        &mut self,
        name: &str,
        length: usize,
        looks: &[usize],
        labels: Vec<String>,
        clips: &[Value],
    ) {
        for (index, clip) in clips.iter().enumerate() {
            if self.tracks.len() <= index {
                self.tracks.push(Vec::new());
            }
            let placed = self.placed(clip, length);
            self.tracks[index].push(placed);
        }
        self.rows.push(Row {
            name: name.to_owned(),
            looks: looks.iter().map(|look| self.at + look).collect(),
            labels,
        });
        self.at += length;
    }

    /// Adds clips that belong onto one track: a matte and what it cuts out.
    pub fn add_together(&mut self, name: &str, length: usize, looks: &[usize], clips: &[Value]) {
        let beside: Vec<Value> = clips[1..]
            .iter()
            .map(|clip| self.placed(clip, length))
            .collect();
        self.add(name, length, looks, &clips[..1]);
        self.tracks[0].extend(beside);
    }

    fn placed(&self, clip: &Value, length: usize) -> Value {
        let when = json!({ "start": seconds(self.at), "length": seconds(length) });
        with(when, clip.clone())
    }

    /// The video of all of them, over the ground.
    pub fn done(self) -> Vec<Take> {
        let mut tracks: Vec<Value> = self
            .tracks
            .into_iter()
            .map(|clips| json!({ "clips": clips }))
            .collect();
        let ground = json!({ "type": "image", "src": "ground.png" });
        let ground = json!({ "asset": ground, "start": 0, "length": seconds(self.at) });
        tracks.push(json!({ "clips": [ground] }));
        vec![Take {
            edit: json!({
                "timeline": { "tracks": tracks },
                "output": {
                    "format": "mp4", "size": { "width": WIDTH, "height": HEIGHT },
                    "fps": FPS, "quality": "veryhigh"
                }
            }),
            more: Vec::new(),
            rows: self.rows,
        }]
    }
}
