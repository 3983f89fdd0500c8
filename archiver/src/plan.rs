//! What a policy would change, before anybody signs it.
//!
//! The plan is a document: whoever approves the policy signs its digest, and it is made again when the
//! policy is applied. What it calls irreversible is what the next sweep then locks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::PolicySet;
use strongroom_crypto::json::{JsonError, ObjectReader, Value, array, object, text};
use strongroom_crypto::name::{ClassName, OfficerRole};
use strongroom_crypto::officer::Signatures;
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::time::Instant;

use crate::log::{Log, LogError, instant, timestamp};
use crate::policies::Policies;
use crate::store::{LockMode, ObjectKey};

/// Longest plan in bytes.
pub const MAX_PLAN_BYTES: usize = 1 << 20;

/// What becomes of some segments.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// How many.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What becomes of the segments of one stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StreamPlan {
    /// Those whose locks move later.
    pub extended: Count,
    /// Those whose locks stay.
    pub unchanged: Count,
    /// Those that no rule of the policy speaks of.
    pub unclassified: Count,
    /// Those whose lock ends later than the policy wants.
    pub locked_beyond_schedule: Count,
    /// Those under GOVERNANCE where the policy wants COMPLIANCE: a mode never changes.
    pub mode_below_policy: Count,
    /// Those under COMPLIANCE whose locks move later: nobody can undo that.
    pub irreversible: Count,
    /// The latest end of a lock under the policy.
    pub latest: Option<Timestamp>,
    /// The latest end of a lock that nobody can undo.
    pub irreversible_until: Option<Timestamp>,
}

/// A plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What would be set.
    pub set: Setting,
    /// When it was made: what lies ahead is judged from then.
    pub as_of: Instant,
    /// Entries of the log that it was made from.
    pub size: u64,
    /// By stream.
    pub streams: BTreeMap<String, StreamPlan>,
    /// Digest of the list of versions that become irreversible: object, bytes, date.
    pub irreversible_sha256: Digest,
}

/// The policy and what its entry says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// Digest of the catalogue.
    pub catalogue: Digest,
    /// From when on it is in force.
    pub effective: Instant,
    /// How long approvals count.
    pub expires_at: Instant,
    /// Digest of the policy.
    pub policy: Digest,
    /// Classes that its schedule approves.
    pub pre_approved: Vec<ClassName>,
    /// Who approves disposals.
    pub roles: [OfficerRole; 2],
    /// The policy before.
    pub supersedes: Option<Digest>,
    /// Its version.
    pub version: u64,
}

impl Setting {
    /// The entry that a plan of this digest leads to, without signatures.
    pub fn entry(&self, plan: Digest) -> PolicySet {
        let set = self.clone();
        PolicySet {
            catalogue: set.catalogue,
            effective: set.effective,
            expires_at: set.expires_at,
            plan,
            policy: set.policy,
            pre_approved: set.pre_approved,
            roles: set.roles,
            signatures: Signatures::default(),
            supersedes: set.supersedes,
            version: set.version,
        }
    }
}

/// A segment whose lock nobody can undo once it is moved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Irreversible {
    /// The object.
    pub object: ObjectKey,
    /// Its bytes.
    pub bytes: u64,
    /// The end of its lock.
    pub until: Timestamp,
}

impl Plan {
    /// Works out what becomes of every segment sealed by the first `size` entries. `policies` has the
    /// new policy as its last.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn make(
        log: &Log,
        policies: &Policies,
        set: Setting,
        size: u64,
        as_of: Instant,
    ) -> Result<(Self, Vec<Irreversible>), LogError> {
        let now = timestamp(as_of);
        let mut streams: BTreeMap<String, StreamPlan> = BTreeMap::new();
        let mut irreversible = Vec::new();
        for segment in log.state().segments().filter(|segment| segment.index < size) {
            let stream = streams.entry(segment.stream.to_string()).or_default();
            stream.take(log, policies, segment, now, &mut irreversible)?;
        }
        let listed = array(irreversible.iter().map(|one: &Irreversible| {
            object([
                ("bytes", one.bytes.into()),
                ("object", text(&one.object)),
                ("until", text(one.until)),
            ])
        }));
        let irreversible_sha256 = Digest::of(&listed.to_canonical());
        Ok((Self { set, as_of, size, streams, irreversible_sha256 }, irreversible))
    }

    /// How many locks nobody can undo.
    pub fn irreversible(&self) -> u64 {
        self.streams.values().map(|stream| stream.irreversible.segments).sum()
    }

    /// The entry that the plan leads to, without signatures.
    pub fn entry(&self) -> PolicySet {
        self.set.entry(Digest::of(&self.to_json().to_canonical()))
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let set = &self.set;
        let streams = self.streams.iter().map(|(name, stream)| {
            let Value::Object(mut members) = stream.to_json() else { return Value::Null };
            members.insert("stream", name.as_str());
            Value::Object(members)
        });
        object([
            ("as_of", text(self.as_of)),
            ("catalogue", text(set.catalogue)),
            ("effective", text(set.effective)),
            ("expires_at", text(set.expires_at)),
            ("irreversible_sha256", text(self.irreversible_sha256)),
            ("policy", text(set.policy)),
            ("pre_approved", array(set.pre_approved.iter().map(text))),
            ("roles", array(set.roles.iter().map(text))),
            ("size", self.size.into()),
            ("streams", array(streams)),
            ("supersedes", set.supersedes.map(text).into()),
            ("v", 1.into()),
            ("version", set.version.into()),
        ])
    }

    /// Reads what of a plan cannot be made again: what would be set, from what size of the log, and
    /// when.
    ///
    /// # Errors
    ///
    /// Refuses what is no plan.
    pub fn read(bytes: &[u8]) -> Result<(Setting, u64, Instant), JsonError> {
        let mut plan = ObjectReader::from_bytes(bytes, MAX_PLAN_BYTES)?;
        plan.exactly("v", 1)?;
        let roles: Vec<OfficerRole> = plan.sorted("roles", "not an array of roles")?;
        let roles = <[OfficerRole; 2]>::try_from(roles);
        let set = Setting {
            catalogue: plan.parsed("catalogue")?,
            effective: plan.parsed("effective")?,
            expires_at: plan.parsed("expires_at")?,
            policy: plan.parsed("policy")?,
            pre_approved: plan.sorted("pre_approved", "not an array of record classes")?,
            roles: roles.map_err(|_| plan.refused("roles", "not two roles"))?,
            supersedes: plan.nullable("supersedes")?,
            version: plan.u64("version")?,
        };
        Ok((set, plan.u64("size")?, plan.parsed("as_of")?))
    }
}

impl StreamPlan {
    fn take(
        &mut self,
        log: &Log,
        policies: &Policies,
        segment: &LiveSegment,
        now: Timestamp,
        irreversible: &mut Vec<Irreversible>,
    ) -> Result<(), LogError> {
        let object = ObjectKey::new(segment.object.as_str())?;
        let decision = policies.decide(segment, &[], now);
        // A policy that is not in force yet moves locks all the same.
        let governed = decision.governed_by.as_ref();
        if governed.is_none() && decision.lock_until.is_none() {
            self.unclassified.add(segment);
            return Ok(());
        }
        let head = log.store().head(&object, log.covered().version(&object).as_ref())?;
        let lock = head.and_then(|head| head.lock);
        let wanted = governed.and_then(|governed| policies.mode(governed));
        if lock.is_some_and(|lock| lock.mode == LockMode::Governance)
            && wanted == Some(LockMode::Compliance)
        {
            self.mode_below_policy.add(segment);
        }
        let until = decision.lock_until.map(|until| log.settling().capped(until, now));
        let Some(until) = until.filter(|until| *until > now) else {
            self.unchanged.add(segment);
            return Ok(());
        };
        self.latest = self.latest.max(Some(until));
        match lock {
            Some(lock) if lock.until > until => {
                self.locked_beyond_schedule.add(segment);
            }
            Some(lock) if lock.until == until => self.unchanged.add(segment),
            lock => {
                self.extended.add(segment);
                if lock.is_some_and(|lock| lock.mode == LockMode::Compliance) {
                    self.irreversible.add(segment);
                    self.irreversible_until = self.irreversible_until.max(Some(until));
                    irreversible.push(Irreversible { object, bytes: segment.bytes, until });
                }
            }
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let date = |date: Option<Timestamp>| Value::from(date.map(|at| text(instant(at))));
        object([
            ("extended", self.extended.to_json()),
            ("irreversible", self.irreversible.to_json()),
            ("irreversible_until", date(self.irreversible_until)),
            ("latest", date(self.latest)),
            ("locked_beyond_schedule", self.locked_beyond_schedule.to_json()),
            ("mode_below_policy", self.mode_below_policy.to_json()),
            ("unchanged", self.unchanged.to_json()),
            ("unclassified", self.unclassified.to_json()),
        ])
    }
}

impl Count {
    fn add(&mut self, segment: &LiveSegment) {
        self.segments = self.segments.saturating_add(1);
        self.bytes = self.bytes.saturating_add(segment.bytes);
    }

    fn to_json(self) -> Value {
        object([("bytes", self.bytes.into()), ("segments", self.segments.into())])
    }
}
