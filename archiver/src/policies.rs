//! The policies that the log orders, read from beside it, and what they decide of a segment.

mod awaited;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{self, ClockChange, Seal, TimeRange};
use strongroom_crypto::name::{ClassName, HoldId, StreamName};
use strongroom_crypto::state::{LiveSegment, PolicyRecord, State};
use strongroom_crypto::time::Instant;
use strongroom_retention::catalogue::Catalogue;
use strongroom_retention::clock::{ClockEvent, Clocks};
use strongroom_retention::decide::decide;
use strongroom_retention::decision::{Decision, Governance};
use strongroom_retention::facts::{Facts, Stage, Times};
use strongroom_retention::hold::Holds;
use strongroom_retention::period::{Counting, Cutoff, Period};
use strongroom_retention::policy::{
    Code, Complaint, Context, Defaults, LockDemand, Policy, StreamRule,
};
use strongroom_retention::schedule::{Dated, Schedule};

use crate::config::Stream;
use crate::document::Document;
use crate::log::{LogError, timestamp};
use crate::store::{Covered, Lock, LockMode, LockedStore};
use crate::terms::Terms;

/// A stored policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The store, or what it has.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It is there and cannot be read: another program wrote it.
    #[error("policy {digest} cannot be used: {reason}")]
    Unusable {
        /// The policy.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// Its entry says of it what its file does not say.
    #[error(
        "entry {index} says another `{member}` than policy {digest} itself: nothing is decided with it"
    )]
    Differs {
        /// The entry.
        index: u64,
        /// Which of its members.
        member: &'static str,
        /// The policy.
        digest: Digest,
    },
}

/// The labels of streams, by the configuration.
pub type Labels = BTreeMap<StreamName, BTreeMap<String, String>>;

/// The labels of configured streams.
pub fn labels(streams: &[Stream]) -> Labels {
    let named = streams.iter().filter_map(|stream| Some((stream.name.parse().ok()?, stream)));
    named.map(|(name, stream)| (name, stream.labels.clone())).collect()
}

/// Everything of an archive that decides, but for the segment and the time.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    schedule: Schedule,
    clocks: Clocks,
    labels: Labels,
    /// Until when runs have moved settling locks on.
    extended_until: Option<Instant>,
}

impl Policies {
    /// Reads every policy of a state, and the catalogues that they cite.
    ///
    /// # Errors
    ///
    /// [`PolicyError`]: nothing is decided without all of them.
    pub fn load(
        store: &dyn LockedStore,
        covered: &Covered,
        state: &State,
        labels: Labels,
    ) -> Result<Self, PolicyError> {
        let mut catalogues: BTreeMap<Digest, Arc<Catalogue>> = BTreeMap::new();
        let (mut dated, mut previous) = (Vec::new(), None);
        for record in state.policies() {
            let catalogue = if let Some(known) = catalogues.get(&record.catalogue) {
                Arc::clone(known)
            } else {
                // The name is the digest: what this program ships has not to be read.
                let shipped = Catalogue::shipped_text().as_bytes();
                let bytes = if Digest::of(shipped) == record.catalogue {
                    Cow::Borrowed(shipped)
                } else {
                    Cow::Owned(Document::Catalogue.require(store, covered, record.catalogue)?)
                };
                let parsed = text(&bytes)
                    .and_then(|text| Catalogue::parse(text).map_err(|error| error.to_string()));
                let parsed = Arc::new(parsed.map_err(|reason| unusable(record, reason))?);
                catalogues.insert(record.catalogue, Arc::clone(&parsed));
                parsed
            };
            let bytes = Document::Policy.require(store, covered, record.policy)?;
            let approved = timestamp(record.approved);
            // Whether its dates lay ahead was asked when it was approved, and must not be asked again:
            // a policy that was good is good for ever.
            let now = Timestamp::UNIX_EPOCH;
            let context = Context { now, previous: None, catalogue: &catalogue };
            let text = text(&bytes).map_err(|reason| unusable(record, reason))?;
            let policy = Policy::check(text, &context).map_err(|complaints| {
                let unpinned = |one: &Complaint| one.code == Code::CatalogueNotPinned;
                match complaints.first() {
                    _ if complaints.iter().any(unpinned) => differs(record, "catalogue"),
                    first => unusable(record, first.map(ToString::to_string).unwrap_or_default()),
                }
            });
            let policy = Arc::new(policy?.policy);
            let terms = Terms::of(&policy).map_err(|error| unusable(record, error.to_string()))?;
            if let Some(member) = terms.differs(record, previous) {
                return Err(differs(record, member));
            }
            previous = Some(record.policy);
            let one = Dated::new(policy, record.policy, catalogue, approved);
            dated.push(one.map_err(|error| unusable(record, error.to_string()))?);
        }
        let (clocks, extended_until) = (clocks(state), state.extended_until());
        Ok(Self { schedule: Schedule::new(dated), clocks, labels, extended_until })
    }

    /// The same by all that was ever recorded of clocks, in the log's order, and not by what is known
    /// last alone: so it decides as of any time in the past.
    #[must_use]
    pub fn with_clocks(&self, recorded: &[(Instant, entry::ClockEvent)]) -> Self {
        let mut clocks = Clocks::default();
        for (at, event) in recorded {
            let event = ClockEvent {
                stream: event.stream.clone(),
                event: event.event.to_string(),
                at: timestamp(event.happened),
                recorded_at: timestamp(*at),
                reopened: event.kind == ClockChange::Reopened,
                earlier: event.kind == ClockChange::Earlier,
            };
            // The log refuses what had not happened yet.
            clocks.record(event).ok();
        }
        Self { clocks, ..self.clone() }
    }

    /// The class that a decision puts a segment into, else that of its seal.
    pub fn class(decision: &Decision, sealed: &ClassName) -> ClassName {
        decision.governed_by.as_ref().map_or_else(|| sealed.clone(), |by| by.class.clone())
    }

    /// Decides about a live segment.
    pub fn decide(&self, segment: &LiveSegment, holds: &[HoldId], now: Timestamp) -> Decision {
        let holds = Holds { standing: holds.to_vec(), last_release: None };
        self.decide_about(&About::from(segment), None, &holds, now)
    }

    /// Decides about a segment of which is known how long it is locked and who held it.
    pub fn decide_about(
        &self,
        about: &About<'_>,
        lock_until: Option<Timestamp>,
        holds: &Holds,
        now: Timestamp,
    ) -> Decision {
        self.decide_at_stage(about, lock_until, holds, Stage::Live, now)
    }

    /// The same of one of which is known how far its disposal has come.
    pub fn decide_at_stage(
        &self,
        about: &About<'_>,
        lock_until: Option<Timestamp>,
        holds: &Holds,
        stage: Stage,
        now: Timestamp,
    ) -> Decision {
        let facts = Facts {
            segment: None,
            stream: about.stream.clone(),
            labels: self.labels_of(about.stream),
            event_time: about.event_time.map(times),
            receive_time: times(about.receive_time),
            lock_until,
            settle_until: Some(self.settle_until(about)),
            stage,
        };
        decide(&facts, &self.schedule_for(about.stream), holds, &self.clocks, now)
    }

    /// When the settling lock of a segment ends, which runs may have moved on.
    pub fn settle_until(&self, about: &About<'_>) -> Timestamp {
        timestamp(
            self.extended_until.map_or(about.settle_until, |until| until.max(about.settle_until)),
        )
    }

    /// The policies that can be judged for a stream: none, where one of them asks for labels of a
    /// stream whose labels are not known here, for then its date is not known either.
    fn schedule_for(&self, stream: &StreamName) -> Cow<'_, Schedule> {
        if self.lacks_labels(stream) {
            return Cow::Owned(Schedule::default());
        }
        Cow::Borrowed(&self.schedule)
    }

    /// Whether a policy asks for labels of a stream whose labels are not known here.
    pub fn lacks_labels(&self, stream: &StreamName) -> bool {
        let asks = |rule: &StreamRule| {
            let names = &rule.matches.streams;
            !rule.matches.labels.is_empty() && (names.is_empty() || names.contains(stream))
        };
        let mut rules = self.schedule.iter().flat_map(|dated| &dated.policy().streams);
        !self.labels.contains_key(stream) && rules.any(asks)
    }

    /// The labels of a stream.
    pub fn labels_of(&self, stream: &StreamName) -> BTreeMap<String, String> {
        self.labels.get(stream).cloned().unwrap_or_default()
    }

    /// How a segment of a stream is sealed that holds events of these times; none where no policy
    /// speaks of the stream.
    pub fn sealing(
        &self,
        stream: &StreamName,
        event_time: Option<Times>,
        receive_time: Times,
        now: Timestamp,
    ) -> Option<Sealing> {
        let facts = Facts {
            segment: None,
            stream: stream.clone(),
            labels: self.labels_of(stream),
            event_time,
            receive_time,
            lock_until: None,
            settle_until: None,
            stage: Stage::Live,
        };
        let schedule = self.schedule_for(stream);
        let decision = decide(&facts, &schedule, &Holds::default(), &self.clocks, now);
        let governed = decision.governed_by?;
        let (mode, max_span) = (self.mode(&governed)?, self.max_span(&governed)?);
        let retain_until = decision.keep_until.instant();
        let (class, policy) = (governed.class, governed.digest);
        Some(Sealing { class, policy, mode, max_span, retain_until })
    }

    /// How far ahead of its receipt an event may say it happened: by the policy that its seal names, else by the language.
    pub fn future_skew(&self, policy: Option<Digest>) -> SignedDuration {
        let dated = self.schedule.iter().find(|dated| Some(dated.digest()) == policy);
        dated.map_or(Defaults::MAX_FUTURE_SKEW, |dated| dated.policy().defaults.max_future_skew)
    }

    /// The mode in which a policy wants what it governs to be locked.
    pub fn mode(&self, governed: &Governance) -> Option<LockMode> {
        Some(match self.rule(governed)?.lock {
            LockDemand::Governance => LockMode::Governance,
            LockDemand::Compliance => LockMode::Compliance,
        })
    }

    /// Whether permission can lift a lock of which the policy that decided wants that nobody can: a
    /// mode never changes.
    pub fn is_mode_below(&self, decision: &Decision, lock: Option<Lock>) -> bool {
        let wanted = decision.governed_by.as_ref().and_then(|governed| self.mode(governed));
        let has = lock.map(|lock| lock.mode);
        wanted == Some(LockMode::Compliance) && has == Some(LockMode::Governance)
    }

    /// How much time a policy wants between the events of a segment at most.
    pub fn max_span(&self, governed: &Governance) -> Option<SignedDuration> {
        Some(self.rule(governed)?.max_span)
    }

    fn rule(&self, governed: &Governance) -> Option<&StreamRule> {
        let dated = self.schedule.iter().find(|dated| dated.digest() == governed.digest)?;
        let rules = &dated.policy().streams;
        rules.iter().find(|rule| rule.id == governed.stream_rule)
    }

    /// The same with a policy that is not approved yet, as it would be after that.
    #[must_use]
    pub fn with(&self, candidate: Dated) -> Self {
        let all = self.schedule.iter().cloned().chain([candidate]);
        Self { schedule: Schedule::new(all.collect()), ..self.clone() }
    }

    /// How much longer than its segment a manifest is kept, by the newest policy.
    pub fn certificate_retain(&self) -> Period {
        let newest = self.schedule.iter().last();
        newest.map_or(Period::ZERO, |dated| dated.policy().defaults.disposal.certificate_retain)
    }

    /// When approvals lapse that are given under a policy at a time; none if the policy is not known or
    /// no calendar goes so far.
    pub fn approvals_lapse(&self, policy: Digest, at: Timestamp) -> Option<Timestamp> {
        let dated = self.schedule.iter().find(|dated| dated.digest() == policy)?;
        let defaults = &dated.policy().defaults;
        let counting = Counting { zone: defaults.zone.clone(), cutoff: Cutoff::None };
        counting.until(at, defaults.disposal.approval_ttl).ok()
    }

    /// The policies and when each decides.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

/// What of a segment decides, as its entry says it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// When its events happened, where they say so.
    pub event_time: Option<TimeRange>,
    /// When they were received.
    pub receive_time: TimeRange,
    /// When the lock ends that it was born with.
    pub settle_until: Instant,
}

impl<'a> From<&'a LiveSegment> for About<'a> {
    fn from(segment: &'a LiveSegment) -> Self {
        let LiveSegment { stream, event_time, receive_time, settle_until, .. } = segment;
        Self {
            stream,
            event_time: *event_time,
            receive_time: *receive_time,
            settle_until: *settle_until,
        }
    }
}

impl<'a> From<&'a Seal> for About<'a> {
    fn from(seal: &'a Seal) -> Self {
        let Seal { stream, event_time, receive_time, settle_until, .. } = seal;
        Self {
            stream,
            event_time: *event_time,
            receive_time: *receive_time,
            settle_until: *settle_until,
        }
    }
}

/// What a policy says of a segment when it is sealed.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// Its record class.
    pub class: ClassName,
    /// The policy.
    pub policy: Digest,
    /// The mode of its lock, for ever.
    pub mode: LockMode,
    /// How much time may lie between its events.
    pub max_span: SignedDuration,
    /// Until when it is kept, if that is known.
    pub retain_until: Option<Timestamp>,
}

fn clocks(state: &State) -> Clocks {
    let mut clocks = Clocks::default();
    for (stream, event, clock) in state.clocks() {
        let event = ClockEvent {
            stream: stream.clone(),
            event: event.to_string(),
            at: timestamp(clock.happened),
            recorded_at: timestamp(clock.recorded),
            reopened: clock.reopened,
            earlier: false,
        };
        // The log refuses what had not happened yet.
        clocks.record(event).ok();
    }
    clocks
}

fn times(range: TimeRange) -> Times {
    Times::between(timestamp(range.min()), timestamp(range.max()))
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())
}

fn differs(record: &PolicyRecord, member: &'static str) -> PolicyError {
    PolicyError::Differs { index: record.index, member, digest: record.policy }
}

fn unusable(record: &PolicyRecord, reason: String) -> PolicyError {
    PolicyError::Unusable { digest: record.policy, reason }
}
