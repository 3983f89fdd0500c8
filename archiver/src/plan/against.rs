//! What a policy says of each of its streams, against the policy in force: in numbers, without segments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::name::StreamName;
use strongroom_retention::decide::outline::{Outline, Term, outline};
use strongroom_retention::policy::{LockDemand, Match, StreamRule, Transition};
use strongroom_retention::schedule::Dated;

use super::Change;
use crate::store::LockMode;

/// A policy beside the one in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Against {
    /// Digest and version of the policy in force; none, if there is none.
    pub policy: Option<(Digest, u64)>,
    /// Which records the new one governs, where it is not all of them.
    pub governs: Option<&'static str>,
    /// Their stream rules, by id: what was said and what will be.
    pub rules: BTreeMap<String, [Option<Said>; 2]>,
}

/// What a policy says of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    /// What it is about.
    pub matches: String,
    /// The record class.
    pub class: String,
    /// How long what is made now would be kept.
    pub numbers: Outline,
    /// The mode of its locks.
    pub mode: LockMode,
    /// How long what could go still stays.
    pub grace: String,
    /// The policy approves its disposal.
    pub pre_approved: bool,
    /// Whose dates count.
    pub zone: String,
}

impl Against {
    /// Compares the policy of a digest with the one in force at an instant.
    pub(super) fn new(change: Change<'_>, policy: Digest, at: Timestamp) -> Self {
        let in_force = change.before.schedule().iter().rfind(|dated| dated.effective() <= at);
        let planned = change.after.schedule().iter().rfind(|dated| dated.digest() == policy);
        let mut rules: BTreeMap<String, [Option<Said>; 2]> = BTreeMap::new();
        for (side, dated) in [in_force, planned].into_iter().enumerate() {
            for rule in dated.iter().flat_map(|dated| &dated.policy().streams) {
                let said = dated.map(|dated| Said::of(dated, rule, at));
                let sides = rules.entry(rule.id.clone()).or_default();
                if let Some(place) = sides.get_mut(side) {
                    *place = said;
                }
            }
        }
        let governs = planned.and_then(|dated| match dated.policy().transition {
            Transition::Current => None,
            Transition::UnexpiredOnEffectiveDate => {
                Some("what has not expired when it takes effect")
            }
            Transition::RecordsMadeFrom => Some("records made from then on"),
        });
        let policy = in_force.map(|dated| (dated.digest(), dated.policy().version));
        Self { policy, governs, rules }
    }

    /// The member `against` of a plan.
    pub(super) fn to_json(&self) -> Value {
        let rules = self.rules.iter().map(|(id, sides)| {
            let [before, after] = sides.each_ref().map(|side| side.as_ref().map(Said::to_json));
            object([
                ("after", after.into()),
                ("before", before.into()),
                ("change", change(sides).into()),
                ("rule", id.as_str().into()),
            ])
        });
        object([
            ("governs", self.governs.into()),
            ("policy", self.policy.map(|(digest, _)| text(digest)).into()),
            ("rules", array(rules)),
            ("version", self.policy.map(|(_, version)| version).into()),
        ])
    }
}

/// What becomes of a stream rule, in a word.
pub fn change(sides: &[Option<Said>; 2]) -> &'static str {
    match sides {
        [None, _] => "added",
        [_, None] => "removed",
        [before, after] if before == after => "unchanged",
        _ => "changed",
    }
}

impl Said {
    fn of(dated: &Dated, rule: &StreamRule, at: Timestamp) -> Self {
        Self {
            matches: matched(&rule.matches),
            class: rule.class.to_string(),
            numbers: outline(dated, rule, at),
            mode: match rule.lock {
                LockDemand::Governance => LockMode::Governance,
                LockDemand::Compliance => LockMode::Compliance,
            },
            grace: rule.grace.to_string(),
            pre_approved: rule.pre_approved,
            zone: rule.zone.to_string(),
        }
    }

    fn to_json(&self) -> Value {
        let term = |term: &Option<Term>| {
            Value::from(term.as_ref().map(|term| {
                object([
                    ("citation", term.citation.as_str().into()),
                    ("period", term.formula.as_str().into()),
                    ("reg", term.reg.as_str().into()),
                ])
            }))
        };
        object([
            ("class", self.class.as_str().into()),
            ("fast", term(&self.numbers.fast)),
            ("grace", self.grace.as_str().into()),
            ("keep", term(&self.numbers.keep)),
            ("match", self.matches.as_str().into()),
            ("mode", self.mode.as_str().into()),
            ("must_go", term(&self.numbers.must_go)),
            ("pre_approved", self.pre_approved.into()),
            ("zone", self.zone.as_str().into()),
        ])
    }
}

fn matched(about: &Match) -> String {
    let streams = about.streams.iter().map(StreamName::to_string);
    let labels = about.labels.iter().map(|(key, value)| format!("{key}={value}"));
    streams.chain(labels).collect::<Vec<_>>().join(", ")
}
