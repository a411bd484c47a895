//! Videos: made by POST, looked at by GET, fetched as MP4.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::delivery::{Movie, PlanError};
use crate::http::cache_control::NO_STORE;
use crate::http::range::{Asked, unsatisfiable};
use crate::http::{ApiError, AppState, callbacks, files};
use crate::jobs::orders::Order;
use crate::partition::{CHUNK_MAX_RANGE, PartitionWish, PlacedChunk, Rung, Scheme, TrackKind};
use crate::publish::{ChunkState, RenderMode, Video, VideoStatus};
use crate::render::{Lane, Priority, Urgency};
use crate::template::merge::Data;
use crate::template::output::Format;
use crate::template::variant;
use crate::time::Time;

/// The most videos in a list.
const LISTED: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateVideo {
    template: Option<String>,
    edit: Option<Value>,
    #[serde(default)]
    data: Data,
    variant: Option<String>,
    scheme: Option<String>,
    chunk_max_ms: Option<i64>,
    render: Option<RenderMode>,
    callback: Option<String>,
}

/// `POST /v1/videos`
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let received = Instant::now();
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let request: CreateVideo = parse(&body)?;
    let partitioning = partitioning(&request)?;
    let variant = request.variant.as_deref();
    let edit = asked_edit(&state, request.template.as_deref(), request.edit, variant)?;
    let order = Order {
        template: request.template,
        edit,
        data: request.data,
        partitioning,
        mode: request.render.unwrap_or_default(),
    };
    let id = Uuid::new_v4();
    let wanted = callbacks::wanted(&state, id, &order, request.callback, &headers)?;
    let video = state.orders.make(id, order, received).await?;
    callbacks::promise(&state, wanted).await;
    video.refresh().await?;
    let location = HeaderValue::from_str(&format!("/v1/videos/{}", video.id));
    let mut response = (StatusCode::CREATED, Json(report(&video, true))).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, NO_STORE);
    Ok(response)
}

/// The Edit that a request names or brings along, in the variant that it wants.
pub(super) fn asked_edit(
    state: &AppState,
    template: Option<&str>,
    edit: Option<Value>,
    variant: Option<&str>,
) -> Result<Value, ApiError> {
    let edit = match (template, edit) {
        (Some(name), None) => {
            let found = state.shelf.edit(name);
            found.ok_or_else(|| ApiError::NotFound(format!("no template {name:?}")))?
        }
        (None, Some(edit)) => edit,
        _ => {
            return Err(ApiError::field(
                "/template",
                "one of template and edit is needed, not both",
                "a template's id, or an Edit",
            ));
        }
    };
    match variant {
        Some(name) => Ok(variant::choose(edit, name).map_err(PlanError::from)?),
        None => Ok(edit),
    }
}

/// Reads a body of JSON.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let request = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // Only what is JSON has fields.
        let field = (error.inner().is_data() && path != ".")
            .then(|| format!("/{}", path.replace('.', "/")));
        ApiError::BadRequest {
            field,
            message: error.into_inner().to_string(),
            allowed: None,
        }
    })?;
    reader.end().map_err(|error| ApiError::BadRequest {
        field: None,
        message: error.to_string(),
        allowed: None,
    })?;
    Ok(request)
}

fn partitioning(request: &CreateVideo) -> Result<PartitionWish, ApiError> {
    let mut partitioning = PartitionWish::default();
    if let Some(name) = &request.scheme {
        let known = Scheme::NAMED.iter().find(|(known, _)| known == name);
        let names = Scheme::NAMED.map(|(name, _)| name).join(", ");
        let (_, scheme) = known
            .ok_or_else(|| ApiError::field("/scheme", format!("{name:?} is not allowed"), names))?;
        partitioning.scheme = Some(*scheme);
    }
    if let Some(millis) = request.chunk_max_ms {
        let time = Time::from_millis(millis.clamp(i64::from(i32::MIN), i64::from(i32::MAX)));
        if !CHUNK_MAX_RANGE.contains(&time) {
            let allowed = format!("{} to {}", CHUNK_MAX_RANGE.start(), CHUNK_MAX_RANGE.end());
            return Err(ApiError::field(
                "/chunk_max_ms",
                format!("{millis} is not allowed"),
                allowed,
            ));
        }
        partitioning.chunk_max = Some(time);
    }
    Ok(partitioning)
}

/// `GET /v1/videos`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Response {
    let videos: Vec<Value> = state
        .publisher
        .newest(LISTED)
        .iter()
        .map(|video| report(video, false))
        .collect();
    (
        [(header::CACHE_CONTROL, NO_STORE)],
        Json(json!({"videos": videos})),
    )
        .into_response()
}

/// `GET /v1/videos/{id}`, and `GET /v1/videos/{id}.mp4`, `.gif` …
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = id
        .rsplit_once('.')
        .and_then(|(id, ending)| Some((id, Format::named(ending)?)));
    match file {
        Some((id, Format::Mp4)) => mp4(find(&state, id)?, &state, &headers).await,
        Some((_, Format::Hls)) => Err(ApiError::NotFound(
            "HLS is no single file: see the urls of the video".into(),
        )),
        Some((id, format)) => {
            let video = find(&state, id)?;
            files::whole(&state, &video, format, &headers).await
        }
        None => {
            let video = find(&state, &id)?;
            video.refresh().await?;
            Ok((
                [(header::CACHE_CONTROL, NO_STORE)],
                Json(report(&video, true)),
            )
                .into_response())
        }
    }
}

/// `DELETE /v1/videos/{id}`
pub(super) async fn delete(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let video = find(&state, &id)?;
    state.publisher.forget(&video.id);
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, NO_STORE)]).into_response())
}

/// Where a video is in the format that was asked for.
pub fn file_of(video: &Video) -> String {
    match video.plan.output.format {
        Format::Hls => format!("/v1/videos/{}/index.m3u8", video.id),
        format => format!("/v1/videos/{}.{}", video.id, format.name()),
    }
}

/// The video of this id.
pub(super) fn find(state: &AppState, id: &str) -> Result<Arc<Video>, ApiError> {
    let video = id
        .parse::<Uuid>()
        .ok()
        .and_then(|id| state.publisher.video(&id));
    video.ok_or_else(|| ApiError::NotFound(format!("no video {id:?}")))
}

/// The whole video as one file; what is missing is rendered first.
async fn mp4(video: Arc<Video>, state: &AppState, asked: &HeaderMap) -> Result<Response, ApiError> {
    let tracks = [TrackKind::Video, TrackKind::Audio]
        .into_iter()
        .filter_map(|kind| {
            let track = video.init(kind)?.track.clone();
            Some((track, video.wanted(kind).to_vec()))
        });
    let movie = Movie::join(
        state.publisher.delivery(),
        tracks.collect(),
        Urgency {
            priority: Priority::LookAhead,
            lane: Lane(video.id.as_u128()),
        },
    )
    .await?;
    let name = format!("inline; filename=\"loomcast-{}.mp4\"", video.id);
    let length = movie.content_length();
    // A video has one file, so its id tells it apart.
    let etag = HeaderValue::from_str(&format!("\"{}\"", video.id));
    let etag = etag.unwrap_or(HeaderValue::from_static("\"\""));
    let asked = Asked::of(asked, length, Some(&etag));
    let Some(range) = asked.bytes(length) else {
        return Ok(unsatisfiable(length));
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("video/mp4")),
        (header::ETAG, etag),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("inline")),
        ),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    let body = Body::from_stream(movie.into_range(range));
    Ok(asked.label((headers, body).into_response(), length))
}

/// What is told of a video.
fn report(video: &Video, with_chunks: bool) -> Value {
    let profile = &video.plan.timeline.video;
    let tracks = [TrackKind::Video, TrackKind::Audio].map(|kind| (kind, video.states(kind)));
    let count = |word: &str| {
        tracks
            .iter()
            .flat_map(|(_, states)| states)
            .filter(|state| state.as_str() == word)
            .count()
    };
    let total: usize = tracks.iter().map(|(_, states)| states.len()).sum();
    let (hit, rendered) = (count("hit"), count("rendered"));
    let error = video.failure();
    let status = video.status();
    let progress = if status == VideoStatus::Done {
        1.0
    } else {
        (hit + rendered) as f64 / total.max(1) as f64
    };
    let progress = video.files_progress().unwrap_or(progress);
    let path = format!("/v1/videos/{}", video.id);
    let mut report = json!({
        "id": video.id,
        "template": video.template,
        "status": status.as_str(),
        "progress": progress,
        "duration_s": video.plan.timeline.duration().as_seconds(),
        "frames": video.plan.timeline.frames,
        "width": profile.width,
        "height": profile.height,
        "fps": profile.rate.to_string(),
        "format": video.plan.output.format.name(),
        "ladder": ladder(video),
        "urls": urls(video, &path),
        "chunks_total": total,
        "chunks_hit": hit,
        "chunks_rendered": rendered,
        "first_part_ms": video.first_part().map(|time| time.as_secs_f64() * 1000.0),
        "warnings": video.plan.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "error": error,
    });
    if with_chunks && let Some(members) = report.as_object_mut() {
        let chunks: Vec<Value> = tracks
            .iter()
            .flat_map(|(kind, states)| chunk_reports(video, *kind, states))
            .collect();
        members.insert("chunks".into(), chunks.into());
    }
    report
}

/// The smaller sizes that its streams offer.
fn ladder(video: &Video) -> Vec<Value> {
    let rungs = video.plan.partition.rungs.iter();
    let rung = |rung: &Rung| {
        let states = video.states(rung.kind());
        let there = |state: &&ChunkState| matches!(state, ChunkState::Ready { .. });
        json!({
            "track": rung.kind().to_string(),
            "width": rung.profile.width,
            "height": rung.profile.height,
            "chunks_total": rung.chunks.len(),
            "chunks_played": states.iter().filter(there).count(),
        })
    };
    rungs.map(rung).collect()
}

/// What there is of a video: streams and MP4 always, other files that were asked for.
fn urls(video: &Video, path: &str) -> Value {
    let output = &video.plan.output;
    let mut urls = json!({
        "self": path,
        "live": format!("{path}/live.m3u8"),
        "index": format!("{path}/index.m3u8"),
        "mp4": format!("{path}.mp4"),
    });
    if !output.format.is_chunks() {
        let name = output.format.name();
        urls[name] = format!("{path}.{name}").into();
    }
    if output.poster.is_some() {
        urls["poster"] = format!("{path}/poster.jpg").into();
    }
    if output.thumbnail.is_some() {
        urls["thumbnail"] = format!("{path}/thumbnail.jpg").into();
    }
    urls
}

fn chunk_reports(video: &Video, kind: TrackKind, states: &[ChunkState]) -> Vec<Value> {
    let clock = video.plan.clock(kind);
    let seconds =
        |ticks: u64| Time::from_ticks(i64::try_from(ticks).unwrap_or(i64::MAX), clock).as_seconds();
    let report = |(index, (chunk, state)): (usize, (&PlacedChunk, &ChunkState))| {
        let render_ms = match state {
            ChunkState::Ready { render_ms, .. } => *render_ms,
            _ => None,
        };
        json!({
            "index": index,
            "track": kind.to_string(),
            "start_s": seconds(chunk.decode_time),
            "duration_s": seconds(chunk.ticks),
            "key": chunk.key.to_string(),
            "state": state.as_str(),
            "render_ms": render_ms,
            "layers": chunk.spec.labels(),
        })
    };
    video
        .chunks(kind)
        .iter()
        .zip(states)
        .enumerate()
        .map(report)
        .collect()
}
