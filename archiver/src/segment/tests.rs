//! Records go into a segment and come out with what they say, whatever the layout.

use bytes::Bytes;
use jiff::civil::date;

use super::*;
use crate::sample::Day;

const ID: u64 = 1_795_248_000_000;

/// Canonical columns by name.
type Described = Vec<(&'static str, String)>;

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| line.trim_ascii().to_vec()).collect()
}

/// As many events of both sources in turn.
fn events(count: usize) -> Vec<Vec<u8>> {
    let day = Day { date: date(2026, 11, 20), seed: 7 };
    let (mut cloudtrail, mut kubernetes) = (Vec::new(), Vec::new());
    day.write_cloudtrail_lines(&mut cloudtrail, count).unwrap();
    day.write_kubernetes(&mut kubernetes, count).unwrap();
    let both = lines(&cloudtrail).into_iter().zip(lines(&kubernetes));
    both.flat_map(|(one, other)| [one, other]).take(count).collect()
}

fn append(segment: &mut OpenSegment, shaper: &mut Shaper, raw: &[u8], framed: bool) {
    let silent = Shape { template: None, json: false, time_us: None };
    let shape = if framed { shaper.shape(raw) } else { silent };
    let range = segment.range("file:a", 0, 0);
    let offset = u64::try_from(segment.rows()).unwrap() << 20;
    let (lead, received_us) = (&[][..], 1);
    let record = NewRecord { range, received_us, offset, lead, raw, rejected: false };
    segment.append(shaper, shape, &record).unwrap();
}

fn new() -> OpenSegment {
    let id = SegmentId::new(ID, &mut |_: &mut [u8]| ()).unwrap();
    OpenSegment::new(ArchiveId::from_bytes([1; 16]), id, "audit", DataKey::from_bytes(&[7; 32]))
}

/// What is stated of a segment, how it is stored, and what its records say.
fn read(segment: OpenSegment, shaper: &Shaper) -> (SealedSegment, Layout, Vec<Described>) {
    let id = segment.id();
    let sealed = segment.seal(shaper, "{}").unwrap();
    let file = Bytes::from(sealed.encoded.bytes.clone());
    let key = |_: &[u8]| Some(DataKey::from_bytes(&[7; 32]));
    let reader = SegmentReader::open(file, ArchiveId::from_bytes([1; 16]), id, key).unwrap();
    let (layout, mut described) = (reader.layout, Vec::new());
    let (mut meanings, mut repeats, mut time) = (Meanings::default(), 0, None);
    let read = reader.for_each(|record| -> Result<(), DecodeError> {
        let columns = record.canonical_columns();
        for (name, text) in &columns {
            assert_eq!(record.canonical(name).as_ref(), Some(text));
        }
        described.push(columns);
        let said = meanings.read(record.raw);
        assert!(record.stored_time_us().is_none_or(|stored| stored == said.time_us));
        repeats += u64::from(said.repeats);
        time = said.time_us.map_or(time, |us| Some(widen(time, us)));
        Ok(())
    });
    read.unwrap();
    assert_eq!((repeats, time), (sealed.counts.duplicates, sealed.event_time));
    (sealed, layout, described)
}

fn sealed(records: &[Vec<u8>], framed: bool) -> (SealedSegment, Layout, Vec<Described>) {
    let (mut segment, mut shaper) = (new(), Shaper::default());
    for raw in records {
        append(&mut segment, &mut shaper, raw, framed);
    }
    read(segment, &shaper)
}

/// Records that are hard to agree about, and one of neither source.
fn odd() -> Vec<Vec<u8>> {
    let event = r#"{"auditID":"a","stage":"s","verb":"get","responseStatus":{"code":600}}"#;
    let deep = event.replacen('{', &format!("{{\"d\":{}{},", "[".repeat(64), "]".repeat(64)), 1);
    let records = [
        event.to_owned(),
        event.to_owned(),
        event.replace("\"get\"", "\"get\",\"verb\":\"delete\""),
        event.replace("\"verb\"", "\"ver\\u0062\""),
        event.replace("\"get\"", "\"g\\u0065t\""),
        event.replace('}', ",\"stageTimestamp\":\"2026-11-21T08:00:00Z\"}"),
        event.replace("600", "1e2"),
        deep,
        "{\"user\":\"u\"}".to_owned(),
        "no JSON".to_owned(),
    ];
    records.into_iter().map(String::into_bytes).collect()
}

#[test]
fn a_record_has_the_same_columns_in_every_layout() {
    let many = events(5_000);
    for few in [many[..10].to_vec(), odd()] {
        let (_, layout, small) = sealed(&few, true);
        assert_eq!(layout, Layout::Raw);
        let (_, layout, large) = sealed(&[few.clone(), many.clone()].concat(), true);
        assert_eq!(layout, Layout::Shredded);
        for ((raw, small), large) in few.iter().zip(&small).zip(&large) {
            assert_eq!(small, large, "{}", String::from_utf8_lossy(raw));
        }
    }
    let (_, _, described) = sealed(&many[..10], true);
    for columns in described {
        for name in ["time", "source", "class_uid", "api_operation", "src_ip"] {
            assert!(columns.iter().any(|(known, _)| *known == name), "{name} in {columns:?}");
        }
    }
}

#[test]
fn a_record_that_is_not_recognised_has_its_class_alone() {
    let (sealed, _, described) = sealed(&odd(), true);
    let classes: Vec<_> = described.iter().map(|columns| columns.len() == 1).collect();
    assert_eq!(
        classes,
        [false, false, true, true, false, false, false, true, true, true],
        "{described:#?}"
    );
    let unknown = vec![("class_uid", "0".to_owned())];
    assert!(described.iter().all(|columns| columns.len() > 1 || *columns == unknown));
    assert_eq!(sealed.counts.duplicates, 4);
    assert_eq!(sealed.event_time, Some((1_795_248_000_000_000, 1_795_248_000_000_000)));
}

#[test]
fn a_record_that_has_no_room_for_its_shape_says_the_same() {
    let many = events(8_000);
    let (mut segment, mut shaper) = (new(), Shaper::default());
    let late = br#"{"note":1,"auditID":"late","stage":"s","verb":"get","stageTimestamp":"2027-01-01T00:00:00Z"}"#;
    for raw in &many {
        append(&mut segment, &mut shaper, raw, true);
    }
    let mut n = 0;
    while !shaper.is_full() {
        n += 1;
        shaper.shape(format!("{{\"k{n}\":1}}").as_bytes());
    }
    append(&mut segment, &mut shaper, late, true);
    let (sealed_full, layout, full) = read(segment, &shaper);
    assert_eq!(layout, Layout::Shredded);
    let (_, _, alone) = sealed(&[late.to_vec()], true);
    assert_eq!(full.last(), alone.last());
    assert!(alone[0].contains(&("api_operation", "get".to_owned())), "{alone:?}");
    assert_eq!(sealed_full.event_time.unwrap().1, 1_798_761_600_000_000);
}

#[test]
fn a_record_says_the_same_however_it_was_framed() {
    let (records, lines) = (sealed(&events(10), true), sealed(&events(10), false));
    assert_eq!(records.2, lines.2);
    assert_eq!(records.0.event_time, lines.0.event_time);
    assert_eq!(records.0.counts, lines.0.counts);
}
