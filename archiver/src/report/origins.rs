//! When each source of a stream was heard of last: one that fell silent beside a busy one.

use std::collections::BTreeMap;

use strongroom_crypto::entry::Seal;
use strongroom_crypto::name::StreamName;
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::range::RangeList;
use strongroom_crypto::time::Instant;

/// Of each stream its origins, with the newest receipt of a segment that has bytes of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(BTreeMap<StreamName, BTreeMap<OriginHandle, Instant>>);

impl Origins {
    /// Takes up a seal.
    pub(super) fn add(&mut self, seal: &Seal, ranges: Option<&RangeList>) {
        let of_stream = self.0.entry(seal.stream.clone()).or_default();
        for range in ranges.map(RangeList::as_slice).unwrap_or_default() {
            let received = seal.receive_time.max();
            let newest = of_stream.entry(range.origin).or_insert(received);
            *newest = (*newest).max(received);
        }
    }

    /// Those of a stream.
    pub(super) fn of(&self, stream: &StreamName) -> impl Iterator<Item = (OriginHandle, Instant)> {
        self.0.get(stream).into_iter().flatten().map(|(handle, newest)| (*handle, *newest))
    }
}
