//! One record a line.

use super::{Eof, Framed, Span, Whole, byte_order_mark, without_return};
use memchr::memchr;

/// Frames lines. Positions count from the beginning of the window.
#[derive(Debug)]
pub(super) struct Lines {
    parse: Framed,
    /// Lines of white space are no records. True for JSON, where they mean nothing; in text an
    /// empty line is an event somebody wrote.
    skip_blank: bool,
    /// A longer line is cut before its end is known, so it is a record whatever it is made of.
    max_record: usize,
    /// Nothing of the file was framed yet: a byte order mark may come.
    at_start: bool,
    /// The window begins inside a line whose first part is already a record.
    in_line: bool,
    /// Where the current line begins; what stands before it is lead.
    lead: usize,
    /// How far the current line was searched for its end.
    scanned: usize,
    /// The length of the line break that ends the last record and begins the window.
    line_break: usize,
}

impl Lines {
    /// One JSON value a line.
    pub(super) fn json(max_record: usize) -> Self {
        Self::new(Framed::Json, true, max_record)
    }

    /// One line of text a record.
    pub(super) fn text(max_record: usize) -> Self {
        Self::new(Framed::Text, false, max_record)
    }

    /// What is left of a JSON file whose structure failed `lead` bytes into the window.
    pub(super) fn broken(lead: usize, in_line: bool, max_record: usize) -> Self {
        let lines = Self::new(Framed::Broken, true, max_record);
        Self { at_start: false, in_line, lead, scanned: lead, ..lines }
    }

    fn new(parse: Framed, skip_blank: bool, max_record: usize) -> Self {
        Self {
            parse,
            skip_blank,
            max_record,
            at_start: true,
            in_line: false,
            lead: 0,
            scanned: 0,
            line_break: 0,
        }
    }

    /// Begins in the middle of the file.
    pub(super) fn resume(&mut self, in_line: bool) {
        self.at_start = false;
        self.in_line = in_line;
    }

    pub(super) fn step(&mut self, window: &[u8], eof: Eof) -> Span {
        if self.at_start {
            let Some(mark) = byte_order_mark(window, eof) else { return Span::Lead(0) };
            self.at_start = false;
            self.lead = mark;
            self.scanned = mark;
        }
        loop {
            let ahead = window.get(self.scanned..).unwrap_or_default();
            let Some(distance) = memchr(b'\n', ahead) else { break };
            let line_feed = self.scanned.saturating_add(distance);
            let line = without_return(window.get(self.lead..line_feed).unwrap_or_default());
            let next_line = line_feed.saturating_add(1);
            if self.is_record(line) {
                return self.record(line.len(), next_line);
            }
            self.in_line = false;
            self.lead = next_line;
            self.scanned = next_line;
        }
        self.scanned = window.len();
        let line = window.get(self.lead..).unwrap_or_default();
        let content = without_return(line);
        match eof {
            Eof::NotYet | Eof::Growing => Span::Open { lead: self.lead, sure: content.len() },
            Eof::Final if line.is_empty() || !self.is_record(content) => Span::Lead(window.len()),
            Eof::Final => self.record(content.len(), window.len()),
        }
    }

    /// Whether a line is a record. What is left of a line after a cut is one if it is anything at
    /// all, else the bytes of one line could end as record or as lead depending on where it was cut.
    fn is_record(&self, line: &[u8]) -> bool {
        if self.in_line {
            return !line.is_empty();
        }
        !(self.skip_blank && line.len() <= self.max_record && is_blank(line))
    }

    /// Hands out the current line, and moves to the one that begins at `next_line`.
    fn record(&mut self, raw: usize, next_line: usize) -> Span {
        let lead = self.lead;
        let parse = if self.in_line { Framed::Broken } else { self.parse };
        self.line_break = next_line.saturating_sub(lead.saturating_add(raw));
        self.lead = self.line_break;
        self.scanned = self.line_break;
        self.in_line = false;
        Span::Whole(Whole { lead, raw, parse })
    }

    pub(super) fn take_line_break(&mut self) -> usize {
        std::mem::take(&mut self.line_break)
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.lead = self.lead.saturating_sub(count);
        self.scanned = self.scanned.saturating_sub(count);
    }

    pub(super) fn cut(&mut self, count: usize) {
        self.advance(count);
        self.in_line = true;
        self.line_break = 0;
    }
}

/// Whether a line is nothing but what JSON calls white space.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}
