//! Segments by what their events say: of whom, or with which words.

use std::collections::{BTreeMap, BTreeSet};
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
    /// With such an event, and how many of those are of the times asked for.
    pub matching: BTreeMap<SegmentId, u64>,
    /// Not readable.
    pub unread: BTreeSet<SegmentId>,
}

impl Search {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty() && self.texts.is_empty()
    }

    /// Reads the segments that `wanted` names. `in_time` says of a record whether it is of the times
    /// asked for: that only counts, and decides nothing.
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
        in_time: impl Fn(&Decoded<'_>) -> bool,
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
            let mut matching = None;
            let read = reader.for_each(|record| -> Result<(), DecodeError> {
                if self.meets(record) {
                    let count = matching.get_or_insert(0_u64);
                    *count = count.saturating_add(u64::from(in_time(record)));
                }
                Ok(())
            });
            if read.is_err() {
                found.unread.insert(id);
            } else if let Some(count) = matching {
                found.matching.insert(id, count);
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
