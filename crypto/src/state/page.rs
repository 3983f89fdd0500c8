//! The live segments, in pages of the order in which they were sealed.
//!
//! Page k holds what is still live of the seals 512k to 512k + 511. So paging is a function of
//! the log alone: it does not matter who wrote a snapshot, when, or from which one it went on. A
//! page never changes once it is full (but for what is removed), so a snapshot writes at most one
//! page more than it fills, and needs at most the last page of the snapshot before.

use std::collections::{BTreeMap, BTreeSet};

use super::root::RootError;
use crate::{
    digest::Digest,
    entry::{Seal, TimeRange},
    id::SegmentId,
    json::{self, JsonError, ObjectReader, Value, object, text},
    name::{ClassName, HoldId, ObjectKey, PeriodKeyName, StreamName},
    time::Instant,
};

/// How many seals share a page: about 340 KiB, which one request moves.
pub const PAGE_SEALS: u64 = 512;

/// Longest page in bytes: what it says of a segment is shorter than the seal, which is an entry,
/// and [`PAGE_SEALS`] of the longest entries are 2 MiB.
pub const MAX_PAGE_BYTES: usize = 2 << 20;

/// What the state keeps of a sealed segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LiveSegment {
    /// Length of the object.
    pub bytes: u64,
    /// Record class.
    pub class: ClassName,
    /// Range of the times that the events themselves state, if any does.
    pub event_time: Option<TimeRange>,
    /// The holds that stood over it when it was sealed; some may be released.
    pub holds: Vec<HoldId>,
    /// Which entry sealed it.
    pub index: u64,
    /// Digest of the manifest's bytes.
    pub manifest_sha256: Digest,
    /// Where the object lies.
    pub object: ObjectKey,
    /// Digest of the object's bytes.
    pub object_sha256: Digest,
    /// The key that wraps its data key.
    pub period_key: PeriodKeyName,
    /// Range of the times at which its records were received.
    pub receive_time: TimeRange,
    /// How long the policy keeps it, if one was in force.
    pub retain_until: Option<Instant>,
    /// Its identity.
    pub segment_id: SegmentId,
    /// End of the lock that it was born with.
    pub settle_until: Instant,
    /// The stream that it belongs to.
    pub stream: StreamName,
}

/// What a root says of a page: enough to know whether it must be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PageRef {
    /// Which seals it holds: from 512 times this on.
    pub number: u64,
    /// How many segments.
    pub count: u64,
    /// Earliest end of a settling lock in it.
    pub first: Instant,
    /// Latest end of a settling lock in it.
    pub last: Instant,
    /// Greatest index of an entry that sealed a segment in it.
    pub last_index: u64,
    /// Least id in it.
    pub min_id: SegmentId,
    /// Greatest id in it.
    pub max_id: SegmentId,
    /// Digest of its bytes, which names its object.
    pub digest: Digest,
}

/// One page.
#[derive(Clone, Debug, Default)]
struct Page {
    /// The page as it is stored. None when it has changed since.
    stored: Option<PageRef>,
    /// In order of `index`. Of a page that is not loaded, only what was sealed since.
    segments: Vec<LiveSegment>,
}

/// All pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// How many segments were ever sealed: the number of the next seal.
    sealed: u64,
    /// How many are live.
    live: u64,
    by_number: BTreeMap<u64, Page>,
    /// Numbers of the pages that are stored and not loaded.
    absent: BTreeSet<u64>,
    /// Where each loaded segment is.
    ids: BTreeMap<SegmentId, u64>,
}

/// The pages of a snapshot: what its root refers to, and the bytes not known to be stored.
pub(super) type Written = (Vec<PageRef>, Vec<(Digest, Vec<u8>)>);

impl Pages {
    pub(super) const fn live(&self) -> u64 {
        self.live
    }

    pub(super) const fn sealed(&self) -> u64 {
        self.sealed
    }

    /// All loaded segments in order of their seals.
    pub(super) fn segments(&self) -> impl Iterator<Item = &LiveSegment> {
        self.by_number.values().flat_map(|page| &page.segments)
    }

    /// The live segment of an id, or the pages that could hold it. Version 7 UUIDs begin with
    /// their time, so the ids of a page lie close together: a new id is hardly ever among them.
    pub(super) fn find(&self, id: &SegmentId) -> Result<Option<&LiveSegment>, Vec<PageRef>> {
        if let Some(page) = self.ids.get(id).and_then(|number| self.by_number.get(number)) {
            return Ok(page.segments.iter().find(|segment| segment.segment_id == *id));
        }
        let possible: Vec<_> =
            self.absent().filter(|page| (page.min_id..=page.max_id).contains(id)).collect();
        if possible.is_empty() { Ok(None) } else { Err(possible) }
    }

    /// The pages not loaded.
    pub(super) fn absent(&self) -> impl Iterator<Item = PageRef> {
        self.absent.iter().filter_map(|number| self.by_number.get(number)?.stored)
    }

    /// The pages that were appended to without being loaded.
    pub(super) fn incomplete(&self) -> Vec<PageRef> {
        let appended = |page: &PageRef| {
            self.by_number.get(&page.number).is_some_and(|page| !page.segments.is_empty())
        };
        self.absent().filter(appended).collect()
    }

    /// Appends a seal that was checked.
    pub(super) fn push(&mut self, seal: &Seal, index: u64) {
        let number = self.sealed / PAGE_SEALS;
        let page = self.by_number.entry(number).or_default();
        if !self.absent.contains(&number) {
            page.stored = None;
        }
        page.segments.push(LiveSegment {
            bytes: seal.bytes,
            class: seal.class.clone(),
            event_time: seal.event_time,
            holds: seal.holds.clone(),
            index,
            manifest_sha256: seal.manifest_sha256,
            object: seal.object.clone(),
            object_sha256: seal.object_sha256,
            period_key: seal.period_key,
            receive_time: seal.receive_time,
            retain_until: seal.retain_until,
            segment_id: seal.segment_id,
            settle_until: seal.settle_until,
            stream: seal.stream.clone(),
        });
        self.ids.insert(seal.segment_id, number);
        self.sealed = self.sealed.saturating_add(1);
        self.live = self.live.saturating_add(1);
    }

    /// Takes out segments that were found.
    pub(super) fn remove(&mut self, ids: &[SegmentId]) {
        for id in ids {
            let Some(number) = self.ids.remove(id) else { continue };
            let Some(page) = self.by_number.get_mut(&number) else { continue };
            page.segments.retain(|segment| segment.segment_id != *id);
            // Of a page that is not loaded this was sealed since: what is stored is as it was.
            if !self.absent.contains(&number) {
                page.stored = None;
                if page.segments.is_empty() {
                    self.by_number.remove(&number);
                }
            }
            self.live = self.live.saturating_sub(1);
        }
    }

    /// Puts the content of a page in its place.
    pub(super) fn load(&mut self, bytes: &[u8]) -> Result<(), RootError> {
        let digest = Digest::of(bytes);
        let Some(stored) = self.absent().find(|page| page.digest == digest) else {
            return Err(RootError::UnknownPage { digest });
        };
        let segments = decode(bytes)?;
        if describe(stored.number, &segments, digest) != Some(stored) {
            return Err(RootError::OtherPage { digest });
        }
        let Some(page) = self.by_number.get_mut(&stored.number) else {
            return Err(RootError::UnknownPage { digest });
        };
        self.ids.extend(segments.iter().map(|segment| (segment.segment_id, stored.number)));
        if !page.segments.is_empty() {
            page.stored = None;
        }
        page.segments.splice(0..0, segments);
        self.absent.remove(&stored.number);
        Ok(())
    }

    /// Describes every page and encodes those that changed. Only for pages that are complete.
    pub(super) fn write(&self) -> Written {
        let mut written = (Vec::new(), Vec::new());
        for (number, page) in &self.by_number {
            if let Some(stored) = page.stored {
                written.0.push(stored);
            } else {
                let bytes = encode(&page.segments);
                let digest = Digest::of(&bytes);
                written.0.extend(describe(*number, &page.segments, digest));
                written.1.push((digest, bytes));
            }
        }
        written
    }

    /// Takes note that pages were stored, as far as they are still as they were.
    pub(super) fn mark_stored(&mut self, refs: &[PageRef]) {
        for stored in refs {
            if let Some(page) = self.by_number.get_mut(&stored.number)
                && page.stored.is_none()
                && Digest::of(&encode(&page.segments)) == stored.digest
            {
                page.stored = Some(*stored);
            }
        }
    }

    /// Reads the members `pages` and `sealed` of a root; no page is loaded.
    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let sealed = root.u64("sealed")?;
        let mut pages = Self { sealed, ..Self::default() };
        for item in root.objects("pages")? {
            let stored = PageRef::take(item)?;
            let last = pages.by_number.last_key_value().map(|(number, _)| *number);
            if last >= Some(stored.number) || stored.number > sealed / PAGE_SEALS {
                return Err(root.refused("pages", "not sorted, or beyond `sealed`"));
            }
            pages.live = pages.live.saturating_add(stored.count);
            pages.absent.insert(stored.number);
            let page = Page { stored: Some(stored), segments: Vec::new() };
            pages.by_number.insert(stored.number, page);
        }
        Ok(pages)
    }
}

impl PageRef {
    pub(super) fn to_value(self) -> Value {
        object([
            ("count", self.count.into()),
            ("first", text(self.first)),
            ("ids", object([("max", text(self.max_id)), ("min", text(self.min_id))])),
            ("last", text(self.last)),
            ("last_index", self.last_index.into()),
            ("number", self.number.into()),
            ("sha256", text(self.digest)),
        ])
    }

    fn take(mut members: ObjectReader) -> Result<Self, JsonError> {
        let mut ids = members.object("ids")?;
        let page = Self {
            number: members.u64("number")?,
            count: members.u64("count")?,
            first: members.parsed("first")?,
            last: members.parsed("last")?,
            last_index: members.u64("last_index")?,
            min_id: ids.parsed("min")?,
            max_id: ids.parsed("max")?,
            digest: members.parsed("sha256")?,
        };
        ids.finish()?;
        if page.count == 0 || page.count > PAGE_SEALS {
            return Err(members.refused("count", "not 1 to 512"));
        }
        members.finish().map(|()| page)
    }
}

/// None for a page without segments, which does not exist.
fn describe(number: u64, segments: &[LiveSegment], digest: Digest) -> Option<PageRef> {
    let settled = || segments.iter().map(|segment| segment.settle_until);
    let ids = || segments.iter().map(|segment| segment.segment_id);
    Some(PageRef {
        number,
        count: u64::try_from(segments.len()).ok()?,
        first: settled().min()?,
        last: settled().max()?,
        last_index: segments.last()?.index,
        min_id: ids().min()?,
        max_id: ids().max()?,
        digest,
    })
}

fn encode(segments: &[LiveSegment]) -> Vec<u8> {
    let segments = json::array(segments.iter().map(|segment| {
        object([
            ("bytes", segment.bytes.into()),
            ("class", text(&segment.class)),
            ("event_time", segment.event_time.map(TimeRange::to_value).into()),
            ("holds", json::array(segment.holds.iter().map(text))),
            ("index", segment.index.into()),
            ("manifest_sha256", text(segment.manifest_sha256)),
            ("object", text(&segment.object)),
            ("object_sha256", text(segment.object_sha256)),
            ("period_key", text(segment.period_key)),
            ("receive_time", segment.receive_time.to_value()),
            ("retain_until", segment.retain_until.map(text).into()),
            ("segment_id", text(segment.segment_id)),
            ("settle_until", text(segment.settle_until)),
            ("stream", text(&segment.stream)),
        ])
    }));
    object([("segments", segments), ("v", 1.into())]).to_canonical()
}

fn decode(bytes: &[u8]) -> Result<Vec<LiveSegment>, JsonError> {
    let mut page = ObjectReader::from_bytes(bytes, MAX_PAGE_BYTES)?;
    page.exactly("v", 1)?;
    let mut segments: Vec<LiveSegment> = Vec::new();
    for mut item in page.objects("segments")? {
        let segment = LiveSegment {
            bytes: item.u64("bytes")?,
            class: item.parsed("class")?,
            event_time: TimeRange::take_nullable(&mut item, "event_time")?,
            holds: item.sorted("holds", "not an array of hold ids")?,
            index: item.u64("index")?,
            manifest_sha256: item.parsed("manifest_sha256")?,
            object: item.parsed("object")?,
            object_sha256: item.parsed("object_sha256")?,
            period_key: item.parsed("period_key")?,
            receive_time: TimeRange::take(&mut item, "receive_time")?,
            retain_until: item.nullable("retain_until")?,
            segment_id: item.parsed("segment_id")?,
            settle_until: item.parsed("settle_until")?,
            stream: item.parsed("stream")?,
        };
        if segments.last().map(|last| last.index) >= Some(segment.index) {
            return Err(item.refused("index", "not greater than the one before"));
        }
        item.finish()?;
        segments.push(segment);
    }
    page.finish()?;
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, EntryKind, MAX_ENTRY_BYTES, tests};

    #[test]
    fn a_page_of_the_longest_seals_is_read() {
        let mut seal = tests::seal();
        let sealed = |seal: &Seal| {
            let kind = EntryKind::SegmentSeal(Box::new(seal.clone()));
            Entry::new(tests::at(0), kind).encode().len()
        };
        seal.object = "x".repeat(1_024).parse().unwrap();
        (seal.bytes, seal.class) = (u64::MAX, "x".repeat(63).parse().unwrap());
        while sealed(&seal) + 66 <= MAX_ENTRY_BYTES {
            let nth = seal.holds.len();
            seal.holds.push(format!("{nth:02}{}", "x".repeat(61)).parse().unwrap());
        }
        let mut pages = Pages::default();
        for nth in 0..PAGE_SEALS {
            seal.segment_id = tests::id(nth);
            pages.push(&seal, u64::MAX - PAGE_SEALS + nth);
        }
        let (refs, new) = pages.write();
        assert!(refs.len() == 1 && new[0].1.len() > MAX_PAGE_BYTES * 9 / 10, "{}", new[0].1.len());
        assert_eq!(decode(&new[0].1).map(|segments| segments.len()), Ok(512));
    }
}
