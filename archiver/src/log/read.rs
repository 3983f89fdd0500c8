//! Opening a log: the newest checkpoint, the snapshot that it vouches for, and the claims after that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_crypto::Digest;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::claim::{MAX_CLAIM_BYTES, UnverifiedClaim, VerifiedClaim};
use strongroom_crypto::entry::{Entry, EntryKind, LogOpen};
use strongroom_crypto::keys::{KeyFile, KeyId, Role};
use strongroom_crypto::merkle::{HashSource as _, empty_root, leaf_hash, root_of};
use strongroom_crypto::note::{MAX_NOTE_BYTES, VerifierKey};
use strongroom_crypto::state::{MAX_PAGE_BYTES, MAX_ROOT_BYTES, Outcome, PageRef, State};
use strongroom_crypto::tile::{
    MAX_ENTRY_BYTES, TILE_WIDTH, TileCoordinate, TileReadError, TileReader,
};

use super::claims::{Claims, open_next};
use super::walk::visit;
use super::{Log, LogError, checkpoint_key, claim_key, page_key, root_key, tile_key};
use crate::store::{Covered, LockedStore, ObjectKey, StoreError, get_bounded};

/// How many bundles are searched for the last closed window before the log is folded from its beginning.
const BUNDLES_BACK: u64 = 4;
/// No tile or bundle is longer: 256 entries with their lengths.
pub(super) const MAX_TILE_BYTES: usize = 256 * (2 + MAX_ENTRY_BYTES);
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

/// Partial tiles and bundles that were read, by their names: the same ones are needed to open a log
/// and to go on from it. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Edge(Arc<Mutex<BTreeMap<ObjectKey, Vec<u8>>>>);

impl Edge {
    /// Reads a tile. Nothing of it is believed here.
    pub(super) fn fetch(
        &self,
        store: &dyn LockedStore,
        tile: &TileCoordinate,
    ) -> Result<Vec<u8>, LogError> {
        let key = tile_key(tile)?;
        if tile.is_full() {
            return derived(store, &key, MAX_TILE_BYTES);
        }
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = read.get(&key) {
            return Ok(bytes.clone());
        }
        let bytes = derived(store, &key, MAX_TILE_BYTES)?;
        read.insert(key, bytes.clone());
        Ok(bytes)
    }

    /// Forgets what was read: the log goes on, or is read anew.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Reads an object that the claims can make again.
pub(super) fn derived(
    store: &dyn LockedStore,
    key: &ObjectKey,
    limit: usize,
) -> Result<Vec<u8>, LogError> {
    let lost = |detail: &str| LogError::Derived { object: key.to_string(), detail: detail.into() };
    match get_bounded(store, key, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(lost("it is missing")),
        Err(StoreError::Corrupt { detail, .. }) => Err(lost(&detail)),
        Err(error) => Err(error.into()),
    }
}

/// The largest checkpoint that verifies, the hint included: a hint that verifies is one of them.
///
/// # Errors
///
/// The store's.
pub fn newest_checkpoint(
    store: &dyn LockedStore,
    vkey: &VerifierKey,
    covered: &Covered,
) -> Result<Option<Head>, LogError> {
    let hint = match get_bounded(store, &ObjectKey::new("log/checkpoint")?, MAX_NOTE_BYTES) {
        Err(StoreError::Corrupt { .. }) => None,
        hint => hint?.and_then(|note| open(&note, vkey)),
    };
    let hinted = hint.as_ref().map_or(0, |head| head.size);
    Ok(newest_after(store, vkey, covered, hinted)?.or(hint))
}

/// The largest checkpoint that verifies and is larger than `size`, also where its name is hidden.
pub(super) fn newest_after(
    store: &dyn LockedStore,
    vkey: &VerifierKey,
    covered: &Covered,
    size: u64,
) -> Result<Option<Head>, LogError> {
    let after = checkpoint_key(size)?;
    let listed = store.list_versions_after("log/checkpoints/", after.as_str())?;
    let mut keys: Vec<ObjectKey> = listed.into_iter().map(|version| version.key).collect();
    keys.dedup();
    // Anybody may have put names there: what does not verify hides nothing.
    for key in keys.iter().rev() {
        let of_name = |head: &Head| checkpoint_key(head.size).is_ok_and(|name| name == *key);
        let open = |note: Vec<u8>| open(&note, vkey).filter(of_name).ok_or(());
        match covered.read(store, key, MAX_NOTE_BYTES, open) {
            Ok(Some(Ok(head))) => return Ok(Some(head)),
            Ok(None | Some(Err(()))) | Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

fn open(note: &[u8], vkey: &VerifierKey) -> Option<Head> {
    let checkpoint = Checkpoint::open(note, vkey).ok()?;
    let note = String::from_utf8(note.to_vec()).ok()?;
    Some(Head { size: checkpoint.size(), root: *checkpoint.root(), note })
}

/// The first claim is signed by a key that it registers itself: what makes it ours is that it
/// registers our keys and no others.
fn check_opening(opening: &LogOpen, keys: &KeyFile) -> Result<(), LogError> {
    if opening.archive_id != keys.archive_id() {
        return Err(LogError::wrong_key(keys.archive_id(), opening.archive_id));
    }
    if opening.log_vkey != keys.log().verifier().to_string() {
        return Err(LogError::Opening("names another log key"));
    }
    if opening.keys != super::create::role_keys(keys) {
        return Err(LogError::Opening("registers other role keys"));
    }
    Ok(())
}

/// Refuses to go on where claims are gone that a signed size covers: others would take their places.
pub(super) fn require_claims(state: &State, size: u64) -> Result<(), LogError> {
    let found = state.size();
    if found >= size {
        return Ok(());
    }
    let object = claim_key(state.next_claim().seq)?.to_string();
    let detail = format!("it is missing: the claims before it hold {found} of {size} entries");
    Err(LogError::Damaged { object, detail })
}

/// Refuses a log of several claims of which no signed head is left: it may have been cut short.
pub(super) fn require_head(state: &State) -> Result<(), LogError> {
    if state.next_claim().seq <= 1 {
        return Ok(());
    }
    Err(LogError::Damaged {
        object: "log/checkpoints/".into(),
        detail: "there are claims, and no checkpoint that the log key signed".into(),
    })
}

/// Something of an archive in a store without its first claim: then no log may be begun there.
pub(super) fn remains(store: &dyn LockedStore) -> Result<Option<ObjectKey>, LogError> {
    for prefix in ["log/", "segments/", "manifests/"] {
        let listed = store.list_versions(prefix)?;
        if let Some(found) = listed.into_iter().find(|version| !version.is_delete_marker) {
            return Ok(Some(found.key));
        }
    }
    Ok(None)
}

/// Reads the first claim of this key file's log.
pub(super) fn first_claim(
    store: &dyn LockedStore,
    keys: &KeyFile,
    covered: &Covered,
) -> Result<VerifiedClaim, LogError> {
    let open = |bytes: Vec<u8>| -> Result<VerifiedClaim, LogError> {
        let first = UnverifiedClaim::parse(&bytes)?.verify_first()?;
        check_opening(&first.opening()?, keys)?;
        Ok(first)
    };
    let Some(first) = covered.read(store, &claim_key(0)?, MAX_CLAIM_BYTES, open)? else {
        return Err(match remains(store)? {
            None => LogError::Missing(store.url().to_owned()),
            Some(found) => LogError::beheaded(&found)?,
        });
    };
    first
}

impl Log {
    /// Opens the log of a store, folds what is new, and publishes what an interrupted run left
    /// unpublished.
    ///
    /// # Errors
    ///
    /// [`LogError`]: nothing was claimed.
    pub fn open(store: Arc<dyn LockedStore>, keys: Arc<KeyFile>) -> Result<Self, LogError> {
        let covered = Covered::default();
        let first = first_claim(&*store, &keys, &covered)?;
        let opening = first.opening()?;
        let state = State::open(&first)?;
        if opening.min_writer > WRITER {
            return Err(LogError::Newer(opening.min_writer));
        }
        if opening.store != store.url() {
            return Err(LogError::Moved { named: opening.store, found: store.url().to_owned() });
        }
        let newest = newest_checkpoint(&*store, keys.log().verifier(), &covered)?;
        let (fresh, head, duty) = (Vec::new(), Head::empty(), Role::Archive);
        let edge = Edge::default();
        let (extended, dated) = (None, None);
        let mut log =
            Self { store, keys, covered, state, fresh, head, edge, extended, dated, duty };
        let resumed = newest.as_ref().map_or(Ok(false), |head| log.resume(head));
        match (resumed, newest) {
            (Ok(true), _) => {}
            (Ok(false), Some(head)) => {
                log.start_over()?;
                log.adopt(head)?;
            }
            (Ok(false), None) => {
                log.start_over()?;
                // Claim 0 is published before any other is made.
                require_head(&log.state)?;
            }
            (Err(LogError::Derived { .. }), _) => log.start_over()?,
            (Err(error), _) => return Err(error),
        }
        log.require_known()?;
        log.now()?;
        log.publish()?;
        Ok(log)
    }

    /// Reads the log of a store from its beginning, and writes nothing, not even what an interrupted
    /// run left unpublished: of a copy, or for who may only read. Nothing is appended to it.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn open_to_read(store: Arc<dyn LockedStore>, keys: Arc<KeyFile>) -> Result<Self, LogError> {
        let covered = Covered::default();
        let state = visit(&*store, &keys, &covered, |_, _, _| {})?;
        let (fresh, head, duty) = (Vec::new(), Head::empty(), Role::Archive);
        let edge = Edge::default();
        Ok(Self {
            store,
            keys,
            covered,
            state,
            fresh,
            head,
            edge,
            extended: None,
            dated: None,
            duty,
        })
    }

    /// Goes on from the snapshot of the last closed window, if one is near `head` and all that it
    /// takes is as the head signs it; tells whether that was so.
    fn resume(&mut self, head: &Head) -> Result<bool, LogError> {
        let (store, edge) = (Arc::clone(&self.store), self.edge.clone());
        let fetch = |tile: &TileCoordinate| edge.fetch(&*store, tile);
        let tiles = TileReader::open(head.size, &head.root, fetch).map_err(unreadable)?;
        let opening = self.state.clone();
        // Windows are closed by runs and by sweeps, each under its duty's key.
        let own = [Role::Archive, Role::Lock, Role::Remove].map(|role| self.keys.role(role).id());
        let trusted = |id| own.contains(&id) || opening.is_active(Role::Archive, id);
        let covered = self.covered.clone();
        let windows =
            Windows { store: &*store, covered: &covered, tiles: &tiles, trusted: &trusted };
        let Some((state, window)) = windows.newest(head.size)? else { return Ok(false) };
        (self.state, self.head) = (state, head.clone());
        self.fresh.clear();
        let claims = Claims::after(&*store, &covered, &self.state)?;
        let mut next = Some(claims.confirm(&self.state, window)?);
        while let Some(claim) = next {
            for (index, item) in (self.state.next_claim().first..).zip(claim.items()) {
                let signed = index < self.head.size;
                if signed && tiles.subtree(0, index).map_err(unreadable)? != leaf_hash(item.leaf())
                {
                    return Err(LogError::forked(&claim_key(claim.seq())?));
                }
            }
            self.fold(&claim)?;
            next = claims.next(&self.state)?;
        }
        require_claims(&self.state, self.head.size)?;
        Ok(true)
    }

    /// Folds the log from its beginning: for the first run, and where what is derived from the
    /// claims was lost. All of it is published anew, so that it is whole again.
    pub(super) fn start_over(&mut self) -> Result<(), LogError> {
        let (size, head) = (self.state.size(), self.head.size);
        let first = first_claim(&*self.store, &self.keys, &self.covered)?;
        self.state = State::open(&first)?;
        self.head = Head::empty();
        self.edge.clear();
        self.fresh = first.items().iter().map(|item| item.leaf().to_vec()).collect();
        self.follow()?;
        require_claims(&self.state, size.max(head))?;
        self.restore_lists()
    }

    /// Goes on from a head whose tiles are there, after a fold from the beginning: nothing up to it
    /// is published again.
    fn adopt(&mut self, head: Head) -> Result<(), LogError> {
        require_claims(&self.state, head.size)?;
        let published = usize::try_from(head.size).unwrap_or(usize::MAX).min(self.fresh.len());
        let behind = self.fresh.split_off(published);
        if root_of(self.fresh.iter().map(|leaf| leaf_hash(leaf))) != head.root {
            return Err(LogError::forked(&checkpoint_key(head.size)?));
        }
        (self.fresh, self.head) = (behind, head);
        Ok(())
    }

    /// Folds the claims that others have added, also those that something hides.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn follow(&mut self) -> Result<(), LogError> {
        let (store, covered) = (Arc::clone(&self.store), self.covered.clone());
        let claims = Claims::after(&*store, &covered, &self.state)?;
        while let Some(claim) = claims.next(&self.state)? {
            self.fold(&claim)?;
        }
        Ok(())
    }

    /// The same with those that a listing shows.
    pub(super) fn follow_listed(&mut self) -> Result<(), LogError> {
        let (store, covered) = (Arc::clone(&self.store), self.covered.clone());
        let claims = Claims::after(&*store, &covered, &self.state)?;
        while let Some(claim) = claims.next_listed(&self.state)? {
            self.fold(&claim)?;
        }
        Ok(())
    }

    /// Loads pages of live segments into a state.
    pub(super) fn load_pages(&self, state: &mut State, pages: &[PageRef]) -> Result<(), LogError> {
        for page in pages {
            let key = page_key(page.digest)?;
            let bytes = derived(&*self.store, &key, MAX_PAGE_BYTES)?;
            state.load_page(&bytes).map_err(|error| LogError::Derived {
                object: key.to_string(),
                detail: error.to_string(),
            })?;
        }
        Ok(())
    }
}

/// A store that fails is no damage: the run is tried again.
pub(super) fn unreadable(error: TileReadError<LogError>) -> LogError {
    match error {
        TileReadError::Fetch(error) => error,
        error => LogError::Derived { object: "log/tile".into(), detail: error.to_string() },
    }
}

/// The search for the snapshot that the newest closed window vouches for.
struct Windows<'a, F> {
    store: &'a dyn LockedStore,
    covered: &'a Covered,
    tiles: &'a TileReader<F>,
    /// Whose windows are believed before the log is folded: a snapshot cannot vouch for the key
    /// that vouches for it.
    trusted: &'a dyn Fn(KeyId) -> bool,
}

impl<F> Windows<'_, F>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, LogError>,
{
    /// The state of the newest snapshot of a log of `size` entries and the claim with its window,
    /// if one is near the end.
    fn newest(&self, size: u64) -> Result<Option<(State, VerifiedClaim)>, LogError> {
        // The usual case: the last entry closes a window. It is read from its claim, which is read
        // anyway to go on from the snapshot, and not from its bundle, which may be large.
        let Some(last) = size.checked_sub(1) else { return Ok(None) };
        match self.at(last)? {
            Some(found) => Ok(Some(found)),
            None => self.earlier(size),
        }
    }

    /// The last run was interrupted: its window is some entries back.
    fn earlier(&self, size: u64) -> Result<Option<(State, VerifiedClaim)>, LogError> {
        let width = u64::from(TILE_WIDTH);
        let last = size.saturating_sub(1) / width;
        for bundle in (last.saturating_sub(BUNDLES_BACK)..=last).rev() {
            let filled = (size - bundle * width).min(width);
            let filled = u16::try_from(filled).unwrap_or(TILE_WIDTH);
            let Ok(coordinate) = TileCoordinate::entries(bundle, filled) else { return Ok(None) };
            let bytes = derived(self.store, &tile_key(&coordinate)?, MAX_TILE_BYTES)?;
            let entries = self.tiles.check_bundle(&coordinate, &bytes).map_err(unreadable)?;
            let numbered: Vec<(u64, &[u8])> = (bundle * width..).zip(entries).collect();
            for (index, leaf) in numbered.into_iter().rev() {
                if !Entry::parse(leaf).is_ok_and(|entry| names_snapshot(&entry).is_some()) {
                    continue;
                }
                if let Some(found) = self.at(index)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// The snapshot of a size, if the entry there is a window that names it, stands in the tree
    /// that the checkpoint signs, takes effect, and is signed by a trusted key.
    fn at(&self, index: u64) -> Result<Option<(State, VerifiedClaim)>, LogError> {
        let root = match get_bounded(self.store, &root_key(index)?, MAX_ROOT_BYTES) {
            Ok(Some(root)) => root,
            // Whoever may write to the index can put anything there.
            Ok(None) | Err(StoreError::Corrupt { .. } | StoreError::Invalid { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        // Nothing is taken from the root before the entry has vouched for it, but where to look.
        let Ok(state) = State::load(&root, Digest::of(&root)) else { return Ok(None) };
        if state.size() != index {
            return Ok(None);
        }
        let next = state.next_claim();
        let key = claim_key(next.seq)?;
        let open = |bytes: Vec<u8>| open_next(&state, &key, &bytes);
        let read = self.covered.read(self.store, &key, MAX_CLAIM_BYTES, open)?;
        let Some(Ok(claim)) = read else { return Ok(None) };
        let place = index.checked_sub(next.first).and_then(|place| usize::try_from(place).ok());
        let Some(item) = place.and_then(|place| claim.items().get(place)) else { return Ok(None) };
        if self.tiles.subtree(0, index).map_err(unreadable)? != leaf_hash(item.leaf()) {
            return Ok(None);
        }
        let Ok(entry) = Entry::parse(item.leaf()) else { return Ok(None) };
        let vouched = (self.trusted)(claim.key_id())
            && names_snapshot(&entry) == Some(Digest::of(&root))
            && matches!(state.check(&entry, None, claim.key_id()), Ok(Outcome::Valid));
        Ok(vouched.then_some((state, claim)))
    }
}

/// The digest of the snapshot that an entry names.
fn names_snapshot(entry: &Entry) -> Option<Digest> {
    match entry.kind() {
        EntryKind::WindowClose(close) => close.index_sha256,
        _ => None,
    }
}
