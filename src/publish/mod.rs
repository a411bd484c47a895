//! Videos as players see them: playlists over chunks.

pub mod playlists;
