//! Maxima against minima: what yields, what was decided, and what blocks.

use super::rule::Cited;
use crate::decision::{KeepUntil, Note};

/// What came of the conflicts.
pub(super) struct Conflicts {
    /// One of them nobody decided.
    pub(super) blocked: bool,
    /// The places of the rules whose maximum yields.
    pub(super) yielding: Vec<usize>,
}

/// Weighs every maximum that binds against every minimum, and notes what came of it at the rule
/// whose maximum it is.
pub(super) fn resolve(cited: &mut [Cited<'_>]) -> Conflicts {
    let mut conflicts = Conflicts { blocked: false, yielding: Vec::new() };
    let mut notes = Vec::new();
    for (place, max) in cited.iter().enumerate() {
        let (Some(until), Some(reg)) = (max.last_max, max.reg) else { continue };
        let (mut yields, mut blocked) = (false, false);
        for min in cited.iter() {
            let (Some(keep), name) = (min.min_until(), || min.citation.reg.clone()) else {
                continue;
            };
            let is_foreign = min.reg.is_some_and(|min| reg.max_meets_foreign(min));
            if is_foreign {
                notes.push((place, Note::ForeignLaw(name())));
            }
            if keep <= until {
                continue;
            }
            if min.reg.is_some_and(|min| reg.max_yields_to(min)) {
                notes.push((place, Note::Exempted(name())));
                yields = true;
            } else if max.citation.gives_way() {
                notes.push((place, Note::Decided(name())));
                yields = true;
            } else {
                notes.push((place, Note::Conflict(name())));
                blocked = true;
            }
        }
        conflicts.blocked |= blocked;
        if yields && !blocked {
            conflicts.yielding.push(place);
        }
    }
    for (place, note) in notes {
        if let Some(rule) = cited.get_mut(place) {
            rule.result.notes.insert(note);
        }
    }
    conflicts
}

/// The earliest end of the maxima that bind and do not yield.
pub(super) fn must_go_by(cited: &[Cited<'_>], conflicts: &Conflicts) -> Option<jiff::Timestamp> {
    let rules = cited.iter().enumerate();
    let duties = rules
        .filter(|(place, rule)| rule.last_max.is_some() && !conflicts.yielding.contains(place));
    duties
        .filter_map(|(_, rule)| rule.result.max.as_ref().map(|max| max.until))
        .filter_map(KeepUntil::instant)
        .min()
}
