//! The scenarios and properties that a retention engine is proved right by.

mod approvals;
mod properties;
mod scenarios;
mod schedules;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;

use super::*;
use crate::catalogue::Catalogue;
use crate::clock::ClockEvent;
use crate::facts::Times;
use crate::hold::Hold;
use crate::period::MonthDay;
use crate::policy::{
    Citation, Clock, ConflictDecision, Defaults, Disposal, LockDemand, Match, Policy, StreamRule,
    Transition,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn until(text: &str) -> KeepUntil {
    KeepUntil::Until(at(text))
}

pub(crate) fn cite(reg: &str) -> Citation {
    Citation {
        reg: reg.to_owned(),
        set_min: None,
        set_max: None,
        cutoff: None,
        rationale: None,
        decision: None,
        accepted_by: Vec::new(),
    }
}

fn limited(reg: &str, max: &str) -> Citation {
    Citation { set_max: Some(max.parse().unwrap()), ..cite(reg) }
}

fn decided(citation: Citation) -> Citation {
    let decision = ConflictDecision {
        code: "C1".to_owned(),
        approved_by: vec!["dpo".to_owned(), "legal".to_owned()],
        review_by: "2030-01-01".parse().unwrap(),
    };
    Citation { decision: Some(decision), ..citation }
}

/// Read once: thousands of scenes cite it.
fn shipped() -> Arc<Catalogue> {
    static SHIPPED: OnceLock<Arc<Catalogue>> = OnceLock::new();
    Arc::clone(SHIPPED.get_or_init(|| Arc::new(Catalogue::shipped().unwrap())))
}

/// The shipped catalogue with another minimum for one rule.
fn amended(reg: &str, from: &str, to: &str) -> Arc<Catalogue> {
    let text = Catalogue::shipped_text();
    let place = text.find(&format!("- id: {reg}\n")).unwrap();
    let (head, tail) = text.split_at(place);
    let (from, to) = (format!("retain_min: {from}\n"), format!("retain_min: {to}\n"));
    let changed = tail.replacen(&from, &to, 1);
    assert_ne!(changed, tail);
    Arc::new(Catalogue::parse(&format!("{head}{changed}")).unwrap())
}

/// A policy of one stream, cut short of what does not decide.
pub(crate) fn policy(zone: &str, citations: Vec<Citation>) -> Policy {
    let zone: crate::period::Zone = zone.parse().unwrap();
    let rule = StreamRule {
        id: "audit".to_owned(),
        title: "Audit events".to_owned(),
        record_class: "AUD-1".to_owned(),
        class: "aud-1".parse().unwrap(),
        matches: Match { streams: vec!["audit".parse().unwrap()], labels: BTreeMap::new() },
        clock: Clock::EventTime,
        zone: zone.clone(),
        max_span: SignedDuration::from_hours(24),
        residency: Vec::new(),
        lock: LockDemand::Compliance,
        grace: "P30D".parse().unwrap(),
        pre_approved: false,
        backfill: None,
        personal_data: None,
        citations,
    };
    Policy {
        name: "schedule".to_owned(),
        owner: "records".to_owned(),
        version: 1,
        supersedes: None,
        effective: "2000-01-01".parse().unwrap(),
        transition: Transition::Current,
        review_by: None,
        catalogue: shipped().digest(),
        defaults: Defaults {
            zone,
            fiscal_year_end: MonthDay::YEAR_END,
            max_future_skew: SignedDuration::from_mins(5),
            max_lock: "P12Y".parse().unwrap(),
            grace: "P30D".parse().unwrap(),
            review_sla: "P14D".parse().unwrap(),
            sweep_every: "P1D".parse().unwrap(),
            disposal: Disposal {
                roles: vec!["records-manager".to_owned(), "legal".to_owned()],
                approval_ttl: "P30D".parse().unwrap(),
                certificate_retain: "P6Y".parse().unwrap(),
            },
        },
        streams: vec![rule],
    }
}

fn dated(mut policy: Policy, catalogue: Arc<Catalogue>, approved: &str) -> Dated {
    policy.catalogue = catalogue.digest();
    let digest = Digest::of(format!("{} {approved}", policy.version).as_bytes());
    Dated::new(Arc::new(policy), digest, catalogue, at(approved)).unwrap()
}

/// A segment and everything around it.
pub(crate) struct Scene {
    facts: Facts,
    schedule: Schedule,
    holds: Vec<Hold>,
    clocks: Clocks,
}

impl Scene {
    pub(crate) fn new(event: &str, policy: Policy) -> Self {
        let policies = vec![dated(policy, shipped(), "2000-01-01T00:00:00Z")];
        Self::under(event, policies)
    }

    fn under(event: &str, policies: Vec<Dated>) -> Self {
        let facts = Facts {
            segment: None,
            stream: "audit".parse().unwrap(),
            labels: BTreeMap::new(),
            event_time: Some(Times::at(at(event))),
            receive_time: Times::at(at(event)),
            lock_until: None,
            settle_until: None,
            stage: Stage::Live,
        };
        let (schedule, clocks) = (Schedule::new(policies), Clocks::default());
        Self { facts, schedule, holds: Vec::new(), clocks }
    }

    fn clock(&mut self, event: &str, happened: &str, recorded: &str) {
        self.clocks.record(clock_event(event, happened, recorded)).unwrap();
    }

    pub(crate) fn hold(&mut self, id: &str, placed: &str, released: Option<&str>) {
        let (id, released) = (id.parse().unwrap(), released.map(at));
        self.holds.push(Hold { id, placed: at(placed), released });
    }

    pub(crate) fn decide(&self, now: &str) -> Decision {
        self.decide_at(at(now))
    }

    fn decide_at(&self, now: Timestamp) -> Decision {
        let holds = Holds::at(&self.holds, now);
        decide(&self.facts, &self.schedule, &holds, &self.clocks, now)
    }
}

fn clock_event(event: &str, happened: &str, recorded: &str) -> ClockEvent {
    ClockEvent {
        stream: "audit".parse().unwrap(),
        event: event.to_owned(),
        at: at(happened),
        recorded_at: at(recorded),
        reopened: false,
        earlier: false,
    }
}

/// The right answer, and none of those that a bad engine gives.
fn assert_keeps(decision: &Decision, right: &str, wrong: &[&str]) {
    assert_eq!(decision.keep_until, until(right));
    for wrong in wrong {
        assert_ne!(decision.keep_until, until(wrong));
    }
}

fn flags(decision: &Decision) -> Vec<&str> {
    decision.flags.iter().map(|flag| flag.as_str()).collect()
}

/// The codes of a rule's notes and the rules they are about.
fn notes(decision: &Decision, reg: &str) -> Vec<String> {
    let rule = decision.rules.iter().find(|rule| rule.reg == reg).unwrap();
    let notes = rule.notes.iter().map(crate::decision::Note::code);
    notes.map(|(code, with)| format!("{code} {}", with.unwrap_or("-"))).collect()
}
