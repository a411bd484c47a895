//! A player of low-latency HLS that behaves: it waits for the playlist by the number of the
//! part that comes next, takes delta updates, and asks for that part by its hint beforehand.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use loomcast::cmaf::{decode_time, read_fragment};

use crate::STREAM;
use crate::http::Connection;
use crate::playlist::{PartId, Playlist};

/// One track, played.
pub struct Player {
    address: SocketAddr,
    track: &'static str,
    /// Whose it is: a viewer plays two tracks.
    viewer: String,
    /// From when on it is measured.
    begin: Instant,
    played: Played,
    /// Where in the stream what was loaded last ends, in ticks.
    reached: Option<u64>,
}

/// A playlist that was waited for.
pub struct Answer {
    /// What was asked for, or what came in its place.
    pub part: PartId,
    pub at: Instant,
}

#[derive(Default)]
pub struct Played {
    pub parts: u64,
    /// Hints that named what never came.
    pub vain: u64,
    pub holes: u64,
    pub errors: u64,
    /// Of pictures.
    pub answers: Vec<Answer>,
}

impl Played {
    pub fn add(&mut self, other: Self) {
        self.parts += other.parts;
        self.vain += other.vain;
        self.holes += other.holes;
        self.errors += other.errors;
        self.answers.extend(other.answers);
    }
}

impl Player {
    pub fn video(address: SocketAddr, viewer: &str, begin: Instant) -> Self {
        Self::of("video", address, viewer, begin)
    }

    pub fn audio(address: SocketAddr, viewer: &str, begin: Instant) -> Self {
        Self::of("audio", address, viewer, begin)
    }

    fn of(track: &'static str, address: SocketAddr, viewer: &str, begin: Instant) -> Self {
        Self {
            address,
            track,
            viewer: viewer.to_owned(),
            begin,
            played: Played::default(),
            reached: None,
        }
    }

    pub async fn play(mut self, end: Instant) -> Played {
        if let Err(error) = self.follow(end).await {
            eprintln!("a player of {} gave up: {error}", self.track);
            self.played.errors += 1;
        }
        self.played
    }

    async fn follow(&mut self, end: Instant) -> io::Result<()> {
        let mut reload = Connection::open(self.address).await?.of(&self.viewer);
        let mut load = Connection::open(self.address).await?.of(&self.viewer);
        let path = format!("/live/{STREAM}/{}.m3u8", self.track);
        let mut text = text_of(reload.get(&path).await?)?;
        // It begins with the segment that is open.
        let mut wanted = (Playlist::read(&text).next.0, 0);
        let mut hinted: Option<(String, Vec<u8>)> = None;
        loop {
            let playlist = Playlist::read(&text);
            for part in playlist.parts.iter().filter(|part| part.id >= wanted) {
                let body = match hinted.take() {
                    Some((uri, body)) if uri == part.uri => body,
                    _ => {
                        let answer = load.get(part.uri).await?;
                        self.played.holes += u64::from(answer.status != 200);
                        answer.body
                    }
                };
                self.append(&body);
            }
            wanted = playlist.next;
            if playlist.ended || Instant::now() >= end {
                return Ok(());
            }
            let (number, part) = wanted;
            let asked = format!("{path}?_HLS_msn={number}&_HLS_part={part}&_HLS_skip=YES");
            let hint = playlist.hint.unwrap_or_default().to_owned();
            let asked_at = Instant::now();
            let (answer, body) = tokio::join!(
                async {
                    let answer = reload.get(&asked).await;
                    (answer, Instant::now())
                },
                load.get(&hint)
            );
            let ((answer, at), body) = (answer, body?);
            text = text_of(answer?)?;
            self.played.vain += u64::from(body.status != 200);
            hinted = (body.status == 200).then_some((hint, body.body));
            let came = Playlist::read(&text).parts.into_iter().map(|part| part.id);
            if let Some(part) = came.filter(|id| *id >= wanted).min()
                && asked_at >= self.begin
                && self.track == "video"
            {
                self.played.answers.push(Answer { part, at });
            }
        }
    }

    /// Another part: it begins where the last one ended, or something is missing.
    fn append(&mut self, part: &[u8]) {
        self.played.parts += 1;
        let (Ok(begins), Ok(samples)) = (decode_time(part), read_fragment(part)) else {
            self.played.holes += 1;
            return;
        };
        let gap = self.reached.is_some_and(|reached| reached != begins);
        self.played.holes += u64::from(gap);
        let lasts: u64 = samples
            .iter()
            .map(|sample| u64::from(sample.duration))
            .sum();
        self.reached = Some(begins + lasts);
    }

    /// Follows the playlist from the stream's first segment on: when each part ends, in
    /// milliseconds from there.
    pub async fn observe(self, end: Instant) -> HashMap<PartId, u64> {
        let mut reload = Connection::open(self.address)
            .await
            .expect("it listens")
            .of(&self.viewer);
        let path = format!("/live/{STREAM}/{}.m3u8", self.track);
        let mut asked = path.clone();
        let mut starts: HashMap<u64, u64> = HashMap::from([(1, 0)]);
        let mut ends = HashMap::new();
        while Instant::now() < end {
            let answer = reload.get(&asked).await.expect("it answers");
            let text = text_of(answer).expect("a playlist");
            let playlist = Playlist::read(&text);
            for (number, duration) in &playlist.segments {
                if let Some(start) = starts.get(number).copied() {
                    starts.insert(number + 1, start + duration);
                }
            }
            let mut at: HashMap<u64, u64> = HashMap::new();
            for part in &playlist.parts {
                let Some(start) = starts.get(&part.id.0) else {
                    continue;
                };
                let reached = at.entry(part.id.0).or_insert(*start);
                *reached += part.duration_us;
                ends.insert(part.id, *reached / 1000);
            }
            let (number, part) = playlist.next;
            asked = format!("{path}?_HLS_msn={number}&_HLS_part={part}");
        }
        ends
    }
}

fn text_of(answer: crate::http::Answer) -> io::Result<String> {
    match answer.status {
        200 => String::from_utf8(answer.body).map_err(io::Error::other),
        status => Err(crate::http::broken(&format!("a playlist: {status}"))),
    }
}
