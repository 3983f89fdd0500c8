//! What was entered since a size: segments by their pages, entries by the bundles that the head signs.

use strongroom_crypto::entry::Entry;
use strongroom_crypto::state::PageRef;
use strongroom_crypto::tile::{TILE_WIDTH, TileCoordinate, TileReader};

use super::read::unreadable;
use super::{Log, LogError};

impl Log {
    /// Loads the pages with segments that were sealed by an entry from `index` on.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub(crate) fn load_pages_since(&mut self, index: u64) -> Result<(), LogError> {
        let absent = self.state.pages_absent().into_iter();
        let pages: Vec<PageRef> = absent.filter(|page| page.last_index >= index).collect();
        let mut state = self.state.clone();
        match self.load_pages(&mut state, &pages) {
            Ok(()) => self.state = state,
            Err(LogError::Derived { .. }) => self.start_over()?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The entries from `from` on, also those without effect: one bundle for 256 of them.
    ///
    /// # Errors
    ///
    /// [`LogError::Derived`] where a bundle is not as the head signs it, or the store's.
    pub(crate) fn entries_since(&self, from: u64) -> Result<Vec<Entry>, LogError> {
        let (size, width) = (self.head.size, u64::from(TILE_WIDTH));
        let fetch = |tile: &TileCoordinate| self.edge.fetch(&*self.store, tile);
        let tiles = TileReader::open(size, &self.head.root, fetch).map_err(unreadable)?;
        let mut entries = Vec::new();
        for bundle in from / width..size.div_ceil(width) {
            let first = bundle.saturating_mul(width);
            let filled = u16::try_from(size.saturating_sub(first).min(width)).unwrap_or(TILE_WIDTH);
            let coordinate = TileCoordinate::entries(bundle, filled)
                .map_err(|error| unreadable(error.into()))?;
            let bytes = self.edge.fetch(&*self.store, &coordinate)?;
            let known = tiles.check_bundle(&coordinate, &bytes).map_err(unreadable)?;
            let wanted = (first..).zip(known).filter(|(index, _)| *index >= from);
            entries.extend(wanted.filter_map(|(_, leaf)| Entry::parse(leaf).ok()));
        }
        entries.extend(self.fresh.iter().filter_map(|leaf| Entry::parse(leaf).ok()));
        Ok(entries)
    }
}
