//! The places where a plan can make a store fail.

use std::fmt;

use strongroom_archiver::store::ObjectKey;

/// What a change is about, told by its key or by the request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Point {
    /// `keys/…`
    PeriodKey,
    /// `segments/…`
    Segment,
    /// `manifests/…`
    Manifest,
    /// `log/claim/…`
    Claim,
    /// `log/tile/entries/…`
    EntriesTile,
    /// `log/tile/<L>/…`
    Tile,
    /// `log/checkpoints/…`
    Checkpoint,
    /// `log/checkpoint`
    Hint,
    /// `index/…`
    Index,
    /// Any other put.
    Other,
    /// Extending a lock, of whatever key.
    Lock,
    /// Setting or lifting a hold.
    Hold,
    /// Deleting a version.
    Delete,
}

impl Point {
    /// Every point.
    pub const ALL: [Self; 13] = [
        Self::PeriodKey,
        Self::Segment,
        Self::Manifest,
        Self::Claim,
        Self::EntriesTile,
        Self::Tile,
        Self::Checkpoint,
        Self::Hint,
        Self::Index,
        Self::Other,
        Self::Lock,
        Self::Hold,
        Self::Delete,
    ];

    /// The point that a put or a read of `key` is.
    pub fn of(key: &ObjectKey) -> Self {
        let below = |prefix: &str| key.as_str().starts_with(prefix);
        match key.as_str() {
            "log/checkpoint" => Self::Hint,
            _ if below("keys/") => Self::PeriodKey,
            _ if below("segments/") => Self::Segment,
            _ if below("manifests/") => Self::Manifest,
            _ if below("log/claim/") => Self::Claim,
            _ if below("log/tile/entries/") => Self::EntriesTile,
            _ if below("log/tile/") => Self::Tile,
            _ if below("log/checkpoints/") => Self::Checkpoint,
            _ if below("index/") => Self::Index,
            _ => Self::Other,
        }
    }

    /// Its name in plans and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::PeriodKey => "period_key",
            Self::Segment => "segment",
            Self::Manifest => "manifest",
            Self::Claim => "claim",
            Self::EntriesTile => "entries_tile",
            Self::Tile => "tile",
            Self::Checkpoint => "checkpoint",
            Self::Hint => "hint",
            Self::Index => "index",
            Self::Other => "other",
            Self::Lock => "lock",
            Self::Hold => "hold",
            Self::Delete => "delete",
        }
    }

    /// The point of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
