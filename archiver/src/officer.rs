//! How an officer signs a statement: with a key file, through an ssh-agent, or elsewhere.
//!
//! | module | the secret key |
//! | --- | --- |
//! | [`key_file`] | is read from an OpenSSH file, used once and wiped |
//! | [`agent`] | stays in the officer's ssh-agent |
//! | [`detached`] | was never here: `ssh-keygen -Y sign` made the signature on another machine |
//!
//! All three give a [`Signature`]: plain Ed25519 over the bytes that OpenSSH signs for a file
//! (PROTOCOL.sshsig) in the namespace `strongroom` with the hash SHA-256. Which officer a key belongs
//! to, and what that officer may sign, the log decides.

pub mod agent;
pub mod detached;
pub mod key_file;
pub mod name;
mod openssh;

pub use openssh::{public_key, public_line};

use std::path::{Path, PathBuf};

use strongroom_crypto::Digest;
use strongroom_crypto::keys::RolePublic;
use strongroom_crypto::officer::signed_bytes;

use agent::AgentError;

/// What keeps a signature made for something else from standing under a statement.
const NAMESPACE: &str = "strongroom";

/// The one hash of a statement.
const HASH: &str = "sha256";

/// An Ed25519 signature over a statement; it was verified, so there is none that does not fit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    key: RolePublic,
    bytes: [u8; 64],
}

impl Signature {
    /// Takes a signature made by anyone, if it is by `key` and over `statement`.
    fn verified(key: RolePublic, bytes: [u8; 64], statement: Digest) -> Result<Self, OfficerError> {
        match key.verify(&signed_bytes(statement), &bytes) {
            Ok(()) => Ok(Self { key, bytes }),
            Err(_) => Err(OfficerError::Unverified),
        }
    }

    /// The public key that it was made with.
    pub fn key(&self) -> &RolePublic {
        &self.key
    }

    /// The 64 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.bytes
    }
}

/// Why there is no signature. Nothing of a secret key stands in it.
#[derive(Debug, thiserror::Error)]
pub enum OfficerError {
    /// What is wrong with a file.
    #[error("`{path}`: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// It is a link, a directory or a device.
    #[error("is no regular file: name the key file itself, not a link to it")]
    NotRegular,
    /// Its mode lets others read it.
    #[error("can be read by others: run `chmod 600` on it, and think about who may have read it")]
    Exposed,
    /// It would be stored with what it signs for.
    #[error("an officer's key must not lie inside the store: keep it elsewhere")]
    InStore,
    /// Over the limit.
    #[error("is longer than {0} bytes: name an OpenSSH key or signature")]
    TooLong(u64),
    /// It is not what it should be.
    #[error("expected {0}")]
    Malformed(&'static str),
    /// The secret key can be read only with a passphrase.
    #[error(
        "the key has a passphrase: run `ssh-add` and sign with `--agent`, or sign the statement with `ssh-keygen -Y sign -n strongroom -O hashalg=sha256`"
    )]
    Encrypted,
    /// Another algorithm.
    #[error("`{0}` is no key that officers sign with: make one with `ssh-keygen -t ed25519`")]
    KeyType(String),
    /// A signature in another form than the one there is.
    #[error("signature of version {0}, expected version 1: sign with `ssh-keygen -Y sign`")]
    Version(u32),
    /// A signature made for something else.
    #[error("signature for namespace `{0}`: sign with `ssh-keygen -Y sign -n strongroom`")]
    Namespace(String),
    /// OpenSSH leaves it empty; what stood there would not be signed.
    #[error("signature with a reserved field that is not empty: sign with `ssh-keygen -Y sign`")]
    Reserved,
    /// A signature over another hash.
    #[error("signature over a `{0}` hash: add `-O hashalg=sha256` to `ssh-keygen -Y sign`")]
    Hash(String),
    /// The signature is by another key or over other bytes.
    #[error(
        "the signature is not over this statement: sign the statement's file as it was written, byte for byte"
    )]
    Unverified,
    /// The ssh-agent did not sign.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

impl OfficerError {
    /// What is wrong, in a file or not.
    pub fn cause(&self) -> &Self {
        match self {
            Self::InFile { source, .. } => source.cause(),
            error => error,
        }
    }

    /// Whether somebody signed something else.
    pub fn is_of_another_statement(&self) -> bool {
        matches!(self.cause(), Self::Unverified)
    }

    fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), source: Box::new(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the test key signs.
    pub(super) const STATEMENT: &[u8] = b"statement of a test\n";

    /// A test key, made for these tests by `ssh-keygen -t ed25519`: its private half stands in
    /// `key_file`'s tests and protects nothing.
    pub(super) const TEST_KEY_PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbAjbEKXvjfN7DTX4gSLVtBm3nwTVWOeHV0DS6dZOXr test key, no secret\n";

    /// What `ssh-keygen -Y sign -n strongroom -O hashalg=sha256` signs with the test key.
    pub(super) const SIGNATURE: [u8; 64] = [
        0x45, 0x68, 0xd3, 0xf3, 0x2a, 0x9c, 0x9c, 0x5d, 0x4b, 0x48, 0x8f, 0xc0, 0x65, 0x40, 0x99,
        0xf0, 0x1f, 0x7c, 0xad, 0x10, 0x15, 0x51, 0xe3, 0xe2, 0x28, 0x5f, 0x56, 0x5b, 0x37, 0x36,
        0x9b, 0xa4, 0xa9, 0x6e, 0x1f, 0x05, 0x4a, 0x12, 0x98, 0x2d, 0xd3, 0xc7, 0x3e, 0xd7, 0x0b,
        0xea, 0x84, 0xba, 0x20, 0xa2, 0x3d, 0x1c, 0x43, 0xe6, 0x63, 0xa9, 0x29, 0xbc, 0x8f, 0x63,
        0x67, 0x96, 0x5b, 0x05,
    ];

    pub(super) fn test_key() -> RolePublic {
        public_key(TEST_KEY_PUBLIC).unwrap()
    }

    #[test]
    fn what_is_signed_is_what_openssh_signs() {
        let statement = Digest::of(STATEMENT);
        let mut expected = b"SSHSIG\0\0\0\x0astrongroom\0\0\0\0\0\0\0\x06sha256\0\0\0\x20".to_vec();
        expected.extend_from_slice(statement.as_bytes());
        assert_eq!(signed_bytes(statement), expected);
        let signature = Signature::verified(test_key(), SIGNATURE, statement).unwrap();
        assert_eq!(signature.as_bytes(), &SIGNATURE);
        assert_eq!(signature.key(), &test_key());
    }

    #[test]
    fn a_signature_over_another_statement_or_altered_is_none() {
        let other = Digest::of(b"another statement\n");
        let refused = Signature::verified(test_key(), SIGNATURE, other).unwrap_err();
        assert!(matches!(refused, OfficerError::Unverified), "{refused}");
        let mut altered = SIGNATURE;
        altered[0] ^= 1;
        assert!(Signature::verified(test_key(), altered, Digest::of(STATEMENT)).is_err());
    }
}
