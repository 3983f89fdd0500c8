//! One citation, and what its rule allows the policy to choose.

use jiff::civil::Date;

use super::check::Context;
use super::complaint::{Code, Complaints, Place};
use super::file::Setting;
use super::reader::{Field, Fields};
use super::term::Term;
use super::{Citation, Clock, ConflictDecision, StreamRule};
use crate::catalogue::{Basis, Catalogue, Maximum, Minimum, Regulation};
use crate::period::{Counting, Cutoff, Period, Zone};

/// The keys of a citation.
pub(super) const CITATION: &[&str] = &[
    "reg",
    "set_min",
    "set_max",
    "cutoff",
    "rationale",
    "customary_ok",
    "accepted_by",
    "subject_stream",
    "decision",
];
/// The keys of `decision`.
pub(super) const DECISION: &[&str] = &["code", "resolve", "approved_by", "review_by"];

/// A rule of the catalogue and what the policy makes of it.
#[derive(Debug)]
pub(super) struct Cited<'a> {
    pub(super) rule: &'a Regulation,
    pub(super) citation: Citation,
    pub(super) place: Place,
    /// The minimum that counts for the stream, and where it stands.
    pub(super) min: Option<(Term, Place)>,
    /// The maximum that counts for the stream, and where it stands.
    pub(super) max: Option<(Term, Place)>,
    /// What a recommendation says, which binds nobody.
    pub(super) advised_min: Option<Term>,
    /// The same for a maximum.
    pub(super) advised_max: Option<Term>,
    /// The stream whose records it is about.
    pub(super) subject: Option<(String, Place)>,
}

/// What a citation says, before its rule is looked at.
struct Choices<'n> {
    set_min: Option<(Field<'n>, Option<Period>)>,
    set_max: Option<(Field<'n>, Option<Period>)>,
    cutoff: Option<(Field<'n>, Option<Cutoff>)>,
    customary_ok: bool,
    citation: Citation,
}

/// None where there is no such rule.
pub(super) fn read<'a>(
    field: &Field<'_>,
    stream: &StreamRule,
    setting: &Setting,
    context: &Context<'a>,
    complaints: &mut Complaints,
) -> Option<Cited<'a>> {
    let fields = field.fields(CITATION, complaints)?;
    let choices = read_choices(&fields, setting, complaints);
    let reg = fields.require("reg", complaints)?;
    let id = reg.name(complaints)?;
    let place = reg.place();
    let Some(rule) = context.catalogue.get(id) else {
        let message = format!("`{id}` is not in the catalogue");
        complaints.add(Code::UnknownRegulation, &place, message, near_id(id, context.catalogue));
        return None;
    };
    check_rule(rule, &choices, stream, &place, context, complaints);
    let law_cutoff = rule.cutoff(setting.defaults.fiscal_year_end);
    let terms = Terms { rule, law_cutoff, zone: &stream.zone, choices: &choices };
    terms.check(&place, complaints);
    let subject = fields.get("subject_stream").and_then(|field| {
        let id = field.word(Code::WrongValue, complaints)?;
        if rule.retain_min != Minimum::AtLeastSubjectRecord {
            let message = format!("`{}` is not about the records of another stream", rule.id);
            complaints.add(Code::PeriodUncited, &field.place(), message, "nothing here");
        }
        Some((id, field.place()))
    });
    Some(Cited {
        rule,
        min: terms.min().map(|term| (term, place_of(choices.set_min.as_ref(), &place))),
        max: terms.max().map(|term| (term, place_of(choices.set_max.as_ref(), &place))),
        advised_min: terms.advised_min(),
        advised_max: terms.advised_max(),
        citation: Citation { reg: rule.id.clone(), ..choices.citation.clone() },
        place,
        subject,
    })
}

fn place_of(set: Option<&(Field<'_>, Option<Period>)>, otherwise: &Place) -> Place {
    set.map_or_else(|| otherwise.clone(), |(field, _)| field.place())
}

fn read_choices<'n>(
    fields: &Fields<'n>,
    setting: &Setting,
    complaints: &mut Complaints,
) -> Choices<'n> {
    let mut period = |key| {
        let field = fields.get(key)?;
        let period = field.period(complaints);
        Some((field, period))
    };
    let (set_min, set_max) = (period("set_min"), period("set_max"));
    let cut_off = fields.get("cutoff").map(|field| {
        let words = [
            ("none", Cutoff::None),
            ("month", Cutoff::Month),
            ("calendar_year", Cutoff::CalendarYear),
            ("fiscal_year", Cutoff::FiscalYear(setting.defaults.fiscal_year_end)),
        ];
        let cutoff = field.choice(&words, complaints);
        (field, cutoff)
    });
    let rationale = fields.get("rationale").and_then(|field| field.text(complaints));
    let customary_ok = fields.get("customary_ok").and_then(|field| field.flag(complaints));
    let accepted = fields.get("accepted_by");
    let accepted = accepted.map(|f| f.words(Code::PersonNamed, Code::RuleUnchecked, complaints));
    let decision = fields.get("decision");
    let decision = decision.and_then(|field| read_decision(&field, setting.today, complaints));
    let citation = Citation {
        reg: String::new(),
        set_min: set_min.as_ref().and_then(|(_, period)| *period),
        set_max: set_max.as_ref().and_then(|(_, period)| *period),
        cutoff: cut_off.as_ref().and_then(|(_, cutoff)| *cutoff),
        rationale: rationale.map(str::to_owned),
        decision,
        accepted_by: accepted.unwrap_or_default(),
    };
    let customary_ok = customary_ok.unwrap_or(false);
    Choices { set_min, set_max, cutoff: cut_off, customary_ok, citation }
}

fn read_decision(
    field: &Field<'_>,
    today: Date,
    complaints: &mut Complaints,
) -> Option<ConflictDecision> {
    let code = Code::DecisionIncomplete;
    let fields = field.fields(DECISION, complaints)?;
    let conflict = fields.require("code", complaints);
    let conflict = conflict.and_then(|f| f.choice(&[("C1", "C1"), ("C3", "C3")], complaints));
    if let Some(resolve) = fields.require("resolve", complaints) {
        resolve.choice(&[("keep", ())], complaints);
    }
    let write = "two different officers or roles like `[dpo, legal]`";
    let approved = fields.demand("approved_by", code, write, complaints);
    let approved_by = approved.as_ref().map(|f| f.words(Code::PersonNamed, code, complaints));
    if let (Some(field), Some(approvers)) = (&approved, &approved_by)
        && approvers.len() < 2
        && !complaints.stand_within(&field.place())
    {
        let message = format!("{} approver", approvers.len());
        complaints.add(code, &field.place(), message, write);
    }
    let review =
        fields.demand("review_by", code, "the date that it is looked at again", complaints);
    let review_by = review.as_ref().and_then(|field| field.date(complaints));
    if let (Some(field), Some(date)) = (&review, review_by)
        && date < today
    {
        let message = format!("`{date}` is in the past");
        complaints.add(code, &field.place(), message, "a date to come");
    }
    Some(ConflictDecision {
        code: conflict.unwrap_or("C1").to_owned(),
        approved_by: approved_by.unwrap_or_default(),
        review_by: review_by.unwrap_or(Date::MAX),
    })
}

/// The rule with the longest beginning in common is most likely meant.
fn near_id(id: &str, catalogue: &Catalogue) -> String {
    let common =
        |rule: &&Regulation| id.chars().zip(rule.id.chars()).take_while(|(a, b)| a == b).count();
    match catalogue.iter().max_by_key(common).filter(|rule| common(rule) >= 4) {
        Some(rule) => format!("`{}`, if that is meant", rule.id),
        None => "an id that `strongroom policy regulations` lists".to_owned(),
    }
}

/// What the rule itself asks of whoever cites it.
fn check_rule(
    rule: &Regulation,
    choices: &Choices<'_>,
    stream: &StreamRule,
    place: &Place,
    context: &Context<'_>,
    complaints: &mut Complaints,
) {
    let id = &rule.id;
    if rule.is_rescinded() {
        let is_heir = |heir: &&Regulation| heir.status.get("replaces") == Some(id);
        let heir = context.catalogue.iter().find(is_heir);
        let write = heir.map_or("a rule in force".into(), |heir| format!("`{}`", heir.id));
        complaints.add(Code::Rescinded, place, format!("`{id}` was rescinded"), write);
    }
    if rule.basis == Basis::Customary && !choices.customary_ok {
        let message = format!("`{id}` is custom, not law");
        let write = "`customary_ok: true` beside it, if you want to follow it";
        complaints.add(Code::CustomaryRule, place, message, write);
    }
    if rule.is_unchecked() && choices.citation.accepted_by.is_empty() {
        let message = format!("the text of `{id}` was not checked for the catalogue");
        let write = "`accepted_by: [legal]`, when it was checked by you";
        complaints.add(Code::RuleUnchecked, place, message, write);
    }
    if !rule.starts_with_an_event() {
        return;
    }
    let start = &rule.clock_start;
    match &stream.clock {
        Clock::EventTime => {
            let message = format!("`{id}` counts from `{start}`, not from the event's own time");
            let write = format!("`clock: {{event: {start}}}` in a stream of its own");
            complaints.add(Code::EventStarted, place, message, write);
        }
        Clock::Event(event) if !rule.clock_events().contains(&event.as_str()) => {
            let message = format!("`{id}` waits for `{start}`, and `{event}` does not start it");
            let write = format!("`clock: {{event: {start}}}`, unless both are recorded");
            complaints.add(Code::OtherEvent, place, message, write);
        }
        Clock::Event(_) => {}
    }
}

/// The periods of a rule and those that the policy puts in their place.
struct Terms<'c> {
    rule: &'c Regulation,
    law_cutoff: Cutoff,
    zone: &'c Zone,
    choices: &'c Choices<'c>,
}

impl Terms<'_> {
    fn term(&self, period: Period, cutoff: Cutoff) -> Term {
        Term { counting: Counting { zone: self.zone.clone(), cutoff }, period }
    }

    /// The period with the cut-off that the policy chose.
    fn chosen(&self, period: Period) -> Term {
        self.term(period, self.choices.citation.cutoff.unwrap_or(self.law_cutoff))
    }

    fn advised_min(&self) -> Option<Term> {
        let recommended = self.rule.basis == Basis::Recommended;
        let period = self.rule.retain_min.counted().filter(|_| recommended)?;
        Some(self.term(period, self.law_cutoff))
    }

    fn advised_max(&self) -> Option<Term> {
        let period = self.choices.citation.set_max.or(self.rule.retain_max.period());
        let period = period.filter(|_| !self.rule.max_is_duty())?;
        Some(self.chosen(period))
    }

    fn min(&self) -> Option<Term> {
        let period = self.choices.citation.set_min.or(self.rule.retain_min.counted());
        period.map(|period| self.chosen(period))
    }

    fn max(&self) -> Option<Term> {
        let period = self.choices.citation.set_max.or(self.rule.retain_max.period());
        period.filter(|_| self.rule.max_is_duty()).map(|period| self.chosen(period))
    }

    fn check(&self, place: &Place, complaints: &mut Complaints) {
        let Choices { set_min, set_max, cutoff, citation, .. } = self.choices;
        let rule = self.rule;
        let (min, max) = (&rule.retain_min, &rule.retain_max);
        // A maximum that binds nobody is advice, with a number or without. A minimum is what a rule
        // is cited for.
        let open = if min.is_open() {
            Some(("set_min", set_min))
        } else if min.is_absent() && matches!(max, Maximum::Criterion(_)) && rule.basis.binds() {
            Some(("set_max", set_max))
        } else {
            None
        };
        if let Some((key, None)) = open {
            let message = format!("`{}` leaves the number to the policy", rule.id);
            let write = format!("`{key}` and `rationale` beside it");
            complaints.add(Code::NoNumber, place, message, write);
        }
        let sets =
            [("set_min", min.is_absent(), set_min), ("set_max", *max == Maximum::None, set_max)];
        for (key, is_absent, set) in sets {
            if let (true, Some((field, _))) = (is_absent, set) {
                let message = format!("`{}` has no place for `{key}`", rule.id);
                let write = "it beside a rule that speaks of such a period";
                complaints.add(Code::PeriodUncited, &field.place(), message, write);
            }
        }
        let first = set_min.as_ref().or(set_max.as_ref()).map(|(field, _)| field.place());
        let first = first.or_else(|| cutoff.as_ref().map(|(field, _)| field.place()));
        if let (Some(place), None) = (first, &citation.rationale) {
            let message = "a number of your own without a reason";
            complaints.add(Code::NoRationale, &place, message, "`rationale` beside it");
        }
        self.check_bounds(complaints);
    }

    /// A policy may keep longer than the law's minimum, and shorter than its maximum.
    fn check_bounds(&self, complaints: &mut Complaints) {
        let Choices { set_min, set_max, cutoff, .. } = self.choices;
        let at = |set: &Option<(Field<'_>, Option<Period>)>| {
            let set = set.as_ref().map(|(field, _)| field.place());
            set.or_else(|| cutoff.as_ref().map(|(field, _)| field.place()))
        };
        let rule = self.rule;
        let law_min = rule.retain_min.counted().filter(|_| rule.fixes_periods());
        if let (Some(law), Some(place), Some(chosen)) = (law_min, at(set_min), self.min())
            && let Some(day) = chosen.shorter_than(&self.term(law, self.law_cutoff))
        {
            let message = format!("from {day} it ends before the `{law}` of `{}`", rule.id);
            let write = format!("`{law}` or longer, or leave it out");
            complaints.add(Code::BelowMinimum, &place, message, write);
        }
        let law_max = rule.retain_max.period().filter(|_| rule.fixes_periods());
        if let (Some(law), Some(place), Some(chosen)) = (law_max, at(set_max), self.max())
            && let Some(day) = self.term(law, self.law_cutoff).shorter_than(&chosen)
        {
            let message = format!("from {day} it ends after the `{law}` of `{}`", rule.id);
            let write = format!("`{law}` or shorter, or leave it out");
            complaints.add(Code::AboveMaximum, &place, message, write);
        }
    }
}
