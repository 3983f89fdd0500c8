//! What was decided of a segment, and every rule that had a part in it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use strongroom_crypto::Digest;
use strongroom_crypto::name::ClassName;

use crate::catalogue::Immutability;
use crate::facts::Facts;
use crate::hold::Holds;
use crate::period::{Period, Zone};

/// Raised when the same inputs may give another decision.
pub const ENGINE_VERSION: u32 = 1;

/// The end of a period; an open one is later than all others.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum KeepUntil {
    /// The first instant after it.
    Until(Timestamp),
    /// Not known: a clock has not started, or no policy says.
    Open,
}

impl KeepUntil {
    /// The instant, if it is known.
    pub fn instant(self) -> Option<Timestamp> {
        if let Self::Until(at) = self { Some(at) } else { None }
    }
}

/// What may happen to a segment at an instant.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The instant.
    pub at: Timestamp,
    /// What was known of the segment.
    pub facts: Facts,
    /// The holds over it.
    pub holds: Holds,
    /// What governs it; nothing, where it is unclassified.
    pub governed_by: Option<Governance>,
    /// It may not go before.
    pub keep_until: KeepUntil,
    /// It has to be gone by then.
    pub must_go_by: Option<Timestamp>,
    /// It has to be at hand until then.
    pub fast_until: Option<KeepUntil>,
    /// Where its lock has to end. The settling lock rolls on beside it while `keep_until` is open.
    pub lock_until: Option<Timestamp>,
    /// The lock ends earlier than the law wants, because the policy allows no longer one, or no store
    /// does ([`LATEST_LOCK`](crate::LATEST_LOCK)). It has to be moved again.
    pub lock_capped: bool,
    /// When its period, its lock and the last hold were over.
    pub eligible_at: Option<Timestamp>,
    /// When the grace after that is over.
    pub destroyable_from: Option<Timestamp>,
    /// The rule that keeps it longest.
    pub deciding_rule: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What is to be said beside the state.
    pub flags: BTreeSet<Flag>,
    /// Its lock ends later than anything wants.
    pub locked_beyond_schedule: Option<LockedBeyond>,
    /// How it has to be protected.
    pub immutability: Immutability,
    /// Every cited rule, by its id.
    pub rules: Vec<RuleResult>,
    /// The version of the time zone database.
    pub tzdata: &'static str,
    /// [`ENGINE_VERSION`].
    pub engine: u32,
}

impl Decision {
    /// Whether destruction may be ordered at the decision's instant.
    pub fn may_be_destroyed(&self) -> bool {
        self.state == State::Approved
            && self.flags.is_disjoint(&BTreeSet::from([Flag::Held, Flag::Blocked]))
            && self.destroyable_from.is_some_and(|from| from <= self.at)
    }
}

/// The policy that governs a segment.
#[derive(Clone, Debug)]
pub struct Governance {
    /// The policy's name.
    pub policy: String,
    /// Its version.
    pub version: u64,
    /// Digest of its text.
    pub digest: Digest,
    /// Digest of the catalogue that it cites.
    pub catalogue: Digest,
    /// From when it decides.
    pub effective: Timestamp,
    /// The stream rule that matched.
    pub stream_rule: String,
    /// The record class.
    pub class: ClassName,
    /// Whose dates count.
    pub zone: Zone,
    /// The grace.
    pub grace: Period,
}

/// Where a segment stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// No date is known yet.
    Open,
    /// It is kept.
    Retain,
    /// It may be proposed.
    Eligible,
    /// It was proposed, or its approval is void.
    InReview,
    /// It was approved.
    Approved,
    /// Its destruction is ordered.
    Destroying,
    /// It is gone.
    Destroyed,
}

impl State {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Retain => "RETAIN",
            Self::Eligible => "ELIGIBLE",
            Self::InReview => "IN_REVIEW",
            Self::Approved => "APPROVED",
            Self::Destroying => "DESTROYING",
            Self::Destroyed => "DESTROYED",
        }
    }
}

/// What is to be said beside the state.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Flag {
    /// A hold stands.
    Held,
    /// One rule keeps what another wants gone, and nobody decided.
    Blocked,
    /// It should be gone.
    Overdue,
}

impl Flag {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Blocked => "BLOCKED",
            Self::Overdue => "OVERDUE",
        }
    }
}

/// A lock that ends later than anything wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LockedBeyond {
    /// When it really ends.
    pub until: Timestamp,
    /// How many days later, in the schedule's zone.
    pub days: i32,
}

/// What one cited rule has to say.
#[derive(Clone, Debug)]
pub struct RuleResult {
    /// Its id.
    pub reg: String,
    /// Where it is written; empty where the catalogue does not have it.
    pub citation: String,
    /// What it weighs.
    pub weight: Weight,
    /// The minimum.
    pub min: Option<Count>,
    /// The maximum.
    pub max: Option<Count>,
    /// How long it has to be at hand.
    pub fast: Option<KeepUntil>,
    /// How it has to be protected.
    pub immutability: Immutability,
    /// What is to be said of it, sorted.
    pub notes: BTreeSet<Note>,
}

/// What a rule weighs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weight {
    /// It binds by itself.
    Binding,
    /// Its minimum counts because the policy cites it; its maximum is advice.
    Adopted,
    /// Nothing but words.
    Advice,
}

impl Weight {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Adopted => "adopted",
            Self::Advice => "advice",
        }
    }
}

/// A period as it was counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Count {
    /// The number; none where nobody gave it.
    pub period: Option<Period>,
    /// Who gave it.
    pub number_from: NumberFrom,
    /// What starts it.
    pub start: Start,
    /// The instant that started it.
    pub anchor: Option<Timestamp>,
    /// The civil date of that instant.
    pub date: Option<Date>,
    /// The civil date that the period counts from.
    pub cut_off: Option<Date>,
    /// Its end.
    pub until: KeepUntil,
}

/// Who gave a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NumberFrom {
    /// The catalogue.
    Catalogue,
    /// The policy.
    Policy,
}

impl NumberFrom {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Policy => "policy",
        }
    }
}

/// What starts a period.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Start {
    /// The time of an event.
    EventTime,
    /// The time of receipt.
    ReceiveTime,
    /// A clock event.
    Clock(String),
}

impl Start {
    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::EventTime => "event_time",
            Self::ReceiveTime => "receive_time",
            Self::Clock(event) => event,
        }
    }
}

/// What is to be said of a rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Note {
    /// The catalogue does not have it.
    Unknown,
    /// It is no law any more.
    Rescinded,
    /// Its maximum is advice.
    AdviceOnly,
    /// Nobody gave its number.
    NoNumber,
    /// Its clock has not started.
    NotStarted,
    /// It ends beyond the calendar.
    BeyondCalendar,
    /// The event lies too far ahead of its receipt: its receipt counts.
    FutureEvent,
    /// The event counts although it was received much later.
    Backfill,
    /// C1: it wants gone what this rule keeps, and nobody decided.
    Conflict(String),
    /// C2: by its own text it yields to this rule.
    Exempted(String),
    /// C3: this rule is the law of another place, to which it does not yield by itself.
    ForeignLaw(String),
    /// The policy decided that it yields to this rule.
    Decided(String),
}

impl Note {
    /// Its code, and the rule that it is about.
    pub fn code(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Unknown => ("not_in_catalogue", None),
            Self::Rescinded => ("rescinded", None),
            Self::AdviceOnly => ("advice_only", None),
            Self::NoNumber => ("no_number", None),
            Self::NotStarted => ("clock_not_started", None),
            Self::BeyondCalendar => ("beyond_calendar", None),
            Self::FutureEvent => ("future_event", None),
            Self::Backfill => ("backfill", None),
            Self::Conflict(with) => ("C1", Some(with)),
            Self::Exempted(with) => ("C2", Some(with)),
            Self::ForeignLaw(with) => ("C3", Some(with)),
            Self::Decided(with) => ("decided", Some(with)),
        }
    }
}
