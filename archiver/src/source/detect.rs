//! Telling the format of a file from its first bytes.
//!
//! A wrong guess loses nothing, for every format keeps every byte; it costs the reader of the
//! archive, who finds one record where there were a hundred, or lines where there was one record.

mod grammar;

use super::Format;
use grammar::{Verdict, walk};

/// How many lines at the beginning may be something else before the first JSON object, in a file
/// that is otherwise one object a line: the banner of a program, the end of a rotated line.
const FIRST_LINES: usize = 16;

/// Tells the format from the first decoded bytes of a file, [`super::DETECT_BYTES`] of them or, if
/// `complete`, all there are.
pub fn detect(prefix: &[u8], complete: bool) -> Format {
    let content = prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix).trim_ascii_start();
    let guess = match content.first() {
        Some(b'{') => object(content, complete),
        Some(b'[') => array(content, complete),
        _ => None,
    };
    guess.unwrap_or_else(|| lines(content, complete))
}

/// What a file that begins with a brace is, unless it only looks like JSON.
fn object(content: &[u8], complete: bool) -> Option<Format> {
    let (line, rest) = first_line(content);
    match walk(line, |_, _| {}) {
        Verdict::Invalid => damaged_envelope(content),
        Verdict::Whole(end) => {
            let after = line.get(end..).unwrap_or_default().trim_ascii_start();
            if after.is_empty() {
                let alone = complete && rest.trim_ascii().is_empty();
                return Some(envelope(line, true, alone).unwrap_or(Format::Ndjson));
            }
            let more = walk(after, |_, _| {}) != Verdict::Invalid && after.starts_with(b"{");
            more.then(|| envelope(line, true, false).unwrap_or(Format::Document))
        }
        Verdict::Unfinished if line.len() == content.len() => {
            Some(envelope(line, false, true).unwrap_or(Format::Ndjson))
        }
        Verdict::Unfinished => match walk(content, |_, _| {}) {
            Verdict::Invalid => damaged_envelope(content),
            Verdict::Whole(end) => {
                let object = content.get(..end).unwrap_or_default();
                let after = content.get(end..).unwrap_or_default();
                let alone = complete && after.trim_ascii().is_empty();
                Some(envelope(object, true, alone).unwrap_or(Format::Document))
            }
            Verdict::Unfinished => Some(envelope(content, false, true).unwrap_or(Format::Document)),
        },
    }
}

/// Which envelope an object is. `Records` is a common word, so an object that is not the only one
/// of its file (`alone`) must have no other member; an object that has not ended (`whole`) may have
/// its array still to come.
fn envelope(object: &[u8], whole: bool, alone: bool) -> Option<Format> {
    let (mut members, mut records, mut items, mut list) = (0_usize, false, false, false);
    walk(object, |name, value| {
        members = members.saturating_add(1);
        match name {
            b"\"Records\"" => records |= is_array_of_objects(value),
            b"\"items\"" => items |= value.starts_with(b"["),
            b"\"kind\"" => list |= value.starts_with(b"\"EventList\""),
            _ => {}
        }
    });
    if list && (items || !whole) {
        Some(Format::EventList)
    } else if records && (members == 1 || alone) {
        Some(Format::CloudTrail)
    } else {
        None
    }
}

/// Which envelope was damaged after its first event: no line of text begins like that.
fn damaged_envelope(content: &[u8]) -> Option<Format> {
    let (mut records, mut items, mut list) = (false, false, false);
    walk(content, |name, value| match name {
        b"\"Records\"" => records |= value.starts_with(b"[") && has_first_object(value),
        b"\"items\"" => items |= value.starts_with(b"[") && has_first_object(value),
        b"\"kind\"" => list |= value.starts_with(b"\"EventList\""),
        _ => {}
    });
    match (list && items, records) {
        (true, _) => Some(Format::EventList),
        (false, true) => Some(Format::CloudTrail),
        (false, false) => None,
    }
}

/// Whether an array begins here whose elements are objects, or that has none yet.
fn is_array_of_objects(value: &[u8]) -> bool {
    value
        .strip_prefix(b"[")
        .is_some_and(|inside| matches!(inside.trim_ascii_start().first(), None | Some(b'{' | b']')))
}

/// What a file that begins with a bracket is, unless it is text such as `[INFO] started`.
fn array(content: &[u8], complete: bool) -> Option<Format> {
    let (line, _) = first_line(content);
    match walk(content, |_, _| {}) {
        // An array over several lines is one; on one line it may be the first of many.
        Verdict::Whole(end) if end > line.len() => Some(Format::Array),
        Verdict::Whole(end) => {
            let after = line.get(end..).unwrap_or_default();
            let next = content.get(end..).unwrap_or_default().trim_ascii_start();
            let (next_line, _) = first_line(next);
            let next_whole =
                is_line_of_json(next_line) || (!complete && next_line.len() == next.len());
            match next.first() {
                _ if !after.trim_ascii().is_empty() => None,
                None => Some(Format::Array),
                Some(b'[' | b'{') if next_whole => Some(Format::Ndjson),
                Some(b'[') if walk(next, |_, _| {}) != Verdict::Invalid => Some(Format::Array),
                Some(_) => None,
            }
        }
        Verdict::Unfinished => {
            let inside = content.get(1..).unwrap_or_default().trim_ascii_start();
            let structured = matches!(inside.first(), None | Some(b'{' | b'[' | b'"'));
            (structured || inside.contains(&b',')).then_some(Format::Array)
        }
        Verdict::Invalid => has_first_object(content).then_some(Format::Array),
    }
}

/// Whether an array begins with a whole object and a comma, whatever follows: a damaged array, for
/// no line of text looks like that.
fn has_first_object(content: &[u8]) -> bool {
    let inside = content.get(1..).unwrap_or_default().trim_ascii_start();
    let Verdict::Whole(end) = walk(inside, |_, _| {}) else { return false };
    let after = inside.get(end..).unwrap_or_default().trim_ascii_start();
    inside.starts_with(b"{") && after.starts_with(b",")
}

/// What a file of lines is: JSON if one of the first is an object, else text.
fn lines(content: &[u8], complete: bool) -> Format {
    let mut rest = content;
    for _ in 0..FIRST_LINES {
        let (line, next) = first_line(rest);
        let whole = complete || line.len() < rest.len();
        if whole && line.trim_ascii_start().starts_with(b"{") && is_line_of_json(line) {
            return Format::Ndjson;
        }
        rest = next;
    }
    Format::Text
}

/// Whether a line is one JSON value.
fn is_line_of_json(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    walk(line, |_, _| {}) == Verdict::Whole(line.len())
}

/// The first line without its line feed, and what follows.
fn first_line(content: &[u8]) -> (&[u8], &[u8]) {
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    (line, content.get(line.len().saturating_add(1)..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(content: &str) -> Format {
        detect(content.as_bytes(), true)
    }

    fn beginning(content: &str) -> Format {
        detect(content.as_bytes(), false)
    }

    #[test]
    fn objects_on_lines_are_ndjson() {
        for content in [
            "{\"a\":1}",
            "{\"a\":1}\n",
            "\u{feff}  \r\n {\"a\":1}\r\n{\"b\":2}\r\n",
            "{\"a\":1}\nnot json\n",
            "{\"a\":\"tab\there\"}\n",
            "{\"a\":{\"Records\":[{}]}}\n",
            "{\"time\":1,\"Records\":[{\"a\":1}]}\n{\"time\":2}\n",
            "{\"Records\":[1,2]}\n",
            "{\"Records\":7}\n",
            "{\"kind\":\"Event\",\"items\":[]}\n{}\n",
            "{\"a\":1,\"b\n{\"a\":2}\n",
            "{\"a\":\n{\"b\":1}\n{\"c\":2}\n",
            "{\"a\":",
            "banner v1.2\n\n{\"a\":1}\n",
            "{not json}\n{\"a\":1}\n",
        ] {
            assert_eq!(complete(content), Format::Ndjson, "{content:?}");
        }
    }

    #[test]
    fn envelopes_are_told_from_objects_that_merely_resemble_them() {
        for content in [
            "{\"Records\":[{\"a\":1},{\"a\":2}]}",
            "{\"Records\": [ ] }\n",
            "{\n  \"Records\" : [\n    {\"a\":1}\n  ]\n}\n",
            "{\"Records\":[{}]}\n{\"Records\":[{}]}\n",
            "{\"Records\":[{}]}{\"Records\":[{}]}",
            "{\"version\":1,\"Records\":[{\"a\":1}]}",
            "{\"version\":1,\n\"Records\":[{\"a\":1}",
            "{\"Records\":[{\"a\":1},{\"a\"",
        ] {
            assert_eq!(complete(content), Format::CloudTrail, "{content:?}");
        }
        for content in [
            "{\"kind\":\"EventList\",\"items\":[{}]}",
            "{\"items\":[{}],\"kind\":\"EventList\"}\n{\"items\":[],\"kind\":\"EventList\"}",
            "{\n \"kind\": \"EventList\",\n \"metadata\": {},\n \"items\": [\n",
        ] {
            assert_eq!(complete(content), Format::EventList, "{content:?}");
        }
        assert_eq!(beginning("{\"kind\":\"EventList\",\"metadata\":{\"x\":\""), Format::EventList);
        assert_eq!(beginning("{\"Records\":[{\"x\":\""), Format::CloudTrail);
        assert_eq!(beginning("{\"message\":\"endless"), Format::Ndjson);
    }

    #[test]
    fn an_envelope_that_is_damaged_after_its_first_event_is_still_one() {
        for content in [
            "{\"Records\":[{\"a\":1},{bad}]}",
            "{\n\"Records\":[\n{\"a\":1},\n{\"b\":}\n]}\n",
            "{\"version\":1,\"Records\":[{\"a\":1},nonsense",
        ] {
            assert_eq!(complete(content), Format::CloudTrail, "{content:?}");
        }
        assert_eq!(
            complete("{\"kind\":\"EventList\",\"items\":[{\"a\":1},{bad}]}"),
            Format::EventList
        );
        for content in ["{\"Records\":[bad]}", "{\"Records\":{\"a\":1},bad}\n", "{Records:[{}]}\n"]
        {
            assert_eq!(complete(content), Format::Text, "{content:?}");
        }
    }

    #[test]
    fn documents_run_over_lines_or_stand_together_on_one() {
        for content in [
            "{\n  \"a\": 1\n}\n",
            "{\"a\":\n  [1,\n 2]}",
            "{\n}\n{\n}\n",
            "{\"event\":1}{\"event\":2}",
            "{\"event\":1} {\"event\":2}\n",
            "{\r\n  \"a\": \"b",
        ] {
            assert_eq!(complete(content), Format::Document, "{content:?}");
        }
    }

    #[test]
    fn arrays_are_told_from_text_in_brackets() {
        for content in [
            "[]",
            "[{\"a\":1}]\n",
            "[\n{\"a\":1},\n{\"a\":2}\n]\n",
            "[\n",
            "[{\"a\":1}, nonsense",
            "[1,2",
            "[\n1\n]\n[\n2\n]\n",
            "[1]\n[\n2\n]\n",
        ] {
            assert_eq!(complete(content), Format::Array, "{content:?}");
        }
        for content in ["[1,\"a\"]\n[2,\"b\"]\n", "[1]\n\n{\"a\":1}\n"] {
            assert_eq!(complete(content), Format::Ndjson, "{content:?}");
        }
        for content in [
            "[INFO] started\n",
            "[2023-01-01 10:00:00] started\n",
            "[2023] started\n[2024] stopped\n",
            "[12",
            "[null] x\n",
            "[1]\nfree text\n",
            "[{\"a\":1}] trailing words\n",
        ] {
            assert_eq!(complete(content), Format::Text, "{content:?}");
        }
    }

    #[test]
    fn everything_else_is_text() {
        for content in [
            "",
            " \r\n",
            "\u{feff}",
            "Jan  6 host x: y\n",
            "\0\0\0",
            "{braces} in text\n",
            "{1:2}\n",
        ] {
            assert_eq!(complete(content), Format::Text, "{content:?}");
        }
        assert_eq!(detect(b"\xff\xfe{\0", true), Format::Text);
        let late = format!("{}{{\"a\":1}}\n", "line\n".repeat(FIRST_LINES));
        assert_eq!(complete(&late), Format::Text);
        assert_eq!(beginning("text\n{\"a\":1}"), Format::Text, "the line may go on");
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(5_000));
        assert_eq!(detect(deep.as_bytes(), false), Format::Array);
    }
}
