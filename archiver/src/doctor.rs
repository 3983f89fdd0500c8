//! What a store can do and what it only seems to do: every capability that the archive relies on, by
//! name, tried on canaries.
//!
//! The canaries lie under `index/doctor/`, are locked for some seconds, and are deleted when that is
//! over. A capability that is missing has a consequence, and that is what is printed.

mod attest;
mod duty;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;
use strongroom_retention::LATEST_LOCK;

use crate::store::s3::S3Store;
use crate::store::{Lock, LockMode, LockedStore, ObjectKey, PutOptions, StoreError, VersionId};

pub use attest::{Check, attest};
pub use duty::examine_duty;

/// How long canaries are locked.
const CANARY_LOCK: SignedDuration = SignedDuration::from_secs(8);
/// How much longer they are when their extension was tried, and a second for rounding.
const EXTENDED: SignedDuration = SignedDuration::from_secs(4);
/// How far the machine's clock may be from the store's.
pub const MAX_SKEW: SignedDuration = SignedDuration::from_mins(2);
/// What canaries hold.
const CANARY: &[u8] = b"a canary of strongroom doctor\n";

/// What a probe came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The store does it.
    Holds,
    /// The store does not.
    Missing,
    /// These credentials may do what they must not.
    Excess,
    /// It could not be tried, or the trial proves nothing.
    NotProven,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Missing => "MISSING",
            Self::Excess => "EXCESS",
            Self::NotProven => "NOT PROVEN",
        })
    }
}

/// One capability.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capability {
    /// Its name.
    pub name: String,
    /// What the probe came to.
    pub outcome: Outcome,
    /// Whether nothing can be archived without it.
    pub required: bool,
    /// What was seen, or what follows from its absence.
    pub detail: String,
}

/// The probes of one store.
struct Examination<'a> {
    store: &'a dyn LockedStore,
    /// The bucket behind it, whose requests are not held back by this program's own rules.
    bucket: Option<&'a S3Store>,
    /// Keeps canaries of several examinations apart.
    run: u64,
    found: Vec<Capability>,
    canaries: Vec<(ObjectKey, VersionId)>,
}

/// Tries every capability. `now` is this machine's clock, `pause` lets the canaries' locks lapse.
/// `far` locks one canary past 2106, where it may stay for ever.
///
/// # Errors
///
/// The store cannot be reached at all, or refuses even to say the time.
pub fn examine(
    store: &dyn LockedStore,
    bucket: Option<&S3Store>,
    run: u64,
    now: Timestamp,
    far: bool,
    pause: &dyn Fn(SignedDuration),
) -> Result<Vec<Capability>, StoreError> {
    let mut examination =
        Examination { store, bucket, run, found: Vec::new(), canaries: Vec::new() };
    examination.clock(now)?;
    examination.bucket_settings();
    examination.fence();
    examination.locks();
    examination.requests_in_parts();
    examination.far_dates(far);
    pause(CANARY_LOCK.saturating_add(EXTENDED));
    examination.lapse();
    Ok(examination.found)
}

impl Examination<'_> {
    fn note(
        &mut self,
        name: &'static str,
        required: bool,
        outcome: Outcome,
        detail: impl Into<String>,
    ) {
        let (name, detail) = (name.to_owned(), detail.into());
        self.found.push(Capability { name, outcome, required, detail });
    }

    /// Notes a capability that could not be tried.
    fn failed(&mut self, name: &'static str, required: bool, error: &StoreError) {
        self.note(name, required, Outcome::NotProven, error.to_string());
    }

    fn key(&self, name: &str) -> Result<ObjectKey, StoreError> {
        ObjectKey::new(format!("index/doctor/{:016x}/{name}", self.run))
    }

    /// Puts a canary.
    fn put(
        &mut self,
        name: &str,
        create_only: bool,
        mode: Option<LockMode>,
    ) -> Result<(ObjectKey, VersionId), StoreError> {
        let key = self.key(name)?;
        let until = self.store.now()?.saturating_add(CANARY_LOCK).unwrap_or(Timestamp::MAX);
        let lock = mode.map(|mode| Lock { mode, until });
        let how = PutOptions { lock, create_only, sha256: Digest::of(CANARY) };
        let version = self.store.put(&key, CANARY, &how)?;
        self.canaries.push((key.clone(), version.clone()));
        Ok((key, version))
    }

    fn clock(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let skew = self.store.now()?.duration_since(now).abs();
        let detail = format!("{skew:#} between this machine's clock and the store's");
        let outcome = if skew <= MAX_SKEW { Outcome::Holds } else { Outcome::Missing };
        self.note("clock", true, outcome, detail);
        Ok(())
    }

    fn bucket_settings(&mut self) {
        let Some(bucket) = self.bucket else { return };
        match bucket.keeps_versions() {
            Ok(true) => self.note("versioning", true, Outcome::Holds, "every version is kept"),
            Ok(false) => self.note(
                "versioning",
                true,
                Outcome::Missing,
                "whoever replaces an object destroys it: turn versioning on",
            ),
            Err(error) => self.failed("versioning", true, &error),
        }
        match bucket.object_lock() {
            Ok((true, default)) => {
                self.note("object-lock", true, Outcome::Holds, "the bucket has Object Lock");
                match default {
                    None => self.note(
                        "no-default-retention",
                        false,
                        Outcome::Holds,
                        "only what asks for a lock gets one",
                    ),
                    Some(rule) => self.note(
                        "no-default-retention",
                        false,
                        Outcome::Missing,
                        format!(
                            "{rule} by default: superseded objects are kept as long, and paid for"
                        ),
                    ),
                }
            }
            Ok((false, _)) => self.note(
                "object-lock",
                true,
                Outcome::Missing,
                "nothing can be locked: make a bucket with Object Lock, `strongroom init` does",
            ),
            Err(error) => self.failed("object-lock", true, &error),
        }
    }

    fn fence(&mut self) {
        let single = self.bucket.is_some_and(|bucket| bucket.place().access.single_writer);
        let twice = self.put("fence", true, None).and_then(|_| self.put("fence", true, None));
        let (outcome, detail) = match twice {
            Err(StoreError::AlreadyExists { .. } | StoreError::Conflict { .. }) if single => (
                Outcome::NotProven,
                "one writer is declared: it looks before it writes, and the store was not asked",
            ),
            Err(StoreError::AlreadyExists { .. } | StoreError::Conflict { .. }) => {
                (Outcome::Holds, "of several writers of a name one wins")
            }
            Err(error) => return self.failed("fence", !single, &error),
            Ok(_) => (
                Outcome::Missing,
                "two workers would fork the log: never run two, and declare that with `single_writer=true`",
            ),
        };
        self.note("fence", !single, outcome, detail);
    }

    fn locks(&mut self) {
        for (name, mode) in
            [("lock-governance", LockMode::Governance), ("lock-compliance", LockMode::Compliance)]
        {
            let put = self.put(name, true, Some(mode));
            let seen = put.and_then(|(key, version)| {
                let head = self.store.head(&key, Some(&version))?;
                Ok((key, version, head.and_then(|head| head.lock)))
            });
            match seen {
                Ok((key, version, Some(lock))) if lock.mode == mode => {
                    self.note(name, true, Outcome::Holds, format!("locked until {}", lock.until));
                    self.lock_is_kept(&key, &version, lock);
                }
                Ok(_) => self.note(
                    name,
                    true,
                    Outcome::Missing,
                    "stored, and no such lock is seen: it was dropped, or reading locks (s3:GetObjectRetention) is not permitted",
                ),
                Err(error) => self.failed(name, true, &error),
            }
        }
    }

    /// Tries to get rid of a locked canary in every way, and to extend its lock.
    fn lock_is_kept(&mut self, key: &ObjectKey, version: &VersionId, lock: Lock) {
        let governance = lock.mode == LockMode::Governance;
        let name = |short: [&'static str; 2]| if governance { short[0] } else { short[1] };
        if let Some(bucket) = self.bucket {
            let sooner =
                lock.until.saturating_sub(SignedDuration::from_secs(3)).unwrap_or(lock.until);
            let shortened = bucket.try_lock(key, version, Lock { until: sooner, ..lock }, false);
            self.refused(
                name(["shorten-governance", "shorten-compliance"]),
                &shortened,
                "a lock can be made shorter",
            );
        }
        let later = lock.until.saturating_add(SignedDuration::from_secs(2)).unwrap_or(lock.until);
        let extended = self.store.extend_lock(key, version, Lock { until: later, ..lock });
        let extend = name(["extend-governance", "extend-compliance"]);
        let seen = extended.and_then(|()| self.store.head(key, Some(version)));
        match seen {
            Ok(Some(head)) if head.lock.is_some_and(|found| found.until >= later) => {
                self.note(extend, true, Outcome::Holds, "a lock moves later");
            }
            Ok(_) => self.note(
                extend,
                true,
                Outcome::Missing,
                "a lock cannot be moved later: rolling locks would lapse",
            ),
            Err(error) => self.failed(extend, true, &error),
        }
        // Last, for where they are not refused the canary is gone.
        if let Some(bucket) = self.bucket {
            let deleted = bucket.try_delete(key, Some(version), false);
            self.refused(
                name(["delete-governance", "delete-compliance"]),
                &deleted,
                "a locked version can be deleted",
            );
            let bypassed = bucket.try_delete(key, Some(version), true);
            self.refused(
                name(["bypass-governance", "bypass-compliance"]),
                &bypassed,
                "these credentials delete locked versions: deny s3:BypassGovernanceRetention",
            );
        }
    }

    /// Notes what has to be refused.
    fn refused(&mut self, name: &'static str, done: &Result<(), StoreError>, consequence: &str) {
        match done {
            Err(
                StoreError::Denied { .. } | StoreError::Locked { .. } | StoreError::Invalid { .. },
            ) => {
                self.note(name, false, Outcome::Holds, "refused");
            }
            Err(error) => self.failed(name, false, error),
            Ok(()) => self.note(name, false, Outcome::Missing, consequence),
        }
    }

    fn requests_in_parts(&mut self) {
        let Some(bucket) = self.bucket else { return };
        let Ok(key) = self.key("checksum") else { return };
        match bucket.try_wrong_checksum(&key) {
            Ok(true) => {
                self.note(
                    "checksum",
                    false,
                    Outcome::Holds,
                    "bytes of another SHA-256 are refused",
                );
            }
            Ok(false) => {
                self.note(
                    "checksum",
                    false,
                    Outcome::Missing,
                    "x-amz-checksum-sha256 is ignored: only the signature of a request protects its body",
                );
                if let Ok(Some(head)) = self.store.head(&key, None) {
                    self.canaries.push((key, head.version));
                }
            }
            Err(error) => self.failed("checksum", false, &error),
        }
        let parts = self.key("parts").and_then(|key| {
            let until = self.store.now()?.saturating_add(CANARY_LOCK).unwrap_or(Timestamp::MAX);
            let version = bucket.try_multipart(&key, until)?;
            let lock = self.store.head(&key, Some(&version))?.and_then(|head| head.lock);
            self.canaries.push((key, version));
            Ok(lock)
        });
        match parts {
            Ok(Some(_)) => self.note(
                "multipart-lock",
                false,
                Outcome::Holds,
                "an upload in parts keeps its lock",
            ),
            Ok(None) => self.note(
                "multipart-lock",
                false,
                Outcome::Missing,
                "an upload in parts loses its lock: this program puts every object by one request",
            ),
            Err(error) => self.failed("multipart-lock", false, &error),
        }
        let hidden = self
            .put("plain-delete", true, None)
            .and_then(|(key, _)| bucket.try_delete(&key, None, false).map(|()| key));
        match hidden {
            Ok(key) => {
                self.note(
                    "plain-delete",
                    false,
                    Outcome::Missing,
                    "these credentials hide names under `index/`, as they may; deny s3:DeleteObject elsewhere",
                );
                let markers = self.store.list_versions(key.as_str()).unwrap_or_default();
                let markers = markers.into_iter().filter(|one| one.is_delete_marker);
                self.canaries.extend(markers.map(|one| (one.key, one.version)));
            }
            Err(StoreError::Denied { .. }) => {
                self.note("plain-delete", false, Outcome::Holds, "refused");
            }
            Err(error) => self.failed("plain-delete", false, &error),
        }
    }

    /// What becomes of a date that does not fit into 32 bits.
    fn far_dates(&mut self, wanted: bool) {
        const NAME: &str = "far-dates";
        let Some(bucket) = self.bucket.filter(|_| wanted) else {
            let detail = "locks past 2106-02-07 wrap in some stores: this program asks for none, and \
                          `--far-dates` tries one, whose canary then stays";
            return self.note(NAME, false, Outcome::NotProven, detail);
        };
        let far = LATEST_LOCK.saturating_add(SignedDuration::from_hours(24)).unwrap_or(LATEST_LOCK);
        let tried = self.put(NAME, true, Some(LockMode::Governance)).and_then(|(key, version)| {
            let lock = Lock { mode: LockMode::Governance, until: far };
            let done = bucket.try_lock(&key, &version, lock, false);
            let found = self.store.head(&key, Some(&version))?.and_then(|head| head.lock);
            Ok((done, found))
        });
        match tried {
            Err(error) => self.failed(NAME, false, &error),
            Ok((Err(_), _)) => self.note(NAME, false, Outcome::Holds, "refused"),
            Ok((Ok(()), Some(lock))) if lock.until >= far => {
                self.canaries.pop();
                self.note(NAME, false, Outcome::Holds, format!("locked until {}", lock.until));
            }
            Ok((Ok(()), lock)) => {
                let until = lock.map_or_else(|| "never".to_owned(), |lock| lock.until.to_string());
                let detail = format!("a lock until {far} became one until {until}");
                self.note(NAME, false, Outcome::Missing, detail);
            }
        }
    }

    /// After its lock a version can be deleted, or nothing is ever disposed of.
    fn lapse(&mut self) {
        let (mut deleted, mut last) = (0_usize, None);
        for (key, version) in std::mem::take(&mut self.canaries) {
            match self.store.delete_version(&key, &version) {
                Ok(()) => deleted += 1,
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => last = Some(error),
            }
        }
        match last {
            None if deleted == 0 => {
                self.note("delete-lapsed", false, Outcome::NotProven, "there was no canary");
            }
            None => self.note(
                "delete-lapsed",
                false,
                Outcome::Holds,
                format!("{deleted} canaries deleted after their locks"),
            ),
            Some(error) => self.failed("delete-lapsed", false, &error),
        }
    }
}
