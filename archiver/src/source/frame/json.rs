//! JSON that is not one value a line: documents, arrays and envelopes.

use super::line::Lines;
use super::value::{Progress, Value};
use super::{Eof, Framed, Span, Whole, byte_order_mark};

/// Where the records of a file stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Each document is a record.
    Document,
    /// Each element of a top-level array is a record.
    Array,
    /// Each element of the array that is this member of a top-level object is a record.
    Member(&'static [u8]),
}

/// Frames JSON. A document without the array its [`Shape`] asks for is itself a record: an event
/// that came in an unexpected form is still an event. Positions count from the beginning of the
/// window.
#[derive(Debug)]
pub(super) struct Json {
    shape: Shape,
    max_record: usize,
    at_start: bool,
    state: State,
    /// How far the window was read.
    scanned: usize,
    /// Where the record being read begins; nothing between records.
    start: Option<usize>,
    /// A part of the record being read is already a record.
    cut: bool,
    /// Frames what is left once the structure has failed. JSON has no mark to find one's way back
    /// by, and a guess would pass off pieces of records as records.
    broken: Option<Lines>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between documents.
    Top,
    /// In a record that is a whole document.
    Document(Value),
    /// In a record that is an element.
    Element(Value),
    /// Between the elements of the array.
    Array(After),
    /// In the envelope, outside its array.
    Head(Head),
}

/// What was read last in the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Bracket,
    Comma,
    Element,
}

/// Where in the envelope.
#[derive(Clone, Copy, Debug)]
enum Head {
    /// Before the first name.
    First,
    /// After a comma.
    Name,
    /// In a name; how many of its bytes are those of the member looked for, if all are.
    InName { same: Option<usize>, escaped: bool },
    /// After a name.
    Colon { wanted: bool },
    /// After a colon.
    Value { wanted: bool },
    /// In a value that is not the array.
    Skip(Value),
    /// After a value.
    Next,
}

/// What reading on led to.
enum Turn {
    /// So many bytes were read.
    Next(usize),
    /// So many bytes were read and end a record.
    Record(usize),
    /// The byte after so many breaks the structure.
    Broken(usize),
}

impl Json {
    pub(super) fn new(shape: Shape, max_record: usize) -> Self {
        Self {
            shape,
            max_record,
            at_start: true,
            state: State::Top,
            scanned: 0,
            start: None,
            cut: false,
            broken: None,
        }
    }

    pub(super) fn step(&mut self, window: &[u8], eof: Eof) -> Span {
        if self.at_start {
            let Some(mark) = byte_order_mark(window, eof) else { return Span::Lead(0) };
            self.at_start = false;
            self.scanned = mark;
        }
        loop {
            if let Some(lines) = &mut self.broken {
                return lines.step(window, eof);
            }
            let limit = self.limit().map_or(window.len(), |limit| limit.min(window.len()));
            let Some(bytes) = window.get(self.scanned..limit).filter(|bytes| !bytes.is_empty())
            else {
                return self.pause(window.len(), eof);
            };
            match self.read(bytes) {
                Turn::Next(count) => self.scanned = self.scanned.saturating_add(count),
                Turn::Record(count) => {
                    self.scanned = self.scanned.saturating_add(count);
                    return self.record(Framed::Json);
                }
                Turn::Broken(count) => {
                    let lead = self.start.unwrap_or(self.scanned.saturating_add(count));
                    self.broken = Some(Lines::broken(lead, self.cut, self.max_record));
                }
            }
        }
    }

    /// How far the record being read may be followed before it is cut. The same wherever the window
    /// happens to end, so that the same bytes are always cut in the same places.
    fn limit(&self) -> Option<usize> {
        self.start.map(|start| start.saturating_add(self.max_record).saturating_add(1))
    }

    /// All bytes that may be read were read.
    fn pause(&mut self, end: usize, eof: Eof) -> Span {
        let Some(start) = self.start else { return Span::Lead(self.scanned) };
        if eof != Eof::Final || self.scanned < end || self.limit() == Some(self.scanned) {
            return Span::Open { lead: start, sure: self.scanned.saturating_sub(start) };
        }
        match self.state {
            State::Document(value) if value.is_scalar() => self.record(Framed::Json),
            _ => self.record(Framed::Broken),
        }
    }

    /// Hands out the record that ends where reading stands.
    fn record(&mut self, parse: Framed) -> Span {
        let lead = self.start.take().unwrap_or(self.scanned);
        let raw = self.scanned.saturating_sub(lead);
        let parse = if std::mem::take(&mut self.cut) { Framed::Broken } else { parse };
        self.scanned = 0;
        Span::Whole(Whole { lead, raw, parse })
    }

    fn read(&mut self, bytes: &[u8]) -> Turn {
        match self.state {
            State::Document(mut value) => {
                let progress = value.follow(bytes);
                self.state = State::Document(value);
                self.end_value(progress, bytes.len(), State::Top)
            }
            State::Element(mut value) => {
                let progress = value.follow(bytes);
                self.state = State::Element(value);
                self.end_value(progress, bytes.len(), State::Array(After::Element))
            }
            State::Head(Head::Skip(mut value)) => {
                let progress = value.follow(bytes);
                self.state = State::Head(Head::Skip(value));
                match self.end_value(progress, bytes.len(), State::Head(Head::Next)) {
                    Turn::Record(count) => Turn::Next(count),
                    turn => turn,
                }
            }
            State::Head(Head::InName { same, escaped }) => self.read_name(bytes, same, escaped),
            State::Top | State::Array(_) | State::Head(_) => {
                let space = bytes.iter().take_while(|byte| is_space(**byte)).count();
                match bytes.get(space) {
                    Some(_) if space > 0 => Turn::Next(space),
                    Some(byte) => self.read_mark(*byte),
                    None => Turn::Next(bytes.len()),
                }
            }
        }
    }

    /// Moves on to `next` where a value has ended.
    fn end_value(&mut self, progress: Progress, length: usize, next: State) -> Turn {
        match progress {
            Progress::More => Turn::Next(length),
            Progress::Mismatch(count) => Turn::Broken(count),
            Progress::Done(count) => {
                self.state = next;
                Turn::Record(count)
            }
        }
    }

    /// Reads one byte that is not white space, outside values and names.
    fn read_mark(&mut self, byte: u8) -> Turn {
        match (self.state, byte) {
            (State::Top, b'[') if self.shape == Shape::Array => {
                self.go(State::Array(After::Bracket))
            }
            (State::Top, b'{') if matches!(self.shape, Shape::Member(_)) => {
                self.start = Some(self.scanned);
                self.go(State::Head(Head::First))
            }
            (State::Top, _) => self.begin(byte, State::Document(Value::new())),
            (State::Array(After::Bracket | After::Element), b']') => {
                let nested = matches!(self.shape, Shape::Member(_));
                self.go(if nested { State::Head(Head::Next) } else { State::Top })
            }
            (State::Array(After::Element), b',') => self.go(State::Array(After::Comma)),
            (State::Array(After::Bracket | After::Comma), _) => {
                self.begin(byte, State::Element(Value::new()))
            }
            (State::Head(Head::First | Head::Name), b'"') => {
                self.go(State::Head(Head::InName { same: Some(0), escaped: false }))
            }
            (State::Head(Head::First | Head::Next), b'}') => self.end_envelope(),
            (State::Head(Head::Next), b',') => self.go(State::Head(Head::Name)),
            (State::Head(Head::Colon { wanted }), b':') => {
                self.go(State::Head(Head::Value { wanted }))
            }
            (State::Head(Head::Value { wanted: true }), b'[') => {
                self.start = None;
                self.cut = false;
                self.go(State::Array(After::Bracket))
            }
            (State::Head(Head::Value { .. }), _) if Value::begins_with(byte) => {
                self.state = State::Head(Head::Skip(Value::new()));
                Turn::Next(0)
            }
            _ => Turn::Broken(0),
        }
    }

    fn go(&mut self, state: State) -> Turn {
        self.state = state;
        Turn::Next(1)
    }

    /// Begins a record, if the byte can begin a value.
    fn begin(&mut self, byte: u8, state: State) -> Turn {
        if !Value::begins_with(byte) {
            return Turn::Broken(0);
        }
        self.start = Some(self.scanned);
        self.state = state;
        Turn::Next(0)
    }

    /// Reads on in a name of the envelope, comparing it with the one looked for.
    fn read_name(&mut self, bytes: &[u8], mut same: Option<usize>, mut escaped: bool) -> Turn {
        let Shape::Member(wanted) = self.shape else { return Turn::Broken(0) };
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => {
                    escaped = true;
                    same = None;
                }
                b'"' => {
                    let wanted = same == Some(wanted.len());
                    self.state = State::Head(Head::Colon { wanted });
                    return Turn::Next(at.saturating_add(1));
                }
                byte => {
                    let follows = |at: &usize| wanted.get(*at) == Some(byte);
                    same = same.filter(follows).map(|at| at.saturating_add(1));
                }
            }
        }
        self.state = State::Head(Head::InName { same, escaped });
        Turn::Next(bytes.len())
    }

    /// Ends an envelope; one whose array never came is a record.
    fn end_envelope(&mut self) -> Turn {
        self.state = State::Top;
        if self.start.is_some() { Turn::Record(1) } else { Turn::Next(1) }
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.scanned = self.scanned.saturating_sub(count);
        self.start = self.start.map(|start| start.saturating_sub(count));
        if let Some(lines) = &mut self.broken {
            lines.advance(count);
        }
    }

    pub(super) fn cut(&mut self, count: usize) {
        self.advance(count);
        self.cut = true;
        if let Some(lines) = &mut self.broken {
            lines.cut(count);
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
