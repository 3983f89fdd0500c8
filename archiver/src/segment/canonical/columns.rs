//! The canonical columns in memory, filled row by row.

use super::{
    ACTIVITY_ID, CLASS_UID, COLUMNS, Canon, Home, SOURCE, STATUS_ID, TIME, TIME_FORM, TYPE_UID,
    Type, derive, is_ip,
};
use crate::segment::column::{Column, Stored, Values};
use crate::segment::form::{self, Fraction, Typed};
use crate::segment::meaning::Meaning;
use crate::segment::token::Leaf;

/// All canonical columns of some rows.
#[derive(Debug)]
pub(crate) struct Columns([Column; COLUMNS.len()]);

impl Columns {
    pub(crate) fn new() -> Self {
        Self(COLUMNS.map(|(_, kind)| {
            Column::new(match kind {
                Type::Text => Stored::Utf8,
                Type::Int => Stored::Int,
                Type::Uuid => Stored::Uuid,
                Type::Time => Stored::Timestamp,
            })
        }))
    }

    /// The columns that have values, by name.
    pub(crate) fn into_filled(self) -> impl Iterator<Item = (&'static str, Column)> {
        let named = COLUMNS.into_iter().zip(self.0).map(|((name, _), column)| (name, column));
        named.filter(|(_, column)| column.count() > 0)
    }

    /// The column, if its last value is that of `row`.
    pub(crate) fn at(&self, place: Canon, row: usize) -> Option<&Column> {
        self.0.get(place.0).filter(|column| column.next_row() == row + 1)
    }

    /// Puts a leaf into its home; false if it cannot live there.
    pub(crate) fn push_home(&mut self, home: Home, row: usize, text: &[u8], value: Typed) -> bool {
        match home {
            Home::Text(column) => self.push_text(column, row, text),
            Home::Ip(ip, other) => self.push_text(if is_ip(text) { ip } else { other }, row, text),
            Home::Uid(other, uuid) => match (value, self.0.get_mut(uuid.0)) {
                (Typed::Uuid(bytes), Some(column)) => {
                    column.push_uuid(row, bytes);
                    true
                }
                _ => self.push_text(other, row, text),
            },
            Home::Time => {
                let Typed::Instant(instant, fraction) = value else { return false };
                let Some(micros) = instant.checked_mul(1_000_000 / fraction.per_second()) else {
                    return false;
                };
                self.push_int(TIME_FORM, row, fraction.digits());
                if let Some(column) = self.0.get_mut(TIME.0) {
                    column.push_long(row, micros);
                }
                true
            }
        }
    }

    /// Fills the columns that are computed.
    pub(crate) fn derive(&mut self, meaning: &Meaning, leaves: &[Leaf], raw: &[u8], row: usize) {
        let Some(kind) = meaning.kind else { return self.push_int(CLASS_UID, row, 0) };
        let text = |index: usize| leaves.get(index).and_then(|leaf| raw.get(leaf.start..leaf.end));
        let derived = derive(kind, meaning.derived.map(|index| index.and_then(text)));
        self.push_text(SOURCE, row, derived.source.as_bytes());
        self.push_int(CLASS_UID, row, derived.class_uid);
        self.push_int(ACTIVITY_ID, row, derived.activity_id);
        self.push_int(TYPE_UID, row, derived.class_uid * 100 + derived.activity_id);
        self.push_int(STATUS_ID, row, derived.status_id);
    }

    /// Fills everything that one record says of itself.
    pub(crate) fn push(&mut self, meaning: &Meaning, leaves: &[Leaf], raw: &[u8], row: usize) {
        for (leaf, home) in leaves.iter().zip(&meaning.homes) {
            let text = raw.get(leaf.start..leaf.end).unwrap_or_default();
            if let Some(home) = home.filter(|_| !leaf.escaped) {
                self.push_home(home, row, text, form::of_leaf(leaf, text));
            }
        }
        self.derive(meaning, leaves, raw, row);
    }

    /// What every column says of `row`, the last one.
    pub(crate) fn texts(&self, row: usize) -> Vec<(&'static str, String)> {
        let columns = COLUMNS.iter().enumerate();
        let texts = columns.filter_map(|(place, &(name, _))| {
            let column = self.at(Canon(place), row)?;
            let mut out = Vec::new();
            match column.values() {
                Values::Bytes { .. } => out.extend_from_slice(column.bytes_at(column.count() - 1)),
                Values::Uuid(values) => form::write_uuid(values.last()?, &mut out),
                Values::Long(values) => {
                    form::write_instant(*values.last()?, Fraction::Micros, &mut out);
                }
                Values::Int(values) => form::write_int(i64::from(*values.last()?), &mut out),
            }
            Some((name, String::from_utf8(out).ok()?))
        });
        texts.collect()
    }

    fn push_text(&mut self, place: Canon, row: usize, text: &[u8]) -> bool {
        self.0.get_mut(place.0).is_some_and(|column| {
            column.push_bytes(row, text);
            true
        })
    }

    fn push_int(&mut self, place: Canon, row: usize, value: i32) {
        if let Some(column) = self.0.get_mut(place.0) {
            column.push_int(row, value);
        }
    }
}
