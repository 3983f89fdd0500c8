//! The numbers of a stream rule, without a segment: how what is made now would be kept, and by which
//! of the rules that it cites.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::name::StreamName;

use super::evaluation::Evaluation;
use crate::catalogue::FastPeriod;
use crate::clock::{ClockEvent, Clocks};
use crate::decision::{Count, KeepUntil, Note, RuleResult, Start};
use crate::facts::{Facts, Stage, Times};
use crate::period::{Cutoff, Period};
use crate::policy::{Clock, StreamRule};
use crate::schedule::Dated;

/// What a stream rule says in numbers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outline {
    /// How long at least.
    pub keep: Option<Term>,
    /// How long at most.
    pub must_go: Option<Term>,
    /// How long at hand.
    pub fast: Option<Term>,
}

/// A number, and the rule that it is of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Term {
    /// The period, what starts it where that is not the record, and where it begins to count.
    pub formula: String,
    /// The rule that decides.
    pub reg: String,
    /// Where that is written; empty where the catalogue does not have it.
    pub citation: String,
}

/// Counts a stream rule of a policy for a record of an instant. A period whose event has not been
/// recorded is open, and so the longest; a maximum that waits for one is counted as if it happened
/// then, because no other number is known.
pub fn outline(dated: &Dated, rule: &StreamRule, at: Timestamp) -> Outline {
    let named = rule.matches.streams.first().cloned();
    let Some(stream) = named.or_else(|| "any".parse().ok()) else { return Outline::default() };
    let facts = Facts {
        segment: None,
        stream,
        labels: BTreeMap::new(),
        event_time: Some(Times::at(at)),
        receive_time: Times::at(at),
        lock_until: None,
        settle_until: None,
        stage: Stage::Live,
    };
    let evaluate = |clocks: &Clocks| Evaluation::of(dated, rule, &facts, clocks, at);
    let now = evaluate(&Clocks::default());
    let started = evaluate(&all_started(dated, rule, &facts.stream, at));
    Outline {
        keep: keep(&now, &started),
        must_go: must_go(&now).or_else(|| must_go(&started)),
        fast: fast(&now),
    }
}

/// Of periods that wait for events the longest, if all of them begin together.
fn keep(now: &Evaluation<'_>, started: &Evaluation<'_>) -> Option<Term> {
    let until = |rule: &RuleResult| rule.min.as_ref().map(|min| min.until);
    let longest = Some(now.keep);
    let deciding = now.rules.iter().zip(&started.rules).filter(|(rule, _)| until(rule) == longest);
    // The first of equals by its name.
    let deciding =
        deciding.reduce(|best, next| if until(next.1) > until(best.1) { next } else { best });
    let (rule, _) = deciding?;
    Some(now.term(rule, rule.min.as_ref()?))
}

fn must_go(evaluation: &Evaluation<'_>) -> Option<Term> {
    let by = KeepUntil::Until(evaluation.must_go?);
    let binds = |note: &Note| match note {
        Note::AdviceOnly | Note::Exempted(_) | Note::Decided(_) => false,
        Note::Unknown
        | Note::Rescinded
        | Note::NoNumber
        | Note::NotStarted
        | Note::BeyondCalendar
        | Note::FutureEvent
        | Note::Backfill
        | Note::Conflict(_)
        | Note::ForeignLaw(_) => true,
    };
    let mut rules = evaluation.rules.iter().filter(|rule| rule.notes.iter().all(binds));
    let rule = rules.find(|rule| rule.max.as_ref().is_some_and(|max| max.until == by))?;
    Some(evaluation.term(rule, rule.max.as_ref()?))
}

fn fast(evaluation: &Evaluation<'_>) -> Option<Term> {
    let longest = Some(evaluation.fast?);
    let rule = evaluation.rules.iter().find(|rule| rule.fast == longest)?;
    let period = evaluation.dated.catalogue().get(&rule.reg)?.fast_access.as_ref()?.period?;
    let formula = match period {
        FastPeriod::Full => "as long as it is kept".to_owned(),
        FastPeriod::Period(period) => {
            let start = rule.min.as_ref().map_or(&Start::EventTime, |min| &min.start);
            evaluation.formula(rule, Some(period), start)
        }
    };
    Some(Term { formula, reg: rule.reg.clone(), citation: rule.citation.clone() })
}

/// Every event that the rule waits for, as if it happened at an instant.
fn all_started(dated: &Dated, rule: &StreamRule, stream: &StreamName, at: Timestamp) -> Clocks {
    let own = match &rule.clock {
        Clock::Event(name) => Some(name.as_str()),
        Clock::EventTime => None,
    };
    let cited = rule.citations.iter().filter_map(|one| dated.catalogue().get(&one.reg));
    let awaited = cited.filter(|reg| reg.starts_with_an_event()).flat_map(|reg| reg.clock_events());
    let mut clocks = Clocks::default();
    for event in own.into_iter().chain(awaited) {
        let (stream, event) = (stream.clone(), event.to_owned());
        let event =
            ClockEvent { stream, event, at, recorded_at: at, reopened: false, earlier: false };
        // Only what had not happened yet is refused.
        clocks.record(event).ok();
    }
    clocks
}

impl Evaluation<'_> {
    fn term(&self, rule: &RuleResult, count: &Count) -> Term {
        Term {
            formula: self.formula(rule, count.period, &count.start),
            reg: rule.reg.clone(),
            citation: rule.citation.clone(),
        }
    }

    fn formula(&self, rule: &RuleResult, period: Option<Period>, start: &Start) -> String {
        let period = period.map_or_else(|| "no number".to_owned(), |period| period.to_string());
        let event = match start {
            Start::Clock(event) => format!(" from `{event}`"),
            Start::EventTime | Start::ReceiveTime => String::new(),
        };
        let cited = self.rule.citations.iter().find(|one| one.reg == rule.reg);
        let own = cited.and_then(|citation| citation.cutoff);
        let fiscal = self.dated.policy().defaults.fiscal_year_end;
        let of_law = || Some(self.dated.catalogue().get(&rule.reg)?.cutoff(fiscal));
        let end = match own.or_else(of_law).unwrap_or_default() {
            Cutoff::None => String::new(),
            Cutoff::Month => " from the end of its month".to_owned(),
            Cutoff::CalendarYear => " from the end of its year".to_owned(),
            Cutoff::FiscalYear(end) => format!(" from the end of its fiscal year ({end})"),
        };
        format!("{period}{event}{end}")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use strongroom_crypto::Digest;

    use super::super::tests::{cite, policy};
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::policy::Citation;

    fn said(clock: Clock, citations: Vec<Citation>) -> [String; 3] {
        let at = "2026-06-01T12:00:00Z".parse().unwrap();
        let mut policy = policy("UTC", citations);
        policy.streams[0].clock = clock;
        let catalogue = Arc::new(Catalogue::shipped().unwrap());
        let dated = Dated::new(Arc::new(policy), Digest::of(b"policy"), catalogue, at).unwrap();
        let outline = outline(&dated, &dated.policy().streams[0], at);
        [outline.keep, outline.must_go, outline.fast].map(|term| {
            term.map_or_else(String::new, |term| format!("{} {}", term.formula, term.reg))
        })
    }

    fn at_most(period: &str) -> Citation {
        Citation { set_max: Some(period.parse().unwrap()), ..cite("eu-gdpr-5-1-e") }
    }

    #[test]
    fn the_longest_minimum_and_the_shortest_maximum_decide() {
        let rules = vec![cite("pci-dss-10-5-1"), cite("us-nydfs-500-06-cyber"), at_most("P4Y")];
        let expected = ["P3Y us-nydfs-500-06-cyber", "P4Y eu-gdpr-5-1-e", "P3M pci-dss-10-5-1"];
        assert_eq!(said(Clock::EventTime, rules), expected);
        assert_eq!(said(Clock::EventTime, vec![at_most("P4Y")])[0], "");
    }

    #[test]
    fn of_what_waits_for_an_event_the_longest_decides() {
        let closing = || Clock::Event("account_closed".to_owned());
        let [keep, ..] = said(closing(), vec![cite("pci-dss-10-5-1"), cite("us-sec-17a-4-c")]);
        assert_eq!(keep, "P6Y from `account_closed` us-sec-17a-4-c");
        let [keep, must_go, _] = said(closing(), vec![at_most("P4Y")]);
        assert_eq!(
            (keep.as_str(), must_go.as_str()),
            ("", "P4Y from `account_closed` eu-gdpr-5-1-e")
        );
    }

    #[test]
    fn a_cut_off_is_said() {
        let year = Citation { cutoff: Some(Cutoff::CalendarYear), ..cite("pci-dss-10-5-1") };
        let [keep, _, fast] = said(Clock::EventTime, vec![year]);
        assert_eq!(keep, "P12M from the end of its year pci-dss-10-5-1");
        assert_eq!(fast, "P3M from the end of its year pci-dss-10-5-1");
    }
}
