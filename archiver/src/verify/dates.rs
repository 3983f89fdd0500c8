//! Until when segments are kept, decided again from the policies that the log names.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::SegmentId;
use strongroom_crypto::name::PeriodKeyName;
use strongroom_retention::decision::KeepUntil;

use super::fold::Fold;
use super::{Audit, Mark};
use crate::log::timestamp;
use crate::policies::{Labels, Policies};

/// The dates of an archive; empty where no policy is in force or it cannot be read.
#[derive(Default)]
pub(super) struct Dates {
    segments: BTreeMap<SegmentId, Timestamp>,
    /// Of each key the latest date of its segments; none if one of them has no date.
    keys: BTreeMap<PeriodKeyName, Option<Timestamp>>,
    proofs: Option<Timestamp>,
    policies: Option<Policies>,
}

impl Dates {
    /// Decides about every live segment.
    pub(super) fn new(audit: &Audit<'_>, fold: &Fold) -> Self {
        let Some(state) = fold.state.as_ref().filter(|state| !state.policies().is_empty()) else {
            return Self::default();
        };
        let policies = Policies::load(audit.store, &audit.covered, state, Labels::new());
        let policies = match policies {
            Ok(policies) => policies.with_clocks(&fold.clocks),
            Err(error) => {
                let detail = format!("dates cannot be decided: {error}");
                audit.note("policy", "policies/", Mark::NotProven, detail);
                return Self::default();
            }
        };
        let proofs = state.proof_until().map(timestamp);
        let mut dates = Self { proofs, ..Self::default() };
        for segment in state.segments() {
            let decision = policies.decide(segment, &[], audit.options.now);
            let date = match decision.keep_until {
                KeepUntil::Until(until) => {
                    Some(decision.lock_until.map_or(until, |lock| lock.max(until)))
                }
                KeepUntil::Open => None,
            };
            dates.segments.extend(date.map(|date| (segment.segment_id, date)));
            let key = dates.keys.entry(segment.period_key).or_insert(date);
            *key = key.zip(date).map(|(one, other)| one.max(other));
        }
        dates.policies = Some(policies);
        dates
    }

    /// The policies that decide, if there are any and all can be read.
    pub(super) fn policies(&self) -> Option<&Policies> {
        self.policies.as_ref()
    }

    /// The date of a segment.
    pub(super) fn segment(&self, id: &SegmentId) -> Option<Timestamp> {
        self.segments.get(id).copied()
    }

    /// The date of a period key.
    pub(super) fn key(&self, name: &PeriodKeyName) -> Option<Timestamp> {
        self.keys.get(name).copied().flatten()
    }

    /// Until when a run said to have locked what proves segments.
    pub(super) fn proofs(&self) -> Option<Timestamp> {
        self.proofs
    }
}
