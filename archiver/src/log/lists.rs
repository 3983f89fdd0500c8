//! The lists of segments that entries name: what an order or a certificate does depends on them.

use strongroom_crypto::Digest;
use strongroom_crypto::claim::VerifiedClaim;
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::state::{FoldError, Outcome, State, Undecided};

use super::LogError;
use crate::document::Document;
use crate::store::{Covered, LockedStore};

/// Puts lists at a state's hand.
pub(crate) fn add_lists(
    store: &dyn LockedStore,
    covered: &Covered,
    state: &mut State,
    digests: &[Digest],
) -> Result<(), LogError> {
    for digest in digests {
        state.add_list(read_list(store, covered, *digest)?);
    }
    Ok(())
}

/// Reads a list that has to be there.
pub(crate) fn read_list(
    store: &dyn LockedStore,
    covered: &Covered,
    digest: Digest,
) -> Result<SegmentList, LogError> {
    let bytes = Document::List.require(store, covered, digest)?;
    SegmentList::parse(&bytes).map_err(|error| LogError::Damaged {
        object: format!("lists/{digest}.json"),
        detail: error.to_string(),
    })
}

/// Folds a claim into a state that has all its pages.
pub(super) fn apply_claim(
    store: &dyn LockedStore,
    covered: &Covered,
    state: &mut State,
    claim: &VerifiedClaim,
) -> Result<Vec<Outcome>, LogError> {
    loop {
        match state.apply_claim(claim) {
            Err(FoldError::Undecided(Undecided::Lists(digests))) => {
                add_lists(store, covered, state, &digests)?;
            }
            applied => return Ok(applied?),
        }
    }
}
