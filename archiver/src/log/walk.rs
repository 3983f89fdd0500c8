//! Reading a log from its beginning: what was entered, in order.

use std::collections::BTreeMap;
use std::fmt;

use strongroom_crypto::Digest;
use strongroom_crypto::claim::ClaimItem;
use strongroom_crypto::entry::{Entry, EntryKind, Seal};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::merkle::{Tree, leaf_hash};
use strongroom_crypto::name::OrderId;
use strongroom_crypto::range::RangeList;
use strongroom_crypto::state::{Outcome, State};
use strongroom_crypto::time::Instant;

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
    /// What became of it, where it is not to be read any more.
    pub gone: Option<Gone>,
}

/// A segment that an order destroys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gone {
    /// By the order of this entry, which is being carried out.
    Ordered(u64),
    /// As the certificate of this entry says.
    Destroyed(u64),
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordered(index) => write!(f, "is being destroyed, as entry {index} orders"),
            Self::Destroyed(index) => write!(f, "was destroyed, as entry {index} certifies"),
        }
    }
}

/// Folds all claims and returns the final state and every seal that is valid.
///
/// # Errors
///
/// Those of [`visit`].
pub fn walk(
    store: &dyn LockedStore,
    keys: &KeyFile,
    covered: &Covered,
) -> Result<(State, Vec<Sealed>), LogError> {
    let mut seals = Vec::new();
    let mut orders: BTreeMap<OrderId, (Digest, Gone)> = BTreeMap::new();
    let state =
        visit(store, keys, covered, |index, entry, ranges| match (entry.into_kind(), ranges) {
            (EntryKind::SegmentSeal(seal), Some(ranges)) => {
                seals.push(Sealed { seal: *seal, ranges: ranges.clone(), gone: None });
            }
            (EntryKind::DispositionOrder(order), _) => {
                orders.insert(order.order, (order.list, Gone::Ordered(index)));
            }
            (EntryKind::DispositionCertificate(certificate), _) => {
                let order = orders.get_mut(&certificate.order);
                if let Some((_, gone)) = order {
                    *gone = Gone::Destroyed(index);
                }
            }
            _ => {}
        })?;
    let lists =
        orders.into_values().filter_map(|(list, gone)| Some((state.list(list).ok()?, gone)));
    let lists: Vec<(&SegmentList, Gone)> = lists.collect();
    for sealed in &mut seals {
        let id = &sealed.seal.segment_id;
        sealed.gone = lists.iter().find(|(list, _)| list.contains(id)).map(|(_, gone)| *gone);
    }
    Ok((state, seals))
}

/// Folds all claims, shows each valid entry with its index, and returns the final state. The claims
/// up to the newest checkpoint have to be what the log key signed; what was claimed since is believed
/// as it is, like a run does that goes on from it.
///
/// # Errors
///
/// [`LogError`] if there is no log, it is not this key file's, or a claim is missing or altered.
pub fn visit(
    store: &dyn LockedStore,
    keys: &KeyFile,
    covered: &Covered,
    show: impl FnMut(u64, Entry, Option<&RangeList>),
) -> Result<State, LogError> {
    visit_until(store, keys, covered, Instant::MAX, show)
}

/// The same as the log stood at an instant: the first claim with an entry that was made later and all
/// claims behind it are checked, and neither shown nor folded into the state that is returned.
///
/// # Errors
///
/// Those of [`visit`].
pub fn visit_until(
    store: &dyn LockedStore,
    keys: &KeyFile,
    covered: &Covered,
    until: Instant,
    mut show: impl FnMut(u64, Entry, Option<&RangeList>),
) -> Result<State, LogError> {
    let first = first_claim(store, keys, covered)?;
    // Before the claims, for the log may grow while they are read.
    let head =
        newest_checkpoint(store, keys.log().verifier(), covered)?.unwrap_or_else(Head::empty);
    let mut state = State::open(&first)?;
    let mut tree = Tree::new();
    let mut stood: Option<State> = None;
    let mut take = |item: &ClaimItem, shown: bool| -> Result<(), LogError> {
        let index = tree.size();
        append(&mut tree, item.leaf(), &head)?;
        if let (true, Ok(entry)) = (shown, Entry::parse(item.leaf())) {
            show(index, entry, item.ranges());
        }
        Ok(())
    };
    for item in first.items() {
        take(item, true)?;
    }
    let claims = Claims::after(store, covered, &state)?;
    while let Some(claim) = claims.next(&state)? {
        let later = |item: &ClaimItem| Entry::parse(item.leaf()).is_ok_and(|one| one.at() > until);
        if stood.is_none() && until < Instant::MAX && claim.items().iter().any(later) {
            stood = Some(state.clone());
        }
        // A state folded from the beginning has all its pages and lists: nothing is left undecided.
        let outcomes = state.apply_claim(&claim)?;
        for (item, outcome) in claim.items().iter().zip(outcomes) {
            take(item, outcome == Outcome::Valid && stood.is_none())?;
        }
    }
    require_claims(&state, head.size)?;
    if head.size == 0 {
        require_head(&state)?;
    }
    Ok(stood.unwrap_or(state))
}

/// Adds a leaf, and compares the tree with the head when it has its size.
fn append(tree: &mut Tree, leaf: &[u8], head: &Head) -> Result<(), LogError> {
    tree.append(leaf_hash(leaf));
    if tree.size() == head.size && tree.root() != head.root {
        return Err(LogError::forked(&checkpoint_key(head.size)?));
    }
    Ok(())
}
