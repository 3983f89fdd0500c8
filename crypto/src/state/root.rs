//! The root of a snapshot: the state without its pages (`FORMAT.md`, section 10).

use std::collections::BTreeMap;

use super::{
    KeyRecord, NextClaim, State, abandoned::Abandoned, clocks::Clocks, disposition::Orders,
    holds::Holds, page::Pages, policies::Policies, position::Positions, reviews::Reviews,
};
use crate::{
    b64,
    digest::Digest,
    entry::{Locked, RegisteredKey},
    json::{JsonError, ObjectReader, Value, array, object, text},
    keys::{KeyId, Role},
    name::Shard,
    officer::Registry,
};

/// Longest root in bytes: some 250,000 positions.
pub const MAX_ROOT_BYTES: usize = 64 << 20;

/// Why a root or a page is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RootError {
    /// Not the root that the log names.
    #[error("snapshot root has digest {found}, the log names {expected}")]
    Digest {
        /// The digest that the log names.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// Not the structure.
    #[error("snapshot is malformed: {0}")]
    Malformed(#[from] JsonError),
    /// A page that the root does not name, or that is loaded already.
    #[error("page {digest} is not one that is missing")]
    UnknownPage {
        /// Its digest.
        digest: Digest,
    },
    /// A page that is not what the root says of it.
    #[error("page {digest} is not as the snapshot root describes it")]
    OtherPage {
        /// Its digest.
        digest: Digest,
    },
}

impl State {
    /// Reads a root. `expected` is what the `window.close` at the index of the root's size says;
    /// that entry is the next to be folded, and only if it turns out valid is the root one to
    /// go on from. No page is loaded yet.
    ///
    /// # Errors
    ///
    /// Refuses another digest before anything is read, and everything but the structure.
    pub fn load(bytes: &[u8], expected: Digest) -> Result<Self, RootError> {
        let found = Digest::of(bytes);
        if found != expected {
            return Err(RootError::Digest { expected, found });
        }
        let mut root = ObjectReader::from_bytes(bytes, MAX_ROOT_BYTES)?;
        root.exactly("v", 1)?;
        let state = Self {
            archive_id: root.parsed("archive_id")?,
            environment: root.parsed("environment")?,
            settle_ms: root.u64("settle_ms")?,
            store: root.text("store")?,
            log_open_sha256: root.parsed("log_open_sha256")?,
            size: root.u64("size")?,
            latest: root.parsed("at")?,
            extended_until: root.nullable("extended_until")?,
            claim: NextClaim::take(&mut root)?,
            keys: take_keys(&mut root)?,
            officers: Registry::take(&mut root)?,
            officers_number: root.u64("officers_number")?,
            policies: Policies::take(&mut root)?,
            holds: Holds::take(&mut root)?,
            clocks: Clocks::take(&mut root)?,
            orders: Orders::take(&mut root)?,
            reviews: Reviews::take(&mut root)?,
            lists: BTreeMap::new(),
            locked: Locked::take(&mut root)?,
            proof_until: root.nullable("proof_until")?,
            positions: Positions::take(&mut root)?,
            abandoned: Abandoned::take(&mut root)?,
            windows: take_windows(&mut root)?,
            pages: Pages::take(&mut root)?,
            unknown_critical: None,
        };
        root.finish()?;
        Ok(state)
    }

    /// The root's bytes, given its pages.
    pub(super) fn to_root(&self, pages: Value) -> Vec<u8> {
        let keys = self.keys.iter().map(|((role, id), key)| {
            object([
                ("id", text(id)),
                ("public", b64::encode(key.public.as_bytes()).into()),
                ("revoked", key.revoked.into()),
                ("role", text(role)),
            ])
        });
        let windows = self
            .windows
            .iter()
            .map(|(shard, number)| object([("number", (*number).into()), ("shard", text(shard))]));
        let (holds, released) = self.holds.to_values();
        let (rejected, recoveries) = self.reviews.to_values();
        object([
            ("abandoned", self.abandoned.to_value()),
            ("archive_id", text(self.archive_id)),
            ("at", text(self.latest)),
            ("certified", self.orders.certified().into()),
            ("claim", self.claim.to_value()),
            ("clocks", self.clocks.to_value()),
            ("environment", text(self.environment)),
            ("extended_until", self.extended_until.map(text).into()),
            ("hold_epoch", self.holds.epoch().into()),
            ("holds", holds),
            ("keys", array(keys)),
            ("locked", self.locked.map(Locked::to_value).into()),
            ("log_open_sha256", text(self.log_open_sha256)),
            ("officers", self.officers.to_value()),
            ("officers_number", self.officers_number.into()),
            ("orders", self.orders.to_value()),
            ("pages", pages),
            ("policies", self.policies.to_value()),
            ("positions", self.positions.to_value()),
            ("proof_until", self.proof_until.map(text).into()),
            ("recoveries", recoveries),
            ("rejected", rejected),
            ("released", released),
            ("sealed", self.pages.sealed().into()),
            ("settle_ms", self.settle_ms.into()),
            ("size", self.size.into()),
            ("store", self.store.as_str().into()),
            ("v", 1.into()),
            ("windows", array(windows)),
        ])
        .to_canonical()
    }
}

impl NextClaim {
    fn to_value(self) -> Value {
        object([
            ("first", self.first.into()),
            ("prev_sha256", text(self.prev_sha256)),
            ("seq", self.seq.into()),
        ])
    }

    fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut members = root.object("claim")?;
        let claim = Self {
            first: members.u64("first")?,
            prev_sha256: members.parsed("prev_sha256")?,
            seq: members.u64("seq")?,
        };
        members.finish().map(|()| claim)
    }
}

type Keys = BTreeMap<(Role, KeyId), KeyRecord>;

fn take_keys(root: &mut ObjectReader) -> Result<Keys, JsonError> {
    let mut keys = BTreeMap::new();
    for mut item in root.objects("keys")? {
        let RegisteredKey { id, public, role } = RegisteredKey::take(&mut item)?;
        let record = KeyRecord { public, revoked: item.bool("revoked")? };
        item.finish()?;
        append(root, "keys", &mut keys, (role, id), record)?;
    }
    Ok(keys)
}

fn take_windows(root: &mut ObjectReader) -> Result<BTreeMap<Shard, u64>, JsonError> {
    let mut windows = BTreeMap::new();
    for mut item in root.objects("windows")? {
        let (number, shard) = (item.u64("number")?, item.parsed("shard")?);
        item.finish()?;
        append(root, "windows", &mut windows, shard, number)?;
    }
    Ok(windows)
}

/// Appends in order only: each list of a root has one spelling.
pub(super) fn append<K: Ord, V>(
    root: &ObjectReader,
    name: &str,
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
) -> Result<(), JsonError> {
    if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
        return Err(root.refused(name, "not sorted, or one occurs twice"));
    }
    map.insert(key, value);
    Ok(())
}
