//! The policies of the log, and which of them is in force.

use super::void::Void;
use crate::{
    digest::Digest,
    entry::{self, PolicySet},
    json::{JsonError, ObjectReader, Value, array, object, text},
    name::{ClassName, OfficerRole},
    time::Instant,
};

/// Greatest number of policies: one a month for over 80 years.
pub const MAX_POLICIES: usize = 1_000;

/// What the state keeps of a `policy.set`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyRecord {
    /// When its entry was made: who reads it again judges it as of then.
    pub approved: Instant,
    /// Digest of the catalogue that the policy cites.
    pub catalogue: Digest,
    /// From when on it may be in force.
    pub effective: Instant,
    /// Which entry set it.
    pub index: u64,
    /// Digest of the policy.
    pub policy: Digest,
    /// Classes whose disposal the policy itself approves.
    pub pre_approved: Vec<ClassName>,
    /// The two roles that approve every other disposal.
    pub roles: [OfficerRole; 2],
    /// Greater than that of every policy before.
    pub version: u64,
}

/// All policies, by index and so by version.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies(Vec<PolicyRecord>);

impl Policies {
    pub(super) fn as_slice(&self) -> &[PolicyRecord] {
        &self.0
    }

    pub(super) fn newest(&self) -> Option<&PolicyRecord> {
        self.0.last()
    }

    /// The newest that has taken effect.
    pub(super) fn in_force(&self, at: Instant) -> Option<&PolicyRecord> {
        self.0.iter().rev().find(|policy| policy.effective <= at)
    }

    /// Those that will be in force some day, the next first: no newer one takes effect before.
    pub(super) fn pending(&self, at: Instant) -> Vec<&PolicyRecord> {
        let mut pending: Vec<&PolicyRecord> = Vec::new();
        for policy in self.0.iter().rev().take_while(|policy| policy.effective > at) {
            if pending.last().is_none_or(|newer| policy.effective < newer.effective) {
                pending.push(policy);
            }
        }
        pending.reverse();
        pending
    }

    pub(super) fn check(&self, set: &PolicySet) -> Result<(), Void> {
        if self.0.len() >= MAX_POLICIES {
            return Err(Void::Full { what: "policies", limit: MAX_POLICIES });
        }
        let (found, newest) = (set.version, self.newest());
        if let Some(latest) = newest.map(|newest| newest.version).filter(|last| *last >= found) {
            return Err(Void::PolicyVersion { latest, found });
        }
        if set.supersedes != newest.map(|newest| newest.policy) {
            return Err(Void::Supersedes { policy: set.policy });
        }
        Ok(())
    }

    pub(super) fn push(&mut self, set: PolicySet, approved: Instant, index: u64) {
        let PolicySet { catalogue, effective, policy, pre_approved, roles, version, .. } = set;
        self.0.push(PolicyRecord {
            approved,
            catalogue,
            effective,
            index,
            policy,
            pre_approved,
            roles,
            version,
        });
    }

    pub(super) fn to_value(&self) -> Value {
        array(self.0.iter().map(|policy| {
            object([
                ("approved", text(policy.approved)),
                ("catalogue", text(policy.catalogue)),
                ("effective", text(policy.effective)),
                ("index", policy.index.into()),
                ("policy", text(policy.policy)),
                ("pre_approved", array(policy.pre_approved.iter().map(text))),
                ("roles", array(policy.roles.iter().map(text))),
                ("version", policy.version.into()),
            ])
        }))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut policies: Vec<PolicyRecord> = Vec::new();
        for mut item in root.objects("policies")? {
            let policy = PolicyRecord {
                approved: item.parsed("approved")?,
                catalogue: item.parsed("catalogue")?,
                effective: item.parsed("effective")?,
                index: item.u64("index")?,
                policy: item.parsed("policy")?,
                pre_approved: entry::take_classes(&mut item)?,
                roles: entry::take_roles(&mut item)?,
                version: item.u64("version")?,
            };
            item.finish()?;
            let follows =
                |last: &PolicyRecord| last.index < policy.index && last.version < policy.version;
            if !policies.last().is_none_or(follows) {
                return Err(root.refused("policies", "not sorted, or one occurs twice"));
            }
            policies.push(policy);
        }
        Ok(Self(policies))
    }
}
