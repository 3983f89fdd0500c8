//! What a policy makes last: which locks nobody can undo once they are moved, and what is kept longer.
//!
//! The next sweep's own list of names is gone through, so that the plan says what is then done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{Value, object, text};

use crate::log::{Log, LogError, instant};
use crate::policies::Policies;
use crate::prices::ByteTime;
use crate::store::{LockMode, ObjectKey};
use crate::sweep::{Part, Reach, heads, targets};

/// A version whose lock nobody can undo once it is moved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Irreversible {
    /// The object.
    pub object: ObjectKey,
    /// Its bytes.
    pub bytes: u64,
    /// The end of its lock.
    pub until: Timestamp,
    part: Part,
}

/// Objects of one kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Objects {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The latest end of their locks, where that was asked for.
    pub until: Option<Timestamp>,
}

/// What a policy makes last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lasting {
    /// Every version under COMPLIANCE whose lock moves later, by its name.
    pub irreversible: Vec<Irreversible>,
    /// What has to be kept longer than under the policies before.
    pub longer: Objects,
    /// For how long.
    pub byte_time: ByteTime,
}

/// What of an archive a plan is about, and the instant as of which it is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) reach: Reach,
    pub(super) now: Timestamp,
}

impl Part {
    /// What a plan calls the kind.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Segment => "segments",
            Self::Manifest => "manifests",
            Self::Key => "keys",
            Self::Proof => "proofs",
            Self::Document => "documents",
        }
    }
}

impl Objects {
    fn add(&mut self, bytes: u64) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(super) fn to_json(self) -> Value {
        object([("bytes", self.bytes.into()), ("objects", self.count.into())])
    }
}

impl Lasting {
    /// Goes through what the next sweep will lock when the policy is set, and what it would have locked
    /// without it.
    pub(super) fn new(
        log: &Log,
        before: &Policies,
        after: &Policies,
        scope: Scope,
    ) -> Result<Self, LogError> {
        let Scope { reach, now } = scope;
        let mut known: BTreeMap<ObjectKey, Timestamp> = BTreeMap::new();
        targets(log, before, reach, now, &mut |target| {
            known.extend(target.decided.map(|until| (target.key.clone(), until)));
            Ok(())
        })?;
        let mut lasting = Self {
            irreversible: Vec::new(),
            longer: Objects::default(),
            byte_time: ByteTime::default(),
        };
        targets(log, after, reach, now, &mut |target| {
            for head in heads(log, target)?.into_iter().flatten() {
                let moves = |lock: &crate::store::Lock| lock.until < target.until;
                let lock = head.lock.filter(moves);
                if lock.is_some_and(|lock| lock.mode == LockMode::Compliance) {
                    lasting.irreversible.push(Irreversible {
                        object: target.key.clone(),
                        bytes: head.length,
                        until: target.until,
                        part: target.part,
                    });
                }
                // Documents come and go while a plan waits for its officers, and are small.
                if target.part == Part::Document {
                    continue;
                }
                let from = known.get(&target.key).map_or(now, |until| now.max(*until));
                if let Some(until) = target.decided.filter(|until| *until > from) {
                    lasting.longer.add(head.length);
                    let more = ByteTime::of(head.length, until.duration_since(from));
                    lasting.byte_time = lasting.byte_time.plus(more);
                }
            }
            Ok(())
        })?;
        lasting.irreversible.sort_by(|one, other| one.object.cmp(&other.object));
        Ok(lasting)
    }

    /// How many locks nobody can undo.
    pub fn count(&self) -> u64 {
        u64::try_from(self.irreversible.len()).unwrap_or(u64::MAX)
    }

    /// The latest end of such a lock.
    pub fn until(&self) -> Option<Timestamp> {
        self.irreversible.iter().map(|one| one.until).max()
    }

    /// The irreversible ones by their kind.
    pub fn by_kind(&self) -> BTreeMap<&'static str, Objects> {
        let mut kinds: BTreeMap<&'static str, Objects> = BTreeMap::new();
        for one in &self.irreversible {
            let objects = kinds.entry(one.part.as_str()).or_default();
            objects.add(one.bytes);
            objects.until = objects.until.max(Some(one.until));
        }
        kinds
    }

    /// The list of them, sorted by object: one canonical JSON object with bytes, object and date on each
    /// line.
    pub fn listed(&self) -> Vec<u8> {
        let mut listed = Vec::new();
        for one in &self.irreversible {
            let line = object([
                ("bytes", one.bytes.into()),
                ("object", text(&one.object)),
                ("until", text(one.until)),
            ]);
            listed.extend(line.to_canonical());
            listed.push(b'\n');
        }
        listed
    }

    /// Digest of that list.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.listed())
    }

    /// The member `irreversible` of a plan.
    pub(super) fn to_json(&self) -> Value {
        let mut kinds = strongroom_crypto::json::Members::default();
        for (kind, objects) in self.by_kind() {
            kinds.insert(kind, objects.to_json());
        }
        object([
            ("count", self.count().into()),
            ("kinds", kinds.into()),
            ("sha256", text(self.digest())),
            ("until", self.until().map(|until| text(instant(until))).into()),
        ])
    }
}
