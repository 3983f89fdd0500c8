//! Batches that officers spoke of, and how far each has come.

use std::collections::BTreeMap;

use strongroom_crypto::entry::{DispositionOrder, EntryKind, Verdict};
use strongroom_crypto::state::State;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};
use strongroom_retention::facts::Stage;

use super::history::History;
use crate::act::dossier::{Dossier, Standing};
use crate::log::{LogError, find_list, timestamp};
use crate::store::{Covered, LockedStore};

/// A batch that officers spoke of, ordered since or not.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// What was said of it.
    pub dossier: Dossier,
    /// What became of it.
    pub standing: Standing,
    /// What it makes of its segments, if no order has them.
    pub stage: Stage,
}

/// How far the disposals of segments have come that no order has.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    segments: BTreeMap<SegmentId, Stage>,
    /// The statements of batches of which nobody knows any more which segments they have.
    pub lost: Vec<Digest>,
}

impl Stages {
    /// The stage of a segment. Of several batches with it that counts which has come furthest, for
    /// that one can be executed whatever is said of the others.
    pub fn of(&self, id: &SegmentId) -> Stage {
        self.segments.get(id).copied().unwrap_or_default()
    }

    fn add(&mut self, id: SegmentId, stage: Stage) {
        let approved = |stage: Stage| match stage {
            Stage::Approved { at, .. } => Some(at),
            _ => None,
        };
        let known = self.segments.entry(id).or_insert(stage);
        if approved(stage) > approved(*known) {
            *known = stage;
        }
    }
}

impl Reviewed {
    /// The order that it becomes or became; none if its statement is not to be had.
    pub fn order(&self) -> Option<&DispositionOrder> {
        match &self.dossier.kind {
            Some(EntryKind::DispositionOrder(order)) => Some(order),
            _ => None,
        }
    }
}

impl History {
    /// The batches that officers spoke of, as of an instant, in the order in which they were begun.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn reviewed(
        &self,
        store: &dyn LockedStore,
        covered: &Covered,
        now: Instant,
    ) -> Result<Vec<Reviewed>, LogError> {
        let archive = self.state.archive_id();
        let of_orders = |dossier: &Dossier| dossier.act.as_str() == "disposition.order";
        let found = self.dossiers.open(store, covered, archive, of_orders)?;
        let judged = found.into_iter().map(|dossier| {
            let standing = dossier.standing(&self.state, now);
            let stage = stage(&dossier, &standing, &self.state);
            Reviewed { dossier, standing, stage }
        });
        Ok(judged.collect())
    }

    /// What these batches make of their segments.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn stages(
        &self,
        store: &dyn LockedStore,
        covered: &Covered,
        now: Instant,
    ) -> Result<Stages, LogError> {
        let mut stages = Stages::default();
        let reviewed = self.reviewed(store, covered, now)?;
        for batch in reviewed.iter().filter(|batch| batch.stage != Stage::Live) {
            let list = batch.order().map(|order| find_list(store, covered, order.list));
            match list.transpose()?.flatten() {
                Some(list) => list.as_slice().iter().for_each(|id| stages.add(*id, batch.stage)),
                None => stages.lost.push(batch.dossier.digest),
            }
        }
        Ok(stages)
    }
}

/// What a batch makes of its segments. Who says no takes the proposal back; a yes that counts no more
/// leaves it.
fn stage(dossier: &Dossier, standing: &Standing, state: &State) -> Stage {
    let proposed = dossier.said.iter().any(|said| said.act.verdict == Verdict::Approve);
    match standing {
        Standing::Waiting => approved(dossier, state).unwrap_or(Stage::InReview),
        Standing::Entered(..) | Standing::Rejected { .. } => Stage::Live,
        _ if proposed => Stage::InReview,
        _ => Stage::Live,
    }
}

/// That officers of both roles approved a batch that the policy names, and when the second one did.
fn approved(dossier: &Dossier, state: &State) -> Option<Stage> {
    let Some(EntryKind::DispositionOrder(order)) = &dossier.kind else { return None };
    let policy = state.policies().iter().find(|known| known.policy == order.policy)?;
    let mut missing = policy.roles.to_vec();
    for (signed, at) in dossier.approvals(state) {
        let role = state.officers().get(&signed.officer).map(|officer| &officer.role);
        missing.retain(|one| Some(one) != role);
        if missing.is_empty() {
            return Some(Stage::Approved { at: timestamp(at), policy: order.policy });
        }
    }
    None
}
