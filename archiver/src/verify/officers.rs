//! What officers should know of each other.

use jiff::SignedDuration;
use strongroom_crypto::state::State;

use super::fold::Fold;
use super::{Audit, Mark};
use crate::log::timestamp;

/// How long the recovery key waits (`FORMAT.md`, section 8).
const RECOVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Tells of every use of the recovery key while it has an effect to come.
pub(super) fn check(audit: &Audit<'_>, fold: &Fold) {
    for (statement, at) in fold.state.iter().flat_map(State::recoveries) {
        let due = timestamp(at).saturating_add(RECOVERY).unwrap_or(timestamp(at));
        let detail = format!(
            "ALARM: the recovery key signed a change of officers at {at}; from {due} on one officer beside it is enough"
        );
        audit.note("officers", format_args!("statement {statement}"), Mark::Info, detail);
    }
}
