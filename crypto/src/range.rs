//! What a segment read of its origins: the ranges of a seal.

use crate::{
    digest::Digest,
    json::{self, JsonError, ObjectReader, Value, object, text},
    origin::OriginHandle,
};

/// Greatest number of ranges of one seal: with it a claim of one seal always stays under its
/// limit of one mebibyte.
pub const MAX_RANGES: usize = 4_096;

/// How much of a generation's beginning identifies it, in bytes at most (`FORMAT.md`, section 3).
pub const MAX_PREFIX_BYTES: u16 = 4_096;

/// `[start, end)` of one generation of one origin, with what identifies that generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OriginRange {
    /// The origin's keyed handle.
    pub origin: OriginHandle,
    /// Which contents of the origin, from 0.
    pub generation: u64,
    /// First byte, in decoded bytes.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
    /// How many bytes [`OriginRange::prefix_mac`] covers, at most [`MAX_PREFIX_BYTES`].
    pub prefix_len: u16,
    /// Keyed digest of the generation's first bytes.
    pub prefix_mac: Digest,
}

/// The ranges of one seal: sorted by (origin, generation), each pair once, none ending before it
/// starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RangeList(Vec<OriginRange>);

/// Why ranges do not make a list.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RangeError {
    /// More than [`MAX_RANGES`].
    #[error("{found} ranges where at most {MAX_RANGES} are allowed")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Two ranges of one generation, or ranges out of order.
    #[error(
        "the range of origin `{origin}` generation {generation} is out of order or occurs twice"
    )]
    Order {
        /// The origin of the second of the two.
        origin: OriginHandle,
        /// Its generation.
        generation: u64,
    },
    /// A range that ends before it starts.
    #[error("the range of origin `{origin}` generation {generation} ends before it starts")]
    Backwards {
        /// Its origin.
        origin: OriginHandle,
        /// Its generation.
        generation: u64,
    },
    /// A prefix longer than [`MAX_PREFIX_BYTES`].
    #[error("the prefix of origin `{origin}` generation {generation} is too long")]
    Prefix {
        /// Its origin.
        origin: OriginHandle,
        /// Its generation.
        generation: u64,
    },
}

impl RangeList {
    /// Sorts ranges into a list.
    ///
    /// # Errors
    ///
    /// Names the first range that breaks the list's rules.
    pub fn new(mut ranges: Vec<OriginRange>) -> Result<Self, RangeError> {
        ranges.sort_by_key(|range| (range.origin, range.generation));
        Self::sorted(ranges)
    }

    /// Reads the array of a manifest or of a claim's details.
    ///
    /// # Errors
    ///
    /// Refuses another shape, another order and whatever [`RangeList::new`] refuses.
    pub fn from_value(value: Value) -> Result<Self, JsonError> {
        let mut holder = ObjectReader::new(object([("ranges", value)]))?;
        Self::take(&mut holder)
    }

    /// Reads the member `ranges`.
    pub(crate) fn take(holder: &mut ObjectReader) -> Result<Self, JsonError> {
        let ranges = holder.objects("ranges")?.into_iter().map(range).collect::<Result<_, _>>()?;
        Self::sorted(ranges).map_err(|reason| holder.refused("ranges", reason))
    }

    /// The array as it stands in manifests and claims.
    pub fn to_value(&self) -> Value {
        json::array(self.0.iter().map(|range| {
            object([
                ("end", range.end.into()),
                ("generation", range.generation.into()),
                ("origin", text(range.origin)),
                ("prefix_len", u32::from(range.prefix_len).into()),
                ("prefix_mac", text(range.prefix_mac)),
                ("start", range.start.into()),
            ])
        }))
    }

    /// `ranges_sha256` of a seal.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_value().to_canonical())
    }

    /// The ranges in order.
    pub fn as_slice(&self) -> &[OriginRange] {
        &self.0
    }

    fn sorted(ranges: Vec<OriginRange>) -> Result<Self, RangeError> {
        if ranges.len() > MAX_RANGES {
            return Err(RangeError::TooMany { found: ranges.len() });
        }
        let mut last = None;
        for range in &ranges {
            let OriginRange { origin, generation, .. } = *range;
            if last >= Some((origin, generation)) {
                return Err(RangeError::Order { origin, generation });
            }
            if range.end < range.start {
                return Err(RangeError::Backwards { origin, generation });
            }
            if range.prefix_len > MAX_PREFIX_BYTES {
                return Err(RangeError::Prefix { origin, generation });
            }
            last = Some((origin, generation));
        }
        Ok(Self(ranges))
    }
}

fn range(mut members: ObjectReader) -> Result<OriginRange, JsonError> {
    let range = OriginRange {
        end: members.u64("end")?,
        generation: members.u64("generation")?,
        origin: members.parsed("origin")?,
        prefix_len: prefix_len(&mut members)?,
        prefix_mac: members.parsed("prefix_mac")?,
        start: members.u64("start")?,
    };
    members.finish()?;
    Ok(range)
}

/// Reads a `prefix_len`; one check for ranges and for the positions of a root.
pub(crate) fn prefix_len(members: &mut ObjectReader) -> Result<u16, JsonError> {
    let length = members.u64("prefix_len")?;
    let known = u16::try_from(length).ok().filter(|length| *length <= MAX_PREFIX_BYTES);
    known.ok_or_else(|| members.refused("prefix_len", format_args!("{length} bytes are too many")))
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
            prefix_len: 3,
            prefix_mac: Digest::of(b"abc"),
        }
    }

    #[test]
    fn a_list_survives_the_round_trip_in_order() {
        let list =
            RangeList::new(vec![range(2, 0, 0, 1), range(1, 1, 5, 9), range(1, 0, 7, 7)]).unwrap();
        let order: Vec<_> = list.as_slice().iter().map(|r| (r.origin, r.generation)).collect();
        assert!(order.is_sorted() && order.len() == 3);
        assert_eq!(RangeList::from_value(list.to_value()), Ok(list.clone()));
        assert_eq!(list.digest(), Digest::of(&list.to_value().to_canonical()));
        let empty = RangeList::new(Vec::new()).unwrap();
        assert_eq!(empty.to_value().to_canonical(), b"[]");
    }

    #[test]
    fn each_rule_of_the_list_is_kept() {
        let twice = RangeList::new(vec![range(1, 0, 0, 1), range(1, 0, 1, 2)]);
        assert!(matches!(twice, Err(RangeError::Order { generation: 0, .. })));
        let backwards = RangeList::new(vec![range(1, 0, 2, 1)]);
        assert!(matches!(backwards, Err(RangeError::Backwards { .. })));
        let long = OriginRange { prefix_len: 4_097, ..range(1, 0, 0, 1) };
        assert!(matches!(RangeList::new(vec![long]), Err(RangeError::Prefix { .. })));
        let many = (0..4_097).map(|generation| range(1, generation, 0, 1)).collect();
        assert_eq!(RangeList::new(many), Err(RangeError::TooMany { found: 4_097 }));
    }

    #[test]
    fn a_stored_list_out_of_order_or_with_other_members_is_refused() {
        let one = RangeList::new(vec![range(1, 0, 0, 1), range(2, 0, 0, 1)]).unwrap().to_value();
        let Value::Array(mut items) = one else { panic!("not an array") };
        items.reverse();
        assert!(RangeList::from_value(Value::Array(items.clone())).is_err());
        let Some(Value::Object(first)) = items.first_mut() else { panic!("not an object") };
        first.insert("note", "x");
        let error = RangeList::from_value(Value::Array(items)).unwrap_err();
        assert_eq!(error.to_string(), "`ranges[0].note` is unknown");
    }

    #[test]
    fn the_greatest_list_leaves_room_for_its_claim() {
        let widest = |generation: u64| OriginRange {
            generation: 9_007_199_254_740_000 + generation,
            start: 9_007_199_254_740_991,
            end: 9_007_199_254_740_991,
            prefix_len: 4_096,
            ..range(1, 0, 0, 0)
        };
        let bytes = json::array(
            (0..4_096)
                .map(|generation| RangeList::new(vec![widest(generation)]).unwrap().to_value()),
        );
        assert!(bytes.to_canonical().len() < (1 << 20) - 8_192);
    }
}
