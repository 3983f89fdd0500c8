//! Checkpoints (C2SP tlog-checkpoint v1.0.0): the signed head of a log.

use std::{fmt, str::FromStr};

use crate::{
    b64, decimal,
    digest::Digest,
    note::{self, NoteError, SigningKey, UnverifiedNote, VerifierKey},
};

/// The head of a log: who it is, how many leaves it has and their root. Extension lines are never
/// written and are refused, because a post-quantum signature would not cover them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// Not empty, one line, no space or plus sign: it is the name of the log's key too.
    origin: String,
    size: u64,
    root: Digest,
}

/// Why a checkpoint was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not a checkpoint.
    #[error("malformed checkpoint: {0}")]
    Malformed(&'static str),
    /// The note around it is malformed or not signed as it must be.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint is of another log than its key.
    #[error("checkpoint of log `{found}` where `{expected}` was expected")]
    Origin {
        /// The name of the key.
        expected: String,
        /// The origin line.
        found: String,
    },
}

impl Checkpoint {
    /// The head of the log `origin`.
    ///
    /// # Errors
    ///
    /// Refuses an origin that is no key name.
    pub fn new(origin: &str, size: u64, root: Digest) -> Result<Self, CheckpointError> {
        note::check_name(origin)?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> &Digest {
        &self.root
    }

    /// Signs this head with the key of its log and returns the note.
    ///
    /// # Errors
    ///
    /// Refuses a key that is not named like the log.
    pub fn sign(&self, key: &SigningKey) -> Result<String, CheckpointError> {
        self.check_origin(key.verifier())?;
        Ok(note::sign(&self.to_string(), &[key])?)
    }

    /// Reads a signed checkpoint that `key` must have signed; other signatures are ignored.
    ///
    /// # Errors
    ///
    /// Refuses a malformed note or text, a missing or bad signature, and the head of another log.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let note = UnverifiedNote::parse(note)?.verify(std::slice::from_ref(key))?;
        let checkpoint: Self = note.text().parse()?;
        checkpoint.check_origin(key)?;
        Ok(checkpoint)
    }

    fn check_origin(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        if self.origin == key.name() {
            return Ok(());
        }
        let (expected, found) = (key.name().to_owned(), self.origin.clone());
        Err(CheckpointError::Origin { expected, found })
    }
}

/// The text that is signed: three lines.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, b64::encode(self.root.as_bytes()))
    }
}

/// Reads the text alone. Nothing in it may be relied on before [`Checkpoint::open`].
impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let refuse = CheckpointError::Malformed;
        let text = text.strip_suffix('\n').ok_or(refuse("no line feed at the end"))?;
        let lines: Vec<&str> = text.splitn(4, '\n').collect();
        let [origin, size, root] = *lines.as_slice() else {
            return Err(refuse("expected exactly three lines"));
        };
        let size = decimal::parse(size).ok_or(refuse("size is not a plain decimal number"))?;
        let root = b64::decode_array(root).map_err(|_| refuse("root is not base64 of 32 bytes"))?;
        Self::new(origin, size, Digest::from_bytes(root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn checkpoint() -> Checkpoint {
        Checkpoint::new("example.org/log", 0, Digest::of(b"")).unwrap()
    }

    #[test]
    fn the_text_is_three_lines() {
        let text = format!("example.org/log\n0\n{ROOT}\n");
        assert_eq!(checkpoint().to_string(), text);
        assert_eq!(text.parse::<Checkpoint>().unwrap(), checkpoint());
    }

    #[test]
    fn a_signed_checkpoint_opens_with_the_key_of_its_log_alone() {
        let key = SigningKey::from_seed("example.org/log", &[1; 32]).unwrap();
        let note = checkpoint().sign(&key).unwrap();
        assert_eq!(Checkpoint::open(note.as_bytes(), key.verifier()).unwrap(), checkpoint());
        let stranger = SigningKey::from_seed("example.org/log", &[2; 32]).unwrap();
        let refused = Checkpoint::open(note.as_bytes(), stranger.verifier());
        assert_eq!(refused, Err(CheckpointError::Note(NoteError::Unsigned)));
        let other = SigningKey::from_seed("example.org/other", &[1; 32]).unwrap();
        assert!(matches!(checkpoint().sign(&other), Err(CheckpointError::Origin { .. })));
        let note = note::sign(&checkpoint().to_string(), &[&other]).unwrap();
        let refused = Checkpoint::open(note.as_bytes(), other.verifier());
        assert!(matches!(refused, Err(CheckpointError::Origin { .. })));
    }

    #[test]
    fn any_other_text_is_refused() {
        for text in [
            String::new(),
            format!("log\n1\n{ROOT}"),
            format!("log\n01\n{ROOT}\n"),
            format!("log\n-1\n{ROOT}\n"),
            format!("log\n+1\n{ROOT}\n"),
            format!("log\n18446744073709551616\n{ROOT}\n"),
            format!("log\n\n{ROOT}\n"),
            format!("\n1\n{ROOT}\n"),
            format!("my log\n1\n{ROOT}\n"),
            format!("log\n1\n{ROOT}\nextension\n"),
            format!("log\n1\n{ROOT}\n\n"),
            "log\n1\n".to_owned(),
            "log\n1\nAAAA\n".to_owned(),
            format!("log\n1\n{}\n", ROOT.trim_end_matches('=')),
            format!("log\n1\n{}\n", ROOT.replace("FU=", "FV=")),
        ] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text:?}");
        }
    }
}
