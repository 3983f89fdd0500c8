//! The one decision: what is known of a segment, the policies and their law, holds and clock events
//! come in; what may happen to it, and why, goes out.

mod anchor;
mod conflict;
mod evaluation;
pub mod outline;
mod rule;
mod ruling;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::catalogue::Immutability;
use crate::clock::Clocks;
use crate::decision::{Decision, ENGINE_VERSION, Flag, Governance, KeepUntil, LockedBeyond, State};
use crate::facts::{Facts, Stage};
use crate::hold::Holds;
use crate::period::{Counting, Cutoff, tzdata_version};
use crate::schedule::{Dated, Schedule};
use crate::settling::LATEST_LOCK;
use evaluation::Evaluation;
use ruling::{Ruling, ruling};

/// Decides what may happen to a segment at an instant. The same inputs give the same decision.
///
/// Only what was approved, recorded and in effect at `now` has a say, except that policies which
/// take effect later already move locks.
pub fn decide(
    facts: &Facts,
    schedule: &Schedule,
    holds: &Holds,
    clocks: &Clocks,
    now: Timestamp,
) -> Decision {
    let approved = schedule.approved(now);
    let in_force = approved.partition_point(|dated| dated.effective() <= now);
    let governing = approved.get(..in_force).and_then(|list| ruling(list, facts, clocks, now));
    let dates = Dates::new(facts, governing.as_ref(), holds);
    let lock = Lock::new(facts, &approved, in_force, clocks, governing.as_ref(), &dates, now);
    let flags = flags(facts, governing.as_ref(), holds, now);
    let mut decision = Decision {
        at: now,
        facts: facts.clone(),
        holds: holds.clone(),
        governed_by: None,
        keep_until: KeepUntil::Open,
        must_go_by: None,
        fast_until: None,
        lock_until: lock.until.max(facts.lock_until),
        lock_capped: lock.capped,
        eligible_at: dates.eligible,
        destroyable_from: dates.destroyable,
        deciding_rule: None,
        state: state(facts, governing.as_ref(), &dates, holds, now),
        flags,
        locked_beyond_schedule: None,
        immutability: Immutability::None,
        rules: Vec::new(),
        tzdata: tzdata_version(),
        engine: ENGINE_VERSION,
    };
    if let Some(Ruling { evaluation, .. }) = governing {
        decision.locked_beyond_schedule = lock.beyond(facts, &evaluation);
        decision.governed_by = Some(governance(&evaluation));
        decision.keep_until = evaluation.keep;
        decision.must_go_by = evaluation.must_go;
        decision.fast_until = evaluation.fast;
        decision.deciding_rule = evaluation.deciding;
        decision.immutability = evaluation.immutability;
        decision.rules = evaluation.rules;
    }
    decision
}

/// From when a segment may be proposed and destroyed, if nothing changes.
struct Dates {
    eligible: Option<Timestamp>,
    destroyable: Option<Timestamp>,
}

impl Dates {
    fn new(facts: &Facts, governing: Option<&Ruling<'_>>, holds: &Holds) -> Self {
        let none = Self { eligible: None, destroyable: None };
        let Some(Ruling { evaluation, since: Some(since) }) = governing else { return none };
        if !holds.standing.is_empty() {
            return none;
        }
        let others = [facts.lock_until, holds.last_release].into_iter().flatten();
        let eligible = others.fold(*since, Timestamp::max);
        let grace = evaluation.rule.grace;
        let counting = Counting { zone: evaluation.rule.zone.clone(), cutoff: Cutoff::None };
        // No grace is none at all, and not the rest of the day.
        let destroyable =
            if grace.is_zero() { Some(eligible) } else { counting.until(eligible, grace).ok() };
        Self { eligible: Some(eligible), destroyable }
    }
}

/// Where a lock has to end.
struct Lock {
    until: Option<Timestamp>,
    capped: bool,
}

impl Lock {
    /// A policy that is approved already moves the locks of what may still be there when it takes
    /// effect: afterwards could be too late.
    fn new(
        facts: &Facts,
        approved: &[&Dated],
        in_force: usize,
        clocks: &Clocks,
        governing: Option<&Ruling<'_>>,
        dates: &Dates,
        now: Timestamp,
    ) -> Self {
        let mut lock = Self { until: None, capped: false };
        if let Some(ruling) = governing {
            lock.reach(&ruling.evaluation, now);
        }
        for (nth, dated) in approved.iter().enumerate().skip(in_force) {
            let still_there = dates.destroyable.is_none_or(|gone| gone > dated.effective());
            let list = approved.get(..=nth).filter(|_| still_there);
            if let Some(later) = list.and_then(|list| ruling(list, facts, clocks, now)) {
                lock.reach(&later.evaluation, now);
            }
        }
        lock
    }

    fn reach(&mut self, evaluation: &Evaluation<'_>, now: Timestamp) {
        let Some(target) = evaluation.known else { return };
        let defaults = &evaluation.dated.policy().defaults;
        let counting = Counting { zone: defaults.zone.clone(), cutoff: Cutoff::None };
        let longest = counting.until(now, defaults.max_lock).unwrap_or(Timestamp::MAX);
        let longest = longest.min(LATEST_LOCK);
        self.capped |= target > longest;
        self.until = self.until.max(Some(target.min(longest)));
    }

    fn beyond(&self, facts: &Facts, evaluation: &Evaluation<'_>) -> Option<LockedBeyond> {
        let wanted = evaluation.keep.instant()?.max(self.until.unwrap_or(Timestamp::MIN));
        // A settling lock ends by itself.
        let settled = facts.settle_until.unwrap_or(Timestamp::MIN);
        let until = facts.lock_until.filter(|until| *until > wanted && *until > settled)?;
        let zone = &evaluation.rule.zone;
        let days = zone.date(wanted).until(zone.date(until)).map_or(0, |span| span.get_days());
        Some(LockedBeyond { until, days })
    }
}

fn flags(
    facts: &Facts,
    governing: Option<&Ruling<'_>>,
    holds: &Holds,
    now: Timestamp,
) -> BTreeSet<Flag> {
    let mut flags = BTreeSet::new();
    if facts.stage == Stage::Destroyed {
        return flags;
    }
    if !holds.standing.is_empty() {
        flags.insert(Flag::Held);
    }
    if let Some(Ruling { evaluation, .. }) = governing {
        // Once the minimum is over, nothing is in conflict any more.
        if evaluation.blocked && evaluation.keep > KeepUntil::Until(now) {
            flags.insert(Flag::Blocked);
        }
        if evaluation.must_go.is_some_and(|must| must <= now) {
            flags.insert(Flag::Overdue);
        }
    }
    flags
}

fn state(
    facts: &Facts,
    governing: Option<&Ruling<'_>>,
    dates: &Dates,
    holds: &Holds,
    now: Timestamp,
) -> State {
    match facts.stage {
        Stage::Ordered => return State::Destroying,
        Stage::Destroyed => return State::Destroyed,
        Stage::Live | Stage::InReview | Stage::Approved { .. } => {}
    }
    let Some(Ruling { evaluation, since: Some(_) }) = governing else { return State::Open };
    let Some(eligible) = dates.eligible.filter(|at| *at <= now && holds.standing.is_empty()) else {
        return State::Retain;
    };
    match facts.stage {
        _ if evaluation.rule.pre_approved => State::Approved,
        Stage::Approved { at, policy } if at >= eligible && counts(evaluation, at, policy, now) => {
            State::Approved
        }
        Stage::Live => State::Eligible,
        Stage::InReview | Stage::Approved { .. } | Stage::Ordered | Stage::Destroyed => {
            State::InReview
        }
    }
}

/// An approval counts for its time, and only under the policy that was approved.
fn counts(
    evaluation: &Evaluation<'_>,
    at: Timestamp,
    policy: strongroom_crypto::Digest,
    now: Timestamp,
) -> bool {
    let ttl = evaluation.dated.policy().defaults.disposal.approval_ttl;
    let counting = Counting { zone: evaluation.rule.zone.clone(), cutoff: Cutoff::None };
    let lapsed = counting.until(at, ttl).is_ok_and(|end| end <= now);
    policy == evaluation.dated.digest() && at <= now && !lapsed
}

fn governance(evaluation: &Evaluation<'_>) -> Governance {
    let Evaluation { dated, rule, .. } = evaluation;
    Governance {
        policy: dated.policy().name.clone(),
        version: dated.policy().version,
        digest: dated.digest(),
        catalogue: dated.catalogue().digest(),
        effective: dated.effective(),
        stream_rule: rule.id.clone(),
        class: rule.class.clone(),
        zone: rule.zone.clone(),
        grace: rule.grace,
    }
}

#[cfg(test)]
pub(crate) mod tests;
