//! Which streams a rule is about. No source may belong to two: there is no first match that wins.

use std::collections::BTreeMap;

use super::Match;
use super::complaint::{Code, Complaints};
use super::reader::{Field, Fields};
use super::stream::Stream;

/// The keys of `match`.
pub(super) const MATCH: &[&str] = &["stream", "labels"];

pub(super) fn read(field: &Field<'_>, write: &str, complaints: &mut Complaints) -> Match {
    let before = complaints.errors.len();
    let Some(fields) = field.fields(MATCH, complaints) else { return Match::default() };
    let mut streams = Vec::new();
    if let Some(field) = fields.get("stream") {
        for item in field.items(complaints) {
            let word = item.word(Code::WrongValue, complaints);
            streams.extend(word.and_then(|word| word.parse().ok()));
        }
    }
    let labels = fields.get("labels").and_then(|field| field.any_fields(complaints));
    let mut values = BTreeMap::new();
    for (key, field) in labels.iter().flat_map(Fields::all) {
        if let Some(char) = key.chars().find(|char| !char.is_ascii_graphic()) {
            let message = format!("the label `{key}` holds U+{:04X}", u32::from(char));
            complaints.add(Code::LookAlike, &field.place(), message, "plain ASCII letters");
        }
        let value = field.name(complaints).unwrap_or_default();
        values.insert(key.to_owned(), value.to_owned());
    }
    let matches = Match { streams, labels: values };
    if matches == Match::default() && complaints.errors.len() == before {
        complaints.add(Code::EmptyMatch, &field.place(), "it matches by nothing", write);
    }
    matches
}

/// Whether some source could match both.
fn overlap(one: &Match, other: &Match) -> bool {
    let streams = one.streams.is_empty()
        || other.streams.is_empty()
        || one.streams.iter().any(|stream| other.streams.contains(stream));
    let differs = |(key, value): (&String, &String)| {
        other.labels.get(key).is_some_and(|there| there != value)
    };
    streams && !one.labels.iter().any(differs)
}

/// Whether one names streams and the other does not: then only the labels of those streams, which
/// the policy does not know, say whether they meet.
fn depends_on_labels(one: &Match, other: &Match) -> bool {
    one.streams.is_empty() != other.streams.is_empty()
}

/// What no two streams may share.
pub(super) fn check(streams: &[Stream<'_>], complaints: &mut Complaints) {
    for (at, stream) in streams.iter().enumerate() {
        let rule = &stream.rule;
        for before in streams.iter().take(at) {
            let first = before.id.line;
            if rule.id == before.rule.id && !rule.id.is_empty() {
                let message = format!("`{}` is the id of the stream in line {first}", rule.id);
                complaints.add(Code::StreamTwice, &stream.id, message, "an id of its own");
            }
            let spelled = &before.rule.record_class;
            if rule.class == before.rule.class && rule.record_class != *spelled {
                let message = format!("`{}` is `{spelled}` elsewhere", rule.record_class);
                let write = format!("`{spelled}`, or a class that differs by more than capitals");
                complaints.add(Code::ClassSpelling, &stream.class, message, write);
            }
            check_pair(stream, before, complaints);
        }
    }
}

fn check_pair(stream: &Stream<'_>, before: &Stream<'_>, complaints: &mut Complaints) {
    let (one, other) = (&stream.rule.matches, &before.rule.matches);
    let empty = Match::default();
    if *one == empty || *other == empty || !overlap(one, other) {
        return;
    }
    let other_id = &before.rule.id;
    let same = |one: &Match, other: &Match| {
        one.labels == other.labels
            && one.streams.iter().all(|stream| other.streams.contains(stream))
            && other.streams.iter().all(|stream| one.streams.contains(stream))
    };
    let (code, message) = if same(one, other) {
        (Code::SameMatch, format!("`{other_id}` matches the same"))
    } else if depends_on_labels(one, other) {
        let message = format!("a source could match this and `{other_id}`, by name and by labels");
        (Code::MayOverlap, message)
    } else {
        (Code::Overlap, format!("a source could match this and `{other_id}`"))
    };
    let write = "conditions that no source meets both of";
    complaints.add(code, &stream.matches, message, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(streams: &[&str], labels: &[(&str, &str)]) -> Match {
        Match {
            streams: streams.iter().map(|name| name.parse().unwrap()).collect(),
            labels: labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        }
    }

    #[test]
    fn a_label_with_another_value_keeps_matches_apart() {
        let pay = matching(&[], &[("app", "pay")]);
        assert!(overlap(&pay, &matching(&[], &[("env", "prod")])));
        assert!(overlap(&pay, &matching(&[], &[("app", "pay"), ("env", "prod")])));
        assert!(!overlap(&pay, &matching(&[], &[("app", "shop"), ("env", "prod")])));
        assert!(!overlap(&matching(&["a", "b"], &[]), &matching(&["c"], &[])));
        assert!(overlap(&matching(&["a", "b"], &[]), &matching(&["b", "c"], &[])));
        assert!(depends_on_labels(&pay, &matching(&["a"], &[])));
    }
}
