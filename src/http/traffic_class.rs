//! Whose traffic an answer is, told to an edge that wants to know.

use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::edge::{CLASS, WANT_CLASS};
use crate::offload::Class;

/// The answer to a request with the headers `asked`; it tells its class if those want it.
pub(super) fn told(asked: &HeaderMap, class: &Class, mut answer: Response) -> Response {
    if asked.contains_key(WANT_CLASS)
        && let Ok(class) = HeaderValue::from_bytes(class.to_string().as_bytes())
    {
        answer.headers_mut().insert(CLASS, class);
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::edge::WANTED_CLASS;
    use crate::offload::Kind;

    #[test]
    fn only_who_wants_to_know_is_told_a_class() {
        let class = Class::new(Kind::Template, "greeting");
        let wants = HeaderMap::from_iter([(WANT_CLASS, WANTED_CLASS)]);
        let answer = told(&wants, &class, ().into_response());
        assert_eq!(answer.headers()[CLASS], "template/greeting");
        let answer = told(&HeaderMap::new(), &class, ().into_response());
        assert!(!answer.headers().contains_key(CLASS));
    }
}
