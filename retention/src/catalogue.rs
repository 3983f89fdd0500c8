//! The catalogue: law, standards and custom as data. It is not legal advice.
//!
//! A policy names the catalogue that it cites by its digest, so a decision can be reached again
//! with the same text years later.

mod force;
mod limit;
mod precedence;
mod regulation;

use std::collections::BTreeMap;

use serde::Deserialize;
use strongroom_crypto::Digest;

use crate::yaml;

pub use force::{Basis, Confidence, Force, MaxKind};
pub use limit::{FastPeriod, Maximum, Minimum};
pub use regulation::{CutoffKind, FastAccess, Immutability, Regulation, Status};

/// The catalogue that is built in.
const SHIPPED: &str = include_str!("../catalogue.yaml");
/// The form that this program reads.
const SCHEMA: &str = "strongroom.catalogue/v1";
/// Longest catalogue in bytes: twenty times the one shipped.
const MAX_BYTES: usize = 1 << 20;

/// A checked catalogue: every rule has an id of its own.
#[derive(Clone, Debug)]
pub struct Catalogue {
    digest: Digest,
    compiled: String,
    entries: Vec<Regulation>,
    places: BTreeMap<String, usize>,
}

/// A text that is not a catalogue.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CatalogueError {
    /// Longer than any catalogue.
    #[error("the catalogue has {found} bytes, at most {MAX_BYTES} are read")]
    TooLong {
        /// How long it is.
        found: usize,
    },
    /// Not YAML of its shape.
    #[error("the catalogue is malformed: {detail}")]
    Syntax {
        /// What is wrong, with line and column.
        detail: String,
    },
    /// Of another version.
    #[error("the catalogue has the schema `{found}`, expected `{SCHEMA}`")]
    Schema {
        /// What it says.
        found: String,
    },
    /// Two rules of one id.
    #[error("the catalogue has two rules `{id}`: give one of them another id")]
    Duplicate {
        /// The id.
        id: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    compiled: String,
    entries: Vec<Regulation>,
}

impl Catalogue {
    /// Reads a catalogue.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        if text.len() > MAX_BYTES {
            return Err(CatalogueError::TooLong { found: text.len() });
        }
        let file: File = yaml::read(text).map_err(|detail| CatalogueError::Syntax { detail })?;
        if file.schema != SCHEMA {
            return Err(CatalogueError::Schema { found: file.schema });
        }
        let mut places = BTreeMap::new();
        for (place, entry) in file.entries.iter().enumerate() {
            if places.insert(entry.id.clone(), place).is_some() {
                return Err(CatalogueError::Duplicate { id: entry.id.clone() });
            }
        }
        let digest = Digest::of(text.as_bytes());
        Ok(Self { digest, compiled: file.compiled, entries: file.entries, places })
    }

    /// The catalogue that is built in.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a test reads it, so that no release has this error.
    pub fn shipped() -> Result<Self, CatalogueError> {
        Self::parse(SHIPPED)
    }

    /// The text of the catalogue that is built in.
    pub const fn shipped_text() -> &'static str {
        SHIPPED
    }

    /// SHA-256 of its bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The date on which it was compiled.
    pub fn compiled(&self) -> &str {
        &self.compiled
    }

    /// The rule of an id.
    pub fn get(&self, id: &str) -> Option<&Regulation> {
        self.places.get(id).and_then(|place| self.entries.get(*place))
    }

    /// All rules in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Regulation> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_catalogue_is_read_whole() {
        let shipped = Catalogue::shipped().unwrap();
        assert_eq!(shipped.iter().count(), 74);
        assert_eq!(shipped.iter().next().unwrap().id, "us-sec-17a-4-a");
        assert_eq!(shipped.digest(), Digest::of(SHIPPED.as_bytes()));
        assert!(SHIPPED.contains("NOT legal advice"));
        assert!(shipped.get("pci-dss-10-7").is_none());
    }

    #[test]
    fn rules_say_what_the_text_says() {
        let shipped = Catalogue::shipped().unwrap();
        let pci = shipped.get("pci-dss-10-5-1").unwrap();
        assert_eq!(pci.retain_min, Minimum::Period("P12M".parse().unwrap()));
        let fast = pci.fast_access.as_ref().unwrap();
        assert_eq!(fast.period, Some(FastPeriod::Period("P3M".parse().unwrap())));
        assert!(pci.starts_with_the_record() && pci.basis.binds() && !pci.force.is_law());
        let gdpr = shipped.get("eu-gdpr-5-1-e").unwrap();
        assert_eq!(gdpr.retain_max, Maximum::Criterion("no_longer_than_necessary".to_owned()));
        assert_eq!((gdpr.basis, gdpr.max_kind), (Basis::SelfSet, MaxKind::Soft));
        assert_eq!(gdpr.retain_min, Minimum::None);
        let ofac = shipped.get("us-ofac-501-601").unwrap();
        assert_eq!(ofac.status.date("effective"), Some("2025-03-12".parse().unwrap()));
        assert_eq!(ofac.status.get("previous_retain_min"), Some("P5Y"));
        assert!(shipped.get("us-omb-m-21-31").unwrap().is_rescinded());
        let cftc = shipped.get("us-cftc-1-31").unwrap();
        assert_eq!(cftc.fast_access.as_ref().unwrap().period, Some(FastPeriod::Full));
        assert_eq!(cftc.variants.len(), 2);
        assert!(shipped.get("us-sox-itgc-logs").unwrap().is_unchecked());
        assert!(!pci.is_unchecked());
        let hipaa = shipped.get("us-hipaa-164-316").unwrap();
        assert!(!hipaa.starts_with_the_record());
        let name = "created_or_last_in_effect_whichever_later";
        assert_eq!(hipaa.clock_events(), [name, "last_in_effect"]);
    }

    #[derive(Deserialize)]
    struct Words {
        entries: Vec<Spelled>,
    }

    #[derive(Deserialize)]
    struct Spelled {
        force: String,
        basis: String,
        retain_min: Option<String>,
        retain_max: Option<String>,
        max_kind: String,
        immutability: String,
        cutoff: String,
        confidence: String,
    }

    #[test]
    fn rules_are_written_as_the_text_spells_them() {
        let shipped = Catalogue::shipped().unwrap();
        let words: Words = serde_saphyr::from_str(SHIPPED).unwrap();
        assert_eq!(shipped.iter().count(), words.entries.len());
        for (rule, spelled) in shipped.iter().zip(words.entries) {
            assert_eq!(rule.force.as_str(), spelled.force);
            assert_eq!(rule.basis.as_str(), spelled.basis);
            assert_eq!(rule.retain_min.to_string(), spelled.retain_min.unwrap_or("-".into()));
            assert_eq!(rule.retain_max.to_string(), spelled.retain_max.unwrap_or("-".into()));
            assert_eq!(rule.max_kind.as_str(), spelled.max_kind);
            assert_eq!(rule.immutability.as_str(), spelled.immutability);
            assert_eq!(rule.cutoff.as_str(), spelled.cutoff);
            assert_eq!(rule.confidence.as_str(), spelled.confidence);
        }
    }

    #[test]
    fn a_malformed_catalogue_is_refused_in_one_line() {
        let bad = [
            SHIPPED.replacen("retain_min: P6Y", "retain_min: P6YY", 1),
            SHIPPED.replacen("retain_min: P6Y", "retain_min: p6y", 1),
            SHIPPED.replacen("retain_max: null", "retain_max: 6 years", 1),
            SHIPPED.replacen("basis: mandated", "basis: mandatory", 1),
            SHIPPED.replacen("  cutoff: none", "  cut_off: none", 1),
            SHIPPED.replacen("catalogue/v1", "catalogue/v2", 1),
            SHIPPED.replacen("id: us-sec-17a-4-b", "id: us-sec-17a-4-a", 1),
            SHIPPED.replacen("effective: 2023-01-03", "effective: 2023-13-03", 1),
            "entries: [".to_owned(),
            String::new(),
            "x".repeat(MAX_BYTES + 1),
        ];
        for text in bad {
            let error = Catalogue::parse(&text).unwrap_err().to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        let twice = SHIPPED.replacen("id: us-sec-17a-4-b", "id: us-sec-17a-4-a", 1);
        let error = Catalogue::parse(&twice).unwrap_err();
        assert_eq!(error, CatalogueError::Duplicate { id: "us-sec-17a-4-a".to_owned() });
    }

    #[test]
    fn sources_name_nothing_that_only_its_compilers_could_read() {
        for entry in Catalogue::shipped().unwrap().iter() {
            for word in ["repo ", "file id", "corpora", "stored"] {
                assert!(!entry.source.contains(word), "{}: {}", entry.id, entry.source);
            }
        }
    }
}
