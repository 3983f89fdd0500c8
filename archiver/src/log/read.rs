//! Opening a log: the newest checkpoint, the snapshot that it vouches for, and the claims after that.

use std::sync::Arc;

use strongroom_crypto::Digest;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::claim::{ClaimItem, UnverifiedClaim};
use strongroom_crypto::entry::{Entry, EntryKind, LogOpen};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::merkle::{HashSource as _, empty_root, leaf_hash};
use strongroom_crypto::note::VerifierKey;
use strongroom_crypto::state::{Outcome, PageRef, State};
use strongroom_crypto::tile::{TILE_WIDTH, TileCoordinate, TileReader};

use super::{Log, LogError, claim_key, page_key, root_key, tile_key};
use crate::store::{LockedStore, ObjectKey};

/// How many bundles are searched for the last closed window before the log is folded from its beginning.
const BUNDLES_BACK: u64 = 4;
/// Checkpoints are listed this many at a time.
const PAGE: usize = 1_000;
/// The writer's version of this program (`min_writer` of `log.open`).
const WRITER: u64 = 1;

/// A signed head of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
    /// The signed note.
    pub note: String,
}

impl Head {
    /// The head of a log that has no checkpoint yet.
    pub(super) fn empty() -> Self {
        Self { size: 0, root: empty_root(), note: String::new() }
    }
}

/// Reads an object that must be there.
pub(super) fn object(store: &dyn LockedStore, key: &ObjectKey) -> Result<Vec<u8>, LogError> {
    let missing = || LogError::Damaged { object: key.to_string(), detail: "it is missing".into() };
    store.get(key, None)?.ok_or_else(missing)
}

/// The largest checkpoint that verifies: the hint tells where to begin to look, and is not believed.
///
/// # Errors
///
/// The store's.
pub fn newest_checkpoint(
    store: &dyn LockedStore,
    vkey: &VerifierKey,
) -> Result<Option<Head>, LogError> {
    let hint = store.get(&ObjectKey::new("log/checkpoint")?, None)?;
    let hinted = hint.and_then(|note| open(&note, vkey)).map_or(0, |head| head.size);
    let from = hinted.saturating_sub(1);
    match checkpoints_after(store, vkey, from)?.pop() {
        Some(head) => Ok(Some(head)),
        // The hint may be ahead of what is there: look at all.
        None if hinted > 0 => Ok(checkpoints_after(store, vkey, 0)?.pop()),
        None => Ok(None),
    }
}

/// Every checkpoint that verifies and is larger than `size`, in ascending order.
pub(super) fn checkpoints_after(
    store: &dyn LockedStore,
    vkey: &VerifierKey,
    size: u64,
) -> Result<Vec<Head>, LogError> {
    let mut heads = Vec::new();
    let mut after = super::checkpoint_key(size)?.to_string();
    loop {
        let listed = store.list("log/checkpoints/", Some(&after), PAGE)?;
        let Some(last) = listed.last() else { return Ok(heads) };
        after = last.key.to_string();
        // Only the newest decides; the others are read by `verify`.
        let newest = listed.len() < PAGE;
        let first = if newest { listed.len().saturating_sub(8) } else { listed.len() };
        for item in listed.iter().skip(first) {
            let note = store.get(&item.key, None)?;
            heads.extend(note.and_then(|note| open(&note, vkey)));
        }
        if newest {
            return Ok(heads);
        }
    }
}

fn open(note: &[u8], vkey: &VerifierKey) -> Option<Head> {
    let checkpoint = Checkpoint::open(note, vkey).ok()?;
    let note = String::from_utf8(note.to_vec()).ok()?;
    Some(Head { size: checkpoint.size(), root: *checkpoint.root(), note })
}

impl Log {
    /// Opens the log of a store, folds what is new, and publishes what an interrupted run left unpublished.
    ///
    /// # Errors
    ///
    /// [`LogError`]: nothing was written.
    pub fn open(store: Arc<dyn LockedStore>, keys: Arc<KeyFile>) -> Result<Self, LogError> {
        let (opening, state) = Self::opening(&*store)?;
        if opening.archive_id != keys.archive_id() {
            let (key, store) = (keys.archive_id().to_string(), opening.archive_id.to_string());
            return Err(LogError::WrongKey { key, store });
        }
        if opening.min_writer > WRITER {
            return Err(LogError::Newer(opening.min_writer));
        }
        if opening.store != store.url() {
            return Err(LogError::Moved { named: opening.store, found: store.url().to_owned() });
        }
        let head = newest_checkpoint(&*store, keys.log().verifier())?;
        let snapshot = match &head {
            Some(head) => snapshot_state(&*store, head)?,
            None => None,
        };
        // A log of which only the first claim is there: `init` was interrupted after it.
        let head = head.unwrap_or_else(Head::empty);
        let mut log = Self {
            store,
            keys,
            state: snapshot.unwrap_or(state),
            fresh: Vec::new(),
            head,
            extended: None,
        };
        if log.head.size == 0 {
            log.fresh.push(log.first_leaf()?);
        }
        log.follow()?;
        log.now()?;
        log.publish()?;
        Ok(log)
    }

    fn opening(store: &dyn LockedStore) -> Result<(LogOpen, State), LogError> {
        let key = claim_key(0)?;
        let bytes =
            store.get(&key, None)?.ok_or_else(|| LogError::Missing(store.url().to_owned()))?;
        let claim = UnverifiedClaim::parse(&bytes)?.verify_first()?;
        let opening = claim.opening()?;
        let state = State::open(&claim)?;
        Ok((opening, state))
    }

    fn first_leaf(&self) -> Result<Vec<u8>, LogError> {
        let bytes = object(&*self.store, &claim_key(0)?)?;
        let claim = UnverifiedClaim::parse(&bytes)?.verify_first()?;
        Ok(claim.items().first().map(|item| item.leaf().to_vec()).unwrap_or_default())
    }

    /// Folds the claims that others have added.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn follow(&mut self) -> Result<(), LogError> {
        loop {
            let key = claim_key(self.state.next_claim().seq)?;
            let Some(bytes) = self.store.get(&key, None)? else { return Ok(()) };
            let claim = self.open_claim(&bytes, &key)?;
            self.fold(&claim)?;
        }
    }

    /// Loads pages of live segments into a state.
    pub(super) fn load_pages(&self, state: &mut State, pages: &[PageRef]) -> Result<(), LogError> {
        for page in pages {
            let key = page_key(page.digest)?;
            let bytes = object(&*self.store, &key)?;
            state.load_page(&bytes).map_err(|error| LogError::Damaged {
                object: key.to_string(),
                detail: error.to_string(),
            })?;
        }
        Ok(())
    }
}

/// The state of the newest snapshot that a closed window vouches for, if one is near the head and
/// readable. `None` means that the log is folded from its beginning: a damaged index costs time,
/// never truth.
fn snapshot_state(store: &dyn LockedStore, head: &Head) -> Result<Option<State>, LogError> {
    let fetch = |tile: &TileCoordinate| object(store, &tile_key(tile)?);
    let Ok(tiles) = TileReader::open(head.size, &head.root, fetch) else { return Ok(None) };
    let found = match last_window(store, head, &tiles)? {
        Some(state) => Some(state),
        None => earlier_window(store, head, &tiles)?,
    };
    match found {
        Some(state) if closes_validly(store, &state)? => Ok(Some(state)),
        _ => Ok(None),
    }
}

/// Whether the window that names a snapshot takes effect after it: anyone who may sign a claim at
/// all could otherwise name a snapshot of his own making.
fn closes_validly(store: &dyn LockedStore, state: &State) -> Result<bool, LogError> {
    let next = state.next_claim();
    let Some(bytes) = store.get(&claim_key(next.seq)?, None)? else { return Ok(false) };
    let verified =
        UnverifiedClaim::parse(&bytes).and_then(|claim| claim.verify(|id| state.registered(id)));
    let Ok(claim) = verified else { return Ok(false) };
    let place = state.size().checked_sub(next.first).and_then(|place| usize::try_from(place).ok());
    let leaf = place.and_then(|place| claim.items().get(place)).map(ClaimItem::leaf);
    let Some(Ok(entry)) = leaf.map(Entry::parse) else { return Ok(false) };
    Ok(matches!(state.check(&entry, None, claim.key_id()), Ok(Outcome::Valid)))
}

/// The usual case: the last entry closes a window. It is read from its claim, which is read anyway
/// to go on from the snapshot, and not from its bundle, which may be large.
fn last_window<F>(
    store: &dyn LockedStore,
    head: &Head,
    tiles: &TileReader<F>,
) -> Result<Option<State>, LogError>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, LogError>,
{
    let Some(index) = head.size.checked_sub(1) else { return Ok(None) };
    let Some(root) = store.get(&root_key(index)?, None)? else { return Ok(None) };
    // Only where to look is taken from the root before the entry has vouched for it.
    let Ok(unproven) = State::load(&root, Digest::of(&root)) else { return Ok(None) };
    let next = unproven.next_claim();
    let Some(bytes) = store.get(&claim_key(next.seq)?, None)? else { return Ok(None) };
    let Ok(claim) = UnverifiedClaim::parse(&bytes) else { return Ok(None) };
    // The tree that the checkpoint signs proves the entry; the claim's signature is checked when it
    // is folded.
    let Ok(claim) = claim.verify(|id| unproven.registered(id)) else { return Ok(None) };
    let place = index.checked_sub(next.first).and_then(|place| usize::try_from(place).ok());
    let Some(item) = place.and_then(|place| claim.items().get(place)) else { return Ok(None) };
    Ok(vouched(tiles, index, item.leaf(), &root))
}

/// The last run was interrupted: its window is some entries back.
fn earlier_window<F>(
    store: &dyn LockedStore,
    head: &Head,
    tiles: &TileReader<F>,
) -> Result<Option<State>, LogError>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, LogError>,
{
    let width = u64::from(TILE_WIDTH);
    let last = head.size.saturating_sub(1) / width;
    for bundle in (last.saturating_sub(BUNDLES_BACK)..=last).rev() {
        let filled = (head.size - bundle * width).min(width);
        let filled = u16::try_from(filled).unwrap_or(TILE_WIDTH);
        let Ok(coordinate) = TileCoordinate::entries(bundle, filled) else { return Ok(None) };
        let Some(bytes) = store.get(&tile_key(&coordinate)?, None)? else { return Ok(None) };
        let Ok(entries) = tiles.check_bundle(&coordinate, &bytes) else { return Ok(None) };
        let numbered: Vec<(u64, &[u8])> = (bundle * width..).zip(entries).collect();
        for (index, leaf) in numbered.into_iter().rev() {
            if closes(leaf).is_none() {
                continue;
            }
            let Some(root) = store.get(&root_key(index)?, None)? else { continue };
            if let Some(state) = vouched(tiles, index, leaf, &root) {
                return Ok(Some(state));
            }
        }
    }
    Ok(None)
}

/// The digest of the snapshot that an entry names.
fn closes(leaf: &[u8]) -> Option<Digest> {
    match Entry::parse(leaf).ok()?.kind() {
        EntryKind::WindowClose(close) => close.index_sha256,
        _ => None,
    }
}

/// The state of a root that the entry at its size names, if that entry is in the tree.
fn vouched<F>(tiles: &TileReader<F>, index: u64, leaf: &[u8], root: &[u8]) -> Option<State>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, LogError>,
{
    let digest = closes(leaf)?;
    (tiles.subtree(0, index).ok()? == leaf_hash(leaf)).then_some(())?;
    State::load(root, digest).ok().filter(|state| state.size() == index)
}
