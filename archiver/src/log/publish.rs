//! From claims to what everybody reads: bundles, tiles, a signed checkpoint, the hint.

use strongroom_crypto::Digest;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::merkle::{HashSource, leaf_hash, node_hash, root_at};
use strongroom_crypto::tile::{TileCoordinate, TileReader, encode_bundle, tiles_for};

use super::read::{self, Head, unreadable};
use super::{Log, LogError, checkpoint_key, tile_key};
use crate::store::ObjectKey;

/// The published tree with the leaves that came after it.
struct Grown<'a, S> {
    old: &'a S,
    old_size: u64,
    fresh: Vec<Digest>,
}

impl<S: HashSource<Error = LogError>> HashSource for Grown<'_, S> {
    type Error = LogError;

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, LogError> {
        let end = index
            .checked_add(1)
            .and_then(|end| end.checked_mul(1_u64.checked_shl(u32::from(level))?));
        if end.is_some_and(|end| end <= self.old_size) {
            return self.old.subtree(level, index);
        }
        if let Some(below) = level.checked_sub(1) {
            return Ok(node_hash(
                &self.subtree(below, index * 2)?,
                &self.subtree(below, index * 2 + 1)?,
            ));
        }
        let place = index.checked_sub(self.old_size).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.fresh.get(place)).copied().ok_or_else(|| LogError::Damaged {
            object: "log".into(),
            detail: format!("leaf {index} is beyond the end"),
        })
    }
}

/// An adapter: tiles read from the store, errors of one type.
struct Published<'a, F>(&'a TileReader<F>);

impl<F> HashSource for Published<'_, F>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, LogError>,
{
    type Error = LogError;

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, LogError> {
        self.0.subtree(level, index).map_err(unreadable)
    }
}

impl Log {
    /// Publishes what was claimed since the newest checkpoint. Doing it twice, or by two writers, changes nothing: every
    /// object is a function of the claims.
    pub(super) fn publish(&mut self) -> Result<(), LogError> {
        match self.publish_from_head() {
            Err(LogError::Derived { .. }) => {
                self.start_over()?;
                self.publish_from_head()
            }
            done => done,
        }
    }

    /// Publishes on top of what was published: the head's tiles and its last bundle.
    fn publish_from_head(&mut self) -> Result<(), LogError> {
        let old = self.head.size;
        if self.state.size() <= old {
            return Ok(());
        }
        let vkey = self.keys.log().verifier();
        let newer = read::newest_after(&*self.store, vkey, &self.covered, old)?;
        if let Some(newer) = newer.as_ref().filter(|newer| newer.size > self.state.size()) {
            // Another worker has gone on.
            self.follow()?;
            read::require_claims(&self.state, newer.size)?;
        }
        let size = self.state.size();
        let fetch = |tile: &TileCoordinate| self.edge.fetch(&*self.store, tile);
        let reader = TileReader::open(old, &self.head.root, fetch).map_err(unreadable)?;
        let published = Published(&reader);
        let fresh = self.fresh.iter().map(|leaf| leaf_hash(leaf)).collect();
        let grown = Grown { old: &published, old_size: old, fresh };
        let root = root_at(&grown, size)?;
        if let Some(newer) = newer
            && root_at(&grown, newer.size)? != newer.root
        {
            return Err(LogError::forked(&checkpoint_key(newer.size)?));
        }
        for tile in tiles_for(old, size) {
            let bytes = if tile.is_entries() {
                self.bundle(&tile, &reader)?
            } else {
                tile.tile_bytes(&grown)?
            };
            // A crash here leaves tiles beyond the checkpoint: the next run writes the same bytes.
            if tile.is_full() {
                self.put_once(&tile_key(&tile)?, &bytes)?;
            } else {
                self.put_superseded(&tile_key(&tile)?, &bytes)?;
            }
        }
        let checkpoint = Checkpoint::new(self.keys.log().verifier().name(), size, root);
        let note = checkpoint.and_then(|checkpoint| checkpoint.sign(self.keys.log())).map_err(
            |error| LogError::Damaged { object: "the log key".into(), detail: error.to_string() },
        )?;
        self.put_once(&checkpoint_key(size)?, note.as_bytes())?;
        // The hint is read by programs that know only C2SP paths; that it is old harms nobody.
        self.put_derived(&ObjectKey::new("log/checkpoint")?, note.as_bytes())?;
        self.edge.clear();
        self.head = Head { size, root, note };
        self.fresh.clear();
        Ok(())
    }

    /// The entries of a bundle: what was published of it, then what is fresh.
    fn bundle<F>(
        &self,
        tile: &TileCoordinate,
        published: &TileReader<F>,
    ) -> Result<Vec<u8>, LogError>
    where
        F: Fn(&TileCoordinate) -> Result<Vec<u8>, LogError>,
    {
        let range = tile.range();
        let mut entries: Vec<Vec<u8>> = Vec::new();
        if range.start < self.head.size {
            let width = u16::try_from(self.head.size - range.start).unwrap_or(u16::MAX);
            let old = TileCoordinate::entries(tile.index(), width)
                .map_err(|error| unreadable(error.into()))?;
            let bytes = self.edge.fetch(&*self.store, &old)?;
            // Nothing is copied that the head does not sign: a full bundle is locked for good.
            let known = published.check_bundle(&old, &bytes).map_err(unreadable)?;
            entries.extend(known.into_iter().map(<[u8]>::to_vec));
        }
        let skip = range.start.saturating_sub(self.head.size);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let take = usize::from(tile.width()).saturating_sub(entries.len());
        entries.extend(self.fresh.iter().skip(skip).take(take).cloned());
        encode_bundle(&entries).map_err(|error| LogError::Damaged {
            object: format!("log/{tile}"),
            detail: error.to_string(),
        })
    }

    /// Partial tiles are superseded by the next ones: they need no lock, and what somebody else put
    /// in their place is replaced.
    fn put_superseded(&self, key: &ObjectKey, bytes: &[u8]) -> Result<(), LogError> {
        match super::put_once(&*self.store, &self.covered, key, bytes, None) {
            Err(LogError::Damaged { .. }) => self.put_derived(key, bytes),
            done => done,
        }
    }
}
