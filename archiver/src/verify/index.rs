//! The snapshot index: derived, so that damage costs time and is never believed.

use std::collections::BTreeSet;

use strongroom_crypto::Digest;
use strongroom_crypto::state::{MAX_PAGE_BYTES, MAX_ROOT_BYTES, State};

use super::fold::{Fold, Window};
use super::inventory::Inventory;
use super::{Audit, Mark, VerifyError};
use crate::log::{page_key, root_key};
use crate::store::ObjectKey;

/// Checks the snapshot of the newest window with its pages; a deep verification checks all that are there.
pub(super) fn check(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
) -> Result<(), VerifyError> {
    let mut named = BTreeSet::new();
    let newest = fold.windows.last_key_value().map(|(index, _)| *index);
    for (&size, &Window { digest, .. }) in &fold.windows {
        audit.go_on()?;
        let key = root_key(size)?;
        if !inventory.roots.contains(&size) {
            audit.note("index", key, Mark::Rebuildable, "it is missing");
        } else if audit.options.deep || Some(size) == newest {
            let Some(bytes) = read(audit, &key, MAX_ROOT_BYTES, digest)? else { continue };
            let Ok(state) = State::load(&bytes, digest) else {
                audit.note("index", key, Mark::Fail, "it is what the log names, and no snapshot");
                continue;
            };
            named.extend(state.pages_absent().into_iter().map(|page| page.digest));
        }
    }
    compare(audit, fold)?;
    if audit.options.deep {
        named.extend(&inventory.pages);
    }
    for digest in named {
        audit.go_on()?;
        let key = page_key(digest)?;
        if inventory.pages.contains(&digest) {
            read(audit, &key, MAX_PAGE_BYTES, digest)?;
        } else {
            audit.note("index", key, Mark::Rebuildable, "it is missing");
        }
    }
    if !audit.options.deep || !fold.whole {
        return Ok(());
    }
    for &size in inventory.roots.iter().filter(|size| !fold.windows.contains_key(size)) {
        audit.note(
            "index",
            root_key(size)?,
            Mark::Info,
            "no closed window names it: left by an interrupted run",
        );
    }
    Ok(())
}

/// What a window vouches for must be what the entries before it add up to: writers go on from there.
fn compare(audit: &Audit<'_>, fold: &Fold) -> Result<(), VerifyError> {
    for (&size, window) in &fold.windows {
        if fold.snapshots.get(&size).is_some_and(|made| *made != window.digest) {
            let detail = "the snapshot that the log names is not what its entries add up to";
            audit.note("index", root_key(size)?, Mark::Fail, detail);
        }
    }
    if let Some(size) = fold.windows.keys().last().filter(|size| !fold.snapshots.contains_key(size))
    {
        let detail =
            "the newest snapshot that the log names could not be made again from its entries";
        audit.note("index", root_key(*size)?, Mark::NotProven, detail);
    }
    Ok(())
}

/// Reads an object of a known digest, and reports one that is not it.
fn read(
    audit: &Audit<'_>,
    key: &ObjectKey,
    limit: usize,
    digest: Digest,
) -> Result<Option<Vec<u8>>, VerifyError> {
    let same = |bytes: Vec<u8>| {
        let same = Digest::of(&bytes) == digest;
        if same { Ok(bytes) } else { Err("its digest is another".to_owned()) }
    };
    match audit.read_current(key, limit, same)?.into_result() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(detail) => {
            audit.note("index", key, Mark::Rebuildable, detail);
            Ok(None)
        }
    }
}
