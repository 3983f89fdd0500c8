//! The records of a segment, row by row: the tree that they make and the bytes that they cover.

use strongroom_crypto::ArchiveId;
use strongroom_crypto::entry::{Seal, TimeRange};
use strongroom_crypto::keys::{DataKey, OriginKey};
use strongroom_crypto::manifest::Manifest;
use strongroom_crypto::merkle::Tree;
use strongroom_crypto::range::OriginRange;
use strongroom_crypto::record::{FieldTooLong, LeafHasher, RecordRef};
use strongroom_crypto::time::Instant;

use crate::segment::{DecodeError, Decoded, StoredRange};

/// Why a segment is not what was sealed.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) check: &'static str,
    pub(super) detail: String,
}

/// A range on the way from its start to its end.
struct Covered {
    range: StoredRange,
    /// Where the next lead must begin.
    at: u64,
    /// What the manifest says of it.
    named: Option<OriginRange>,
    /// The first bytes of the generation, as far as its prefix reaches.
    prefix: Vec<u8>,
}

/// One segment being read.
pub(super) struct Replay {
    hasher: LeafHasher,
    tree: Tree,
    ranges: Vec<Covered>,
    received: Option<(i64, i64)>,
}

impl Refused {
    pub(super) fn new(check: &'static str, detail: String) -> Self {
        Self { check, detail }
    }
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        Self::new("decode", error.to_string())
    }
}

impl From<FieldTooLong> for Refused {
    fn from(error: FieldTooLong) -> Self {
        Self::new("leaf-root", error.to_string())
    }
}

impl Replay {
    /// Begins with the first row.
    pub(super) fn new(
        archive: ArchiveId,
        key: &DataKey,
        seal: &Seal,
        ranges: &[StoredRange],
    ) -> Self {
        let covered = |range: &StoredRange| Covered {
            at: range.start,
            range: range.clone(),
            named: None,
            prefix: Vec::new(),
        };
        Self {
            hasher: LeafHasher::new(key, archive, seal.stream.as_str()),
            tree: Tree::new(),
            ranges: ranges.iter().map(covered).collect(),
            received: None,
        }
    }

    /// Compares the ranges in the file, which name origins, with those of the manifest, which have handles.
    pub(super) fn compare(
        &mut self,
        origin: &OriginKey,
        manifest: &Manifest,
    ) -> Result<(), Refused> {
        let named = manifest.ranges.as_slice();
        let other = |detail: String| Err(Refused::new("ranges", detail));
        if named.len() != self.ranges.len() {
            return other(format!(
                "it has {} ranges, its manifest {}",
                self.ranges.len(),
                named.len()
            ));
        }
        for covered in &mut self.ranges {
            let range = &covered.range;
            let handle = origin.handle(manifest.stream.as_str(), &range.origin)?;
            let found = named.binary_search_by_key(&(handle, range.generation), |named| {
                (named.origin, named.generation)
            });
            let found = found.ok().and_then(|at| named.get(at)).copied();
            match found {
                // A handle that occurs twice would be found twice, and another not at all.
                Some(named) if (named.start, named.end) == (range.start, range.end) => {
                    covered.named = Some(named);
                }
                _ => {
                    return other(format!(
                        "origin {handle} generation {} is not as in its manifest",
                        range.generation
                    ));
                }
            }
        }
        let mut origins: Vec<_> = self
            .ranges
            .iter()
            .map(|covered| (&covered.range.origin, covered.range.generation))
            .collect();
        origins.sort_unstable();
        origins.dedup();
        if origins.len() == self.ranges.len() {
            Ok(())
        } else {
            other("an origin has two ranges".to_owned())
        }
    }

    /// Takes the next row.
    pub(super) fn record(&mut self, record: &Decoded<'_>) -> Result<(), Refused> {
        let refuse = |detail: &str| Refused::new("ranges", format!("row {}: {detail}", record.row));
        let covered =
            self.ranges.get_mut(record.range).ok_or_else(|| refuse("it is of no range"))?;
        let before = u64::try_from(record.lead.len()).unwrap_or(u64::MAX);
        if covered.at.checked_add(before) != Some(record.offset) {
            return Err(refuse("it does not begin where the one before it ends"));
        }
        let raw = u64::try_from(record.raw.len()).unwrap_or(u64::MAX);
        covered.at = record.offset.checked_add(raw).ok_or_else(|| refuse("it ends nowhere"))?;
        covered.begin(record.lead);
        covered.begin(record.raw);
        let leaf = RecordRef {
            received_us: record.received_us.cast_unsigned(),
            origin: &covered.range.origin,
            generation: covered.range.generation,
            offset: record.offset,
            lead: record.lead,
            raw: record.raw,
        };
        self.tree.append(self.hasher.event(record.row, &leaf)?);
        let time = record.received_us;
        self.received = Some(
            self.received.map_or((time, time), |(least, most)| (least.min(time), most.max(time))),
        );
        Ok(())
    }

    /// Adds the tails and compares what came out with what was sealed.
    pub(super) fn finish(mut self, origin: Option<&OriginKey>, seal: &Seal) -> Result<(), Refused> {
        let rows = self.tree.size();
        if rows != seal.events.count {
            return Err(Refused::new(
                "leaf-root",
                format!("it holds {rows} records, {} were sealed", seal.events.count),
            ));
        }
        self.ranges.sort_by(|a, b| {
            (&a.range.origin, a.range.generation).cmp(&(&b.range.origin, b.range.generation))
        });
        for (covered, row) in self.ranges.iter_mut().zip(rows..) {
            let StoredRange { origin: name, generation, end, tail, .. } = covered.range.clone();
            let length = u64::try_from(tail.len()).unwrap_or(u64::MAX);
            if covered.at.checked_add(length) != Some(end) {
                let detail = format!(
                    "generation {generation} of an origin is covered to {}, not {end}",
                    covered.at
                );
                return Err(Refused::new("ranges", detail));
            }
            covered.begin(&tail);
            self.tree.append(self.hasher.tail(row, &name, generation, covered.at, &tail)?);
        }
        if self.tree.root() != seal.events.root {
            return Err(Refused::new(
                "leaf-root",
                "its records do not make the root that was sealed".to_owned(),
            ));
        }
        let stream = seal.stream.as_str();
        if let Some(covered) = self
            .ranges
            .iter()
            .find(|covered| origin.is_some_and(|key| !covered.prefix_is_right(key, stream)))
        {
            let handle = covered.named.map_or_else(String::new, |named| named.origin.to_string());
            return Err(Refused::new(
                "ranges",
                format!("the prefix digest of origin {handle} is not that of its bytes"),
            ));
        }
        let received = self
            .received
            .and_then(|(least, most)| Some((milliseconds(least)?, milliseconds(most)?)));
        let received = received.and_then(|(least, most)| TimeRange::new(least, most));
        if rows > 0 && received != Some(seal.receive_time) {
            return Err(Refused::new(
                "times",
                "its receive times are not those that were sealed".to_owned(),
            ));
        }
        Ok(())
    }
}

impl Covered {
    /// Takes up the first bytes of a generation that begins here.
    fn begin(&mut self, bytes: &[u8]) {
        let Some(named) = self.named.filter(|named| named.start == 0) else { return };
        let missing = usize::from(named.prefix_len).saturating_sub(self.prefix.len());
        if missing > 0 {
            self.prefix.extend(bytes.iter().take(missing));
        }
    }

    /// Whether the keyed digest of the prefix fits; a prefix that reaches beyond this segment is not looked at.
    fn prefix_is_right(&self, key: &OriginKey, stream: &str) -> bool {
        let Some(OriginRange { start: 0, prefix_len, prefix_mac, .. }) = self.named else {
            return true;
        };
        self.prefix.len() < usize::from(prefix_len)
            || key.prefix_mac(stream, &self.prefix).is_ok_and(|mac| mac == prefix_mac)
    }
}

fn milliseconds(micros: i64) -> Option<Instant> {
    Instant::from_unix_ms(micros.div_euclid(1_000))
}
