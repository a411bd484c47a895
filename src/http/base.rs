//! By which address the client came.

use axum::http::{HeaderMap, header};

/// Scheme and host by which the client came: what a proxy says of it counts more.
pub(super) fn base(headers: &HeaderMap) -> String {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match said("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let host = said("x-forwarded-host").or_else(|| said(header::HOST.as_str()));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn addresses_are_those_by_which_the_client_came() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            });
            base(&headers.collect())
        };
        assert_eq!(of(&[("host", "here:8080")]), "http://here:8080");
        let proxied = [
            ("host", "10.0.0.1"),
            ("x-forwarded-host", "video.example"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(of(&proxied), "https://video.example");
    }
}
