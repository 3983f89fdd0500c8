//! Reading a log from its beginning, without any key: what was sealed, in order.

use strongroom_crypto::claim::UnverifiedClaim;
use strongroom_crypto::entry::{Entry, EntryKind, Seal};
use strongroom_crypto::note::NoteError;
use strongroom_crypto::range::RangeList;
use strongroom_crypto::state::{Outcome, State};

use super::read::{first_claim, newest_checkpoint, require_claims};
use super::{LogError, claim_key};
use crate::store::LockedStore;

/// A valid seal and its ranges.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The entry.
    pub seal: Seal,
    /// What it covers.
    pub ranges: RangeList,
}

/// Folds all claims and returns the final state and every seal that is valid.
///
/// # Errors
///
/// [`LogError`] if there is no log or a claim does not follow.
pub fn walk(store: &dyn LockedStore) -> Result<(State, Vec<Sealed>), LogError> {
    let first = first_claim(store)?;
    let vkey = first.opening()?.log_vkey.parse().map_err(|error: NoteError| LogError::Damaged {
        object: "log/claim".into(),
        detail: error.to_string(),
    })?;
    // Before the claims, for the log may grow while they are read.
    let published = newest_checkpoint(store, &vkey)?.map_or(0, |head| head.size);
    let mut state = State::open(&first)?;
    let mut seals = Vec::new();
    loop {
        let key = claim_key(state.next_claim().seq)?;
        let Some(bytes) = store.get(&key, None)? else {
            require_claims(&state, published)?;
            return Ok((state, seals));
        };
        let claim = UnverifiedClaim::parse(&bytes)?.verify(|id| state.registered(id))?;
        // A state folded from the beginning has all its pages: nothing is left undecided.
        let outcomes = state.apply_claim(&claim)?;
        for (item, outcome) in claim.items().iter().zip(outcomes) {
            let (Outcome::Valid, Some(ranges)) = (outcome, item.ranges()) else { continue };
            if let Ok(EntryKind::SegmentSeal(seal)) =
                Entry::parse(item.leaf()).map(Entry::into_kind)
            {
                seals.push(Sealed { seal: *seal, ranges: ranges.clone() });
            }
        }
    }
}
