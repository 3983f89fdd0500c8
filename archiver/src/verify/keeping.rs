//! How segments are kept: what a policy demands of their locks and cannot have, counted.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use strongroom_crypto::entry::Seal;
use strongroom_crypto::json::{Value, object};
use strongroom_retention::decision::Flag;
use strongroom_retention::hold::Holds;

use super::dates::Dates;
use super::{ALARM, Audit, Mark};
use crate::policies::About;
use crate::store::Lock;

/// The check of a lock's mode against the policy.
pub const MODE: &str = "mode";
/// How many segments an alarm names.
const MAX_NAMED: usize = 3;

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
    /// A minimum that is not over crosses a maximum, and nobody decided.
    pub blocked: u64,
    /// A maximum that binds and does not yield is over.
    pub overdue: u64,
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
            blocked: plus(self.blocked, other.blocked),
            overdue: plus(self.overdue, other.overdue),
        }
    }

    pub(super) fn to_json(self) -> Value {
        object([
            ("blocked", self.blocked.into()),
            ("labels_unknown", self.labels_unknown.into()),
            ("locked_beyond_schedule", self.locked_beyond_schedule.into()),
            ("mode_below_policy", self.mode_below_policy.into()),
            ("overdue", self.overdue.into()),
            ("unclassified", self.unclassified.into()),
        ])
    }
}

/// A count under way; none, where the policies cannot be had.
pub(super) struct Tally<'a> {
    dates: &'a Dates,
    sum: Mutex<Option<Sum>>,
}

/// What was counted, and the first by name of those that are wrong.
#[derive(Default)]
struct Sum {
    keeping: Keeping,
    blocked: BTreeSet<String>,
    overdue: BTreeSet<String>,
}

impl Sum {
    fn add(&mut self, judged: Keeping, object: &str) {
        self.keeping = self.keeping.plus(judged);
        let flags = [(judged.blocked, &mut self.blocked), (judged.overdue, &mut self.overdue)];
        for (_, names) in flags.into_iter().filter(|(count, _)| *count > 0) {
            names.insert(object.to_owned());
            if names.len() > MAX_NAMED {
                names.pop_last();
            }
        }
    }
}

impl<'a> Tally<'a> {
    pub(super) fn new(dates: &'a Dates) -> Self {
        let known = dates.none() || dates.policies().is_some();
        Self { dates, sum: Mutex::new(known.then(Sum::default)) }
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
        if let Some(sum) = &mut *sum {
            sum.add(judged, seal.object.as_str());
        }
    }

    /// What was counted. That something has to go and may not is never a failure: keeping is right.
    pub(super) fn finish(self, audit: &Audit<'_>) -> Option<Keeping> {
        let sum = self.sum.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let crosses = "a minimum crosses a maximum, and nobody decided; they are kept";
        for (count, names, flag, why) in [
            (sum.keeping.blocked, sum.blocked, Flag::Blocked, crosses),
            (sum.keeping.overdue, sum.overdue, Flag::Overdue, "a maximum that binds is over"),
        ] {
            if count > 0 {
                let names: Vec<String> = names.into_iter().collect();
                let detail = format!(
                    "{ALARM}{count} {}: {why}; first {}: `strongroom policy explain` shows the rules",
                    flag.as_str(),
                    names.join(", ")
                );
                audit.note("retention", "segments/", Mark::Pending, detail);
            }
        }
        Some(sum.keeping)
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
        keeping.blocked = u64::from(decision.flags.contains(&Flag::Blocked));
        keeping.overdue = u64::from(decision.flags.contains(&Flag::Overdue));
        keeping
    }
}
