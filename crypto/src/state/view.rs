//! What the state says.

use super::{
    Clock, Hold, LiveSegment, NextClaim, OpenOrder, PolicyRecord, Position, State, Undecided,
};
use crate::{
    digest::Digest,
    entry::Locked,
    id::{ArchiveId, SegmentId},
    keys::{KeyId, Role, RolePublic},
    list::SegmentList,
    name::{Environment, EventName, HoldId, OrderId, Shard, StreamName},
    officer::Registry,
    origin::OriginHandle,
    time::Instant,
};

impl State {
    /// The archive.
    pub const fn archive_id(&self) -> ArchiveId {
        self.archive_id
    }

    /// What it is for.
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// How long a segment is locked at birth.
    pub const fn settle_ms(&self) -> u64 {
        self.settle_ms
    }

    /// Where the archive lives.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// Digest of the first entry: half of the auditor's trust anchor.
    pub const fn log_open_sha256(&self) -> Digest {
        self.log_open_sha256
    }

    /// How many entries were folded.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The greatest `at`.
    pub const fn latest(&self) -> Instant {
        self.latest
    }

    /// Until when the settling locks of the segments live at the last extension were extended.
    /// A segment sealed since has a lock of its own that ends later or soon after.
    pub const fn extended_until(&self) -> Option<Instant> {
        self.extended_until
    }

    /// The claim that holds the next entry, or the next to come.
    pub const fn next_claim(&self) -> NextClaim {
        self.claim
    }

    /// A key that is or was registered under any role: what it signed can be checked.
    pub fn registered(&self, id: KeyId) -> Option<RolePublic> {
        let known = self.keys.iter().find(|((_, known), _)| *known == id);
        known.map(|(_, record)| record.public.clone())
    }

    /// Whether a key may append for a role now.
    pub fn is_active(&self, role: Role, id: KeyId) -> bool {
        self.keys.get(&(role, id)).is_some_and(|record| !record.revoked)
    }

    /// Whether a key may append anything now.
    pub fn is_active_in_any_role(&self, id: KeyId) -> bool {
        self.keys.iter().any(|((_, known), record)| *known == id && !record.revoked)
    }

    /// The generations kept of an origin, oldest first, and where they stand.
    pub fn positions(
        &self,
        origin: &OriginHandle,
    ) -> impl DoubleEndedIterator<Item = (u64, Position)> {
        self.positions.of(origin)
    }

    /// The number of the window that a shard closes next.
    pub fn next_window(&self, shard: Shard) -> u64 {
        self.windows.get(&shard).map_or(0, |last| last.saturating_add(1))
    }

    /// Whether an upload was abandoned.
    pub fn is_abandoned(&self, id: &SegmentId) -> bool {
        self.abandoned.contains(id)
    }

    /// How many segments are live, loaded or not.
    pub const fn live_segments(&self) -> u64 {
        self.pages.live()
    }

    /// The live segments of the loaded pages, in the order of their seals.
    pub fn segments(&self) -> impl Iterator<Item = &LiveSegment> {
        self.pages.segments()
    }

    /// The live segment of an id.
    ///
    /// # Errors
    ///
    /// Names the pages, not yet loaded, that could hold it.
    pub fn segment(&self, id: &SegmentId) -> Result<Option<&LiveSegment>, Undecided> {
        self.pages.find(id).map_err(Undecided::Pages)
    }

    /// Which segments a run last said to have locked until their dates.
    pub const fn locked(&self) -> Option<Locked> {
        self.locked
    }

    /// Until when a run said to have locked what proves them.
    pub const fn proof_until(&self) -> Option<Instant> {
        self.proof_until
    }

    /// Whose signatures count.
    pub const fn officers(&self) -> &Registry {
        &self.officers
    }

    /// The number of the registry: how often officers were set.
    pub const fn officers_number(&self) -> u64 {
        self.officers_number
    }

    /// All policies, the newest last.
    pub fn policies(&self) -> &[PolicyRecord] {
        self.policies.as_slice()
    }

    /// The newest policy that has taken effect at a time.
    pub fn policy_in_force(&self, at: Instant) -> Option<&PolicyRecord> {
        self.policies.in_force(at)
    }

    /// The statements that the recovery key signed, and when.
    pub fn recoveries(&self) -> impl Iterator<Item = (Digest, Instant)> {
        self.reviews.recoveries()
    }

    /// The policies that will be in force after a time, the next first.
    pub fn pending_policies(&self, at: Instant) -> Vec<&PolicyRecord> {
        self.policies.pending(at)
    }

    /// The active holds.
    pub fn holds(&self) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.holds.active()
    }

    /// Counts what was widened and released.
    pub const fn hold_epoch(&self) -> u64 {
        self.holds.epoch()
    }

    /// The active holds over a live segment: of its seal, and by their lists. None if its destruction
    /// was ordered first: a hold comes too late for it.
    ///
    /// # Errors
    ///
    /// Names the lists that have to be at hand.
    pub fn holds_over(&self, segment: &LiveSegment) -> Result<Vec<HoldId>, Undecided> {
        if self.order_over(&segment.segment_id)?.is_some() {
            return Ok(Vec::new());
        }
        let held = self.held_lists()?;
        Ok(self.holds_among(&held, segment).cloned().collect())
    }

    /// What is known of events that periods count from: of which stream, which event, and when.
    pub fn clocks(&self) -> impl Iterator<Item = (&StreamName, &EventName, Clock)> {
        self.clocks.iter()
    }

    /// What is known of one event of a stream.
    pub fn clock(&self, stream: &StreamName, event: &EventName) -> Option<Clock> {
        self.clocks.get(stream, event).copied()
    }

    /// The orders without a certificate.
    pub fn orders(&self) -> impl Iterator<Item = (&OrderId, &OpenOrder)> {
        self.orders.open()
    }

    /// How many orders were carried out.
    pub const fn certified(&self) -> u64 {
        self.orders.certified()
    }

    /// The open order that a segment is in.
    ///
    /// # Errors
    ///
    /// Names the lists that have to be at hand.
    pub fn order_over(&self, id: &SegmentId) -> Result<Option<OrderId>, Undecided> {
        let ordered = self.ordered_lists()?;
        let over = ordered.into_iter().find(|(_, list)| list.contains(id));
        Ok(over.map(|(order, _)| order.clone()))
    }

    /// A list that was put at hand.
    ///
    /// # Errors
    ///
    /// It was not.
    pub fn list(&self, digest: Digest) -> Result<&SegmentList, Undecided> {
        self.lists.get(&digest).ok_or_else(|| Undecided::Lists(vec![digest]))
    }

    /// Index of the first critical entry of unknown type: from there on nothing may be decided.
    pub const fn unknown_critical(&self) -> Option<u64> {
        self.unknown_critical
    }
}
