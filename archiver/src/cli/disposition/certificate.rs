//! A certificate of destruction for people: a labelled line for each thing that it says.

use strongroom_crypto::json::Value;

use crate::cli::output;

/// Segments, and versions of one segment, that are shown; `--json` shows all.
const SHOWN: usize = 20;

type Line = (&'static str, String);

/// The lines: what went and why, by whose order, how, what is left, and what is not claimed.
pub(super) fn lines(certificate: &Value) -> Vec<Line> {
    let mut lines = what(certificate);
    lines.extend(why(certificate));
    lines.extend(who(certificate));
    lines.extend(how(certificate));
    lines.extend(segments(certificate));
    lines.extend(left(certificate));
    lines
}

fn what(certificate: &Value) -> Vec<Line> {
    let of = |name| word(certificate, name);
    let dates = member(certificate, "inclusive_dates");
    let segments = counted(certificate, "segment_count", "segment", "segments");
    let events = counted(certificate, "events", "event", "events");
    let versions = counted(certificate, "versions", "version", "versions");
    let size = output::size(number(certificate, "segment_bytes"));
    let organisation = member(certificate, "organisation");
    let name = known(organisation, "name", word(organisation, "name"));
    let before = match member(certificate, "certificate_before") {
        Value::Text(digest) => format!("certificate sha256 {digest}"),
        _ => "no certificate".to_owned(),
    };
    vec![
        ("certificate", format!("{}, of the order of this id", of("id"))),
        ("before", before),
        ("organisation", name),
        ("owner", format!("{}, of the policy", word(organisation, "policy_owner"))),
        ("archive", of("archive_id")),
        ("destroyed", format!("{segments}, {events}, {versions}, {size}")),
        ("events", format!("from {} to {}", word(dates, "from"), word(dates, "to"))),
        ("list", format!("{}, sha256 {}", of("list_object"), of("list"))),
    ]
}

fn why(certificate: &Value) -> Vec<Line> {
    let of = |name| word(certificate, name);
    let schedule = |value| {
        let version = number(value, "policy_version");
        format!(
            "{}, version {version}, sha256 {}",
            word(value, "policy_name"),
            word(value, "policy")
        )
    };
    let mut lines = vec![
        ("schedule", schedule(certificate)),
        ("catalogue", format!("sha256 {}", of("catalogue"))),
    ];
    for series in items(certificate, "series") {
        let (item, class) = (word(series, "schedule_item"), word(series, "class"));
        lines.push(("series", format!("{}: item {item}, class {class}", word(series, "title"))));
        lines.push(("  governed by", schedule(series)));
        for one in items(series, "citations") {
            let [rule, cited, weight] = ["rule", "citation", "weight"].map(|name| word(one, name));
            let period = |name, bound| match member(one, name) {
                Value::Text(period) => format!(", {bound} {period}"),
                _ => String::new(),
            };
            let (min, max) = (period("min", "at least"), period("max", "at most"));
            lines.push(("  citation", format!("{rule}: {cited}{min}{max}, {weight}")));
        }
    }
    lines
}

fn who(certificate: &Value) -> Vec<Line> {
    let of = |name| word(certificate, name);
    let by = match of("approved_by").as_str() {
        "schedule" => "the schedule itself: no officer has to sign".to_owned(),
        by => by.to_owned(),
    };
    let order = format!("{}, entry {} at {}", of("order"), of("order_entry"), of("order_at"));
    let mut lines = vec![("ordered", order), ("approved by", by)];
    for one in items(certificate, "approvals") {
        let [officer, role, at, entry] = ["officer", "role", "at", "entry"].map(|n| word(one, n));
        lines.push(("  officer", format!("{officer} as {role}, entry {entry} at {at}")));
        lines.push(("  signature", word(one, "sig")));
    }
    let executor = member(certificate, "executor");
    let [role, key, software] = ["role", "key_id", "software"].map(|name| word(executor, name));
    lines.push(("executed by", format!("{software}, duty {role}, key {key}")));
    let check = member(certificate, "hold_check");
    let [result, epoch, at] = ["result", "hold_epoch", "at"].map(|name| word(check, name));
    lines.push(("hold check", format!("{result}, epoch {epoch}, at {at}")));
    lines
}

fn how(certificate: &Value) -> Vec<Line> {
    let time = member(certificate, "time");
    let (local, store) = (word(time, "local"), word(time, "store"));
    let mut lines = vec![("began", format!("{local} here, {store} by the store's clock"))];
    for place in items(certificate, "places") {
        lines.push(("place", format!("{}: {}", word(place, "url"), word(place, "method"))));
    }
    lines
        .push(("uploads", format!("{} unfinished, aborted", word(certificate, "uploads_aborted"))));
    for key in items(certificate, "keys") {
        let until = match member(key, "until") {
            Value::Text(until) => format!(" until {until}"),
            _ => String::new(),
        };
        lines.push(("key", format!("{}: {}{until}", word(key, "key"), word(key, "fate"))));
    }
    let verified = member(certificate, "verification");
    let found = items(verified, "left").len();
    let method = word(verified, "method");
    lines.push(("verified", format!("{}: {method}; {found} left", word(verified, "at"))));
    lines
}

fn segments(certificate: &Value) -> Vec<Line> {
    let all = items(certificate, "segments");
    let mut lines = Vec::new();
    for one in all.iter().take(SHOWN) {
        let of = |name| word(one, name);
        let events = counted(one, "events", "event", "events");
        let size = output::size(number(one, "bytes"));
        lines.push(("segment", format!("{}, entry {}, {events}, {size}", of("id"), of("entry"))));
        lines.push(("  object", format!("{}, sha256 {}", of("object"), of("sha256"))));
        lines.push(("  kept until", format!("{}, by {}", of("keep_until"), of("deciding_rule"))));
        if let Value::Text(by) = member(one, "must_go_by") {
            lines.push(("  gone by", by.clone()));
        }
        let versions = items(one, "versions");
        let shown = versions.iter().take(SHOWN).map(plain).collect::<Vec<_>>().join(", ");
        lines.push(("  versions", format!("{shown}{}", more(versions.len()))));
    }
    if all.len() > SHOWN {
        lines.push(("segments", format!("{SHOWN} of them are shown{}", more(all.len()))));
    }
    lines
}

fn more(all: usize) -> String {
    let rest = all.saturating_sub(SHOWN);
    if rest > 0 { format!(", and {rest} more: `--json` shows them") } else { String::new() }
}

fn left(certificate: &Value) -> Vec<Line> {
    let exceptions = items(certificate, "exceptions");
    let mut lines = Vec::new();
    if exceptions.is_empty() {
        lines.push(("exceptions", "none".to_owned()));
    }
    for one in exceptions {
        lines.push(("exception", format!("{}: {}", word(one, "object"), word(one, "why"))));
    }
    for one in items(certificate, "residual_copies") {
        let copy = word(one, "copy");
        lines.push((
            "copies",
            match member(one, "expires") {
                Value::Text(until) => format!("{copy}, until {until}"),
                _ => format!("{copy}; until when is not known: {}", word(one, "reason")),
            },
        ));
    }
    let subjects = member(certificate, "data_subjects");
    lines.push(("data subjects", known(subjects, "count", word(subjects, "count"))));
    for one in items(certificate, "not_covered") {
        lines.push(("not claimed", plain(one)));
    }
    lines
}

/// A member, or why nobody knows it.
fn known(value: &Value, name: &str, said: String) -> String {
    match member(value, name) {
        Value::Null => format!("not known: {}", word(value, "reason")),
        _ => said,
    }
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    match value {
        Value::Object(members) => members.get(name).unwrap_or(&Value::Null),
        _ => &Value::Null,
    }
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    if let Value::Array(items) = member(value, name) { items } else { &[] }
}

fn word(value: &Value, name: &str) -> String {
    plain(member(value, name))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Text(text) => text.clone(),
        other => String::from_utf8_lossy(&other.to_canonical()).into_owned(),
    }
}

fn number(value: &Value, name: &str) -> u64 {
    match member(value, name) {
        Value::Int(number) => u64::try_from(number.get()).unwrap_or(0),
        _ => 0,
    }
}

fn counted(value: &Value, name: &str, one: &str, many: &str) -> String {
    output::counted(number(value, name), one, many)
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::json::{array, object};

    use super::*;

    #[test]
    fn only_so_many_segments_and_versions_are_shown() {
        let versions = || array((0..25).map(|number| number.to_string()));
        let segments = array((0..23).map(|_| object([("versions", versions())])));
        let shown = super::segments(&object([("segments", segments)]));
        assert_eq!(shown.iter().filter(|(label, _)| *label == "segment").count(), SHOWN);
        assert!(shown[3].1.ends_with("19, and 5 more: `--json` shows them"), "{shown:?}");
        let last = "20 of them are shown, and 3 more: `--json` shows them";
        assert_eq!(shown.last().unwrap(), &("segments", last.to_owned()));
    }

    #[test]
    fn what_is_no_certificate_is_shown_all_the_same() {
        for value in [Value::Null, object([("segments", 1.into()), ("keys", Value::Null)])] {
            assert!(lines(&value).iter().any(|(label, _)| *label == "certificate"));
        }
    }
}
