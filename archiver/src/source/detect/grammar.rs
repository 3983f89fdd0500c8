//! The grammar of JSON, for the beginning of a file: is it JSON so far, and where does it end?

/// What the bytes shown are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They begin with a value of this many bytes.
    Whole(usize),
    /// They are the beginning of a value.
    Unfinished,
    /// No JSON value begins like this.
    Invalid,
}

/// What may stand next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ElementOrEnd,
    NameOrEnd,
    Name,
    Colon,
    CommaOrEnd,
}

/// Reads one value, with a stack of its own in place of recursion, and shows each member of the
/// outermost object: its name as it stands there, quotes included, and the bytes from its value on.
///
/// Strings may hold any bytes but line feeds: real events hold invalid UTF-8 and control
/// characters, while a string that runs over the end of its line tells that the line was cut.
pub(super) fn walk<'a>(bytes: &'a [u8], mut member: impl FnMut(&'a [u8], &'a [u8])) -> Verdict {
    let mut open: Vec<u8> = Vec::new();
    let mut expect = Expect::Value;
    let mut name: &[u8] = &[];
    let mut at = 0_usize;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        at = at.saturating_add(rest.len().saturating_sub(rest.trim_ascii_start().len()));
        let rest = rest.trim_ascii_start();
        let Some(byte) = rest.first() else { return Verdict::Unfinished };
        let mut length = 1;
        match (expect, byte) {
            (Expect::Value | Expect::ElementOrEnd, b'{' | b'[') => {
                open.push(*byte);
                expect = if *byte == b'{' { Expect::NameOrEnd } else { Expect::ElementOrEnd };
            }
            (Expect::NameOrEnd | Expect::CommaOrEnd, b'}')
            | (Expect::ElementOrEnd | Expect::CommaOrEnd, b']') => {
                let opening = if *byte == b'}' { b'{' } else { b'[' };
                if open.pop() != Some(opening) {
                    return Verdict::Invalid;
                }
                expect = Expect::CommaOrEnd;
            }
            (Expect::CommaOrEnd, b',') => {
                expect = if open.last() == Some(&b'{') { Expect::Name } else { Expect::Value };
            }
            (Expect::Colon, b':') => {
                if open.len() == 1 {
                    member(name, rest.get(1..).unwrap_or_default().trim_ascii_start());
                }
                expect = Expect::Value;
            }
            (Expect::NameOrEnd | Expect::Name, b'"') => match string(rest) {
                Verdict::Whole(end) => {
                    name = rest.get(..end).unwrap_or_default();
                    length = end;
                    expect = Expect::Colon;
                }
                verdict => return verdict,
            },
            (Expect::Value | Expect::ElementOrEnd, _) => match scalar(rest, open.is_empty()) {
                Verdict::Whole(end) => {
                    length = end;
                    expect = Expect::CommaOrEnd;
                }
                verdict => return verdict,
            },
            _ => return Verdict::Invalid,
        }
        at = at.saturating_add(length);
        if open.is_empty() {
            return Verdict::Whole(at);
        }
    }
}

/// Reads a string, a number or a word. At the top level (`top`) the end of the bytes ends a number.
fn scalar(rest: &[u8], top: bool) -> Verdict {
    for word in [b"true".as_slice(), b"false", b"null"] {
        if rest.starts_with(word) {
            return Verdict::Whole(word.len());
        }
        if word.starts_with(rest) {
            return Verdict::Unfinished;
        }
    }
    if rest.starts_with(b"\"") {
        return string(rest);
    }
    let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = rest.iter().take_while(|byte| in_number(byte)).count();
    let number = rest.get(..length).unwrap_or_default();
    if is_number(number) && (top || length < rest.len()) {
        return Verdict::Whole(length);
    }
    // More digits can still make a number of what only begins like one.
    let begun =
        [b"".as_slice(), b"0", b".0"].iter().any(|more| is_number(&[number, more].concat()));
    if begun && length == rest.len() { Verdict::Unfinished } else { Verdict::Invalid }
}

fn string(rest: &[u8]) -> Verdict {
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(1) {
        match byte {
            b'\n' => return Verdict::Invalid,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Verdict::Whole(at.saturating_add(1)),
            _ => {}
        }
    }
    Verdict::Unfinished
}

fn is_number(bytes: &[u8]) -> bool {
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, rest) = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned.starts_with(b"0")) {
        return false;
    }
    let rest = match rest.strip_prefix(b".").map(digits) {
        Some((0, _)) => return false,
        Some((_, rest)) => rest,
        None => rest,
    };
    let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) else {
        return rest.is_empty();
    };
    let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-"));
    let unsigned = exponent.unwrap_or_else(|| rest.get(1..).unwrap_or_default());
    let (count, rest) = digits(unsigned);
    count > 0 && rest.is_empty()
}

/// How many digits stand first, and what follows them.
fn digits(bytes: &[u8]) -> (usize, &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, bytes.get(count..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Verdict {
        walk(text.as_bytes(), |_, _| {})
    }

    #[test]
    fn whole_values_end_where_they_end() {
        for (text, rest) in [
            ("{}", "x"),
            ("[]", "]"),
            ("{\"a\" : [1, -2.5e+3, 0, true, false, null, \"\\\"}\", {}], \"b\":{}}", " {}"),
            ("\"a\\\\\"", "b"),
            ("12", ""),
            ("-0.5E-1", " "),
        ] {
            assert_eq!(verdict(&format!("{text}{rest}")), Verdict::Whole(text.len()), "{text}");
        }
    }

    #[test]
    fn every_beginning_of_a_value_is_unfinished() {
        let text = "{\"a\" : [1, -2.5e+3, 0.5, true, false, null, \"\\\"}\", {}], \"b\":{}}";
        for length in 0..text.len() {
            assert_eq!(verdict(text.get(..length).unwrap()), Verdict::Unfinished, "{length}");
        }
    }

    #[test]
    fn what_is_not_json_is_invalid() {
        for text in [
            "{a",
            "{1",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,",
            "[,",
            "[1 2",
            "[1,]",
            "[}",
            "{]",
            "[01,",
            "[1.,",
            "[.5",
            "[1e,",
            "[+1",
            "[--1",
            "[2023-01",
            "[nul,",
            "[tru ",
            "INFO",
            "[\"a\nb\"]",
            "[1.2.3",
        ] {
            assert_eq!(verdict(text), Verdict::Invalid, "{text}");
        }
    }

    #[test]
    fn members_of_the_outermost_object_alone_are_shown() {
        let mut seen = Vec::new();
        let text = b"{\"a\": {\"b\":1}, \"c\" :[{\"d\":2}], \"e";
        walk(text, |name, value| {
            seen.push((String::from_utf8_lossy(name).into_owned(), value.first().copied()));
        });
        assert_eq!(seen, [("\"a\"".to_owned(), Some(b'{')), ("\"c\"".to_owned(), Some(b'['))]);
    }
}
