//! The same archive seen from outside: what `strongroom verify` reads and what it concludes.
//!
//! Nothing that the store says is believed. The verifier key vouches for the head, the head for every entry, the entries
//! for manifests and segments. Whatever is found wrong becomes a [`Finding`] that names the object, and reading goes on, so
//! that one damaged object never hides another. Which damage is a failure and which is not is decided by
//! `crypto/FORMAT.md`: what can be made again from the rest is `rebuildable`, and is not believed until it was.
//!
//! An archive may go on growing meanwhile. What was listed is what is verified; each thing is listed before what it rests
//! on, and looked at again before it is called missing.

mod anchor;
mod dates;
mod deep;
mod disposition;
mod documents;
mod fold;
mod holds;
mod index;
mod inventory;
mod keeping;
mod keys;
mod locks;
mod officers;
mod published;
mod replay;
mod seal;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::Environment;
use strongroom_crypto::note::VerifierKey;
use strongroom_crypto::{ArchiveId, Digest};

use crate::archive::Progress;
use crate::log::Keyring;
use crate::store::{Covered, LockedStore, ObjectKey, StoreError, get_bounded};

use fold::Fold;
use inventory::Inventory;

pub use crate::pool::Died;
pub use keeping::{Keeping, MODE};
pub use locks::Modes;

/// How a detail begins that somebody has to see at once.
pub const ALARM: &str = "ALARM: ";

/// What to verify and with what.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Whose signature makes a head: all trust begins here, and with the next.
    pub vkey: &'a VerifierKey,
    /// The digest of the first entry, as whoever made the archive told it: without it, or the key file, anyone who can
    /// write to the store can begin the log anew.
    pub log_open: Option<Digest>,
    /// A checkpoint kept from earlier, which the log must still begin with.
    pub checkpoint: Option<&'a Checkpoint>,
    /// The key file, whose keys the first entry must register.
    pub key_file: Option<&'a KeyFile>,
    /// The archive's keys, without which no segment can be opened.
    pub keys: Option<&'a Arc<Keyring>>,
    /// Whether to open every segment and compute all its leaves again.
    pub deep: bool,
    /// Segments, tiles and checkpoints looked at side by side.
    pub threads: usize,
    /// Set from outside to end the verification before the next object.
    pub stop: &'a AtomicBool,
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
    /// The end of the lock that it is about.
    pub lock_until: Option<Timestamp>,
}

/// How far the segments were read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Contents {
    /// Not to the end, or not at all.
    #[default]
    Unread,
    /// All were hashed and compared with their entries.
    Hashed,
    /// All were hashed, decrypted, and their leaves computed again.
    Opened,
}

/// What was verified and what was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The sum of all findings. Never [`Verdict::Pass`] if it was interrupted.
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
    /// How the segments are kept; none, if policies cannot be had or not all was looked at.
    pub keeping: Option<Keeping>,
    /// In which modes objects are locked; none if not all was looked at.
    pub modes: Option<Modes>,
    /// Whether the segments were to be opened.
    pub deep: bool,
    /// How far they were read.
    pub contents: Contents,
    /// Whether it was stopped from outside.
    pub interrupted: bool,
    /// Whether the first entry was compared with what its maker told: by digest, or by the key file.
    pub identified: bool,
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
    /// It was stopped from outside; [`verify`] makes a finding of this.
    #[error("interrupted")]
    Interrupted,
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
    let covered = Covered::default();
    let (modes, findings) = (locks::Counter::default(), Mutex::default());
    let audit = Audit { store, covered, options, progress, modes, findings };
    if options.deep && options.keys.is_none() {
        return Err(VerifyError::NoKeys);
    }
    let mut report = Report::new(options.deep);
    report.identified = options.log_open.is_some() || options.key_file.is_some();
    match audit.run(&mut report) {
        Ok(()) => {}
        Err(VerifyError::Interrupted) => {
            report.interrupted = true;
            let detail = "interrupted: what was not looked at is not known to be right";
            audit.note("interrupted", store.url(), Mark::NotProven, detail);
        }
        Err(error) => return Err(error),
    }
    report.findings = audit.into_findings();
    report.verdict = verdict(&report.findings);
    Ok(report)
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
    fn new(deep: bool) -> Self {
        Self {
            verdict: Verdict::NotProven,
            environment: None,
            archive_id: None,
            log_open_sha256: None,
            log_size: 0,
            root: None,
            segments: 0,
            events: 0,
            keeping: None,
            modes: None,
            deep,
            contents: Contents::Unread,
            interrupted: false,
            identified: false,
            findings: Vec::new(),
        }
    }

    /// The report as `verify --json` prints it.
    pub fn to_json(&self) -> Value {
        object([
            ("archive_id", self.archive_id.map(text).into()),
            ("deep", self.deep.into()),
            ("environment", self.environment.map(text).into()),
            ("events", self.events.into()),
            ("findings", array(self.findings.iter().map(Finding::to_json))),
            ("interrupted", self.interrupted.into()),
            ("keeping", self.keeping.map(Keeping::to_json).into()),
            ("locks", self.modes.map(Modes::to_json).into()),
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
        f.pad(match self {
            Self::Pass => "PASS",
            Self::NotProven => "NOT PROVEN",
            Self::Fail => "FAIL",
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
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
    /// Where true versions lie beneath something else.
    covered: Covered,
    options: &'a Options<'a>,
    progress: &'a dyn Progress,
    modes: locks::Counter,
    findings: Mutex<Vec<Finding>>,
}

/// What reading an object came to.
enum Found<T> {
    /// It is what it should be.
    Good(T),
    Missing,
    /// It is there, and cannot be what it should be.
    Damaged(String),
}

impl<T> Found<T> {
    fn of(read: Result<Option<Result<T, String>>, StoreError>) -> Result<Self, VerifyError> {
        match read {
            Ok(Some(Ok(good))) => Ok(Self::Good(good)),
            Ok(None) => Ok(Self::Missing),
            Ok(Some(Err(detail)))
            | Err(StoreError::Corrupt { detail, .. } | StoreError::Invalid { detail }) => {
                Ok(Self::Damaged(detail))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What it is, or why it is not.
    fn into_result(self) -> Result<T, String> {
        match self {
            Self::Good(good) => Ok(good),
            Self::Missing => Err("it is missing".to_owned()),
            Self::Damaged(detail) => Err(detail),
        }
    }
}

impl Audit<'_> {
    /// All checks in order, and what there is to say about the archive.
    fn run(&self, report: &mut Report) -> Result<(), VerifyError> {
        // The hint before the list: whatever it names was stored before it, and must be in the list.
        let hint = published::read_hint(self)?;
        let inventory = Inventory::take(self)?;
        if inventory.is_empty() {
            return Err(VerifyError::Missing(self.store.url().to_owned()));
        }
        let heads = published::Heads::read(self, &inventory)?;
        let head = heads.head();
        let fold = Fold::run(self, &inventory, head.map_or(0, |head| head.size))?;
        if let Some(opening) = &fold.opening {
            report.environment = Some(opening.environment);
            report.archive_id = Some(opening.archive_id);
            self.check_owner(opening.archive_id)?;
        }
        report.log_open_sha256 = fold.log_open_sha256;
        if let (None, Some(opening)) = (head, &fold.opening)
            && opening.log_vkey != self.options.vkey.to_string()
        {
            self.forget();
            anchor::check_stranger(self, &fold, opening);
            return Ok(());
        }
        (report.log_size, report.root) =
            head.map_or((0, None), |head| (head.size, Some(head.root)));
        report.segments = u64::try_from(fold.seals.len()).unwrap_or(u64::MAX);
        report.events =
            fold.seals.iter().fold(0, |sum, live| sum.saturating_add(live.seal.events.count));
        anchor::check(self, &fold);
        heads.judge(self, &inventory, &fold, &hint)?;
        heads.compare_kept(self, &fold);
        published::tiles(self, &inventory, &fold, &heads)?;
        let dates = dates::Dates::new(self, &fold);
        locks::check_log(self, &inventory, &fold, &dates)?;
        locks::attested(self, &fold);
        officers::check(self, &fold);
        index::check(self, &inventory, &fold)?;
        documents::check(self, &inventory, &fold, &dates)?;
        keys::check(self, &inventory, &fold, &dates)?;
        seal::voids(self, &inventory, &fold);
        seal::orphans(self, &inventory, &fold);
        disposition::check(self, &inventory, &fold, &dates)?;
        report.keeping = seal::check_all(self, &inventory, &fold, &dates)?;
        report.modes = Some(self.modes.modes(&fold));
        report.contents = if self.options.deep { Contents::Opened } else { Contents::Hashed };
        Ok(())
    }

    /// Refuses keys of another archive, which would make everything look damaged.
    fn check_owner(&self, archive: ArchiveId) -> Result<(), VerifyError> {
        let options = self.options;
        let keys = options.keys.map(|keys| keys.archive_id());
        match options.key_file.map(KeyFile::archive_id).or(keys) {
            Some(key) if key != archive => Err(VerifyError::OtherKeys { key, store: archive }),
            _ => Ok(()),
        }
    }

    /// Ends the verification if that was asked for.
    fn go_on(&self) -> Result<(), VerifyError> {
        if self.options.stop.load(Ordering::Relaxed) {
            Err(VerifyError::Interrupted)
        } else {
            Ok(())
        }
    }

    fn note(
        &self,
        check: &'static str,
        object: impl fmt::Display,
        result: Mark,
        detail: impl fmt::Display,
    ) {
        let (object, detail) = (object.to_string(), detail.to_string());
        self.add(Finding { check, object, result, detail, lock_until: None });
    }

    fn add(&self, finding: Finding) {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
    }

    /// Drops what follows from something that is said in its place.
    fn forget(&self) {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads an object of at most `limit` bytes that is never replaced: the version that `open` takes, whatever lies
    /// over it. A planted giant is not read into memory.
    fn read<T>(
        &self,
        key: &ObjectKey,
        limit: usize,
        open: impl Fn(Vec<u8>) -> Result<T, String>,
    ) -> Result<Found<T>, VerifyError> {
        Found::of(self.covered.read(self.store, key, limit, open))
    }

    /// Reads what a name stands for now.
    fn read_current<T>(
        &self,
        key: &ObjectKey,
        limit: usize,
        open: impl Fn(Vec<u8>) -> Result<T, String>,
    ) -> Result<Found<T>, VerifyError> {
        Found::of(get_bounded(self.store, key, limit).map(|found| found.map(open)))
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
        let (object, detail) = ("y".into(), "z".into());
        Finding { check: "x", object, result, detail, lock_until: None }
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
        let findings = vec![finding(Mark::NotProven)];
        let report = Report { log_size: 3, segments: 1, events: 2, findings, ..Report::new(false) };
        let json = String::from_utf8(report.to_json().to_canonical()).unwrap();
        let found = r#""findings":[{"check":"x","detail":"z","object":"y","result":"NOT PROVEN"}]"#;
        assert!(json.contains(found), "{json}");
        assert!(json.ends_with(r#""verdict":"NOT PROVEN"}"#), "{json}");
    }
}
