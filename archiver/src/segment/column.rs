//! Columns in memory, filled row by row, and their Arrow arrays.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::form::{self, Form};

/// Values of a column, those that are present only.
#[derive(Debug)]
pub(crate) enum Values {
    Bytes { data: Vec<u8>, ends: Vec<u32> },
    Uuid(Vec<[u8; 16]>),
    Long(Vec<i64>),
    Int(Vec<i32>),
}

/// How the file declares a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stored {
    Utf8,
    Binary,
    Uuid,
    Long,
    Int,
    Timestamp,
}

impl Stored {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Utf8 => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Long => DataType::Int64,
            Self::Int => DataType::Int32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

/// A nullable column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) stored: Stored,
    /// Bit r of word r/64 is set where row r has a value.
    present: Vec<u64>,
    count: usize,
    /// The row after the last one that has a value.
    next: usize,
    values: Values,
}

impl Column {
    pub(crate) fn new(stored: Stored) -> Self {
        let values = match stored {
            Stored::Utf8 | Stored::Binary => Values::Bytes { data: Vec::new(), ends: Vec::new() },
            Stored::Uuid => Values::Uuid(Vec::new()),
            Stored::Long | Stored::Timestamp => Values::Long(Vec::new()),
            Stored::Int => Values::Int(Vec::new()),
        };
        Self { stored, present: Vec::new(), count: 0, next: 0, values }
    }

    /// Bytes of the marks of rows that have a value.
    pub(crate) fn mark_bytes(&self) -> usize {
        self.present.len() * size_of::<u64>()
    }

    /// Number of rows with a value.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Notes that `row` has a value. A second value of a row is refused: it would shift all that follow.
    fn mark(&mut self, row: usize) -> bool {
        if row < self.next {
            return false;
        }
        self.next = row + 1;
        let word = row / 64;
        if self.present.len() <= word {
            self.present.resize(word + 1, 0);
        }
        if let Some(bits) = self.present.get_mut(word) {
            *bits |= 1 << (row % 64);
        }
        self.count += 1;
        true
    }

    /// Adds bytes for `row` to a column of bytes; a row takes one value.
    pub(crate) fn push_bytes(&mut self, row: usize, bytes: &[u8]) {
        if self.mark(row)
            && let Values::Bytes { data, ends } = &mut self.values
        {
            data.extend_from_slice(bytes);
            // INVARIANT: a segment is closed long before 4 GiB (`Limits::SEGMENT_BYTES`).
            ends.push(u32::try_from(data.len()).unwrap_or(u32::MAX));
        }
    }

    pub(crate) fn push_uuid(&mut self, row: usize, value: [u8; 16]) {
        if self.mark(row)
            && let Values::Uuid(values) = &mut self.values
        {
            values.push(value);
        }
    }

    pub(crate) fn push_long(&mut self, row: usize, value: i64) {
        if self.mark(row)
            && let Values::Long(values) = &mut self.values
        {
            values.push(value);
        }
    }

    pub(crate) fn push_int(&mut self, row: usize, value: i32) {
        if self.mark(row)
            && let Values::Int(values) = &mut self.values
        {
            values.push(value);
        }
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// The rows that have a value, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> {
        self.present.iter().enumerate().flat_map(|(word, &bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        })
    }

    /// Tells whether the last row is `row` and its value, written in `form`, is `text`.
    pub(crate) fn last_is(
        &self,
        row: usize,
        form: Form,
        text: &[u8],
        scratch: &mut Vec<u8>,
    ) -> bool {
        if self.next != row + 1 {
            return false;
        }
        scratch.clear();
        match (&self.values, form) {
            (Values::Bytes { .. }, Form::Hex) => {
                form::write_hex(self.bytes_at(self.count - 1), scratch);
            }
            (Values::Bytes { .. }, _) => return self.bytes_at(self.count - 1) == text,
            (Values::Uuid(values), _) => {
                form::write_uuid(values.last().map_or(&[][..], |value| value), scratch);
            }
            (Values::Long(values), Form::Rfc3339(fraction)) => {
                form::write_instant(values.last().copied().unwrap_or(0), fraction, scratch);
            }
            (Values::Long(values), _) => {
                form::write_int(values.last().copied().unwrap_or(0), scratch);
            }
            (Values::Int(_), _) => return false,
        }
        scratch == text
    }

    /// The row after the last one with a value.
    pub(crate) fn next_row(&self) -> usize {
        self.next
    }

    /// The n-th present value's bytes.
    pub(crate) fn bytes_at(&self, n: usize) -> &[u8] {
        let Values::Bytes { data, ends } = &self.values else { return &[] };
        let end = |n: usize| ends.get(n).and_then(|&end| usize::try_from(end).ok()).unwrap_or(0);
        let start = n.checked_sub(1).map_or(0, end);
        data.get(start..end(n)).unwrap_or_default()
    }

    /// The share of distinct values in a sample: 0 for all alike, 1 for all different.
    pub(crate) fn distinct_share(&self) -> f64 {
        const SAMPLE: usize = 4_096;
        let step = (self.count / SAMPLE).max(1);
        let picks = (0..self.count).step_by(step);
        let mut seen = std::collections::HashSet::new();
        let mut taken = 0_u32;
        for pick in picks {
            taken += 1;
            let value = match &self.values {
                Values::Bytes { .. } => hash(self.bytes_at(pick)),
                Values::Uuid(values) => values.get(pick).map_or(0, |value| hash(value)),
                Values::Long(values) => values.get(pick).copied().unwrap_or(0).cast_unsigned(),
                Values::Int(values) => {
                    u64::from(values.get(pick).copied().unwrap_or(0).cast_unsigned())
                }
            };
            seen.insert(value);
        }
        f64::from(u32::try_from(seen.len()).unwrap_or(u32::MAX)) / f64::from(taken.max(1))
    }

    /// Bytes of all values.
    pub(crate) fn data_bytes(&self) -> usize {
        match &self.values {
            Values::Bytes { data, .. } => data.len(),
            Values::Uuid(values) => values.len() * 16,
            Values::Long(values) => values.len() * 8,
            Values::Int(values) => values.len() * 4,
        }
    }

    /// The Arrow array of `rows` rows.
    pub(crate) fn into_array(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.present.resize(rows.div_ceil(64), 0);
        let dense = self.count == rows;
        let present = std::mem::take(&mut self.present);
        let nulls = (!dense).then(|| {
            NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(present.clone()), 0, rows))
        });
        let row_of = || {
            present
                .iter()
                .enumerate()
                .flat_map(|(word, &bits)| Ones(bits).map(move |bit| word * 64 + bit))
        };
        Ok(match self.values {
            Values::Long(values) => {
                let values = spread(values, rows, dense, row_of());
                if self.stored == Stored::Timestamp {
                    Arc::new(
                        TimestampMicrosecondArray::try_new(values.into(), nulls)?
                            .with_timezone("UTC"),
                    )
                } else {
                    Arc::new(Int64Array::try_new(values.into(), nulls)?)
                }
            }
            Values::Int(values) => {
                Arc::new(Int32Array::try_new(spread(values, rows, dense, row_of()).into(), nulls)?)
            }
            Values::Uuid(values) => {
                let values = spread(values, rows, dense, row_of());
                let bytes = Buffer::from_vec(values.into_flattened());
                Arc::new(FixedSizeBinaryArray::try_new(16, bytes, nulls)?)
            }
            Values::Bytes { data, ends } => {
                let mut offsets = Vec::with_capacity(rows + 1);
                offsets.push(0_i32);
                let mut last = 0;
                for (row, end) in row_of().zip(ends) {
                    offsets.resize(row + 1, last);
                    last = i32::try_from(end)
                        .map_err(|_| ArrowError::OffsetOverflowError(data.len()))?;
                    offsets.push(last);
                }
                offsets.resize(rows + 1, last);
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let data = Buffer::from_vec(data);
                if self.stored == Stored::Utf8 {
                    Arc::new(StringArray::try_new(offsets, data, nulls)?)
                } else {
                    Arc::new(BinaryArray::try_new(offsets, data, nulls)?)
                }
            }
        })
    }
}

/// The positions of the set bits of a word.
struct Ones(u64);

impl Iterator for Ones {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        if bit == 64 { None } else { usize::try_from(bit).ok() }
    }
}

/// Puts each value at its row, default values between.
fn spread<T: Copy + Default>(
    values: Vec<T>,
    rows: usize,
    dense: bool,
    at: impl Iterator<Item = usize>,
) -> Vec<T> {
    if dense {
        return values;
    }
    let mut out = vec![T::default(); rows];
    for (row, value) in at.zip(values) {
        if let Some(slot) = out.get_mut(row) {
            *slot = value;
        }
    }
    out
}

/// A quick hash for counting distinct values; nothing depends on it being hard to collide.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = u64::try_from(bytes.len()).unwrap_or(0);
    for word in words {
        hash =
            (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    let last = rest.iter().fold(0_u64, |word, &byte| word << 8 | u64::from(byte));
    (hash.rotate_left(23) ^ last).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array as _;
    use arrow_array::cast::AsArray as _;

    #[test]
    fn a_sparse_column_becomes_an_array_with_nulls_in_the_right_rows() {
        let mut column = Column::new(Stored::Binary);
        column.push_bytes(1, b"one");
        column.push_bytes(70, b"");
        column.push_bytes(129, b"last");
        assert_eq!(column.rows().collect::<Vec<_>>(), [1, 70, 129]);
        let array = column.into_array(131).unwrap();
        let array = array.as_binary::<i32>();
        assert_eq!((array.len(), array.null_count()), (131, 128));
        assert_eq!(
            (array.value(1), array.value(70), array.value(129)),
            (&b"one"[..], &b""[..], &b"last"[..])
        );
        assert!(array.is_null(0) && array.is_null(130));
    }

    #[test]
    fn a_dense_column_has_no_nulls() {
        let mut column = Column::new(Stored::Timestamp);
        for row in 0..100 {
            column.push_long(row, i64::try_from(row).unwrap());
        }
        assert_eq!(column.into_array(100).unwrap().null_count(), 0);
    }
}
