//! What an entry must not say: sealed below `records/`, named by the digest of the sealed bytes.

use strongroom_crypto::Digest;
use strongroom_crypto::detail::{self, DetailError};
use strongroom_crypto::keys::{Entropy, KeyFile};
use zeroize::Zeroizing;

use crate::document::Document;
use crate::log::{Log, LogError};
use crate::store::{Covered, LockedStore};

/// What a detail is about; none opens as another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detail {
    /// Matter, custodians, notices and scope of a hold.
    Hold,
    /// Why a hold was released.
    Release,
    /// What shows that something happened.
    Evidence,
    /// Why an officer said yes, no or not yet.
    Review,
    /// Who was not let, and why.
    Refusal,
    /// Who an officer is.
    Officer,
}

/// A detail is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The store, or what lies under the name.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It does not open, or cannot be sealed.
    #[error(transparent)]
    Sealed(#[from] DetailError),
}

impl Detail {
    /// What its encryption is bound to.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Evidence => "evidence",
            Self::Review => "review",
            Self::Refusal => "refusal",
            Self::Officer => "officers",
        }
    }

    /// Seals and stores a detail before an entry names it. A crash afterwards leaves a sealed object
    /// that nothing names.
    ///
    /// # Errors
    ///
    /// [`Unreadable`]: it is too long, or the store's.
    pub fn store(
        self,
        log: &Log,
        keys: &KeyFile,
        plain: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Digest, Unreadable> {
        let sealed = detail::seal(keys.kek(), keys.archive_id(), self.kind(), plain, entropy)?;
        Ok(Document::Detail.store(log, &sealed)?)
    }

    /// Reads a detail; none if it was erased.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn load(
        self,
        store: &dyn LockedStore,
        covered: &Covered,
        keys: &KeyFile,
        digest: Digest,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
        let sealed = Document::Detail.load(store, covered, digest)?;
        let open =
            |sealed: Vec<u8>| detail::open(keys.kek(), keys.archive_id(), self.kind(), &sealed);
        Ok(sealed.map(open).transpose()?)
    }

    /// Reads a detail that is text, or why it cannot be read: one that is spoilt hides nothing else.
    /// None if it was erased.
    pub fn read_text(
        self,
        store: &dyn LockedStore,
        covered: &Covered,
        keys: &KeyFile,
        digest: Digest,
    ) -> Option<Result<String, String>> {
        let read = self.load(store, covered, keys, digest).map_err(|error| error.to_string());
        let plain = read.transpose()?;
        Some(plain.map(|plain| String::from_utf8_lossy(&plain).into_owned()))
    }
}
