//! Lists of segments: what a hold holds, and what an order destroys (`FORMAT.md`, section 6.2).

use std::sync::Arc;

use crate::{
    digest::Digest,
    id::SegmentId,
    json::{self, JsonError, Value, array, text},
};

/// Greatest number of segments of a list: a claim has room for it.
pub const MAX_LIST_SEGMENTS: usize = 25_000;

/// Longest list in bytes: 39 for each id with its quotes and comma, and the brackets.
pub const MAX_LIST_BYTES: usize = 39 * MAX_LIST_SEGMENTS + 1;

/// Ids of segments: sorted, each once, at least one and at most [`MAX_LIST_SEGMENTS`]. Copies
/// share the ids.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SegmentList(Arc<[SegmentId]>);

impl SegmentList {
    /// Sorts ids into a list. None if there are none, one twice, or more than
    /// [`MAX_LIST_SEGMENTS`].
    pub fn new(mut ids: Vec<SegmentId>) -> Option<Self> {
        ids.sort_unstable();
        Self::sorted(ids)
    }

    /// Reads the stored bytes of a list.
    ///
    /// # Errors
    ///
    /// Refuses everything but the canonical bytes of a list.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        Self::from_value(json::parse(bytes, MAX_LIST_BYTES)?)
    }

    /// Reads a list that stands in another document.
    pub(crate) fn from_value(value: Value) -> Result<Self, JsonError> {
        let refused = |reason: &str| JsonError::refused("document", reason);
        let Value::Array(items) = value else {
            return Err(refused("not an array"));
        };
        let ids = items.into_iter().map(|item| match item {
            Value::Text(id) => id.parse().map_err(|reason| JsonError::refused("document", reason)),
            _ => Err(refused("not an array of segment ids")),
        });
        Self::sorted(ids.collect::<Result<_, _>>()?)
            .ok_or_else(|| refused("not 1 to 25,000 segment ids, sorted and each once"))
    }

    /// The bytes as they are stored.
    pub fn encode(&self) -> Vec<u8> {
        self.to_value().to_canonical()
    }

    pub(crate) fn to_value(&self) -> Value {
        array(self.0.iter().map(text))
    }

    /// What names it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// The ids in order.
    pub fn as_slice(&self) -> &[SegmentId] {
        &self.0
    }

    /// Whether an id is listed.
    pub fn contains(&self, id: &SegmentId) -> bool {
        self.0.binary_search(id).is_ok()
    }

    fn sorted(ids: Vec<SegmentId>) -> Option<Self> {
        let ascending = ids.is_sorted_by(|left, right| left < right);
        let fits = !ids.is_empty() && ids.len() <= MAX_LIST_SEGMENTS;
        (ascending && fits).then(|| Self(ids.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::id;

    #[test]
    fn a_list_has_one_spelling() {
        let list = SegmentList::new(vec![id(2), id(1)]).unwrap();
        let text = "[\"01a1cd4b-0000-7000-8000-000000000001\",\
                    \"01a1cd4b-0000-7000-8000-000000000002\"]";
        assert_eq!(list.encode(), text.as_bytes());
        assert_eq!(list.digest(), Digest::of(text.as_bytes()));
        assert_eq!(SegmentList::parse(text.as_bytes()), Ok(list.clone()));
        assert!(list.contains(&id(2)) && !list.contains(&id(3)));
        for other in [
            text.replace("01\",", "03\","),
            text.replace("02\"]", "01\"]"),
            text.replace(',', ", "),
            text.replace("-7000-", "-4000-"),
            "[]".to_owned(),
            "{}".to_owned(),
            "[1]".to_owned(),
        ] {
            assert!(SegmentList::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_list_has_an_end() {
        let most = u64::try_from(MAX_LIST_SEGMENTS).unwrap();
        let full = SegmentList::new((0..most).map(id).collect()).unwrap();
        let bytes = full.encode();
        assert_eq!(bytes.len(), MAX_LIST_BYTES);
        assert_eq!(SegmentList::parse(&bytes), Ok(full));
        assert!(SegmentList::new((0..=most).map(id).collect()).is_none());
        assert!(SegmentList::new(vec![id(1), id(1)]).is_none());
    }
}
