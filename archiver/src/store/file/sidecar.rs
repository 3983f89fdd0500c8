//! What the store keeps beside a version, as canonical JSON of one fixed shape:
//!
//! ```text
//! {"created":"2024-02-29T12:00:00Z","hold":false,"length":5,"mode":"COMPLIANCE","sha256":"…","until":"2031-02-28T12:00:00Z"}
//! ```
//!
//! `mode` and `until` are both `null` without a lock. Every other spelling is refused: a record
//! that something else rewrote is not one to delete by.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use strongroom_crypto::Digest;

use super::super::Lock;

/// Several times the longest record.
pub(super) const MAX_SIDECAR_BYTES: u64 = 1024;

/// The record of one version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sidecar {
    pub(super) created: Timestamp,
    pub(super) hold: bool,
    pub(super) length: u64,
    pub(super) lock: Option<Lock>,
    pub(super) sha256: Digest,
}

impl Sidecar {
    /// Reads a record; none if it is not spelled as this program spells it.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let rest = text.strip_prefix(r#"{"created":"#)?;
        let (created, rest) = rest.split_once(r#","hold":"#)?;
        let (hold, rest) = rest.split_once(r#","length":"#)?;
        let (length, rest) = rest.split_once(r#","mode":"#)?;
        let (mode, rest) = rest.split_once(r#","sha256":"#)?;
        let (sha256, rest) = rest.split_once(r#","until":"#)?;
        let until = rest.strip_suffix('}')?;
        let lock = match (mode, until) {
            ("null", "null") => None,
            _ => Some(Lock {
                mode: unquoted(mode)?.parse().ok()?,
                until: unquoted(until)?.parse().ok()?,
            }),
        };
        let sidecar = Self {
            created: unquoted(created)?.parse().ok()?,
            hold: hold.parse().ok()?,
            length: length.parse().ok()?,
            lock,
            sha256: unquoted(sha256)?.parse().ok()?,
        };
        (sidecar.to_string() == text).then_some(sidecar)
    }
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

impl fmt::Display for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created, hold, length, lock, sha256 } = self;
        write!(f, r#"{{"created":"{created}","hold":{hold},"length":{length},"mode":"#)?;
        match lock {
            Some(Lock { mode, until }) => {
                write!(f, r#""{mode}","sha256":"{sha256}","until":"{until}""#)?;
            }
            None => write!(f, r#"null,"sha256":"{sha256}","until":null"#)?,
        }
        f.write_char('}')
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::LockMode;
    use super::*;

    const LOCKED: &str = r#"{"created":"2024-02-29T12:00:00.000000001Z","hold":true,"length":0,"mode":"COMPLIANCE","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","until":"2031-02-28T12:00:00Z"}"#;

    fn locked() -> Sidecar {
        Sidecar {
            created: "2024-02-29T12:00:00.000000001Z".parse().unwrap(),
            hold: true,
            length: 0,
            lock: Some(Lock {
                mode: LockMode::Compliance,
                until: "2031-02-28T12:00:00Z".parse().unwrap(),
            }),
            sha256: Digest::of(b""),
        }
    }

    #[test]
    fn a_record_has_one_spelling() {
        assert_eq!(locked().to_string(), LOCKED);
        assert_eq!(Sidecar::parse(LOCKED.as_bytes()), Some(locked()));
        let unlocked = Sidecar { lock: None, hold: false, ..locked() };
        assert_eq!(Sidecar::parse(unlocked.to_string().as_bytes()), Some(unlocked));
    }

    #[test]
    fn a_record_that_something_else_rewrote_is_refused() {
        let rewritten = [
            LOCKED.replace("\"length\":0", "\"length\":00"),
            LOCKED.replace("\"length\":0", "\"length\":+0"),
            LOCKED.replace(",\"hold\"", ", \"hold\""),
            LOCKED.replace("\"COMPLIANCE\"", "null"),
            LOCKED.replace("COMPLIANCE", "compliance"),
            LOCKED.replace("2031-02-28T12:00:00Z", "2031-02-28T13:00:00+01:00"),
            LOCKED.replace("e3b0", "E3B0"),
            LOCKED.replace("true", "1"),
            format!("{LOCKED}\n"),
            String::new(),
        ];
        for text in rewritten {
            assert_eq!(Sidecar::parse(text.as_bytes()), None, "{text}");
        }
        for end in 0..LOCKED.len() {
            assert_eq!(Sidecar::parse(&LOCKED.as_bytes()[..end]), None, "torn at {end}");
        }
    }
}
