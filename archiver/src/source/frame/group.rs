//! Groups of lines: a line that matches the start rule begins a record, the lines after it, up to
//! the next match, belong to it.

use super::{Eof, Framed, Span, StartRule, Whole, byte_order_mark, without_return};
use memchr::memchr;

/// How much of a line the start rule is shown, in bytes. What marks a first line (a time, a level)
/// stands at its beginning, and the decision must not wait for the end of an endless line.
const RULE_BYTES: usize = 4096;

/// Frames groups of lines. Positions count from the beginning of the window.
#[derive(Debug)]
pub(super) struct Groups {
    rule: StartRule,
    at_start: bool,
    part: Part,
    /// The current line is known to belong to the group.
    decided: bool,
    /// Where the group begins; what stands before it is lead.
    lead: usize,
    /// Where the last whole line of the group ends, without its line break.
    content_end: usize,
    /// Where the current line begins.
    line: usize,
    /// How far the current line was searched for its end.
    scanned: usize,
    /// The length of the line break that ends the last record and begins the window.
    line_break: usize,
}

/// How much of the group is in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nothing: no line of it was read yet.
    Nothing,
    /// All of it.
    Whole,
    /// What follows a part that is already a record.
    Rest,
    /// What is left of a line whose beginning an earlier run archived.
    Remainder,
}

/// What the start rule says of the current line.
enum Verdict {
    Starts,
    Continues,
    /// Too little of the line is there.
    Undecided,
    /// There is no further line.
    NoLine,
}

impl Groups {
    pub(super) fn new(rule: StartRule) -> Self {
        Self {
            rule,
            at_start: true,
            part: Part::Nothing,
            decided: false,
            lead: 0,
            content_end: 0,
            line: 0,
            scanned: 0,
            line_break: 0,
        }
    }

    /// Begins in the middle of the file.
    pub(super) fn resume(&mut self, in_line: bool) {
        self.at_start = false;
        if in_line {
            self.part = Part::Remainder;
            self.decided = true;
        }
    }

    pub(super) fn step(&mut self, window: &[u8], eof: Eof) -> Span {
        if self.at_start {
            let Some(mark) = byte_order_mark(window, eof) else { return Span::Lead(0) };
            self.at_start = false;
            self.begin(mark);
        }
        loop {
            if !self.decided {
                match self.judge(window, eof) {
                    Verdict::Starts if self.part != Part::Nothing => {
                        let span = self.record();
                        self.take_line();
                        return span;
                    }
                    Verdict::Starts | Verdict::Continues => self.take_line(),
                    Verdict::Undecided => {
                        let sure = self.content_end.saturating_sub(self.lead);
                        return Span::Open { lead: self.lead, sure };
                    }
                    Verdict::NoLine => return self.finish(window.len()),
                }
            }
            let ahead = window.get(self.scanned..).unwrap_or_default();
            let Some(distance) = memchr(b'\n', ahead) else { break };
            if let Some(span) = self.end_line(window, self.scanned.saturating_add(distance)) {
                return span;
            }
        }
        self.scanned = window.len();
        let content = without_return(window.get(self.lead..).unwrap_or_default());
        if eof != Eof::Final {
            return Span::Open { lead: self.lead, sure: content.len() };
        }
        self.content_end = self.lead.saturating_add(content.len());
        self.line = window.len();
        self.finish(window.len())
    }

    /// Takes the current line for one of the group.
    fn take_line(&mut self) {
        self.decided = true;
        if self.part == Part::Nothing {
            self.part = Part::Whole;
        }
    }

    /// Asks the rule about the current line.
    fn judge(&self, window: &[u8], eof: Eof) -> Verdict {
        let line = window.get(self.line..).unwrap_or_default();
        let shown = line.get(..RULE_BYTES).unwrap_or(line);
        let text = match memchr(b'\n', shown) {
            Some(line_feed) => without_return(shown.get(..line_feed).unwrap_or_default()),
            None if shown.len() == RULE_BYTES => shown,
            None if eof != Eof::Final => return Verdict::Undecided,
            None if shown.is_empty() => return Verdict::NoLine,
            None => without_return(shown),
        };
        if self.rule.starts(text) { Verdict::Starts } else { Verdict::Continues }
    }

    /// Takes the current line, which ends at `line_feed`, into the group. The remainder of a line is
    /// handed out by itself: the lines after it did not follow it when its beginning was archived.
    fn end_line(&mut self, window: &[u8], line_feed: usize) -> Option<Span> {
        let group = without_return(window.get(self.lead..line_feed).unwrap_or_default());
        self.content_end = self.lead.saturating_add(group.len());
        self.line = line_feed.saturating_add(1);
        self.scanned = self.line;
        self.decided = false;
        if self.part != Part::Remainder {
            return None;
        }
        if group.is_empty() {
            self.begin(self.line);
            return None;
        }
        Some(self.record())
    }

    /// The file is over: hands out the group, or what follows it as the tail.
    fn finish(&mut self, end: usize) -> Span {
        let empty = match self.part {
            Part::Nothing => true,
            Part::Whole => false,
            Part::Rest | Part::Remainder => self.content_end <= self.lead,
        };
        if empty { Span::Lead(end) } else { self.record() }
    }

    /// Hands out the group up to the end of its last whole line.
    fn record(&mut self) -> Span {
        let lead = self.lead;
        let raw = self.content_end.saturating_sub(lead);
        let whole = self.part == Part::Whole;
        let parse = if whole { Framed::Text } else { Framed::Broken };
        self.line_break = self.line.saturating_sub(self.content_end);
        self.begin(self.line_break);
        Span::Whole(Whole { lead, raw, parse })
    }

    /// Begins a group at `lead`.
    fn begin(&mut self, lead: usize) {
        self.part = Part::Nothing;
        self.decided = false;
        self.lead = lead;
        self.content_end = lead;
        self.line = lead;
        self.scanned = lead;
    }

    pub(super) fn take_line_break(&mut self) -> usize {
        std::mem::take(&mut self.line_break)
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.lead = self.lead.saturating_sub(count);
        self.content_end = self.content_end.saturating_sub(count);
        self.line = self.line.saturating_sub(count);
        self.scanned = self.scanned.saturating_sub(count);
    }

    pub(super) fn cut(&mut self, count: usize) {
        self.advance(count);
        if self.part != Part::Remainder {
            self.part = Part::Rest;
        }
        self.line_break = 0;
    }
}
