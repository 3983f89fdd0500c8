//! Until when segments are kept, decided again from the policies that the log names.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::SegmentId;
use strongroom_crypto::name::{Environment, PeriodKeyName};
use strongroom_crypto::state::{LiveSegment, State};
use strongroom_retention::Settling;
use strongroom_retention::decision::KeepUntil;

use super::fold::Fold;
use super::{Audit, Mark};
use crate::log::{settling, timestamp};
use crate::policies::{Labels, Policies, PolicyError};

/// The dates of an archive; empty where no policy is in force or it cannot be read.
#[derive(Default)]
pub(super) struct Dates {
    segments: BTreeMap<SegmentId, Timestamp>,
    /// Until when a run said to have locked each.
    said: BTreeMap<SegmentId, Timestamp>,
    /// Of each key the latest date of its segments; none if one of them has no date.
    keys: BTreeMap<PeriodKeyName, Option<Timestamp>>,
    proofs: Option<Timestamp>,
    policies: Option<Policies>,
    /// Nobody ever set a policy.
    none: bool,
}

impl Dates {
    /// Decides about every live segment.
    pub(super) fn new(audit: &Audit<'_>, fold: &Fold) -> Self {
        let Some(state) = &fold.state else { return Self::default() };
        if state.policies().is_empty() {
            return Self { none: true, ..Self::default() };
        }
        let policies = Policies::load(audit.store, &audit.covered, state, Labels::new());
        let policies = match policies {
            Ok(policies) => policies.with_clocks(&fold.clocks),
            Err(error @ PolicyError::Differs { index, .. }) => {
                audit.note("policy", format_args!("entry {index}"), Mark::Fail, error);
                return Self::default();
            }
            Err(error) => {
                let detail = format!("dates cannot be decided: {error}");
                audit.note("policy", "policies/", Mark::NotProven, detail);
                return Self::default();
            }
        };
        let proofs = state.proof_until().map(timestamp);
        let mut dates = Self { proofs, ..Self::default() };
        let runs = Runs::new(fold, state);
        for segment in state.segments() {
            let said = runs.as_ref().and_then(|runs| runs.said(&policies, segment));
            dates.said.extend(said.map(|until| (segment.segment_id, until)));
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

    /// Whether nobody ever set a policy.
    pub(super) fn none(&self) -> bool {
        self.none
    }

    /// The date of a segment.
    pub(super) fn segment(&self, id: &SegmentId) -> Option<Timestamp> {
        self.segments.get(id).copied()
    }

    /// Until when a run said to have locked a segment.
    pub(super) fn said(&self, id: &SegmentId) -> Option<Timestamp> {
        self.said.get(id).copied()
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

/// What runs said to have locked under the newest policy.
struct Runs {
    /// How far, and when, in order.
    dated: Vec<(u64, Timestamp)>,
    /// The last entry that moved a clock: every date was set again after it.
    told: u64,
    settling: Settling,
}

impl Runs {
    /// None where nobody is bound by it: locks of a test archive end after ten minutes.
    fn new(fold: &Fold, state: &State) -> Option<Self> {
        let newest = state.policies().last()?.policy;
        let of_newest = fold.dated.iter().filter(|(locked, _)| locked.policy == newest);
        let told = state.clocks().map(|(_, _, clock)| clock.index).max().unwrap_or(0);
        let production = state.environment() == Environment::Production;
        production.then(|| Self {
            dated: of_newest.map(|(locked, at)| (locked.size, timestamp(*at))).collect(),
            told,
            settling: settling(state),
        })
    }

    /// Until when the first run that saw a segment, and all that counts for it, said to have locked
    /// it. What it decided is decided again as of then.
    fn said(&self, policies: &Policies, segment: &LiveSegment) -> Option<Timestamp> {
        let known = segment.index.max(self.told);
        // Under one policy sizes never fall.
        let first = self.dated.partition_point(|(size, _)| *size <= known);
        let (_, at) = self.dated.get(first)?;
        let decision = policies.decide(segment, &[], *at);
        // How far `max_lock` reached depends on when in its run the lock was moved.
        let until = decision.lock_until.filter(|_| !decision.lock_capped)?;
        Some(self.settling.capped(until, *at)).filter(|until| until > at)
    }
}
