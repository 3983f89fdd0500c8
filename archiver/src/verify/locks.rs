//! Locks: nothing that proves or opens a segment may go before the segment may.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::entry::Attested;
use strongroom_crypto::json::{Value, object, text};
use strongroom_crypto::manifest;
use strongroom_crypto::name::{CheckName, Environment};
use strongroom_crypto::time::Instant;
use strongroom_retention::Settling;

use super::dates::Dates;
use super::fold::Fold;
use super::inventory::Inventory;
use super::{ALARM, Audit, Finding, Mark, VerifyError};
use crate::log::{checkpoint_key, claim_key, tile_key, timestamp};
use crate::pool;
use crate::store::{Head, LOCK_SLACK, LockMode, ObjectKey, StoreError};

/// The name of the check.
pub(super) const CHECK: &str = "lock";

/// Who could still undo the locks that were looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Modes {
    /// Objects whose locks end early for whoever may bypass them.
    pub governance: u64,
    /// Objects whose locks nobody can undo.
    pub compliance: u64,
    /// The entry of the last attempt to break them, and its time.
    pub attested: Option<(u64, Instant)>,
}

impl Modes {
    pub(super) fn to_json(self) -> Value {
        let attested =
            self.attested.map(|(index, at)| object([("at", text(at)), ("entry", index.into())]));
        object([
            ("attested", attested.into()),
            ("compliance", self.compliance.into()),
            ("governance", self.governance.into()),
        ])
    }
}

/// Objects by the mode of their locks, counted by several threads.
#[derive(Default)]
pub(super) struct Counter {
    governance: AtomicU64,
    compliance: AtomicU64,
}

impl Counter {
    fn add(&self, mode: LockMode) {
        let count = match mode {
            LockMode::Governance => &self.governance,
            LockMode::Compliance => &self.compliance,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted of an archive.
    pub(super) fn modes(&self, fold: &Fold) -> Modes {
        Modes {
            governance: self.governance.load(Ordering::Relaxed),
            compliance: self.compliance.load(Ordering::Relaxed),
            attested: fold.attested.as_ref().map(|(index, at, _)| (*index, *at)),
        }
    }
}

/// What decides whether a lock is long enough.
pub(super) struct Locks {
    environment: Environment,
    settling: Settling,
    now: Timestamp,
}

/// The lock that the log or a manifest names.
#[derive(Clone, Copy)]
pub(super) struct Promised {
    pub(super) mode: Option<manifest::LockMode>,
    pub(super) until: Instant,
    /// Until when a run said that it is locked.
    pub(super) said: Option<Timestamp>,
}

impl Locks {
    /// The rules of this archive; without its first entry, those of a production archive.
    pub(super) fn new(fold: &Fold, now: Timestamp) -> Self {
        let environment =
            fold.opening.as_ref().map_or(Environment::Production, |opening| opening.environment);
        let period = fold.opening.as_ref().map_or(0, |opening| opening.settle_ms);
        let period = SignedDuration::from_millis(i64::try_from(period).unwrap_or(i64::MAX));
        Self { environment, settling: Settling::new(period, environment), now }
    }

    /// Judges the lock of an object that must not go, or not before a date.
    pub(super) fn check(
        &self,
        audit: &Audit<'_>,
        key: &ObjectKey,
        head: &Head,
        promised: Option<Promised>,
        date: Option<Timestamp>,
    ) {
        if let Some(lock) = head.lock {
            audit.modes.add(lock.mode);
        }
        let Some((result, detail)) = self.judge(head, promised, date) else { return };
        audit.add(Finding {
            check: CHECK,
            object: key.to_string(),
            result,
            detail,
            lock_until: head.lock.map(|lock| lock.until),
        });
    }

    fn judge(
        &self,
        head: &Head,
        promised: Option<Promised>,
        date: Option<Timestamp>,
    ) -> Option<(Mark, String)> {
        let Some(lock) = head.lock else {
            let detail =
                "no lock is seen: it is not locked, or the permission to read locks is missing";
            return Some((Mark::Fail, detail.to_owned()));
        };
        if let Some(promised) = promised {
            if promised.mode.is_some_and(|mode| mode.to_string() != lock.mode.as_str()) {
                let detail =
                    format!("its lock is of mode {}, another than it was born with", lock.mode);
                return Some((Mark::Fail, detail));
            }
            if timestamp(promised.until).duration_since(lock.until) > LOCK_SLACK {
                let detail =
                    format!("its lock ends {}, before the recorded {}", lock.until, promised.until);
                return Some((Mark::Fail, detail));
            }
        }
        // No lock can be asked to last longer than the archive lets one.
        let date = date.map(|date| self.settling.capped(date, self.now));
        let reaches = |date: Timestamp| date.duration_since(lock.until) <= LOCK_SLACK;
        if date.is_some_and(reaches) {
            return None;
        }
        if let Some(said) = promised.and_then(|one| one.said).filter(|said| !reaches(*said)) {
            let detail = format!(
                "its lock ends {}, and a run has said in the log that it lasts until {said}",
                lock.until
            );
            return Some((Mark::Fail, detail));
        }
        if lock.until <= self.now {
            let mark =
                if self.environment == Environment::Test { Mark::Lapsed } else { Mark::Fail };
            return Some((mark, format!("its lock ended {}", lock.until)));
        }
        // What proves segments gets its date with the next that have one.
        if let (Some(date), Environment::Production) =
            (date.filter(|_| promised.is_some()), self.environment)
            && !self.settling.is_overdue(lock.until, self.now)
        {
            let detail = format!(
                "its lock ends {}, it is kept until {date}: run `sweep --duty lock`",
                lock.until
            );
            return Some((Mark::Pending, detail));
        }
        // In a test archive locks lapse, and none of it alarms.
        let alarm = if self.environment == Environment::Production { ALARM } else { "" };
        self.settling.is_overdue(lock.until, self.now).then(|| {
            let detail = format!(
                "{alarm}its lock ends {}, in less than half the settling period: run `archive` or `sweep --duty lock` to move it on",
                lock.until
            );
            (Mark::Pending, detail)
        })
    }
}

/// Checks the locks of what proves the entries: claims, checkpoints, full tiles and bundles. Partial ones are superseded
/// and have none.
pub(super) fn check_log(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    dates: &Dates,
) -> Result<(), VerifyError> {
    let locks = Locks::new(fold, audit.options.now);
    let mut keys = Vec::new();
    for seq in &inventory.claims {
        keys.push(("claim", claim_key(*seq)?));
    }
    for size in &inventory.checkpoints {
        keys.push(("checkpoint", checkpoint_key(*size)?));
    }
    for tile in inventory.tiles.iter().filter(|tile| tile.is_full()) {
        keys.push((if tile.is_entries() { "bundle" } else { "tile" }, tile_key(tile)?));
    }
    pool::each(audit.threads(), &keys, |(check, key)| {
        audit.go_on()?;
        if let Some(head) = head(audit, check, key)? {
            locks.check(audit, key, &head, None, dates.proofs());
        }
        Ok(())
    })
}

/// Says when the locks were last tried, and what came of it: a lock of mode GOVERNANCE is as good as the permissions.
pub(super) fn attested(audit: &Audit<'_>, fold: &Fold) {
    let Some((index, at, attest)) = &fold.attested else { return };
    let list = |words, outcome| {
        let names: Vec<&str> = attest.list(outcome).into_iter().map(CheckName::as_str).collect();
        if names.is_empty() { String::new() } else { format!("; {words}: {}", names.join(", ")) }
    };
    let detail = format!(
        "locks tried {at}: {} checks withstood{}{}",
        attest.list(Attested::Held).len(),
        list("BROKEN by", Attested::Broken),
        list("not proven", Attested::NotProven)
    );
    audit.note("attest", format_args!("entry {index}"), Mark::Info, detail);
}

/// Describes an object that must be there: of what is covered, the true version that was read.
pub(super) fn head(
    audit: &Audit<'_>,
    check: &'static str,
    key: &ObjectKey,
) -> Result<Option<Head>, VerifyError> {
    match audit.store.head(key, audit.covered.version(key).as_ref()) {
        Ok(Some(head)) => return Ok(Some(head)),
        Ok(None) => audit.note(check, key, Mark::Fail, "it is missing"),
        Err(StoreError::Corrupt { detail, .. } | StoreError::Invalid { detail }) => {
            audit.note(check, key, Mark::Fail, detail);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}
