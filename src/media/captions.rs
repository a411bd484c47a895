//! Files of captions: told by what they begin with, and read whole.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::template::bind::AssetKind;
use crate::template::caption::{self, CaptionError, HEAD_BYTES, MAX_CAPTION_BYTES};

/// The captions in the file at `path`; `None` where it holds something else. A file that
/// cannot be read is left to be told by who reads media.
pub(super) fn probe(path: &Path) -> Option<Result<AssetKind, CaptionError>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let mut file = File::open(path).ok()?;
    file.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .ok()?;
    if !caption::are_in(&head) {
        return None;
    }
    // One byte more than there may be, so that a longer file is known by it.
    let mut bytes = head;
    let rest = (MAX_CAPTION_BYTES + 1).saturating_sub(bytes.len() as u64);
    file.take(rest).read_to_end(&mut bytes).ok()?;
    Some(caption::read(&bytes).map(|captions| AssetKind::Captions(Arc::new(captions))))
}
