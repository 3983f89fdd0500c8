//! One cited rule, counted for one segment.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::anchor::{Anchor, Anchors, Awaited};
use crate::catalogue::{FastPeriod, Immutability, Regulation};
use crate::decision::{Count, KeepUntil, Note, NumberFrom, RuleResult, Start, Weight};
use crate::period::{Counting, Period};
use crate::policy::Citation;

/// A cited rule and what came of it.
pub(super) struct Cited<'a> {
    pub(super) citation: &'a Citation,
    pub(super) reg: Option<&'a Regulation>,
    pub(super) result: RuleResult,
    /// The end of the maximum for the last record, where it binds.
    pub(super) last_max: Option<KeepUntil>,
    /// When the clock event that started the minimum was recorded.
    pub(super) known_from: Option<Timestamp>,
}

impl<'a> Cited<'a> {
    /// Counts one citation.
    pub(super) fn new(
        anchors: &Anchors<'_>,
        citation: &'a Citation,
        reg: Option<&'a Regulation>,
    ) -> Self {
        let Some(reg) = reg else { return Self::unknown(citation) };
        let cutoff =
            citation.cutoff.unwrap_or_else(|| reg.cutoff(anchors.defaults.fiscal_year_end));
        let counter = Counter {
            counting: Counting { zone: anchors.rule.zone.clone(), cutoff },
            notes: BTreeSet::new(),
        };
        counter.cite(anchors, citation, reg)
    }

    /// What nobody can look up keeps the record.
    fn unknown(citation: &'a Citation) -> Self {
        let min = Count {
            period: citation.set_min,
            number_from: NumberFrom::Policy,
            start: Start::Clock(String::new()),
            anchor: None,
            date: None,
            cut_off: None,
            until: KeepUntil::Open,
        };
        let result = RuleResult {
            reg: citation.reg.clone(),
            citation: String::new(),
            weight: Weight::Binding,
            min: Some(min),
            max: None,
            fast: None,
            immutability: Immutability::None,
            notes: BTreeSet::from([Note::Unknown]),
        };
        Self { citation, reg: None, result, last_max: None, known_from: None }
    }

    /// The end of its minimum.
    pub(super) fn min_until(&self) -> Option<KeepUntil> {
        self.result.min.as_ref().map(|min| min.until)
    }
}

struct Counter {
    counting: Counting,
    notes: BTreeSet<Note>,
}

impl Counter {
    fn cite<'a>(
        mut self,
        anchors: &Anchors<'_>,
        citation: &'a Citation,
        reg: &'a Regulation,
    ) -> Cited<'a> {
        let anchor = anchors.of_min(reg);
        let known_from = anchor.as_ref().ok().and_then(|anchor| anchor.known_from);
        let min = minimum(citation, reg).map(|(period, from)| self.count(period, from, &anchor));
        let fast = self.fast(reg, min.as_ref(), &anchor);
        let number = citation.set_max.map(|period| (period, NumberFrom::Policy));
        let number = number.or_else(|| Some((reg.retain_max.period()?, NumberFrom::Catalogue)));
        let (max, mut last_max) = match number {
            None => (None, None),
            Some((period, from)) => {
                let max = self.count(Some(period), from, &anchors.of_max(reg));
                let last = self.count(Some(period), from, &anchors.of_last_max(reg));
                (Some(max), Some(last.until))
            }
        };
        if max.is_some() && !reg.max_is_duty() {
            self.notes.insert(Note::AdviceOnly);
            last_max = None;
        }
        if reg.is_rescinded() {
            self.notes.insert(Note::Rescinded);
        }
        let weight = match &min {
            _ if reg.basis.binds() => Weight::Binding,
            Some(_) => Weight::Adopted,
            None => Weight::Advice,
        };
        let result = RuleResult {
            reg: reg.id.clone(),
            citation: reg.citation.clone(),
            weight,
            min,
            max,
            fast,
            immutability: reg.immutability,
            notes: self.notes,
        };
        Cited { citation, reg: Some(reg), result, last_max, known_from }
    }

    fn count(
        &mut self,
        period: Option<Period>,
        number_from: NumberFrom,
        anchor: &Result<Anchor, Awaited>,
    ) -> Count {
        let mut count = Count {
            period,
            number_from,
            start: Start::EventTime,
            anchor: None,
            date: None,
            cut_off: None,
            until: KeepUntil::Open,
        };
        match anchor {
            Err(Awaited(event)) => {
                count.start = Start::Clock(event.clone());
                self.notes.insert(Note::NotStarted);
            }
            Ok(anchor) => {
                self.notes.extend(anchor.note.clone());
                let date = self.counting.zone.date(anchor.at);
                count.start = anchor.start.clone();
                count.anchor = Some(anchor.at);
                count.date = Some(date);
                count.cut_off = self.counting.cut_off(date);
                count.until = self.until(anchor.at, period);
            }
        }
        count
    }

    fn until(&mut self, anchor: Timestamp, period: Option<Period>) -> KeepUntil {
        let Some(period) = period else {
            self.notes.insert(Note::NoNumber);
            return KeepUntil::Open;
        };
        if let Ok(until) = self.counting.until(anchor, period) {
            return KeepUntil::Until(until);
        }
        self.notes.insert(Note::BeyondCalendar);
        KeepUntil::Open
    }

    fn fast(
        &mut self,
        reg: &Regulation,
        min: Option<&Count>,
        anchor: &Result<Anchor, Awaited>,
    ) -> Option<KeepUntil> {
        match reg.fast_access.as_ref()?.period? {
            FastPeriod::Full => min.map(|min| min.until),
            FastPeriod::Period(period) => Some(match anchor {
                Ok(anchor) => self.until(anchor.at, Some(period)),
                Err(_) => KeepUntil::Open,
            }),
        }
    }
}

/// The number of a minimum and who gave it; no number where a binding rule wants one that nobody
/// gave, so that the record stays.
fn minimum(citation: &Citation, reg: &Regulation) -> Option<(Option<Period>, NumberFrom)> {
    if let Some(period) = citation.set_min {
        return Some((Some(period), NumberFrom::Policy));
    }
    let number = reg.retain_min.counted();
    let counts = number.is_some() || reg.retain_min.is_open() && reg.basis.binds();
    counts.then_some((number, NumberFrom::Catalogue))
}
