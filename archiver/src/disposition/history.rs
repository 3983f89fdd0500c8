//! What the log says of disposals, read from its beginning.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::entry::{ClockEvent, DispositionOrder, Entry, EntryKind, Seal};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::name::{HoldId, OrderId};
use strongroom_crypto::range::RangeList;
use strongroom_crypto::state::{FoldError, LiveSegment, State};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};

use super::dates::Dates;
use crate::act::dossier::Dossiers;
use crate::hold::{self, Histories};
use crate::log::{Log, LogError, timestamp, visit_until};
use crate::policies::Policies;
use crate::store::{Covered, LockedStore};

/// Orders, certificates, reviews and holds, and the state with every list at hand.
#[derive(Debug)]
pub struct History {
    /// The fold of all claims.
    pub state: State,
    /// Every seal with its entry.
    pub seals: BTreeMap<SegmentId, (u64, Seal)>,
    /// When each of them was entered.
    pub sealed_at: BTreeMap<SegmentId, Instant>,
    /// The orders, the newest last.
    pub orders: Vec<Ordered>,
    /// What was said of each act.
    pub dossiers: Dossiers,
    /// What was recorded of clocks, and when.
    pub clocks: Vec<(Instant, ClockEvent)>,
    /// What was ever entered of holds.
    pub holds: Histories,
    /// The newest certificate.
    pub certificate: Option<Digest>,
}

/// An order.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Its entry.
    pub index: u64,
    /// When it was entered.
    pub at: Instant,
    /// What it says.
    pub order: DispositionOrder,
    /// That it was carried out.
    pub certified: Option<Certified>,
}

/// A certificate.
#[derive(Clone, Copy, Debug)]
pub struct Certified {
    /// Its entry.
    pub index: u64,
    /// When it was entered.
    pub at: Instant,
    /// Its digest.
    pub certificate: Digest,
}

impl History {
    /// Reads the log of an archive.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn read(log: &Log, keys: &KeyFile) -> Result<Self, LogError> {
        Self::read_until(&**log.store(), keys, log.covered(), Instant::MAX, |_, _| {})
    }

    /// The same as the log stood at an instant, with a look at every entry and its ranges.
    ///
    /// # Errors
    ///
    /// Those of [`History::read`].
    pub fn read_until(
        store: &dyn LockedStore,
        keys: &KeyFile,
        covered: &Covered,
        until: Instant,
        mut show: impl FnMut(&Entry, Option<&RangeList>),
    ) -> Result<Self, LogError> {
        let (mut seals, mut sealed_at) = (BTreeMap::new(), BTreeMap::new());
        let (mut orders, mut certificate) = (Vec::<Ordered>::new(), None);
        let mut dossiers = Dossiers::default();
        let (mut clocks, mut holds) = (Vec::new(), Histories::new());
        let state = visit_until(store, keys, covered, until, |index, entry, ranges| {
            show(&entry, ranges);
            dossiers.note(keys.archive_id(), index, &entry);
            let at = entry.at();
            hold::note(&mut holds, index, at, entry.kind());
            match entry.into_kind() {
                EntryKind::SegmentSeal(seal) => {
                    sealed_at.insert(seal.segment_id, at);
                    seals.insert(seal.segment_id, (index, *seal));
                }
                EntryKind::ClockEvent(event) => clocks.push((at, *event)),
                EntryKind::DispositionOrder(order) => {
                    orders.push(Ordered { index, at, order: *order, certified: None });
                }
                EntryKind::DispositionCertificate(done) => {
                    certificate = Some(done.certificate);
                    let certified = Certified { index, at, certificate: done.certificate };
                    let of = |one: &&mut Ordered| one.order.order == done.order;
                    if let Some(ordered) = orders.iter_mut().rev().find(of) {
                        ordered.certified = Some(certified);
                    }
                }
                _ => {}
            }
        })?;
        Ok(Self { state, seals, sealed_at, orders, dossiers, clocks, holds, certificate })
    }

    /// The newest order of an id.
    pub fn order(&self, id: &OrderId) -> Option<&Ordered> {
        self.orders.iter().rev().find(|ordered| ordered.order.order == *id)
    }

    /// The order that destroys a segment, or destroyed it.
    pub fn order_over(&self, id: &SegmentId) -> Option<&Ordered> {
        let over = |ordered: &&Ordered| self.segments(ordered).binary_search(id).is_ok();
        self.orders.iter().find(over)
    }

    /// The lists that a hold was placed with: all are at hand.
    pub fn lists_of<'a>(
        &'a self,
        history: &'a hold::History,
    ) -> impl Iterator<Item = &'a SegmentList> {
        let placed = history.placed.iter().filter_map(|placed| placed.list);
        placed.filter_map(|list| self.state.list(list).ok())
    }

    /// Whether a hold is or was over a live segment, by its seal or by a list.
    pub fn was_over(&self, id: &HoldId, history: &hold::History, segment: &LiveSegment) -> bool {
        history.was_over(id, &self.state, &segment.segment_id, &segment.holds)
    }

    /// When the last hold over a segment was released.
    pub fn last_release(&self, segment: &LiveSegment) -> Option<Timestamp> {
        let (id, sealed) = (&segment.segment_id, &segment.holds);
        let last = hold::last_release(&self.holds, &self.state, id, sealed, Instant::MAX);
        last.map(timestamp)
    }

    /// The ids of an order's segments: their list is at hand.
    pub fn segments(&self, ordered: &Ordered) -> &[SegmentId] {
        self.state.list(ordered.order.list).map(SegmentList::as_slice).unwrap_or_default()
    }

    /// The seals of an order's segments with their entries.
    ///
    /// # Errors
    ///
    /// Not everything that the order names is known: nothing may be said of the rest.
    pub fn sealed(&self, ordered: &Ordered) -> Result<Vec<(u64, &Seal)>, LogError> {
        let list = self.state.list(ordered.order.list).map_err(FoldError::from)?;
        let seals = list.as_slice().iter().map(|id| {
            let sealed = self.seals.get(id).map(|(index, seal)| (*index, seal));
            sealed.ok_or_else(|| LogError::Damaged {
                object: format!("entry {}", ordered.index),
                detail: format!("it orders segment {id}, which no entry sealed"),
            })
        });
        seals.collect()
    }

    /// What decides again whether orders came in time.
    pub fn dates<'a>(&'a self, policies: &'a Policies) -> Dates<'a> {
        Dates { policies, state: &self.state, holds: &self.holds }
    }
}
