//! The golden archive as today's code reads it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Once},
};

use bytes::Bytes;
use jiff::Timestamp;
use strongroom_archiver::log::{
    Head, Keyring, Sealed, claim_key, manifest_key, newest_checkpoint, walk,
};
use strongroom_archiver::segment::{Layout, SegmentReader, StoredRange};
use strongroom_archiver::store::{Covered, LockedStore, ObjectKey, file::FileStore};
use strongroom_crypto::claim::{ClaimItem, UnverifiedClaim, VerifiedClaim};
use strongroom_crypto::keys::{DataKey, KeyFile};
use strongroom_crypto::merkle::{MemoryTree, leaf_hash};
use strongroom_crypto::note::VerifierKey;
use strongroom_crypto::state::State;
use strongroom_tests::temp::TempDir;

use super::{blessing, make, vectors, vectors_folder};

/// The archive, opened to read.
pub(crate) struct Golden {
    /// Keeps the copy.
    _temp: TempDir,
    pub(crate) store: Arc<dyn LockedStore>,
    pub(crate) keys: Arc<KeyFile>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) vkey: VerifierKey,
    pub(crate) claims: Vec<VerifiedClaim>,
    /// The state after all claims.
    pub(crate) state: State,
    pub(crate) seals: Vec<Sealed>,
    pub(crate) head: Head,
}

/// A record with what its leaf needs.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) range: usize,
    pub(crate) received_us: i64,
    pub(crate) offset: u64,
    pub(crate) lead: Vec<u8>,
    pub(crate) raw: Vec<u8>,
}

/// A segment, decrypted.
pub(crate) struct Opened {
    pub(crate) key: DataKey,
    pub(crate) layout: Layout,
    pub(crate) ranges: Vec<StoredRange>,
    pub(crate) rows: Vec<Row>,
}

/// Every file below a directory by its path there.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

/// The archive's folder; made anew first where that was asked for.
pub(crate) fn folder() -> PathBuf {
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        if let Some(what) = blessing() {
            if what == "archive" {
                make::make();
            }
            vectors::write(&Golden::read(&vectors_folder().join("archive")));
        }
    });
    vectors_folder().join("archive")
}

impl Golden {
    /// Opens a copy: the committed files are the plain bytes of a store, without its bookkeeping.
    pub(crate) fn open() -> Self {
        Self::read(&folder())
    }

    fn read(folder: &Path) -> Self {
        let temp = TempDir::new("golden");
        for (path, bytes) in files_below(&folder.join("store")) {
            let target = temp.path().join("store").join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, bytes).unwrap();
        }
        fs::create_dir(temp.path().join("store/.versions")).unwrap();
        let clock = || Timestamp::from_second(1_800_000_000).unwrap();
        let store: Arc<dyn LockedStore> = Arc::new(
            FileStore::open_read_only(&temp.path().join("store"), Box::new(clock)).unwrap(),
        );
        let text = fs::read_to_string(folder.join("archive.key")).unwrap();
        let keys = Arc::new(KeyFile::parse(&text).unwrap());
        let vkey: VerifierKey =
            fs::read_to_string(folder.join("archive.vkey")).unwrap().trim_end().parse().unwrap();
        let (state, seals) = walk(&*store, &keys, &Covered::default()).unwrap();
        let head = newest_checkpoint(&*store, &vkey, &Covered::default())
            .unwrap()
            .expect("a checkpoint that the key has signed");
        let keyring = Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(&keys)));
        let claims = (0..state.next_claim().seq).map(|seq| claim(&*store, &state, seq)).collect();
        Self { _temp: temp, store, keys, keyring, vkey, claims, state, seals, head }
    }

    /// An object's bytes.
    pub(crate) fn object(&self, key: &str) -> Vec<u8> {
        self.store
            .get(&ObjectKey::new(key).unwrap(), None)
            .unwrap()
            .unwrap_or_else(|| panic!("no `{key}`"))
    }

    /// The leaves of the log.
    pub(crate) fn leaves(&self) -> Vec<&[u8]> {
        self.claims.iter().flat_map(|claim| claim.items().iter().map(ClaimItem::leaf)).collect()
    }

    /// The log's tree.
    pub(crate) fn tree(&self) -> MemoryTree {
        self.leaves().into_iter().map(leaf_hash).collect()
    }

    /// The bytes of a seal's manifest.
    pub(crate) fn manifest_bytes(&self, sealed: &Sealed) -> Vec<u8> {
        self.store.get(&manifest_key(&sealed.seal.segment_id).unwrap(), None).unwrap().unwrap()
    }

    /// The bytes of a seal's segment.
    pub(crate) fn segment(&self, sealed: &Sealed) -> Vec<u8> {
        self.object(sealed.seal.object.as_str())
    }

    /// Decrypts bytes as the segment of a seal; the reason if they are refused.
    pub(crate) fn decrypt(&self, sealed: &Sealed, bytes: Vec<u8>) -> Result<Opened, String> {
        let id = sealed.seal.segment_id;
        let (keyring, found) = (Arc::clone(&self.keyring), Arc::new(Mutex::new(None)));
        let taken = Arc::clone(&found);
        let retrieve = move |metadata: &[u8]| {
            let key = keyring.data_key(metadata, id)?;
            *taken.lock().unwrap() = Some(DataKey::from_bytes(key.expose()));
            Some(key)
        };
        let reader = SegmentReader::open(Bytes::from(bytes), self.state.archive_id(), id, retrieve);
        let reader = reader.map_err(|error| error.to_string())?;
        let (layout, ranges, mut rows) = (reader.layout, reader.ranges.clone(), Vec::new());
        let read =
            reader.for_each(|record| -> Result<(), strongroom_archiver::segment::DecodeError> {
                rows.push(Row {
                    range: record.range,
                    received_us: record.received_us,
                    offset: record.offset,
                    lead: record.lead.to_vec(),
                    raw: record.raw.to_vec(),
                });
                Ok(())
            });
        read.map_err(|error| error.to_string())?;
        let key = found.lock().unwrap().take().expect("a file was opened without its key");
        Ok(Opened { key, layout, ranges, rows })
    }
}

fn claim(store: &dyn LockedStore, state: &State, seq: u64) -> VerifiedClaim {
    let bytes = store.get(&claim_key(seq).unwrap(), None).unwrap().unwrap();
    let claim = UnverifiedClaim::parse(&bytes).unwrap();
    if seq == 0 { claim.verify_first() } else { claim.verify(|id| state.registered(id)) }.unwrap()
}
