//! Recorded traffic out of a file or from standard input.

use std::fs::File;
use std::io::{Cursor, Read, stdin};
use std::path::Path;

use anyhow::Result;

use crate::cli::{BadInput, progress};
use crate::offload::trace::{self, Format, Trace, TraceError};

/// Bytes by which a file is told.
const BEGINNING: u64 = 4096;

/// What a compressed file begins and ends its name with, and what undoes it.
const COMPRESSED: [(&[u8], &str, &str); 4] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "zst", "zstd -dc"),
    (&[0x1f, 0x8b, 0x08], "gz", "gzip -dc"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz", "xz -dc"),
    (b"BZh", "bz2", "bzip2 -dc"),
];

/// The name of a format.
pub(super) fn format(name: &str) -> Result<Format, String> {
    let known = Format::NAMED.iter().find(|(known, _)| *known == name);
    let known = known.map(|(_, format)| *format);
    let known = known.or((name == "oracle").then_some(Format::OracleGeneral));
    known.ok_or_else(|| "expected oracle, csv or compact".to_owned())
}

/// Reads the trace at `path`, or from standard input if that is `-`; in what `format`,
/// is guessed if it is not said.
pub(super) fn read(path: &Path, format: Option<Format>) -> Result<Trace> {
    let shown = path.display();
    let unopened = |error: std::io::Error| BadInput(format!("{shown}: {error}"));
    if path.as_os_str() == "-" {
        return parse("standard input", stdin().lock(), format, 0);
    }
    let file = File::open(path).map_err(unopened)?;
    let about = file.metadata().map_err(unopened)?;
    if about.is_dir() {
        return Err(BadInput(format!("{shown} is a folder: expected a trace")).into());
    }
    parse(&shown.to_string(), file, format, about.len())
}

fn parse(name: &str, mut from: impl Read, format: Option<Format>, length: u64) -> Result<Trace> {
    let mut beginning = Vec::new();
    let begun = from.by_ref().take(BEGINNING).read_to_end(&mut beginning);
    begun.map_err(|error| unread(name, TraceError::Io(error)))?;
    let compressed = COMPRESSED.iter().find(|(magic, ending, _)| {
        // Who says what it is may mean a trace that begins so.
        let meant = format.is_none() || name.ends_with(&format!(".{ending}"));
        meant && beginning.starts_with(magic)
    });
    if let Some((_, ending, undo)) = compressed {
        return Err(BadInput(format!(
            "{name} is compressed ({ending}), which is not read: {undo} {name} | loomcast offload \
             simulate -"
        ))
        .into());
    }
    let format = format.unwrap_or_else(|| Format::guess(name, &beginning));
    let bar = progress::bytes(length, "reading");
    let whole = Cursor::new(beginning).chain(from);
    let trace = trace::read(format, bar.wrap_read(whole));
    bar.finish_and_clear();
    trace.map_err(|error| unread(name, error))
}

fn unread(name: &str, error: TraceError) -> anyhow::Error {
    let said = format!("{name}: {error}");
    match error {
        TraceError::Io(_) => anyhow::anyhow!(said),
        _ => BadInput(said).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_traces_are_told_with_what_undoes_it() {
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0];
        let refused = |name: &str, format| {
            let error = parse(name, zstd.as_slice(), format, 8).expect_err("is no trace");
            assert!(error.downcast_ref::<BadInput>().is_some());
            error.to_string()
        };
        assert!(refused("a", None).contains("zstd -dc a | loomcast"));
        assert!(refused("a.zst", Some(Format::Csv)).contains("compressed"));
        assert!(refused("a", Some(Format::OracleGeneral)).contains("ends amid request 1"));
    }

    #[test]
    fn formats_go_by_their_names() {
        assert_eq!(format("oracle"), Ok(Format::OracleGeneral));
        assert_eq!(format("oracle-general"), Ok(Format::OracleGeneral));
        assert_eq!(format("compact"), Ok(Format::Compact));
        assert!(format("vscsi").is_err());
    }
}
