//! What an archive knows of a segment at an instant, as the file of facts that decides about it without
//! the archive (`retention/POLICY.md`), today and when the archive has long changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use strongroom_crypto::entry::{
    ClockChange, ClockEvent, DispositionOrder, EntryKind, OfficerAct, Seal, TimeRange, Verdict,
};
use strongroom_crypto::json::{Members, Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{HoldId, OfficerRole, OrderId, StreamName};
use strongroom_crypto::officer::Registry;
use strongroom_crypto::state::State;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};
use strongroom_retention::facts::Stage;

use crate::document::Document;
use crate::hold::{self, Histories};
use crate::log::{LogError, Sealed, instant, read_list, timestamp, visit};
use crate::store::{Covered, LockedStore};

/// The type of an order's entry.
const ORDER: &str = "disposition.order";

/// The entries that facts come from.
#[derive(Debug)]
pub struct Entered {
    state: State,
    /// The valid seals, those of destroyed segments too.
    pub seals: Vec<Sealed>,
    sealed_at: BTreeMap<SegmentId, Instant>,
    holds: Histories,
    clocks: Vec<(Instant, ClockEvent)>,
    orders: BTreeMap<OrderId, Ordered>,
    acts: Vec<(Instant, OfficerAct)>,
}

/// An order, and when it was carried out.
#[derive(Debug)]
struct Ordered {
    at: Instant,
    list: Digest,
    certified: Option<Instant>,
}

/// Where facts are read, and as of when.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The archive.
    pub store: &'a dyn LockedStore,
    /// What lies beneath something else.
    pub covered: &'a Covered,
    /// What was entered later is left out.
    pub at: Timestamp,
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Entered {
    /// Reads the log from its beginning.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn read(
        store: &dyn LockedStore,
        keys: &KeyFile,
        covered: &Covered,
    ) -> Result<Self, LogError> {
        let (mut seals, mut sealed_at) = (Vec::new(), BTreeMap::new());
        let (mut holds, mut clocks) = (Histories::new(), Vec::new());
        let (mut orders, mut acts) = (BTreeMap::new(), Vec::new());
        let state = visit(store, keys, covered, |index, entry, ranges| {
            let at = entry.at();
            hold::note(&mut holds, index, at, entry.kind());
            match (entry.into_kind(), ranges) {
                (EntryKind::SegmentSeal(seal), Some(ranges)) => {
                    sealed_at.insert(seal.segment_id, at);
                    seals.push(Sealed { seal: *seal, ranges: ranges.clone(), gone: None });
                }
                (EntryKind::ClockEvent(event), _) => clocks.push((at, *event)),
                (EntryKind::OfficerAct(act), _) => acts.push((at, act)),
                (EntryKind::DispositionOrder(order), _) => {
                    let ordered = Ordered { at, list: order.list, certified: None };
                    orders.insert(order.order, ordered);
                }
                (EntryKind::DispositionCertificate(done), _) => {
                    if let Some(ordered) = orders.get_mut(&done.order) {
                        ordered.certified = Some(at);
                    }
                }
                _ => {}
            }
        })?;
        Ok(Self { state, seals, sealed_at, holds, clocks, orders, acts })
    }

    /// What the entries add up to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When a segment was sealed, and its entry.
    pub fn seal(&self, id: &SegmentId) -> Option<(Instant, &Seal)> {
        let sealed = self.seals.iter().find(|sealed| sealed.seal.segment_id == *id)?;
        Some((*self.sealed_at.get(id)?, &sealed.seal))
    }

    /// The file of facts of a segment. Which end of its lock was seen and which labels its stream has
    /// does not stand in the log.
    ///
    /// # Errors
    ///
    /// The store's, or a document is missing that an entry names.
    pub fn facts(
        &self,
        from: Source<'_>,
        seal: &Seal,
        labels: &BTreeMap<String, String>,
        lock_until: Option<Timestamp>,
    ) -> Result<Value, LogError> {
        let id = &seal.segment_id;
        let mut record = Members::default();
        record.insert("segment", text(id));
        record.insert("stream", text(&seal.stream));
        let mut named = Members::default();
        for (name, value) in labels {
            named.insert(name.as_str(), value.as_str());
        }
        record.insert("labels", named);
        record.insert("event_time", seal.event_time.map(times));
        record.insert("receive_time", times(seal.receive_time));
        record.insert("lock_until", lock_until.map(text));
        record.insert("stage", self.stage(from, id)?);
        let (policies, catalogues) = self.policies(from)?;
        Ok(object([
            ("catalogues", array(catalogues)),
            ("clock_events", array(self.clock_events(from, &seal.stream))),
            ("holds", array(self.holds(from, seal)?)),
            ("policies", array(policies)),
            ("record", record.into()),
        ]))
    }

    /// The texts of the policies that were approved, and of the catalogues that they pin.
    fn policies(&self, from: Source<'_>) -> Result<(Vec<Value>, Vec<String>), LogError> {
        let (mut policies, mut catalogues) = (Vec::new(), BTreeSet::new());
        let as_of = instant(from.at);
        for record in self.state.policies().iter().filter(|record| record.approved <= as_of) {
            catalogues.insert(record.catalogue);
            policies.push(object([
                ("approved", text(record.approved)),
                ("policy", read(Document::Policy, from, record.policy)?.into()),
            ]));
        }
        let texts = catalogues.into_iter().map(|digest| read(Document::Catalogue, from, digest));
        Ok((policies, texts.collect::<Result<_, _>>()?))
    }

    fn clock_events(&self, from: Source<'_>, stream: &StreamName) -> Vec<Value> {
        let as_of = instant(from.at);
        let events = self.clocks.iter();
        let known = events.filter(|(at, event)| *at <= as_of && event.stream == *stream);
        let known = known.map(|(at, event)| {
            object([
                ("at", text(event.happened)),
                ("earlier", (event.kind == ClockChange::Earlier).into()),
                ("event", text(&event.event)),
                ("recorded_at", text(at)),
                ("reopened", (event.kind == ClockChange::Reopened).into()),
            ])
        });
        known.collect()
    }

    /// The holds over a segment. One that came after its order came too late.
    fn holds(&self, from: Source<'_>, seal: &Seal) -> Result<Vec<Value>, LogError> {
        let as_of = instant(from.at);
        let ordered = self.order_over(as_of, &seal.segment_id).map(|ordered| ordered.at);
        let mut holds = Vec::new();
        for (id, history) in &self.holds {
            let Some(placed) = self.placed(from, id, seal)?.filter(|placed| *placed <= as_of)
            else {
                continue;
            };
            if ordered.is_some_and(|ordered| ordered < placed) {
                continue;
            }
            let released = history.released.as_ref().map(|one| one.at).filter(|at| *at <= as_of);
            holds.push(object([
                ("id", text(id)),
                ("placed", text(placed)),
                ("released", released.map(text).into()),
            ]));
        }
        Ok(holds)
    }

    /// Since when a hold is over a segment: by a list, or by its seal.
    fn placed(
        &self,
        from: Source<'_>,
        id: &HoldId,
        seal: &Seal,
    ) -> Result<Option<Instant>, LogError> {
        let Some(history) = self.holds.get(id) else { return Ok(None) };
        let mut first = None;
        for placed in &history.placed {
            let standing = placed.standing.as_ref();
            let sealed_so = seal.holds.contains(id)
                && standing.is_some_and(|standing| standing.covers(&seal.stream));
            let listed = match placed.list {
                Some(list) if !sealed_so => {
                    read_list(from.store, from.covered, list)?.contains(&seal.segment_id)
                }
                _ => false,
            };
            if sealed_so || listed {
                first = first.or(Some(placed.at));
            }
        }
        Ok(first)
    }

    fn order_over(&self, as_of: Instant, id: &SegmentId) -> Option<&Ordered> {
        let over = |ordered: &&Ordered| {
            ordered.at <= as_of && self.state.list(ordered.list).is_ok_and(|list| list.contains(id))
        };
        self.orders.values().find(over)
    }

    /// How far the disposition of a segment has come.
    fn stage(&self, from: Source<'_>, id: &SegmentId) -> Result<Value, LogError> {
        let as_of = instant(from.at);
        if let Some(ordered) = self.order_over(as_of, id) {
            let gone = ordered.certified.is_some_and(|at| at <= as_of);
            return Ok(if gone { Stage::Destroyed } else { Stage::Ordered }.as_str().into());
        }
        let acts = self.acts.iter().filter(|(at, act)| *at <= as_of && act.act.as_str() == ORDER);
        let mut digests: Vec<Digest> = Vec::new();
        for (_, act) in acts.rev() {
            if !digests.contains(&act.digest) {
                digests.push(act.digest);
            }
        }
        // The batch of which somebody spoke last.
        for digest in digests {
            let Some(order) = self.statement(from, digest)? else { continue };
            if read_list(from.store, from.covered, order.list)?.contains(id) {
                return Ok(match self.approved(as_of, digest, &order) {
                    None => Stage::InReview.as_str().into(),
                    Some(at) => object([
                        ("approved_at", text(at)),
                        ("policy", text(format_args!("sha256:{}", order.policy))),
                    ]),
                });
            }
        }
        Ok(Stage::Live.as_str().into())
    }

    /// The order that officers spoke of. Of one that was only rejected nothing is kept.
    fn statement(
        &self,
        from: Source<'_>,
        digest: Digest,
    ) -> Result<Option<DispositionOrder>, LogError> {
        let bytes = Document::Statement.load(from.store, from.covered, digest)?;
        let kind =
            bytes.and_then(|bytes| EntryKind::from_statement(&bytes, self.state.archive_id()).ok());
        Ok(match kind {
            Some(EntryKind::DispositionOrder(order)) => Some(*order),
            _ => None,
        })
    }

    /// When the second of the two roles that the policy names approved an order, if nobody said no and
    /// the approvals still count.
    fn approved(
        &self,
        as_of: Instant,
        digest: Digest,
        order: &DispositionOrder,
    ) -> Option<Instant> {
        let policy = self.state.policies().iter().find(|known| known.policy == order.policy)?;
        let mut roles: BTreeSet<OfficerRole> = BTreeSet::new();
        let mut complete = None;
        for (at, act) in self.acts.iter().filter(|(at, act)| *at <= as_of && act.digest == digest) {
            if act.verdict != Verdict::Approve {
                return None;
            }
            roles.extend(roles_of(self.state.officers(), act));
            if complete.is_none() && policy.roles.iter().all(|role| roles.contains(role)) {
                complete = Some(*at);
            }
        }
        complete.filter(|_| as_of <= order.expires_at)
    }
}

fn roles_of(officers: &Registry, act: &OfficerAct) -> Vec<OfficerRole> {
    let known = |id| officers.get(&id).map(|officer| officer.role.clone());
    act.signatures.iter().filter_map(|signature| known(signature.officer)).collect()
}

fn times(range: TimeRange) -> Value {
    let at = |at: Instant| text(timestamp(at));
    object([("max", at(range.max())), ("min", at(range.min()))])
}

fn read(kind: Document, from: Source<'_>, digest: Digest) -> Result<String, LogError> {
    let bytes = kind.require(from.store, from.covered, digest)?;
    String::from_utf8(bytes).map_err(|_| LogError::Damaged {
        object: format!("{}{digest}", kind.place()),
        detail: "it is no text".to_owned(),
    })
}
