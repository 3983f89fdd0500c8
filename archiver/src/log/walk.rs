//! Reading a log from its beginning: what was sealed, in order.

use strongroom_crypto::entry::{Entry, EntryKind, Seal};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::merkle::{Tree, leaf_hash};
use strongroom_crypto::range::RangeList;
use strongroom_crypto::state::{Outcome, State};

use super::claims::Claims;
use super::read::{Head, first_claim, newest_checkpoint, require_claims, require_head};
use super::{LogError, checkpoint_key};
use crate::store::{Covered, LockedStore};

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
pub fn walk(
    store: &dyn LockedStore,
    keys: &KeyFile,
    covered: &Covered,
) -> Result<(State, Vec<Sealed>), LogError> {
    let first = first_claim(store, keys, covered)?;
    // Before the claims, for the log may grow while they are read.
    let head =
        newest_checkpoint(store, keys.log().verifier(), covered)?.unwrap_or_else(Head::empty);
    let mut state = State::open(&first)?;
    let mut tree = Tree::new();
    let mut seals = Vec::new();
    for item in first.items() {
        append(&mut tree, item.leaf(), &head)?;
    }
    let claims = Claims::after(store, covered, &state)?;
    while let Some(claim) = claims.next(&state)? {
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
    require_claims(&state, head.size)?;
    if head.size == 0 {
        require_head(&state)?;
    }
    Ok((state, seals))
}

/// Adds a leaf, and compares the tree with the head when it has its size.
fn append(tree: &mut Tree, leaf: &[u8], head: &Head) -> Result<(), LogError> {
    tree.append(leaf_hash(leaf));
    if tree.size() == head.size && tree.root() != head.root {
        return Err(LogError::forked(&checkpoint_key(head.size)?));
    }
    Ok(())
}
