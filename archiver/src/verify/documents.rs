//! Documents that entries name: policies, catalogues, lists, certificates.

use strongroom_crypto::Digest;

use super::dates::Dates;
use super::fold::Fold;
use super::inventory::Inventory;
use super::locks::{Locks, head};
use super::{Audit, Found, Mark, VerifyError};
use crate::document::{Document, MAX_DOCUMENT_BYTES};

/// Checks that each is there, is what its name says, and is under lock.
pub(super) fn check(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    dates: &Dates,
) -> Result<(), VerifyError> {
    let locks = Locks::new(fold, audit.options.now);
    for (kind, digest) in &fold.documents {
        audit.go_on()?;
        let key = kind.key(*digest)?;
        let same = |bytes: Vec<u8>| {
            let same = Digest::of(&bytes) == *digest;
            if same { Ok(()) } else { Err("its SHA-256 is not its name".to_owned()) }
        };
        // The claims have the lists.
        let lost = if *kind == Document::List { Mark::Rebuildable } else { Mark::Fail };
        match audit.read(&key, MAX_DOCUMENT_BYTES, same)? {
            Found::Good(()) => {}
            Found::Missing => audit.note("document", &key, lost, "it is missing"),
            Found::Damaged(detail) => audit.note("document", &key, lost, detail),
        }
        if let Some(head) = head(audit, "document", &key)? {
            locks.check(audit, &key, &head, None, dates.proofs());
        }
    }
    for (kind, digest) in inventory.documents.difference(&fold.documents) {
        if fold.whole {
            audit.note("orphan", kind.key(*digest)?, Mark::Info, "no valid entry names it");
        }
    }
    Ok(())
}
