//! What officers said of statements that are not entered yet and has an effect: a no, and that the
//! recovery key is to stand for an officer who is lost.

use std::collections::BTreeMap;

use super::{State, root::append, rules::CLOCK_SLACK_MS, void::Void};
use crate::{
    digest::Digest,
    entry::{ClockChange, EntryKind, OfficerAct, Verdict},
    json::{JsonError, ObjectReader, Value, array, object, text},
    name::OfficerId,
    officer::{OfficerKey, Registry},
    time::{Instant, MS_PER_HOUR},
};

/// Greatest number of rejected statements that are kept.
pub(super) const MAX_REJECTED: usize = 10_000;

/// Greatest number of them that one officer rejected: nobody alone takes the word of the others.
pub(super) const MAX_REJECTED_BY_ONE: usize = 1_000;

/// How far ahead the end of a rejected statement may lie: a leap year.
pub(super) const MAX_REJECTED_MS: i64 = 366 * 24 * MS_PER_HOUR;

/// Greatest number of recoveries that are announced at once.
pub(super) const MAX_RECOVERIES: usize = 16;

/// How long everyone has to see that the recovery key was used, before it has an effect.
const RECOVERY_MS: i64 = 7 * 24 * MS_PER_HOUR;

/// Statements that something was said of.
#[derive(Clone, Debug, Default)]
pub(super) struct Reviews {
    rejected: BTreeMap<Digest, Rejection>,
    /// When the recovery key signed it.
    recoveries: BTreeMap<Digest, Instant>,
}

/// That somebody said no.
#[derive(Clone, Debug)]
struct Rejection {
    /// Who was the first.
    officer: OfficerId,
    /// Until when it could be entered otherwise.
    until: Instant,
}

/// Whether there is room for what an officer said.
pub(super) fn check(state: &State, at: Instant, act: &OfficerAct) -> Result<(), Void> {
    let reviews = &state.reviews;
    let full = |what, limit| Err(Void::Full { what, limit });
    if let Some(officer) = rejected_by(act) {
        let latest = at.saturating_add_ms(MAX_REJECTED_MS);
        if act.expires_at > latest {
            return Err(Void::Extended { until: act.expires_at, latest });
        }
        if reviews.rejected.contains_key(&act.digest) {
            return Ok(());
        }
        let own = reviews.rejected.values().filter(|one| one.officer == officer).count();
        if own >= MAX_REJECTED_BY_ONE {
            return full("rejected statements of one officer", MAX_REJECTED_BY_ONE);
        }
        if reviews.rejected.len() >= MAX_REJECTED {
            return full("rejected statements", MAX_REJECTED);
        }
    } else if is_recovery(act, &state.officers)
        && reviews.recoveries.len() >= MAX_RECOVERIES
        && !reviews.recoveries.contains_key(&act.digest)
    {
        return full("recoveries", MAX_RECOVERIES);
    }
    Ok(())
}

/// Who says no, or not yet.
fn rejected_by(act: &OfficerAct) -> Option<OfficerId> {
    let no = matches!(act.verdict, Verdict::Reject | Verdict::Extend);
    act.signatures.iter().next().filter(|_| no).map(|signed| signed.officer)
}

fn is_recovery(act: &OfficerAct, officers: &Registry) -> bool {
    let mut signers = act.signatures.iter().filter_map(|signed| officers.get(&signed.officer));
    act.verdict == Verdict::Approve && signers.any(OfficerKey::is_recovery)
}

impl Reviews {
    /// A no of any officer stands against what would let segments go.
    pub(super) fn check(&self, kind: &EntryKind, statement: Digest) -> Result<(), Void> {
        let lets_go = match kind {
            EntryKind::DispositionOrder(_)
            | EntryKind::HoldRelease(_)
            | EntryKind::PolicySet(_) => true,
            EntryKind::ClockEvent(event) => event.kind == ClockChange::Earlier,
            _ => false,
        };
        if lets_go && self.rejected.contains_key(&statement) {
            return Err(Void::Rejected { statement });
        }
        Ok(())
    }

    /// Whether the recovery key signed a statement long enough ago, and no officer said no to it.
    pub(super) fn is_recovery_due(&self, statement: Digest, at: Instant) -> bool {
        let announced =
            self.recoveries.get(&statement).filter(|_| !self.rejected.contains_key(&statement));
        announced.is_some_and(|since| since.saturating_add_ms(RECOVERY_MS) <= at)
    }

    /// The recoveries that were announced, and when.
    pub(super) fn recoveries(&self) -> impl Iterator<Item = (Digest, Instant)> {
        self.recoveries.iter().map(|(statement, at)| (*statement, *at))
    }

    pub(super) fn push(&mut self, act: &OfficerAct, officers: &Registry, at: Instant) {
        if let Some(officer) = rejected_by(act) {
            let until = act.expires_at;
            let known = self.rejected.entry(act.digest).or_insert(Rejection { officer, until });
            known.until = known.until.max(until);
        } else if is_recovery(act, officers) {
            self.recoveries.entry(act.digest).or_insert(at);
        }
    }

    /// What was announced was about the officers before.
    pub(super) fn forget_recoveries(&mut self) {
        self.recoveries.clear();
    }

    /// Forgets the rejections of what could not be entered any more in any case.
    pub(super) fn forget(&mut self, latest: Instant) {
        self.rejected.retain(|_, one| one.until.saturating_add_ms(CLOCK_SLACK_MS) >= latest);
    }

    /// The members `rejected` and `recoveries` of a root.
    pub(super) fn to_values(&self) -> (Value, Value) {
        let rejected = self.rejected.iter().map(|(statement, one)| {
            object([
                ("officer", text(&one.officer)),
                ("statement", text(statement)),
                ("until", text(one.until)),
            ])
        });
        let recoveries = self.recoveries.iter();
        let recoveries = recoveries
            .map(|(statement, at)| object([("at", text(at)), ("statement", text(statement))]));
        (array(rejected), array(recoveries))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut reviews = Self::default();
        for mut item in root.objects("rejected")? {
            let statement = item.parsed("statement")?;
            let one = Rejection { officer: item.parsed("officer")?, until: item.parsed("until")? };
            item.finish()?;
            append(root, "rejected", &mut reviews.rejected, statement, one)?;
        }
        for mut item in root.objects("recoveries")? {
            let (statement, at) = (item.parsed("statement")?, item.parsed("at")?);
            item.finish()?;
            append(root, "recoveries", &mut reviews.recoveries, statement, at)?;
        }
        Ok(reviews)
    }
}
