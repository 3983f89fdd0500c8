//! An open segment becomes an encrypted Parquet file (`crypto/FORMAT.md` section 4).

mod leaves;

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

use super::canonical::Columns;
use super::column::{Column, Stored, Values};
use super::form::Form;
use super::template::Registry;
use super::{OpenSegment, SealedSegment, Shaper};
use leaves::Leaves;

/// zstd level of every page: level 3 takes a fifth more time for 3 % of the size (`archiver/DESIGN.md`).
const ZSTD_LEVEL: i32 = 1;
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

/// SHA-256 of the column names and types, one per line: `schema_sha256` of a manifest.
pub(super) fn schema_digest(schema: &Schema) -> Digest {
    let line = |field: &Arc<Field>| format!("{} {}\n", field.name(), field.data_type());
    let lines: String = schema.fields().iter().map(line).collect();
    Digest::of(lines.as_bytes())
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
        let encoded = if let Some(copy) = raw_copy {
            let fixed = shared.arrays(rows)?;
            let raw = file.raw(rows, &fixed, copy)?;
            if all_raw {
                raw
            } else {
                let shredded = file.shredded(&mut self, &shaper.0, &fixed)?;
                if shredded.bytes.len() < raw.bytes.len() { shredded } else { raw }
            }
        } else {
            let fixed = shared.arrays(rows)?;
            if all_raw {
                let raw = std::mem::replace(&mut self.raw, Column::new(Stored::Binary));
                file.raw(rows, &fixed, raw)?
            } else {
                file.shredded(&mut self, &shaper.0, &fixed)?
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
        let canonical = std::mem::replace(&mut segment.canonical, Columns::new()).into_filled();
        let leaves = Leaves::arrange(segment, registry, rows);
        let mut definitions = Column::new(Stored::Binary);
        definitions.push_bytes(0, &leaves.definitions(segment, registry));
        plans.push(planned("definitions", definitions, false));
        plans.push(planned("packed", leaves.packed, false));
        plans.extend(canonical.map(|(name, column)| planned(name, column, true)));
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
        Ok(Encoded { bytes, layout, schema: schema_digest(&schema) })
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
