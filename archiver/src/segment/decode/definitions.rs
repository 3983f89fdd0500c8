//! The slots and templates that a shredded file defines in its first row.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch};

use super::DecodeError;
use crate::segment::form::Form;

/// The slots and templates of a file.
#[derive(Debug)]
pub(super) struct Definitions {
    pub(super) slots: Vec<Vec<(Form, String)>>,
    pub(super) templates: Vec<StoredTemplate>,
}

#[derive(Debug)]
pub(super) struct StoredTemplate {
    /// A literal and the slot after it; the last literal has none.
    pub(super) parts: Vec<(Vec<u8>, Option<usize>)>,
    /// Its slots in ascending order: the order of packed values.
    pub(super) ascending: Vec<usize>,
}

pub(super) fn first_definitions(batch: &RecordBatch) -> Result<Definitions, DecodeError> {
    let missing = DecodeError::Malformed("no definitions");
    let column =
        batch.column_by_name("definitions").and_then(|column| column.as_binary_opt::<i32>());
    let column = column.filter(|column| !column.is_empty() && column.is_valid(0)).ok_or(missing)?;
    parse_definitions(column.value(0)).ok_or(DecodeError::Malformed("definitions"))
}

fn parse_definitions(mut input: &[u8]) -> Option<Definitions> {
    let from = &mut input;
    let count = read_varint(from)?;
    let mut slots = Vec::new();
    for _ in 0..count {
        let (_path, _class) = (read_bytes(from)?, read_byte(from)?);
        let mut cells = Vec::new();
        for _ in 0..read_varint(from)? {
            let form = Form::from_code(read_byte(from)?)?;
            cells.push((form, String::from_utf8(read_bytes(from)?.to_vec()).ok()?));
        }
        slots.push(cells);
    }
    let count = read_varint(from)?;
    let mut templates = Vec::new();
    for _ in 0..count {
        let mut parts = Vec::new();
        for _ in 0..read_varint(from)? {
            let literal = read_bytes(from)?.to_vec();
            parts.push((literal, Some(read_varint(from).filter(|&slot| slot < slots.len())?)));
        }
        parts.push((read_bytes(from)?.to_vec(), None));
        let mut ascending: Vec<usize> = parts.iter().filter_map(|(_, slot)| *slot).collect();
        ascending.sort_unstable();
        templates.push(StoredTemplate { parts, ascending });
    }
    from.is_empty().then_some(Definitions { slots, templates })
}

fn read_byte(from: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = from.split_first()?;
    *from = rest;
    Some(first)
}

fn read_varint(from: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..63).step_by(7) {
        let byte = read_byte(from)?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(super) fn read_bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = read_varint(from)?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}
