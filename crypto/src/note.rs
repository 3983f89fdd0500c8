//! Signed notes (C2SP signed-note v1.0.0) with Ed25519 keys of type 0x01.
//!
//! A note is text, a blank line and signature lines. Its text can't be read before a known key has
//! signed it: [`UnverifiedNote`] becomes [`VerifiedNote`] or nothing.

mod key;

pub(crate) use key::check_name;
pub use key::{SigningKey, VerifierKey};

use std::fmt;

use crate::b64;

/// The longest note read, in bytes: a checkpoint with 16 post-quantum signatures has about 110 KB.
pub const MAX_NOTE_BYTES: usize = 262_144;

/// Signature lines read; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// How each signature line begins: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note, or a key for one, was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("malformed note: {0}")]
    Malformed(&'static str),
    /// Over a limit.
    #[error("note exceeds {limit} {unit}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A key name that is empty or has a space or a plus sign.
    #[error("key name `{name}` is empty or has a space, a plus sign or a control character")]
    Name {
        /// The name.
        name: String,
    },
    /// Not the text of an Ed25519 verifier key.
    #[error("malformed verifier key: {0}")]
    VerifierKey(&'static str),
    /// A known key did not make the signature that stands under its name.
    #[error("signature by `{name}` does not verify")]
    BadSignature {
        /// The key.
        name: String,
    },
    /// One key stands under a note twice.
    #[error("note has two signatures by `{name}`")]
    Duplicate {
        /// The key.
        name: String,
    },
    /// Two different known keys share name and id.
    #[error("two known keys are called `{name}` and share an id")]
    Ambiguous {
        /// The name.
        name: String,
    },
    /// None of the known keys signed.
    #[error("note is not signed by a known key")]
    Unsigned,
}

/// One signature line.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Signature {
    name: String,
    key_id: u32,
    bytes: Vec<u8>,
}

/// A parsed note whose text nobody may rely on yet.
#[derive(Clone)]
pub struct UnverifiedNote {
    /// Ends with a line feed.
    text: String,
    signatures: Vec<Signature>,
}

impl fmt::Debug for UnverifiedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut note = f.debug_struct("UnverifiedNote");
        note.field("signatures", &self.signatures.len()).finish_non_exhaustive()
    }
}

/// The text of a note that at least one known key signed and no known key contradicts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedNote {
    text: String,
    signers: Vec<VerifierKey>,
}

impl UnverifiedNote {
    /// Reads a signed note.
    ///
    /// # Errors
    ///
    /// Refuses a note over the limits, without text or signatures, or malformed in any line.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge { limit: MAX_NOTE_BYTES, unit: "bytes" });
        }
        let note = str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        check_characters(note)?;
        let missing = NoteError::Malformed("no blank line before the signatures");
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(missing)?;
        let unended = NoteError::Malformed("last signature line has no line feed");
        let signatures = signatures.strip_suffix('\n').ok_or(unended)?;
        if signatures.split('\n').nth(MAX_SIGNATURES).is_some() {
            return Err(NoteError::TooLarge { limit: MAX_SIGNATURES, unit: "signatures" });
        }
        let signatures = signatures.split('\n').map(parse_signature).collect::<Result<_, _>>()?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Checks every signature made by a key in `known`; those of other keys are ignored.
    ///
    /// # Errors
    ///
    /// Refuses the note when a known key's signature fails or is repeated, and when no known key
    /// signed.
    pub fn verify(self, known: &[VerifierKey]) -> Result<VerifiedNote, NoteError> {
        let mut signers: Vec<VerifierKey> = Vec::new();
        for signature in self.signatures {
            let is_named = |key: &&VerifierKey| key.is_called(&signature.name, signature.key_id);
            let mut candidates = known.iter().filter(is_named);
            let Some(key) = candidates.next() else { continue };
            let name = signature.name.clone();
            if candidates.any(|other| other != key) {
                return Err(NoteError::Ambiguous { name });
            }
            if signers.contains(key) {
                return Err(NoteError::Duplicate { name });
            }
            if !key.has_signed(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::BadSignature { name });
            }
            signers.push(key.clone());
        }
        if signers.is_empty() {
            return Err(NoteError::Unsigned);
        }
        Ok(VerifiedNote { text: self.text, signers })
    }
}

impl VerifiedNote {
    /// The signed text, with its last line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The known keys that signed, in the order of their lines.
    pub fn signers(&self) -> &[VerifierKey] {
        &self.signers
    }
}

/// Signs `text` with each key and returns the whole note.
///
/// # Errors
///
/// Refuses text that does not end with a line feed or has other control characters, and an empty,
/// repeated or overlong list of keys.
pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<String, NoteError> {
    check_characters(text)?;
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("text does not end with a line feed"));
    }
    if keys.len() > MAX_SIGNATURES {
        return Err(NoteError::TooLarge { limit: MAX_SIGNATURES, unit: "signatures" });
    }
    let mut note = format!("{text}\n");
    let mut signers: Vec<&VerifierKey> = Vec::new();
    for key in keys {
        let verifier = key.verifier();
        if signers.contains(&verifier) {
            return Err(NoteError::Duplicate { name: verifier.name().to_owned() });
        }
        signers.push(verifier);
        let mut bytes = verifier.key_id().to_be_bytes().to_vec();
        bytes.extend_from_slice(&key.sign(text.as_bytes()));
        let line = [SIGNATURE_PREFIX, verifier.name(), " ", &b64::encode(&bytes), "\n"];
        note.push_str(&line.concat());
    }
    if signers.is_empty() { Err(NoteError::Unsigned) } else { Ok(note) }
}

fn check_characters(note: &str) -> Result<(), NoteError> {
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed("control character"));
    }
    Ok(())
}

fn parse_signature(line: &str) -> Result<Signature, NoteError> {
    let malformed = || NoteError::Malformed("signature line");
    let (name, value) = line
        .strip_prefix(SIGNATURE_PREFIX)
        .and_then(|line| line.split_once(' '))
        .ok_or_else(malformed)?;
    check_name(name)?;
    let value = b64::decode(value).map_err(|_| malformed())?;
    let (key_id, bytes) = value.split_first_chunk::<4>().ok_or_else(malformed)?;
    if bytes.is_empty() {
        return Err(malformed());
    }
    Ok(Signature {
        name: name.to_owned(),
        key_id: u32::from_be_bytes(*key_id),
        bytes: bytes.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published example of the specification's reference implementation.
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const TEXT: &str = "This is an example message.\n";
    const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
        Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    fn open(note: &str, known: &[VerifierKey]) -> Result<VerifiedNote, NoteError> {
        UnverifiedNote::parse(note.as_bytes())?.verify(known)
    }

    fn key(n: u8) -> SigningKey {
        SigningKey::from_seed(&format!("example.org/{n}"), &[n; 32]).unwrap()
    }

    fn signature_line(note: &str) -> &str {
        note.rsplit_once("\n\n").unwrap().1
    }

    #[test]
    fn the_published_note_verifies_and_no_altered_one_does() {
        let vkey: VerifierKey = VKEY.parse().unwrap();
        assert_eq!(vkey.key_id(), 0x530d_903a);
        let note = open(NOTE, std::slice::from_ref(&vkey)).unwrap();
        assert_eq!(note.text(), TEXT);
        assert_eq!(note.signers(), std::slice::from_ref(&vkey));
        let known = [vkey];
        for at in 0..NOTE.len() {
            let mut altered = NOTE.as_bytes().to_vec();
            altered[at] ^= 1;
            let opened = UnverifiedNote::parse(&altered).and_then(|note| note.verify(&known));
            assert!(opened.is_err(), "byte {at}");
        }
    }

    #[test]
    fn unknown_keys_are_ignored_and_known_ones_must_hold() {
        let (one, two) = (key(1), key(2));
        let note = sign(TEXT, &[&one, &two]).unwrap();
        assert_eq!(open(&note, &[one.verifier().clone()]).unwrap().signers().len(), 1);
        let both = [two.verifier().clone(), one.verifier().clone()];
        assert_eq!(open(&note, &both).unwrap().signers(), &[both[1].clone(), both[0].clone()]);
        assert_eq!(open(&note, &[key(3).verifier().clone()]), Err(NoteError::Unsigned));
        assert_eq!(open(&note, &[]), Err(NoteError::Unsigned));

        let other = sign("another message\n", &[&two]).unwrap();
        let mixed = format!("{}{}", sign(TEXT, &[&one]).unwrap(), signature_line(&other));
        assert!(open(&mixed, &[one.verifier().clone()]).is_ok());
        assert!(matches!(open(&mixed, &both), Err(NoteError::BadSignature { .. })));

        // The same key bytes under another name are another key.
        let renamed = SigningKey::from_seed("example.org/other", &[1; 32]).unwrap();
        assert_eq!(open(&note, &[renamed.verifier().clone()]), Err(NoteError::Unsigned));
    }

    #[test]
    fn one_key_counts_once() {
        let one = key(1);
        let note = sign(TEXT, &[&one]).unwrap();
        let twice = format!("{note}{}", signature_line(&note));
        let known = [one.verifier().clone()];
        assert!(matches!(open(&twice, &known), Err(NoteError::Duplicate { .. })));
        assert!(matches!(sign(TEXT, &[&one, &one]), Err(NoteError::Duplicate { .. })));
        let listed_twice = [known[0].clone(), known[0].clone()];
        assert_eq!(open(&note, &listed_twice).unwrap().signers().len(), 1);
    }

    #[test]
    fn sixteen_signatures_are_read_and_too_many_are_not() {
        let keys: Vec<SigningKey> = (1..=65).map(key).collect();
        let refs: Vec<&SigningKey> = keys.iter().collect();
        let known: Vec<VerifierKey> = keys.iter().map(|key| key.verifier().clone()).collect();
        let note = sign(TEXT, &refs[..16]).unwrap();
        assert_eq!(open(&note, &known).unwrap().signers().len(), 16);
        let note = sign(TEXT, &refs[..MAX_SIGNATURES]).unwrap();
        assert!(open(&note, &known).is_ok());
        assert!(sign(TEXT, &refs).is_err());
        let extra = signature_line(&sign(TEXT, &refs[64..]).unwrap()).to_owned();
        let over = format!("{note}{extra}");
        assert!(matches!(open(&over, &known), Err(NoteError::TooLarge { .. })));
        let long = format!("{}\n{note}", "a".repeat(MAX_NOTE_BYTES));
        assert!(matches!(open(&long, &known), Err(NoteError::TooLarge { .. })));
        assert!(matches!(sign(TEXT, &[]), Err(NoteError::Unsigned)));
    }

    #[test]
    fn the_text_ends_at_the_last_blank_line() {
        let text = "one\n\ntwo\n\n\n";
        let note = sign(text, &[&key(1)]).unwrap();
        assert_eq!(open(&note, &[key(1).verifier().clone()]).unwrap().text(), text);
    }

    #[test]
    fn malformed_notes_are_refused() {
        let line = "\u{2014} a AAAAAAA=\n";
        let fine = format!("x\n\n{line}");
        assert!(UnverifiedNote::parse(fine.as_bytes()).is_ok());
        for note in [
            String::new(),
            "x\n".into(),
            "x\n\n".into(),
            format!("x\n{line}"),
            format!("x\n\n{}", line.trim_end()),
            format!("x\r\n\n{line}"),
            format!("x\t\n\n{line}"),
            format!("x\n\n{line}\n"),
            "x\n\n- a AAAAAAA=\n".into(),
            "x\n\n\u{2014} AAAAAAA=\n".into(),
            "x\n\n\u{2014}  AAAAAAA=\n".into(),
            "x\n\n\u{2014} a+b AAAAAAA=\n".into(),
            "x\n\n\u{2014} a\u{a0}b AAAAAAA=\n".into(),
            "x\n\n\u{2014} a AAAAAAA\n".into(),
            "x\n\n\u{2014} a AAAAAA==\n".into(),
            "x\n\n\u{2014} a AAAAAAA= \n".into(),
        ] {
            assert!(UnverifiedNote::parse(note.as_bytes()).is_err(), "{note:?}");
        }
        assert!(UnverifiedNote::parse(b"x\xff\n\n\xe2\x80\x94 a AAAAAAA=\n").is_err());
        assert!(sign("no line feed", &[&key(1)]).is_err());
        assert!(sign("carriage\r\n", &[&key(1)]).is_err());
    }
}
