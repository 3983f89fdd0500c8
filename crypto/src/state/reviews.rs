//! What officers said of statements that are not entered yet and has an effect: a no, and that the
//! recovery key is to stand for an officer who is lost.

use std::collections::BTreeMap;

use super::{State, root::append, rules::CLOCK_SLACK_MS, void::Void};
use crate::{
    digest::Digest,
    entry::{ClockChange, EntryKind, OfficerAct, Verdict},
    json::{JsonError, ObjectReader, Value, array, object, text},
    officer::{OfficerKey, Registry},
    time::{Instant, MS_PER_HOUR},
};

/// Greatest number of rejected statements that are kept.
pub(super) const MAX_REJECTED: usize = 10_000;

/// Greatest number of recoveries that are announced at once.
pub(super) const MAX_RECOVERIES: usize = 16;

/// How long everyone has to see that the recovery key was used, before it has an effect.
const RECOVERY_MS: i64 = 7 * 24 * MS_PER_HOUR;

/// Statements that something was said of.
#[derive(Clone, Debug, Default)]
pub(super) struct Reviews {
    /// Until when what is rejected could be entered otherwise.
    rejected: BTreeMap<Digest, Instant>,
    /// When the recovery key signed it.
    recoveries: BTreeMap<Digest, Instant>,
}

/// Whether there is room for what an officer said.
pub(super) fn check(state: &State, act: &OfficerAct) -> Result<(), Void> {
    let reviews = &state.reviews;
    let (known, what, limit) = if is_rejection(act) {
        (&reviews.rejected, "rejected statements", MAX_REJECTED)
    } else if is_recovery(act, &state.officers) {
        (&reviews.recoveries, "recoveries", MAX_RECOVERIES)
    } else {
        return Ok(());
    };
    if known.len() < limit || known.contains_key(&act.digest) {
        Ok(())
    } else {
        Err(Void::Full { what, limit })
    }
}

fn is_rejection(act: &OfficerAct) -> bool {
    matches!(act.verdict, Verdict::Reject | Verdict::Extend)
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

    /// Whether the recovery key signed a statement long enough ago.
    pub(super) fn is_recovery_due(&self, statement: Digest, at: Instant) -> bool {
        let announced = self.recoveries.get(&statement);
        announced.is_some_and(|since| since.saturating_add_ms(RECOVERY_MS) <= at)
    }

    /// The recoveries that were announced, and when.
    pub(super) fn recoveries(&self) -> impl Iterator<Item = (Digest, Instant)> {
        self.recoveries.iter().map(|(statement, at)| (*statement, *at))
    }

    /// Whether an officer said no to a statement.
    pub(super) fn is_rejected(&self, statement: Digest) -> bool {
        self.rejected.contains_key(&statement)
    }

    pub(super) fn push(&mut self, act: &OfficerAct, officers: &Registry, at: Instant) {
        if is_rejection(act) {
            let until = self.rejected.entry(act.digest).or_insert(act.expires_at);
            *until = act.expires_at.max(*until);
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
        self.rejected.retain(|_, until| until.saturating_add_ms(CLOCK_SLACK_MS) >= latest);
    }

    /// The members `rejected` and `recoveries` of a root.
    pub(super) fn to_values(&self) -> (Value, Value) {
        let each =
            |reviews: &BTreeMap<Digest, Instant>, time: &str| {
                array(reviews.iter().map(|(statement, at)| {
                    object([(time, text(at)), ("statement", text(statement))])
                }))
            };
        (each(&self.rejected, "until"), each(&self.recoveries, "at"))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut each = |name: &str, time: &str| -> Result<BTreeMap<Digest, Instant>, JsonError> {
            let mut reviews = BTreeMap::new();
            for mut item in root.objects(name)? {
                let (statement, at) = (item.parsed("statement")?, item.parsed(time)?);
                item.finish()?;
                append(root, name, &mut reviews, statement, at)?;
            }
            Ok(reviews)
        };
        Ok(Self { rejected: each("rejected", "until")?, recoveries: each("recoveries", "at")? })
    }
}
