//! Documents that entries name by their SHA-256: what an entry has no room for, or must not say.

use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;

use crate::log::{Log, LogError, put_once};
use crate::store::{Covered, LockedStore, ObjectKey, StoreError};

/// Longest document in bytes: that of a certificate. A list of 25,000 segments has less than 1 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 8 << 20;

/// A kind of document.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Document {
    /// The law that a policy cites.
    Catalogue,
    /// What was destroyed, by whose order.
    Certificate,
    /// What an entry must not say, encrypted.
    Detail,
    /// Segments that an entry is about.
    List,
    /// A retention policy as its author wrote it.
    Policy,
    /// What officers are asked to sign.
    Statement,
}

impl Document {
    /// Those that are kept as long as the log, in order of their places. Details can be erased, and
    /// statements are of no use once they stand in an entry.
    pub const KEPT: [Self; 4] = [Self::Catalogue, Self::Certificate, Self::List, Self::Policy];

    /// Where documents of the kind lie.
    pub const fn place(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogues/",
            Self::Certificate => "certificates/",
            Self::Detail | Self::Statement => "records/",
            Self::List => "lists/",
            Self::Policy => "policies/",
        }
    }

    /// The name of a document.
    ///
    /// # Errors
    ///
    /// Never: it is always a name.
    pub fn key(self, digest: Digest) -> Result<ObjectKey, StoreError> {
        let ending = match self {
            Self::Catalogue | Self::Policy => "yaml",
            Self::Certificate | Self::List | Self::Statement => "json",
            Self::Detail => "enc",
        };
        ObjectKey::new(format!("{}{digest}.{ending}", self.place()))
    }

    /// The document that has a name, if a kept one has it.
    pub fn named(key: &str) -> Option<(Self, Digest)> {
        let (_, name) = key.split_once('/')?;
        let digest = name.split_once('.')?.0.parse().ok()?;
        let of_name = |kind: &&Self| kind.key(digest).is_ok_and(|known| known.as_str() == key);
        Self::KEPT.iter().find(of_name).map(|kind| (*kind, digest))
    }

    /// The kept documents that an entry names.
    pub fn of(entry: &EntryKind) -> Vec<(Self, Digest)> {
        match entry {
            EntryKind::PolicySet(set) => {
                vec![(Self::Policy, set.policy), (Self::Catalogue, set.catalogue)]
            }
            EntryKind::HoldPlace(place) => {
                place.list.map(|list| (Self::List, list)).into_iter().collect()
            }
            EntryKind::DispositionOrder(order) => vec![(Self::List, order.list)],
            EntryKind::DispositionCertificate(done) => {
                vec![(Self::Certificate, done.certificate)]
            }
            _ => Vec::new(),
        }
    }

    /// Stores a document before an entry names it. A crash afterwards leaves it without one, and the
    /// next who stores it finds it there.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn store(self, log: &Log, bytes: &[u8]) -> Result<Digest, LogError> {
        let digest = Digest::of(bytes);
        let kept = Self::KEPT.contains(&self);
        let lock = kept.then(|| log.birth_lock()).transpose()?;
        put_once(&**log.store(), log.covered(), &self.key(digest)?, bytes, lock)?;
        Ok(digest)
    }

    /// Reads a document: the version whose digest is its name, whatever lies over it. None: there is
    /// none.
    ///
    /// # Errors
    ///
    /// The store's, or [`LogError::Damaged`] where the name has other bytes or none that can be read.
    pub fn load(
        self,
        store: &dyn LockedStore,
        covered: &Covered,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, LogError> {
        let key = self.key(digest)?;
        let same = |bytes: Vec<u8>| if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(()) };
        let damaged = |detail| Err(LogError::Damaged { object: key.to_string(), detail });
        match covered.read(store, &key, MAX_DOCUMENT_BYTES, same) {
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(Some(Err(()))) => damaged("its SHA-256 is not its name".to_owned()),
            Err(StoreError::Corrupt { detail, .. }) => damaged(detail),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a document that has to be there.
    ///
    /// # Errors
    ///
    /// As [`Document::load`], or [`LogError::Damaged`] where it is missing.
    pub fn require(
        self,
        store: &dyn LockedStore,
        covered: &Covered,
        digest: Digest,
    ) -> Result<Vec<u8>, LogError> {
        let object = self.key(digest)?.to_string();
        let missing = || LogError::Damaged { object, detail: "it is missing".to_owned() };
        self.load(store, covered, digest)?.ok_or_else(missing)
    }
}
