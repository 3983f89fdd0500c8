//! Holds: what must not be destroyed, whatever its dates say.
//!
//! The log decides. It keeps an order from taking effect while a hold stands over any of its segments;
//! the store's flags follow the log and are no more than a second bolt on the same door.

mod scope;
mod search;

pub use scope::{Collateral, Matching, Matter, Scope};
pub use search::{Found, Search, undated};

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::entry::{EntryKind, Standing};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::name::{HoldId, OfficerId, OrderId};
use strongroom_crypto::state::{FoldError, LiveSegment, State};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};

use crate::log::{LogError, add_lists, read_list, visit};
use crate::store::{Covered, LockedStore};

/// What the log says of a segment's legal-hold flag.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Flag {
    /// No hold was ever over it: a flag is somebody else's.
    Never,
    /// None is over it any more, or its destruction was ordered first.
    Over,
    /// A hold stands over it.
    Ordered,
}

/// What was entered of one hold.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Each time it was placed: it widens.
    pub placed: Vec<Placed>,
    /// That it was released.
    pub released: Option<Released>,
}

/// The entry that released a hold.
#[derive(Clone, Debug)]
pub struct Released {
    /// When.
    pub at: Instant,
    /// Digest of why.
    pub detail: Option<Digest>,
    /// Which entry.
    pub index: u64,
    /// Who signed.
    pub signed: Vec<OfficerId>,
}

/// An entry that placed a hold.
#[derive(Clone, Debug)]
pub struct Placed {
    /// When.
    pub at: Instant,
    /// Digest of matter, custodians and scope.
    pub detail: Option<Digest>,
    /// Which entry.
    pub index: u64,
    /// Digest of the list of segments.
    pub list: Option<Digest>,
    /// Who signed.
    pub signed: Vec<OfficerId>,
    /// Of which streams new segments are held.
    pub standing: Option<Standing>,
}

/// What was ever entered of holds.
pub type Histories = BTreeMap<HoldId, History>;

/// How many events sealed segments have.
pub type Events = BTreeMap<SegmentId, u64>;

/// A segment that comes too late for a hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Late {
    /// The segment.
    pub id: SegmentId,
    /// Which entry ordered its destruction.
    pub index: u64,
    /// The order.
    pub order: OrderId,
}

/// Takes up what a valid entry says of holds.
pub fn note(histories: &mut Histories, index: u64, at: Instant, kind: &EntryKind) {
    match kind {
        EntryKind::HoldPlace(place) => {
            let (detail, list, standing) = (place.detail, place.list, place.standing.clone());
            let signed = place.signatures.iter().map(|one| one.officer).collect();
            let placed = Placed { at, detail, index, list, signed, standing };
            histories.entry(place.hold.clone()).or_default().placed.push(placed);
        }
        EntryKind::HoldRelease(release) => {
            let signed = release.signatures.iter().map(|one| one.officer).collect();
            let released = Released { at, detail: release.detail, index, signed };
            histories.entry(release.hold.clone()).or_default().released = Some(released);
        }
        _ => {}
    }
}

/// When the last hold over a segment was released by a time.
pub fn last_release(
    histories: &Histories,
    state: &State,
    segment: &SegmentId,
    sealed: &[HoldId],
    by: Instant,
) -> Option<Instant> {
    let released = histories.iter().filter_map(|(id, history)| {
        let at = history.released.as_ref()?.at;
        (at <= by && history.was_over(id, state, segment, sealed)).then_some(at)
    });
    released.max()
}

impl History {
    /// Whether the hold is or was over a segment: by its seal, or by a list. The state has every list at
    /// hand; one that is not there counts as if the segment stood in it.
    pub fn was_over(
        &self,
        id: &HoldId,
        state: &State,
        segment: &SegmentId,
        sealed: &[HoldId],
    ) -> bool {
        let mut lists = self.placed.iter().filter_map(|placed| placed.list);
        sealed.contains(id)
            || lists.any(|list| state.list(list).map_or(true, |list| list.contains(segment)))
    }
}

/// The segments of `ids` that an open order came first for.
///
/// # Errors
///
/// The store's, or a list of an order is missing.
pub fn late(
    store: &dyn LockedStore,
    covered: &Covered,
    state: &State,
    ids: &[SegmentId],
) -> Result<Vec<Late>, LogError> {
    let mut late = Vec::new();
    for (order, open) in state.orders() {
        let list = read_list(store, covered, open.list)?;
        let ordered = ids.iter().filter(|id| list.contains(id));
        late.extend(ordered.map(|id| Late { id: *id, index: open.index, order: order.clone() }));
    }
    Ok(late)
}

/// The log's word on every segment.
#[derive(Debug)]
pub struct Ledger {
    state: State,
    histories: Histories,
    /// Every list that a hold was ever placed with.
    lists: Vec<SegmentList>,
}

impl Ledger {
    /// Reads the log from its beginning, for a state does not keep what is over.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn read(
        store: &dyn LockedStore,
        keys: &KeyFile,
        covered: &Covered,
    ) -> Result<(Self, Events), LogError> {
        let (mut histories, mut events) = (Histories::new(), Events::new());
        let state = visit(store, keys, covered, |index, entry, _| {
            note(&mut histories, index, entry.at(), entry.kind());
            if let EntryKind::SegmentSeal(seal) = entry.kind() {
                events.insert(seal.segment_id, seal.events.count);
            }
        })?;
        Ok((Self::new(store, covered, state, histories)?, events))
    }

    /// Reads the lists that a state with all its pages takes to decide.
    ///
    /// # Errors
    ///
    /// The store's, or a list is missing.
    pub fn new(
        store: &dyn LockedStore,
        covered: &Covered,
        mut state: State,
        histories: Histories,
    ) -> Result<Self, LogError> {
        let placed = histories.values().flat_map(|history| &history.placed);
        let placed: BTreeSet<Digest> = placed.filter_map(|placed| placed.list).collect();
        let ordered = state.orders().map(|(_, order)| order.list);
        let needed: BTreeSet<Digest> = placed.iter().copied().chain(ordered).collect();
        add_lists(store, covered, &mut state, &needed.into_iter().collect::<Vec<_>>())?;
        let lists = placed.into_iter().map(|digest| state.list(digest).cloned());
        let lists = lists.collect::<Result<_, _>>().map_err(FoldError::from)?;
        Ok(Self { state, histories, lists })
    }

    /// What the entries add up to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What was ever entered of holds.
    pub fn histories(&self) -> &Histories {
        &self.histories
    }

    /// The holds over a live segment; none if its destruction was ordered first.
    ///
    /// # Errors
    ///
    /// Never: all lists are at hand.
    pub fn holds_over(&self, segment: &LiveSegment) -> Result<Vec<HoldId>, LogError> {
        Ok(self.state.holds_over(segment).map_err(FoldError::from)?)
    }

    /// What the log says of a live segment's flag.
    ///
    /// # Errors
    ///
    /// Never: all lists are at hand.
    pub fn flag(&self, segment: &LiveSegment) -> Result<Flag, LogError> {
        let listed = || self.lists.iter().any(|list| list.contains(&segment.segment_id));
        Ok(if !self.holds_over(segment)?.is_empty() {
            Flag::Ordered
        } else if !segment.holds.is_empty() || listed() {
            Flag::Over
        } else {
            Flag::Never
        })
    }
}
