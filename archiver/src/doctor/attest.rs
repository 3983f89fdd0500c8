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
use crate::store::{
    Head, Lock, LockMode, LockedStore, ObjectKey, PutOptions, StoreError, VersionId,
};

/// How long canaries are locked. A trial that takes longer proves nothing.
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
    Release,
    Overwrite,
    Hide,
}

impl Way {
    const ALL: [Self; 10] = [
        Self::Delete,
        Self::Bypass,
        Self::BulkDelete,
        Self::Shorten,
        Self::BypassShorten,
        Self::Unlock,
        Self::Downgrade,
        Self::Release,
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
            Self::Release => "release",
            Self::Overwrite => "overwrite",
            Self::Hide => "hide",
        }
    }

    /// Whether it makes sense against what protects the canary.
    const fn is_against(self, guard: Guard) -> bool {
        match guard {
            Guard::Lock(LockMode::Compliance) => !matches!(self, Self::Release),
            Guard::Lock(LockMode::Governance) => !matches!(self, Self::Release | Self::Downgrade),
            Guard::Hold => !self.is_of_locks(),
        }
    }

    /// Whether it is about a lock, and not about what is locked.
    const fn is_of_locks(self) -> bool {
        matches!(self, Self::Shorten | Self::BypassShorten | Self::Unlock | Self::Downgrade)
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
    let controls = trials.controls();
    let controls = controls.inspect_err(|_| trials.clean_up())?;
    for guard in Guard::ALL {
        for way in Way::ALL.into_iter().filter(|way| way.is_against(guard)) {
            trials.check(way, guard, controls);
        }
    }
    pause(LOCKED_FOR);
    trials.clean_up();
    Ok(trials.checks)
}

/// What these credentials can do where nothing forbids it: of others, a refusal proves nothing.
#[derive(Clone, Copy, Debug)]
struct Controls {
    deletes: bool,
    bulk_deletes: bool,
    locks: bool,
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

    /// Deletes what nothing protects, and moves a lock later.
    fn controls(&mut self) -> Result<Controls, StoreError> {
        let canary = self.put("unlocked", None)?;
        let done = self.take(Way::Delete, &canary);
        let deletes = self.store.head(&canary.key, Some(&canary.version))?.is_none();
        self.control("delete-unlocked", deletes, done, "deleted, as it may be");
        let canary = self.put("unlocked-too", None)?;
        let done = self.take(Way::BulkDelete, &canary);
        let bulk_deletes = self.store.head(&canary.key, Some(&canary.version))?.is_none();
        self.control("bulk-delete-unlocked", bulk_deletes, done, "deleted, as it may be");
        let canary = self.put("extended", Some(LockMode::Governance))?;
        let mut locks = false;
        if let Some(lock) = canary.lock {
            let until =
                lock.until.saturating_add(SignedDuration::from_secs(2)).unwrap_or(lock.until);
            let done = self.store.extend_lock(&canary.key, &canary.version, Lock { until, ..lock });
            let head = self.store.head(&canary.key, Some(&canary.version))?;
            locks = head.and_then(|head| head.lock).is_some_and(|found| found.until >= until);
            self.control("extend-governance", locks, done, "moved later, as it may be");
        }
        Ok(Controls { deletes, bulk_deletes, locks })
    }

    fn control(
        &mut self,
        name: &str,
        works: bool,
        done: Result<(), StoreError>,
        detail: &'static str,
    ) {
        match (works, done) {
            (true, _) => self.note(name, Attested::Held, detail),
            (false, Ok(())) => self.note(name, Attested::NotProven, "nothing came of it"),
            (false, Err(error)) => self.note(name, Attested::NotProven, error.to_string()),
        }
    }

    fn check(&mut self, way: Way, guard: Guard, controls: Controls) {
        let name = format!("{}-{}", way.as_str(), guard.as_str());
        let (outcome, detail) = match self.outcome(&name, way, guard, controls) {
            Ok(found) => found,
            // One that cannot be tried does not take the others' outcomes with it.
            Err(error) => return self.note(name, Attested::NotProven, error.to_string()),
        };
        self.note(name, outcome, detail);
    }

    fn outcome(
        &mut self,
        name: &str,
        way: Way,
        guard: Guard,
        controls: Controls,
    ) -> Result<(Attested, &'static str), StoreError> {
        let Some(canary) = self.guarded(name, guard)? else {
            let detail = "no canary under legal hold: run `strongroom doctor --duty archive`, \
                          then `--duty hold`";
            return Ok((Attested::NotProven, detail));
        };
        let done = self.take(way, &canary);
        let damage = self.damage(&canary, guard)?;
        // By now a slow store may have let the lock lapse, or the date that was asked for pass.
        let end = canary.lock.map(|lock| lock.until.saturating_sub(SOONER).unwrap_or(lock.until));
        if end.is_some_and(|end| self.store.now().is_ok_and(|now| now >= end)) {
            return Ok((Attested::NotProven, "the store was too slow: the lock is about to lapse"));
        }
        Ok(match (damage, done) {
            (Some(damage), _) => (Attested::Broken, damage),
            (None, Ok(())) if matches!(way, Way::Overwrite | Way::Hide) => {
                (Attested::Held, "the name shows something else; the version beneath is whole")
            }
            (None, Ok(())) => (Attested::Held, "the version is there, whole and protected"),
            (None, Err(StoreError::Invalid { .. })) if self.bucket.is_none() => {
                (Attested::NotProven, "a directory: whoever may write to its files can delete them")
            }
            (None, Err(StoreError::Unavailable { .. })) => {
                (Attested::NotProven, "the store did not answer")
            }
            (None, Err(_)) if way.is_of_locks() && !controls.locks => {
                (Attested::NotProven, "refused, and so is moving a lock later")
            }
            (None, Err(_)) if way == Way::BulkDelete && !controls.bulk_deletes => {
                (Attested::NotProven, "refused, and so is deleting in bulk what nothing protects")
            }
            (None, Err(_)) if !way.is_of_locks() && !controls.deletes => {
                (Attested::NotProven, "refused, and so is deleting what nothing protects")
            }
            (None, Err(_)) => (Attested::Held, "refused"),
        })
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
            let head = self.store.head(&key, Some(&one.version))?;
            let whole = |head: Head| head.hold && head.sha256 == Some(Digest::of(CANARY));
            if head.is_some_and(whole) {
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
            Way::BulkDelete => {
                let bypass = canary.lock.is_some();
                bucket.try_delete_in_bulk(key, version, bypass)
            }
            Way::Shorten => bucket.try_lock(key, version, sooner, false),
            Way::BypassShorten => bucket.try_lock(key, version, sooner, true),
            Way::Unlock => bucket.try_unlock(key, version),
            Way::Downgrade => bucket.try_lock(key, version, weaker, true),
            Way::Release => self.store.set_hold(key, version, false),
            Way::Hide | Way::Overwrite => bucket.try_delete(key, None, false),
        }
    }

    /// Takes away what the trials left, as far as these credentials may: a sweep takes the rest.
    fn clean_up(&mut self) {
        // What lies over the canary of duty `hold`, and the mark that hides it.
        let over = self.store.list_versions(HELD).unwrap_or_default();
        for one in over.iter().filter(|one| one.key.as_str() == HELD) {
            self.store.delete_version(&one.key, &one.version).ok();
        }
        for canary in std::mem::take(&mut self.canaries) {
            self.store.set_hold(&canary.key, &canary.version, false).ok();
            let versions = self.store.list_versions(canary.key.as_str()).unwrap_or_default();
            for one in versions.iter().filter(|one| one.key == canary.key) {
                self.store.delete_version(&one.key, &one.version).ok();
            }
        }
    }
}
