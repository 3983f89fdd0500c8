//! Claims in their order, also those that something lies over.

use std::collections::BTreeMap;

use strongroom_crypto::Digest;
use strongroom_crypto::claim::{MAX_CLAIM_BYTES, UnverifiedClaim, VerifiedClaim};
use strongroom_crypto::state::State;

use super::{LogError, claim_key};
use crate::store::{
    Covered, LockedStore, ObjectKey, StoreError, VersionId, get_bounded, get_version,
};

/// The claims behind a state. They are listed by their versions: where a claim is hidden, its place
/// is not free.
pub(super) struct Claims<'a> {
    store: &'a dyn LockedStore,
    covered: &'a Covered,
    /// Newest first.
    versions: BTreeMap<ObjectKey, Vec<VersionId>>,
}

/// Reads the claim that is next after a state.
pub(super) fn open_next(
    state: &State,
    key: &ObjectKey,
    bytes: &[u8],
) -> Result<VerifiedClaim, LogError> {
    let verified =
        UnverifiedClaim::parse(bytes).and_then(|claim| claim.verify(|id| state.registered(id)));
    let claim = verified.map_err(|error| LogError::Damaged {
        object: key.to_string(),
        detail: error.to_string(),
    })?;
    state.rest_of(&claim)?;
    Ok(claim)
}

impl<'a> Claims<'a> {
    /// Lists the claims behind a state.
    pub(super) fn after(
        store: &'a dyn LockedStore,
        covered: &'a Covered,
        state: &State,
    ) -> Result<Self, LogError> {
        // A state begins with claim 0.
        let last = claim_key(state.next_claim().seq.saturating_sub(1))?;
        let mut versions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for one in store.list_versions_after("log/claim/", last.as_str())? {
            if !one.is_delete_marker {
                versions.entry(one.key).or_default().push(one.version);
            }
        }
        Ok(Self { store, covered, versions })
    }

    /// The claim that is next after `state`, if there is one.
    pub(super) fn next(&self, state: &State) -> Result<Option<VerifiedClaim>, LogError> {
        let key = claim_key(state.next_claim().seq)?;
        if !self.versions.contains_key(&key) {
            // A listing may be behind what is stored.
            let bytes = get_bounded(self.store, &key, MAX_CLAIM_BYTES)?;
            return bytes.map(|bytes| open_next(state, &key, &bytes)).transpose();
        }
        self.read(state, &key)
    }

    /// The same, of those that were listed.
    pub(super) fn next_listed(&self, state: &State) -> Result<Option<VerifiedClaim>, LogError> {
        let key = claim_key(state.next_claim().seq)?;
        if self.versions.contains_key(&key) { self.read(state, &key) } else { Ok(None) }
    }

    fn read(&self, state: &State, key: &ObjectKey) -> Result<Option<VerifiedClaim>, LogError> {
        let open = |bytes: Vec<u8>| open_next(state, key, &bytes);
        let read = self.covered.read(self.store, key, MAX_CLAIM_BYTES, open)?.transpose()?;
        read.map(|claim| self.confirm(state, claim)).transpose()
    }

    /// Gives back the claim that was read as the next after `state`, or the one that the claim
    /// behind it names, if the place has several that are signed.
    pub(super) fn confirm(
        &self,
        state: &State,
        current: VerifiedClaim,
    ) -> Result<VerifiedClaim, LogError> {
        let key = &claim_key(current.seq())?;
        if self.versions.get(key).is_none_or(|versions| versions.len() == 1) {
            return Ok(current);
        }
        let open = |bytes: &[u8]| open_next(state, key, bytes).ok();
        let mut rivals = self.read_all(key, open)?;
        rivals.retain(|(_, rival)| rival.digest() != current.digest());
        if rivals.is_empty() {
            return Ok(current);
        }
        let seq = current.seq().saturating_add(1);
        let previous = |bytes: &[u8]| -> Option<Digest> {
            let claim = UnverifiedClaim::parse(bytes).ok()?;
            let claim = claim.verify(|id| state.registered(id)).ok()?;
            (claim.seq() == seq).then(|| claim.prev_claim_sha256())
        };
        let mut confirmed =
            self.read_all(&claim_key(seq)?, previous)?.into_iter().map(|(_, digest)| digest);
        let Some(digest) =
            confirmed.next().filter(|digest| confirmed.all(|other| other == *digest))
        else {
            return Err(LogError::forked(key));
        };
        if digest == current.digest() {
            return Ok(current);
        }
        let rival = rivals.into_iter().find(|(_, rival)| rival.digest() == digest);
        let (version, rival) = rival.ok_or_else(|| LogError::forked(key))?;
        self.covered.note(key, version);
        Ok(rival)
    }

    /// What `open` makes of each version of a claim.
    fn read_all<T>(
        &self,
        key: &ObjectKey,
        open: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<(&VersionId, T)>, StoreError> {
        let mut opened = Vec::new();
        for version in self.versions.get(key).into_iter().flatten() {
            let bytes = match get_version(self.store, key, Some(version), MAX_CLAIM_BYTES) {
                Err(StoreError::Corrupt { .. }) => None,
                read => read?,
            };
            if let Some(found) = bytes.and_then(|bytes| open(&bytes)) {
                opened.push((version, found));
            }
        }
        Ok(opened)
    }
}
