//! What a policy would change, before anybody signs it.
//!
//! The plan is a document: whoever approves the policy signs its digest, and it is made again when the
//! policy is applied. What it calls irreversible is what the next sweep then locks.

mod against;
mod lasting;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::PolicySet;
use strongroom_crypto::json::{JsonError, ObjectReader, Value, array, object, text};
use strongroom_crypto::name::{ClassName, OfficerRole};
use strongroom_crypto::officer::Signatures;
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::time::Instant;
use strongroom_retention::decision::State;

use crate::log::{Log, LogError, instant, timestamp};
use crate::policies::{About, Policies};
use crate::prices::{DEFAULT_STORAGE_CLASS, Money, PriceError, Prices};
use crate::store::{LockMode, ObjectKey};
use crate::sweep::Reach;
use lasting::Scope;

pub use against::{Against, Said, change};
pub use lasting::{Irreversible, Lasting, Objects};

/// Longest plan in bytes: one of 15,000 streams, and room.
pub const MAX_PLAN_BYTES: usize = 8 << 20;

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
    /// Those that officers may have destroyed as soon as the policy is in force, unless a hold or a lock
    /// keeps them.
    pub may_go: Count,
    /// Those that the next sweep then destroys without asking anybody, because the policy approves it.
    pub goes_unasked: Count,
    /// Those that are to be kept longer than by the policies before.
    pub longer: Count,
    /// For how many seconds, all of them together.
    pub longer_seconds: u64,
    /// The latest end of a lock under the policy.
    pub latest: Option<Timestamp>,
    /// The latest end of a lock that nobody can undo.
    pub irreversible_until: Option<Timestamp>,
}

/// A plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What is planned.
    pub basis: Basis,
    /// What it says, and what the policy in force does.
    pub against: Against,
    /// By stream.
    pub streams: BTreeMap<String, StreamPlan>,
    /// What it makes last, of every object of the archive.
    pub lasting: Lasting,
    /// What that costs, if prices were given.
    pub cost: Option<Cost>,
    /// Conflicts of rules that the policy decides, and what else officers should know of it.
    pub notes: Vec<String>,
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

/// What is planned, and from what of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Basis {
    /// What would be set.
    pub set: Setting,
    /// When the plan is made: what lies ahead is judged from then.
    pub as_of: Instant,
    /// Claims of the log.
    pub claims: u64,
    /// Entries of the log.
    pub size: u64,
    /// The table of prices, if one was given.
    pub prices: Option<String>,
}

/// What a policy costs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cost {
    /// The currency's three letters.
    pub currency: String,
    /// What keeping costs, for as long as it is longer than before.
    pub storage: Money,
    /// What moving the locks costs, once.
    pub requests: Money,
}

/// The policies that decide before and after.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Without the new policy.
    pub before: &'a Policies,
    /// With it as the last.
    pub after: &'a Policies,
}

/// A plan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The log or the store.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The table of prices.
    #[error(transparent)]
    Prices(#[from] PriceError),
    /// Nobody could read it again to sign it.
    #[error("the plan, of {streams} streams, has more than {MAX_PLAN_BYTES} bytes")]
    TooLong {
        /// How many streams it is about.
        streams: usize,
    },
}

impl Plan {
    /// Works out what becomes of everything that was sealed and claimed up to a size of the log.
    ///
    /// # Errors
    ///
    /// The store's, prices that cannot be used, or [`PlanError::TooLong`].
    pub fn make(
        log: &Log,
        change: Change<'_>,
        basis: Basis,
        notes: Vec<String>,
    ) -> Result<Self, PlanError> {
        let now = timestamp(basis.as_of);
        let mut streams: BTreeMap<String, StreamPlan> = BTreeMap::new();
        for segment in log.state().segments().filter(|segment| segment.index < basis.size) {
            let stream = streams.entry(segment.stream.to_string()).or_default();
            stream.take(log, change.after, segment, now)?;
            stream.let_go(change.after, segment, now.max(timestamp(basis.set.effective)));
            stream.lengthen(log, change, segment, now);
        }
        let reach = Reach { before: None, claims: basis.claims, size: basis.size };
        let lasting = Lasting::new(log, change.before, change.after, Scope { reach, now })?;
        let cost = basis.prices.as_deref().map(|prices| Cost::of(&lasting, prices)).transpose()?;
        let against = Against::new(change, basis.set.policy, now);
        let plan = Self { basis, against, streams, lasting, cost, notes };
        if plan.to_json().to_canonical().len() > MAX_PLAN_BYTES {
            return Err(PlanError::TooLong { streams: plan.streams.len() });
        }
        Ok(plan)
    }

    /// How much of what it leads to nobody can undo: locks under COMPLIANCE that move, and segments that
    /// go without approval.
    pub fn irreversible(&self) -> u64 {
        let gone = self.streams.values().map(|stream| stream.goes_unasked.segments);
        gone.fold(self.lasting.count(), u64::saturating_add)
    }

    /// The entry that the plan leads to, without signatures.
    pub fn entry(&self) -> PolicySet {
        self.basis.set.entry(Digest::of(&self.to_json().to_canonical()))
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let Basis { set, as_of, claims, size, prices } = &self.basis;
        let streams = self.streams.iter().map(|(name, stream)| {
            let Value::Object(mut members) = stream.to_json() else { return Value::Null };
            members.insert("stream", name.as_str());
            Value::Object(members)
        });
        object([
            ("against", self.against.to_json()),
            ("as_of", text(as_of)),
            ("catalogue", text(set.catalogue)),
            ("claims", (*claims).into()),
            ("cost", self.cost.as_ref().map(Cost::to_json).into()),
            ("effective", text(set.effective)),
            ("expires_at", text(set.expires_at)),
            ("irreversible", self.lasting.to_json()),
            ("kept_longer", self.lasting.longer.to_json()),
            ("notes", array(self.notes.iter().map(String::as_str))),
            ("policy", text(set.policy)),
            ("pre_approved", array(set.pre_approved.iter().map(text))),
            ("prices", prices.as_deref().into()),
            ("roles", array(set.roles.iter().map(text))),
            ("size", (*size).into()),
            ("streams", array(streams)),
            ("supersedes", set.supersedes.map(text).into()),
            ("v", 1.into()),
            ("version", set.version.into()),
        ])
    }

    /// Reads what of a plan cannot be made again: what it is made from.
    ///
    /// # Errors
    ///
    /// Refuses what is no plan.
    pub fn read(bytes: &[u8]) -> Result<Basis, JsonError> {
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
        let prices = match plan.value("prices")? {
            Value::Null => None,
            Value::Text(prices) => Some(prices),
            _ => return Err(plan.refused("prices", "not a text")),
        };
        let (as_of, claims, size) = (plan.parsed("as_of")?, plan.u64("claims")?, plan.u64("size")?);
        Ok(Basis { set, as_of, claims, size, prices })
    }
}

impl Cost {
    /// Every lock is looked at, moved, and looked at again.
    fn of(lasting: &Lasting, prices: &str) -> Result<Self, PriceError> {
        let prices = Prices::parse(Path::new("prices"), prices)?;
        let moves = lasting.longer.count;
        Ok(Self {
            currency: prices.currency().to_owned(),
            storage: prices.storage(DEFAULT_STORAGE_CLASS, lasting.byte_time)?,
            requests: prices.requests(moves, moves.saturating_mul(2)),
        })
    }

    /// All of it.
    pub fn total(&self) -> Money {
        self.storage.plus(self.requests)
    }

    fn to_json(&self) -> Value {
        object([
            ("currency", self.currency.as_str().into()),
            ("requests", text(self.requests)),
            ("storage", text(self.storage)),
            ("storage_class", DEFAULT_STORAGE_CLASS.into()),
            ("total", text(self.total())),
        ])
    }
}

impl StreamPlan {
    fn take(
        &mut self,
        log: &Log,
        policies: &Policies,
        segment: &LiveSegment,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let object = ObjectKey::new(segment.object.as_str())?;
        let decision = policies.decide(segment, &[], now);
        // A policy that is not in force yet moves locks all the same.
        if decision.governed_by.is_none() && decision.lock_until.is_none() {
            self.unclassified.add(segment);
            return Ok(());
        }
        let head = log.store().head(&object, log.covered().version(&object).as_ref())?;
        let lock = head.and_then(|head| head.lock);
        if policies.is_mode_below(&decision, lock) {
            self.mode_below_policy.add(segment);
        }
        let until = decision.lock_until.map(|until| log.settling().capped(until, now));
        let Some(until) = until.filter(|until| *until > now) else {
            self.unchanged.add(segment);
            return Ok(());
        };
        self.latest = self.latest.max(Some(until));
        let settling = policies.settle_until(&About::from(segment));
        match lock {
            Some(lock) if lock.until > until.max(settling) => {
                self.locked_beyond_schedule.add(segment);
            }
            Some(lock) if lock.until >= until => self.unchanged.add(segment),
            lock => {
                self.extended.add(segment);
                if lock.is_some_and(|lock| lock.mode == LockMode::Compliance) {
                    self.irreversible.add(segment);
                    self.irreversible_until = self.irreversible_until.max(Some(until));
                }
            }
        }
        Ok(())
    }

    /// Adds a segment whose date and grace are over when the policy comes into force.
    fn let_go(&mut self, policies: &Policies, segment: &LiveSegment, from: Timestamp) {
        let decision = policies.decide(segment, &[], from);
        if decision.destroyable_from.is_none_or(|at| at > from) {
            return;
        }
        match decision.state {
            State::Approved => self.goes_unasked.add(segment),
            State::Eligible => self.may_go.add(segment),
            _ => {}
        }
    }

    /// Adds how much longer a segment is to be kept: by what is decided, for the lock of the day may
    /// roll on while a plan waits.
    fn lengthen(&mut self, log: &Log, change: Change<'_>, segment: &LiveSegment, now: Timestamp) {
        let decided = |policies: &Policies| {
            let until = policies.decide(segment, &[], now).lock_until;
            until.map(|until| log.settling().capped(until, now))
        };
        let from = decided(change.before).map_or(now, |until| until.max(now));
        if let Some(until) = decided(change.after).filter(|until| *until > from) {
            self.longer.add(segment);
            let seconds = u64::try_from(until.duration_since(from).as_secs()).unwrap_or(0);
            self.longer_seconds = self.longer_seconds.saturating_add(seconds);
        }
    }

    fn to_json(&self) -> Value {
        let date = |date: Option<Timestamp>| Value::from(date.map(|at| text(instant(at))));
        object([
            ("extended", self.extended.to_json()),
            ("goes_unasked", self.goes_unasked.to_json()),
            ("irreversible", self.irreversible.to_json()),
            ("irreversible_until", date(self.irreversible_until)),
            ("latest", date(self.latest)),
            ("longer", self.longer.to_json()),
            ("longer_seconds", self.longer_seconds.into()),
            ("locked_beyond_schedule", self.locked_beyond_schedule.to_json()),
            ("may_go", self.may_go.to_json()),
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
