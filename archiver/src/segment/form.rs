//! The exact text forms that a leaf value may have, and their typed values.
//!
//! A form is chosen only if formatting the typed value gives back the very same text: that is what makes a segment
//! byte-exact although it stores numbers, identifiers and instants instead of text.

use strongroom_crypto::time::{civil_from_days, days_from_civil};

use super::token::{Class, Leaf};

/// How a cell stores text (`crypto/FORMAT.md` section 4.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Form {
    /// The bytes themselves.
    Text,
    /// Lower-case 8-4-4-4-12 UUID in 16 bytes.
    Uuid,
    /// An even number of lower-case hex digits, at least [`MIN_HEX`].
    Hex,
    /// A canonical decimal integer of at most 18 digits.
    Int,
    /// `YYYY-MM-DDTHH:MM:SS[.fff[fff]]Z` with 0, 3 or 6 fractional digits, in units of its last digit since 1970.
    Rfc3339(Fraction),
    /// The canonical column `time`, with the number of digits in `time_form`.
    Time,
}

/// Fractional digits of a timestamp.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Fraction {
    Seconds,
    Millis,
    Micros,
}

/// A typed value; `Text` borrows from the record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Typed {
    Text,
    Uuid([u8; 16]),
    Hex,
    Int(i64),
    Instant(i64, Fraction),
}

/// Shorter hex strings are usually words or short codes: a text dictionary serves them better.
const MIN_HEX: usize = 16;
/// 18 digits always fit an i64.
const MAX_INT_DIGITS: usize = 18;
const DAY_SECONDS: i64 = 86_400;

impl Fraction {
    pub(crate) fn digits(self) -> i32 {
        match self {
            Self::Seconds => 0,
            Self::Millis => 3,
            Self::Micros => 6,
        }
    }

    pub(crate) fn from_digits(digits: i32) -> Option<Self> {
        [Self::Seconds, Self::Millis, Self::Micros].into_iter().find(|f| f.digits() == digits)
    }

    /// How many of its units make a second.
    pub(crate) fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
        }
    }
}

impl Form {
    /// The code in the segment's definitions.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Uuid => 1,
            Self::Hex => 2,
            Self::Int => 3,
            Self::Rfc3339(Fraction::Seconds) => 4,
            Self::Rfc3339(Fraction::Millis) => 5,
            Self::Rfc3339(Fraction::Micros) => 6,
            Self::Time => 7,
        }
    }

    /// The form of a code.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        use Fraction::{Micros, Millis, Seconds};
        [
            Self::Text,
            Self::Uuid,
            Self::Hex,
            Self::Int,
            Self::Rfc3339(Seconds),
            Self::Rfc3339(Millis),
            Self::Rfc3339(Micros),
            Self::Time,
        ]
        .into_iter()
        .find(|form| form.code() == code)
    }
}

/// Chooses the form of a leaf, whose text is `text`.
pub(crate) fn of_leaf(leaf: &Leaf, text: &[u8]) -> Typed {
    match leaf.class {
        Class::Text if !leaf.escaped => of_text(text),
        Class::Number => of_number(text),
        Class::Text | Class::Boolean => Typed::Text,
    }
}

/// Chooses the form of a string's text.
pub(crate) fn of_text(text: &[u8]) -> Typed {
    let (Some(&first), length) = (text.first(), text.len()) else { return Typed::Text };
    if !first.is_ascii_hexdigit() && first != b'-' {
        return Typed::Text;
    }
    if length == 36 && text.get(8) == Some(&b'-') {
        return uuid(text).map_or(Typed::Text, Typed::Uuid);
    }
    if matches!(length, 20 | 24 | 27) && text.last() == Some(&b'Z') {
        return instant(text)
            .map_or(Typed::Text, |(value, fraction)| Typed::Instant(value, fraction));
    }
    if length <= MAX_INT_DIGITS + 1
        && let Some(value) = integer(text)
    {
        return Typed::Int(value);
    }
    if length >= MIN_HEX && length.is_multiple_of(2) && text.iter().all(|&b| nibble(b).is_some()) {
        return Typed::Hex;
    }
    Typed::Text
}

/// Chooses the form of a number's text.
pub(crate) fn of_number(text: &[u8]) -> Typed {
    integer(text).map_or(Typed::Text, Typed::Int)
}

fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits.first()? {
        b'0' if text.len() > 1 => return None,
        b'0'..=b'9' => {}
        _ => return None,
    }
    if digits.len() > MAX_INT_DIGITS {
        return None;
    }
    let mut value = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if digits.len() < text.len() { -value } else { value })
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut out = [0; 16];
    let mut at = 0;
    for (index, byte) in out.iter_mut().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            if text.get(at) != Some(&b'-') {
                return None;
            }
            at += 1;
        }
        *byte = nibble(*text.get(at)?)? << 4 | nibble(*text.get(at + 1)?)?;
        at += 2;
    }
    Some(out)
}

/// Packs the digits of a text that [`of_text`] called hex.
pub(crate) fn hex_bytes(text: &[u8], out: &mut Vec<u8>) {
    let (pairs, _) = text.as_chunks::<2>();
    out.extend(
        pairs.iter().map(|[high, low]| nibble(*high).unwrap_or(0) << 4 | nibble(*low).unwrap_or(0)),
    );
}

fn two(text: &[u8], at: usize) -> Option<i64> {
    let (high, low) = (*text.get(at)?, *text.get(at + 1)?);
    (high.is_ascii_digit() && low.is_ascii_digit())
        .then(|| i64::from(high - b'0') * 10 + i64::from(low - b'0'))
}

/// Parses `YYYY-MM-DDTHH:MM:SS[.fff[fff]]Z` to units since 1970. Leap seconds (`:60`) are not this form.
pub(crate) fn instant(text: &[u8]) -> Option<(i64, Fraction)> {
    let fraction = match text.len() {
        20 => Fraction::Seconds,
        24 => Fraction::Millis,
        27 => Fraction::Micros,
        _ => return None,
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| text.get(at) != Some(&mark)) || text.last() != Some(&b'Z') {
        return None;
    }
    let year = two(text, 0)? * 100 + two(text, 2)?;
    let (month, day) = (two(text, 5)?, two(text, 8)?);
    let (hour, minute, second) = (two(text, 11)?, two(text, 14)?, two(text, 17)?);
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut value =
        days_from_civil(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
    if fraction != Fraction::Seconds {
        if text.get(19) != Some(&b'.') {
            return None;
        }
        for &digit in text.get(20..text.len() - 1)? {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
        }
    }
    Some((value, fraction))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn push_hex(byte: u8, out: &mut Vec<u8>) {
    for digit in [byte >> 4, byte & 15] {
        out.push(HEX.get(usize::from(digit)).copied().unwrap_or(b'0'));
    }
}

/// Appends a UUID's text.
pub(crate) fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (index, &byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        push_hex(byte, out);
    }
}

/// Appends hex text.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        push_hex(byte, out);
    }
}

/// Appends a decimal integer.
pub(crate) fn write_int(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut rest = value.unsigned_abs();
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

fn push_padded(value: i64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = value;
    for slot in out.iter_mut().skip(start).rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
}

/// Appends a timestamp's text.
pub(crate) fn write_instant(value: i64, fraction: Fraction, out: &mut Vec<u8>) {
    let seconds = value.div_euclid(fraction.per_second());
    let part = value.rem_euclid(fraction.per_second());
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_SECONDS));
    let clock = seconds.rem_euclid(DAY_SECONDS);
    let fields = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (clock / 3_600, 2, b':'),
        (clock / 60 % 60, 2, b':'),
    ];
    for (field, width, mark) in fields {
        push_padded(field, width, out);
        out.push(mark);
    }
    push_padded(clock % 60, 2, out);
    match fraction {
        Fraction::Seconds => {}
        Fraction::Millis => {
            out.push(b'.');
            push_padded(part, 3, out);
        }
        Fraction::Micros => {
            out.push(b'.');
            push_padded(part, 6, out);
        }
    }
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(text: &str) -> Option<String> {
        let mut out = Vec::new();
        match of_text(text.as_bytes()) {
            Typed::Text => return None,
            Typed::Uuid(bytes) => write_uuid(&bytes, &mut out),
            Typed::Hex => {
                let mut bytes = Vec::new();
                hex_bytes(text.as_bytes(), &mut bytes);
                write_hex(&bytes, &mut out);
            }
            Typed::Int(value) => write_int(value, &mut out),
            Typed::Instant(value, fraction) => write_instant(value, fraction, &mut out),
        }
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_typed_text_formats_back_to_itself() {
        for text in [
            "0",
            "-1",
            "7",
            "123456789012345678",
            "-999999999999999999",
            "e58ed763-928c-4155-bee9-fdbaaadc15f3",
            "0123456789abcdef",
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "2026-11-21T08:00:00.123Z",
            "9999-12-31T23:59:59.999999Z",
            "2000-02-29T00:00:00.000001Z",
            "deadbeefdeadbeefdeadbeef",
        ] {
            assert_eq!(text_of(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_text_that_would_change_stays_text() {
        for text in [
            "",
            "00",
            "-0",
            "+1",
            "1.0",
            "1234567890123456789",
            "E58ED763-928c-4155-bee9-fdbaaadc15f3",
            "e58ed763-928c-4155-bee9_fdbaaadc15f3",
            "0123456789ABCDEF",
            "0123456789abcde",
            "2023-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2016-12-31T23:59:60Z",
            "1969-12-31T23:59:59Z",
            "2026-11-21 08:00:00Z",
            "2026-11-21T08:00:00.12Z",
            "2026-11-21T08:00:00,123Z",
            "-",
            "abc",
        ] {
            assert_eq!(text_of(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for day in 0..146_097 {
            let mut text = Vec::new();
            write_instant(day * DAY_SECONDS, Fraction::Seconds, &mut text);
            assert_eq!(instant(&text), Some((day * DAY_SECONDS, Fraction::Seconds)));
        }
    }

    #[test]
    fn whatever_number_a_file_holds_has_some_text() {
        for value in [i64::MIN, i64::MIN + 1, -1, i64::MAX] {
            for fraction in [Fraction::Seconds, Fraction::Millis, Fraction::Micros] {
                write_instant(value, fraction, &mut Vec::new());
            }
        }
    }
}
