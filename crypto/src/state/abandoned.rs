//! Uploads that no claim may name any more.

use std::collections::{BTreeMap, BTreeSet};

use super::{root::append, rules::CLOCK_SLACK_MS, void::Void};
use crate::{
    entry::Abandon,
    id::SegmentId,
    json::{JsonError, ObjectReader, Value, array, object, text},
    time::Instant,
};

/// Greatest number of abandoned uploads that are kept: of each for a settling period and a day.
pub(super) const MAX_ABANDONED: usize = 100_000;

/// When the settling lock of each abandoned upload ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Abandoned {
    until: BTreeMap<SegmentId, Instant>,
    /// The same, the first to be forgotten first: an entry costs no look at all of them.
    ends: BTreeSet<(Instant, SegmentId)>,
}

impl Abandoned {
    pub(super) fn contains(&self, id: &SegmentId) -> bool {
        self.until.contains_key(id)
    }

    /// Whether an upload may be abandoned that was not sealed. `latest` is the end of the longest
    /// settling lock that anything can have by now.
    pub(super) fn check(&self, abandon: &Abandon, latest: Instant) -> Result<(), Void> {
        let id = abandon.segment_id;
        if self.contains(&id) {
            return Err(Void::Abandoned { id });
        }
        if abandon.until > latest {
            return Err(Void::Extended { until: abandon.until, latest });
        }
        if self.until.len() >= MAX_ABANDONED {
            return Err(Void::Full { what: "abandoned uploads", limit: MAX_ABANDONED });
        }
        Ok(())
    }

    pub(super) fn push(&mut self, abandon: Abandon) {
        self.until.insert(abandon.segment_id, abandon.until);
        self.ends.insert((abandon.until, abandon.segment_id));
    }

    /// Forgets what could not be sealed any more in any case.
    pub(super) fn forget(&mut self, latest: Instant) {
        let is_over = |until: Instant| until.saturating_add_ms(CLOCK_SLACK_MS) <= latest;
        while let Some((_, id)) = self.ends.first().copied().filter(|(until, _)| is_over(*until)) {
            self.ends.pop_first();
            self.until.remove(&id);
        }
    }

    /// The member `abandoned` of a root.
    pub(super) fn to_value(&self) -> Value {
        let each = self.until.iter();
        array(each.map(|(id, until)| object([("id", text(id)), ("until", text(until))])))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut until = BTreeMap::new();
        for mut item in root.objects("abandoned")? {
            let (id, end) = (item.parsed("id")?, item.parsed("until")?);
            item.finish()?;
            append(root, "abandoned", &mut until, id, end)?;
        }
        let ends = until.iter().map(|(id, until)| (*until, *id)).collect();
        Ok(Self { until, ends })
    }
}
