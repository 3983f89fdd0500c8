//! A segment's life: open, sealed, stored. Each step consumes the one before.
//!
//! Records go in one at a time. Each is cut into its leaf values, which go to typed columns; the record's own bytes are
//! hashed into the segment's tree and forgotten. A record that would not come back byte for byte is kept raw.

mod canonical;
mod column;
mod decode;
mod encode;
mod form;
mod meaning;
mod path;
mod ranges;
mod rebuild;
mod template;
mod token;

use std::collections::BTreeMap;

use strongroom_crypto::keys::DataKey;
use strongroom_crypto::merkle::Tree;
use strongroom_crypto::record::{FieldTooLong, LeafHasher, RecordRef};
use strongroom_crypto::{ArchiveId, Digest, SegmentId};

use canonical::Columns;
use column::{Column, Stored};
use form::{Form, Typed};
use meaning::{Meaning, NativeIds};
use template::Registry;
pub(crate) use template::Shape;
use token::{Leaf, Tokens};

pub use decode::{DecodeError, Decoded, SegmentReader};
pub use encode::{EncodeError, Encoded, Layout};
pub use meaning::{Meanings, Said};
pub use ranges::StoredRange;

/// While a segment is this small, its records are also kept whole, so that the raw layout can be tried at the end.
const RAW_COPY_ROWS: usize = 6_000;
/// The same bound in bytes.
const RAW_COPY_BYTES: usize = 16 << 20;

/// Works out the shapes of one stream's records, for all its open segments.
#[derive(Debug, Default)]
pub struct Shaper(Registry);

impl Shaper {
    /// Works out the shape of `raw`, which stays current until the next call.
    pub(crate) fn shape(&mut self, raw: &[u8]) -> Shape {
        self.0.shape(raw)
    }

    /// The shape of a record that was not framed as JSON: it is kept raw, and says when it happened all the same.
    pub(crate) fn unframed(&mut self, raw: &[u8]) -> Shape {
        let tokens = &mut self.0.tokens;
        let time_us = Meaning::read(raw, tokens).time_us(raw, &tokens.leaves);
        Shape { template: None, json: false, time_us }
    }

    /// True when no new shape fits.
    pub(crate) fn is_full(&self) -> bool {
        self.0.is_full()
    }
}

/// The range of one generation of one origin that a segment holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenRange {
    /// The origin's name.
    pub origin: String,
    /// Its generation.
    pub generation: u64,
    /// First decoded byte.
    pub start: u64,
    /// End of the bytes that the records take so far; the tail comes after.
    pub end: u64,
    /// Bytes after the last record.
    pub tail: Vec<u8>,
}

/// What a segment has counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Records kept raw because framing or parsing failed.
    pub rejected: u64,
    /// Repeats of a native id within the segment.
    pub duplicates: u64,
    /// Bytes of leads, records and tails.
    pub bytes: u64,
}

/// The cells of a slot, by form.
#[derive(Debug, Default)]
struct SlotCells {
    leaf: Vec<(Form, Column)>,
}

/// A segment that still takes records.
#[derive(Debug)]
pub struct OpenSegment {
    id: SegmentId,
    archive: ArchiveId,
    stream: String,
    key: DataKey,
    hasher: LeafHasher,
    tree: Tree,
    rows: usize,
    ranges: Vec<OpenRange>,
    received: Column,
    origin: Column,
    offset: Column,
    lead: Column,
    raw: Column,
    template: Column,
    canonical: Columns,
    /// By the registry's slot number.
    slots: Vec<SlotCells>,
    /// The segment's own template numbers by the registry's, and the other way round.
    local: BTreeMap<usize, i32>,
    templates: Vec<usize>,
    raw_copy: Option<Column>,
    native_ids: NativeIds,
    counts: Counts,
    event_time: Option<(i64, i64)>,
    receive_time: Option<(i64, i64)>,
    memory: usize,
    tail_bytes: usize,
    typed: Vec<Typed>,
    /// Of records without a template.
    tokens: Tokens,
    scratch: Vec<u8>,
}

/// One record for a segment.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// Which of the segment's ranges it belongs to.
    pub range: usize,
    /// Receive time, µs since 1970.
    pub received_us: i64,
    /// Where `raw` begins.
    pub offset: u64,
    /// Bytes before it.
    pub lead: &'a [u8],
    /// Its bytes.
    pub raw: &'a [u8],
    /// Framing or parsing failed: counted.
    pub rejected: bool,
}

/// Why a record cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A field of the leaf is too long.
    #[error("record at offset {offset} of `{origin}` does not fit its leaf")]
    Leaf {
        /// The origin.
        origin: String,
        /// The offset.
        offset: u64,
        /// Which field.
        source: FieldTooLong,
    },
    /// The caller named a range that it did not open.
    #[error("record for range {0}, which is not open: please report this as a bug")]
    NoRange(usize),
}

impl OpenSegment {
    /// Opens an empty segment.
    pub fn new(archive: ArchiveId, id: SegmentId, stream: &str, key: DataKey) -> Self {
        Self {
            id,
            archive,
            stream: stream.to_owned(),
            hasher: LeafHasher::new(&key, archive, stream),
            key,
            tree: Tree::default(),
            rows: 0,
            ranges: Vec::new(),
            received: Column::new(Stored::Timestamp),
            origin: Column::new(Stored::Int),
            offset: Column::new(Stored::Long),
            lead: Column::new(Stored::Binary),
            raw: Column::new(Stored::Binary),
            template: Column::new(Stored::Int),
            canonical: Columns::new(),
            slots: Vec::new(),
            local: BTreeMap::new(),
            templates: Vec::new(),
            raw_copy: Some(Column::new(Stored::Binary)),
            native_ids: NativeIds::default(),
            counts: Counts::default(),
            event_time: None,
            receive_time: None,
            memory: 0,
            tail_bytes: 0,
            typed: Vec::new(),
            tokens: Tokens::default(),
            scratch: Vec::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> SegmentId {
        self.id
    }

    /// Its stream.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Its data key.
    pub fn key(&self) -> &DataKey {
        &self.key
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that the records put into columns take, roughly.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Bytes of the tails so far.
    pub fn tail_bytes(&self) -> usize {
        self.tail_bytes
    }

    /// The ranges so far.
    pub fn ranges(&self) -> &[OpenRange] {
        &self.ranges
    }

    /// Finds or opens the range of a generation of an origin; it begins at `start` if it is new.
    pub fn range(&mut self, origin: &str, generation: u64, start: u64) -> usize {
        let known = self
            .ranges
            .iter()
            .position(|range| range.origin == origin && range.generation == generation);
        known.unwrap_or_else(|| {
            self.ranges.push(OpenRange {
                origin: origin.to_owned(),
                generation,
                start,
                end: start,
                tail: Vec::new(),
            });
            self.ranges.len() - 1
        })
    }

    /// Sets the bytes after the last record of a range.
    pub fn set_tail(&mut self, range: usize, tail: Vec<u8>) {
        if let Some(range) = self.ranges.get_mut(range) {
            self.counts.bytes += u64::try_from(tail.len()).unwrap_or(0);
            self.memory += tail.len();
            self.tail_bytes += tail.len();
            range.tail = tail;
        }
    }

    /// Adds the record whose shape `shaper` worked out last.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; the segment is unchanged.
    pub(crate) fn append(
        &mut self,
        shaper: &Shaper,
        shape: Shape,
        record: &NewRecord<'_>,
    ) -> Result<(), AppendError> {
        let row = self.rows;
        let range = self.ranges.get_mut(record.range).ok_or(AppendError::NoRange(record.range))?;
        let leaf = RecordRef {
            received_us: record.received_us.cast_unsigned(),
            origin: &range.origin,
            generation: range.generation,
            offset: record.offset,
            lead: record.lead,
            raw: record.raw,
        };
        let digest =
            self.hasher.event(u64::try_from(row).unwrap_or(u64::MAX), &leaf).map_err(|source| {
                AppendError::Leaf { origin: range.origin.clone(), offset: record.offset, source }
            })?;
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        range.end = record.offset + length(record.raw);
        self.counts.bytes += length(record.lead) + length(record.raw);
        self.tree.append(digest);
        self.received.push_long(row, record.received_us);
        self.origin.push_int(row, i32::try_from(record.range).unwrap_or(i32::MAX));
        self.offset.push_long(row, i64::try_from(record.offset).unwrap_or(i64::MAX));
        self.lead.push_bytes(row, record.lead);
        self.counts.rejected += u64::from(record.rejected);
        self.receive_time = Some(widen(self.receive_time, record.received_us));
        self.understand(shaper, shape, record.raw);
        let shredded =
            shape.template.is_some_and(|template| self.shred(&shaper.0, template, row, record.raw));
        if !shredded {
            self.raw.push_bytes(row, record.raw);
            self.canonical.derive(&Meaning::default(), &[], record.raw, row);
        }
        self.copy_raw(row, record.raw);
        self.rows += 1;
        self.memory += record.raw.len() + record.lead.len() + 32;
        Ok(())
    }

    /// Takes up when the event happened, and counts native ids that were seen before.
    fn understand(&mut self, shaper: &Shaper, shape: Shape, raw: &[u8]) {
        let known = shape.template.and_then(|id| shaper.0.templates.get(id));
        let (said, repeats) = if let Some(template) = known {
            let leaves = &shaper.0.tokens.leaves;
            (shape.time_us, self.native_ids.repeats(&template.meaning, leaves, raw))
        } else {
            let meaning = Meaning::read(raw, &mut self.tokens);
            let leaves = &self.tokens.leaves;
            (meaning.time_us(raw, leaves), self.native_ids.repeats(&meaning, leaves, raw))
        };
        self.counts.duplicates += u64::from(repeats);
        if let Some(time) = said {
            self.event_time = Some(widen(self.event_time, time));
        }
    }

    /// Keeps the whole record too while the segment is small.
    fn copy_raw(&mut self, row: usize, raw: &[u8]) {
        if let Some(copy) = &mut self.raw_copy {
            copy.push_bytes(row, raw);
            if copy.count() > RAW_COPY_ROWS || copy.data_bytes() > RAW_COPY_BYTES {
                self.raw_copy = None;
            }
        }
    }

    /// Puts the leaf values of a record into columns; false if it does not rebuild from them. Values of such a row stay
    /// where they are: a reader that finds `raw` looks no further.
    fn shred(&mut self, registry: &Registry, id: usize, row: usize, raw: &[u8]) -> bool {
        let Some(template) = registry.templates.get(id) else { return false };
        let leaves = &registry.tokens.leaves;
        if leaves.len() != template.slots.len() || !self.type_leaves(raw, leaves) {
            return false;
        }
        let typed = std::mem::take(&mut self.typed);
        for ((leaf, &value), &slot) in leaves.iter().zip(&typed).zip(&template.slots) {
            let text = raw.get(leaf.start..leaf.end).unwrap_or_default();
            let home =
                registry.slots.get(slot).and_then(|slot| slot.home).filter(|_| !leaf.escaped);
            if !home.is_some_and(|home| self.canonical.push_home(home, row, text, value)) {
                self.push_leaf(slot, row, text, value);
            }
        }
        self.typed = typed;
        if !self.rebuilds(registry, template, raw, row) {
            return false;
        }
        let next = i32::try_from(self.templates.len()).unwrap_or(i32::MAX);
        let local = *self.local.entry(id).or_insert_with(|| {
            self.templates.push(id);
            next
        });
        self.template.push_int(row, local);
        self.canonical.derive(&template.meaning, leaves, raw, row);
        true
    }

    /// Types every leaf.
    fn type_leaves(&mut self, raw: &[u8], leaves: &[Leaf]) -> bool {
        self.typed.clear();
        leaves.iter().all(|leaf| {
            let Some(text) = raw.get(leaf.start..leaf.end) else { return false };
            self.typed.push(form::of_leaf(leaf, text));
            true
        })
    }

    fn push_leaf(&mut self, slot: usize, row: usize, text: &[u8], value: Typed) {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, SlotCells::default);
        }
        let Some(cells) = self.slots.get_mut(slot) else { return };
        let form = match value {
            Typed::Text => Form::Text,
            Typed::Uuid(_) => Form::Uuid,
            Typed::Hex => Form::Hex,
            Typed::Int(_) => Form::Int,
            Typed::Instant(_, fraction) => Form::Rfc3339(fraction),
        };
        let place = cells.leaf.iter().position(|(known, _)| *known == form).unwrap_or_else(|| {
            cells.leaf.push((form, Column::new(encode::stored(form))));
            cells.leaf.len() - 1
        });
        let Some((_, column)) = cells.leaf.get_mut(place) else { return };
        let marks = column.mark_bytes();
        match value {
            Typed::Text => column.push_bytes(row, text),
            Typed::Uuid(bytes) => column.push_uuid(row, bytes),
            Typed::Int(value) | Typed::Instant(value, _) => column.push_long(row, value),
            Typed::Hex => {
                self.scratch.clear();
                form::hex_bytes(text, &mut self.scratch);
                column.push_bytes(row, &self.scratch);
            }
        }
        // Thousands of columns with few values each hold little else.
        self.memory += column.mark_bytes() - marks;
    }
}

fn widen(range: Option<(i64, i64)>, value: i64) -> (i64, i64) {
    range.map_or((value, value), |(least, most)| (least.min(value), most.max(value)))
}

/// What sealing made of an open segment: bytes that will never change again.
#[derive(Debug)]
pub struct SealedSegment {
    /// Its id.
    pub id: SegmentId,
    /// Its stream.
    pub stream: String,
    /// The encrypted file.
    pub encoded: Encoded,
    /// RFC 6962 root over rows and tails.
    pub root: Digest,
    /// Rows.
    pub rows: u64,
    /// Ranges, in the order of their first records.
    pub ranges: Vec<OpenRange>,
    /// What was counted.
    pub counts: Counts,
    /// Least and greatest event time, µs.
    pub event_time: Option<(i64, i64)>,
    /// Least and greatest receive time, µs.
    pub receive_time: Option<(i64, i64)>,
}

#[cfg(test)]
mod tests;
