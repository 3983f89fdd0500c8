//! Orders and certificates: what makes them valid, and the orders that are open.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    LiveSegment, PolicyRecord, State,
    page::PageRef,
    root::append,
    rules::Refusal,
    void::{Undecided, Void},
};
use crate::{
    claim::Attachment,
    digest::Digest,
    entry::{DispositionCertificate, DispositionOrder},
    id::SegmentId,
    json::{JsonError, ObjectReader, Value, array, object, text},
    list::SegmentList,
    name::{HoldId, OrderId},
    officer::OfficerError,
    time::Instant,
};

/// Greatest number of open orders: each is looked at for the next.
pub const MAX_ORDERS: usize = 1_000;

/// An order without a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpenOrder {
    /// When it was given.
    pub at: Instant,
    /// Which entry gave it.
    pub index: u64,
    /// Digest of the list of its segments.
    pub list: Digest,
    /// Digest of the policy that was in force.
    pub policy: Digest,
}

/// What was ordered.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    open: BTreeMap<OrderId, OpenOrder>,
    /// How many were carried out.
    certified: u64,
}

impl Orders {
    pub(super) fn open(&self) -> impl Iterator<Item = (&OrderId, &OpenOrder)> {
        self.open.iter()
    }

    pub(super) const fn certified(&self) -> u64 {
        self.certified
    }

    pub(super) fn push(&mut self, order: DispositionOrder, at: Instant, index: u64) {
        let DispositionOrder { list, policy, .. } = order;
        self.open.insert(order.order, OpenOrder { at, index, list, policy });
    }

    /// Closes an order that was carried out.
    pub(super) fn close(&mut self, order: &OrderId) -> Option<OpenOrder> {
        self.certified = self.certified.saturating_add(1);
        self.open.remove(order)
    }

    pub(super) fn to_value(&self) -> Value {
        array(self.open.iter().map(|(id, order)| {
            object([
                ("at", text(order.at)),
                ("index", order.index.into()),
                ("list", text(order.list)),
                ("order", text(id)),
                ("policy", text(order.policy)),
            ])
        }))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut open = BTreeMap::new();
        for mut item in root.objects("orders")? {
            let id = item.parsed("order")?;
            let order = OpenOrder {
                at: item.parsed("at")?,
                index: item.u64("index")?,
                list: item.parsed("list")?,
                policy: item.parsed("policy")?,
            };
            item.finish()?;
            append(root, "orders", &mut open, id, order)?;
        }
        Ok(Self { open, certified: root.u64("certified")? })
    }
}

/// Whether an order that is signed as it must be may take effect.
pub(super) fn check_order(
    state: &State,
    at: Instant,
    order: &DispositionOrder,
    beside: Option<&Attachment>,
) -> Result<(), Refusal> {
    let id = &order.order;
    if state.orders.open.contains_key(id) {
        return Err(Void::OrderOpen { order: id.clone() }.into());
    }
    if state.orders.open.len() >= MAX_ORDERS {
        return Err(Void::Full { what: "open orders", limit: MAX_ORDERS }.into());
    }
    let keep_until = order.keep_until.max(order.destroyable_from);
    if keep_until > at {
        return Err(Void::KeptLonger { order: id.clone(), keep_until, at }.into());
    }
    if order.size > state.size {
        let (most, found) = (state.size, order.size);
        return Err(Void::OrderSize { order: id.clone(), most, found }.into());
    }
    let (expected, found) = (state.holds.epoch(), order.hold_epoch);
    if expected != found {
        return Err(Void::HoldEpoch { expected, found }.into());
    }
    let policy = policy_of(state, at, order)?;
    if order.signatures.is_empty() && policy.pre_approved.is_empty() {
        return Err(Void::Officers(OfficerError::Unsigned).into());
    }
    // All lists are asked for at once.
    let held = state.holds.active().flat_map(|(_, hold)| &hold.lists).copied();
    let ordered = state.orders.open.values().map(|order| order.list);
    state.lists_at_hand(held.chain(ordered))?;
    let own = beside.and_then(Attachment::list).filter(|list| list.digest() == order.list);
    let segments = segments(state, own.map_or_else(|| state.list(order.list), Ok)?)?;
    check_segments(state, at, order, policy, &segments)
}

/// The policy in force, if the order was given under it.
pub(super) fn policy_of<'a>(
    state: &'a State,
    at: Instant,
    order: &DispositionOrder,
) -> Result<&'a PolicyRecord, Void> {
    let policy = state.policies.in_force(at).filter(|policy| policy.policy == order.policy);
    policy.ok_or(Void::NotInForce { policy: order.policy, at })
}

fn check_segments(
    state: &State,
    at: Instant,
    order: &DispositionOrder,
    policy: &PolicyRecord,
    segments: &[&LiveSegment],
) -> Result<(), Refusal> {
    let differs = |member| Err(Void::OrderDiffers { order: order.order.clone(), member }.into());
    if u64::try_from(segments.len()) != Ok(order.count) {
        return differs("count");
    }
    let bytes = segments.iter().fold(0_u64, |sum, segment| sum.saturating_add(segment.bytes));
    if bytes != order.bytes {
        return differs("bytes");
    }
    let (held, ordered) = (state.held_lists()?, state.ordered_lists()?);
    let (size, told) = (order.size, state.clocks.set_since(order.size));
    for segment in segments {
        let id = segment.segment_id;
        // What the officers did not see, they did not decide about.
        if segment.index >= size || told.contains(&segment.stream) {
            return Err(Void::Unseen { id, size }.into());
        }
        if order.signatures.is_empty() && !policy.pre_approved.contains(&segment.class) {
            return Err(Void::NotPreApproved { class: segment.class.clone() }.into());
        }
        // Nobody but the seal vouches for the date of what no officer signed for.
        let kept = segment.retain_until.is_none_or(|until| until > at);
        if order.signatures.is_empty() && kept {
            let keep_until = segment.retain_until.unwrap_or(Instant::MAX);
            return Err(Void::KeptLonger { order: order.order.clone(), keep_until, at }.into());
        }
        if let Some((order, _)) = ordered.iter().find(|(_, list)| list.contains(&id)) {
            return Err(Void::Ordered { id, order: (*order).clone() }.into());
        }
        if let Some(hold) = state.holds_among(&held, segment).next() {
            return Err(Void::Held { id, hold: hold.clone() }.into());
        }
    }
    Ok(())
}

impl State {
    /// The lists of the active holds.
    pub(super) fn held_lists(&self) -> Result<Vec<(&HoldId, &SegmentList)>, Undecided> {
        let lists = self.holds.active().flat_map(|(id, hold)| {
            hold.lists.iter().map(move |digest| Ok((id, self.list(*digest)?)))
        });
        lists.collect()
    }

    /// The lists of the open orders.
    pub(super) fn ordered_lists(&self) -> Result<Vec<(&OrderId, &SegmentList)>, Undecided> {
        let orders = self.orders.open.iter();
        orders.map(|(id, order)| Ok((id, self.list(order.list)?))).collect()
    }

    /// The active holds over a segment, given the lists of all.
    pub(super) fn holds_among<'a>(
        &'a self,
        held: &[(&HoldId, &SegmentList)],
        segment: &LiveSegment,
    ) -> impl Iterator<Item = &'a HoldId> {
        let lists = held.iter().filter(|(_, list)| list.contains(&segment.segment_id));
        let listed: BTreeSet<&HoldId> = lists.map(|(id, _)| *id).collect();
        let over = move |id: &&HoldId| listed.contains(id) || segment.holds.contains(id);
        self.holds.active().map(|(id, _)| id).filter(over)
    }

    fn lists_at_hand(&self, lists: impl Iterator<Item = Digest>) -> Result<(), Undecided> {
        let missing: BTreeSet<_> = lists.filter(|list| !self.lists.contains_key(list)).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Undecided::Lists(missing.into_iter().collect()))
        }
    }
}

/// Whether a certificate may close its order.
pub(super) fn check_certificate(
    state: &State,
    certificate: &DispositionCertificate,
) -> Result<(), Refusal> {
    let id = &certificate.order;
    let open = state.orders.open.get(id);
    let open = open.ok_or_else(|| Void::OrderNotOpen { order: id.clone() })?;
    segments(state, state.list(open.list)?).map(|_| ())
}

/// The live segments of a list.
fn segments<'a>(state: &'a State, list: &SegmentList) -> Result<Vec<&'a LiveSegment>, Refusal> {
    let mut needed: BTreeMap<u64, PageRef> = BTreeMap::new();
    let mut segments = Vec::new();
    let mut dead: Option<SegmentId> = None;
    for id in list.as_slice() {
        match state.pages.find(id) {
            Ok(Some(segment)) => segments.push(segment),
            Ok(None) => dead = dead.or(Some(*id)),
            Err(pages) => needed.extend(pages.into_iter().map(|page| (page.number, page))),
        }
    }
    // Pages first: whoever folds gets the same reason.
    match dead {
        _ if !needed.is_empty() => Err(Undecided::Pages(needed.into_values().collect()).into()),
        Some(id) => Err(Void::NotLive { id }.into()),
        None => Ok(segments),
    }
}
