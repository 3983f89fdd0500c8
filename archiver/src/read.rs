//! Records out of the archive: a segment's, or an origin's bytes as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::{Digest, SegmentId};

use crate::log::{Gone, Keyring, LogError, Sealed};
use crate::segment::{DecodeError, SegmentReader};
use crate::store::{LockedStore, ObjectKey, StoreError};

/// A segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store or the log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Its bytes do not decode.
    #[error("segment {id}: {source}")]
    Decode {
        /// Which segment.
        id: SegmentId,
        /// Why.
        source: DecodeError,
    },
    /// It is not to be read any more.
    #[error("segment {id} {gone}")]
    Gone {
        /// Which segment.
        id: SegmentId,
        /// What became of it.
        gone: Gone,
    },
    /// There is no such segment.
    #[error("no segment `{0}` in this archive")]
    NoSegment(String),
    /// Its bytes are not those that were sealed.
    #[error("`{0}` is not what was sealed: its SHA-256 differs")]
    Altered(String),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Log(error.into())
    }
}

/// Opens a sealed segment, checked against its entry.
///
/// # Errors
///
/// [`ReadError`].
pub fn open_sealed(
    store: &dyn LockedStore,
    keys: &Arc<Keyring>,
    sealed: &Sealed,
) -> Result<SegmentReader, ReadError> {
    let (id, object) = (sealed.seal.segment_id, sealed.seal.object.as_str());
    if let Some(gone) = sealed.gone {
        return Err(ReadError::Gone { id, gone });
    }
    let same = |bytes: Vec<u8>| {
        let same = Digest::of(&bytes) == sealed.seal.object_sha256;
        if same { Ok(bytes) } else { Err(ReadError::Altered(object.to_owned())) }
    };
    let limit = usize::try_from(sealed.seal.bytes).unwrap_or(usize::MAX);
    let read = keys.covered().read(store, &ObjectKey::new(object)?, limit, same)?;
    let bytes = read.ok_or_else(|| ReadError::NoSegment(object.to_owned()))??;
    let keyring = Arc::clone(keys);
    SegmentReader::open(Bytes::from(bytes), keys.archive_id(), id, move |metadata| {
        keyring.data_key(metadata, id)
    })
    .map_err(|source| ReadError::Decode { id, source })
}

/// The segments that hold a generation of an origin, in the order of its offsets.
pub fn segments_of(seals: &[Sealed], origin: OriginHandle, generation: u64) -> Vec<&Sealed> {
    let starts = seals.iter().flat_map(|sealed| {
        let ranges = sealed.ranges.as_slice().iter();
        ranges
            .filter(|r| r.origin == origin && r.generation == generation)
            .map(move |r| (r.start, sealed))
    });
    // The log accepts ranges only end to end, so that their order in it is already this one.
    let mut found: Vec<(u64, &Sealed)> = starts.collect();
    found.sort_by_key(|(start, _)| *start);
    found.into_iter().map(|(_, sealed)| sealed).collect()
}

/// What is known of an origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginStatus {
    /// The stream.
    pub stream: String,
    /// The origin's name, if a key was at hand.
    pub name: Option<String>,
    /// Its newest generation.
    pub generation: u64,
    /// How many generations are sealed.
    pub generations: u64,
    /// Decoded bytes sealed of it.
    pub end: u64,
}

/// The newest generation of every origin, named where `keys` open a segment that has its name.
///
/// # Errors
///
/// [`ReadError`].
pub fn origins(
    store: &dyn LockedStore,
    keys: Option<&Arc<Keyring>>,
    seals: &[Sealed],
) -> Result<BTreeMap<OriginHandle, OriginStatus>, ReadError> {
    let mut origins: BTreeMap<OriginHandle, OriginStatus> = BTreeMap::new();
    let key = keys.map(|keys| keys.origin()).transpose()?;
    let mut generations = BTreeSet::new();
    for sealed in seals {
        let stream = sealed.seal.stream.as_str();
        for range in sealed.ranges.as_slice() {
            let unnamed = origins.get(&range.origin).is_none_or(|origin| origin.name.is_none());
            let origin = origins.entry(range.origin).or_insert_with(|| OriginStatus {
                stream: stream.to_owned(),
                name: None,
                generation: range.generation,
                generations: 0,
                end: range.end,
            });
            origin.generations += u64::from(generations.insert((range.origin, range.generation)));
            if (range.generation, range.end) >= (origin.generation, origin.end) {
                (origin.generation, origin.end) = (range.generation, range.end);
            }
            let (true, Some(keys), Some(key), None) = (unnamed, keys, &key, sealed.gone) else {
                continue;
            };
            // One segment names all the origins it holds.
            for stored in open_sealed(store, keys, sealed)?.ranges {
                if let Ok(handle) = key.handle(stream, &stored.origin) {
                    let status = OriginStatus {
                        stream: stream.to_owned(),
                        name: None,
                        generation: 0,
                        generations: 0,
                        end: 0,
                    };
                    origins.entry(handle).or_insert(status).name = Some(stored.origin);
                }
            }
        }
    }
    Ok(origins)
}
