//! The rebuild check: what was put into columns is read back before it counts.

use super::OpenSegment;
use super::canonical::{self, Canon, Home};
use super::column::Values;
use super::form::{self, Form, Fraction};
use super::template::{Registry, Template};

/// What a cell of the last row says.
enum Read {
    /// Nothing.
    Absent,
    /// Something: whether it is the text expected.
    Is(bool),
}

impl OpenSegment {
    /// The rebuild check: reads the row back from the columns as a reader does, and compares every leaf with the record.
    /// The literals between them were compared when the template was found.
    pub(super) fn rebuilds(
        &mut self,
        registry: &Registry,
        template: &Template,
        raw: &[u8],
        row: usize,
    ) -> bool {
        let mut scratch = std::mem::take(&mut self.scratch);
        let same = registry.tokens.leaves.iter().zip(&template.slots).all(|(leaf, &slot)| {
            let Some(text) = raw.get(leaf.start..leaf.end) else { return false };
            let home = registry.slots.get(slot).and_then(|slot| slot.home);
            match home.map_or(Read::Absent, |home| self.read_home(home, row, text, &mut scratch)) {
                Read::Is(same) => return same,
                Read::Absent => {}
            }
            let cells = self.slots.get(slot).map(|cells| cells.leaf.as_slice()).unwrap_or_default();
            let first = cells.iter().find(|(_, column)| column.next_row() == row + 1);
            first.is_some_and(|(form, column)| column.last_is(row, *form, text, &mut scratch))
        });
        self.scratch = scratch;
        same
    }

    /// Reads a home of the last row.
    fn read_home(&self, home: Home, row: usize, text: &[u8], scratch: &mut Vec<u8>) -> Read {
        let column = |place: Canon| self.canonical.at(place, row);
        let read = |place, form, scratch: &mut Vec<u8>| {
            column(place).map(|column| column.last_is(row, form, text, scratch))
        };
        let found = match home {
            Home::Text(place) => read(place, Form::Text, scratch),
            Home::Ip(first, second) => {
                read(first, Form::Text, scratch).or_else(|| read(second, Form::Text, scratch))
            }
            Home::Uid(other, uuid) => {
                read(uuid, Form::Uuid, scratch).or_else(|| read(other, Form::Text, scratch))
            }
            Home::Time => {
                column(canonical::TIME).zip(column(canonical::TIME_FORM)).map(|(time, form)| {
                    scratch.clear();
                    match (time.values(), form.values()) {
                        (Values::Long(times), Values::Int(digits)) => {
                            let fraction =
                                digits.last().and_then(|digits| Fraction::from_digits(*digits));
                            let (Some(fraction), Some(time)) = (fraction, times.last()) else {
                                return false;
                            };
                            form::write_instant(
                                time.div_euclid(1_000_000 / fraction.per_second()),
                                fraction,
                                scratch,
                            );
                            scratch == text
                        }
                        _ => false,
                    }
                })
            }
        };
        found.map_or(Read::Absent, Read::Is)
    }
}
