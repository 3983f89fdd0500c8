//! How far each generation of each origin has been sealed.

use std::collections::BTreeMap;

use super::void::Void;
use crate::{
    digest::Digest,
    json::{self, JsonError, ObjectReader, Value, object, text},
    origin::OriginHandle,
    range::{self, OriginRange},
};

/// How many generations of an origin are kept: the newest. A file that was rotated away longer
/// ago than that is gone, and a second copy of it gets a generation of its own.
pub const MAX_GENERATIONS: usize = 64;

/// Where a generation stands, and by what it is known again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// The byte after the last that is sealed.
    pub end: u64,
    /// How many bytes [`Position::prefix_mac`] covers.
    pub prefix_len: u16,
    /// Keyed digest of the generation's first bytes.
    pub prefix_mac: Digest,
}

/// The positions of all origins.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions(BTreeMap<OriginHandle, BTreeMap<u64, Position>>);

impl Positions {
    /// The generations of an origin that are kept, in order.
    pub(super) fn of(
        &self,
        origin: &OriginHandle,
    ) -> impl DoubleEndedIterator<Item = (u64, Position)> {
        let generations = self.0.get(origin).into_iter().flatten();
        generations.map(|(generation, position)| (*generation, *position))
    }

    /// Whether each range begins where its generation stands. Nothing is sealed twice and nothing
    /// is left out, whoever else sealed meanwhile.
    pub(super) fn check(&self, ranges: &[OriginRange]) -> Result<(), Void> {
        let mut newest: Option<(OriginHandle, u64)> = None;
        for range in ranges {
            let OriginRange { origin, generation, start: found, .. } = *range;
            let known = self.0.get(&origin);
            let position = known.and_then(|generations| generations.get(&generation));
            if position.is_none() {
                // The list is sorted, so the generation before of this list came just before.
                let in_list = newest.filter(|(last, _)| *last == origin).map(|(_, newest)| newest);
                let in_state = known.and_then(|generations| generations.keys().next_back());
                let greatest = in_list.max(in_state.copied());
                let expected = greatest.map_or(0, |greatest| greatest.saturating_add(1));
                if generation != expected {
                    return Err(Void::Generation { origin, expected, found: generation });
                }
            }
            let expected = position.map_or(0, |position| position.end);
            if found != expected {
                return Err(Void::Position { origin, generation, expected, found });
            }
            newest = Some((origin, generation));
        }
        Ok(())
    }

    /// Moves to the ends of ranges that were checked.
    pub(super) fn advance(&mut self, ranges: &[OriginRange]) {
        for range in ranges {
            let OriginRange { end, prefix_len, prefix_mac, .. } = *range;
            let generations = self.0.entry(range.origin).or_default();
            generations.insert(range.generation, Position { end, prefix_len, prefix_mac });
            while generations.len() > MAX_GENERATIONS {
                generations.pop_first();
            }
        }
    }

    pub(super) fn to_value(&self) -> Value {
        let all = self.0.iter().flat_map(|(origin, generations)| {
            generations.iter().map(move |(generation, position)| (origin, generation, position))
        });
        json::array(all.map(|(origin, generation, position)| {
            object([
                ("end", position.end.into()),
                ("generation", (*generation).into()),
                ("origin", text(origin)),
                ("prefix_len", u32::from(position.prefix_len).into()),
                ("prefix_mac", text(position.prefix_mac)),
            ])
        }))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut positions = Self::default();
        let mut last = None;
        for mut item in root.objects("positions")? {
            let (origin, generation) = (item.parsed("origin")?, item.u64("generation")?);
            let position = Position {
                end: item.u64("end")?,
                prefix_len: range::prefix_len(&mut item)?,
                prefix_mac: item.parsed("prefix_mac")?,
            };
            item.finish()?;
            if last >= Some((origin, generation)) {
                return Err(root.refused("positions", "not sorted, or one occurs twice"));
            }
            last = Some((origin, generation));
            let generations = positions.0.entry(origin).or_default();
            generations.insert(generation, position);
            if generations.len() > MAX_GENERATIONS {
                return Err(root.refused("positions", "too many generations of one origin"));
            }
        }
        Ok(positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(origin: u8, generation: u64, start: u64, end: u64) -> OriginRange {
        OriginRange {
            origin: OriginHandle::from_bytes([origin; 16]),
            generation,
            start,
            end,
            prefix_len: 1,
            prefix_mac: Digest::of(&[origin]),
        }
    }

    fn take(positions: &mut Positions, ranges: &[OriginRange]) -> Result<(), Void> {
        positions.check(ranges).map(|()| positions.advance(ranges))
    }

    #[test]
    fn a_range_begins_where_the_one_before_ended() {
        let mut positions = Positions::default();
        assert_eq!(take(&mut positions, &[range(1, 0, 0, 5), range(2, 0, 0, 0)]), Ok(()));
        assert_eq!(take(&mut positions, &[range(1, 0, 5, 5), range(2, 0, 0, 3)]), Ok(()));
        for start in [0, 4, 6] {
            let found = take(&mut positions, &[range(1, 0, start, 9)]);
            assert!(matches!(found, Err(Void::Position { expected: 5, .. })), "{start}");
        }
        let found = take(&mut positions, &[range(3, 0, 1, 2)]);
        assert!(matches!(found, Err(Void::Position { expected: 0, found: 1, .. })));
    }

    #[test]
    fn a_new_generation_is_the_next_one() {
        let mut positions = Positions::default();
        let found = positions.check(&[range(1, 1, 0, 1)]);
        assert!(matches!(found, Err(Void::Generation { expected: 0, found: 1, .. })));
        // Several at once, also beside ranges of known ones.
        assert_eq!(take(&mut positions, &[range(1, 0, 0, 1), range(1, 1, 0, 1)]), Ok(()));
        let more = [range(1, 1, 1, 2), range(1, 2, 0, 1), range(1, 3, 0, 1), range(2, 0, 0, 1)];
        assert_eq!(take(&mut positions, &more), Ok(()));
        let found = positions.check(&[range(1, 5, 0, 1)]);
        assert!(matches!(found, Err(Void::Generation { expected: 4, found: 5, .. })));
        let found = positions.check(&[range(1, 3, 1, 2), range(2, 2, 0, 1)]);
        assert!(matches!(found, Err(Void::Generation { expected: 1, found: 2, .. })));
    }

    #[test]
    fn a_forgotten_generation_does_not_begin_again() {
        let mut positions = Positions::default();
        let newest = u64::try_from(MAX_GENERATIONS).unwrap();
        for generation in 0..=newest {
            assert_eq!(take(&mut positions, &[range(1, generation, 0, 1)]), Ok(()));
        }
        let origin = OriginHandle::from_bytes([1; 16]);
        let kept: Vec<_> = positions.of(&origin).map(|(generation, _)| generation).collect();
        assert_eq!(kept, (1..=newest).collect::<Vec<_>>());
        for start in [0, 1] {
            let found = positions.check(&[range(1, 0, start, 2)]);
            let Err(Void::Generation { expected, found: 0, .. }) = found else { panic!() };
            assert_eq!(expected, newest + 1);
        }
    }
}
