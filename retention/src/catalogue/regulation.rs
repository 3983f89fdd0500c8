//! One rule of the catalogue.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::force::{Basis, Confidence, Force, MaxKind};
use super::limit::{FastPeriod, Maximum, Minimum, period};
use crate::period::{Cutoff, MonthDay};

/// Starts that are the making of the record itself, under the names that laws give it.
const RECORD_STARTS: [&str; 9] = [
    "communication",
    "created",
    "processing_date",
    "received_or_sent",
    "record_made",
    "record_made_or_account_closed",
    "request_made",
    "transaction_date",
    "transaction_date_or_unblocked",
];
/// Starts that are no event: the rule leaves it to the record that it is about, or to the policy.
const OPEN_STARTS: [&str; 3] = ["n/a", "per_disclosed_criteria", "variant"];

/// A rule that says how long a kind of record is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regulation {
    /// Its id, by which a policy cites it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Where it is law: `US`, `US-NY`, `EU`, …
    pub jurisdiction: String,
    /// Where it is written.
    pub citation: String,
    /// What kind of text it is.
    pub force: Force,
    /// What its number rests on.
    pub basis: Basis,
    /// What has changed, and when.
    #[serde(default)]
    pub status: Status,
    /// What it is about.
    pub record_kinds: Vec<String>,
    /// How long a record is kept at least.
    pub retain_min: Minimum,
    /// What an authority may ask for on named records.
    #[serde(default)]
    pub retain_min_on_request: Option<String>,
    /// Cases with numbers of their own: for people, not for the engine.
    #[serde(default)]
    pub variants: Vec<BTreeMap<String, String>>,
    /// How long a record is kept at most.
    pub retain_max: Maximum,
    /// How hard the maximum is.
    pub max_kind: MaxKind,
    /// How long a record has to be at hand.
    pub fast_access: Option<FastAccess>,
    /// How a record is protected.
    pub immutability: Immutability,
    /// What starts the period.
    pub clock_start: String,
    /// Where the start moves first.
    pub cutoff: CutoffKind,
    /// Duties at the end.
    pub disposal_duty: String,
    /// What it means for a request to erase.
    pub erasure_interplay: String,
    /// What an engine has to know.
    #[serde(default)]
    pub engine_notes: Option<String>,
    /// How sure its compilers are.
    pub confidence: Confidence,
    /// What they read.
    pub source: String,
}

impl Regulation {
    /// Whether the period starts when the record is made or received.
    pub fn starts_with_the_record(&self) -> bool {
        RECORD_STARTS.contains(&self.clock_start.as_str())
    }

    /// Whether the period starts with an event that somebody has to record. A rule that leaves the
    /// number to the policy leaves the start to it, too.
    pub fn starts_with_an_event(&self) -> bool {
        let start = self.clock_start.as_str();
        let open = OPEN_STARTS.contains(&start) || start.starts_with("inherits_");
        !open && !self.starts_with_the_record() && self.basis != Basis::SelfSet
    }

    /// The names under which the event that starts the period may be recorded: the whole, and each
    /// alternative of an `…_or_…` that is not the making of the record.
    pub fn clock_events(&self) -> Vec<&str> {
        let whole = self.clock_start.as_str();
        let parts = whole.strip_suffix("_whichever_later").unwrap_or(whole).split("_or_");
        let others = parts.filter(|part| *part != whole && !RECORD_STARTS.contains(part));
        std::iter::once(whole).chain(others).collect()
    }

    /// Whether it is no law any more.
    pub fn is_rescinded(&self) -> bool {
        self.status.get("rescinded").is_some()
    }

    /// Whether nobody checked it against a text: a policy has to name who accepts it.
    pub fn is_unchecked(&self) -> bool {
        self.source == "knowledge"
    }

    /// Its cut-off in a schedule whose fiscal year ends on a day.
    pub fn cutoff(&self, fiscal_year_end: MonthDay) -> Cutoff {
        match self.cutoff {
            CutoffKind::None => Cutoff::None,
            CutoffKind::Month => Cutoff::Month,
            CutoffKind::CalendarYear => Cutoff::CalendarYear,
            CutoffKind::FiscalYear => Cutoff::FiscalYear(fiscal_year_end),
        }
    }
}

/// How a record has to be at hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastAccess {
    /// How long, if the rule says so.
    #[serde(default)]
    pub period: Option<FastPeriod>,
    /// What the rule says.
    #[serde(default)]
    pub meaning: Option<String>,
}

/// How a record is protected; the greater is the stronger.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum Immutability {
    /// Not.
    #[default]
    None,
    /// By access control.
    Protected,
    /// Changes show.
    TamperEvident,
    /// It cannot be changed, or every change is kept in a trail.
    WormOrAuditTrail,
    /// It cannot be changed.
    Worm,
}

impl Immutability {
    /// Its name in catalogues.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Protected => "protected",
            Self::TamperEvident => "tamper_evident",
            Self::WormOrAuditTrail => "worm_or_audit_trail",
            Self::Worm => "worm",
        }
    }
}

/// Where the start of a period moves first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum CutoffKind {
    /// Nowhere.
    None,
    /// To the end of its month.
    Month,
    /// To the end of its calendar year.
    CalendarYear,
    /// To the end of the policy's fiscal year.
    FiscalYear,
}

impl CutoffKind {
    /// Its name in catalogues.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Month => "month",
            Self::CalendarYear => "calendar_year",
            Self::FiscalYear => "fiscal_year",
        }
    }
}

/// What has changed, and when.
#[derive(Clone, Debug, Default)]
pub struct Status(BTreeMap<String, String>);

impl Status {
    /// What it says of `effective`, `rescinded`, `replaces`, `previous_retain_min`, …
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The same as a date.
    pub fn date(&self, name: &str) -> Option<Date> {
        self.get(name)?.parse().ok()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name} {value}")).collect();
        f.write_str(&words.join(", "))
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let status = Self(BTreeMap::deserialize(from)?);
        for name in ["effective", "rescinded"] {
            if status.get(name).is_some() && status.date(name).is_none() {
                return Err(D::Error::custom("expected a date like `2027-01-31`"));
            }
        }
        status.get("previous_retain_min").map(period::<D::Error>).transpose()?;
        Ok(status)
    }
}
