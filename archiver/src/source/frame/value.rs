//! Where a JSON value ends, told from strings and brackets alone.

use memchr::memchr2;

/// How many levels of nesting are checked for matching brackets. Deeper ones are only counted, so
/// that a value nested a million levels deep takes no memory.
const CHECKED_LEVELS: u64 = u64::BITS as u64;

/// How far a value was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The value ends before this many of the bytes shown.
    Done(usize),
    /// All bytes shown belong to the value.
    More,
    /// After this many of the bytes shown, a bracket is closed by one of the other kind.
    Mismatch(usize),
}

/// Follows one JSON value through the bytes of its file. What a string or a bracket contains is not
/// checked: that is for the parser of the record, which can say what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    place: Place,
    depth: u64,
    /// One bit a level, set where a brace is open, clear where a bracket is.
    braces: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first byte.
    Start,
    /// Between strings, inside a bracket.
    Structure,
    String,
    /// After a backslash in a string.
    Escape,
    /// In a number or a word.
    Scalar,
}

/// What the bytes shown led to.
enum Turn {
    Next(usize),
    Stop(Progress),
}

impl Value {
    pub(super) fn new() -> Self {
        Self { place: Place::Start, depth: 0, braces: 0 }
    }

    /// Whether a JSON value can begin with this byte.
    pub(super) fn begins_with(byte: u8) -> bool {
        matches!(byte, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
    }

    /// Whether the value is a number or a word, which the end of a file ends as well as a comma.
    pub(super) fn is_scalar(&self) -> bool {
        self.place == Place::Scalar
    }

    /// Follows the value through the next bytes.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let turn = match self.place {
                Place::Start => self.start(rest),
                Place::Structure => self.structure(rest),
                Place::String => self.string(rest),
                Place::Escape => {
                    self.place = Place::String;
                    Turn::Next(1)
                }
                Place::Scalar => match rest.iter().position(|byte| !is_scalar_byte(*byte)) {
                    Some(end) => Turn::Stop(Progress::Done(end)),
                    None => Turn::Next(rest.len()),
                },
            };
            match turn {
                Turn::Next(count) => at = at.saturating_add(count),
                Turn::Stop(Progress::Done(count)) => {
                    return Progress::Done(at.saturating_add(count));
                }
                Turn::Stop(Progress::Mismatch(count)) => {
                    return Progress::Mismatch(at.saturating_add(count));
                }
                Turn::Stop(Progress::More) => return Progress::More,
            }
        }
        Progress::More
    }

    fn start(&mut self, rest: &[u8]) -> Turn {
        match rest.first() {
            Some(b'{' | b'[') => {
                self.place = Place::Structure;
                Turn::Next(0)
            }
            Some(b'"') => {
                self.place = Place::String;
                Turn::Next(1)
            }
            _ => {
                self.place = Place::Scalar;
                Turn::Next(0)
            }
        }
    }

    fn structure(&mut self, rest: &[u8]) -> Turn {
        let mark = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
        let Some(at) = rest.iter().position(mark) else { return Turn::Next(rest.len()) };
        let next = at.saturating_add(1);
        match rest.get(at) {
            Some(b'"') => {
                self.place = Place::String;
                Turn::Next(next)
            }
            Some(open @ (b'{' | b'[')) => {
                self.open(*open == b'{');
                Turn::Next(next)
            }
            Some(close) if !self.close(*close == b'}') => Turn::Stop(Progress::Mismatch(at)),
            _ if self.depth == 0 => Turn::Stop(Progress::Done(next)),
            _ => Turn::Next(next),
        }
    }

    fn string(&mut self, rest: &[u8]) -> Turn {
        let Some(at) = memchr2(b'"', b'\\', rest) else { return Turn::Next(rest.len()) };
        let next = at.saturating_add(1);
        if rest.get(at) == Some(&b'\\') {
            self.place = Place::Escape;
            return Turn::Next(next);
        }
        if self.depth == 0 {
            return Turn::Stop(Progress::Done(next));
        }
        self.place = Place::Structure;
        Turn::Next(next)
    }

    fn open(&mut self, brace: bool) {
        if self.depth < CHECKED_LEVELS {
            let level = 1 << self.depth;
            self.braces = if brace { self.braces | level } else { self.braces & !level };
        }
        self.depth = self.depth.saturating_add(1);
    }

    /// Leaves a level; false where it was opened by the other kind of bracket.
    fn close(&mut self, brace: bool) -> bool {
        self.depth = self.depth.saturating_sub(1);
        self.depth >= CHECKED_LEVELS || (self.braces >> self.depth & 1 == 1) == brace
    }
}

/// Whether a number or a word can contain this byte.
fn is_scalar_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}
