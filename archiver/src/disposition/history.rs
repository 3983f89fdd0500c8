//! What the log says of disposals, read from its beginning.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::entry::{
    ClockEvent, DispositionOrder, Entry, EntryKind, OfficerAct, Seal, Verdict,
};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::name::{HoldId, OrderId};
use strongroom_crypto::state::{LiveSegment, State};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};

use crate::log::{Log, LogError, timestamp, visit_until};
use crate::store::{Covered, LockedStore};

/// Orders, certificates, reviews and released holds, and the state with every list at hand.
#[derive(Debug)]
pub struct History {
    /// The fold of all claims.
    pub state: State,
    /// Every seal with its entry.
    pub seals: BTreeMap<SegmentId, (u64, Seal)>,
    /// The orders, the newest last.
    pub orders: Vec<Ordered>,
    /// What officers said of statements but yes.
    pub reviews: Vec<Review>,
    /// What was recorded of clocks, and when.
    pub clocks: Vec<(Instant, ClockEvent)>,
    /// The newest certificate.
    pub certificate: Option<Digest>,
    released: Vec<Released>,
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

/// What an officer said of a statement.
#[derive(Clone, Debug)]
pub struct Review {
    /// The entry.
    pub index: u64,
    /// What it says.
    pub act: OfficerAct,
}

#[derive(Debug)]
struct Released {
    hold: HoldId,
    at: Instant,
    lists: Vec<SegmentList>,
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

    /// The same as the log stood at an instant, with a look at every entry.
    ///
    /// # Errors
    ///
    /// Those of [`History::read`].
    pub fn read_until(
        store: &dyn LockedStore,
        keys: &KeyFile,
        covered: &Covered,
        until: Instant,
        mut show: impl FnMut(u64, &Entry),
    ) -> Result<Self, LogError> {
        let (mut seals, mut orders, mut reviews) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (mut holds, mut releases) = (BTreeMap::<HoldId, Vec<Digest>>::new(), Vec::new());
        let (mut newest, mut clocks) = (None, Vec::new());
        let state = visit_until(store, keys, covered, until, |index, entry, _| {
            show(index, &entry);
            let at = entry.at();
            match entry.into_kind() {
                EntryKind::SegmentSeal(seal) => {
                    seals.insert(seal.segment_id, (index, *seal));
                }
                EntryKind::HoldPlace(place) => {
                    holds.entry(place.hold).or_default().extend(place.list);
                }
                EntryKind::HoldRelease(lifted) => {
                    let lists = holds.remove(&lifted.hold).unwrap_or_default();
                    releases.push((lifted.hold, at, lists));
                }
                EntryKind::ClockEvent(event) => clocks.push((at, *event)),
                EntryKind::OfficerAct(act) if act.verdict != Verdict::Approve => {
                    reviews.push(Review { index, act });
                }
                EntryKind::DispositionOrder(order) => {
                    orders.push(Ordered { index, at, order: *order, certified: None });
                }
                EntryKind::DispositionCertificate(done) => {
                    newest = Some(done.certificate);
                    let certified = Certified { index, at, certificate: done.certificate };
                    let of = |one: &&mut Ordered| one.order.order == done.order;
                    if let Some(ordered) = orders.iter_mut().rev().find(of) {
                        ordered.certified = Some(certified);
                    }
                }
                _ => {}
            }
        })?;
        let at_hand = |lists: Vec<Digest>| {
            lists.into_iter().filter_map(|list| state.list(list).ok().cloned()).collect()
        };
        let ended = releases.into_iter();
        let ended = ended.map(|(hold, at, lists)| Released { hold, at, lists: at_hand(lists) });
        let lifted = ended.collect();
        Ok(Self { seals, orders, reviews, clocks, certificate: newest, released: lifted, state })
    }

    /// The newest order of an id.
    pub fn order(&self, id: &OrderId) -> Option<&Ordered> {
        self.orders.iter().rev().find(|ordered| ordered.order.order == *id)
    }

    /// When the last hold over a segment was released that is active no more.
    pub fn last_release(&self, segment: &LiveSegment) -> Option<Timestamp> {
        let over = |released: &&Released| {
            segment.holds.contains(&released.hold)
                || released.lists.iter().any(|list| list.contains(&segment.segment_id))
        };
        self.released.iter().filter(over).map(|released| timestamp(released.at)).max()
    }

    /// The ids of an order's segments: their list is at hand.
    pub fn segments(&self, ordered: &Ordered) -> &[SegmentId] {
        self.state.list(ordered.order.list).map(SegmentList::as_slice).unwrap_or_default()
    }
}
