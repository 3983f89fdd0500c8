//! What is in the store: every name sorted by what it may be, every version counted.

use std::collections::BTreeSet;

use strongroom_crypto::tile::TileCoordinate;
use strongroom_crypto::{Digest, Hasher, SegmentId};

use super::{Audit, Mark, VerifyError};
use crate::document::Document;
use crate::store::{Listed, ListedVersion, ObjectKey, StoreError};

/// Names are listed this many at a time.
const PAGE: usize = 1_000;
/// Versions are compared piece by piece, so that a planted giant is not read into memory.
const PIECE_BYTES: u64 = 4 << 20;
/// The names under which nothing is ever replaced or hidden. Claims are listed before what they name: a run that goes on
/// meanwhile has stored that before them. Checkpoints sort before claims, and are stored after them.
const IMMUTABLE: [&str; 8] = [
    "log/",
    "catalogues/",
    "certificates/",
    "keys/",
    "lists/",
    "manifests/",
    "policies/",
    "segments/",
];
/// What entries name only by digest, and may be erased.
const ERASABLE: &str = "records/";
/// The parts of the log, for a store that cannot list it whole.
const PARTS_OF_LOG: [&str; 3] = ["log/checkpoint", "log/claim/", "log/tile/"];
/// Derived objects: their versions mean nothing.
const DERIVED: &str = "index/";
/// Sorts after every name below a prefix, and before the next prefix.
const BEHIND: char = '\u{7f}';
/// Where C2SP clients look for the head; overwritten by every run.
pub(super) const HINT: &str = "log/checkpoint";

/// The names that stand or stood for something, by what they may be.
#[derive(Default)]
pub(super) struct Inventory {
    pub(super) checkpoints: BTreeSet<u64>,
    pub(super) claims: BTreeSet<u64>,
    pub(super) tiles: BTreeSet<TileCoordinate>,
    pub(super) segments: BTreeSet<ObjectKey>,
    pub(super) manifests: BTreeSet<SegmentId>,
    pub(super) keys: BTreeSet<ObjectKey>,
    pub(super) documents: BTreeSet<(Document, Digest)>,
    pub(super) roots: BTreeSet<u64>,
    pub(super) pages: BTreeSet<Digest>,
    /// Names that something lies over, or that were removed.
    pub(super) covered: BTreeSet<ObjectKey>,
}

impl Inventory {
    /// Lists the store and reports names that no archive has, and versions that no archive makes.
    pub(super) fn take(audit: &Audit<'_>) -> Result<Self, VerifyError> {
        let mut inventory = Self::default();
        for prefix in IMMUTABLE {
            if !inventory.take_versions(audit, prefix)? && prefix == "log/" {
                for part in PARTS_OF_LOG {
                    inventory.take_versions(audit, part)?;
                }
            }
        }
        listed(audit, DERIVED, |item| {
            if !inventory.add(&item.key) {
                audit.note(
                    "unexpected",
                    &item.key,
                    Mark::Info,
                    "no object of the index has this name",
                );
            }
            None
        })?;
        let known = || IMMUTABLE.into_iter().chain([DERIVED, ERASABLE]);
        listed(audit, "", |item| {
            let below = known().find(|prefix| item.key.as_str().starts_with(prefix));
            if below.is_none() {
                audit.note(
                    "unexpected",
                    &item.key,
                    Mark::Info,
                    "not part of the archive: not verified",
                );
            }
            below
        })?;
        Ok(inventory)
    }

    /// Lists all versions below a prefix; false if something there keeps the store from listing it.
    fn take_versions(&mut self, audit: &Audit<'_>, prefix: &str) -> Result<bool, VerifyError> {
        audit.go_on()?;
        let Some(versions) = versions(audit, prefix)? else { return Ok(false) };
        for of_key in versions.chunk_by(|a, b| a.key == b.key) {
            let Some(first) = of_key.first() else { continue };
            let there = first.key.as_str() == HINT || self.check_versions(audit, of_key)?;
            if there && !self.add(&first.key) {
                let detail = "no object of an archive has this name";
                audit.note("unexpected", &first.key, Mark::Fail, detail);
            }
        }
        Ok(true)
    }

    /// One version, and the name stands for it: that is as it should be. Copies that are byte for byte the same are one
    /// version. Tells whether there is any.
    fn check_versions(
        &mut self,
        audit: &Audit<'_>,
        listed: &[ListedVersion],
    ) -> Result<bool, VerifyError> {
        let Some(first) = listed.first() else { return Ok(false) };
        if is_single(listed) {
            return Ok(true);
        }
        // An object that was being stored while it was listed looks like one that was tampered with.
        let key = &first.key;
        let Some(again) = versions(audit, key.as_str())? else { return Ok(false) };
        let again: Vec<_> = again.into_iter().filter(|version| version.key == *key).collect();
        if again.is_empty() || is_single(&again) {
            return Ok(!again.is_empty());
        }
        let markers = again.iter().filter(|version| version.is_delete_marker).count();
        let left = again.len() - markers;
        let detail = if markers > 0 {
            format!("{markers} delete markers hide or hid it")
        } else if !again.iter().any(|version| version.is_latest) {
            format!("its name was removed, {left} versions of it are left")
        } else {
            let mut contents = BTreeSet::new();
            for version in &again {
                contents.insert(digest(audit, version)?);
            }
            let different = contents.len();
            if different == 1 && !contents.contains(&None) {
                let detail = format!("{left} versions, byte for byte the same");
                audit.note("versions", key, Mark::Info, detail);
                return Ok(true);
            }
            format!("{left} versions of {different} different contents")
        };
        audit.note("versions", key, Mark::Fail, detail);
        self.covered.insert(key.clone());
        Ok(left > 0)
    }

    /// True for a store in which nothing of an archive is left.
    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty()
            && self.checkpoints.is_empty()
            && self.tiles.is_empty()
            && self.segments.is_empty()
            && self.manifests.is_empty()
    }

    /// Files a name; false if it is none of an archive's.
    fn add(&mut self, key: &ObjectKey) -> bool {
        let Some((top, rest)) = key.as_str().split_once('/') else { return false };
        let known = match top {
            "log" => self.add_log(rest),
            "segments" => Some(self.segments.insert(key.clone())),
            "manifests" => rest
                .strip_suffix(".json")
                .and_then(|id| Some(self.manifests.insert(id.parse().ok()?))),
            "keys" => Some(self.keys.insert(key.clone())),
            "catalogues" | "certificates" | "lists" | "policies" => {
                Document::named(key.as_str()).map(|document| self.documents.insert(document))
            }
            // What shows whether a bucket has a fence, and canaries: neither says anything about the archive.
            "index" if rest == "fence" || rest.starts_with("doctor/") => Some(true),
            "index" => match rest.strip_prefix("page/") {
                Some(page) => page
                    .strip_suffix(".json")
                    .and_then(|page| Some(self.pages.insert(page.parse().ok()?))),
                None => rest
                    .strip_suffix("/root.json")
                    .and_then(|size| Some(self.roots.insert(number(size)?))),
            },
            _ => None,
        };
        known.is_some()
    }

    fn add_log(&mut self, rest: &str) -> Option<bool> {
        if rest == "checkpoint" {
            return Some(true);
        }
        if let Some(size) = rest.strip_prefix("checkpoints/") {
            return Some(self.checkpoints.insert(number(size)?));
        }
        match rest.strip_prefix("claim/") {
            Some(seq) => Some(self.claims.insert(number(seq)?)),
            None => Some(self.tiles.insert(rest.parse().ok()?)),
        }
    }
}

/// The number in a name: twenty digits.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Lists versions; none, and a finding, if something there is damaged so that the store cannot.
fn versions(audit: &Audit<'_>, prefix: &str) -> Result<Option<Vec<ListedVersion>>, VerifyError> {
    damaged(audit, prefix, audit.store.list_versions(prefix))
}

/// Makes a finding of an error that is about what is stored.
fn damaged<T>(
    audit: &Audit<'_>,
    prefix: &str,
    listed: Result<T, StoreError>,
) -> Result<Option<T>, VerifyError> {
    let (object, detail) = match listed {
        Ok(listed) => return Ok(Some(listed)),
        Err(StoreError::Corrupt { key, detail }) => (key.to_string(), detail),
        Err(StoreError::Invalid { detail }) => (prefix.to_owned(), detail),
        Err(error) => return Err(error.into()),
    };
    let detail = format!("`{prefix}` cannot be listed: {detail}");
    audit.note("listing", object, Mark::Fail, detail);
    Ok(None)
}

/// Calls `each` with every current name below `prefix`; if it returns a prefix, that is left behind.
fn listed(
    audit: &Audit<'_>,
    prefix: &str,
    mut each: impl FnMut(&Listed) -> Option<&'static str>,
) -> Result<(), VerifyError> {
    let mut after: Option<String> = None;
    loop {
        audit.go_on()?;
        let page = audit.store.list(prefix, after.as_deref(), PAGE);
        let Some(page) = damaged(audit, prefix, page)? else { return Ok(()) };
        let Some(last) = page.last() else { return Ok(()) };
        let mut next = last.key.to_string();
        for item in &page {
            if let Some(left) = each(item) {
                next = format!("{left}{BEHIND}");
                break;
            }
        }
        // A store that lists what it listed before would be asked for ever.
        if after.as_ref().is_some_and(|after| *after >= next) {
            return Ok(());
        }
        after = Some(next);
    }
}

fn is_single(versions: &[ListedVersion]) -> bool {
    matches!(versions, [ListedVersion { is_latest: true, is_delete_marker: false, .. }])
}

/// The digest of a version's bytes; none if they cannot be had.
fn digest(audit: &Audit<'_>, version: &ListedVersion) -> Result<Option<Digest>, VerifyError> {
    let mut hasher = Hasher::new();
    let mut offset = 0;
    loop {
        let piece = match audit.store.get_range(
            &version.key,
            Some(&version.version),
            offset,
            PIECE_BYTES,
        ) {
            Ok(Some(piece)) => piece,
            Ok(None) | Err(StoreError::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if piece.is_empty() {
            return Ok(Some(hasher.finish()));
        }
        hasher.update(&piece);
        audit.go_on()?;
        offset += u64::try_from(piece.len()).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_an_archive_is_known_and_no_other() {
        let mut inventory = Inventory::default();
        let mut add = |name: &str| inventory.add(&ObjectKey::new(name).unwrap());
        for name in [
            "log/checkpoint",
            "log/checkpoints/00000000000000000001",
            "log/claim/00000000000000000000",
            "log/tile/0/000.p/3",
            "log/tile/entries/x001/000",
            "segments/s/2026/11/21/x.parquet",
            "manifests/01a1cd4b-0000-7000-8000-000000000001.json",
            "keys/origin/0",
            "index/00000000000000000007/root.json",
            "index/fence",
            "index/doctor/held",
            "index/page/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json",
            "lists/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json",
            "policies/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.yaml",
        ] {
            assert!(add(name), "{name}");
        }
        for name in [
            "log",
            "log/checkpoints/1",
            "log/checkpoints/99999999999999999999",
            "log/claim/0000000000000000000a",
            "log/tile/8/000",
            "log/tile/0/000.p/0",
            "manifests/x.json",
            "index/7/root.json",
            "index/page/00.json",
            "lists/x.json",
            "policies/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json",
        ] {
            assert!(!add(name), "{name}");
        }
    }
}
