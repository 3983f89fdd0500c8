//! The same archive seen from outside: what `strongroom verify` reads and what it concludes.
//!
//! Nothing that the store says is believed. The verifier key vouches for the head, the head for every entry, the entries
//! for manifests and segments. Whatever is found wrong becomes a [`Finding`] that names the object, and reading goes on, so
//! that one damaged object never hides another. Which damage is a failure and which is not is decided by
//! `crypto/FORMAT.md`: what can be made again from the rest is `rebuildable`, and is not believed until it was.

mod bridge;
mod deep;
mod fold;
mod index;
mod inventory;
mod keys;
mod published;
mod replay;
mod seal;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::name::Environment;
use strongroom_crypto::note::VerifierKey;
use strongroom_crypto::{ArchiveId, Digest};

use crate::archive::Progress;
use crate::log::Keyring;
use crate::pool::Died;
use crate::store::{LockedStore, ObjectKey, StoreError};

use fold::Fold;
use inventory::Inventory;

/// What to verify and with what.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Whose signature makes a head: all trust begins here.
    pub vkey: &'a VerifierKey,
    /// The archive's keys, without which no segment can be opened.
    pub keys: Option<&'a Arc<Keyring>>,
    /// Whether to read every segment and compute all its leaves again.
    pub deep: bool,
    /// Segments, tiles and checkpoints looked at side by side.
    pub threads: usize,
    /// The store's time, which judges locks.
    pub now: Timestamp,
}

/// What verification came to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Everything that was looked at is as it was sealed.
    Pass,
    /// Nothing is known to be wrong, but something could not be decided.
    NotProven,
    /// Something is altered, missing or forged.
    Fail,
}

/// How a finding counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mark {
    /// Altered, missing or forged.
    Fail,
    /// It could not be decided.
    NotProven,
    /// Work that a run has yet to do, or was interrupted in.
    Pending,
    /// A lock of a test archive that is over.
    Lapsed,
    /// A derived object that is missing or altered, and can be made again.
    Rebuildable,
    /// Worth knowing.
    Info,
}

/// One thing that is not as it would be in an untouched, quiet archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// Which object.
    pub object: String,
    /// How it counts.
    pub result: Mark,
    /// What was found.
    pub detail: String,
}

/// What was verified and what was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The sum of all findings.
    pub verdict: Verdict,
    /// What the archive is for; none if its first entry cannot be had.
    pub environment: Option<Environment>,
    /// The archive, likewise.
    pub archive_id: Option<ArchiveId>,
    /// The first entry's digest: the half of the trust anchor that a key does not show.
    pub log_open_sha256: Option<Digest>,
    /// Entries under the newest checkpoint that verifies.
    pub log_size: u64,
    /// The root that it signs; none if no checkpoint verifies.
    pub root: Option<Digest>,
    /// Live segments.
    pub segments: u64,
    /// Events in them.
    pub events: u64,
    /// Whether the segments themselves were read.
    pub deep: bool,
    /// By weight, then by object.
    pub findings: Vec<Finding>,
}

/// Verification could not be done: this says nothing about the archive.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to verify.
    #[error("no archive at `{0}`")]
    Missing(String),
    /// Segments cannot be opened without keys.
    #[error("reading segments takes the archive's keys")]
    NoKeys,
    /// The key file is another archive's.
    #[error("the key file is for archive {key}, the store holds archive {store}")]
    OtherKeys {
        /// The key file's archive.
        key: ArchiveId,
        /// The store's archive.
        store: ArchiveId,
    },
    /// A thread ended early.
    #[error(transparent)]
    Worker(#[from] Died),
}

/// Verifies the archive in `store`.
///
/// # Errors
///
/// [`VerifyError`] if the store fails or the keys are another archive's; whatever is wrong with the archive is a finding.
pub fn verify(
    store: &dyn LockedStore,
    options: &Options<'_>,
    progress: &dyn Progress,
) -> Result<Report, VerifyError> {
    let audit = Audit { store, options, progress, findings: Mutex::default() };
    if options.deep && options.keys.is_none() {
        return Err(VerifyError::NoKeys);
    }
    let inventory = Inventory::take(&audit)?;
    if inventory.is_empty() {
        return Err(VerifyError::Missing(store.url().to_owned()));
    }
    let heads = published::Heads::read(&audit, &inventory)?;
    let fold = Fold::run(&audit, &inventory, heads.head())?;
    let opening = fold.opening.as_ref();
    if let (Some(keys), Some(opening)) = (options.keys, opening)
        && keys.archive_id() != opening.archive_id
    {
        return Err(VerifyError::OtherKeys { key: keys.archive_id(), store: opening.archive_id });
    }
    heads.judge(&audit, &inventory, &fold)?;
    published::tiles(&audit, &inventory, &fold, &heads)?;
    index::check(&audit, &inventory, &fold)?;
    keys::check(&audit, &inventory, &fold)?;
    seal::orphans(&audit, &inventory, &fold);
    seal::check_all(&audit, &fold)?;
    let (log_size, root) = heads.head().map_or((0, None), |head| (head.size, Some(head.root)));
    let findings = audit.into_findings();
    Ok(Report {
        verdict: verdict(&findings),
        environment: opening.map(|opening| opening.environment),
        archive_id: opening.map(|opening| opening.archive_id),
        log_open_sha256: fold.log_open_sha256,
        log_size,
        root,
        segments: u64::try_from(fold.seals.len()).unwrap_or(u64::MAX),
        events: fold.seals.iter().fold(0, |sum, live| sum.saturating_add(live.seal.events.count)),
        deep: options.deep,
        findings,
    })
}

fn verdict(findings: &[Finding]) -> Verdict {
    let of = |finding: &Finding| match finding.result {
        Mark::Fail => Verdict::Fail,
        Mark::NotProven => Verdict::NotProven,
        Mark::Pending | Mark::Lapsed | Mark::Rebuildable | Mark::Info => Verdict::Pass,
    };
    findings.iter().map(of).max().unwrap_or(Verdict::Pass)
}

impl Report {
    /// The report as `verify --json` prints it.
    pub fn to_json(&self) -> Value {
        object([
            ("archive_id", self.archive_id.map(text).into()),
            ("deep", self.deep.into()),
            ("environment", self.environment.map(text).into()),
            ("events", self.events.into()),
            ("findings", array(self.findings.iter().map(Finding::to_json))),
            ("log_open_sha256", self.log_open_sha256.map(text).into()),
            ("log_size", self.log_size.into()),
            ("root", self.root.map(text).into()),
            ("segments", self.segments.into()),
            ("verdict", text(self.verdict)),
        ])
    }

    /// The findings that count as `mark`.
    pub fn marked(&self, mark: Mark) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.result == mark)
    }
}

impl Finding {
    fn to_json(&self) -> Value {
        object([
            ("check", self.check.into()),
            ("detail", self.detail.as_str().into()),
            ("object", self.object.as_str().into()),
            ("result", text(self.result)),
        ])
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::NotProven => "NOT PROVEN",
            Self::Fail => "FAIL",
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "FAIL",
            Self::NotProven => "NOT PROVEN",
            Self::Pending => "PENDING",
            Self::Lapsed => "lapsed",
            Self::Rebuildable => "rebuildable",
            Self::Info => "info",
        })
    }
}

/// One verification under way.
struct Audit<'a> {
    store: &'a dyn LockedStore,
    options: &'a Options<'a>,
    progress: &'a dyn Progress,
    findings: Mutex<Vec<Finding>>,
}

/// What reading an object came to.
enum Found {
    Bytes(Vec<u8>),
    Missing,
    /// It is there, and cannot be what it should be.
    Damaged(String),
}

impl Audit<'_> {
    fn note(
        &self,
        check: &'static str,
        object: impl fmt::Display,
        result: Mark,
        detail: impl fmt::Display,
    ) {
        let finding =
            Finding { check, object: object.to_string(), result, detail: detail.to_string() };
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
    }

    /// Reads an object that is at most `limit` bytes long: a planted giant is not read into memory.
    fn get(&self, key: &ObjectKey, limit: usize) -> Result<Found, VerifyError> {
        let length = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        match self.store.get_range(key, None, 0, length) {
            Ok(Some(bytes)) if bytes.len() > limit => {
                Ok(Found::Damaged("it is longer than any such object".to_owned()))
            }
            Ok(Some(bytes)) => Ok(Found::Bytes(bytes)),
            Ok(None) => Ok(Found::Missing),
            Err(StoreError::Corrupt { detail, .. }) => Ok(Found::Damaged(detail)),
            Err(error) => Err(error.into()),
        }
    }

    fn threads(&self) -> usize {
        self.options.threads.max(1)
    }

    fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.findings.into_inner().unwrap_or_else(PoisonError::into_inner);
        findings.sort_by(|a, b| {
            (a.result, &a.object, a.check, &a.detail)
                .cmp(&(b.result, &b.object, b.check, &b.detail))
        });
        findings.dedup();
        findings
    }
}

/// Whether `set` has a number after `last`.
fn any_after(set: &BTreeSet<u64>, last: u64) -> bool {
    set.last().is_some_and(|greatest| *greatest > last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(result: Mark) -> Finding {
        Finding { check: "x", object: "y".into(), result, detail: "z".into() }
    }

    #[test]
    fn the_worst_finding_decides() {
        let of = |marks: &[Mark]| verdict(&marks.iter().copied().map(finding).collect::<Vec<_>>());
        assert_eq!(of(&[]), Verdict::Pass);
        assert_eq!(
            of(&[Mark::Info, Mark::Rebuildable, Mark::Lapsed, Mark::Pending]),
            Verdict::Pass
        );
        assert_eq!(of(&[Mark::NotProven, Mark::Info]), Verdict::NotProven);
        assert_eq!(of(&[Mark::NotProven, Mark::Fail, Mark::Pending]), Verdict::Fail);
    }

    #[test]
    fn a_report_has_the_members_that_its_readers_rely_on() {
        let report = Report {
            verdict: Verdict::NotProven,
            environment: None,
            archive_id: None,
            log_open_sha256: None,
            log_size: 3,
            root: None,
            segments: 1,
            events: 2,
            deep: false,
            findings: vec![finding(Mark::NotProven)],
        };
        let json = String::from_utf8(report.to_json().to_canonical()).unwrap();
        let found = r#""findings":[{"check":"x","detail":"z","object":"y","result":"NOT PROVEN"}]"#;
        assert!(json.contains(found), "{json}");
        assert!(json.ends_with(r#""verdict":"NOT PROVEN"}"#), "{json}");
    }
}
