//! An open segment becomes an encrypted Parquet file (`crypto/FORMAT.md` section 4).

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef};
use arrow_schema::{ArrowError, Field, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::encryption::encrypt::FileEncryptionProperties;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use strongroom_crypto::record::FieldTooLong;
use strongroom_crypto::{Digest, b64};

use super::canonical::{self, Home, Type};
use super::column::{Column, Stored, Values};
use super::form::{self, Form};
use super::template::Registry;
use super::{OpenSegment, SealedSegment, Shaper};

/// zstd level of every page: level 3 takes a fifth more time for a fiftieth of the size (`archiver/DESIGN.md`).
const ZSTD_LEVEL: i32 = 1;
/// Most leaf columns of a file; further values are packed.
const MAX_LEAF_COLUMNS: usize = 2_000;
/// A leaf column costs about 300 bytes of file for its name, metadata and encryption, so one with fewer values than this
/// (or than a 2,048th of the rows) is packed.
const MIN_COLUMN_VALUES: usize = 12;
const MIN_COLUMN_SHARE: usize = 2_048;
/// A text column whose sampled values are more distinct than this gets no dictionary.
const DICTIONARY_UP_TO: f64 = 0.75;
/// The same for integers, where delta encoding is the alternative.
const INT_DICTIONARY_UP_TO: f64 = 0.3;
/// Beyond this a dictionary falls back by itself.
const DICTIONARY_BYTES: usize = 4 << 20;
/// Larger than any chunk: one data page for a chunk lets zstd see all of it.
const PAGE_BYTES: usize = 1 << 30;
/// The pinned OCSF version.
const OCSF: &str = "1.6.0";

/// How the records are stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// Templates and leaf columns.
    Shredded,
    /// The bytes, one column.
    Raw,
}

impl Layout {
    /// The name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shredded => "shredded",
            Self::Raw => "raw",
        }
    }
}

/// An encrypted file.
#[derive(Debug)]
pub struct Encoded {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Which layout was smaller.
    pub layout: Layout,
    /// SHA-256 of the column names and types, one per line.
    pub schema: Digest,
}

/// Sealing failed; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The Parquet library refused.
    #[error("cannot encode the segment: {0}")]
    Parquet(#[from] ParquetError),
    /// The Arrow library refused.
    #[error("cannot build a column: {0}")]
    Arrow(#[from] ArrowError),
    /// A tail does not fit its leaf.
    #[error("the bytes after the last record do not fit their leaf: {0}")]
    Tail(#[from] FieldTooLong),
}

/// A column of the file to be.
struct Planned {
    name: String,
    column: Column,
    nullable: bool,
    statistics: bool,
}

/// How the file stores a leaf of a form.
pub(super) fn stored(form: Form) -> Stored {
    match form {
        Form::Text => Stored::Utf8,
        Form::Hex => Stored::Binary,
        Form::Uuid => Stored::Uuid,
        Form::Int | Form::Rfc3339(_) => Stored::Long,
        Form::Time => Stored::Timestamp,
    }
}

impl OpenSegment {
    /// Ends the segment: tail leaves, root, and the smaller of the layouts, encrypted under its key.
    ///
    /// `key_metadata` is the PKMT1 key material that names the period key.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]; the segment is lost, its source is not.
    pub fn seal(
        mut self,
        shaper: &Shaper,
        key_metadata: &str,
    ) -> Result<SealedSegment, EncodeError> {
        let mut order: Vec<usize> = (0..self.ranges.len()).collect();
        order.sort_by_key(|&at| {
            self.ranges.get(at).map(|range| (range.origin.clone(), range.generation))
        });
        for (place, &at) in order.iter().enumerate() {
            let Some(range) = self.ranges.get(at) else { continue };
            let row = u64::try_from(self.rows + place).unwrap_or(u64::MAX);
            let digest =
                self.hasher.tail(row, &range.origin, range.generation, range.end, &range.tail)?;
            self.tree.append(digest);
        }
        let root = self.tree.root();
        let file = FileContext::new(&self, key_metadata)?;
        let rows = self.rows;
        let raw_copy = self.raw_copy.take();
        let shared = Shared {
            received: std::mem::replace(&mut self.received, Column::new(Stored::Timestamp)),
            origin: std::mem::replace(&mut self.origin, Column::new(Stored::Int)),
            offset: std::mem::replace(&mut self.offset, Column::new(Stored::Long)),
            lead: std::mem::replace(&mut self.lead, Column::new(Stored::Binary)),
        };
        let all_raw = self.templates.is_empty();
        let encoded = match raw_copy {
            Some(copy) => {
                let fixed = shared.arrays(rows)?;
                let raw = file.raw(rows, &fixed, copy)?;
                if all_raw {
                    raw
                } else {
                    let shredded = file.shredded(&mut self, &shaper.0, &fixed)?;
                    if shredded.bytes.len() < raw.bytes.len() { shredded } else { raw }
                }
            }
            None => {
                let fixed = shared.arrays(rows)?;
                if all_raw {
                    let raw = std::mem::replace(&mut self.raw, Column::new(Stored::Binary));
                    file.raw(rows, &fixed, raw)?
                } else {
                    file.shredded(&mut self, &shaper.0, &fixed)?
                }
            }
        };
        Ok(SealedSegment {
            id: self.id,
            stream: self.stream,
            encoded,
            root,
            rows: u64::try_from(rows).unwrap_or(u64::MAX),
            ranges: self.ranges,
            counts: self.counts,
            event_time: self.event_time,
            receive_time: self.receive_time,
        })
    }
}

/// The columns of both layouts.
struct Shared {
    received: Column,
    origin: Column,
    offset: Column,
    lead: Column,
}

/// A fixed column, already an array: both layouts may write it.
struct Fixed {
    name: &'static str,
    array: ArrayRef,
    encoding: Encode,
}

/// How a column is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Encode {
    Dictionary,
    Plain(Encoding),
}

impl Shared {
    fn arrays(self, rows: usize) -> Result<Vec<Fixed>, ArrowError> {
        let fixed = |name, column: Column, encoding| -> Result<Fixed, ArrowError> {
            Ok(Fixed { name, array: column.into_array(rows)?, encoding })
        };
        Ok(vec![
            fixed("received", self.received, Encode::Dictionary)?,
            fixed("origin", self.origin, Encode::Dictionary)?,
            fixed("offset", self.offset, Encode::Plain(Encoding::DELTA_BINARY_PACKED))?,
            fixed("lead", self.lead, Encode::Dictionary)?,
        ])
    }
}

/// What every layout of one segment needs to become a file.
struct FileContext {
    encryption: Arc<FileEncryptionProperties>,
    stream: String,
    ranges: String,
}

impl FileContext {
    fn new(segment: &OpenSegment, key_metadata: &str) -> Result<Self, EncodeError> {
        let mut prefix = segment.archive.as_bytes().to_vec();
        prefix.extend_from_slice(segment.id.as_bytes());
        let encryption = FileEncryptionProperties::builder(segment.key.expose().to_vec())
            .with_footer_key_metadata(key_metadata.as_bytes().to_vec())
            .with_aad_prefix(prefix)
            .with_aad_prefix_storage(true)
            .build()?;
        let ranges: Vec<String> = segment
            .ranges
            .iter()
            .map(|range| {
                let end = range.end + u64::try_from(range.tail.len()).unwrap_or(0);
                // Origins are percent-encoded, so that nothing here needs an escape.
                format!(
                    r#"{{"end":{end},"generation":{},"origin":"{}","start":{},"tail":"{}"}}"#,
                    range.generation,
                    range.origin,
                    range.start,
                    b64::encode(&range.tail)
                )
            })
            .collect();
        Ok(Self {
            encryption,
            stream: segment.stream.clone(),
            ranges: format!("[{}]", ranges.join(",")),
        })
    }

    fn raw(&self, rows: usize, fixed: &[Fixed], raw: Column) -> Result<Encoded, EncodeError> {
        let raw = Planned { name: "raw".into(), column: raw, nullable: true, statistics: false };
        self.write(Layout::Raw, rows, fixed, vec![raw])
    }

    fn shredded(
        &self,
        segment: &mut OpenSegment,
        registry: &Registry,
        fixed: &[Fixed],
    ) -> Result<Encoded, EncodeError> {
        let rows = segment.rows;
        let take = |column: &mut Column| std::mem::replace(column, Column::new(Stored::Int));
        let mut plans = vec![
            planned("raw", take(&mut segment.raw), false),
            planned("template", take(&mut segment.template), false),
        ];
        let names = canonical::columns().map(|(name, _)| name);
        let canonical =
            segment.canonical.iter_mut().zip(names).filter(|(column, _)| column.count() > 0);
        let canonical: Vec<Planned> =
            canonical.map(|(column, name)| planned(name, take(column), true)).collect();
        let leaves = Leaves::arrange(segment, registry, rows);
        let mut definitions = Column::new(Stored::Binary);
        definitions.push_bytes(0, &leaves.definitions(segment, registry));
        plans.push(planned("definitions", definitions, false));
        plans.push(planned("packed", leaves.packed, false));
        plans.extend(canonical);
        plans.extend(leaves.columns);
        self.write(Layout::Shredded, rows, fixed, plans)
    }

    fn write(
        &self,
        layout: Layout,
        rows: usize,
        fixed: &[Fixed],
        planned: Vec<Planned>,
    ) -> Result<Encoded, EncodeError> {
        let planned: Vec<Planned> =
            planned.into_iter().filter(|plan| plan.column.count() > 0).collect();
        let mut properties = self.properties(layout)?;
        let mut fields = Vec::with_capacity(fixed.len() + planned.len());
        for column in fixed {
            properties = encode_as(properties, column.name, column.encoding);
            fields.push(Field::new(column.name, column.array.data_type().clone(), false));
        }
        for plan in &planned {
            properties = encode_as(properties, &plan.name, encoding(&plan.column));
            if plan.statistics {
                let path = ColumnPath::from(plan.name.as_str());
                properties =
                    properties.set_column_statistics_enabled(path, EnabledStatistics::Chunk);
            }
            fields.push(Field::new(&plan.name, plan.column.stored.data_type(), plan.nullable));
        }
        let lines: Vec<String> =
            fields.iter().map(|f| format!("{} {}\n", f.name(), f.data_type())).collect();
        let schema = Arc::new(Schema::new(fields));
        let parquet = ArrowSchemaConverter::new().schema_root("strongroom").convert(&schema)?;
        let mut writer = SerializedFileWriter::new(
            Vec::new(),
            parquet.root_schema_ptr(),
            Arc::new(properties.build()),
        )?;
        let columns = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&schema))
            .create_column_writers(0)?;
        let arrays = fixed.iter().map(|column| Ok(Arc::clone(&column.array)));
        let arrays = arrays.chain(planned.into_iter().map(|plan| plan.column.into_array(rows)));
        let mut group = writer.next_row_group()?;
        // Each column's memory is given back before the next is encoded.
        for ((field, array), mut column) in schema.fields().iter().zip(arrays).zip(columns) {
            for leaf in compute_leaves(field, &array?)? {
                column.write(&leaf)?;
            }
            column.close()?.append_to_row_group(&mut group)?;
        }
        group.close()?;
        let bytes = writer.into_inner()?;
        Ok(Encoded { bytes, layout, schema: Digest::of(lines.concat().as_bytes()) })
    }

    fn properties(&self, layout: Layout) -> Result<WriterPropertiesBuilder, EncodeError> {
        let pair =
            |key: &str, value: &str| KeyValue::new(format!("strongroom.{key}"), value.to_owned());
        Ok(WriterProperties::builder()
            // Version 2 pages are larger here (measured), and are compressed page by page just the same.
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_data_page_size_limit(PAGE_BYTES)
            .set_data_page_row_count_limit(usize::MAX)
            .set_dictionary_page_size_limit(DICTIONARY_BYTES)
            .set_created_by(concat!("strongroom ", env!("CARGO_PKG_VERSION")).to_owned())
            // Bloom filters stay off: the library would write them in the clear.
            .set_bloom_filter_enabled(false)
            .set_key_value_metadata(Some(vec![
                pair("format", "1"),
                pair("layout", layout.name()),
                pair("ocsf", OCSF),
                pair("ranges", &self.ranges),
                pair("stream", &self.stream),
            ]))
            .with_file_encryption_properties(Arc::clone(&self.encryption)))
    }
}

fn planned(name: &str, column: Column, statistics: bool) -> Planned {
    Planned { name: name.to_owned(), column, nullable: true, statistics }
}

fn encode_as(
    properties: WriterPropertiesBuilder,
    name: &str,
    how: Encode,
) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(name);
    match how {
        Encode::Dictionary => properties,
        Encode::Plain(encoding) => properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, encoding),
    }
}

fn encoding(column: &Column) -> Encode {
    match column.values() {
        Values::Bytes { .. } if column.distinct_share() > DICTIONARY_UP_TO => {
            Encode::Plain(Encoding::DELTA_LENGTH_BYTE_ARRAY)
        }
        Values::Uuid(_) if column.distinct_share() > DICTIONARY_UP_TO => {
            Encode::Plain(Encoding::PLAIN)
        }
        Values::Long(_) | Values::Int(_)
            if column.stored == Stored::Timestamp
                || column.distinct_share() > INT_DICTIONARY_UP_TO =>
        {
            Encode::Plain(Encoding::DELTA_BINARY_PACKED)
        }
        _ => Encode::Dictionary,
    }
}

/// Leaf columns worth a column each, and the rest packed.
struct Leaves {
    columns: Vec<Planned>,
    /// Cells by the registry's slot number: form and column number.
    cells: Vec<Vec<(Form, usize)>>,
    /// Registry slots that this segment uses, ascending: their place is their number in the file.
    used: Vec<usize>,
    packed: Column,
}

impl Leaves {
    fn arrange(segment: &mut OpenSegment, registry: &Registry, rows: usize) -> Self {
        let used: BTreeSet<usize> = segment
            .templates
            .iter()
            .filter_map(|&id| registry.templates.get(id))
            .flat_map(|template| template.slots.iter().copied())
            .collect();
        let used: Vec<usize> = used.into_iter().collect();
        let least = MIN_COLUMN_VALUES.max(rows / MIN_COLUMN_SHARE);
        let mut sizes: Vec<usize> = segment
            .slots
            .iter()
            .flat_map(|cells| cells.leaf.iter().map(|(_, column)| column.count()))
            .collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let least = least.max(sizes.get(MAX_LEAF_COLUMNS).map_or(0, |size| size + 1));
        let (mut columns, mut cells, mut loose) =
            (Vec::new(), vec![Vec::new(); segment.slots.len()], Vec::new());
        for (slot, forms) in segment.slots.iter_mut().enumerate() {
            for (form, column) in std::mem::take(&mut forms.leaf) {
                if column.count() >= least {
                    if let Some(cells) = cells.get_mut(slot) {
                        cells.push((form, columns.len()));
                    }
                    columns.push(planned(&format!("leaf_{}", columns.len()), column, false));
                } else {
                    unpack(slot, form, &column, &mut loose);
                }
            }
        }
        Self { columns, cells, used, packed: pack(loose) }
    }

    /// `crypto/FORMAT.md` section 4.2: slots, then templates.
    fn definitions(&self, segment: &OpenSegment, registry: &Registry) -> Vec<u8> {
        let mut out = Vec::new();
        varint(self.used.len(), &mut out);
        for slot in self.used.iter().filter_map(|&id| registry.slots.get(id).map(|slot| (id, slot)))
        {
            let (id, slot) = slot;
            bytes(slot.path.as_bytes(), &mut out);
            out.push(slot.class.code());
            let mut cells: Vec<(Form, String)> = slot.home.map_or(Vec::new(), home_cells);
            for &(form, column) in self.cells.get(id).into_iter().flatten() {
                cells.push((form, format!("leaf_{column}")));
            }
            varint(cells.len(), &mut out);
            for (form, column) in cells {
                out.push(form.code());
                bytes(column.as_bytes(), &mut out);
            }
        }
        varint(segment.templates.len(), &mut out);
        for template in segment.templates.iter().filter_map(|&id| registry.templates.get(id)) {
            varint(template.slots.len(), &mut out);
            let mut slots = template.slots.iter();
            for literal in template.literals() {
                bytes(literal, &mut out);
                if let Some(slot) = slots.next() {
                    varint(self.used.binary_search(slot).unwrap_or(usize::MAX), &mut out);
                }
            }
        }
        out
    }
}

fn home_cells(home: Home) -> Vec<(Form, String)> {
    let cell = |form, place: canonical::Canon| {
        canonical::columns().nth(place.0).map(|(name, kind)| {
            (if kind == Type::Time { Form::Time } else { form }, name.to_owned())
        })
    };
    let cells = match home {
        Home::Text(column) => [cell(Form::Text, column), None],
        Home::Ip(first, second) => [cell(Form::Text, first), cell(Form::Text, second)],
        Home::Uid(text, uuid) => [cell(Form::Uuid, uuid), cell(Form::Text, text)],
        Home::Time => [cell(Form::Time, canonical::TIME), None],
    };
    cells.into_iter().flatten().collect()
}

/// Turns a small column back to text: (row, slot, text).
fn unpack(slot: usize, form: Form, column: &Column, out: &mut Vec<(usize, usize, Vec<u8>)>) {
    for (n, row) in column.rows().enumerate() {
        let mut text = Vec::new();
        match (column.values(), form) {
            (Values::Bytes { .. }, Form::Hex) => form::write_hex(column.bytes_at(n), &mut text),
            (Values::Bytes { .. }, _) => text.extend_from_slice(column.bytes_at(n)),
            (Values::Uuid(values), _) => {
                form::write_uuid(values.get(n).map_or(&[][..], |v| v), &mut text)
            }
            (Values::Long(values), Form::Rfc3339(fraction)) => {
                form::write_instant(values.get(n).copied().unwrap_or(0), fraction, &mut text);
            }
            (Values::Long(values), _) => {
                form::write_int(values.get(n).copied().unwrap_or(0), &mut text)
            }
            (Values::Int(_), _) => {}
        }
        out.push((row, slot, text));
    }
}

/// Joins loose values row by row, in order of slot.
fn pack(mut loose: Vec<(usize, usize, Vec<u8>)>) -> Column {
    loose.sort_unstable_by_key(|(row, slot, _)| (*row, *slot));
    let mut packed = Column::new(Stored::Binary);
    for values in loose.chunk_by(|a, b| a.0 == b.0) {
        let mut cell = Vec::new();
        for (_, _, text) in values {
            bytes(text, &mut cell);
        }
        if let Some((row, _, _)) = values.first() {
            packed.push_bytes(*row, &cell);
        }
    }
    packed
}

/// Unsigned LEB128.
fn varint(value: usize, out: &mut Vec<u8>) {
    let mut rest = value;
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or(0);
        rest >>= 7;
        if rest == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn bytes(text: &[u8], out: &mut Vec<u8>) {
    varint(text.len(), out);
    out.extend_from_slice(text);
}
