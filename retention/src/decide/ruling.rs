//! Which of the policies governs a segment, and since when it may go.

use jiff::Timestamp;

use super::evaluation::Evaluation;
use crate::clock::Clocks;
use crate::decision::KeepUntil;
use crate::facts::{Facts, Times};
use crate::policy::Transition;
use crate::schedule::Dated;

/// What the policy that governs a segment says of it.
pub(super) struct Ruling<'a> {
    pub(super) evaluation: Evaluation<'a>,
    /// Since when the schedule lets it go: the end of its period, but not before that was known,
    /// and not before the policy that ended it. None while the period is open.
    pub(super) since: Option<Timestamp>,
}

/// Lets policies follow each other in the order in which they take effect.
pub(super) fn ruling<'a>(
    policies: &[&'a Dated],
    facts: &Facts,
    clocks: &Clocks,
    now: Timestamp,
) -> Option<Ruling<'a>> {
    policies.iter().fold(None, |before, dated| {
        let next = Evaluation::new(dated, facts, clocks, now)
            .map(|evaluation| Ruling::new(evaluation, before.as_ref()));
        succeed(dated, before, next, facts)
    })
}

impl<'a> Ruling<'a> {
    fn new(evaluation: Evaluation<'a>, before: Option<&Self>) -> Self {
        let effective = evaluation.dated.effective();
        let end = evaluation.keep.instant();
        let end = end.map(|end| evaluation.known_from.map_or(end, |known| end.max(known)));
        let since = end.map(|end| {
            if end >= effective {
                return end;
            }
            // What could go already does not wait once more because a policy was renewed.
            let already = before.and_then(|before| before.since).filter(|at| *at <= effective);
            already.map_or(effective, |already| end.max(already))
        });
        Self { evaluation, since }
    }
}

fn succeed<'a>(
    dated: &Dated,
    before: Option<Ruling<'a>>,
    next: Option<Ruling<'a>>,
    facts: &Facts,
) -> Option<Ruling<'a>> {
    let effective = dated.effective();
    match dated.policy().transition {
        Transition::Current => next,
        Transition::UnexpiredOnEffectiveDate => {
            let since = before.as_ref().and_then(|before| before.since);
            if since.is_some_and(|since| since <= effective) { before } else { next }
        }
        Transition::RecordsMadeFrom => {
            let made = made(facts);
            if made.least() >= effective {
                next
            } else if made.greatest() < effective {
                before
            } else {
                longer(before, next)
            }
        }
    }
}

/// When the records were made, by their own word or by their receipt.
fn made(facts: &Facts) -> Times {
    let (event, receive) = (facts.event_time.unwrap_or(facts.receive_time), facts.receive_time);
    let least = event.least().min(receive.least());
    Times::between(least, event.greatest().max(receive.greatest()))
}

/// A segment that was made under two policies stays as long as either wants.
fn longer<'a>(before: Option<Ruling<'a>>, next: Option<Ruling<'a>>) -> Option<Ruling<'a>> {
    let keep = |ruling: &Option<Ruling<'_>>| {
        ruling.as_ref().map_or(KeepUntil::Open, |ruling| ruling.evaluation.keep)
    };
    if keep(&before) > keep(&next) { before } else { next }
}
