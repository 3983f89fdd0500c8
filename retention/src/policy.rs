//! The policy, or file plan: which streams are kept how long, by which law, and who says so.
//!
//! What stands here was checked: there is no other way to get a [`Policy`] than to read a policy
//! file without a complaint.

mod check;
mod citation;
mod complaint;
mod conflict;
mod file;
mod matching;
mod node;
mod reader;
mod stream;
mod term;
mod text;

pub use check::{Checked, Context};
pub use complaint::{Code, Complaint};

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::Date;
use strongroom_crypto::Digest;
use strongroom_crypto::name::{ClassName, StreamName};

use crate::catalogue::{Basis, Regulation};
use crate::period::{Cutoff, MonthDay, Period, Zone};

/// A checked policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What it is called.
    pub name: String,
    /// Who answers for it: a function, never a person.
    pub owner: String,
    /// Greater than that of every policy before.
    pub version: u64,
    /// Digest of the policy before.
    pub supersedes: Option<Digest>,
    /// The civil date in [`Defaults::zone`] with whose first instant it begins.
    pub effective: Date,
    /// Which records it governs.
    pub transition: Transition,
    /// When it has to be looked at again.
    pub review_by: Option<Date>,
    /// Digest of the catalogue that it cites.
    pub catalogue: Digest,
    /// What holds for all streams.
    pub defaults: Defaults,
    /// The streams, no two of which match the same.
    pub streams: Vec<StreamRule>,
}

/// Which records a policy governs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transition {
    /// All that are not destroyed.
    Current,
    /// Those whose period by the policy before had not expired when it took effect.
    UnexpiredOnEffectiveDate,
    /// Those made from its first day on.
    RecordsMadeFrom,
}

/// What holds for all streams of a policy.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Whose dates count.
    pub zone: Zone,
    /// The last day of the fiscal year.
    pub fiscal_year_end: MonthDay,
    /// How far ahead of its receipt an event may say it happened.
    pub max_future_skew: SignedDuration,
    /// No lock ends further ahead than this.
    pub max_lock: Period,
    /// How long what could go still stays.
    pub grace: Period,
    /// How long a review may take.
    pub review_sla: Period,
    /// How often locks are looked at.
    pub sweep_every: Period,
    /// Who approves a disposal.
    pub disposal: Disposal,
}

impl Defaults {
    /// How far ahead of its receipt an event may say it happened, where no policy says so.
    pub const MAX_FUTURE_SKEW: SignedDuration = SignedDuration::from_mins(5);
}

/// Who approves a disposal.
#[derive(Clone, Debug)]
pub struct Disposal {
    /// The roles of the two officers, both different.
    pub roles: Vec<String>,
    /// How long an approval counts.
    pub approval_ttl: Period,
    /// How much longer than its segment a certificate is kept.
    pub certificate_retain: Period,
}

/// How one stream is kept.
#[derive(Clone, Debug)]
pub struct StreamRule {
    /// Its id in the policy.
    pub id: String,
    /// What it holds.
    pub title: String,
    /// The record class as written.
    pub record_class: String,
    /// The record class as the log spells it: lower case.
    pub class: ClassName,
    /// Which streams it is about.
    pub matches: Match,
    /// What starts the periods of the stream where the law does not name an event.
    pub clock: Clock,
    /// Overrides the zone of the defaults.
    pub zone: Zone,
    /// The longest time between the events of a segment.
    pub max_span: SignedDuration,
    /// Where it may be stored; empty where it does not matter.
    pub residency: Vec<String>,
    /// The mode of its locks.
    pub lock: LockDemand,
    /// Overrides the grace of the defaults.
    pub grace: Period,
    /// The schedule is the approval.
    pub pre_approved: bool,
    /// Old events keep to their own time.
    pub backfill: Option<Backfill>,
    /// Whose values are personal, if any.
    pub personal_data: Option<PersonalData>,
    /// The rules that apply, each with the choices that were made.
    pub citations: Vec<Citation>,
}

/// What a stream rule is about: all of its conditions hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Match {
    /// One of these streams; any, where there are none.
    pub streams: Vec<StreamName>,
    /// All of these labels.
    pub labels: BTreeMap<String, String>,
}

/// What starts a stream's clock.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Clock {
    /// When the event happened, or was received if that was later.
    EventTime,
    /// An event that somebody records: `account_closed`, `last_in_effect`, …
    Event(String),
}

impl Clock {
    /// The names of the event that starts a rule's minimum; none where the record does. A rule that
    /// an event starts has names of its own. Others wait for the stream's, which keeps longer.
    pub(crate) fn starts_of_min<'a>(&'a self, reg: &'a Regulation) -> Vec<&'a str> {
        match self {
            _ if reg.starts_with_an_event() => reg.clock_events(),
            Self::Event(name) => vec![name],
            Self::EventTime => Vec::new(),
        }
    }

    /// The same for its maximum: what the law counts from the record no stream may put off.
    pub(crate) fn starts_of_max<'a>(&'a self, reg: &'a Regulation) -> Vec<&'a str> {
        let may_wait = reg.starts_with_an_event() || reg.basis == Basis::SelfSet;
        if may_wait { self.starts_of_min(reg) } else { Vec::new() }
    }
}

/// The mode of a stream's locks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LockDemand {
    /// Those with the permission to bypass can undo it.
    Governance,
    /// Nobody can undo it.
    Compliance,
}

/// A minimum period counts from the event's own time although it was received much later.
#[derive(Clone, Debug)]
pub struct Backfill {
    /// Only for what was received before this date in the stream's zone.
    pub received_before: Date,
    /// Why.
    pub rationale: String,
}

/// Personal values of a stream.
#[derive(Clone, Debug)]
pub struct PersonalData {
    /// Each value and the one it belongs to, as RFC 9535 paths.
    pub fields: Vec<PersonalField>,
    /// Whether one person's values can be destroyed alone.
    pub shred_per_subject: bool,
    /// Paths that are not part of the record that the law wants kept.
    pub not_part_of_required_record: Vec<String>,
}

/// A personal value and whose it is.
#[derive(Clone, Debug)]
pub struct PersonalField {
    /// Path of the value.
    pub value: String,
    /// Path of the subject's id.
    pub subject: String,
}

/// One rule of the catalogue and what the policy makes of it.
#[derive(Clone, Debug)]
pub struct Citation {
    /// The rule's id in the catalogue.
    pub reg: String,
    /// A minimum in place of the catalogue's, at least as long where that is mandated.
    pub set_min: Option<Period>,
    /// A maximum in place of the catalogue's.
    pub set_max: Option<Period>,
    /// The cut-off, where the policy names one in place of the catalogue's.
    pub cutoff: Option<Cutoff>,
    /// Why these numbers.
    pub rationale: Option<String>,
    /// A conflict that was decided.
    pub decision: Option<ConflictDecision>,
    /// Who accepted a rule whose text was not checked.
    pub accepted_by: Vec<String>,
}

impl Citation {
    /// Whether officers decided that its maximum gives way to every minimum.
    pub(crate) fn gives_way(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| decision.code == "C1")
    }
}

/// A conflict between rules that officers decided.
#[derive(Clone, Debug)]
pub struct ConflictDecision {
    /// Which one: `C1` or `C3`; `C1` settles both.
    pub code: String,
    /// Who did, by id or role.
    pub approved_by: Vec<String>,
    /// When it has to be looked at again.
    pub review_by: Date,
}

#[cfg(test)]
mod tests;
