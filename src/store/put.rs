//! What changes the store: chunks come, go for others, and go when they are bad.
//!
//! Room is taken before a chunk is written, and what has to go for it is deleted
//! first: the bound is never passed. The books and a key's files change under
//! different locks: whoever deletes a chunk that was let go looks, with writers of
//! the key kept out, whether it has room again by then.

use std::fs;
use std::sync::atomic::Ordering;

use super::index::Row;
use super::payload::{Payloads, Reading};
use super::room::Room;
use super::{Departure, Lookup, Put, RecoveryReport, Shared, StoreError, now};
use crate::chunk::{ChunkKey, ChunkMeta, Part, ReuseClass};

/// How often a put begins anew, because what others did to the same key took its
/// room: a second time is rare.
const MAX_ATTEMPTS: usize = 8;

impl Shared {
    /// Enters what is there into the books, the oldest first; what is more than
    /// the bound allows goes.
    pub(super) fn settle_in(&self, report: &mut RecoveryReport) -> Result<(), StoreError> {
        let mut found = Vec::new();
        let failed = |error| self.index_error(error);
        self.index
            .sift(|key, row| found.push((row.record.created, key, row)))
            .map_err(failed)?;
        found.sort_by_key(|(created, key, _)| (*created, *key));
        for (_, key, row) in found {
            if row.record.transient {
                self.forget(&key, &row)?;
                report.transient_removed += 1;
                continue;
            }
            let meta = &row.record.meta;
            let weight = Room::weigh(Payloads::file_len(meta), meta.cost_ms);
            let taken = self.room.take(key, None, weight);
            let refused = (!taken.kept).then_some(key);
            for key in taken.gone.into_iter().chain(refused) {
                self.let_go(&key)?;
                report.evicted += 1;
            }
        }
        report.chunks = self.counts.chunks.load(Ordering::Relaxed);
        report.bytes = self.counts.bytes.load(Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn put(
        &self,
        key: &ChunkKey,
        class: ReuseClass,
        meta: &ChunkMeta,
        parts: &[Part],
    ) -> Result<Put, StoreError> {
        let len = Payloads::file_len(meta);
        let weight = Room::weigh(len, meta.cost_ms);
        let transient = class == ReuseClass::Transient;
        // What is spared already need not prove itself.
        let class = (!self.room.is_pinned(key)).then_some(class);
        // What is making room must not go for itself.
        let _pin = self.room.pin(key);
        for _ in 0..MAX_ATTEMPTS {
            let taken = self.room.take(*key, class, weight);
            let made = self.make_room(taken.gone, weight.bytes);
            let writing = self.writing(key);
            if let Err(error) = made {
                self.room.give_back(key);
                return Err(error);
            }
            match self.row(key)? {
                Some(row) if self.payloads.stands(&row) => return Ok(Put::Kept),
                // Its room goes with it: once more from the start.
                Some(row) => {
                    self.forget(key, &row)?;
                    continue;
                }
                None => {}
            }
            if !taken.kept {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                return Ok(Put::Refused);
            }
            // Another who wanted to write it failed, and gave its room back.
            if !self.room.has(key) {
                drop(writing);
                continue;
            }
            let written = self.write(key, meta, parts, transient);
            if written.is_err() {
                self.room.give_back(key);
            }
            return written.map(|()| Put::Kept);
        }
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        Ok(Put::Refused)
    }

    /// Deletes those, and more while the file system lacks room for `bytes`. One
    /// that cannot be deleted keeps none of the others; the next start finds it.
    fn make_room(&self, gone: Vec<ChunkKey>, bytes: u64) -> Result<(), StoreError> {
        let mut deleted = Ok(());
        for key in gone {
            deleted = deleted.and(self.let_go(&key));
        }
        deleted?;
        while self.room.lacks(bytes) {
            // Nothing of ours is left to go: writing will tell whether it fits.
            let Some(key) = self.room.evict() else { break };
            self.let_go(&key)?;
        }
        Ok(())
    }

    /// Deletes a chunk that was let go, unless it has room again by now.
    pub(super) fn let_go(&self, key: &ChunkKey) -> Result<(), StoreError> {
        let _writing = self.writing(key);
        if self.room.has(key) {
            return Ok(());
        }
        if let Some(row) = self.row(key)? {
            // Before it is gone: who finds nothing then finds why.
            self.went(key, Departure::Evicted);
            self.forget(key, &row)?;
            self.counts.evicted.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes a chunk that has room. The caller keeps other writers of the key out.
    fn write(
        &self,
        key: &ChunkKey,
        meta: &ChunkMeta,
        parts: &[Part],
        transient: bool,
    ) -> Result<(), StoreError> {
        let written = self.payloads.write(key, meta, parts, (now(), transient))?;
        let row = self.payloads.name(written)?;
        let entered = self
            .index
            .insert(key, &row)
            .and_then(|()| self.index.flush());
        if let Err(error) = entered {
            // Without a row the file is nobody's; should this fail too, the next start finds it.
            if let Ok(Some(aside)) = self.payloads.set_aside(&row.file) {
                let _ = fs::remove_file(aside);
            }
            return Err(self.index_error(error));
        }
        self.counts.chunks.fetch_add(1, Ordering::Relaxed);
        let len = Payloads::file_len(&row.record.meta);
        self.counts.bytes.fetch_add(len, Ordering::Relaxed);
        Ok(())
    }

    /// A read went wrong: looks again with writers of this key kept out (it may
    /// have been removed or replaced meanwhile) and removes what is really bad.
    pub(super) fn settle(&self, key: &ChunkKey) -> Result<Lookup, StoreError> {
        let _writing = self.writing(key);
        let Some(row) = self.row(key)? else {
            return Ok(Lookup::Miss);
        };
        let (found, count, why) = match self.payloads.read(key, &row)? {
            Reading::Whole(chunk) => return Ok(Lookup::Hit(chunk)),
            Reading::Damaged => (Lookup::Corrupt, &self.counts.corrupt, Departure::Corrupt),
            Reading::Gone => (Lookup::Lost, &self.counts.lost, Departure::Lost),
        };
        let path = self.payloads.path_of(&row.file);
        tracing::warn!(%key, path = %path.display(), "a stored chunk is damaged or gone: removed");
        count.fetch_add(1, Ordering::Relaxed);
        self.went(key, why);
        self.forget(key, &row)?;
        Ok(found)
    }

    /// Removes a chunk's file and row. The caller keeps other writers of the key out.
    pub(super) fn forget(&self, key: &ChunkKey, row: &Row) -> Result<(), StoreError> {
        let aside = self.payloads.set_aside(&row.file)?;
        self.index
            .remove(key)
            .and_then(|()| self.index.flush())
            .map_err(|error| self.index_error(error))?;
        self.counts.chunks.fetch_sub(1, Ordering::Relaxed);
        let len = Payloads::file_len(&row.record.meta);
        self.counts.bytes.fetch_sub(len, Ordering::Relaxed);
        self.room.give_back(key);
        if let Some(aside) = aside {
            fs::remove_file(&aside).map_err(|error| StoreError::io("delete", &aside, error))?;
        }
        Ok(())
    }
}
