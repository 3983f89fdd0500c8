//! Hexadecimal with one spelling: two lower-case digits a byte (RFC 4648, section 8).

/// A string that is not lower-case hexadecimal of the expected length.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HexError {
    /// The wrong number of digits.
    #[error("expected {expected} lower-case hex digits, found {found} bytes")]
    Length {
        /// How many digits the value has.
        expected: usize,
        /// How many bytes the text has.
        found: usize,
    },
    /// A byte that is no digit, an upper-case digit, or half a byte.
    #[error("expected pairs of lower-case hex digits")]
    Digit,
}

/// Writes two lower-case digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads pairs of lower-case digits.
///
/// # Errors
///
/// Refuses upper-case digits, other characters and an odd number of digits.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(HexError::Digit);
    }
    pairs.iter().copied().map(byte).collect()
}

/// Reads exactly `N` bytes.
///
/// # Errors
///
/// Refuses what [`decode`] refuses, and any other length.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return Err(HexError::Length { expected: N.saturating_mul(2), found: text.len() });
    }
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(pairs) {
        *slot = byte(*pair)?;
    }
    Ok(out)
}

fn digit(nibble: u8) -> char {
    // INVARIANT: callers pass a nibble, so the fallback is never taken.
    char::from_digit(nibble.into(), 16).unwrap_or('0')
}

fn byte([high, low]: [u8; 2]) -> Result<u8, HexError> {
    let pair = nibble(high).zip(nibble(low));
    pair.map(|(high, low)| high << 4 | low).ok_or(HexError::Digit)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a').and_then(|n| n.checked_add(10)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Ok(all));
        assert_eq!(encode(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
    }

    #[test]
    fn a_second_spelling_is_refused() {
        for text in ["0G", "FF", "0", " 0", "+f", "f\u{e9}"] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert_eq!(decode_array::<2>("00ff"), Ok([0, 255]));
        assert_eq!(decode_array::<2>("00ff0"), Err(HexError::Length { expected: 4, found: 5 }));
        assert_eq!(decode_array::<2>("00fF"), Err(HexError::Digit));
    }
}
