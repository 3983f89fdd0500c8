//! A file of facts: everything that a decision needs, in one YAML or JSON document, so that it can
//! be reached again far from the archive.
//!
//! ```yaml
//! record:
//!   segment: 0198c5f0-0000-7000-8000-000000000000  # optional: decides nothing
//!   stream: oms-orders
//!   labels: {app: oms}                            # optional
//!   event_time: {min: 2026-11-20T12:00:00Z, max: 2026-11-20T12:05:00Z}   # optional; or one instant
//!   receive_time: 2026-11-20T12:06:00Z            # or {min, max}
//!   lock_until: 2032-11-21T05:00:00Z              # optional: the lock that was seen
//!   settle_until: 2026-11-27T12:06:00Z            # optional: the end of its settling lock
//!   stage: live                                   # optional: live, in_review, ordered, destroyed,
//!                                                 # or {approved_at, policy: DIGEST}
//! catalogues: [TEXT]                              # optional: texts that policies pin by digest
//! policies:                                       # optional
//!   - policy: sha256:DIGEST                       # or the policy's own text
//!     approved: 2026-12-01T09:00:00Z              # optional: at its effective date if absent
//! holds:                                          # optional
//!   - {id: matter-a, placed: 2026-12-01T09:00:00Z, released: 2027-01-15T10:00:00Z}
//! clock_events:                                   # optional; of the record's stream
//!   - {event: account_closed, at: 2027-03-01T01:00:00Z, recorded_at: 2027-03-02T08:00:00Z}
//! ```
//!
//! A clock event may say `reopened: true` or `earlier: true`. Unknown keys are refused.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use strongroom_crypto::{Digest, SegmentId};

use super::{Facts, Stage, Times};
use crate::catalogue::Catalogue;
use crate::clock::{ClockEvent, Clocks};
use crate::hold::{Hold, Holds};
use crate::policy::Policy;
use crate::schedule::{Dated, Schedule};
use crate::yaml;

/// Longest document in bytes: some policies' texts at their greatest length.
const MAX_BYTES: usize = 16 << 20;
/// What stands before the digest that names a policy.
const NAMED: &str = "sha256:";

/// Everything that a decision needs but its instant.
#[derive(Clone, Debug)]
pub struct Document {
    /// The record or segment.
    pub facts: Facts,
    /// The policies.
    pub schedule: Schedule,
    /// The holds, standing and released.
    pub holds: Vec<Hold>,
    /// The clock events.
    pub clocks: Clocks,
}

/// Reads a policy, given its text or `sha256:` and its digest, and the catalogue that it cites: of
/// those in the file, or another.
pub type ReadPolicy<'a> =
    &'a dyn Fn(&str, &[Arc<Catalogue>]) -> Result<(Policy, Arc<Catalogue>), String>;

/// A file of facts that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than any.
    #[error("the file of facts has {found} bytes, at most {MAX_BYTES} are read")]
    TooLong {
        /// How long it is.
        found: usize,
    },
    /// Not YAML or JSON of its shape.
    #[error("the file of facts is malformed: {detail}")]
    Syntax {
        /// What is wrong, with line and column.
        detail: String,
    },
    /// A value that cannot be.
    #[error("`{key}` is `{value}`: {reason}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A policy that cannot be read.
    #[error("policy {nth} of the file of facts: {reason}")]
    Policy {
        /// Which one, from 1.
        nth: usize,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    record: Record,
    #[serde(default)]
    catalogues: Vec<String>,
    #[serde(default)]
    policies: Vec<Approved>,
    #[serde(default)]
    holds: Vec<FileHold>,
    #[serde(default)]
    clock_events: Vec<FileEvent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    segment: Option<String>,
    stream: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    event_time: Option<FileTimes>,
    receive_time: FileTimes,
    lock_until: Option<String>,
    settle_until: Option<String>,
    stage: Option<FileStage>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FileTimes {
    At(String),
    Between(Between),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    min: String,
    max: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FileStage {
    Named(String),
    Approved(ApprovedStage),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovedStage {
    approved_at: String,
    policy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approved {
    policy: String,
    approved: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileHold {
    id: String,
    placed: String,
    released: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEvent {
    event: String,
    at: String,
    recorded_at: String,
    #[serde(default)]
    reopened: bool,
    #[serde(default)]
    earlier: bool,
}

impl Document {
    /// Reads a file of facts.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(text: &str, read_policy: ReadPolicy<'_>) -> Result<Self, DocumentError> {
        if text.len() > MAX_BYTES {
            return Err(DocumentError::TooLong { found: text.len() });
        }
        let file: File = yaml::read(text).map_err(|detail| DocumentError::Syntax { detail })?;
        let facts = file.record.facts()?;
        let given = file.catalogues.iter().map(|text| catalogue(text));
        let given = given.collect::<Result<Vec<_>, _>>()?;
        let policies = file.policies.iter().zip(1..);
        let policies = policies.map(|(one, nth)| one.dated(nth, &given, read_policy));
        let schedule = Schedule::new(policies.collect::<Result<_, _>>()?);
        let holds = file.holds.iter().map(FileHold::hold).collect::<Result<_, _>>()?;
        let mut clocks = Clocks::default();
        for event in file.clock_events {
            let (name, event) = (event.event.clone(), event.event(&facts)?);
            clocks.record(event).map_err(|error| wrong("clock_events", &name, error))?;
        }
        Ok(Self { facts, schedule, holds, clocks })
    }

    /// The holds at an instant.
    pub fn holds_at(&self, now: Timestamp) -> Holds {
        Holds::at(&self.holds, now)
    }
}

impl Record {
    fn facts(self) -> Result<Facts, DocumentError> {
        let stream = self.stream.parse().map_err(|error| wrong("stream", &self.stream, error))?;
        let segment = self
            .segment
            .as_ref()
            .map(|text| text.parse::<SegmentId>().map_err(|error| wrong("segment", text, error)));
        let event_time = self.event_time.as_ref().map(|times| times.times("event_time"));
        let lock_until = self.lock_until.as_ref().map(|text| instant("lock_until", text));
        let settle_until = self.settle_until.as_ref().map(|text| instant("settle_until", text));
        Ok(Facts {
            segment: segment.transpose()?,
            stream,
            labels: self.labels,
            event_time: event_time.transpose()?,
            receive_time: self.receive_time.times("receive_time")?,
            lock_until: lock_until.transpose()?,
            settle_until: settle_until.transpose()?,
            stage: self.stage.as_ref().map_or(Ok(Stage::Live), FileStage::stage)?,
        })
    }
}

impl FileTimes {
    fn times(&self, key: &'static str) -> Result<Times, DocumentError> {
        match self {
            Self::At(text) => Ok(Times::at(instant(key, text)?)),
            Self::Between(Between { min, max }) => {
                let (least, greatest) = (instant(key, min)?, instant(key, max)?);
                if least > greatest {
                    return Err(wrong(key, min, "`min` is later than `max`: exchange them"));
                }
                Ok(Times::between(least, greatest))
            }
        }
    }
}

impl FileStage {
    fn stage(&self) -> Result<Stage, DocumentError> {
        match self {
            Self::Named(name) => match name.as_str() {
                "live" => Ok(Stage::Live),
                "in_review" => Ok(Stage::InReview),
                "ordered" => Ok(Stage::Ordered),
                "destroyed" => Ok(Stage::Destroyed),
                _ => {
                    let expected = "expected `live`, `in_review`, `ordered` or `destroyed`, or \
                                    `approved_at` and `policy`";
                    Err(wrong("stage", name, expected))
                }
            },
            Self::Approved(ApprovedStage { approved_at, policy }) => {
                let digest = policy.strip_prefix(NAMED).unwrap_or(policy).parse::<Digest>();
                let policy = digest.map_err(|error| wrong("stage", policy, error))?;
                Ok(Stage::Approved { at: instant("stage", approved_at)?, policy })
            }
        }
    }
}

impl Approved {
    fn dated(
        &self,
        nth: usize,
        given: &[Arc<Catalogue>],
        read_policy: ReadPolicy<'_>,
    ) -> Result<Dated, DocumentError> {
        let refused =
            |reason: String| DocumentError::Policy { nth, reason: yaml::one_line(&reason) };
        let digest = match self.policy.trim_end().strip_prefix(NAMED) {
            Some(name) => name.parse().map_err(|error| wrong("policy", name, error))?,
            None => Digest::of(self.policy.as_bytes()),
        };
        let (policy, catalogue) = read_policy(self.policy.trim_end(), given).map_err(refused)?;
        let approved = self.approved.as_ref().map(|text| instant("approved", text)).transpose()?;
        let approved = approved.unwrap_or(Timestamp::MIN);
        Dated::new(Arc::new(policy), digest, catalogue, approved)
            .map_err(|error| refused(error.to_string()))
    }
}

impl FileHold {
    fn hold(&self) -> Result<Hold, DocumentError> {
        let released = self.released.as_ref().map(|text| instant("released", text)).transpose()?;
        Ok(Hold {
            id: self.id.parse().map_err(|error| wrong("id", &self.id, error))?,
            placed: instant("placed", &self.placed)?,
            released,
        })
    }
}

impl FileEvent {
    fn event(self, facts: &Facts) -> Result<ClockEvent, DocumentError> {
        Ok(ClockEvent {
            stream: facts.stream.clone(),
            event: self.event,
            at: instant("at", &self.at)?,
            recorded_at: instant("recorded_at", &self.recorded_at)?,
            reopened: self.reopened,
            earlier: self.earlier,
        })
    }
}

fn catalogue(text: &str) -> Result<Arc<Catalogue>, DocumentError> {
    let name = format!("sha256:{}", Digest::of(text.as_bytes()));
    let parsed = Catalogue::parse(text).map_err(|error| wrong("catalogues", &name, error))?;
    Ok(Arc::new(parsed))
}

fn instant(key: &'static str, text: &str) -> Result<Timestamp, DocumentError> {
    text.parse().map_err(|_| wrong(key, text, "expected an instant like `2027-01-31T12:00:00Z`"))
}

fn wrong(key: &'static str, value: &str, reason: impl Display) -> DocumentError {
    let value = value.chars().take(80).collect();
    DocumentError::Value { key, value, reason: yaml::one_line(&reason.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "\
record:
  stream: oms-orders
  labels: {app: oms}
  event_time: {min: 2026-11-20T12:00:00Z, max: 2026-11-20T12:05:00Z}
  receive_time: 2026-11-20T12:06:00Z
  lock_until: 2032-11-21T05:00:00Z
  settle_until: 2026-11-27T12:06:00Z
  stage: in_review
holds:
  - {id: matter-a, placed: 2026-12-01T09:00:00Z, released: 2027-01-15T10:00:00Z}
  - {id: matter-b, placed: 2026-12-01T09:00:00Z}
clock_events:
  - {event: account_closed, at: 2027-03-01T01:00:00Z, recorded_at: 2027-03-02T08:00:00Z}
";

    fn no_policy(_: &str, _: &[Arc<Catalogue>]) -> Result<(Policy, Arc<Catalogue>), String> {
        Err("no policy of that name\nand more".to_owned())
    }

    fn refused(text: &str) -> String {
        let error = Document::parse(text, &no_policy).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn a_document_is_read_whole() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let read = Document::parse(EXAMPLE, &no_policy).unwrap();
        let times = Times::between(at("2026-11-20T12:00:00Z"), at("2026-11-20T12:05:00Z"));
        assert_eq!(read.facts.event_time, Some(times));
        assert_eq!(read.facts.receive_time, Times::at(at("2026-11-20T12:06:00Z")));
        assert_eq!(read.facts.lock_until, Some(at("2032-11-21T05:00:00Z")));
        assert_eq!(read.facts.settle_until, Some(at("2026-11-27T12:06:00Z")));
        assert_eq!(read.facts.stage, Stage::InReview);
        assert_eq!(read.facts.labels["app"], "oms");
        assert_eq!(
            read.holds_at(at("2027-02-01T00:00:00Z")).standing,
            ["matter-b".parse().unwrap()]
        );
        let started = read.clocks.started(
            &read.facts.stream,
            &["account_closed"],
            at("2027-03-02T08:00:00Z"),
        );
        assert_eq!(started.unwrap().at, at("2027-03-01T01:00:00Z"));
    }

    #[test]
    fn json_is_read_as_well() {
        let text = r#"{"record":{"stream":"a","receive_time":"2026-11-20T12:06:00Z","stage":
            {"approved_at":"2026-11-21T00:00:00Z","policy":"sha256:DIGEST"}}}"#;
        let text = text.replace("DIGEST", &Digest::of(b"").to_string());
        let read = Document::parse(&text, &no_policy).unwrap();
        assert_eq!(read.facts.event_time, None);
        let at = "2026-11-21T00:00:00Z".parse().unwrap();
        assert_eq!(read.facts.stage, Stage::Approved { at, policy: Digest::of(b"") });
    }

    #[test]
    fn what_cannot_be_is_refused_in_one_line() {
        for (from, to, key) in [
            ("stream: oms-orders", "stream: OMS", "`stream`"),
            ("2026-11-20T12:06:00Z", "yesterday", "`receive_time`"),
            ("max: 2026-11-20T12:05:00Z", "max: 2026-11-19T12:05:00Z", "`event_time`"),
            ("stage: in_review", "stage: gone", "`stage`"),
            ("id: matter-a", "id: Matter A", "`id`"),
            ("at: 2027-03-01T01:00:00Z", "at: 2027-03-03T01:00:00Z", "`clock_events`"),
            ("  lock_until", "  locked_until", "locked_until"),
        ] {
            let error = refused(&EXAMPLE.replacen(from, to, 1));
            assert!(error.contains(key), "{error}");
        }
        let error = refused(&format!("{EXAMPLE}policies: [{{policy: 'version: 1'}}]\n"));
        assert_eq!(error, "policy 1 of the file of facts: no policy of that name");
        let error = refused(&format!("{EXAMPLE}policies: [{{policy: 'sha256:12'}}]\n"));
        assert!(error.contains("`policy`"), "{error}");
        refused("[");
    }

    #[test]
    fn the_text_of_a_policy_is_named_by_its_digest() {
        let catalogue = Arc::new(Catalogue::shipped().unwrap());
        let text = format!("{EXAMPLE}policies: [{{policy: 'any text'}}]\n");
        let read = Document::parse(&text, &|text, _| {
            assert_eq!(text, "any text");
            Ok((crate::decide::tests::policy("UTC", Vec::new()), Arc::clone(&catalogue)))
        });
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        let read = read.unwrap();
        assert_eq!(read.schedule.approved(now)[0].digest(), Digest::of(b"any text"));
    }
}
