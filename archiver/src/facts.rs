//! What an archive knows of a segment at an instant, as the file of facts that decides about it without
//! the archive (`retention/POLICY.md`), today and when the archive has long changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use strongroom_crypto::entry::{ClockChange, EntryKind, Seal, TimeRange};
use strongroom_crypto::json::{Members, Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{HoldId, StreamName};
use strongroom_crypto::state::State;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};
use strongroom_retention::facts::Stage;

use crate::disposition::history::{History, Ordered};
use crate::disposition::review::Stages;
use crate::document::Document;
use crate::hold::{self, Placed};
use crate::log::{LogError, Sealed, instant, timestamp};
use crate::store::{Covered, LockedStore};

/// The entries that facts come from, as of an instant.
#[derive(Debug)]
pub struct Entered {
    history: History,
    /// The valid seals, those of destroyed segments too.
    pub seals: Vec<Sealed>,
    stages: Stages,
}

/// Where facts are read.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The archive.
    pub store: &'a dyn LockedStore,
    /// What lies beneath something else.
    pub covered: &'a Covered,
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Entered {
    /// Reads the log from its beginning, as it stood at an instant.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn read(from: Source<'_>, keys: &KeyFile, at: Timestamp) -> Result<Self, LogError> {
        let (Source { store, covered }, until) = (from, instant(at));
        let mut seals = Vec::new();
        let history = History::read_until(store, keys, covered, until, |entry, ranges| {
            if let (EntryKind::SegmentSeal(seal), Some(ranges)) = (entry.kind(), ranges) {
                seals.push(Sealed { seal: (**seal).clone(), ranges: ranges.clone(), gone: None });
            }
        })?;
        let stages = history.stages(store, covered, until)?;
        Ok(Self { history, seals, stages })
    }

    /// What the entries add up to.
    pub fn state(&self) -> &State {
        &self.history.state
    }

    /// The seal of a segment.
    pub fn seal(&self, id: &SegmentId) -> Option<&Seal> {
        self.history.seals.get(id).map(|(_, seal)| seal)
    }

    /// The statements of batches of which nobody knows any more which segments they have.
    pub fn lost(&self) -> &[Digest] {
        &self.stages.lost
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
        let extended = self.state().extended_until();
        let settling = extended.map_or(seal.settle_until, |until| until.max(seal.settle_until));
        record.insert("settle_until", text(timestamp(settling)));
        record.insert("stage", self.stage(id));
        let (policies, catalogues) = self.policies(from)?;
        Ok(object([
            ("catalogues", array(catalogues)),
            ("clock_events", array(self.clock_events(&seal.stream))),
            ("holds", array(self.holds(seal))),
            ("policies", array(policies)),
            ("record", record.into()),
        ]))
    }

    /// The texts of the policies that were approved, and of the catalogues that they pin.
    fn policies(&self, from: Source<'_>) -> Result<(Vec<Value>, Vec<String>), LogError> {
        let (mut policies, mut catalogues) = (Vec::new(), BTreeSet::new());
        for record in self.state().policies() {
            catalogues.insert(record.catalogue);
            policies.push(object([
                ("approved", text(record.approved)),
                ("policy", read(Document::Policy, from, record.policy)?.into()),
            ]));
        }
        let texts = catalogues.into_iter().map(|digest| read(Document::Catalogue, from, digest));
        Ok((policies, texts.collect::<Result<_, _>>()?))
    }

    fn clock_events(&self, stream: &StreamName) -> Vec<Value> {
        let known = self.history.clocks.iter().filter(|(_, event)| event.stream == *stream);
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
    fn holds(&self, seal: &Seal) -> Vec<Value> {
        let ordered = self.history.order_over(&seal.segment_id).map(|ordered| ordered.at);
        let mut holds = Vec::new();
        for (id, history) in &self.history.holds {
            let Some(placed) = self.placed(id, history, seal) else { continue };
            if ordered.is_some_and(|ordered| ordered < placed) {
                continue;
            }
            let released = history.released.as_ref().map(|one| one.at);
            holds.push(object([
                ("id", text(id)),
                ("placed", text(placed)),
                ("released", released.map(text).into()),
            ]));
        }
        holds
    }

    /// Since when a hold is over a segment: by a list, or by its seal.
    fn placed(&self, id: &HoldId, history: &hold::History, seal: &Seal) -> Option<Instant> {
        let over = |placed: &&Placed| {
            let standing = placed.standing.as_ref();
            let sealed_so = seal.holds.contains(id)
                && standing.is_some_and(|standing| standing.covers(&seal.stream));
            let list = placed.list.and_then(|list| self.state().list(list).ok());
            sealed_so || list.is_some_and(|list| list.contains(&seal.segment_id))
        };
        history.placed.iter().find(over).map(|placed| placed.at)
    }

    /// How far the disposition of a segment has come.
    fn stage(&self, id: &SegmentId) -> Value {
        let stage = match self.history.order_over(id) {
            Some(Ordered { certified: Some(_), .. }) => Stage::Destroyed,
            Some(_) => Stage::Ordered,
            None => self.stages.of(id),
        };
        match stage {
            Stage::Approved { at, policy } => object([
                ("approved_at", text(at)),
                ("policy", text(format_args!("sha256:{policy}"))),
            ]),
            stage => stage.as_str().into(),
        }
    }
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
