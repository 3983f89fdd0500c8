//! The leaf columns of a file: which slots get columns of their own, what is packed, and the definitions.

use std::collections::BTreeSet;

use super::{Planned, planned};
use crate::segment::OpenSegment;
use crate::segment::canonical::{self, Home, Type};
use crate::segment::column::{Column, Stored, Values};
use crate::segment::form::{self, Form};
use crate::segment::template::Registry;

/// Most leaf columns of a file; further values are packed.
const MAX_LEAF_COLUMNS: usize = 2_000;
/// A leaf column costs about 300 bytes of file for its name, metadata and encryption, so one with fewer values than this
/// (or than a 2,048th of the rows) is packed.
const MIN_COLUMN_VALUES: usize = 12;
const MIN_COLUMN_SHARE: usize = 2_048;

/// Leaf columns worth a column each, and the rest packed.
pub(super) struct Leaves {
    pub(super) columns: Vec<Planned>,
    /// Cells by the registry's slot number: form and column number.
    cells: Vec<Vec<(Form, usize)>>,
    /// Registry slots that this segment uses, ascending: their place is their number in the file.
    used: Vec<usize>,
    pub(super) packed: Column,
}

impl Leaves {
    pub(super) fn arrange(segment: &mut OpenSegment, registry: &Registry, rows: usize) -> Self {
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
    pub(super) fn definitions(&self, segment: &OpenSegment, registry: &Registry) -> Vec<u8> {
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
        canonical::COLUMNS.get(place.0).map(|(name, kind)| {
            (if *kind == Type::Time { Form::Time } else { form }, (*name).to_owned())
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
                form::write_uuid(values.get(n).map_or(&[][..], |v| v), &mut text);
            }
            (Values::Long(values), Form::Rfc3339(fraction)) => {
                form::write_instant(values.get(n).copied().unwrap_or(0), fraction, &mut text);
            }
            (Values::Long(values), _) => {
                form::write_int(values.get(n).copied().unwrap_or(0), &mut text);
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
