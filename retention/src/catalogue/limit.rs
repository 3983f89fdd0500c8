//! How long a record is kept at least and at most, as catalogues write it.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::period::Period;

/// How long a record is kept at least.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Minimum {
    /// The rule says nothing.
    None,
    /// So long.
    Period(Period),
    /// So long as the organisation says.
    OrgDefined,
    /// As long as the enterprise and its successors exist.
    LifeOfEnterprise,
    /// As long as the record that it is about.
    AtLeastSubjectRecord,
    /// As long as other rules say.
    Inherits,
    /// As another text says.
    Elsewhere(String),
}

impl Minimum {
    /// The number that counts where the policy gives none: what is kept for the life of the
    /// enterprise goes with its end.
    pub fn counted(&self) -> Option<Period> {
        if *self == Self::LifeOfEnterprise { Some(Period::ZERO) } else { self.period() }
    }

    /// Whether the rule wants a number and leaves it to the policy.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::OrgDefined | Self::AtLeastSubjectRecord | Self::Elsewhere(_))
    }

    /// Whether the rule has no place for a number of its own.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::None | Self::Inherits)
    }

    /// The number, if there is one.
    pub fn period(&self) -> Option<Period> {
        if let Self::Period(period) = self { Some(*period) } else { None }
    }
}

impl fmt::Display for Minimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Period(period) => period.fmt(f),
            Self::OrgDefined => f.write_str("org_defined"),
            Self::LifeOfEnterprise => f.write_str("life_of_enterprise"),
            Self::AtLeastSubjectRecord => f.write_str("at_least_subject_record"),
            Self::Inherits => f.write_str("inherits"),
            Self::Elsewhere(word) => f.write_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for Minimum {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(Self::None) };
        Ok(match text.as_str() {
            "org_defined" => Self::OrgDefined,
            "life_of_enterprise" => Self::LifeOfEnterprise,
            "at_least_subject_record" => Self::AtLeastSubjectRecord,
            "inherits" => Self::Inherits,
            _ if is_word(&text) => Self::Elsewhere(text),
            _ => Self::Period(period(&text)?),
        })
    }
}

/// How long a record is kept at most.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Maximum {
    /// The rule says nothing.
    None,
    /// So long.
    Period(Period),
    /// Until this holds: the policy gives the number.
    Criterion(String),
}

impl Maximum {
    /// The number, if there is one.
    pub fn period(&self) -> Option<Period> {
        if let Self::Period(period) = self { Some(*period) } else { None }
    }
}

impl fmt::Display for Maximum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Period(period) => period.fmt(f),
            Self::Criterion(word) => f.write_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for Maximum {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Option::<String>::deserialize(from)? {
            None => Self::None,
            Some(text) if is_word(&text) => Self::Criterion(text),
            Some(text) => Self::Period(period(&text)?),
        })
    }
}

/// How long a record has to be at hand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FastPeriod {
    /// So long.
    Period(Period),
    /// As long as it is kept.
    Full,
}

impl fmt::Display for FastPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Period(period) => period.fmt(f),
            Self::Full => f.write_str("full_period"),
        }
    }
}

impl<'de> Deserialize<'de> for FastPeriod {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "full_period" => Ok(Self::Full),
            text => period(text).map(Self::Period),
        }
    }
}

/// Words begin with two letters in lower case, periods with `P`; `p6y` is neither.
fn is_word(text: &str) -> bool {
    text.len() > 1 && text.bytes().take(2).all(|byte| byte.is_ascii_lowercase())
}

pub(super) fn period<E: serde::de::Error>(text: &str) -> Result<Period, E> {
    text.parse().map_err(E::custom)
}
