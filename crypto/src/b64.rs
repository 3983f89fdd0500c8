//! Base64 (RFC 4648): the standard padded alphabet, read strictly, and the URL-safe one, written only.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

/// A string that is not canonical padded base64, or not of the expected length.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Base64Error {
    /// A foreign character, missing padding or non-zero trailing bits.
    #[error("expected canonical padded base64")]
    Encoding,
    /// The wrong number of decoded bytes.
    #[error("expected base64 of {expected} bytes, found {found}")]
    Length {
        /// How many bytes the value has.
        expected: usize,
        /// How many were decoded.
        found: usize,
    },
}

/// Writes the standard alphabet with padding (RFC 4648, section 4).
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads the standard alphabet; padding is required and every value has one spelling.
///
/// # Errors
///
/// Refuses foreign characters, white space, missing padding and non-zero trailing bits.
pub fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    STANDARD.decode(text).map_err(|_| Base64Error::Encoding)
}

/// Reads exactly `N` bytes. The intermediate copy is wiped, so this also reads secrets.
///
/// # Errors
///
/// Refuses what [`decode`] refuses, and any other length.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], Base64Error> {
    let bytes = Zeroizing::new(decode(text)?);
    let found = bytes.len();
    bytes.as_slice().try_into().map_err(|_| Base64Error::Length { expected: N, found })
}

/// Writes the URL-safe alphabet without padding (RFC 4648, section 5).
pub fn encode_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_section_10() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, text) in vectors {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text), Ok(plain.as_bytes().to_vec()));
        }
        assert_eq!(encode_url(&[0xfb, 0xff, 0xfe, 0x00]), "-__-AA");
    }

    #[test]
    fn a_second_spelling_is_refused() {
        for text in ["Zg", "Zg=", "Zh==", "Zm9v\n", "Zm 9v", "-__-", "Zg==Zg=="] {
            assert_eq!(decode(text), Err(Base64Error::Encoding), "{text}");
        }
        let short = decode_array::<32>("Zm9v");
        assert_eq!(short, Err(Base64Error::Length { expected: 32, found: 3 }));
    }
}
