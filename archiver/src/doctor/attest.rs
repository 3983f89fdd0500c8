//! Tries to break the locks of canaries in every way there is, with the credentials that delete.
//!
//! A refusal counts only from credentials that can delete at all: the first trial deletes a canary
//! that nothing protects. What a store answers decides nothing: the canary is read back, and it is
//! there, whole and locked as long as before, or the lock was broken.

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Attested;

use super::CANARY;
use super::duty::HELD;
use crate::store::s3::S3Store;
use crate::store::{Lock, LockMode, LockedStore, ObjectKey, PutOptions, StoreError, VersionId};

/// How long canaries are locked: no trial takes as long.
const LOCKED_FOR: SignedDuration = SignedDuration::from_secs(15);
/// How much sooner a lock is made to end.
const SOONER: SignedDuration = SignedDuration::from_secs(5);
/// What canaries are replaced by.
const OTHER: &[u8] = b"something else\n";

/// One way to get rid of what is protected, and what came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// The way, and what protected the canary.
    pub name: String,
    /// What came of it.
    pub outcome: Attested,
    /// What was seen.
    pub detail: String,
}

/// A way to get rid of a version, or of its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Delete,
    Bypass,
    BulkDelete,
    Shorten,
    BypassShorten,
    Unlock,
    Downgrade,
    Overwrite,
    Hide,
}

impl Way {
    const ALL: [Self; 9] = [
        Self::Delete,
        Self::Bypass,
        Self::BulkDelete,
        Self::Shorten,
        Self::BypassShorten,
        Self::Unlock,
        Self::Downgrade,
        Self::Overwrite,
        Self::Hide,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Bypass => "bypass",
            Self::BulkDelete => "bulk-delete",
            Self::Shorten => "shorten",
            Self::BypassShorten => "bypass-shorten",
            Self::Unlock => "unlock",
            Self::Downgrade => "downgrade",
            Self::Overwrite => "overwrite",
            Self::Hide => "hide",
        }
    }

    /// Whether it makes sense against what protects the canary.
    const fn is_against(self, guard: Guard) -> bool {
        match guard {
            Guard::Lock(LockMode::Compliance) => true,
            Guard::Lock(LockMode::Governance) => !matches!(self, Self::Downgrade),
            Guard::Hold => matches!(
                self,
                Self::Delete | Self::Bypass | Self::BulkDelete | Self::Overwrite | Self::Hide
            ),
        }
    }
}

/// What protects a canary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Guard {
    Lock(LockMode),
    Hold,
}

impl Guard {
    const ALL: [Self; 3] =
        [Self::Lock(LockMode::Governance), Self::Lock(LockMode::Compliance), Self::Hold];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Lock(LockMode::Governance) => "governance",
            Self::Lock(LockMode::Compliance) => "compliance",
            Self::Hold => "held",
        }
    }
}

/// A canary as it was put.
#[derive(Clone, Debug)]
struct Canary {
    key: ObjectKey,
    version: VersionId,
    lock: Option<Lock>,
}

struct Trials<'a> {
    store: &'a dyn LockedStore,
    /// The bucket behind it, whose requests are not held back by this program's own rules.
    bucket: Option<&'a S3Store>,
    run: u64,
    canaries: Vec<Canary>,
    checks: Vec<Check>,
}

/// Tries everything. `pause` lets the canaries' locks lapse.
///
/// # Errors
///
/// The store cannot be reached, or no canary can be put there.
pub fn attest(
    store: &dyn LockedStore,
    bucket: Option<&S3Store>,
    run: u64,
    pause: &dyn Fn(SignedDuration),
) -> Result<Vec<Check>, StoreError> {
    let mut trials = Trials { store, bucket, run, canaries: Vec::new(), checks: Vec::new() };
    let deletes = trials.unlocked()?;
    for guard in Guard::ALL {
        for way in Way::ALL.into_iter().filter(|way| way.is_against(guard)) {
            trials.check(way, guard, deletes)?;
        }
    }
    pause(LOCKED_FOR);
    trials.clean_up();
    Ok(trials.checks)
}

impl Trials<'_> {
    fn note(&mut self, name: impl Into<String>, outcome: Attested, detail: impl Into<String>) {
        self.checks.push(Check { name: name.into(), outcome, detail: detail.into() });
    }

    fn put(&mut self, name: &str, mode: Option<LockMode>) -> Result<Canary, StoreError> {
        let key = ObjectKey::new(format!("index/doctor/{:016x}/{name}", self.run))?;
        let until = self.store.now()?.saturating_add(LOCKED_FOR).unwrap_or(Timestamp::MAX);
        let lock = mode.map(|mode| Lock { mode, until });
        let how = PutOptions { lock, create_only: true, sha256: Digest::of(CANARY) };
        let version = self.store.put(&key, CANARY, &how)?;
        let canary = Canary { key, version, lock };
        self.canaries.push(canary.clone());
        Ok(canary)
    }

    /// Deletes what nothing protects: without that, a refusal says nothing about locks.
    fn unlocked(&mut self) -> Result<bool, StoreError> {
        let canary = self.put("unlocked", None)?;
        let done = self.take(Way::Delete, &canary);
        let gone = self.store.head(&canary.key, Some(&canary.version))?.is_none();
        let (outcome, detail) = match (done, gone) {
            (Ok(()), true) => (Attested::Held, "deleted, as it may be".to_owned()),
            (Ok(()), false) => (Attested::NotProven, "still there after its deletion".to_owned()),
            (Err(error), _) => (Attested::NotProven, error.to_string()),
        };
        self.note("delete-unlocked", outcome, detail);
        Ok(gone)
    }

    fn check(&mut self, way: Way, guard: Guard, deletes: bool) -> Result<(), StoreError> {
        let name = format!("{}-{}", way.as_str(), guard.as_str());
        let Some(canary) = self.guarded(&name, guard)? else {
            let detail = "no canary under legal hold: run `strongroom doctor --duty archive`, \
                          then `--duty hold`";
            self.note(name, Attested::NotProven, detail);
            return Ok(());
        };
        let done = self.take(way, &canary);
        let (outcome, detail) = match (self.damage(&canary, guard)?, done) {
            (Some(damage), _) => (Attested::Broken, damage),
            (None, Ok(())) => (Attested::Held, "the version is there, whole and protected"),
            (None, Err(StoreError::Invalid { .. })) if self.bucket.is_none() => {
                (Attested::NotProven, "a directory: whoever may write to its files can delete them")
            }
            (None, Err(StoreError::Unavailable { .. })) => {
                (Attested::NotProven, "the store did not answer")
            }
            (None, Err(_)) if !deletes => {
                (Attested::NotProven, "refused, and so is deleting what nothing protects")
            }
            (None, Err(_)) => (Attested::Held, "refused"),
        };
        self.note(name, outcome, detail);
        Ok(())
    }

    /// A canary under a lock, or under a hold: one of its own, else the one that duty `hold` holds.
    fn guarded(&mut self, name: &str, guard: Guard) -> Result<Option<Canary>, StoreError> {
        if let Guard::Lock(mode) = guard {
            return self.put(name, Some(mode)).map(Some);
        }
        let canary = self.put(name, None)?;
        if self.store.set_hold(&canary.key, &canary.version, true).is_ok() {
            return Ok(Some(canary));
        }
        let key = ObjectKey::new(HELD)?;
        for one in self.store.list_versions(HELD)?.into_iter().filter(|one| one.key == key) {
            if self.store.head(&key, Some(&one.version))?.is_some_and(|head| head.hold) {
                return Ok(Some(Canary { key, version: one.version, lock: None }));
            }
        }
        Ok(None)
    }

    /// What is wrong with a canary that should be as it was put.
    fn damage(&self, canary: &Canary, guard: Guard) -> Result<Option<&'static str>, StoreError> {
        let Some(head) = self.store.head(&canary.key, Some(&canary.version))? else {
            return Ok(Some("the version is gone"));
        };
        let bytes = self.store.get(&canary.key, Some(&canary.version))?;
        if bytes.as_deref() != Some(CANARY) {
            return Ok(Some("the version has other bytes"));
        }
        let kept = |put: Lock| {
            head.lock.is_some_and(|found| {
                found.mode == put.mode && found.until.as_second() >= put.until.as_second()
            })
        };
        Ok(match (guard, canary.lock) {
            (Guard::Hold, _) if !head.hold => Some("the hold is gone"),
            (Guard::Lock(_), Some(put)) if !kept(put) => Some("the lock is another"),
            _ => None,
        })
    }

    fn take(&self, way: Way, canary: &Canary) -> Result<(), StoreError> {
        let Canary { key, version, lock } = canary;
        if way == Way::Overwrite {
            let how = PutOptions { lock: None, create_only: false, sha256: Digest::of(OTHER) };
            return self.store.put(key, OTHER, &how).map(|_| ());
        }
        // Of a canary without a lock nobody shortens one.
        let lock = lock.unwrap_or(Lock { mode: LockMode::Governance, until: Timestamp::MAX });
        let until = lock.until.saturating_sub(SOONER).unwrap_or(lock.until);
        let sooner = Lock { until, ..lock };
        let weaker = Lock { mode: LockMode::Governance, ..lock };
        let Some(bucket) = self.bucket else {
            return match way {
                Way::Delete => self.store.delete_version(key, version),
                Way::Shorten => self.store.extend_lock(key, version, sooner),
                Way::Downgrade => self.store.extend_lock(key, version, weaker),
                _ => Err(StoreError::invalid("a directory has no such request")),
            };
        };
        match way {
            Way::Delete => bucket.try_delete(key, Some(version), false),
            Way::Bypass => bucket.try_delete(key, Some(version), true),
            Way::BulkDelete => bucket.try_delete_in_bulk(key, version),
            Way::Shorten => bucket.try_lock(key, version, sooner, false),
            Way::BypassShorten => bucket.try_lock(key, version, sooner, true),
            Way::Unlock => bucket.try_unlock(key, version),
            Way::Downgrade => bucket.try_lock(key, version, weaker, true),
            Way::Hide | Way::Overwrite => bucket.try_delete(key, None, false),
        }
    }

    /// Takes away what the trials left, as far as these credentials may: a sweep takes the rest.
    fn clean_up(&mut self) {
        for canary in std::mem::take(&mut self.canaries) {
            self.store.set_hold(&canary.key, &canary.version, false).ok();
            let versions = self.store.list_versions(canary.key.as_str()).unwrap_or_default();
            for one in versions.iter().filter(|one| one.key == canary.key) {
                self.store.delete_version(&one.key, &one.version).ok();
            }
        }
    }
}
