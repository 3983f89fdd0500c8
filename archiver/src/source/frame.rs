//! Dividing decoded bytes into records: a machine that is shown a growing window and says where in
//! it the next record lies.
//!
//! The window always begins where the last record ended. Nothing is copied and nothing is kept but
//! positions, so the caller's buffer is the only memory in use. Where a record is cut depends on
//! byte positions alone, never on how the bytes happened to arrive.

mod group;
mod json;
mod line;
mod value;

use super::{Format, StartRule};
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
            (Format::Text | Format::Auto, Some(rule)) => Unit::Groups(Groups::new(rule)),
            (Format::Text | Format::Auto, None) => Unit::Lines(Lines::text(max_record)),
        };
        Self { unit, max_record, held: None }
    }

    /// Frames a file of lines from the middle. In the middle of a line, what is left of the line is
    /// no record of its own making and comes out as [`Framed::Broken`].
    pub(super) fn resume(mut self, in_line: bool) -> Self {
        match &mut self.unit {
            Unit::Lines(lines) => lines.resume(in_line),
            Unit::Groups(groups) => groups.resume(in_line),
            Unit::Json(_) => {}
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

    /// Takes the line break that ends the last record out of the window's beginning, and says how
    /// long it is; zero where records do not end with their line.
    pub(super) fn take_line_break(&mut self) -> usize {
        if self.held.is_some() {
            return 0;
        }
        let length = match &mut self.unit {
            Unit::Lines(lines) => lines.take_line_break(),
            Unit::Groups(groups) => groups.take_line_break(),
            Unit::Json(_) => 0,
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
        }
    }

    /// The window's first `count` bytes are gone; they were lead.
    fn advance(&mut self, count: usize) {
        match self {
            Self::Lines(lines) => lines.advance(count),
            Self::Groups(groups) => groups.advance(count),
            Self::Json(json) => json.advance(count),
        }
    }

    /// The window's first `count` bytes are gone; they ended in the middle of a record.
    fn cut(&mut self, count: usize) {
        match self {
            Self::Lines(lines) => lines.cut(count),
            Self::Groups(groups) => groups.cut(count),
            Self::Json(json) => json.cut(count),
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
