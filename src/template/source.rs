//! Where an Edit's file is: in the assets folder, or on a server.

use std::path::{Component, Path};

use url::Url;

use crate::template::cursor::Object;
use crate::template::error::{EditError, Pointer};

/// The longest path, in characters.
const MAX_PATH: usize = 1000;

/// The longest address, in characters: signed ones are long.
const MAX_ADDRESS: usize = 4096;

/// A file, and where the Edit names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub place: Place,
    /// Where the Edit names it.
    pub pointer: Pointer,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Relative to the assets folder; never out of it.
    Asset(String),
    /// On a server: an address of `http` or `https`, without user and fragment.
    Remote(Url),
}

impl Source {
    /// What a `src` may be.
    pub const ALLOWED: &str = "a path inside the assets folder, such as media/greeting-30/bg.mp4, or an http or https address without a user in it";

    /// The file by its path or address: two sources of the same name are the same file.
    pub fn name(&self) -> &str {
        match &self.place {
            Place::Asset(path) => path,
            Place::Remote(url) => url.as_str(),
        }
    }

    /// The last part of its path, for people: what else an address says may be
    /// secret.
    pub fn file_name(&self) -> &str {
        let path = match &self.place {
            Place::Asset(path) => path,
            Place::Remote(url) => url.path(),
        };
        path.rsplit('/').next().unwrap_or(path)
    }
}

impl Place {
    /// Reads a path or an address, which may come from anywhere; `None` if it is
    /// neither.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains("://") {
            Self::address(text).map(Self::Remote)
        } else {
            is_inside(text).then(|| Self::Asset(text.to_owned()))
        }
    }

    /// The address `text`, if it is one that files may be fetched from.
    pub fn address(text: &str) -> Option<Url> {
        if text.chars().count() > MAX_ADDRESS {
            return None;
        }
        let mut url = Url::parse(text).ok()?;
        let fetched = matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.username().is_empty()
            && url.password().is_none();
        // No server ever sees a fragment.
        url.set_fragment(None);
        fetched.then_some(url)
    }
}

/// Whether a path stays inside the assets folder.
fn is_inside(path: &str) -> bool {
    let parts = Path::new(path).components().collect::<Vec<_>>();
    let inside = !parts.is_empty()
        && parts
            .iter()
            .all(|part| matches!(part, Component::Normal(_)));
    inside && path.chars().count() <= MAX_PATH && !path.contains('\0')
}

/// Reads the member `src`.
pub(super) fn source(object: &Object) -> Result<Source, EditError> {
    let cursor = object.need("src", Source::ALLOWED)?;
    let place = cursor.value.as_str().and_then(Place::parse);
    Ok(Source {
        place: place.ok_or_else(|| cursor.error(Source::ALLOWED))?,
        pointer: cursor.pointer.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        let place = Place::parse(text)?;
        let pointer = Pointer::default();
        Some(Source { place, pointer }.name().to_owned())
    }

    #[test]
    fn a_path_stays_inside_the_assets_folder() {
        for path in [
            "",
            "/etc/passwd",
            "../secret",
            "media/../../x",
            "./a",
            "a\0b",
        ] {
            assert_eq!(name(path), None, "{path:?}");
        }
        assert_eq!(name("media/a b.png").as_deref(), Some("media/a b.png"));
        assert_eq!(name(&"a".repeat(MAX_PATH + 1)), None);
    }

    #[test]
    fn an_address_is_read_into_one_form() {
        for (text, expected) in [
            ("https://example.com/a.mp4", "https://example.com/a.mp4"),
            (
                "HTTPS://Example.COM:443/a b.mp4#t=1",
                "https://example.com/a%20b.mp4",
            ),
            (
                "http://example.com:8080/x?y=%20&z=ä",
                "http://example.com:8080/x?y=%20&z=%C3%A4",
            ),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://[::1]/", "http://[::1]/"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(name(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_address_that_is_not_fetched_is_refused() {
        for text in [
            "file:///etc/passwd",
            "ftp://example.com/a",
            "gopher://example.com/",
            "https://user@example.com/a",
            "https://user:secret@example.com/a",
            "http://",
            "http://exa mple.com/",
            "concat://x",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_ADDRESS));
        assert_eq!(name(&long), None);
    }

    #[test]
    fn people_are_shown_the_last_part_of_a_path_only() {
        let place = Place::parse("https://example.com/media/a.mp4?key=secret").expect("reads");
        let pointer = Pointer::default();
        assert_eq!(Source { place, pointer }.file_name(), "a.mp4");
    }
}
