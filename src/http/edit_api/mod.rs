//! The API that clients of the Shotstack Edit API already speak, over the same
//! videos: their SDKs work with another base URL.
//!
//! The same routes under `/edit/v1`, `/edit/stage`, `/v1` and `/stage`. Where one of
//! them is also one of the native API, requests that carry an API key, as those of
//! such clients do, are answered here.

mod envelope;
mod probe;
mod renders;
mod serve;
mod templates;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::http::cors::KEY_HEADER;
use crate::http::templates as native;
use crate::http::{ApiError, AppState};

/// Where the API is found.
const BASES: [&str; 4] = ["/edit/v1", "/edit/stage", "/v1", "/stage"];

/// Where files of renders are looked for.
const SERVE_BASES: [&str; 2] = ["/serve/v1", "/serve/stage"];

/// What is answered below these is in the envelope, whatever it is.
const OWN: [&str; 3] = ["/edit/", "/stage/", "/serve/"];

/// All its routes.
pub(super) fn routes(state: &Arc<AppState>) -> Router<Arc<AppState>> {
    let routes = BASES.iter().fold(Router::new(), |router, base| {
        let at = |path: &str| format!("{base}{path}");
        let one = get(templates::show)
            .put(templates::replace)
            .delete(templates::remove);
        let all = get(templates::list).post(templates::create);
        let (one, all) = if *base == "/v1" {
            let one = get(templates::show_or_native)
                .put(templates::replace)
                .delete(templates::remove);
            let all = get(templates::list_or_native).post(templates::create);
            (one, all)
        } else {
            (one, all)
        };
        router
            .route(&at("/render"), post(renders::create))
            .route(&at("/render/{id}"), get(renders::show))
            .route(&at("/templates"), all)
            .route(&at("/templates/{id}"), one)
            .route(
                &at("/templates/render"),
                post(renders::create_from_template),
            )
            .route(&at("/probe/{url}"), get(probe::show))
    });
    let routes = SERVE_BASES.iter().fold(routes, |router, base| {
        let one = get(serve::show).delete(serve::remove);
        router.route(&format!("{base}/assets/{{id}}"), one).route(
            &format!("{base}/assets/render/{{id}}"),
            get(serve::of_render),
        )
    });
    routes.route_layer(middleware::from_fn_with_state(Arc::clone(state), guard))
}

/// Turns away who needs a key and has none: everybody, if there are keys at all,
/// but who asks for what is the native API's.
async fn guard(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let native = request.uri().path().starts_with("/v1/templates")
        && matches!(*request.method(), Method::GET | Method::HEAD)
        && !has_key(headers);
    match state.keys.admit(headers) {
        Err(error) if !native => envelope::Failure::from(error).into_response(),
        _ => next.run(request).await,
    }
}

/// The answer to what went wrong at `path`, as whoever asks there understands it.
pub(super) fn failure_at(path: &str, error: ApiError) -> Response {
    if OWN.iter().any(|base| path.starts_with(base)) {
        envelope::Failure::from(error).into_response()
    } else {
        error.into_response()
    }
}

/// Whether a client of this API asks.
fn has_key(headers: &HeaderMap) -> bool {
    headers.contains_key(KEY_HEADER)
}
