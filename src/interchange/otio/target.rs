//! Where a clip's file is: from the addresses of OTIO to the `src` of Edits, and back.
//!
//! An Edit names files by a path inside the assets folder, or by an http address. Other
//! programs name them by where they lie on somebody's machine. So a path inside of the assets
//! folder, or of the folder of the file itself, is taken relative to it; of any other only its end
//! is kept, as much of it as tells it from others, to be looked for in the assets folder.

use std::collections::HashMap;

use url::Url;

use crate::template::source::Place;

/// Where files are looked for; absolute paths with `/` between their parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Folders<'a> {
    /// The assets folder.
    pub assets: Option<&'a str>,
    /// That of the OTIO file, to which its relative paths are.
    pub beside: Option<&'a str>,
}

/// What became of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mapped {
    /// It is this `src`.
    Src(String),
    /// It is not in the folders: this `src` is its end.
    End(String),
    /// An Edit cannot name it.
    Nothing,
}

/// Remembers which paths were cut to which end.
pub(super) struct Targets<'a> {
    folders: Folders<'a>,
    ends: HashMap<String, String>,
}

impl<'a> Targets<'a> {
    pub fn new(folders: Folders<'a>) -> Self {
        Self {
            folders,
            ends: HashMap::new(),
        }
    }

    /// The `src` of `url`.
    pub fn map(&mut self, url: &str) -> Mapped {
        let src = match read(url) {
            Target::Address(address) => Mapped::Src(address),
            Target::Path(path) => self.path(&path),
            Target::Unknown => Mapped::Nothing,
        };
        match src {
            Mapped::Src(src) | Mapped::End(src) if Place::parse(&src).is_none() => Mapped::Nothing,
            src => src,
        }
    }

    fn path(&mut self, path: &str) -> Mapped {
        let parts = normal(path);
        if is_absolute(path) {
            for folder in [self.folders.assets, self.folders.beside]
                .into_iter()
                .flatten()
            {
                if let Some(rest) = inside(&parts, &normal(folder)) {
                    return Mapped::Src(rest);
                }
            }
            return self.end(&parts);
        }
        if parts.first().is_some_and(|part| part != "..") {
            return Mapped::Src(parts.join("/"));
        }
        if parts.is_empty() {
            return Mapped::Nothing;
        }
        // Out of the folder of the file, perhaps back into one of the two.
        match self.folders.beside {
            Some(beside) => self.path(&format!("{beside}/{path}")),
            None => self.end(&parts),
        }
    }

    /// The shortest end of a path that no other path has taken.
    fn end(&mut self, parts: &[String]) -> Mapped {
        let named: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| *part != ".." && !part.ends_with(':'))
            .collect();
        let whole = parts.join("/");
        for from in (0..named.len()).rev() {
            let end = named[from..].join("/");
            let taken = self
                .ends
                .entry(end.clone())
                .or_insert_with(|| whole.clone());
            if *taken == whole {
                return Mapped::End(end);
            }
        }
        Mapped::Nothing
    }
}

enum Target {
    Address(String),
    Path(String),
    Unknown,
}

fn read(url: &str) -> Target {
    if let Some((scheme, rest)) = url.split_once("://") {
        if scheme.eq_ignore_ascii_case("file") {
            // The host is this machine, or a share that is a folder like any other.
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            let path = decoded(path).replace('\\', "/");
            // `/C:/…`
            let drive = path.strip_prefix('/').filter(|path| has_drive(path));
            return Target::Path(drive.unwrap_or(&path).to_owned());
        }
        return match Place::address(url) {
            Some(url) => Target::Address(url.into()),
            None => Target::Unknown,
        };
    }
    let path = match url.strip_prefix("file:") {
        Some(path) => decoded(path),
        None if is_absolute(url) => url.to_owned(),
        None => decoded(url),
    };
    Target::Path(path.replace('\\', "/"))
}

fn has_drive(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':'
}

fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '\\']) || has_drive(path)
}

/// The parts of a path, without `.` and with as few `..` as can be.
fn normal(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            ".." if is_absolute(path) => {}
            part => parts.push(part.to_owned()),
        }
    }
    parts
}

/// What is left of `parts` inside of `folder`.
fn inside(parts: &[String], folder: &[String]) -> Option<String> {
    let rest = parts.strip_prefix(folder)?;
    (!rest.is_empty() && !folder.is_empty()).then(|| rest.join("/"))
}

/// `%20` as what it stands for; what is no such thing stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        let code = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// A `src` as an address: that of a path is relative.
pub(super) fn address(src: &str) -> String {
    if src.contains("://") {
        return src.to_owned();
    }
    let Ok(mut url) = Url::parse("file:///") else {
        return src.to_owned();
    };
    // A path that has it already means it.
    url.set_path(&src.replace('%', "%25"));
    url.path().trim_start_matches('/').to_owned()
}

/// What a file is, by how its name ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    Picture,
    /// A picture of a kind that is not read here.
    OtherPicture,
    Sound,
    Footage,
}

/// What the file of `src` looks to be.
pub(super) fn looks(src: &str) -> Looks {
    let path = src.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("png" | "jpg" | "jpeg" | "webp" | "gif") => Looks::Picture,
        Some("tif" | "tiff" | "exr" | "dpx" | "psd" | "tga" | "bmp" | "heic" | "cin") => {
            Looks::OtherPicture
        }
        Some(
            "wav" | "mp3" | "aac" | "m4a" | "flac" | "aif" | "aiff" | "ogg" | "oga" | "opus"
            | "caf" | "bwf",
        ) => Looks::Sound,
        _ => Looks::Footage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets<'static> {
        Targets::new(Folders {
            assets: Some("/srv/assets"),
            beside: Some("/home/ed/cut"),
        })
    }

    #[test]
    fn a_path_inside_a_folder_is_relative_to_it() {
        for (url, src) in [
            ("file:///srv/assets/media/a%20b.mov", "media/a b.mov"),
            ("file://localhost/srv/assets/a.mov", "a.mov"),
            ("/srv/assets/./x/../a%20b.mov", "a%20b.mov"),
            ("/home/ed/cut/a.mov", "a.mov"),
            ("media/a%20b.mov", "media/a b.mov"),
            ("./a.mov", "a.mov"),
            ("../../../srv/assets/a.mov", "a.mov"),
            (
                "https://example.com/a.mov?x=1#t",
                "https://example.com/a.mov?x=1",
            ),
        ] {
            assert_eq!(targets().map(url), Mapped::Src(src.to_owned()), "{url}");
        }
    }

    #[test]
    fn of_any_other_path_the_end_is_kept_that_no_other_has() {
        let mut targets = targets();
        for (url, src) in [
            ("file:///C:/Users/ed/a.mov", "a.mov"),
            ("D:\\media\\a.mov", "media/a.mov"),
            ("file:///C:/Users/ed/a.mov", "a.mov"),
            ("/Volumes/Raid/b.mov", "b.mov"),
            ("../b.mov", "ed/b.mov"),
            ("\\\\server\\share\\c.mov", "c.mov"),
        ] {
            assert_eq!(targets.map(url), Mapped::End(src.to_owned()), "{url}");
        }
    }

    #[test]
    fn what_an_edit_cannot_name_is_nothing() {
        for url in [
            "",
            "/",
            "s3://bucket/a.mov",
            "https://u:p@example.com/a",
            "file:///",
            "a\0b",
        ] {
            assert_eq!(targets().map(url), Mapped::Nothing, "{url}");
        }
        let long = "a".repeat(2000);
        assert_eq!(targets().map(&long), Mapped::Nothing);
    }

    #[test]
    fn paths_go_out_and_come_back() {
        for src in [
            "media/a b.mov",
            "50%20.png",
            "é/ü#1?.mov",
            "https://example.com/a.mov",
        ] {
            let out = address(src);
            assert_eq!(targets().map(&out), Mapped::Src(src.to_owned()), "{out}");
        }
    }
}
