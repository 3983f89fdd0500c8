//! The lists of segments that entries name: what an order or a certificate does depends on them. They
//! stand in the claims; whoever goes on from a snapshot reads the copies.

use std::collections::BTreeSet;
use std::sync::Arc;

use strongroom_crypto::Digest;
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::state::State;

use super::{Log, LogError};
use crate::document::Document;
use crate::store::{Covered, LockedStore, StoreError};

impl Log {
    /// Puts the lists of all active holds and open orders at hand.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub(crate) fn load_lists(&mut self) -> Result<(), LogError> {
        let (store, covered, lists) =
            (Arc::clone(&self.store), self.covered.clone(), lists_of(&self.state));
        match add_lists(&*store, &covered, &mut self.state, &lists) {
            // A copy is lost: the claims have them all.
            Err(LogError::Derived { .. }) => self.start_over(),
            added => added,
        }
    }

    /// Stores the copies that are not there, on a duty that may.
    pub(super) fn restore_lists(&self) -> Result<(), LogError> {
        for digest in lists_of(&self.state) {
            let Ok(list) = self.state.list(digest) else { continue };
            match Document::List.store(self, &list.encode()) {
                Ok(_) | Err(LogError::Store(StoreError::Denied { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn lists_of(state: &State) -> Vec<Digest> {
    let held = state.holds().flat_map(|(_, hold)| hold.lists.iter().copied());
    let lists: BTreeSet<_> = held.chain(state.orders().map(|(_, order)| order.list)).collect();
    lists.into_iter().collect()
}

/// Puts lists at a state's hand.
pub(crate) fn add_lists(
    store: &dyn LockedStore,
    covered: &Covered,
    state: &mut State,
    digests: &[Digest],
) -> Result<(), LogError> {
    for digest in digests {
        if state.list(*digest).is_err() {
            state.add_list(read_list(store, covered, *digest)?);
        }
    }
    Ok(())
}

/// Reads a copy.
pub(crate) fn read_list(
    store: &dyn LockedStore,
    covered: &Covered,
    digest: Digest,
) -> Result<SegmentList, LogError> {
    let object = format!("lists/{digest}.json");
    let lost = |detail: String| LogError::Derived { object: object.clone(), detail };
    let bytes = match Document::List.load(store, covered, digest) {
        Err(LogError::Damaged { detail, .. }) => return Err(lost(detail)),
        loaded => loaded?.ok_or_else(|| lost("it is missing".to_owned()))?,
    };
    SegmentList::parse(&bytes).map_err(|error| lost(error.to_string()))
}

/// Reads a copy that may be lost: none if it is, for a list that no entry names cannot be made again.
pub(crate) fn find_list(
    store: &dyn LockedStore,
    covered: &Covered,
    digest: Digest,
) -> Result<Option<SegmentList>, LogError> {
    match read_list(store, covered, digest) {
        Err(LogError::Derived { .. }) => Ok(None),
        list => list.map(Some),
    }
}
