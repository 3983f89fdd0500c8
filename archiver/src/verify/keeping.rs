//! How segments are kept: what a policy demands of their locks and cannot have, counted.

use std::sync::{Mutex, PoisonError};

use strongroom_crypto::entry::Seal;
use strongroom_crypto::json::{Value, object};
use strongroom_retention::hold::Holds;

use super::dates::Dates;
use super::{Audit, Mark};
use crate::policies::About;
use crate::store::Lock;

/// The check of a lock's mode against the policy.
pub const MODE: &str = "mode";

/// How segments are kept, counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Keeping {
    /// No policy in force has a rule for their streams.
    pub unclassified: u64,
    /// A policy asks for labels of their streams, and labels do not stand in the log.
    pub labels_unknown: u64,
    /// Their locks are of mode GOVERNANCE, where the policy in force demands COMPLIANCE.
    pub mode_below_policy: u64,
    /// Their locks end later than anything wants.
    pub locked_beyond_schedule: u64,
}

impl Keeping {
    /// What both count.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let plus = u64::saturating_add;
        Self {
            unclassified: plus(self.unclassified, other.unclassified),
            labels_unknown: plus(self.labels_unknown, other.labels_unknown),
            mode_below_policy: plus(self.mode_below_policy, other.mode_below_policy),
            locked_beyond_schedule: plus(self.locked_beyond_schedule, other.locked_beyond_schedule),
        }
    }

    pub(super) fn to_json(self) -> Value {
        object([
            ("labels_unknown", self.labels_unknown.into()),
            ("locked_beyond_schedule", self.locked_beyond_schedule.into()),
            ("mode_below_policy", self.mode_below_policy.into()),
            ("unclassified", self.unclassified.into()),
        ])
    }
}

/// A count under way; none, where the policies cannot be had.
pub(super) struct Tally<'a> {
    dates: &'a Dates,
    sum: Mutex<Option<Keeping>>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(dates: &'a Dates) -> Self {
        let known = dates.none() || dates.policies().is_some();
        Self { dates, sum: Mutex::new(known.then(Keeping::default)) }
    }

    /// Takes up a segment under its lock.
    pub(super) fn take(&self, audit: &Audit<'_>, seal: &Seal, lock: Lock) {
        let judged = self.judge(audit, seal, lock);
        if judged.mode_below_policy > 0 {
            let detail =
                "GOVERNANCE, and the policy in force demands COMPLIANCE: a mode never changes";
            audit.note(MODE, &seal.object, Mark::Info, detail);
        }
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        *sum = sum.map(|sum| sum.plus(judged));
    }

    pub(super) fn finish(self) -> Option<Keeping> {
        self.sum.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, audit: &Audit<'_>, seal: &Seal, lock: Lock) -> Keeping {
        let mut keeping = Keeping::default();
        let Some(policies) = self.dates.policies() else {
            keeping.unclassified = 1;
            return keeping;
        };
        if policies.lacks_labels(&seal.stream) {
            keeping.labels_unknown = 1;
            return keeping;
        }
        let (about, holds) = (About::from(seal), Holds::default());
        let decision = policies.decide_about(&about, Some(lock.until), &holds, audit.options.now);
        keeping.unclassified = u64::from(decision.governed_by.is_none());
        keeping.mode_below_policy = u64::from(policies.is_mode_below(&decision, Some(lock)));
        keeping.locked_beyond_schedule = u64::from(decision.locked_beyond_schedule.is_some());
        keeping
    }
}
