//! The segments: decoded, hashed again, put together.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use strongroom_archiver::{
    log::Keyring,
    segment::{DecodeError, SegmentReader, StoredRange},
    store::LockedStore,
};
use strongroom_crypto::{
    Digest,
    entry::Seal,
    keys::{DataKey, KeyFile, OriginKey},
    merkle::root_of,
    range::{OriginRange, RangeList},
    record::{LeafHasher, RecordRef},
    time::Instant,
};

use super::{Audit, Content, Findings, Place, Record, Shelf, log::Log};

/// A range as its segment gives it back.
struct Piece {
    start: u64,
    bytes: Vec<u8>,
    of: OriginRange,
}

/// A row: the range it belongs to, its offset, its lead and its raw bytes.
type Row = (usize, u64, Vec<u8>, Vec<u8>);

/// Decodes every claimed segment and puts the ranges of each generation together.
pub(super) fn read_all(
    store: &Arc<dyn LockedStore>,
    keys: &Arc<KeyFile>,
    log: &Log,
    audit: &mut Audit,
    findings: &mut Findings,
) {
    let keyring = Arc::new(Keyring::new(Arc::clone(store), Arc::clone(keys)));
    let origin_key = match keyring.origin() {
        Ok(key) => key,
        Err(error) => return findings.add(error.to_string()),
    };
    let shelf = Shelf { store: &**store };
    let mut pieces: BTreeMap<Place, Vec<Piece>> = BTreeMap::new();
    for (seal, ranges) in &log.seals {
        let reading = Reading { keyring: &keyring, origin_key: &origin_key, seal, ranges };
        if let Err(detail) = reading.read(&shelf, audit, &mut pieces) {
            findings.add(format!("segment {}: {detail}", seal.segment_id));
        }
    }
    audit.records.sort_unstable();
    let mut last: Option<(String, String, u64)> = None;
    for (place, pieces) in pieces {
        let (stream, origin, generation) = &place;
        let follows = match &last {
            Some((s, o, before)) if s == stream && o == origin => *generation == before + 1,
            _ => *generation == 0,
        };
        findings.require(follows, || format!("`{origin}` has no generation before {generation}"));
        let content = joined(&place, pieces, &origin_key, findings);
        last = Some(place.clone());
        audit.contents.insert(place, content);
    }
}

/// Puts ranges end to end, from 0.
fn joined(
    place: &Place,
    mut pieces: Vec<Piece>,
    key: &OriginKey,
    findings: &mut Findings,
) -> Content {
    let (stream, origin, generation) = place;
    pieces.sort_by_key(|piece| piece.start);
    let mut bytes = Vec::new();
    for piece in &pieces {
        let (start, at) = (piece.start, bytes.len() as u64);
        findings.require(start == at, || {
            let what = if start < at { "overlap" } else { "gap" };
            format!("{stream}: {what} in `{origin}` {generation} between {start} and {at}")
        });
        bytes.extend_from_slice(&piece.bytes);
    }
    for piece in &pieces {
        let prefix = bytes.get(..usize::from(piece.of.prefix_len));
        // What was read after the range was framed may have been counted into its prefix.
        let same = prefix.is_none_or(|prefix| {
            key.prefix_mac(stream, prefix).is_ok_and(|mac| mac == piece.of.prefix_mac)
        });
        findings.require(same, || {
            format!(
                "{stream}: `{origin}` {generation} does not begin as its range at {} says",
                piece.start
            )
        });
    }
    Content { len: bytes.len() as u64, sha256: Digest::of(&bytes) }
}

/// One segment being read.
struct Reading<'a> {
    keyring: &'a Arc<Keyring>,
    origin_key: &'a OriginKey,
    seal: &'a Seal,
    ranges: &'a RangeList,
}

impl Reading<'_> {
    fn read(
        &self,
        objects: &Shelf<'_>,
        audit: &mut Audit,
        pieces: &mut BTreeMap<Place, Vec<Piece>>,
    ) -> Result<(), String> {
        let seal = self.seal;
        let bytes = objects.get(seal.object.as_str()).ok_or("its object is missing")?;
        let (reader, key) = self.open(bytes).map_err(|error| error.to_string())?;
        let (stream, ranges) = (reader.stream.clone(), reader.ranges.clone());
        if stream != seal.stream.as_str() {
            return Err(format!("it is of stream `{stream}`"));
        }
        let mut hasher = LeafHasher::new(&key, self.keyring.archive_id(), &stream);
        let (mut leaves, mut rows): (Vec<Digest>, Vec<Row>) = (Vec::new(), Vec::new());
        let (mut first_us, mut last_us) = (i64::MAX, i64::MIN);
        let read = reader.for_each(|record| -> Result<(), DecodeError> {
            let range = ranges.get(record.range).ok_or(DecodeError::Malformed("no such range"))?;
            let leaf = hasher.event(record.row, &as_hashed(range, record));
            leaves.push(leaf.map_err(|_| DecodeError::Malformed("a field is too long"))?);
            rows.push((record.range, record.offset, record.lead.to_vec(), record.raw.to_vec()));
            (first_us, last_us) =
                (first_us.min(record.received_us), last_us.max(record.received_us));
            Ok(())
        });
        read.map_err(|error| error.to_string())?;
        let received = [first_us, last_us].map(|us| us.div_euclid(1_000));
        let said = [seal.receive_time.min(), seal.receive_time.max()].map(Instant::unix_ms);
        if !rows.is_empty() && received != said {
            return Err(format!("it was received {received:?}, not {said:?}"));
        }
        if rows.len() as u64 != seal.events.count {
            return Err(format!("{} events instead of {}", rows.len(), seal.events.count));
        }
        for (row, range) in (seal.events.count..).zip(&ranges) {
            let offset = range.end - range.tail.len() as u64;
            let leaf = hasher.tail(row, &range.origin, range.generation, offset, &range.tail);
            leaves.push(leaf.map_err(|error| error.to_string())?);
        }
        if root_of(leaves) != seal.events.root {
            return Err("its tree has another root".to_owned());
        }
        for (index, piece) in self.pieces(&ranges, rows, audit)?.into_iter().enumerate() {
            let place = (stream.clone(), ranges[index].origin.clone(), ranges[index].generation);
            pieces.entry(place).or_default().push(piece);
        }
        Ok(())
    }

    /// Opens the segment and keeps the data key, for its leaves are salted with it.
    fn open(&self, bytes: Vec<u8>) -> Result<(SegmentReader, DataKey), DecodeError> {
        let (keyring, id) = (Arc::clone(self.keyring), self.seal.segment_id);
        let kept: Arc<Mutex<Option<[u8; 32]>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let reader =
            SegmentReader::open(bytes.into(), self.keyring.archive_id(), id, move |data| {
                let key = keyring.data_key(data, id)?;
                *keep.lock().unwrap() = Some(*key.expose());
                Some(key)
            })?;
        let secret = kept.lock().unwrap().ok_or(DecodeError::Malformed("it was not encrypted"))?;
        Ok((reader, DataKey::from_bytes(&secret)))
    }

    /// The bytes of each range: leads and raw bytes in the order of offsets, then the tail.
    fn pieces(
        &self,
        ranges: &[StoredRange],
        mut rows: Vec<Row>,
        audit: &mut Audit,
    ) -> Result<Vec<Piece>, String> {
        let stream = self.seal.stream.as_str();
        let order = |a: &StoredRange, b: &StoredRange| {
            (&a.origin, a.generation) < (&b.origin, b.generation)
        };
        if !ranges.is_sorted_by(order) {
            return Err("its ranges are not in order".to_owned());
        }
        rows.sort_by_key(|(range, offset, ..)| (*range, *offset));
        let mut rows = rows.into_iter().peekable();
        let mut pieces = Vec::new();
        for (index, range) in ranges.iter().enumerate() {
            let mut bytes = Vec::new();
            while let Some((_, offset, lead, raw)) = rows.next_if(|row| row.0 == index) {
                bytes.extend_from_slice(&lead);
                if range.start + bytes.len() as u64 != offset {
                    return Err(format!("the record at {offset} does not follow"));
                }
                bytes.extend_from_slice(&raw);
                let (origin, generation) = (range.origin.clone(), range.generation);
                let sha256 = Digest::of(&raw);
                let stream = stream.to_owned();
                audit.records.push(Record { stream, origin, generation, offset, sha256 });
            }
            bytes.extend_from_slice(&range.tail);
            let of = self.sealed_range(range)?;
            if range.start + bytes.len() as u64 != range.end {
                return Err(format!("range {index} is not filled to its end"));
            }
            pieces.push(Piece { start: range.start, bytes, of });
        }
        if ranges.len() == self.ranges.as_slice().len() {
            Ok(pieces)
        } else {
            Err("it has not the ranges that were sealed".to_owned())
        }
    }

    /// The range of the seal that a range of the segment is.
    fn sealed_range(&self, range: &StoredRange) -> Result<OriginRange, String> {
        let handle = self.origin_key.handle(self.seal.stream.as_str(), &range.origin);
        let handle = handle.map_err(|error| error.to_string())?;
        let mut sealed = self.ranges.as_slice().iter();
        let same = sealed.find(|sealed| {
            (sealed.origin, sealed.generation, sealed.start, sealed.end)
                == (handle, range.generation, range.start, range.end)
        });
        same.copied().ok_or_else(|| format!("`{}` was sealed with another range", range.origin))
    }
}

fn as_hashed<'a>(
    range: &'a StoredRange,
    record: &strongroom_archiver::segment::Decoded<'a>,
) -> RecordRef<'a> {
    RecordRef {
        received_us: record.received_us.unsigned_abs(),
        origin: &range.origin,
        generation: range.generation,
        offset: record.offset,
        lead: record.lead,
        raw: record.raw,
    }
}
