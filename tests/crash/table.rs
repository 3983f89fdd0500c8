//! What was tried, and how it ended.

use std::{collections::BTreeMap, fmt};

use strongroom_tests::{
    entropy::Dice,
    faulty_store::{Mode, Point},
};

use super::Ending;

/// The writes of a run.
pub(crate) const POINTS: [Point; 10] = [
    Point::PeriodKey,
    Point::Segment,
    Point::Manifest,
    Point::Index,
    Point::Claim,
    Point::EntriesTile,
    Point::Tile,
    Point::Checkpoint,
    Point::Hint,
    Point::Lock,
];

/// The points that are none of a run's writes, and why.
const NOT_APPLICABLE: [(Point, &str); 3] = [
    (Point::Other, "a run puts nothing outside of the folders above"),
    (Point::Hold, "holds are not part of this version"),
    (Point::Delete, "a run deletes nothing"),
];

/// How a write fails.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Way {
    Before,
    Full,
    StoredButFailed,
    Delayed,
    After,
    KillBefore,
    KillAfter,
}

pub(crate) const WAYS: [Way; 7] = [
    Way::Before,
    Way::Full,
    Way::StoredButFailed,
    Way::Delayed,
    Way::After,
    Way::KillBefore,
    Way::KillAfter,
];

impl Way {
    pub(crate) fn mode(self, dice: &mut Dice) -> Mode {
        match self {
            Self::Before => Mode::Before,
            Self::Full => Mode::Full,
            Self::StoredButFailed => Mode::StoredButFailed,
            Self::Delayed => Mode::Delayed { calls: 1 + dice.below(40) },
            Self::After => Mode::After,
            Self::KillBefore => Mode::KillBefore,
            Self::KillAfter => Mode::KillAfter,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Full => "full",
            Self::StoredButFailed => "stored",
            Self::Delayed => "delayed",
            Self::After => "after",
            Self::KillBefore => "kill before",
            Self::KillAfter => "kill after",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each point failed in each way.
#[derive(Debug, Default)]
pub(crate) struct Table {
    fired: BTreeMap<(Point, Way), u64>,
    seeds: u64,
    failed: u64,
    orphans: u64,
    claims: u64,
}

impl Table {
    pub(crate) fn add(&mut self, point: Point, way: Way, ending: Ending) {
        *self.fired.entry((point, way)).or_default() += u64::from(ending.fired);
        self.seeds += 1;
        self.failed += u64::from(ending.failed);
        self.orphans += ending.orphans;
        self.claims += ending.claims;
    }

    fn count(&self, point: Point, way: Way) -> u64 {
        self.fired.get(&(point, way)).copied().unwrap_or(0)
    }

    /// What fired less often than it had to.
    pub(crate) fn short_of(&self, times: u64) -> Vec<(Point, Way)> {
        let kinds = POINTS.into_iter().flat_map(|point| WAYS.map(|way| (point, way)));
        kinds.filter(|(point, way)| self.count(*point, *way) < times).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{:14}", "fails at")?;
        WAYS.iter().try_for_each(|way| write!(f, "{:>13}", way.name()))?;
        for point in POINTS {
            write!(f, "\n{:14}", point.name())?;
            WAYS.iter().try_for_each(|way| write!(f, "{:>13}", self.count(point, *way)))?;
        }
        for (point, reason) in NOT_APPLICABLE {
            write!(f, "\n{:14}  not applicable: {reason}", point.name())?;
        }
        let Self { seeds, failed, orphans, claims, .. } = self;
        write!(f, "\n{seeds} seeds, {failed} runs failed, {orphans} orphans, {claims} claims\n")
    }
}
