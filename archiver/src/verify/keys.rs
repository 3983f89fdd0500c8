//! The wrapped keys: without them no segment can be read, however well it is kept.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::Digest;
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::wrapped_key::{MAX_WRAPPED_KEY_BYTES, StoredKey, WrappedKey};

use super::dates::Dates;
use super::fold::Fold;
use super::inventory::Inventory;
use super::locks::{Locks, head};
use super::{Audit, Found, Mark, VerifyError};
use crate::log::{Keyring, LogError, period_key_object};
use crate::store::{Head, ObjectKey};

/// The key of origin handles.
const ORIGIN: &str = "keys/origin/0";

/// A key that is what its name says, and what the store says of it.
struct Kept {
    key: StoredKey,
    head: Head,
}

/// Checks every key that is there, and that those are there that segments need.
pub(super) fn check(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    dates: &Dates,
) -> Result<(), VerifyError> {
    let locks = Locks::new(fold, audit.options.now);
    let (mut needed, mut periods) = (BTreeSet::from([ObjectKey::new(ORIGIN)?]), BTreeMap::new());
    // The key of what is ordered to be destroyed may be gone.
    let stay = fold.seals.iter().filter(|live| !fold.is_ordered(&live.seal.segment_id));
    for period in stay.map(|live| live.seal.period_key).collect::<BTreeSet<_>>() {
        let key = period_key_object(&period)?;
        needed.insert(key.clone());
        periods.insert(key, period);
    }
    // Also what was not listed is looked at before it is called missing.
    for key in needed.union(&inventory.keys) {
        audit.go_on()?;
        let Some(kept) = check_object(audit, key)? else { continue };
        if needed.contains(key) {
            let date = periods.get(key).map_or(dates.proofs(), |name| dates.key(name));
            locks.check(audit, key, &kept.head, None, date);
        } else if fold.whole {
            audit.note("orphan", key, Mark::Info, "no live segment needs this key");
        }
        if let Some(keyring) = audit.options.keys.filter(|_| audit.options.deep)
            && let Err(error) = open(keyring, kept.key)
        {
            audit.note("key", key, Mark::Fail, error);
        }
    }
    Ok(())
}

/// Reads a key as anybody can: it is a key, and the one that its name says.
fn check_object(audit: &Audit<'_>, key: &ObjectKey) -> Result<Option<Kept>, VerifyError> {
    let open = |bytes: Vec<u8>| match WrappedKey::parse(&bytes) {
        Ok(wrapped) if format!("keys/{}", wrapped.key()) != key.as_str() => {
            Err(format!("it is the key `{}`", wrapped.key()))
        }
        Ok(wrapped) => Ok((wrapped.key(), Digest::of(&bytes))),
        Err(error) => Err(error.to_string()),
    };
    let detail = match audit.read(key, MAX_WRAPPED_KEY_BYTES, open)? {
        Found::Good((name, digest)) => {
            let Some(head) = head(audit, "key", key)? else { return Ok(None) };
            if head.sha256.is_none_or(|recorded| recorded == digest) {
                return Ok(Some(Kept { key: name, head }));
            }
            "its SHA-256 is not the one that the store recorded".to_owned()
        }
        Found::Missing => "it is missing: what it protects cannot be read".to_owned(),
        Found::Damaged(detail) => detail,
    };
    audit.note("key", key, Mark::Fail, detail);
    Ok(None)
}

/// Opens a key, and drops it.
fn open(keyring: &Keyring, key: StoredKey) -> Result<(), LogError> {
    match key {
        StoredKey::Period(PeriodKeyName { id, generation }) => {
            keyring.period_by_name(PeriodKeyName { id, generation }).map(drop)
        }
        StoredKey::Origin { generation: 0 } => keyring.origin().map(drop),
        StoredKey::Origin { .. } => Ok(()),
    }
}
