//! The strict reader: an ordinary parser without leniency, whose result must encode to its input.

use std::cmp::Ordering;

use super::{Integer, JsonError, MAX_DEPTH, Members, Value, order};

/// Reads canonical JSON of at most `limit` bytes.
///
/// # Errors
///
/// Refuses what is not JSON, what is outside the profile and what has a shorter or otherwise
/// different canonical form.
pub fn parse(bytes: &[u8], limit: usize) -> Result<Value, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLong { limit, found: bytes.len() });
    }
    let text =
        str::from_utf8(bytes).map_err(|error| JsonError::Utf8 { at: error.valid_up_to() })?;
    let mut cursor = Cursor { text, at: 0 };
    let value = cursor.value(0)?;
    if cursor.at != bytes.len() {
        return Err(JsonError::Syntax { at: cursor.at });
    }
    let canonical = value.to_canonical();
    if canonical != bytes {
        let same = canonical.iter().zip(bytes).take_while(|(left, right)| left == right).count();
        return Err(JsonError::NotCanonical { at: same });
    }
    Ok(value)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'{') => self.object(self.deeper(depth)?),
            _ => Err(self.syntax()),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.expect(b'{')?;
        let mut members = Members::default();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            let at = self.at;
            let name = self.string()?;
            self.expect(b':')?;
            // In canonical bytes each name is greater than the one before, so every member goes
            // to the end: refusing the rest here also keeps hostile input linear.
            let order = members.0.last().map(|(last, _)| order(last, &name));
            match order {
                None | Some(Ordering::Less) => members.0.push((name, self.value(depth)?)),
                Some(Ordering::Equal) => return Err(JsonError::Duplicate { at }),
                Some(Ordering::Greater) => return Err(JsonError::NotCanonical { at }),
            }
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let at = self.at;
        let rest = self.rest();
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let spelling = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
        let digits = spelling.strip_prefix('-').unwrap_or(spelling).as_bytes();
        let canonical = match digits {
            [b'0'] => spelling == "0",
            [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        let number = if canonical { spelling.parse().ok().and_then(Integer::new) } else { None };
        let number = number.ok_or(JsonError::Number { at })?;
        self.skip(spelling.len());
        Ok(Value::Int(number))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let end = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
            let plain = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            out.push_str(plain);
            self.skip(plain.len());
            match self.peek() {
                Some(b'"') => {
                    self.skip(1);
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.syntax()),
            }
        }
    }

    /// Decodes every escape of RFC 8259; whether it was the canonical one shows when the value is
    /// written again.
    fn escape(&mut self) -> Result<char, JsonError> {
        let at = self.at;
        self.expect(b'\\')?;
        let letter = self.peek().ok_or_else(|| self.syntax())?;
        if letter == b'u' {
            self.skip(1);
            return self.code_point(at);
        }
        let plain = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b't' => '\t',
            b'n' => '\n',
            b'f' => '\u{c}',
            b'r' => '\r',
            _ => return Err(self.syntax()),
        };
        self.skip(1);
        Ok(plain)
    }

    fn code_point(&mut self, at: usize) -> Result<char, JsonError> {
        let first = self.code_unit()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first.into()).ok_or(JsonError::Surrogate { at });
        }
        if !self.rest().starts_with("\\u") {
            return Err(JsonError::Surrogate { at });
        }
        self.skip(2);
        let pair = [first, self.code_unit()?];
        let mut decoded = char::decode_utf16(pair);
        match decoded.next() {
            Some(Ok(point)) => Ok(point),
            _ => Err(JsonError::Surrogate { at }),
        }
    }

    fn code_unit(&mut self) -> Result<u16, JsonError> {
        let digits =
            self.rest().get(..4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|text| u16::from_str_radix(text, 16).ok());
        let unit = unit.ok_or_else(|| self.syntax())?;
        self.skip(4);
        Ok(unit)
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.rest().starts_with(word) {
            return Err(self.syntax());
        }
        self.skip(word.len());
        Ok(value)
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        let deeper = depth.saturating_add(1);
        if deeper > MAX_DEPTH { Err(JsonError::Depth { at: self.at }) } else { Ok(deeper) }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax()) }
    }

    fn syntax(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }
}
