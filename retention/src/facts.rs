//! What is known of a segment, or of one record, when its retention is decided.

pub mod document;

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::name::StreamName;
use strongroom_crypto::{Digest, SegmentId};

/// A segment as the log and its store tell of it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Which segment, if it is one of an archive: it decides nothing.
    pub segment: Option<SegmentId>,
    /// The stream, which is also the key of its clock events.
    pub stream: StreamName,
    /// The stream's labels.
    pub labels: BTreeMap<String, String>,
    /// When its events happened, where they say so.
    pub event_time: Option<Times>,
    /// When they were received.
    pub receive_time: Times,
    /// The end of the lock that was seen.
    pub lock_until: Option<Timestamp>,
    /// The end of its settling lock: no schedule asked for it.
    pub settle_until: Option<Timestamp>,
    /// How far its disposition has come.
    pub stage: Stage,
}

impl Facts {
    /// The end of its settling lock, where that is the lock that was seen, and is not over.
    pub fn settling(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.lock_until.filter(|until| *until > now)?;
        self.settle_until.is_some_and(|settle| until <= settle).then_some(until)
    }
}

/// From the first to the last of several instants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    least: Timestamp,
    greatest: Timestamp,
}

impl Times {
    /// One instant.
    pub fn at(instant: Timestamp) -> Self {
        Self { least: instant, greatest: instant }
    }

    /// From the earlier of two instants to the later.
    pub fn between(one: Timestamp, other: Timestamp) -> Self {
        Self { least: one.min(other), greatest: one.max(other) }
    }

    /// The first.
    pub fn least(self) -> Timestamp {
        self.least
    }

    /// The last.
    pub fn greatest(self) -> Timestamp {
        self.greatest
    }
}

/// How far a disposition has come, by the entries of the log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stage {
    /// Nobody has proposed it.
    #[default]
    Live,
    /// It stands in a batch under review.
    InReview,
    /// The officers approved it.
    Approved {
        /// When the last of them did.
        at: Timestamp,
        /// The policy under which they did.
        policy: Digest,
    },
    /// Its destruction is ordered.
    Ordered,
    /// Its destruction is certified.
    Destroyed,
}

impl Stage {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::InReview => "in_review",
            Self::Approved { .. } => "approved",
            Self::Ordered => "ordered",
            Self::Destroyed => "destroyed",
        }
    }
}
