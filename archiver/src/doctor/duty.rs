//! Whether credentials have the permissions of their duty and no others: every line of
//! `infra/duties.yaml`, below every prefix of an archive.

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;

use super::{CANARY, Capability, Outcome};
use crate::duties::{Duty, Longest, Right, Table};
use crate::store::s3::{Permission, S3Store};
use crate::store::{
    Lock, LockMode, LockedStore as _, ObjectKey, PutOptions, StoreError, VersionId,
};

/// The canary that is locked: whoever may puts it there, and every duty tries to break its lock.
const LOCKED: &str = "index/doctor/locked";
/// The canary under legal hold.
pub(super) const HELD: &str = "index/doctor/held";
/// How long the locked canary is locked.
const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// A lock that ends sooner than this is not tried.
const LEFT: SignedDuration = SignedDuration::from_secs(30);
/// Whether an action is tried everywhere: bypass needs a canary, and lists and labels of an object
/// are denied without a trial.
fn tries(action: &str) -> bool {
    action != BYPASS && !action.ends_with("Acl") && !action.ends_with("Tagging")
}

/// The permission that undoes locks.
const BYPASS: &str = "s3:BypassGovernanceRetention";

/// The probes of one duty.
struct Probes<'a> {
    bucket: &'a S3Store,
    table: &'a Table,
    duty: Duty,
    found: Vec<Capability>,
}

/// Tries every action of the table.
///
/// # Errors
///
/// The store cannot be reached at all.
pub fn examine_duty(
    bucket: &S3Store,
    table: &Table,
    duty: Duty,
    settle: SignedDuration,
) -> Result<Vec<Capability>, StoreError> {
    let now = bucket.now()?;
    let mut probes = Probes { bucket, table, duty, found: Vec::new() };
    if let Permission::Unclear(_) = bucket.may("s3:ListBucket") {
        // The credentials are none, or the bucket is not there: one error says so.
        bucket.list("", None, 1)?;
    }
    let right = table.right(duty);
    for action in table.bucket_actions() {
        let allowed = right.bucket.iter().any(|known| known == action);
        probes.judge(action.to_owned(), allowed, bucket.may(action));
    }
    // What is tried on what is locked or held needs something that is.
    if let Err(error) = probes.held_canary() {
        probes.note("a canary under legal hold", Outcome::NotProven, error.to_string());
    }
    let canary = probes.locked_canary();
    for action in table.object_actions().into_iter().filter(|action| tries(action)) {
        probes.below(action);
    }
    probes.locked_puts(now);
    probes.longest_lock(right, now, settle);
    if let Err(error) = canary.and_then(|canary| probes.bypass(canary)) {
        probes.note(BYPASS, Outcome::NotProven, error.to_string());
    }
    Ok(probes.found)
}

impl Probes<'_> {
    fn note(&mut self, name: impl Into<String>, outcome: Outcome, detail: impl Into<String>) {
        let (name, detail) = (name.into(), detail.into());
        self.found.push(Capability { name, outcome, required: true, detail });
    }

    /// Notes what says nothing about the credentials.
    fn untried(&mut self, name: impl Into<String>, why: impl Into<String>) {
        let (name, detail) = (name.into(), why.into());
        let outcome = Outcome::NotProven;
        self.found.push(Capability { name, outcome, required: false, detail });
    }

    /// Tries an action everywhere, first below `index/`: a store that carries a trial out there is
    /// not tried where it would do harm.
    fn below(&mut self, action: &str) {
        let mut harmless = true;
        let (index, rest): (Vec<&String>, Vec<&String>) =
            self.table.areas.iter().partition(|area| *area == "index/");
        for area in index.into_iter().chain(rest) {
            let name = format!("{action} {area}");
            if !harmless {
                self.untried(name, "this store carries the trial out: not tried here");
                continue;
            }
            let found = self.bucket.may_below(action, area);
            harmless = found != Permission::Done;
            self.judge(name, self.table.allows(self.duty, action, area), found);
        }
    }

    /// Compares what was found with the table.
    fn judge(&mut self, name: String, allowed: bool, found: Permission) {
        let duty = self.duty;
        let (outcome, detail) = match (allowed, found) {
            (true, Permission::Allowed | Permission::Done) => {
                (Outcome::Holds, "allowed".to_owned())
            }
            (false, Permission::Refused) => (Outcome::Holds, "refused".to_owned()),
            (true, Permission::Refused) => {
                (Outcome::Missing, format!("refused: duty {duty} does not work without it"))
            }
            (false, Permission::Allowed | Permission::Done) => {
                (Outcome::Excess, format!("allowed: duty {duty} must not have it"))
            }
            (_, Permission::Untried(why)) => {
                return self.untried(name, why);
            }
            (_, Permission::Unclear(answer)) => (Outcome::NotProven, answer),
        };
        self.note(name, outcome, detail);
    }

    /// A PUT with lock headers takes two permissions. Not every store asks for both.
    fn locked_puts(&mut self, now: Timestamp) {
        let until = now.saturating_add(LOCKED_FOR).unwrap_or(now);
        for area in &self.table.areas {
            let may = |action| self.table.allows(self.duty, action, area);
            if !may("s3:PutObject") || may("s3:PutObjectRetention") {
                continue;
            }
            let name = format!("s3:PutObject with a lock {area}");
            match self.bucket.may_put(area, Some(until)) {
                Permission::Allowed | Permission::Done => {
                    self.untried(name, "not refused: the store asks for s3:PutObject alone");
                }
                found => self.judge(name, false, found),
            }
        }
    }

    /// What is not there can be locked by nobody: a refusal proves a bound, its absence nothing.
    fn longest_lock(&mut self, right: &Right, now: Timestamp, settle: SignedDuration) {
        if right.longest_lock != Longest::Settle {
            return;
        }
        let name = "s3:PutObjectRetention beyond the longest lock".to_owned();
        let beyond = settle.saturating_add(SignedDuration::from_hours(24 * 7));
        let until = now.saturating_add(beyond).unwrap_or(Timestamp::MAX);
        match self.bucket.may_lock_until("index/", until) {
            Permission::Allowed => {
                let day = until.strftime("%F");
                let detail =
                    format!("a lock until {day} is not refused: policy or store do not bound it");
                self.untried(name, detail);
            }
            found => self.judge(name, false, found),
        }
    }

    /// Puts the canary there if it may, and holds it if that is its duty.
    fn held_canary(&mut self) -> Result<(), StoreError> {
        let key = ObjectKey::new(HELD)?;
        let may = |action| self.table.allows(self.duty, action, HELD);
        let head = self.bucket.head(&key, None)?;
        // A trial to overwrite it leaves something else there.
        let whole = head.is_some_and(|head| head.sha256 == Some(Digest::of(CANARY)));
        if may("s3:PutObject") && !whole {
            self.put(&key, None)?;
        }
        if !may("s3:PutObjectLegalHold") {
            return Ok(());
        }
        let name = "a canary under legal hold";
        match self.bucket.head(&key, None)? {
            None => {
                self.untried(name, "no canary: run `strongroom doctor --duty archive` first");
            }
            Some(head) => match self.bucket.set_hold(&key, &head.version, true) {
                Ok(()) => self.note(name, Outcome::Holds, "the hold is set, and stays"),
                Err(error) => self.note(name, Outcome::Missing, error.to_string()),
            },
        }
        Ok(())
    }

    /// Tries to get rid of the locked canary: last, for where that succeeds it is gone.
    fn bypass(&mut self, canary: Option<(ObjectKey, VersionId, Lock)>) -> Result<(), StoreError> {
        let Some((key, version, lock)) = canary else {
            self.untried(BYPASS, "no locked canary: run `strongroom doctor --duty archive` first");
            return Ok(());
        };
        let sooner = lock.until.saturating_sub(SignedDuration::from_secs(10)).unwrap_or(lock.until);
        let shorter = Lock { until: sooner, ..lock };
        let done = self.bucket.try_lock(&key, &version, shorter, true).is_ok()
            || self.bucket.try_delete_in_bulk(&key, &version, true).is_ok()
            || self.bucket.try_delete(&key, Some(&version), true).is_ok();
        let found = self.bucket.head(&key, Some(&version))?.and_then(|head| head.lock);
        let intact = found.is_some_and(|found| found.until.as_second() >= lock.until.as_second());
        let (outcome, detail) = match (done, intact) {
            (false, true) => (Outcome::Holds, "refused"),
            (true, true) => {
                (Outcome::NotProven, "answered as if it were done; the lock is as it was")
            }
            (_, false) => {
                (Outcome::Missing, "these credentials undo locks: deny it in the bucket's policy")
            }
        };
        self.note(BYPASS, outcome, detail);
        Ok(())
    }

    /// A canary whose lock has not lapsed.
    fn locked_canary(&self) -> Result<Option<(ObjectKey, VersionId, Lock)>, StoreError> {
        let key = ObjectKey::new(LOCKED)?;
        let now = self.bucket.now()?;
        if let Some(head) = self.bucket.head(&key, None)?
            && let Some(lock) = head.lock
            && lock.mode == LockMode::Governance
            && lock.until.duration_since(now) > LEFT
        {
            return Ok(Some((key, head.version, lock)));
        }
        let until = now.saturating_add(LOCKED_FOR).unwrap_or(now);
        let lock = Lock { mode: LockMode::Governance, until };
        // Not every duty may put one there.
        Ok(self.put(&key, Some(lock)).ok().map(|version| (key, version, lock)))
    }

    fn put(&self, key: &ObjectKey, lock: Option<Lock>) -> Result<VersionId, StoreError> {
        let how = PutOptions { lock, create_only: false, sha256: Digest::of(CANARY) };
        self.bucket.put(key, CANARY, &how)
    }
}
