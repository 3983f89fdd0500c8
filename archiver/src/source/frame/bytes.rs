//! Bytes that nobody takes apart: one part of the size limit after another.

use super::{Eof, Framed, Span, Whole};

/// Cuts a file into parts of one size; only the last may be shorter.
#[derive(Debug)]
pub(super) struct Bytes {
    part: usize,
}

impl Bytes {
    /// Parts of `part` bytes.
    pub(super) fn new(part: usize) -> Self {
        Self { part }
    }

    pub(super) fn step(&self, window: &[u8], eof: Eof) -> Span {
        let raw = window.len().min(self.part);
        if raw == 0 {
            Span::Lead(0)
        } else if raw == self.part || eof == Eof::Final {
            Span::Whole(Whole { lead: 0, raw, parse: Framed::Text })
        } else {
            Span::Open { lead: 0, sure: raw }
        }
    }
}
