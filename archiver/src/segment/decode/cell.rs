//! A leaf value as a column holds it, and its text.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};

use crate::segment::form::{self, Form, Fraction};

/// A typed view of a cell column.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
    Hex(&'a BinaryArray),
    Uuid(&'a FixedSizeBinaryArray),
    Long(&'a Int64Array),
    Instant(&'a Int64Array, Fraction),
    Time(&'a TimestampMicrosecondArray, Option<&'a Int32Array>),
    Int(&'a Int32Array),
}

impl<'a> Cell<'a> {
    pub(super) fn new(array: &'a ArrayRef, form: Form) -> Option<Self> {
        let long = || array.as_primitive_opt::<Int64Type>();
        match form {
            Form::Int => long().map(Cell::Long),
            Form::Rfc3339(fraction) => long().map(|values| Cell::Instant(values, fraction)),
            Form::Hex => array.as_binary_opt::<i32>().map(Cell::Hex),
            Form::Uuid => array.as_fixed_size_binary_opt().map(Cell::Uuid),
            Form::Time => array
                .as_primitive_opt::<TimestampMicrosecondType>()
                .map(|values| Cell::Time(values, None)),
            Form::Text => array
                .as_string_opt::<i32>()
                .map(Cell::Text)
                .or_else(|| array.as_binary_opt::<i32>().map(Cell::Binary))
                .or_else(|| array.as_fixed_size_binary_opt().map(Cell::Uuid))
                .or_else(|| array.as_primitive_opt::<Int32Type>().map(Cell::Int))
                .or_else(|| {
                    array
                        .as_primitive_opt::<TimestampMicrosecondType>()
                        .map(|values| Cell::Time(values, None))
                }),
        }
    }

    /// Appends the text of row `at`; false if the row has none here.
    pub(super) fn write(&self, at: usize, out: &mut Vec<u8>) -> bool {
        match self {
            Cell::Text(values) if values.is_valid(at) => {
                out.extend_from_slice(values.value(at).as_bytes());
            }
            Cell::Binary(values) if values.is_valid(at) => out.extend_from_slice(values.value(at)),
            Cell::Hex(values) if values.is_valid(at) => form::write_hex(values.value(at), out),
            Cell::Uuid(values) if values.is_valid(at) => form::write_uuid(values.value(at), out),
            Cell::Long(values) if values.is_valid(at) => form::write_int(values.value(at), out),
            Cell::Instant(values, fraction) if values.is_valid(at) => {
                form::write_instant(values.value(at), *fraction, out);
            }
            Cell::Time(values, Some(forms)) if values.is_valid(at) && forms.is_valid(at) => {
                let Some(fraction) = Fraction::from_digits(forms.value(at)) else { return false };
                let unit = 1_000_000 / fraction.per_second();
                form::write_instant(values.value(at).div_euclid(unit), fraction, out);
            }
            _ => return false,
        }
        true
    }
}
