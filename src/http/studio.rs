//! The studio's page, scripts and styles: part of the binary.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::http::ApiError;
use crate::http::cache_control::REVALIDATE;

/// Its own scripts, styles and data only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:",
);

macro_rules! studio_file {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../assets/web/", $name)).as_slice(),
        )
    };
}

/// The files below `/studio/`.
const FILES: [(&str, &[u8]); 23] = [
    studio_file!("style.css"),
    studio_file!("app.js"),
    studio_file!("api.js"),
    studio_file!("dom.js"),
    studio_file!("form.js"),
    studio_file!("history.js"),
    studio_file!("live.js"),
    studio_file!("live-hls.js"),
    studio_file!("live-list.js"),
    studio_file!("live-view.js"),
    studio_file!("offload.css"),
    studio_file!("offload.js"),
    studio_file!("offload-curve.js"),
    studio_file!("offload-tables.js"),
    studio_file!("player.js"),
    studio_file!("push.js"),
    studio_file!("push-edge.js"),
    studio_file!("push-queue.js"),
    studio_file!("result.js"),
    studio_file!("share.js"),
    studio_file!("strip.js"),
    studio_file!("templates.js"),
    (
        "hls.min.js",
        include_bytes!(concat!(env!("OUT_DIR"), "/hls.min.js")),
    ),
];

/// `GET /`
pub(super) async fn page() -> Response {
    answer(
        "text/html; charset=utf-8",
        include_bytes!("../../assets/web/index.html"),
    )
}

/// `GET /live`
pub(super) async fn live() -> Response {
    answer(
        "text/html; charset=utf-8",
        include_bytes!("../../assets/web/live.html"),
    )
}

/// `GET /offload`
pub(super) async fn offload() -> Response {
    answer(
        "text/html; charset=utf-8",
        include_bytes!("../../assets/web/offload.html"),
    )
}

/// `GET /studio/{file}`
pub(super) async fn file(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = FILES.iter().find(|(known, _)| *known == name);
    let (name, bytes) =
        found.ok_or_else(|| ApiError::NotFound(format!("the studio has no file {name:?}")))?;
    let kind = if name.ends_with(".css") {
        "text/css; charset=utf-8"
    } else {
        "text/javascript; charset=utf-8"
    };
    Ok(answer(kind, bytes))
}

fn answer(kind: &'static str, bytes: &'static [u8]) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, REVALIDATE),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, bytes).into_response()
}
