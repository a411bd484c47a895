//! What a live stream looks like now: its newest key frame as a small JPEG, made when
//! it is asked for, and for all who ask within a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, timeout};

use crate::broadcast::LiveStream;
use crate::cmaf::{Elementary, Track, VideoTrack};
use crate::http::cache_control;
use crate::http::live::find;
use crate::http::{ApiError, AppState};
use crate::media::{MediaError, PictureDecoder};
use crate::render::small_jpeg;

/// How long one is given to whoever asks.
const FRESH: Duration = Duration::from_secs(1);

/// How many are made at a time.
const MAX_MAKING: usize = 2;

/// How long whoever asks waits for its turn.
const WAITING: Duration = Duration::from_secs(5);

/// Streams whose thumbnails are kept.
const MAX_KEPT: usize = 1_000;

/// The widest, in pixels.
const MAX_WIDTH: u32 = 640;

const JPEG: HeaderValue = HeaderValue::from_static("image/jpeg");

/// The thumbnails that were made lately.
pub struct Thumbnails {
    kept: Mutex<HashMap<String, Arc<AsyncMutex<Option<Kept>>>>>,
    making: Semaphore,
}

struct Kept {
    made: Instant,
    epoch: String,
    jpeg: Bytes,
}

impl Default for Thumbnails {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            making: Semaphore::new(MAX_MAKING),
        }
    }
}

/// `GET /live/{name}/thumbnail.jpg`
pub(super) async fn thumbnail(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let stream = find(&state.hub, &name)?;
    let made = timeout(WAITING, state.thumbnails.of(&stream)).await;
    let jpeg = made.map_err(|_| {
        ApiError::Unavailable("other thumbnails are being made: try again".into())
    })??;
    let headers = [
        (header::CONTENT_TYPE, JPEG),
        (header::CACHE_CONTROL, cache_control::seconds(1)),
    ];
    Ok((headers, jpeg).into_response())
}

impl Thumbnails {
    async fn of(&self, stream: &LiveStream) -> Result<Bytes, ApiError> {
        let place = self.place(stream.name());
        // Whoever asks meanwhile waits here, and is given the same.
        let mut kept = place.lock().await;
        let fresh = kept
            .as_ref()
            .filter(|kept| kept.made.elapsed() < FRESH && kept.epoch == stream.epoch());
        if let Some(fresh) = fresh {
            return Ok(fresh.jpeg.clone());
        }
        let unavailable = |what: &str| {
            ApiError::Unavailable(format!("{what} of {:?} is there now", stream.name()))
        };
        let key = stream.feed().newest_key();
        let key = key.ok_or_else(|| unavailable("no key frame"))?;
        let track = match key.setup().track(key.frame().track) {
            Some(Track::Video(video)) => video.clone(),
            Some(Track::Audio(_)) | None => return Err(unavailable("no picture")),
        };
        let turn = self.making.acquire().await;
        let data = key.frame().data.clone();
        let made = tokio::task::spawn_blocking(move || make(&track, &data)).await;
        drop(turn);
        let made = made.map_err(|error| ApiError::Internal(error.to_string()))?;
        // What an encoder sends is not our fault.
        let jpeg = made.map_err(|error| ApiError::Unavailable(error.to_string()))?;
        *kept = Some(Kept {
            made: Instant::now(),
            epoch: stream.epoch().to_owned(),
            jpeg: jpeg.clone(),
        });
        Ok(jpeg)
    }

    fn place(&self, name: &str) -> Arc<AsyncMutex<Option<Kept>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT && !kept.contains_key(name) {
            // Those that somebody waits for stay.
            kept.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(kept.entry(name.to_owned()).or_default())
    }
}

fn make(track: &VideoTrack, data: &Bytes) -> Result<Bytes, MediaError> {
    let failed = |message: String| MediaError::Pipeline {
        what: "making a thumbnail".into(),
        message,
    };
    let samples = Elementary::new(&track.config).map_err(|error| failed(error.to_string()))?;
    let sample = samples.sample(data, true);
    let sample = sample.map_err(|error| failed(error.to_string()))?;
    let mut decoder = PictureDecoder::new(&track.config)?;
    decoder.push(&sample, 0)?;
    decoder.finish()?;
    let decoded = decoder.next_picture()?;
    let decoded = decoded.ok_or_else(|| failed("the key frame gives no picture".into()))?;
    let jpeg = small_jpeg(&decoded.frame, MAX_WIDTH);
    jpeg.map(Bytes::from)
        .map_err(|error| failed(error.to_string()))
}
