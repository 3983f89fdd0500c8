//! Segments by what their events say: of whom, or with which words.

use std::collections::BTreeSet;
use std::sync::Arc;

use strongroom_crypto::SegmentId;

use crate::log::{Keyring, LogError, Sealed};
use crate::read::{ReadError, open_sealed};
use crate::segment::{DecodeError, Decoded};
use crate::store::LockedStore;

/// The canonical columns that name who did something.
const ACTORS: [&str; 4] =
    ["actor_user_uid", "actor_user_name", "actor_credential_uid", "actor_on_behalf_of"];

/// What an event has to say; any of it is enough.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Search {
    /// Who did it: a user's id or name, a credential, or on whose behalf.
    pub actors: BTreeSet<String>,
    /// Its record contains this, byte for byte.
    pub texts: BTreeSet<String>,
}

/// What segments were found, and which could not be read: those count as found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// With such an event.
    pub matching: BTreeSet<SegmentId>,
    /// Not readable.
    pub unread: BTreeSet<SegmentId>,
}

/// A record was found, or the segment does not decode.
enum Stop {
    Found,
    Decode,
}

impl From<DecodeError> for Stop {
    fn from(_: DecodeError) -> Self {
        Self::Decode
    }
}

impl Search {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty() && self.texts.is_empty()
    }

    /// Reads the segments that `wanted` names.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn find(
        &self,
        store: &dyn LockedStore,
        keys: &Arc<Keyring>,
        seals: &[Sealed],
        wanted: impl Fn(&SegmentId) -> bool,
    ) -> Result<Found, LogError> {
        let mut found = Found::default();
        for sealed in seals.iter().filter(|sealed| wanted(&sealed.seal.segment_id)) {
            let id = sealed.seal.segment_id;
            let reader = match open_sealed(store, keys, sealed) {
                Ok(reader) => reader,
                Err(ReadError::Log(error)) => return Err(error),
                Err(_) => {
                    found.unread.insert(id);
                    continue;
                }
            };
            match reader
                .for_each(|record| if self.meets(record) { Err(Stop::Found) } else { Ok(()) })
            {
                Ok(()) => {}
                Err(Stop::Found) => {
                    found.matching.insert(id);
                }
                Err(Stop::Decode) => {
                    found.unread.insert(id);
                }
            }
        }
        Ok(found)
    }

    /// Where nothing says who did it, the whole record is looked through.
    fn meets(&self, record: &Decoded<'_>) -> bool {
        let contains = |text: &String| {
            !text.is_empty() && record.raw.windows(text.len()).any(|part| part == text.as_bytes())
        };
        if self.texts.iter().any(contains) {
            return true;
        }
        if self.actors.is_empty() {
            return false;
        }
        let named: Vec<String> =
            ACTORS.iter().filter_map(|column| record.canonical(column)).collect();
        if named.is_empty() {
            return self.actors.iter().any(contains);
        }
        named.iter().any(|actor| self.actors.contains(actor))
    }
}
