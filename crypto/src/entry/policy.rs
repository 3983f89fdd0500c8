//! `policy.set`: by which policy segments are kept.

use crate::{
    digest::Digest,
    json::{JsonError, Members, ObjectReader, array, text},
    name::{ClassName, OfficerRole},
    officer::Signatures,
    time::Instant,
};

/// The content of `policy.set`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicySet {
    /// Digest of the catalogue that the policy cites.
    pub catalogue: Digest,
    /// From when on it may be in force.
    pub effective: Instant,
    /// Until when the signatures count.
    pub expires_at: Instant,
    /// Digest of the plan that was approved.
    pub plan: Digest,
    /// Digest of the policy.
    pub policy: Digest,
    /// Classes whose disposal the policy itself approves, sorted.
    pub pre_approved: Vec<ClassName>,
    /// The two roles that approve every other disposal, sorted.
    pub roles: [OfficerRole; 2],
    /// Of two officers.
    pub signatures: Signatures,
    /// Digest of the policy before, if there was one.
    pub supersedes: Option<Digest>,
    /// Greater than that of every policy before.
    pub version: u64,
}

impl PolicySet {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self {
            catalogue: members.parsed("catalogue")?,
            effective: members.parsed("effective")?,
            expires_at: members.parsed("expires_at")?,
            plan: members.parsed("plan")?,
            policy: members.parsed("policy")?,
            pre_approved: take_classes(members)?,
            roles: take_roles(members)?,
            signatures: Signatures::take(members)?,
            supersedes: members.nullable("supersedes")?,
            version: members.u64("version")?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("catalogue", text(self.catalogue));
        members.insert("effective", text(self.effective));
        members.insert("expires_at", text(self.expires_at));
        members.insert("plan", text(self.plan));
        members.insert("policy", text(self.policy));
        members.insert("pre_approved", array(self.pre_approved.iter().map(text)));
        members.insert("roles", array(self.roles.iter().map(text)));
        self.signatures.put(members);
        members.insert("supersedes", self.supersedes.map(text));
        members.insert("version", self.version);
    }
}

/// Reads the member `pre_approved` of an entry or a root.
pub(crate) fn take_classes(members: &mut ObjectReader) -> Result<Vec<ClassName>, JsonError> {
    members.sorted("pre_approved", "not an array of record classes")
}

/// Reads the member `roles` of an entry or a root.
pub(crate) fn take_roles(members: &mut ObjectReader) -> Result<[OfficerRole; 2], JsonError> {
    let roles: Vec<OfficerRole> = members.sorted("roles", "not an array of roles")?;
    <[OfficerRole; 2]>::try_from(roles).map_err(|_| members.refused("roles", "not two roles"))
}
