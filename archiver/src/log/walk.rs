//! Reading a log from its beginning: what was sealed, in order.

use strongroom_crypto::claim::{ClaimError, MAX_CLAIM_BYTES, UnverifiedClaim};
use strongroom_crypto::entry::{Entry, EntryKind, Seal};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::merkle::{Tree, leaf_hash};
use strongroom_crypto::range::RangeList;
use strongroom_crypto::state::{Outcome, State};

use super::read::{
    Head, check_opening, first_claim, newest_checkpoint, require_claims, require_head,
};
use super::{LogError, checkpoint_key, claim_key};
use crate::store::{LockedStore, get_bounded};

/// A valid seal and its ranges.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The entry.
    pub seal: Seal,
    /// What it covers.
    pub ranges: RangeList,
}

/// Folds all claims and returns the final state and every seal that is valid. The claims up to the
/// newest checkpoint have to be what the log key signed; what was claimed since is believed as it
/// is, like a run does that goes on from it.
///
/// # Errors
///
/// [`LogError`] if there is no log, it is not this key file's, or a claim is missing or altered.
pub fn walk(store: &dyn LockedStore, keys: &KeyFile) -> Result<(State, Vec<Sealed>), LogError> {
    let first = first_claim(store)?;
    let opening = first.opening()?;
    if opening.archive_id != keys.archive_id() {
        return Err(LogError::wrong_key(keys.archive_id(), opening.archive_id));
    }
    check_opening(&opening, keys)?;
    // Before the claims, for the log may grow while they are read.
    let head = newest_checkpoint(store, keys.log().verifier())?.unwrap_or_else(Head::empty);
    let mut state = State::open(&first)?;
    let mut tree = Tree::new();
    let mut seals = Vec::new();
    for item in first.items() {
        append(&mut tree, item.leaf(), &head)?;
    }
    loop {
        let key = claim_key(state.next_claim().seq)?;
        let Some(bytes) = get_bounded(store, &key, MAX_CLAIM_BYTES)? else {
            require_claims(&state, head.size)?;
            if head.size == 0 {
                require_head(&state)?;
            }
            return Ok((state, seals));
        };
        let damaged = |error: ClaimError| LogError::Damaged {
            object: key.to_string(),
            detail: error.to_string(),
        };
        let claim = UnverifiedClaim::parse(&bytes)
            .and_then(|claim| claim.verify(|id| state.registered(id)))
            .map_err(damaged)?;
        // A state folded from the beginning has all its pages: nothing is left undecided.
        let outcomes = state.apply_claim(&claim)?;
        for (item, outcome) in claim.items().iter().zip(outcomes) {
            append(&mut tree, item.leaf(), &head)?;
            let (Outcome::Valid, Some(ranges)) = (outcome, item.ranges()) else { continue };
            if let Ok(EntryKind::SegmentSeal(seal)) =
                Entry::parse(item.leaf()).map(Entry::into_kind)
            {
                seals.push(Sealed { seal: *seal, ranges: ranges.clone() });
            }
        }
    }
}

/// Adds a leaf, and compares the tree with the head when it has its size.
fn append(tree: &mut Tree, leaf: &[u8], head: &Head) -> Result<(), LogError> {
    tree.append(leaf_hash(leaf));
    if tree.size() == head.size && tree.root() != head.root {
        return Err(LogError::forked(&checkpoint_key(head.size)?));
    }
    Ok(())
}
