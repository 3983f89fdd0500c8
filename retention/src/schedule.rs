//! The policies that were approved, each with the instant from which it decides.

use std::sync::Arc;

use jiff::Timestamp;
use strongroom_crypto::Digest;

use crate::catalogue::Catalogue;
use crate::policy::Policy;

/// A policy that was approved, and the catalogue that it cites.
#[derive(Clone, Debug)]
pub struct Dated {
    policy: Arc<Policy>,
    digest: Digest,
    catalogue: Arc<Catalogue>,
    approved: Timestamp,
    effective: Timestamp,
}

/// A policy that cannot stand in a schedule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DatedError {
    /// It names another catalogue.
    #[error("the policy cites the catalogue {named}, but {given} is given: give the one it names")]
    Catalogue {
        /// The digest that the policy names.
        named: Digest,
        /// The digest of what was given.
        given: Digest,
    },
    /// Its first day does not exist.
    #[error("the policy takes effect on `{date}`, which has no first instant in `{zone}`")]
    Effective {
        /// The date.
        date: String,
        /// The zone.
        zone: String,
    },
}

impl Dated {
    /// A policy with the digest of its text, approved at an instant. It decides from the first
    /// instant of its date in its zone, and not before it was approved.
    ///
    /// # Errors
    ///
    /// [`DatedError`].
    pub fn new(
        policy: Arc<Policy>,
        digest: Digest,
        catalogue: Arc<Catalogue>,
        approved: Timestamp,
    ) -> Result<Self, DatedError> {
        if policy.catalogue != catalogue.digest() {
            let (named, given) = (policy.catalogue, catalogue.digest());
            return Err(DatedError::Catalogue { named, given });
        }
        let zone = &policy.defaults.zone;
        let start = zone.start_of(policy.effective).ok_or_else(|| DatedError::Effective {
            date: policy.effective.to_string(),
            zone: zone.to_string(),
        })?;
        Ok(Self { policy, digest, catalogue, approved, effective: start.max(approved) })
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Digest of its text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The catalogue that it cites.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// From when it decides.
    pub fn effective(&self) -> Timestamp {
        self.effective
    }
}

/// Approved policies in the order in which they take effect; of two with one instant the greater
/// version is the later.
#[derive(Clone, Debug, Default)]
pub struct Schedule(Vec<Dated>);

impl Schedule {
    /// Puts policies in order.
    pub fn new(mut policies: Vec<Dated>) -> Self {
        policies.sort_by_key(|dated| (dated.effective, dated.policy.version));
        Self(policies)
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Dated> {
        self.0.iter()
    }

    /// Those that were approved up to an instant, without those that a newer one overtook: it was in
    /// force before their day came, and they never will be.
    pub(crate) fn approved(&self, now: Timestamp) -> Vec<&Dated> {
        let known = || self.0.iter().filter(|dated| dated.approved <= now);
        let overtakes = |newer: &Dated, dated: &Dated| {
            newer.policy.version > dated.policy.version && newer.effective <= dated.effective
        };
        known().filter(|dated| !known().any(|newer| overtakes(newer, dated))).collect()
    }
}
