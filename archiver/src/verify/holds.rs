//! Legal-hold flags: whether they are as the log orders. The log itself keeps what is held from being
//! ordered away; the flag keeps it from whoever may delete.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::SegmentId;

use super::fold::Fold;
use super::{Audit, Mark, VerifyError};
use crate::hold::{Flag, Ledger};
use crate::log::LogError;
use crate::store::{Head, ObjectKey};

/// The name of the check.
const CHECK: &str = "hold";

/// What the log says of each segment; none where it cannot be decided.
pub(super) struct Holds {
    flags: Option<BTreeMap<SegmentId, Flag>>,
    now: Timestamp,
}

impl Holds {
    pub(super) fn new(audit: &Audit<'_>, fold: &Fold) -> Result<Self, VerifyError> {
        let now = audit.options.now;
        let Some(state) = &fold.state else { return Ok(Self { flags: None, now }) };
        if fold.holds.is_empty() {
            return Ok(Self { flags: Some(BTreeMap::new()), now });
        }
        let decided = Ledger::new(audit.store, &audit.covered, state.clone(), fold.holds.clone())
            .and_then(|ledger| {
                let segments = ledger.state().segments();
                segments.map(|one| Ok((one.segment_id, ledger.flag(one)?))).collect()
            });
        match decided {
            Ok(flags) => Ok(Self { flags: Some(flags), now }),
            Err(LogError::Store(error)) => Err(error.into()),
            Err(error) => {
                let detail = format!("what is held cannot be decided: {error}");
                audit.note(CHECK, "lists/", Mark::NotProven, detail);
                Ok(Self { flags: None, now })
            }
        }
    }

    /// Compares the flag of an object of a segment with the log.
    pub(super) fn check(&self, audit: &Audit<'_>, key: &ObjectKey, head: &Head, id: &SegmentId) {
        let Some(flags) = &self.flags else { return };
        let flag = flags.get(id).copied().unwrap_or(Flag::Never);
        let locked = head.lock.is_some_and(|lock| lock.until > self.now);
        let (mark, detail) = match (flag, head.hold) {
            (Flag::Ordered, true) | (Flag::Over | Flag::Never, false) => return,
            (Flag::Ordered, false) if locked => (
                Mark::Pending,
                "it is held, and only its lock protects it: run `sweep --duty hold` to set its flag",
            ),
            (Flag::Ordered, false) => {
                (Mark::Fail, "it is held, without a flag and without a lock: anybody may delete it")
            }
            (Flag::Over, true) => (
                Mark::Info,
                "its holds are released, its flag is still set: run `sweep --duty hold` to lift it",
            ),
            (Flag::Never, true) => (Mark::Info, "under a hold that the log does not order"),
        };
        audit.note(CHECK, key, mark, detail);
    }
}
