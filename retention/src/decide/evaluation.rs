//! All rules of one policy, counted for one segment.

use jiff::Timestamp;

use super::anchor::Anchors;
use super::conflict;
use super::rule::Cited;
use crate::catalogue::Immutability;
use crate::clock::Clocks;
use crate::decision::{KeepUntil, RuleResult};
use crate::facts::Facts;
use crate::period::{Counting, Cutoff, Period};
use crate::policy::{Match, Policy, StreamRule};
use crate::schedule::Dated;

/// What one policy says of a segment.
pub(super) struct Evaluation<'a> {
    pub(super) dated: &'a Dated,
    pub(super) rule: &'a StreamRule,
    pub(super) keep: KeepUntil,
    /// The part of `keep` that is known: no lock may end before.
    pub(super) known: Option<Timestamp>,
    /// When the last clock event that it needed was recorded.
    pub(super) known_from: Option<Timestamp>,
    pub(super) must_go: Option<Timestamp>,
    pub(super) fast: Option<KeepUntil>,
    pub(super) deciding: Option<String>,
    pub(super) blocked: bool,
    pub(super) immutability: Immutability,
    pub(super) rules: Vec<RuleResult>,
}

impl<'a> Evaluation<'a> {
    /// Nothing, where the policy has no stream rule for the segment.
    pub(super) fn new(
        dated: &'a Dated,
        facts: &Facts,
        clocks: &Clocks,
        now: Timestamp,
    ) -> Option<Self> {
        Some(Self::of(dated, stream_rule(dated.policy(), facts)?, facts, clocks, now))
    }

    /// What one of the policy's stream rules says.
    pub(super) fn of(
        dated: &'a Dated,
        rule: &'a StreamRule,
        facts: &Facts,
        clocks: &Clocks,
        now: Timestamp,
    ) -> Self {
        let defaults = &dated.policy().defaults;
        let anchors = Anchors { facts, rule, defaults, clocks, now };
        let citations = rule.citations.iter();
        let mut cited: Vec<Cited<'_>> = citations
            .map(|citation| Cited::new(&anchors, citation, dated.catalogue().get(&citation.reg)))
            .collect();
        // The order of the citations in the policy means nothing.
        cited.sort_by(|one, other| one.citation.reg.cmp(&other.citation.reg));
        let conflicts = conflict::resolve(&mut cited);
        let must_go = conflict::must_go_by(&cited, &conflicts);
        let minima = cited.iter().filter_map(|rule| Some((rule.min_until()?, &rule.result.reg)));
        // The first of equals by its name.
        let longest = minima.clone().reduce(|best, next| if next.0 > best.0 { next } else { best });
        let keep = longest.map_or_else(|| no_minimum(&anchors, must_go), |(keep, _)| keep);
        Self {
            dated,
            rule,
            keep,
            known: minima.filter_map(|(keep, _)| keep.instant()).chain(keep.instant()).max(),
            known_from: cited.iter().filter_map(|rule| rule.known_from).max(),
            must_go,
            fast: cited.iter().filter_map(|rule| rule.result.fast).max(),
            deciding: longest.map(|(_, reg)| reg.clone()),
            blocked: conflicts.blocked,
            immutability: cited
                .iter()
                .map(|rule| rule.result.immutability)
                .max()
                .unwrap_or_default(),
            rules: cited.into_iter().map(|rule| rule.result).collect(),
        }
    }
}

/// Where the law only says when a record has to be gone, it may go after its own day. Where it says
/// nothing at all, nobody knows.
fn no_minimum(anchors: &Anchors<'_>, must_go: Option<Timestamp>) -> KeepUntil {
    let counting = Counting { zone: anchors.rule.zone.clone(), cutoff: Cutoff::None };
    let day_over = counting.until(anchors.newest().at, Period::ZERO).ok();
    match (must_go, day_over) {
        (Some(_), Some(at)) => KeepUntil::Until(at),
        (None, _) | (_, None) => KeepUntil::Open,
    }
}

/// The one stream rule that matches. Two would be a contradiction, and decide nothing.
fn stream_rule<'a>(policy: &'a Policy, facts: &Facts) -> Option<&'a StreamRule> {
    let mut matching = policy.streams.iter().filter(|rule| matches(&rule.matches, facts));
    let first = matching.next()?;
    matching.next().is_none().then_some(first)
}

fn matches(about: &Match, facts: &Facts) -> bool {
    (about.streams.is_empty() || about.streams.contains(&facts.stream))
        && about.labels.iter().all(|(name, value)| facts.labels.get(name) == Some(value))
}
