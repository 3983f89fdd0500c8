//! What the entry of a policy says that follows from the policy's file. Whoever sets a policy fills the
//! entry with it, and whoever reads the entry compares: the log must not say what no officer read.

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::name::{ClassName, OfficerRole};
use strongroom_crypto::state::PolicyRecord;
use strongroom_crypto::time::Instant;
use strongroom_retention::policy::Policy;

use crate::log::{instant, timestamp};

/// What an entry has to say of a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// Digest of the catalogue that it cites.
    pub catalogue: Digest,
    /// The first instant of its date.
    pub starts: Timestamp,
    /// Classes whose disposal it approves itself, sorted.
    pub pre_approved: Vec<ClassName>,
    /// The two roles that approve every other disposal, sorted.
    pub roles: [OfficerRole; 2],
    /// The policy before.
    pub supersedes: Option<Digest>,
    /// Its version.
    pub version: u64,
}

/// A policy that no entry can say.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TermsError {
    /// It names a role that no officer can have.
    #[error("`{0}` is no role that an officer can have: give it in a-z 0-9 . _ -")]
    Role(String),
    /// It does not name two roles.
    #[error("`disposal.roles` are not two roles")]
    Roles,
    /// Its date has no first instant.
    #[error("the policy takes effect on `{0}`, which has no first instant in its zone")]
    Effective(String),
}

impl Terms {
    /// The terms of a policy.
    ///
    /// # Errors
    ///
    /// [`TermsError`].
    pub fn of(policy: &Policy) -> Result<Self, TermsError> {
        let disposal = &policy.defaults.disposal;
        let named = disposal.roles.iter();
        let named = named.map(|role| role.parse().map_err(|_| TermsError::Role(role.clone())));
        let mut roles: Vec<OfficerRole> = named.collect::<Result<_, _>>()?;
        roles.sort();
        let approved = policy.streams.iter().filter(|stream| stream.pre_approved);
        let mut pre_approved: Vec<ClassName> = approved.map(|one| one.class.clone()).collect();
        pre_approved.sort();
        pre_approved.dedup();
        let starts = policy.defaults.zone.start_of(policy.effective);
        Ok(Self {
            catalogue: policy.catalogue,
            starts: starts.ok_or_else(|| TermsError::Effective(policy.effective.to_string()))?,
            pre_approved,
            roles: <[OfficerRole; 2]>::try_from(roles).map_err(|_| TermsError::Roles)?,
            supersedes: policy.supersedes,
            version: policy.version,
        })
    }

    /// From when a policy planned at an instant is in force.
    pub fn effective(&self, planned: Timestamp) -> Instant {
        instant(self.starts.max(planned))
    }

    /// The first member of an entry that says something else, given the policy before that entry.
    pub fn differs(&self, entry: &PolicyRecord, before: Option<Digest>) -> Option<&'static str> {
        // It was planned some time before it was entered.
        let latest = self.effective(timestamp(entry.approved));
        let in_force = instant(self.starts)..=latest;
        let same = [
            ("catalogue", entry.catalogue == self.catalogue),
            ("effective", in_force.contains(&entry.effective)),
            ("pre_approved", entry.pre_approved == self.pre_approved),
            ("roles", entry.roles == self.roles),
            ("supersedes", before == self.supersedes),
            ("version", entry.version == self.version),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(member, _)| member)
    }
}
