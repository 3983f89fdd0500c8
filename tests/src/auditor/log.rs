//! The log: one sequence of claims, and everything published about it consistent with that.

use std::collections::BTreeSet;

use strongroom_crypto::{
    Digest, SegmentId,
    checkpoint::Checkpoint,
    claim::{UnverifiedClaim, VerifiedClaim},
    entry::{Entry, EntryKind, Seal, WindowClose},
    keys::KeyFile,
    merkle::{MemoryTree, leaf_hash, root_at},
    range::RangeList,
    state::{Outcome, State},
    tile::{TileCoordinate, encode_bundle, tiles_for},
};

use super::{Audit, Findings, Shelf};

/// What the claims add up to.
pub(super) struct Log {
    pub(super) state: State,
    pub(super) leaves: Vec<Vec<u8>>,
    pub(super) claims: u64,
    /// Valid seals in their order.
    pub(super) seals: Vec<(Seal, RangeList)>,
    pub(super) closes: Vec<Close>,
    pub(super) abandoned: BTreeSet<SegmentId>,
    pub(super) void: Vec<String>,
    tree: MemoryTree,
}

/// A valid window.
pub(super) struct Close {
    pub(super) content: WindowClose,
    pub(super) index: u64,
    /// Digest of the snapshot that the entries before it make.
    snapshot: Option<Digest>,
    /// How many valid seals came before it.
    pub(super) seals_before: usize,
}

/// Folds the claims, which have to be numbered without a gap.
pub(super) fn fold(shelf: &Shelf<'_>, findings: &mut Findings) -> Option<Log> {
    let names = shelf.names("log/claim/");
    for (seq, name) in names.iter().enumerate() {
        let expected = format!("log/claim/{seq:020}");
        findings
            .require(*name == expected, || format!("`{name}` stands where `{expected}` should"));
    }
    let mut log: Option<Log> = None;
    for name in &names {
        let bytes = shelf.get(name)?;
        let read = UnverifiedClaim::parse(&bytes);
        let claim = match (&log, read) {
            (None, Ok(claim)) => claim.verify_first(),
            (Some(log), Ok(claim)) => claim.verify(|id| log.state.registered(id)),
            (_, Err(error)) => Err(error),
        };
        let claim = claim.map_err(|error| findings.add(format!("`{name}`: {error}"))).ok()?;
        match &mut log {
            None => {
                let state = State::open(&claim).map_err(|e| findings.add(e.to_string())).ok()?;
                log = Some(Log::new(state, &claim));
            }
            Some(log) => {
                let folded = log.add(&claim);
                folded.map_err(|error| findings.add(format!("`{name}`: {error}"))).ok()?;
            }
        }
    }
    findings.require(log.is_some(), || "there is no log".to_owned());
    log
}

impl Log {
    fn new(state: State, claim: &VerifiedClaim) -> Self {
        let leaves: Vec<Vec<u8>> = claim.items().iter().map(|item| item.leaf().to_vec()).collect();
        Self {
            state,
            tree: leaves.iter().map(|leaf| leaf_hash(leaf)).collect(),
            leaves,
            claims: 1,
            seals: Vec::new(),
            closes: Vec::new(),
            abandoned: BTreeSet::new(),
            void: Vec::new(),
        }
    }

    /// Folds a claim twice: entry by entry, to see what each did, and whole.
    fn add(&mut self, claim: &VerifiedClaim) -> Result<(), String> {
        let mut ahead = self.state.clone();
        let mut outcomes = Vec::new();
        for item in claim.items() {
            let index = self.leaves.len() as u64;
            let entry = Entry::parse(item.leaf());
            let snapshot = match entry.as_ref().map(Entry::kind) {
                Ok(EntryKind::WindowClose(_)) => ahead.snapshot().ok().map(|s| s.root_digest),
                _ => None,
            };
            let applied = ahead.apply(item.leaf(), item.attachment(), claim.key_id());
            let outcome = applied.map_err(|error| error.to_string())?;
            self.note(index, entry.ok(), &outcome, item.ranges(), snapshot);
            outcomes.push(outcome);
            self.leaves.push(item.leaf().to_vec());
            self.tree.append(leaf_hash(item.leaf()));
        }
        let whole = self.state.apply_claim(claim).map_err(|error| error.to_string())?;
        self.claims += 1;
        if whole == outcomes { Ok(()) } else { Err("it folds otherwise entry by entry".to_owned()) }
    }

    fn note(
        &mut self,
        index: u64,
        entry: Option<Entry>,
        outcome: &Outcome,
        ranges: Option<&RangeList>,
        snapshot: Option<Digest>,
    ) {
        match outcome {
            Outcome::Valid => {}
            Outcome::Void(reason) => return self.void.push(format!("{index}: {reason}")),
            Outcome::Unknown { .. } => return self.void.push(format!("{index}: unknown type")),
        }
        match entry.map(Entry::into_kind) {
            Some(EntryKind::SegmentSeal(seal)) => {
                self.seals.push((*seal, ranges.expect("a valid seal has ranges").clone()));
            }
            Some(EntryKind::SegmentAbandon(abandon)) => {
                self.abandoned.insert(abandon.segment_id);
            }
            Some(EntryKind::WindowClose(content)) => {
                let seals_before = self.seals.len();
                self.closes.push(Close { content, index, snapshot, seals_before });
            }
            _ => {}
        }
    }

    /// The bytes that a tile or bundle of this log has, if the log has grown that far.
    fn tile(&self, tile: &TileCoordinate) -> Option<Vec<u8>> {
        if !tile.is_entries() {
            return tile.tile_bytes(&self.tree).ok();
        }
        let range = tile.range();
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        encode_bundle(self.leaves.get(start..end)?).ok()
    }
}

/// Compares every checkpoint, tile and bundle with the claims. Each checkpoint has to come after
/// the tiles of its size.
pub(super) fn check_published(
    shelf: &Shelf<'_>,
    log: &Log,
    keys: &KeyFile,
    audit: &mut Audit,
    findings: &mut Findings,
) {
    let mut check = |name: &str, bytes: &[u8]| -> Option<u64> {
        let opened = Checkpoint::open(bytes, keys.log().verifier());
        let opened = opened.map_err(|e| findings.add(format!("`{name}`: {e}"))).ok()?;
        let fits = opened.size() <= log.leaves.len() as u64
            && root_at(&log.tree, opened.size()).ok() == Some(*opened.root());
        findings.require(fits, || format!("`{name}` contradicts the claims: a fork"));
        Some(opened.size())
    };
    let mut sizes = Vec::new();
    for name in shelf.names("log/checkpoints/") {
        let size = check(&name, &shelf.get(&name).unwrap_or_default());
        sizes.extend(size.map(|size| (size, name)));
    }
    if let Some(hint) = shelf.get("log/checkpoint") {
        check("log/checkpoint", &hint);
    }
    let tiles: BTreeSet<String> = shelf.names("log/tile/").into_iter().collect();
    for name in &tiles {
        let tile = name.strip_prefix("log/").and_then(|path| path.parse::<TileCoordinate>().ok());
        let expected = tile.and_then(|tile| log.tile(&tile));
        let right = expected.is_some() && shelf.get(name) == expected;
        findings.require(right, || format!("`{name}` is not a function of the claims"));
    }
    for (size, name) in &sizes {
        let right = *name == format!("log/checkpoints/{size:020}");
        findings.require(right, || format!("`{name}` is of size {size}"));
        for tile in tiles_for(0, *size) {
            let there = tiles.contains(&format!("log/{tile}"));
            findings
                .require(there, || format!("`{name}` was signed before `log/{tile}` was there"));
        }
    }
    audit.checkpoints = sizes.len() as u64;
    audit.published = sizes.iter().map(|(size, _)| *size).max().unwrap_or(0);
}

/// Compares the snapshots that windows name with those that the claims make.
pub(super) fn check_snapshots(
    shelf: &Shelf<'_>,
    log: &Log,
    audit: &mut Audit,
    findings: &mut Findings,
) {
    for close in &log.closes {
        let (index, named) = (close.index, close.content.index_sha256);
        let right = named.is_some() && named == close.snapshot;
        findings.require(right, || format!("window {index} names no snapshot of the claims"));
        let name = format!("index/{index:020}/root.json");
        let root = shelf.get(&name);
        let (Some(root), Some(named)) = (root, named) else {
            findings.add(format!("`{name}` was not there before its window was closed"));
            continue;
        };
        audit.newest_root_is_stale = Digest::of(&root) != named;
        if audit.newest_root_is_stale {
            audit.stale_roots += 1;
            continue;
        }
        let loaded = State::load(&root, named);
        let Ok(mut state) = loaded.map_err(|e| findings.add(format!("`{name}`: {e}"))) else {
            continue;
        };
        for page in state.pages_absent() {
            let name = format!("index/page/{}.json", page.digest);
            let fits = shelf.get(&name).is_some_and(|bytes| state.load_page(&bytes).is_ok());
            findings.require(fits, || format!("`{name}` does not fit the snapshot of {index}"));
        }
        let live = close.content.segments == close.seals_before as u64;
        findings.require(live, || format!("window {index} miscounts the live segments"));
    }
}
