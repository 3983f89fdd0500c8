//! How binding a rule is, and how sure its compilers are.

use serde::Deserialize;

/// What kind of text a rule is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// An act.
    Law,
    /// A regulation under an act.
    Regulation,
    /// An order of an authority.
    Directive,
    /// A rule of a self-regulatory organisation.
    SroRule,
    /// A records schedule of an authority.
    Schedule,
    /// A standard that an authority made binding.
    StandardMandatory,
    /// A contract.
    Contract,
    /// A standard.
    Standard,
    /// Guidance.
    Guidance,
    /// What an attestation is measured by.
    Attestation,
    /// Custom.
    Custom,
}

impl Force {
    /// Its name in catalogues.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Law => "law",
            Self::Regulation => "regulation",
            Self::Directive => "directive",
            Self::SroRule => "sro_rule",
            Self::Schedule => "schedule",
            Self::StandardMandatory => "standard_mandatory",
            Self::Contract => "contract",
            Self::Standard => "standard",
            Self::Guidance => "guidance",
            Self::Attestation => "attestation",
            Self::Custom => "custom",
        }
    }

    /// Whether it is law in the wide sense: a contract or a standard exempts from no law.
    pub fn is_law(self) -> bool {
        match self {
            Self::Law
            | Self::Regulation
            | Self::Directive
            | Self::SroRule
            | Self::Schedule
            | Self::StandardMandatory => true,
            Self::Contract | Self::Standard | Self::Guidance | Self::Attestation | Self::Custom => {
                false
            }
        }
    }
}

/// What the number of a rule rests on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The text names it.
    Mandated,
    /// It follows from the text by reference.
    Derived,
    /// A regulator or a standard recommends it.
    Recommended,
    /// Everybody does it.
    Customary,
    /// The rule says that there has to be one: the policy gives it.
    SelfSet,
    /// There is none.
    None,
}

impl Basis {
    /// Its name in catalogues.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mandated => "mandated",
            Self::Derived => "derived",
            Self::Recommended => "recommended",
            Self::Customary => "customary",
            Self::SelfSet => "self_set",
            Self::None => "none",
        }
    }

    /// Whether the rule binds by itself, and not because a policy adopted it.
    pub fn binds(self) -> bool {
        match self {
            Self::Mandated | Self::Derived | Self::SelfSet => true,
            Self::Recommended | Self::Customary | Self::None => false,
        }
    }
}

/// How hard a maximum is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum MaxKind {
    /// Delete by then.
    Hard,
    /// Delete by then unless a law or the business needs it.
    Soft,
    /// Better delete by then.
    Recommended,
    /// None.
    None,
}

impl MaxKind {
    /// Its name in catalogues.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Recommended => "recommended",
            Self::None => "none",
        }
    }
}

/// How sure the compilers of a rule are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The text was read.
    High,
    /// Parts of it were.
    Medium,
    /// Hardly.
    Low,
}

impl Confidence {
    /// Its name in catalogues.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}
