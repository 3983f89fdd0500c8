//! An encrypted Parquet file becomes records again, byte for byte.

mod cell;
mod definitions;

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::encryption::decrypt::{FileDecryptionProperties, KeyRetriever};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use strongroom_crypto::keys::DataKey;
use strongroom_crypto::{ArchiveId, Digest, SegmentId};

use super::canonical;
use super::encode::{Layout, schema_digest};
use super::form::{self, Form, Fraction};
use super::meaning::Meanings;
use super::ranges::{StoredRange, parse_ranges};
use crate::limits::Limits;
use cell::Cell;
use definitions::{Definitions, StoredTemplate, first_definitions, read_bytes};

/// Rows decoded at a time: enough to amortise a batch, little enough to stay in cache.
const BATCH_ROWS: usize = 2_048;
/// An encrypted Parquet file begins and ends with this.
const MAGIC: &[u8] = b"PARE";
/// Most bytes of all columns before compression (`crypto/FORMAT.md` section 4): no leaf takes four times the room in its
/// column that it takes in its record, which [`Limits::SEGMENT_BYTES`] bounds.
const MAX_COLUMN_BYTES: u64 = 4 << 30;

/// The file is not a segment, or not this one, or was altered.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Whoever wrote it did not have to have a key.
    #[error("cannot read the segment: {0}")]
    Unsealed(&'static str),
    /// The Parquet library refused: damaged, or the wrong key.
    #[error("cannot read the segment: {0}")]
    Parquet(#[from] ParquetError),
    /// A page does not decode.
    #[error("cannot decode the segment: {0}")]
    Arrow(#[from] ArrowError),
    /// The file's own statements do not hold.
    #[error("malformed segment: {0}")]
    Malformed(&'static str),
    /// The file is of a newer format.
    #[error("segment format `{0}` is newer than this program: use a newer version")]
    Newer(String),
}

/// A record of a segment.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// Row number.
    pub row: u64,
    /// Receive time, µs since 1970.
    pub received_us: i64,
    /// Index into [`SegmentReader::ranges`].
    pub range: usize,
    /// Where `raw` begins in its origin.
    pub offset: u64,
    /// Bytes before it.
    pub lead: &'a [u8],
    /// Its bytes.
    pub raw: &'a [u8],
    batch: &'a Batch,
    at: usize,
    meanings: &'a RefCell<Meanings>,
    derived: OnceCell<Vec<(&'static str, String)>>,
}

impl Decoded<'_> {
    /// The text of a canonical column, if the record has it.
    pub fn canonical(&self, name: &str) -> Option<String> {
        if self.is_raw() {
            let derived = self.derived().iter().find(|(column, _)| *column == name);
            return derived.map(|(_, text)| text.clone());
        }
        self.stored(name)
    }

    /// All canonical columns that the record has, in file order.
    pub fn canonical_columns(&self) -> Vec<(&'static str, String)> {
        if self.is_raw() {
            return self.derived().to_vec();
        }
        let names = canonical::COLUMNS.iter().map(|(name, _)| *name);
        names.filter_map(|name| Some((name, self.stored(name)?))).collect()
    }

    /// The record's event time as the file's column has it; `None` where the record has no columns.
    pub fn stored_time_us(&self) -> Option<Option<i64>> {
        let time = self.batch.time.as_ref().filter(|time| time.is_valid(self.at));
        (!self.is_raw()).then(|| time.map(|time| time.value(self.at)))
    }

    fn is_raw(&self) -> bool {
        self.batch.raw.as_ref().is_some_and(|raw| raw.is_valid(self.at))
    }

    /// The canonical columns of a record that is kept raw: those that its bytes say.
    fn derived(&self) -> &[(&'static str, String)] {
        self.derived.get_or_init(|| self.meanings.borrow_mut().columns(self.raw))
    }

    fn stored(&self, name: &str) -> Option<String> {
        let array = self.batch.arrays.get(*self.batch.names.get(name)?)?;
        let mut out = Vec::new();
        let cell = Cell::new(array, Form::Text)?;
        match (&cell, name) {
            (Cell::Time(values, _), _) if values.is_valid(self.at) => {
                form::write_instant(values.value(self.at), Fraction::Micros, &mut out);
            }
            (Cell::Int(values), _) if values.is_valid(self.at) => {
                form::write_int(i64::from(values.value(self.at)), &mut out);
            }
            _ => {
                if !cell.write(self.at, &mut out) {
                    return None;
                }
            }
        }
        String::from_utf8(out).ok()
    }
}

/// Reads one segment.
#[derive(Debug)]
pub struct SegmentReader {
    reader: ParquetRecordBatchReader,
    definitions: Option<Definitions>,
    /// How the records are stored.
    pub layout: Layout,
    /// The stream.
    pub stream: String,
    /// The ranges, in the order that the column `origin` counts them.
    pub ranges: Vec<StoredRange>,
    /// Rows in the file.
    pub rows: u64,
    /// Digest of the column schema, as the manifest has it.
    pub schema: Digest,
}

/// Finds the DEK for the key metadata of a file.
struct Retriever<F> {
    find: F,
    /// Whether it was asked and found one.
    found: Arc<AtomicBool>,
}

impl<F: Fn(&[u8]) -> Option<DataKey> + Send + Sync> KeyRetriever for Retriever<F> {
    fn retrieve_key(&self, metadata: &[u8]) -> Result<Vec<u8>, ParquetError> {
        let key = (self.find)(metadata)
            .ok_or_else(|| ParquetError::General("no key for this segment".to_owned()))?;
        self.found.store(true, Ordering::SeqCst);
        Ok(key.expose().to_vec())
    }
}

/// Refuses a file that nobody needed a key to write: what is in it would be believed.
fn check_encrypted(file: &[u8]) -> Result<(), DecodeError> {
    if file.starts_with(MAGIC) && file.ends_with(MAGIC) {
        Ok(())
    } else {
        Err(DecodeError::Unsealed("it is not an encrypted Parquet file"))
    }
}

/// Refuses a footer that promises more than a segment may hold; gives its rows.
fn check_size(metadata: &ParquetMetaData) -> Result<u64, DecodeError> {
    let groups = metadata.row_groups();
    let rows = sum(groups.iter().map(RowGroupMetaData::num_rows));
    let columns = groups.iter().flat_map(RowGroupMetaData::columns);
    let bytes = sum(columns.map(ColumnChunkMetaData::uncompressed_size));
    let most = u64::try_from(Limits::SEGMENT_ROWS.1).unwrap_or(u64::MAX);
    let rows = rows.filter(|rows| *rows <= most).ok_or(DecodeError::Malformed("too many rows"))?;
    if u64::try_from(metadata.file_metadata().num_rows()) != Ok(rows) {
        return Err(DecodeError::Malformed("its row groups have other rows than its footer"));
    }
    if bytes.is_none_or(|bytes| bytes > MAX_COLUMN_BYTES) {
        return Err(DecodeError::Malformed("its columns are too large"));
    }
    Ok(rows)
}

fn sum(mut sizes: impl Iterator<Item = i64>) -> Option<u64> {
    sizes.try_fold(0_u64, |sum, size| sum.checked_add(u64::try_from(size).ok()?))
}

impl SegmentReader {
    /// Opens a file; `key` turns its PKMT1 key metadata into the data key.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is not a readable segment of this archive with this id.
    pub fn open<F>(
        file: Bytes,
        archive: ArchiveId,
        id: SegmentId,
        key: F,
    ) -> Result<Self, DecodeError>
    where
        F: Fn(&[u8]) -> Option<DataKey> + Send + Sync + 'static,
    {
        check_encrypted(&file)?;
        // Giving the prefix refuses a file that carries another archive's or segment's.
        let mut prefix = archive.as_bytes().to_vec();
        prefix.extend_from_slice(id.as_bytes());
        let found = Arc::<AtomicBool>::default();
        let retriever = Retriever { find: key, found: Arc::clone(&found) };
        let decryption = FileDecryptionProperties::with_key_retriever(Arc::new(retriever))
            .with_aad_prefix(prefix)
            .build()?;
        let options = ArrowReaderOptions::new()
            .with_file_decryption_properties(decryption)
            .with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
        if !found.load(Ordering::SeqCst) {
            return Err(DecodeError::Unsealed("it was opened without a key"));
        }
        let rows = check_size(builder.metadata())?;
        let metadata = builder.metadata().file_metadata();
        let value = |key: &str| {
            let pairs = metadata.key_value_metadata().into_iter().flatten();
            let mut found = pairs.filter(|pair| pair.key.strip_prefix("strongroom.") == Some(key));
            found
                .next()
                .and_then(|pair| pair.value.clone())
                .ok_or(DecodeError::Malformed("a footer member is missing"))
        };
        let format = value("format")?;
        if format != "1" {
            return Err(DecodeError::Newer(format));
        }
        let layout = match value("layout")?.as_str() {
            "shredded" => Layout::Shredded,
            "raw" => Layout::Raw,
            _ => return Err(DecodeError::Malformed("unknown layout")),
        };
        let stream = value("stream")?;
        let schema = schema_digest(builder.schema());
        let ranges = parse_ranges(&value("ranges")?).ok_or(DecodeError::Malformed("ranges"))?;
        let reader = builder.with_batch_size(BATCH_ROWS).build()?;
        Ok(Self { reader, definitions: None, layout, stream, ranges, rows, schema })
    }

    /// Calls `each` with every record in row order, and stops at its first error.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], or what `each` returns.
    pub fn for_each<E: From<DecodeError>>(
        mut self,
        mut each: impl FnMut(&Decoded<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut row = 0_u64;
        let mut raw = Vec::new();
        let meanings = RefCell::new(Meanings::default());
        for batch in self.reader.by_ref() {
            let batch = batch.map_err(DecodeError::from)?;
            if row == 0 && self.layout == Layout::Shredded {
                self.definitions = Some(first_definitions(&batch)?);
            }
            let batch = Batch::new(&batch)?;
            let plan =
                self.definitions.as_ref().map(|definitions| batch.plan(definitions)).transpose()?;
            for at in 0..batch.rows {
                raw.clear();
                batch.rebuild(plan.as_ref(), at, &mut raw)?;
                let range = usize::try_from(batch.origin.value(at))
                    .map_err(|_| DecodeError::Malformed("origin"))?;
                let offset = u64::try_from(batch.offset.value(at))
                    .map_err(|_| DecodeError::Malformed("offset"))?;
                each(&Decoded {
                    row,
                    received_us: batch.received.value(at),
                    range,
                    offset,
                    lead: batch.lead.value(at),
                    raw: &raw,
                    batch: &batch,
                    at,
                    meanings: &meanings,
                    derived: OnceCell::new(),
                })?;
                row += 1;
            }
        }
        Ok(())
    }
}

/// One batch, with its fixed columns typed.
#[derive(Debug)]
struct Batch {
    rows: usize,
    arrays: Vec<ArrayRef>,
    names: std::collections::HashMap<String, usize>,
    received: TimestampMicrosecondArray,
    time: Option<TimestampMicrosecondArray>,
    origin: Int32Array,
    offset: Int64Array,
    lead: BinaryArray,
    raw: Option<BinaryArray>,
    template: Option<Int32Array>,
    packed: Option<BinaryArray>,
}

/// The cells of every slot in one batch.
struct Plan<'a> {
    definitions: &'a Definitions,
    cells: Vec<Vec<Cell<'a>>>,
}

impl Batch {
    fn new(batch: &RecordBatch) -> Result<Self, DecodeError> {
        const MISSING: DecodeError =
            DecodeError::Malformed("a column is missing or has another type");
        let column = |name: &str| batch.column_by_name(name);
        let binary =
            |name: &str| column(name).and_then(|column| column.as_binary_opt::<i32>()).cloned();
        let fixed = |array: Option<&ArrayRef>| {
            array.filter(|array| array.null_count() == 0).cloned().ok_or(MISSING)
        };
        let time = |array: &ArrayRef| array.as_primitive_opt::<TimestampMicrosecondType>().cloned();
        let received = time(&fixed(column("received"))?).ok_or(MISSING)?;
        let origin =
            fixed(column("origin"))?.as_primitive_opt::<Int32Type>().cloned().ok_or(MISSING)?;
        let offset =
            fixed(column("offset"))?.as_primitive_opt::<Int64Type>().cloned().ok_or(MISSING)?;
        let lead = fixed(column("lead"))?.as_binary_opt::<i32>().cloned().ok_or(MISSING)?;
        let template =
            column("template").and_then(|column| column.as_primitive_opt::<Int32Type>()).cloned();
        let names = batch
            .schema()
            .fields()
            .iter()
            .enumerate()
            .map(|(at, field)| (field.name().clone(), at))
            .collect();
        Ok(Self {
            rows: batch.num_rows(),
            arrays: batch.columns().to_vec(),
            names,
            received,
            time: column("time").and_then(time),
            origin,
            offset,
            lead,
            raw: binary("raw"),
            template,
            packed: binary("packed"),
        })
    }

    fn plan<'a>(&'a self, definitions: &'a Definitions) -> Result<Plan<'a>, DecodeError> {
        let forms = self.names.get("time_form").and_then(|&at| self.arrays.get(at));
        let forms = forms.and_then(|array| array.as_primitive_opt::<Int32Type>());
        let mut cells = Vec::with_capacity(definitions.slots.len());
        for slot in &definitions.slots {
            let mut typed = Vec::with_capacity(slot.len());
            for (form, name) in slot {
                // A home column that no row filled is not in the file.
                let Some(array) = self.names.get(name).and_then(|&at| self.arrays.get(at)) else {
                    continue;
                };
                let cell = Cell::new(array, *form)
                    .ok_or(DecodeError::Malformed("a leaf column has another type"))?;
                typed.push(if let Cell::Time(values, _) = cell {
                    Cell::Time(values, forms)
                } else {
                    cell
                });
            }
            cells.push(typed);
        }
        Ok(Plan { definitions, cells })
    }

    /// Writes the bytes of row `at`.
    fn rebuild(
        &self,
        plan: Option<&Plan<'_>>,
        at: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        if let Some(raw) = self.raw.as_ref().filter(|raw| raw.is_valid(at)) {
            out.extend_from_slice(raw.value(at));
            return Ok(());
        }
        let number = self
            .template
            .as_ref()
            .filter(|template| template.is_valid(at))
            .map(|template| template.value(at));
        let (Some(plan), Some(number)) = (plan, number) else {
            return Err(DecodeError::Malformed("a row has neither raw bytes nor a template"));
        };
        let template =
            usize::try_from(number).ok().and_then(|number| plan.definitions.templates.get(number));
        let template = template.ok_or(DecodeError::Malformed("unknown template"))?;
        let packed = match &self.packed {
            Some(packed) if packed.is_valid(at) => plan.unpack(template, at, packed.value(at))?,
            _ => Vec::new(),
        };
        for (literal, slot) in &template.parts {
            out.extend_from_slice(literal);
            let Some(slot) = slot else { continue };
            if plan.write(*slot, at, out) {
                continue;
            }
            let text = packed.iter().find(|(owner, _)| owner == slot).map(|(_, text)| *text);
            out.extend_from_slice(text.ok_or(DecodeError::Malformed("a leaf has no value"))?);
        }
        Ok(())
    }
}

impl Plan<'_> {
    fn write(&self, slot: usize, at: usize, out: &mut Vec<u8>) -> bool {
        self.cells.get(slot).is_some_and(|cells| cells.iter().any(|cell| cell.write(at, out)))
    }

    /// Deals the packed values of a row to those of its slots that have no cell there.
    fn unpack<'b>(
        &self,
        template: &StoredTemplate,
        at: usize,
        mut packed: &'b [u8],
    ) -> Result<Vec<(usize, &'b [u8])>, DecodeError> {
        const SHORT: DecodeError = DecodeError::Malformed("packed values and slots do not match");
        let mut out = Vec::new();
        let mut scratch = Vec::new();
        for &slot in &template.ascending {
            scratch.clear();
            if !self.write(slot, at, &mut scratch) {
                out.push((slot, read_bytes(&mut packed).ok_or(SHORT)?));
            }
        }
        if packed.is_empty() { Ok(out) } else { Err(SHORT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::metadata::FileMetaData;
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    /// The footer of a file of one column.
    fn footer(rows: i64, groups: &[(i64, i64)]) -> ParquetMetaData {
        let schema = Arc::new(parse_message_type("message m { required int32 a; }").unwrap());
        let schema = Arc::new(SchemaDescriptor::new(schema));
        let group = |&(rows, bytes): &(i64, i64)| {
            let column = ColumnChunkMetaData::builder(schema.column(0));
            let column = column.set_total_uncompressed_size(bytes).build().unwrap();
            let group = RowGroupMetaData::builder(Arc::clone(&schema)).set_num_rows(rows);
            group.add_column_metadata(column).build().unwrap()
        };
        let file = FileMetaData::new(1, rows, None, None, Arc::clone(&schema), None);
        ParquetMetaData::new(file, groups.iter().map(group).collect())
    }

    #[test]
    fn a_footer_that_promises_too_much_is_refused() {
        let most = 1 << 20;
        assert_eq!(check_size(&footer(most, &[(most, 4 << 30)])).unwrap(), 1 << 20);
        for (rows, groups) in [
            (most + 1, &[(most + 1, 8)][..]),
            (i64::MAX, &[(i64::MAX, 8)]),
            (most, &[(most, 8), (most, 8)]),
            (1, &[(2, 8)]),
            (-1, &[(-1, 8)]),
            (1, &[(1, (4 << 30) + 1)]),
            (2, &[(1, 3 << 30), (1, 3 << 30)]),
            (1, &[(1, -1)]),
        ] {
            let refused = check_size(&footer(rows, groups));
            assert!(matches!(refused, Err(DecodeError::Malformed(_))), "{rows} {groups:?}");
        }
    }

    #[test]
    fn what_nobody_needed_a_key_to_write_is_refused() {
        let archive = ArchiveId::from_bytes([1; 16]);
        let id = SegmentId::new(1, &mut |_: &mut [u8]| ()).unwrap();
        for file in ["", "PARE", "PAR1..PAR1", "PAR1..PARE", "PARE..PAR1", "PARE..PARE"] {
            let key = |_: &[u8]| Some(DataKey::from_bytes(&[7; 32]));
            let opened = SegmentReader::open(Bytes::from(file), archive, id, key);
            let error = opened.unwrap_err().to_string();
            assert!(error.starts_with("cannot read the segment: "), "{file}: {error}");
        }
    }
}
