//! Which events the periods of a stream wait for.

use std::collections::BTreeSet;

use strongroom_crypto::name::StreamName;
use strongroom_retention::policy::{Clock, Match};

use super::Policies;

impl Policies {
    /// The names of events that some policy waits for in a stream, also one that is not in force yet
    /// or no more: what it sealed may still be kept by it.
    pub fn awaited(&self, stream: &StreamName) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for dated in self.schedule.iter() {
            let rules = dated.policy().streams.iter();
            for rule in rules.filter(|rule| self.may_match(&rule.matches, stream)) {
                if let Clock::Event(name) = &rule.clock {
                    names.insert(name.clone());
                }
                let cited = rule.citations.iter().filter_map(|one| dated.catalogue().get(&one.reg));
                let waits = cited.filter(|regulation| regulation.starts_with_an_event());
                names.extend(waits.flat_map(|one| one.clock_events()).map(str::to_owned));
            }
        }
        names
    }

    /// Whether a rule may be about a stream: of one whose labels are not known here nobody can say no.
    fn may_match(&self, matches: &Match, stream: &StreamName) -> bool {
        let named = matches.streams.is_empty() || matches.streams.contains(stream);
        let labels = self.labels.get(stream);
        let fits = |(key, value): (&String, &String)| {
            labels.is_none_or(|labels| labels.get(key) == Some(value))
        };
        named && matches.labels.iter().all(fits)
    }
}
