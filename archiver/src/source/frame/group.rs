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
    /// The group has a line. False only before the first line of a file and after a remainder.
    open: bool,
    /// The window begins inside a line that ended a record of an earlier run.
    remainder: bool,
    /// A part of the group is already a record.
    cut: bool,
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
            open: false,
            remainder: false,
            cut: false,
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
        self.remainder = in_line;
        self.open = in_line;
        self.decided = in_line;
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
                    Verdict::Starts if self.open => {
                        let span = self.record();
                        self.open = true;
                        self.decided = true;
                        return span;
                    }
                    Verdict::Starts | Verdict::Continues => {
                        self.open = true;
                        self.decided = true;
                    }
                    Verdict::Undecided => {
                        let sure = self.content_end.saturating_sub(self.lead);
                        return self.pause(eof, sure);
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
            return self.pause(eof, content.len());
        }
        self.content_end = self.lead.saturating_add(content.len());
        self.line = window.len();
        self.finish(window.len())
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
        if !self.remainder {
            return None;
        }
        if group.is_empty() {
            self.begin(self.line);
            return None;
        }
        Some(self.record())
    }

    /// Nothing more can be said until more bytes come, or in this run.
    fn pause(&self, eof: Eof, sure: usize) -> Span {
        if eof == Eof::NotYet {
            Span::Open { lead: self.lead, sure }
        } else {
            Span::Lead(self.lead)
        }
    }

    /// The file is over: hands out the group, or what follows it as the tail.
    fn finish(&mut self, end: usize) -> Span {
        let empty = self.remainder && self.content_end <= self.lead;
        if self.open && !empty { self.record() } else { Span::Lead(end) }
    }

    /// Hands out the group up to the end of its last whole line.
    fn record(&mut self) -> Span {
        let lead = self.lead;
        let raw = self.content_end.saturating_sub(lead);
        let broken = self.cut || self.remainder;
        let parse = if broken { Framed::Broken } else { Framed::Text };
        self.line_break = self.line.saturating_sub(self.content_end);
        self.begin(self.line_break);
        Span::Whole(Whole { lead, raw, parse })
    }

    /// Begins a group at `lead`.
    fn begin(&mut self, lead: usize) {
        self.open = false;
        self.remainder = false;
        self.cut = false;
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
        self.cut = true;
        self.line_break = 0;
    }
}
