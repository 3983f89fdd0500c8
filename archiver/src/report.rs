//! Reports: what officers and auditors ask an archive, as of an instant.
//!
//! A report reads and changes nothing. It speaks of the log as it stood at its instant, and of objects
//! and locks as the store has them when it is made: stores keep no history of those. A later instant
//! than now shows what would be if nothing else were entered.
//!
//! | module | question |
//! | --- | --- |
//! | [`retention`] | what is kept, until when, and what stands in the way of its going |
//! | [`holds`] | what is held, since when, and what a release left held |
//! | [`coverage`] | which streams are not as they should be |
//! | [`dispositions`] | what was destroyed, by whose order |
//! | [`cost`] | what keeping it costs |
//! | [`pci`] | PCI DSS 10.5.1 |
//! | [`table`] | rows and columns, and how they are written |

pub mod cost;
pub mod coverage;
mod days;
pub mod dispositions;
pub mod holds;
mod origins;
pub mod pci;
pub mod retention;
pub mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::SegmentId;
use strongroom_crypto::entry::{EntryKind, Seal, TimeRange};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::ClassName;
use strongroom_crypto::state::{self, FoldError, LiveSegment, Undecided};
use strongroom_crypto::time::Instant;
use strongroom_retention::decision::Decision;
use strongroom_retention::facts::Stage;
use strongroom_retention::hold::Holds;

use crate::disposition::history::History;
use crate::disposition::review::Stages;
use crate::log::{LogError, instant, timestamp, walk};
use crate::policies::{About, Labels, Policies, PolicyError};
use crate::pool::{self, Died};
use crate::prices::PriceError;
use crate::quarantine::believed;
use crate::store::{Covered, Head, Lock, LockedStore, ObjectKey, StoreError};
use origins::Origins;
use table::Stamp;

/// Objects that are looked at side by side.
const HEADS_AT_ONCE: usize = 8;

/// A report that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The log or the store.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A policy of the log.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The price table.
    #[error(transparent)]
    Prices(#[from] PriceError),
    /// A thread.
    #[error(transparent)]
    Died(#[from] Died),
    /// The archive was not there yet.
    #[error("the archive was begun {begun}, after {at}")]
    Early {
        /// When.
        begun: Instant,
        /// The instant that was asked for.
        at: Instant,
    },
}

impl From<StoreError> for ReportError {
    fn from(error: StoreError) -> Self {
        Self::Log(error.into())
    }
}

impl From<Undecided> for ReportError {
    fn from(reason: Undecided) -> Self {
        Self::Log(FoldError::Undecided(reason).into())
    }
}

/// An archive as of an instant.
pub struct AsOf<'a> {
    store: &'a dyn LockedStore,
    keys: &'a KeyFile,
    covered: &'a Covered,
    at: Timestamp,
    history: History,
    policies: Policies,
    /// When each source was heard of last.
    origins: Origins,
    /// When the last run ended.
    closed: Option<Instant>,
}

/// A live segment and everything that is decided about it.
struct Examined<'a> {
    segment: &'a LiveSegment,
    events: u64,
    /// When its events happened, or came where they do not say, or say what is to come.
    times: TimeRange,
    /// What the store says of the object; none if it is not there, or not to be read.
    head: Option<Head>,
    decision: Decision,
    /// It gathers late events of several days.
    late: bool,
    /// It is not there because an order destroys it, by now if not by the report's instant.
    gone: bool,
}

impl<'a> AsOf<'a> {
    /// Reads the log of an archive as it stood at an instant, and its policies.
    ///
    /// # Errors
    ///
    /// [`ReportError`].
    pub fn read(
        store: &'a dyn LockedStore,
        keys: &'a KeyFile,
        covered: &'a Covered,
        labels: Labels,
        at: Timestamp,
    ) -> Result<Self, ReportError> {
        let (mut closed, mut begun) = (None, None);
        let mut origins = Origins::default();
        let until = instant(at);
        let history =
            History::read_until(store, keys, covered, until, |entry, ranges| match entry.kind() {
                EntryKind::LogOpen(_) => begun = Some(entry.at()),
                EntryKind::SegmentSeal(seal) => origins.add(seal, ranges),
                EntryKind::WindowClose(_) => closed = Some(entry.at()),
                _ => {}
            })?;
        if let Some(begun) = begun.filter(|begun| *begun > until) {
            return Err(ReportError::Early { begun, at: until });
        }
        // Behind an entry that this program does not know nothing may be decided.
        if let Some(index) = history.state.unknown_critical() {
            return Err(LogError::UnknownCritical(index).into());
        }
        let policies = Policies::load(store, covered, &history.state, labels)?;
        // Of the log's own precision, so that what the report says of its instant is what it was made of.
        let at = timestamp(until);
        Ok(Self { store, keys, covered, at, history, policies, origins, closed })
    }

    /// What every report says of itself.
    pub fn stamp(&self) -> Stamp {
        let policy = self.state().policy_in_force(self.instant());
        Stamp {
            archive: self.state().archive_id(),
            as_of: self.instant(),
            policy: policy.map(|record| (record.policy, record.version)),
            log_size: self.state().size(),
        }
    }

    fn state(&self) -> &state::State {
        &self.history.state
    }

    fn instant(&self) -> Instant {
        instant(self.at)
    }

    /// The entry of a seal.
    fn seal(&self, id: &SegmentId) -> Option<&Seal> {
        self.history.seals.get(id).map(|(_, seal)| seal)
    }

    /// How far ahead of its receipt an event of a segment may say it happened.
    fn skew(&self, seal: &Seal) -> SignedDuration {
        self.policies.future_skew(seal.policy)
    }

    /// When the events of a segment happened, as far as they are believed.
    fn times(&self, seal: &Seal) -> TimeRange {
        believed(seal, self.skew(seal))
    }

    /// What the store says of the objects of segments. One that is not there, or of which nothing can
    /// be read, has no head.
    fn heads(&self, segments: &[&LiveSegment]) -> Result<BTreeMap<SegmentId, Head>, ReportError> {
        let found = Mutex::new(BTreeMap::new());
        pool::each(HEADS_AT_ONCE, segments, |segment| -> Result<(), ReportError> {
            let object = ObjectKey::new(segment.object.as_str())?;
            let version = self.covered.version(&object);
            let head = match self.store.head(&object, version.as_ref()) {
                Err(StoreError::Corrupt { .. }) => None,
                head => head?,
            };
            if let Some(head) = head {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.insert(segment.segment_id, head);
            }
            Ok(())
        })?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The segments that orders of the whole log destroy.
    fn gone(&self) -> Result<BTreeSet<SegmentId>, ReportError> {
        let (_, seals) = walk(self.store, self.keys, self.covered)?;
        let gone = seals.into_iter().filter(|sealed| sealed.gone.is_some());
        Ok(gone.map(|sealed| sealed.seal.segment_id).collect())
    }

    /// How far the disposals of segments have come that no order has.
    fn stages(&self) -> Result<Stages, ReportError> {
        Ok(self.history.stages(self.store, self.covered, self.instant())?)
    }

    /// Decides about every live segment, with the locks that the store has.
    fn examine(&self, stages: &Stages) -> Result<Vec<Examined<'_>>, ReportError> {
        let segments: Vec<&LiveSegment> = self.state().segments().collect();
        let mut heads = self.heads(&segments)?;
        let gone = if heads.len() < segments.len() { self.gone()? } else { BTreeSet::new() };
        let mut examined = Vec::new();
        for segment in segments {
            let head = heads.remove(&segment.segment_id);
            let lock = head.as_ref().and_then(|head| head.lock);
            let standing = self.state().holds_over(segment)?;
            let holds = Holds { standing, last_release: self.history.last_release(segment) };
            let until = lock.map(|lock| lock.until);
            let (id, about) = (&segment.segment_id, About::from(segment));
            let ordered = self.state().order_over(id)?.is_some();
            let stage = if ordered { Stage::Ordered } else { stages.of(id) };
            let seal = self.seal(id);
            examined.push(Examined {
                segment,
                events: seal.map_or(0, |seal| seal.events.count),
                times: seal.map_or(segment.receive_time, |seal| self.times(seal)),
                late: seal.is_some_and(|seal| seal.late),
                gone: head.is_none() && gone.contains(id),
                head,
                decision: self.policies.decide_at_stage(&about, until, &holds, stage, self.at),
            });
        }
        Ok(examined)
    }

    /// The class by which something is governed at an instant; where nothing governs it, the one it was
    /// sealed with.
    fn class(&self, about: &About<'_>, sealed: &ClassName, at: Timestamp) -> ClassName {
        let decision = self.policies.decide_about(about, None, &Holds::default(), at);
        Policies::class(&decision, sealed)
    }
}

impl std::fmt::Debug for AsOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsOf")
            .field("at", &self.at)
            .field("size", &self.state().size())
            .finish_non_exhaustive()
    }
}

impl Examined<'_> {
    fn lock(&self) -> Option<Lock> {
        self.head.as_ref().and_then(|head| head.lock)
    }

    /// Whether the store has what was sealed.
    fn is_there(&self) -> bool {
        let sealed = self.segment.object_sha256;
        self.head.as_ref().is_some_and(|head| head.sha256 == Some(sealed))
    }

    /// Whether it is not there as it was sealed, and no order says why.
    fn is_missing(&self) -> bool {
        !self.is_there() && !self.gone
    }

    fn class(&self) -> &ClassName {
        let governed = self.decision.governed_by.as_ref();
        governed.map_or(&self.segment.class, |governed| &governed.class)
    }

    /// The end of a lock that ends later than anything wants, if it has not ended.
    fn locked_beyond(&self, at: Timestamp) -> Option<Instant> {
        let beyond = self.decision.locked_beyond_schedule?;
        (beyond.until > at).then(|| instant(beyond.until))
    }

    /// From when it may be destroyed, if that is known.
    fn goes(&self) -> Option<Timestamp> {
        self.decision.destroyable_from
    }
}

/// The least and the greatest of some instants.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Span {
    fn add(&mut self, at: Instant) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = self.last.max(Some(at));
    }

    fn add_range(&mut self, range: TimeRange) {
        self.add(range.min());
        self.add(range.max());
    }

    fn add_time(&mut self, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.add(instant(at));
        }
    }
}
