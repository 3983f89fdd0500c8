//! Dividing decoded bytes into records: a machine that is shown a growing window and says where in
//! it the next record lies.
//!
//! The window always begins where the last record ended. Nothing is copied and nothing is kept but
//! positions, so the caller's buffer is the only memory in use. Where a record is cut depends on
//! byte positions alone, never on how the bytes happened to arrive.

mod bytes;
mod group;
mod json;
mod line;
mod value;

use super::{Format, StartRule};
use bytes::Bytes;
use group::Groups;
use json::{Json, Shape};
use line::Lines;

/// The byte order mark of UTF-8. It belongs to the file, not to its first record.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the bytes of a record are held to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framed {
    /// One JSON value by its framing; whether it parses is for the reader of the record to find.
    Json,
    /// Text.
    Text,
    /// Bytes kept although their framing failed, or a part of a record over the size limit.
    Broken,
}

/// What follows the bytes in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eof {
    /// More bytes may follow.
    NotYet,
    /// Nothing follows: the end of the file ends its last record.
    Final,
    /// Nothing follows for now: a record without an end is left for a later run.
    Growing,
}

/// Where the next record lies in the window. `lead` and `raw` are counts of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The window begins with `lead` bytes that no record owns, then `raw` bytes of a record.
    Record { lead: usize, raw: usize, parse: Framed },
    /// The window ends before the record does.
    More,
    /// There is no further record; the window begins with `tail` bytes that no record owns.
    End { tail: usize },
}

/// What one way of framing found in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    /// A record with its end.
    Whole(Whole),
    /// A record of at least `sure` bytes whose end was not found.
    Open { lead: usize, sure: usize },
    /// No record begins in these bytes. At the end of the file: nor after them.
    Lead(usize),
}

/// A record with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Whole {
    lead: usize,
    raw: usize,
    parse: Framed,
}

/// Divides one file into records.
#[derive(Debug)]
pub(super) struct Framer {
    unit: Unit,
    max_record: usize,
    /// A record whose end is known and which is handed out in parts. The unit has moved past it.
    held: Option<Whole>,
}

/// The ways of framing.
#[derive(Debug)]
enum Unit {
    Lines(Lines),
    Groups(Groups),
    Json(Json),
    Bytes(Bytes),
}

impl Framer {
    /// Frames a file from its first byte. [`Format::Auto`] is settled before framing; what is left
    /// of it here is read as text, which holds for any bytes.
    pub(super) fn new(format: Format, rule: Option<StartRule>, max_record: usize) -> Self {
        let max_record = max_record.max(1);
        let json = |shape| Unit::Json(Json::new(shape, max_record));
        let unit = match (format, rule) {
            (Format::Ndjson, _) => Unit::Lines(Lines::json(max_record)),
            (Format::Array, _) => json(Shape::Array),
            (Format::CloudTrail, _) => json(Shape::Member(b"Records")),
            (Format::EventList, _) => json(Shape::Member(b"items")),
            (Format::Document, _) => json(Shape::Document),
            (Format::Binary, _) => Unit::Bytes(Bytes::new(max_record)),
            (Format::Text | Format::Auto, Some(rule)) => Unit::Groups(Groups::new(rule)),
            (Format::Text | Format::Auto, None) => Unit::Lines(Lines::text(max_record)),
        };
        Self { unit, max_record, held: None }
    }

    /// Frames a file from the middle. In the middle of a line, what is left of the line is
    /// no record of its own making and comes out as [`Framed::Broken`].
    pub(super) fn resume(mut self, in_line: bool) -> Self {
        match &mut self.unit {
            Unit::Lines(lines) => lines.resume(in_line),
            Unit::Groups(groups) => groups.resume(in_line),
            Unit::Json(_) | Unit::Bytes(_) => {}
        }
        self
    }

    /// Finds the next record. After [`Step::Record`] the window must be moved past its bytes; after
    /// [`Step::More`] it must have grown.
    pub(super) fn next(&mut self, window: &[u8], eof: Eof) -> Step {
        if let Some(whole) = self.held.take() {
            return self.hand_out(whole);
        }
        match self.unit.step(window, eof) {
            Span::Whole(whole) => self.hand_out(whole),
            Span::Open { lead, .. } | Span::Lead(lead) if lead > self.max_record => {
                self.unit.advance(self.max_record);
                Step::Record { lead: 0, raw: self.max_record, parse: Framed::Broken }
            }
            Span::Open { lead, sure } if sure > self.max_record => {
                self.unit.cut(lead.saturating_add(self.max_record));
                Step::Record { lead, raw: self.max_record, parse: Framed::Broken }
            }
            Span::Open { lead: tail, .. } if eof == Eof::Growing => Step::End { tail },
            Span::Lead(tail) if eof != Eof::NotYet => Step::End { tail },
            Span::Open { .. } | Span::Lead(_) => Step::More,
        }
    }

    /// Hands out a record, in parts where it or the bytes before it pass the limit.
    fn hand_out(&mut self, whole: Whole) -> Step {
        let Whole { lead, raw, parse } = whole;
        let max = self.max_record;
        if let Some(left) = lead.checked_sub(max).filter(|left| *left > 0) {
            self.held = Some(Whole { lead: left, raw, parse });
            return Step::Record { lead: 0, raw: max, parse: Framed::Broken };
        }
        if let Some(left) = raw.checked_sub(max).filter(|left| *left > 0) {
            self.held = Some(Whole { lead: 0, raw: left, parse: Framed::Broken });
            return Step::Record { lead, raw: max, parse: Framed::Broken };
        }
        Step::Record { lead, raw, parse }
    }

    /// The window's first `count` bytes are gone; they were the tail.
    pub(super) fn take_tail(&mut self, count: usize) {
        self.unit.advance(count);
    }

    /// Takes the line break that ends the last record out of the window's beginning, and says how
    /// long it is; zero where records do not end with their line.
    pub(super) fn take_line_break(&mut self) -> usize {
        if self.held.is_some() {
            return 0;
        }
        let length = match &mut self.unit {
            Unit::Lines(lines) => lines.take_line_break(),
            Unit::Groups(groups) => groups.take_line_break(),
            Unit::Json(_) | Unit::Bytes(_) => 0,
        };
        self.unit.advance(length);
        length
    }
}

impl Unit {
    fn step(&mut self, window: &[u8], eof: Eof) -> Span {
        match self {
            Self::Lines(lines) => lines.step(window, eof),
            Self::Groups(groups) => groups.step(window, eof),
            Self::Json(json) => json.step(window, eof),
            Self::Bytes(bytes) => bytes.step(window, eof),
        }
    }

    /// The window's first `count` bytes are gone; they were lead.
    fn advance(&mut self, count: usize) {
        match self {
            Self::Lines(lines) => lines.advance(count),
            Self::Groups(groups) => groups.advance(count),
            Self::Json(json) => json.advance(count),
            Self::Bytes(_) => {}
        }
    }

    /// The window's first `count` bytes are gone; they ended in the middle of a record.
    fn cut(&mut self, count: usize) {
        match self {
            Self::Lines(lines) => lines.cut(count),
            Self::Groups(groups) => groups.cut(count),
            Self::Json(json) => json.cut(count),
            Self::Bytes(_) => {}
        }
    }
}

/// How many bytes of a byte order mark a file begins with, or nothing while that is open.
fn byte_order_mark(window: &[u8], eof: Eof) -> Option<usize> {
    if window.starts_with(BYTE_ORDER_MARK) {
        return Some(BYTE_ORDER_MARK.len());
    }
    let undecided = eof == Eof::NotYet && BYTE_ORDER_MARK.starts_with(window);
    (!undecided).then_some(0)
}

/// A line without the carriage return that may stand before its line feed.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as it was framed: its lead, its bytes, what they are held to be.
    type Piece = (Vec<u8>, Vec<u8>, Framed);

    /// One way to read: a format, a start rule, a size limit.
    #[derive(Clone, Copy, Debug)]
    struct Way {
        format: Format,
        rule: Option<&'static str>,
        max: usize,
        at_end: Eof,
    }

    fn way(format: Format) -> Way {
        Way { format, rule: None, max: 1 << 24, at_end: Eof::Final }
    }

    impl Way {
        fn framer(self) -> Framer {
            Framer::new(self.format, self.rule.map(|rule| rule.parse().unwrap()), self.max)
        }

        /// Frames `data`, of which more arrives each time it is asked for, `arrive` giving how much
        /// is there. Returns the records and the bytes after them.
        fn frame(self, data: &[u8], arrive: impl Fn(usize) -> usize) -> (Vec<Piece>, Vec<u8>) {
            let (mut framer, mut pieces) = (self.framer(), Vec::new());
            let (mut at, mut there) = (0, arrive(0).min(data.len()));
            loop {
                let eof = if there == data.len() { self.at_end } else { Eof::NotYet };
                match framer.next(&data[at..there], eof) {
                    Step::Record { lead, raw, parse } => {
                        let middle = at + lead;
                        let raw = data[middle..middle + raw].to_vec();
                        pieces.push((data[at..middle].to_vec(), raw.clone(), parse));
                        at = middle + raw.len();
                    }
                    Step::More => {
                        assert!(there < data.len(), "asked for more than there is");
                        there = arrive(there).min(data.len());
                    }
                    Step::End { tail } => return (pieces, data[at..at + tail].to_vec()),
                }
            }
        }

        /// Frames `data` at once and in every other way it can arrive, and compares.
        fn agree(self, data: &[u8]) -> (Vec<Piece>, Vec<u8>) {
            let once = self.frame(data, |_| data.len());
            let mut whole = Vec::new();
            for (lead, raw, _) in &once.0 {
                assert!(raw.len() <= self.max && lead.len() <= self.max);
                whole.extend_from_slice(lead);
                whole.extend_from_slice(raw);
            }
            whole.extend_from_slice(&once.1);
            if self.at_end == Eof::Final {
                assert_eq!(whole, data, "{self:?}");
            } else {
                assert!(data.starts_with(&whole), "{self:?}");
            }
            for step in 1..=data.len().min(24) {
                let chunks = self.frame(data, |there| there + step);
                assert_eq!(chunks, once, "{self:?} by {step}: {}", data.escape_ascii());
            }
            for split in 0..data.len().min(200) {
                let parts =
                    self.frame(data, |there| if there < split { split } else { data.len() });
                assert_eq!(parts, once, "{self:?} at {split}: {}", data.escape_ascii());
            }
            once
        }

        /// The records as text, broken ones marked.
        fn records(self, data: &str) -> Vec<String> {
            let (pieces, _) = self.agree(data.as_bytes());
            let text = pieces.into_iter().map(|(_, raw, parse)| {
                let mark = if parse == Framed::Broken { "!" } else { "" };
                format!("{mark}{}", String::from_utf8(raw).unwrap())
            });
            text.collect()
        }
    }

    #[test]
    fn a_line_is_a_record_without_its_line_break() {
        let ndjson = way(Format::Ndjson);
        assert_eq!(ndjson.records("{}\n{\"a\":1}\r\n\n \t\r\n[2]"), ["{}", "{\"a\":1}", "[2]"]);
        assert_eq!(ndjson.records("\u{feff}\n\r\n {} \r\r\nx\n"), [" {} \r", "x"]);
        assert_eq!(ndjson.records("\u{feff}"), [""; 0]);
        assert_eq!(ndjson.records("a\r"), ["a"]);
        assert_eq!(ndjson.records(""), [""; 0]);
        let text = way(Format::Text);
        assert_eq!(text.records("a\n\nb\r\n\r\n c"), ["a", "", "b", "", " c"]);
        assert_eq!(text.records("a\n"), ["a"]);
        assert_eq!(text.records("\n"), [""]);
        assert_eq!(text.records("\u{feff}a\n\u{feff}b"), ["a", "\u{feff}b"]);
    }

    #[test]
    fn bytes_that_are_not_text_are_records_all_the_same() {
        let data = b"\xff\xfe\n\0\0\n\xef\xbb\n\0\0\0";
        let (pieces, tail) = way(Format::Text).agree(data);
        assert_eq!((pieces.len(), tail.len()), (4, 0));
        assert!(pieces.iter().all(|(_, _, parse)| *parse == Framed::Text));
        assert_eq!(way(Format::Ndjson).agree(data).0.len(), 4);
    }

    #[test]
    fn lines_join_the_record_that_started_before_them() {
        let groups = Way { rule: Some(r"^\d"), ..way(Format::Text) };
        assert_eq!(
            groups.records("tail of old\n more\n1 a\n\tat x\r\n\r\n2 b\r\n3 c\nx"),
            ["tail of old\n more", "1 a\n\tat x\r\n", "2 b", "3 c\nx"]
        );
        assert_eq!(groups.records("\n\n1\n"), ["\n", "1"]);
        assert_eq!(groups.records("\n"), [""]);
        assert_eq!(groups.records(""), [""; 0]);
        assert_eq!(groups.records("\u{feff}1\n2"), ["1", "2"]);
        let long = format!("1{}\n2{}\n x\n", "a".repeat(5000), "b".repeat(5000));
        assert_eq!(groups.records(&long).len(), 2);
    }

    #[test]
    fn elements_of_an_array_are_records() {
        let array = way(Format::Array);
        assert_eq!(
            array.records("\u{feff} [ {\"a\":[1,\"]\"]} ,\n\"x\\\"]\",-1.5e3,null, [] ]\n"),
            ["{\"a\":[1,\"]\"]}", "\"x\\\"]\"", "-1.5e3", "null", "[]"]
        );
        assert_eq!(array.records("[1][2]\n[ ]{\"a\":3}"), ["1", "2", "{\"a\":3}"]);
        assert_eq!(array.records("[{},{\"a\":"), ["{}", "!{\"a\":"]);
        assert_eq!(array.records("[{},12"), ["{}", "!12"]);
        assert_eq!(array.records("[{},"), ["{}"]);
    }

    #[test]
    fn elements_of_the_envelopes_own_array_are_records() {
        let trail = way(Format::CloudTrail);
        assert_eq!(
            trail.records(
                "{\"a\":{\"Records\":[1]},\"Records\" : [{\"b\":1},{}],\"c\":[3]}\n{\"Records\":[]}"
            ),
            ["{\"b\":1}", "{}"]
        );
        assert_eq!(
            trail
                .records(
                    "{\"records\":[1]}{\"Record\":[1]}{\"Records2\":[1]}{\"Rec\\u006frds\":[1]}"
                )
                .len(),
            4,
            "objects without the array are records themselves"
        );
        assert_eq!(trail.records("{\"Records\":null}\n{}"), ["{\"Records\":null}", "{}"]);
        assert_eq!(trail.records("{\"Records\":[{\"a\":1},{\"a"), ["{\"a\":1}", "!{\"a"]);
        assert_eq!(trail.records("{\"x\":1,\"Rec"), ["!{\"x\":1,\"Rec"]);
        let list = way(Format::EventList);
        assert_eq!(
            list.records(
                "{\"kind\":\"EventList\",\"items\":[{\"items\":[1]}],\"metadata\":{\"n\":-1}}"
            ),
            ["{\"items\":[1]}"]
        );
    }

    #[test]
    fn documents_are_records_however_they_are_laid_out() {
        let json = way(Format::Document);
        assert_eq!(
            json.records("{\n  \"a\": \"}\\\\\"\n}\n{\"b\":2}{\"c\":3} [4,5] 6 \"7\"true"),
            ["{\n  \"a\": \"}\\\\\"\n}", "{\"b\":2}", "{\"c\":3}", "[4,5]", "6", "\"7\"", "true"]
        );
        assert_eq!(json.records("{\"a\":1}\n{\"b\":"), ["{\"a\":1}", "!{\"b\":"]);
    }

    #[test]
    fn where_the_structure_fails_lines_are_kept_as_broken() {
        let array = way(Format::Array);
        assert_eq!(
            array.records("[{},oops\n{\"a\":1},\n\n]"),
            ["{}", "!oops", "!{\"a\":1},", "!]"]
        );
        assert_eq!(array.records("[{\"a\":[1}, {},\n{}]\n"), ["!{\"a\":[1}, {},", "!{}]"]);
        assert_eq!(array.records("[1 2]"), ["1", "!2]"]);
        assert_eq!(array.records("[1,]"), ["1", "!]"]);
        assert_eq!(
            way(Format::Document).records("{}\nplain\n{\"a\":1}\n"),
            ["{}", "!plain", "!{\"a\":1}"]
        );
        assert_eq!(
            way(Format::CloudTrail).records("{\"Records\":[{}],\"x\":[\"y\",}\n{\"Records\":[{}]}"),
            ["{}", "!}", "!{\"Records\":[{}]}"]
        );
    }

    #[test]
    fn a_record_over_the_limit_is_cut_and_framing_goes_on_after_it() {
        let small = |format, max| Way { max, ..way(format) };
        assert_eq!(
            small(Format::Ndjson, 3).records("abc\nabcd\r\nx\n"),
            ["abc", "!abc", "!d", "x"]
        );
        assert_eq!(small(Format::Text, 2).records("\r\r\n\n"), ["\r", ""]);
        assert_eq!(small(Format::Ndjson, 2).records("     \nx"), ["!  ", "!  ", "! ", "x"]);
        assert_eq!(
            small(Format::Array, 4).records("[\"a]b\",{\"]\":1},[],12345]"),
            ["!\"a]b", "!\"", "!{\"]\"", "!:1}", "[]", "!1234", "!5"]
        );
        assert_eq!(
            small(Format::CloudTrail, 6).records("{\"abcdefgh\":1,\"Records\":[{},{}]}"),
            ["!{\"abcd", "!efgh\":", "!1,\"Rec", "!ords\":", "{}", "{}"]
        );
        assert_eq!(
            small(Format::Array, 5).records("[{}          ,{}]"),
            ["{}", "!     ", "!     ", "{}"]
        );
        let groups = Way { rule: Some("^1"), ..small(Format::Text, 4) };
        assert_eq!(groups.records("1a\nbcd\n1\n1e\n\nf"), ["!1a\nb", "!cd", "1", "!1e\n\n", "!f"]);
    }

    #[test]
    fn bytes_are_cut_at_the_limit_and_nowhere_else() {
        let parts = |data: &str, at_end| {
            let (pieces, tail) =
                Way { max: 3, at_end, ..way(Format::Binary) }.agree(data.as_bytes());
            assert!(pieces.iter().all(|(lead, ..)| lead.is_empty()) && tail.is_empty());
            assert!(pieces.iter().all(|(_, _, parse)| *parse == Framed::Text), "none is rejected");
            let text = pieces.into_iter().map(|(_, raw, _)| String::from_utf8(raw).unwrap());
            text.collect::<Vec<_>>()
        };
        assert_eq!(parts("\u{feff}\n\nab\r\n", Eof::Final), ["\u{feff}", "\n\na", "b\r\n"]);
        assert_eq!(parts("abcd", Eof::Final), ["abc", "d"]);
        assert_eq!(parts("abcd", Eof::Growing), ["abc"]);
        assert_eq!(parts("", Eof::Final), [""; 0]);
    }

    #[test]
    fn a_record_without_an_end_waits_while_the_file_grows() {
        let growing = |format| Way { at_end: Eof::Growing, ..way(format) };
        assert_eq!(growing(Format::Ndjson).records("{}\n{\"a\""), ["{}"]);
        assert_eq!(growing(Format::Text).records("a\n\n b"), ["a", ""]);
        assert_eq!(growing(Format::Array).records("[{},{\"a"), ["{}"]);
        assert_eq!(growing(Format::Document).records("{} 12"), ["{}"]);
        assert_eq!(growing(Format::CloudTrail).records("{\"Records\":[{}],"), ["{}"]);
        assert_eq!(growing(Format::CloudTrail).records("{\"Rec"), [""; 0]);
        let groups = Way { rule: Some("^1"), ..growing(Format::Text) };
        assert_eq!(groups.records("1\n2\n1\n3\n"), ["1\n2"]);
        let (pieces, tail) = growing(Format::Ndjson).agree(b"{}\n{\"a\"");
        assert_eq!((pieces.len(), tail.as_slice()), (1, b"\n".as_slice()));
    }

    #[test]
    fn depth_is_a_number() {
        for depth in [10_000, 1_000_000] {
            let deep = format!("{}{}", "[{\"a\":".repeat(depth / 2), "}]".repeat(depth / 2));
            let data = format!("[{deep},{deep}]");
            let (pieces, _) = way(Format::Array).frame(data.as_bytes(), |there| there + 4096);
            assert_eq!(pieces.len(), 2);
            assert!(pieces.iter().all(|(_, raw, _)| raw == deep.as_bytes()));
        }
    }

    /// Bytes that are likely to be taken for structure, in an order that is the same every time.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        const MARKS: &[&[u8]] = &[
            b"{",
            b"}",
            b"[",
            b"]",
            b"\"",
            b"\\",
            b",",
            b":",
            b"\n",
            b"\r\n",
            b" ",
            b"1",
            b"a",
            b"{}",
            b"\"Records\":[",
            b"{\"Records\":[{},",
            b"{\"a\":1}\n",
            b"\xff",
            b"\0",
            b"null",
        ];
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut data = Vec::new();
        while data.len() < length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            data.extend_from_slice(MARKS[usize::try_from(state % MARKS.len() as u64).unwrap()]);
        }
        data
    }

    #[test]
    fn no_bytes_are_lost_or_cut_differently_however_they_arrive() {
        let formats = [
            Format::Ndjson,
            Format::Array,
            Format::CloudTrail,
            Format::Document,
            Format::Text,
            Format::Binary,
        ];
        for seed in 0..25 {
            let data = noise(seed, 60);
            for format in formats {
                for max in [1, 2, 3, 7, 1000] {
                    for at_end in [Eof::Final, Eof::Growing] {
                        Way { max, at_end, ..way(format) }.agree(&data);
                        if format == Format::Text {
                            Way { max, at_end, rule: Some("^[{1]"), ..way(format) }.agree(&data);
                        }
                    }
                }
            }
        }
    }
}
